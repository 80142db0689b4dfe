"""What is written when a step is done: asked where the programme asks for it, kept, corrected."""

from __future__ import annotations

from typing import Any

import pytest

from shared.contracts.followup import PlacementEnded, PlacementStarted
from shared.contracts.intake_commands import CompletePreparation, RecordInterview
from shared.contracts.matching import MatchAgreed
from shared.messages import Refused
from tests.unit.intake_story import PROGRAMMES, Story, done

RECORDED = {
    "foreningspraktik": {"expectations_aligned", "purpose_stated"},
    "mentorskab": {"expectations_aligned"},
    "skolepraksis": {"roles_tasks_clear", "follow_up_plan"},
    "virksomhedspraktik": {"expectations_aligned", "purpose_stated", "job_requirements"},
    "udviklingspraktik": {"expectations_aligned", "purpose_stated"},
}
BOTH = {"personal_mentor": True, "workplace_mentor": False}


def interviewed(programme: str) -> Story:
    story = Story(programme)
    story.send(RecordInterview(case_id=story.id))
    return story


def refused(story: Story, **said: Any) -> tuple[tuple[str, str], ...]:
    with pytest.raises(Refused) as found:
        story.send(CompletePreparation(case_id=story.id, **said))
    return tuple((code, field) for code, field, _ in found.value.errors)


@pytest.mark.parametrize("programme", RECORDED)
def test_what_is_agreed_is_recorded_where_the_programme_speaks_of_it(programme: str) -> None:
    rules = PROGRAMMES.rules(programme, Story(programme).case.unit, Story(programme).today)
    assert {step.code for step in rules.preparation if step.needs == "note"} == RECORDED[programme]


@pytest.mark.parametrize("note", [None, "", " \n "])
def test_a_step_that_needs_a_note_is_not_done_without_one(note: str | None) -> None:
    story = interviewed("virksomhedspraktik")
    before = story.case
    assert refused(story, step="purpose_stated", note=note) == (("note_missing", "note"),)
    assert story.case == before


def test_the_requirements_of_a_job_in_prospect_clear_no_start_unless_they_are_written_down() -> None:
    story = Story("virksomhedspraktik")
    story.prepare("match").hear(MatchAgreed)
    while [one["code"] for one in story.why["steps"]] != ["job_requirements"]:
        possible = [one["code"] for one in story.why["steps"] if one["is_possible_now"]]
        story.do(next(code for code in possible if code != "job_requirements"))
    assert refused(story, step="job_requirements") == (("note_missing", "note"),)
    assert not story.case.cleared
    story.send(CompletePreparation(case_id=story.id, step="job_requirements", note="Kørekort inden maj"))
    assert story.case.cleared


def test_a_step_done_again_corrects_what_was_written_and_each_round_keeps_its_own() -> None:
    story = Story("foreningspraktik").prepare()
    corrected = CompletePreparation(case_id=story.id, step="purpose_stated", note="  Prøve køkkenet  ")
    story.send(corrected)
    assert written(story, "purpose_stated") == [(1, "Prøve køkkenet")]
    story.hear(MatchAgreed)
    story.hear(PlacementStarted)
    story.hear(PlacementEnded, how="completed", next_step="new_placement")
    story.prepare()
    assert written(story, "purpose_stated") == [(1, "Prøve køkkenet"), (2, "Aftalt i dag")]


def written(story: Story, code: str) -> list[tuple[int, str | None]]:
    return [(one.round, one.note) for one in story.case.done if one.step == code]


def test_each_kind_of_mentor_is_considered_before_the_step_is_done() -> None:
    story = interviewed("udviklingspraktik")
    (step,) = (one for one in story.why["steps"] if one["code"] == "mentor_kinds_considered")
    assert step["considers"] == list(BOTH)
    for considered, missing in (({}, list(BOTH)), ({"personal_mentor": False}, ["workplace_mentor"])):
        found = refused(story, step="mentor_kinds_considered", considered=considered)
        assert found == tuple(("not_considered", f"considered.{kind}") for kind in missing)
    story.send(CompletePreparation(case_id=story.id, step="mentor_kinds_considered", considered=BOTH))
    assert story.case.done[-1].considered == BOTH


def test_what_a_step_does_not_ask_about_is_not_answered() -> None:
    story = interviewed("udviklingspraktik")
    more = BOTH | {"spare_mentor": True}
    found = refused(story, step="mentor_kinds_considered", considered=more)
    assert found == (("unknown_code", "considered.spare_mentor"),)
    assert refused(story, step="cv_begun", considered=BOTH)[0][0] == "unknown_code"
    story.send(done(story.id, story.step("mentor_kinds_considered")))
