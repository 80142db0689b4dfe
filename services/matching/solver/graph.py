"""The arrays that the solver works on: edges by candidate and by place, who is where, and the prices.

Job: lay a pool out so that a search touches little memory, and keep both directions of its edges in step.
Guarantee: rows and lists hold the same edges; a new row or edge goes to the end, and nothing is ever moved
within the arrays. It decides nothing about who is placed where.

A candidate's edges are one row, `to[start:start + length]`. A place's edges are a chain through `link`, at
first in one piece as well. Points stand in four bytes; what an overdue candidate's pair is worth beyond its
points is `extra`, the same on all of a row.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.matching.solver.compiled import compiled, inlined, searching

Ints = NDArray[np.int32]
Longs = NDArray[np.int64]
Bools = NDArray[np.bool_]
Array = NDArray[Any]


class Graph(NamedTuple):
    """Edges, capacities and the order of the original ids, by which `ties` are broken."""

    start: Longs
    length: Ints
    to: Ints
    worth: Ints
    extra: Longs
    here: Bools
    """Candidates who have left keep their number, and are not here."""
    rank: Ints
    """Candidates by their original ids."""
    capacity: Ints
    place_rank: Ints
    head: Longs
    comes: Ints
    """The candidate of a chain's edge."""
    comes_worth: Ints
    link: Longs
    used: Longs
    """How much of `to`, and of `comes`, is used."""


class State(NamedTuple):
    """Who is where, and the duals. -1 is nobody, or nowhere."""

    at: Ints
    at_worth: Longs
    """The points of the pair that a candidate is in."""
    held: Ints
    first: Ints
    next: Ints
    before: Ints
    u: Longs
    p: Longs


def empty_state(candidates: int, places: int) -> State:
    nobody = np.full(candidates, -1, np.int32)
    return State(
        nobody,
        np.zeros(candidates, np.int64),
        np.zeros(places, np.int32),
        np.full(places, -1, np.int32),
        nobody.copy(),
        nobody.copy(),
        np.zeros(candidates, np.int64),
        np.zeros(places, np.int64),
    )


def graph_of(
    start: Longs,
    length: Ints,
    to: Ints,
    worth: Ints,
    extra: Longs,
    rank: Ints,
    capacity: Ints,
    place_rank: Ints,
) -> Graph:
    """A graph of rows that are there; they are taken as they are, the chains are made."""
    edges = int(length.sum(dtype=np.int64))
    head = np.empty(len(capacity), np.int64)
    comes, comes_worth = np.empty(edges, np.int32), np.empty(edges, np.int32)
    link = np.empty(edges, np.int64)
    _chain(start, length, to, worth, head, comes, comes_worth, link)
    here = np.ones(len(start), np.bool_)
    used = np.array([len(to), edges], np.int64)
    return Graph(
        start,
        length,
        to,
        worth,
        extra,
        here,
        rank,
        capacity,
        place_rank,
        head,
        comes,
        comes_worth,
        link,
        used,
    )


def no_graph(candidates: int) -> Graph:
    """A graph without edges and places."""
    longs, ints = np.zeros(candidates, np.int64), np.zeros(candidates, np.int32)
    nothing = np.zeros(0, np.int32)
    return graph_of(longs, ints, nothing, nothing, longs, ints, nothing, nothing)


@compiled
def _chain(
    start: Longs,
    length: Ints,
    to: Ints,
    worth: Ints,
    head: Longs,
    comes: Ints,
    comes_worth: Ints,
    link: Longs,
) -> None:
    """A counting sort of the rows by place; within a place, in the order of the candidates."""
    end = np.zeros(len(head) + 1, np.int64)
    for i in range(len(start)):
        for e in range(start[i], start[i] + length[i]):
            end[to[e] + 1] += 1
    for j in range(len(head)):
        end[j + 1] += end[j]
        head[j] = end[j] if end[j + 1] > end[j] else -1
    for k in range(len(link)):
        link[k] = k + 1
    for j in range(len(head)):
        if head[j] >= 0:
            link[end[j + 1] - 1] = -1
    for i in range(len(start)):
        for e in range(start[i], start[i] + length[i]):
            j = to[e]
            k = end[j]
            comes[k] = i
            comes_worth[k] = worth[e]
            end[j] = k + 1


def _longer(array: Array, size: int) -> Array:
    more = np.empty(size, array.dtype)
    more[: len(array)] = array
    return more


def with_room(graph: Graph, edges: int) -> Graph:
    """The same graph with room for so many more edges; the arrays are copied only where they are full."""
    rows, chains = int(graph.used[0]) + edges, int(graph.used[1]) + edges
    if rows > len(graph.to):
        size = rows + rows // 4
        graph = graph._replace(to=_longer(graph.to, size), worth=_longer(graph.worth, size))
    if chains > len(graph.comes):
        size = chains + chains // 4
        graph = graph._replace(
            comes=_longer(graph.comes, size),
            comes_worth=_longer(graph.comes_worth, size),
            link=_longer(graph.link, size),
        )
    return graph


@inlined
def add_edges(g: Graph, i: int, places: Ints, worths: Ints, first: int, last: int) -> None:
    """Give a candidate more edges, `places[first:last]`; there must be room.

    The row moves to the end unless it lies there.
    """
    begin, old, end = g.start[i], g.length[i], g.used[0]
    if begin + old != end:
        for e in range(old):
            g.to[end + e] = g.to[begin + e]
            g.worth[end + e] = g.worth[begin + e]
        g.start[i] = end
        end += old
    for e in range(first, last):
        j = places[e]
        g.to[end] = j
        g.worth[end] = worths[e]
        end += 1
        k = g.used[1]
        g.comes[k] = i
        g.comes_worth[k] = worths[e]
        g.link[k] = g.head[j]
        g.head[j] = k
        g.used[1] = k + 1
    g.length[i] = old + last - first
    g.used[0] = end


@inlined
def list_one(s: State, i: int) -> None:
    """Put candidate `i` on the list of those who are at the same place."""
    j = s.at[i]
    s.before[i] = -1
    s.next[i] = s.first[j]
    if s.first[j] >= 0:
        s.before[s.first[j]] = i
    s.first[j] = i


@inlined
def unlist(s: State, i: int) -> None:
    """Take candidate `i` off that list; they stay at the place."""
    if s.before[i] >= 0:
        s.next[s.before[i]] = s.next[i]
    else:
        s.first[s.at[i]] = s.next[i]
    if s.next[i] >= 0:
        s.before[s.next[i]] = s.before[i]


@inlined
def attach(s: State, i: int, j: int, worth: int) -> None:
    """Candidate `i`, who is nowhere, takes an opening of place `j`."""
    s.at[i] = j
    s.at_worth[i] = worth
    s.held[j] += 1
    list_one(s, i)


@inlined
def detach(s: State, i: int) -> None:
    """Candidate `i` leaves the place they are at."""
    unlist(s, i)
    s.held[s.at[i]] -= 1
    s.at[i] = -1
    s.at_worth[i] = 0


@searching
def detach_one(s: State, i: int) -> None:
    """`detach`, for callers outside a search."""
    detach(s, i)
