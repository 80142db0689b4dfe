"""Reading intake over HTTP: cases and why they have not begun, people and who looked at them, places.

Guarantee: staff of the daily work see the cases and people of their own units, and every look at an identity
is written down in the transaction of the look. Commands come by the doors of `shared.commands` and `door`.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

from fastapi import FastAPI, Request
from starlette.responses import FileResponse, JSONResponse, Response

from services.intake import door, queries, register_api, seeing, staff_api, staff_queries
from services.intake.documents import CaseFile, Person
from services.intake.people import GLASS_IS_OPEN
from services.intake.people_rows import merged_of
from services.intake.queries import StoredCase
from services.intake.register_api import units_asked
from services.intake.rules import Standing, standings
from services.intake.sealing import Secrets
from services.intake.settling import rules_of, today_in, today_of
from services.intake.similar import perhaps_the_same
from services.intake.why import all_steps, why_not_yet
from shared import contracts
from shared.access import NotAllowed
from shared.commands import body_of
from shared.contracts.model import STAFF
from shared.hosting import Host
from shared.messages import Actor
from shared.postgres import Connection
from shared.problems import Problem
from shared.programmes import Rules

SEES_NAMES = STAFF | {"network", "psychologist"}
MOST_NAMES_AT_ONCE = 500
ASYNCAPI = Path(str(contracts.__file__)).parent / "asyncapi.json"


async def caseworkers_asked(
    host: Host, connection: Connection, actor: Actor, caseworker: UUID | None, *, mine: bool
) -> Collection[UUID] | None:
    """Whose cases a list is about; None for everybody's."""
    if not mine:
        return None if caseworker is None else (caseworker,)
    if actor.person_id is None:
        return ()
    today = today_of(actor.units, host.service.programmes, host.service.clock())
    return await staff_queries.whose_cases(connection, actor.person_id, actor.units, today)


async def case_seen(host: Host, connection: Connection, actor: Actor, case_id: UUID) -> StoredCase:
    """A case of the actor's units. Raises `Problem` 404 or 403."""
    stored = await queries.case(connection, case_id)
    if stored is None:
        raise Problem(404, "not_found")
    person = await queries.person(connection, stored.case.person_id)
    looked = person is not None and seeing.glass_is_open(person, actor, host.service.clock())
    if stored.case.unit not in actor.units and not looked:
        raise Problem(403, "other_unit")
    if person is not None and await seeing.hidden(host, connection, actor, [person.id]):
        raise Problem(403, "protected_person")
    return stored


async def person_seen(
    host: Host, connection: Connection, actor: Actor, person_id: UUID, at_what: str
) -> Person:
    """A person whom the actor may see, and the look written down. Raises `Problem` 404 or 403."""
    person = await person_visible(host, connection, actor, person_id)
    await queries.note_look(connection, actor, at_what, [person_id, person.id], host.service.clock())
    return person


async def person_visible(host: Host, connection: Connection, actor: Actor, person_id: UUID) -> Person:
    """A person whom the actor may see; for what shows no identity. Raises `Problem` 404 or 403.

    Whoever was merged into another is the other; whose glass is broken may be of another unit.
    """
    person = await queries.person(connection, person_id)
    if person is not None and person.merged_into is not None:
        person = await queries.person(connection, person.merged_into)
    if person is None:
        raise Problem(404, "not_found")
    if not seeing.glass_is_open(person, actor, host.service.clock()):
        if not actor.roles & STAFF:
            raise Problem(403, "not_allowed")
        if not await queries.units_of_person(connection, person.id) & actor.units:
            raise Problem(403, "other_unit")
        if await seeing.hidden(host, connection, actor, [person.id]):
            raise Problem(403, "protected_person")
    return person


def with_reasons(rows: list[dict[str, Any]], person: Person) -> list[dict[str, Any]]:
    """The looks; beside the breaking of the glass stands why it was broken."""
    why = {(one.subject, (one.until - GLASS_IS_OPEN).isoformat()): one.reason for one in person.glass}
    return [
        {**row, "reason": why.get((row["subject"], row["at"]))} if row["at_what"] == "break_glass" else row
        for row in rows
    ]


def standing_of(host: Host, case: CaseFile) -> tuple[Standing, ...]:
    """How the steps of the case's present round stand today."""
    return standings(case, *rules_for(host, case))


def rules_for(host: Host, case: CaseFile) -> tuple[Rules, str, date]:
    """What a case's preparation is held against: its rules, the unit's country, and the unit's day."""
    programmes = host.service.programmes
    today = today_in(case.unit, programmes, host.service.clock())
    return rules_of(case, programmes), programmes.unit(case.unit).country, today


def case_json(case: CaseFile, version: int) -> dict[str, Any]:
    """A case without anybody's name."""
    shown = case.model_dump(
        mode="json",
        include={
            *(
                "state",
                "unit",
                "programme",
                "rules_version",
                "round",
                "person_id",
                "guardian_id",
                "caseworker",
            ),
            *("opened_at", "referred_on", "channel", "target_group", "situation", "groups", "waiting_since"),
            *("cleared", "paused_from", "reason"),
        },
    )
    return {"case_id": str(case.id), "version": version, **shown}


def mount(host: Host, secrets: Secrets) -> None:
    """Add the reading routes under `/intake/api/` and the AsyncAPI document."""
    door.mount(host)
    _cases(host)
    _people(host, secrets)
    staff_api.mount(host)
    register_api.mount(host)
    _asyncapi(host.app)


def _cases(host: Host) -> None:
    app, access = host.app, host.access

    @app.get("/intake/api/cases", tags=["reading"], response_model=None)
    async def cases(
        request: Request,
        unit: str | None = None,
        state: str | None = None,
        q: str | None = None,
        cursor: str | None = None,
        mine: bool = False,
        caseworker: UUID | None = None,
    ) -> Response:
        """Cases of the actor's units, newest first; `q` is a part of a name, or a reference. `mine` are the
        actor's own, and those of whom they stand in for today."""
        actor = access.staff(request, *STAFF)
        async with host.pool.acquire() as connection, connection.transaction():
            whose = await caseworkers_asked(host, connection, actor, caseworker, mine=mine)
            unseen = await seeing.hidden(host, connection, actor) if q else frozenset()
            found = await queries.cases(
                connection,
                units_asked(actor, unit),
                state=state,
                q=q,
                caseworkers=whose,
                cursor=cursor,
                unseen=unseen,
            )
            if q:
                # Whom a name finds tells the name.
                people = [case.person_id for case, _, _ in found.rows]
                await queries.note_look(connection, actor, "search", people, host.service.clock())
        shown = [case_json(case, version) for case, version, _ in found.rows]
        return JSONResponse({"cases": shown, "next": found.next})

    @app.get("/intake/api/cases/{case_id}", tags=["reading"], response_model=None)
    async def case(request: Request, case_id: UUID) -> Response:
        """One case, how its preparation stands, and who the candidate perhaps is besides."""
        actor = access.staff(request, *STAFF)
        async with host.pool.acquire() as connection, connection.transaction():
            stored = await case_seen(host, connection, actor, case_id)
            person = await queries.person(connection, stored.case.person_id)
            alike = await perhaps_the_same(connection, person, actor.units) if person else []
        found, version = stored
        more = found.model_dump(
            mode="json",
            include={
                *("profile", "presentation", "foreign_qualification", "foreign_recognition", "goals"),
                *("consents", "certificates", "experience", "education", "education_level", "interests"),
                *("options", "parallel_activities", "job_in_prospect", "of_age_on", "done"),
            },
        )
        match = found.match.model_dump(mode="json") if found.match else None
        rules = rules_for(host, found)
        beside = {
            "match": match,
            "steps": all_steps(found, *rules),
            "perhaps_the_same": sorted(str(one.id) for one in alike),
            "short_of_labour": list(rules[0].short_of_labour),
        }
        return JSONResponse({**case_json(found, version), **more, **beside})

    @app.get("/intake/api/cases/{case_id}/why-not-yet", tags=["reading"], response_model=None)
    async def why(request: Request, case_id: UUID) -> Response:
        """What is missing before a match and a start, and the earliest day for each."""
        actor = access.staff(request, *STAFF)
        async with host.pool.acquire() as connection:
            stored = await case_seen(host, connection, actor, case_id)
        return JSONResponse(why_not_yet(stored.case, *rules_for(host, stored.case)))


def _people(host: Host, secrets: Secrets) -> None:
    app, access = host.app, host.access

    @app.get("/intake/api/people/{person_id}", tags=["reading"], response_model=None)
    async def person(request: Request, person_id: UUID) -> Response:
        """Who somebody is; the look is written down. Beside the staff of the daily work, whoever broke the
        glass."""
        actor = access.staff(request, *SEES_NAMES)
        async with host.pool.acquire() as connection, connection.transaction():
            found = await person_seen(host, connection, actor, person_id, "person")
            cases = await queries.cases_of_person(connection, found.id, actor.units)
        shown = found.model_dump(mode="json", exclude={"id", "national_id", "contact_version"})
        national_id = secrets.open(found.national_id) if found.national_id else None
        listed = [{"case_id": str(case.id), "state": case.state, "unit": case.unit} for case, _ in cases]
        return JSONResponse(
            {"person_id": str(found.id), **shown, "national_id": national_id, "cases": listed}
        )

    @app.get("/intake/api/people/{person_id}/audit", tags=["reading"], response_model=None)
    async def audit(request: Request, person_id: UUID, cursor: str | None = None) -> Response:
        """Who has looked at somebody, the latest first; whoever broke the glass, with the reason."""
        actor = access.staff(request, *STAFF)
        async with host.pool.acquire() as connection, connection.transaction():
            known = await queries.person(connection, person_id)
            is_now = known.merged_into or known.id if known is not None else person_id
            if not await queries.units_of_person(connection, is_now) & actor.units:
                raise Problem(404, "not_found")
            found_person = await person_visible(host, connection, actor, is_now)
            ids = [is_now, *await merged_of(connection, is_now)]
            found = await queries.looks(connection, ids, cursor)
        return JSONResponse({"looks": with_reasons(found.rows, found_person), "next": found.next})

    @app.post("/intake/api/people/names", tags=["reading"], response_model=None)
    async def names(request: Request) -> Response:
        """Names for ids; one call is one look. A party's link gives those of its own agreed match."""
        actor = access.actor(request)
        ids = await _ids(request)
        async with host.pool.acquire() as connection, connection.transaction():
            if actor.kind == "party" and actor.person_id is not None and actor.question is not None:
                found = await queries.names_of_match(connection, ids, actor.person_id, actor.question)
            elif actor.kind == "staff" and actor.roles & SEES_NAMES:
                now = host.service.clock()
                found = await queries.names_behind_glass(connection, ids, actor, now)
                found |= await queries.names(connection, ids, actor.units)
            else:
                raise NotAllowed
            unseen = (
                await seeing.hidden(host, connection, actor, ids) if actor.kind == "staff" else frozenset()
            )
            seen = [UUID(id_) for id_ in found if UUID(id_) not in unseen]
            await queries.note_look(connection, actor, "names", seen, host.service.clock())
            marked = await queries.protected_of(connection, seen) if actor.kind == "staff" else []
        word = host.pages.words(host.pages.language(request, actor))(seeing.NAME_OF_A_PROTECTED)
        shown = {id_: word if UUID(id_) in unseen else name for id_, name in found.items()}
        return JSONResponse({"names": shown} | ({"protected": marked} if marked else {}))


async def _ids(request: Request) -> list[UUID]:
    try:
        ids = json.loads(await body_of(request))["ids"]
        if not isinstance(ids, list) or len(ids) > MOST_NAMES_AT_ONCE:
            raise ValueError
        return [UUID(id_) for id_ in ids]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise Problem(422, "does_not_fit", field="ids", detail=f"at most {MOST_NAMES_AT_ONCE} ids") from None


def _asyncapi(app: FastAPI) -> None:
    @app.get("/asyncapi.json", include_in_schema=False)
    @app.get("/intake/asyncapi.json", include_in_schema=False)
    async def asyncapi() -> Response:
        return FileResponse(ASYNCAPI, media_type="application/json")
