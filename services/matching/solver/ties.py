"""Of all solutions that are equally good, the one that the ids say.

Job: in the order of the candidates' ids, let each have a place rather than none, and of their places the one
whose id comes first, as far as the solution stays a best one and those before keep what they have. Guarantee:
the result is a best solution, and is the same for the same pool whatever order the arrays are in, and
whichever way the solution before it was found. Where very many solutions are equally good the work is
bounded: what is left after a fixed number of steps stays as it is, which is then still the same for the same
arrays. It changes no dual: a best solution uses edges worth exactly their duals, leaves no opening with a
price empty, and nobody with a `u` without a place.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from services.matching.solver.compiled import inlined, searching
from services.matching.solver.frontier import DONE, STAMP, Frontier, begin, seen
from services.matching.solver.graph import Bools, Graph, Ints, Longs, State, attach, detach, list_one, unlist

STEPS_PER_EDGE = 20
NOWHERE = -1


class Tight(NamedTuple):
    """The edges worth exactly their duals, of those who have a choice: their rows, places and points."""

    start: Longs
    to: Ints
    worth: Ints


@inlined
def _mark(q: Frontier, j: int, by: int, worth: int, towards: int) -> None:
    """Place `j` has been reached through candidate `by`, and waits in `q.done` to be looked at."""
    q.stamp[j] = q.size[STAMP]
    q.via[j], q.via_worth[j], q.towards[j] = by, worth, towards
    q.done[q.size[DONE]] = j
    q.size[DONE] += 1


@inlined
def _make_room(
    g: Graph, s: State, q: Frontier, t: Tight, i: int, j: int, home: int, may_leave: bool
) -> tuple[int, int, int]:
    """A way to make room at `j` by moving later candidates: its end, who goes without, and the steps.

    Whoever is on a place's list is later, or `i`: those who stay have been taken off the lists.
    The ways that end are: at `home`, where candidate `i` leaves an opening; and if `i` may leave that
    empty, at any opening that nobody holds, or with somebody who loses nothing by being without.
    """
    steps, at = 0, q.size[DONE]
    _mark(q, j, i, 0, NOWHERE)
    if may_leave and s.held[j] < g.capacity[j]:
        return j, NOWHERE, steps
    while at < q.size[DONE]:
        x = q.done[at]
        at += 1
        k = s.first[x]
        while k >= 0:
            steps += 1
            if may_leave and s.u[k] == 0:
                return x, k, steps
            for e in range(t.start[k], t.start[k + 1]):
                steps += 1
                y = t.to[e]
                if not seen(q, y):
                    _mark(q, y, k, t.worth[e], x)
                    if y == home or (may_leave and s.held[y] < g.capacity[y]):
                        return y, NOWHERE, steps
            k = s.next[k]
    return NOWHERE, NOWHERE, steps


@inlined
def _refill(g: Graph, s: State, q: Frontier, i: int, home: int) -> tuple[int, int, int, int]:
    """Who could come to `home`, as others move on: where from, who first, where to, and the steps."""
    steps, at = 0, 0
    begin(q)
    _mark(q, home, i, 0, NOWHERE)
    while at < q.size[DONE]:
        x = q.done[at]
        at += 1
        e = g.head[x]
        while e >= 0:
            steps += 1
            k = g.comes[e]
            y = s.at[k]
            can = g.here[k] and g.rank[k] > g.rank[i] and y != x
            if can and g.comes_worth[e] + g.extra[k] == s.u[k] + s.p[x]:
                if y < 0:
                    return NOWHERE, k, x, steps
                if not seen(q, y):
                    _mark(q, y, k, g.comes_worth[e], x)
                    if s.p[y] == 0:
                        return y, k, x, steps
            e = g.link[e]
    return NOWHERE, NOWHERE, NOWHERE, steps


@inlined
def _worth(t: Tight, i: int, j: int) -> int:
    for e in range(t.start[i], t.start[i + 1]):
        if t.to[e] == j:
            return t.worth[e]  # type: ignore[no-any-return]
    return 0


@inlined
def _earlier(g: Graph, t: Tight, i: int, home: int, places: Ints) -> int:
    """The places that candidate `i` would rather have than `home`, by their ids; gives how many."""
    count = 0
    for e in range(t.start[i], t.start[i + 1]):
        j = t.to[e]
        if g.capacity[j] == 0 or (home >= 0 and g.place_rank[j] >= g.place_rank[home]):
            continue
        at = count
        while at > 0 and g.place_rank[places[at - 1]] > g.place_rank[j]:
            places[at] = places[at - 1]
            at -= 1
        places[at] = j
        count += 1
    return count


@inlined
def _move(s: State, q: Frontier, t: Tight, i: int, j: int, end: int, without: int) -> None:
    """Candidate `i` takes place `j`, and those on the way that was found move on to its end."""
    if s.at[i] >= 0:
        detach(s, i)
    if without >= 0:
        detach(s, without)
    x = end
    while x != j:
        k, y = q.via[x], q.towards[x]
        detach(s, k)
        attach(s, k, x, q.via_worth[x])
        x = y
    attach(s, i, j, _worth(t, i, j))


@inlined
def _settle_one(g: Graph, s: State, q: Frontier, t: Tight, places: Ints, i: int) -> int:
    """Give candidate `i` the first place that they can have; gives the steps."""
    home = s.at[i]
    count = _earlier(g, t, i, home, places)
    # An opening with a price may be left only if somebody comes to it; that is seen when it matters.
    to_fill = home >= 0 and s.p[home] > 0
    may_leave, seen_to, all_steps = True, not to_fill, 0
    begin(q)
    for index in range(count):
        j = places[index]
        if seen(q, j):
            continue
        end, without, steps = _make_room(g, s, q, t, i, j, home, may_leave)
        all_steps += steps + 1
        if end >= 0 and end != home and not seen_to:
            first, comes, _, steps = _refill(g, s, q, i, home)
            may_leave, seen_to = first >= 0 or comes >= 0, True
            begin(q)
            end, without, again = _make_room(g, s, q, t, i, j, home, may_leave)
            all_steps += steps + again
        if end < 0:
            continue
        _move(s, q, t, i, j, end, without)
        if to_fill and end != home:
            _, comes, x, steps = _refill(g, s, q, i, home)
            all_steps += steps
            while True:
                if s.at[comes] >= 0:
                    detach(s, comes)
                attach(s, comes, x, _worth(t, comes, x))
                if x == home:
                    break
                comes, x = q.via[x], q.towards[x]
        break
    return all_steps


@searching
def _choose(
    g: Graph, s: State, q: Frontier, t: Tight, order: Longs, places: Ints, stays: Bools, left: int
) -> int:
    # Who stays where they are is on no list while the others choose, so that nobody looks at them again.
    for i in range(len(stays)):
        if stays[i] and s.at[i] >= 0:
            unlist(s, i)
    for i in order:
        if left > 0:
            left -= _settle_one(g, s, q, t, places, i)
        if s.at[i] >= 0:
            unlist(s, i)
    for i in range(len(stays)):
        if s.at[i] >= 0:
            list_one(s, i)
    return left


@searching
def _find_tight(g: Graph, s: State, t: Tight, found: Bools) -> int:
    """Mark who could be at more than one place, or at one or none, and note their edges; gives the most."""
    size, longest = 0, 0
    for i in range(len(g.start)):
        t.start[i] = size
        ways = size
        if g.here[i]:
            for e in range(g.start[i], g.start[i] + g.length[i]):
                if g.worth[e] + g.extra[i] == s.u[i] + s.p[g.to[e]]:
                    t.to[ways], t.worth[ways] = g.to[e], g.worth[e]
                    ways += 1
        found[i] = ways - size > 1 or (s.u[i] == 0 and ways > size)
        if found[i]:
            longest = max(longest, ways - size)
            size = ways
    t.start[len(g.start)] = size
    return longest


def break_ties(g: Graph, s: State, q: Frontier) -> bool:
    """Go from a best solution to the one that the ids say; whether there were steps enough."""
    size, edges = len(g.start), int(g.length.sum(dtype=np.int64))
    found = np.zeros(size, np.bool_)
    # Only what is written to takes memory.
    tight = Tight(np.empty(size + 1, np.int64), np.empty(edges, np.int32), np.empty(edges, np.int32))
    places = np.empty(_find_tight(g, s, tight, found), np.int32)
    some = np.flatnonzero(found)
    order = some[np.argsort(g.rank[some], kind="stable")]
    return _choose(g, s, q, tight, order, places, ~found, STEPS_PER_EDGE * edges + 1000) > 0
