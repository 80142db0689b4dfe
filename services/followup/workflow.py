"""Followup's workflow, from an agreed match to the end of the placement.

Two things must be true before a placement starts: matching's `MatchAgreed` and intake's `StartCleared`
of the same round. They come in any order, each finds the row of that round (its id follows from case
and round), and the later one plans the start; a timer starts it on the agreed day. If the clearing
never comes, another timer says so with `PlacementEnded` (`failed_match`), which frees the place.

A running placement has check-ins on its programme's cadence: the next one is booked when the last was
held or missed, its parties are reminded, and one that falls on the last day still counts. The
placement keeps the rules it was agreed under. A case that is withdrawn ends whatever round it is in,
and an agreement that arrives after that ends at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from services.followup.documents import Agreed, CaseTrack, CheckIn, Placement
from services.followup.rules import MORNING, check_in_day, local_day, local_moment
from shared.contracts.followup import (
    BookCheckIn,
    CheckInBooked,
    CheckInDue,
    CheckInHeld,
    CheckInMissed,
    CheckInMoved,
    EndPlacement,
    PlacementEnded,
    PlacementStarted,
    RecordCheckIn,
)
from shared.contracts.intake import CaseTexts, CaseWithdrawn, StartCleared, StartHeld
from shared.contracts.matching import MatchAgreed, MatchCancelled, MatchProposed
from shared.contracts.model import Event, Party, Timer, derived_id
from shared.messages import Cancel, Decision, Ignored, Message, Refused, Schedule, Tombstone
from shared.programmes import Programmes, Rules
from shared.transitions import Lifecycle, On, Workflow


class StartPlacement(Timer):
    """The agreed day has come."""

    placement_id: UUID


class NeverStarted(Timer):
    """The agreed day is long past and the start was never cleared."""

    placement_id: UUID


class RemindCheckIn(Timer):
    """A check-in is near."""

    placement_id: UUID
    check_in_id: UUID


@dataclass(frozen=True)
class State:
    ids: Mapping[str, UUID]
    placement: Placement | None = None
    case: CaseTrack | None = None


Done = Decision[State] | Ignored


def placement_of(state: State) -> Placement:
    if state.placement is None:
        raise AssertionError("the table leads here with a placement alone")
    return state.placement


def case_of(state: State, message: Message) -> CaseTrack:
    body: Any = message.body
    known = state.case or CaseTrack(id=state.ids["case"], state="known")
    if known.unit is None and hasattr(body, "unit"):
        known = known.model_copy(update={"unit": body.unit, "programme": body.programme})
    return known


def merged(*groups: tuple[Party, ...]) -> tuple[Party, ...]:
    return tuple({(p.person_id, p.side, p.role): p for group in groups for p in group}.values())


def zone(rules: Programmes, placement: Placement) -> str:
    return rules.unit(placement.unit).time_zone


def own_rules(rules: Programmes, placement: Placement) -> Rules:
    return rules.version(placement.programme, placement.unit, placement.rules_version)


def about(placement: Placement) -> dict[str, Any]:
    """The fields that every event of a placement carries."""
    return {
        "unit": placement.unit,
        "programme": placement.programme,
        "case_id": placement.case_id,
        "round": placement.round,
        "rules_version": placement.rules_version,
        "parties": placement.parties,
        "placement_id": placement.id,
    }


def ended_event(placement: Placement) -> PlacementEnded:
    return PlacementEnded(
        **about(placement),
        place_id=placement.agreed.place_id if placement.agreed else None,
        how=placement.how or "early",
        reason=placement.reason,
        next_step=placement.next_step,
        outcome=placement.outcome,
        chain_position=placement.chain_position,
    )


def awaited(state: State, message: Message) -> Placement:
    """The round's placement, made by whichever half of the join comes first."""
    body: Any = message.body
    return state.placement or Placement(
        id=state.ids["placement"],
        case_id=body.case_id,
        unit=body.unit,
        programme=body.programme,
        round=body.round,
        rules_version=body.rules_version,
        state="expected",
    )


def agree(state: State, message: Message, rules: Programmes, now: datetime) -> Done:
    body = message.body
    assert isinstance(body, MatchAgreed)
    before = awaited(state, message)
    placement = before.model_copy(
        update={
            "agreed": Agreed.model_validate(body.model_dump()),
            "rules_version": body.rules_version,
            "parties": merged(before.parties, body.parties),
        }
    )
    if before.state == "withdrawn":
        return end(state, message, placement, "failed_match", "case_withdrawn", rules, now)
    return plan(state, message, placement, rules, now)


def clear(state: State, message: Message, rules: Programmes, now: datetime) -> Done:
    body = message.body
    assert isinstance(body, StartCleared)
    before = awaited(state, message)
    placement = before.model_copy(
        update={
            "cleared_on": local_day(now, rules.unit(body.unit).time_zone),
            "goals": body.goals,
            "parties": merged(before.parties, body.parties),
        }
    )
    if placement.state == "planned":
        return Decision(replace(state, placement=placement))
    return plan(state, message, placement, rules, now)


def plan(
    state: State, message: Message, placement: Placement, rules: Programmes, now: datetime
) -> Decision[State]:
    """One half or both are there: wait for the other, for the day, or start."""
    case = case_of(state, message)
    case = case.model_copy(update={"parties": merged(case.parties, placement.parties)})
    if placement.agreed is None:
        cleared = placement.model_copy(update={"state": "cleared"})
        return Decision(replace(state, placement=cleared, case=case))
    begins_at = local_moment(placement.agreed.starts_on, zone(rules, placement))
    if placement.cleared_on is None:
        patience = timedelta(days=own_rules(rules, placement).clocks.silence_days)
        waiting = placement.model_copy(update={"state": "agreed"})
        never = Schedule(max(begins_at, now) + patience, NeverStarted(placement_id=placement.id))
        return Decision(replace(state, placement=waiting, case=case), timers=(never,))
    planned = placement.model_copy(update={"state": "planned"})
    state = replace(state, placement=planned, case=case)
    given_up = Cancel(NeverStarted(placement_id=placement.id))
    if now < begins_at:
        start_then = Schedule(begins_at, StartPlacement(placement_id=placement.id))
        return Decision(state, timers=(start_then, given_up))
    started = start(state, message, rules, now)
    return replace(started, timers=(*started.timers, given_up))


def start(state: State, message: Message, rules: Programmes, now: datetime) -> Decision[State]:
    placement = placement_of(state)
    agreed, case = placement.agreed, case_of(state, message)
    if agreed is None:
        raise AssertionError("a placement starts only once its match is agreed")
    today = local_day(now, zone(rules, placement))
    position = case.started + 1
    running = placement.model_copy(
        update={"state": "running", "started_on": today, "chain_position": position}
    )
    began = PlacementStarted(
        **about(running),
        place_id=agreed.place_id,
        host_id=agreed.host_id,
        mentor_id=agreed.mentor_id,
        started_on=today,
        ends_on=agreed.ends_on,
        chain_position=position,
    )
    running, booked, timers = book_next(running, rules, now)
    state = replace(state, placement=running, case=case.model_copy(update={"started": position}))
    return Decision(state, events=(began, *booked), timers=timers)


def book_next(
    placement: Placement, rules: Programmes, now: datetime
) -> tuple[Placement, tuple[Event, ...], tuple[Schedule, ...]]:
    """Book the check-in that comes after those there are, if the cadence has one more."""
    agreed, started_on = placement.agreed, placement.started_on
    cadence = own_rules(rules, placement).check_ins
    if agreed is None or started_on is None:
        raise AssertionError("check-ins are booked in a running placement")
    counted_from = started_on if cadence.counted_from == "start" else agreed.starts_on
    number = len(placement.check_ins) + 1
    day = check_in_day(cadence, counted_from, number, agreed.ends_on)
    if day is None:
        return placement, (), ()
    check_in = CheckIn(
        id=derived_id("check-in", placement.id, number), number=number, due_on=day, state="booked"
    )
    placement = placement.model_copy(update={"check_ins": (*placement.check_ins, check_in)})
    return (
        placement,
        (said(CheckInBooked, placement, check_in),),
        (reminder(placement, check_in, rules, now),),
    )


def said(event: type[Any], placement: Placement, check_in: CheckIn, **more: Any) -> Event:
    """An event about one check-in."""
    made: Event = event(
        **about(placement),
        check_in_id=check_in.id,
        due_on=check_in.due_on,
        at=check_in.at,
        mode=check_in.mode,
        **more,
    )
    return made


def reminder(placement: Placement, check_in: CheckIn, rules: Programmes, now: datetime) -> Schedule:
    """The reminder in the morning, some days ahead as the programme says; at once if that has passed."""
    days = own_rules(rules, placement).check_ins.remind_days
    at = local_moment(check_in.due_on - timedelta(days=days), zone(rules, placement), MORNING)
    return Schedule(max(at, now), RemindCheckIn(placement_id=placement.id, check_in_id=check_in.id))


def remind(state: State, message: Message, rules: Programmes, now: datetime) -> Done:
    placement, body = placement_of(state), message.body
    assert isinstance(body, RemindCheckIn)
    check_in = placement.open_check_in
    if check_in is None or check_in.id != body.check_in_id:
        return Ignored("check_in_is_over")
    return Decision(state, events=(said(CheckInDue, placement, check_in),))


def book(state: State, message: Message, rules: Programmes, now: datetime) -> Done:
    placement, body = placement_of(state), message.body
    assert isinstance(body, BookCheckIn)
    check_in = asked_for(placement, body.check_in_id)
    if body.at <= now:
        raise Refused("in_the_past", field="at", status=422)
    allowed = own_rules(rules, placement).check_ins.modes
    if body.mode not in allowed:
        raise Refused("mode_not_in_programme", field="mode", allowed=list(allowed))
    day = local_day(body.at, zone(rules, placement))
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


def asked_for(placement: Placement, check_in_id: UUID | None) -> CheckIn:
    """The open check-in; a command that names another is refused."""
    check_in = placement.open_check_in
    if check_in is None:
        raise Refused("no_open_check_in")
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
    held = body.held if body.held is not None else body.outcome != "missed"
    today = local_day(now, zone(rules, placement))
    held_on = body.held_on or today
    if held and held_on > today:
        raise Refused("in_the_future", field="held_on", status=422)
    if held and placement.started_on and held_on < placement.started_on:
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
    placement, booked, timers = book_next(placement, rules, now)
    forget = Cancel(RemindCheckIn(placement_id=placement.id, check_in_id=over.id))
    return Decision(
        replace(state, placement=placement),
        events=(told, *booked),
        timers=(forget, *timers),
        answer={"check_in_id": over.id},
    )


def finish(state: State, message: Message, rules: Programmes, now: datetime) -> Done:
    placement, body = placement_of(state), message.body
    assert isinstance(body, EndPlacement)
    if body.how == "early" and body.reason is None:
        raise Refused("reason_is_missing", field="reason", status=422)
    for list_name, field in (("next_steps", "next_step"), ("outcomes", "outcome")):
        code, allowed = getattr(body, field), getattr(own_rules(rules, placement), list_name)
        if code is not None and code not in allowed:
            raise Refused("not_in_programme", field=field, status=422, allowed=list(allowed))
    placement = placement.model_copy(
        update={"next_step": body.next_step, "outcome": body.outcome, "competences": body.competences}
    )
    return end(state, message, placement, body.how, body.reason, rules, now)


def end(
    state: State,
    message: Message,
    placement: Placement,
    how: Literal["completed", "early", "failed_match"],
    reason: str | None,
    rules: Programmes,
    now: datetime,
    reached: str = "ended",
) -> Decision[State]:
    """The placement is over; nothing that was to come still comes."""
    ended = placement.model_copy(
        update={
            "state": reached,
            "how": how,
            "reason": reason,
            "ended_on": local_day(now, zone(rules, placement)),
        }
    )
    state = replace(state, placement=ended, case=case_of(state, message))
    return Decision(state, events=(ended_event(ended),), timers=nothing_to_come(placement))


def nothing_to_come(placement: Placement) -> tuple[Cancel, ...]:
    open_one = placement.open_check_in
    reminders = (
        (Cancel(RemindCheckIn(placement_id=placement.id, check_in_id=open_one.id)),) if open_one else ()
    )
    return (
        Cancel(StartPlacement(placement_id=placement.id)),
        Cancel(NeverStarted(placement_id=placement.id)),
        *reminders,
    )


def fail(state: State, message: Message, rules: Programmes, now: datetime) -> Done:
    return end(state, message, placement_of(state), "failed_match", "start_not_cleared", rules, now)


def hold(state: State, message: Message, rules: Programmes, now: datetime) -> Done:
    """The start is cleared no longer: a planned one waits again, for as long as a match waits at all."""
    placement = placement_of(state).model_copy(update={"cleared_on": None})
    if placement.agreed is None:
        return Decision(replace(state, placement=placement.model_copy(update={"state": "expected"})))
    waiting = plan(state, message, placement, rules, now)
    return replace(waiting, timers=(*waiting.timers, Cancel(StartPlacement(placement_id=placement.id))))


def cancel(state: State, message: Message, rules: Programmes, now: datetime) -> Done:
    """Matching took the match back. One that has just started ends; one that has not is only forgotten."""
    placement, body = awaited(state, message), message.body
    assert isinstance(body, MatchCancelled)
    if placement.state == "running":
        return end(state, message, placement, "early", body.reason, rules, now, reached="cancelled")
    cancelled = placement.model_copy(update={"state": "cancelled", "reason": body.reason})
    return Decision(replace(state, placement=cancelled), timers=nothing_to_come(placement))


def withdraw(state: State, message: Message, rules: Programmes, now: datetime) -> Done:
    """The case is withdrawn: a running placement ends, an agreed one fails, a late agreement will."""
    placement, body = awaited(state, message), message.body
    assert isinstance(body, CaseWithdrawn)
    if placement.agreed is not None:
        how: Literal["early", "failed_match"] = "early" if placement.state == "running" else "failed_match"
        return end(state, message, placement, how, "case_withdrawn", rules, now)
    withdrawn = placement.model_copy(update={"state": "withdrawn", "reason": body.reason})
    return Decision(replace(state, placement=withdrawn))


def know(state: State, message: Message, rules: Programmes, now: datetime) -> Done:
    """A proposal: from now on its parties may look at the case's page."""
    body = message.body
    assert isinstance(body, MatchProposed)
    case = case_of(state, message)
    return Decision(
        replace(state, case=case.model_copy(update={"parties": merged(case.parties, body.parties)}))
    )


def keep_texts(state: State, message: Message, rules: Programmes, now: datetime) -> Done:
    body = message.body
    assert isinstance(body, CaseTexts)
    case = case_of(state, message)
    if body.version <= case.texts_version:
        return Ignored("older_version")
    texts = {"texts_version": body.version, "presentation": body.presentation, "goal_texts": body.goals}
    return Decision(replace(state, case=case.model_copy(update=texts)))


def forget_texts(state: State, message: Message, rules: Programmes, now: datetime) -> Done:
    """A tombstone is final: no later version brings the texts back."""
    case = case_of(state, message)
    blank: dict[str, Any] = {"texts_version": 2**31, "presentation": None, "goal_texts": ()}
    return Decision(replace(state, case=case.model_copy(update=blank)))


PLACEMENT = Lifecycle(
    "placement",
    (
        On(MatchAgreed, "none expected", "agreed", agree),
        On(MatchAgreed, "cleared", "planned running", agree),
        On(MatchAgreed, "withdrawn", "ended", agree),
        On(StartCleared, "none expected cleared", "cleared", clear),
        On(StartCleared, "agreed", "planned running", clear),
        On(StartCleared, "planned", "=", clear),
        On(StartHeld, "cleared", "expected", hold),
        On(StartHeld, "planned", "agreed", hold),
        On(StartPlacement, "planned", "running", start),
        On(NeverStarted, "agreed", "ended", fail),
        On(MatchCancelled, "none expected agreed cleared planned running", "cancelled", cancel),
        On(CaseWithdrawn, "none expected cleared", "withdrawn", withdraw),
        On(CaseWithdrawn, "agreed planned running", "ended", withdraw),
        On(RemindCheckIn, "running", "=", remind),
        On(BookCheckIn, "running", "=", book),
        On(RecordCheckIn, "running", "=", record),
        On(EndPlacement, "running", "ended", finish),
    ),
    ends=("ended", "cancelled"),
)

CASE = Lifecycle(
    "case",
    (
        On(MatchProposed, "none known", "known", know),
        On(CaseTexts, "none known", "known", keep_texts),
        On(Tombstone, "none known", "known", forget_texts),
    ),
    ends=("known",),
)

WORKFLOW = Workflow(PLACEMENT, CASE)
TIMERS = (StartPlacement, NeverStarted, RemindCheckIn)
