"""Reading intake's database for the API and the pages.

Guarantee: nothing here changes anything but `note_look`, which writes down who looked at whose identity;
callers do that in the transaction of the look. Lists page by cursor: the key of the last row shown.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Collection, Iterable
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from services.intake.documents import CaseFile, Person, Referral
from shared.messages import Actor
from shared.postgres import Connection
from shared.problems import Problem

PAGE = 50


class StoredCase(NamedTuple):
    case: CaseFile
    version: int


class Found(NamedTuple):
    """One page of a list, and the cursor of what follows."""

    rows: list[Any]
    next: str | None


class NoCursor(Problem, ValueError):
    """What was sent as a cursor is none of such a list."""

    def __init__(self) -> None:
        super().__init__(422, "does_not_fit", field="cursor")


def cursor_of(*parts: object) -> str:
    return urlsafe_b64encode(json.dumps([str(part) for part in parts]).encode()).decode()


def read_cursor(cursor: str | None, *kinds: Callable[[str], Any]) -> tuple[Any, ...]:
    """The key of the last row shown, each part of its kind; nothing but None for the first page.

    Raises `NoCursor` for what is no cursor of such a list.
    """
    if not cursor:
        return (None,) * len(kinds)
    try:
        parts = json.loads(urlsafe_b64decode(cursor.encode()))
        return tuple(kind(_storable(part)) for kind, part in zip(kinds, parts, strict=True))
    except (ValueError, TypeError, RecursionError):
        raise NoCursor from None


def _storable(part: object) -> str:
    """Raises `ValueError` for what is no text, and for a text that the database has no letters for."""
    if not isinstance(part, str) or "\0" in part:
        raise ValueError("no part of a cursor")
    part.encode()
    return part


def _position(text: str) -> int:
    """Raises `ValueError` for what is no position in a table."""
    position = int(text)
    if not 0 <= position < 2**63:
        raise ValueError("no position")
    return position


async def cases(
    connection: Connection,
    units: Collection[str],
    *,
    state: str | None = None,
    q: str | None = None,
    caseworkers: Collection[UUID] | None = None,
    cursor: str | None = None,
    limit: int = PAGE,
    unseen: Collection[UUID] = (),
) -> Found:
    """Cases with their person's name, newest first. `q` is a part of a name, or a whole reference or id;
    `caseworkers` are those whose cases are asked for (all, if it is not said), `unseen` no name finds."""
    rows = await connection.fetch(
        "SELECT c.id, c.version, c.doc::text AS doc, p.name, c.opened_at FROM case_file c "
        "JOIN person p ON p.id = c.person_id "
        "WHERE c.doc IS NOT NULL AND c.unit = ANY($1::text[]) AND ($2::text IS NULL OR c.state = $2) "
        "AND ($3::text IS NULL OR (p.name_lowered LIKE $4 AND p.id <> ALL($9::uuid[])) "
        "OR c.source_reference = $3 OR c.id::text = $3) "
        "AND ($5::text IS NULL OR (c.opened_at, c.id) < ($5, $6::uuid)) "
        "AND ($8::uuid[] IS NULL OR c.caseworker = ANY($8)) "
        "ORDER BY c.opened_at DESC, c.id DESC LIMIT $7",
        sorted(units),
        state or None,
        q or None,
        f"%{as_pattern(q.lower())}%" if q else None,
        *read_cursor(cursor, str, UUID),
        limit + 1,
        None if caseworkers is None else sorted(caseworkers),
        sorted(unseen),
    )
    shown = rows[:limit]
    following = cursor_of(shown[-1]["opened_at"], shown[-1]["id"]) if len(rows) > limit else None
    return Found(
        [(CaseFile.model_validate_json(row["doc"]), row["version"], row["name"]) for row in shown], following
    )


def as_pattern(text: str) -> str:
    for special in ("\\", "%", "_"):
        text = text.replace(special, f"\\{special}")
    return text


async def case(connection: Connection, case_id: UUID) -> StoredCase | None:
    row = await connection.fetchrow(
        "SELECT version, doc::text AS doc FROM case_file WHERE id = $1 AND doc IS NOT NULL", case_id
    )
    return StoredCase(CaseFile.model_validate_json(row["doc"]), row["version"]) if row else None


async def person(connection: Connection, person_id: UUID) -> Person | None:
    text = await connection.fetchval("SELECT doc::text FROM person WHERE id = $1", person_id)
    return Person.model_validate_json(text) if text else None


async def version_of_person(connection: Connection, person_id: UUID) -> int | None:
    found: int | None = await connection.fetchval("SELECT version FROM person WHERE id = $1", person_id)
    return found


async def names_behind_glass(
    connection: Connection, ids: Iterable[UUID], actor: Actor, now: datetime
) -> dict[str, str]:
    """The names of those of the ids for whom the actor broke the glass within the hour."""
    rows = await connection.fetch(
        "SELECT p.id, p.name FROM person p, jsonb_array_elements(p.doc -> 'glass') AS glass "
        "WHERE p.id = ANY($1::uuid[]) AND (glass ->> 'until')::timestamptz > $2 "
        "AND (glass ->> 'subject' = $3 OR glass ->> 'looker_id' = $4::text)",
        sorted(set(ids)),
        now,
        actor.subject,
        str(actor.person_id) if actor.person_id is not None else None,
    )
    return {str(row["id"]): row["name"] for row in rows}


async def units_of_person(connection: Connection, person_id: UUID) -> set[str]:
    """The units in which somebody has a case, stands for a host or a partner, is a buddy, a mentor, a role
    model or a colleague."""
    rows = await connection.fetch(
        "SELECT unit FROM case_file WHERE person_id = $1 OR guardian_id = $1 "
        "UNION SELECT unit FROM host WHERE contact_person_id = $1 "
        "UNION SELECT unit FROM host "
        "WHERE doc ->> 'buddy_id' IS NOT NULL AND (doc ->> 'buddy_id')::uuid = $1 "
        "UNION SELECT unit FROM partner WHERE contact_person_id = $1 "
        "UNION SELECT unit FROM mentor WHERE id = $1 AND doc IS NOT NULL "
        "UNION SELECT unit FROM staff WHERE id = $1 AND doc IS NOT NULL "
        "UNION SELECT unit FROM unit_file WHERE doc -> 'role_models' @> $2::jsonb",
        person_id,
        json.dumps([{"person_id": str(person_id)}]),
    )
    return {row["unit"] for row in rows}


async def cases_of_person(
    connection: Connection, person_id: UUID, units: Collection[str]
) -> list[StoredCase]:
    rows = await connection.fetch(
        "SELECT version, doc::text AS doc FROM case_file WHERE (person_id = $1 OR guardian_id = $1) "
        "AND unit = ANY($2::text[]) ORDER BY opened_at, id",
        person_id,
        sorted(units),
    )
    return [StoredCase(CaseFile.model_validate_json(row["doc"]), row["version"]) for row in rows]


async def names(connection: Connection, ids: Iterable[UUID], units: Collection[str]) -> dict[str, str]:
    """The names of those of the ids that have something to do with one of the units."""
    rows = await connection.fetch(
        # Whoever was merged into another has that one's cases, and that one's name.
        "SELECT p.asked AS id, p.name FROM "
        "(SELECT id AS asked, coalesce(merged_into, id) AS id, name, doc FROM person) p "
        "WHERE p.asked = ANY($1::uuid[]) AND p.doc IS NOT NULL AND ("
        "EXISTS (SELECT 1 FROM case_file c WHERE c.person_id = p.id AND c.unit = ANY($2::text[])) "
        "OR EXISTS (SELECT 1 FROM case_file c WHERE c.guardian_id = p.id AND c.unit = ANY($2::text[])) "
        "OR EXISTS (SELECT 1 FROM host h WHERE h.contact_person_id = p.id AND h.unit = ANY($2::text[])) "
        "OR EXISTS (SELECT 1 FROM host h WHERE h.doc ->> 'buddy_id' IS NOT NULL "
        "AND (h.doc ->> 'buddy_id')::uuid = p.id AND h.unit = ANY($2::text[])) "
        "OR EXISTS (SELECT 1 FROM partner o WHERE o.contact_person_id = p.id AND o.unit = ANY($2::text[])) "
        "OR EXISTS (SELECT 1 FROM mentor m WHERE m.id = p.id AND m.unit = ANY($2::text[])) "
        "OR EXISTS (SELECT 1 FROM staff s WHERE s.id = p.id "
        "AND (s.unit = ANY($2::text[]) OR s.doc -> 'units' ?| $2::text[]))) "
        "UNION ALL SELECT h.id, h.name FROM host h "
        "WHERE h.id = ANY($1::uuid[]) AND h.doc IS NOT NULL AND h.unit = ANY($2::text[]) "
        "UNION ALL SELECT o.id, o.name FROM partner o "
        "WHERE o.id = ANY($1::uuid[]) AND o.doc IS NOT NULL AND o.unit = ANY($2::text[])",
        sorted(set(ids)),
        sorted(units),
    )
    return {str(row["id"]): row["name"] for row in rows}


async def protected_of(connection: Connection, ids: Iterable[UUID]) -> list[str]:
    """Those of the people who are protected, so that a mark can stand beside their names."""
    rows = await connection.fetch(
        "SELECT id FROM person WHERE id = ANY($1::uuid[]) AND protected", sorted(set(ids))
    )
    return sorted(str(row["id"]) for row in rows)


async def names_of_match(
    connection: Connection, ids: Iterable[UUID], reader: UUID, question: UUID
) -> dict[str, str]:
    """For a party: the names of those of the ids that belong to their own agreed match, and of no others."""
    text = await connection.fetchval(
        "SELECT doc::text FROM case_file WHERE id = $1 OR proposal_id = $1", question
    )
    match = CaseFile.model_validate_json(text).match if text else None
    if match is None or reader not in {party.person_id for party in match.parties}:
        return {}
    known = {party.person_id for party in match.parties} | {match.host_id}
    rows = await connection.fetch(
        "SELECT id, name FROM person WHERE id = ANY($1::uuid[]) AND doc IS NOT NULL "
        "UNION ALL SELECT id, name FROM host WHERE id = ANY($1::uuid[]) AND doc IS NOT NULL",
        [id_ for id_ in set(ids) if id_ in known],
    )
    return {str(row["id"]): row["name"] for row in rows}


async def note_look(
    connection: Connection, actor: Actor, at_what: str, person_ids: Iterable[UUID], now: datetime
) -> None:
    """Write down who looked at whose identity; one row for one look."""
    await connection.execute(
        "INSERT INTO look (looked_at, subject, looker_id, at_what, person_ids) VALUES ($1, $2, $3, $4, $5)",
        now,
        actor.subject,
        actor.person_id,
        at_what,
        sorted(set(person_ids)),
    )


async def looks(connection: Connection, ids: Iterable[UUID], cursor: str | None, limit: int = PAGE) -> Found:
    """Who looked at somebody under any of their ids, the latest first."""
    rows = await connection.fetch(
        "SELECT position, looked_at, subject, looker_id, at_what FROM look "
        "WHERE person_ids && $1::uuid[] AND ($2::bigint IS NULL OR position < $2) "
        "ORDER BY position DESC LIMIT $3",
        sorted(set(ids)),
        *read_cursor(cursor, _position),
        limit + 1,
    )
    shown = rows[:limit]
    return Found(
        [
            {
                "at": row["looked_at"].isoformat(),
                "subject": row["subject"],
                "person_id": str(row["looker_id"]) if row["looker_id"] else None,
                "at_what": row["at_what"],
            }
            for row in shown
        ],
        cursor_of(shown[-1]["position"]) if len(rows) > limit else None,
    )


async def referrals(connection: Connection, reference: str, source: str | None) -> list[Referral]:
    """The referrals under a reference, of one source or of all."""
    rows = await connection.fetch(
        "SELECT doc::text AS doc FROM referral WHERE source_reference = $1 AND doc IS NOT NULL "
        "AND ($2::text IS NULL OR source = $2) ORDER BY source LIMIT 100",
        reference,
        source,
    )
    return [Referral.model_validate_json(row["doc"]) for row in rows]


async def story(connection: Connection, case_id: UUID) -> list[tuple[str, datetime, dict[str, Any]]]:
    """What intake has told about a case, in order: type, time and body."""
    rows = await connection.fetch(
        "SELECT type, body, written_at FROM outbox WHERE key = $1 AND body IS NOT NULL ORDER BY position",
        str(case_id),
    )
    return [(row["type"], row["written_at"], json.loads(row["body"])) for row in rows]
