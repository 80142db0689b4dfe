"""The list of cases: searched, filtered, the most urgent first, and a person's own views of it.

Guarantee: staff see the cases of their units, and every page of the list writes down whose names it showed
in the transaction of the look. Filters stand in the address, so that a view can be bookmarked; one that is
saved under a name belongs to who saved it. Nothing here changes a case.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields, replace
from datetime import date, timedelta
from urllib.parse import urlencode
from uuid import UUID

from fastapi import Request
from starlette.responses import RedirectResponse, Response

from services.intake import case_list_queries as lists
from services.intake import queries, seeing, staff_queries
from services.intake.case_list_queries import OPEN, OVER, Wanted
from services.intake.register_api import units_asked
from services.intake.settling import today_of
from services.intake.wording import programme_words, programmes_of, unit_options
from shared.commands import document_sent
from shared.contracts.model import STAFF
from shared.hosting import Host
from shared.messages import Actor
from shared.postgres import Connection
from shared.problems import Problem
from shared.programmes import Rules

HERE = "/intake/cases"
SOON_DAYS = 7
LONGEST_NAME = 60
WHOSE = ("mine", "stand_in", "nobody", "all")
STATES = (*OPEN, *OVER)


@dataclass(frozen=True)
class Filters:
    """The filters as they stand in the address; an empty one is none. `whose` may be a colleague's id."""

    q: str = ""
    whose: str = ""
    state: str = ""
    unit: str = ""
    programme: str = ""
    waits_for: str = ""
    due: str = ""
    sort: str = ""

    @classmethod
    def of(cls, said: Mapping[str, object]) -> Filters:
        """What somebody asked for; what is none of ours is left out."""
        known = {one.name: said.get(one.name) for one in fields(cls)}
        return cls(**{name: value.strip()[:200] for name, value in known.items() if isinstance(value, str)})

    def address(self, **changes: str) -> str:
        """The list by these filters."""
        query = replace(self, **changes).query
        return f"{HERE}?{query}" if query else HERE

    @property
    def query(self) -> str:
        return urlencode({name: value for name, value in vars(self).items() if value})

    @property
    def is_narrowed(self) -> bool:
        """Whether there is anything worth a name: more than whose cases they are."""
        return bool(replace(self, whose="", sort="").query)


def mount(host: Host) -> None:
    """Add the list, and saving and forgetting views of it."""
    _list(host)
    _views(host)


async def _stood_in_for(host: Host, connection: Connection, actor: Actor) -> frozenset[UUID]:
    """Those whose cases somebody sees to today beside their own."""
    if actor.person_id is None:
        return frozenset()
    today = today_of(actor.units, host.service.programmes, host.service.clock())
    whose = await staff_queries.whose_cases(connection, actor.person_id, actor.units, today)
    return whose - {actor.person_id}


def _caseworkers(whose: str, actor: Actor, stood_in_for: Collection[UUID]) -> Collection[UUID] | None:
    """Raises `Problem` where it is no colleague's id."""
    if whose == "all":
        return None
    if whose == "nobody":
        return ()
    if whose == "mine":
        return (actor.person_id,) if actor.person_id else (UUID(int=0),)
    if whose == "stand_in":
        return stood_in_for or (UUID(int=0),)
    try:
        return (UUID(whose),)
    except ValueError:
        raise Problem(422, "does_not_fit", field="whose") from None


def _states(filters: Filters) -> tuple[str, ...]:
    if filters.state == "over":
        return OVER
    if filters.state in STATES:
        return (filters.state,)
    return STATES if filters.q else OPEN


def _list(host: Host) -> None:
    programmes = host.service.programmes

    @host.app.get(HERE, include_in_schema=False)
    async def cases(request: Request, cursor: str | None = None) -> Response:
        actor = host.access.staff(request, *STAFF)
        filters = Filters.of(request.query_params)
        today = today_of(actor.units, programmes, host.service.clock())
        async with host.pool.acquire() as connection, connection.transaction():
            stood_in_for = await _stood_in_for(host, connection, actor)
            per_whose = await lists.count_by_whose(connection, actor.units, actor.person_id, stood_in_for)
            if not filters.whose:
                # Who has cases of their own came for those; a search is for all that there are.
                filters = replace(filters, whose="mine" if per_whose["mine"] and not filters.q else "all")
            unseen = await seeing.hidden(host, connection, actor)
            wanted = Wanted(
                unseen=unseen,
                units=units_asked(actor, filters.unit or None),
                states=_states(filters),
                programme=filters.programme or None,
                q=filters.q or None,
                caseworkers=_caseworkers(filters.whose, actor, stood_in_for),
                waits_for=filters.waits_for or None,
                due_by=today + timedelta(days=SOON_DAYS) if filters.due == "soon" else None,
            )
            found = await lists.page(connection, wanted, newest=filters.sort == "newest", cursor=cursor)
            per_state = await lists.count_by_state(connection, wanted)
            views = await lists.views(connection, actor.subject)
            colleagues = await staff_queries.colleagues(connection, actor.units)
            people = {row.case.person_id for row in found.rows} - unseen
            await queries.note_look(connection, actor, "case_list", people, host.service.clock())
        word = host.pages.words(host.pages.language(request, actor))(seeing.NAME_OF_A_PROTECTED)
        following = f"{filters.address()}&{urlencode({'cursor': found.next})}" if found.next else None
        return host.pages.render(
            request,
            "cases.html",
            actor=actor,
            filters=filters,
            rows=seeing.masked(found.rows, "case.person_id", unseen, word),
            more_at=following,
            is_further=bool(cursor),
            whose=[one for one in WHOSE if per_whose[one] or one in ("mine", "all", filters.whose)],
            per_whose=per_whose,
            per_state=per_state,
            states=STATES,
            open_count=sum(per_state.get(one, 0) for one in OPEN),
            over_count=sum(per_state.get(one, 0) for one in OVER),
            units=unit_options(programmes, actor.units),
            programmes=programmes_of(programmes, actor.units),
            colleagues=[
                (str(one.staff.id), one.person.name)
                for one in colleagues
                if one.staff.id != actor.person_id and not one.staff.group_mailbox
            ],
            waiters=sorted({step.who for rules in _rules(host, actor, today) for step in rules.preparation}),
            programme_words=programme_words(programmes),
            views=views,
            here=filters.query,
            today=today,
            soon=today + timedelta(days=SOON_DAYS),
        )


def _rules(host: Host, actor: Actor, today: date) -> list[Rules]:
    programmes = host.service.programmes
    known = [programmes.units[unit] for unit in sorted(actor.units) if unit in programmes.units]
    return [programmes.rules(name, unit.id, today) for unit in known for name in unit.programmes]


def _views(host: Host) -> None:
    async def sent(request: Request) -> tuple[Actor, str, Filters]:
        actor = host.access.staff(request, *STAFF)
        _, said = await document_sent(request)
        name = said.get("name")
        if not isinstance(name, str) or not name.strip() or len(name.strip()) > LONGEST_NAME:
            raise Problem(422, "does_not_fit", field="name")
        return actor, name.strip(), Filters.of(said)

    @host.app.post(HERE + "/views", include_in_schema=False)
    async def save(request: Request) -> Response:
        actor, name, filters = await sent(request)
        async with host.pool.acquire() as connection:
            now = host.service.clock()
            # A search is for somebody: whose name it is stays out of what is kept.
            kept = replace(filters, q="").query
            if not await lists.save_view(connection, actor.subject, name, kept, now):
                raise Problem(409, "too_many_views")
        return RedirectResponse(filters.address(), 303)

    @host.app.post(HERE + "/views/forget", include_in_schema=False)
    async def forget(request: Request) -> Response:
        actor, name, _ = await sent(request)
        async with host.pool.acquire() as connection:
            await lists.forget_view(connection, actor.subject, name)
        return RedirectResponse(HERE, 303)
