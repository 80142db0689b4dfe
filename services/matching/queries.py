"""Read-only SQL: for the solver's loop, the API and the pages. Lists page by cursor."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

import asyncpg
from pydantic import BaseModel

from services.matching.documents import CaseFile, Notice, Place, Proposal
from shared.postgres import Connection

PAGE = 50
LARGEST_PAGE = 500
START = ""

Item = TypeVar("Item")
Document = TypeVar("Document", bound=BaseModel)


class BadCursor(ValueError):
    """The cursor is none that a list of ours gave."""


@dataclass(frozen=True)
class Listed(Generic[Item]):
    """One page of a list; `next` is the cursor of what follows, or None."""

    items: tuple[Item, ...]
    next: str | None


# What the solver's loop reads.


async def changes(
    connection: Connection | asyncpg.Pool, unit: str, programme: str, now: datetime, *, solved: bool = False
) -> list[int]:
    """The numbers of the rows that are there now, due or not, but for the new day's that has not begun."""
    rows = await connection.fetch(
        "SELECT number FROM pool_change WHERE unit = $1 AND programme = $2 AND solved = $3 "
        "AND (reason <> 'new_day' OR due_at <= $4) ORDER BY number",
        unit,
        programme,
        solved,
        now,
    )
    return [row["number"] for row in rows]


async def pool_of(pool: asyncpg.Pool, unit: str, programme: str) -> tuple[list[CaseFile], list[Place]]:
    """Those who wait, and every place that is offered; full ones too, for they tell why somebody has none.

    The documents are read in a thread: those of a large pool would hold up heartbeats.
    """
    async with pool.acquire() as connection:
        waiting = await connection.fetch(
            "SELECT doc::text AS doc FROM case_file "
            "WHERE unit = $1 AND programme = $2 AND state = 'waiting' ORDER BY id",
            unit,
            programme,
        )
        offered = await connection.fetch(
            "SELECT doc::text AS doc FROM place WHERE unit = $1 AND state = 'offered' "
            "AND doc->'offer'->'programmes' ? $2 ORDER BY id",
            unit,
            programme,
        )
    return await asyncio.to_thread(lambda: (_read(CaseFile, waiting), _read(Place, offered)))


def _read(model: type[Document], rows: Sequence[asyncpg.Record]) -> list[Document]:
    return [model.model_validate_json(row["doc"]) for row in rows]


# What the API and the pages read.


async def case(pool: asyncpg.Pool, case_id: UUID) -> CaseFile | None:
    doc = await pool.fetchval("SELECT doc::text FROM case_file WHERE id = $1 AND doc IS NOT NULL", case_id)
    return None if doc is None else CaseFile.model_validate_json(doc)


async def place(pool: asyncpg.Pool, place_id: UUID) -> Place | None:
    doc = await pool.fetchval("SELECT doc::text FROM place WHERE id = $1 AND doc IS NOT NULL", place_id)
    return None if doc is None else Place.model_validate_json(doc)


async def proposal(pool: asyncpg.Pool, proposal_id: UUID) -> tuple[Proposal, int] | None:
    """The proposal and its version."""
    row = await pool.fetchrow(
        "SELECT version, doc::text AS doc FROM proposal WHERE id = $1 AND doc IS NOT NULL", proposal_id
    )
    return None if row is None else (Proposal.model_validate_json(row["doc"]), row["version"])


async def proposals(
    pool: asyncpg.Pool,
    units: Collection[str],
    *,
    case_id: UUID | None = None,
    states: Collection[str] = (),
    programme: str | None = None,
    after: str = START,
    limit: int = PAGE,
) -> Listed[tuple[Proposal, int]]:
    """Proposals of the units, the oldest first, with their versions."""
    since, last = _cursor(after)
    rows = await pool.fetch(
        "SELECT version, doc::text AS doc FROM proposal WHERE unit = ANY($1::text[]) "
        "AND ($2::uuid IS NULL OR case_id = $2) AND (cardinality($3::text[]) = 0 OR state = ANY($3::text[])) "
        "AND ($4::text IS NULL OR programme = $4) AND (proposed_at, id) > ($5, $6) "
        "ORDER BY proposed_at, id LIMIT $7",
        sorted(units),
        case_id,
        sorted(states),
        programme,
        since,
        last,
        limit + 1,
    )
    found = [(Proposal.model_validate_json(row["doc"]), row["version"]) for row in rows]
    return _listed(found, limit, lambda one: f"{one[0].model_dump(mode='json')['proposed_at']}~{one[0].id}")


async def waiting(
    pool: asyncpg.Pool,
    units: Collection[str],
    *,
    programme: str | None = None,
    after: str = START,
    limit: int = PAGE,
) -> Listed[CaseFile]:
    """The waiting list of the units, the longest waiting first."""
    since, last = _cursor(after)
    rows = await pool.fetch(
        "SELECT doc::text AS doc FROM case_file WHERE state = 'waiting' AND unit = ANY($1::text[]) "
        "AND ($2::text IS NULL OR programme = $2) AND (waiting_since, id) > ($3, $4) "
        "ORDER BY waiting_since, id LIMIT $5",
        sorted(units),
        programme,
        since,
        last,
        limit + 1,
    )
    found = [CaseFile.model_validate_json(row["doc"]) for row in rows]
    return _listed(found, limit, lambda one: f"{one.waiting_since.isoformat()}~{one.id}")


async def offered(
    pool: asyncpg.Pool, unit: str, programme: str, *, after: str = START, limit: int = PAGE
) -> Listed[Place]:
    """The places offered for a programme in a unit, by id."""
    _, last = _cursor(after)
    rows = await pool.fetch(
        "SELECT doc::text AS doc FROM place WHERE unit = $1 AND state = 'offered' "
        "AND doc->'offer'->'programmes' ? $2 AND id > $3 ORDER BY id LIMIT $4",
        unit,
        programme,
        last,
        limit + 1,
    )
    found = [Place.model_validate_json(row["doc"]) for row in rows]
    return _listed(found, limit, lambda one: f"~{one.id}")


async def ever(connection: Connection, unit: str, programme: str) -> tuple[int, int]:
    """How many cases were ever ready for a match, and how many of them had one agreed."""
    row = await connection.fetchrow(
        "SELECT count(*) AS ready, count(*) FILTER (WHERE EXISTS (SELECT 1 FROM proposal p "
        "WHERE p.case_id = c.id AND p.match_id IS NOT NULL)) AS matched FROM case_file c "
        "WHERE c.unit = $1 AND c.programme = $2 AND c.doc IS NOT NULL",
        unit,
        programme,
    )
    return (row["ready"], row["matched"]) if row is not None else (0, 0)


async def presentation(pool: asyncpg.Pool, case_id: UUID) -> str | None:
    """How the candidate of a case is presented in words."""
    found: str | None = await pool.fetchval(
        "SELECT doc->>'presentation' FROM case_text WHERE id = $1", case_id
    )
    return found


async def notices(pool: asyncpg.Pool, case_id: UUID) -> list[tuple[Notice, int]]:
    """The notices of a case, with their versions."""
    rows = await pool.fetch(
        "SELECT version, doc::text AS doc FROM notice WHERE case_id = $1 AND doc IS NOT NULL", case_id
    )
    return [(Notice.model_validate_json(row["doc"]), row["version"]) for row in rows]


async def next_solved_at(pool: asyncpg.Pool, unit: str, programme: str) -> Any:
    """When the pool is solved next: soon where something has changed, else as the next day begins."""
    return await pool.fetchval(
        "SELECT min(due_at) FROM pool_change WHERE unit = $1 AND programme = $2 AND NOT solved",
        unit,
        programme,
    )


async def failed_at(pool: asyncpg.Pool, unit: str, programme: str) -> datetime | None:
    """When the pool was tried last, if it could not be solved then and has not been since."""
    found: datetime | None = await pool.fetchval(
        "SELECT max(failed_at) FROM pool_change WHERE unit = $1 AND programme = $2 AND NOT solved",
        unit,
        programme,
    )
    return found


async def story(pool: asyncpg.Pool, case_id: UUID, *, limit: int = 100) -> list[asyncpg.Record]:
    """What matching has said of a case, the newest first."""
    rows: list[asyncpg.Record] = await pool.fetch(
        "SELECT type, body, written_at FROM outbox WHERE key = $1 AND body IS NOT NULL "
        "ORDER BY position DESC LIMIT $2",
        str(case_id),
        limit,
    )
    return rows


async def documents_of(pool: asyncpg.Pool, found: Sequence[Proposal]) -> dict[UUID, Place]:
    """The places of some proposals."""
    rows = await pool.fetch(
        "SELECT doc::text AS doc FROM place WHERE id = ANY($1::uuid[]) AND doc IS NOT NULL",
        list({one.place_id for one in found}),
    )
    return {one.id: one for one in (Place.model_validate_json(row["doc"]) for row in rows)}


async def cases_of(pool: asyncpg.Pool, found: Sequence[Proposal]) -> dict[UUID, CaseFile]:
    """The cases of some proposals."""
    rows = await pool.fetch(
        "SELECT doc::text AS doc FROM case_file WHERE id = ANY($1::uuid[]) AND doc IS NOT NULL",
        list({one.case_id for one in found}),
    )
    return {one.id: one for one in (CaseFile.model_validate_json(row["doc"]) for row in rows)}


def _cursor(after: str) -> tuple[str, UUID]:
    if not after:
        return "", UUID(int=0)
    since, separator, last = after.rpartition("~")
    try:
        if not separator:
            raise ValueError
        return since, UUID(last)
    except ValueError:
        raise BadCursor from None


def _listed(found: list[Item], limit: int, cursor: Callable[[Item], str]) -> Listed[Item]:
    shown = found[:limit]
    return Listed(tuple(shown), cursor(shown[-1]) if len(found) > limit else None)
