"""What matching and follow-up say about a case, and what it means for it. Intake alone counts rounds.

Pure. The two speak on topics of their own, so that a start may be heard of before the agreement it rests on:
each fact says which round it is about, and one of another round has no effect.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from services.intake import telling
from services.intake.documents import CaseFile, Match, State
from services.intake.settling import begin_round, rules_of, settle, today_in
from shared.contracts.followup import PlacementEnded, PlacementStarted
from shared.contracts.intake import CaseClosed
from shared.contracts.matching import MatchAgreed, MatchCancelled, MatchProposed
from shared.contracts.model import CaseFields
from shared.messages import Decision, Ignored, Message
from shared.programmes import Programmes

OTHER_ROUND = Ignored("other_round")


def _case(state: State, message: Message) -> CaseFile | None:
    """The case, if the message is about its present round."""
    assert state.case is not None and isinstance(message.body, CaseFields)
    return state.case if message.body.round == state.case.round else None


def _moved(case: CaseFile, state: str, **changes: Any) -> CaseFile:
    """The case in a further state; a paused one stays paused, and goes back there."""
    if case.state == "paused":
        return case.model_copy(update={**changes, "paused_from": state})
    return case.model_copy(update={**changes, "state": state})


def match_proposed(
    state: State, message: Message, programmes: Programmes, now: datetime
) -> Decision[State] | Ignored:
    assert isinstance(message.body, MatchProposed)
    case = _case(state, message)
    if case is None:
        return OTHER_ROUND
    events = telling.progress(case, "proposed")
    return Decision(state, events=events) if events else Ignored("nobody_asked_to_be_told")


def match_agreed(
    state: State, message: Message, programmes: Programmes, now: datetime
) -> Decision[State] | Ignored:
    agreed = message.body
    assert isinstance(agreed, MatchAgreed)
    case = _case(state, message)
    if case is None:
        return OTHER_ROUND
    asked = state.place.required_certificates if state.place is not None else ()
    said = agreed.model_dump(include=set(Match.model_fields))
    today = today_in(case.unit, programmes, now)
    match = Match.model_validate({**said, "required_certificates": asked, "agreed_on": today})
    if "started" in (case.state, case.paused_from):
        # Follow-up was heard of first.
        return Decision(replace(state, case=case.model_copy(update={"match": match})))
    before, case = case, _moved(case, "matched", match=match)
    told = telling.progress(case, "matched")
    if case.state == "matched":
        rules = rules_of(case, programmes)
        # Its day and its place are known now: the start is cleared for this match, or held.
        case, further = settle(before, case, rules, today)
        return Decision(replace(state, case=case), events=(*told, *further))
    return Decision(replace(state, case=case), events=told)


def match_cancelled(
    state: State, message: Message, programmes: Programmes, now: datetime
) -> Decision[State] | Ignored:
    assert isinstance(message.body, MatchCancelled)
    case = _case(state, message)
    return OTHER_ROUND if case is None else _next_round(state, case, programmes, now)


def placement_started(
    state: State, message: Message, programmes: Programmes, now: datetime
) -> Decision[State] | Ignored:
    assert isinstance(message.body, PlacementStarted)
    case = _case(state, message)
    if case is None:
        return OTHER_ROUND
    # Heard of before the agreement, it says that there was one: the publisher is told of both, in order.
    unsaid = telling.progress(case, "matched") if case.match is None else ()
    case = _moved(case, "started")
    return Decision(replace(state, case=case), events=(*unsaid, *telling.progress(case, "started")))


def placement_ended(
    state: State, message: Message, programmes: Programmes, now: datetime
) -> Decision[State] | Ignored:
    """The end of the case, or of this round alone: a failed match, a further placement, or an early end
    with nothing else in its place."""
    ended = message.body
    assert isinstance(ended, PlacementEnded)
    case = _case(state, message)
    if case is None:
        return OTHER_ROUND
    goes_on = (
        ended.how == "failed_match"
        or ended.next_step == "new_placement"
        or (ended.how == "early" and ended.next_step is None)
    )
    if goes_on:
        return _next_round(state, case, programmes, now)
    case = case.model_copy(update={"state": "ended", "paused_from": None, "reason": "ended"})
    closed = CaseClosed(**telling.about(case), reason="ended")
    return Decision(
        replace(state, case=case),
        events=(closed, *telling.progress(case, "ended", ended.outcome or ended.next_step)),
    )


def _next_round(state: State, case: CaseFile, programmes: Programmes, now: datetime) -> Decision[State]:
    rules = rules_of(case, programmes)
    case, events = begin_round(case, rules, today_in(case.unit, programmes, now))
    return Decision(replace(state, case=case), events=events)
