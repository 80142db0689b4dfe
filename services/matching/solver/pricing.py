"""The best pairs of a pool in columns, of any size, with most of its edges never written down.

Job: solve with the best edges of each candidate, look with the prices found for edges that were left out
and are worth more than their duals, put them in, mend, and look again until there are none. Guarantee: the
solution is the best over all pairs that the rules allow, proven: what the edges that are there show by
`certificate`, every pair that is no edge by a look at all of them at the end. It makes no proposals and
names no reasons.

A candidate is only looked at again if something was left out that could be worth more than their `u`:
prices are never below nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from services.matching.solver.certificate import prove
from services.matching.solver.columns import FREE, OVERDUE, Columns
from services.matching.solver.frontier import Frontier, frontier_of
from services.matching.solver.graph import Graph, Ints, Longs, State, empty_state, graph_of, with_room
from services.matching.solver.grid import grid_of, reordered
from services.matching.solver.near import (
    NEVER,
    Best,
    Duals,
    Ground,
    Near,
    all_edges,
    best_edges,
    doubtful,
    overlooked,
    worth_asking,
)
from services.matching.solver.optimum import approach, best_of, offset_of, solve_graph
from services.matching.solver.pool import NotProven
from services.matching.solver.repair import add_rows, ask, mend
from services.matching.solver.sieve import sieve_of
from services.matching.solver.ties import break_ties

MOST_EDGES = 40
"""How many of its best edges a candidate begins with."""
MARGIN = 20
"""With an edge that was missed come all that are nearly as good: within the range of points by this."""


@dataclass(frozen=True)
class Solved:
    """A pool's solution, in the order of the map; `candidates` and `places` lead back to the columns."""

    columns: Columns
    ground: Ground
    candidates: Longs
    places: Longs
    graph: Graph
    state: State
    frontier: Frontier
    offset: int
    looks: tuple[int, ...]
    """How many candidates were looked at each time that edges were looked for."""

    def back(self) -> tuple[Longs, Longs, Longs, Longs]:
        """By the columns' order: the place of each candidate or -1, its points, and the duals."""
        at, worth, u = (np.empty(len(self.candidates), np.int64) for _ in range(3))
        p = np.empty(len(self.places), np.int64)
        at[self.candidates] = np.where(self.state.at >= 0, self.places[self.state.at], -1) if len(p) else -1
        worth[self.candidates] = self.state.at_worth
        u[self.candidates] = self.state.u
        p[self.places] = self.state.p
        return at, worth, u, p


def solve_columns(columns: Columns, most: int = MOST_EDGES) -> Solved:
    """The best pairs. The columns are to stand in the order of the ids, by which equals are told apart.

    Raises `TooLarge` where sums would not be exact, `NotProven` for a fault.
    """
    grid, begins, candidates, places = grid_of(columns)
    columns = reordered(columns, candidates, places)
    ground = Ground(grid, begins, sieve_of(columns.offers))
    ranks = candidates.astype(np.int32), places.astype(np.int32)
    best = best_edges(columns, ground, ranks, most)
    graph, offset = _graph(columns, (candidates, places), best.start, best.length, best.to, best.worth)
    state, frontier = empty_state(len(candidates), len(places)), frontier_of(len(places))
    approach(graph, state, frontier)
    graph, looks = price(columns, ground, best, graph, state, frontier)
    break_ties(graph, state, frontier)
    prove(graph, state)
    if overlooked(columns, ground, graph, state.u, state.p):
        raise NotProven("a pair that was left out is worth more than its duals")
    return Solved(columns, ground, candidates, places, graph, state, frontier, offset, looks)


def solve_whole(columns: Columns) -> Solved:
    """The same with every edge written down, for a session or explanations: memory grows with all edges."""
    grid, begins, candidates, places = grid_of(columns)
    columns = reordered(columns, candidates, places)
    ground = Ground(grid, begins, sieve_of(columns.offers))
    rows, to, worth = all_edges(columns, ground, np.arange(len(candidates)))
    length = np.bincount(rows, minlength=len(candidates)).astype(np.int32)
    start = np.cumsum(length, dtype=np.int64) - length
    graph, offset = _graph(columns, (candidates, places), start, length, to, worth)
    state, frontier = solve_graph(graph)
    return Solved(columns, ground, candidates, places, graph, state, frontier, offset, ())


def _graph(
    columns: Columns, orders: tuple[Longs, Longs], start: Longs, length: Ints, to: Ints, worth: Ints
) -> tuple[Graph, int]:
    """The graph of these rows, and what being overdue is worth in it."""
    overdue = columns.seekers.numbers[:, OVERDUE] != 0
    offset = offset_of(best_of(start, length, worth), overdue)
    extra = np.where(overdue, offset, 0).astype(np.int64)
    # No place takes more than there are candidates, however many it could.
    capacity = np.clip(columns.offers.numbers[:, FREE], 0, len(start)).astype(np.int32)
    rank, place_rank = (order.astype(np.int32) for order in orders)
    return graph_of(start, length, to, worth, extra, rank, capacity, place_rank), offset


def price(
    columns: Columns, ground: Ground, best: Best, graph: Graph, state: State, frontier: Frontier
) -> tuple[Graph, tuple[int, ...]]:
    """Put in what was left out, until nothing that was left out is worth more than its duals.

    For every row it is known since when and by how much nothing left out was worth more: `asked` says at
    which look, whose duals are kept. It is looked at again only if duals have fallen by more than that.
    """
    size = len(best.start)
    margin = max(1, int(best.worth.max(initial=1)) // MARGIN)
    # Before the first look: with all duals at nothing, an edge is worth at most the best one left out.
    nothing = np.where(best.left_out > 0, -best.left_out - graph.extra, NEVER)
    duals = [Duals(np.zeros(size, np.int64), np.zeros_like(state.p), nothing)]
    asked = np.zeros(size, np.int64)
    looks = []
    while True:
        groups = [np.flatnonzero((asked == look) & (one.slack < NEVER)) for look, one in enumerate(duals)]
        rows = np.concatenate(
            [
                doubtful(columns, ground, group, one, state.u, state.p)
                for group, one in zip(groups, duals, strict=True)
            ]
        )
        looks.append(len(rows))
        if not len(rows):
            return graph, tuple(looks)
        rows.sort()
        now = Duals(state.u.copy(), state.p.copy(), np.full(size, NEVER))
        near = worth_asking(columns, ground, rows, graph, now, margin)
        asked[rows] = len(duals)
        duals.append(now)
        graph = _put_in(graph, state, near)
        mend(graph, state, frontier)


def _put_in(graph: Graph, state: State, near: Near) -> Graph:
    """Add edges, row by row, and let those who have them ask for the best again."""
    rows = near.candidates
    begin = np.flatnonzero(np.diff(rows, prepend=-1))
    graph = with_room(graph, len(rows) + int(graph.length[rows[begin]].sum(dtype=np.int64)))
    add_rows(graph, rows, near.places, near.worth)
    ask(graph, state, rows[begin])
    return graph
