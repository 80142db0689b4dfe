"""Check-ins (opfølgningssamtaler) of a placement: booked, reminded, held or missed.

Where the programme says so (C), one may be booked and held before the start, from the agreed match on; the
cadence of the running placement neither counts it nor waits for it.

Pure, and called from the workflow's table alone.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from uuid import UUID

from services.followup.documents import (
    CheckIn,
    NeverStarted,
    Placement,
    RemindCheckIn,
    StartPlacement,
    State,
    placement_of,
)
from services.followup.rules import MORNING, check_in_day, local_day, local_moment, own_rules, zone
from services.followup.telling import said
from shared.contracts.followup import (
    BookCheckIn,
    CheckInBooked,
    CheckInDue,
    CheckInHeld,
    CheckInMissed,
    CheckInMoved,
    RecordCheckIn,
)
from shared.contracts.model import Event, derived_id
from shared.messages import Cancel, Decision, Ignored, Message, Refused, Schedule
from shared.programmes import Programmes, Rules

Done = Decision[State] | Ignored


def book_next(
    placement: Placement, rules: Programmes, now: datetime
) -> tuple[Placement, tuple[Event, ...], tuple[Schedule, ...]]:
    """Book the check-in that comes after those there are, if the cadence has one more."""
    agreed, started_on = placement.agreed, placement.started_on
    cadence = own_rules(rules, placement).check_ins
    if agreed is None or started_on is None:
        raise AssertionError("check-ins are booked in a running placement")
    counted_from = started_on if cadence.counted_from == "start" else agreed.starts_on
    turn = 1 + sum(not one.before_start for one in placement.check_ins)
    day = check_in_day(cadence, counted_from, turn, agreed.ends_on)
    if day is None:
        return placement, (), ()
    check_in = following(placement, day)
    placement = placement.model_copy(update={"check_ins": (*placement.check_ins, check_in)})
    return (
        placement,
        (said(CheckInBooked, placement, check_in),),
        (reminder(placement, check_in, rules, now),),
    )


def following(placement: Placement, due_on: date) -> CheckIn:
    """A check-in after those there are."""
    number = len(placement.check_ins) + 1
    id_ = derived_id("check-in", placement.id, number)
    return CheckIn(id=id_, number=number, due_on=due_on, state="booked")


def reminder(placement: Placement, check_in: CheckIn, rules: Programmes, now: datetime) -> Schedule:
    """The reminder in the morning, some days ahead as the programme says; at once if that has passed."""
    days = own_rules(rules, placement).check_ins.remind_days
    at = local_moment(check_in.due_on - timedelta(days=days), zone(rules, placement), MORNING)
    return Schedule(max(at, now), RemindCheckIn(placement_id=placement.id, check_in_id=check_in.id))


def remind(state: State, message: Message, rules: Programmes, now: datetime) -> Done:
    placement, body = placement_of(state), message.body
    assert isinstance(body, RemindCheckIn)
    check_in = next((one for one in placement.open_check_ins if one.id == body.check_in_id), None)
    if check_in is None:
        return Ignored("check_in_is_over")
    return Decision(state, events=(said(CheckInDue, placement, check_in),))


def book(state: State, message: Message, rules: Programmes, now: datetime) -> Done:
    placement, body = placement_of(state), message.body
    assert isinstance(body, BookCheckIn)
    if placement.state != "running" and own_rules(rules, placement).check_ins.bookable_from == "start":
        raise Refused("not_in_this_state", state=placement.state)
    if body.at <= now:
        raise Refused("in_the_past", field="at", status=422)
    day = local_day(body.at, zone(rules, placement))
    if placement.state != "running" and placement.open_check_in is None and body.check_in_id is None:
        early = following(placement, day).model_copy(update={"before_start": True})
        placement = placement.model_copy(update={"check_ins": (*placement.check_ins, early)})
    check_in = asked_for(placement, body.check_in_id)
    known_mode(body.mode, own_rules(rules, placement))
    if placement.agreed and placement.agreed.ends_on and day > placement.agreed.ends_on:
        raise Refused("after_the_end", field="at", limit=placement.agreed.ends_on)
    event = CheckInBooked if check_in.at is None else CheckInMoved
    booked = check_in.model_copy(update={"at": body.at, "mode": body.mode, "due_on": day})
    placement = with_check_in(placement, booked)
    return Decision(
        replace(state, placement=placement),
        events=(said(event, placement, booked),),
        timers=(reminder(placement, booked, rules, now),),
        answer={"check_in_id": booked.id},
    )


def known_mode(mode: str | None, rules: Rules) -> None:
    """Refuses a way of meeting that the programme does not know."""
    if mode is not None and mode not in rules.check_ins.modes:
        raise Refused("mode_not_in_programme", field="mode", allowed=list(rules.check_ins.modes))


def asked_for(placement: Placement, check_in_id: UUID | None) -> CheckIn:
    """The open check-in; a command that names another is refused."""
    check_in = placement.open_check_in
    if check_in is None:
        raise Refused("no_open_check_in")
    check_in = next((one for one in placement.open_check_ins if one.id == check_in_id), check_in)
    if check_in_id not in (None, check_in.id):
        known = any(one.id == check_in_id for one in placement.check_ins)
        raise Refused("check_in_is_over" if known else "not_found", status=409 if known else 404)
    return check_in


def with_check_in(placement: Placement, check_in: CheckIn) -> Placement:
    check_ins = tuple(check_in if one.id == check_in.id else one for one in placement.check_ins)
    return placement.model_copy(update={"check_ins": check_ins})


def record(state: State, message: Message, rules: Programmes, now: datetime) -> Done:
    placement, body = placement_of(state), message.body
    assert isinstance(body, RecordCheckIn)
    check_in = asked_for(placement, body.check_in_id)
    known_mode(body.mode, own_rules(rules, placement))
    held = body.held if body.held is not None else body.outcome != "missed"
    today = local_day(now, zone(rules, placement))
    held_on = body.held_on or today
    if held and held_on > today:
        raise Refused("in_the_future", field="held_on", status=422)
    if held and placement.started_on and held_on < placement.started_on and not check_in.before_start:
        raise Refused("before_the_start", field="held_on", limit=placement.started_on)
    over = check_in.model_copy(
        update={
            "state": "held" if held else "missed",
            "held_on": held_on if held else None,
            "mode": body.mode or check_in.mode,
            "present": body.present,
            "note": body.note,
        }
    )
    placement = with_check_in(placement, over)
    told = (
        said(CheckInHeld, placement, over, held_on=held_on, present=over.present)
        if held
        else said(CheckInMissed, placement, over)
    )
    booked: tuple[Event, ...] = ()
    timers: tuple[Schedule, ...] = ()
    if placement.state == "running" and not check_in.before_start:
        placement, booked, timers = book_next(placement, rules, now)
    forget = Cancel(RemindCheckIn(placement_id=placement.id, check_in_id=over.id))
    return Decision(
        replace(state, placement=placement),
        events=(told, *booked),
        timers=(forget, *timers),
        answer={"check_in_id": over.id},
    )


def nothing_to_come(placement: Placement) -> tuple[Cancel, ...]:
    reminders = tuple(
        Cancel(RemindCheckIn(placement_id=placement.id, check_in_id=one.id))
        for one in placement.open_check_ins
    )
    return (
        Cancel(StartPlacement(placement_id=placement.id)),
        Cancel(NeverStarted(placement_id=placement.id)),
        *reminders,
    )
