"""Erasing a person: everything that intake holds of them, and what the others are told of it.

Pure. One piece of code, three ways in: staff ask for it, the time that a programme keeps its people is over,
or a restored database is told again. Guarantee: what is left of a case is what counts need, chosen field by
field, so that a field that is added later is gone by default; an accepted reference stays taken, and answers
that it was erased. `SubjectErased` comes once for each case in which they had a part, each of their places,
and with the person as key; what is open is withdrawn first. Nobody is erased in the middle of a placement.
The guardian of a case that goes is looked at too, and goes unless they have a part in something else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from services.intake import telling
from services.intake.documents import CaseFile, HostFile, Match, Person, Place, Referral, State
from services.intake.registers import Partner, UnitFile
from services.intake.settling import rules_of, settle, today_in
from services.intake.sight import Known, may_see
from shared.blanking import blanked
from shared.contracts.intake import CaseWithdrawn, PlaceWithdrawn, SubjectErased
from shared.contracts.model import Event, Party, Timer
from shared.contracts.topics import CASE_TEXTS, CONTACTS
from shared.messages import Cancel, Decision, Delete, Message, Refused, Schedule, Tombstone
from shared.programmes import Programmes

ERASED = "erased"
NOBODY = UUID(int=0)
"""Whom a case is about once its person is erased, and who stands for a host once its contact is."""
LEFT = ("declined", "retired")
"""Where a host or a mentor is no more."""
NO_PARTNER = ("declined", "ended")
"""How it stands with somebody who is no partner, or no more."""
OVER = ("ended", "withdrawn", "declined", ERASED)
RUNNING = ("matched", "started")
KEYED = (("refused_referral", "person_key"), ("parked", "about"))
"""Where referrals are kept that found no case, and are found by the row of the national id in them."""
COUNTED_OF_A_CASE = (
    *("id", "unit", "programme", "rules_version", "round", "opened_at", "referred_on", "channel"),
    *("partner_id", "target_group", "waiting_since", "reason", "support", "heard_by", "ended_on"),
)
COUNTED_OF_A_PLACE = ("id", "unit", "kind", "programmes", "capacity")


class RetentionOver(Timer):
    """The time may be over for which somebody is kept; it is looked at again when it comes."""

    person_id: UUID


class ErasedBefore(Timer):
    """Somebody was erased, who may be here again: the body that the list of the erased keeps. Ids alone."""

    person_id: UUID
    merged_ids: tuple[UUID, ...] = ()
    case_ids: tuple[UUID, ...] = ()
    place_ids: tuple[UUID, ...] = ()
    referral_ids: tuple[UUID, ...] = ()
    enquiry_ids: tuple[UUID, ...] = ()


@dataclass(frozen=True)
class Leaving:
    """Whoever is to be erased, under every id they have been known by."""

    state: State
    ids: frozenset[UUID]

    @classmethod
    def of(cls, state: State) -> Leaving:
        merged = state.ids.get("merged", ())
        return cls(state, frozenset((state.ids["person"], *merged)))

    @property
    def cases(self) -> tuple[CaseFile, ...]:
        return tuple(case for case in self.state.cases if case is not None)

    @property
    def own_cases(self) -> tuple[CaseFile, ...]:
        return tuple(case for case in self.cases if case.person_id in self.ids)

    @property
    def units(self) -> frozenset[str]:
        """The units that have something to do with them."""
        state = self.state
        of: Iterable[Any] = (
            *self.cases,
            *state.places,
            *state.hosts,
            *state.partners,
            *state.units,
            *state.enquiries,
            *(one for one in (state.mentor, state.staff) if one is not None),
        )
        return frozenset(one.unit for one in of if one is not None)

    @property
    def is_in_a_placement(self) -> bool:
        """Matched or started, as the candidate, a guardian, or a party of somebody else's match."""
        return any(case.state in RUNNING or case.paused_from in RUNNING for case in self.cases)

    @property
    def stands_for_a_host(self) -> bool:
        return any(
            host is not None and host.contact_person_id in self.ids and host.state not in LEFT
            for host in self.state.hosts
        )

    def stands_for_a_partner(self, programmes: Programmes, now: datetime) -> bool:
        """Whether an agreement that holds would be left without its contact person."""
        return any(
            partner is not None
            and partner.status not in NO_PARTNER
            and partner.agreement is not None
            and partner.agreement.holds(today_in(partner.unit, programmes, now))
            for partner in self.state.partners
        )


def erase(state: State, message: Message, programmes: Programmes, now: datetime) -> Decision[State]:
    """Staff ask for it. Refused while others rest on them."""
    leaving = Leaving.of(state)
    person = state.person
    assert person is not None
    check_units(person, leaving.units, message, programmes)
    check_sight(person, leaving, message, programmes, now)
    if person.merged_into is not None:
        raise Refused("merged_into_another", merged_into=str(person.merged_into))
    if state.staff is not None:
        raise Refused("colleague_not_erased")
    if leaving.is_in_a_placement:
        raise Refused("placement_running")
    if leaving.stands_for_a_host:
        raise Refused("stands_for_a_host")
    if leaving.stands_for_a_partner(programmes, now):
        raise Refused("stands_for_a_partner")
    return gone(leaving, programmes, now)


def check_units(person: Person, units: frozenset[str], message: Message, programmes: Programmes) -> None:
    """Raises `Refused` where the person has nothing to do with a unit of the actor's."""
    actor = message.actor
    if actor is None or units & actor.units:
        return
    known = [programmes.units[unit] for unit in actor.units if unit in programmes.units]
    if units or person.controller not in {unit.controller for unit in known}:
        raise Refused("other_unit", status=403)


def check_sight(
    person: Person, leaving: Leaving, message: Message, programmes: Programmes, now: datetime
) -> None:
    """Raises `Refused` where the person is protected and the actor may not see them."""
    actor = message.actor
    if actor is None or not person.protected:
        return
    duty = tuple(one for unit in leaving.state.units if unit is not None for one in unit.duty)
    of = sorted(leaving.units & actor.units)
    today = today_in(of[0], programmes, now) if of else now.date()
    if not may_see(Known(person, leaving.own_cases, leaving.units), actor, duty, today, now):
        raise Refused("protected_person", status=403)


def erase_again(state: State, message: Message, programmes: Programmes, now: datetime) -> Decision[State]:
    """A restored database is told: whatever it holds of them goes, and what it never heard of stays out."""
    return gone(Leaving.of(state), programmes, now)


def gone(leaving: Leaving, programmes: Programmes, now: datetime) -> Decision[State]:
    """Nothing of the person is left, and everybody is told."""
    state, ids = leaving.state, leaving.ids
    cases: list[CaseFile | None] = []
    events: list[Event] = []
    own: list[UUID] = []
    for id_, case in zip(state.ids.get("cases", ()), state.cases, strict=True):
        if case is None or case.person_id in ids or case.state == ERASED:
            own.append(id_)
            left, told = (None, ()) if case is None else _own_case(case, ids)
        else:
            left, told = _other_case(case, ids, programmes, now)
        cases.append(left)
        events += told
    places = [None if place is None else _place(place) for place in state.places]
    place_ids: tuple[UUID, ...] = state.ids.get("places", ())
    for place_id, place in zip(place_ids, state.places, strict=True):
        events += _place_told(place_id, place, state.ids["person"])
    events += [
        SubjectErased(subject_id=id_, kind="person", person_id=id_, is_candidate=bool(own))
        for id_ in sorted(ids, key=int)
    ]
    enquiry_ids: tuple[UUID, ...] = state.ids.get("enquiries", ())
    of_others = {case.id: case for case in leaving.cases if case.id not in own}
    referrals = tuple(
        _referral(id_, one, of_others, ids, now)
        for id_, one in zip(state.ids.get("referrals", ()), state.referrals, strict=True)
    )
    referral_ids = tuple(one.id for one in referrals if one.state == ERASED)
    again = ErasedBefore(
        person_id=state.ids["person"],
        merged_ids=state.ids.get("merged", ()),
        case_ids=tuple(own),
        place_ids=place_ids,
        referral_ids=referral_ids,
        enquiry_ids=enquiry_ids,
    ).model_dump_json()
    after = replace(
        state,
        person=None,
        mentor=None,
        cases=tuple(cases),
        places=tuple(places),
        referrals=referrals,
        person_keys=(None,) * len(state.person_keys),
        merged=(None,) * len(state.merged),
        enquiries=(None,) * len(state.enquiries),
        hosts=tuple(_host(one, ids) for one in state.hosts),
        partners=tuple(_partner(one, ids) for one in state.partners),
        units=tuple(_unit(one, ids) for one in state.units),
    )
    return Decision(
        after,
        events=tuple(events),
        timers=(
            Cancel(RetentionOver(person_id=state.ids["person"])),
            *(Schedule(now, RetentionOver(person_id=id_)) for id_ in _guardians(leaving)),
        ),
        deletes=(
            Delete("refused_referral", "referral_id", referral_ids),
            *(Delete(table, column, state.ids.get("person_keys", ())) for table, column in KEYED),
        ),
        tombstones=(
            *(Tombstone(topic=CASE_TEXTS, key=str(id_)) for id_ in own),
            *(Tombstone(topic=CONTACTS, key=str(id_)) for id_ in sorted(ids, key=int)),
        ),
        erased=dict.fromkeys((*ids, *own, *place_ids, *enquiry_ids), again),
    )


def _guardians(leaving: Leaving) -> tuple[UUID, ...]:
    """Who answered for the person in their cases: without those, nothing may be left to keep them for."""
    found = {case.guardian_id for case in leaving.own_cases if case.guardian_id is not None}
    return tuple(sorted(found - leaving.ids, key=int))


def _own_case(case: CaseFile, ids: frozenset[UUID]) -> tuple[CaseFile, tuple[Event, ...]]:
    """The candidate's own case: its counts alone. One that was open is withdrawn first."""
    told: tuple[Event, ...] = ()
    changes: dict[str, Any] = {}
    if case.state not in OVER:
        about = {**telling.about(case), "parties": _without(telling.parties(case), ids)}
        told = (CaseWithdrawn(**about, reason=ERASED), *telling.progress(case, "withdrawn"))
        changes["reason"] = ERASED
    kept = {name: getattr(case, name) for name in COUNTED_OF_A_CASE} | changes
    left = CaseFile(**kept, state=ERASED, person_id=NOBODY, source="", source_reference="")
    person_id = case.person_id if case.person_id in ids else min(ids, key=int)
    erased = SubjectErased(
        subject_id=case.id, kind="case", person_id=person_id, is_candidate=True, unit=case.unit
    )
    return left, (*told, erased)


def _other_case(
    case: CaseFile, ids: frozenset[UUID], programmes: Programmes, now: datetime
) -> tuple[CaseFile, tuple[Event, ...]]:
    """Somebody else's case: their part in it goes, as its guardian or a party of its match."""
    was = next(iter(sorted(_parts(case) & ids, key=int)), min(ids, key=int))
    update: dict[str, Any] = {"match": _match(case.match, ids)}
    if case.guardian_id in ids:
        update["guardian_id"] = None
    left = case.model_copy(update=update)
    told: tuple[Event, ...] = (SubjectErased(subject_id=case.id, kind="case", person_id=was, unit=case.unit),)
    if case.state not in OVER:
        left, further = settle(case, left, rules_of(left, programmes), today_in(left.unit, programmes, now))
        told += further
    return left, told


def _parts(case: CaseFile) -> frozenset[UUID]:
    parties = case.match.parties if case.match is not None else ()
    guardian = (case.guardian_id,) if case.guardian_id is not None else ()
    return frozenset((*guardian, *(party.person_id for party in parties)))


def _match(match: Match | None, ids: frozenset[UUID]) -> Match | None:
    if match is None:
        return None
    update: dict[str, Any] = {"parties": _without(match.parties, ids)}
    if match.mentor_id in ids:
        update["mentor_id"] = None
    return match.model_copy(update=update)


def _without(parties: tuple[Party, ...], ids: frozenset[UUID]) -> tuple[Party, ...]:
    return tuple(party for party in parties if party.person_id not in ids)


def _place(place: Place) -> Place:
    return Place(**{name: getattr(place, name) for name in COUNTED_OF_A_PLACE}, state="withdrawn")


def _place_told(place_id: UUID, place: Place | None, person_id: UUID) -> tuple[Event, ...]:
    unit = place.unit if place is not None else None
    erased = SubjectErased(subject_id=place_id, kind="place", person_id=person_id, unit=unit)
    if place is None or place.state != "offered":
        return (erased,)
    return (PlaceWithdrawn(place_id=place_id, unit=place.unit, reason=ERASED), erased)


def _referral(
    id_: UUID,
    referral: Referral | None,
    of_others: Mapping[UUID, CaseFile],
    ids: frozenset[UUID],
    now: datetime,
) -> Referral:
    """It keeps its reference taken: the row's own id is derived from it.

    Where they are somebody else's guardian, the document as it came names them, and goes alone.
    """
    case = of_others.get(referral.case_id) if referral is not None and referral.case_id else None
    if referral is not None and case is not None:
        return referral.model_copy(update={"sealed": None}) if case.guardian_id in ids else referral
    received_at = referral.received_at if referral is not None else now
    unit = referral.unit if referral is not None else None
    return Referral(id=id_, state=ERASED, source="", unit=unit, received_at=received_at)


def _host(host: HostFile | None, ids: frozenset[UUID]) -> HostFile | None:
    """One that is no more goes with its contact person: what counts need of it stays, without a name.

    A buddy goes alone, and so does the contact person of a host that a restored database takes to be there.
    """
    if host is None:
        return None
    if host.contact_person_id in ids and host.state in LEFT:
        host = blanked(host).model_copy(update={"contact_person_id": NOBODY})
    return host.model_copy(update={"buddy_id": None}) if host.buddy_id in ids else host


def _partner(partner: Partner | None, ids: frozenset[UUID]) -> Partner | None:
    """What was written goes with the contact person; the organisation keeps its name."""
    if partner is None or partner.contact_person_id not in ids:
        return partner
    return blanked(partner).model_copy(update={"name": partner.name, "contact_person_id": None})


def _unit(unit: UnitFile | None, ids: frozenset[UUID]) -> UnitFile | None:
    """They are no role model any more, nor a member of the group that coordinates."""
    if unit is None:
        return None
    update = {
        "role_models": tuple(one for one in unit.role_models if one.person_id not in ids),
        "members": tuple(one for one in unit.members if one not in ids),
        "duty": tuple(one for one in unit.duty if one.person_id not in ids and one.stands_in_for not in ids),
    }
    if all(getattr(unit, name) == value for name, value in update.items()):
        return unit
    return unit.model_copy(update=update)
