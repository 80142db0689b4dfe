"""Matching's workflow under whatever order of messages: openings, proposals and timers always agree."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from services.matching.workflow import CASE, NOTICE, PLACE, PROPOSAL
from shared.contracts.followup import PlacementEnded, PlacementStarted
from shared.contracts.intake import (
    CaseClosed,
    CasePaused,
    CaseResumed,
    CaseWithdrawn,
    PlaceWithdrawn,
    SubjectErased,
)
from shared.contracts.matching import (
    AnswerProposal,
    CancelMatch,
    PublishMentorWanted,
    WithdrawMentorWanted,
    WithdrawProposal,
)
from shared.contracts.model import derived_id
from shared.messages import Decision, Refused
from tests.unit.matching_world import (
    CASES,
    HOST,
    LIVE,
    MENTOR,
    OTHER,
    PLACES,
    UNIT,
    World,
    about,
    agreement,
    offered,
    ready,
)

WISHES: list[dict[str, Any]] = [
    {},
    {},
    *({"excluded_hosts": [one]} for one in (*PLACES, MENTOR, HOST)),
    {"wished_mentor_gender": "f"},
]
Step = Callable[[], object]


@st.composite
def something_happens(draw: st.DrawFn, world: World) -> Step:
    """Anything to any row, sensible or not."""
    case, place = draw(st.sampled_from(CASES)), draw(st.sampled_from(PLACES))
    chosen = draw(
        st.sampled_from(
            ["solve", "solve", "ready", "offer", "gone", "pause", "resume", "place_gone", "time", "withdraw"]
            + ["answer"] * 4
            + ["all_yes"] * 3
            + ["override"] * 3
            + ["notice", "notice", "notice_down", "hand_over", "close_unit", "erase", "erase_place"]
            + ["agree", "cancel", "start", "end"]
        )
    )
    by_itself: dict[str, Step] = {
        "solve": world.solve,
        "all_yes": world.all_yes,
        "time": lambda: time_passes(world),
        "hand_over": lambda: world.hand_over(case),
    }
    if chosen in by_itself:
        return by_itself[chosen]
    if chosen == "override":
        role = draw(st.sampled_from(["coordinator", "caseworker", "administrator"]))
        return lambda: world.override(case, place, role)
    if chosen == "close_unit":
        unit = draw(st.sampled_from([UNIT, OTHER]))
        return lambda: world.close_unit(unit)
    message = draw(some_message(world, chosen, case, place))
    return world.solve if message is None else lambda: world.send(message)


def time_passes(world: World) -> None:
    world.now += timedelta(days=2)
    world.run_timers()


@st.composite
def some_message(draw: st.DrawFn, world: World, chosen: str, case: UUID, place: UUID) -> BaseModel | None:
    named = about(world, case)
    match chosen:
        case "ready":
            return ready(world, case, draw(st.booleans()), **draw(st.sampled_from(WISHES)))
        case "offer":
            return offered(place, draw(st.integers(1, 2)), draw(st.sampled_from([UNIT, UNIT, OTHER])))
        case "place_gone":
            return PlaceWithdrawn(place_id=place, unit=UNIT)
        case "pause":
            return CasePaused(**named, reason="other")
        case "resume":
            return CaseResumed(**named)
        case "gone":
            return draw(st.sampled_from([CaseWithdrawn, CaseClosed]))(**named, reason="other")
        case "notice":
            return PublishMentorWanted(
                case_id=case, field="healthcare", stage="seeking_work", task="job_search"
            )
        case "notice_down":
            return WithdrawMentorWanted(notice_id=derived_id("notice", case))
        case "erase":
            person = derived_id("person", case)
            return SubjectErased(subject_id=case, kind="case", person_id=person, is_candidate=True)
        case "erase_place":
            return SubjectErased(subject_id=place, kind="place", person_id=MENTOR)
    return draw(some_message_on_a_proposal(world, chosen))


@st.composite
def some_message_on_a_proposal(draw: st.DrawFn, world: World, chosen: str) -> BaseModel | None:
    if not world.proposals:
        return None
    proposal = draw(st.sampled_from(list(world.proposals.values())))
    match chosen:
        case "answer":
            who = draw(st.sampled_from(proposal.asked))
            answer = draw(st.sampled_from(["yes", "yes", "yes", "no"]))
            reason = draw(st.sampled_from([None, "other", "known_to_each_other"])) if answer == "no" else None
            return AnswerProposal(
                proposal_id=proposal.id, by=who.person_id, answer=answer, reason=reason, heard_by="phone"
            )
        case "withdraw":
            return WithdrawProposal(proposal_id=proposal.id)
        case "agree":
            return agreement(proposal)
    matches = [one for one in world.proposals.values() if one.match_id]
    if matches:
        proposal = draw(st.sampled_from(matches))
    match_id = proposal.match_id or derived_id("no match")
    if chosen == "cancel":
        return CancelMatch(match_id=match_id, reason="other")
    placement = about(world, proposal.case_id) | {"round": proposal.round, "placement_id": match_id}
    if chosen == "start":
        return PlacementStarted(**placement, place_id=proposal.place_id, started_on=date(2026, 12, 1))
    how = draw(st.sampled_from(["completed", "early", "failed_match"]))
    return PlacementEnded(**placement, how=how)


def begun(capacity: int) -> World:
    """All cases wait, and all places are offered."""
    world = World()
    for case in CASES:
        world.send(ready(world, case))
    for place in PLACES:
        world.send(offered(place, capacity))
    return world


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_openings_proposals_notices_and_timers_agree_whatever_happens(data: st.DataObject) -> None:
    world = begun(1)
    for _ in range(data.draw(st.integers(5, 40))):
        data.draw(something_happens(world))()
        world.check()
    world.run_timers()
    world.check()
    assert all(one.over == () for one in world.places.values())


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_pair_that_was_refused_is_never_found_again(data: st.DataObject) -> None:
    """Nor through another place of the same mentor, nor of a host whom the reason speaks of."""
    world = begun(2)
    for _ in range(8):
        world.solve()
        for proposal in [one for one in world.proposals.values() if one.state == "open"]:
            if data.draw(st.booleans()):
                said = AnswerProposal(
                    proposal_id=proposal.id,
                    by=data.draw(st.sampled_from(proposal.asked)).person_id,
                    answer="no",
                    reason=data.draw(st.sampled_from(["other", "known_to_each_other"])),
                    heard_by="phone",
                )
                assert isinstance(world.send(said), Decision)
    assert len(world.refused) >= len([one for one in world.proposals.values() if one.state == "refused"])


def test_a_rule_that_nobody_may_break_is_not_broken_and_one_that_some_may_only_by_them() -> None:
    world = World()
    world.send(ready(world, CASES[0], excluded_hosts=[HOST]))
    world.send(ready(world, CASES[1], wished_mentor_gender="f"))
    for place in PLACES:
        world.send(offered(place, 1))
    for role in ("coordinator", "caseworker"):
        world.override(CASES[0], PLACES[2], role)
        assert world.cases[CASES[0]].state == "waiting"
    world.override(CASES[1], PLACES[0], "coordinator")
    assert world.cases[CASES[1]].state == "waiting"
    world.override(CASES[1], PLACES[0], "caseworker")
    assert world.cases[CASES[1]].state == "proposed"
    world.override(CASES[0], PLACES[0], "caseworker")
    assert world.cases[CASES[0]].state == "waiting", "a full place takes nobody more"


def test_what_is_out_for_somebody_who_is_erased_is_over_and_nothing_about_them_has_an_effect() -> None:
    world = begun(1)
    world.solve()
    (proposal, *_) = [one for one in world.proposals.values() if one.state in LIVE]
    person = derived_id("person", proposal.case_id)
    erased = SubjectErased(subject_id=proposal.case_id, kind="case", person_id=person, is_candidate=True)
    assert isinstance(world.send(erased), Decision)
    world.check()
    assert world.proposals[proposal.id].state == "withdrawn"
    world.send(ready(world, proposal.case_id, later=True))
    world.override(proposal.case_id, proposal.place_id, "caseworker")
    world.check()
    assert world.cases[proposal.case_id].state == "gone"


def test_a_notice_comes_down_when_its_case_goes_to_another_unit() -> None:
    world = begun(1)
    wanted = PublishMentorWanted(
        case_id=CASES[0], field="healthcare", stage="seeking_work", task="job_search"
    )
    assert isinstance(world.send(wanted), Decision)
    world.close_unit(UNIT)
    assert [one.state for one in world.notices.values()] == ["withdrawn"]
    assert {one.unit for one in world.cases.values()} == {OTHER}
    again = world.send(wanted)
    assert not isinstance(again, Refused)
    assert [one.unit for one in world.notices.values()] == [OTHER]


@pytest.mark.parametrize("lifecycle", [CASE, PLACE, PROPOSAL, NOTICE], ids=lambda one: one.aggregate)
def test_every_state_but_an_end_has_a_way_out(lifecycle: Any) -> None:
    leaving = {
        state
        for row in lifecycle.rows
        for state in row.states
        if any(target != state for target in row.targets(state))
    }
    for state in lifecycle.states:
        assert state in leaving or state in lifecycle.ends
