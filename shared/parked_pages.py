"""Parked messages for people: what stands still, why, and letting it go again.

Job: add to a service its list of parked messages, as JSON and as a part of intake's page that joins all
four. Guarantee: for operators alone; neither bytes nor headers of a message are shown, because both may
hold anything. Retrying and discarding are commands like any other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import Request
from starlette.responses import JSONResponse, Response

if TYPE_CHECKING:
    from shared.hosting import Host

MOST = 200


def mount(host: Host) -> None:
    """Add `/<service>/api/parked` and `/<service>/fragments/parked`."""
    name = host.name

    @host.app.get(f"/{name}/api/parked", tags=["reading"], response_model=None)
    async def listed(request: Request) -> Response:
        """What is parked or waits behind it, the oldest first."""
        host.access.staff(request, "operator")
        rows = await _parked(host)
        return JSONResponse({"parked": [row | {"parked_at": row["parked_at"].isoformat()} for row in rows]})

    @host.app.get(f"/{name}/fragments/parked", include_in_schema=False)
    async def part(request: Request) -> Response:
        actor = host.access.staff(request, "operator")
        return host.pages.render(
            request, "parked_part.html", actor=actor, service=name, parked=await _parked(host)
        )


async def _parked(host: Host) -> list[dict[str, Any]]:
    rows = await host.pool.fetch(
        "SELECT id, topic, partition, record_offset, type, state, reason, tries, parked_at FROM parked "
        "WHERE state <> 'discarded' ORDER BY parked_at, topic, partition, record_offset LIMIT $1",
        MOST,
    )
    return [
        {
            "parked_id": str(row["id"]),
            "topic": row["topic"],
            "partition": row["partition"],
            "offset": row["record_offset"],
            "type": row["type"],
            "state": row["state"],
            "reason": row["reason"],
            "tries": row["tries"],
            "parked_at": row["parked_at"],
        }
        for row in rows
    ]
