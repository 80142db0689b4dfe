"""Intake's pages, put together: the front page, people, and what stands in modules of its own.

Guarantee: staff see the cases of their units, and every page that shows a name writes down the look in the
transaction of the look. Other services' parts are joined by the browser, so that one that is down leaves a
gap and not a broken page. Forms post to the command door; nothing is changed here.
"""

from __future__ import annotations

from fastapi import Request
from starlette.responses import Response

from services.intake import (
    case_list,
    case_page,
    due_pages,
    people_pages,
    register_pages,
    signing_in,
    staff_pages,
    today,
    typed_in,
)
from services.intake.sealing import Secrets
from shared.hosting import Host

SERVICES = ("intake", "matching", "followup", "notifications")


def mount(host: Host, secrets: Secrets) -> None:
    """Add the pages, and the parts that other pages join."""
    signing_in.mount(host)
    typed_in.mount(host)
    staff_pages.mount(host)
    _front(host)
    case_list.mount(host)
    case_page.mount(host)
    due_pages.mount(host)
    today.mount(host)
    people_pages.mount(host, secrets)
    register_pages.mount(host)


def _front(host: Host) -> None:
    app, access = host.app, host.access

    @app.get("/", include_in_schema=False)
    async def front(request: Request) -> Response:
        actor = access.staff(request)
        return host.pages.render(request, "today.html", actor=actor, services=SERVICES)

    @app.get("/intake/parked", include_in_schema=False)
    async def parked(request: Request) -> Response:
        actor = access.staff(request, "operator")
        return host.pages.render(request, "parked.html", actor=actor, services=SERVICES)
