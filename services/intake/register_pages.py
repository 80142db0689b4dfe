"""The pages of the registers: hosts, mentors, partners, their places, and training.

Guarantee: staff see those of their own units, and every page that shows a person's name writes down the look
in the transaction of the look. Forms post to the command door; nothing is changed here.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any
from uuid import UUID

from fastapi import Request
from starlette.responses import Response

from services.intake import hosts, queries, register_queries, seeing
from services.intake.asked_of_mentors import missing, rules_asking
from services.intake.documents import Person
from services.intake.partners import OVER, next_steps
from services.intake.queries import Found
from services.intake.register_api import units_asked
from services.intake.settling import today_in
from services.intake.wording import programme_words, programmes_of, unit_options
from shared.contracts.model import STAFF
from shared.hosting import Host
from shared.messages import Actor
from shared.postgres import Connection
from shared.problems import Problem

HOST_STATES = ("enquired", "available", "declined", "retired")
MENTOR_STATES = ("enquired", "interviewed", "available", "declined", "retired")
PLACE_STATES = ("offered", "resting", "withdrawn")
SOUGHT = ("candidate", "mentor", "host", "partner")
MOST_PLACES = 100
MOST_WISHES = 200


def mount(host: Host) -> None:
    """Add the pages."""
    _hosts(host)
    _host(host)
    _mentors(host)
    _mentor(host)
    _partners(host)
    _partner(host)
    _places(host)
    _training(host)


class _Shown:
    """What a page of the registers is made of: who reads it, on which day, and the choices of its forms."""

    def __init__(self, host: Host, request: Request, actor: Actor) -> None:
        self.host, self.request, self.actor = host, request, actor
        self.programmes = host.service.programmes
        self.now = host.service.clock()
        self.language = host.pages.language(request, actor)
        self.hides_somebody = False

    def today(self, unit: str | None = None) -> date:
        """The day in the unit, or in the actor's first."""
        candidates = [unit] if unit else sorted(self.actor.units)
        known = [one for one in candidates if one in self.programmes.units]
        return today_in(known[0], self.programmes, self.now) if known else self.now.date()

    def states(self, names: Iterable[str]) -> list[tuple[str, str]]:
        words = self.host.pages.words(self.language)
        return [(name, words(f"state.{name}")) for name in names]

    def helpers(self) -> list[tuple[str, str]]:
        """The roles that a programme of the actor's units pairs a candidate with help of."""
        asked = {
            role
            for unit in self.actor.units
            if unit in self.programmes.units
            for name in self.programmes.units[unit].programmes
            for rules in (self.programmes.rules(name, unit, self.today(unit)),)
            for role in (*rules.helpers, *rules.helpers_where_needed)
        }
        words = self.programmes.codes.words
        return [(role, words("roles", role, self.language)) for role in sorted(asked)]

    async def render(self, connection: Connection, template: str, **values: Any) -> Response:
        units = self.actor.units
        shown: dict[str, Any] = {
            "units": unit_options(self.programmes, units),
            "unit_names": dict(unit_options(self.programmes, units)),
            "programmes": programmes_of(self.programmes, units),
            "programme_words": programme_words(self.programmes),
            "partner_options": await register_queries.partner_names(connection, units),
            "helper_options": self.helpers(),
            "today": self.today(values.get("unit")),
            # Whoever may not see somebody must not write over who they are.
            "may_change": not self.hides_somebody,
        }
        return self.host.pages.render(self.request, template, actor=self.actor, **(shown | values))

    def unit_name(self, unit: str) -> str:
        return self.programmes.units[unit].name if unit in self.programmes.units else unit

    def more_at(self, found: Found) -> str | None:
        if found.next is None:
            return None
        return f"{self.request.url.path}?{self.request.url.include_query_params(cursor=found.next).query}"

    def owned(self, found: Any, unit: str | None) -> Any:
        """Raises `Problem` 404 or 403 for what there is not, or is not the actor's."""
        if found is None:
            raise Problem(404, "not_found")
        if unit not in self.actor.units:
            raise Problem(403, "other_unit")
        return found

    async def people(self, connection: Connection, at_what: str, *ids: UUID | None) -> list[Person | None]:
        """Who they are, and the look written down; the protected only to those who may see them."""
        asked = [one for one in ids if one is not None]
        unseen = await seeing.hidden(self.host, connection, self.actor, asked)
        self.hides_somebody = bool(unseen)
        if seen := set(asked) - unseen:
            await queries.note_look(connection, self.actor, at_what, seen, self.now)
        found = [await queries.person(connection, one) if one is not None else None for one in ids]
        nameless: dict[str, Any] = {"name": self.host.pages.words(self.language)(seeing.NAME_OF_A_PROTECTED)}
        nameless |= dict.fromkeys(("email", "phone", "postcode", "birth_date"))
        return [
            one.model_copy(update=nameless) if one is not None and one.id in unseen else one for one in found
        ]


def _hosts(host: Host) -> None:
    @host.app.get("/intake/hosts", include_in_schema=False)
    async def listed(
        request: Request,
        unit: str = "",
        state: str = "",
        appetite: str = "",
        q: str = "",
        cursor: str | None = None,
    ) -> Response:
        actor = host.access.staff(request, *STAFF)
        shown = _Shown(host, request, actor)
        async with host.pool.acquire() as connection:
            try:
                found = await register_queries.hosts(
                    connection,
                    units_asked(actor, unit or None),
                    state=state,
                    appetite=appetite,
                    q=q,
                    cursor=cursor,
                )
            except ValueError:
                raise Problem(422, "does_not_fit", field="cursor") from None
            return await shown.render(
                connection,
                "hosts.html",
                rows=[(one, hosts.missing(one)) for one, _ in found.rows],
                more_at=shown.more_at(found),
                asked={"unit": unit, "state": state, "appetite": appetite, "q": q},
                state_options=shown.states(HOST_STATES),
            )


def _host(host: Host) -> None:
    @host.app.get("/intake/hosts/{host_id}", include_in_schema=False)
    async def one(request: Request, host_id: UUID) -> Response:
        actor = host.access.staff(request, *STAFF)
        shown = _Shown(host, request, actor)
        async with host.pool.acquire() as connection, connection.transaction():
            stored = await register_queries.host(connection, host_id)
            shown.owned(stored, stored.host.unit if stored else None)
            assert stored is not None
            found = stored.host
            contact, buddy = await shown.people(
                connection, "host_page", found.contact_person_id, found.buddy_id
            )
            partner = await _partner_of(connection, found.partner_id)
            places = await register_queries.places(
                connection, actor.units, host_id=host_id, limit=MOST_PLACES
            )
            return await shown.render(
                connection,
                "host.html",
                unit=found.unit,
                unit_name=shown.unit_name(found.unit),
                host=found,
                version=stored.version,
                contact=contact,
                buddy=buddy,
                partner=partner,
                lacks=hosts.missing(found),
                places=[row for row in places.rows if row.place.state != "withdrawn"],
            )


def _mentors(host: Host) -> None:
    @host.app.get("/intake/mentors", include_in_schema=False)
    async def listed(
        request: Request,
        unit: str = "",
        state: str = "",
        appetite: str = "",
        q: str = "",
        cursor: str | None = None,
    ) -> Response:
        actor = host.access.staff(request, *STAFF)
        shown = _Shown(host, request, actor)
        async with host.pool.acquire() as connection, connection.transaction():
            try:
                found = await register_queries.mentors(
                    connection,
                    units_asked(actor, unit or None),
                    state=state,
                    appetite=appetite,
                    q=q,
                    cursor=cursor,
                )
            except ValueError:
                raise Problem(422, "does_not_fit", field="cursor") from None
            unseen = await seeing.hidden(host, connection, actor, [one.mentor.id for one in found.rows])
            found = seeing.without_found_by_name(found, "mentor.id", unseen, q)
            word = host.pages.words(host.pages.language(request, actor))(seeing.NAME_OF_A_PROTECTED)
            found = found._replace(rows=seeing.masked(found.rows, "mentor.id", unseen, word))
            ids = [one.mentor.id for one in found.rows]
            await queries.note_look(connection, actor, "mentor_list", set(ids) - unseen, shown.now)
            offered = await register_queries.places_of(connection, ids)
            rows = []
            for one in found.rows:
                today = shown.today(one.mentor.unit)
                rules = rules_asking(one.mentor, offered, shown.programmes, today)
                rows.append((one.mentor, one.name, missing(one.mentor, rules, today)))
            return await shown.render(
                connection,
                "mentors.html",
                rows=rows,
                more_at=shown.more_at(found),
                asked={"unit": unit, "state": state, "appetite": appetite, "q": q},
                state_options=shown.states(MENTOR_STATES),
            )


def _mentor(host: Host) -> None:
    @host.app.get("/intake/mentors/{mentor_id}", include_in_schema=False)
    async def one(request: Request, mentor_id: UUID) -> Response:
        actor = host.access.staff(request, *STAFF)
        shown = _Shown(host, request, actor)
        async with host.pool.acquire() as connection, connection.transaction():
            stored = await register_queries.mentor(connection, mentor_id)
            shown.owned(stored, stored.mentor.unit if stored else None)
            assert stored is not None
            found = stored.mentor
            (contact,) = await shown.people(connection, "mentor_page", mentor_id)
            of_host = await register_queries.host(connection, found.host_id) if found.host_id else None
            places = await register_queries.places(
                connection, actor.units, mentor_id=mentor_id, limit=MOST_PLACES
            )
            offered = [row for row in places.rows if row.place.state != "withdrawn"]
            today = shown.today(found.unit)
            rules = rules_asking(found, [row.place for row in offered], shown.programmes, today)
            asked = {one.kind: None for each in rules for one in each.certificates if one.of == "mentor"}
            kinds = shown.programmes.codes.lists["certificates"]
            return await shown.render(
                connection,
                "mentor.html",
                unit=found.unit,
                unit_name=shown.unit_name(found.unit),
                mentor=found,
                version=stored.version,
                contact=contact,
                host=of_host.host if of_host else None,
                partner=await _partner_of(connection, found.partner_id),
                lacks=missing(found, rules, today),
                asked_certificates=list(asked),
                other_certificates=[kind for kind in kinds if kind not in asked],
                places=offered,
            )


async def _partner_of(connection: Connection, partner_id: UUID | None) -> Any:
    stored = await register_queries.partner(connection, partner_id) if partner_id else None
    return stored.partner if stored else None


def _partners(host: Host) -> None:
    @host.app.get("/intake/partners", include_in_schema=False)
    async def listed(
        request: Request,
        unit: str = "",
        kind: str = "",
        status: str = "",
        q: str = "",
        cursor: str | None = None,
    ) -> Response:
        actor = host.access.staff(request, *STAFF)
        shown = _Shown(host, request, actor)
        words = host.pages.words(shown.language)
        async with host.pool.acquire() as connection:
            try:
                found = await register_queries.partners(
                    connection, units_asked(actor, unit or None), kind=kind, status=status, q=q, cursor=cursor
                )
            except ValueError:
                raise Problem(422, "does_not_fit", field="cursor") from None
            rows = [(one, bool(one.dispute) and one.dispute[-1].step not in OVER) for one, _ in found.rows]
            return await shown.render(
                connection,
                "partners.html",
                rows=rows,
                more_at=shown.more_at(found),
                asked={"unit": unit, "kind": kind, "status": status, "q": q},
                sought_options=[(one, words(f"registers.seek.{one}")) for one in SOUGHT],
            )


def _partner(host: Host) -> None:
    @host.app.get("/intake/partners/{partner_id}", include_in_schema=False)
    async def one(request: Request, partner_id: UUID) -> Response:
        actor = host.access.staff(request, *STAFF)
        shown = _Shown(host, request, actor)
        async with host.pool.acquire() as connection, connection.transaction():
            stored = await register_queries.partner(connection, partner_id)
            shown.owned(stored, stored.partner.unit if stored else None)
            assert stored is not None
            found = stored.partner
            (contact,) = await shown.people(connection, "partner_page", found.contact_person_id)
            return await shown.render(
                connection,
                "partner.html",
                unit=found.unit,
                unit_name=shown.unit_name(found.unit),
                partner=found,
                version=stored.version,
                contact=contact,
                may_sign="project_manager" in actor.roles,
                steps=list(next_steps(found, shown.programmes.codes.lists["dispute_states"])),
            )


def _places(host: Host) -> None:
    @host.app.get("/intake/places", include_in_schema=False)
    async def listed(
        request: Request, unit: str = "", state: str = "", cursor: str | None = None
    ) -> Response:
        actor = host.access.staff(request, *STAFF)
        shown = _Shown(host, request, actor)
        async with host.pool.acquire() as connection:
            try:
                found = await register_queries.places(
                    connection, units_asked(actor, unit or None), state=state, cursor=cursor
                )
            except ValueError:
                raise Problem(422, "does_not_fit", field="cursor") from None
            return await shown.render(
                connection,
                "places.html",
                rows=[one for one, _ in found.rows],
                more_at=shown.more_at(found),
                asked={"unit": unit, "state": state},
                state_options=shown.states(PLACE_STATES),
            )


def _training(host: Host) -> None:
    @host.app.get("/intake/training", include_in_schema=False)
    async def training(request: Request) -> Response:
        actor = host.access.staff(request, *STAFF, "training_office")
        shown = _Shown(host, request, actor)
        async with host.pool.acquire() as connection, connection.transaction():
            wishes = await register_queries.training_wished(connection, actor.units, MOST_WISHES)
            people = {one.id for one in wishes if one.side == "mentor"}
            unseen = await seeing.hidden(host, connection, actor, people)
            word = host.pages.words(shown.language)(seeing.NAME_OF_A_PROTECTED)
            wishes = [one._replace(name=word) if one.id in unseen else one for one in wishes]
            if seen := people - unseen:
                await queries.note_look(connection, actor, "training_page", seen, shown.now)
            return await shown.render(connection, "training.html", wishes=wishes)
