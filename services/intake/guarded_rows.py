"""Which rows it takes beside the rest to say whether somebody may ask for something about the protected.

Guarantee: only for commands of staff, and only where somebody protected is concerned: then they themselves,
their cases, and who is on duty in the units of the actor. Looked up without locks and in one order; the
corridor looks again once they are locked. It decides nothing: that is `guarding`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

from services.intake.documents import CaseFile, Person
from services.intake.guarding import is_guarded
from services.intake.registers import UnitFile
from services.intake.staffing import unit_row
from shared.corridor import Refs
from shared.messages import Message
from shared.postgres import Connection
from shared.stored import Table

TABLES = {
    "seen": Table("person", Person),
    "seen_cases": Table("case_file", CaseFile),
    "on_duty": Table("unit_file", UnitFile),
}
ABOUT = ("person", "other", "guardian", "mentor")
"""Rows with the id of a person."""
OF_ROWS = (
    "SELECT id, person_id FROM case_file WHERE id = ANY($1::uuid[]) AND doc IS NOT NULL "
    "UNION ALL SELECT id, contact_person_id FROM host WHERE id = ANY($1::uuid[]) AND doc IS NOT NULL"
)
PROTECTED = (
    "SELECT id, coalesce(merged_into, id) AS is_now FROM person WHERE protected AND id = ANY($1::uuid[])"
)
CASES = (
    "SELECT id FROM case_file WHERE person_id = ANY($1::uuid[]) "
    "UNION SELECT id FROM case_file WHERE guardian_id = ANY($1::uuid[])"
)
UNITS = "SELECT unit FROM unit_file WHERE id = ANY($1::uuid[]) AND doc IS NOT NULL"
Concerns = Callable[[Connection, Sequence[Message]], Awaitable[Sequence[Refs]]]


def with_the_protected(concerns: Concerns) -> Concerns:
    """The rows of each message, and what else `guarding` asks about."""

    async def found(connection: Connection, messages: Sequence[Message]) -> list[Refs]:
        rows = await concerns(connection, messages)
        return [
            {**refs, **await _beside(connection, message, refs)} if is_guarded(message) else refs
            for message, refs in zip(messages, rows, strict=True)
        ]

    return found


async def _beside(connection: Connection, message: Message, refs: Refs) -> Refs:
    people = {id_ for name in ABOUT if isinstance(id_ := refs.get(name), UUID)}
    owners = [id_ for name in ("case", "host") if isinstance(id_ := refs.get(name), UUID)]
    if owners:
        people.update(row["person_id"] for row in await connection.fetch(OF_ROWS, owners))
    rows = await connection.fetch(PROTECTED, sorted(people, key=int)) if people else []
    if not rows or message.actor is None:
        return {}
    cases = await connection.fetch(CASES, sorted({row["is_now"] for row in rows}, key=int))
    units = await connection.fetch(UNITS, [unit_row(unit) for unit in sorted(message.actor.units)])
    return {
        "seen": tuple(sorted((row["id"] for row in rows), key=int)),
        "seen_cases": tuple(sorted((row["id"] for row in cases), key=int)),
        "on_duty": tuple(sorted((unit_row(row["unit"]) for row in units), key=int)),
    }
