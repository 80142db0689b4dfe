"""Why not yet: doing exactly what it lists, on its days, makes the start possible on its day and not before.

The plan is the first answer; the case is then lived day by day, over weekends and the holidays of the unit's
country, and asked again each day.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Collection
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.intake.rules import add_working_days, working_days_before
from shared.contracts.intake import Profile
from shared.contracts.intake_commands import (
    PauseCase,
    RecordCertificateShown,
    RecordConsent,
    RecordInterview,
    ResumeCase,
)
from shared.contracts.matching import MatchAgreed
from shared.messages import Refused
from tests.unit.intake_gates import GATES
from tests.unit.intake_story import GROUPS, GUARDIAN, HOME, PROGRAMMES, Story

KIND = "police_certificate"
AGES: dict[str, Callable[[date], str | None]] = {
    "adult": lambda _: "1971-07-07",
    "seventeen": lambda on: (on - timedelta(days=17 * 365 + 30)).isoformat(),
    "unknown": lambda _: None,
}
DAYS = st.dates(date(2026, 1, 1), date(2027, 12, 31))


def begun(
    programme: str,
    on: date,
    done: set[str],
    *,
    born: str | None = "1971-07-07",
    ordered: bool = False,
    valid_days: int | None = None,
    available_in: int | None = None,
    unsaid: Collection[str] = (),
) -> Story:
    """A case opened that day on which some of the preparation has been done already; of the candidate the
    referral left out what is `unsaid`."""
    left_out = {f"candidate__{name}": None for name in unsaid}
    story = Story(programme, born=born, now=datetime(on.year, on.month, on.day, 9, tzinfo=UTC), **left_out)
    for code in GATES[programme]:
        try:
            if code in done:
                story.do(code)
        except Refused:
            continue
    if available_in is not None:
        profile = Profile(available_from=story.today + timedelta(days=available_in))
        story.send(RecordInterview(case_id=story.id, profile=profile))
    if valid_days is not None:
        until = story.today + timedelta(days=valid_days)
        story.send(RecordCertificateShown(case_id=story.id, kind=KIND, valid_until=until))
    if ordered and programme == "skolepraksis" and "digital_mailbox" in done:
        story.order(KIND)
    return story


def is_possible(story: Story) -> bool:
    """Whether somebody could start today."""
    cleared = story.standing_clearance
    return cleared is not None and cleared.earliest_start <= story.today


def live(story: Story, plan: dict[str, dict[str, Any]]) -> None:
    """Do today what the plan has for today, each step after those it waits on."""
    today = story.today.isoformat()
    to_order = [code for code, step in plan.items() if step.get("order_from") == today]
    to_do = [code for code, step in plan.items() if step["earliest_on"] == today]
    while True:
        possible = {step["code"]: step["lacks"] for step in story.why["steps"] if step["is_possible_now"]}
        doing = next((code for code in to_do if code in possible), None)
        ordering = next((code for code in to_order if code in possible), None)
        if doing is not None:
            lacks = possible[doing]
            told: dict[str | None, Any] = {
                "birth_date": "1990-05-05",
                "guardian": GUARDIAN,
                "postcode": "2630",
                "target_group": GROUPS[story.case.programme],
            }
            if lacks in told:
                story.send(RecordInterview.model_validate({"case_id": story.id, lacks: told[lacks]}))
            else:
                story.do(doing)
                to_do.remove(doing)
        elif ordering is not None:
            story.order(ordering)
            to_order.remove(ordering)
        elif story.case.state == "ready" and any("match" in step["waits_on"] for step in plan.values()):
            # As the plan has it, on the first day on which there can be one.
            story.hear(MatchAgreed, starts_on=story.today)
        else:
            return


@pytest.mark.parametrize("programme", sorted(GATES))
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    on=DAYS,
    done=st.sets(st.sampled_from(sorted({code for gate in GATES.values() for code in gate}))),
    age=st.sampled_from(sorted(AGES)),
    ordered=st.booleans(),
    valid_days=st.none() | st.integers(0, 60),
    available_in=st.none() | st.integers(0, 60),
    unsaid=st.sets(st.sampled_from(["postcode", "target_group"])),
    agreed_in=st.none() | st.integers(0, 40),
    pauses=st.booleans(),
)
def test_doing_what_it_lists_on_its_days_makes_the_start_possible_on_its_day_and_not_before(
    programme: str,
    on: date,
    done: set[str],
    age: str,
    agreed_in: int | None,
    pauses: bool,
    **more: Any,
) -> None:
    if agreed_in is not None:
        more["unsaid"] = ()
    story = begun(programme, on, done, born=AGES[age](on), **more)
    if agreed_in is not None:
        story.prepare("match")
        story.hear(MatchAgreed, starts_on=story.today + timedelta(days=agreed_in))
    if pauses:
        story.send(PauseCase(case_id=story.id, reason="illness"))
        assert (story.why["rests"]["reason"], story.why["earliest_start_on"]) == ("illness", None)
        story.send(ResumeCase(case_id=story.id))
    first = story.why
    plan = {step["code"]: step for step in first["steps"]}
    start = date.fromisoformat(first["earliest_start_on"])
    while story.today < start:
        live(story, plan)
        assert not is_possible(story)
        assert story.why["earliest_start_on"] == first["earliest_start_on"], story.today
        story.wait_days(1)
    live(story, plan)
    assert is_possible(story), story.why


@settings(max_examples=25, deadline=None)
@given(on=DAYS)
def test_a_certificate_that_is_ordered_a_day_late_delays_the_start(on: date) -> None:
    story = begun("skolepraksis", on, {"digital_mailbox"})
    (certificate,) = (step for step in story.why["steps"] if step["code"] == KIND)
    assert certificate["order_by"] == certificate["order_from"], "it is the longest chain"
    assert story.why["longest_chain"] == [KIND]
    start = story.why["earliest_start_on"]
    while story.today.isoformat() <= certificate["order_by"]:
        story.wait_days(1)
    assert story.why["earliest_start_on"] > start


@given(day=DAYS, count=st.integers(0, 60), country=st.sampled_from(["DK", "NO"]))
def test_working_days_backwards_is_the_last_day_from_which_they_fit(
    day: date, count: int, country: str
) -> None:
    last = working_days_before(day, count, country)
    assert add_working_days(last, count, country) <= day
    assert add_working_days(last + timedelta(days=1), count, country) > day or count == 0


def test_it_says_who_must_do_what_and_which_chain_decides() -> None:
    why = Story("skolepraksis").why
    steps = {step["code"]: step for step in why["steps"]}
    assert why["longest_chain"] == ["digital_mailbox", KIND]
    assert (steps[KIND]["who"], steps[KIND]["before"], steps[KIND]["lead_days"]) == ("candidate", "start", 28)
    assert steps[KIND]["waits_on"] == ["digital_mailbox"]
    assert steps[KIND]["order_from"] == steps["digital_mailbox"]["earliest_on"]
    assert why["earliest_start_on"] == steps[KIND]["earliest_on"]
    assert steps["test"]["waits_on"] == ["quiz"]
    of_a_host = {step["code"]: step["waits_on"] for step in Story("foreningspraktik").why["steps"]}
    assert of_a_host["host_prepared"] == ["purpose_stated", "match"]


def test_what_was_ordered_says_when_and_not_when_to_order() -> None:
    story = begun("skolepraksis", date(2026, 11, 23), {"digital_mailbox"}, ordered=True)
    (certificate,) = (step for step in story.why["steps"] if step["code"] == KIND)
    assert (certificate["ordered_on"], certificate["order_by"]) == ("2026-11-23", None)
    story.wait_days(3)
    assert story.why["earliest_start_on"] == certificate["earliest_on"]


def test_a_certificate_that_lapses_before_the_start_is_to_be_renewed_in_time() -> None:
    story = begun("skolepraksis", date(2026, 11, 23), {"digital_mailbox"}, valid_days=5)
    steps = {step["code"]: step for step in story.why["steps"]}
    assert not steps[KIND]["is_done"], "it holds today, and not when the mapping is done"
    assert story.why["longest_chain"] == [KIND]


def test_where_nothing_is_missing_the_start_is_possible_today_even_on_a_sunday() -> None:
    story = Story("mentorskab", now=datetime(2026, 11, 22, 9, tzinfo=UTC)).prepare()
    assert (story.why["steps"], story.why["longest_chain"]) == ([], [])
    assert story.why["earliest_start_on"] == "2026-11-22"


def test_a_case_that_was_paused_is_first_to_be_taken_up_and_has_no_day_till_then() -> None:
    story = Story("mentorskab").prepare()
    story.send(PauseCase(case_id=story.id, reason="illness"))
    why = story.why
    assert (why["rests"], why["steps"]) == ({"reason": "illness", "who": "caseworker"}, [])
    assert (why["earliest_match_on"], why["earliest_start_on"]) == (None, None)
    story.send(ResumeCase(case_id=story.id))
    assert (story.why["rests"], story.why["earliest_start_on"]) == (None, story.today.isoformat())


def test_a_case_that_rests_unprepared_goes_on_by_itself_and_has_its_day() -> None:
    story = Story("mentorskab").prepare()
    story.send(RecordConsent(case_id=story.id, kind="share_profile", given=False))
    assert (story.case.state, story.why["rests"]) == ("paused", None)
    assert story.why["earliest_start_on"] is not None


@pytest.mark.parametrize(
    ("programme", "on", "earliest"),
    [
        # Maundy Thursday to Easter Monday, and Ascension, are closed; Norway's 17th of May too.
        ("foreningspraktik", date(2026, 4, 1), date(2026, 4, 20)),
        ("foreningspraktik", date(2026, 12, 23), date(2027, 1, 8)),
        ("skolepraksis", date(2027, 3, 24), date(2027, 5, 19)),
    ],
)
def test_lead_times_are_working_days_of_the_units_country(programme: str, on: date, earliest: date) -> None:
    story = begun(programme, on, set())
    assert story.why["earliest_start_on"] == earliest.isoformat()
    assert PROGRAMMES.unit(HOME[programme]).country == ("NO" if programme == "skolepraksis" else "DK")


def test_asking_leaves_nothing_behind_that_only_the_garbage_collector_would_free() -> None:
    story = begun("udviklingspraktik", date(2026, 3, 2), set())
    assert story.why["steps"]
    gc.collect()
    gc.disable()
    try:
        assert story.why["steps"]
        assert gc.collect() == 0
    finally:
        gc.enable()
