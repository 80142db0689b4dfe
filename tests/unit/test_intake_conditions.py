"""What a programme asks of its candidates themselves: asked for while nobody knows it, judged once told."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from services.intake.documents import Person
from shared.contracts.intake_commands import RecordInterview
from shared.messages import Refused
from tests.unit.intake_story import GROUPS, Story

NOT_SAID: dict[str, dict[str, Any]] = {
    "target_group": {"candidate__target_group": None},
    "postcode": {"candidate__postcode": None},
    "birth_date": {"born": None},
}
TOLD: dict[str, dict[str, str]] = {
    "target_group": {"target_group": "unemployed", "situation": "unemployed"},
    "postcode": {"postcode": "2640"},
    "birth_date": {"birth_date": "1990-05-05"},
}
ASKED = [
    ("foreningspraktik", "residence_fits", "postcode"),
    ("foreningspraktik", "target_group_fits", "target_group"),
    ("mentorskab", "age_fits", "birth_date"),
]


def told(story: Story, **said: Any) -> None:
    """With the person's row at hand, as whoever is told something new of has it."""
    story.send(RecordInterview.model_validate({"case_id": story.id, **said}))


def lacks(story: Story) -> dict[str, str]:
    return {one["code"]: one["lacks"] for one in story.why["steps"] if one["code"].endswith("_fits")}


def prepared_but_for(story: Story, code: str) -> None:
    for _ in range(30):
        possible = [one["code"] for one in story.why["steps"] if one["is_possible_now"]]
        rest = [one for one in possible if one not in (code, "guardian_consent")]
        if not rest:
            return
        story.do(rest[0])


@pytest.mark.parametrize(("programme", "code", "lack"), ASKED)
def test_what_nobody_has_said_is_asked_before_the_match_and_there_is_none_without_it(
    programme: str, code: str, lack: str
) -> None:
    story = Story(programme, **NOT_SAID[lack])
    assert lacks(story) == {code: lack}
    (line,) = (one for one in story.why["steps"] if one["code"] == code)
    assert (line["before"], line["waits_on"], line["kind"]) == ("match", ["interview"], "interview")
    prepared_but_for(story, code)
    assert lacks(story) == {code: lack}
    assert (story.case.state, story.case.cleared) == ("preparing", False)
    told(story, **TOLD[lack])
    assert lacks(story) == {}
    story.prepare()
    assert story.case.cleared


@pytest.mark.parametrize("programme", GROUPS)
def test_of_whom_all_is_known_nothing_more_is_asked(programme: str) -> None:
    assert lacks(Story(programme)) == {}


def test_the_target_group_of_the_interview_is_told_to_matching_and_judged_as_the_referrals_is() -> None:
    story = Story("foreningspraktik", candidate__target_group=None, candidate__situation=None)
    for group, code in (("refugee", "not_in_target_group"), ("nonsense", "unknown_code")):
        with pytest.raises(Refused) as refused:
            told(story, target_group=group)
        assert (refused.value.code, refused.value.field) == (code, "target_group")
    with pytest.raises(Refused, match="unknown_code"):
        told(story, situation="nonsense")
    told(story, target_group="sick_listed", situation="sick_listed")
    assert (story.case.target_group, story.case.situation) == ("sick_listed", "sick_listed")
    story.prepare("match")
    assert story.of("CaseReady")[-1].target_group == "sick_listed"
    told(story, target_group="unemployed")
    assert story.of("CaseReady")[-1].target_group == "unemployed"


def test_where_a_known_person_lives_is_judged_for_the_case_that_opens() -> None:
    story = Story("foreningspraktik", candidate__postcode=None)
    told(story, postcode="2630")
    assert story.case.is_resident
    with pytest.raises(Refused, match="not_resident"):
        told(Story("foreningspraktik", candidate__postcode=None), postcode="9000")


def test_whose_address_is_secret_is_not_asked_for_it() -> None:
    story = Story("foreningspraktik", candidate__postcode=None, candidate__protected=True)
    assert (lacks(story), story.case.location) == ({}, None)
    assert isinstance(story.state.person, Person) and story.state.person.postcode is None


def test_an_interview_that_more_is_told_of_was_held_when_it_was_unless_another_day_is_said() -> None:
    story = Story("foreningspraktik", candidate__target_group=None)
    held = story.today - timedelta(days=5)
    told(story, held_on=held.isoformat())
    told(story, target_group="unemployed")
    assert [one.on for one in story.case.done] == [held]
    told(story, held_on=story.today.isoformat())
    assert [one.on for one in story.case.done] == [story.today]
