"""From nearly right prices and pairs to exactly right ones, one shortest path at a time.

Job: whoever would rather be somewhere else, and each opening that has a price and nobody in it, gets one
search by Dijkstra's method over reduced costs; the pairs along the path change, and the duals by the
distance. Guarantee: the duals stay valid (`u >= 0`, `p >= 0`, `u + p` at least the weight of each edge) and
each pair tight; when no search is left to do, the pairs are the best there are, in integers. It needs no
good start to be right, only to be quick.

A path's nodes are places; a search for a place goes on through those who hold a place it has reached, a
search for somebody to come through those who have an edge to it.
"""

from __future__ import annotations

import numpy as np

from services.matching.solver.compiled import inlined, searching
from services.matching.solver.frontier import DONE, HEAPED, Frontier, begin, nearest, reach, seen
from services.matching.solver.graph import Graph, Ints, Longs, State, add_edges, attach, detach

NOBODY = np.zeros(0, np.int64)
STAYS = -1
"""The path ends where it began: the candidate stays without, or the opening's price falls to nothing."""


@inlined
def best_worth(g: Graph, s: State, i: int) -> int:
    """The most that candidate `i` can have at these prices, at least nothing."""
    best = 0
    for e in range(g.start[i], g.start[i] + g.length[i]):
        best = max(best, g.worth[e] + g.extra[i] - s.p[g.to[e]])
    return best


@inlined
def prefer(g: Graph, s: State, i: int) -> None:
    """Set `u` of candidate `i` to the best there is, and let them leave a place that is not among it."""
    s.u[i] = best_worth(g, s, i)
    if s.at[i] >= 0 and s.at_worth[i] + g.extra[i] - s.p[s.at[i]] < s.u[i]:
        detach(s, i)


@inlined
def _look(g: Graph, s: State, q: Frontier, i: int, distance: int, best: int, end: int) -> tuple[int, int]:
    """The places that candidate `i`, at this distance, can go on to; gives the nearest end found so far."""
    base = distance + s.u[i] - g.extra[i]
    for e in range(g.start[i], g.start[i] + g.length[i]):
        j = g.to[e]
        to = base + s.p[j] - g.worth[e]
        if to >= best:
            continue
        if s.held[j] < g.capacity[j]:
            best, end = to, j
            q.via[j] = i
            q.via_worth[j] = g.worth[e]
        elif not seen(q, j) or to < q.distance[j]:
            reach(q, j, to)
            q.via[j] = i
            q.via_worth[j] = g.worth[e]
    return best, end


@inlined
def find_place(g: Graph, s: State, q: Frontier, source: int) -> None:
    """The best for candidate `source`, who is nowhere and whose `u` is more than nothing."""
    begin(q)
    leaves = -1
    best, end = _look(g, s, q, source, 0, s.u[source], STAYS)
    while q.size[HEAPED] > 0 and q.distance[q.heap[0]] < best:
        j = nearest(q)
        distance = q.distance[j]
        k = s.first[j]
        while k >= 0:
            if distance + s.u[k] < best:
                best, end, leaves = distance + s.u[k], j, k
            before = end
            best, end = _look(g, s, q, k, distance, best, end)
            if end != before:
                leaves = -1
            k = s.next[k]
    s.u[source] -= best
    for index in range(q.size[DONE]):
        j = q.done[index]
        shift = best - q.distance[j]
        if shift > 0:
            s.p[j] += shift
            k = s.first[j]
            while k >= 0:
                s.u[k] -= shift
                k = s.next[k]
    if end == STAYS:
        return
    if leaves >= 0:
        detach(s, leaves)
    j = end
    while True:
        i, worth = q.via[j], q.via_worth[j]
        j_next = s.at[i]
        if j_next >= 0:
            detach(s, i)
        attach(s, i, j, worth)
        if i == source:
            return
        j = j_next


@inlined
def find_candidate(g: Graph, s: State, q: Frontier, source: int) -> None:
    """The best for place `source`, which has an opening that nobody holds, and a price."""
    begin(q)
    best, end, comes, comes_worth = s.p[source], STAYS, -1, 0
    reach(q, source, 0)
    while q.size[HEAPED] > 0 and q.distance[q.heap[0]] < best:
        j = nearest(q)
        base = q.distance[j] + s.p[j]
        e = g.head[j]
        while e >= 0:
            i = g.comes[e]
            k = s.at[i]
            if g.here[i] and k != j:
                to = base + s.u[i] - g.extra[i] - g.comes_worth[e]
                if to < best:
                    if k < 0:
                        best, end, comes, comes_worth = to, j, i, g.comes_worth[e]
                    elif not seen(q, k) or to < q.distance[k]:
                        reach(q, k, to)
                        q.via[k], q.via_worth[k], q.towards[k] = i, g.comes_worth[e], j
                        if to + s.p[k] < best:
                            best, end, comes = to + s.p[k], k, -1
            e = g.link[e]
    for index in range(q.size[DONE]):
        j = q.done[index]
        shift = best - q.distance[j]
        if shift > 0:
            s.p[j] -= shift
            k = s.first[j]
            while k >= 0:
                s.u[k] += shift
                k = s.next[k]
    if end == STAYS:
        return
    if comes >= 0:
        attach(s, comes, end, comes_worth)
    j = end
    while j != source:
        i, worth, towards = q.via[j], q.via_worth[j], q.towards[j]
        detach(s, i)
        attach(s, i, towards, worth)
        j = towards


@searching
def search(g: Graph, s: State, q: Frontier, candidates: Longs, places: Longs) -> int:
    """The searches that these candidates and then these places need; gives how many there were."""
    searches = 0
    for i in candidates:
        if g.here[i] and s.at[i] < 0 and s.u[i] > 0:
            find_place(g, s, q, i)
            searches += 1
    for j in places:
        while s.held[j] < g.capacity[j] and s.p[j] > 0:
            find_candidate(g, s, q, j)
            searches += 1
    return searches


@searching
def ask(g: Graph, s: State, candidates: Longs) -> None:
    """Let each of these candidates ask for the best at the present prices."""
    for i in candidates:
        if g.here[i]:
            prefer(g, s, i)


def mend(g: Graph, s: State, q: Frontier) -> int:
    """All searches that there are to do; gives how many there were."""
    # A search for a place empties no other, so that the second list is made once the first is done.
    first = search(g, s, q, np.flatnonzero((s.at < 0) & (s.u > 0)), NOBODY)
    return first + search(g, s, q, NOBODY, np.flatnonzero((s.held < g.capacity) & (s.p > 0)))


def settle(g: Graph, s: State, q: Frontier) -> int:
    """From prices to the best pairs: everybody asks for the best at these prices, then all searches."""
    ask(g, s, np.arange(len(g.start)))
    return mend(g, s, q)


@searching
def add_rows(g: Graph, rows: Longs, places: Ints, worths: Ints) -> None:
    """Give candidates more edges, those of one after the other."""
    begin = 0
    while begin < len(rows):
        end = begin
        while end < len(rows) and rows[end] == rows[begin]:
            end += 1
        add_edges(g, rows[begin], places, worths, begin, end)
        begin = end
