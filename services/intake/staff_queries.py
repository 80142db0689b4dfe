"""Reading colleagues and units from intake's database. Nothing here changes anything."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from typing import NamedTuple
from uuid import UUID

from services.intake.closing import ERASED, LEFT
from services.intake.documents import Person
from services.intake.registers import Staff, UnitFile
from services.intake.staffing import stands_in_for
from shared.postgres import Connection
from shared.programmes import Programmes


class Colleague(NamedTuple):
    """A registered colleague, their name and address, and the row's version."""

    staff: Staff
    person: Person
    version: int


class StoredUnit(NamedTuple):
    unit: UnitFile
    version: int


async def colleagues(connection: Connection, units: Collection[str]) -> list[Colleague]:
    """The registered colleagues of the units, by name."""
    rows = await connection.fetch(
        "SELECT s.version, s.doc::text AS staff, p.doc::text AS person FROM staff s "
        "JOIN person p ON p.id = s.id AND p.doc IS NOT NULL "
        "WHERE s.doc IS NOT NULL AND (s.unit = ANY($1::text[]) OR s.doc -> 'units' ?| $1::text[]) "
        "ORDER BY p.name_lowered, s.id",
        sorted(units),
    )
    return [
        Colleague(
            Staff.model_validate_json(row["staff"]),
            Person.model_validate_json(row["person"]),
            row["version"],
        )
        for row in rows
    ]


async def unit(connection: Connection, name: str) -> StoredUnit | None:
    """What intake keeps of a unit; None as long as there is nothing."""
    row = await connection.fetchrow(
        "SELECT version, doc::text AS doc FROM unit_file WHERE unit = $1 AND doc IS NOT NULL", name
    )
    return StoredUnit(UnitFile.model_validate_json(row["doc"]), row["version"]) if row else None


async def people(connection: Connection, ids: Collection[UUID]) -> dict[UUID, Person]:
    rows = await connection.fetch(
        "SELECT id, doc::text AS doc FROM person WHERE id = ANY($1::uuid[]) AND doc IS NOT NULL", sorted(ids)
    )
    return {row["id"]: Person.model_validate_json(row["doc"]) for row in rows}


async def whose_cases(
    connection: Connection, person_id: UUID, units: Collection[str], on: date
) -> frozenset[UUID]:
    """Whose cases somebody sees to: their own, and on this day of those they stand in for in these units."""
    rows = await connection.fetch(
        "SELECT doc::text AS doc FROM unit_file WHERE unit = ANY($1::text[]) AND doc IS NOT NULL",
        sorted(units),
    )
    found = (UnitFile.model_validate_json(row["doc"]) for row in rows)
    return frozenset({person_id}).union(*(stands_in_for(one.duty, person_id, on) for one in found))


async def cases_of(connection: Connection, name: str) -> dict[str, int]:
    """How many cases a unit has, by programme; also those that are over need an owner."""
    rows = await connection.fetch(
        "SELECT programme, count(*) AS n FROM case_file WHERE unit = $1 AND doc IS NOT NULL "
        "AND state <> $2 GROUP BY programme ORDER BY programme",
        name,
        ERASED,
    )
    return {row["programme"]: row["n"] for row in rows}


async def left_in(connection: Connection, name: str) -> dict[str, int]:
    """How much of each kind a unit has that is not over, none of a kind being 0."""
    return {
        kind: await connection.fetchval(
            f"SELECT count(*) FROM {left.table} WHERE unit = $1 AND doc IS NOT NULL "  # noqa: S608
            "AND coalesce(doc ->> 'state', '') <> ALL($2::text[])",
            name,
            list(left.over),
        )
        for kind, left in LEFT.items()
    }


async def not_handed_over(
    connection: Connection, units: Collection[str], programmes: Programmes
) -> dict[str, dict[str, int]]:
    """The cases that a closed unit still has because the one that took over lacks their programme: how many,
    by unit and programme."""
    rows = await connection.fetch(
        "SELECT c.unit, c.programme, u.doc ->> 'handed_to' AS handed_to, count(*) AS n "
        "FROM unit_file u JOIN case_file c ON c.unit = u.unit "
        "WHERE u.unit = ANY($1::text[]) AND u.state = 'closed' AND c.doc IS NOT NULL AND c.state <> $2 "
        "GROUP BY 1, 2, 3 ORDER BY 1, 2",
        sorted(units),
        ERASED,
    )
    found: dict[str, dict[str, int]] = {}
    for row in rows:
        if row["programme"] not in programmes.unit(row["handed_to"]).programmes:
            found.setdefault(row["unit"], {})[row["programme"]] = row["n"]
    return found
