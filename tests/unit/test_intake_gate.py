"""No order of commands clears a start without what its programme's gate asks, in any programme.

What must be done is held beside the case by the tables of `intake_gates`, and by nothing of the service. Time
passes in between: certificates lapse, candidates come of age.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from services.intake.rules import missing
from services.intake.settling import rules_of
from shared.contracts.followup import PlacementEnded, PlacementStarted
from shared.contracts.intake_commands import (
    AgreeGoals,
    GoalInWords,
    RecordConsent,
    RecordInterview,
    ReopenCase,
    WithdrawCase,
)
from shared.contracts.matching import MatchAgreed
from shared.messages import Refused
from tests.unit.intake_gates import GATES
from tests.unit.intake_story import GUARDIAN, PROGRAMMES, Story
from tests.unit.intake_watched import AGES, HEARD, Watched, actions

ALL = pytest.mark.parametrize("programme", sorted(GATES))


@ALL
@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    age=st.sampled_from(sorted(AGES)),
    prepared=st.booleans(),
    happens=st.lists(actions(hear=HEARD), max_size=25),
)
def test_no_order_of_commands_clears_a_start_without_all_that_its_gate_asks(
    programme: str, age: str, prepared: bool, happens: list[tuple[str, Any]]
) -> None:
    watched = Watched(programme, age)
    watched.check()
    if prepared:
        for before in ("match", "start"):
            watched.everything(before)
    for name, value in happens:
        if name == "step" and value not in GATES[programme]:
            continue
        watched.act(name, value)
        watched.check()
    event(f"cleared {watched.story.told.count('StartCleared') > 0}")
    event(f"held {watched.story.told.count('StartHeld') > 0}")


def asked_first(programme: str) -> list[str]:
    """The steps of an adult's first round, with a job in prospect."""
    return [code for code, asked in GATES[programme].items() if asked.where != "under_age"]


@pytest.mark.parametrize(
    ("programme", "left_out"), [(name, code) for name in sorted(GATES) for code in asked_first(name)]
)
def test_without_any_one_step_there_is_no_start(programme: str, left_out: str) -> None:
    story = Story(programme)
    for _ in range(30):
        possible = [one["code"] for one in story.why["steps"] if one["is_possible_now"]]
        for code in possible[:1] if possible[:1] != [left_out] else possible[1:2]:
            story.do(code)
    assert left_out in {one["code"] for one in story.why["steps"]}
    assert (story.standing_clearance, story.case.cleared) == (None, False)


@ALL
def test_with_every_step_the_start_is_cleared_and_each_round_anew(programme: str) -> None:
    story = Story(programme).prepare()
    assert story.told.count("StartCleared") == 1
    story.hear(MatchAgreed)
    story.hear(PlacementStarted)
    story.hear(PlacementEnded, how="completed", next_step="new_placement")
    assert (story.case.round, story.case.cleared) == (2, False)
    story.prepare()
    assert story.case.cleared
    assert {event.round for event in story.of("StartCleared")} == {1, 2}


# Somebody under eighteen.


def minor(programme: str = "mentorskab") -> Story:
    return Story(programme, born="2009-01-15", guardian=GUARDIAN)


def test_a_guardians_consent_is_asked_of_whoever_is_under_eighteen_or_of_unknown_age() -> None:
    for born, asked in (("2009-01-15", True), (None, True), ("2008-11-23", False), ("2008-11-24", True)):
        codes = {one["code"] for one in Story("mentorskab", born=born).why["steps"]}
        assert ("guardian_consent" in codes) is asked, born


def test_a_guardians_consent_is_the_guardians_to_give() -> None:
    story = minor().prepare()
    assert story.case.consents["guardian_consent"].given_by == "guardian"
    with pytest.raises(Refused, match="guardian_must_consent"):
        story.send(RecordConsent(case_id=story.id, kind="guardian_consent", given_by="candidate"))


def test_a_guardians_consent_that_is_taken_back_holds_the_start() -> None:
    story = minor().prepare()
    story.hear(MatchAgreed)
    taken_back = RecordConsent(case_id=story.id, kind="guardian_consent", given=False, heard_by="phone")
    story.send(taken_back)
    assert (story.case.state, story.told[-1]) == ("matched", "StartHeld")
    assert story.case.consents["guardian_consent"].heard_by == "phone"
    story.do("guardian_consent")
    assert story.told[-1] == "StartCleared"


def test_a_grown_up_sets_no_timer() -> None:
    assert (Story().timers, len(minor().timers)) == ({}, 1)


def test_whoever_comes_of_age_while_the_case_is_over_needs_no_guardian_once_it_is_opened_again() -> None:
    story = minor()
    story.send(WithdrawCase(case_id=story.id))
    story.wait_days(10)
    story.send(ReopenCase(case_id=story.id, reason="wants_again"))
    assert "ComeOfAge" in {type(one.timer).__name__ for one in story.timers.values()}
    story.wait_days(60)
    assert "guardian_consent" not in {one["code"] for one in story.why["steps"]}


def test_whoever_comes_of_age_needs_no_guardian_any_more_and_is_ready_that_day() -> None:
    story = minor()
    for code in ("interview", "share_profile"):
        story.do(code)
    assert story.case.state == "preparing"
    story.wait_days((date(2027, 1, 14) - story.today).days)
    assert story.case.state == "preparing"
    story.wait_days(1)
    assert (story.case.state, story.told[-2:]) == ("ready", ["CaseReady", "ReferralProgressed"])


def test_a_guardian_whom_nobody_knows_gives_no_consent_and_why_not_yet_asks_who_it_is() -> None:
    story = Story("mentorskab", born="2009-01-15")
    story.do("interview")
    for kind in ("guardian_consent", "participation"):
        with pytest.raises(Refused, match="guardian_unknown"):
            story.send(RecordConsent(case_id=story.id, kind=kind, given_by="guardian"))
    story.send(RecordConsent(case_id=story.id, kind="guardian_consent", given=False))
    assert asked_first_of(story) == ("guardian", "caseworker")
    story.tell("guardian")
    assert asked_first_of(story) == (None, "guardian")
    story.do("guardian_consent")
    assert story.case.consents["guardian_consent"].given


def asked_first_of(story: Story) -> tuple[str | None, str]:
    (step,) = (one for one in story.why["steps"] if one["code"] == "guardian_consent")
    return step["lacks"], step["who"]


def test_whose_age_nobody_knows_is_asked_for_the_birth_date_and_no_consent_stands_in_for_it() -> None:
    story = Story("mentorskab", born=None, guardian=GUARDIAN)
    for code in ("interview", "share_profile", "guardian_consent"):
        story.do(code)
    assert asked_first_of(story) == ("birth_date", "caseworker")
    assert story.case.state == "preparing"
    story.tell("birth_date")
    assert (story.case.state, story.case.consents["guardian_consent"].given) == ("ready", True)


def test_a_consent_that_was_given_outlives_that_its_guardian_is_known() -> None:
    story = minor().prepare()
    case = story.case.model_copy(update={"guardian_id": None})
    assert missing(case, rules_of(case, PROGRAMMES), story.today, "match") == ()


# Goals and sub-goals.


def agree(story: Story, *sub_goals: str) -> None:
    goal = GoalInWords(title="Møde til tiden", sub_goals=sub_goals)
    story.send(AgreeGoals(case_id=story.id, goals=(goal,)))


def test_goals_without_a_sub_goal_are_kept_and_clear_no_start_where_sub_goals_are_agreed() -> None:
    story = Story("udviklingspraktik").prepare()
    assert story.case.cleared
    agree(story)
    assert (story.told[-1], story.case.cleared) == ("StartHeld", False)
    assert [goal.title for goal in story.case.goals] == ["Møde til tiden"]
    assert [(one["code"], one["lacks"]) for one in story.why["steps"]] == [("goals", "sub_goal")]
    agree(story, "Tage bussen")
    assert (story.told[-1], story.why["steps"]) == ("StartCleared", [])


def test_sub_goals_of_a_round_before_are_agreed_anew_and_lack_nothing_till_then() -> None:
    story = Story("udviklingspraktik").prepare()
    for heard in (MatchAgreed, PlacementStarted):
        story.hear(heard)
    story.hear(PlacementEnded, how="completed", next_step="new_placement")
    (goals,) = (one for one in story.why["steps"] if one["code"] == "goals")
    assert goals["lacks"] is None


def test_learning_goals_need_no_sub_goals() -> None:
    story = Story("skolepraksis").prepare()
    agree(story)
    assert (story.case.cleared, story.why["steps"]) == (True, [])


# Where a job is in prospect.


@pytest.mark.parametrize(("said", "asked"), [(None, True), (True, True), (False, False)])
def test_what_a_job_in_prospect_asks_is_known_before_the_start(said: bool | None, asked: bool) -> None:
    story = Story("virksomhedspraktik")
    story.send(RecordInterview(case_id=story.id, job_in_prospect=said))
    assert ("job_requirements" in {one["code"] for one in story.why["steps"]}) is asked


def test_a_job_that_comes_into_prospect_holds_a_start_that_was_cleared() -> None:
    story = Story("virksomhedspraktik")
    story.send(RecordInterview(case_id=story.id, job_in_prospect=False))
    story.prepare()
    assert story.told[-1] == "StartCleared"
    story.send(RecordInterview(case_id=story.id, job_in_prospect=True))
    assert (story.told[-1], story.case.state) == ("StartHeld", "matched")
    story.do("job_requirements")
    assert story.told[-1] == "StartCleared"
