"""Reading the registers from intake's database: hosts, mentors, places and partners.

Nothing here changes anything. Lists page by cursor, sorted by name where there is one, and are searched by a
part of it; whoever shows a person's name, or finds people by it, writes down the look.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import NamedTuple
from uuid import UUID

from services.intake.documents import HostFile, Mentor, Place
from services.intake.queries import PAGE, Found, as_pattern, cursor_of, read_cursor
from services.intake.registers import Partner
from shared.postgres import Connection


class StoredHost(NamedTuple):
    host: HostFile
    version: int


class StoredMentor(NamedTuple):
    """A mentor with their name."""

    mentor: Mentor
    version: int
    name: str


class StoredPlace(NamedTuple):
    place: Place
    version: int


class StoredPartner(NamedTuple):
    partner: Partner
    version: int


def _by_name(cursor: str | None) -> tuple[str | None, UUID | None]:
    """Name and id of the last row shown. Raises `ValueError` for what is no cursor of such a list."""
    after = read_cursor(cursor)
    if not after:
        return None, None
    name, id_ = after
    return name, UUID(id_)


def _pattern(q: str | None) -> str | None:
    return f"%{as_pattern(q.strip().lower())}%" if q and q.strip() else None


async def hosts(
    connection: Connection,
    units: Collection[str],
    *,
    state: str | None = None,
    appetite: str | None = None,
    q: str | None = None,
    cursor: str | None = None,
    limit: int = PAGE,
) -> Found:
    """Hosts by name, as `StoredHost`."""
    rows = await connection.fetch(
        "SELECT id, version, name_lowered, doc::text AS doc FROM host "
        "WHERE doc IS NOT NULL AND unit = ANY($1::text[]) AND ($2::text IS NULL OR state = $2) "
        "AND ($3::text IS NULL OR appetite = $3) AND ($4::text IS NULL OR name_lowered LIKE $4) "
        "AND ($5::text IS NULL OR (name_lowered, id) > ($5, $6::uuid)) "
        "ORDER BY name_lowered, id LIMIT $7",
        sorted(units),
        state or None,
        appetite or None,
        _pattern(q),
        *_by_name(cursor),
        limit + 1,
    )
    shown = rows[:limit]
    following = cursor_of(shown[-1]["name_lowered"], shown[-1]["id"]) if len(rows) > limit else None
    found = [StoredHost(HostFile.model_validate_json(row["doc"]), row["version"]) for row in shown]
    return Found(found, following)


async def mentors(
    connection: Connection,
    units: Collection[str],
    *,
    state: str | None = None,
    appetite: str | None = None,
    q: str | None = None,
    host_id: UUID | None = None,
    cursor: str | None = None,
    limit: int = PAGE,
) -> Found:
    """Mentors by name, as `StoredMentor`."""
    rows = await connection.fetch(
        "SELECT m.id, m.version, m.doc::text AS doc, p.name, p.name_lowered FROM mentor m "
        "JOIN person p ON p.id = m.id "
        "WHERE m.doc IS NOT NULL AND m.unit = ANY($1::text[]) AND ($2::text IS NULL OR m.state = $2) "
        "AND ($3::text IS NULL OR m.appetite = $3) AND ($4::text IS NULL OR p.name_lowered LIKE $4) "
        "AND ($5::uuid IS NULL OR (m.doc ->> 'host_id')::uuid = $5) "
        "AND ($6::text IS NULL OR (p.name_lowered, m.id) > ($6, $7::uuid)) "
        "ORDER BY p.name_lowered, m.id LIMIT $8",
        sorted(units),
        state or None,
        appetite or None,
        _pattern(q),
        host_id,
        *_by_name(cursor),
        limit + 1,
    )
    shown = rows[:limit]
    following = cursor_of(shown[-1]["name_lowered"], shown[-1]["id"]) if len(rows) > limit else None
    found = [
        StoredMentor(Mentor.model_validate_json(row["doc"]), row["version"], row["name"]) for row in shown
    ]
    return Found(found, following)


async def places(
    connection: Connection,
    units: Collection[str],
    *,
    state: str | None = None,
    host_id: UUID | None = None,
    mentor_id: UUID | None = None,
    cursor: str | None = None,
    limit: int = PAGE,
) -> Found:
    """Places by id, as `StoredPlace`."""
    after = read_cursor(cursor)
    rows = await connection.fetch(
        "SELECT id, version, doc::text AS doc FROM place "
        "WHERE doc IS NOT NULL AND unit = ANY($1::text[]) AND ($2::text IS NULL OR state = $2) "
        "AND ($3::uuid IS NULL OR host_id = $3) AND ($4::uuid IS NULL OR mentor_id = $4) "
        "AND ($5::uuid IS NULL OR id > $5) ORDER BY id LIMIT $6",
        sorted(units),
        state or None,
        host_id,
        mentor_id,
        UUID(after[0]) if after else None,
        limit + 1,
    )
    shown = rows[:limit]
    following = cursor_of(shown[-1]["id"]) if len(rows) > limit else None
    found = [StoredPlace(Place.model_validate_json(row["doc"]), row["version"]) for row in shown]
    return Found(found, following)


async def places_of(connection: Connection, owners: Collection[UUID]) -> list[Place]:
    """The places of hosts or mentors that are not withdrawn."""
    rows = await connection.fetch(
        "SELECT doc::text AS doc FROM place WHERE (host_id = ANY($1::uuid[]) OR mentor_id = ANY($1::uuid[])) "
        "AND state <> 'withdrawn' ORDER BY id",
        sorted(owners),
    )
    return [Place.model_validate_json(row["doc"]) for row in rows]


async def partners(
    connection: Connection,
    units: Collection[str],
    *,
    kind: str | None = None,
    status: str | None = None,
    q: str | None = None,
    cursor: str | None = None,
    limit: int = PAGE,
) -> Found:
    """Partners by name, as `StoredPartner`."""
    rows = await connection.fetch(
        "SELECT id, version, name_lowered, doc::text AS doc FROM partner "
        "WHERE doc IS NOT NULL AND unit = ANY($1::text[]) AND ($2::text IS NULL OR kind = $2) "
        "AND ($3::text IS NULL OR status = $3) AND ($4::text IS NULL OR name_lowered LIKE $4) "
        "AND ($5::text IS NULL OR (name_lowered, id) > ($5, $6::uuid)) "
        "ORDER BY name_lowered, id LIMIT $7",
        sorted(units),
        kind or None,
        status or None,
        _pattern(q),
        *_by_name(cursor),
        limit + 1,
    )
    shown = rows[:limit]
    following = cursor_of(shown[-1]["name_lowered"], shown[-1]["id"]) if len(rows) > limit else None
    found = [StoredPartner(Partner.model_validate_json(row["doc"]), row["version"]) for row in shown]
    return Found(found, following)


async def host(connection: Connection, host_id: UUID) -> StoredHost | None:
    row = await connection.fetchrow(
        "SELECT version, doc::text AS doc FROM host WHERE id = $1 AND doc IS NOT NULL", host_id
    )
    return StoredHost(HostFile.model_validate_json(row["doc"]), row["version"]) if row else None


async def mentor(connection: Connection, mentor_id: UUID) -> StoredMentor | None:
    row = await connection.fetchrow(
        "SELECT m.version, m.doc::text AS doc, p.name FROM mentor m JOIN person p ON p.id = m.id "
        "WHERE m.id = $1 AND m.doc IS NOT NULL",
        mentor_id,
    )
    if row is None:
        return None
    return StoredMentor(Mentor.model_validate_json(row["doc"]), row["version"], row["name"])


async def partner(connection: Connection, partner_id: UUID) -> StoredPartner | None:
    row = await connection.fetchrow(
        "SELECT version, doc::text AS doc FROM partner WHERE id = $1 AND doc IS NOT NULL", partner_id
    )
    return StoredPartner(Partner.model_validate_json(row["doc"]), row["version"]) if row else None


async def partner_names(connection: Connection, units: Collection[str]) -> list[tuple[str, str]]:
    """Partners to choose from: id and name, the first 500."""
    rows = await connection.fetch(
        "SELECT id, name FROM partner WHERE doc IS NOT NULL AND unit = ANY($1::text[]) "
        "ORDER BY name_lowered, id LIMIT 500",
        sorted(units),
    )
    return [(str(row["id"]), row["name"]) for row in rows]


class Wish(NamedTuple):
    """A host or a mentor who wishes training, by name."""

    id: UUID
    side: str
    name: str
    unit: str
    topics: tuple[str, ...]


async def training_wished(connection: Connection, units: Collection[str], limit: int) -> list[Wish]:
    """Who wishes training in the units."""
    rows = await connection.fetch(
        "SELECT h.id, 'host' AS side, h.name, h.unit, h.doc -> 'training_wished' AS topics FROM host h "
        "WHERE h.doc IS NOT NULL AND h.unit = ANY($1::text[]) "
        "AND jsonb_array_length(coalesce(h.doc -> 'training_wished', '[]')) > 0 "
        "UNION ALL SELECT m.id, 'mentor', p.name, m.unit, m.doc -> 'training_wished' FROM mentor m "
        "JOIN person p ON p.id = m.id WHERE m.doc IS NOT NULL AND m.unit = ANY($1::text[]) "
        "AND jsonb_array_length(coalesce(m.doc -> 'training_wished', '[]')) > 0 "
        "ORDER BY name, id LIMIT $2",
        sorted(units),
        limit,
    )
    return [
        Wish(row["id"], row["side"], row["name"], row["unit"], tuple(json.loads(row["topics"])))
        for row in rows
    ]
