"""SQL on followup's aggregates that the corridor's generic loading and saving does not cover."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from shared.postgres import Connection


async def placements_of(connection: Connection, cases: Sequence[UUID]) -> dict[UUID, tuple[UUID, ...]]:
    """The placements of each case, in one order."""
    if not cases:
        return {}
    rows = await connection.fetch("SELECT id, case_id FROM placement WHERE case_id = ANY($1::uuid[])", cases)
    found: dict[UUID, tuple[UUID, ...]] = {}
    for row in sorted(rows, key=lambda row: row["id"].int):
        found[row["case_id"]] = (*found.get(row["case_id"], ()), row["id"])
    return found


async def cases_of(connection: Connection, placements: Sequence[UUID]) -> dict[UUID, UUID]:
    """The case of each placement that exists."""
    if not placements:
        return {}
    rows = await connection.fetch(
        "SELECT id, case_id FROM placement WHERE id = ANY($1::uuid[]) AND doc IS NOT NULL", placements
    )
    return {row["id"]: row["case_id"] for row in rows}
