"""Followup's pages: check-ins that are due, a placement, and a party's own page."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import Request
from fastapi.encoders import jsonable_encoder
from starlette.responses import JSONResponse, Response

from services.followup import queries
from services.followup.api import visible
from services.followup.documents import Placement
from services.followup.rules import MORNING, local_day, local_moment
from shared.hosting import Host
from shared.language import Formats, Words
from shared.messages import Actor
from shared.problems import Problem

SOON_DAYS = 7
LIST_DAYS = 31


def mount(host: Host) -> None:
    app, pages, programmes = host.app, host.pages, host.service.programmes

    def today(placement: Placement) -> date:
        return local_day(host.service.clock(), programmes.unit(placement.unit).time_zone)

    def item(request: Request, actor: Actor, placement: Placement) -> dict[str, Any]:
        """A check-in that is near, as a line of what needs somebody today."""
        check_in = placement.open_check_in
        if check_in is None:
            raise AssertionError("only placements with an open check-in are listed")
        zone, day = programmes.unit(placement.unit).time_zone, today(placement)
        days = (check_in.due_on - day).days
        urgency = (
            "overdue" if days < 0 else "today" if days == 0 else "soon" if days <= SOON_DAYS else "later"
        )
        words = pages.words(pages.language(request, actor, unit=placement.unit))
        return {
            "text": words("check_ins.item", number=check_in.number),
            "person_id": next((p.person_id for p in placement.parties if p.side == "candidate"), None),
            "unit": placement.unit,
            "due_at": check_in.at or local_moment(check_in.due_on, zone, MORNING),
            "urgency": urgency,
            "href": f"/followup/placements/{placement.id}",
        }

    def times_text(request: Request, placement: Placement | None, actor: Actor | None = None) -> str:
        language = pages.language(request, actor, unit=placement.unit if placement else None)
        times = placement.agreed.times if placement and placement.agreed else ()
        if not times:
            return pages.words(language)("placement.no_times")
        return ", ".join(programmes.codes.words("times", one, language) for one in times)

    async def due(request: Request, actor: Actor, days: int) -> list[dict[str, Any]]:
        until = host.service.clock().date() + timedelta(days=days)
        return [
            item(request, actor, one) for one in await queries.open_check_ins(host.pool, actor.units, until)
        ]

    @app.get("/followup/fragments/today", include_in_schema=False)
    async def fragment_today(request: Request) -> Response:
        actor = host.access.staff(request)
        items = await due(request, actor, SOON_DAYS)
        if "application/json" in request.headers.get("accept", ""):
            return JSONResponse({"items": jsonable_encoder(items)})
        return pages.render(request, "today.html", actor=actor, items=items)

    @app.get("/followup/check-ins", include_in_schema=False)
    async def check_ins(request: Request) -> Response:
        actor = host.access.staff(request)
        return pages.render(
            request, "check_ins.html", actor=actor, items=await due(request, actor, LIST_DAYS)
        )

    @app.get("/followup/fragments/cases/{case_id}", include_in_schema=False)
    async def fragment_case(request: Request, case_id: UUID) -> Response:
        actor = host.access.staff(request)
        found = [one for _, one in await queries.placements_of(host.pool, case_id) if one.unit in actor.units]
        words = pages.words(pages.language(request, actor, unit=found[0].unit if found else None))
        rows = await queries.journal(host.pool, case_id) if found else []
        zone = programmes.unit(found[0].unit).time_zone if found else "UTC"
        formats = Formats(words, ZoneInfo(zone))
        story = [entry(row, words, formats) for row in rows]
        if "application/json" in request.headers.get("accept", ""):
            return JSONResponse({"items": jsonable_encoder(story)})
        return pages.render(
            request,
            "case.html",
            actor=actor,
            unit=found[0].unit if found else None,
            placements=found,
            story_items=story,
        )

    @app.get("/followup/placements/{placement_id}", include_in_schema=False)
    async def placement(request: Request, placement_id: UUID) -> Response:
        actor = host.access.staff(request)
        version, found = await visible(host, actor, placement_id)
        rules = programmes.version(found.programme, found.unit, found.rules_version)
        return pages.render(
            request,
            "placement.html",
            actor=actor,
            unit=found.unit,
            placement=found,
            version=version,
            rules=rules,
            today=today(found),
            zone=programmes.unit(found.unit).time_zone,
            times_text=times_text(request, found, actor),
            case=await queries.case(host.pool, found.case_id),
        )

    @app.get("/followup/mine/{token}", include_in_schema=False)
    async def mine(request: Request, token: str) -> Response:
        """A party's own page: what is agreed, for whoever has a part in the case."""
        actor = host.access.of_link(token)
        if actor is None or actor.scope != "mine" or actor.question is None:
            raise Problem(404, "link_unknown")
        track = await queries.case(host.pool, actor.question)
        own = [
            one
            for _, one in await queries.placements_of(host.pool, actor.question)
            if any(party.person_id == actor.person_id for party in one.parties)
        ]
        if not own and (track is None or all(p.person_id != actor.person_id for p in track.parties)):
            raise Problem(404, "link_unknown")
        current = own[-1] if own else None
        unit = current.unit if current else track.unit if track else None
        rules = None
        if current:
            rules = programmes.version(current.programme, current.unit, current.rules_version)
        elif track and track.programme and track.unit:
            # Nothing is agreed yet; whom the page comes from is known all the same.
            day = local_day(host.service.clock(), programmes.unit(track.unit).time_zone)
            rules = programmes.rules(track.programme, track.unit, day)
        language = pages.language(request, unit=unit)
        return pages.render(
            request,
            "mine.html",
            unit=unit,
            sender=rules.words[language].sender if rules else pages.words(language)("product.name"),
            placement=current,
            rules=rules,
            times_text=times_text(request, current),
            person_id=actor.person_id,
            names_token=token,
        )


def entry(row: Any, words: Words, formats: Formats) -> dict[str, Any]:
    """One line of the case's story, from the journal."""
    body = json.loads(row["body"])
    moment = body.get("at") or body.get("due_on")
    return {
        "type": row["type"],
        "at": row["written_at"],
        "text": words(f"story.{row['type']}", day=formats.long_date(moment) if moment else ""),
        "href": f"/followup/placements/{body['placement_id']}",
    }
