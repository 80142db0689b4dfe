"""Matching's workflow under whatever order of messages: openings, proposals and timers always agree."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from services.matching.documents import CaseFile, LapseProposal, PairFound, Place, Proposal, State
from services.matching.effects import asking_of, candidate_of, offered_of
from services.matching.left_out import left_out
from services.matching.loop import pairs_of
from services.matching.solving import best_pairs
from services.matching.workflow import CASE, PLACE, PROPOSAL, WORKFLOW
from shared.contracts.followup import PlacementEnded, PlacementStarted
from shared.contracts.intake import (
    CaseClosed,
    CasePaused,
    CaseReady,
    CaseResumed,
    CaseWithdrawn,
    PlaceOffered,
    PlaceWithdrawn,
)
from shared.contracts.matching import AgreeMatch, AnswerProposal, CancelMatch, WithdrawProposal
from shared.contracts.model import Command, Party, Timer, derived_id
from shared.messages import Cancel, Decision, Ignored, Message, Refused, timer_id
from shared.programmes import load

PROGRAMMES = load()
UNIT, PROGRAMME = "DK-0169", "foreningspraktik"
CASES, PLACES = [UUID(int=one) for one in (1, 2, 3)], [UUID(int=one) for one in (11, 12)]
HOLDING = ("open", "accepted", "agreed", "started")


class World:
    """The rows of a database that has only this service, and what the corridor would do with them."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 23, 11, 0, tzinfo=UTC)
        self.cases: dict[UUID, CaseFile] = {}
        self.places: dict[UUID, Place] = {}
        self.proposals: dict[UUID, Proposal] = {}
        self.timers: dict[UUID, Any] = {}
        self.rounds = dict.fromkeys(CASES, 1)
        self.sent = 0

    def send(self, body: BaseModel) -> Decision[State] | Ignored | Refused:
        self.sent += 1
        kind: Any = (
            "command" if isinstance(body, Command) else "timer" if isinstance(body, Timer) else "event"
        )
        message = Message(derived_id("sent", self.sent), type(body).__name__, body, self.now, kind=kind)
        ids = self._concerned(body)
        state = State(
            ids,
            proposal=self.proposals.get(ids["proposal"]) if "proposal" in ids else None,
            case=self.cases.get(ids["case"]) if "case" in ids else None,
            place=self.places.get(ids["place"]) if "place" in ids else None,
        )
        try:
            result = WORKFLOW.decide(state, message, PROGRAMMES, self.now)
        except Refused as refused:
            return refused
        if isinstance(result, Decision):
            self._save(ids, result)
        return result

    def _concerned(self, body: Any) -> dict[str, UUID]:
        if isinstance(body, PairFound):
            return {"proposal": body.proposal_id, "case": body.case_id, "place": body.place_id}
        if isinstance(body, PlaceOffered | PlaceWithdrawn):
            return {"place": body.place_id}
        found = self.proposals.get(getattr(body, "proposal_id", UUID(int=0)))
        match = getattr(body, "match_id", None) or getattr(body, "placement_id", None)
        if match is not None:
            found = next((one for one in self.proposals.values() if one.match_id == match), None)
        elif found is None and hasattr(body, "case_id"):
            case = self.cases.get(body.case_id)
            out = self.proposals.get(case.proposal_id) if case and case.proposal_id else None
            if out is None:
                return {"case": body.case_id}
            return {"case": body.case_id, "proposal": out.id, "place": out.place_id}
        if found is None:
            return {"proposal": UUID(int=0)}
        return {"proposal": found.id, "case": found.case_id, "place": found.place_id}

    def _save(self, ids: dict[str, UUID], result: Decision[State]) -> None:
        held = {str(one) for one in ids.values()}
        assert all(event.key in held for event in result.events)
        if result.state.case is not None:
            self.cases[ids["case"]] = result.state.case
        if result.state.place is not None:
            self.places[ids["place"]] = result.state.place
        if result.state.proposal is not None:
            self.proposals[ids["proposal"]] = result.state.proposal
        for timer in result.timers:
            if isinstance(timer, Cancel):
                self.timers.pop(timer.id, None)
            else:
                self.timers[timer.id] = timer

    def solve(self) -> None:
        """What the solver's loop does, with every pair sent twice: the second time it is too late."""
        waiting = sorted(
            (one for one in self.cases.values() if one.state == "waiting"), key=lambda one: one.id
        )
        offered = [one for one in self.places.values() if one.state == "offered"]
        asking = asking_of(PROGRAMME, UNIT, PROGRAMMES, self.now)
        solution = best_pairs(
            [candidate_of(one) for one in waiting], [offered_of(one) for one in offered], asking
        )
        for body in (*pairs_of(solution, waiting, offered), *left_out(waiting, offered, asking)):
            result = self.send(body)
            if isinstance(body, PairFound) and isinstance(result, Decision):
                place = self.places[body.place_id]
                assert len(place.held) <= place.offer.capacity
            assert isinstance(self.send(body), Ignored)

    def all_yes(self) -> None:
        """Everybody who is asked says yes, and the matches are agreed."""
        for proposal in [one for one in self.proposals.values() if one.state in ("open", "accepted")]:
            for who in proposal.asked:
                self.send(
                    AnswerProposal(proposal_id=proposal.id, by=who.person_id, answer="yes", heard_by="phone")
                )
                self.check()
            self.send(agreement(proposal))
            self.check()

    def run_timers(self) -> None:
        while due := sorted(
            (one for one in self.timers.values() if one.at <= self.now), key=lambda one: (one.at, one.id)
        ):
            del self.timers[due[0].id]
            self.send(due[0].timer)

    def check(self) -> None:
        """What is true after every message."""
        for place in self.places.values():
            holding = {
                (one.id, one.state in ("agreed", "started"))
                for one in self.proposals.values()
                if one.place_id == place.id and one.state in HOLDING
            }
            assert {(one.proposal_id, one.agreed) for one in place.held} == holding
            assert len(place.held) == len(holding)
        for case in self.cases.values():
            out = [
                one.id
                for one in self.proposals.values()
                if one.case_id == case.id and one.state in ("open", "accepted")
            ]
            assert out == ([case.proposal_id] if case.state == "proposed" else [])
            assert (case.state in ("waiting", "paused", "resting")) <= (case.proposal_id is None)
            if case.state == "agreed":
                match = self.proposals[case.proposal_id or UUID(int=0)]
                assert match.state in ("agreed", "started") and match.round == case.round
        for proposal in self.proposals.values():
            lapses = timer_id(LapseProposal(proposal_id=proposal.id)) in self.timers
            assert lapses == (proposal.state == "open")


def about(case: UUID, round_: int) -> dict[str, Any]:
    return {
        "unit": UNIT,
        "programme": PROGRAMME,
        "case_id": case,
        "round": round_,
        "rules_version": "2020-01-01",
    }


def ready(world: World, case: UUID, later: bool, excluded: UUID | None) -> CaseReady:
    """The case, perhaps in its next round, perhaps with a place that is not to be proposed."""
    world.rounds[case] += later
    person = derived_id("person", case)
    return CaseReady.model_validate(
        about(case, world.rounds[case])
        | {
            "person_id": person,
            "waiting_since": date(2026, 11, 1),
            "parties": (Party(person_id=person, side="candidate", role="candidate"),),
            "profile": {"excluded_hosts": [excluded] if excluded else []},
        }
    )


def agreement(proposal: Proposal) -> AgreeMatch:
    return AgreeMatch(
        proposal_id=proposal.id,
        starts_on=date(2026, 12, 1),
        ends_on=date(2027, 1, 31),
        hours_per_week=5,
        times=("mon-morning",),
    )


def offered(place: UUID, capacity: int) -> PlaceOffered:
    return PlaceOffered(
        place_id=place, unit=UNIT, kind="association", programmes=(PROGRAMME,), capacity=capacity
    )


@st.composite
def something_happens(draw: st.DrawFn, world: World) -> BaseModel | str:
    """Any message to any row, sensible or not."""
    case, place = draw(st.sampled_from(CASES)), draw(st.sampled_from(PLACES))
    chosen = draw(
        st.sampled_from(
            ["solve", "solve", "ready", "offer", "gone", "pause", "resume", "place_gone", "time", "withdraw"]
            + ["answer"] * 4
            + ["all_yes"] * 3
            + ["agree", "cancel", "start", "end"]
        )
    )
    if chosen in ("solve", "time", "all_yes"):
        return chosen
    if chosen == "ready":
        return ready(world, case, draw(st.booleans()), draw(st.sampled_from([None, None, *PLACES])))
    if chosen == "offer":
        return offered(place, draw(st.integers(1, 2)))
    if chosen == "place_gone":
        return PlaceWithdrawn(place_id=place, unit=UNIT)
    named = about(case, world.rounds[case])
    simple: dict[str, type[BaseModel]] = {"pause": CasePaused, "resume": CaseResumed}
    if chosen in simple:
        return simple[chosen].model_validate(named | {"reason": "other"})
    if chosen == "gone":
        return draw(st.sampled_from([CaseWithdrawn, CaseClosed]))(**named, reason="other")
    if not world.proposals:
        return "solve"
    proposal = draw(st.sampled_from(list(world.proposals.values())))
    if chosen == "answer":
        who = draw(st.sampled_from(proposal.asked))
        answer = draw(st.sampled_from(["yes", "yes", "yes", "no"]))
        reason = draw(st.sampled_from([None, "other", "known_to_each_other"])) if answer == "no" else None
        return AnswerProposal(
            proposal_id=proposal.id, by=who.person_id, answer=answer, reason=reason, heard_by="phone"
        )
    if chosen == "withdraw":
        return WithdrawProposal(proposal_id=proposal.id)
    if chosen == "agree":
        return agreement(proposal)
    matches = [one for one in world.proposals.values() if one.match_id]
    if matches:
        proposal = draw(st.sampled_from(matches))
    match = proposal.match_id or derived_id("no match")
    if chosen == "cancel":
        return CancelMatch(match_id=match, reason="other")
    placement = about(proposal.case_id, proposal.round) | {"placement_id": match}
    if chosen == "start":
        return PlacementStarted(**placement, place_id=proposal.place_id, started_on=date(2026, 12, 1))
    how = draw(st.sampled_from(["completed", "early", "failed_match"]))
    return PlacementEnded(**placement, how=how)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_openings_proposals_and_timers_agree_whatever_happens(data: st.DataObject) -> None:
    world = World()
    for case in CASES:
        world.send(ready(world, case, False, None))
    for place in PLACES:
        world.send(offered(place, 1))
    for _ in range(data.draw(st.integers(5, 40))):
        what = data.draw(something_happens(world))
        if what == "solve":
            world.solve()
        elif what == "all_yes":
            world.all_yes()
        elif what == "time":
            world.now += timedelta(days=2)
            world.run_timers()
        else:
            assert isinstance(what, BaseModel)
            world.send(what)
        world.check()
    world.run_timers()
    assert all(one.over == () for one in world.places.values())


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_pair_that_was_refused_is_never_found_again(data: st.DataObject) -> None:
    world = World()
    for case in CASES:
        world.send(ready(world, case, False, None))
    for place in PLACES:
        world.send(offered(place, 2))
    refused: set[tuple[UUID, UUID]] = set()
    for _ in range(8):
        world.solve()
        out = [one for one in world.proposals.values() if one.state == "open"]
        assert not refused & {(one.case_id, one.place_id) for one in out}
        for proposal in out:
            if data.draw(st.booleans()):
                who = data.draw(st.sampled_from(proposal.asked))
                said = AnswerProposal(
                    proposal_id=proposal.id,
                    by=who.person_id,
                    answer="no",
                    reason="other",
                    heard_by="phone",
                )
                assert isinstance(world.send(said), Decision)
                refused.add((proposal.case_id, proposal.place_id))


@pytest.mark.parametrize("lifecycle", [CASE, PLACE, PROPOSAL], ids=lambda one: one.aggregate)
def test_every_state_but_an_end_has_a_way_out(lifecycle: Any) -> None:
    leaving = {
        state
        for row in lifecycle.rows
        for state in row.states
        if any(target != state for target in row.targets(state))
    }
    for state in lifecycle.states:
        assert state in leaving or state in lifecycle.ends
