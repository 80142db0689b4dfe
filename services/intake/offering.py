"""Hosts and mentors, and the places they offer.

Pure. A place tells matching everything there is to weigh, and neither a name nor an address. Registering or
offering again under the same id replaces what was said.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from services.intake import telling
from services.intake.documents import HostFile, Mentor, Person, Place, State
from services.intake.referral import age
from services.intake.rules import unknown_codes
from services.intake.settling import location_of, today_in
from shared.contracts.intake import (
    HostRegistered,
    MentorRegistered,
    PlaceOffered,
    PlaceWithdrawn,
)
from shared.contracts.intake_commands import ContactDetails
from shared.contracts.model import Party
from shared.contracts.register_commands import OfferPlace, RegisterHost, RegisterMentor, WithdrawPlace
from shared.messages import Decision, Message, Refused, Stale
from shared.programmes import Programmes, Unit

Codes = dict[str, tuple[str, Iterable[str | None]]]
Errors = tuple[tuple[str, str, str], ...]


def _refuse(errors: Errors) -> None:
    if errors:
        raise Refused(errors[0][0], field=errors[0][1], status=422, errors=errors)


def _unit(programmes: Programmes, unit: str, message: Message) -> Unit:
    if unit not in programmes.units:
        raise Refused("unknown_unit", field="unit", status=422)
    if message.actor is not None and unit not in message.actor.units:
        raise Refused("other_unit", field="unit", status=403)
    return programmes.units[unit]


def register_host(state: State, message: Message, programmes: Programmes, now: datetime) -> Decision[State]:
    said = message.body
    assert isinstance(said, RegisterHost)
    unit = _unit(programmes, said.unit, message)
    _refuse(unknown_codes(programmes.codes, {"channel": ("channels", [said.channel])}))
    if state.host is not None and state.host.contact_person_id != state.ids["person"]:
        raise Stale("host's contact person")
    person = _person(state, said.contact_person, unit)
    host = HostFile(
        id=state.ids["host"],
        unit=unit.id,
        kind=said.kind,
        name=said.name,
        contact_person_id=person.id,
        channel=said.channel,
        postcode=said.postcode,
    )
    told = HostRegistered(host_id=host.id, unit=host.unit, kind=host.kind, channel=host.channel)
    return Decision(
        replace(state, host=host, person=person),
        events=(told, telling.contact(person)),
        answer={"host_id": host.id, "person_id": person.id},
    )


def register_mentor(state: State, message: Message, programmes: Programmes, now: datetime) -> Decision[State]:
    said = message.body
    assert isinstance(said, RegisterMentor)
    unit = _unit(programmes, said.unit, message)
    codes: Codes = {
        "channel": ("channels", [said.channel]),
        "education_level": ("education_levels", [said.education_level]),
        "field": ("fields", [said.field]),
        "profession": ("professions", [said.profession]),
    }
    _refuse(unknown_codes(programmes.codes, codes))
    if state.mentor is None and state.person is not None:
        # The id of somebody else, whose identity this would replace.
        raise Refused("unknown_mentor", field="mentor_id", status=404)
    person = _person(state, said.contact, unit)
    mentor = Mentor(
        id=state.ids["mentor"],
        unit=unit.id,
        birth_date=said.birth_date,
        gender=said.gender,
        education_level=said.education_level,
        field=said.field,
        profession=said.profession,
        channel=said.channel,
        postcode=said.postcode,
    )
    told = MentorRegistered(
        mentor_id=mentor.id,
        unit=mentor.unit,
        gender=mentor.gender,
        education_level=mentor.education_level,
        channel=mentor.channel,
    )
    return Decision(
        replace(state, mentor=mentor, person=person),
        events=(told, telling.contact(person)),
        answer={"mentor_id": mentor.id, "person_id": person.id},
    )


def _person(state: State, said: ContactDetails, unit: Unit) -> Person:
    version = state.person.contact_version + 1 if state.person is not None else 1
    return Person(
        id=state.ids["person"],
        controller=unit.controller,
        name=said.name,
        email=said.email,
        phone=said.phone,
        language=said.language,
        channel=said.channel if said.email or said.channel != "email" else "phone",
        contact_version=version,
    )


def offer_place(state: State, message: Message, programmes: Programmes, now: datetime) -> Decision[State]:
    said = message.body
    assert isinstance(said, OfferPlace)
    if (said.host_id is None) == (said.mentor_id is None):
        raise Refused("host_or_mentor", field="host_id", status=422)
    by = state.host or state.mentor
    if by is None:
        field = "host_id" if said.host_id else "mentor_id"
        raise Refused("unknown_host" if said.host_id else "unknown_mentor", field=field, status=404)
    _unit(programmes, by.unit, message)
    unit = _unit(programmes, said.unit or by.unit, message)
    kind = state.host.kind if state.host is not None else "volunteer"
    _refuse(_faults(said, kind, unit, programmes, now, state.mentor))
    postcode = said.postcode or by.postcode
    shared_fields = set(Place.model_fields) & set(OfferPlace.model_fields) - {"unit"}
    place = Place(
        id=state.ids["place"],
        unit=unit.id,
        kind=kind,
        location=location_of(unit, postcode),
        **said.model_dump(include=shared_fields),
    )
    told = _place_offered(place, state.host, state.mentor)
    return Decision(replace(state, place=place), events=(told,), answer={"place_id": place.id})


def _faults(
    said: OfferPlace, kind: str, unit: Unit, programmes: Programmes, now: datetime, mentor: Mentor | None
) -> Errors:
    codes: Codes = {
        "industries": ("industries", said.industries),
        "tasks": ("tasks", said.tasks),
        "times": ("times", said.times),
        "required_languages": ("languages", said.required_languages),
        "spoken_languages": ("languages", said.spoken_languages),
        "helpers": ("roles", said.helpers),
        "supported_needs": ("needs", said.supported_needs),
        "required_certificates": ("certificates", said.required_certificates),
    }
    errors = list(unknown_codes(programmes.codes, codes))
    today = today_in(unit.id, programmes, now)
    for programme in said.programmes:
        if programme not in programmes.names:
            errors.append(("unknown_programme", "programmes", "there is no such programme"))
            continue
        if programme not in unit.programmes:
            errors.append(("programme_not_in_unit", "programmes", "the unit does not offer it"))
            continue
        rules = programmes.rules(programme, unit.id, today)
        if kind not in rules.host_kinds:
            errors.append(("host_kind_outside_programme", "programmes", "not for this kind of host"))
        too_young = (
            rules.mentor_age_min is not None
            and mentor is not None
            and mentor.birth_date is not None
            and age(mentor.birth_date, today) < rules.mentor_age_min
        )
        if too_young:
            errors.append(("mentor_too_young", "mentor_id", "below the programme's age for mentors"))
    if said.hours_per_week is not None and said.hours_per_week.min > said.hours_per_week.max:
        errors.append(("min_above_max", "hours_per_week", "the least is more than the most"))
    if said.available_from and said.available_to and said.available_to < said.available_from:
        errors.append(("ends_before_it_begins", "available_to", "it ends before it begins"))
    return tuple(errors)


def _place_offered(place: Place, host: HostFile | None, mentor: Mentor | None) -> PlaceOffered:
    if host is not None:
        party = Party(person_id=host.contact_person_id, side="host", role="contact_person")
    else:
        assert mentor is not None
        party = Party(person_id=mentor.id, side="mentor", role="volunteer_mentor")
    return PlaceOffered(
        place_id=place.id,
        **place.model_dump(exclude={"id", "state"}),
        mentor_gender=mentor.gender if mentor else None,
        education_level=mentor.education_level if mentor else None,
        field=mentor.field if mentor else None,
        profession=mentor.profession if mentor else None,
        parties=(party,),
    )


def withdraw_place(state: State, message: Message, programmes: Programmes, now: datetime) -> Decision[State]:
    said = message.body
    assert isinstance(said, WithdrawPlace) and state.place is not None
    _refuse(unknown_codes(programmes.codes, {"reason": ("place_withdraw_reasons", [said.reason])}))
    place = state.place.model_copy(update={"state": "withdrawn"})
    told = PlaceWithdrawn(place_id=place.id, unit=place.unit, reason=said.reason)
    return Decision(replace(state, place=place), events=(told,))
