"""A case as one story with what to do next on top, and the page that says why it has not begun yet.

Guarantee: staff see the cases of their units, and every look at a name is written down in the transaction of
the look. Other services' parts are joined by the browser, so that one that is down leaves a gap and not a
broken page. Forms post to the command door; nothing is changed here.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from uuid import UUID

from fastapi import Request
from starlette.responses import JSONResponse, Response

from services.intake import queries, seeing, staff_queries
from services.intake.api import case_seen, person_seen, rules_for, standing_of
from services.intake.case_list_queries import OPEN
from services.intake.documents import CaseFile
from services.intake.people_pages import UNSEEN, behind_glass
from services.intake.rules import Standing
from services.intake.similar import perhaps_the_same
from services.intake.staff_pages import colleague_options
from services.intake.why import why_not_yet
from services.intake.wording import programme_words
from shared.contracts.model import STAFF
from shared.hosting import Host
from shared.problems import Problem

OTHER_SERVICES = ("matching", "followup", "notifications")


def mount(host: Host) -> None:
    """Add the case's page, "why not yet", and the part that tells intake's story."""
    _case(host)
    _why_not_yet(host)
    _part(host)


def _case(host: Host) -> None:
    @host.app.get("/intake/cases/{case_id}", include_in_schema=False)
    async def case(request: Request, case_id: UUID) -> Response:
        actor = host.access.staff(request, *STAFF)
        async with host.pool.acquire() as connection, connection.transaction():
            try:
                stored = await case_seen(host, connection, actor, case_id)
            except Problem as problem:
                behind = await queries.case(connection, case_id)
                if problem.code in UNSEEN and behind is not None:
                    return behind_glass(host, request, actor, behind.case.person_id)
                raise
            found = stored.case
            person = await person_seen(host, connection, actor, found.person_id, "case_page")
            guardian, guardian_unseen = None, False
            if found.guardian_id is not None:
                hidden = await seeing.hidden(host, connection, actor, [found.guardian_id])
                guardian_unseen = bool(hidden)
            if found.guardian_id is not None and not guardian_unseen:
                guardian = await person_seen(host, connection, actor, found.guardian_id, "case_page")
            others = await queries.cases_of_person(connection, person.id, actor.units)
            alike = await perhaps_the_same(connection, person, actor.units)
            unseen = await seeing.hidden(host, connection, actor, [one.id for one in alike])
            alike = [one for one in alike if one.id not in unseen]
            if alike:
                people = [one.id for one in alike]
                await queries.note_look(connection, actor, "perhaps_the_same", people, host.service.clock())
            colleagues = await staff_queries.colleagues(connection, {found.unit})
        rules, country, today = rules_for(host, found)
        unit = host.service.programmes.unit(found.unit)
        steps = standing_of(host, found)
        is_open = found.state in OPEN
        why = why_not_yet(found, rules, country, today)
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
            guardian=guardian,
            guardian_unseen=guardian_unseen,
            said_otherwise={
                name: value for name, value in found.referral_says.items() if getattr(person, name) != value
            },
            rules=rules,
            programme_words=programme_words(host.service.programmes),
            possible=_in_order(found, [one for one in steps if one.is_possible_now]) if is_open else [],
            waiting=[one for one in steps if one.waits_on and not one.is_done] if is_open else [],
            done=[one for one in steps if one.is_done],
            why=why,
            slowest=slowest(why, found, today),
            today=today,
            is_open=is_open,
            other_cases=[other.case for other in others if other.case.id != found.id],
            alike=alike,
            colleagues=colleague_options(colleagues, actor),
            services=OTHER_SERVICES,
        )


def _why_not_yet(host: Host) -> None:
    @host.app.get("/intake/cases/{case_id}/why-not-yet", include_in_schema=False)
    async def why(request: Request, case_id: UUID) -> Response:
        actor = host.access.staff(request, *STAFF)
        async with host.pool.acquire() as connection, connection.transaction():
            stored = await case_seen(host, connection, actor, case_id)
            person = await person_seen(host, connection, actor, stored.case.person_id, "why_not_yet")
        rules, country, today = rules_for(host, stored.case)
        answer = why_not_yet(stored.case, rules, country, today)
        return host.pages.render(
            request,
            "why_not_yet.html",
            actor=actor,
            unit=stored.case.unit,
            case=stored.case,
            person=person,
            why=answer,
            slowest=slowest(answer, stored.case, today),
            parts=[
                (before, steps)
                for before in ("match", "start")
                if (steps := [one for one in answer["steps"] if one["before"] == before])
            ],
            done=[one for one in standing_of(host, stored.case) if one.is_done],
            is_open=stored.case.state in OPEN,
            programme_words=programme_words(host.service.programmes),
            today=today,
        )


def _in_order(case: CaseFile, steps: list[Standing]) -> list[Standing]:
    """What can be done now, the first due first, as the lists have it."""
    place = {one.step: number for number, one in enumerate(case.open_steps)}
    return sorted(steps, key=lambda one: place.get(one.step.code, len(place)))


def slowest(why: Mapping[str, Any], case: CaseFile, today: date) -> dict[str, Any] | None:
    """The step that the earliest start waits for longest, and how it is said; None where nothing is missing
    or the case rests.

    `says` is the key of the sentence: a certificate that can be ordered today, or from a later day, or
    that is ordered; another step; or the candidate's own first day.
    """
    if why["rests"]:
        return None
    steps = {one["code"]: one for one in why["steps"]}
    chain = [steps[code] for code in why["longest_chain"] if code in steps]
    last = max((one["earliest_on"] for one in steps.values()), default=None)
    first_day = case.profile.available_from
    if first_day is not None and why["earliest_start_on"] == first_day.isoformat() != last:
        return {"says": "available_from", "day": first_day.isoformat(), "code": None, "from": None}
    if not chain:
        return None
    ends = [date.fromisoformat(one["earliest_on"]) for one in chain]
    held_up = [(end - before).days for before, end in zip([today, *ends], ends, strict=False)]
    step = chain[held_up.index(max(held_up))]
    says, begins = "step", None
    if step["kind"] == "certificate":
        begins = step["ordered_on"] or step["order_from"]
        says = "ordered" if step["ordered_on"] else "order_now" if step["is_possible_now"] else "order_later"
    return {"says": says, "day": step["earliest_on"], "code": step["code"], "from": begins}


def _part(host: Host) -> None:
    @host.app.get("/intake/fragments/cases/{case_id}", include_in_schema=False)
    async def part(request: Request, case_id: UUID) -> Response:
        actor = host.access.staff(request, *STAFF)
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
    "CertificateDue": "due",
    "CertificateLapsed": "overdue",
    "CasePaused": "paused",
    "CaseWithdrawn": "withdrawn",
    "CaseClosed": "completed",
}
REASONS = {
    "CasePaused": ("pause_reasons", "reason"),
    "CaseWithdrawn": ("withdraw_reasons", "reason"),
    "CaseClosed": ("close_reasons", "reason"),
    "StartHeld": ("start_held_reasons", "reason"),
    "CertificateDue": ("certificates", "kind"),
    "CertificateLapsed": ("certificates", "kind"),
}


def _story(told: list[tuple[str, datetime, dict[str, Any]]]) -> list[dict[str, Any]]:
    """The journal as items of a story, the latest first: the words stand in the template."""
    return [
        {
            "at": at,
            "type": type_,
            "round": body.get("round", 1),
            "reason": body.get(REASONS[type_][1]) if type_ in REASONS else None,
            "reasons": REASONS[type_][0] if type_ in REASONS else None,
            "state": SHOWN_AS.get(type_),
            "by": body.get("caseworker") if type_ == "CaseAssigned" else None,
        }
        for type_, at, body in reversed(told)
    ]
