"""What is known of a person was wrong or has changed, they turn out to be protected, or somebody must look.

Pure but for the keys it is given. Guarantee: a national id is nobody else's within its controller; whoever
was merged into the person is reached as the person is; a protected person's whereabouts are taken out of all
their cases, and matching is told. That two are one, or one is two, is `merging`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from services.intake import places, telling
from services.intake.casework import age_known
from services.intake.conditions import is_resident
from services.intake.desk import Errors, check_postcode, refuse
from services.intake.documents import CaseFile, Glass, Mentor, Person, PersonKey, Place, State
from services.intake.erasing import OVER, Leaving, check_sight, check_units
from services.intake.fields import email_address, phone_number
from services.intake.national_id import birth_date_of, compact, is_possible
from services.intake.sealing import Secrets
from services.intake.settling import Events, location_of, rules_of, settle, today_in
from shared.contracts.intake import Contact
from shared.contracts.intake_commands import RecordInterview
from shared.contracts.model import Event, Timer, derived_id
from shared.contracts.people_commands import BreakGlass, CorrectPerson
from shared.messages import Append, Cancel, Decision, Message, Refused, Schedule, Stale
from shared.programmes import Programmes, Unit

GLASS_IS_OPEN = timedelta(hours=1)
REACHED = ("name", "email", "phone", "language", "channel")
CHANGED_BY = ("given_name", "family_name", "name", "birth_date", "gender", "language", "channel", "protected")
Timers = tuple[Schedule | Cancel, ...]


class HideWhereabouts(Timer):
    """Where somebody lives is known otherwise, or is to be hidden: their other cases follow."""

    person_id: UUID


def key_text(controller: str, kind: str, number: str) -> str:
    """What finds somebody by their national id: the text that the keyed hash is made of."""
    return json.dumps([controller, kind, compact(number)])


@dataclass(frozen=True)
class Matter:
    """What every command about a person needs."""

    state: State
    person: Person
    programmes: Programmes
    now: datetime

    @classmethod
    def of(cls, state: State, message: Message, programmes: Programmes, now: datetime) -> Matter:
        assert state.person is not None
        leaving = Leaving.of(state)
        check_units(state.person, leaving.units, message, programmes)
        check_sight(state.person, leaving, message, programmes, now)
        if state.person.merged_into is not None:
            raise Refused("merged_into_another", merged_into=str(state.person.merged_into))
        return cls(state, state.person, programmes, now)

    @property
    def unit(self) -> Unit:
        """A unit of the person's controller: its country says how a number is read, and which day it is."""
        units = sorted(Leaving.of(self.state).units & self.programmes.units.keys())
        of_controller = (
            u.id for u in self.programmes.units.values() if u.controller == self.person.controller
        )
        return self.programmes.unit(next(iter(units), None) or next(of_controller))

    @property
    def today(self) -> date:
        return today_in(self.unit.id, self.programmes, self.now)


def correct(
    secrets: Secrets, state: State, message: Message, programmes: Programmes, now: datetime
) -> Decision[State]:
    """What is said replaces what was known; what is said to be empty is not known any more."""
    said = message.body
    assert isinstance(said, CorrectPerson)
    matter = Matter.of(state, message, programmes, now)
    person = matter.person
    changes: dict[str, Any] = {
        name: value for name in CHANGED_BY if (value := getattr(said, name)) is not None
    }
    reached, errors = read_contact(said, matter.unit)
    changes |= reached
    if said.name not in (None, person.name):
        changes |= {"given_name": None, "family_name": None}
    elif said.given_name is not None or said.family_name is not None:
        names = (said.given_name or person.given_name, said.family_name or person.family_name)
        changes["name"] = " ".join(name for name in names if name) or person.name
    if said.birth_date is not None and said.birth_date > matter.today:
        errors = (*errors, ("bad_birth_date", "birth_date", "it lies in the future"))
    numbered, keys, more = _numbered(said, matter, secrets)
    refuse((*errors, *more))
    changes |= numbered
    corrected = person.model_copy(update=changes)
    corrected = reachable(person, corrected)
    cases, events, timers = _cases(matter, person, corrected, answered=_answered(said))
    merged, told = along(state.merged, corrected)
    mentor, offered, moved = _hidden_mentor(state, corrected, programmes, now)
    news = (telling.contact(corrected),) if corrected.contact_version != person.contact_version else ()
    after = replace(
        state, person=corrected, cases=cases, person_keys=keys, merged=merged, mentor=mentor, places=offered
    )
    return Decision(after, events=(*news, *told, *events, *moved), timers=timers)


def _hidden_mentor(
    state: State, person: Person, programmes: Programmes, now: datetime
) -> tuple[Mentor | None, tuple[Place | None, ...], Events]:
    """A protected mentor's places tell nobody where the mentor lives."""
    mentor = state.mentor
    if mentor is None or not person.protected:
        return mentor, state.places, ()
    hidden: list[Place | None] = []
    events: list[Event] = []
    for place in state.places:
        if place is None or place.location is None or place.state == "withdrawn":
            hidden.append(place)
            continue
        nowhere = place.model_copy(update={"location": None})
        today = today_in(place.unit, programmes, now)
        settled, told = places.settle(place, nowhere, mentor, mentor, programmes, today)
        hidden.append(settled)
        events += told
    return mentor.model_copy(update={"postcode": None}), tuple(hidden), tuple(events)


def read_contact(said: CorrectPerson | RecordInterview, unit: Unit) -> tuple[dict[str, Any], Errors]:
    """How somebody is reached, read as a referral's is; an empty text takes it away."""
    errors: list[tuple[str, str, str]] = []
    changes: dict[str, Any] = {}
    for name, text in (("email", said.email), ("phone", said.phone), ("postcode", said.postcode)):
        if text is None:
            continue
        if not text.strip():
            changes[name] = None
            continue
        read: str | None = text.strip()
        if name == "email":
            read = email_address(text.strip())
        elif name == "phone":
            read = phone_number(text.strip(), unit.country)
        elif check_postcode(text.strip()):
            read = None
        if read is None:
            errors.append((f"bad_{name}", name, "it cannot be used"))
        changes[name] = read
    return changes, tuple(errors)


def _numbered(
    said: CorrectPerson, matter: Matter, secrets: Secrets
) -> tuple[dict[str, Any], tuple[PersonKey | None, ...], Errors]:
    """The national id and its row: the old number's goes, the new one's is this person's alone."""
    state, person = matter.state, matter.person
    keys = state.person_keys
    if said.national_id is None:
        known = person.national_id_type
        if person.national_id is not None and said.national_id_type not in (None, known):
            return {}, keys, (("bad_national_id", "national_id_type", "say the number with its kind"),)
        return {}, keys, ()
    ids: tuple[UUID, ...] = state.ids["person_keys"]
    gone = _row_ids(person, secrets)
    if not said.national_id.strip():
        kept = tuple(None if id_ in gone else key for id_, key in zip(ids, keys, strict=True))
        return {"national_id": None, "national_id_type": None}, kept, ()
    number, kind = said.national_id.strip(), said.national_id_type or person.national_id_type
    if kind is None or not is_possible(kind, number, matter.today):
        return {}, keys, (("bad_national_id", "national_id", "there can be no such number"),)
    rows = [derived_id("person_key", d) for d in secrets.digests(key_text(person.controller, kind, number))]
    if not set(rows) <= set(ids):
        raise Stale("the row of the new number")
    mine = {person.id, *state.ids.get("merged", ())}
    after: list[PersonKey | None] = []
    for id_, key in zip(ids, keys, strict=True):
        if id_ in rows and key is not None and key.person_id not in mine:
            raise Refused("belongs_to_another", field="national_id", other_id=str(key.person_id))
        if id_ == rows[0]:
            after.append(PersonKey(id=id_, person_id=person.id))
        else:
            after.append(None if id_ in gone or id_ in rows else key)
    born_on = birth_date_of(kind, compact(number))
    if said.birth_date not in (None, born_on):
        return {}, keys, (("bad_birth_date", "birth_date", "the number says otherwise"),)
    changes = {"national_id": secrets.seal(compact(number)), "national_id_type": kind, "birth_date": born_on}
    return changes, tuple(after), ()


def _row_ids(person: Person, secrets: Secrets) -> set[UUID]:
    """The rows, by every key of the hash, under which the present number may be found."""
    if person.national_id is None or person.national_id_type is None:
        return set()
    text = key_text(person.controller, person.national_id_type, secrets.open(person.national_id))
    return {derived_id("person_key", digest) for digest in secrets.digests(text)}


def number_of(person: Person, secrets: Secrets) -> str | None:
    return compact(secrets.open(person.national_id)) if person.national_id else None


def reachable(before: Person, after: Person) -> Person:
    """By the channel they have something for; the version rises if `contacts-v1` is to be told."""
    if after.channel == "email" and after.email is None:
        after = after.model_copy(update={"channel": "phone" if after.phone else "letter"})
    if any(getattr(before, name) != getattr(after, name) for name in REACHED):
        after = after.model_copy(update={"contact_version": before.contact_version + 1})
    return after


def along(
    merged: Iterable[Person | None], person: Person
) -> tuple[tuple[Person | None, ...], tuple[Contact, ...]]:
    """Whoever was merged into the person is reached as the person is."""
    after: list[Person | None] = []
    told: list[Contact] = []
    for one in merged:
        if one is None or all(getattr(one, name) == getattr(person, name) for name in REACHED):
            after.append(one)
            continue
        update = {name: getattr(person, name) for name in REACHED}
        update |= {"contact_version": one.contact_version + 1, "merged_into": person.id}
        after.append(one.model_copy(update=update))
        told.append(telling.contact(one.model_copy(update=update)))
    return tuple(after), tuple(told)


def _answered(said: CorrectPerson) -> frozenset[str]:
    """What a referral may have said otherwise, and staff have now said: it is asked no more."""
    of_name = ("given_name", "family_name") if said.name is not None else ()
    return frozenset(name for name, value in said if value is not None).union(of_name)


def _cases(
    matter: Matter, before: Person, after: Person, answered: frozenset[str] = frozenset()
) -> tuple[tuple[CaseFile | None, ...], tuple[Event, ...], Timers]:
    """The person's own cases, with what follows from who they are: where they live, when they come of age."""
    cases: list[CaseFile | None] = []
    events: list[Event] = []
    timers: list[Schedule | Cancel] = []
    for case in matter.state.cases:
        if case is None or case.person_id != after.id:
            cases.append(case)
            continue
        if answered & case.referral_says.keys():
            left = {name: value for name, value in case.referral_says.items() if name not in answered}
            case = case.model_copy(update={"referral_says": left})
        changed, told, due = _followed(case, before, after, matter)
        cases.append(changed)
        events += told
        timers += due
    return tuple(cases), tuple(events), tuple(timers)


def _followed(
    case: CaseFile, before: Person, after: Person, matter: Matter
) -> tuple[CaseFile, Events, Timers]:
    changed = case
    timers: Timers = ()
    if (before.postcode, before.protected) != (after.postcode, after.protected):
        unit = matter.programmes.unit(case.unit)
        where = None if after.protected else location_of(unit, after.postcode)
        changed = changed.model_copy(update={"location": where})
    changed = changed.model_copy(
        update={"is_resident": is_resident(changed, after, matter.programmes.unit(case.unit))}
    )
    if before.birth_date != after.birth_date:
        changed, timers = age_known(changed, after.birth_date, matter.programmes)
    if case.state in OVER:
        return changed, (), ()
    today = today_in(case.unit, matter.programmes, matter.now)
    settled, told = settle(case, changed, rules_of(case, matter.programmes), today)
    return settled, told, timers


def hide_whereabouts(
    state: State, message: Message, programmes: Programmes, now: datetime
) -> Decision[State]:
    """A later referral said that the person is protected: the earlier cases tell nobody where they live.

    Or an interview told where they live, or when they were born: the other cases know it too.
    """
    assert state.person is not None
    matter = Matter(state, state.person, programmes, now)
    before = {"protected": not state.person.protected, "birth_date": None}
    open_before = state.person.model_copy(update=before)
    cases, events, timers = _cases(matter, open_before, state.person)
    return Decision(replace(state, cases=cases), events=events, timers=timers)


def break_glass(state: State, message: Message, programmes: Programmes, now: datetime) -> Decision[State]:
    """Somebody of the same controller has to look; why is kept, and shown to the person's caseworker."""
    said, person, actor = message.body, state.person, message.actor
    assert isinstance(said, BreakGlass) and person is not None and actor is not None
    units = (programmes.units[unit] for unit in actor.units if unit in programmes.units)
    if person.controller not in {unit.controller for unit in units}:
        raise Refused("not_found", status=404)
    if person.merged_into is not None:
        # It would open nobody: whoever asks for the id is shown the other.
        raise Refused("merged_into_another", merged_into=str(person.merged_into))
    glass = Glass(
        subject=actor.subject, looker_id=actor.person_id, reason=said.reason, until=now + GLASS_IS_OPEN
    )
    look = {
        "looked_at": now,
        "subject": actor.subject,
        "looker_id": actor.person_id,
        "at_what": "break_glass",
        "person_ids": [person.id],
    }
    seen = person.model_copy(update={"glass": (*person.glass, glass)})
    return Decision(
        replace(state, person=seen), appends=(Append("look", look),), answer={"until": glass.until}
    )
