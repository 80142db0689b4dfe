"""The places a search has reached, the nearest first.

Job: a binary heap of places by distance, each at most once, and the marks of one search. Guarantee: what
one search leaves behind does not reach the next, and nothing is cleared between them: a mark counts only
with the stamp of the search that made it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from services.matching.solver.compiled import inlined
from services.matching.solver.graph import Ints, Longs


class Frontier(NamedTuple):
    """`via` is the candidate by whom a place was reached, `via_worth` the points of their pair."""

    distance: Longs
    stamp: Longs
    via: Ints
    via_worth: Ints
    towards: Ints
    """Where that candidate would go, in a search for somebody to come."""
    heap: Ints
    spot: Ints
    done: Ints
    """The places whose distance is final, in order."""
    size: Longs
    """How many are in `heap` and in `done`, the present search's stamp, and all places ever reached."""


HEAPED, DONE, STAMP, REACHED = 0, 1, 2, 3


def frontier_of(places: int) -> Frontier:
    return Frontier(
        distance=np.zeros(places, np.int64),
        stamp=np.zeros(places, np.int64),
        via=np.zeros(places, np.int32),
        via_worth=np.zeros(places, np.int64),
        towards=np.zeros(places, np.int32),
        heap=np.zeros(places, np.int32),
        spot=np.zeros(places, np.int32),
        done=np.zeros(places, np.int32),
        size=np.zeros(4, np.int64),
    )


@inlined
def begin(q: Frontier) -> None:
    q.size[HEAPED] = 0
    q.size[DONE] = 0
    q.size[STAMP] += 1


@inlined
def seen(q: Frontier, j: int) -> bool:
    return q.stamp[j] == q.size[STAMP]  # type: ignore[no-any-return]


@inlined
def reach(q: Frontier, j: int, distance: int) -> None:
    """Place `j` is at this distance, nearer than it was if it had been reached before."""
    if q.stamp[j] != q.size[STAMP]:
        q.stamp[j] = q.size[STAMP]
        q.spot[j] = q.size[HEAPED]
        q.heap[q.size[HEAPED]] = j
        q.size[HEAPED] += 1
        q.size[REACHED] += 1
    q.distance[j] = distance
    spot = q.spot[j]
    while spot > 0:
        above = (spot - 1) // 2
        other = q.heap[above]
        if distance >= q.distance[other]:
            break
        q.heap[spot] = other
        q.spot[other] = spot
        spot = above
    q.heap[spot] = j
    q.spot[j] = spot


@inlined
def nearest(q: Frontier) -> int:
    """The nearest place, taken out; the heap must not be empty."""
    found = q.heap[0]
    q.size[HEAPED] -= 1
    size = q.size[HEAPED]
    if size > 0:
        last = q.heap[size]
        spot = 0
        while True:
            below = 2 * spot + 1
            if below >= size:
                break
            if below + 1 < size and q.distance[q.heap[below + 1]] < q.distance[q.heap[below]]:
                below += 1
            other = q.heap[below]
            if q.distance[other] >= q.distance[last]:
                break
            q.heap[spot] = other
            q.spot[other] = spot
            spot = below
        q.heap[spot] = last
        q.spot[last] = spot
    q.done[q.size[DONE]] = found
    q.size[DONE] += 1
    return found  # type: ignore[no-any-return]
