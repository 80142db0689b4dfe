"""What can be done for a case now stands with it: who does it and when it is due, whatever has happened."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from services.intake.rules import add_working_days, standings
from services.intake.settling import rules_of
from shared.contracts.followup import PlacementEnded, PlacementStarted
from shared.contracts.intake_commands import PauseCase, RecordConsent, ResumeCase, WithdrawCase
from shared.contracts.matching import MatchAgreed
from tests.unit.intake_story import GUARDIAN, HOME, PROGRAMMES, Story

KIND = "police_certificate"


def due(story: Story) -> dict[str, date]:
    return {one.step: one.due_on for one in story.case.open_steps}


def possible(story: Story) -> set[str]:
    rules, country = rules_of(story.case, PROGRAMMES), PROGRAMMES.unit(story.case.unit).country
    found = standings(story.case, rules, country, story.today)
    return {one.step.code for one in found if one.is_possible_now}


def test_a_new_case_waits_for_its_interview_for_as_long_as_that_usually_takes() -> None:
    story = Story("foreningspraktik")
    (step,) = story.case.open_steps
    days = story.step("interview").lead_days
    assert (step.step, step.who, step.before) == ("interview", "caseworker", "match")
    assert step.due_on == add_working_days(story.today, days, "DK")


@pytest.mark.parametrize("programme", HOME)
def test_on_the_way_the_open_steps_are_those_that_can_be_done_the_first_due_first(programme: str) -> None:
    story = Story(programme)
    for _ in range(30):
        assert set(due(story)) == possible(story)
        days = [one.due_on for one in story.case.open_steps]
        assert days == sorted(days)
        if story.case.open_steps:
            story.do(story.case.open_steps[0].step)
        elif story.case.state == "ready":
            # What is about the host is left.
            story.hear(MatchAgreed)
        else:
            break
    assert (story.case.state, story.case.cleared) == ("matched", True)


def test_a_certificate_is_due_the_day_it_can_be_ordered_and_then_when_it_should_be_here() -> None:
    story = Story("skolepraksis")
    assert KIND not in due(story)
    story.do("digital_mailbox")
    assert due(story)[KIND] == story.today
    story.wait_days(3)
    story.do("mapping")
    assert due(story)[KIND] == story.today.replace(day=23), "it does not become less due by waiting"
    story.order(KIND)
    lead = story.step(KIND).lead_days
    assert due(story)[KIND] == add_working_days(story.today, lead, "NO")


def test_what_rests_or_is_over_waits_for_nobody_and_what_goes_on_does_again() -> None:
    story = Story("foreningspraktik")
    story.send(PauseCase(case_id=story.id, reason="illness"))
    assert story.case.open_steps == ()
    story.send(ResumeCase(case_id=story.id))
    assert set(due(story)) == {"interview"}
    story.send(WithdrawCase(case_id=story.id, reason="moved"))
    assert story.case.open_steps == ()


def test_what_rests_because_a_consent_was_taken_back_waits_for_it() -> None:
    story = Story("mentorskab").prepare("match")
    story.send(RecordConsent(case_id=story.id, kind="share_profile", given=False))
    assert (story.case.state, story.case.rests_unprepared) == ("paused", True)
    assert "share_profile" in due(story)
    story.do("share_profile")
    assert (story.case.state, "share_profile" in due(story)) == ("ready", False)


def test_from_the_eighteenth_birthday_on_nobody_waits_for_a_guardian() -> None:
    story = Story("udviklingspraktik", born="2008-11-30")
    story.do("interview")
    assert "guardian_consent" in due(story)
    story.wait_days(10)
    assert "guardian_consent" not in due(story)
    assert set(due(story)) == possible(story)


def running(programme: str = "mentorskab", **changes: Any) -> Story:
    story = Story(programme, **changes).prepare()
    story.hear(MatchAgreed)
    story.hear(PlacementStarted)
    assert (story.case.state, story.case.open_steps) == ("started", ())
    return story


def say(story: Story, kind: str, given: bool) -> None:
    story.send(RecordConsent(case_id=story.id, kind=kind, given=given))


@pytest.mark.parametrize("kind", ["share_profile", "participation"])
def test_a_consent_taken_back_while_the_placement_runs_waits_until_it_is_given_again(kind: str) -> None:
    story = running()
    say(story, kind, given=False)
    (step,) = story.case.open_steps
    assert (step.step, step.who, step.due_on, step.taken_back) == (kind, "caseworker", story.today, True)
    story.wait_days(3)
    assert due(story)[kind] < story.today
    story.send(PauseCase(case_id=story.id, reason="illness"))
    assert set(due(story)) == {kind}, "the placement rests, and the consent is still missing"
    say(story, kind, given=True)
    assert story.case.open_steps == ()


def test_a_consent_taken_back_waits_for_nobody_once_the_placement_is_over() -> None:
    story = running()
    say(story, "share_profile", given=False)
    story.hear(PlacementEnded, how="completed", next_step="education")
    assert (story.case.state, story.case.open_steps) == ("ended", ())


def test_a_consent_taken_back_before_the_start_is_missed_when_the_placement_runs_all_the_same() -> None:
    story = Story("mentorskab").prepare()
    story.hear(MatchAgreed)
    say(story, "share_profile", given=False)
    story.hear(PlacementStarted)
    assert [one.taken_back for one in story.case.open_steps] == [True]


def test_a_guardians_consent_taken_back_is_missed_until_the_candidate_is_of_age() -> None:
    story = running(born="2009-01-15", guardian=GUARDIAN)
    say(story, "guardian_consent", given=False)
    assert set(due(story)) == {"guardian_consent"}
    story.wait_days(60)
    assert story.case.open_steps == ()


@pytest.mark.parametrize("kind", ["success_story", "family_meeting", "aftercare"])
def test_a_consent_to_something_beside_the_placement_is_taken_back_and_the_placement_goes_on(
    kind: str,
) -> None:
    story = running()
    say(story, kind, given=False)
    assert story.case.open_steps == ()
