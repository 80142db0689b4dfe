"""Intake's pages: today, the cases, one case as one story, people, hosts and places.

Guarantee: staff see the cases of their units, and every page that shows a name writes down the look in the
transaction of the look. Other services' parts are joined by the browser, so that one that is down leaves a
gap and not a broken page. Forms post to the command door; nothing is changed here.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from fastapi import Request
from starlette.responses import JSONResponse, Response

from services.intake import queries, signing_in, staff_pages, typed_in
from services.intake.api import case_seen, person_seen, standing_of
from services.intake.documents import CaseFile
from services.intake.register_api import units_asked
from services.intake.rules import add_working_days, asked_steps, done_on, earliest
from services.intake.sealing import Secrets
from services.intake.settling import rules_of, today_in
from services.intake.wording import programme_words, programmes_of, unit_options
from shared.contracts.model import STAFF
from shared.hosting import Host
from shared.problems import Problem

SERVICES = ("intake", "matching", "followup", "notifications")
STATES = ("preparing", "ready", "matched", "started", "paused", "ended", "withdrawn")
TODAY_AT_MOST = 30


def mount(host: Host, secrets: Secrets) -> None:
    """Add the pages, and the parts that other pages join."""
    signing_in.mount(host)
    typed_in.mount(host)
    staff_pages.mount(host)
    _today(host)
    _cases(host)
    _case(host)
    _people(host, secrets)
    _hosts(host)


def _today(host: Host) -> None:
    app, access = host.app, host.access

    @app.get("/", include_in_schema=False)
    async def today(request: Request) -> Response:
        actor = access.staff(request)
        return host.pages.render(request, "today.html", actor=actor, services=SERVICES)

    @app.get("/intake/parked", include_in_schema=False)
    async def parked(request: Request) -> Response:
        actor = access.staff(request, "operator")
        return host.pages.render(request, "parked.html", actor=actor, services=SERVICES)

    @app.get("/intake/fragments/today", include_in_schema=False)
    async def part(request: Request) -> Response:
        actor = access.staff(request)
        async with host.pool.acquire() as connection:
            units = actor.units if actor.roles & STAFF else ()
            waiting = await queries.cases_to_prepare(connection, units, TODAY_AT_MOST)
        language = host.pages.language(request, actor)
        items = [_due(host, stored.case, language) for stored in waiting]
        items.sort(key=lambda item: item["due_at"])
        if "application/json" in request.headers.get("accept", ""):
            return JSONResponse([item | {"due_at": item["due_at"].isoformat()} for item in items])
        return host.pages.render(request, "today_part.html", actor=actor, items=items)


def _due(host: Host, case: CaseFile, language: str) -> dict[str, Any]:
    """The next step of a case, due its usual time after the case came to it."""
    programmes = host.service.programmes
    rules, unit = rules_of(case, programmes), programmes.unit(case.unit)
    today = today_in(case.unit, programmes, host.service.clock())
    missing = [one for one in asked_steps(case, rules, today) if done_on(case, one, today) is None]
    possible = [one for one in missing if all(_is_done(case, rules, code, today) for code in one.after)]
    step = (possible or missing)[0]
    came_to_it = max([today_in(case.unit, programmes, case.opened_at), *(done.on for done in case.done)])
    due_on = add_working_days(came_to_it, step.lead_days, unit.country)
    late = (due_on - today).days
    return {
        "text": programmes.codes.words("steps", step.code, language),
        "programme": rules.words[language].placement if language in rules.words else case.programme,
        "person_id": str(case.person_id),
        "due_at": due_on,
        "urgency": "overdue" if late < 0 else "today" if late == 0 else "soon" if late <= 7 else "later",
        "href": f"/intake/cases/{case.id}",
    }


def _is_done(case: CaseFile, rules: Any, code: str, today: date) -> bool:
    step = rules.step(code)
    return step is None or done_on(case, step, today) is not None


def _cases(host: Host) -> None:
    @host.app.get("/intake/cases", include_in_schema=False)
    async def cases(
        request: Request, unit: str = "", state: str = "", q: str = "", cursor: str | None = None
    ) -> Response:
        actor = host.access.staff(request, *STAFF)
        async with host.pool.acquire() as connection, connection.transaction():
            try:
                found = await queries.cases(
                    connection, units_asked(actor, unit or None), state=state, q=q.strip(), cursor=cursor
                )
            except ValueError:
                raise Problem(422, "does_not_fit", field="cursor") from None
            people = [case.person_id for case, _, _ in found.rows]
            await queries.note_look(connection, actor, "case_list", people, host.service.clock())
        following = request.url.include_query_params(cursor=found.next).query if found.next else None
        return host.pages.render(
            request,
            "cases.html",
            actor=actor,
            rows=[(case, name) for case, _, name in found.rows],
            more_at=f"/intake/cases?{following}" if following else None,
            units=unit_options(host.service.programmes, actor.units),
            states=STATES,
            asked={"unit": unit, "state": state, "q": q},
            programme_words=programme_words(host.service.programmes),
        )


def _case(host: Host) -> None:
    app, access = host.app, host.access

    @app.get("/intake/cases/{case_id}", include_in_schema=False)
    async def case(request: Request, case_id: UUID) -> Response:
        actor = access.staff(request, *STAFF)
        async with host.pool.acquire() as connection, connection.transaction():
            stored = await case_seen(host, connection, actor, case_id)
            person = await person_seen(host, connection, actor, stored.case.person_id, "case_page")
            others = await queries.cases_of_person(connection, person.id, actor.units)
        found, programmes = stored.case, host.service.programmes
        unit, today = programmes.unit(found.unit), today_in(found.unit, programmes, host.service.clock())
        steps = standing_of(host, found)
        is_open = found.state not in ("ended", "withdrawn")
        return host.pages.render(
            request,
            "case.html",
            actor=actor,
            unit=found.unit,
            unit_name=unit.name,
            unit_language=unit.languages[0],
            case=found,
            version=stored.version,
            person=person,
            rules=rules_of(found, programmes),
            programme_words=programme_words(host.service.programmes),
            possible=[one for one in steps if one.is_possible_now] if is_open else [],
            waiting=[one for one in steps if one.waits_on and not one.is_done] if is_open else [],
            done=[one for one in steps if one.is_done],
            earliest_start_on=earliest(found, steps, unit.country, today, "match", "start"),
            today=today,
            is_open=is_open,
            other_cases=[other.case for other in others if other.case.id != found.id],
        )

    @app.get("/intake/fragments/cases/{case_id}", include_in_schema=False)
    async def part(request: Request, case_id: UUID) -> Response:
        actor = access.staff(request, *STAFF)
        async with host.pool.acquire() as connection:
            stored = await case_seen(host, connection, actor, case_id)
            told = await queries.story(connection, case_id)
        if "application/json" in request.headers.get("accept", ""):
            items = [
                {"type": type_, "at": at.isoformat(), "href": f"/intake/cases/{case_id}"}
                for type_, at, _ in told
            ]
            return JSONResponse(items)
        return host.pages.render(
            request, "case_part.html", actor=actor, unit=stored.case.unit, told=_story(told), case=stored.case
        )


SHOWN_AS = {
    "CaseReady": "ready",
    "StartCleared": "cleared",
    "StartHeld": "due",
    "CasePaused": "paused",
    "CaseWithdrawn": "withdrawn",
    "CaseClosed": "completed",
}
REASONS = {
    "CasePaused": "pause_reasons",
    "CaseWithdrawn": "withdraw_reasons",
    "StartHeld": "start_held_reasons",
}


def _story(told: list[tuple[str, datetime, dict[str, Any]]]) -> list[dict[str, Any]]:
    """The journal as items of a story, the latest first: the words stand in the template."""
    return [
        {
            "at": at,
            "type": type_,
            "round": body.get("round", 1),
            "reason": body.get("reason"),
            "reasons": REASONS.get(type_),
            "state": SHOWN_AS.get(type_),
            "by": body.get("caseworker") if type_ == "CaseAssigned" else None,
        }
        for type_, at, body in reversed(told)
    ]


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


def _hosts(host: Host) -> None:
    @host.app.get("/intake/hosts", include_in_schema=False)
    async def hosts(request: Request) -> Response:
        actor = host.access.staff(request, *STAFF)
        programmes = host.service.programmes
        async with host.pool.acquire() as connection:
            found = {
                table: await queries.listed(connection, table, actor.units, limit=500)
                for table in ("host", "mentor", "place")
            }
        return host.pages.render(
            request,
            "hosts.html",
            actor=actor,
            hosts=sorted((one for one, _ in found["host"].rows), key=lambda one: one.name.lower()),
            mentors=[one for one, _ in found["mentor"].rows],
            places=[(one, version) for one, version in found["place"].rows if one.state == "offered"],
            units=unit_options(programmes, actor.units),
            programmes=programmes_of(programmes, actor.units),
            programme_words=programme_words(host.service.programmes),
        )
