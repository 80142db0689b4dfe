"""Places (pladser): what is offered by whom, and when it may be proposed.

Pure, and the one place that decides whether matching is told of a place. Guarantee: a place is told of
exactly while whoever offers it takes somebody: they are available, their appetite does not say no, and a
mentor's age and certificates are those that the place's programmes ask of mentors. Otherwise it rests, and
what was told is taken back. It tells matching everything there is to weigh, neither a name nor an address.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime
from typing import Any, Literal

from services.intake.asked_of_mentors import lacking, newly_due, rules_asking, rules_of, too_young
from services.intake.desk import Codes, Errors, check_codes, refuse, unit_of
from services.intake.documents import HostFile, Mentor, Place, State
from services.intake.rules import unknown_codes
from services.intake.settling import location_of, today_in
from shared.contracts.intake import PlaceOffered, PlaceWithdrawn
from shared.contracts.model import Event, Location, Party
from shared.contracts.register_commands import ChangePlace, OfferPlace, WithdrawPlace
from shared.messages import Decision, Message, Refused, Stale
from shared.programmes import Programmes, Unit

TAKES_NOBODY = ("not_now", "already_organised")
"""Appetites with which nobody is proposed."""
SHARED = set(Place.model_fields) & set(OfferPlace.model_fields) - {"unit"}


def owned(owner: HostFile | Mentor, places: Iterable[Place | None]) -> tuple[Place, ...]:
    """Those of the places that are theirs and still offered to somebody, now or later."""
    return tuple(
        place
        for place in places
        if place is not None and place.state != "withdrawn" and owner.id in (place.host_id, place.mentor_id)
    )


def why_resting(place: Place, owner: HostFile | Mentor, programmes: Programmes, today: date) -> str | None:
    """Why nobody may be proposed for the place now, as a code of `place_withdraw_reasons`; None: they may."""
    if owner.state != "available" or owner.appetite in TAKES_NOBODY:
        return "takes_nobody"
    if not isinstance(owner, Mentor):
        return None
    if any(too_young(owner, one, today) for one in rules_of(place.programmes, place.unit, programmes, today)):
        return "mentor_too_young"
    if lacking(owner, place.programmes, place.unit, programmes, today):
        return "certificate_missing"
    return None


def settle(
    before: Place | None,
    place: Place,
    owner_before: HostFile | Mentor | None,
    owner: HostFile | Mentor,
    programmes: Programmes,
    today: date,
    *,
    tell: bool = False,
) -> tuple[Place, tuple[Event, ...]]:
    """The place in the state it belongs in, and what matching is told of it.

    `tell`: it is offered, or changed, by this very message, and so told of again whatever it says.
    """
    was_told = before is not None and before.state == "offered"
    reason = why_resting(place, owner, programmes, today)
    if reason is not None:
        place = _in_state(place, "resting")
        gone = PlaceWithdrawn(place_id=place.id, unit=place.unit, reason=reason)
        return place, (gone,) if was_told else ()
    place = _in_state(place, "offered")
    now_told = place_offered(place, owner)
    if was_told and not tell and before is not None and owner_before is not None:
        return place, () if place_offered(before, owner_before) == now_told else (now_told,)
    return place, (now_told,)


def _in_state(place: Place, state: Literal["offered", "resting"]) -> Place:
    """The very same place, where it is there already: what has not changed is not written."""
    return place if place.state == state else place.model_copy(update={"state": state})


def settle_all(
    state: State, owner: HostFile | Mentor, programmes: Programmes, now: datetime
) -> tuple[tuple[Place | None, ...], tuple[Event, ...]]:
    """All places of a host or a mentor who has changed, and what is told of them."""
    before = state.host if isinstance(owner, HostFile) else state.mentor
    theirs = {place.id for place in owned(owner, state.places)}
    places: list[Place | None] = []
    events: list[Event] = []
    for place in state.places:
        if place is None or place.id not in theirs:
            places.append(place)
            continue
        today = today_in(place.unit, programmes, now)
        settled, told = settle(place, place, before, owner, programmes, today)
        places.append(settled)
        events += told
    return tuple(places), tuple(events)


def withdraw_all(
    state: State, owner: HostFile | Mentor, reason: str
) -> tuple[tuple[Place | None, ...], tuple[Event, ...]]:
    """All places of somebody who stops."""
    theirs = {place.id: place for place in owned(owner, state.places)}
    events = tuple(
        PlaceWithdrawn(place_id=place.id, unit=place.unit, reason=reason)
        for place in theirs.values()
        if place.state == "offered"
    )
    places = tuple(
        place.model_copy(update={"state": "withdrawn"}) if place is not None and place.id in theirs else place
        for place in state.places
    )
    return places, events


def offer_place(state: State, message: Message, programmes: Programmes, now: datetime) -> Decision[State]:
    """Offered again under the same id, what was said is replaced."""
    said = message.body
    assert isinstance(said, OfferPlace)
    if (said.host_id is None) == (said.mentor_id is None):
        raise Refused("host_or_mentor", field="host_id", status=422)
    owner = state.host or state.mentor
    if owner is None:
        field = "host_id" if said.host_id else "mentor_id"
        raise Refused("unknown_host" if said.host_id else "unknown_mentor", field=field, status=404)
    unit_of(programmes, owner.unit, message)
    if state.place is not None and owner.id not in (state.place.host_id, state.place.mentor_id):
        raise Refused("place_of_another", field="place_id")
    unit = unit_of(programmes, said.unit or owner.unit, message)
    place = Place(
        id=state.ids["place"],
        unit=unit.id,
        kind=owner.kind if isinstance(owner, HostFile) else "volunteer",
        location=_where(state, owner, unit, said.postcode or owner.postcode),
        **said.model_dump(include=SHARED),
    )
    return _told(state, place, owner, unit, programmes, now)


def _where(state: State, owner: HostFile | Mentor, unit: Unit, postcode: str | None) -> Location | None:
    """Where the place is; of a protected mentor's nobody is told."""
    is_hidden = any(one is not None and one.id == owner.id and one.protected for one in state.seen)
    return None if is_hidden else location_of(unit, postcode)


def change_place(state: State, message: Message, programmes: Programmes, now: datetime) -> Decision[State]:
    """What is said replaces what was said before; the rest stays."""
    said = message.body
    assert isinstance(said, ChangePlace) and state.place is not None
    owner = state.host or state.mentor
    if owner is None or owner.id not in (state.place.host_id, state.place.mentor_id):
        raise Stale("who offers the place")
    unit = unit_of(programmes, state.place.unit, message)
    new: dict[str, Any] = {
        name: value
        for name in SHARED & set(ChangePlace.model_fields)
        if (value := getattr(said, name)) is not None
    }
    if said.postcode is not None:
        new["location"] = _where(state, owner, unit, said.postcode)
    place = state.place.model_copy(update=new)
    return _told(state, place, owner, unit, programmes, now)


def _told(
    state: State,
    place: Place,
    owner: HostFile | Mentor,
    unit: Unit,
    programmes: Programmes,
    now: datetime,
) -> Decision[State]:
    today = today_in(unit.id, programmes, now)
    refuse(_faults(place, owner, unit, programmes, today))
    place, told = settle(state.place, place, owner, owner, programmes, today, tell=True)
    events: tuple[Event, ...] = told
    if isinstance(owner, Mentor):
        # Serving another programme may ask another certificate of them.
        others = [one for one in state.places if one is not None and one.id != place.id]
        before = rules_asking(owner, [*others, state.place], programmes, today)
        events += newly_due(owner, before, owner, rules_asking(owner, [*others, place], programmes, today))
    return Decision(replace(state, place=place), events=events, answer={"place_id": place.id})


def _faults(
    place: Place, owner: HostFile | Mentor, unit: Unit, programmes: Programmes, today: date
) -> Errors:
    codes: Codes = {
        "industries": ("industries", place.industries),
        "tasks": ("tasks", place.tasks),
        "times": ("times", place.times),
        "required_languages": ("languages", place.required_languages),
        "spoken_languages": ("languages", place.spoken_languages),
        "helpers": ("roles", place.helpers),
        "supported_needs": ("needs", place.supported_needs),
        "required_certificates": ("certificates", place.required_certificates),
    }
    errors = list(unknown_codes(programmes.codes, codes))
    for programme in place.programmes:
        if programme not in programmes.names:
            errors.append(("unknown_programme", "programmes", "there is no such programme"))
            continue
        if programme not in unit.programmes:
            errors.append(("programme_not_in_unit", "programmes", "the unit does not offer it"))
            continue
        rules = programmes.rules(programme, unit.id, today)
        if place.kind not in rules.host_kinds:
            errors.append(("host_kind_outside_programme", "programmes", "not for this kind of host"))
        if isinstance(owner, Mentor) and too_young(owner, rules, today):
            errors.append(("mentor_too_young", "mentor_id", "below the programme's age for mentors"))
    if place.hours_per_week is not None and place.hours_per_week.min > place.hours_per_week.max:
        errors.append(("min_above_max", "hours_per_week", "the least is more than the most"))
    if place.available_from and place.available_to and place.available_to < place.available_from:
        errors.append(("ends_before_it_begins", "available_to", "it ends before it begins"))
    return tuple(errors)


def place_offered(place: Place, owner: HostFile | Mentor) -> PlaceOffered:
    """All that matching weighs."""
    mentor = owner if isinstance(owner, Mentor) else None
    if isinstance(owner, HostFile):
        party = Party(person_id=owner.contact_person_id, side="host", role="contact_person")
    else:
        party = Party(person_id=owner.id, side="mentor", role="volunteer_mentor")
    return PlaceOffered(
        place_id=place.id,
        **place.model_dump(exclude={"id", "state", "spoken_languages"}),
        spoken_languages=place.spoken_languages or (tuple(sorted(mentor.languages)) if mentor else ()),
        mentor_gender=mentor.gender if mentor else None,
        education_level=mentor.education_level if mentor else None,
        field=mentor.field if mentor else None,
        profession=mentor.profession if mentor else None,
        parties=(party,),
    )


def withdraw_place(state: State, message: Message, programmes: Programmes, now: datetime) -> Decision[State]:
    """Taken back for good; a place that rested was not told of, and so nothing is told."""
    said = message.body
    assert isinstance(said, WithdrawPlace) and state.place is not None
    check_codes(programmes, {"reason": ("place_withdraw_reasons", [said.reason])})
    place = state.place.model_copy(update={"state": "withdrawn"})
    told = PlaceWithdrawn(place_id=place.id, unit=place.unit, reason=said.reason)
    return Decision(replace(state, place=place), events=(told,) if state.place.state == "offered" else ())
