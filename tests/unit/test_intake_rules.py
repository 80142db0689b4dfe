"""What a case lacks, and when it could start at the earliest."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from uuid import uuid4

import pytest

from services.intake.documents import CaseFile, Certificate, Consent, StepDone
from services.intake.rules import add_working_days, earliest, missing, standings
from shared.programmes import Rules, load

PROGRAMMES = load()
TODAY = date(2026, 11, 23)
UNITS = {"foreningspraktik": "DK-0169", "mentorskab": "DK-0851/aalborg", "skolepraksis": "NO-3222"}


def rules_of(programme: str) -> Rules:
    return PROGRAMMES.rules(programme, UNITS[programme], TODAY)


def case(programme: str, *done: str, round_: int = 1, **more: Any) -> CaseFile:
    return CaseFile(
        id=uuid4(),
        unit=UNITS[programme],
        programme=programme,
        rules_version="2020-01-01",
        round=round_,
        person_id=uuid4(),
        opened_at=datetime(2026, 11, 23, tzinfo=UTC),
        of_age_on=date(1990, 1, 1),
        is_resident=True,
        target_group=next(iter(rules_of(programme).target_groups), None),
        referred_on=TODAY,
        source="/vitas",
        source_reference="one",
        channel="jobcentre",
        done=tuple(StepDone(step=step, round=1, on=TODAY) for step in done),
        **more,
    )


@pytest.mark.parametrize(
    ("day", "count", "country", "expected"),
    [
        (date(2026, 11, 23), 0, "DK", date(2026, 11, 23)),
        (date(2026, 11, 21), 0, "DK", date(2026, 11, 23)),
        (date(2026, 11, 20), 1, "DK", date(2026, 11, 23)),
        (date(2026, 12, 23), 2, "DK", date(2026, 12, 28)),
        (date(2026, 4, 1), 1, "DK", date(2026, 4, 7)),
        (date(2027, 5, 14), 1, "NO", date(2027, 5, 18)),
    ],
)
def test_working_days_leave_out_weekends_and_the_countrys_holidays(
    day: date, count: int, country: str, expected: date
) -> None:
    assert add_working_days(day, count, country) == expected


def test_a_step_waits_on_the_steps_before_it() -> None:
    found = {
        one.step.code: one
        for one in standings(case("foreningspraktik"), rules_of("foreningspraktik"), "DK", TODAY)
    }
    assert found["interview"].is_possible_now
    assert found["purpose_stated"].waits_on == ("interview",)
    assert not found["host_prepared"].is_possible_now


def test_the_earliest_start_is_the_end_of_the_longest_chain() -> None:
    one = case("skolepraksis")
    found = standings(one, rules_of("skolepraksis"), "NO", TODAY)
    by_code = {step.step.code: step.earliest_on for step in found}
    assert by_code["police_certificate"] == add_working_days(TODAY, 7 + 28, "NO")
    assert earliest(one, found, "NO", TODAY, "match", "start") == by_code["police_certificate"]
    assert earliest(one, found, "NO", TODAY, "match") == by_code["booklet_meeting"]


def test_an_ordered_certificate_is_on_its_way_already() -> None:
    ordered = Certificate(ordered_on=date(2026, 11, 2))
    one = case("skolepraksis", "digital_mailbox", certificates={"police_certificate": ordered})
    found = {s.step.code: s.earliest_on for s in standings(one, rules_of("skolepraksis"), "NO", TODAY)}
    assert found["police_certificate"] == add_working_days(date(2026, 11, 2), 28, "NO")


def test_a_certificate_that_lapsed_is_missing_again() -> None:
    rules = rules_of("skolepraksis")
    for valid_until, is_missing in ((TODAY, False), (date(2026, 11, 22), True)):
        shown = Certificate(shown_on=date(2026, 1, 5), valid_until=valid_until)
        one = case("skolepraksis", certificates={"police_certificate": shown})
        assert ("police_certificate" in {s.code for s in missing(one, rules, TODAY, "start")}) is is_missing


def test_a_consent_that_was_taken_back_is_missing_again() -> None:
    rules = rules_of("mentorskab")
    for given, lacks in ((True, []), (False, ["share_profile"])):
        one = case("mentorskab", "interview", consents={"share_profile": Consent(given=given, on=TODAY)})
        assert [step.code for step in missing(one, rules, TODAY, "match")] == lacks


def test_a_new_round_asks_again_for_what_each_round_asks_for() -> None:
    rules = rules_of("foreningspraktik")
    one = case("foreningspraktik", "interview", "purpose_stated", "host_prepared", round_=2)
    assert [step.code for step in missing(one, rules, TODAY, "match")] == ["purpose_stated"]
    assert [step.code for step in missing(one, rules, TODAY, "start")] == ["host_prepared"]
