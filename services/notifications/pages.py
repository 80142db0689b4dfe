"""Notifications' parts of other pages: whom to call today, and a case's mails."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from fastapi import Request
from fastapi.encoders import jsonable_encoder
from starlette.responses import JSONResponse, Response

from services.notifications import queries
from services.notifications.documents import Mail
from shared.hosting import Host
from shared.language import Words

SHOWN_FOR = timedelta(days=14)
"""After that a mail that did not arrive is history; the case's page still shows it."""


def to_call(mail: Mail, words: Words) -> dict[str, Any]:
    """Somebody to call, because a mail did not reach them; by the answer's end, where one is waited for."""
    subject, reason = words(f"template.{mail.template}"), words(f"reason.{mail.reason}")
    return {
        "text": words("mail.call", subject=subject, reason=reason),
        "person_id": mail.person_id,
        "side": mail.side,
        "unit": mail.unit,
        "due_at": mail.useful_until or mail.queued_at,
        "urgency": "today",
        "href": _leads_to(mail),
    }


def _leads_to(mail: Mail) -> str:
    """Where staff find whom to call: with the case, the partner, or among the enquiries."""
    if "partner_id" in mail.facts:
        return f"/intake/partners/{mail.facts['partner_id']}"
    return f"/intake/cases/{mail.case_id}" if mail.case_id else "/intake/enquiries"


def entry(mail: Mail, words: Words) -> dict[str, Any]:
    """One line of the case's story."""
    state = words(f"state.{mail.state}")
    return {
        "text": words("mail.entry", subject=words(f"template.{mail.template}"), state=state),
        "at": mail.sent_at or mail.queued_at,
        "by": mail.person_id,
        "by_side": mail.side,
        "state": mail.state,
        "detail": words(f"reason.{mail.reason}") if mail.reason else None,
        "aside": mail.state in ("queued", "sent", "superseded"),
    }


def mount(host: Host) -> None:
    app, pages = host.app, host.pages

    @app.get("/notifications/fragments/today", include_in_schema=False)
    async def fragment_today(request: Request) -> Response:
        actor = host.access.staff(request)
        words = pages.words(pages.language(request, actor))
        since = host.service.clock() - SHOWN_FOR
        items = [to_call(mail, words) for mail in await queries.undelivered(host.pool, actor.units, since)]
        if "application/json" in request.headers.get("accept", ""):
            return JSONResponse({"items": jsonable_encoder(items)})
        return pages.render(request, "today.html", actor=actor, items=items)

    @app.get("/notifications/fragments/cases/{case_id}", include_in_schema=False)
    async def fragment_case(request: Request, case_id: UUID) -> Response:
        actor = host.access.staff(request)
        found = await queries.mails_of(host.pool, case_id, actor.units)
        unit = found[0][1].unit if found else None
        words = pages.words(pages.language(request, actor, unit=unit))
        story = [entry(mail, words) for _, mail in found]
        if "application/json" in request.headers.get("accept", ""):
            return JSONResponse({"items": jsonable_encoder(story)})
        again = [(version, mail) for version, mail in found if mail.state in ("failed", "not_by_mail")]
        return pages.render(
            request, "case.html", actor=actor, unit=unit, case_id=case_id, story_items=story, again=again
        )
