"""The best pairs of a pool: exactly, proven at every solve, and the same for the same pool.

Job: choose edges so that each candidate has at most one place and no place more than its openings: first
as many as possible of the overdue candidates, then as many points as possible. Guarantee: an optimum in
integers whose certificate has been checked, or `NotProven`; of all that are equally good the one that the
ids say. It is pure and knows no rules.

The way: prices by an auction (`auction`, and `lifting` for the overdue), made exact by shortest paths
(`repair`), one of the equally good solutions chosen (`ties`), and proven by the duals (`certificate`).
"""

from __future__ import annotations

import numpy as np

from services.matching.solver.auction import auction
from services.matching.solver.certificate import prove
from services.matching.solver.frontier import Frontier, frontier_of
from services.matching.solver.graph import Bools, Graph, Ints, Longs, State, empty_state, graph_of
from services.matching.solver.lifting import lift
from services.matching.solver.pool import MOST_IN_ALL, MOST_POINTS, Pool, Solution, TooLarge
from services.matching.solver.repair import settle
from services.matching.solver.ties import break_ties


def solve(pool: Pool) -> Solution:
    """The best solution. Raises `TooLarge` where sums would not be exact, `NotProven` for a fault."""
    edges = pool.edges
    if any(edge.points > MOST_POINTS for edge in edges):
        raise TooLarge(f"the points of a pair are too large: more than {MOST_POINTS}")
    row_of = {one.id: row for row, one in enumerate(pool.candidates)}
    column_of = {one.id: column for column, one in enumerate(pool.places)}
    rows = np.array([row_of[edge.candidate] for edge in edges], np.int64)
    to = np.array([column_of[edge.place] for edge in edges], np.int32)
    worth = np.array([edge.points for edge in edges], np.int32)
    overdue = np.array([one.overdue for one in pool.candidates], np.bool_)
    # No place takes more than there are candidates, however many it could.
    most = len(pool.candidates)
    capacity = np.array([min(one.free, most) for one in pool.places], np.int32)
    length = np.bincount(rows, minlength=most).astype(np.int32)
    start = np.cumsum(length, dtype=np.int64) - length
    offset = offset_of(best_of(start, length, worth), overdue)
    graph = graph_of(
        start,
        length,
        to,
        worth,
        np.where(overdue, offset, 0).astype(np.int64),
        np.arange(most, dtype=np.int32),
        capacity,
        np.arange(len(capacity), dtype=np.int32),
    )
    state, _ = solve_graph(graph)
    chosen = tuple(edges[e] for e in chosen_edges(graph, state))
    total = sum(edge.points for edge in chosen)
    return Solution(chosen, total, tuple(state.u.tolist()), tuple(state.p.tolist()), offset)


def solve_graph(graph: Graph) -> tuple[State, Frontier]:
    """The best pairs of a graph, proven, with what another search needs."""
    state, queue = empty_state(len(graph.start), len(graph.capacity)), frontier_of(len(graph.capacity))
    approach(graph, state, queue)
    break_ties(graph, state, queue)
    prove(graph, state)
    return state, queue


def approach(graph: Graph, state: State, queue: Frontier) -> None:
    """The best pairs of a graph, not yet proven."""
    auction(graph, state)
    lift(graph, state)
    settle(graph, state, queue)


def best_of(start: Longs, length: Ints, worth: Ints) -> Longs:
    """The most points that each candidate can have; 0 where there is no edge. The rows follow each other."""
    best = np.zeros(len(start), np.int64)
    some = length > 0
    if some.any():
        best[some] = np.maximum.reduceat(worth, start[some])
    return best


def offset_of(best: Longs, overdue: Bools) -> int:
    """What an overdue candidate's pair is worth beyond its points: more than all points together.

    `best` is the most points of each candidate. Raises `TooLarge` where the sum of all weights would not be
    exact.
    """
    if not overdue.any():
        return 0
    together = int(best.sum())
    offset = together + 1
    if together + offset * int(overdue.sum()) > MOST_IN_ALL:
        raise TooLarge(
            f"the weights of {int(overdue.sum())} overdue candidates are too large: {offset} each, "
            f"so that they come before {together} points"
        )
    return offset


def chosen_edges(graph: Graph, state: State) -> list[int]:
    """The edges of the pairs, in the order of the rows."""
    found = []
    for i in np.flatnonzero(state.at >= 0).tolist():
        begin = int(graph.start[i])
        row = graph.to[begin : begin + int(graph.length[i])]
        found.append(begin + int(np.flatnonzero(row == state.at[i])[0]))
    return found
