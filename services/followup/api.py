"""Reading followup over HTTP. Commands come through the door in `shared/commands.py`."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from fastapi import Request

from services.followup import queries
from services.followup.documents import Placement
from shared.hosting import Host
from shared.messages import Actor
from shared.problems import Problem

WRITTEN = {"check_ins": {"__all__": {"note"}}, "competences": True}
"""What staff wrote: shown on the page to those who may see it, left out of lists for programs."""


def as_json(version: int, placement: Placement) -> dict[str, Any]:
    """A placement for programs: `placement_id`, `state`, frame, check-ins; nothing that was written."""
    body = placement.model_dump(mode="json", exclude={"id": True, **WRITTEN})  # type: ignore[arg-type]
    check_ins = [{"check_in_id": one.pop("id"), **one} for one in body.pop("check_ins")]
    return {"placement_id": str(placement.id), "version": version, **body, "check_ins": check_ins}


async def visible(host: Host, actor: Actor, placement_id: UUID) -> tuple[int, Placement]:
    """The placement, if it is there and in a unit of the actor's. Raises `Problem` 404 or 403."""
    found = await queries.placement(host.pool, placement_id)
    if found is None:
        raise Problem(404, "not_found")
    if found[1].unit not in actor.units:
        raise Problem(403, "other_unit")
    return found


def mount(host: Host) -> None:
    app = host.app

    @app.get("/followup/api/placements", tags=["reading"], summary="A case's placements, in their order")
    async def placements(request: Request, case_id: UUID) -> dict[str, Any]:
        actor = host.access.staff(request)
        found = await queries.placements_of(host.pool, case_id)
        return {"placements": [as_json(*one) for one in found if one[1].unit in actor.units], "next": None}

    @app.get("/followup/api/placements/{placement_id}", tags=["reading"], summary="One placement")
    async def placement(request: Request, placement_id: UUID) -> dict[str, Any]:
        return as_json(*await visible(host, host.access.staff(request), placement_id))
