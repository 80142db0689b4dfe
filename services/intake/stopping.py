"""Commands that let a case rest, go on, and end: and the one that opens it again.

Pure. Guarantee: a start that was cleared is held when the case rests or ends before it. Saying no to a
candidate gives a coded reason and where else to go, and can only be done as long as nothing was agreed.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from services.intake import telling
from services.intake.casework import Casework, age_clock
from services.intake.certifying import clocks_of
from services.intake.documents import CaseFile, State
from services.intake.registers import ends_with
from services.intake.rules import missing
from services.intake.settling import (
    Events,
    begin_round,
    gone_on,
    hold_start,
    settle,
    with_certificates,
)
from shared.contracts.intake import CaseClosed, CasePaused, CaseResumed, CaseWithdrawn
from shared.contracts.intake_commands import DeclineCandidate, PauseCase, ReopenCase, WithdrawCase
from shared.contracts.model import Event
from shared.messages import Decision, Message, Refused, Stale
from shared.programmes import Programmes

NOTHING_HELD: Events = ()


def pause(state: State, message: Message, programmes: Programmes, now: datetime) -> Decision[State]:
    said = message.body
    assert isinstance(said, PauseCase)
    work = Casework(state, programmes, now)
    work.check_codes({"reason": ("pause_reasons", [said.reason])})
    told = CasePaused(**telling.about(work.case), reason=said.reason)
    case, held = _held(work.case, "case_paused")
    changes = {"state": "paused", "paused_from": case.state, "reason": said.reason, "cleared": case.cleared}
    return work.decision(changes, told, *held)


def resume(state: State, message: Message, programmes: Programmes, now: datetime) -> Decision[State]:
    """Back to where it was. A case that was ready is told of anew, as it may have changed meanwhile."""
    work = Casework(state, programmes, now)
    lacks = missing(work.case, work.rules, work.today, "match")
    if work.case.paused_from == "ready" and lacks:
        raise Refused("steps_missing", missing=[step.code for step in lacks])
    case = with_certificates(gone_on(work.case), work.today)
    told: list[Event] = [CaseResumed(**telling.about(case))]
    settled, further = settle(case, case, work.rules, work.today)
    if case.state == "ready":
        told.append(telling.case_ready(case, work.today))
    return Decision(replace(state, case=settled), events=(*told, *further))


def withdraw(state: State, message: Message, programmes: Programmes, now: datetime) -> Decision[State]:
    """The candidate's choice is reason enough where the programme rests on it; elsewhere one is given."""
    said = message.body
    assert isinstance(said, WithdrawCase)
    work = Casework(state, programmes, now)
    work.check_codes(
        {"reason": ("withdraw_reasons", [said.reason]), "heard_by": ("heard_by", [said.heard_by])}
    )
    if work.rules.candidate_answer == "heard" and "reason" not in said.model_fields_set:
        raise Refused("reason_missing", field="reason", status=422)
    case, held = _held(work.case, "case_withdrawn")
    case = _over(case, "withdrawn", said.reason).model_copy(update={"heard_by": said.heard_by})
    told = CaseWithdrawn(**telling.about(case), reason=said.reason)
    return Decision(replace(state, case=case), events=(told, *held, *telling.progress(case, "withdrawn")))


def decline(state: State, message: Message, programmes: Programmes, now: datetime) -> Decision[State]:
    said = message.body
    assert isinstance(said, DeclineCandidate)
    work = Casework(state, programmes, now)
    work.check_codes(
        {
            "reason": ("decline_reasons", [said.reason]),
            "support": ("decline_supports", [said.support]),
            "heard_by": ("heard_by", [said.heard_by]),
        }
    )
    if work.case.paused_from in ("matched", "started"):
        raise Refused("not_in_this_state", state=work.case.paused_from)
    case, held = _held(work.case, "other")
    case = _over(case, "declined", said.reason)
    case = case.model_copy(update={"support": said.support, "heard_by": said.heard_by})
    told = CaseClosed(**telling.about(case), reason="declined")
    return Decision(replace(state, case=case), events=(told, *held, *telling.progress(case, "ended")))


def reopen(state: State, message: Message, programmes: Programmes, now: datetime) -> Decision[State]:
    """What was over goes on in a new round; the clocks of its certificates run again.

    Where its unit closes it goes on only if the unit that takes over could have it.
    """
    said = message.body
    assert isinstance(said, ReopenCase)
    work = Casework(state, programmes, now)
    work.check_codes({"reason": ("reopen_reasons", [said.reason])})
    if state.unit is not None and state.unit.unit != work.case.unit:
        raise Stale("the unit of the case")
    if ends_with(state.unit, work.case.programme, programmes):
        raise Refused("programme_ends_with_unit")
    fresh = {"reason": said.reason, "support": None, "heard_by": None}
    case, events = begin_round(work.case.model_copy(update=fresh), work.rules, work.today)
    timers = clocks_of(case, work.rules, work.unit.time_zone)
    return Decision(replace(state, case=case), events=events, timers=(*timers, *age_clock(case, work.unit)))


def _held(case: CaseFile, reason: str) -> tuple[CaseFile, Events]:
    """A placement that runs is not held any more."""
    if "started" in (case.state, case.paused_from):
        return case, NOTHING_HELD
    return hold_start(case, reason)


def _over(case: CaseFile, state: str, reason: str) -> CaseFile:
    ended = {"state": state, "paused_from": None, "rests_unprepared": False, "reason": reason}
    return case.model_copy(update=ended)
