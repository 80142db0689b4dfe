"""The page of a party without sign-in: one question, by a signed link. GET only shows; a form answers.

Guarantee: no identity of anybody, no name and no address; what the other side is like is told in the words
of codes, and in what staff wrote to be read here. A link that is used, late, or none of ours gets a kind
page that says what happens next. Whether the question is still open is the proposal's own state.
"""

from __future__ import annotations

from typing import Any, Literal

from fastapi import Request
from starlette.responses import Response

from services.matching import queries
from services.matching.documents import Asked, CaseFile, Place, Proposal
from services.matching.solver.edges import distance_km
from shared.hosting import Host
from shared.links import LinkExpired

CLOSED = {
    "refused": "closed",
    "withdrawn": "closed",
    "lapsed": "lapsed",
    "cancelled": "closed",
    "failed": "closed",
}
Standing = Literal["question", "thanks", "closed", "lapsed", "waiting"]


def standing(proposal: Proposal, one: Asked) -> Standing:
    """How the question stands for the party whose link it is."""
    if one.answer is not None:
        return "thanks"
    if proposal.state in ("open", "accepted"):
        return "question" if one.stage <= proposal.stage else "waiting"
    return CLOSED.get(proposal.state, "closed")  # type: ignore[return-value]


def about_place(place: Place, case: CaseFile) -> dict[str, Any]:
    """What a candidate is told of a place, in codes."""
    offer, here, there = place.offer, case.profile.location, place.offer.location
    return {
        "kind": offer.kind,
        "industries": offer.industries,
        "tasks": offer.tasks,
        "times": offer.times,
        "hours": offer.hours_per_week,
        "helpers": offer.helpers,
        "languages": offer.spoken_languages,
        "field": offer.field if offer.kind == "volunteer" else None,
        "profession": offer.profession if offer.kind == "volunteer" else None,
        "km": round(distance_km(here, there)) if here is not None and there is not None else None,
    }


def about_candidate(case: CaseFile, proposal: Proposal) -> dict[str, Any]:
    """What a host or a mentor is told of a candidate, in codes: what they wish, know and can."""
    profile = case.profile
    wishes = [wish for wish in profile.wishes if proposal.plan is None or wish.plan == proposal.plan]
    return {
        "industries": tuple(dict.fromkeys(one for wish in wishes for one in wish.industries)),
        "professions": tuple(dict.fromkeys(wish.profession for wish in wishes if wish.profession)),
        "educations": tuple(dict.fromkeys(wish.education for wish in wishes if wish.education)),
        "field": profile.field,
        "stage": profile.stage,
        "task": profile.task,
        "languages": profile.languages,
        "times": profile.times,
        "hours": profile.hours_per_week,
        "language_mentor_needed": profile.language_mentor_needed,
        "available_from": profile.available_from,
    }


def mount(host: Host) -> None:
    """Add the page to the service's app."""
    app, pages, programmes = host.app, host.pages, host.service.programmes

    def kindly(request: Request, what: str, status: int, **more: Any) -> Response:
        return pages.render(request, "answer_closed.html", status=status, what=what, **{"words": {}} | more)

    @app.get("/matching/answer/{token}", include_in_schema=False)
    async def answer(request: Request, token: str) -> Response:
        try:
            actor = host.access.of_link(token)
        except LinkExpired:
            return kindly(request, "expired", 410)
        if actor is None or actor.scope != "answer" or actor.question is None:
            return kindly(request, "unknown", 404)
        found = await queries.proposal(host.pool, actor.question)
        if found is None:
            return kindly(request, "unknown", 404)
        proposal, version = found
        one = next((one for one in proposal.asked if one.person_id == actor.person_id), None)
        case = await queries.case(host.pool, proposal.case_id)
        place = await queries.place(host.pool, proposal.place_id)
        if one is None or case is None or place is None:
            return kindly(request, "unknown", 404)
        rules = programmes.version(proposal.programme, proposal.unit, proposal.rules_version)
        shared: dict[str, Any] = {"unit": proposal.unit, "words": rules.words}
        how = standing(proposal, one)
        if how not in ("question", "thanks"):
            return kindly(request, how, 410, **shared)
        return pages.render(
            request,
            "answer.html" if how == "question" else "answer_thanks.html",
            token=token,
            proposal=proposal,
            version=version,
            one=one,
            candidate=about_candidate(case, proposal),
            place=about_place(place, case),
            presentation=await queries.presentation(host.pool, case.id) if one.side != "candidate" else None,
            **shared,
        )
