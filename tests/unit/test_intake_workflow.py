"""Intake's workflow without a database: what each message leads to, in every order it may come."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from pydantic import BaseModel

from shared.contracts.followup import PlacementEnded, PlacementStarted
from shared.contracts.intake import ReferralProgressed
from shared.contracts.intake_commands import (
    AgreeGoals,
    CompletePreparation,
    PauseCase,
    RecordConsent,
    RecordInterview,
    ResumeCase,
    WithdrawCase,
)
from shared.contracts.matching import MatchAgreed, MatchCancelled
from shared.messages import Ignored, Refused
from tests.unit.intake_story import Story


def test_a_case_is_ready_and_cleared_once_everything_is_done() -> None:
    story = Story("mentorskab").prepare()
    assert story.case.state == "ready"
    assert story.told[-3:] == ["CaseReady", "ReferralProgressed", "StartCleared"]


def test_a_step_waits_for_the_one_before_it() -> None:
    story = Story()
    with pytest.raises(Refused) as refused:
        story.send(CompletePreparation(case_id=story.id, step="purpose_stated"))
    assert (refused.value.code, refused.value.values["waits_on"]) == ("step_waits_on_another", ["interview"])
    others = (
        ("nonsense", "unknown_step"),
        ("interview", "step_has_its_own_command"),
        ("host_prepared", "match_not_agreed"),
    )
    for step, code in others:
        with pytest.raises(Refused) as refused:
            story.send(CompletePreparation(case_id=story.id, step=step))
        assert refused.value.code == code


def test_a_changed_profile_is_told_again_and_the_same_one_is_not() -> None:
    story = Story("mentorskab").prepare()
    changed = RecordInterview.model_validate({"case_id": story.id, "profile": {"times": ["mon-morning"]}})
    story.send(changed)
    story.send(changed)
    assert story.told.count("CaseReady") == 2
    assert story.case.profile.wishes, "what was not said again stays"


def test_agreed_goals_clear_the_start_and_keep_their_ids() -> None:
    story = Story("udviklingspraktik").prepare("match")
    story.hear(MatchAgreed)
    for step in ("gradual_start_considered", "cv_begun", "host_prepared"):
        story.do(step)
    assert "StartCleared" not in story.told
    first = {"title": "Møde hver dag", "sub_goals": ["Finde bussen"]}
    story.send(AgreeGoals.model_validate({"case_id": story.id, "goals": [first]}))
    before = story.case.goals[0]
    story.send(AgreeGoals.model_validate({"case_id": story.id, "goals": [first, {"title": "Tale dansk"}]}))
    assert story.case.goals[0] == before
    assert story.told.count("StartCleared") == story.told.count("CaseTexts") == 2


def test_a_consent_that_is_taken_back_pauses_the_case_until_it_is_given_again() -> None:
    story = Story("mentorskab")
    story.send(RecordInterview(case_id=story.id))
    story.send(RecordConsent(case_id=story.id, kind="share_profile"))
    assert story.case.state == "ready"
    story.send(RecordConsent(case_id=story.id, kind="share_profile", given=False))
    assert (story.case.state, story.told[-1]) == ("paused", "CasePaused")
    with pytest.raises(Refused, match="steps_missing"):
        story.send(ResumeCase(case_id=story.id))
    story.send(RecordConsent(case_id=story.id, kind="share_profile"))
    assert (story.case.state, story.told[-2:]) == ("ready", ["CaseResumed", "CaseReady"])


def test_a_case_that_rests_by_somebodys_wish_goes_on_by_somebodys_wish_alone() -> None:
    story = Story("mentorskab").prepare("match")
    story.send(PauseCase(case_id=story.id, reason="illness"))
    for given in (False, True):
        story.send(RecordConsent(case_id=story.id, kind="share_profile", given=given))
    assert story.case.state == "paused"


def test_a_paused_case_holds_its_start_and_clears_it_again() -> None:
    story = Story("mentorskab").prepare()
    story.send(PauseCase(case_id=story.id, reason="illness"))
    assert story.told[-2:] == ["CasePaused", "StartHeld"]
    story.send(ResumeCase(case_id=story.id))
    assert story.told[-3:] == ["CaseResumed", "CaseReady", "StartCleared"]


@pytest.mark.parametrize("order", list(itertools.permutations([MatchAgreed, PlacementStarted])))
def test_agreement_and_start_lead_to_the_same_in_either_order(order: tuple[type[BaseModel], ...]) -> None:
    story = Story().prepare()
    for model in order:
        story.hear(model)
    assert story.case.state == "started"
    assert story.case.match is not None
    told = [event.status for event in story.events if isinstance(event, ReferralProgressed)]
    assert told == ["ready", "matched", "started"]


@pytest.mark.parametrize(
    ("ending", "state", "round_"),
    [
        ({"how": "completed", "next_step": "ordinary_full_time"}, "ended", 1),
        ({"how": "completed"}, "ended", 1),
        ({"how": "completed", "next_step": "new_placement"}, "preparing", 2),
        ({"how": "early", "reason": "bad_match"}, "preparing", 2),
        ({"how": "early", "next_step": "education"}, "ended", 1),
        ({"how": "failed_match"}, "preparing", 2),
    ],
)
def test_a_placement_that_ends_ends_the_case_or_begins_a_round(
    ending: dict[str, Any], state: str, round_: int
) -> None:
    story = Story().prepare()
    story.hear(MatchAgreed)
    story.hear(PlacementStarted)
    story.hear(PlacementEnded, **ending)
    assert (story.case.state, story.case.round) == (state, round_)
    assert ("CaseClosed" in story.told) == (state == "ended")


def test_a_round_is_ready_at_once_where_nothing_is_asked_anew() -> None:
    story = Story("mentorskab")
    story.send(RecordInterview(case_id=story.id))
    story.send(RecordConsent(case_id=story.id, kind="share_profile"))
    story.hear(MatchAgreed)
    story.hear(MatchCancelled, reason="illness")
    assert (story.case.state, story.case.round, story.case.match) == ("ready", 2, None)
    assert [event.round for event in story.events if type(event).__name__ == "CaseReady"] == [1, 2]  # type: ignore[attr-defined]


@pytest.mark.parametrize("model", [MatchAgreed, MatchCancelled, PlacementStarted, PlacementEnded])
def test_what_is_said_of_another_round_has_no_effect(model: type[BaseModel]) -> None:
    story = Story().prepare()
    story.hear(MatchAgreed)
    answer = story.hear(model, round_=2, reason="other", how="completed")
    assert isinstance(answer, Ignored)


@pytest.mark.parametrize("model", [MatchAgreed, MatchCancelled, PlacementStarted, PlacementEnded])
def test_a_withdrawn_case_stays_withdrawn(model: type[BaseModel]) -> None:
    story = Story().prepare()
    story.send(WithdrawCase(case_id=story.id))
    assert story.told[-3:] == ["CaseWithdrawn", "StartHeld", "ReferralProgressed"]
    assert isinstance(story.hear(model, reason="other", how="completed"), Ignored)
    with pytest.raises(Refused, match="not_in_this_state"):
        story.send(ResumeCase(case_id=story.id))


def test_a_match_that_is_agreed_while_the_case_rests_waits_for_it() -> None:
    story = Story().prepare("match")
    story.send(PauseCase(case_id=story.id, reason="travel"))
    story.hear(MatchAgreed)
    assert (story.case.state, story.case.paused_from) == ("paused", "matched")
    story.hear(MatchCancelled, reason="illness")
    assert (story.case.state, story.case.paused_from, story.case.round) == ("paused", "preparing", 2)
    story.send(ResumeCase(case_id=story.id))
    assert story.case.state == "preparing"


def test_a_day_in_the_future_and_an_unknown_code_are_refused() -> None:
    story = Story()
    with pytest.raises(Refused, match="in_future"):
        story.send(RecordInterview.model_validate({"case_id": story.id, "held_on": "2026-11-24"}))
    with pytest.raises(Refused, match="unknown_code"):
        story.send(PauseCase(case_id=story.id, reason="nonsense"))
