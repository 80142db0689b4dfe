"""Which pairs are possible, and what speaks for them: each hard rule and each reason by itself."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.matching.solver.edges import (
    HARD,
    SOFT,
    Asking,
    Candidate,
    Offered,
    broken,
    distance_km,
    overdue,
    plan_of,
    pool_of,
    reasons,
    unknown_rules,
    why_not,
)
from shared.contracts.intake import PlaceOffered, Profile
from shared.contracts.model import Location
from shared.programmes import Matching, Programmes, Rules, load

TODAY = date(2026, 11, 23)
HOST, MENTOR = UUID(int=7), UUID(int=8)
TAASTRUP, HEDEHUSENE = {"lat": 55.655, "lon": 12.284}, {"lat": 55.648, "lon": 12.191}


@pytest.fixture(scope="module")
def programmes() -> Programmes:
    return load()


@pytest.fixture(scope="module")
def asking(programmes: Programmes) -> Asking:
    """Foreningspraktik with every hard rule and every reason there is."""
    rules = programmes.rules("foreningspraktik", "DK-0169", TODAY)
    every = Matching(hard=tuple(HARD), weights=dict.fromkeys(SOFT, 12), breakers={})
    return Asking(rules.model_copy(update={"matching": every}), TODAY)


def candidate(*tried: UUID, waited_days: int = 0, **profile: Any) -> Candidate:
    return Candidate(
        UUID(int=1), Profile.model_validate(profile), TODAY - timedelta(days=waited_days), frozenset(tried)
    )


def place(id_: int = 2, free: int = 1, **offer: Any) -> Offered:
    fields = {
        "place_id": UUID(int=id_),
        "unit": "DK-0169",
        "host_id": HOST,
        "kind": "association",
        "programmes": ("foreningspraktik",),
        "capacity": 1,
    }
    return Offered(UUID(int=id_), PlaceOffered.model_validate(fields | offer), free)


def test_every_rule_of_every_programme_is_known(programmes: Programmes) -> None:
    for versions in programmes.by_version.values():
        for rules in versions.values():
            assert unknown_rules(rules) == []


@pytest.mark.parametrize(
    ("rule", "profile", "offer"),
    [
        ("exclusion", {"excluded_hosts": [str(HOST)]}, {}),
        ("exclusion", {"excluded_hosts": [str(MENTOR)]}, {"mentor_id": MENTOR}),
        ("certificate", {"certificates": ["police"]}, {"required_certificates": ["police", "child"]}),
        ("language", {"languages": {"da": "A2"}}, {"required_languages": {"da": "B1"}}),
        ("language", {}, {"required_languages": {"da": "A1"}}),
        ("times", {"times": ["mon-morning"]}, {"times": ["tue-morning"]}),
        ("hours", {"hours_per_week": {"min": 1, "max": 3}}, {"hours_per_week": {"min": 4, "max": 9}}),
        ("hours", {"hours_per_week": {"min": 10, "max": 12}}, {"hours_per_week": {"min": 4, "max": 9}}),
        ("mentor_gender", {"wished_mentor_gender": "f"}, {"mentor_gender": "m"}),
        ("mentor_gender", {"wished_mentor_gender": "f"}, {}),
        ("availability", {}, {"available_to": "2026-11-22"}),
        ("availability", {"available_from": "2027-02-01"}, {"available_to": "2027-01-31"}),
        ("long_training", {}, {"long_training": True}),
        ("travel", {"location": TAASTRUP, "max_travel_km": 5}, {"location": HEDEHUSENE}),
        ("industry", {"wishes": [{"industries": ["retail"]}]}, {"industries": ["cleaning"]}),
        ("profession", {"wishes": [{"profession": "guard"}]}, {"profession": "bricklayer"}),
        ("education", {"wishes": [{"education": "skilled"}]}, {"education_level": "student"}),
        ("field", {"field": "it"}, {"field": "food"}),
    ],
)
def test_a_hard_rule_forbids_a_pair(
    asking: Asking, rule: str, profile: dict[str, Any], offer: dict[str, Any]
) -> None:
    assert list(broken(candidate(**profile), place(**offer), asking)) == [rule]


@pytest.mark.parametrize(
    ("profile", "offer"),
    [
        ({}, {}),
        ({"certificates": ["police"]}, {"required_certificates": ["police"]}),
        ({"languages": {"da": "B1"}}, {"required_languages": {"da": "B1"}}),
        ({"times": ["mon-morning", "tue-morning"]}, {"times": ["tue-morning"]}),
        ({"times": ["mon-morning"]}, {}),
        ({"hours_per_week": {"min": 1, "max": 4}}, {"hours_per_week": {"min": 4, "max": 9}}),
        ({"wished_mentor_gender": "f"}, {"mentor_gender": "f"}),
        ({}, {"available_to": "2026-12-21"}),
        ({"location": TAASTRUP, "max_travel_km": 6}, {"location": HEDEHUSENE}),
        ({"max_travel_km": 1}, {"location": HEDEHUSENE}),
    ],
)
def test_what_meets_a_rule_or_is_not_known_is_possible(
    asking: Asking, profile: dict[str, Any], offer: dict[str, Any]
) -> None:
    assert list(broken(candidate(**profile), place(**offer), asking)) == []


def test_a_full_place_and_one_that_was_tried_are_no_edge(asking: Asking) -> None:
    assert list(broken(candidate(), place(free=0), asking)) == ["capacity"]
    assert list(broken(candidate(UUID(int=2)), place(), asking)) == ["refused_before"]


@pytest.mark.parametrize("whose", ["mentor_id", "host_id"])
def test_no_place_of_a_mentor_or_a_host_who_was_tried_is_an_edge(asking: Asking, whose: str) -> None:
    tried = candidate(UUID(int=70))
    for number, expected in ((70, ["refused_before"]), (80, [])):
        offer: dict[str, Any] = {whose: UUID(int=number)}
        assert list(broken(tried, place(**offer), asking)) == expected


@pytest.mark.parametrize(
    ("reason", "profile", "offer"),
    [
        ("industry_plan_a", {"wishes": [{"industries": ["retail"]}]}, {"industries": ["retail"]}),
        (
            "industry_plan_b",
            {"wishes": [{"plan": "B", "industries": ["retail"]}]},
            {"industries": ["retail"]},
        ),
        ("profession", {"wishes": [{"profession": "guard"}]}, {"profession": "guard"}),
        ("education", {"wishes": [{"education": "skilled"}]}, {"education_level": "skilled"}),
        ("field", {"field": "it"}, {"field": "it"}),
        ("language", {"languages": {"ar": "native"}}, {"spoken_languages": ["ar", "da"]}),
        ("travel", {"location": TAASTRUP}, {"location": TAASTRUP}),
        ("times", {"times": ["mon-morning"]}, {"times": ["mon-morning", "tue-morning"]}),
        ("hours", {"hours_per_week": {"min": 1, "max": 4}}, {"hours_per_week": {"min": 2, "max": 9}}),
        (
            "needs_supported",
            {"needs": ["motivation", "punctuality", "social", "tasks"]},
            {"supported_needs": ["motivation", "punctuality", "social"]},
        ),
    ],
)
def test_a_reason_gives_its_whole_weight(
    asking: Asking, reason: str, profile: dict[str, Any], offer: dict[str, Any]
) -> None:
    found = reasons(candidate(**profile), place(**offer), asking)
    assert [(one.code, one.points) for one in found] == [(reason, 12)]


def test_points_grow_with_what_is_met(asking: Asking) -> None:
    third = reasons(candidate(needs=["motivation"]), place(supported_needs=["motivation"]), asking)
    assert [(one.code, one.points) for one in third] == [("needs_supported", 4)]
    helped = reasons(candidate(language_mentor_needed=True), place(helpers=["language_mentor"]), asking)
    assert [(one.code, one.points) for one in helped] == [("helpers", 6)]
    waited = reasons(candidate(waited_days=15), place(), asking)
    assert [(one.code, one.points) for one in waited] == [("waiting", 6)]


NEEDS = ("motivation", "punctuality", "social", "tasks", "belief")


@given(
    needs=st.sets(st.sampled_from(NEEDS)),
    more=st.sampled_from(NEEDS),
    supported=st.sets(st.sampled_from(NEEDS)),
    helpers=st.sets(st.sampled_from(("buddy", "language_mentor", "mentor"))),
)
def test_no_need_makes_any_pair_worth_less(
    needs: set[str], more: str, supported: set[str], helpers: set[str]
) -> None:
    rules = load().rules("virksomhedspraktik", "DK-0169", TODAY)
    offered = place(supported_needs=sorted(supported), helpers=sorted(helpers))
    without, with_more, with_language = (
        sum(one.points for one in reasons(who, offered, Asking(rules, TODAY)))
        for who in (
            candidate(needs=sorted(needs)),
            candidate(needs=sorted({*needs, more})),
            candidate(needs=sorted(needs), language_mentor_needed=True),
        )
    )
    assert with_more >= without
    assert with_language >= without


@pytest.mark.parametrize(
    ("opens", "closes", "suits"),
    [
        (None, None, True),
        (None, 28, True),
        (None, 27, False),
        (30, None, True),
        (31, None, False),
        (10, 38, True),
        (10, 37, False),
    ],
)
def test_a_place_is_there_soon_enough_and_as_long_as_the_shortest_placement(
    asking: Asking, opens: int | None, closes: int | None, suits: bool
) -> None:
    assert (asking.rules.frame.weeks_min, asking.rules.waiting_limit_days) == (4, 30)
    from_day, to_day = (day and (TODAY + timedelta(days=day)).isoformat() for day in (opens, closes))
    offered = place(available_from=from_day, available_to=to_day)
    assert (list(broken(candidate(), offered, asking)) == []) is suits


def test_a_pair_that_nothing_speaks_for_is_still_worth_a_point(asking: Asking) -> None:
    (edge,) = pool_of([candidate()], [place()], asking).edges
    assert (edge.points, edge.reasons) == (1, ())


def test_the_plan_is_the_first_that_the_place_fits() -> None:
    wishes: dict[str, Any] = {
        "wishes": [{"plan": "B", "industries": ["retail"]}, {"plan": "A", "industries": ["kitchen"]}]
    }
    assert plan_of(candidate(**wishes), place(industries=["retail", "kitchen"])) == "A"
    assert plan_of(candidate(**wishes), place(industries=["retail"])) == "B"
    assert plan_of(candidate(**wishes), place(industries=["office"])) is None


def test_overdue_is_beyond_the_limit_and_not_at_it(asking: Asking) -> None:
    limit = asking.rules.waiting_limit_days
    assert [overdue(candidate(waited_days=days), asking) for days in (limit, limit + 1)] == [False, True]


def test_why_not_counts_a_place_under_every_rule_that_it_breaks(asking: Asking) -> None:
    one = candidate(UUID(int=5), times=["mon-morning"], languages={"da": "A1"})
    places = [
        place(3, times=["tue-morning"], required_languages={"da": "C1"}),
        place(4, times=["tue-morning"]),
        place(5),
        place(6),
    ]
    assert [(why.code, why.places) for why in why_not(one, places, asking)] == [
        ("times", 2),
        ("language", 1),
        ("others_first", 1),
        ("refused_before", 1),
    ]
    assert [why.code for why in why_not(one, [], asking)] == ["no_places"]


def test_only_the_programmes_own_rules_forbid(programmes: Programmes) -> None:
    rules: Rules = programmes.rules("mentorskab", "DK-0851/aalborg", TODAY)
    assert "certificate" not in rules.matching.hard
    asks = place(required_certificates=["police"])
    assert list(broken(candidate(), asks, Asking(rules, TODAY))) == []


def test_distances_are_as_the_crow_flies() -> None:
    assert distance_km(Location(**TAASTRUP), Location(**HEDEHUSENE)) == pytest.approx(5.9, abs=0.1)
    assert distance_km(Location(**TAASTRUP), Location(**TAASTRUP)) == 0
