"""The lists' calculations: filters in an address, how a certificate stands, what takes longest in words."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from services.intake.case_list import Filters
from services.intake.case_page import slowest
from services.intake.documents import Certificate
from services.intake.due_queries import stands
from shared.contracts.intake_commands import RecordInterview
from tests.unit.intake_story import PROGRAMMES, Story

TODAY = date(2026, 11, 23)
RULE = next(
    one
    for one in PROGRAMMES.rules("skolepraksis", "NO-3222", TODAY).certificates
    if one.kind == "police_certificate"
)
LATER = TODAY + timedelta(days=400)


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        ({}, "order"),
        ({"asked_on": TODAY}, "order"),
        ({"ordered_on": TODAY}, "awaited"),
        ({"shown_on": TODAY, "valid_until": LATER}, None),
        ({"shown_on": TODAY}, None),
        ({"shown_on": TODAY, "valid_until": TODAY + timedelta(days=RULE.renew_days)}, "renew"),
        ({"shown_on": TODAY, "valid_until": TODAY + timedelta(days=RULE.renew_days + 1)}, None),
        ({"shown_on": TODAY, "valid_until": TODAY}, "renew"),
        ({"shown_on": TODAY - timedelta(days=9), "valid_until": TODAY - timedelta(days=1)}, "lapsed"),
        ({"shown_on": TODAY - timedelta(days=9), "valid_until": TODAY, "ordered_on": TODAY}, "awaited"),
    ],
)
def test_how_a_certificate_stands(known: dict[str, Any], expected: str | None) -> None:
    # What was shown long ago is to be renewed from the day that its rule gives.
    if "shown_on" in known:
        known = {**known, "shown_on": known["shown_on"] - timedelta(days=300)}
    found = stands(Certificate(**known), RULE, "NO", TODAY)
    assert (found[0] if found else None) == expected


def test_filters_stand_in_the_address_and_what_is_none_of_ours_does_not() -> None:
    filters = Filters.of({"q": " Bo & Co ", "state": "ready", "onclick": "x", "due": 7, "unit": ""})
    assert filters == Filters(q="Bo & Co", state="ready")
    assert filters.address() == "/intake/cases?q=Bo+%26+Co&state=ready"
    assert filters.address(state="") == "/intake/cases?q=Bo+%26+Co"
    assert Filters().address() == "/intake/cases"
    assert not Filters(whose="mine", sort="newest").is_narrowed
    assert replace(filters, whose="all").is_narrowed


def says(story: Story) -> tuple[str, str | None, str] | None:
    found = slowest(story.why, story.case, story.today)
    return (found["says"], found["code"], found["day"]) if found else None


def test_what_takes_longest_is_a_certificate_that_can_be_ordered_later_now_or_is_ordered() -> None:
    story = Story("skolepraksis")
    first = says(story)
    assert first is not None and first[:2] == ("order_later", "police_certificate")
    story.do("digital_mailbox")
    now = says(story)
    assert now is not None and now[:2] == ("order_now", "police_certificate")
    story.order("police_certificate")
    ordered = says(story)
    assert ordered == ("ordered", "police_certificate", now[2])


def test_it_is_a_step_or_the_candidates_own_first_day_or_nothing() -> None:
    story = Story("foreningspraktik")
    first = says(story)
    assert first is not None and first[0] == "step"
    far = (story.today + timedelta(days=90)).isoformat()
    story.send(RecordInterview.model_validate({"case_id": story.id, "profile": {"available_from": far}}))
    assert says(story) == ("available_from", None, far)
    assert says(Story("foreningspraktik").prepare()) is None
