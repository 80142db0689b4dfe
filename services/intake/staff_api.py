"""Reading colleagues over HTTP.

Guarantee: staff see the colleagues of their own units. A colleague's name is no citizen's: to read it writes
no row about who looked at whom.
"""

from __future__ import annotations

from typing import Any

from fastapi import Request
from starlette.responses import JSONResponse, Response

from services.intake import staff_queries
from services.intake.staff_queries import Colleague
from services.intake.staffing import topics_missing
from shared.access import NotAllowed
from shared.contracts.model import STAFF
from shared.hosting import Host


def mount(host: Host) -> None:
    """Add `/intake/api/staff`."""

    @host.app.get("/intake/api/staff", tags=["reading"], response_model=None)
    async def staff(request: Request, unit: str | None = None) -> Response:
        """The registered colleagues of the actor's units, or of one of them, by name."""
        actor = host.access.staff(request, *STAFF)
        if unit is not None and unit not in actor.units:
            raise NotAllowed
        units = actor.units if unit is None else {unit}
        async with host.pool.acquire() as connection:
            found = await staff_queries.colleagues(connection, units)
        return JSONResponse({"staff": [_json(one) for one in found]})


def _json(one: Colleague) -> dict[str, Any]:
    staff, person = one.staff, one.person
    return {
        "staff_id": str(staff.id),
        "person_id": str(staff.id),
        "version": one.version,
        "name": person.name,
        "email": person.email,
        "phone": person.phone,
        **staff.model_dump(mode="json", include={"unit", "units", "roles", "group_mailbox", "trained"}),
        "topics_missing": list(topics_missing(staff)),
    }
