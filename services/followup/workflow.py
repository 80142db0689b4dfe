"""Followup's workflow, from an agreed match to the end of the placement.

Two things must be true before a placement starts: matching's `MatchAgreed` and intake's `StartCleared`
of the same match. They come in any order, each finds the row of that round (its id follows from case
and round), and the later one plans the start; a timer starts it on the agreed day, or on the earliest
one that intake allows, whichever is later. Intake clears a start before there is a match too; then it has
not judged that match's day and place, and its next word is waited for. If the clearing
never comes, another timer says so with `PlacementEnded` (`failed_match`), which frees the place.
A start that crosses with `StartHeld` on its way is taken back in the same manner.

A running placement has check-ins on its programme's cadence: the next one is booked when the last was
held or missed, its parties are reminded, and one that falls on the last day still counts. The
placement keeps the rules it was agreed under. A case that is withdrawn ends whatever round it is in,
and an agreement that arrives after that ends at once.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Literal

from services.followup import handing_over
from services.followup.check_ins import book, book_next, nothing_to_come, record, remind
from services.followup.documents import (
    Agreed,
    CaseTrack,
    NeverStarted,
    Placement,
    RemindCheckIn,
    StartPlacement,
    State,
    placement_of,
)
from services.followup.erasing import erase_case
from services.followup.rules import local_day, local_moment, own_rules, zone
from services.followup.telling import about, ended_event
from shared.contracts.followup import (
    BookCheckIn,
    EndPlacement,
    PlacementStarted,
    RecordCheckIn,
    RematchRequested,
    RequestRematch,
)
from shared.contracts.intake import (
    CaseAssigned,
    CaseTexts,
    CaseWithdrawn,
    StartCleared,
    StartHeld,
    SubjectErased,
)
from shared.contracts.matching import MatchAgreed, MatchCancelled, MatchProposed
from shared.contracts.model import Party
from shared.messages import Cancel, Decision, Ignored, Message, Refused, Schedule, Tombstone
from shared.programmes import Programmes
from shared.transitions import Lifecycle, On, Workflow

Done = Decision[State] | Ignored


def case_of(state: State, message: Message) -> CaseTrack:
    body: Any = message.body
    known = state.case or CaseTrack(id=state.ids["case"], state="known")
    if known.unit is None and hasattr(body, "unit"):
        known = known.model_copy(update={"unit": body.unit, "programme": body.programme})
    return known


def merged(*groups: tuple[Party, ...]) -> tuple[Party, ...]:
    return tuple({(p.person_id, p.side, p.role): p for group in groups for p in group}.values())


def awaited(state: State, message: Message) -> Placement:
    """The round's placement, made by whichever half of the join comes first."""
    body: Any = message.body
    return state.placement or Placement(
        id=state.ids["placement"],
        case_id=body.case_id,
        unit=(state.case.moved_to if state.case is not None else None) or body.unit,
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
    case = case_of(state, message)
    parties = merged(case.parties, body.parties)
    if parties != case.parties:
        case = case.model_copy(update={"parties": parties})
    state = replace(state, case=case)
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
            "cleared_for": body.match_id,
            "cleared_until": body.holds_until,
            "earliest_start": body.earliest_start,
            "goals": body.goals,
            "parties": merged(before.parties, body.parties),
        }
    )
    return plan(state, message, placement, rules, now)


def plan(
    state: State, message: Message, placement: Placement, rules: Programmes, now: datetime
) -> Decision[State]:
    """One half or both are there: wait for the other, for the day, or start."""
    case = case_of(state, message)
    if placement.agreed is None:
        cleared = placement.model_copy(update={"state": "cleared"})
        return Decision(replace(state, placement=cleared, case=case))
    begins_on = max(placement.agreed.starts_on, placement.earliest_start or placement.agreed.starts_on)
    begins_at = local_moment(begins_on, zone(rules, placement))
    if not placement.may_start(max(begins_on, local_day(now, zone(rules, placement)))):
        patience = timedelta(days=own_rules(rules, placement).clocks.silence_days)
        waiting = placement.model_copy(update={"state": "agreed"})
        never = Schedule(max(begins_at, now) + patience, NeverStarted(placement_id=placement.id))
        planned_before = Cancel(StartPlacement(placement_id=placement.id))
        return Decision(replace(state, placement=waiting, case=case), timers=(never, planned_before))
    planned = placement.model_copy(update={"state": "planned"})
    state = replace(state, placement=planned, case=case)
    given_up = Cancel(NeverStarted(placement_id=placement.id))
    if now < begins_at:
        start_then = Schedule(begins_at, StartPlacement(placement_id=placement.id))
        return Decision(state, timers=(start_then, given_up))
    started = start(state, message, rules, now)
    planned_before = Cancel(StartPlacement(placement_id=placement.id))
    return replace(started, timers=(*started.timers, given_up, planned_before))


def begin(state: State, message: Message, rules: Programmes, now: datetime) -> Done:
    """The day has come, or one after it; what was cleared until the day before waits again."""
    return plan(state, message, placement_of(state), rules, now)


def start(state: State, message: Message, rules: Programmes, now: datetime) -> Decision[State]:
    placement = placement_of(state)
    agreed, case = placement.agreed, case_of(state, message)
    if agreed is None:
        raise AssertionError("a placement starts only once its match is agreed")
    today = local_day(now, zone(rules, placement))
    position = case.started + 1
    running = placement.model_copy(
        update={"state": "running", "started_on": today, "started_at": now, "chain_position": position}
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


def rematch(state: State, message: Message, rules: Programmes, now: datetime) -> Done:
    """A bad match: the placement ends, and a new round begins, in which this place is not tried again."""
    placement, body = placement_of(state), message.body
    assert isinstance(body, RequestRematch)
    if not rules.codes.has("rematch_reasons", body.reason):
        raise Refused("unknown_code", field="reason", status=422)
    agreed = placement.agreed
    if agreed is None:
        raise AssertionError("only an agreed match runs")
    ended = end(state, message, placement, "early", "bad_match", rules, now)
    asked = RematchRequested(**about(placement), place_id=agreed.place_id, reason=body.reason)
    return replace(ended, events=(asked, *ended.events))


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


def fail(state: State, message: Message, rules: Programmes, now: datetime) -> Done:
    return end(state, message, placement_of(state), "failed_match", "start_not_cleared", rules, now)


def hold(state: State, message: Message, rules: Programmes, now: datetime) -> Done:
    """The start is cleared no longer: a planned one waits again, for as long as a match waits at all."""
    placement = placement_of(state).model_copy(update={"cleared_on": None, "earliest_start": None})
    if placement.agreed is None:
        return Decision(replace(state, placement=placement.model_copy(update={"state": "expected"})))
    return plan(state, message, placement, rules, now)


def take_back(state: State, message: Message, rules: Programmes, now: datetime) -> Done:
    """The start was held before it came, and the word arrives after it: there should have been none."""
    placement = placement_of(state)
    if placement.started_at is None or placement.started_at < message.time:
        return Ignored("started_before")
    return end(state, message, placement, "failed_match", "start_not_cleared", rules, now)


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
        On(MatchAgreed, "cleared", "agreed planned running", agree),
        On(MatchAgreed, "withdrawn", "ended", agree),
        On(StartCleared, "none expected cleared", "cleared", clear),
        On(StartCleared, "agreed planned", "agreed planned running", clear),
        On(StartHeld, "cleared", "expected", hold),
        On(StartHeld, "planned", "agreed", hold),
        On(StartHeld, "running", "= ended", take_back),
        On(StartPlacement, "planned", "= agreed running", begin),
        On(NeverStarted, "agreed", "ended", fail),
        On(MatchCancelled, "none expected agreed cleared planned running", "cancelled", cancel),
        On(CaseWithdrawn, "none expected cleared", "withdrawn", withdraw),
        On(CaseWithdrawn, "agreed planned running", "ended", withdraw),
        On(RemindCheckIn, "agreed planned running", "=", remind),
        On(BookCheckIn, "agreed planned running", "=", book),
        On(RecordCheckIn, "agreed planned running", "=", record),
        On(EndPlacement, "running", "ended", finish),
        On(RequestRematch, "running", "ended", rematch),
    ),
    ends=("ended", "cancelled"),
)

CASE = Lifecycle(
    "case",
    (
        On(MatchProposed, "none known", "known", know),
        On(CaseTexts, "none known", "known", keep_texts),
        On(Tombstone, "none known", "known", forget_texts),
        On(SubjectErased, "none known", "=", erase_case),
        On(CaseAssigned, "none known", "known", handing_over.assigned),
    ),
    ends=("known",),
)

WORKFLOW = Workflow(PLACEMENT, CASE)
TIMERS = (StartPlacement, NeverStarted, RemindCheckIn)
