"""Reading the registers from intake's database: hosts, mentors, places and partners.

Nothing here changes anything. Lists page by cursor, sorted by name where there is one, and are searched by a
part of it; whoever shows a person's name, or finds people by it, writes down the look.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar
from uuid import UUID

import asyncpg

from services.intake.documents import HostFile, Mentor, Place
from services.intake.erasing import NO_PARTNER
from services.intake.queries import PAGE, Found, as_pattern, cursor_of, read_cursor
from services.intake.registers import Partner
from shared.postgres import Connection

D = TypeVar("D", HostFile, Mentor, Partner)


class Stored(NamedTuple, Generic[D]):
    """A row of a register with the name it is sorted by: a mentor's is the person's, who may be protected."""

    document: D
    version: int
    name: str
    is_protected: bool = False


class StoredPlace(NamedTuple):
    place: Place
    version: int


@dataclass(frozen=True)
class AskedOfHelp:
    """What a list of hosts or of mentors is narrowed to. An empty one is none."""

    unit: str | None = None
    state: str | None = None
    appetite: str | None = None
    q: str | None = None
    cursor: str | None = None


@dataclass(frozen=True)
class AskedOfPartners:
    unit: str | None = None
    kind: str | None = None
    status: str | None = None
    q: str | None = None
    cursor: str | None = None


Asked = AskedOfHelp | AskedOfPartners


@dataclass(frozen=True)
class Register(Generic[D]):
    """What differs between the registers: what one in it is called, where the rows stand (`r` being the
    register's own), what a row is read as, and the columns by which the list is narrowed."""

    one: str
    rows: str
    document: type[D]
    asked: type[Asked]
    narrowed_by: tuple[str, str]
    is_protected: str = "false"

    def stored(self, row: asyncpg.Record) -> Stored[D]:
        return Stored(
            self.document.model_validate_json(row["doc"]), row["version"], row["name"], row["is_protected"]
        )


HOSTS = Register("host", "host r", HostFile, AskedOfHelp, ("state", "appetite"))
MENTORS = Register(
    "mentor",
    "mentor r JOIN person p ON p.id = r.id",
    Mentor,
    AskedOfHelp,
    ("state", "appetite"),
    "p.protected",
)
PARTNERS = Register("partner", "partner r", Partner, AskedOfPartners, ("kind", "status"))


NAMED = "r.doc IS NOT NULL AND name <> ''"
"""What went with its contact person has no name: it is counted, and nobody looks it up."""


async def listed(
    connection: Connection, register: Register[D], units: Collection[str], asked: Asked, limit: int = PAGE
) -> Found:
    """A register's rows by name, as `Stored`. Raises `NoCursor` for what is no cursor of such a list."""
    first, second = register.narrowed_by
    rows = await connection.fetch(
        "SELECT r.id, r.version, r.doc::text AS doc, name, name_lowered, "  # noqa: S608
        f"{register.is_protected} AS is_protected FROM {register.rows} "
        f"WHERE {NAMED} AND r.unit = ANY($1::text[]) "
        f"AND ($2::text IS NULL OR r.{first} = $2) AND ($3::text IS NULL OR r.{second} = $3) "
        "AND ($4::text IS NULL OR name_lowered LIKE $4) "
        "AND ($5::text IS NULL OR (name_lowered, r.id) > ($5, $6::uuid)) "
        "ORDER BY name_lowered, r.id LIMIT $7",
        sorted(units),
        getattr(asked, first) or None,
        getattr(asked, second) or None,
        f"%{as_pattern(asked.q.strip().lower())}%" if asked.q and asked.q.strip() else None,
        *read_cursor(asked.cursor, str, UUID),
        limit + 1,
    )
    shown = rows[:limit]
    following = cursor_of(shown[-1]["name_lowered"], shown[-1]["id"]) if len(rows) > limit else None
    return Found([register.stored(row) for row in shown], following)


async def one(connection: Connection, register: Register[D], id_: UUID) -> Stored[D] | None:
    row = await connection.fetchrow(
        f"SELECT r.version, r.doc::text AS doc, name, {register.is_protected} AS is_protected "  # noqa: S608
        f"FROM {register.rows} "
        f"WHERE r.id = $1 AND {NAMED}",
        id_,
    )
    return register.stored(row) if row else None


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
    """Places by id, as `StoredPlace`. Raises `NoCursor` for what is no cursor of theirs."""
    rows = await connection.fetch(
        "SELECT id, version, doc::text AS doc FROM place "
        "WHERE doc IS NOT NULL AND unit = ANY($1::text[]) AND ($2::text IS NULL OR state = $2) "
        "AND ($3::uuid IS NULL OR host_id = $3) AND ($4::uuid IS NULL OR mentor_id = $4) "
        "AND ($5::uuid IS NULL OR id > $5) ORDER BY id LIMIT $6",
        sorted(units),
        state or None,
        host_id,
        mentor_id,
        *read_cursor(cursor, UUID),
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


async def partner_names(connection: Connection, units: Collection[str]) -> list[tuple[str, str]]:
    """Partners to choose from: id and name, the first 500."""
    rows = await connection.fetch(
        "SELECT id, name FROM partner WHERE doc IS NOT NULL AND unit = ANY($1::text[]) "
        "ORDER BY name_lowered, id LIMIT 500",
        sorted(units),
    )
    return [(str(row["id"]), row["name"]) for row in rows]


async def partners_to_ask(connection: Connection, unit: str) -> list[tuple[str, str]]:
    """Those whom a "mentor wanted" notice can be chosen for: id and name, the first 500."""
    rows = await connection.fetch(
        "SELECT id, name FROM partner WHERE doc IS NOT NULL AND unit = $1 "
        "AND contact_person_id IS NOT NULL AND status <> ALL($2::text[]) ORDER BY name_lowered, id LIMIT 500",
        unit,
        list(NO_PARTNER),
    )
    return [(str(row["id"]), row["name"]) for row in rows]


class Wish(NamedTuple):
    """A host or a mentor who wishes training, by name."""

    id: UUID
    side: str
    name: str
    unit: str
    topics: tuple[str, ...]
    is_protected: bool = False


async def training_wished(connection: Connection, units: Collection[str], limit: int) -> list[Wish]:
    """Who wishes training in the units."""
    rows = await connection.fetch(
        "SELECT h.id, 'host' AS side, h.name, h.unit, h.doc -> 'training_wished' AS topics, "
        "false AS is_protected FROM host h "
        "WHERE h.doc IS NOT NULL AND h.unit = ANY($1::text[]) "
        "AND jsonb_array_length(coalesce(h.doc -> 'training_wished', '[]')) > 0 "
        "UNION ALL SELECT m.id, 'mentor', p.name, m.unit, m.doc -> 'training_wished', p.protected "
        "FROM mentor m JOIN person p ON p.id = m.id WHERE m.doc IS NOT NULL AND m.unit = ANY($1::text[]) "
        "AND jsonb_array_length(coalesce(m.doc -> 'training_wished', '[]')) > 0 "
        "ORDER BY name, id LIMIT $2",
        sorted(units),
        limit,
    )
    return [
        Wish(
            row["id"],
            row["side"],
            row["name"],
            row["unit"],
            tuple(json.loads(row["topics"])),
            row["is_protected"],
        )
        for row in rows
    ]
