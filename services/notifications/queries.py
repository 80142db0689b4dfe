"""Read-only SQL of notifications, for the API and the pages."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

import asyncpg

from services.notifications.documents import Mail

PAGE = 50


def cursor(mail: Mail) -> str:
    """Where a list goes on after this mail."""
    return f"{mail.model_dump(mode='json')['queued_at']}{mail.id}"


async def mails_of(
    pool: asyncpg.Pool, case_id: UUID, units: Collection[str], after: str = "", limit: int = PAGE
) -> list[tuple[int, Mail]]:
    """A case's mails with their versions, the oldest first; `after` is a cursor."""
    rows = await pool.fetch(
        "SELECT version, doc FROM mail WHERE case_id = $1 AND unit = ANY($2) AND doc IS NOT NULL "
        "AND queued_at || id::text > $3 ORDER BY queued_at || id::text LIMIT $4",
        case_id,
        list(units),
        after,
        limit,
    )
    return [(row["version"], Mail.model_validate_json(row["doc"])) for row in rows]


async def undelivered(
    pool: asyncpg.Pool, units: Collection[str], since: datetime, limit: int = PAGE
) -> list[Mail]:
    """Mails to people outside the house that did not reach them, the oldest first."""
    rows = await pool.fetch(
        "SELECT doc FROM mail WHERE state IN ('failed', 'not_by_mail') AND unit = ANY($1) "
        "AND doc ->> 'side' <> 'staff' AND (doc ->> 'queued_at')::timestamptz >= $2 "
        "ORDER BY queued_at LIMIT $3",
        list(units),
        since,
        limit,
    )
    return [Mail.model_validate_json(row["doc"]) for row in rows]
