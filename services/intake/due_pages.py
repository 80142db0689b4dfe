"""Certificates that wait for something, and whom the open steps wait for: two lists to work from.

Guarantee: staff see those of their units, and the names that a list shows are written down in the transaction
of the look. Forms post to the command door; nothing is changed here.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from uuid import UUID

from fastapi import Request
from starlette.responses import Response

from services.intake import due_queries, queries, seeing, staff_queries
from services.intake.due_queries import STANDS
from services.intake.settling import today_of
from services.intake.wording import unit_options
from shared.contracts.model import STAFF
from shared.hosting import Host
from shared.messages import Actor
from shared.postgres import Connection

MOST_OF_EACH = 15


def mount(host: Host) -> None:
    """Add `/intake/certificates` and `/intake/waiting`."""
    _certificates(host)
    _waiting(host)


async def seen_to(connection: Connection, actor: Actor, today: date) -> Collection[UUID] | None:
    """Whose cases somebody sees to: their own and those they stand in for; None for who has none, as a
    project manager, to whom all that waits in the unit matters."""
    if actor.person_id is None:
        return None
    whose = await staff_queries.whose_cases(connection, actor.person_id, actor.units, today)
    has_any = await connection.fetchval(
        "SELECT EXISTS (SELECT 1 FROM case_file WHERE caseworker = ANY($1::uuid[]) AND doc IS NOT NULL)",
        sorted(whose),
    )
    return whose if has_any else None


async def _asked(
    host: Host, connection: Connection, actor: Actor, whose: str
) -> tuple[str, Collection[UUID] | None]:
    """`mine` or `all`, and whose cases that is; mine, unless there are none or all were asked for."""
    if whose == "all":
        return "all", None
    mine = await seen_to(
        connection, actor, today_of(actor.units, host.service.programmes, host.service.clock())
    )
    return ("all", None) if mine is None else ("mine", mine)


def _word(host: Host, request: Request, actor: Actor) -> str:
    """What stands for the name of whom the reader may not see."""
    return host.pages.words(host.pages.language(request, actor))(seeing.NAME_OF_A_PROTECTED)


def _certificates(host: Host) -> None:
    @host.app.get("/intake/certificates", include_in_schema=False)
    async def certificates(request: Request, whose: str = "") -> Response:
        actor, programmes, now = (
            host.access.staff(request, *STAFF),
            host.service.programmes,
            host.service.clock(),
        )
        async with host.pool.acquire() as connection, connection.transaction():
            asked, caseworkers = await _asked(host, connection, actor, whose)
            lines = await due_queries.certificates(connection, actor.units, caseworkers, programmes, now)
            unseen = await seeing.hidden(host, connection, actor, [one.person_id for one in lines])
            people = {one.person_id for one in lines} - unseen
            await queries.note_look(connection, actor, "certificates", people, now)
        lines = seeing.masked(lines, "person_id", unseen, _word(host, request, actor))
        return host.pages.render(
            request,
            "certificates.html",
            actor=actor,
            whose=asked,
            parts=[(how, found) for how in STANDS if (found := [one for one in lines if one.stands == how])],
            unit_names=dict(unit_options(programmes, actor.units)),
            today=today_of(actor.units, programmes, now),
        )


def _waiting(host: Host) -> None:
    @host.app.get("/intake/waiting", include_in_schema=False)
    async def waiting(request: Request, whose: str = "") -> Response:
        actor, now = host.access.staff(request, *STAFF), host.service.clock()
        async with host.pool.acquire() as connection, connection.transaction():
            asked, caseworkers = await _asked(host, connection, actor, whose)
            found = await due_queries.waiting(connection, actor.units, caseworkers, MOST_OF_EACH)
            people = {one.person_id for _, listed in found.values() for one in listed}
            unseen = await seeing.hidden(host, connection, actor, people)
            await queries.note_look(connection, actor, "waiting", people - unseen, now)
        today = today_of(actor.units, host.service.programmes, now)
        word = _word(host, request, actor)
        found = {
            who: (count, seeing.masked(listed, "person_id", unseen, word))
            for who, (count, listed) in found.items()
        }
        return host.pages.render(request, "waiting.html", actor=actor, whose=asked, found=found, today=today)
