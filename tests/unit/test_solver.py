"""The solver against trying everything and against OR-Tools: an optimum, proven, and always the same."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ortools.graph.python.min_cost_flow import SimpleMinCostFlow

from services.matching.solver.certificate import FAULTS, prove, unproven
from services.matching.solver.graph import Graph, State, graph_of
from services.matching.solver.optimum import offset_of, solve, solve_graph
from services.matching.solver.plain import solve_plainly
from services.matching.solver.pool import (
    MOST_POINTS,
    Edge,
    NotProven,
    Opening,
    Pool,
    Seeker,
    Solution,
    TooLarge,
)


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


def best(pool: Pool) -> tuple[int, int, list[Edge]]:
    """How many overdue candidates can be placed, the most points with so many, and the pairs.

    By trying everything: of equally good ones, that in which the first candidate has the first place.
    """
    choices = [[*(edge for edge in pool.edges if edge.candidate == one.id), None] for one in pool.candidates]
    overdue = {one.id for one in pool.candidates if one.overdue}
    found: tuple[int, int, list[Edge]] = (-1, -1, [])
    # `product` gives them in the very order of the ids.
    for choice in product(*choices):
        chosen = [edge for edge in choice if edge is not None]
        if all(sum(edge.place == one.id for edge in chosen) <= one.free for one in pool.places):
            served = sum(edge.candidate in overdue for edge in chosen)
            points = sum(edge.points for edge in chosen)
            if (served, points) > found[:2]:
                found = served, points, chosen
    return found


@settings(max_examples=300, deadline=None)
@given(pools())
def test_the_solution_is_as_good_as_the_best_of_all(pool: Pool) -> None:
    solution = solve(pool)
    overdue = {one.id for one in pool.candidates if one.overdue}
    served, points, _ = best(pool)
    assert (sum(edge.candidate in overdue for edge in solution.pairs), solution.total) == (served, points)
    assert solution.total == sum(edge.points for edge in solution.pairs)


@settings(deadline=None)
@given(pools(most=2))
def test_nobody_has_two_places_and_no_place_more_than_its_openings(pool: Pool) -> None:
    pairs = solve(pool).pairs
    assert set(pairs) <= set(pool.edges)
    assert len({edge.candidate for edge in pairs}) == len(pairs)
    for one in pool.places:
        assert sum(edge.place == one.id for edge in pairs) <= one.free


@settings(max_examples=400, deadline=None)
@given(pools(most=2))
def test_of_equally_good_solutions_it_is_the_one_that_the_ids_say(pool: Pool) -> None:
    assert list(solve(pool).pairs) == best(pool)[2]


@settings(deadline=None)
@given(pools(most=2), st.randoms(use_true_random=False))
def test_the_order_of_the_input_does_not_matter(pool: Pool, random: object) -> None:
    shuffled = [list(pool.candidates), list(pool.places), list(pool.edges)]
    for items in shuffled:
        random.shuffle(items)  # type: ignore[attr-defined]
    assert solve(Pool.of(*shuffled)) == solve(pool)  # type: ignore[arg-type]


@pytest.mark.parametrize(("openings", "hosts"), [(300, 1), (40, 10), (1, 400)])
def test_among_many_equals_too_the_order_of_the_arrays_does_not_matter(openings: int, hosts: int) -> None:
    size, each = 800, min(hosts, 8)
    chosen = np.random.default_rng(1)
    rows = [np.sort(chosen.choice(hosts, each, replace=False)) for _ in range(size)]
    found = []
    for seed in range(3):
        order = np.random.default_rng(seed)
        ranks, place_ranks = order.permutation(size), order.permutation(hosts)
        at_row = np.argsort(place_ranks)
        graph = graph_of(
            np.arange(size, dtype=np.int64) * each,
            np.full(size, each, np.int32),
            np.concatenate([at_row[rows[rank]] for rank in ranks]).astype(np.int32),
            np.full(size * each, 7, np.int32),
            np.zeros(size, np.int64),
            ranks.astype(np.int32),
            np.full(hosts, openings, np.int32),
            place_ranks.astype(np.int32),
        )
        state, _ = solve_graph(graph)
        by_rank = np.empty(size, np.int64)
        by_rank[ranks] = np.where(state.at >= 0, place_ranks[state.at], -1)
        found.append(by_rank.tolist())
    assert found[0] == found[1] == found[2]


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


def test_points_that_cannot_be_summed_exactly_are_refused_by_name() -> None:
    one, only = [Seeker(candidate(1))], [Opening(place(1), 1)]
    large = Pool.of(one, only, [Edge(candidate(1), place(1), MOST_POINTS + 1)])
    with pytest.raises(TooLarge, match="points of a pair"):
        solve(large)
    assert solve(Pool.of(one, only, [Edge(candidate(1), place(1), MOST_POINTS)])).total == MOST_POINTS
    with pytest.raises(TooLarge, match="100000 overdue candidates"):
        offset_of(np.full(100_000, MOST_POINTS), np.ones(100_000, np.bool_))


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


def proven(pool: Pool, solution: Solution) -> bool:
    """The certificate once more, from the pool and the solution alone."""
    assert solution.u is not None and solution.p is not None
    u = dict(zip((one.id for one in pool.candidates), solution.u, strict=True))
    p = dict(zip((one.id for one in pool.places), solution.p, strict=True))
    extra = {one.id: solution.offset * one.overdue for one in pool.candidates}
    free = {one.id: min(one.free, len(pool.candidates)) for one in pool.places}
    return (
        all(dual >= 0 for dual in (*solution.u, *solution.p))
        and all(u[e.candidate] + p[e.place] >= e.points + extra[e.candidate] for e in pool.edges)
        and sum(u.values()) + sum(p[place] * free[place] for place in free)
        == sum(edge.points + extra[edge.candidate] for edge in solution.pairs)
    )


@settings(max_examples=200, deadline=None)
@given(pools(most=4))
def test_every_solution_carries_its_proof(pool: Pool) -> None:
    assert proven(pool, solve(pool))
    assert proven(pool, solve_plainly(pool))


@settings(max_examples=200, deadline=None)
@given(pools(most=30))
def test_the_plain_way_finds_the_same_total(pool: Pool) -> None:
    quick, plain = solve(pool), solve_plainly(pool)
    overdue = {one.id for one in pool.candidates if one.overdue}
    assert plain.total == quick.total
    assert sum(e.candidate in overdue for e in plain.pairs) == sum(
        e.candidate in overdue for e in quick.pairs
    )


def graph_from(capacity: list[int], rows: list[dict[int, int]], extra: list[int] | None = None) -> Graph:
    """A graph by numbers: of each candidate, the points by place."""
    length = np.array([len(row) for row in rows], np.int32)
    return graph_of(
        np.cumsum(length, dtype=np.int64) - length,
        length,
        np.array([j for row in rows for j in row], np.int32),
        np.array([points for row in rows for points in row.values()], np.int32),
        np.array(extra or [0] * len(rows), np.int64),
        np.arange(len(rows), dtype=np.int32),
        np.array(capacity, np.int32),
        np.arange(len(capacity), dtype=np.int32),
    )


def by_flow(graph: Graph) -> int:
    """The best total by OR-Tools: each candidate sends one unit to a place, or past all of them."""
    flow, candidates, places = SimpleMinCostFlow(), len(graph.start), len(graph.capacity)
    sink = candidates + places
    for i in range(candidates):
        for e in range(graph.start[i], graph.start[i] + graph.length[i]):
            cost = -int(graph.worth[e]) - int(graph.extra[i])
            flow.add_arc_with_capacity_and_unit_cost(i, candidates + int(graph.to[e]), 1, cost)
        flow.add_arc_with_capacity_and_unit_cost(i, sink, 1, 0)
        flow.set_node_supply(i, 1)
    for j in range(places):
        flow.add_arc_with_capacity_and_unit_cost(candidates + j, sink, int(graph.capacity[j]), 0)
    flow.set_node_supply(sink, -candidates)
    assert flow.solve() == flow.OPTIMAL
    return -int(flow.optimal_cost())


def total(graph: Graph, state: State) -> int:
    return int(state.at_worth.sum() + graph.extra[state.at >= 0].sum())


def test_thousands_of_random_pools_come_to_what_min_cost_flow_comes_to() -> None:
    rng = np.random.default_rng(1)
    for number in range(3000):
        candidates, places = int(rng.integers(0, 14)), int(rng.integers(1, 9))
        most = int(rng.choice([1, 2, 5, 100, 10_000, MOST_POINTS]))
        edges = rng.random((candidates, places)) < rng.choice([0.1, 0.3, 0.7, 1.0])
        points = rng.integers(1, most + 1, (candidates, places))
        rows = [{j: int(points[i, j]) for j in np.flatnonzero(edges[i]).tolist()} for i in range(candidates)]
        extra = [int(rng.random() < 0.3) * 15 * most for _ in rows] if number % 3 == 0 else None
        graph = graph_from(rng.integers(0, 4, places).tolist(), rows, extra)
        state, _ = solve_graph(graph)
        assert total(graph, state) == by_flow(graph), number


@pytest.mark.parametrize(
    ("capacity", "rows"),
    [
        ([0, 0], [{0: 5, 1: 5}, {1: 3}]),
        ([1000], [{0: 7}] * 400),
        ([300], [{0: 7}] * 400),
        ([1] * 40, [dict.fromkeys(range(40), 9)] * 60),
        ([1] * 60, [dict.fromkeys(range(60), 9)] * 40),
        ([1] * 200, [{i: 10, min(i + 1, 199): 9} for i in range(200)] + [{0: 10}]),
        ([2] * 100, [{j: 1 + (i * j) % 7 for j in range(100)} for i in range(300)]),
        ([MOST_POINTS], [{0: MOST_POINTS}] * 50),
    ],
    ids=["nothing open", "room for all", "one giant host", "crowded", "roomy", "a chain", "a block", "huge"],
)
def test_awkward_pools_are_solved_and_proven(capacity: list[int], rows: list[dict[int, int]]) -> None:
    graph = graph_from(capacity, rows)
    state, _ = solve_graph(graph)
    prove(graph, state)
    assert total(graph, state) == by_flow(graph)


def test_empty_sides_have_empty_solutions() -> None:
    assert solve(Pool.of([], [], [])).pairs == ()
    assert solve(Pool.of([], [Opening(place(1), 3)], [])).p == (0,)
    assert solve(Pool.of([Seeker(candidate(1), overdue=True)], [], [])).u == (0,)


def test_one_more_opening_never_lowers_the_total() -> None:
    rng = np.random.default_rng(2)
    for _ in range(200):
        capacity = rng.integers(0, 3, 6).tolist()
        rows = [
            {j: int(rng.integers(1, 50)) for j in np.flatnonzero(rng.random(6) < 0.5).tolist()}
            for _ in range(12)
        ]
        graph = graph_from(capacity, rows)
        state, _ = solve_graph(graph)
        for j in range(6):
            more = graph_from([free + (other == j) for other, free in enumerate(capacity)], rows)
            after, _ = solve_graph(more)
            assert 0 <= total(more, after) - total(graph, state) <= state.p[j] or capacity[j] == 0


def _worse_dual(state: State) -> None:
    state.u[0] -= 1


def _negative_dual(state: State) -> None:
    state.u[:] -= 100


def _dearer(state: State) -> None:
    state.p[0] += 1


def _no_such_pair(state: State) -> None:
    state.at[0] = 2


def _crowded(state: State) -> None:
    state.at[:2] = 0


def _dropped(state: State) -> None:
    state.at[0] = -1


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [(_worse_dual, 2), (_negative_dual, 1), (_dearer, 5), (_no_such_pair, 3), (_crowded, 4), (_dropped, 5)],
)
def test_a_solution_that_was_tampered_with_is_noticed(spoil: Callable[[State], None], fault: int) -> None:
    graph = graph_from([1, 1, 5], [{0: 8, 1: 3}, {0: 5, 1: 4}])
    state, _ = solve_graph(graph)
    assert unproven(graph, state) == 0
    spoil(state)
    with pytest.raises(NotProven, match=FAULTS[fault]):
        prove(graph, state)
