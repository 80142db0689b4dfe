"""What a service holds on a person: the same two routes in each, as JSON and as a part of a page.

Guarantee: staff of the daily work alone, and of their own units alone; intake writes down the look, on the
page that joins the parts. What is held, the service says.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from fastapi import Request
from starlette.responses import JSONResponse, Response

from shared.contracts.model import STAFF
from shared.hosting import Host
from shared.messages import Actor

Held = Callable[[Actor, UUID], Awaitable[dict[str, Any]]]


def mount(running: Host, held: Held) -> None:
    """Add `/<service>/api/people/{id}/export` and the part that intake's page of it joins."""
    app, name = running.app, running.name

    @app.get(f"/{name}/api/people/{{person_id}}/export", tags=["reading"], response_model=None)
    async def export(request: Request, person_id: UUID) -> Response:
        """What this service holds on a person."""
        actor = running.access.staff(request, *STAFF)
        return JSONResponse(await held(actor, person_id))

    @app.get(f"/{name}/fragments/people/{{person_id}}", include_in_schema=False)
    async def part(request: Request, person_id: UUID) -> Response:
        actor = running.access.staff(request, *STAFF)
        found = await held(actor, person_id)
        return running.pages.render(
            request, "held_part.html", actor=actor, held={key: value for key, value in found.items() if value}
        )
