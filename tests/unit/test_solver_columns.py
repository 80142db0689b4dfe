"""The columns against the objects: every rule and every point the same, and so the same best pairs."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.matching.solver import best, pricing
from services.matching.solver.best import best_pairs, best_pairs_plainly, why_none
from services.matching.solver.columns import columns_of
from services.matching.solver.edges import (
    HARD,
    LEVELS,
    SOFT,
    Asking,
    Candidate,
    Offered,
    broken,
    pool_of,
    why_not,
)
from services.matching.solver.near import overlooked
from services.matching.solver.optimum import solve
from services.matching.solver.pool import NotProven
from services.matching.solver.pricing import solve_columns
from services.matching.solver.sieve import left, sieve_of
from shared.contracts.intake import PlaceOffered, Profile
from shared.programmes import Matching, Rules, load

TODAY = date(2026, 11, 23)
PROGRAMMES = load()
UNITS = {"foreningspraktik": "DK-0169", "mentorskab": "DK-0851/aalborg", "skolepraksis": "NO-3222"}

INDUSTRIES = [f"industry{number}" for number in range(70)]
"""More than a word has bits."""
few = st.lists(st.sampled_from(["a", "b", "c", "d"]), max_size=4).map(tuple)
industries = st.lists(st.sampled_from(INDUSTRIES), max_size=5).map(tuple)
code = st.none() | st.sampled_from(["x", "y", "z"])
languages = st.dictionaries(st.sampled_from(["da", "nb", "ar"]), st.sampled_from(LEVELS), max_size=3)
hours = st.none() | st.builds(
    lambda least, more: {"min": least, "max": least + more}, st.integers(0, 20), st.floats(0, 15)
)
around = st.builds(
    lambda lat, lon: {"lat": 55.6 + lat, "lon": 12.2 + lon}, st.floats(-0.3, 0.3), st.floats(-0.3, 0.3)
)
anywhere = st.builds(lambda lat, lon: {"lat": lat, "lon": lon}, st.floats(-90, 90), st.floats(-180, 180))
location = st.none() | st.just({"lat": 55.655, "lon": 12.284}) | around | around | anywhere
gender = st.none() | st.sampled_from(["f", "m", "x"])
day = st.none() | st.integers(-30, 60).map(lambda days: TODAY + timedelta(days=days))
ids = st.lists(st.integers(500, 512).map(lambda number: UUID(int=number)), max_size=2).map(tuple)


@st.composite
def candidate(draw: st.DrawFn, number: int) -> Candidate:
    wish = st.fixed_dictionaries(
        {"plan": st.sampled_from("AB"), "industries": industries, "profession": code, "education": code}
    )
    profile = {
        "wishes": draw(st.lists(wish, max_size=3)),
        "languages": draw(languages),
        "location": draw(location),
        "max_travel_km": draw(st.none() | st.sampled_from([0, 5, 30, 500]) | st.floats(0, 60)),
        "hours_per_week": draw(hours),
        "times": draw(few),
        "needs": draw(few),
        "wished_mentor_gender": draw(gender),
        "language_mentor_needed": draw(st.booleans()),
        "certificates": draw(few),
        "excluded_hosts": draw(ids),
        "available_from": draw(day),
        "field": draw(code),
    }
    since = TODAY - timedelta(days=draw(st.integers(0, 60)))
    tried = frozenset(draw(ids))
    return Candidate(UUID(int=number), Profile.model_validate(profile), since, tried)


@st.composite
def place(draw: st.DrawFn, number: int) -> Offered:
    offer = {
        "place_id": UUID(int=number),
        "unit": "DK-0169",
        "host_id": draw(st.none() | st.just(UUID(int=number + 3))),
        "mentor_id": draw(st.none() | st.just(UUID(int=510))),
        "kind": "association",
        "programmes": ("foreningspraktik",),
        "capacity": 3,
        "industries": draw(industries),
        "location": draw(location),
        "hours_per_week": draw(hours),
        "times": draw(few),
        "required_languages": draw(languages),
        "spoken_languages": draw(st.lists(st.sampled_from(["da", "nb", "ar"]), max_size=2)),
        "helpers": draw(st.lists(st.sampled_from(["buddy", "language_mentor", "mentor"]), max_size=3)),
        "supported_needs": draw(few),
        "mentor_gender": draw(gender),
        "education_level": draw(code),
        "field": draw(code),
        "profession": draw(code),
        "required_certificates": draw(few),
        "long_training": draw(st.integers(0, 5)) == 0,
        "available_to": draw(day),
    }
    return Offered(UUID(int=number), PlaceOffered.model_validate(offer), draw(st.integers(0, 3)))


@st.composite
def asking(draw: st.DrawFn) -> Asking:
    """A programme's own rules, or some of all the rules that there are."""
    programme = draw(st.sampled_from(sorted(UNITS)))
    rules: Rules = PROGRAMMES.rules(programme, UNITS[programme], TODAY)
    if draw(st.booleans()):
        hard = tuple(draw(st.lists(st.sampled_from(sorted(HARD)), max_size=5, unique=True)))
        weights = draw(st.dictionaries(st.sampled_from(sorted(SOFT)), st.integers(0, 100)))
        some = Matching(hard=hard, weights=weights, breakers={})
        rules = rules.model_copy(update={"matching": some})
    return Asking(rules, TODAY)


@st.composite
def waiting(draw: st.DrawFn) -> tuple[list[Candidate], list[Offered], Asking]:
    candidates = [draw(candidate(100 + number)) for number in range(draw(st.integers(0, 6)))]
    places = [draw(place(500 + number)) for number in range(draw(st.integers(0, 6)))]
    return candidates, places, draw(asking())


@settings(max_examples=80, deadline=None)
@given(waiting())
def test_columns_have_the_edges_that_the_rules_allow_and_their_points(
    pool: tuple[list[Candidate], list[Offered], Asking],
) -> None:
    candidates, places, _ = pool
    solved = solve_columns(columns_of(*pool), most=max(1, len(places)))
    graph = solved.graph
    found = {
        (candidates[solved.candidates[i]].id, places[solved.places[graph.to[e]]].id, int(graph.worth[e]))
        for i in range(len(candidates))
        for e in range(graph.start[i], graph.start[i] + graph.length[i])
    }
    assert found == {(edge.candidate, edge.place, edge.points) for edge in pool_of(*pool).edges}


@settings(max_examples=40, deadline=None)
@given(waiting(), st.randoms(use_true_random=False))
def test_best_pairs_are_a_best_solution_whatever_the_order(
    pool: tuple[list[Candidate], list[Offered], Asking], random: Any
) -> None:
    candidates, places, asks = pool
    found, all_edges = best_pairs(*pool), pool_of(*pool)
    assert set(found.pairs) <= set(all_edges.edges)
    # Not only as good: the same pairs, though the arrays stand in quite another order.
    assert found.pairs == solve(all_edges).pairs
    assert found.total == best_pairs_plainly(*pool).total
    random.shuffle(candidates)
    random.shuffle(places)
    assert best_pairs(candidates, places, asks) == found


@settings(max_examples=40, deadline=None)
@given(waiting())
def test_why_none_says_what_why_not_says(pool: tuple[list[Candidate], list[Offered], Asking]) -> None:
    candidates, places, asks = pool
    found = why_none(*pool)
    assert found == {one.id: why_not(one, places, asks) for one in candidates}


def crowd(size: int, seed: int) -> tuple[list[Candidate], list[Offered], Asking]:
    """Candidates who all reach many places, and fewer openings than candidates."""
    rng = np.random.default_rng(seed)
    industries = ["retail", "kitchen", "office", "cleaning"]

    def where() -> dict[str, float]:
        return {"lat": 55.6 + rng.normal(0, 0.05), "lon": 12.2 + rng.normal(0, 0.09)}

    candidates = [
        Candidate(
            UUID(int=int(number)),
            Profile.model_validate(
                {
                    "wishes": [{"industries": [str(rng.choice(industries))]}],
                    "location": where(),
                    "max_travel_km": float(rng.choice([5, 10, 20])),
                }
            ),
            TODAY - timedelta(days=int(rng.integers(0, 45))),
        )
        for number in rng.permutation(size)
    ]
    places = [
        Offered(
            UUID(int=10_000 + int(number)),
            PlaceOffered.model_validate(
                {
                    "place_id": UUID(int=10_000 + int(number)),
                    "unit": "DK-0169",
                    "kind": "company",
                    "programmes": ["foreningspraktik"],
                    "capacity": 1,
                    "industries": [str(rng.choice(industries))],
                    "location": where(),
                    "spoken_languages": ["da"],
                }
            ),
            1,
        )
        for number in rng.permutation(size * 2 // 3)
    ]
    return candidates, places, Asking(PROGRAMMES.rules("foreningspraktik", "DK-0169", TODAY), TODAY)


@pytest.mark.parametrize("seed", range(4))
def test_edges_that_were_left_out_at_first_are_found_when_they_are_needed(seed: int) -> None:
    pool = crowd(150, seed)
    columns = columns_of(*pool)
    whole, few = solve_columns(columns, most=len(pool[1])), solve_columns(columns, most=3)
    assert len(few.looks) > 1
    assert few.graph.length.sum() < whole.graph.length.sum()
    assert few.state.at_worth.sum() == whole.state.at_worth.sum()
    overdue = whole.graph.extra > 0
    assert (few.state.at[overdue] >= 0).sum() == (whole.state.at[overdue] >= 0).sum()
    assert best_pairs(*pool).pairs == solve(pool_of(*pool)).pairs


@settings(max_examples=40, deadline=None)
@given(waiting())
def test_the_look_at_all_pairs_finds_each_that_is_worth_more_than_its_duals(
    pool: tuple[list[Candidate], list[Offered], Asking],
) -> None:
    solved = solve_columns(columns_of(*pool))
    points = [edge.points for edge in pool_of(*pool).edges]
    for all_are in {0, *points, *(one - 1 for one in points)}:
        duals = solved.graph.extra + all_are, np.zeros_like(solved.state.p)
        found = overlooked(solved.columns, solved.ground, solved.graph, *duals)
        assert found == sum(one > all_are for one in points)


def narrow(rules: Rules) -> tuple[list[Candidate], list[Offered]]:
    """Candidates and places whose days, hours, times and codes meet, miss and touch one another often."""
    rng = Random(7)
    shortest = timedelta(weeks=rules.frame.weeks_min)

    def some(codes: str) -> list[str]:
        return [code for code in codes if rng.random() < 0.4]

    def both_sides() -> dict[str, Any]:
        least = rng.randrange(6)
        known = rng.random() < 0.8
        hours = {"hours_per_week": {"min": least, "max": least + rng.randrange(3)}} if known else {}
        return hours | {"times": some("abc"), "field": rng.choice([None, "x", "y"])}

    def days() -> timedelta:
        return timedelta(days=rng.randrange(5))

    candidates, places = [], []
    for number in range(1, 41):
        profile = both_sides() | {
            "available_from": TODAY + days(),
            "wished_mentor_gender": rng.choice([None, "f", "m"]),
            "languages": {code: rng.choice(LEVELS) for code in some("dn")},
            "certificates": some("pq"),
        }
        candidates.append(Candidate(UUID(int=number), Profile.model_validate(profile), TODAY))
        offer = place_fields(500 + number) | both_sides()
        offer |= {
            "available_from": TODAY + timedelta(days=rules.waiting_limit_days) + days(),
            "available_to": TODAY + timedelta(days=rules.waiting_limit_days) + shortest + days(),
            "mentor_gender": rng.choice([None, "f", "m"]),
            "required_languages": {code: rng.choice(LEVELS) for code in some("dn")},
            "required_certificates": some("pq"),
            "long_training": rng.random() < 0.3,
        }
        if rng.random() < 0.5:
            offer |= {"available_from": None, "available_to": TODAY + shortest + days()}
        places.append(Offered(UUID(int=500 + number), PlaceOffered.model_validate(offer), rng.randrange(2)))
    return candidates, places


SIEVED = (
    "availability",
    "long_training",
    "mentor_gender",
    "field",
    "hours",
    "language",
    "certificate",
    "times",
)


@pytest.mark.parametrize("hard", [(), SIEVED, *((code,) for code in SIEVED)], ids=" ".join)
def test_the_sieve_throws_out_what_its_rules_forbid_and_nothing_else(hard: tuple[str, ...]) -> None:
    rules = PROGRAMMES.rules("foreningspraktik", "DK-0169", TODAY)
    asking = Asking(
        rules.model_copy(update={"matching": Matching(hard=hard, weights={}, breakers={})}), TODAY
    )
    candidates, places = narrow(rules)
    (numbers, measures, sets, *_), offers, asked = columns_of(candidates, places, asking)
    sieve, end = sieve_of(offers), len(places)
    thrown_out = 0
    for i, one in enumerate(candidates):
        suits = [j for j, place in enumerate(places) if not any(broken(one, place, asking))]
        thrown_out += end - len(suits)
        for begin in (0, 7, end):
            fits, found = np.empty(end, np.int64), np.empty(end, np.int64)
            args = numbers, measures, sets, asked.hard, asked.segment, i, begin, end
            kept = found[: left(sieve, *args, fits, found)].tolist()
            assert kept == [j for j in suits if j >= begin]
    assert 0 < thrown_out < len(candidates) * end


@settings(max_examples=80, deadline=None)
@given(waiting())
def test_the_sieve_throws_out_no_place_that_the_rules_allow(
    pool: tuple[list[Candidate], list[Offered], Asking],
) -> None:
    (numbers, measures, sets, *_), offers, asked = columns_of(*pool)
    sieve, end = sieve_of(offers), len(pool[1])
    allowed = {(edge.candidate, edge.place) for edge in pool_of(*pool).edges}
    for i, one in enumerate(pool[0]):
        fits, found = np.empty(end, np.int64), np.empty(end, np.int64)
        kept = left(sieve, numbers, measures, sets, asked.hard, asked.segment, i, 0, end, fits, found)
        suits = {j for j, place in enumerate(pool[1]) if (one.id, place.id) in allowed}
        assert suits <= set(found[:kept].tolist())


def test_an_edge_that_pricing_overlooked_is_noticed_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pricing, "doubtful", lambda *_: np.zeros(0, np.int64))
    with pytest.raises(NotProven, match="left out"):
        solve_columns(columns_of(*crowd(150, 1)), most=3)


def test_who_knows_no_bounds_may_have_a_place_anywhere() -> None:
    """A pole, the date line, no location at all, and no limit to the way."""
    rules = Asking(PROGRAMMES.rules("foreningspraktik", "DK-0169", TODAY), TODAY)
    corners = [(89.99, 0.0), (-89.99, 170.0), (10.0, 179.99), (10.0, -179.99), (0.0, 0.0), None]
    places: list[Offered] = []
    candidates: list[Candidate] = []
    for number, corner in enumerate(corners):
        there = None if corner is None else {"lat": corner[0], "lon": corner[1]}
        base = place_fields(10_000 + number) | {"location": there}
        places.append(Offered(UUID(int=10_000 + number), PlaceOffered.model_validate(base), 1))
        for most in (None, 20, 500):
            profile = Profile.model_validate({"location": there, "max_travel_km": most})
            candidates.append(Candidate(UUID(int=len(candidates) + 1), profile, TODAY))
    whole = solve_columns(columns_of(candidates, places, rules), most=len(places))
    assert whole.graph.length.sum() == len(pool_of(candidates, places, rules).edges)


def place_fields(number: int) -> dict[str, Any]:
    fields = {"place_id": UUID(int=number), "unit": "DK-0169", "kind": "company", "capacity": 1}
    return fields | {"programmes": ("foreningspraktik",)}


def test_a_pair_that_the_rules_judge_otherwise_is_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = crowd(5, 1)
    monkeypatch.setattr(best, "broken", lambda *_: iter(["times"]))
    with pytest.raises(NotProven, match="not what the rules say"):
        best_pairs(*pool)


def test_a_fault_in_the_search_is_noticed_before_anything_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = crowd(30, 1)
    monkeypatch.setattr(pricing, "approach", lambda *_: None)
    with pytest.raises(NotProven):
        best_pairs(*pool)


def test_somebody_who_stands_in_the_pool_twice_is_refused() -> None:
    candidates, places, asks = crowd(5, 1)
    with pytest.raises(ValueError, match="twice"):
        best_pairs([*candidates, replace(candidates[0])], places, asks)


def test_machine_code_is_kept_where_the_environment_says(tmp_path: Path) -> None:
    code = "from services.matching.solver.compiled import FOLDER; print(FOLDER)"
    said = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert said.startswith(str(tmp_path))
