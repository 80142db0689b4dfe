"""Reading the registers over HTTP: hosts and how they are prepared, mentors, places and partners.

Guarantee: staff of the daily work see those of their own units. Organisations have their names; people are
ids, whose names are asked for at `/intake/api/people/names`; whom a search by name finds is written down.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from fastapi import FastAPI, Request
from starlette.responses import JSONResponse, Response

from services.intake import hosts, queries, register_queries, seeing
from services.intake.asked_of_mentors import missing, rules_asking
from services.intake.documents import HostFile, Mentor, Place
from services.intake.queries import Found
from services.intake.registers import Partner
from services.intake.settling import today_in
from shared.access import Access, NotAllowed
from shared.contracts.model import STAFF
from shared.hosting import Host
from shared.messages import Actor
from shared.problems import Problem
from shared.programmes import Programmes

STAGES = {"target": "target", "contacted": "contact", "in_dialogue": "contact", "agreed": "cooperation"}
"""How far a partner has come in three words; `declined` and `ended` are none of them."""


def mount(host: Host) -> None:
    """Add `/intake/api/hosts`, `/mentors`, `/places` and `/partners`."""
    _hosts(host, host.app)
    _mentors(host, host.app)
    _places(host, host.app)
    _partners(host, host.app)


def units_asked(actor: Actor, unit: str | None) -> frozenset[str]:
    """All units of the actor, or the one that was asked for. Raises `NotAllowed`."""
    if unit is None:
        return actor.units
    if unit not in actor.units:
        raise NotAllowed
    return frozenset({unit})


def staff(access: Access, request: Request) -> Actor:
    return access.staff(request, *STAFF)


def host_json(host: HostFile, version: int) -> dict[str, Any]:
    """A host, whether it is prepared, and what it lacks."""
    lacks = hosts.missing(host)
    return {
        "host_id": str(host.id),
        "version": version,
        **host.model_dump(mode="json", exclude={"id"}),
        "prepared": not lacks,
        "missing": list(lacks),
    }


def mentor_json(mentor: Mentor, version: int, places: Iterable[Place], host: Host) -> dict[str, Any]:
    """A mentor without a name, and what is asked of them still."""
    programmes, now = host.service.programmes, host.service.clock()
    today = today_in(mentor.unit, programmes, now) if mentor.unit in programmes.units else now.date()
    lacks = missing(mentor, rules_asking(mentor, places, programmes, today), today)
    return {
        "mentor_id": str(mentor.id),
        "version": version,
        **mentor.model_dump(mode="json", exclude={"id"}),
        "missing": list(lacks),
    }


def partner_json(partner: Partner, version: int, programmes: Programmes, host: Host) -> dict[str, Any]:
    now = host.service.clock()
    today = today_in(partner.unit, programmes, now) if partner.unit in programmes.units else now.date()
    last = partner.dispute[-1].step if partner.dispute else None
    return {
        "partner_id": str(partner.id),
        "version": version,
        **partner.model_dump(mode="json", exclude={"id"}),
        "stage": STAGES.get(partner.status),
        "agreement_holds": partner.agreement is not None and partner.agreement.holds(today),
        "dispute_open": last if last not in ("settled", "agreement_ended") else None,
    }


def _answer(name: str, rows: list[dict[str, Any]], found: Found) -> Response:
    return JSONResponse({name: rows, "next": found.next})


def _hosts(host: Host, app: FastAPI) -> None:
    @app.get("/intake/api/hosts", tags=["reading"], response_model=None)
    async def listed(
        request: Request,
        unit: str | None = None,
        state: str | None = None,
        appetite: str | None = None,
        q: str | None = None,
        cursor: str | None = None,
    ) -> Response:
        """The hosts of the actor's units by name; `q` is a part of it."""
        units = units_asked(staff(host.access, request), unit)
        async with host.pool.acquire() as connection:
            try:
                found = await register_queries.hosts(
                    connection, units, state=state, appetite=appetite, q=q, cursor=cursor
                )
            except ValueError:
                raise Problem(422, "does_not_fit", field="cursor") from None
        return _answer("hosts", [host_json(one, version) for one, version in found.rows], found)


def _mentors(host: Host, app: FastAPI) -> None:
    @app.get("/intake/api/mentors", tags=["reading"], response_model=None)
    async def listed(
        request: Request,
        unit: str | None = None,
        state: str | None = None,
        appetite: str | None = None,
        q: str | None = None,
        cursor: str | None = None,
    ) -> Response:
        """The mentors of the actor's units by name, which is not told; `q` is a part of it."""
        actor = staff(host.access, request)
        units = units_asked(actor, unit)
        async with host.pool.acquire() as connection, connection.transaction():
            try:
                found = await register_queries.mentors(
                    connection, units, state=state, appetite=appetite, q=q, cursor=cursor
                )
            except ValueError:
                raise Problem(422, "does_not_fit", field="cursor") from None
            unseen = await seeing.hidden(host, connection, actor, [one.mentor.id for one in found.rows])
            found = seeing.without_found_by_name(found, "mentor.id", unseen, q)
            if q:
                # Whom a name finds tells the name.
                people = [one.mentor.id for one in found.rows]
                await queries.note_look(connection, actor, "search", people, host.service.clock())
            offered = await register_queries.places_of(connection, [one.mentor.id for one in found.rows])
        rows = [mentor_json(one.mentor, one.version, offered, host) for one in found.rows]
        return _answer("mentors", rows, found)


def _places(host: Host, app: FastAPI) -> None:
    @app.get("/intake/api/places", tags=["reading"], response_model=None)
    async def listed(
        request: Request,
        unit: str | None = None,
        state: str | None = None,
        host_id: UUID | None = None,
        mentor_id: UUID | None = None,
        cursor: str | None = None,
    ) -> Response:
        """The places of the actor's units: `offered`, `resting` or `withdrawn`."""
        units = units_asked(staff(host.access, request), unit)
        async with host.pool.acquire() as connection:
            try:
                found = await register_queries.places(
                    connection, units, state=state, host_id=host_id, mentor_id=mentor_id, cursor=cursor
                )
            except ValueError:
                raise Problem(422, "does_not_fit", field="cursor") from None
        rows = [
            {"place_id": str(one.id), "version": version, **one.model_dump(mode="json", exclude={"id"})}
            for one, version in found.rows
        ]
        return _answer("places", rows, found)


def _partners(host: Host, app: FastAPI) -> None:
    @app.get("/intake/api/partners", tags=["reading"], response_model=None)
    async def listed(
        request: Request,
        unit: str | None = None,
        kind: str | None = None,
        status: str | None = None,
        q: str | None = None,
        cursor: str | None = None,
    ) -> Response:
        """The partners of the actor's units by name, how far the cooperation has come, and the agreement."""
        units = units_asked(staff(host.access, request), unit)
        async with host.pool.acquire() as connection:
            try:
                found = await register_queries.partners(
                    connection, units, kind=kind, status=status, q=q, cursor=cursor
                )
            except ValueError:
                raise Problem(422, "does_not_fit", field="cursor") from None
        programmes = host.service.programmes
        rows = [partner_json(one, version, programmes, host) for one, version in found.rows]
        return _answer("partners", rows, found)
