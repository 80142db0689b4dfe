"""From a form to a document: what nests, what repeats, and a time that has no offset of its own."""

from __future__ import annotations

import json

import pytest
from starlette.datastructures import FormData

from shared.forms import document_of


def fields(*items: tuple[str, str]) -> dict[str, object]:
    return document_of(FormData(list(items)))[1]


def test_dots_nest_brackets_repeat_and_blanks_are_left_out() -> None:
    assert fields(("a.b", "1"), ("c[]", "x"), ("c[]", "y"), ("d", "  ")) == {"a": {"b": "1"}, "c": ["x", "y"]}


@pytest.mark.parametrize(
    ("zone", "typed", "meant"),
    [
        ("Europe/Copenhagen", "2026-11-25T10:00", "2026-11-25T10:00:00+01:00"),
        ("Europe/Oslo", "2026-07-01T10:00:30", "2026-07-01T10:00:30+02:00"),
        ("Europe/Copenhagen", "2026-13-45T10:00", "2026-13-45T10:00"),
        ("Nowhere/Land", "2026-11-25T10:00", "2026-11-25T10:00"),
        ("../../etc/passwd", "2026-11-25T10:00", "2026-11-25T10:00"),
        ("Europe/Copenhagen", "at 2026-11-25T10:00", "at 2026-11-25T10:00"),
    ],
)
def test_a_typed_moment_is_one_on_the_clock_of_its_page(zone: str, typed: str, meant: str) -> None:
    assert fields(("_zone", zone), ("at", typed)) == {"at": meant}


def test_without_a_zone_what_was_typed_stays() -> None:
    assert fields(("at", "2026-11-25T10:00")) == {"at": "2026-11-25T10:00"}


def asked(name: str, kind: str, *, had: bool = False) -> tuple[str, str]:
    return "_asked", json.dumps({"name": name, "label": "?", "kind": kind, "had": had})


def test_boxes_that_nobody_ticks_any_more_are_an_empty_list() -> None:
    times = asked("profile.times[]", "checkboxes")
    assert fields(times) == {"profile": {"times": []}}
    assert fields(times, ("profile.times[]", "mon-morning")) == {"profile": {"times": ["mon-morning"]}}


def test_a_text_that_was_there_and_is_gone_is_sent_empty_and_one_that_never_was_is_not() -> None:
    assert fields(asked("email", "email", had=True), ("email", " ")) == {"email": ""}
    assert fields(asked("email", "email"), ("email", "")) == {}
    assert fields(asked("born_on", "date", had=True), ("born_on", "")) == {}


def test_a_list_whose_parts_are_all_gone_is_empty() -> None:
    part = asked("activities.0.kind", "select", had=True)
    assert fields(part) == {"activities": []}
    assert fields(part, ("activities.1.kind", "course")) == {"activities": [{"kind": "course"}]}


@pytest.mark.parametrize(
    "nonsense", ["", "[", "[]", "3", '{"name": 3}', '{"name": ""}', '{"kind": "checkboxes"}']
)
def test_a_question_that_is_none_takes_nothing_away(nonsense: str) -> None:
    assert fields(("_asked", nonsense), ("a", "1")) == {"a": "1"}


def test_a_box_that_was_ticked_and_is_not_any_more_says_no_and_one_that_never_was_says_nothing() -> None:
    assert fields(asked("on_enquiry_page", "checkbox", had=True)) == {"on_enquiry_page": "false"}
    ticked = fields(asked("on_enquiry_page", "checkbox", had=True), ("on_enquiry_page", "true"))
    assert ticked == {"on_enquiry_page": "true"}
    assert fields(asked("on_enquiry_page", "checkbox")) == {}
