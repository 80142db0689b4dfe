"""A refused form asked again: its questions, what was typed, and what is wrong at which field."""

from __future__ import annotations

import json
from typing import Any

from shared.retyping import Retyped, retyped

LISTS = {"times": [("mon-morning", "Mandag formiddag"), ("tue-evening", "Tirsdag aften")]}


def asked(name: str, kind: str = "text", **more: Any) -> tuple[str, str]:
    return "_asked", json.dumps({"name": name, "label": name.title(), "kind": kind, **more})


def again(*items: tuple[str, str], errors: Any = ()) -> Retyped:
    found = retyped("/intake/api/commands/PauseCase", items, errors, LISTS.__getitem__)
    assert found is not None
    return found


def test_what_was_typed_stands_in_its_field_again() -> None:
    form = again(
        asked("note", "textarea", attributes={"rows": 6, "onclick": "x"}), ("note", "Hej <b>\n  med dig")
    )
    (field,) = form.fields
    assert (field["kind"], field["value"]) == ("textarea", "Hej <b>\n  med dig")
    assert field["attributes"] == {"rows": 6}


def test_what_was_chosen_is_chosen_again_among_the_same_choices() -> None:
    form = again(
        asked("times[]", "checkboxes", list="times"),
        ("times[]", "mon-morning"),
        asked("reason", "select", options=[["a", "Den ene"], ["b", "Den anden"]]),
        ("reason", "b"),
        asked("agreed", "checkbox"),
    )
    times, reason, agreed = form.fields
    assert (times["value"], times["options"]) == (["mon-morning"], LISTS["times"])
    assert (reason["value"], reason["options"]) == ("b", [("a", "Den ene"), ("b", "Den anden")])
    assert agreed["value"] == ""


def test_what_was_left_alone_stands_apart_from_what_was_answered_or_must_be() -> None:
    faults = [{"code": "missing", "field": "wrong", "message": "Nej"}]
    form = again(
        *(asked("note", "textarea"), ("note", "Hej"), asked("empty"), asked("wrong")),
        asked("needed", required=True),
        errors=faults,
    )
    assert [one["name"] for one in form.answered] == ["note", "wrong", "needed"]
    assert [one["name"] for one in form.left_alone] == ["empty"]


def test_what_was_sent_unseen_is_sent_again_and_what_is_the_pages_own_is_not() -> None:
    form = again(
        ("Idempotency-Key", "k"),
        ("version", "3"),
        ("return_to", "/"),
        ("case_id", "c-1"),
        ("token", "t"),
        asked("note"),
        ("answer", "yes"),
    )
    assert form.hidden == (("case_id", "c-1"), ("token", "t"), ("answer", "yes"))


def test_a_fault_leads_to_the_question_that_its_list_was_asked_by() -> None:
    faults = [
        {"code": "missing", "field": "times.0", "message": "En"},
        {"code": "missing", "field": "hours.min", "message": "To"},
        {"code": "missing", "field": "case_id", "message": "Tre"},
    ]
    form = again(asked("times[]", "checkboxes", list="times"), asked("hours.min", "number"), errors=faults)
    assert [fault["field"] for fault in form.errors] == ["times[]", "hours.min", ""]


def test_what_is_no_question_is_left_out() -> None:
    strange = ["{", "[]", "null", '{"name": 1, "label": "x", "kind": "text"}']
    strange += [
        '{"name": "a b", "label": "x", "kind": "text"}',
        '{"name": "a", "label": "x", "kind": "script"}',
    ]
    items = [("_asked", one) for one in strange]
    assert retyped("/x", items, (), LISTS.__getitem__) is None
    unknown_list = again(asked("times", "select", list="no such list"))
    assert list(unknown_list.fields[0]["options"]) == []
