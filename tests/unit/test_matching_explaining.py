"""What is said to help is solved: every number is the difference between two optima."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta
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
from services.matching.solver.edges import Asking, Candidate, Offered, broken, overdue, pool_of, reasons
from services.matching.solver.optimum import solve
from shared.contracts.intake import PlaceOffered, Profile
from shared.programmes import load

TODAY = date(2026, 11, 23)
PROGRAMMES = load()
ASKING = Asking(PROGRAMMES.rules("mentorskab", "DK-0851/aalborg", TODAY), TODAY)
AALBORG, TAASTRUP = {"lat": 57.044, "lon": 9.916}, {"lat": 55.655, "lon": 12.284}


UNIT = PROGRAMMES.unit("DK-0851/aalborg")
LIMIT = ASKING.rules.waiting_limit_days
WAITED = st.sampled_from([0, 10, LIMIT, LIMIT + 1])


def candidate(number: int, waited: int = 0, **profile: Any) -> Candidate:
    since = TODAY - timedelta(days=waited)
    return Candidate(UUID(int=number), Profile.model_validate(profile), since)


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


@st.composite
def pools(
    draw: st.DrawFn, profile: st.SearchStrategy[dict[str, Any]] = PROFILES
) -> tuple[list[Candidate], list[Offered]]:
    """Some of the candidates have waited beyond the limit, and some of the places are full."""
    profiles = draw(st.lists(st.tuples(WAITED, profile), min_size=1, max_size=5))
    offers = draw(st.lists(st.tuples(st.integers(0, 2), OFFERS), max_size=4))
    return (
        [candidate(number, waited, **said) for number, (waited, said) in enumerate(profiles)],
        [place(number, free, **offer) for number, (free, offer) in enumerate(offers)],
    )


def with_room(places: list[Offered], id_: UUID, more: int) -> list[Offered]:
    return [replace(one, free=one.free + more * (one.id == id_)) for one in places]


def late(candidates: Iterable[Candidate]) -> int:
    return sum(overdue(one, ASKING) for one in candidates)


@given(pools())
@settings(max_examples=200, deadline=None)
def test_what_is_said_to_help_is_what_a_fresh_solution_gives(
    pool: tuple[list[Candidate], list[Offered]],
) -> None:
    candidates, places = pool
    before = solve(pool_of(candidates, places, ASKING))
    placed = {edge.candidate for edge in before.pairs}

    def more(instead: list[Candidate], there: list[Offered]) -> int:
        return len(solve(pool_of(instead, there, ASKING)).pairs) - len(before.pairs)

    for wanted in candidates:
        if wanted.id in placed:
            continue
        said = helps(wanted, candidates, places)
        fitting = [one for one in places if set(broken(wanted, one, ASKING)) <= {"capacity"}]
        most = max((more(candidates, with_room(places, one.id, 1)) for one in fitting), default=0)
        assert said.pop("one_more_place", 0) == most
        for code, unlocks in said.items():
            _, change = CHANGES[code]
            instead = [change(one, places) if one.id == wanted.id else one for one in candidates]
            assert more(instead, places) == unlocks > 0


@given(pools(), st.data())
@settings(max_examples=200, deadline=None)
def test_the_cost_of_a_choice_is_what_the_best_solution_with_it_lacks(
    pool: tuple[list[Candidate], list[Offered]], data: st.DataObject
) -> None:
    """Those who waited beyond the limit come first: never more of them, and else never more points."""
    candidates, places = pool
    edges = pool_of(candidates, places, ASKING).edges
    if not edges:
        return
    chosen = data.draw(st.sampled_from(edges))
    people = {one.id: one for one in candidates}
    to = next(one for one in places if one.id == chosen.place)
    others = [one for one in candidates if one.id != chosen.candidate]
    cost = cost_of_forcing(people[chosen.candidate], to, others, places, ASKING)
    before = solve(pool_of(candidates, places, ASKING))
    alone = solve(pool_of(others, with_room(places, to.id, -1), ASKING))
    pairs = [*alone.pairs, chosen]
    assert cost.points == sum(edge.points for edge in pairs) - before.total
    assert cost.placed == len(pairs) - len(before.pairs)
    was, then = ([people[edge.candidate] for edge in some] for some in (before.pairs, pairs))
    assert cost.overdue == late(then) - late(was)
    assert (cost.overdue, cost.points) <= (0, 0)
    assert chosen.candidate not in cost.lost


@given(pools(), st.data())
@settings(max_examples=200, deadline=None)
def test_who_is_proposed_a_place_now_is_priced_by_the_rules_of_today(
    pool: tuple[list[Candidate], list[Offered]], data: st.DataObject
) -> None:
    candidates, places = pool
    edges = pool_of(candidates, places, ASKING).edges
    if not edges:
        return
    # As it was proposed: the opening is held, and whoever it was proposed to does not wait.
    out = data.draw(st.sampled_from(edges))
    own = next(one for one in candidates if one.id == out.candidate)
    others = [one for one in candidates if one.id != own.id]
    now = next(one for one in places if one.id == out.place)
    held = with_room(places, now.id, -1)
    with_space = [one for one in held if one.free]
    if not with_space:
        return
    to = data.draw(st.sampled_from(with_space))
    cost = cost_of_forcing(own, to, others, held, ASKING, now=now)
    before = solve(pool_of(others, held, ASKING))
    after = solve(pool_of(others, with_room(places, to.id, -1), ASKING))
    own_points = sum(one.points for one in reasons(own, to, ASKING)) or 1
    assert cost.points == after.total + own_points - before.total - out.points
    assert cost.placed == len(after.pairs) - len(before.pairs)
    people = {one.id: one for one in others}
    was, then = ([people[edge.candidate] for edge in one.pairs] for one in (before, after))
    assert cost.overdue == late(then) - late(was)
    assert own.id not in {*cost.lost, *cost.gained}
    if to.id == now.id:
        assert (cost.points, cost.gained, cost.lost) == (0, (), ())


def test_a_choice_past_somebody_who_waited_too_long_costs_that_and_not_less_than_no_points() -> None:
    """The fresh one wishes for the place, the other has waited beyond the limit: it gives more points."""
    fresh = candidate(1, wishes=[{"plan": "A", "profession": "nurse"}])
    late_one = candidate(2, LIMIT + 1)
    offered = place(1, profession="nurse")
    cost = cost_of_forcing(fresh, offered, [late_one], [offered], ASKING)
    assert (cost.overdue, cost.placed, cost.lost) == (-1, 0, (late_one.id,))
    assert cost.points > 0


def test_added_places_say_who_would_be_placed_and_change_nothing() -> None:
    waiting = [candidate(number, times=["tue-evening"]) for number in (1, 2, 3)]
    before = best_pairs(waiting, [], ASKING)
    more = with_added(waiting, [], [place(1, free=2, times=["tue-evening"]).offer], ASKING, before)
    assert (more.placed, len(more.gained), more.lost) == (2, 2, ())


@given(pools(), st.lists(OFFERS, min_size=1, max_size=2))
@settings(max_examples=100, deadline=None)
def test_added_places_change_what_a_fresh_solution_with_them_changes(
    pool: tuple[list[Candidate], list[Offered]], offers: list[dict[str, Any]]
) -> None:
    candidates, places = pool
    new = [place(200 + number, 2, **offer) for number, offer in enumerate(offers)]
    said = with_added(
        candidates, places, [one.offer for one in new], ASKING, best_pairs(candidates, places, ASKING)
    )
    before, after = (solve(pool_of(candidates, there, ASKING)) for there in (places, [*places, *new]))
    was, then = ({edge.candidate for edge in one.pairs} for one in (before, after))
    assert (set(said.gained), set(said.lost)) == (then - was, was - then)
    assert (said.placed, said.points) == (len(then) - len(was), after.total - before.total)
    assert said.overdue == sum((one.id in then) - (one.id in was) for one in candidates if late([one]))
    assert (said.overdue, said.points) >= (0, 0)


def test_the_kind_of_mentor_that_most_lack_comes_first() -> None:
    home = dict(UNIT.locations["9000"])
    nurse: dict[str, Any] = {"location": home, "wishes": [{"plan": "A", "profession": "nurse"}]}
    evening = [
        candidate(1, times=["mon-evening", "tue-evening"], hours_per_week={"min": 1, "max": 3}, **nurse),
        candidate(2, times=["tue-evening", "wed-evening"], hours_per_week={"min": 2, "max": 8}, **nurse),
    ]
    daytime = candidate(4, times=["mon-morning"], wishes=[{"plan": "A", "industries": ["retail"]}])
    found = kinds_wanted([*evening, daytime], [], ASKING, UNIT)
    assert found == [
        (Kind(openings=2, town="9000", time="tue-evening", hours=2, profession="nurse"), 2),
        (Kind(openings=1, time="mon-morning", industry="retail"), 1),
    ]


WISHING = st.fixed_dictionaries(
    {
        "times": st.lists(st.sampled_from(TIMES), max_size=3, unique=True),
        "wished_mentor_gender": st.sampled_from([None, "f"]),
        "wishes": st.sampled_from([(), [{"profession": "nurse"}], [{"industries": ["retail", "care"]}]]),
        "hours_per_week": st.sampled_from([None, {"min": 0, "max": 4}, {"min": 3, "max": 10}]),
        "max_travel_km": st.sampled_from([None, 5, 400]),
        "location": st.sampled_from([None, AALBORG, TAASTRUP]),
    }
)


@given(pools(WISHING))
@settings(max_examples=100, deadline=None)
def test_offering_exactly_what_is_shown_gives_exactly_the_number_shown(
    pool: tuple[list[Candidate], list[Offered]],
) -> None:
    """One place for each opening that is shown, built from what is shown and nothing else."""
    candidates, places = pool
    before = solve(pool_of(candidates, places, ASKING))
    for kind, unlocks in kinds_wanted(candidates, places, ASKING, UNIT):
        offered: dict[str, Any] = {
            "times": [kind.time] if kind.time else [],
            "hours_per_week": {"min": kind.hours, "max": kind.hours} if kind.hours else None,
            "mentor_gender": kind.gender,
            "industries": [kind.industry] if kind.industry else [],
            "profession": kind.profession,
            "location": dict(UNIT.locations[kind.town]) if kind.town else None,
        }
        new = [place(100 + number, **offered) for number in range(kind.openings)]
        after = solve(pool_of(candidates, [*places, *new], ASKING))
        assert len(after.pairs) - len(before.pairs) == unlocks > 0


def test_whoever_is_left_is_helped_by_some_kind_where_they_say_all_that_keeps_them() -> None:
    """Mixed times and no wish at all are still one named time, and not a place that is there always."""
    found = kinds_wanted([candidate(1, times=["mon-morning", "sat-morning"])], [], ASKING, UNIT)
    assert found == [(Kind(openings=1, time="mon-morning"), 1)]


def test_times_on_evenings_of_working_days_make_an_evening() -> None:
    assert {time[:3] for time in EVENINGS} == {"mon", "tue", "wed", "thu", "fri"}


def test_who_is_proposed_a_place_now_leaves_it_to_the_next() -> None:
    """X is proposed at the first place, which alone fits Y: with X at the second, Y gets the first."""
    x, y = candidate(1), candidate(2, wished_mentor_gender="f")
    first, second = place(1, free=0, mentor_gender="f"), place(2, mentor_gender="m")
    cost = cost_of_forcing(x, second, [y], [first, second], ASKING, now=replace(first, free=1))
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
