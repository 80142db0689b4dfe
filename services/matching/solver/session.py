"""A pool that stays solved while it changes: somebody comes or goes, an opening comes or goes.

Job: keep pairs and prices, and mend them after one change with one search. Guarantee: after each change the
pairs are a best solution of the pool as it is then, with the same total as if it were solved anew; `prove`
shows it. Which of several equally good ones depends on the changes before, so what is proposed comes from a
solution of the whole pool. It looks for no edges that were left out: its graph is to have them all.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from services.matching.solver.certificate import prove
from services.matching.solver.frontier import Frontier, frontier_of
from services.matching.solver.graph import Array, Graph, Ints, State, detach_one, with_room
from services.matching.solver.optimum import solve_graph
from services.matching.solver.repair import NOBODY, add_rows, ask, search


class Session:
    """A graph and its best pairs. Candidates and places are known by their numbers in it."""

    def __init__(self, graph: Graph, state: State | None = None, frontier: Frontier | None = None) -> None:
        """Of a graph that is solved already, or is solved now; the arrays are the session's from now on."""
        self.graph = graph
        if state is None:
            state, frontier = solve_graph(graph)
        self.state = state
        self.frontier = frontier or frontier_of(len(graph.capacity))
        self._candidates = len(graph.start)

    @property
    def total(self) -> int:
        """The points of all pairs together."""
        return int(self.state.at_worth.sum())

    @property
    def served(self) -> int:
        """How many overdue candidates have a place."""
        return int(np.count_nonzero((self.state.at >= 0) & (self.graph.extra > 0)))

    def prove(self) -> None:
        """Raises `NotProven` where the pairs are not shown to be the best."""
        prove(self.graph, self.state)

    def add_candidate(self, places: Ints, points: Ints, *, extra: int = 0) -> int:
        """Somebody comes, with these edges; `extra` is what being overdue is worth. Gives their number."""
        if len(np.unique(places)) != len(places) or (len(points) and int(points.min()) < 1):
            raise ValueError("an edge stands there twice, or is worth less than one point")
        self._make_room(len(places))
        i = self._candidates
        self._candidates += 1
        graph, state = self.graph, self.state
        graph.start[i], graph.length[i] = graph.used[0], 0
        graph.extra[i], graph.rank[i], graph.here[i] = extra, i, True
        one = np.array([i])
        add_rows(graph, np.full(len(places), i), places, points)
        ask(graph, state, one)
        search(graph, state, self.frontier, one, NOBODY)
        return i

    def remove_candidate(self, i: int) -> None:
        """Somebody goes; the opening that they held is filled as well as can be."""
        self._known(i)
        j = int(self.state.at[i])
        self.graph.here[i] = False
        self.state.u[i] = 0
        if j >= 0:
            detach_one(self.state, i)
            self._fill(j)

    def open(self, j: int, openings: int = 1) -> None:
        """A place has more openings."""
        for _ in range(openings):
            self.graph.capacity[j] += 1
            self._fill(j)

    def close(self, j: int, openings: int = 1) -> None:
        """A place has fewer openings; who held one that is gone finds the best there is elsewhere."""
        if openings > self.graph.capacity[j]:
            raise ValueError("a place cannot have less than no opening")
        for _ in range(openings):
            self.graph.capacity[j] -= 1
            if self.state.held[j] > self.graph.capacity[j]:
                i = int(self.state.first[j])
                detach_one(self.state, i)
                search(self.graph, self.state, self.frontier, np.array([i]), NOBODY)

    def add_place(self, candidates: Ints, points: Ints, openings: int) -> int:
        """A new place with these edges. Gives its number. It copies the places' arrays."""
        j = len(self.graph.capacity)
        self._grow_places()
        self._make_room(len(candidates) + int(self.graph.length[candidates].sum(dtype=np.int64)))
        # Nobody wants it at this price; each opening brings it down by a search.
        gains = points + self.graph.extra[candidates] - self.state.u[candidates]
        self.state.p[j] = max(0, int(gains.max(initial=0)))
        add_rows(
            self.graph,
            candidates.astype(np.int64),
            np.full(len(candidates), j, np.int32),
            points.astype(np.int32),
        )
        self.open(j, openings)
        return j

    def _fill(self, j: int) -> None:
        search(self.graph, self.state, self.frontier, NOBODY, np.array([j]))

    def _known(self, i: int) -> None:
        if not (0 <= i < self._candidates and self.graph.here[i]):
            raise ValueError(f"candidate {i} is not in this pool")

    def _make_room(self, edges: int) -> None:
        self.graph = with_room(self.graph, edges)
        if self._candidates == len(self.graph.start):
            size = self._candidates + max(64, self._candidates // 4)
            rows = {name: _longer(getattr(self.graph, name), size) for name in ("start", "length", "extra")}
            self.graph = self.graph._replace(
                **rows, rank=_longer(self.graph.rank, size), here=_longer(self.graph.here, size)
            )
            state = self.state
            self.state = state._replace(
                **{name: _longer(getattr(state, name), size) for name in ("at_worth", "u")},
                **{name: _longer(getattr(state, name), size, -1) for name in ("at", "next", "before")},
            )

    def _grow_places(self) -> None:
        size = len(self.graph.capacity) + 1
        graph, state = self.graph, self.state
        rank = _longer(graph.place_rank, size)
        rank[-1] = size - 1
        self.graph = graph._replace(
            capacity=_longer(graph.capacity, size), place_rank=rank, head=_longer(graph.head, size, -1)
        )
        self.state = state._replace(
            held=_longer(state.held, size), first=_longer(state.first, size, -1), p=_longer(state.p, size)
        )
        self.frontier = frontier_of(size)


def _longer(array: Array, size: int, value: int = 0) -> Array:
    more = np.full(size, value, array.dtype)
    more[: len(array)] = array
    return more


def placed(session: Session) -> Iterable[tuple[int, int]]:
    """Who is where, as numbers."""
    return ((i, int(session.state.at[i])) for i in np.flatnonzero(session.state.at >= 0).tolist())
