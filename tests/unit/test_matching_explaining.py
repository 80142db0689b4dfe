"""What is said to help is solved: every number is the difference between two optima."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from services.matching.explaining import (
    CHANGES,
    EVENINGS,
    Kind,
    cost_of_forcing,
    kinds_wanted,
    with_added,
    would_help,
)
from services.matching.solver.best import best_pairs
from services.matching.solver.edges import Asking, Candidate, Offered, pool_of
from services.matching.solver.optimum import solve
from shared.contracts.intake import PlaceOffered, Profile
from shared.programmes import load

TODAY = date(2026, 11, 23)
PROGRAMMES = load()
ASKING = Asking(PROGRAMMES.rules("mentorskab", "DK-0851/aalborg", TODAY), TODAY)
AALBORG, TAASTRUP = {"lat": 57.044, "lon": 9.916}, {"lat": 55.655, "lon": 12.284}


def candidate(number: int, **profile: Any) -> Candidate:
    return Candidate(UUID(int=number), Profile.model_validate(profile), TODAY)


def place(number: int, free: int = 1, **offer: Any) -> Offered:
    fields = {"place_id": UUID(int=1000 + number), "unit": "DK-0851/aalborg", "kind": "volunteer"}
    fields |= {"programmes": ("mentorskab",), "capacity": max(1, free)}
    return Offered(UUID(int=1000 + number), PlaceOffered.model_validate(fields | offer), free)


def helps(wanted: Candidate, candidates: list[Candidate], places: list[Offered]) -> dict[str, int]:
    before = best_pairs(candidates, places, ASKING)
    return {one.code: one.unlocks for one in would_help(wanted, candidates, places, ASKING, before)}


def test_evening_times_help_somebody_whom_only_the_times_keep_away() -> None:
    wanted = candidate(1, times=["mon-morning"])
    assert helps(wanted, [wanted], [place(1, times=["tue-evening"])]) == {"evening_times": 1}


def test_nothing_single_helps_where_two_rules_speak_against_every_place() -> None:
    wanted = candidate(1, times=["mon-morning"], wished_mentor_gender="f")
    assert helps(wanted, [wanted], [place(1, times=["tue-evening"], mentor_gender="m")]) == {}


def test_a_change_that_only_takes_the_place_from_somebody_else_is_no_help() -> None:
    first, wanted = candidate(1), candidate(2, wished_mentor_gender="f")
    assert helps(wanted, [first, wanted], [place(1, mentor_gender="m")]) == {}


def test_one_more_place_helps_where_all_that_fit_are_taken() -> None:
    wanted = candidate(1)
    assert helps(wanted, [wanted], [place(1, free=0)]) == {"one_more_place": 1}


def test_a_somewhat_longer_way_is_half_as_long_again() -> None:
    near, far = (
        candidate(1, location=AALBORG, max_travel_km=10),
        candidate(2, location=AALBORG, max_travel_km=5),
    )
    offered = place(1, location={"lat": 57.168, "lon": 9.916})  # Some 13.8 km north of it.
    assert helps(near, [near], [offered]) == {"longer_travel": 1}
    assert helps(far, [far], [offered]) == {}


TIMES = ["mon-morning", "tue-evening", "sat-morning"]
PROFILES = st.fixed_dictionaries(
    {
        "times": st.lists(st.sampled_from(TIMES), max_size=2, unique=True),
        "wished_mentor_gender": st.sampled_from([None, "f", "m"]),
        "languages": st.dictionaries(st.just("da"), st.sampled_from(["A0", "A1", "A2", "B1"])),
        "max_travel_km": st.sampled_from([None, 5, 400]),
        "location": st.sampled_from([AALBORG, TAASTRUP]),
    }
)
OFFERS = st.fixed_dictionaries(
    {
        "times": st.lists(st.sampled_from(TIMES), max_size=2, unique=True),
        "mentor_gender": st.sampled_from([None, "f", "m"]),
        "required_languages": st.dictionaries(st.just("da"), st.sampled_from(["A1", "A2", "B1"]), max_size=1),
        "location": st.sampled_from([AALBORG, TAASTRUP]),
    }
)


@given(st.lists(PROFILES, min_size=1, max_size=5), st.lists(OFFERS, max_size=4), st.data())
@settings(max_examples=150, deadline=None)
def test_what_is_said_to_help_is_what_a_fresh_solution_gives(
    profiles: list[dict[str, Any]], offers: list[dict[str, Any]], data: st.DataObject
) -> None:
    candidates = [candidate(number, **profile) for number, profile in enumerate(profiles)]
    places = [place(n, data.draw(st.integers(0, 2)), **offer) for n, offer in enumerate(offers)]
    before = solve(pool_of(candidates, places, ASKING))
    placed = {edge.candidate for edge in before.pairs}
    for wanted in candidates:
        if wanted.id in placed:
            continue
        said = helps(wanted, candidates, places)
        said.pop("one_more_place", None)
        for code, unlocks in said.items():
            _, change = CHANGES[code]
            instead = [change(one, places) if one.id == wanted.id else one for one in candidates]
            assert len(solve(pool_of(instead, places, ASKING)).pairs) - len(before.pairs) == unlocks > 0


@given(st.lists(PROFILES, min_size=1, max_size=5), st.lists(OFFERS, min_size=1, max_size=4), st.data())
@settings(max_examples=100, deadline=None)
def test_the_cost_of_a_choice_is_what_the_best_solution_with_it_lacks(
    profiles: list[dict[str, Any]], offers: list[dict[str, Any]], data: st.DataObject
) -> None:
    candidates = [candidate(number, **profile) for number, profile in enumerate(profiles)]
    places = [place(number, **offer) for number, offer in enumerate(offers)]
    pool, before = pool_of(candidates, places, ASKING), best_pairs(candidates, places, ASKING)
    chosen = data.draw(st.sampled_from(pool.edges)) if pool.edges else None
    if chosen is None:
        return
    forced = next(one for one in candidates if one.id == chosen.candidate)
    to = next(one for one in places if one.id == chosen.place)
    others = [one for one in candidates if one.id != forced.id]
    cost = cost_of_forcing(forced, to, others, places, ASKING)
    assert cost.points <= 0
    rest = [Offered(one.id, one.offer, one.free - (one.id == to.id)) for one in places]
    alone = solve(pool_of(others, rest, ASKING))
    assert cost.points == alone.total + chosen.points - before.total
    assert cost.placed == len(alone.pairs) + 1 - len(before.pairs)
    assert forced.id not in cost.lost


def test_added_places_say_who_would_be_placed_and_change_nothing() -> None:
    waiting = [candidate(number, times=["tue-evening"]) for number in (1, 2, 3)]
    before = best_pairs(waiting, [], ASKING)
    more = with_added(waiting, [], [place(1, free=2, times=["tue-evening"]).offer], ASKING, before)
    assert (more.placed, len(more.gained), more.lost) == (2, 2, ())


def test_the_kind_of_mentor_that_most_lack_comes_first() -> None:
    evening = [
        candidate(n, times=["tue-evening"], wishes=[{"plan": "A", "profession": "nurse"}]) for n in (1, 2, 3)
    ]
    daytime = candidate(4, times=["mon-morning"], wishes=[{"plan": "A", "industries": ["retail"]}])
    found = kinds_wanted([*evening, daytime], [], ASKING, lambda one: "9000", "DK-0851/aalborg")
    assert found == [
        (Kind(town="9000", when="evening", profession="nurse"), 3),
        (Kind(town="9000", when="daytime", industry="retail"), 1),
    ]


def test_times_on_evenings_of_working_days_make_an_evening() -> None:
    assert {time[:3] for time in EVENINGS} == {"mon", "tue", "wed", "thu", "fri"}


def test_who_is_proposed_a_place_now_leaves_it_to_the_next() -> None:
    """X is proposed at the first place, which alone fits Y: with X at the second, Y gets the first."""
    x, y = candidate(1), candidate(2, wished_mentor_gender="f")
    first, second = place(1, free=0, mentor_gender="f"), place(2, mentor_gender="m")
    cost = cost_of_forcing(x, second, [y], [first, second], ASKING, now_at=first.id, now_worth=1)
    assert (cost.placed, cost.gained, cost.lost) == (1, (y.id,), ())


def test_whom_the_best_solution_left_without_is_helped_by_one_more_opening() -> None:
    """No rule keeps the place from the one who is left out: it is full, in the best solution."""
    one, other = candidate(1), candidate(2)
    offered = [place(1)]
    before = best_pairs([one, other], offered, ASKING)
    (left,) = [
        person for person in (one, other) if person.id not in {edge.candidate for edge in before.pairs}
    ]
    assert helps(left, [one, other], offered) == {"one_more_place": 1}
