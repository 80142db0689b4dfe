"""Reading what is due: certificates of candidates and mentors, open steps by who must do them, whom to
ask again, broken glass.

Guarantee: nothing here changes anything. How a certificate stands is reckoned here and nowhere else: to be
ordered, ordered and awaited, to be renewed, or lapsed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, NamedTuple
from uuid import UUID

from services.intake.asked_of_mentors import certificate_rule, rules_asking, to_order
from services.intake.certificates import lapse_on, renewal_on, rule_for
from services.intake.documents import CaseFile, Certificate, Mentor, OpenStep, Place
from services.intake.open_steps import open_steps
from services.intake.register_queries import places_of
from services.intake.rules import add_working_days
from services.intake.settling import rules_of, today_in
from shared.postgres import Connection
from shared.programmes import Certificate as CertificateRule
from shared.programmes import Programmes

Stands = Literal["lapsed", "order", "renew", "awaited"]
STANDS: tuple[Stands, ...] = ("lapsed", "order", "renew", "awaited")
"""The most urgent first."""
MOST = 500


@dataclass(frozen=True)
class Line:
    """One certificate that waits for something, and whose it is: a case's candidate or a mentor."""

    of: Literal["case", "mentor"]
    id: UUID
    version: int
    person_id: UUID
    name: str
    is_protected: bool
    unit: str
    kind: str
    stands: Stands
    on: date
    certificate: Certificate

    @property
    def hidden(self) -> dict[str, UUID]:
        """What names whose it is in a form."""
        return {f"{self.of}_id": self.id}

    @property
    def href(self) -> str:
        return f"/intake/cases/{self.id}" if self.of == "case" else f"/intake/mentors/{self.id}"


def stands(
    certificate: Certificate, rule: CertificateRule | None, country: str, today: date
) -> tuple[Stands, date] | None:
    """How a certificate stands, and the day of it; None where there is nothing to do."""
    if certificate.is_awaited and certificate.ordered_on is not None:
        return "awaited", add_working_days(certificate.ordered_on, rule.lead_days if rule else 0, country)
    if certificate.shown_on is None:
        return "order", certificate.asked_on or today
    ended_on, renewed_on = lapse_on(certificate), renewal_on(certificate, rule)
    if ended_on is not None and ended_on <= today:
        return "lapsed", ended_on
    if renewed_on is not None and renewed_on <= today and certificate.valid_until is not None:
        return "renew", certificate.valid_until
    return None


async def certificates(
    connection: Connection,
    units: Collection[str],
    caseworkers: Collection[UUID] | None,
    programmes: Programmes,
    now: datetime,
) -> list[Line]:
    """All that wait for something, the most urgent first; `caseworkers` narrow the cases, not the mentors."""
    found = [
        *await _of_cases(connection, units, caseworkers, programmes, now),
        *await _of_mentors(connection, units, programmes, now),
    ]
    return sorted(found, key=lambda one: (STANDS.index(one.stands), one.on, one.name, one.id))


async def _of_cases(
    connection: Connection,
    units: Collection[str],
    caseworkers: Collection[UUID] | None,
    programmes: Programmes,
    now: datetime,
) -> list[Line]:
    rows = await connection.fetch(
        "SELECT c.version, c.doc::text AS doc, p.name, p.protected FROM case_file c "
        "JOIN person p ON p.id = c.person_id AND p.doc IS NOT NULL "
        "WHERE c.unit = ANY($1::text[]) AND c.doc -> 'certificates' <> '{}' "
        "AND c.state IN ('preparing', 'ready', 'matched', 'started', 'paused') "
        "AND ($2::uuid[] IS NULL OR c.caseworker IS NULL OR c.caseworker = ANY($2)) "
        "ORDER BY c.opened_at, c.id LIMIT $3",
        sorted(units),
        None if caseworkers is None else sorted(caseworkers),
        MOST,
    )
    lines = []
    for row in rows:
        case = CaseFile.model_validate_json(row["doc"])
        rules, unit = rules_of(case, programmes), programmes.unit(case.unit)
        today = today_in(case.unit, programmes, now)
        asked = {one.step for one in open_steps(case, rules, unit.country, today)}
        for kind, certificate in case.certificates.items():
            rule = rule_for(rules.certificates, "candidate", kind)
            how = stands(certificate, rule, unit.country, today)
            if how is None and kind in asked:
                # It holds today, and will not when the start comes.
                how = ("renew", certificate.valid_until or today)
            if how is not None:
                who = (case.person_id, row["name"], bool(row["protected"]), case.unit)
                lines.append(Line("case", case.id, row["version"], *who, kind, *how, certificate))
    return lines


async def _of_mentors(
    connection: Connection, units: Collection[str], programmes: Programmes, now: datetime
) -> list[Line]:
    rows = await connection.fetch(
        "SELECT m.version, m.doc::text AS doc, p.name, p.protected FROM mentor m "
        "JOIN person p ON p.id = m.id AND p.doc IS NOT NULL "
        "WHERE m.unit = ANY($1::text[]) AND m.doc IS NOT NULL AND m.state IN ('interviewed', 'available') "
        "ORDER BY m.id LIMIT $2",
        sorted(units),
        MOST,
    )
    known = [(Mentor.model_validate_json(row["doc"]), row) for row in rows]
    offered = await places_of(connection, [mentor.id for mentor, _ in known])
    lines = []
    for mentor, row in known:
        if mentor.unit not in programmes.units:
            continue
        country = programmes.unit(mentor.unit).country
        today = today_in(mentor.unit, programmes, now)
        for kind, certificate, rule in _asked(mentor, offered, programmes, today):
            how = stands(certificate, rule, country, today)
            if how is not None:
                who = (mentor.id, row["name"], bool(row["protected"]), mentor.unit)
                lines.append(Line("mentor", mentor.id, row["version"], *who, kind, *how, certificate))
    return lines


def _asked(
    mentor: Mentor, places: Iterable[Place], programmes: Programmes, today: date
) -> list[tuple[str, Certificate, CertificateRule | None]]:
    """The certificates that are asked of a mentor, and how each is known; others are left out."""
    rules = rules_asking(mentor, places, programmes, today)
    kinds = [*to_order(mentor, rules), *mentor.certificates]
    return [
        (kind, mentor.certificates.get(kind, Certificate()), rule)
        for kind in kinds
        if (rule := certificate_rule(rules, kind)[0]) is not None
    ]


class Waiting(NamedTuple):
    """One open step of a case."""

    case_id: UUID
    person_id: UUID
    name: str
    is_protected: bool
    step: OpenStep


async def waiting(
    connection: Connection, units: Collection[str], caseworkers: Collection[UUID] | None, most: int
) -> dict[str, tuple[int, list[Waiting]]]:
    """By who must do it: how many steps are open, and those that are due first."""
    rows = await connection.fetch(
        "WITH open_step AS ("
        " SELECT c.id, c.person_id, p.name, p.protected, one.step, one.step ->> 'who' AS who,"
        "  row_number() OVER (PARTITION BY one.step ->> 'who' ORDER BY one.step ->> 'due_on', c.id) AS place,"
        "  count(*) OVER (PARTITION BY one.step ->> 'who') AS n"
        " FROM case_file c JOIN person p ON p.id = c.person_id AND p.doc IS NOT NULL,"
        "  jsonb_array_elements(c.doc -> 'open_steps') AS one(step)"
        " WHERE c.doc IS NOT NULL AND c.unit = ANY($1::text[]) AND c.due_on < '9999'"
        "  AND ($2::uuid[] IS NULL OR c.caseworker IS NULL OR c.caseworker = ANY($2))"
        ") SELECT id, person_id, name, protected, step::text AS step, who, n FROM open_step "
        "WHERE place <= $3 ORDER BY who, place",
        sorted(units),
        None if caseworkers is None else sorted(caseworkers),
        most,
    )
    found: dict[str, tuple[int, list[Waiting]]] = {}
    for row in rows:
        _, listed = found.setdefault(row["who"], (row["n"], []))
        step = OpenStep.model_validate_json(row["step"])
        listed.append(Waiting(row["id"], row["person_id"], row["name"], bool(row["protected"]), step))
    return dict(sorted(found.items(), key=lambda item: (item[1][1][0].step.due_on, item[0])))


async def unowned(connection: Connection, units: Collection[str]) -> int:
    """How many open cases have no caseworker."""
    found: int = await connection.fetchval(
        "SELECT count(*) FROM case_file WHERE doc IS NOT NULL AND caseworker IS NULL "
        "AND unit = ANY($1::text[]) AND state IN ('preparing', 'ready', 'matched', 'started', 'paused')",
        sorted(units),
    )
    return found


class AskAgain(NamedTuple):
    """A host or a mentor who said "not now", and the day on which they are to be asked again."""

    of: Literal["host", "mentor"]
    id: UUID
    person_id: UUID
    on: date


async def to_ask_again(connection: Connection, units: Collection[str], today: date) -> list[AskAgain]:
    """Those whose day has come and who are still registered, the longest ago first."""
    rows = await connection.fetch(
        "SELECT 'host' AS of, id, contact_person_id AS person_id, doc ->> 'ask_again_on' AS day FROM host "
        "WHERE unit = ANY($1::text[]) AND doc ->> 'ask_again_on' <= $2 "
        "AND state NOT IN ('declined', 'retired', 'erased') "
        "UNION ALL SELECT 'mentor', id, id, doc ->> 'ask_again_on' FROM mentor "
        "WHERE unit = ANY($1::text[]) AND doc ->> 'ask_again_on' <= $2 "
        "AND state NOT IN ('declined', 'retired', 'erased') ORDER BY day, id LIMIT $3",
        sorted(units),
        today.isoformat(),
        MOST,
    )
    return [AskAgain(row["of"], row["id"], row["person_id"], date.fromisoformat(row["day"])) for row in rows]


class Look(NamedTuple):
    """Somebody looked at a person whom they do not see otherwise, and may until then."""

    person_id: UUID
    until: datetime


async def broken_glass(connection: Connection, units: Collection[str], now: datetime) -> list[Look]:
    """Looks that are still open at people of these units, the latest to end first."""
    rows = await connection.fetch(
        "SELECT p.id, max((one.glass ->> 'until')::timestamptz) AS until FROM person p, "
        "jsonb_array_elements(p.doc -> 'glass') AS one(glass) "
        "WHERE jsonb_array_length(p.doc -> 'glass') > 0 AND (one.glass ->> 'until')::timestamptz > $2 "
        "AND EXISTS (SELECT 1 FROM case_file c WHERE c.person_id = p.id AND c.unit = ANY($1::text[])) "
        "GROUP BY p.id ORDER BY until DESC, p.id LIMIT 30",
        sorted(units),
        now,
    )
    return [Look(row["id"], row["until"]) for row in rows]
