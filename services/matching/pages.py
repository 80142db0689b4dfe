"""Matching's pages for staff: the list of proposals and of who waits, one proposal, and parts of other
pages.

Guarantee: names are the browser's to ask intake for, and a form only posts a command. The page of a
party without sign-in is in `answering.py`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from fastapi import Request
from starlette.responses import JSONResponse, Response

from services.matching import answering, queries
from services.matching.api import own_case, own_proposal, waiting_json, why
from services.matching.documents import CaseFile, Proposal
from services.matching.effects import today_in
from services.matching.wanted import lacking
from shared.hosting import Host
from shared.language import Words
from shared.messages import Actor

SOON = timedelta(days=2)
OPEN = ("open", "accepted")
STORY_STATES = {
    "MatchProposed": "proposed",
    "MatchAgreed": "agreed",
    "ProposalAnswerDue": "due",
    "ProposalLapsed": "overdue",
    "MatchFailed": "failed",
}


def wants_json(request: Request) -> bool:
    return "application/json" in request.headers.get("accept", "")


def today_items(
    found: list[Proposal], cases: Mapping[UUID, CaseFile], waiting: int, words: Words, now: datetime
) -> list[dict[str, Any]]:
    """What staff have to do: agree what is accepted, hear who has not answered, see who waits."""
    items: list[dict[str, Any]] = []
    for proposal in found:
        about: dict[str, Any] = {"href": f"/matching/proposals/{proposal.id}", "person_id": None}
        if proposal.case_id in cases:
            about["person_id"] = str(cases[proposal.case_id].person_id)
        if proposal.state == "accepted":
            items.append({"text": words("today.agree"), "due_at": now, "urgency": "today"} | about)
        elif proposal.answer_by is not None and proposal.answer_by - now <= SOON:
            urgency = "today" if proposal.answer_by - now <= timedelta(days=1) else "soon"
            text = words("today.answer", count=len(proposal.open_now))
            items.append({"text": text, "due_at": proposal.answer_by, "urgency": urgency} | about)
    if waiting:
        text = words("today.over_limit", count=waiting)
        late = {"text": text, "due_at": None, "urgency": "overdue", "href": "/matching/proposals"}
        items.append(late | {"person_id": None})
    order = ("overdue", "today", "soon")
    return sorted(items, key=lambda item: order.index(item["urgency"]))


def story_items(
    rows: list[Any], words: Words, codes: Any, language: str, sides: Mapping[str, str]
) -> list[dict[str, Any]]:
    """What has happened in matching, told from the journal. `sides` are what people are to the case."""
    items = []
    for row in rows:
        body = json.loads(row["body"])
        item: dict[str, Any] = {"at": row["written_at"], "text": _told(row["type"], body, words)}
        item |= {"state": STORY_STATES.get(row["type"], ""), "detail": None, "href": None}
        if row["type"] == "ProposalAnswered":
            item |= {"by": body["by"], "by_side": sides.get(body["by"], "someone")}
        if "proposal_id" in body:
            item["href"] = f"/matching/proposals/{body['proposal_id']}"
        listed = {
            "ProposalAnswered": "refusal_reasons",
            "ProposalWithdrawn": "proposal_withdraw_reasons",
            "MatchCancelled": "cancel_reasons",
            "MatchFailed": "fail_reasons",
        }.get(row["type"])
        if listed and body.get("reason"):
            item["detail"] = codes.words(listed, body["reason"], language)
        if row["type"] == "CaseUnmatched":
            item["detail"] = "; ".join(
                f"{codes.words('unmatched_reasons', one['code'], language)} ({one['places']})"
                for one in body["reasons"]
            )
        items.append(item)
    return items


def _told(type_: str, body: Mapping[str, Any], words: Words) -> str:
    if type_ == "ProposalAnswered":
        if body.get("complete"):
            return words("story.complete")
        return words(f"story.answered_{body['answer']}")
    key = f"story.{type_}"
    return words(key) if key in words else type_


def mount(host: Host) -> None:
    """Add the pages to the service's app."""
    app, pages, programmes = host.app, host.pages, host.service.programmes
    answering.mount(host)

    def over_limit(case: Mapping[str, Any], programme: str, unit: str) -> bool:
        today = today_in(unit, programmes, host.service.clock())
        limit = programmes.rules(programme, unit, today).waiting_limit_days
        return bool(case["waited_days"] > limit)

    @app.get("/matching/proposals", include_in_schema=False)
    async def proposals(
        request: Request,
        programme: str = "",
        after: str = queries.START,
        waiting_after: str = queries.START,
    ) -> Response:
        actor = host.access.staff(request)
        wanted = programme or None
        found = await queries.proposals(host.pool, actor.units, states=OPEN, programme=wanted, after=after)
        waiting = await queries.waiting(host.pool, actor.units, programme=wanted, after=waiting_after)
        documents = [proposal for proposal, _ in found.items]
        return pages.render(
            request,
            "proposals.html",
            actor=actor,
            programmes=_names_of_programmes(host, request, actor),
            programme=programme,
            proposals=documents,
            cases=await queries.cases_of(host.pool, documents),
            places=await queries.documents_of(host.pool, documents),
            waiting=[
                waiting_json(case, host)
                | {
                    "unit": case.unit,
                    "programme": case.programme,
                    "reasons": case.unmatched or (),
                    "over_limit": over_limit(waiting_json(case, host), case.programme, case.unit),
                }
                for case in waiting.items
            ],
            next=found.next,
            waiting_next=waiting.next,
        )

    @app.get("/matching/proposals/{proposal_id}", include_in_schema=False)
    async def proposal(request: Request, proposal_id: UUID) -> Response:
        actor = host.access.staff(request)
        found, version = await own_proposal(host, actor, proposal_id)
        rules = programmes.version(found.programme, found.unit, found.rules_version)
        return pages.render(
            request,
            "proposal.html",
            actor=actor,
            unit=found.unit,
            proposal=found,
            version=version,
            rules=rules,
            place=await queries.place(host.pool, found.place_id),
            case=await queries.case(host.pool, found.case_id),
            today=today_in(found.unit, programmes, host.service.clock()),
        )

    @app.get("/matching/fragments/today", include_in_schema=False)
    async def fragment_today(request: Request) -> Response:
        actor = host.access.staff(request)
        found = await queries.proposals(host.pool, actor.units, states=OPEN, limit=queries.LARGEST_PAGE)
        waiting = await queries.waiting(host.pool, actor.units, limit=queries.LARGEST_PAGE)
        late = sum(over_limit(waiting_json(one, host), one.programme, one.unit) for one in waiting.items)
        words = pages.words(pages.language(request, actor))
        documents = [one for one, _ in found.items]
        cases = await queries.cases_of(host.pool, documents)
        items = today_items(documents, cases, late, words, host.service.clock())
        if wants_json(request):
            return JSONResponse({"items": [_plain(item) for item in items]})
        return pages.render(request, "today.html", actor=actor, items=items)

    @app.get("/matching/fragments/cases/{case_id}", include_in_schema=False)
    async def fragment_case(request: Request, case_id: UUID) -> Response:
        actor = host.access.staff(request)
        known = await queries.case(host.pool, case_id)
        if known is not None:
            await own_case(host, actor, case_id)
        language = pages.language(request, actor, unit=known.unit if known else None)
        rows = await queries.story(host.pool, case_id) if known else []
        listed = await queries.proposals(host.pool, actor.units, case_id=case_id) if known else None
        proposals = [one for one, _ in listed.items] if listed else []
        sides = {str(one.person_id): one.side for proposal in proposals for one in proposal.asked}
        items = story_items(rows, pages.words(language), programmes.codes, language, sides)
        if wants_json(request):
            return JSONResponse({"items": [_plain(item) for item in items]})
        current = next((one for one in reversed(proposals) if known and one.id == known.proposal_id), None)
        return pages.render(
            request,
            "case.html",
            actor=actor,
            unit=known.unit if known else None,
            known=known,
            proposal=current,
            place=await queries.place(host.pool, current.place_id) if current else None,
            why=await why(host, known) if known else None,
            lacks=lacking(known) if known and mentored(known) else (),
            notices=await queries.notices(host.pool, case_id) if known else [],
            items=items,
        )

    def mentored(case: CaseFile) -> bool:
        rules = programmes.version(case.programme, case.unit, case.rules_version)
        return "volunteer" in rules.host_kinds


def _plain(item: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in item.items()}


def _names_of_programmes(host: Host, request: Request, actor: Actor) -> list[tuple[str, str]]:
    """The programmes of the actor's units, as they are called in the reader's language."""
    programmes = host.service.programmes
    language = host.pages.language(request, actor)
    today = host.service.clock().date()
    names: dict[str, str] = {}
    for unit in sorted(actor.units & set(programmes.units)):
        for programme in programmes.unit(unit).programmes:
            words = programmes.rules(programme, unit, today).words
            called = words.get(language) or next(iter(words.values()))
            names.setdefault(programme, called.placement[:1].upper() + called.placement[1:])
    return sorted(names.items(), key=lambda name: name[1])
