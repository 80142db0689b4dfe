"""Read-only SQL of followup, for the API, the pages and the metrics."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import asyncpg

from services.followup.documents import CaseTrack, Placement
from shared.postgres import Connection

PAGE = 50


async def placement(pool: asyncpg.Pool, placement_id: UUID) -> tuple[int, Placement] | None:
    """A placement with its version."""
    row = await pool.fetchrow(
        "SELECT version, doc FROM placement WHERE id = $1 AND doc IS NOT NULL", placement_id
    )
    return (row["version"], Placement.model_validate_json(row["doc"])) if row else None


async def placements_of(pool: asyncpg.Pool, case_id: UUID) -> list[tuple[int, Placement]]:
    """A case's placements, in their order."""
    rows = await pool.fetch(
        "SELECT version, doc FROM placement WHERE case_id = $1 AND doc IS NOT NULL", case_id
    )
    found = [(row["version"], Placement.model_validate_json(row["doc"])) for row in rows]
    return sorted(found, key=lambda one: one[1].round)


async def case(pool: asyncpg.Pool, case_id: UUID) -> CaseTrack | None:
    doc = await pool.fetchval("SELECT doc FROM case_track WHERE id = $1 AND doc IS NOT NULL", case_id)
    return CaseTrack.model_validate_json(doc) if doc else None


async def open_check_ins(
    pool: asyncpg.Pool, units: Collection[str], until: date, after: str = "", limit: int = PAGE
) -> list[Placement]:
    """Running placements whose next check-in is due by `until`, the oldest first; `after` is a cursor."""
    rows = await pool.fetch(
        "SELECT doc FROM placement WHERE state = 'running' AND unit = ANY($1) AND next_check_in <= $2 "
        "AND next_check_in || id::text > $3 ORDER BY next_check_in, id LIMIT $4",
        list(units),
        until.isoformat(),
        after,
        limit,
    )
    return [Placement.model_validate_json(row["doc"]) for row in rows]


async def count_overdue(
    connection: Connection, unit: str, programme: str, today: date, slack_days: int
) -> int:
    found: int = await connection.fetchval(
        "SELECT count(*) FROM placement "
        "WHERE state = 'running' AND unit = $1 AND programme = $2 AND next_check_in < $3",
        unit,
        programme,
        (today - timedelta(days=slack_days)).isoformat(),
    )
    return found


async def count_ended(connection: Connection) -> list[Any]:
    rows: list[Any] = await connection.fetch(
        "SELECT programme, doc ->> 'how' AS how, doc ->> 'next_step' AS next_step, count(*) AS n "
        "FROM placement WHERE doc ->> 'how' IS NOT NULL GROUP BY 1, 2, 3"
    )
    return rows


async def journal(pool: asyncpg.Pool, key: UUID) -> list[Any]:
    """What this service has said about a case, oldest first: the story that its page tells."""
    rows: list[Any] = await pool.fetch(
        "SELECT type, body, written_at FROM outbox WHERE key = $1 AND body IS NOT NULL ORDER BY position",
        str(key),
    )
    return rows
