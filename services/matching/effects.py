"""What several messages lead to alike: a pool put up to be solved, a place freed, a proposal closed.

Guarantee: pure, and nothing is freed without its pools being solved again. Which message may do it, the
workflow's table says.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from services.matching.documents import (
    CaseFile,
    Hold,
    LapseAgreement,
    LapseProposal,
    LookAgain,
    Place,
    Proposal,
    RemindAnswer,
    State,
    TakeDownNotice,
)
from services.matching.solver.edges import TRIED, Asking, Candidate, Offered, broken
from shared.contracts.matching import ProposalWithdrawn, WhyNot
from shared.contracts.model import Party
from shared.messages import Append, Cancel, Schedule
from shared.programmes import Programmes, Rules

OF_THE_WHOLE_HOST = frozenset({"known_to_each_other"})
"""Why somebody says no to a place and means all the places of its host."""


def today_in(unit: str, rules: Programmes, now: datetime) -> date:
    """The day it is in a unit."""
    return now.astimezone(ZoneInfo(rules.unit(unit).time_zone)).date()


def rules_today(programme: str, unit: str, rules: Programmes, now: datetime) -> Rules:
    return rules.rules(programme, unit, today_in(unit, rules, now))


def rules_of(proposal: Proposal, rules: Programmes) -> Rules:
    """The rules that a proposal was made under."""
    return rules.version(proposal.programme, proposal.unit, proposal.rules_version)


def is_news(case: CaseFile, reasons: tuple[WhyNot, ...]) -> bool:
    """Whether other rules keep a case from a place than it was told last.

    How many places each keeps from it changes with every answer somebody gives; who looks sees that anew.
    """
    known = case.unmatched
    return known is None or {one.code for one in known} != {one.code for one in reasons}


def notice_down(case: CaseFile, reason: str, now: datetime) -> tuple[Schedule, ...]:
    """A notice that is up for the case is taken down."""
    if case.notice_id is None:
        return ()
    return (Schedule(now, TakeDownNotice(case_id=case.id, reason=reason)),)


def look_again(place: Place, now: datetime) -> tuple[Schedule, ...]:
    """A place may be in many proposals, and a message locks one: so each gets a message of its own."""
    return tuple(
        Schedule(now, LookAgain(proposal_id=one.proposal_id)) for one in place.held if not one.agreed
    )


def asking_of(programme: str, unit: str, rules: Programmes, now: datetime) -> Asking:
    """What a pool's hard rules and weights are asked with: the version in force today."""
    today = today_in(unit, rules, now)
    return Asking(rules.rules(programme, unit, today), today)


def candidate_of(case: CaseFile) -> Candidate:
    return Candidate(case.id, case.profile, case.waiting_since, frozenset(case.tried))


def offered_of(place: Place, *, besides: UUID | None = None) -> Offered:
    """The place as the rules see it; `besides` is a proposal that holds an opening and is looked at again."""
    held = sum(1 for hold in place.held if hold.proposal_id != besides)
    free = max(0, place.offer.capacity - held) if place.state == "offered" else 0
    return Offered(place.id, place.offer, free)


def forbidden_now(rows: Rows, rules: Programmes, now: datetime) -> list[str]:
    """The hard rules that speak against a proposal as its case and place are now.

    What a coordinator broke knowingly speaks against it no more, and a pair that was tried before may be
    proposed again by hand.
    """
    asking = asking_of(rows.proposal.programme, rows.proposal.unit, rules, now)
    place = offered_of(rows.place, besides=rows.proposal.id)
    broken_by_hand = {*rows.proposal.broken, TRIED} if rows.proposal.override_reason else set()
    return [rule for rule in broken(candidate_of(rows.case), place, asking) if rule not in broken_by_hand]


def pool_changes(
    unit: str,
    programmes: Iterable[str],
    reason: str,
    rules: Programmes,
    now: datetime,
    *,
    gather: bool = False,
) -> tuple[Append, ...]:
    """One row for each pool that has changed.

    Arrivals are gathered as long as the programme says; the rest is due at once, as plan B is the day plan
    A fails.
    """
    appends = []
    for programme in sorted(set(programmes) & set(rules.unit(unit).programmes)):
        minutes = rules_today(programme, unit, rules, now).gather_for_minutes if gather else 0
        due_at = now + timedelta(minutes=minutes)
        row = {"unit": unit, "programme": programme, "reason": reason, "due_at": due_at.isoformat()}
        appends.append(Append("pool_change", row))
    return tuple(appends)


def told(case: CaseFile, proposal: Proposal) -> tuple[Party, ...]:
    """Who hears of a proposal: whoever has been asked so far, and the case's staff."""
    asked = (one.party for one in proposal.asked_so_far)
    return tuple(dict.fromkeys((*asked, *(party for party in case.parties if party.side == "staff"))))


def everybody(case: CaseFile, place: Place, proposal: Proposal) -> tuple[Party, ...]:
    """Who hears of a match: all parties of both sides."""
    asked = (one.party for one in proposal.asked)
    return tuple(dict.fromkeys((*case.parties, *place.offer.parties, *asked)))


def about(proposal: Proposal, **more: Any) -> dict[str, Any]:
    """The fields that each event of a proposal copies."""
    names = ("unit", "programme", "case_id", "round", "rules_version", "place_id")
    return {name: getattr(proposal, name) for name in names} | more


def hold(place: Place, proposal_id: UUID, *, agreed: bool) -> Place:
    """The place with an opening held; the same again replaces what was held."""
    others = tuple(one for one in place.held if one.proposal_id != proposal_id)
    return place.model_copy(update={"held": (*others, Hold(proposal_id=proposal_id, agreed=agreed))})


def with_tried(case: CaseFile, tried: Iterable[UUID]) -> tuple[UUID, ...]:
    """What the case is not proposed again, with these."""
    return tuple(dict.fromkeys((*case.tried, *tried)))


def waiting_again(case: CaseFile, *, tried: Iterable[UUID] = ()) -> CaseFile:
    """The case without its proposal; a solver's pair from before is dropped."""
    return case.model_copy(
        update={
            "state": "paused" if case.paused else "waiting",
            "proposal_id": None,
            "revision": case.revision + 1,
            "tried": with_tried(case, tried),
            "unmatched": None,
        }
    )


@dataclass(frozen=True)
class Rows:
    """The three rows of a proposal, all of them there."""

    proposal: Proposal
    case: CaseFile
    place: Place

    @classmethod
    def of(cls, state: State) -> Rows:
        if state.proposal is None or state.case is None or state.place is None:
            raise AssertionError("a proposal never stands without its case and its place")
        return cls(state.proposal, state.case, state.place)

    @property
    def current(self) -> bool:
        """Whether the case still waits for this very proposal or match."""
        return self.case.proposal_id == self.proposal.id

    def not_again(self, reason: str | None = None) -> tuple[UUID, ...]:
        """What the case is not proposed again once these two are over: the place, and whoever it stands for.

        A mentor is one person whichever of their places it is. A host has other people in other places, so a
        host as a whole is left out for such a reason alone.
        """
        offer = self.place.offer
        behind = (offer.mentor_id, offer.host_id if reason in OF_THE_WHOLE_HOST else None)
        return (self.place.id, *(one for one in behind if one is not None))

    def onto(self, state: State) -> State:
        return replace(state, proposal=self.proposal, case=self.case, place=self.place)


def freed(
    rows: Rows, state: str, rules: Programmes, now: datetime, **update: Any
) -> tuple[Rows, tuple[Append, ...], tuple[Schedule | Cancel, ...]]:
    """The proposal or match is over, in `state`: its opening is free and its timers go.

    Its pools are solved again; what becomes of the case, the caller says.
    """
    proposal, place = rows.proposal, rows.place
    held = tuple(one for one in place.held if one.proposal_id != proposal.id)
    programmes = {proposal.programme, *place.offer.programmes}
    after = replace(
        rows,
        proposal=proposal.model_copy(update={"state": state, **update}),
        place=place.model_copy(update={"held": held}),
    )
    to_come = (RemindAnswer, LapseProposal, LapseAgreement)
    timers = tuple(Cancel(timer(proposal_id=proposal.id)) for timer in to_come)
    appends = pool_changes(place.unit, programmes, state, rules, now)
    if rows.case.unit != place.unit:
        # The case was handed over to another unit, where it may wait now.
        appends += pool_changes(rows.case.unit, (proposal.programme,), state, rules, now)
    return after, appends, timers


def withdrawn(
    rows: Rows, reason: str, rules: Programmes, now: datetime
) -> tuple[Rows, tuple[ProposalWithdrawn, ...], tuple[Append, ...], tuple[Schedule | Cancel, ...]]:
    """The proposal is taken back; what becomes of the case, the caller says."""
    after, appends, timers = freed(rows, "withdrawn", rules, now, reason=reason)
    event = ProposalWithdrawn(
        **about(
            rows.proposal, proposal_id=rows.proposal.id, reason=reason, parties=told(rows.case, rows.proposal)
        )
    )
    return after, (event,), appends, timers
