"""The interview, changed wishes, saying no and opening again: what each records, tells and refuses."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from shared.contracts.followup import PlacementEnded, PlacementStarted
from shared.contracts.intake import CaseReady, ReferralProgressed
from shared.contracts.intake_commands import (
    ChangeWishes,
    DeclineCandidate,
    PauseCase,
    RecordInterview,
    ReopenCase,
    ResumeCase,
    WithdrawCase,
)
from shared.contracts.matching import MatchAgreed
from shared.messages import Refused
from tests.unit.intake_story import Story


def interview(story: Story, **said: Any) -> None:
    story.send(RecordInterview.model_validate({"case_id": story.id, **said}))


def ready(story: Story) -> CaseReady:
    found: CaseReady = story.of("CaseReady")[-1]
    return found


def test_what_is_said_is_kept_and_what_is_not_said_again_stays() -> None:
    story = Story("virksomhedspraktik")
    interview(
        story,
        experience="Ti år som kok",
        education="Kokkeskole i Aleppo",
        education_level="skilled",
        foreign_recognition="under_assessment",
        interests="Madlavning",
        options=["kitchen", "care"],
        job_in_prospect=True,
        groups=["language"],
        presentation="Glad for mennesker",
    )
    interview(story, interests="Madlavning og heste")
    case = story.case
    assert (case.experience, case.education_level, case.options) == (
        "Ti år som kok",
        "skilled",
        ("kitchen", "care"),
    )
    assert (case.interests, case.foreign_recognition) == ("Madlavning og heste", "under_assessment")
    assert (case.job_in_prospect, case.groups) == (True, ("language",))


def test_what_is_left_empty_on_purpose_is_taken_away() -> None:
    story = Story("virksomhedspraktik")
    interview(story, interests="Madlavning", groups=["language"], options=["kitchen"], presentation="Glad")
    interview(story, interests="", groups=[], options=[])
    case = story.case
    assert (case.interests, case.groups, case.options, case.presentation) == (None, (), (), "Glad")


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ("options", {"options": ["nonsense"]}),
        ("education_level", {"education_level": "nonsense"}),
        ("foreign_recognition", {"foreign_recognition": "nonsense"}),
        ("groups", {"groups": ["nonsense"]}),
        ("parallel_activities.kind", {"parallel_activities": [{"kind": "nonsense"}]}),
        ("parallel_activities.times", {"parallel_activities": [{"kind": "course", "times": ["noon"]}]}),
        ("profile.times", {"profile": {"times": ["noon"]}}),
        ("profile.languages", {"profile": {"languages": {"xx": "A1"}}}),
        ("profile.wishes.industries", {"profile": {"wishes": [{"industries": ["nonsense"]}]}}),
    ],
)
def test_a_code_that_does_not_exist_is_refused_at_its_field(field: str, said: dict[str, Any]) -> None:
    story = Story()
    with pytest.raises(Refused) as refused:
        interview(story, **said)
    assert (refused.value.code, refused.value.field, refused.value.status) == ("unknown_code", field, 422)


LESSONS = {"kind": "language_lessons", "times": ["mon-morning", "tue-morning"], "hours_per_week": 8}


def test_parallel_activities_take_their_times_and_hours() -> None:
    story = Story().prepare("match")
    profile = {"times": ["mon-morning", "wed-morning"], "hours_per_week": {"min": 5, "max": 20}}
    interview(story, profile=profile, parallel_activities=[LESSONS])
    told = ready(story).profile
    assert told.times == ("wed-morning",)
    assert told.hours_per_week is not None
    assert (told.hours_per_week.min, told.hours_per_week.max) == (5, 12)
    assert story.case.profile.times == ("mon-morning", "wed-morning"), "what was said stays"
    interview(story, parallel_activities=[])
    assert ready(story).profile.times == ("mon-morning", "wed-morning")


def test_whoever_named_no_times_has_all_others_left() -> None:
    story = Story().prepare("match")
    interview(story, profile={"times": []}, parallel_activities=[LESSONS])
    assert len(ready(story).profile.times) == 19


def test_activities_that_leave_no_time_at_all_are_refused_for_no_times_would_mean_all() -> None:
    story = Story()
    with pytest.raises(Refused, match="no_time_left"):
        interview(story, profile={"times": ["mon-morning"]}, parallel_activities=[LESSONS])


def test_hours_never_fall_below_none() -> None:
    story = Story().prepare("match")
    interview(story, profile={"hours_per_week": {"min": 1, "max": 5}}, parallel_activities=[LESSONS])
    hours = ready(story).profile.hours_per_week
    assert hours is not None
    assert (hours.min, hours.max) == (0, 0)


def test_a_certificate_is_shown_and_never_talked_into_the_profile() -> None:
    story = Story().prepare("match")
    interview(story, profile={"certificates": ["police_certificate"]})
    assert story.case.profile.certificates == ()


def test_a_guardian_who_is_told_of_is_a_person_with_a_part_in_the_case() -> None:
    story = Story("mentorskab", born="2009-01-15")
    interview(story, guardian={"name": "Gerda Værge", "phone": "70 10 20 30"})
    assert story.state.guardian is not None
    assert (story.case.guardian_id, story.state.guardian.phone) == (story.state.guardian.id, "+4570102030")
    assert story.of("Contact")[-1].name == "Gerda Værge"
    interview(story, guardian={"name": "Gerda Værge", "email": "gerda@example.org"})
    assert story.of("Contact")[-1].version == 2
    story.prepare("match")
    assert [party.role for party in ready(story).parties] == ["candidate", "guardian"]
    with pytest.raises(Refused, match="bad_email"):
        interview(story, guardian={"name": "Gerda Værge", "email": "no address"})


def test_a_birth_date_that_nobody_had_said_says_whether_a_guardian_is_needed() -> None:
    story = Story("mentorskab", born=None)
    interview(story, birth_date="1990-05-05")
    assert "guardian_consent" not in {one["code"] for one in story.why["steps"]}
    assert story.state.person is not None
    assert str(story.state.person.birth_date) == "1990-05-05"
    with pytest.raises(Refused, match="birth_date_known"):
        interview(story, birth_date="1990-05-06")


def test_what_the_referral_did_not_say_of_the_candidate_is_told_at_the_interview() -> None:
    unsaid = ("email", "phone", "postcode", "gender")
    nothing: dict[str, Any] = {f"candidate__{name}": None for name in unsaid}
    story = Story(**nothing)
    assert (story.case.location, story.state.person and story.state.person.channel) == (None, "letter")
    interview(story, email=" amina@example.org ", phone="70 10 20 30", postcode="2630", gender="x")
    person = story.state.person
    assert person is not None
    assert (person.email, person.phone, person.postcode) == ("amina@example.org", "+4570102030", "2630")
    assert (person.gender, person.channel, person.contact_version) == ("x", "email", 2)
    assert story.of("Contact")[-1].email == "amina@example.org"
    assert story.case.location is not None
    interview(story, email="other@example.org")
    assert story.of("Contact")[-1].version == 3
    assert story.state.person is not None
    assert story.state.person.postcode == "2630", "what is not said stays"


def test_nobody_is_told_where_a_protected_candidate_lives() -> None:
    story = Story(candidate__protected=True, candidate__postcode=None)
    interview(story, postcode="2630")
    assert story.case.location is None
    assert story.state.person is not None
    assert story.state.person.postcode == "2630"


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"email": "no address"}, "bad_email"),
        ({"phone": "12"}, "bad_phone"),
        ({"postcode": "26300"}, "bad_postcode"),
        ({"postcode": "9000"}, "not_resident"),
        ({"birth_date": "2015-05-05"}, "age_outside_programme"),
        ({"birth_date": "1850-05-05"}, "age_outside_programme"),
    ],
)
def test_what_the_referral_would_have_been_refused_for_is_refused_at_the_interview(
    said: dict[str, str], code: str
) -> None:
    story = Story("mentorskab" if "birth_date" in said else "foreningspraktik", born=None)
    with pytest.raises(Refused) as refused:
        interview(story, **said)
    assert (refused.value.code, refused.value.field, refused.value.status) == (code, *said, 422)
    assert "interview" in {one["code"] for one in story.why["steps"]}


def test_an_age_that_was_corrected_out_of_the_programme_is_refused_at_the_interview_too() -> None:
    story = Story("mentorskab")
    young = story.case.model_copy(update={"of_age_on": date(2032, 3, 1)})
    story.state = replace(story.state, case=young)
    with pytest.raises(Refused, match="age_outside_programme"):
        interview(story)
    story.send(DeclineCandidate(case_id=story.id, reason="other"))
    assert story.case.state == "declined"


def test_changed_wishes_are_told_again() -> None:
    story = Story("mentorskab").prepare()
    wishes = [{"plan": "A", "industries": ["care"]}, {"plan": "B"}]
    story.send(ChangeWishes.model_validate({"case_id": story.id, "wishes": wishes}))
    assert [wish.industries for wish in ready(story).profile.wishes] == [("care",)]
    with pytest.raises(Refused, match="unknown_code"):
        wishes = [{"industries": ["nonsense"]}]
        story.send(ChangeWishes.model_validate({"case_id": story.id, "wishes": wishes}))


# Saying no, and opening again.


def statuses(story: Story) -> list[str]:
    return [event.status for event in story.events if isinstance(event, ReferralProgressed)]


def no(story: Story, **more: Any) -> DeclineCandidate:
    return DeclineCandidate(case_id=story.id, reason="wish_too_specific", **more)


@pytest.mark.parametrize("state", ["preparing", "ready", "paused"])
def test_no_is_said_with_a_coded_reason_and_where_else_to_go(state: str) -> None:
    story = Story("mentorskab")
    if state != "preparing":
        story.prepare()
    if state == "paused":
        story.send(PauseCase(case_id=story.id, reason="illness"))
    story.send(no(story, support="guidance", heard_by="phone"))
    case = story.case
    assert (case.state, case.reason, case.support, case.heard_by) == (
        "declined",
        "wish_too_specific",
        "guidance",
        "phone",
    )
    assert story.of("CaseClosed")[-1].reason == "declined"
    assert statuses(story)[-1] == "ended"
    assert (story.told[-2] == "StartHeld") == (state == "ready")
    assert story.case.ended_on == story.today


@pytest.mark.parametrize(
    "more", [{"reason": "nonsense"}, {"support": "nonsense"}, {"heard_by": "carrier_pigeon"}]
)
def test_no_is_said_in_codes_alone(more: dict[str, str]) -> None:
    story = Story()
    with pytest.raises(Refused, match="unknown_code"):
        story.send(DeclineCandidate.model_validate({"case_id": story.id, "reason": "other", **more}))


def test_no_is_not_said_any_more_once_something_is_agreed() -> None:
    story = Story().prepare()
    story.hear(MatchAgreed)
    for _ in range(2):
        with pytest.raises(Refused, match="not_in_this_state"):
            story.send(no(story))
        if story.case.state != "paused":
            story.send(PauseCase(case_id=story.id, reason="illness"))


def ended(story: Story) -> None:
    story.hear(MatchAgreed)
    story.hear(PlacementStarted)
    story.hear(PlacementEnded, how="completed", next_step="education")


@pytest.mark.parametrize("over", ["ended", "withdrawn", "declined"])
def test_what_is_over_is_opened_again_in_a_new_round(over: str) -> None:
    story = Story("mentorskab").prepare()
    if over == "ended":
        ended(story)
    else:
        story.send(no(story) if over == "declined" else WithdrawCase(case_id=story.id))
    assert story.case.state == over
    story.send(ReopenCase(case_id=story.id, reason="wants_again"))
    assert (story.case.state, story.case.round, story.case.ended_on) == ("ready", 2, None)
    assert ready(story).round == 2
    assert statuses(story)[-1] == "ready"
    assert {one["code"] for one in story.why["steps"]} == {"expectations_aligned"}


def test_opening_again_takes_a_reason_and_something_that_is_over() -> None:
    story = Story()
    with pytest.raises(Refused, match="not_in_this_state"):
        story.send(ReopenCase(case_id=story.id, reason="wants_again"))
    story.send(WithdrawCase(case_id=story.id))
    with pytest.raises(Refused, match="unknown_code"):
        story.send(ReopenCase(case_id=story.id, reason="nonsense"))
    with pytest.raises(Refused, match="not_in_this_state"):
        story.send(ResumeCase(case_id=story.id))


@pytest.mark.parametrize(("programme", "needs"), [("mentorskab", False), ("virksomhedspraktik", True)])
def test_where_the_candidates_choice_does_not_decide_a_withdrawal_takes_a_reason(
    programme: str, needs: bool
) -> None:
    story = Story(programme)
    if needs:
        with pytest.raises(Refused, match="reason_missing"):
            story.send(WithdrawCase(case_id=story.id))
        story.send(WithdrawCase(case_id=story.id, reason="illness", heard_by="letter"))
        assert story.case.heard_by == "letter"
    else:
        story.send(WithdrawCase(case_id=story.id))
        assert story.case.reason == "candidate_withdrew"
