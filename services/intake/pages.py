"""Intake's pages, put together: the front page, people, and what stands in modules of its own.

Guarantee: staff see the cases of their units, and every page that shows a name writes down the look in the
transaction of the look. Other services' parts are joined by the browser, so that one that is down leaves a
gap and not a broken page. Forms post to the command door; nothing is changed here.
"""

from __future__ import annotations

from uuid import UUID

from fastapi import Request
from starlette.responses import Response

from services.intake import (
    case_list,
    case_page,
    due_pages,
    queries,
    register_pages,
    signing_in,
    staff_pages,
    today,
    typed_in,
)
from services.intake.api import person_seen
from services.intake.sealing import Secrets
from services.intake.wording import programme_words
from shared.contracts.model import STAFF
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
    _people(host, secrets)
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


def _people(host: Host, secrets: Secrets) -> None:
    @host.app.get("/intake/people/{person_id}", include_in_schema=False)
    async def person(request: Request, person_id: UUID) -> Response:
        actor = host.access.staff(request, *STAFF)
        async with host.pool.acquire() as connection, connection.transaction():
            found = await person_seen(host, connection, actor, person_id, "person_page")
            cases = await queries.cases_of_person(connection, person_id, actor.units)
            looks = await queries.looks(connection, person_id, None, 20)
        return host.pages.render(
            request,
            "person.html",
            actor=actor,
            person=found,
            national_id=secrets.open(found.national_id) if found.national_id else None,
            cases=[stored.case for stored in cases],
            looks=looks.rows,
            programme_words=programme_words(host.service.programmes),
        )
