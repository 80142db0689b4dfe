"""Prices that are nearly right, by an auction.

Job: each candidate without a place bids for the best there is at the present prices, by as much as it is
better than the second best and a little more; a full place lets its lowest bid go, and that is its price.
Guarantee: prices of at least nothing, no place over its capacity, and an end after a bounded number of bids:
where bidders could raise each other step by step without end in sight, `repair` does it in one search. It is
no optimum, and promises none.

For overdue candidates the auction adds no more than one pair can be worth: that lets them outbid the
others, and their true weight, which is far larger, would only make them raise each other.
"""

from __future__ import annotations

import numpy as np

from services.matching.solver.compiled import inlined, searching
from services.matching.solver.graph import Graph, Ints, Longs, State, attach
from services.matching.solver.pool import MOST_POINTS

STEPS = 200
"""The little more is the range of points by this."""
BIDS_PER_CANDIDATE = 100


@inlined
def _swap(bids: Longs, bidders: Ints, one: int, other: int) -> None:
    bids[one], bids[other] = bids[other], bids[one]
    bidders[one], bidders[other] = bidders[other], bidders[one]


@inlined
def _rise(bids: Longs, bidders: Ints, base: int, at: int) -> None:
    while at > 0:
        above = (at - 1) // 2
        if bids[base + at] >= bids[base + above]:
            return
        _swap(bids, bidders, base + at, base + above)
        at = above


@inlined
def _sink(bids: Longs, bidders: Ints, base: int, size: int) -> None:
    at = 0
    while True:
        below = 2 * at + 1
        if below >= size:
            return
        if below + 1 < size and bids[base + below + 1] < bids[base + below]:
            below += 1
        if bids[base + below] >= bids[base + at]:
            return
        _swap(bids, bidders, base + at, base + below)
        at = below


def auction(g: Graph, s: State) -> int:
    """Set `s.p` and who is where, from nothing; gives the number of bids."""
    places = len(g.capacity)
    wanted = np.zeros(places, np.int64)
    most, least = _prepare(g, s, wanted)
    step = max(1, (most - least) // STEPS)
    slots = np.zeros(places + 1, np.int64)
    np.cumsum(np.minimum(g.capacity, wanted), out=slots[1:])
    taken = np.zeros(places, np.int32)
    bids, bidders = np.zeros(slots[-1], np.int64), np.zeros(slots[-1], np.int32)
    return _bid(g, s, slots, taken, bids, bidders, most, step)


@searching
def _prepare(g: Graph, s: State, wanted: Longs) -> tuple[int, int]:
    """Set the first prices; gives the most and least points, and in `wanted` how many can come to a place."""
    most, least, dearest = 0, MOST_POINTS, 0
    for i in range(len(g.start)):
        for e in range(g.start[i], g.start[i] + g.length[i]):
            wanted[g.to[e]] += 1
            most = max(most, g.worth[e])
            least = min(least, g.worth[e])
            dearest = max(dearest, g.worth[e] + g.extra[i])
    for j in range(len(g.capacity)):
        # Nobody bids for a place without an opening; its price costs nothing, as it is paid by nobody.
        s.p[j] = dearest if g.capacity[j] == 0 else 0
    return most, min(least, most)


@searching
def _bid(
    g: Graph, s: State, slots: Longs, taken: Ints, bids: Longs, bidders: Ints, most: int, step: int
) -> int:
    candidates = len(g.start)
    limit = BIDS_PER_CANDIDATE * candidates
    left = limit
    for first in range(candidates):
        i = first
        while i >= 0 and left > 0:
            worth = most if g.extra[i] > 0 else 0
            best, second, chosen = 0, 0, -1
            for e in range(g.start[i], g.start[i] + g.length[i]):
                j = g.to[e]
                gain = worth + g.worth[e] - s.p[j]
                # Without a branch: which edge is better cannot be foreseen, and a wrong guess costs more.
                second = max(second, min(best, gain))
                chosen = j if gain > best else chosen
                best = max(best, gain)
            if chosen < 0:
                break
            left -= 1
            base, size = slots[chosen], taken[chosen]
            bid = s.p[chosen] + best - second + step
            dropped = -1
            if size == slots[chosen + 1] - base:
                dropped = bidders[base]
                bids[base], bidders[base] = bid, i
                _sink(bids, bidders, base, size)
            else:
                bids[base + size], bidders[base + size] = bid, i
                _rise(bids, bidders, base, size)
                taken[chosen] = size + 1
            if taken[chosen] == slots[chosen + 1] - base and taken[chosen] == g.capacity[chosen]:
                s.p[chosen] = bids[base]
            i = dropped
    for j in range(len(g.capacity)):
        for slot in range(slots[j], slots[j] + taken[j]):
            i = bidders[slot]
            for e in range(g.start[i], g.start[i] + g.length[i]):
                if g.to[e] == j:
                    attach(s, i, j, g.worth[e])
                    break
    return limit - left
