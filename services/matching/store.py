"""SQL on the aggregates beyond loading and saving, which the corridor does: which rows belong together."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from shared.postgres import Connection

Refs = dict[UUID, dict[str, UUID]]


async def rows_of_proposals(connection: Connection, ids: Sequence[UUID]) -> Refs:
    """By proposal: itself, its case and its place."""
    rows = (
        await connection.fetch(
            "SELECT id, case_id, place_id FROM proposal WHERE id = ANY($1::uuid[]) AND doc IS NOT NULL", ids
        )
        if ids
        else ()
    )
    return {
        row["id"]: {"proposal": row["id"], "case": row["case_id"], "place": row["place_id"]} for row in rows
    }


async def cases_of_notices(connection: Connection, ids: Sequence[UUID]) -> Refs:
    """By notice: the case that somebody is looked for."""
    rows = (
        await connection.fetch(
            "SELECT id, case_id FROM notice WHERE id = ANY($1::uuid[]) AND doc IS NOT NULL", ids
        )
        if ids
        else ()
    )
    return {row["id"]: {"case": row["case_id"]} for row in rows}


async def rows_of_matches(connection: Connection, ids: Sequence[UUID]) -> Refs:
    """By match: the proposal that became it, its case and its place."""
    rows = (
        await connection.fetch(
            "SELECT id, match_id, case_id, place_id FROM proposal WHERE match_id = ANY($1::uuid[])", ids
        )
        if ids
        else ()
    )
    return {
        row["match_id"]: {"proposal": row["id"], "case": row["case_id"], "place": row["place_id"]}
        for row in rows
    }


async def proposals_of_cases(connection: Connection, ids: Sequence[UUID]) -> dict[UUID, tuple[UUID, ...]]:
    """By case: every proposal there was, in one order."""
    rows = (
        await connection.fetch("SELECT id, case_id FROM proposal WHERE case_id = ANY($1::uuid[])", ids)
        if ids
        else ()
    )
    found: dict[UUID, tuple[UUID, ...]] = {}
    for row in sorted(rows, key=lambda row: row["id"].int):
        found[row["case_id"]] = (*found.get(row["case_id"], ()), row["id"])
    return found


async def rows_of_cases(connection: Connection, ids: Sequence[UUID]) -> Refs:
    """By case: itself, and where a proposal or a match is out for it, that and its place."""
    rows = (
        await connection.fetch(
            "SELECT c.id, p.id AS proposal_id, p.place_id "
            "FROM case_file c JOIN proposal p ON p.id = c.proposal_id "
            "WHERE c.id = ANY($1::uuid[])",
            ids,
        )
        if ids
        else ()
    )
    return {
        row["id"]: {"case": row["id"], "proposal": row["proposal_id"], "place": row["place_id"]}
        for row in rows
    }
