"""The pages of the registers: hosts, mentors, partners, their places, and training.

Guarantee: staff see those of their own units, and every page that shows a person's name writes down the look
in the transaction of the look. Forms post to the command door; nothing is changed here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Generic
from uuid import UUID

from fastapi import Depends, Path, Request
from starlette.responses import Response

from services.intake import hosts, queries, register_queries, seeing
from services.intake.asked_of_mentors import awaits_mailbox, kinds_asked, missing, rules_asking
from services.intake.documents import HostFile, Mentor, Person
from services.intake.partners import OVER, next_steps
from services.intake.queries import Found
from services.intake.register_api import units_asked
from services.intake.register_queries import HOSTS, MENTORS, PARTNERS, Asked, D, Register, Stored, StoredPlace
from services.intake.registers import Partner
from services.intake.settling import today_of
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
    for pages in _REGISTERS:
        _list(host, pages)
        _one(host, pages)
    _places(host)
    _training(host)
    _asking_partners(host)


class _Shown:
    """What a page of the registers is made of: who reads it, on which day, and the choices of its forms."""

    def __init__(self, host: Host, request: Request, actor: Actor) -> None:
        self.host, self.request, self.actor = host, request, actor
        self.programmes = host.service.programmes
        self.now = host.service.clock()
        self.language = host.pages.language(request, actor)
        self.words = host.pages.words(self.language)
        self.hides_somebody = False

    def today(self, unit: str | None = None) -> date:
        """The day in the unit, or in the actor's first."""
        return today_of((unit,) if unit else self.actor.units, self.programmes, self.now)

    def named(self, prefix: str, names: Iterable[str]) -> list[tuple[str, str]]:
        """What is chosen between, with its words."""
        return [(name, self.words(f"{prefix}.{name}")) for name in names]

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

    async def people(self, connection: Connection, at_what: str, *ids: UUID | None) -> list[Person | None]:
        """Who they are, and the look written down; the protected only to those who may see them."""
        asked = [one for one in ids if one is not None]
        unseen = await seeing.hidden(self.host, connection, self.actor, asked)
        self.hides_somebody = bool(unseen)
        if seen := set(asked) - unseen:
            await queries.note_look(connection, self.actor, at_what, seen, self.now)
        found = [await queries.person(connection, one) if one is not None else None for one in ids]
        nameless: dict[str, Any] = {"name": self.words(seeing.NAME_OF_A_PROTECTED)}
        nameless |= dict.fromkeys(("email", "phone", "postcode", "birth_date"))
        return [
            one.model_copy(update=nameless) if one is not None and one.id in unseen else one for one in found
        ]


@dataclass(frozen=True)
class _Pages(Generic[D]):
    """What differs between the registers' pages: `/intake/<one>s` lists, `/intake/<one>s/<id>` tells of one.

    `choices` are what a list's forms choose between, with the prefix of their words.
    """

    register: Register[D]
    choices: Mapping[str, tuple[str, tuple[str, ...]]]
    rows: Callable[[_Shown, Connection, list[Stored[D]], Asked], Awaitable[list[Any]]]
    about: Callable[[_Shown, Connection, D], Awaitable[dict[str, Any]]]


def _list(host: Host, pages: _Pages[Any]) -> None:
    @host.app.get(f"/intake/{pages.register.one}s", include_in_schema=False)
    async def listed(request: Request, asked: Asked = Depends(pages.register.asked)) -> Response:
        actor = host.access.staff(request, *STAFF)
        shown = _Shown(host, request, actor)
        units = units_asked(actor, asked.unit or None)
        async with host.pool.acquire() as connection, connection.transaction():
            found = await register_queries.listed(connection, pages.register, units, asked)
            return await shown.render(
                connection,
                f"{pages.register.one}s.html",
                rows=await pages.rows(shown, connection, found.rows, asked),
                more_at=shown.more_at(found),
                asked={name: value or "" for name, value in vars(asked).items()},
                **{name: shown.named(*choices) for name, choices in pages.choices.items()},
            )


def _one(host: Host, pages: _Pages[Any]) -> None:
    name = f"{pages.register.one}_id"
    named = Path(alias=name)

    @host.app.get(f"/intake/{pages.register.one}s/{{{name}}}", include_in_schema=False)
    async def one(request: Request, id_: UUID = named) -> Response:
        actor = host.access.staff(request, *STAFF)
        shown = _Shown(host, request, actor)
        async with host.pool.acquire() as connection, connection.transaction():
            stored = await register_queries.one(connection, pages.register, id_)
            if stored is None:
                raise Problem(404, "not_found")
            found = stored.document
            if found.unit not in actor.units:
                raise Problem(403, "other_unit")
            return await shown.render(
                connection,
                f"{pages.register.one}.html",
                unit=found.unit,
                unit_name=shown.unit_name(found.unit),
                version=stored.version,
                **{pages.register.one: found},
                **await pages.about(shown, connection, found),
            )


async def _host_rows(_: _Shown, __: Connection, found: list[Stored[HostFile]], ___: Asked) -> list[Any]:
    return [(one.document, hosts.missing(one.document)) for one in found]


async def _about_host(shown: _Shown, connection: Connection, found: HostFile) -> dict[str, Any]:
    contact, buddy = await shown.people(connection, "host_page", found.contact_person_id, found.buddy_id)
    return {
        "contact": contact,
        "buddy": buddy,
        "partner": await _other(connection, PARTNERS, found.partner_id),
        "lacks": hosts.missing(found),
        "places": await _places_of(shown, connection, found),
    }


async def _mentor_rows(
    shown: _Shown, connection: Connection, found: list[Stored[Mentor]], asked: Asked
) -> list[Any]:
    ids = [one.document.id for one in found]
    unseen = await seeing.hidden(shown.host, connection, shown.actor, ids)
    if asked.q:
        # A name finds nobody who may not be seen.
        found = [one for one in found if one.document.id not in unseen]
    seen = {one.document.id for one in found} - unseen
    await queries.note_look(connection, shown.actor, "mentor_list", seen, shown.now)
    offered = await register_queries.places_of(connection, ids)
    rows = []
    for one in seeing.masked(found, "document.id", unseen, shown.words(seeing.NAME_OF_A_PROTECTED)):
        today = shown.today(one.document.unit)
        rules = rules_asking(one.document, offered, shown.programmes, today)
        rows.append((one.document, one, missing(one.document, rules, today)))
    return rows


async def _about_mentor(shown: _Shown, connection: Connection, found: Mentor) -> dict[str, Any]:
    (contact,) = await shown.people(connection, "mentor_page", found.id)
    places = await _places_of(shown, connection, found)
    today = shown.today(found.unit)
    rules = rules_asking(found, [row.place for row in places], shown.programmes, today)
    asked = kinds_asked(rules)
    kinds = shown.programmes.codes.lists["certificates"]
    return {
        "contact": contact,
        "host": await _other(connection, HOSTS, found.host_id),
        "partner": await _other(connection, PARTNERS, found.partner_id),
        "lacks": missing(found, rules, today),
        "asked_certificates": asked,
        "other_certificates": [kind for kind in kinds if kind not in asked],
        "by_mailbox": [kind for kind in asked if awaits_mailbox(found, kind, rules)],
        "places": places,
    }


async def _partner_rows(_: _Shown, __: Connection, found: list[Stored[Partner]], ___: Asked) -> list[Any]:
    partners = [one.document for one in found]
    return [(one, bool(one.dispute) and one.dispute[-1].step not in OVER) for one in partners]


async def _about_partner(shown: _Shown, connection: Connection, found: Partner) -> dict[str, Any]:
    (contact,) = await shown.people(connection, "partner_page", found.contact_person_id)
    return {
        "contact": contact,
        "may_sign": "project_manager" in shown.actor.roles,
        "steps": list(next_steps(found, shown.programmes.codes.lists["dispute_states"])),
    }


async def _other(connection: Connection, register: Register[D], id_: UUID | None) -> D | None:
    """Whom a host or a mentor belongs to."""
    stored = await register_queries.one(connection, register, id_) if id_ else None
    return stored.document if stored else None


async def _places_of(shown: _Shown, connection: Connection, found: HostFile | Mentor) -> list[StoredPlace]:
    """What they offer still."""
    of_host, of_mentor = (found.id, None) if isinstance(found, HostFile) else (None, found.id)
    places = await register_queries.places(
        connection, shown.actor.units, host_id=of_host, mentor_id=of_mentor, limit=MOST_PLACES
    )
    return [row for row in places.rows if row.place.state != "withdrawn"]


_REGISTERS: tuple[_Pages[Any], ...] = (
    _Pages(HOSTS, {"state_options": ("state", HOST_STATES)}, _host_rows, _about_host),
    _Pages(MENTORS, {"state_options": ("state", MENTOR_STATES)}, _mentor_rows, _about_mentor),
    _Pages(PARTNERS, {"sought_options": ("registers.seek", SOUGHT)}, _partner_rows, _about_partner),
)


def _places(host: Host) -> None:
    @host.app.get("/intake/places", include_in_schema=False)
    async def listed(
        request: Request, unit: str = "", state: str = "", cursor: str | None = None
    ) -> Response:
        actor = host.access.staff(request, *STAFF)
        shown = _Shown(host, request, actor)
        async with host.pool.acquire() as connection:
            found = await register_queries.places(
                connection, units_asked(actor, unit or None), state=state, cursor=cursor
            )
            return await shown.render(
                connection,
                "places.html",
                rows=[one for one, _ in found.rows],
                more_at=shown.more_at(found),
                asked={"unit": unit, "state": state},
                state_options=shown.named("state", PLACE_STATES),
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
            word = shown.words(seeing.NAME_OF_A_PROTECTED)
            wishes = [one._replace(name=word) if one.id in unseen else one for one in wishes]
            if seen := people - unseen:
                await queries.note_look(connection, actor, "training_page", seen, shown.now)
            return await shown.render(connection, "training.html", wishes=wishes)


def _asking_partners(host: Host) -> None:
    @host.app.get("/intake/fragments/partners", include_in_schema=False)
    async def to_ask(request: Request, unit: str) -> Response:
        """A question of another service's form: names of partners stay with intake."""
        actor = host.access.staff(request, *STAFF)
        if unit not in actor.units:
            raise Problem(403, "other_unit")
        async with host.pool.acquire() as connection:
            found = await register_queries.partners_to_ask(connection, unit)
        return host.pages.render(request, "partners_part.html", actor=actor, unit=unit, partners=found)
