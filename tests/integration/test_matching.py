"""Matching on a real PostgreSQL: every message through the corridor, and the solver's loop beside it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from uuid import uuid4

import asyncpg
import pytest

from services.matching import loop, queries
from services.matching.documents import PairFound
from services.matching.loop import SOLVING
from shared.contracts.matching import AnswerProposal, ProposePairs
from shared.contracts.model import Party, match_id
from shared.messages import Actor
from tests.integration.matching_service import (
    PROGRAMME,
    UNIT,
    Matching,
    agreement,
    case_ready,
    matching_service,
    place_offered,
)
from tests.servers.postgres import Databases


@pytest.fixture
async def matching(database: Databases) -> AsyncIterator[Matching]:
    async with matching_service(await database("matching")) as service:
        yield service


async def test_a_ready_case_and_an_offered_place_become_a_proposal(matching: Matching) -> None:
    case = await matching.case()
    place = await matching.place(capacity=2)
    assert not await SOLVING.idle(matching.service)
    await matching.settle()
    (event,) = await matching.events("MatchProposed")
    proposal = await matching.out()
    assert event["key"] == str(case.case_id)
    assert (proposal.place_id, proposal.plan) == (place.place_id, "A")
    assert {"code": "industry_plan_a", "points": 100} in [one.model_dump() for one in proposal.reasons]
    body = json.loads(event["body"])
    assert {one["side"] for one in body["asked"]} == {"host", "candidate"}
    assert {one["side"] for one in body["parties"]} == {"host", "candidate", "staff"}
    assert (await matching.stored_place(place)).free == 1
    assert await SOLVING.idle(matching.service)
    rows = await matching.service.pool.fetch("SELECT reason, due_at FROM pool_change")
    midnight = datetime(2026, 11, 23, 23, tzinfo=UTC)
    assert [tuple(row) for row in rows] == [("new_day", midnight)], "it is solved again as the day begins"


async def test_arrivals_are_gathered_as_long_as_their_rows_say(matching: Matching) -> None:
    await matching.case()
    await matching.place()
    await matching.service.pool.execute("UPDATE pool_change SET due_at = due_at + interval '30 minutes'")
    await matching.settle()
    assert await matching.types() == []
    assert await SOLVING.idle(matching.service)
    matching.clock.move(minutes=30)
    assert not await SOLVING.idle(matching.service)
    await matching.settle()
    assert await matching.types() == ["MatchProposed"]


async def test_a_second_solver_leaves_a_pool_alone_while_one_solves_it(matching: Matching) -> None:
    await matching.case()
    await matching.place()
    (pool,) = await SOLVING.due(matching.service)
    one, other = await asyncpg.connect(matching.dsn), await asyncpg.connect(matching.dsn)
    try:
        async with SOLVING.alone(one, pool) as mine:
            assert mine
            assert await SOLVING.run_due(matching.service, other) == 0
        assert await SOLVING.run_due(matching.service, other) == 1
    finally:
        await one.close()
        await other.close()


async def test_solving_again_after_a_crash_changes_nothing(matching: Matching) -> None:
    """The pairs are committed and the rows are not deleted: the same rows are read once more."""
    for _ in range(3):
        await matching.case()
    await matching.place(capacity=2)
    rows = await matching.service.pool.fetch("SELECT * FROM pool_change")
    await matching.settle()
    before = await matching.types()
    for row in rows:
        await matching.service.pool.execute(
            "INSERT INTO pool_change OVERRIDING SYSTEM VALUE VALUES ($1, $2, $3, $4, $5, $6, $7)",
            *row.values(),
        )
    await matching.settle()
    assert await matching.types() == before
    assert before.count("MatchProposed") == 2 and before.count("CaseUnmatched") == 1


async def test_whoever_gets_no_place_is_told_why_once(matching: Matching) -> None:
    case = await matching.case(
        profile={
            "times": ["mon-morning"],
            "excluded_hosts": [],
            "certificates": [],
            "languages": {"da": "A1"},
        }
    )
    await matching.place(times=["sat-evening"], required_languages={"da": "B1"})
    await matching.place(times=["sun-evening"])
    await matching.settle()
    await matching.done(ProposePairs(programme=PROGRAMME, unit=UNIT))
    await matching.settle()
    (event,) = await matching.events("CaseUnmatched")
    assert json.loads(event["body"])["reasons"] == [
        {"code": "times", "places": 2},
        {"code": "language", "places": 1},
    ]
    await matching.place(times=["fri-evening"])
    await matching.settle()
    assert len(await matching.events("CaseUnmatched")) == 1, "one more of the same is no news"
    await matching.place(required_certificates=["police_certificate"])
    await matching.settle()
    assert len(await matching.events("CaseUnmatched")) == 2
    assert (await matching.stored_case(case)).state == "waiting"


async def test_all_yes_makes_a_proposal_complete_and_it_is_agreed(matching: Matching) -> None:
    case = await matching.case()
    place = await matching.place()
    await matching.settle()
    proposal = await matching.accepted()
    assert proposal.state == "accepted"
    answered = [json.loads(row["body"])["complete"] for row in await matching.events("ProposalAnswered")]
    assert answered == [False, True]
    outcome = await matching.done(agreement(proposal.id, hours_per_week={"min": 2, "max": 8}))
    assert outcome.events == ("MatchAgreed",)
    assert outcome.answer["match_id"] == str(match_id(case.case_id, 1))
    (event,) = await matching.events("MatchAgreed")
    body = json.loads(event["body"])
    assert body["hours_per_week"] == 8.0 and body["host_id"] == str(place.host_id)
    assert {one["person_id"] for one in body["parties"]} == {
        str(one.person_id) for one in (*case.parties, *place.parties)
    }
    assert (await matching.stored_place(place)).free == 0
    assert await matching.service.pool.fetchval("SELECT count(*) FROM timer") == 0


async def test_a_no_frees_the_place_and_plan_b_is_proposed_the_same_moment(matching: Matching) -> None:
    case = await matching.case()
    first = await matching.place()
    await matching.settle()
    second = await matching.place(industries=["culture"])
    await matching.settle()
    proposal = await matching.out()
    assert (await matching.say(proposal, "candidate", "no", reason="too_far")).kind == "done"
    assert (await matching.stored_place(first)).free == 1
    await matching.settle()
    again = await matching.out()
    assert (again.place_id, again.plan) == (second.place_id, "B")
    assert (await matching.stored_case(case)).tried == (first.place_id,)


@pytest.mark.parametrize("side", ["host", "candidate"])
async def test_a_no_says_why_or_that_it_was_not_told(matching: Matching, side: str) -> None:
    await matching.case()
    await matching.place()
    await matching.settle()
    proposal = await matching.out()
    unsaid = (await matching.say(proposal, side, "no", reason=None)).refusal
    assert unsaid is not None
    assert (unsaid.code, unsaid.field, unsaid.status) == ("answer_reason_missing", "reason", 422)
    assert (await matching.out()).id == proposal.id
    assert (await matching.say(proposal, side, "no", reason="not_told")).kind == "done"
    (told,) = await matching.events("ProposalAnswered")
    assert json.loads(told["body"])["reason"] == "not_told"


async def test_a_yes_needs_no_reason_and_keeps_none(matching: Matching) -> None:
    await matching.case()
    await matching.place()
    await matching.settle()
    assert (await matching.say(await matching.out(), "host", "yes", reason="too_far")).kind == "done"
    (told,) = await matching.events("ProposalAnswered")
    assert json.loads(told["body"])["reason"] is None


async def test_a_refused_pair_is_not_proposed_again(matching: Matching) -> None:
    case = await matching.case()
    await matching.place()
    await matching.settle()
    await matching.say(await matching.out(), "host", "no", reason="no_time")
    await matching.settle()
    await matching.case(case_id=case.case_id, parties=case.parties)
    await matching.settle()
    assert (await matching.types()).count("MatchProposed") == 1
    (event,) = (await matching.events("CaseUnmatched"))[-1:]
    assert json.loads(event["body"])["reasons"] == [{"code": "refused_before", "places": 1}]


async def test_no_answer_is_reminded_then_lapses_and_frees_the_place(matching: Matching) -> None:
    await matching.case()
    place = await matching.place()
    await matching.settle()
    proposal = await matching.out()
    await matching.say(proposal, "host", "yes")
    matching.clock.move(days=3)
    await matching.settle()
    (due,) = await matching.events("ProposalAnswerDue")
    assert [one["side"] for one in json.loads(due["body"])["asked"]] == ["candidate"]
    matching.clock.move(days=4)
    await matching.settle()
    assert (await matching.types())[-2:] == ["ProposalLapsed", "CaseUnmatched"]
    assert (await matching.stored_place(place)).free == 1
    outcome = await matching.say(proposal, "candidate", "yes")
    assert outcome.refusal is not None and outcome.refusal.code == "proposal_closed"


async def test_one_side_is_asked_after_the_other_with_a_time_of_its_own(matching: Matching) -> None:
    aalborg = {"unit": "DK-0851/aalborg", "programme": "mentorskab", "profile": {}}
    case = await matching.case(**aalborg)
    mentor = uuid4()
    await matching.place(
        unit="DK-0851/aalborg",
        programmes=["mentorskab"],
        kind="volunteer",
        host_id=None,
        mentor_id=mentor,
        parties=[Party(person_id=mentor, side="mentor", role="volunteer_mentor")],
    )
    await matching.settle()
    proposal = await matching.out()
    assert [one.side for one in proposal.open_now] == ["mentor"]
    early = await matching.say(proposal, "candidate", "yes")
    assert early.refusal is not None and early.refusal.code == "not_asked_yet"
    matching.clock.move(days=5)
    await matching.settle()
    await matching.say(proposal, "mentor", "yes")
    (answered,) = await matching.events("ProposalAnswered")
    body = json.loads(answered["body"])
    assert [one["person_id"] for one in body["asked"]] == [str(case.person_id)]
    assert body["answer_by"] == "2026-12-05T11:00:00Z"
    matching.clock.move(days=6)
    await matching.settle()
    assert (await matching.types()).count("ProposalAnswerDue") == 2
    assert (await matching.say(proposal, "candidate", "yes")).kind == "done"
    assert (await matching.out()).state == "accepted"


async def test_a_candidate_who_is_only_heard_does_not_stop_the_proposal(matching: Matching) -> None:
    await matching.case(programme="udviklingspraktik")
    await matching.place(programmes=["udviklingspraktik"], kind="company")
    await matching.settle()
    proposal = await matching.out()
    assert (await matching.say(proposal, "candidate", "no", reason="too_far")).kind == "done"
    assert (await matching.out()).state == "open"
    await matching.say(proposal, "host", "yes")
    assert (await matching.out()).state == "accepted"


async def test_staff_say_how_they_heard_an_answer_and_nobody_answers_twice(matching: Matching) -> None:
    await matching.case()
    await matching.place()
    await matching.settle()
    proposal = await matching.out()
    host = next(one for one in proposal.asked if one.side == "host")
    unheard = await matching.ask(AnswerProposal(proposal_id=proposal.id, by=host.person_id, answer="yes"))
    assert unheard.refusal is not None and unheard.refusal.code == "heard_by_missing"
    stranger = await matching.ask(
        AnswerProposal(proposal_id=proposal.id, by=uuid4(), answer="yes", heard_by="phone")
    )
    assert stranger.refusal is not None and stranger.refusal.code == "not_asked"
    assert (await matching.say(proposal, "host", "yes")).kind == "done"
    twice = await matching.say(proposal, "host", "no")
    assert twice.refusal is not None and twice.refusal.code == "answered_already"


async def test_a_link_answers_its_own_question_alone(matching: Matching) -> None:
    await matching.case()
    await matching.place()
    await matching.settle()
    proposal = await matching.out()
    host, candidate = (one for side in ("host", "candidate") for one in proposal.asked if one.side == side)
    own = {"person_id": host.person_id, "question": proposal.id, "scope": "answer"}
    for wrong in ({"scope": "mine"}, {"question": uuid4()}, {"person_id": uuid4()}):
        actor = Actor("party:x", "party", **(own | wrong))  # type: ignore[arg-type]
        outcome = await matching.ask(AnswerProposal(proposal_id=proposal.id, answer="yes"), actor)
        assert outcome.refusal is not None
        assert (outcome.refusal.code, outcome.refusal.status) == ("not_yours", 403)
    actor = Actor("party:x", "party", **own)  # type: ignore[arg-type]
    borrowed = AnswerProposal(proposal_id=proposal.id, by=candidate.person_id, answer="yes")
    assert (await matching.ask(borrowed, actor)).kind == "done"
    assert [one.side for one in (await matching.out()).asked if one.answer] == ["host"]


async def test_nothing_is_agreed_before_everybody_who_decides_has_answered(matching: Matching) -> None:
    await matching.case()
    await matching.place()
    await matching.settle()
    proposal = await matching.out()
    await matching.say(proposal, "host", "yes")
    outcome = await matching.ask(agreement(proposal.id))
    assert outcome.refusal is not None and outcome.refusal.code == "answers_missing"


async def test_a_mentorship_may_stay_open_ended_but_says_what_it_is_about(matching: Matching) -> None:
    await matching.case(unit="DK-0851/aalborg", programme="mentorskab", profile={})
    await matching.place(unit="DK-0851/aalborg", programmes=["mentorskab"], kind="volunteer", parties=[])
    await matching.settle()
    proposal = await matching.accepted()
    open_ended = {"ends_on": None, "hours_per_week": 2, "times": ()}
    outcome = await matching.ask(agreement(proposal.id, **open_ended))
    assert outcome.refusal is not None and outcome.refusal.field == "content"
    await matching.done(agreement(proposal.id, **open_ended, content=("job_search",)))


async def test_a_pair_found_for_what_has_changed_is_dropped_and_solved_again(
    matching: Matching,
) -> None:
    case, place = await matching.case(), await matching.place()
    await matching.service.pool.execute("DELETE FROM pool_change")
    stale = PairFound(
        proposal_id=uuid4(),
        case_id=case.case_id,
        place_id=place.place_id,
        case_revision=1,
        place_revision=7,
        points=1,
    )
    (outcome,) = await matching.take(stale)
    assert outcome.kind == "done" and await matching.types() == []
    assert not await SOLVING.idle(matching.service)
    await matching.settle()
    assert await matching.types() == ["MatchProposed"]
    (late,) = await matching.take(stale.model_copy(update={"place_revision": 1}))
    assert late.kind == "done" and await matching.types() == ["MatchProposed"]


async def test_two_writers_never_fill_a_place_beyond_its_capacity(matching: Matching) -> None:
    """Two solvers found pairs for the same openings: the place's row lets as many through as it has."""
    cases = [await matching.case() for _ in range(12)]
    place = await matching.place(capacity=3)
    found = [
        PairFound(
            proposal_id=uuid4(),
            case_id=case.case_id,
            place_id=place.place_id,
            case_revision=1,
            place_revision=1,
            points=1,
        )
        for case in cases
    ]
    batches = [matching.take(*found[start : start + 3]) for start in range(0, 12, 3)]
    await asyncio.gather(*batches)
    assert (await matching.types()).count("MatchProposed") == 3
    stored = await matching.stored_place(place)
    assert len(stored.held) == 3 and stored.free == 0


async def test_two_answers_at_once_are_both_counted(matching: Matching) -> None:
    await matching.case()
    await matching.place()
    await matching.settle()
    proposal = await matching.out()
    await asyncio.gather(*(matching.say(proposal, side, "yes") for side in ("host", "candidate")))
    assert (await matching.out()).state == "accepted"


async def test_a_batch_of_arrivals_is_one_pool(matching: Matching) -> None:
    arrivals = [case_ready(waiting_since=date(2026, 9, day + 1)) for day in range(5)]
    places = [place_offered() for _ in range(3)]
    await matching.take(*arrivals, *places)
    await matching.settle()
    placed = {one.case_id for one in await matching.proposals()}
    # All have waited beyond the limit, where the points for waiting end: any three of them are as good.
    assert len(placed) == 3
    waiting = await queries.waiting(matching.service.pool, [UNIT], limit=1)
    following = await queries.waiting(matching.service.pool, [UNIT], after=waiting.next or "", limit=1)
    assert {one.id for one in (*waiting.items, *following.items)} | placed == {
        one.case_id for one in arrivals
    }
    assert following.next is None


async def test_pairs_may_be_asked_for_but_not_of_a_programme_that_is_not_there(matching: Matching) -> None:
    refused = await matching.ask(ProposePairs(programme="mentorskab", unit=UNIT))
    assert refused.refusal is not None and refused.refusal.code == "programme_not_in_unit"
    outcome = await matching.done(ProposePairs(programme=PROGRAMME, unit=UNIT))
    assert outcome.id is not None and not await SOLVING.idle(matching.service)


async def test_the_loop_wakes_when_a_pool_changes(matching: Matching) -> None:
    told = asyncio.Event()
    listener = await asyncpg.connect(matching.dsn)
    await listener.add_listener("outbox", lambda *_: told.set())
    running = asyncio.create_task(loop.loop(matching.service, matching.dsn))
    try:
        await matching.take(case_ready(), place_offered())
        async with asyncio.timeout(120):
            await told.wait()
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await listener.close()
    assert await matching.types() == ["MatchProposed"]
