"""A person was erased: what matching knew of a candidate, of a party, or of a mentor's place goes.

Pure. Intake withdraws an open case first, so that mostly there is nothing left to take back; where the two
cross (a match that was agreed at that very moment) the opening is freed here, and both sides are told,
because nothing that is said of the case afterwards has an effect. What is left counts, and names nobody.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from services.matching import wanted
from services.matching.documents import Place, State
from services.matching.effects import Rows, about, everybody, freed, look_again, pool_changes, withdrawn
from shared.blanking import blanked
from shared.contracts.intake import PlaceOffered, Profile, SubjectErased
from shared.contracts.matching import MatchCancelled
from shared.contracts.model import Event, Party
from shared.messages import Append, Decision, Ignored, Message, NotYet
from shared.programmes import Programmes

NOBODY = UUID(int=0)
REASON = "erased"


def erase_case(state: State, message: Message, rules: Programmes, now: datetime) -> Decision[State] | Ignored:
    """The candidate's own case; or one in which somebody had a part, which goes on without them."""
    body: SubjectErased = message.body  # type: ignore[assignment]
    case = state.case
    if body.kind == "case" and not body.is_candidate:
        if case is None:
            return Ignored("case_is_none")
        parties = without(case.parties, body.person_id)
        return Decision(replace(state, case=case.model_copy(update={"parties": parties})))
    erased = {body.subject_id: body.model_dump_json()}
    if case is None:
        return Decision(state, erased=erased)
    earlier = (one for one in state.proposals if one is not None and one.id != case.proposal_id)
    if any(one.state in ("agreed", "started") for one in earlier):
        # A match of an earlier round is not over here yet; follow-up's word that it is comes first.
        raise NotYet
    over = _over(state, rules, now)
    after = over.state
    left = case.model_copy(
        update={
            "state": "gone",
            "revision": case.revision + 1,
            "person_id": NOBODY,
            "profile": Profile(),
            "parties": without(case.parties, body.person_id),
            "paused": False,
            "proposal_id": None,
            "notice_id": None,
            "tried": (),
            "unmatched": None,
        }
    )
    proposal = blanked(after.proposal) if after.proposal is not None else None
    proposals = tuple(one and blanked(one) for one in after.proposals)
    texts = blanked(after.texts) if after.texts is not None else None
    after = replace(after, case=left, proposal=proposal, proposals=proposals, texts=texts)
    return replace(over, state=after, erased=erased)


def _over(state: State, rules: Programmes, now: datetime) -> Decision[State]:
    """What was out for the case is taken back: a proposal, a match, a notice."""
    assert state.case is not None
    events: tuple[Event, ...] = ()
    appends: tuple[Append, ...] = ()
    timers: tuple[Any, ...] = ()
    if state.proposal is not None and state.case.state == "proposed":
        after, told, appends, timers = withdrawn(Rows.of(state), REASON, rules, now)
        state, events = after.onto(state), told
    elif state.proposal is not None and state.proposal.state in ("agreed", "started"):
        rows = Rows.of(state)
        assert rows.proposal.match_id is not None
        after, appends, timers = freed(rows, "cancelled", rules, now, reason=REASON)
        match = rows.proposal.match_id
        parties = everybody(rows.case, rows.place, rows.proposal)
        events = (MatchCancelled(**about(rows.proposal, parties=parties, match_id=match, reason=REASON)),)
        state = after.onto(state)
    if state.notice is not None and state.notice.state == "published":
        down = wanted.down(state, "case_withdrawn")
        state, events = down.state, (*events, *down.events)
    return Decision(state, events=events, appends=appends, timers=timers)


def erase_place(
    state: State, message: Message, rules: Programmes, now: datetime
) -> Decision[State] | Ignored:
    """A mentor's place: withdrawn, with nothing of what was offered but what counts need."""
    body: SubjectErased = message.body  # type: ignore[assignment]
    erased = {body.subject_id: body.model_dump_json()}
    place = state.place
    if place is None:
        return Decision(state, erased=erased)
    kept = {"place_id", "unit", "kind", "programmes", "capacity"}
    left: Place = place.model_copy(
        update={
            "state": "withdrawn",
            "revision": place.revision + 1,
            "offer": PlaceOffered(**place.offer.model_dump(include=kept)),
        }
    )
    appends = pool_changes(place.unit, place.offer.programmes, "place_withdrawn", rules, now, gather=True)
    return Decision(replace(state, place=left), timers=look_again(left, now), appends=appends, erased=erased)


def without(parties: tuple[Party, ...], person_id: UUID) -> tuple[Party, ...]:
    return tuple(party for party in parties if party.person_id != person_id)
