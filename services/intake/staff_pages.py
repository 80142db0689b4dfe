"""Pages about colleagues and units: who they are, the group of a town, duty, role models, closing a unit.

Guarantee: staff see their own units. Colleagues' names are no citizens'; a role model may be one, and so the
look at them is written down. Forms post to the command door; nothing is changed here.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any
from uuid import UUID

from fastapi import Request
from starlette.responses import Response

from services.intake import queries, seeing, staff_queries
from services.intake.registers import Duty, UnitFile
from services.intake.settling import today_in
from services.intake.staff_queries import Colleague
from services.intake.staffing import belongs, topics_missing, unit_row
from services.intake.wording import programme_words, unit_options
from shared.access import ROLES, NotAllowed
from shared.contracts.model import STAFF
from shared.hosting import Host
from shared.messages import Actor
from shared.postgres import Connection
from shared.problems import Problem

ROLES_OF_STAFF = tuple(role for role in ROLES if role != "publisher")


def mount(host: Host) -> None:
    """Add `/intake/staff`, `/intake/units` and `/intake/units/close`."""
    _staff(host)
    _units(host)
    _closing(host)


def colleague_options(colleagues: Iterable[Colleague], actor: Actor) -> list[tuple[str, str]]:
    """Whom a case can be given to, by name; the reader themself first, whether intake knows them or not."""
    others = [
        (str(one.staff.id), one.person.name)
        for one in colleagues
        if not one.staff.group_mailbox and one.staff.id != actor.person_id
    ]
    me = [(str(actor.person_id), actor.name or actor.subject)] if actor.person_id is not None else []
    return [*me, *others]


def _staff(host: Host) -> None:
    @host.app.get("/intake/staff", include_in_schema=False)
    async def staff(request: Request, unit: str = "") -> Response:
        actor = host.access.staff(request, *STAFF)
        programmes = host.service.programmes
        options = unit_options(programmes, actor.units)
        if not options:
            raise NotAllowed
        asked = unit or options[0][0]
        if asked not in dict(options):
            raise Problem(403, "other_unit")
        today = today_in(asked, programmes, host.service.clock())
        async with host.pool.acquire() as connection, connection.transaction():
            colleagues = await staff_queries.colleagues(connection, {asked})
            stored = await staff_queries.unit(connection, asked)
            kept = stored.unit if stored else UnitFile(id=unit_row(asked), unit=asked)
            models = await _role_models(host, connection, actor, kept)
        names = {one.staff.id: one.person.name for one in colleagues}
        return host.pages.render(
            request,
            "staff.html",
            actor=actor,
            unit=asked,
            unit_id=asked,
            unit_name=programmes.unit(asked).name,
            units=options,
            colleagues=[(one, topics_missing(one.staff)) for one in colleagues],
            coordinators=[
                (str(one.staff.id), one.person.name)
                for one in colleagues
                if "coordinator" in one.staff.roles and not one.staff.group_mailbox
            ],
            people=[
                (str(one.staff.id), one.person.name) for one in colleagues if not one.staff.group_mailbox
            ],
            names=names,
            kept=kept,
            version=stored.version if stored else None,
            duty=_duty(kept.duty, today),
            models=models,
            today=today,
            roles=ROLES_OF_STAFF,
            may_register="project_manager" in actor.roles,
            may_set_group=bool(actor.roles & {"project_manager", "coordinator"}),
            asks_issuer=not host.settings.demonstration,
            back=f"/intake/staff?unit={asked}",
        )


async def _role_models(
    host: Host, connection: Connection, actor: Actor, kept: UnitFile
) -> list[tuple[Any, Any]]:
    ids = [one.person_id for one in kept.role_models]
    people = await staff_queries.people(connection, ids)
    unseen = await seeing.hidden(host, connection, actor, people)
    people = {id_: person for id_, person in people.items() if id_ not in unseen}
    if people:
        await queries.note_look(connection, actor, "role_models", people, host.service.clock())
    return [(one, people[one.person_id]) for one in kept.role_models if one.person_id in people]


def _duty(duty: Iterable[Duty], today: date) -> list[tuple[Duty, bool]]:
    """Who is on duty now or will be, and whether it is now."""
    return [(one, one.holds(today)) for one in duty if one.until is None or one.until >= today]


def _units(host: Host) -> None:
    @host.app.get("/intake/units", include_in_schema=False)
    async def units(request: Request) -> Response:
        actor = host.access.staff(request, *STAFF)
        programmes = host.service.programmes
        rows = []
        async with host.pool.acquire() as connection:
            for id_, name in unit_options(programmes, actor.units):
                stored = await staff_queries.unit(connection, id_)
                kept = stored.unit if stored else UnitFile(id=unit_row(id_), unit=id_)
                left = await staff_queries.left_in(connection, id_)
                rows.append((id_, name, kept, left, await staff_queries.colleagues(connection, {id_})))
            stays = await staff_queries.not_handed_over(connection, actor.units, programmes)
        return host.pages.render(
            request,
            "units.html",
            actor=actor,
            rows=rows,
            stays=stays,
            programme_words=programme_words(programmes),
            unit_names={unit.id: unit.name for unit in programmes.units.values()},
            may_close="project_manager" in actor.roles,
        )


def _closing(host: Host) -> None:
    @host.app.get("/intake/units/close", include_in_schema=False)
    async def close(request: Request, unit: str) -> Response:
        actor = host.access.staff(request, "project_manager")
        programmes = host.service.programmes
        if unit not in programmes.units or unit not in actor.units:
            raise Problem(403, "other_unit")
        controller = programmes.unit(unit).controller
        others = [one for one in sorted(actor.units - {unit}) if one in programmes.units]
        async with host.pool.acquire() as connection:
            stored = await staff_queries.unit(connection, unit)
            left = await staff_queries.left_in(connection, unit)
            needed = await staff_queries.cases_of(connection, unit)
            closed = {
                one: await staff_queries.unit(connection, one)
                for one in others
                if programmes.unit(one).controller == controller
            }
            colleagues = await staff_queries.colleagues(connection, set(closed))
        targets = [
            (one, programmes.unit(one).name)
            for one, row in closed.items()
            if (row is None or row.unit.state == "open")
            and set(needed) <= set(programmes.unit(one).programmes)
        ]
        return host.pages.render(
            request,
            "unit_closing.html",
            actor=actor,
            unit=unit,
            unit_id=unit,
            unit_name=programmes.unit(unit).name,
            version=stored.version if stored else None,
            kept=stored.unit if stored else None,
            left=left,
            needed=needed,
            targets=targets,
            takers=_takers(colleagues, targets, actor),
            today=today_in(unit, programmes, host.service.clock()),
            programme_words=programme_words(programmes),
            unit_names={one.id: one.name for one in programmes.units.values()},
        )


def _takers(
    colleagues: list[Colleague], targets: list[tuple[str, str]], actor: Actor
) -> list[tuple[str, str]]:
    """Who can take the cases over, with the units that they belong to."""
    found: dict[UUID, str] = {}
    for one in colleagues:
        theirs = [name for unit, name in targets if belongs(one.staff, unit)]
        if theirs and not one.staff.group_mailbox:
            found[one.staff.id] = f"{one.person.name} ({', '.join(theirs)})"
    if actor.person_id is not None and actor.person_id not in found:
        found[actor.person_id] = actor.name or actor.subject
    return [(str(id_), name) for id_, name in found.items()]
