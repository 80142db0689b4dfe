"""Pages on how pools stand: figures, what if, and choosing a place for a case by hand.

Guarantee: a page only reads, and a form only posts a command; names are the browser's to ask intake for.
"""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from fastapi import Request
from pydantic import ValidationError
from starlette.responses import RedirectResponse, Response

from services.matching import queries
from services.matching.answering import about_place
from services.matching.api import own_case
from services.matching.documents import CaseFile, Place
from services.matching.effects import candidate_of, offered_of
from services.matching.insight import (
    READERS,
    Read,
    WhatIf,
    cost,
    fits_codes,
    overview_of,
    read,
    wanted,
    what_if,
)
from services.matching.solver.edges import broken, reasons
from shared.forms import document_of
from shared.hosting import Host
from shared.messages import Actor
from shared.problems import Problem, of_validation

MOST_PLACES = 50
MOST_ON_A_SHEET = 5


def mount(host: Host) -> None:
    """Add the pages."""
    app, access = host.app, host.access

    @app.get("/matching/overview", include_in_schema=False)
    async def page(request: Request, unit: str = "", programme: str = "") -> Response:
        actor = access.staff(request, *READERS)
        pools = pools_of(host, actor)
        if not pools:
            raise Problem(404, "not_found")
        chosen = (unit, programme) if (unit, programme) in pools else pools[0]
        pool = await read(host, actor, *chosen)
        failed_at, kinds = await queries.failed_at(host.pool, *chosen), None
        if failed_at is None:  # What would help is found by solving the pool.
            try:
                kinds = await wanted(host, pool)
            except Problem:
                failed_at = host.service.clock()
        return host.pages.render(
            request,
            "overview.html",
            actor=actor,
            unit=chosen[0],
            unit_id=chosen[0],
            programme=chosen[1],
            pools=[(f"{u}|{p}", label_of(host, request, actor, u, p)) for u, p in pools],
            overview=await overview_of(host, pool),
            failed_at=failed_at,
            kinds=kinds,
            limit_days=pool.asking.rules.waiting_limit_days,
        )

    @app.get("/matching/overview/choose", include_in_schema=False)
    async def choose(request: Request, pool: str = "") -> Response:
        unit, _, programme = pool.partition("|")
        return RedirectResponse(
            "/matching/overview?" + urlencode({"unit": unit, "programme": programme}), 303
        )

    @app.post("/matching/what-if", include_in_schema=False)
    async def asked_on_a_page(request: Request) -> Response:
        actor = access.staff(request, *READERS)
        _, fields = document_of(await request.form())
        try:
            asked = WhatIf.model_validate(
                {"unit": fields.pop("unit", ""), "programme": fields.pop("programme", ""), "places": [fields]}
            )
        except ValidationError as error:
            raise Problem(422, "does_not_fit", errors=of_validation(error)) from None
        pool = await read(host, actor, asked.unit, asked.programme)
        fits_codes(host, asked)
        found = await what_if(host, pool, asked)
        people = {case.id: case for case in pool.waiting}
        return host.pages.render(
            request,
            "what_if.html",
            actor=actor,
            unit=asked.unit,
            unit_id=asked.unit,
            programme=asked.programme,
            label=label_of(host, request, actor, asked.unit, asked.programme),
            asked=asked.places[0],
            found=found,
            gained=[people[one] for one in found.gained if one in people],
            lost=[people[one] for one in found.lost if one in people],
            waiting=len(pool.waiting),
        )

    @app.get("/matching/cases/{case_id}/choose", include_in_schema=False)
    async def choose_place(request: Request, case_id: UUID, place_id: UUID | None = None) -> Response:
        """The places for a case, what speaks against each, and the cost of the one that is looked at."""
        actor = access.staff(request, *READERS)
        case = await own_case(host, actor, case_id)
        pool = await read(host, actor, case.unit, case.programme)
        rows = await asyncio.to_thread(rows_of, case, pool)
        looked_at = next((row for row in rows if row[0].id == place_id), None)
        possible = case.state in ("waiting", "proposed") and looked_at is not None and looked_at[0].free
        found = await cost(host, pool, case, looked_at[0]) if looked_at and possible else None
        return host.pages.render(
            request,
            "choose.html",
            actor=actor,
            unit=case.unit,
            case=case,
            rows=rows[:MOST_PLACES],
            looked_at=looked_at,
            cost=found,
            may=found is not None and all(set(who) & actor.roles for who in found.who_may.values()),
        )

    @app.get("/matching/cases/{case_id}/sheet", include_in_schema=False)
    async def sheet(request: Request, case_id: UUID) -> Response:
        """A few places that fit, in plain words, to look at together with the candidate and to print."""
        actor = access.staff(request, *READERS)
        case = await own_case(host, actor, case_id)
        pool = await read(host, actor, case.unit, case.programme)
        places = await asyncio.to_thread(best_for, case, pool)
        return host.pages.render(request, "sheet.html", actor=actor, unit=case.unit, case=case, places=places)


def best_for(case: CaseFile, pool: Read) -> list[tuple[dict[str, Any], list[str]]]:
    """The places that suit a case best, as a candidate is told of them, with what speaks for each."""
    own = candidate_of(case)
    fitting = [
        (reasons(own, offered_of(place), pool.asking), place)
        for place, against in rows_of(case, pool)
        if not against
    ]
    fitting.sort(key=lambda one: -sum(reason.points for reason in one[0]))
    return [
        (about_place(place, case), [reason.code for reason in why if reason.code != "waiting"])
        for why, place in fitting[:MOST_ON_A_SHEET]
    ]


def rows_of(case: CaseFile, pool: Read) -> list[tuple[Place, tuple[str, ...]]]:
    """Each place with what speaks against it; those with the least first."""
    own = candidate_of(case)
    rows = [(place, tuple(broken(own, offered_of(place), pool.asking))) for place in pool.places]
    return sorted(rows, key=lambda row: (len(row[1]), -row[0].free, row[0].id.int))


def pools_of(host: Host, actor: Actor) -> list[tuple[str, str]]:
    """The pools of the actor's units."""
    units = host.service.programmes.units
    return [(unit, name) for unit in sorted(actor.units & set(units)) for name in units[unit].programmes]


def label_of(host: Host, request: Request, actor: Actor, unit: str, programme: str) -> str:
    programmes = host.service.programmes
    words = programmes.rules(programme, unit, host.service.clock().date()).words
    called = words.get(host.pages.language(request, actor)) or next(iter(words.values()))
    return f"{called.placement[:1].upper()}{called.placement[1:]}, {programmes.unit(unit).name}"
