"""Prices where overdue candidates are more than the openings within their reach.

Job: the auction adds to an overdue candidate's bid no more than one pair can be worth, so where only they
compete its prices stay far below the true ones, and `repair` would search the whole crowd for each of them
who is left over. Here every place that is full of overdue candidates, from whom no chain of moves leads to a
free opening or to somebody who is not overdue, gets the rest of that weight on its price at once. Guarantee:
only prices of full places change, and among those the difference between two stays as it was; whatever the
result, `repair` makes it exact. It moves nobody.
"""

from __future__ import annotations

import numpy as np

from services.matching.solver.compiled import searching
from services.matching.solver.graph import Bools, Graph, Ints, State


def lift(g: Graph, s: State) -> None:
    """Raise the prices of the places where nobody but the overdue can come to an opening."""
    offset = int(g.extra.max(initial=0))
    if offset == 0:
        return
    places = len(g.capacity)
    frees = np.zeros(places, np.bool_)
    _find_free(g, s, frees, np.empty(places, np.int32))
    most = int(s.at_worth.max(initial=0))
    crowded = ~frees & (g.capacity > 0)
    s.p[crowded] += max(0, offset - most)


@searching
def _find_free(g: Graph, s: State, frees: Bools, queue: Ints) -> None:
    """Mark the places at which room can be made: back along the edges, from where there is some."""
    size = 0
    for j in range(len(g.capacity)):
        frees[j] = s.held[j] < g.capacity[j]
        k = s.first[j]
        while k >= 0 and not frees[j]:
            frees[j] = g.extra[k] == 0
            k = s.next[k]
        if frees[j]:
            queue[size] = j
            size += 1
    at = 0
    while at < size:
        e = g.head[queue[at]]
        at += 1
        while e >= 0:
            home = s.at[g.comes[e]]
            if home >= 0 and not frees[home]:
                frees[home] = True
                queue[size] = home
                size += 1
            e = g.link[e]
