"""A person's page: who they are, what can be done about it, who has looked, and all that is held on them.

Guarantee: every look is written down in the transaction of the look; whoever may not see a person is told so,
and may break the glass. Forms post to the command door; nothing is changed here.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from fastapi import Request
from starlette.responses import JSONResponse, Response

from services.intake import exporting, queries, seeing
from services.intake.api import SEES_NAMES, person_seen, with_reasons
from services.intake.documents import Person
from services.intake.erasing import RUNNING
from services.intake.people_rows import merged_of
from services.intake.sealing import Secrets
from services.intake.similar import perhaps_the_same
from services.intake.wording import programme_words
from shared.contracts.model import STAFF
from shared.contracts.people_commands import CASEWORK
from shared.hosting import Host
from shared.messages import Actor
from shared.problems import Problem

UNSEEN = ("protected_person", "other_unit", "not_allowed")


def mount(host: Host, secrets: Secrets) -> None:
    """Add the page, the export's page, and the export for programs."""
    _person(host, secrets)
    _export(host, secrets)


def behind_glass(host: Host, request: Request, actor: Actor, person_id: UUID) -> Response:
    """The page of somebody whom the reader may not see: why not, and how to look all the same."""
    return host.pages.render(
        request,
        "protected.html",
        actor=actor,
        status=403,
        person_id=person_id,
        return_to=request.url.path,
    )


def _person(host: Host, secrets: Secrets) -> None:
    @host.app.get("/intake/people/{person_id}", include_in_schema=False)
    async def person(request: Request, person_id: UUID) -> Response:
        actor = host.access.staff(request, *SEES_NAMES)
        try:
            async with host.pool.acquire() as connection, connection.transaction():
                found = await person_seen(host, connection, actor, person_id, "person_page")
                cases = await queries.cases_of_person(connection, found.id, actor.units)
                merged = await merged_of(connection, found.id)
                looks = await queries.looks(connection, [found.id, *merged], None, 20)
                version = await queries.version_of_person(connection, found.id)
                alike = await perhaps_the_same(connection, found, actor.units)
                unseen = await seeing.hidden(host, connection, actor, [one.id for one in alike])
                alike = [one for one in alike if one.id not in unseen]
                people = [one.id for one in alike]
                if people:
                    await queries.note_look(
                        connection, actor, "perhaps_the_same", people, host.service.clock()
                    )
        except Problem as problem:
            if problem.code in UNSEEN:
                return behind_glass(host, request, actor, person_id)
            raise
        return host.pages.render(
            request,
            "person.html",
            actor=actor,
            person=found,
            national_id=secrets.open(found.national_id) if found.national_id else None,
            cases=[stored.case for stored in cases],
            own_cases=[stored.case for stored in cases if stored.case.person_id == found.id],
            is_running=any(stored.case.state in RUNNING for stored in cases),
            looks=with_reasons(looks.rows, found),
            alike=alike,
            version=version,
            may_merge=bool(actor.roles & CASEWORK),
            programme_words=programme_words(host.service.programmes),
        )


def _export(host: Host, secrets: Secrets) -> None:
    async def read(request: Request, person_id: UUID) -> tuple[dict[str, Any], list[Person]]:
        actor = host.access.staff(request, *STAFF)
        async with host.pool.acquire() as connection, connection.transaction():
            found = await person_seen(host, connection, actor, person_id, "export")
            held = await exporting.held_on(connection, found, secrets)
            # A referral as it came names the guardian too.
            named = {UUID(one["guardian_id"]) for one in held["cases"] if one["guardian_id"]}
            if unseen := await seeing.hidden(host, connection, actor, named):
                for referral in held["referrals"]:
                    referral["as_it_came"].pop("guardian", None)
            if seen := named - unseen:
                await queries.note_look(connection, actor, "export", seen, host.service.clock())
            guardians = [await queries.person(connection, one) for one in sorted(seen, key=int)]
            return held, [one for one in guardians if one is not None]

    @host.app.get("/intake/api/people/{person_id}/export", tags=["reading"], response_model=None)
    async def export(request: Request, person_id: UUID) -> Response:
        """All that intake holds on somebody, opened; and where the other services tell their parts."""
        held, _ = await read(request, person_id)
        return JSONResponse(held)

    @host.app.get("/intake/people/{person_id}/export", include_in_schema=False)
    async def page(request: Request, person_id: UUID) -> Response:
        actor = host.access.staff(request, *STAFF)
        try:
            found, guardians = await read(request, person_id)
        except Problem as problem:
            if problem.code in UNSEEN:
                return behind_glass(host, request, actor, person_id)
            raise
        person = found.pop("person")
        found.pop("parts")
        return host.pages.render(
            request,
            "person_export.html",
            actor=actor,
            person=person,
            guardians=guardians,
            held=found,
            services=exporting.OTHERS,
        )
