"""Today: what somebody can do now, from all that intake knows, the most urgent first.

Guarantee: at most thirty items, each with its day, its urgency and where it leads, and a last one that leads
to the rest; who has cases of their own sees those, theirs for whom they stand in, and nobody's. Names are
not here: the browser asks for them, as for every part of a page.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime
from typing import Any
from uuid import UUID

from fastapi import Request
from starlette.responses import JSONResponse, Response

from services.intake import case_list_queries, due_queries, enquiry_list, staff_queries
from services.intake.documents import CaseFile
from services.intake.due_pages import seen_to
from services.intake.due_queries import Line
from services.intake.settling import today_in, today_of
from shared.contracts.model import STAFF
from shared.hosting import Host
from shared.language import Words
from shared.messages import Actor
from shared.postgres import Connection
from shared.programmes import Programmes

MOST = 30
MOST_READ = 200
"""So that what is left out can be counted."""
SOON_DAYS = 7
ORDER = ("overdue", "today", "soon", "later")


def mount(host: Host) -> None:
    """Add `/intake/fragments/today`."""

    @host.app.get("/intake/fragments/today", include_in_schema=False)
    async def part(request: Request) -> Response:
        actor = host.access.staff(request)
        language = host.pages.language(request, actor)
        async with host.pool.acquire() as connection:
            found = await items(host, connection, actor, language) if actor.roles & STAFF else []
        if "application/json" in request.headers.get("accept", ""):
            return JSONResponse([one | {"due_at": one["due_at"].isoformat()} for one in found])
        return host.pages.render(request, "today_part.html", actor=actor, items=found)


async def items(host: Host, connection: Connection, actor: Actor, language: str) -> list[dict[str, Any]]:
    """All there is to do, sorted and cut."""
    programmes, now, words = host.service.programmes, host.service.clock(), host.pages.words(language)
    today = today_of(actor.units, programmes, now)
    mine = await seen_to(connection, actor, today)
    cases = await case_list_queries.due_cases(connection, actor.units, mine, MOST_READ)
    found = [_step(host, case, language, now) for case in cases]
    asked = {(one["href"], one["step"]) for one in found}
    for line in await due_queries.certificates(connection, actor.units, mine, programmes, now):
        if line.stands != "awaited" and (line.href, line.kind) not in asked:
            found.append(_certificate(host, line, words, language, now))
    for one in await due_queries.to_ask_again(connection, actor.units, today):
        text = words(f"today_list.ask_{one.of}_again")
        found.append(_item(text, f"/intake/{one.of}s/{one.id}", one.on, today, one.person_id))
    enquiries = await enquiry_list.waiting(connection, actor.units)
    found += enquiry_list.today_items(enquiries, words, today)
    found += await _for_managers(connection, actor, words, now, today, programmes)
    found += await _unowned(connection, actor.units, words, today)
    found.sort(key=lambda one: (ORDER.index(one["urgency"]), one["due_at"]))
    shown = found if len(found) <= MOST else found[: MOST - 1]
    if len(found) > MOST:
        rest = words("today_list.rest", count=len(found) - len(shown))
        shown.append(_item(rest, "/intake/waiting", today, today) | {"urgency": "later"})
    return [{name: value for name, value in one.items() if name != "step"} for one in shown]


def _item(
    text: str, href: str, due_on: date, today: date, person_id: UUID | None = None, **more: str
) -> dict[str, Any]:
    late = (due_on - today).days
    urgency = "overdue" if late < 0 else "today" if late == 0 else "soon" if late <= SOON_DAYS else "later"
    person = {"person_id": str(person_id)} if person_id is not None else {}
    return {"text": text, "due_at": due_on, "urgency": urgency, "href": href, "step": "", **person, **more}


def _step(host: Host, case: CaseFile, language: str, now: datetime) -> dict[str, Any]:
    """The next step of a case."""
    programmes, step = host.service.programmes, case.open_steps[0]
    known = case.certificates.get(step.step)
    if step.taken_back:
        called = programmes.codes.words("consents", step.step, language)
        text = host.pages.words(language)("today_list.consent_taken_back", consent=called)
    elif known is not None and not known.is_awaited:
        called = programmes.codes.words("certificates", step.step, language)
        text = host.pages.words(language)("certificates.today_order", certificate=called.lower())
    else:
        text = programmes.codes.words("steps", step.step, language)
    today = today_in(case.unit, programmes, now)
    href = f"/intake/cases/{case.id}"
    return _item(text, href, step.due_on, today, case.person_id, step=step.step)


def _certificate(host: Host, line: Line, words: Words, language: str, now: datetime) -> dict[str, Any]:
    called = host.service.programmes.codes.words("certificates", line.kind, language)
    called = called if line.stands == "lapsed" else called.lower()
    today = today_in(line.unit, host.service.programmes, now)
    text = words(f"certificates.today_{line.stands}", certificate=called)
    return _item(text, f"/intake/certificates#c-{line.id}-{line.kind}", line.on, today, line.person_id)


async def _for_managers(
    connection: Connection, actor: Actor, words: Words, now: datetime, today: date, programmes: Programmes
) -> list[dict[str, Any]]:
    if "project_manager" not in actor.roles:
        return []
    looks = await due_queries.broken_glass(connection, actor.units, now)
    found = [
        _item(words("today_list.glass"), f"/intake/people/{one.person_id}", today, today, one.person_id)
        for one in looks
    ]
    stays = await staff_queries.not_handed_over(connection, actor.units, programmes)
    count = sum(sum(one.values()) for one in stays.values())
    text = words("today_list.not_handed_over", count=count)
    return [*found, *([_item(text, "/intake/units", today, today)] if count else [])]


async def _unowned(
    connection: Connection, units: Collection[str], words: Words, today: date
) -> list[dict[str, Any]]:
    count = await due_queries.unowned(connection, units)
    text = words("today_list.nobody", count=count)
    return [_item(text, "/intake/cases?whose=nobody", today, today)] if count else []
