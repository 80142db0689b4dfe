"""What happens to proposals and matches when cases, places and placements change; on a real PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import date, timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from services.matching.documents import PairFound
from services.matching.loop import SOLVING
from shared.contracts.followup import PlacementEnded, PlacementStarted
from shared.contracts.intake import (
    CaseClosed,
    CasePaused,
    CaseResumed,
    CaseWithdrawn,
    PlaceWithdrawn,
)
from shared.contracts.matching import CancelMatch, WithdrawProposal
from tests.integration.matching_service import (
    UNIT,
    Matching,
    agreement,
    case_event,
    matching_service,
)
from tests.servers.postgres import Databases


@pytest.fixture
async def matching(database: Databases) -> AsyncIterator[Matching]:
    async with matching_service(await database("matching")) as service:
        yield service


async def test_a_cancelled_match_frees_its_place_and_its_case_rests(
    matching: Matching,
) -> None:
    case = await matching.case()
    place = await matching.place()
    await matching.settle()
    match = await matching.agreed()
    assert match.match_id is not None
    await matching.done(CancelMatch(match_id=match.match_id, reason="illness"))
    assert (await matching.stored_place(place)).free == 1
    assert (await matching.stored_case(case)).state == "resting"
    other = await matching.place()
    await matching.settle()
    assert (await matching.types())[-1] == "MatchCancelled"
    await matching.case(case_id=case.case_id, round=2, parties=case.parties)
    await matching.settle()
    again = await matching.out()
    assert (again.round, again.place_id) == (2, other.place_id)


async def test_a_match_that_failed_frees_its_place_and_is_told(matching: Matching) -> None:
    case = await matching.case()
    place = await matching.place()
    await matching.settle()
    match = await matching.agreed()
    ended = case_event(
        PlacementEnded, case, placement_id=match.match_id, how="failed_match", reason="never_started"
    )
    await matching.take(ended)
    assert (await matching.types())[-1] == "MatchFailed"
    assert (await matching.stored_place(place)).free == 1


@pytest.mark.parametrize("first", ["ended", "new round"])
async def test_a_pair_that_was_a_bad_match_is_not_tried_again(matching: Matching, first: str) -> None:
    """Topics have no common order: the new round may be heard of before the old placement's end."""
    case = await matching.case()
    await matching.place()
    await matching.settle()
    match = await matching.agreed()
    ids = {"placement_id": match.match_id, "place_id": match.place_id}
    await matching.take(case_event(PlacementStarted, case, **ids, started_on=date(2026, 12, 1)))
    ended = case_event(PlacementEnded, case, **ids, how="early", reason="bad_match")
    if first == "ended":
        await matching.take(ended)
    await matching.case(case_id=case.case_id, round=2, parties=case.parties)
    if first == "new round":
        await matching.take(ended)
    await matching.settle()
    assert (await matching.types()).count("MatchProposed") == 1
    other = await matching.place()
    await matching.settle()
    assert (await matching.out()).place_id == other.place_id


async def test_a_new_round_may_come_before_the_old_placements_ending(matching: Matching) -> None:
    case = await matching.case()
    place = await matching.place()
    await matching.settle()
    match = await matching.agreed()
    started = case_event(
        PlacementStarted,
        case,
        placement_id=match.match_id,
        place_id=place.place_id,
        started_on=date(2026, 12, 1),
    )
    await matching.take(started)
    cancelled = await matching.ask(CancelMatch(match_id=match.match_id, reason="other"))
    assert cancelled.refusal is not None and cancelled.refusal.code == "placement_has_started"
    await matching.case(case_id=case.case_id, round=2, parties=case.parties)
    await matching.settle()
    assert (await matching.stored_place(place)).free == 0
    assert (await matching.stored_case(case)).state == "waiting"
    await matching.take(case_event(PlacementEnded, case, placement_id=match.match_id, how="completed"))
    await matching.settle()
    again = await matching.out()
    assert (again.round, again.place_id) == (2, place.place_id)


async def test_a_paused_case_gets_no_proposal_until_it_goes_on(matching: Matching) -> None:
    case = await matching.case()
    place = await matching.place()
    await matching.settle()
    await matching.take(case_event(CasePaused, case, reason="illness"))
    assert (await matching.types())[-1] == "ProposalWithdrawn"
    assert (await matching.stored_place(place)).free == 1
    await matching.settle()
    assert (await matching.stored_case(case)).state == "paused"
    await matching.take(case_event(CaseResumed, case))
    await matching.settle()
    assert (await matching.out()).place_id == place.place_id


@pytest.mark.parametrize("how", [CaseWithdrawn, CaseClosed])
async def test_a_case_that_goes_takes_its_proposal_with_it(matching: Matching, how: Any) -> None:
    case = await matching.case()
    place = await matching.place()
    await matching.settle()
    proposal = await matching.accepted()
    await matching.take(case_event(how, case, reason="other"))
    late = await matching.ask(agreement(proposal.id))
    assert late.refusal is not None and late.refusal.code == "not_in_this_state"
    assert (await matching.stored_place(place)).free == 1


async def test_a_place_that_goes_or_shrinks_takes_its_proposals_back(matching: Matching) -> None:
    first, second = await matching.case(), await matching.case()
    place = await matching.place(capacity=2)
    await matching.settle()
    await matching.take(place.model_copy(update={"capacity": 1}))
    await matching.settle()
    assert (await matching.types()).count("ProposalWithdrawn") == 1
    assert (await matching.stored_place(place)).free == 0
    await matching.take(PlaceWithdrawn(place_id=place.place_id, unit=UNIT))
    await matching.settle()
    assert (await matching.types()).count("ProposalWithdrawn") == 2
    assert {(await matching.stored_case(case)).state for case in (first, second)} == {"waiting"}


async def test_a_changed_profile_takes_back_a_proposal_that_it_forbids(matching: Matching) -> None:
    case = await matching.case()
    place = await matching.place()
    await matching.settle()
    await matching.case(case_id=case.case_id, profile={"excluded_hosts": [str(place.host_id)]})
    await matching.settle()
    (event,) = await matching.events("ProposalWithdrawn")
    assert json.loads(event["body"])["reason"] == "case_changed"


async def test_what_staff_take_back_is_not_proposed_again_by_itself(matching: Matching) -> None:
    await matching.case()
    await matching.place()
    await matching.settle()
    proposal = await matching.out()
    await matching.done(WithdrawProposal(proposal_id=proposal.id))
    await matching.settle()
    assert (await matching.types()).count("MatchProposed") == 1


async def test_an_opening_whose_candidate_paused_meanwhile_goes_to_the_next(matching: Matching) -> None:
    """The first pauses between the solving and its pair: nothing but the dropped pair puts the pool up."""
    first, second = await matching.case(), await matching.case()
    place = await matching.place(capacity=1)
    pair = PairFound(
        proposal_id=uuid4(),
        case_id=first.case_id,
        place_id=place.place_id,
        case_revision=1,
        place_revision=1,
        points=1,
    )
    await matching.take(case_event(CasePaused, first, reason="illness"))
    await matching.service.pool.execute("DELETE FROM pool_change")
    await matching.take(pair)
    await matching.settle()
    assert (await matching.out()).case_id == second.case_id


async def test_a_pool_that_cannot_be_solved_holds_no_other_up(matching: Matching) -> None:
    """Its unit has the programme no longer; its rows stay, and are the oldest."""
    await matching.service.pool.execute(
        "INSERT INTO pool_change (unit, programme, reason, due_at) VALUES ($1, 'mentorskab', 'asked', $2)",
        UNIT,
        matching.clock() - timedelta(days=1),
    )
    await matching.case()
    await matching.place()
    connection = await asyncpg.connect(matching.dsn)
    try:
        assert await SOLVING.run_due(matching.service, connection) == 1
        assert await matching.types() == ["MatchProposed"]
        assert await SOLVING.idle(matching.service), "it is tried again later"
        matching.clock.move(minutes=6)
        assert not await SOLVING.idle(matching.service)
    finally:
        await connection.close()
