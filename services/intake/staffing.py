"""Colleagues, a town's coordination group, who is on duty, and role models.

Pure. A colleague is known once somebody registered them or they signed in: then a case can be given to them
and they can be written to. A group's members and whoever is on duty are registered colleagues of the unit.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime, timedelta
from uuid import UUID

from services.intake import telling
from services.intake.certificates import months_later
from services.intake.documents import Person, State
from services.intake.erasing import Leaving, RetentionOver
from services.intake.registers import Duty, RoleModel, Staff, UnitFile
from services.intake.retention import longest_kept, morning
from services.intake.rules import unknown_codes
from services.intake.settling import today_in
from shared.contracts.intake_commands import ContactDetails
from shared.contracts.model import Code, Language, Timer, derived_id
from shared.contracts.people_commands import RegisterRoleModel, RegisterStaff, SetDuty, SetGroupMembers
from shared.messages import Decision, Ignored, Message, Refused, Schedule
from shared.programmes import Programmes, Unit

GROUP_TOPICS: tuple[Code, ...] = (
    "organisation",
    "reception",
    "interview",
    "registration",
    "match_meeting",
    "follow_up",
    "ending",
    "when_it_fails",
    "recruiting",
    "cooperation",
)
"""What a coordination group is trained in (B)."""
OLD_DUTY_KEPT = timedelta(days=60)


class StaffSeen(Timer):
    """Intake's own: a colleague has signed in, under this name, with these roles and units."""

    staff_id: UUID
    name: str
    email: str | None = None
    language: Language = "da"
    roles: tuple[Code, ...]
    units: tuple[str, ...]


def unit_row(unit: str) -> UUID:
    """The id of a unit's row."""
    return derived_id("unit", unit)


def belongs(staff: Staff | None, unit: str) -> bool:
    """Whether somebody is a registered colleague in this unit."""
    return staff is not None and (staff.unit == unit or unit in staff.units)


def check_caseworker(staff: Staff | None, unit: str) -> None:
    """Whether a case of the unit can be this colleague's: somebody registered, or who has signed in.

    Raises `Refused`.
    """
    if staff is None:
        raise Refused("unknown_colleague", field="caseworker", status=404)
    if staff.group_mailbox:
        raise Refused("mailbox_takes_no_case", field="caseworker")
    if not belongs(staff, unit):
        raise Refused("colleague_of_another_unit", field="caseworker")


def topics_missing(staff: Staff) -> tuple[Code, ...]:
    """What a member of a coordination group has not been trained in yet."""
    return tuple(topic for topic in GROUP_TOPICS if topic not in staff.trained)


def stands_in_for(duty: Iterable[Duty], person_id: UUID, on: date) -> frozenset[UUID]:
    """Whose cases somebody sees to besides their own on a day."""
    return frozenset(
        one.stands_in_for
        for one in duty
        if one.stands_in_for is not None and one.person_id == person_id and one.holds(on)
    )


def register_staff(state: State, message: Message, programmes: Programmes, now: datetime) -> Decision[State]:
    """Somebody who has not signed in yet, or a group's mailbox; registered again, what is said counts."""
    said = message.body
    assert isinstance(said, RegisterStaff)
    unit = _unit(programmes, said.unit, message)
    errors = unknown_codes(programmes.codes, {"staff_roles": ("roles", said.staff_roles)})
    if errors:
        raise Refused("unknown_code", field="staff_roles", status=422, errors=errors)
    if said.group_mailbox and said.subject is not None:
        raise Refused("mailbox_does_not_sign_in", field="subject", status=422)
    if said.group_mailbox and said.contact.email is None:
        raise Refused("mailbox_needs_email", field="contact.email", status=422)
    if state.staff is None and state.person is not None:
        # The id of somebody else, whose identity this would replace.
        raise Refused("unknown_colleague", field="staff_id", status=404)
    known = state.staff
    staff = Staff(
        id=state.ids["staff"],
        unit=unit.id,
        units=known.units if known is not None else (),
        roles=said.staff_roles,
        group_mailbox=said.group_mailbox,
        trained=known.trained if known is not None else (),
    )
    person = _person(state, said.contact, unit)
    return Decision(
        replace(state, staff=staff, person=person),
        events=(telling.contact(person),),
        answer={"staff_id": staff.id, "person_id": person.id},
    )


def staff_seen(
    state: State, message: Message, programmes: Programmes, now: datetime
) -> Decision[State] | Ignored:
    """Signing in brings name, e-mail and language; who was registered before keeps what it does not bring."""
    seen = message.body
    assert isinstance(seen, StaffSeen)
    units = tuple(unit for unit in seen.units if unit in programmes.units)
    if not units:
        return Ignored("of_no_unit")
    if state.staff is None and state.person is not None:
        return Ignored("somebody_else")
    before = state.staff or Staff(id=state.ids["staff"], unit=units[0], roles=seen.roles)
    home = before.unit if before.unit in units else units[0]
    staff = before.model_copy(update={"unit": home, "units": units, "roles": seen.roles})
    known = state.person or Person(
        id=state.ids["person"],
        controller=programmes.unit(home).controller,
        name=seen.name,
        channel="email" if seen.email else "phone",
        contact_version=0,
    )
    person = known.model_copy(
        update={"name": seen.name, "email": seen.email or known.email, "language": seen.language}
    )
    if person == state.person and staff == state.staff:
        return Ignored("known_so")
    if person == state.person:
        return Decision(replace(state, staff=staff))
    person = person.model_copy(update={"contact_version": known.contact_version + 1})
    return Decision(replace(state, staff=staff, person=person), events=(telling.contact(person),))


def set_group_members(
    state: State, message: Message, programmes: Programmes, now: datetime
) -> Decision[State]:
    """Two to five registered coordinators of the unit (B)."""
    said = message.body
    assert isinstance(said, SetGroupMembers)
    unit = _unit(programmes, said.unit, message)
    if len(set(said.members)) != len(said.members):
        raise Refused("member_twice", field="members", status=422)
    for colleague in state.colleagues:
        if colleague is None or not belongs(colleague, unit.id) or colleague.group_mailbox:
            raise Refused("unknown_colleague", field="members", status=404)
        if "coordinator" not in colleague.roles:
            raise Refused("not_a_coordinator", field="members")
    changed = unit_of(state, unit.id).model_copy(update={"members": said.members})
    return Decision(replace(state, unit=changed))


def set_duty(state: State, message: Message, programmes: Programmes, now: datetime) -> Decision[State]:
    """From when until when; said again of the same colleagues, the new days count instead of the old."""
    said = message.body
    assert isinstance(said, SetDuty)
    unit = _unit(programmes, said.unit, message)
    asked = {
        "person_id": said.person_id,
        **({"stands_in_for": said.stands_in_for} if said.stands_in_for is not None else {}),
    }
    for (field, _), colleague in zip(asked.items(), state.colleagues, strict=True):
        if not belongs(colleague, unit.id):
            raise Refused("unknown_colleague", field=field, status=404)
    if said.stands_in_for == said.person_id:
        raise Refused("stands_in_for_themself", field="stands_in_for", status=422)
    today = today_in(unit.id, programmes, now)
    since = said.since or today
    if said.until is not None and said.until < since:
        raise Refused("ends_before_it_begins", field="until", status=422)
    new = Duty(person_id=said.person_id, stands_in_for=said.stands_in_for, since=since, until=said.until)
    before = unit_of(state, unit.id)
    kept = tuple(
        one
        for one in before.duty
        if not _replaced(one, new) and (one.until is None or one.until >= today - OLD_DUTY_KEPT)
    )
    duty = tuple(sorted((*kept, new), key=lambda one: (one.since, str(one.person_id))))
    return Decision(replace(state, unit=before.model_copy(update={"duty": duty})))


def _replaced(old: Duty, new: Duty) -> bool:
    """The same colleagues, at a time that is not over before the new one begins."""
    same = (old.person_id, old.stands_in_for) == (new.person_id, new.stands_in_for)
    return same and (old.until is None or old.until >= new.since)


def register_role_model(
    state: State, message: Message, programmes: Programmes, now: datetime
) -> Decision[State]:
    """Somebody who is known already, as a candidate of before is, keeps the name and address they have."""
    said = message.body
    assert isinstance(said, RegisterRoleModel)
    unit = _unit(programmes, said.unit, message)
    codes = {"industries": ("industries", said.industries), "languages": ("languages", said.languages)}
    errors = unknown_codes(programmes.codes, codes)
    if errors:
        raise Refused("unknown_code", field=errors[0][1], status=422, errors=errors)
    if said.person_id is not None:
        _check_known(state, unit, message)
    before = unit_of(state, unit.id)
    model = RoleModel(person_id=state.ids["person"], industries=said.industries, languages=said.languages)
    is_ours = model.person_id in {one.person_id for one in before.role_models}
    others = tuple(one for one in before.role_models if one.person_id != model.person_id)
    if said.removed:
        if not is_ours:
            raise Refused("not_found", field="person_id", status=404)
        return _taken_off(state, before.model_copy(update={"role_models": others}), programmes, now)
    is_theirs_alone = is_ours and not _is_more(state)
    keeps = state.person is not None and not is_theirs_alone
    person = state.person if state.person is not None and keeps else _person(state, said.contact, unit)
    changed = before.model_copy(update={"role_models": (*others, model)})
    return Decision(
        replace(state, unit=changed, person=person),
        events=(telling.contact(person),) if person is not state.person else (),
        answer={"person_id": person.id},
    )


def _check_known(state: State, unit: Unit, message: Message) -> None:
    """Whoever is named by their id is somebody whom the actor's units know. Raises `Refused`."""
    person, actor = state.person, message.actor
    known = actor is None or bool(Leaving.of(state).units & actor.units)
    if person is None or person.controller != unit.controller or not known:
        raise Refused("not_found", field="person_id", status=404)
    if person.merged_into is not None:
        raise Refused("merged_into_another", field="person_id", merged_into=str(person.merged_into))


def _is_more(state: State) -> bool:
    """Whether somebody is more than a role model, and known by what was said there."""
    parts = (state.mentor, state.staff, *state.cases, *state.hosts, *state.partners, *state.enquiries)
    return any(one is not None for one in parts)


def _taken_off(state: State, changed: UnitFile, programmes: Programmes, now: datetime) -> Decision[State]:
    """No role model any more; whoever is nothing else is kept as long as others of the unit are."""
    unit = programmes.unit(changed.unit)
    today = today_in(unit.id, programmes, now)
    until = months_later(today, longest_kept(unit, programmes, today))
    due = Schedule(morning(until, unit.id, programmes), RetentionOver(person_id=state.ids["person"]))
    return Decision(replace(state, unit=changed), timers=(due,), answer={"person_id": state.ids["person"]})


def unit_of(state: State, unit: str) -> UnitFile:
    """The unit's row as it is, or as it begins."""
    return state.unit or UnitFile(id=state.ids["unit"], unit=unit)


def _unit(programmes: Programmes, unit: str, message: Message) -> Unit:
    if unit not in programmes.units:
        raise Refused("unknown_unit", field="unit", status=422)
    if message.actor is not None and unit not in message.actor.units:
        raise Refused("other_unit", field="unit", status=403)
    return programmes.units[unit]


def _person(state: State, said: ContactDetails, unit: Unit) -> Person:
    known = state.person or Person(
        id=state.ids["person"], controller=unit.controller, name=said.name, contact_version=0
    )
    channel = said.channel if said.email or said.channel != "email" else "phone"
    details = said.model_dump(include={"name", "email", "phone", "language"}) | {"channel": channel}
    return known.model_copy(update={**details, "contact_version": known.contact_version + 1})
