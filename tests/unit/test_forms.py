"""From a form to a document: what nests, what repeats, and a time that has no offset of its own."""

from __future__ import annotations

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
