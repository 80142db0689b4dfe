"""Two people turn out to be one, or one to be two: by hand, because only somebody who knows them can tell.

Pure but for the keys it is given. Guarantee: a person is known within one controller and never across;
whoever has been told of somebody under an id goes on reaching them by it, because a merged person's row stays
and is reached as the other is. Two numbers are two people until one is corrected; somebody whose id stands
for a mentor, a colleague or a host's contact is the one that stays. A case with a placement is not split off,
because those who are told of it know the other's address.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from services.intake import telling
from services.intake.casework import age_known
from services.intake.conditions import is_resident
from services.intake.documents import CaseFile, Person, PersonKey, State
from services.intake.erasing import OVER, RUNNING, check_units
from services.intake.fields import email_address, phone_number
from services.intake.national_id import birth_date_of, compact
from services.intake.people import Matter, Timers, along, key_text, number_of, reachable
from services.intake.sealing import Secrets
from services.intake.settling import Events, location_of, rules_of, settle, today_in
from shared.contracts.intake import CasePaused, CaseResumed
from shared.contracts.model import Event, derived_id
from shared.contracts.people_commands import MergePersons, SplitPerson
from shared.messages import Cancel, Decision, Message, Refused, Schedule
from shared.programmes import Programmes


def merge(
    secrets: Secrets, state: State, message: Message, programmes: Programmes, now: datetime
) -> Decision[State]:
    """Two are one: what is known of either is known of the one that stays, who has the cases of both."""
    said = message.body
    assert isinstance(said, MergePersons)
    matter = Matter.of(state, message, programmes, now)
    person, other = matter.person, state.other
    if said.person_id == said.other_id:
        raise Refused("same_person", field="other_id", status=422)
    if other is None:
        raise Refused("not_found", field="other_id", status=404)
    if other.merged_into is not None:
        raise Refused("merged_into_another", field="other_id", merged_into=str(other.merged_into))
    if person.controller != other.controller:
        # Told as if there were nobody: a person exists within one controller.
        raise Refused("not_found", field="other_id", status=404)
    for one, units in (
        (person, _units(state, person.id, ())),
        (other, _units(state, other.id, _parts(state))),
    ):
        check_units(one, units, message, programmes)
    if len({number_of(person, secrets), number_of(other, secrets)} - {None}) > 1:
        raise Refused("two_national_ids", field="other_id")
    if state.mentor is not None or state.staff is not None or any(state.hosts):
        # Their id is that of a mentor, a colleague or a host's contact: it has to be the one that stays.
        raise Refused("other_has_a_part", field="other_id")
    known: dict[str, Any] = {
        name: getattr(other, name)
        for name in ("birth_date", "gender", "email", "phone", "postcode", "national_id", "national_id_type")
        if getattr(person, name) is None
    }
    known |= {"protected": person.protected or other.protected, "glass": (*person.glass, *other.glass)}
    if person.email is None and other.email is not None:
        known["channel"] = other.channel
    one = reachable(person, person.model_copy(update=known))
    blank = {"national_id": None, "national_id_type": None, "birth_date": None, "postcode": None, "glass": ()}
    gone = other.model_copy(update={**blank, "merged_into": person.id, "protected": one.protected})
    aliases, told = along((*state.merged, gone), one)
    moved = tuple(None if case is None else _of_one(case, other.id, person.id) for case in state.cases)
    cases, events, timers = _all_settled(matter, moved, person, one)
    news = (telling.contact(one),) if one.contact_version != person.contact_version else ()
    after = replace(
        state,
        person=one,
        other=aliases[-1],
        merged=tuple(alias and alias.model_copy(update={"merged_into": person.id}) for alias in aliases[:-1]),
        cases=cases,
        person_keys=tuple(
            key and key.model_copy(update={"person_id": person.id}) for key in state.person_keys
        ),
        enquiries=tuple(
            one_ and one_.model_copy(update={"person_id": person.id}) for one_ in state.enquiries
        ),
    )
    return Decision(after, events=(*news, *told, *events), timers=timers)


def _parts(state: State) -> tuple[Any, ...]:
    """What else the other one has a part in: of the one that stays it is not among the rows."""
    return (state.mentor, state.staff, *state.hosts, *state.partners, *state.units)


def _units(state: State, person_id: UUID, parts: tuple[Any, ...]) -> frozenset[str]:
    """The units that one of the two has something to do with."""
    cases = (one for one in state.cases if one and person_id in (one.person_id, one.guardian_id))
    enquiries = (one for one in state.enquiries if one and one.person_id == person_id)
    return frozenset(one.unit for one in (*cases, *enquiries, *parts) if one is not None)


def _of_one(case: CaseFile, other: UUID, person: UUID) -> CaseFile:
    update = {name: person for name in ("person_id", "guardian_id") if getattr(case, name) == other}
    return case.model_copy(update=update) if update else case


def _all_settled(
    matter: Matter, moved: tuple[CaseFile | None, ...], before: Person, after: Person
) -> tuple[tuple[CaseFile | None, ...], tuple[Event, ...], Timers]:
    """Each case as the person is now; matching is told of those that it knows under another id."""
    cases: list[CaseFile | None] = []
    events: list[Event] = []
    timers: list[Schedule | Cancel] = []
    for was, case in zip(matter.state.cases, moved, strict=True):
        if was is None or case is None:
            cases.append(case)
            continue
        now_known = case
        due: Timers = ()
        if case.person_id == after.id:
            where = None if after.protected else case.location
            resident = is_resident(case, after, matter.programmes.unit(case.unit))
            now_known = case.model_copy(update={"location": where, "is_resident": resident})
            if case.state not in OVER and was.of_age_on is None:
                now_known, due = age_known(now_known, after.birth_date, matter.programmes)
        if case.state not in OVER:
            today = today_in(case.unit, matter.programmes, matter.now)
            now_known, told = settle(was, now_known, rules_of(case, matter.programmes), today)
            events += told
        cases.append(now_known)
        timers += due
    return tuple(cases), tuple(events), tuple(timers)


def split(
    secrets: Secrets, state: State, message: Message, programmes: Programmes, now: datetime
) -> Decision[State]:
    """One was two: the case is somebody's who is known as its own referral said."""
    said = message.body
    assert isinstance(said, SplitPerson)
    matter = Matter.of(state, message, programmes, now)
    case = next((one for one in state.cases if one is not None and one.id == said.case_id), None)
    if case is None or case.person_id != matter.person.id:
        raise Refused("not_found", field="case_id", status=404)
    if sum(one is not None and one.person_id == matter.person.id for one in state.cases) < 2:
        raise Refused("only_case", field="case_id")
    if case.state in RUNNING or case.paused_from in RUNNING:
        # Whoever is told of the placement would go on being reached by the other's address.
        raise Refused("placement_running", field="case_id")
    referral = next((one for one in state.referrals if one is not None and one.case_id == case.id), None)
    document = json.loads(secrets.open(referral.sealed)) if referral and referral.sealed else {}
    somebody, keys = _somebody(state, matter, document.get("candidate") or {}, secrets)
    unit = programmes.unit(case.unit)
    where = None if somebody.protected else location_of(unit, somebody.postcode)
    resident = is_resident(None, somebody, unit)
    theirs = case.model_copy(update={"person_id": somebody.id, "location": where, "is_resident": resident})
    theirs, timers = age_known(theirs, somebody.birth_date, programmes)
    events: Events = (telling.contact(somebody),)
    if case.state == "ready":
        # What is proposed now was asked of the other: it is taken back, and matching begins again.
        events += (CasePaused(**telling.about(case), reason="other"), CaseResumed(**telling.about(theirs)))
    if case.state not in OVER:
        today = today_in(case.unit, programmes, now)
        theirs, told = settle(case, theirs, rules_of(case, programmes), today)
        events += told
    after = replace(
        state,
        other=somebody,
        cases=tuple(theirs if one is case else one for one in state.cases),
        person_keys=keys,
    )
    return Decision(after, events=events, timers=timers, answer={"person_id": somebody.id})


def _somebody(
    state: State, matter: Matter, said: dict[str, Any], secrets: Secrets
) -> tuple[Person, tuple[PersonKey | None, ...]]:
    """Whom the referral named. A number that is the other's too stays the other's."""
    person, unit = matter.person, matter.unit
    given, family = said.get("given_name"), said.get("family_name")
    email, phone = said.get("email"), said.get("phone")
    number, kind = said.get("national_id"), said.get("national_id_type")
    by_number = birth_date_of(kind, compact(number)) if number and kind else None
    somebody = Person(
        id=state.ids["other"],
        controller=person.controller,
        name=" ".join(one.strip() for one in (given, family) if one) or person.name,
        given_name=given.strip() if given else None,
        family_name=family.strip() if family else None,
        birth_date=said.get("birth_date") or by_number,
        gender=said.get("gender"),
        email=email_address(email.strip()) if email else None,
        phone=phone_number(phone.strip(), unit.country) if phone else None,
        postcode=said.get("postcode"),
        language=said.get("language") or person.language,
        protected=bool(said.get("protected")) or person.protected,
    )
    somebody = reachable(somebody, somebody).model_copy(update={"contact_version": 1})
    if not number or not kind or compact(number) == number_of(person, secrets):
        return somebody, state.person_keys
    mine = {
        derived_id("person_key", digest)
        for digest in secrets.digests(key_text(person.controller, kind, number))
    }
    keys = tuple(
        key.model_copy(update={"person_id": somebody.id}) if key is not None and key.id in mine else key
        for key in state.person_keys
    )
    numbered = {"national_id": secrets.seal(compact(number)), "national_id_type": kind}
    return somebody.model_copy(update=numbered), keys
