"""What each programme asks before a match and before a start, as the documents have it: one table each.

The tables are written by hand, so that a definition that loses a step of its gate is found here.
"""

from __future__ import annotations

import pytest

from services.intake.rules import asked_steps, missing
from services.intake.settling import rules_of
from services.intake.telling import TIMES
from tests.unit.intake_gates import EACH, FIRST, GATES, Asked
from tests.unit.intake_story import HOME, PROGRAMMES, Story

ALL = pytest.mark.parametrize("programme", sorted(GATES))


def test_every_programme_has_its_table() -> None:
    assert set(GATES) == set(PROGRAMMES.names)


@ALL
def test_a_programme_asks_what_its_documents_ask_and_nothing_else(programme: str) -> None:
    rules = PROGRAMMES.rules(programme, HOME[programme], Story(programme).today)
    found = {
        step.code: Asked(
            step.before,
            step.kind,
            EACH if step.each_round else FIRST if step.first_round_only else "once",
            step.only_where or "always",
            step.needs == "sub_goals",
        )
        for step in rules.preparation
    }
    assert found == GATES[programme]


@ALL
def test_everything_before_a_match_and_a_start_is_missing_at_first(programme: str) -> None:
    story = Story(programme)
    rules = rules_of(story.case, PROGRAMMES)
    for before in ("match", "start"):
        wanted = {
            code
            for code, asked in GATES[programme].items()
            if asked.before == before and asked.where != "under_age"
        }
        assert {step.code for step in missing(story.case, rules, story.today, before)} == wanted


@ALL
def test_a_later_placement_asks_again_for_what_each_round_asks_for(programme: str) -> None:
    story = Story(programme).prepare()
    second = story.case.model_copy(update={"round": 2})
    rules = rules_of(second, PROGRAMMES)
    lacks = {
        step.code
        for step in asked_steps(second, rules, story.today)
        if step in missing(second, rules, story.today, step.before)
    }
    again = {code for code, asked in GATES[programme].items() if asked.rounds == EACH}
    assert lacks == again


@pytest.mark.parametrize("programme", ["foreningspraktik", "virksomhedspraktik", "udviklingspraktik"])
def test_the_purpose_is_stated_for_the_first_placement_and_for_later_ones(programme: str) -> None:
    assert GATES[programme]["purpose_stated"].rounds == EACH
    assert GATES[programme]["expectations_aligned"].rounds == FIRST


def test_a_school_placement_goes_from_mapping_to_a_follow_up_plan_in_order() -> None:
    order = ("mapping", "career_guidance", "booklet_meeting", "quiz", "test", "roles_tasks_clear")
    story = Story("skolepraksis")
    for first, then in zip(order, (*order[1:], "follow_up_plan"), strict=True):
        assert story.step(first).code in story.step(then).after or first == "roles_tasks_clear"
    assert set(story.step("follow_up_plan").after) == {"roles_tasks_clear", "learning_goals"}


def test_the_parts_of_the_week_are_those_of_the_code_list() -> None:
    assert PROGRAMMES.codes.lists["times"] == TIMES
