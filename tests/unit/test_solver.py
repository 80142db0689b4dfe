"""The solver against trying everything: the optimum, within capacities, and the same for the same pool."""

from __future__ import annotations

from itertools import product
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.matching.solver.optimum import LARGEST_EXACT, solve
from services.matching.solver.pool import Edge, Opening, Pool, Seeker


def candidate(number: int) -> UUID:
    return UUID(int=number * 7919 % 101 + 1)


def place(number: int) -> UUID:
    return UUID(int=1000 + number * 104729 % 997)


@st.composite
def pools(draw: st.DrawFn, most: int = 10) -> Pool:
    """Small pools of every shape: crowded, empty, with equal points, with overdue candidates."""
    candidates = draw(st.integers(0, 5))
    places = draw(st.integers(0, 4))
    overdue = draw(st.lists(st.booleans(), min_size=candidates, max_size=candidates))
    free = draw(st.lists(st.integers(0, 3), min_size=places, max_size=places))
    points = st.none() | st.integers(1, most)
    edges = [
        Edge(candidate(one), place(other), worth)
        for one in range(candidates)
        for other in range(places)
        if (worth := draw(points)) is not None
    ]
    return Pool.of(
        [Seeker(candidate(one), overdue[one]) for one in range(candidates)],
        [Opening(place(one), free[one]) for one in range(places)],
        edges,
    )


def best(pool: Pool) -> tuple[int, int]:
    """How many overdue candidates can be placed, and the most points with so many: by trying everything."""
    choices = [[None, *(edge for edge in pool.edges if edge.candidate == one.id)] for one in pool.candidates]
    overdue = {one.id for one in pool.candidates if one.overdue}
    found = (0, 0)
    for choice in product(*choices):
        chosen = [edge for edge in choice if edge is not None]
        if all(sum(edge.place == one.id for edge in chosen) <= one.free for one in pool.places):
            served = sum(edge.candidate in overdue for edge in chosen)
            found = max(found, (served, sum(edge.points for edge in chosen)))
    return found


@settings(max_examples=300, deadline=None)
@given(pools())
def test_the_solution_is_as_good_as_the_best_of_all(pool: Pool) -> None:
    solution = solve(pool)
    overdue = {one.id for one in pool.candidates if one.overdue}
    assert (sum(edge.candidate in overdue for edge in solution.pairs), solution.total) == best(pool)
    assert solution.total == sum(edge.points for edge in solution.pairs)


@settings(deadline=None)
@given(pools(most=2))
def test_nobody_has_two_places_and_no_place_more_than_its_openings(pool: Pool) -> None:
    pairs = solve(pool).pairs
    assert set(pairs) <= set(pool.edges)
    assert len({edge.candidate for edge in pairs}) == len(pairs)
    for one in pool.places:
        assert sum(edge.place == one.id for edge in pairs) <= one.free


@settings(deadline=None)
@given(pools(most=2), st.randoms(use_true_random=False))
def test_the_order_of_the_input_does_not_matter(pool: Pool, random: object) -> None:
    shuffled = [list(pool.candidates), list(pool.places), list(pool.edges)]
    for items in shuffled:
        random.shuffle(items)  # type: ignore[attr-defined]
    assert solve(Pool.of(*shuffled)) == solve(pool)  # type: ignore[arg-type]


def test_who_has_waited_too_long_comes_before_any_points() -> None:
    late, soon, only = candidate(1), candidate(2), place(1)
    pool = Pool.of(
        [Seeker(late, overdue=True), Seeker(soon)],
        [Opening(only, 1)],
        [Edge(late, only, 1), Edge(soon, only, 10_000)],
    )
    assert [edge.candidate for edge in solve(pool).pairs] == [late]


def test_a_pool_without_an_edge_has_an_empty_solution() -> None:
    assert solve(Pool.of([Seeker(candidate(1))], [Opening(place(1), 1)], [])).pairs == ()


def test_points_that_cannot_be_summed_exactly_are_a_fault() -> None:
    pool = Pool.of(
        [Seeker(candidate(1))], [Opening(place(1), 1)], [Edge(candidate(1), place(1), LARGEST_EXACT)]
    )
    with pytest.raises(ValueError, match="too large"):
        solve(pool)


@pytest.mark.parametrize(
    "edges",
    [
        [Edge(candidate(1), place(1), 1), Edge(candidate(1), place(1), 2)],
        [Edge(candidate(1), place(2), 1)],
        [Edge(candidate(1), place(1), 0)],
    ],
)
def test_a_pool_with_a_faulty_edge_is_refused(edges: list[Edge]) -> None:
    with pytest.raises(ValueError, match=r"pool twice|not in the pool|less than one"):
        Pool.of([Seeker(candidate(1))], [Opening(place(1), 1)], edges)
