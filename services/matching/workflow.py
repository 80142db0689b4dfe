"""Matching: from a case that is ready and a place that is offered to an agreed match.

A case *waits* from `CaseReady` on, a place is *offered* from `PlaceOffered` on. Both only put a row into
`pool_change`; the solver's loop (`loop.py`) solves the pool, one programme in one unit, and comes back
with `PairFound` for each pair, and with `NoPairFound` for whoever got none. A found pair becomes a
*proposal* only if case and place are still as the solver read them. From then on it holds one opening of
the place.

Those the programme names are asked, at once or one side after the other. A no of somebody who decides
ends the proposal, frees the place, and the pool is solved again the same moment: that is how plan B
comes the day plan A fails. No answer is reminded, then lapses. When everybody who decides has said yes
the proposal is *accepted*, and `AgreeMatch` makes it the match, within the programme's frame. A pair
that was refused, has lapsed, was taken back by staff, was cancelled or has failed is not proposed again
by itself, nor through another place of the same mentor.

The agreed match keeps its opening until `CancelMatch`, or until follow-up says that the placement is
over (`PlacementEnded`; `failed_match` is told on as `MatchFailed`). Meanwhile the case may be in its
next round already: topics have no common order, so `CaseReady` of a greater round is taken in whatever
state the case is, and the old match goes on by itself until its ending arrives. Intake alone counts
rounds; a case whose match is over *rests* until then.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from services.matching import erasing, handing_over, matches, overriding, proposals, texts, wanted
from services.matching.documents import (
    CaseFile,
    LapseAgreement,
    LapseProposal,
    LookAgain,
    NoPairFound,
    PairFound,
    Place,
    RemindAnswer,
    State,
    TakeDownNotice,
)
from services.matching.effects import (
    Rows,
    forbidden_now,
    is_news,
    look_again,
    notice_down,
    pool_changes,
    waiting_again,
    withdrawn,
)
from shared.contracts.followup import PlacementEnded, PlacementStarted
from shared.contracts.intake import (
    CaseAssigned,
    CaseClosed,
    CasePaused,
    CaseReady,
    CaseResumed,
    CaseTexts,
    CaseWithdrawn,
    EnquiryMade,
    PlaceOffered,
    PlaceWithdrawn,
    SubjectErased,
)
from shared.contracts.matching import (
    AgreeMatch,
    AnswerProposal,
    BookMatchMeeting,
    CancelMatch,
    CaseUnmatched,
    OverrideProposal,
    ProposePairs,
    PublishMentorWanted,
    WithdrawMentorWanted,
    WithdrawProposal,
)
from shared.messages import Decision, Ignored, Message, NotYet, Stale, Tombstone
from shared.programmes import Programmes
from shared.transitions import Lifecycle, On, Workflow


def _case(state: State) -> CaseFile:
    """The case, and the rows of its proposal with it where one is out."""
    if state.case is None:
        raise AssertionError("the table leads here only with a case")
    if state.case.state in ("proposed", "agreed") and state.ids.get("proposal") != state.case.proposal_id:
        # A proposal came or went between the look-up and the lock.
        raise Stale("the case's proposal")
    return state.case


def ready(state: State, message: Message, rules: Programmes, now: datetime) -> Decision[State] | Ignored:
    """The case waits, in a new round or with a changed profile."""
    body: CaseReady = message.body  # type: ignore[assignment]
    rules.version(body.programme, body.unit, body.rules_version)
    update: dict[str, Any] = {
        name: getattr(body, name)
        for name in ("unit", "programme", "round", "rules_version", "person_id", "profile", "parties")
    }
    update["waiting_since"] = body.waiting_since
    arrival = pool_changes(body.unit, (body.programme,), "case_ready", rules, now, gather=True)
    if state.case is None:
        return Decision(
            replace(state, case=CaseFile(id=body.case_id, state="waiting", **update)), appends=arrival
        )
    case = _case(state)
    if body.round < case.round or (case.state == "gone" and body.round == case.round):
        return Ignored("older_round")
    new_round = body.round > case.round
    changed = case.model_copy(update=update | {"revision": case.revision + 1})
    if new_round and case.state == "gone":
        changed = changed.model_copy(update={"paused": False})
    if case.state == "proposed":
        return _ready_while_proposed(state, changed, rules, now, new_round=new_round)
    if new_round and case.state in ("agreed", "resting", "gone"):
        # The match of the round before, if it is not over yet, ends by itself.
        changed = waiting_again(changed)
    appends = arrival if changed.state == "waiting" else ()
    return Decision(replace(state, case=changed), appends=appends)


def _ready_while_proposed(
    state: State, changed: CaseFile, rules: Programmes, now: datetime, *, new_round: bool
) -> Decision[State]:
    """A proposal that the changed profile forbids is taken back, and so is one of an earlier round."""
    rows = Rows.of(replace(state, case=changed))
    if not new_round and not forbidden_now(rows, rules, now):
        return Decision(replace(state, case=changed))
    after, events, appends, timers = withdrawn(rows, "case_changed", rules, now)
    return Decision(replace(after, case=waiting_again(changed)).onto(state), events, timers, appends)


def _proposal_back(
    state: State, case: CaseFile, reason: str, rules: Programmes, now: datetime
) -> Decision[State]:
    """The case is as given; a proposal that is out for it is taken back."""
    if state.case is None or state.case.state != "proposed":
        return Decision(replace(state, case=case))
    after, events, appends, timers = withdrawn(Rows.of(state), reason, rules, now)
    return Decision(replace(after, case=case).onto(state), events, timers, appends)


def pause(state: State, message: Message, rules: Programmes, now: datetime) -> Decision[State] | Ignored:
    """Nothing is proposed while the case rests; what is agreed stays agreed."""
    case = _case(state)
    resting = case.model_copy(update={"paused": True, "revision": case.revision + 1})
    if case.state in ("waiting", "proposed"):
        resting = waiting_again(resting)
    paused = _proposal_back(state, resting, "case_paused", rules, now)
    return replace(paused, timers=(*paused.timers, *notice_down(case, "withdrawn", now)))


def resume(state: State, message: Message, rules: Programmes, now: datetime) -> Decision[State] | Ignored:
    """The case goes on where it was."""
    case = _case(state).model_copy(update={"paused": False})
    if case.state != "paused":
        return Decision(replace(state, case=case))
    appends = pool_changes(case.unit, (case.programme,), "case_resumed", rules, now, gather=True)
    return Decision(replace(state, case=waiting_again(case)), appends=appends)


def _gone(state: State, reason: str, rules: Programmes, now: datetime) -> Decision[State]:
    """A proposal goes with its case. An agreed match stays until follow-up says that it is over."""
    case = _case(state)
    update: dict[str, Any] = {"state": "gone", "revision": case.revision + 1, "unmatched": None}
    if case.state == "proposed":
        update["proposal_id"] = None
    gone = _proposal_back(state, case.model_copy(update=update), reason, rules, now)
    return replace(gone, timers=(*gone.timers, *notice_down(case, "case_withdrawn", now)))


def withdraw(state: State, message: Message, rules: Programmes, now: datetime) -> Decision[State] | Ignored:
    return _gone(state, "case_withdrawn", rules, now)


def close(state: State, message: Message, rules: Programmes, now: datetime) -> Decision[State] | Ignored:
    return _gone(state, "case_closed", rules, now)


def unmatched(state: State, message: Message, rules: Programmes, now: datetime) -> Decision[State] | Ignored:
    """The pool was solved and this case got no place; told only when the reasons are others than before."""
    body: NoPairFound = message.body  # type: ignore[assignment]
    case = state.case
    if case is None or case.revision != body.case_revision:
        return Ignored("case_has_changed")
    if not is_news(case, body.reasons):
        return Ignored("told_already")
    event = CaseUnmatched(
        unit=case.unit,
        programme=case.programme,
        case_id=case.id,
        round=case.round,
        rules_version=case.rules_version,
        parties=tuple(party for party in case.parties if party.side == "staff"),
        reasons=body.reasons,
        would_help=body.would_help,
    )
    return Decision(replace(state, case=case.model_copy(update={"unmatched": body.reasons})), (event,))


def offer(state: State, message: Message, rules: Programmes, now: datetime) -> Decision[State] | Ignored:
    """A place, new or changed; the proposals that are out for it are looked at again at once."""
    body: PlaceOffered = message.body  # type: ignore[assignment]
    if body.unit not in rules.units:
        raise NotYet
    appends = pool_changes(body.unit, body.programmes, "place_offered", rules, now, gather=True)
    if state.place is None:
        place = Place(id=body.place_id, state="offered", unit=body.unit, offer=body)
        return Decision(replace(state, place=place), appends=appends)
    place = state.place.model_copy(
        update={"state": "offered", "unit": body.unit, "offer": body, "revision": state.place.revision + 1}
    )
    return Decision(replace(state, place=place), timers=look_again(place, now), appends=appends)


def take_away(state: State, message: Message, rules: Programmes, now: datetime) -> Decision[State] | Ignored:
    """The place is offered no more: proposals are taken back, matches stay."""
    if state.place is None:
        raise AssertionError("the table leads here only with a place")
    place = state.place.model_copy(update={"state": "withdrawn", "revision": state.place.revision + 1})
    appends = pool_changes(place.unit, place.offer.programmes, "place_withdrawn", rules, now, gather=True)
    return Decision(replace(state, place=place), timers=look_again(place, now), appends=appends)


CASE = Lifecycle(
    "case",
    (
        On(CaseReady, "none waiting", "waiting", ready),
        On(CaseReady, "proposed", "= waiting", ready),
        On(CaseReady, "agreed resting", "= waiting paused", ready),
        On(CaseReady, "paused", "=", ready),
        On(CaseReady, "gone", "waiting", ready),
        On(CaseAssigned, "waiting proposed agreed resting paused gone", "=", handing_over.assigned),
        On(NoPairFound, "waiting", "=", unmatched),
        On(CasePaused, "waiting proposed", "paused", pause),
        On(CasePaused, "agreed resting", "=", pause),
        On(CaseResumed, "paused", "waiting", resume),
        On(CaseResumed, "agreed resting", "=", resume),
        On(CaseWithdrawn, "waiting proposed agreed resting paused", "gone", withdraw),
        On(CaseClosed, "waiting proposed agreed resting paused", "gone", close),
        On(SubjectErased, "none", "=", erasing.erase_case),
        On(SubjectErased, "waiting proposed agreed resting paused gone", "= gone", erasing.erase_case),
        On(OverrideProposal, "waiting proposed", "proposed", overriding.override),
    ),
    ends=("gone",),
)
PLACE = Lifecycle(
    "place",
    (
        On(PlaceOffered, "none offered withdrawn", "offered", offer),
        On(PlaceWithdrawn, "offered", "withdrawn", take_away),
        On(SubjectErased, "none", "=", erasing.erase_place),
        On(SubjectErased, "offered withdrawn", "withdrawn", erasing.erase_place),
    ),
    ends=("withdrawn",),
)
PROPOSAL = Lifecycle(
    "proposal",
    (
        On(PairFound, "none", "= open", proposals.propose),
        On(AnswerProposal, "open", "open accepted refused", proposals.answer),
        On(AnswerProposal, "accepted", "=", proposals.answer),
        On(
            AnswerProposal,
            "refused lapsed withdrawn agreed started ended cancelled failed",
            "=",
            proposals.answer,
        ),
        On(RemindAnswer, "open accepted", "=", proposals.remind),
        On(LapseProposal, "open", "lapsed", proposals.lapse),
        On(WithdrawProposal, "open accepted", "withdrawn", proposals.withdraw),
        On(LookAgain, "open accepted", "= withdrawn", proposals.look_again),
        On(LapseAgreement, "accepted", "lapsed", proposals.lapse),
        On(BookMatchMeeting, "open accepted agreed", "=", matches.book_meeting),
        On(AgreeMatch, "open", "=", matches.agree),
        On(AgreeMatch, "accepted", "agreed", matches.agree),
        On(CancelMatch, "agreed", "cancelled", matches.cancel),
        On(CancelMatch, "started", "=", matches.cannot_cancel),
        On(PlacementStarted, "agreed", "started", matches.start),
        On(PlacementEnded, "agreed started", "ended failed", matches.end),
    ),
    ends=("refused", "lapsed", "withdrawn", "ended", "cancelled", "failed"),
)
POOL = Lifecycle("pool", (On(ProposePairs, "none known", "known", proposals.propose_pairs),), ends=("known",))

NOTICE = Lifecycle(
    "notice",
    (
        On(PublishMentorWanted, "none published withdrawn", "published", wanted.publish),
        On(WithdrawMentorWanted, "published", "withdrawn", wanted.withdraw),
        On(TakeDownNotice, "published", "withdrawn", wanted.take_down),
        On(EnquiryMade, "published withdrawn", "=", wanted.count_reply),
    ),
    ends=("withdrawn",),
)

TEXTS = Lifecycle(
    "texts",
    (On(CaseTexts, "none known", "known", texts.keep), On(Tombstone, "none known", "known", texts.forget)),
    ends=("known",),
)

WORKFLOW = Workflow(CASE, PLACE, PROPOSAL, POOL, NOTICE, TEXTS)
