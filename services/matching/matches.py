"""A match's way: agreed within the frame, cancelled before it starts, started, ended, or failed.

Job: what each message does to a match, its case and its place together. Guarantee: pure; an opening stays
held until the match is over. The table that leads here is in `workflow.py`, what comes before in
`proposals.py`.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from services.matching.documents import LapseAgreement, LapseProposal, RemindAnswer, State
from services.matching.effects import (
    Rows,
    about,
    everybody,
    freed,
    hold,
    notice_down,
    rules_of,
    today_in,
    waiting_again,
    with_tried,
)
from services.matching.rules import agreement_of, check_codes, within_period
from shared.contracts.followup import PlacementEnded
from shared.contracts.matching import (
    AgreeMatch,
    BookMatchMeeting,
    CancelMatch,
    MatchAgreed,
    MatchCancelled,
    MatchFailed,
    MatchMeetingBooked,
)
from shared.contracts.model import match_id
from shared.messages import Cancel, Decision, Ignored, Message, Refused, Schedule
from shared.programmes import Programmes

LONG_AGO = timedelta(days=31)
NOT_AGAIN = frozenset({"bad_match"})
"""Why a placement ended that is not tried again with the same two."""


def book_meeting(
    state: State, message: Message, rules: Programmes, now: datetime
) -> Decision[State] | Ignored:
    """The parties meet before they agree; booked again it is moved."""
    body: BookMatchMeeting = message.body  # type: ignore[assignment]
    rows = Rows.of(state)
    if body.at <= now:
        raise Refused("in_past", field="at", status=422)
    proposal = rows.proposal.model_copy(update={"meeting_at": body.at, "meeting_mode": body.mode})
    event = MatchMeetingBooked(
        **about(
            proposal,
            parties=everybody(rows.case, rows.place, proposal),
            proposal_id=proposal.id,
            at=body.at,
            mode=body.mode,
        )
    )
    timers: tuple[Schedule | Cancel, ...] = ()
    if proposal.state == "accepted":
        # They are about to meet: the time to agree counts from then.
        patience = timedelta(days=rules_of(proposal, rules).clocks.silence_days)
        timers = (Schedule(max(body.at, now) + patience, LapseAgreement(proposal_id=proposal.id)),)
    return Decision(replace(rows, proposal=proposal).onto(state), (event,), timers)


def agree(state: State, message: Message, rules: Programmes, now: datetime) -> Decision[State] | Ignored:
    """The match: within the programme's frame, once everybody who decides has said yes."""
    body: AgreeMatch = message.body  # type: ignore[assignment]
    rows = Rows.of(state)
    proposal, place = rows.proposal, rows.place
    if proposal.state == "open":
        missing = [str(one.person_id) for one in proposal.asked if one.decides and one.answer is None]
        raise Refused("answers_missing", missing=missing)
    if body.starts_on < today_in(proposal.unit, rules, now) - LONG_AGO:
        raise Refused("starts_long_ago", field="starts_on", status=422)
    if place.state == "withdrawn" or proposal.id in place.over:
        raise Refused("place_gone")
    agreement = agreement_of(body, rules_of(proposal, rules), rules.codes)
    if "availability" not in proposal.broken:
        within_period(agreement, rows.case.profile, place.offer)
    match = match_id(proposal.case_id, proposal.round)
    event = MatchAgreed(
        **about(
            proposal,
            parties=everybody(rows.case, place, proposal),
            match_id=match,
            proposal_id=proposal.id,
            host_id=place.offer.host_id,
            mentor_id=place.offer.mentor_id,
            **agreement.model_dump(exclude={"hours_min"}),
        )
    )
    after = Rows(
        proposal.model_copy(update={"state": "agreed", "match_id": match, "agreement": agreement}),
        rows.case.model_copy(update={"state": "agreed", "revision": rows.case.revision + 1}),
        hold(place, proposal.id, agreed=True),
    )
    to_come = (RemindAnswer, LapseProposal, LapseAgreement)
    timers: tuple[Schedule | Cancel, ...] = tuple(Cancel(timer(proposal_id=proposal.id)) for timer in to_come)
    timers += notice_down(rows.case, "mentor_found", now)
    return Decision(after.onto(state), (event,), timers, answer={"match_id": str(match)})


def _resting(rows: Rows, *, tried: bool) -> Rows:
    """A case whose match is over rests until intake begins a new round.

    One that is in its next round already, because that was heard of first, goes on; but what was tried is
    not tried again there either.
    """
    if not rows.current:
        case = rows.case
        with_these = with_tried(case, rows.not_again()) if tried else case.tried
        if with_these == case.tried:
            return rows
        update = {"tried": with_these, "revision": case.revision + 1}
        return replace(rows, case=case.model_copy(update=update))
    state = "resting" if rows.case.state == "agreed" else rows.case.state
    again = waiting_again(rows.case, tried=rows.not_again() if tried else ())
    return replace(rows, case=again.model_copy(update={"state": state}))


def cancel(state: State, message: Message, rules: Programmes, now: datetime) -> Decision[State] | Ignored:
    """An agreed match is taken back before it has started; intake begins a new round."""
    body: CancelMatch = message.body  # type: ignore[assignment]
    rows = Rows.of(state)
    check_codes(rules.codes, {"reason": ("cancel_reasons", (body.reason,))})
    after, appends, timers = freed(rows, "cancelled", rules, now, reason=body.reason)
    event = MatchCancelled(
        **about(
            rows.proposal,
            parties=everybody(rows.case, rows.place, rows.proposal),
            match_id=body.match_id,
            reason=body.reason,
        )
    )
    return Decision(_resting(after, tried=True).onto(state), (event,), timers, appends)


def cannot_cancel(
    state: State, message: Message, rules: Programmes, now: datetime
) -> Decision[State] | Ignored:
    """A placement that runs is ended in follow-up."""
    raise Refused("placement_has_started")


def start(state: State, message: Message, rules: Programmes, now: datetime) -> Decision[State] | Ignored:
    """The match is a placement now, and can no longer be cancelled."""
    rows = Rows.of(state)
    return Decision(replace(rows, proposal=rows.proposal.model_copy(update={"state": "started"})).onto(state))


def end(state: State, message: Message, rules: Programmes, now: datetime) -> Decision[State] | Ignored:
    """Follow-up alone says that a placement is over, or never began: the place is free again."""
    body: PlacementEnded = message.body  # type: ignore[assignment]
    rows = Rows.of(state)
    failed = body.how == "failed_match"
    after, appends, timers = freed(rows, "failed" if failed else "ended", rules, now, reason=body.reason)
    after = _resting(after, tried=failed or body.reason in NOT_AGAIN)
    if not failed:
        return Decision(after.onto(state), (), timers, appends)
    event = MatchFailed(
        **about(
            rows.proposal,
            parties=everybody(rows.case, rows.place, rows.proposal),
            match_id=body.placement_id,
            reason=body.reason or "failed_match",
        )
    )
    return Decision(after.onto(state), (event,), timers, appends)
