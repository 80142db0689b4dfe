"""SQL on intake's aggregates that the corridor does not do by itself: finding rows by what a message says."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from shared.postgres import Connection


async def persons_of(connection: Connection, keys: Iterable[UUID]) -> dict[UUID, UUID]:
    """The persons that stand behind keys of national ids."""
    wanted = sorted(set(keys))
    if not wanted:
        return {}
    rows = await connection.fetch(
        "SELECT id, person_id FROM person_key WHERE id = ANY($1::uuid[]) AND doc IS NOT NULL", wanted
    )
    return {row["id"]: row["person_id"] for row in rows}
