"""Closing a unit: what it has goes to another of the same controller, each thing by a message of its own.

Pure. The unit is closed at once, or on its day; then a look finds what is left there, a few of each kind at a
time, and each is handed over: a case with a new caseworker, and all that was told of it told again under the
new unit. The look comes back, soon and then each day: what a message in flight opened after the closing is
handed over too. What is over goes along, so that somebody can show and erase it, and only of whose case it is
anything is told. Until its day a closing is moved, or called off.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import Any, Literal, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from services.intake import telling
from services.intake.documents import CaseFile, HostFile, Mentor, Place, State
from services.intake.hosts import host_registered
from services.intake.mentors import mentor_registered
from services.intake.partners import partner_changed
from services.intake.places import place_offered
from services.intake.registers import Enquiry, Partner, Staff, UnitFile
from services.intake.settling import settle, today_in
from services.intake.staffing import check_caseworker, unit_of, unit_row
from shared.contracts.intake import (
    CaseAssigned,
    StartCleared,
    UnitClosed,
)
from shared.contracts.model import Event, Timer
from shared.contracts.people_commands import CloseUnit
from shared.messages import Cancel, Decision, Ignored, Message, Refused, Schedule
from shared.programmes import Programmes
from shared.transitions import NONE, Lifecycle, On

AT_ONCE = 100
AGAIN_AFTER = (timedelta(minutes=1), timedelta(hours=1), timedelta(days=1))

Kind = Literal["case", "host", "mentor", "place", "partner", "enquiry", "staff"]
Kept = CaseFile | HostFile | Mentor | Place | Partner | Enquiry | Staff


ERASED = "erased"
"""Of what is in this state nothing is left that somebody could own."""


class Left(NamedTuple):
    """A kind of what a unit has: the state's field, the table, and in which states it is over."""

    field: str
    table: str
    over: tuple[str, ...]


LEFT: Mapping[str, Left] = {
    "host": Left("hosts", "host", ("declined", "retired", "erased")),
    "mentor": Left("mentors", "mentor", ("declined", "retired", "erased")),
    "place": Left("places", "place", ("withdrawn",)),
    "partner": Left("partners", "partner", ()),
    "enquiry": Left("enquiries", "enquiry", ("taken", "declined", "lapsed", "erased")),
    "staff": Left("colleagues", "staff", ()),
    "case": Left("cases", "case_file", ("ended", "withdrawn", "declined", "erased")),
}


class CloseOnTheDay(Timer):
    """The day has come on which a unit closes."""

    unit: str
    to: str
    closes_on: date


class LookForLeft(Timer):
    """What does a closed unit still have? `after` is the id that the look goes on from."""

    unit: str
    after: UUID | None = None
    times: int = 0


class HandOver(Timer):
    """One thing goes from a closed unit to another."""

    kind: Kind
    id: UUID
    unit: str
    to: str
    caseworker: UUID


TIMERS = (CloseOnTheDay, LookForLeft, HandOver)
SETTLED = {"preparing": "= ready", "ready": "= paused", "paused": "= preparing ready matched"}
"""Where a case may come to by the new unit's rules; all else stays in the state it is in."""


def handed_over(lifecycle: Lifecycle) -> Lifecycle:
    """A kind that a unit has, with what hands it over in each state."""
    left = LEFT.get(lifecycle.aggregate)
    if left is None:
        return lifecycle
    states = [state for state in lifecycle.states if state not in (NONE, ERASED)]
    settled = SETTLED if lifecycle.aggregate == "case" else {}
    rows = tuple(On(HandOver, state, settled.get(state, "="), hand_over) for state in states)
    return replace(lifecycle, rows=(*lifecycle.rows, *rows))


def close_unit(state: State, message: Message, programmes: Programmes, now: datetime) -> Decision[State]:
    """Refused with all that is missing, as long as not everything would have an owner."""
    said = message.body
    assert isinstance(said, CloseUnit)
    if said.called_off:
        return _called_off(state)
    _check_target(state, said, message, programmes)
    asking = message.actor.person_id if message.actor is not None else None
    owner = said.caseworker or asking
    if owner is None:
        raise Refused("does_not_fit", field="caseworker", status=422)
    if owner != asking:
        check_caseworker(state.staff, said.hand_over_to)
    today = today_in(said.unit, programmes, now)
    closes_on = said.closes_on or today
    unit = unit_of(state, said.unit).model_copy(
        update={
            "closed_on": closes_on,
            "handed_to": said.hand_over_to,
            "new_caseworker": owner,
        }
    )
    state = replace(state, unit=unit)
    answer = {"unit": said.unit, "handed_to": said.hand_over_to, "closes_on": closes_on.isoformat()}
    if closes_on <= today:
        return replace(_closed(state, unit, said.hand_over_to, now), answer=answer)
    midnight = datetime.combine(closes_on, time.min, ZoneInfo(programmes.unit(said.unit).time_zone))
    due = CloseOnTheDay(unit=said.unit, to=said.hand_over_to, closes_on=closes_on)
    return Decision(state, timers=(Schedule(midnight, due),), answer=answer)


def _called_off(state: State) -> Decision[State]:
    """The unit stays open, and nothing is remembered of the plan."""
    unit = state.unit
    if unit is None or unit.closed_on is None or unit.handed_to is None:
        raise Refused("no_closing_planned")
    due = CloseOnTheDay(unit=unit.unit, to=unit.handed_to, closes_on=unit.closed_on)
    kept = unit.model_copy(update={"closed_on": None, "handed_to": None, "new_caseworker": None})
    answer = {"unit": unit.unit, "handed_to": None, "closes_on": None}
    return Decision(replace(state, unit=kept), timers=(Cancel(due),), answer=answer)


def _check_target(state: State, said: CloseUnit, message: Message, programmes: Programmes) -> None:
    """An open unit of the same controller that offers what the cases need. Raises `Refused`."""
    for field, name in (("unit", said.unit), ("hand_over_to", said.hand_over_to)):
        if name not in programmes.units:
            raise Refused("unknown_unit", field=field, status=422)
        if message.actor is not None and name not in message.actor.units:
            raise Refused("other_unit", field=field, status=403)
    here, there = programmes.unit(said.unit), programmes.unit(said.hand_over_to)
    if here.id == there.id:
        raise Refused("same_unit", field="hand_over_to", status=422)
    if here.controller != there.controller:
        raise Refused("other_controller", field="hand_over_to")
    (target,) = state.units
    if target is not None and target.state == "closed":
        raise Refused("unit_closed", field="hand_over_to")
    needed = {case.programme for case in state.cases if case is not None}
    missing = sorted(needed - set(there.programmes))
    if missing:
        errors = tuple(("programme_not_in_unit", "hand_over_to", name) for name in missing)
        raise Refused("programme_not_in_unit", field="hand_over_to", errors=errors, missing=missing)


def close_on_the_day(
    state: State, message: Message, programmes: Programmes, now: datetime
) -> Decision[State] | Ignored:
    """Where the other unit closed meanwhile, what would have been its is its successor's."""
    due, unit = message.body, state.unit
    assert isinstance(due, CloseOnTheDay) and unit is not None
    if (unit.closed_on, unit.handed_to) != (due.closes_on, due.to):
        return Ignored("planned_otherwise")
    (target,) = state.units
    to = target.handed_to if target is not None and target.state == "closed" else None
    return _closed(state, unit, to or due.to, now)


def _closed(state: State, unit: UnitFile, to: str, now: datetime) -> Decision[State]:
    """Closed from now on. Its role models can be invited by the other unit."""
    assert unit.closed_on is not None
    (target,) = state.units
    closed = unit.model_copy(update={"state": "closed", "handed_to": to, "role_models": ()})
    if unit.role_models and (target is None or target.unit == to):
        target = target or UnitFile(id=unit_row(to), unit=to)
        known = {one.person_id for one in target.role_models}
        more = tuple(one for one in unit.role_models if one.person_id not in known)
        target = target.model_copy(update={"role_models": (*target.role_models, *more)})
    told = UnitClosed(unit=unit.unit, closed_on=unit.closed_on, handed_to=to)
    return Decision(
        replace(state, unit=closed, units=(target,)),
        events=(told,),
        timers=(Schedule(now, LookForLeft(unit=unit.unit)),),
    )


def look_for_left(state: State, message: Message, programmes: Programmes, now: datetime) -> Decision[State]:
    """Each thing that is left is handed over by a message of its own, so that none waits for another."""
    look, unit = message.body, state.unit
    assert isinstance(look, LookForLeft) and unit is not None
    assert unit.handed_to is not None and unit.new_caseworker is not None
    timers: list[Schedule] = []
    full: list[UUID] = []
    for kind, left in LEFT.items():
        found: tuple[Kept | None, ...] = getattr(state, left.field)
        if len(found) == AT_ONCE:
            full.append(state.ids[left.field][-1])
        timers += [
            Schedule(
                now,
                HandOver(
                    kind=kind,
                    id=one.id,
                    unit=unit.unit,
                    to=unit.handed_to,
                    caseworker=unit.new_caseworker,
                ),
            )
            for one in found
            if one is not None and one.unit == unit.unit
        ]
    if full:
        again = Schedule(now, look.model_copy(update={"after": min(full, key=int)}))
    else:
        pause = AGAIN_AFTER[min(look.times, len(AGAIN_AFTER) - 1)]
        times = min(look.times + 1, len(AGAIN_AFTER))
        again = Schedule(now + pause, LookForLeft(unit=unit.unit, times=times))
    return Decision(state, timers=(*timers, again))


def hand_over(
    state: State, message: Message, programmes: Programmes, now: datetime
) -> Decision[State] | Ignored:
    """The thing under its new unit, and what others know of it told again, unless it is over."""
    one = message.body
    assert isinstance(one, HandOver)
    kept: Kept = getattr(state, one.kind)
    if kept.unit != one.unit:
        return Ignored("handed_over_already")
    is_over = getattr(kept, "state", "") in LEFT[one.kind].over
    if isinstance(kept, CaseFile):
        return _case(state, kept, one, programmes, now, is_over=is_over)
    moved: Any = kept.model_copy(update={"unit": one.to})
    events: Iterable[Event] = ()
    match moved:
        case HostFile():
            events = (host_registered(moved),)
        case Mentor():
            events = (mentor_registered(moved),)
        case Partner():
            events = (partner_changed(moved),)
        case Place(state="offered") if (owner := state.host or state.mentor) is not None:
            events = (place_offered(moved, owner),)
        case Staff():
            units = tuple(dict.fromkeys(one.to if unit == one.unit else unit for unit in moved.units))
            moved = moved.model_copy(update={"units": units})
    return Decision(replace(state, **{one.kind: moved}), events=() if is_over else tuple(events))


def _case(
    state: State, case: CaseFile, one: HandOver, programmes: Programmes, now: datetime, *, is_over: bool
) -> Decision[State] | Ignored:
    """A case keeps the rules it goes by where the new unit has them. They settle it, unless it is over."""
    if case.programme not in programmes.unit(one.to).programmes:
        return Ignored("programme_not_in_unit")
    today = today_in(one.to, programmes, now)
    known = programmes.versions(case.programme, one.to)
    rules = known.get(case.rules_version) or programmes.rules(case.programme, one.to, today)
    moved = case.model_copy(
        update={"unit": one.to, "rules_version": rules.rules_version, "caseworker": one.caseworker}
    )
    told = CaseAssigned(**telling.about(moved), caseworker=one.caseworker, handed_over_from=case.unit)
    if is_over:
        return Decision(replace(state, case=moved), events=(told,))
    settled, further = settle(case, moved, rules, today)
    told_before = settled.cleared and settled.state in ("preparing", "ready", "matched")
    if told_before and not any(isinstance(event, StartCleared) for event in further):
        further = (*further, telling.start_cleared(settled, rules, today))
    return Decision(replace(state, case=settled), events=(told, *further))
