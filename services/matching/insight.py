"""How pools stand and what would change them: figures, what would help, what if, and what a choice costs.

Job: read a pool, have it solved in a thread, and answer over HTTP, for staff of the unit; the pages are in
`insight_pages.py`. Guarantee: nothing here changes anything, and every number is a count or the difference of
two solved pools.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass
from typing import Any, TypeVar
from uuid import UUID

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.responses import JSONResponse

from services.matching import queries
from services.matching.api import own_case
from services.matching.documents import CaseFile, Place
from services.matching.effects import asking_of, candidate_of, offered_of, today_in
from services.matching.explaining import (
    Difference,
    Kind,
    cost_of_forcing,
    kinds_wanted,
    with_added,
)
from services.matching.overview import Overview, Share, overview
from services.matching.solver.edges import TRIED, Asking, broken
from services.matching.solver.pool import NotProven, TooLarge
from services.matching.solving import best_pairs
from shared.commands import body_of
from shared.contracts.intake import PlaceOffered
from shared.contracts.model import STAFF, Code, Hours, Level, derived_id
from shared.hosting import Host
from shared.messages import Actor
from shared.problems import Problem, of_validation

T = TypeVar("T")

MOST_ADDED = 20
NOT_SOLVED_SECONDS = 300
"""When to ask again for what needs the best pairs: the pool has to change, or operations to look at it."""
READERS = STAFF | {"analyst"}


class AddedPlace(BaseModel):
    """A place that is only thought of: what `OfferPlace` says, without an owner."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    capacity: int = Field(default=1, ge=1, le=1000)
    industries: tuple[Code, ...] = ()
    tasks: tuple[Code, ...] = ()
    times: tuple[Code, ...] = ()
    postcode: str | None = None
    hours_per_week: Hours | None = None
    required_languages: dict[str, Level] = Field(default_factory=dict)
    spoken_languages: tuple[Code, ...] = ()
    helpers: tuple[Code, ...] = ()
    mentor_gender: Code | None = None
    education_level: Code | None = None
    field: Code | None = None
    profession: Code | None = None


class WhatIf(BaseModel):
    """Places of a kind that are not there."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    unit: str
    programme: Code
    places: tuple[AddedPlace, ...] = Field(min_length=1, max_length=MOST_ADDED)


@dataclass(frozen=True)
class Read:
    """A pool as it is now."""

    waiting: list[CaseFile]
    places: list[Place]
    asking: Asking
    unit: str
    programme: str


async def read(host: Host, actor: Actor, unit: str, programme: str) -> Read:
    """The pool, for staff of its unit. Raises `Problem` 403 or 404."""
    programmes = host.service.programmes
    if unit not in actor.units:
        raise Problem(403, "other_unit", field="unit")
    if unit not in programmes.units or programme not in programmes.unit(unit).programmes:
        raise Problem(404, "not_found")
    waiting, places = await queries.pool_of(host.pool, unit, programme)
    return Read(
        waiting, places, asking_of(programme, unit, programmes, host.service.clock()), unit, programme
    )


async def overview_of(host: Host, pool: Read) -> Overview:
    async with host.pool.acquire() as connection:
        ready, matched = await queries.ever(connection, pool.unit, pool.programme)
    programmes = host.service.programmes
    return await asyncio.to_thread(
        overview,
        pool.waiting,
        pool.places,
        ever_ready=ready,
        ever_matched=matched,
        unit=programmes.unit(pool.unit),
        today=today_in(pool.unit, programmes, host.service.clock()),
        limit_days=pool.asking.rules.waiting_limit_days,
    )


async def solved(work: Callable[..., T], *args: Any) -> T:
    """What a thread makes of solved pools. Raises `Problem` 503 where the best pairs are not proven."""
    try:
        return await asyncio.to_thread(work, *args)
    except (NotProven, TooLarge):
        raise Problem(503, "not_solved", retry_after_seconds=NOT_SOLVED_SECONDS) from None


async def wanted(host: Host, pool: Read) -> list[tuple[Kind, int]]:
    """The kinds of places that would place most of those who wait."""
    unit = host.service.programmes.unit(pool.unit)
    return await solved(
        kinds_wanted,
        [candidate_of(case) for case in pool.waiting],
        [offered_of(place) for place in pool.places],
        pool.asking,
        unit,
    )


async def what_if(host: Host, pool: Read, asked: WhatIf) -> Difference:
    """Who would be placed, and what would change for others, if these places were there."""
    unit = host.service.programmes.unit(pool.unit)
    kind: Any = pool.asking.rules.host_kinds[0]
    added = [
        PlaceOffered(
            place_id=derived_id("thought of", number),
            unit=pool.unit,
            kind=kind,
            programmes=(pool.programme,),
            location=unit.location(one.postcode) if one.postcode else None,
            **one.model_dump(exclude={"postcode"}),
        )
        for number, one in enumerate(asked.places)
    ]
    candidates = [candidate_of(one) for one in pool.waiting]
    places = [offered_of(place) for place in pool.places]

    def work() -> Difference:
        before = best_pairs(candidates, places, pool.asking)
        return with_added(candidates, places, added, pool.asking, before)

    return await solved(work)


@dataclass(frozen=True)
class Cost:
    """What a choice costs the others, and the hard rules that it would break."""

    difference: Difference
    broken: tuple[str, ...]
    who_may: dict[str, list[str]]


async def cost(host: Host, pool: Read, case: CaseFile, place: Place) -> Cost:
    """What it would cost to propose this very pair. Raises `Problem` 409 where it cannot be."""
    offered = offered_of(place)
    if case.state not in ("waiting", "proposed"):
        raise Problem(409, "not_in_this_state")
    if offered.free < 1:
        raise Problem(409, "place_full", field="place_id")
    out = await queries.proposal(host.pool, case.proposal_id) if case.proposal_id else None
    at = await queries.place(host.pool, out[0].place_id) if out else None
    now = offered_of(at, besides=case.proposal_id) if at else None
    own = candidate_of(case)
    others = [candidate_of(one) for one in pool.waiting if one.id != case.id]
    places = [offered_of(one) for one in pool.places]

    def work() -> Cost:
        against = tuple(rule for rule in broken(own, offered, pool.asking) if rule != TRIED)
        breakers = pool.asking.rules.matching.breakers
        difference = cost_of_forcing(own, offered, others, places, pool.asking, now=now)
        return Cost(difference, against, {rule: list(breakers.get(rule, ())) for rule in against})

    return await solved(work)


def share_json(share: Share) -> dict[str, Any]:
    return {"part": share.part, "whole": share.whole, "percent": share.percent}


def overview_json(found: Overview) -> dict[str, Any]:
    shown = asdict(found)
    shown |= {"fulfilled": share_json(found.fulfilled), "capacity": share_json(found.capacity)}
    for name in ("industries", "genders", "towns"):
        for kind, surplus in getattr(found, name).items():
            shown[name][kind]["more"] = surplus.more
    return shown


def difference_json(found: Difference) -> dict[str, Any]:
    return {
        "placed": found.placed,
        "points": found.points,
        "overdue": found.overdue,
        "gained": [str(one) for one in found.gained],
        "lost": [str(one) for one in found.lost],
    }


async def case_and_place(host: Host, actor: Actor, case_id: UUID, place_id: UUID) -> tuple[CaseFile, Place]:
    case = await own_case(host, actor, case_id)
    place = await queries.place(host.pool, place_id)
    if place is None or place.unit != case.unit or place.state != "offered":
        raise Problem(404, "unknown_place", field="place_id")
    return case, place


def fits_codes(host: Host, asked: WhatIf) -> None:
    """Raises `Problem` 422 for what is no code of its list."""
    codes = host.service.programmes.codes
    lists: dict[str, str] = {
        "industries": "industries",
        "tasks": "tasks",
        "times": "times",
        "helpers": "roles",
    }
    single = {"education_level": "education_levels", "field": "fields", "profession": "professions"}
    single["mentor_gender"] = "genders"
    for number, one in enumerate(asked.places):
        said: list[tuple[str, str, Collection[str]]] = [
            (name, listed, getattr(one, name)) for name, listed in lists.items()
        ]
        said += [(name, listed, [value]) for name, listed in single.items() if (value := getattr(one, name))]
        for name, listed, values in said:
            if any(not codes.has(listed, value) for value in values):
                raise Problem(422, "unknown_code", field=f"places.{number}.{name}")


def mount(host: Host) -> None:
    """Add the routes and pages."""
    app, access = host.app, host.access

    @app.get(
        "/matching/api/overview", tags=["reading"], summary="How a pool stands, each share with its whole"
    )
    async def api_overview(request: Request, unit: str, programme: str) -> JSONResponse:
        pool = await read(host, access.staff(request, *READERS), unit, programme)
        shown = overview_json(await overview_of(host, pool))
        return JSONResponse({"unit": unit, "programme": programme, **shown})

    @app.get("/matching/api/would-help", tags=["reading"], summary="Which kinds of places would place most")
    async def api_would_help(request: Request, unit: str, programme: str) -> JSONResponse:
        pool = await read(host, access.staff(request, *READERS), unit, programme)
        kinds = [asdict(kind) | {"unlocks": unlocks} for kind, unlocks in await wanted(host, pool)]
        return JSONResponse({"unit": unit, "programme": programme, "kinds": kinds})

    @app.post(
        "/matching/api/what-if", tags=["reading"], summary="Who would be placed if these places were there"
    )
    async def api_what_if(request: Request) -> JSONResponse:
        actor = access.staff(request, *READERS)
        try:
            asked = WhatIf.model_validate_json(await body_of(request))
        except ValidationError as error:
            raise Problem(422, "does_not_fit", errors=of_validation(error)) from None
        pool = await read(host, actor, asked.unit, asked.programme)
        fits_codes(host, asked)
        return JSONResponse(difference_json(await what_if(host, pool, asked)))

    @app.get(
        "/matching/api/cases/{case_id}/cost", tags=["reading"], summary="What a choice would cost the others"
    )
    async def api_cost(request: Request, case_id: UUID, place_id: UUID) -> JSONResponse:
        actor = access.staff(request, *READERS)
        case, place = await case_and_place(host, actor, case_id, place_id)
        pool = await read(host, actor, case.unit, case.programme)
        found = await cost(host, pool, case, place)
        return JSONResponse(
            {**difference_json(found.difference), "broken": list(found.broken), "who_may": found.who_may}
        )
