"""Reading the registers over HTTP: hosts and how they are prepared, mentors, places and partners.

Guarantee: staff of the daily work see those of their own units. Organisations have their names; people are
ids, whose names are asked for at `/intake/api/people/names`; whom a search by name finds is written down.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from fastapi import Depends, Request
from starlette.responses import JSONResponse, Response

from services.intake import hosts, queries, register_queries, seeing
from services.intake.asked_of_mentors import missing, rules_asking
from services.intake.documents import HostFile, Mentor
from services.intake.register_queries import HOSTS, MENTORS, PARTNERS, Asked, Register, Stored
from services.intake.registers import Partner
from services.intake.settling import today_of
from shared.access import NotAllowed
from shared.contracts.model import STAFF
from shared.hosting import Host
from shared.messages import Actor
from shared.postgres import Connection

STAGES = {"target": "target", "contacted": "contact", "in_dialogue": "contact", "agreed": "cooperation"}
"""How far a partner has come in three words; `declined` and `ended` are none of them."""


def mount(host: Host) -> None:
    """Add `/intake/api/hosts`, `/mentors`, `/places` and `/partners`."""
    _list(host, HOSTS, _hosts, "The hosts of the actor's units by name; `q` is a part of it.")
    _list(
        host,
        MENTORS,
        _mentors,
        "The mentors of the actor's units by name, which is not told; `q` is a part of it.",
    )
    _places(host)
    _list(
        host,
        PARTNERS,
        _partners,
        "The partners of the actor's units by name, how far the cooperation has come, and the agreement.",
    )


def units_asked(actor: Actor, unit: str | None) -> frozenset[str]:
    """All units of the actor, or the one that was asked for. Raises `NotAllowed`."""
    if unit is None:
        return actor.units
    if unit not in actor.units:
        raise NotAllowed
    return frozenset({unit})


Told = list[tuple[Stored[Any], dict[str, Any]]]
"""The rows that somebody may be told of, and what is said of each beside what it holds."""


Tell = Callable[[Host, Connection, Actor, list[Any], Asked], Awaitable[Told]]


def _list(host: Host, register: Register[Any], tell: Tell, says: str) -> None:
    many = f"{register.one}s"

    @host.app.get(f"/intake/api/{many}", tags=["reading"], response_model=None, description=says)
    async def listed(request: Request, asked: Asked = Depends(register.asked)) -> Response:
        actor = host.access.staff(request, *STAFF)
        units = units_asked(actor, asked.unit)
        async with host.pool.acquire() as connection, connection.transaction():
            found = await register_queries.listed(connection, register, units, asked)
            told = await tell(host, connection, actor, found.rows, asked)
        rows = [
            {
                f"{register.one}_id": str(one.document.id),
                "version": one.version,
                **one.document.model_dump(mode="json", exclude={"id"}),
                **beside,
            }
            for one, beside in told
        ]
        return JSONResponse({many: rows, "next": found.next})


async def _hosts(_: Host, __: Connection, ___: Actor, found: list[Stored[HostFile]], ____: Asked) -> Told:
    """Whether they are prepared, and what they lack."""
    lacking = [(one, hosts.missing(one.document)) for one in found]
    return [(one, {"prepared": not lacks, "missing": list(lacks)}) for one, lacks in lacking]


async def _mentors(
    host: Host, connection: Connection, actor: Actor, found: list[Stored[Mentor]], asked: Asked
) -> Told:
    """What is asked of them still, and no name."""
    unseen = await seeing.hidden(host, connection, actor, [one.document.id for one in found])
    rows = found if not asked.q else [one for one in found if one.document.id not in unseen]
    people = [one.document.id for one in rows]
    if asked.q:
        # Whom a name finds tells the name.
        await queries.note_look(connection, actor, "search", people, host.service.clock())
    offered = await register_queries.places_of(connection, people)
    programmes, now = host.service.programmes, host.service.clock()
    told: Told = []
    for one in rows:
        today = today_of((one.document.unit,), programmes, now)
        lacks = missing(one.document, rules_asking(one.document, offered, programmes, today), today)
        told.append((one, {"missing": list(lacks)}))
    return told


async def _partners(host: Host, _: Connection, __: Actor, found: list[Stored[Partner]], ___: Asked) -> Told:
    """How far the cooperation has come, whether the agreement holds, and an open dispute's step."""
    programmes, now = host.service.programmes, host.service.clock()
    told: Told = []
    for one in found:
        partner = one.document
        today = today_of((partner.unit,), programmes, now)
        last = partner.dispute[-1].step if partner.dispute else None
        beside = {
            "stage": STAGES.get(partner.status),
            "agreement_holds": partner.agreement is not None and partner.agreement.holds(today),
            "dispute_open": last if last not in ("settled", "agreement_ended") else None,
        }
        told.append((one, beside))
    return told


def _places(host: Host) -> None:
    @host.app.get("/intake/api/places", tags=["reading"], response_model=None)
    async def listed(
        request: Request,
        unit: str | None = None,
        state: str | None = None,
        host_id: UUID | None = None,
        mentor_id: UUID | None = None,
        cursor: str | None = None,
    ) -> Response:
        """The places of the actor's units: `offered`, `resting` or `withdrawn`."""
        units = units_asked(host.access.staff(request, *STAFF), unit)
        async with host.pool.acquire() as connection:
            found = await register_queries.places(
                connection, units, state=state, host_id=host_id, mentor_id=mentor_id, cursor=cursor
            )
        rows = [
            {"place_id": str(one.id), "version": version, **one.model_dump(mode="json", exclude={"id"})}
            for one, version in found.rows
        ]
        return JSONResponse({"places": rows, "next": found.next})
