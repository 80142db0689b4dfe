"""What matching holds on a person: their cases, what was proposed for them, and places they stand for."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from shared.hosting import Host
from shared.messages import Actor

PARTY = (
    "SELECT doc::text AS doc FROM case_file WHERE unit = ANY($1::text[]) AND doc -> 'parties' @> $2::jsonb "
    "ORDER BY id"
)
PROPOSALS = (
    "SELECT doc::text AS doc FROM proposal WHERE case_id = ANY($3::uuid[]) "
    "OR (unit = ANY($1::text[]) AND doc -> 'asked' @> $2::jsonb) ORDER BY proposed_at, id"
)
PLACES = (
    "SELECT doc::text AS doc FROM place WHERE unit = ANY($1::text[]) "
    "AND doc -> 'offer' -> 'parties' @> $2::jsonb ORDER BY id"
)
NOTICES = "SELECT doc::text AS doc FROM notice WHERE (doc ->> 'case_id')::uuid = ANY($1::uuid[])"


def held_by(host: Host) -> Any:
    """`held` of `shared.held` on this service's database."""

    async def held(actor: Actor, person_id: UUID) -> dict[str, Any]:
        units, part = sorted(actor.units), json.dumps([{"person_id": str(person_id)}])
        async with host.pool.acquire() as connection:
            cases = _read(await connection.fetch(PARTY, units, part))
            own = [case for case in cases if case["person_id"] == str(person_id)]
            ids = [UUID(case["id"]) for case in own]
            proposals = _read(await connection.fetch(PROPOSALS, units, part, ids))
            places = _read(await connection.fetch(PLACES, units, part))
            notices = _read(await connection.fetch(NOTICES, ids))
        return {
            "cases": own,
            "part_in_cases_of_others": [
                {"case_id": case["id"], "unit": case["unit"]} for case in cases if case not in own
            ],
            "proposals": [one if UUID(one["case_id"]) in ids else _part(one, person_id) for one in proposals],
            "places": places,
            "notices": notices,
        }

    return held


def _read(rows: Any) -> list[dict[str, Any]]:
    return [json.loads(row["doc"]) for row in rows]


def _part(proposal: dict[str, Any], person_id: UUID) -> dict[str, Any]:
    """Of a proposal for somebody else: that they were asked, and what they answered."""
    asked = [one for one in proposal["asked"] if one["person_id"] == str(person_id)]
    return {"proposal_id": proposal["id"], "proposed_at": proposal["proposed_at"], "asked": asked}
