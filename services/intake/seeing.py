"""Who may see whom: the protected (secret address) are seen by fewer.

Guarantee: a protected person is seen by the caseworker of one of their cases, by whoever stands in for that
caseworker today, by the project managers of the unit, and by whoever broke the glass within the hour; while
nobody is assigned, by the unit's caseworkers. To everybody else they are "protected" where a name would
stand, and no search finds them by name. It changes nothing, and writes down no look: that is the caller's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from services.intake.documents import CaseFile, Person
from services.intake.registers import Duty, UnitFile
from services.intake.settling import today_in
from services.intake.sight import Known, glass_is_open, may_see
from shared.hosting import Host
from shared.messages import Actor
from shared.postgres import Connection

NAME_OF_A_PROTECTED = "protected.name"
"""The words that stand for a name, in the reader's language."""


async def hidden(
    host: Host, connection: Connection, actor: Actor, people: Iterable[UUID] | None = None
) -> frozenset[UUID]:
    """Those of the people whom the actor may not see; of all that their controllers know, if none is."""
    programmes, now = host.service.programmes, host.service.clock()
    controllers = {programmes.units[unit].controller for unit in actor.units if unit in programmes.units}
    rows = await connection.fetch(
        "SELECT doc::text AS doc FROM person WHERE protected AND ($1::uuid[] IS NULL OR id = ANY($1)) "
        "AND ($1::uuid[] IS NOT NULL OR controller = ANY($2::text[]))",
        None if people is None else sorted(set(people), key=int),
        sorted(controllers),
    )
    protected = [Person.model_validate_json(row["doc"]) for row in rows]
    if not protected:
        return frozenset()
    # Whoever was merged into another has that one's cases.
    ids = [one.merged_into or one.id for one in protected]
    cases, units = await _cases(connection, ids), await _units(connection, ids)
    duty = await _duty(connection, actor.units)
    first = next((unit for unit in sorted(actor.units) if unit in programmes.units), None)
    today = today_in(first, programmes, now) if first else now.date()
    return frozenset(
        one.id
        for one, id_ in zip(protected, ids, strict=True)
        if not may_see(Known(one, tuple(cases[id_]), frozenset(units[id_])), actor, duty, today, now)
    )


async def _cases(connection: Connection, ids: Collection[UUID]) -> Mapping[UUID, list[CaseFile]]:
    rows = await connection.fetch(
        "SELECT doc::text AS doc FROM case_file WHERE person_id = ANY($1::uuid[])", ids
    )
    found: dict[UUID, list[CaseFile]] = defaultdict(list)
    for row in rows:
        case = CaseFile.model_validate_json(row["doc"])
        found[case.person_id].append(case)
    return found


async def _units(connection: Connection, ids: Collection[UUID]) -> Mapping[UUID, set[str]]:
    """Where they are somebody's guardian, a host's contact, a mentor, or have made contact."""
    rows = await connection.fetch(
        "SELECT guardian_id AS id, unit FROM case_file WHERE guardian_id = ANY($1::uuid[]) "
        "UNION SELECT contact_person_id, unit FROM host WHERE contact_person_id = ANY($1::uuid[]) "
        "UNION SELECT id, unit FROM mentor WHERE id = ANY($1::uuid[]) AND doc IS NOT NULL "
        "UNION SELECT person_id, unit FROM enquiry WHERE person_id = ANY($1::uuid[])",
        ids,
    )
    found: dict[UUID, set[str]] = defaultdict(set)
    for row in rows:
        found[row["id"]].add(row["unit"])
    return found


async def _duty(connection: Connection, units: Collection[str]) -> tuple[Duty, ...]:
    rows = await connection.fetch(
        "SELECT doc::text AS doc FROM unit_file WHERE unit = ANY($1::text[]) AND doc IS NOT NULL",
        sorted(units),
    )
    return tuple(duty for row in rows for duty in UnitFile.model_validate_json(row["doc"]).duty)


def masked(rows: Iterable[Any], of: str, hidden_ids: Collection[UUID], word: str) -> list[Any]:
    """Rows of a list with the word in place of the name of whom the reader may not see.

    `of` is the field with the person's id; a field of a field is written with a dot.
    """
    return [_with_name(row, word) if _id(row, of) in hidden_ids else row for row in rows]


def without_found_by_name(found: Any, of: str, hidden_ids: Collection[UUID], q: str | None) -> Any:
    """A page of a list without those whom only their name found, and who may not be seen."""
    if not q or not hidden_ids:
        return found
    return found._replace(rows=[row for row in found.rows if _id(row, of) not in hidden_ids])


def _id(row: Any, of: str) -> Any:
    for name in of.split("."):
        row = getattr(row, name)
    return row


def _with_name(row: Any, word: str) -> Any:
    return row._replace(name=word) if hasattr(row, "_replace") else replace(row, name=word)


__all__ = [
    "NAME_OF_A_PROTECTED",
    "Known",
    "glass_is_open",
    "hidden",
    "masked",
    "may_see",
    "without_found_by_name",
]
