"""Reading matching over HTTP: pools, proposals, and why somebody has no place. For staff, in their
units.

Commands come in by the door in `shared/commands.py`. Guarantee: nothing here changes anything, and what
belongs to another unit is not shown.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request
from starlette.responses import JSONResponse, Response

from services.matching import queries
from services.matching.documents import CaseFile, Place, Proposal
from services.matching.effects import asking_of, candidate_of, offered_of, today_in
from services.matching.explaining import helped_by, nearest
from services.matching.solver.edges import why_not
from services.matching.solver.pool import NotProven, TooLarge
from shared.contracts.matching import WhyNot, WouldHelp
from shared.hosting import Host
from shared.messages import Actor
from shared.problems import Problem

Limit = Annotated[int, Query(ge=1, le=queries.LARGEST_PAGE)]


@dataclass(frozen=True)
class Why:
    """Why a waiting case has no place: `reasons` count the places that each rule keeps from it.

    `nearest` are the places that the fewest rules keep from it, each with those rules.
    """

    case: CaseFile
    places: int
    reasons: tuple[WhyNot, ...] = ()
    would_help: tuple[WouldHelp, ...] = ()
    nearest: tuple[tuple[Place, tuple[str, ...]], ...] = ()
    to_be_solved: bool = False


async def why(host: Host, case: CaseFile) -> Why:
    """As the places are now, not as they were when the pool was solved last."""
    service = host.service
    changed = await queries.changes(host.pool, case.unit, case.programme, service.clock())
    failed = await queries.failed_at(host.pool, case.unit, case.programme)
    waiting, places = await queries.pool_of(host.pool, case.unit, case.programme)
    if case.state != "waiting":
        return Why(case, len(places))
    asking = asking_of(case.programme, case.unit, service.programmes, service.clock())

    def work() -> Why:
        candidates, offered = [candidate_of(one) for one in waiting], [offered_of(place) for place in places]
        own = candidate_of(case)
        reasons = why_not(own, offered, asking)
        helps: tuple[WouldHelp, ...] = ()
        if not failed:  # What would help is found by solving the pool.
            with suppress(NotProven, TooLarge):
                helps = helped_by(own, candidates, offered, asking)
        by_id = {place.id: place for place in places}
        near = tuple((by_id[id_], rules) for id_, rules in nearest(own, offered, asking))
        return Why(case, len(places), reasons, helps, near, bool(changed))

    return await asyncio.to_thread(work)


async def own_proposal(host: Host, actor: Actor, proposal_id: UUID) -> tuple[Proposal, int]:
    """A proposal that the actor may see, with its version. Raises `Problem` 404 or 403."""
    found = await queries.proposal(host.pool, proposal_id)
    if found is None:
        raise Problem(404, "not_found")
    if found[0].unit not in actor.units:
        raise Problem(403, "other_unit")
    return found


async def own_case(host: Host, actor: Actor, case_id: UUID) -> CaseFile:
    """A case that the actor may see. Raises `Problem` 404 or 403."""
    found = await queries.case(host.pool, case_id)
    if found is None:
        raise Problem(404, "not_found")
    if found.unit not in actor.units:
        raise Problem(403, "other_unit")
    return found


def proposal_json(proposal: Proposal, version: int) -> dict[str, Any]:
    """A proposal as the API shows it: `asked` are all whose answer is wanted, by stage."""
    names = {"unit", "programme", "case_id", "place_id", "round", "rules_version", "state", "plan", "points"}
    names |= {"reasons", "answer_by", "match_id", "proposed_at", "reason", "agreement"}
    shown = proposal.model_dump(mode="json", include=names)
    asked = [one.model_dump(mode="json") for one in proposal.asked]
    now = {(one.person_id, one.side) for one in proposal.open_now}
    for one, of in zip(asked, proposal.asked, strict=True):
        one["asked_now"] = (of.person_id, of.side) in now
    return {
        "proposal_id": str(proposal.id),
        "version": version,
        **shown,
        "asked": asked,
        "override": override_json(proposal),
    }


def override_json(proposal: Proposal) -> dict[str, Any] | None:
    """Who chose this pair instead of the solver's, why, and which hard rules they set aside."""
    if proposal.override_reason is None:
        return None
    return {
        "by": None if proposal.overridden_by is None else str(proposal.overridden_by),
        "reason": proposal.override_reason,
        "note": proposal.override_note,
        "broken": list(proposal.broken),
    }


def waiting_json(case: CaseFile, host: Host) -> dict[str, Any]:
    today = today_in(case.unit, host.service.programmes, host.service.clock())
    return {
        "case_id": str(case.id),
        "person_id": str(case.person_id),
        "round": case.round,
        "waiting_since": case.waiting_since.isoformat(),
        "waited_days": (today - case.waiting_since).days,
    }


def place_json(place: Place) -> dict[str, Any]:
    names = {"kind", "host_id", "mentor_id", "capacity", "industries", "times"}
    return {
        "place_id": str(place.id),
        "free": place.free,
        **place.offer.model_dump(mode="json", include=names),
    }


def mount(host: Host) -> None:
    """Add the routes to the service's app."""
    app = host.app

    @app.exception_handler(queries.BadCursor)
    async def bad_cursor(request: Request, error: queries.BadCursor) -> Response:
        return Problem(422, "bad_cursor", field="cursor").response()

    @app.get("/matching/api/pool", tags=["reading"], summary="Who waits, and what is free")
    async def pool(
        request: Request,
        programme: str,
        unit: str,
        cursor: str = queries.START,
        places_cursor: str = queries.START,
        limit: Limit = queries.PAGE,
    ) -> JSONResponse:
        actor = host.access.staff(request)
        if unit not in actor.units:
            raise Problem(403, "other_unit", field="unit")
        if unit not in host.service.programmes.units or programme not in host.service.programmes.names:
            raise Problem(404, "not_found")
        waiting = await queries.waiting(host.pool, [unit], programme=programme, after=cursor, limit=limit)
        places = await queries.offered(host.pool, unit, programme, after=places_cursor, limit=limit)
        solved_at = await queries.next_solved_at(host.pool, unit, programme)
        return JSONResponse(
            {
                "programme": programme,
                "unit": unit,
                "waiting": [waiting_json(case, host) for case in waiting.items],
                "next": waiting.next,
                "places": [place_json(place) for place in places.items],
                "places_next": places.next,
                "next_solved_at": None if solved_at is None else solved_at.isoformat(),
            }
        )

    @app.get("/matching/api/proposals", tags=["reading"], summary="Proposals, of one case or of all")
    async def proposals(
        request: Request,
        case_id: UUID | None = None,
        unit: str | None = None,
        state: str | None = None,
        cursor: str = queries.START,
        limit: Limit = queries.PAGE,
    ) -> JSONResponse:
        actor = host.access.staff(request)
        found = await queries.proposals(
            host.pool,
            actor.units & {unit} if unit else actor.units,
            case_id=case_id,
            states=(state,) if state else (),
            after=cursor,
            limit=limit,
        )
        return JSONResponse({"proposals": [proposal_json(*one) for one in found.items], "next": found.next})

    @app.get("/matching/api/proposals/{proposal_id}", tags=["reading"], summary="One proposal")
    async def proposal(request: Request, proposal_id: UUID) -> JSONResponse:
        actor = host.access.staff(request)
        return JSONResponse(proposal_json(*await own_proposal(host, actor, proposal_id)))

    @app.get("/matching/api/cases/{case_id}/why", tags=["reading"], summary="Why a case has no place")
    async def why_no_place(request: Request, case_id: UUID) -> JSONResponse:
        actor = host.access.staff(request)
        found = await why(host, await own_case(host, actor, case_id))
        return JSONResponse(
            {
                "case_id": str(case_id),
                "state": found.case.state,
                "round": found.case.round,
                "waiting_since": found.case.waiting_since.isoformat(),
                "proposal_id": None if found.case.proposal_id is None else str(found.case.proposal_id),
                "places": found.places,
                "reasons": [one.model_dump() for one in found.reasons],
                "would_help": [one.model_dump() for one in found.would_help],
                "nearest": [{"place_id": str(one.id), "broken": list(rules)} for one, rules in found.nearest],
                "to_be_solved": found.to_be_solved,
            }
        )
