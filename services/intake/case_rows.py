"""Which rows a message about a case concerns, where it is more than the case.

Guarantee: looked up for a whole batch in one statement each, without locks; the workflow compares what may
have changed since and raises `Stale`. A unit that is closed, or is to be, is among the rows of a referral and
of a case that is opened again; an open one is not, so that many referrals a minute do not queue for one row.
One that was under way when its unit closed opens its case there, and the look that follows each closing
hands it over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from services.intake.certificates import LapseCertificate, RenewCertificate
from services.intake.fields import said_text
from services.intake.interviewing import asks_who_it_is, tells_of_candidate
from services.intake.referral import partner_of
from shared.contracts.intake_commands import RecordInterview, ReopenCase
from shared.contracts.matching import MatchAgreed
from shared.contracts.model import derived_id
from shared.contracts.referral import RegisterReferral
from shared.corridor import Refs
from shared.messages import Message
from shared.postgres import Connection

Rows = dict[str, UUID]


async def rows_of(connection: Connection, messages: Sequence[Message]) -> dict[UUID, Refs]:
    """The rows of interviews that tell of people, of matches, of certificates' clocks, and of what is opened
    again where a unit closes, by message."""
    asking = [m.body.case_id for m in messages if isinstance(m.body, RecordInterview) and _of_people(m.body)]
    people = await _people(connection, asking) if asking else {}
    merged = await _merged(connection, [one["person"] for one in people.values()]) if people else {}
    over = [m.body.case_id for m in messages if isinstance(m.body, ReopenCase)]
    closing = await _closing_of(connection, over) if over else {}
    found: dict[UUID, Refs] = {}
    for message in messages:
        match message.body:
            case RecordInterview() as said if _of_people(said) or said.caseworker is not None:
                found[message.id] = _interview(message, said, people.get(said.case_id, {}), merged)
            case ReopenCase(case_id=case_id) if case_id in closing:
                found[message.id] = {"case": case_id, "unit": closing[case_id]}
            case MatchAgreed() as agreed:
                # The place says which certificates it asks for.
                found[message.id] = {"case": agreed.case_id, "place": agreed.place_id}
            case RenewCertificate(of="candidate") | LapseCertificate(of="candidate") as clock:
                found[message.id] = {"case": clock.subject_id}
    return found


def _of_people(said: RecordInterview) -> bool:
    return said.guardian is not None or asks_who_it_is(said)


def _interview(
    message: Message,
    said: RecordInterview,
    people: Mapping[str, UUID],
    merged: Mapping[UUID, tuple[UUID, ...]],
) -> Refs:
    rows: dict[str, UUID | tuple[UUID, ...]] = {"case": said.case_id}
    if asks_who_it_is(said) and "person" in people:
        rows["person"] = people["person"]
    if tells_of_candidate(said) and "person" in people:
        rows["merged"] = merged.get(people["person"], ())
    if said.guardian is not None:
        rows["guardian"] = people.get("guardian") or derived_id("guardian", message.id)
    if said.caseworker is not None:
        rows["staff"] = said.caseworker
    return rows


async def _people(connection: Connection, cases: Sequence[UUID]) -> dict[UUID, dict[str, UUID]]:
    """The candidate and the guardian of each case."""
    rows = await connection.fetch(
        "SELECT id, person_id AS person, guardian_id AS guardian FROM case_file "
        "WHERE id = ANY($1::uuid[]) AND doc IS NOT NULL",
        sorted(set(cases)),
    )
    return {
        row["id"]: {name: row[name] for name in ("person", "guardian") if row[name] is not None}
        for row in rows
    }


async def _merged(connection: Connection, people: Sequence[UUID]) -> dict[UUID, tuple[UUID, ...]]:
    """The ids by which each of the people was known before: they are reached alike."""
    rows = await connection.fetch(
        "SELECT id, merged_into FROM person WHERE merged_into = ANY($1::uuid[])", sorted(set(people))
    )
    found: dict[UUID, tuple[UUID, ...]] = {}
    for row in sorted(rows, key=lambda row: row["id"].int):
        found[row["merged_into"]] = (*found.get(row["merged_into"], ()), row["id"])
    return found


async def of_referrals(connection: Connection, messages: Sequence[Message]) -> dict[UUID, Rows]:
    """The partner that a referral names, and its unit where that is closed or is to be, by message."""
    documents = {m.id: m.body.referral for m in messages if isinstance(m.body, RegisterReferral)}
    units = {unit for one in documents.values() if (unit := said_text(one, "unit")) is not None}
    closing = await _closing(connection, units) if units else {}
    return {id_: _beside(document, closing) for id_, document in documents.items()}


def _beside(document: Mapping[str, Any], closing: Mapping[str, UUID]) -> Rows:
    partner, unit = partner_of(document), closing.get(said_text(document, "unit") or "")
    return {name: id_ for name, id_ in (("partner", partner), ("unit", unit)) if id_ is not None}


async def _closing(connection: Connection, units: set[str]) -> dict[str, UUID]:
    # A text that PostgreSQL cannot hold is no unit either.
    names = sorted(unit for unit in units if "\x00" not in unit and unit.isprintable())
    rows = await connection.fetch(
        "SELECT unit, id FROM unit_file WHERE unit = ANY($1::text[]) AND doc ->> 'handed_to' IS NOT NULL",
        names,
    )
    return {row["unit"]: row["id"] for row in rows}


async def _closing_of(connection: Connection, cases: Sequence[UUID]) -> dict[UUID, UUID]:
    """The units of these cases that are closed or are to be, by case."""
    rows = await connection.fetch(
        "SELECT c.id, u.id AS unit FROM case_file c JOIN unit_file u ON u.unit = c.unit "
        "WHERE c.id = ANY($1::uuid[]) AND u.doc ->> 'handed_to' IS NOT NULL",
        sorted(set(cases)),
    )
    return {row["id"]: row["unit"] for row in rows}
