"""Which rows a message about a person concerns: all that belongs to them, looked up without locks.

Guarantee: the rows of a kind come in one order, so that the corridor, which looks again once they are locked,
sees whether one more has come meanwhile. It locks nothing and decides nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from services.intake.erasing import ErasedBefore, RetentionOver
from services.intake.people import HideWhereabouts, key_text
from services.intake.sealing import Secrets
from shared.contracts.model import derived_id
from shared.contracts.people_commands import (
    BreakGlass,
    CorrectPerson,
    ErasePerson,
    MergePersons,
    SplitPerson,
)
from shared.corridor import Refs
from shared.messages import Message
from shared.postgres import Connection

CASES = (
    "SELECT id FROM case_file WHERE person_id = ANY($1::uuid[]) "
    "UNION SELECT id FROM case_file WHERE guardian_id = ANY($1::uuid[])"
)
IN_A_MATCH = "SELECT id FROM case_file WHERE doc -> 'match' -> 'parties' @> $1::jsonb"
REFERRALS = (
    "SELECT id FROM referral WHERE case_id = ANY($1::uuid[]) "
    "UNION SELECT referral_id FROM refused_referral WHERE person_key = ANY($2::uuid[])"
)
OF_A_PERSON = {
    "person_keys": "SELECT id FROM person_key WHERE person_id = ANY($1::uuid[])",
    "places": "SELECT id FROM place WHERE mentor_id = ANY($1::uuid[])",
    "hosts": "SELECT id FROM host WHERE contact_person_id = ANY($1::uuid[]) "
    "UNION SELECT id FROM host WHERE (doc ->> 'buddy_id')::uuid = ANY($1::uuid[])",
    "partners": "SELECT id FROM partner WHERE contact_person_id = ANY($1::uuid[])",
    "enquiries": "SELECT id FROM enquiry WHERE person_id = ANY($1::uuid[])",
}
IN_A_UNIT = (
    "SELECT id FROM unit_file WHERE doc -> 'role_models' @> $1::jsonb OR doc -> 'members' @> $2::jsonb "
    "OR doc -> 'duty' @> $1::jsonb OR doc -> 'duty' @> $3::jsonb"
)


async def rows_of(connection: Connection, messages: Sequence[Message], secrets: Secrets) -> dict[UUID, Refs]:
    """The rows of each message that is about a person; others are left out."""
    found: dict[UUID, Refs] = {}
    for message in messages:
        match message.body:
            case ErasePerson() as body:
                found[message.id] = await with_duty(connection, await everything(connection, body.person_id))
            case RetentionOver() as body:
                found[message.id] = await everything(connection, body.person_id)
            case ErasedBefore() as body:
                found[message.id] = await everything(connection, body.person_id, body)
            case CorrectPerson() as body:
                found[message.id] = await with_duty(connection, await _corrected(connection, body, secrets))
            case MergePersons() as body:
                found[message.id] = await with_duty(connection, await _merged(connection, body))
            case SplitPerson() as body:
                rows = await with_duty(connection, await everything(connection, body.person_id))
                found[message.id] = {**rows, "other": derived_id("split person", message.id)}
            case HideWhereabouts() as body:
                cases = await ids(connection, CASES, [body.person_id])
                found[message.id] = {"person": body.person_id, "cases": cases}
            case BreakGlass() as body:
                found[message.id] = {"person": body.person_id}
    return found


async def with_duty(connection: Connection, rows: Refs) -> Refs:
    """And the units of their cases, which say who stands in for whom."""
    units = await ids(
        connection,
        "SELECT u.id FROM unit_file u JOIN case_file c ON c.unit = u.unit "
        "WHERE c.id = ANY($1::uuid[]) AND u.doc IS NOT NULL GROUP BY u.id",
        list(_several(rows["cases"])),
    )
    return {**rows, "units": _with(_several(rows.get("units", ())), units)}


async def _corrected(connection: Connection, body: CorrectPerson, secrets: Secrets) -> Refs:
    """Everything of theirs, and the row of the number that they have now."""
    rows = await everything(connection, body.person_id)
    known = await connection.fetchrow(
        "SELECT controller, doc ->> 'national_id_type' AS kind FROM person WHERE id = $1", body.person_id
    )
    if known is None or not body.national_id:
        return rows
    text = key_text(known["controller"] or "", body.national_id_type or known["kind"] or "", body.national_id)
    numbers = (derived_id("person_key", digest) for digest in secrets.digests(text))
    return {**rows, "person_keys": _with(rows["person_keys"], numbers)}


async def _merged(connection: Connection, body: MergePersons) -> Refs:
    """Everything of both; what only the one that stays may have, a register's id, is the other's here."""
    if body.person_id == body.other_id:
        return await everything(connection, body.person_id)
    one, other = [await everything(connection, id_) for id_ in (body.person_id, body.other_id)]
    both = {
        name: _with(one[name], _several(other[name]))
        for name in ("cases", "person_keys", "enquiries", "merged")
    }
    both["merged"] = tuple(id_ for id_ in both["merged"] if id_ != body.other_id)
    parts = {name: other[name] for name in ("mentor", "staff", "hosts", "partners", "units") if name in other}
    return {"person": body.person_id, "other": body.other_id, **both, **parts}


async def ids(connection: Connection, statement: str, *values: Any) -> tuple[UUID, ...]:
    return tuple(sorted((row[0] for row in await connection.fetch(statement, *values)), key=int))


async def merged_of(connection: Connection, person_id: UUID) -> tuple[UUID, ...]:
    """The ids by which somebody was known before they were merged into this one."""
    return await ids(connection, "SELECT id FROM person WHERE merged_into = $1", person_id)


async def cases_of(connection: Connection, people: Iterable[UUID]) -> tuple[UUID, ...]:
    """Cases in which they have a part: the candidate's, a guardian's, or a party's of the agreed match."""
    found = set(await ids(connection, CASES, list(people)))
    for person_id in people:
        part = json.dumps([{"person_id": str(person_id)}])
        found.update(await ids(connection, IN_A_MATCH, part))
    return tuple(sorted(found, key=int))


async def everything(connection: Connection, person_id: UUID, before: ErasedBefore | None = None) -> Refs:
    """All rows of a person; `before` names what belonged to them when they were erased already."""
    merged = _with(await merged_of(connection, person_id), before.merged_ids if before else ())
    people = (person_id, *merged)
    cases = _with(await cases_of(connection, people), before.case_ids if before else ())
    refs: dict[str, UUID | tuple[UUID, ...]] = {"person": person_id, "merged": merged, "cases": cases}
    for name, statement in OF_A_PERSON.items():
        refs[name] = await ids(connection, statement, people)
    refs["places"] = _with(refs["places"], before.place_ids if before else ())
    refs["enquiries"] = _with(refs["enquiries"], before.enquiry_ids if before else ())
    referrals = await ids(connection, REFERRALS, cases, refs["person_keys"])
    refs["referrals"] = _with(referrals, before.referral_ids if before else ())
    units: set[UUID] = set()
    for one in people:
        by_person, by_substitute = (json.dumps([{name: str(one)}]) for name in ("person_id", "stands_in_for"))
        units.update(await ids(connection, IN_A_UNIT, by_person, json.dumps([str(one)]), by_substitute))
    refs["units"] = tuple(sorted(units, key=int))
    for name in ("mentor", "staff"):
        statement = f"SELECT id FROM {name} WHERE id = $1 AND doc IS NOT NULL"  # noqa: S608
        if await connection.fetchval(statement, person_id):
            refs[name] = person_id
    return refs


def _several(ids_: UUID | tuple[UUID, ...]) -> tuple[UUID, ...]:
    return ids_ if isinstance(ids_, tuple) else (ids_,)


def _with(found: Any, more: Iterable[UUID]) -> tuple[UUID, ...]:
    return tuple(sorted({*found, *more}, key=int))
