"""Signing in and out.

In the demonstration somebody chooses a role and units, and gets a session like any other: a signed cookie
that all four services read. Otherwise there is nothing to choose here: staff sign in by their
organisation's own service. Whoever signs in becomes known as a colleague, with how to write to them; that is
told on only when something of it has changed, and never in the way of signing in.
"""

from __future__ import annotations

from uuid import uuid4

import structlog
from fastapi import Request
from starlette.responses import RedirectResponse, Response

from services.intake.staffing import StaffSeen
from shared.access import COOKIE, ROLES, Issuer, person_of
from shared.contracts.model import Language
from shared.corridor import handle
from shared.forms import safe_return
from shared.hosting import Host
from shared.logs import where
from shared.messages import Message
from shared.postgres import TRANSIENT
from shared.problems import Problem

log = structlog.get_logger()

ISSUER = "demo"
HOURS = 12
STAFF_ROLES = tuple(role for role in ROLES if role != "publisher")
# Invented people, so that a page says who is signed in.
NAMES = {
    "caseworker": "Kirsten Eksempel",
    "coordinator": "Jonas Prøve",
    "project_manager": "Maja Tænkt",
    "network": "Olav Opfundet",
    "psychologist": "Sofie Afprøvning",
    "training_office": "Bent Eksempel",
    "analyst": "Ida Prøve",
    "operator": "Erik Drift",
}


def mount(host: Host) -> None:
    """Add `/intake/sign-in` and `/intake/sign-out`."""
    app = host.app

    @app.get("/intake/sign-in", include_in_schema=False)
    async def page(request: Request, return_to: str = "/") -> Response:
        units = [(unit.id, unit.name) for unit in host.service.programmes.units.values()]
        return host.pages.render(
            request,
            "sign_in.html",
            demonstration=host.settings.demonstration,
            roles=STAFF_ROLES,
            units=units,
            return_to=safe_return(return_to),
        )

    @app.post("/intake/sign-in", include_in_schema=False)
    async def sign_in(request: Request) -> Response:
        if not host.settings.demonstration:
            raise Problem(404, "not_found")
        form = await request.form()
        role = str(form.get("role"))
        if role not in STAFF_ROLES:
            raise Problem(422, "does_not_fit", field="role")
        known = host.service.programmes.units
        units = [unit for unit in map(str, form.getlist("units")) if unit in known] or list(known)
        token = Issuer(host.settings.session_private_key, ISSUER).token(
            f"demo-{role}", [role], units, NAMES[role], HOURS
        )
        language: Language = host.pages.language(request)  # type: ignore[assignment]  # One of the three.
        await become_known(host, role, units, language)
        answer = RedirectResponse(safe_return(str(form.get("return_to") or "/")), 303)
        answer.set_cookie(
            COOKIE,
            token,
            max_age=HOURS * 3600,
            secure=host.settings.public_url.startswith("https://"),
            httponly=True,
            samesite="lax",
        )
        return answer

    @app.get("/intake/sign-out", include_in_schema=False)
    async def sign_out() -> Response:
        answer = RedirectResponse("/intake/sign-in", 303)
        answer.delete_cookie(COOKIE)
        return answer


async def become_known(host: Host, role: str, units: list[str], language: Language) -> None:
    """The sample colleague of this role, and an invented address where they can be written to."""
    seen = StaffSeen(
        staff_id=person_of(ISSUER, f"demo-{role}"),
        name=NAMES[role],
        email=f"{role.replace('_', '-')}@example.org",
        language=language,
        roles=(role,),
        units=tuple(sorted(units)),
    )
    message = Message(
        uuid4(), StaffSeen.__name__, seen, host.service.clock(), source="/makker/intake", inbox=False
    )
    try:
        await handle(host.service, [message])
    except TRANSIENT as error:
        log.warning("colleague_not_noted", service=host.name, **where(error))
