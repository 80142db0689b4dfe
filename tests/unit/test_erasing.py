"""Blanking: whatever contracts and documents mark as identity or free text, and nothing else."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from pydantic import Field

from shared.blanking import blanked, holds_marks
from shared.contracts.intake import CaseTexts, Contact, GoalText, SubGoalText
from shared.contracts.model import FreeText, Identity, Name, Value
from shared.contracts.published import commands, events


class Deep(Value):
    name: Name
    nickname: Identity | None = None
    notes: tuple[FreeText, ...] = ()
    by_day: dict[str, FreeText] = Field(default_factory=dict)
    plain: str = "stays"
    inner: tuple[SubGoalText, ...] | None = None
    one: SubGoalText | None = None


def test_a_contact_keeps_its_ids_alone() -> None:
    person = uuid4()
    contact = Contact(person_id=person, version=3, name="Amina Eksempel", email="a@example.org", phone="+45")
    blank = blanked(contact)
    assert (blank.person_id, blank.version) == (person, 3)
    assert (blank.name, blank.email, blank.phone) == ("", None, None)


def test_goals_lose_their_titles_and_keep_their_ids() -> None:
    goal, sub = uuid4(), uuid4()
    texts = CaseTexts(
        case_id=uuid4(),
        version=1,
        presentation="Glad for heste",
        goals=(GoalText(goal_id=goal, title="Møde", sub_goals=(SubGoalText(sub_goal_id=sub, title="Bus"),)),),
    )
    (blank,) = blanked(texts).goals
    assert (blank.goal_id, blank.title) == (goal, "")
    assert [(one.sub_goal_id, one.title) for one in blank.sub_goals] == [(sub, "")]


def test_lists_mappings_and_options_are_blanked_however_deep() -> None:
    sub = SubGoalText(sub_goal_id=uuid4(), title="Bus")
    deep = Deep(name="Bo", nickname="B", notes=("en", "to"), by_day={"mon": "tre"}, inner=(sub,), one=sub)
    blank = blanked(deep)
    assert (blank.name, blank.nickname, blank.notes, blank.by_day) == ("", None, ("", ""), {"mon": ""})
    assert blank.plain == "stays"
    assert blank.inner is not None and blank.one is not None
    assert [one.title for one in (*blank.inner, blank.one)] == ["", ""]


@pytest.mark.parametrize("name", sorted({**events(), **commands()}))
def test_a_contract_without_marks_is_blanked_to_itself(name: str) -> None:
    model = {**events(), **commands()}[name]
    if not holds_marks(model):
        values: dict[str, Any] = dict.fromkeys(model.model_fields, "kept")
        value = model.model_construct(**values)
        assert blanked(value) == value
