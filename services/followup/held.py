"""What followup holds on a person: their cases and placements with what was written, and parts in others.

A placement that was over when its case went to another unit is counted where it was, and shown in both.
"""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from shared.hosting import Host
from shared.messages import Actor

CASES = (
    "SELECT doc::text AS doc FROM case_track WHERE unit = ANY($1::text[]) AND doc -> 'parties' @> $2::jsonb"
)
PLACEMENTS = (
    "SELECT doc::text AS doc FROM placement WHERE doc -> 'parties' @> $2::jsonb AND (unit = ANY($1::text[]) "
    "OR case_id IN (SELECT id FROM case_track WHERE unit = ANY($1::text[]))) ORDER BY id"
)


def held_by(host: Host) -> Any:
    """`held` of `shared.held` on this service's database."""

    async def held(actor: Actor, person_id: UUID) -> dict[str, Any]:
        units, part = sorted(actor.units), json.dumps([{"person_id": str(person_id)}])
        async with host.pool.acquire() as connection:
            cases = _read(await connection.fetch(CASES, units, part))
            placements = _read(await connection.fetch(PLACEMENTS, units, part))
        return {
            "cases": [one for one in cases if _is_theirs(one, person_id)],
            "placements": [one for one in placements if _is_theirs(one, person_id)],
            "part_in_cases_of_others": [
                {"case_id": one.get("case_id", one["id"]), "unit": one["unit"], "as": _roles(one, person_id)}
                for one in (*cases, *placements)
                if not _is_theirs(one, person_id)
            ],
        }

    return held


def _read(rows: Any) -> list[dict[str, Any]]:
    return [json.loads(row["doc"]) for row in rows]


def _roles(document: dict[str, Any], person_id: UUID) -> list[str]:
    return [one["role"] for one in document["parties"] if one["person_id"] == str(person_id)]


def _is_theirs(document: dict[str, Any], person_id: UUID) -> bool:
    return "candidate" in _roles(document, person_id)
