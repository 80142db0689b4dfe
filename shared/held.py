"""What a service holds on a person: the same two routes in each, as JSON and as a part of a page.

Guarantee: caseworkers and project managers alone, and of their own units alone; each look is a row of the
service's own table `look`, written before anything is shown. It does not know who is protected: whom intake
shows to fewer people is here shown to every caseworker of the unit, and so it is written down here too.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from fastapi import Request
from starlette.responses import JSONResponse, Response

from shared.contracts.people_commands import CASEWORK
from shared.hosting import Host
from shared.messages import Actor

Held = Callable[[Actor, UUID], Awaitable[dict[str, Any]]]


def mount(running: Host, held: Held) -> None:
    """Add `/<service>/api/people/{id}/export` and the part that intake's page of it joins."""
    app, name = running.app, running.name

    async def looked_at(request: Request, person_id: UUID) -> dict[str, Any]:
        actor = running.access.staff(request, *CASEWORK)
        # Written down first: what nobody could write down is not shown.
        await running.pool.execute(
            "INSERT INTO look (looked_at, subject, looker_id, person_id) VALUES ($1, $2, $3, $4)",
            running.service.clock(),
            actor.subject,
            actor.person_id,
            person_id,
        )
        return await held(actor, person_id)

    @app.get(f"/{name}/api/people/{{person_id}}/export", tags=["reading"], response_model=None)
    async def export(request: Request, person_id: UUID) -> Response:
        """What this service holds on a person."""
        return JSONResponse(await looked_at(request, person_id))

    @app.get(f"/{name}/fragments/people/{{person_id}}", include_in_schema=False)
    async def part(request: Request, person_id: UUID) -> Response:
        found = await looked_at(request, person_id)
        return running.pages.render(
            request,
            "held_part.html",
            actor=running.access.staff(request, *CASEWORK),
            held={key: value for key, value in found.items() if value},
        )
