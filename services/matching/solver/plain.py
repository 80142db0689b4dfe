"""The best pairs once more, in plain Python: slow, short, and with nothing in common with the quick way.

Job: what is done should the quick way ever fail its own proof (`NotProven`): the same optimum, from pools of
objects, in seconds for hundreds of candidates and minutes for thousands. Guarantee: an optimum, proven by its
duals before it is given. A proposal is worth waiting for, and a wrong one worse than none; so where this too
cannot prove what it found, it raises and nothing is proposed.

Candidates enter one by one; each takes the shortest path to a better solution, through whoever can move on.
"""

from __future__ import annotations

from heapq import heappop, heappush
from uuid import UUID

from services.matching.solver.pool import Edge, NotProven, Pool, Solution


def solve_plainly(pool: Pool) -> Solution:
    """The best solution. Raises `NotProven` for a fault."""
    edges: dict[UUID, list[Edge]] = {one.id: [] for one in pool.candidates}
    for edge in pool.edges:
        edges[edge.candidate].append(edge)
    best = {id_: max((edge.points for edge in row), default=0) for id_, row in edges.items()}
    overdue = any(one.overdue for one in pool.candidates)
    offset = sum(best.values()) + 1 if overdue else 0
    extra = {one.id: offset if one.overdue else 0 for one in pool.candidates}
    # A place without openings has a price that nobody pays, above everything that there is.
    price = {one.id: 0 if one.free else max(best.values(), default=0) + offset for one in pool.places}
    work = _Plain(edges, extra, {one.id: one.free for one in pool.places}, price)
    for one in pool.candidates:
        work.enter(one.id)
    work.prove()
    pairs = tuple(work.pair[one.id] for one in pool.candidates if one.id in work.pair)
    return Solution(
        pairs,
        sum(edge.points for edge in pairs),
        tuple(work.u[one.id] for one in pool.candidates),
        tuple(work.p[one.id] for one in pool.places),
        offset,
    )


class _Plain:
    """Who is where, and the duals, by id."""

    def __init__(
        self,
        edges: dict[UUID, list[Edge]],
        extra: dict[UUID, int],
        free: dict[UUID, int],
        price: dict[UUID, int],
    ) -> None:
        self.edges, self.extra, self.free = edges, extra, free
        self.u: dict[UUID, int] = {}
        self.p = price
        self.pair: dict[UUID, Edge] = {}
        self.held: dict[UUID, set[UUID]] = {place: set() for place in free}

    def weight(self, edge: Edge) -> int:
        return edge.points + self.extra[edge.candidate]

    def enter(self, source: UUID) -> None:
        """Dijkstra over reduced costs, from a candidate who is nowhere to the cheapest end of a path."""
        self.u[source] = max([0, *(self.weight(edge) - self.p[edge.place] for edge in self.edges[source])])
        distance: dict[UUID, int] = {}
        by: dict[UUID, Edge] = {}
        done: set[UUID] = set()
        heap: list[tuple[int, int, UUID]] = []
        end, leaves, shortest = None, None, self.u[source]
        ahead: list[tuple[UUID, int]] = [(source, 0)]
        while True:
            for candidate, far in ahead:
                if far + self.u[candidate] < shortest:
                    shortest, end, leaves = far + self.u[candidate], self.pair[candidate].place, candidate
                for edge in self.edges[candidate]:
                    to = far + self.u[candidate] + self.p[edge.place] - self.weight(edge)
                    if to < distance.get(edge.place, shortest):
                        distance[edge.place], by[edge.place] = to, edge
                        heappush(heap, (to, edge.place.int, edge.place))
            while heap and heap[0][2] in done:
                heappop(heap)
            if not heap or heap[0][0] >= shortest:
                break
            far, _, place = heappop(heap)
            if len(self.held[place]) < self.free[place]:
                shortest, end, leaves = far, place, None
                break
            done.add(place)
            ahead = [(one, far) for one in sorted(self.held[place], key=lambda one: one.int)]
        self.u[source] -= shortest
        for place in done:
            self.p[place] += shortest - distance[place]
            for one in self.held[place]:
                self.u[one] -= shortest - distance[place]
        if leaves is not None:
            self.held[self.pair.pop(leaves).place].remove(leaves)
        while end is not None:
            edge = by[end]
            before = self.pair.get(edge.candidate)
            if before is not None:
                self.held[before.place].remove(edge.candidate)
            self.pair[edge.candidate] = edge
            self.held[end].add(edge.candidate)
            end = None if edge.candidate == source or before is None else before.place

    def prove(self) -> None:
        """Raises `NotProven` unless the duals show that there is nothing better."""
        sound = all(dual >= 0 for dual in (*self.u.values(), *self.p.values()))
        sound = sound and all(len(self.held[place]) <= free for place, free in self.free.items())
        for row in self.edges.values():
            sound = sound and all(self.weight(e) <= self.u[e.candidate] + self.p[e.place] for e in row)
        primal = sum(self.weight(edge) for edge in self.pair.values())
        dual = sum(self.u.values()) + sum(self.p[place] * free for place, free in self.free.items())
        if not sound or primal != dual:
            raise NotProven("the plain solution is not shown to be the best either")
