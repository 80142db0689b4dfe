"""A proposal's way: found, asked about, answered, and agreed; or refused, lapsed or taken back.

Job: what each message does to a proposal, its case and its place together. Guarantee: pure; an opening
is held from the moment a pair is proposed until its proposal or match is over, and a place never holds
more than its capacity. The table that leads here is in `workflow.py`.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from services.matching.documents import (
    Asked,
    CaseFile,
    LapseAgreement,
    LapseProposal,
    PairFound,
    Place,
    PoolFile,
    Proposal,
    RemindAnswer,
    State,
)
from services.matching.effects import (
    Rows,
    about,
    forbidden_now,
    freed,
    hold,
    pool_changes,
    rules_of,
    rules_today,
    told,
    waiting_again,
    withdrawn,
)
from services.matching.rules import check_codes, who_is_asked
from shared.contracts.matching import (
    AnswerProposal,
    MatchProposed,
    ProposalAnswerDue,
    ProposalAnswered,
    ProposalLapsed,
    ProposePairs,
    WithdrawProposal,
)
from shared.messages import Cancel, Decision, Ignored, Message, Refused, Schedule
from shared.programmes import ProgrammeNotInUnit, Programmes, Rules, UnknownProgramme, UnknownUnit


def _deadlines(proposal: Proposal, own: Rules, now: datetime) -> tuple[Schedule | Cancel, ...]:
    """When those who are asked now are reminded, and when it lapses."""
    remind_at = now + timedelta(days=own.answers.proposal_remind_days)
    lapse_at = now + timedelta(days=own.answers.proposal_days)
    return (
        Schedule(remind_at, RemindAnswer(proposal_id=proposal.id)),
        Schedule(lapse_at, LapseProposal(proposal_id=proposal.id)),
    )


def propose_pairs(
    state: State, message: Message, rules: Programmes, now: datetime
) -> Decision[State] | Ignored:
    """Somebody wants the pool solved now; it is, by the solver's loop."""
    body: ProposePairs = message.body  # type: ignore[assignment]
    try:
        rules_today(body.programme, body.unit, rules, now)
    except (UnknownProgramme, UnknownUnit, ProgrammeNotInUnit):
        raise Refused("programme_not_in_unit", field="programme", status=422) from None
    pool = PoolFile(id=state.ids["pool"], unit=body.unit, programme=body.programme, asked_at=now)
    return Decision(
        replace(state, pool=pool), appends=pool_changes(body.unit, (body.programme,), "asked", rules, now)
    )


def propose(state: State, message: Message, rules: Programmes, now: datetime) -> Decision[State] | Ignored:
    """The solver's pair becomes a proposal if both are as it read them; else its pool is put up again."""
    found: PairFound = message.body  # type: ignore[assignment]
    case, place = state.case, state.place
    if case is None:
        return Ignored("unknown_case")
    case_changed = case.state != "waiting" or case.revision != found.case_revision
    if case_changed or place is None or place.revision != found.place_revision or place.free < 1:
        # The opening that this pair does not take is for whoever else waits.
        again = pool_changes(case.unit, (case.programme,), "pair_dropped", rules, now)
        return Decision(state, appends=again)
    own = rules.version(case.programme, case.unit, case.rules_version)
    rows, event, timers = put_forward(case, place, found, own, now)
    return Decision(rows.onto(state), (event,), timers)


def put_forward(
    case: CaseFile, place: Place, found: PairFound, own: Rules, now: datetime, **more: Any
) -> tuple[Rows, MatchProposed, tuple[Schedule | Cancel, ...]]:
    """The pair as a proposal, which from now on holds an opening; `more` are further fields of it."""
    proposal = Proposal(
        id=found.proposal_id,
        state="open",
        unit=case.unit,
        programme=case.programme,
        case_id=case.id,
        place_id=place.id,
        round=case.round,
        rules_version=case.rules_version,
        plan=found.plan,
        points=found.points,
        reasons=found.reasons,
        proposed_at=now,
        asked=who_is_asked(own, case, place),
        answer_by=now + timedelta(days=own.answers.proposal_days),
        **more,
    )
    update = {"state": "proposed", "proposal_id": proposal.id, "revision": case.revision + 1}
    event = MatchProposed(
        **about(
            proposal,
            proposal_id=proposal.id,
            plan=proposal.plan,
            reasons=proposal.reasons,
            answer_by=proposal.answer_by,
            parties=told(case, proposal),
            asked=tuple(one.party for one in proposal.open_now),
        )
    )
    after = case.model_copy(update=update | {"unmatched": None})
    rows = Rows(proposal, after, hold(place, proposal.id, agreed=False))
    return rows, event, _deadlines(proposal, own, now)


def _whose(body: AnswerProposal, proposal: Proposal, message: Message) -> Asked:
    """Who is answering, or heard: a party by their own link for this question, staff for anybody asked."""
    actor = message.actor
    if actor is not None and actor.kind == "party":
        own = [one for one in proposal.asked if one.person_id == actor.person_id]
        if actor.scope != "answer" or actor.question != proposal.id or not own:
            raise Refused("not_yours", status=403)
        # Who stands on two sides is asked twice.
        return next((one for one in own if one.answer is None), own[0])
    if body.heard_by is None:
        raise Refused("heard_by_missing", field="heard_by", status=422)
    waiting = proposal.open_now
    if body.by is None and len(waiting) == 1:
        return waiting[0]
    found = [one for one in proposal.asked if one.person_id == body.by]
    if not found:
        raise Refused("not_asked", field="by", status=422)
    return found[0]


def answer(state: State, message: Message, rules: Programmes, now: datetime) -> Decision[State] | Ignored:
    """An answer: a no of somebody who decides ends the proposal, the last such yes makes it complete."""
    body: AnswerProposal = message.body  # type: ignore[assignment]
    rows = Rows.of(state)
    proposal, own = rows.proposal, rules_of(rows.proposal, rules)
    check_codes(rules.codes, {"reason": ("refusal_reasons", (body.reason,))})
    one = _whose(body, proposal, message)
    if one.answer is not None:
        raise Refused("answered_already")
    if proposal.state not in ("open", "accepted"):
        raise Refused("proposal_closed", state=proposal.state)
    if one.stage > proposal.stage:
        raise Refused("not_asked_yet", field="by")
    if body.answer == "no" and body.reason is None:
        # Without it nobody knows what would fit better, and counts of refusals say nothing.
        at_field = (("missing", "reason", "a no has a reason"),)
        raise Refused("answer_reason_missing", field="reason", status=422, errors=at_field)
    heard = one.model_copy(
        update={
            "answer": body.answer,
            "reason": body.reason if body.answer == "no" else None,
            "heard_by": body.heard_by,
            "answered_at": now,
        }
    )
    asked = tuple(heard if other is one else other for other in proposal.asked)
    answered = rows.proposal.model_copy(update={"asked": asked})
    said: dict[str, Any] = {
        "proposal_id": proposal.id,
        "by": one.person_id,
        "answer": body.answer,
        "reason": heard.reason,
        "heard_by": body.heard_by,
    }
    if body.answer == "no" and one.decides:
        refused, appends, timers = freed(
            replace(rows, proposal=answered), "refused", rules, now, reason=body.reason
        )
        event = ProposalAnswered(**about(proposal, parties=told(rows.case, answered), **said))
        after = replace(refused, case=waiting_again(rows.case, tried=rows.not_again(body.reason)))
        return Decision(after.onto(state), (event,), timers, appends)
    moved, newly = _moved_on(answered, own, now)
    timers = _timers(proposal, moved, own, now, newly)
    if moved.state == "accepted" and proposal.state == "open":
        # All have said yes: if nobody agrees on when and how, the opening is not held for ever.
        patience = timedelta(days=own.clocks.silence_days)
        timers += (Schedule(now + patience, LapseAgreement(proposal_id=proposal.id)),)
    event = ProposalAnswered(
        **about(
            proposal,
            parties=told(rows.case, moved),
            asked=tuple(other.party for other in newly),
            complete=moved.state == "accepted",
            answer_by=moved.answer_by if newly else None,
            **said,
        )
    )
    return Decision(replace(rows, proposal=moved).onto(state), (event,), timers)


def _moved_on(proposal: Proposal, own: Rules, now: datetime) -> tuple[Proposal, tuple[Asked, ...]]:
    """After an answer: complete, or the next stage where the present one is through; and who is asked then.

    Those whose answer is only heard are asked all the same, but nobody waits for them to decide.
    """
    last = max(one.stage for one in proposal.asked)
    complete = all(one.answer == "yes" for one in proposal.asked if one.decides)
    stage = proposal.stage
    while stage < last and not any(_holds_up(one, proposal, stage) for one in proposal.asked):
        stage += 1
    update: dict[str, Any] = {"stage": stage, "state": "accepted" if complete else "open"}
    if stage > proposal.stage:
        update["answer_by"] = now + timedelta(days=own.answers.proposal_days)
    moved = proposal.model_copy(update=update)
    return moved, tuple(one for one in moved.open_now if one.stage > proposal.stage)


def _holds_up(one: Asked, proposal: Proposal, stage: int) -> bool:
    """Whether a stage waits for this answer: for all who decide; where nobody does, for whoever is heard."""
    decided = any(other.decides for other in proposal.asked if other.stage == stage)
    return one.stage == stage and one.answer is None and (one.decides or not decided)


def _timers(
    before: Proposal, after: Proposal, own: Rules, now: datetime, newly: tuple[Asked, ...]
) -> tuple[Schedule | Cancel, ...]:
    lapse, remind = LapseProposal(proposal_id=after.id), RemindAnswer(proposal_id=after.id)
    if newly and after.state == "open":
        return _deadlines(after, own, now)
    if newly:
        return (*_deadlines(after, own, now)[:1], Cancel(lapse))
    if not after.open_now:
        return (Cancel(remind), Cancel(lapse)) if before.open_now else ()
    return (Cancel(lapse),) if after.state == "accepted" else ()


def remind(state: State, message: Message, rules: Programmes, now: datetime) -> Decision[State] | Ignored:
    """One reminder to those who have not answered."""
    rows = Rows.of(state)
    waiting = tuple(one.party for one in rows.proposal.open_now)
    if not waiting or rows.proposal.answer_by is None:
        return Ignored("everybody_has_answered")
    event = ProposalAnswerDue(
        **about(
            rows.proposal, proposal_id=rows.proposal.id, answer_by=rows.proposal.answer_by, asked=waiting
        ),
        parties=told(rows.case, rows.proposal),
    )
    return Decision(state, (event,))


def lapse(state: State, message: Message, rules: Programmes, now: datetime) -> Decision[State] | Ignored:
    """Nobody answered, or agreed, in time: the place is free, and the pair is not proposed again."""
    rows = Rows.of(state)
    after, appends, timers = freed(rows, "lapsed", rules, now)
    event = ProposalLapsed(
        **about(rows.proposal, proposal_id=rows.proposal.id, parties=told(rows.case, rows.proposal))
    )
    after = replace(after, case=waiting_again(rows.case, tried=rows.not_again()))
    return Decision(after.onto(state), (event,), timers, appends)


def withdraw(state: State, message: Message, rules: Programmes, now: datetime) -> Decision[State] | Ignored:
    """Staff take a proposal back; the pair is not proposed again by itself."""
    body: WithdrawProposal = message.body  # type: ignore[assignment]
    rows = Rows.of(state)
    check_codes(rules.codes, {"reason": ("proposal_withdraw_reasons", (body.reason,))})
    after, events, appends, timers = withdrawn(rows, body.reason, rules, now)
    after = replace(after, case=waiting_again(rows.case, tried=rows.not_again()))
    return Decision(after.onto(state), events, timers, appends)


def look_again(state: State, message: Message, rules: Programmes, now: datetime) -> Decision[State] | Ignored:
    """The place has changed: a proposal that no longer fits it is taken back."""
    rows = Rows.of(state)
    gone = rows.place.state == "withdrawn"
    left_out = (
        rows.proposal.id in rows.place.over or rows.proposal.programme not in rows.place.offer.programmes
    )
    forbidden = [rule for rule in forbidden_now(rows, rules, now) if rule != "capacity"]
    if not gone and not left_out and not forbidden:
        return Ignored("still_fits")
    reason = "place_withdrawn" if gone else "place_changed"
    after, events, appends, timers = withdrawn(rows, reason, rules, now)
    return Decision(replace(after, case=waiting_again(rows.case)).onto(state), events, timers, appends)
