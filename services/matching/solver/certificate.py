"""Whether a solution is the best there is, by its own duals: one pass over all edges.

Job: check that nobody has two places and no place more than its openings, that each pair is an edge, that
`u >= 0`, `p >= 0` and `u + p` is at least the weight of every edge, and that the duals add up to the total.
Guarantee: where `unproven` finds nothing, no other choice of pairs is worth more; it believes nothing that
the search has noted on its way. It looks for no better solution.
"""

from __future__ import annotations

import numpy as np

from services.matching.solver.compiled import searching
from services.matching.solver.graph import Graph, Longs, State
from services.matching.solver.pool import NotProven

FAULTS = (
    "",
    "a dual is below zero",
    "an edge is worth more than its duals",
    "a pair is no edge of the pool",
    "a place has more candidates than openings",
    "the duals do not add up to the total",
    "somebody who is not in the pool has a place",
)


def unproven(g: Graph, s: State) -> int:
    """The number of what does not hold, as in `FAULTS`; 0 where the solution is proven."""
    return _unproven(g, s, np.zeros(len(g.capacity), np.int64))


@searching
def _unproven(g: Graph, s: State, held: Longs) -> int:
    primal, dual = 0, 0
    for i in range(len(g.start)):
        j = s.at[i]
        if not g.here[i]:
            if j >= 0:
                return 6
            continue
        u = s.u[i]
        if u < 0:
            return 1
        dual += u
        best = -1
        for e in range(g.start[i], g.start[i] + g.length[i]):
            weight = g.worth[e] + g.extra[i]
            if weight > u + s.p[g.to[e]]:
                return 2
            if g.to[e] == j:
                best = weight
        if j >= 0:
            if best < 0:
                return 3
            primal += best
            held[j] += 1
    for j in range(len(g.capacity)):
        if s.p[j] < 0:
            return 1
        if held[j] > g.capacity[j]:
            return 4
        dual += s.p[j] * g.capacity[j]
    return 0 if primal == dual else 5


def prove(g: Graph, s: State) -> None:
    """Raises `NotProven` where the solution is not shown to be the best."""
    fault = unproven(g, s)
    if fault:
        raise NotProven(FAULTS[fault])
