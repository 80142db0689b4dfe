"""What staff choose in matching: another pair than the solver's, a meeting, a mentor wanted."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from shared.contracts.intake import CasePaused, CaseWithdrawn, EnquiryMade, PlaceWithdrawn
from shared.contracts.matching import (
    AgreeMatch,
    BookMatchMeeting,
    CancelMatch,
    OverrideProposal,
    PublishMentorWanted,
    WithdrawMentorWanted,
)
from shared.messages import Actor
from tests.integration.matching_service import (
    PROGRAMME,
    UNIT,
    Matching,
    agreement,
    case_event,
    matching_service,
)
from tests.servers.postgres import Databases

COORDINATOR = Actor("c", "staff", uuid4(), roles=frozenset({"coordinator"}), units=frozenset({UNIT}))


@pytest.fixture
async def matching(database: Databases) -> AsyncIterator[Matching]:
    async with matching_service(await database("matching")) as service:
        yield service


async def bodies(matching: Matching, name: str) -> list[dict[str, Any]]:
    return [json.loads(row["body"]) for row in await matching.events(name)]


async def override(matching: Matching, case: UUID, place: UUID, **more: Any) -> Any:
    command = OverrideProposal(case_id=case, place_id=place, reason="known_to_work", **more)
    return await matching.ask(command, COORDINATOR)


async def test_another_pair_is_proposed_at_once_and_the_reason_is_kept(matching: Matching) -> None:
    case, place = await matching.case(), await matching.place()
    outcome = await override(matching, case.case_id, place.place_id, note="They know each other's street.")
    assert (outcome.kind, outcome.events) == ("done", ("MatchProposed",))
    proposal = await matching.out()
    assert (proposal.override_reason, proposal.overridden_by) == ("known_to_work", COORDINATOR.person_id)
    (told,) = await bodies(matching, "MatchProposed")
    assert told["reasons"][0] == {"code": "override", "points": 0}
    assert "street" not in json.dumps(told)
    assert (await matching.stored_place(place)).free == place.capacity - 1


async def test_staff_of_the_unit_read_who_chose_a_pair_why_and_what_they_set_aside(
    matching: Matching,
) -> None:
    case = await matching.case(profile={"max_travel_km": 1, "location": {"lat": 56.0, "lon": 10.0}})
    place = await matching.place(location={"lat": 55.0, "lon": 12.0})
    await override(matching, case.case_id, place.place_id, note="They know each other's street.")
    proposal = await matching.out()
    async with matching.client(headers=matching.staff("caseworker")) as client:
        read = (await client.get(f"/matching/api/proposals/{proposal.id}")).json()
        page = await client.get(f"/matching/proposals/{proposal.id}?lang=en", headers={"Accept": "text/html"})
    assert read["override"] == {
        "by": str(COORDINATOR.person_id),
        "reason": "known_to_work",
        "note": "They know each other's street.",
        "broken": ["travel"],
    }
    for shown in (
        str(COORDINATOR.person_id),
        "Both sides are known",
        "each other&#39;s street",
        "Too far away",
    ):
        assert shown in page.text
    elsewhere = matching.staff("coordinator", units=("NO-3222",))
    async with matching.client(headers=elsewhere) as client:
        assert (await client.get(f"/matching/api/proposals/{proposal.id}")).status_code == 403


async def test_what_was_proposed_before_is_taken_back_and_frees_its_place(matching: Matching) -> None:
    case, first = await matching.case(), await matching.place()
    await matching.settle()
    second = await matching.place()
    outcome = await override(matching, case.case_id, second.place_id)
    assert outcome.events == ("ProposalWithdrawn", "MatchProposed")
    (taken_back,) = await bodies(matching, "ProposalWithdrawn")
    assert taken_back["reason"] == "overridden"
    assert (await matching.stored_place(first)).held == ()
    assert (await matching.out()).place_id == second.place_id


async def test_a_full_place_takes_nobody_more(matching: Matching) -> None:
    await matching.case()
    place = await matching.place(capacity=1)
    await matching.settle()
    late = await matching.case()
    outcome = await override(matching, late.case_id, place.place_id)
    assert (outcome.kind, outcome.reason) == ("refused", "place_full")


async def test_a_hard_rule_is_broken_by_a_role_that_may_and_by_no_other(matching: Matching) -> None:
    far = {"profile": {"max_travel_km": 1, "location": {"lat": 56.0, "lon": 10.0}}}
    case = await matching.case(**far)
    place = await matching.place(location={"lat": 55.0, "lon": 12.0})
    project_manager = Actor(
        "p", "staff", uuid4(), roles=frozenset({"project_manager"}), units=frozenset({UNIT})
    )
    command = OverrideProposal(case_id=case.case_id, place_id=place.place_id, reason="support_in_place")
    refused = await matching.ask(command, project_manager)
    assert (refused.reason, refused.refusal and refused.refusal.values["rules"]) == ("hard_rule", ["travel"])
    assert (await matching.ask(command, COORDINATOR)).kind == "done"
    assert (await matching.out()).broken == ("travel",)


async def test_an_exclusion_is_broken_by_nobody(matching: Matching) -> None:
    place = await matching.place()
    case = await matching.case(profile={"excluded_hosts": [str(place.place_id)]})
    refused = await override(matching, case.case_id, place.place_id)
    assert (refused.kind, refused.reason) == ("refused", "hard_rule")


async def test_a_refused_pair_may_be_proposed_again_by_hand(matching: Matching) -> None:
    case, place = await matching.case(), await matching.place()
    await matching.settle()
    await matching.say(await matching.out(), "host", "no", reason="times_do_not_fit")
    await matching.settle()
    assert (await override(matching, case.case_id, place.place_id)).kind == "done"


async def test_a_meeting_is_booked_and_moved_and_never_in_the_past(matching: Matching) -> None:
    await matching.case()
    await matching.place()
    await matching.settle()
    proposal = await matching.out()
    at = matching.clock() + timedelta(days=2)
    await matching.done(BookMatchMeeting(proposal_id=proposal.id, at=at))
    await matching.done(BookMatchMeeting(proposal_id=proposal.id, at=at + timedelta(days=1), mode="phone"))
    told = await bodies(matching, "MatchMeetingBooked")
    assert [one["mode"] for one in told] == ["in_person", "phone"]
    assert {party["side"] for party in told[0]["parties"]} >= {"candidate", "host"}
    refused = await matching.ask(
        BookMatchMeeting(proposal_id=proposal.id, at=matching.clock() - timedelta(hours=1))
    )
    assert refused.reason == "in_past"


async def test_what_all_accepted_and_nobody_agrees_frees_its_place_in_the_end(matching: Matching) -> None:
    await matching.case()
    place = await matching.place()
    await matching.settle()
    await matching.accepted()
    rules = matching.service.programmes.rules(PROGRAMME, UNIT, matching.clock().date())
    matching.clock.move(days=rules.clocks.silence_days - 1)
    await matching.settle()
    assert (await matching.out()).state == "accepted"
    matching.clock.move(days=1, minutes=1)
    await matching.settle()
    assert "ProposalLapsed" in await matching.types()
    assert (await matching.stored_place(place)).held == ()


async def test_a_first_day_of_last_year_is_taken_for_a_slip(matching: Matching) -> None:
    await matching.case()
    await matching.place()
    await matching.settle()
    proposal = await matching.accepted()
    today = matching.clock().date()
    refused = await matching.ask(
        AgreeMatch(
            proposal_id=proposal.id,
            starts_on=today.replace(year=today.year - 1),
            ends_on=today,
            hours_per_week=5,
            times=("tue-evening",),
        )
    )
    assert refused.reason == "starts_long_ago"


WANTED = {"field": "healthcare", "stage": "choosing_education", "task": "education_choice"}


async def publish(matching: Matching, case: UUID, **said: Any) -> Any:
    return await matching.ask(PublishMentorWanted(case_id=case, **said), COORDINATOR)


@pytest.mark.parametrize("missing", ["field", "stage", "task"])
async def test_a_notice_that_is_too_general_does_not_go_up(matching: Matching, missing: str) -> None:
    case = await matching.case()
    said = {name: code for name, code in WANTED.items() if name != missing}
    outcome = await publish(matching, case.case_id, **said)
    assert (outcome.reason, outcome.refusal.field) == ("notice_too_general", missing)


async def test_a_notice_says_codes_alone_and_counts_who_answers_by_channel(matching: Matching) -> None:
    case = await matching.case(
        profile={"wishes": [{"plan": "A", "industries": ["care"], "profession": "nurse"}]}
    )
    outcome = await publish(matching, case.case_id, **WANTED)
    notice_id = UUID(outcome.answer["notice_id"])
    (told,) = await bodies(matching, "MentorWanted")
    assert (told["profession"], told["industries"]) == ("nurse", ["care"])
    assert str(case.person_id) not in json.dumps(told)
    for stage in ("asked", "confirmed"):
        await matching.take(
            EnquiryMade(
                unit=UNIT,
                enquiry_id=uuid4(),
                kind="mentor",
                stage=stage,
                person_id=uuid4(),
                channel="library",
                notice_id=notice_id,
            )
        )
    replies = await matching.service.pool.fetchval("SELECT doc->'replies' FROM notice")
    assert json.loads(replies) == {"library": 1}


async def test_a_match_or_a_withdrawal_takes_the_notice_down(matching: Matching) -> None:
    agreed = await matching.case()
    await publish(matching, agreed.case_id, **WANTED)
    await matching.place()
    await matching.settle()
    await matching.agreed()
    gone = await matching.case()
    await publish(matching, gone.case_id, **WANTED)
    await matching.take(
        CaseWithdrawn(
            unit=UNIT,
            programme=PROGRAMME,
            case_id=gone.case_id,
            round=1,
            rules_version=gone.rules_version,
            reason="found_job",
        )
    )
    await matching.settle()
    assert [one["reason"] for one in await bodies(matching, "MentorWantedWithdrawn")] == [
        "mentor_found",
        "case_withdrawn",
    ]


async def test_staff_take_a_notice_down(matching: Matching) -> None:
    case = await matching.case()
    outcome = await publish(matching, case.case_id, **WANTED)
    down = await matching.ask(WithdrawMentorWanted(notice_id=UUID(outcome.answer["notice_id"])), COORDINATOR)
    assert (down.kind, down.events) == ("done", ("MentorWantedWithdrawn",))
    again = await matching.ask(WithdrawMentorWanted(notice_id=UUID(outcome.answer["notice_id"])), COORDINATOR)
    assert again.reason == "not_in_this_state"


async def test_a_notice_is_of_ones_own_units_alone(matching: Matching) -> None:
    case = await matching.case()
    stranger = Actor("s", "staff", uuid4(), roles=frozenset({"coordinator"}), units=frozenset({"NO-3222"}))
    refused = await matching.ask(PublishMentorWanted(case_id=case.case_id, **WANTED), stranger)
    assert refused.reason == "other_unit"


async def test_coordinators_and_the_solver_at_once_never_fill_an_opening_twice(
    matching: Matching,
) -> None:
    place = await matching.place(capacity=3)
    cases = [await matching.case() for _ in range(8)]
    outcomes = await asyncio.gather(
        *(override(matching, case.case_id, place.place_id) for case in cases), matching.settle()
    )
    done = [one for one in outcomes[:-1] if one.kind == "done"]
    out = [one for one in await matching.proposals() if one.state in ("open", "accepted")]
    held = (await matching.stored_place(place)).held
    assert len(held) == len(out) == 3
    assert {one.proposal_id for one in held} == {one.id for one in out}
    assert {one.reason for one in outcomes[:-1] if one.kind == "refused"} <= {
        "place_full",
        "proposed_already",
    }
    assert len(done) <= 3


async def test_an_override_stays_when_case_and_place_are_told_of_again(matching: Matching) -> None:
    """What the coordinator broke knowingly takes nothing back; what is new to speak against it does."""
    case = await matching.case(profile={"times": ["mon-morning"]})
    place = await matching.place(times=["tue-evening"])
    assert (await override(matching, case.case_id, place.place_id)).kind == "done"
    await matching.take(case, place)
    await matching.settle()
    assert (await matching.out()).broken == ("times",)
    await matching.take(place.model_copy(update={"required_certificates": ("police_certificate",)}))
    await matching.settle()
    assert "ProposalWithdrawn" in await matching.types()


async def test_a_tried_pair_that_is_proposed_by_hand_stays_when_its_place_changes(matching: Matching) -> None:
    case, place = await matching.case(), await matching.place()
    await matching.settle()
    await matching.say(await matching.out(), "host", "no", reason="times_do_not_fit")
    await override(matching, case.case_id, place.place_id)
    await matching.take(place.model_copy(update={"tasks": ("practical",)}))
    await matching.settle()
    assert (await matching.out()).place_id == place.place_id


async def test_nothing_is_agreed_on_a_place_that_is_gone_meanwhile(matching: Matching) -> None:
    await matching.case()
    place = await matching.place()
    await matching.settle()
    proposal = await matching.accepted()
    await matching.take(PlaceWithdrawn(place_id=place.place_id, unit=UNIT))
    assert (await matching.ask(agreement(proposal.id))).reason == "place_gone"


async def test_the_time_to_agree_counts_from_the_meeting(matching: Matching) -> None:
    await matching.case()
    await matching.place()
    await matching.settle()
    proposal = await matching.accepted()
    patience = matching.service.programmes.rules(PROGRAMME, UNIT, matching.clock().date()).clocks.silence_days
    at = matching.clock() + timedelta(days=patience + 5)
    await matching.done(BookMatchMeeting(proposal_id=proposal.id, at=at))
    matching.clock.move(days=patience + 6)
    await matching.settle()
    assert (await matching.out()).state == "accepted"


async def test_a_case_that_rests_has_no_notice_up(matching: Matching) -> None:
    case = await matching.case()
    await publish(matching, case.case_id, **WANTED)
    await matching.take(case_event(CasePaused, case, reason="illness"))
    await matching.settle()
    assert [one["reason"] for one in await bodies(matching, "MentorWantedWithdrawn")] == ["withdrawn"]


async def says_no(matching: Matching, side: str, reason: str) -> None:
    assert (await matching.say(await matching.out(), side, "no", reason=reason)).kind == "done"
    await matching.settle()


@pytest.mark.parametrize("side", ["host", "candidate"])
async def test_the_same_two_do_not_meet_again_through_another_place_of_the_mentor(
    matching: Matching, side: str
) -> None:
    case, mentor = await matching.case(), uuid4()
    of_the_mentor = {"host_id": None, "mentor_id": mentor, "kind": "volunteer"}
    for _ in range(2):
        await matching.place(**of_the_mentor)
    await matching.settle()
    await says_no(matching, side, "times_do_not_fit")
    assert (await matching.stored_case(case)).state == "waiting"
    assert (await bodies(matching, "CaseUnmatched"))[-1]["reasons"] == [
        {"code": "refused_before", "places": 2}
    ]
    other = await matching.place(**of_the_mentor | {"mentor_id": uuid4()})
    await matching.settle()
    assert (await matching.out()).place_id == other.place_id


async def test_nor_after_a_match_with_the_mentor_was_cancelled(matching: Matching) -> None:
    case, mentor = await matching.case(), uuid4()
    for _ in range(2):
        await matching.place(host_id=None, mentor_id=mentor)
    await matching.settle()
    match = await matching.agreed()
    assert match.match_id is not None
    await matching.done(CancelMatch(match_id=match.match_id, reason="no_agreement"))
    await matching.case(case_id=case.case_id, round=2, parties=case.parties)
    await matching.settle()
    assert [one.state for one in await matching.proposals()] == ["cancelled"]


@pytest.mark.parametrize(("reason", "again"), [("tasks_do_not_fit", True), ("known_to_each_other", False)])
async def test_another_place_of_the_same_host_is_proposed_unless_the_reason_speaks_of_the_host(
    matching: Matching, reason: str, again: bool
) -> None:
    case, host = await matching.case(), uuid4()
    for _ in range(2):
        await matching.place(host_id=host)
    await matching.settle()
    await says_no(matching, "candidate", reason)
    assert ((await matching.stored_case(case)).state == "proposed") == again
