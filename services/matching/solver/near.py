"""The edges of a pool in columns: the best of each candidate's, and those of the rest that are worth asking.

Job: for each candidate the best edges there are, and, once there are prices, every other edge that is worth
more than its duals. Guarantee: `best_edges` says how good an edge it may have left out, and `worth_more`
looks at every pair that `edges.broken` would allow, so that what both together do not give cannot make a
solution better. It decides nothing about who is placed.

Work is cut into pieces for a few threads; each piece writes its own rows, so the result does not depend on
how many there are.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np

from services.matching.solver.columns import CODES, Asked, Columns, Offers, Seekers
from services.matching.solver.compiled import compiled, inlined
from services.matching.solver.graph import Graph, Ints, Longs, no_graph
from services.matching.solver.grid import Grid, runs
from services.matching.solver.pairs import at_most, breaks, points_of, undecided
from services.matching.solver.sieve import Sieve, left

THREADS = min(2, os.cpu_count() or 1)
PIECE = 1000
"""Candidates to a piece of work: small pools are not worth a thread."""


NEVER = 2**62
"""More than any weight or dual."""


class Ground(NamedTuple):
    """The grid, where each of its cells' places begin, and the places' sieve."""

    grid: Grid
    begins: Longs
    sieve: Sieve


class Duals(NamedTuple):
    """Duals at one moment, and by how much each candidate's edges that are not there are below them."""

    u: Longs
    p: Longs
    slack: Longs


class Best(NamedTuple):
    """The best edges, in rows of equal room; `left_out` is the best edge that found none, or 0."""

    start: Longs
    length: Ints
    to: Ints
    worth: Ints
    left_out: Ints


def in_pieces(work: Callable[[int, int], Any], size: int) -> list[Any]:
    """The results of `work(from, to)` for all pieces, in order."""
    pieces = [(begin, min(begin + PIECE, size)) for begin in range(0, size, PIECE)]
    if len(pieces) < 2 or THREADS < 2:
        return [work(*piece) for piece in pieces]
    with ThreadPoolExecutor(THREADS) as threads:
        return list(threads.map(lambda piece: work(*piece), pieces))


def best_edges(columns: Columns, ground: Ground, ranks: tuple[Ints, Ints], most: int) -> Best:
    """The best `most` edges of each candidate; of equally good ones, others for each candidate."""
    size = len(columns.seekers.numbers)
    best = Best(
        np.arange(size, dtype=np.int64) * most,
        np.zeros(size, np.int32),
        np.zeros(size * most, np.int32),
        np.zeros(size * most, np.int32),
        np.zeros(size, np.int32),
    )
    in_pieces(lambda begin, end: _best(*columns, ground, *ranks, begin, end, most, best), size)
    return best


class Near(NamedTuple):
    """Edges that are worth more than their duals less a margin: candidates, places, points."""

    candidates: Longs
    places: Ints
    worth: Ints


def worth_asking(
    columns: Columns, ground: Ground, rows: Longs, graph: Graph, duals: Duals, margin: int
) -> Near:
    """All edges of the candidates `rows` that are not in the graph and nearly worth their duals, or more.

    In `duals.slack` it notes by how much the duals of the others are above their weights at the least.
    """
    found = in_pieces(
        lambda begin, end: _worth_asking(*columns, ground, rows[begin:end], graph, duals, margin), len(rows)
    )
    if not found:
        return Near(np.zeros(0, np.int64), np.zeros(0, np.int32), np.zeros(0, np.int32))
    return Near(*(np.concatenate(parts) for parts in zip(*found, strict=True)))


def all_edges(columns: Columns, ground: Ground, rows: Longs) -> Near:
    """Every edge of the candidates `rows`, candidate by candidate."""
    size, places = len(columns.seekers.numbers), len(columns.offers.numbers)
    # With no graph, and duals that everything is worth more than, nothing is left out.
    duals = Duals(np.full(size, -NEVER), np.zeros(places, np.int64), np.empty(size, np.int64))
    return worth_asking(columns, ground, rows, no_graph(size), duals, 0)


def doubtful(columns: Columns, ground: Ground, rows: Longs, before: Duals, u: Longs, p: Longs) -> Longs:
    """Those of `rows` who may have an edge worth its duals or more: they have fallen since `before`."""
    found = in_pieces(
        lambda begin, end: _doubtful(columns.seekers, ground, rows[begin:end], before, u, p), len(rows)
    )
    return np.concatenate(found) if found else rows


def rules_in_the_way(columns: Columns, rows: Longs) -> Longs:
    """For each of the candidates, how many places each rule of `CODES` keeps away, and how many none does."""
    counts = np.zeros((len(rows), len(CODES) + 1), np.int64)
    in_pieces(lambda begin, end: _count(*columns, rows[begin:end], counts[begin:end]), len(rows))
    return counts


def overlooked(columns: Columns, ground: Ground, graph: Graph, u: Longs, p: Longs) -> int:
    """How many pairs that the rules allow are worth more than their duals, in the graph or not.

    It looks at every pair within reach, and believes nothing that was noted on the way to the duals.
    """
    size = len(columns.seekers.numbers)
    found = in_pieces(lambda begin, end: _overlooked(*columns, ground, graph.extra, u, p, begin, end), size)
    return sum(found)


@inlined
def _scattered(one: int, other: int) -> int:
    """A number that the two ids' ranks give, with no order in it."""
    mixed = (np.uint64(one) << np.uint64(32)) ^ np.uint64(other)
    mixed = (mixed ^ (mixed >> np.uint64(31))) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
    return np.int64((mixed ^ (mixed >> np.uint64(32))) >> np.uint64(33))  # type: ignore[return-value]


@compiled
def _best(
    c: Seekers,
    o: Offers,
    a: Asked,
    ground: Ground,
    rank: Ints,
    place_rank: Ints,
    begin: int,
    end: int,
    most: int,
    best: Best,
) -> None:
    cn, cm, cs, barred, barred_start = c
    on, om, os_ = o
    hard, weights, segment = a
    grid, begins, sieve = ground.grid, ground.begins, ground.sieve
    fits, open_ = np.empty(len(on), np.int64), np.empty(len(on), np.int64)
    found = np.empty((grid.rows + 2, 2), np.int64)
    # A heap with the least good on top: points, and for equal points a scattered number.
    length, to, worths, left_outs = best.length, best.to, best.worth, best.left_out
    order, place = np.empty(most, np.int64), np.empty(most, np.int64)
    for i in range(begin, end):
        size, left_out = 0, 0
        for run in range(runs(grid, begins, cn, cm, i, found)):
            here = left(sieve, cn, cm, cs, hard, segment, i, found[run, 0], found[run, 1], fits, open_)
            for j in open_[:here]:
                if breaks(cn, cm, cs, barred, barred_start, on, om, os_, hard, segment, i, j, False) != 0:
                    continue
                worth = points_of(cn, cm, cs, on, om, os_, weights, segment, i, j)
                if size == most and worth < order[0] >> 31:
                    left_out = max(left_out, worth)
                    continue
                key = worth << 31 | _scattered(rank[i], place_rank[j])
                if size < most:
                    at = size
                    size += 1
                    while at > 0 and order[(at - 1) // 2] > key:
                        order[at], place[at] = order[(at - 1) // 2], place[(at - 1) // 2]
                        at = (at - 1) // 2
                else:
                    left_out = max(left_out, min(worth, int(order[0] >> 31)))
                    if key <= order[0]:
                        continue
                    at = 0
                    while True:
                        below = 2 * at + 1
                        if below >= most:
                            break
                        if below + 1 < most and order[below + 1] < order[below]:
                            below += 1
                        if order[below] >= key:
                            break
                        order[at], place[at] = order[below], place[below]
                        at = below
                order[at], place[at] = key, j
        length[i] = size
        left_outs[i] = left_out
        for at in range(size):
            to[i * most + at] = place[at]
            worths[i * most + at] = order[at] >> 31


@compiled
def _worth_asking(
    c: Seekers, o: Offers, a: Asked, ground: Ground, rows: Longs, graph: Graph, duals: Duals, margin: int
) -> tuple[Longs, Ints, Ints]:
    cn, cm, cs, barred, barred_start = c
    on, om, os_ = o
    hard, weights, segment = a
    grid, begins, sieve = ground.grid, ground.begins, ground.sieve
    fits, open_ = np.empty(len(on), np.int64), np.empty(len(on), np.int64)
    u, p, slack, extra = duals.u, duals.p, duals.slack, graph.extra
    found = np.empty((grid.rows + 2, 2), np.int64)
    room, size = 1024, 0
    candidates, places, worths = np.empty(room, np.int64), np.empty(room, np.int32), np.empty(room, np.int32)
    in_row = np.full(len(p), -1, np.int64)
    for i in rows:
        least = NEVER
        for e in range(graph.start[i], graph.start[i] + graph.length[i]):
            in_row[graph.to[e]] = i
        for run in range(runs(grid, begins, cn, cm, i, found)):
            here = left(sieve, cn, cm, cs, hard, segment, i, found[run, 0], found[run, 1], fits, open_)
            for j in open_[:here]:
                if breaks(cn, cm, cs, barred, barred_start, on, om, os_, hard, segment, i, j, False) != 0:
                    continue
                worth = points_of(cn, cm, cs, on, om, os_, weights, segment, i, j)
                over = u[i] + p[j] - worth - extra[i]
                if over >= margin:
                    least = min(least, over)
                    continue
                if in_row[j] == i:
                    continue
                if size == room:
                    candidates = np.concatenate((candidates, np.empty(room, np.int64)))
                    places = np.concatenate((places, np.empty(room, np.int32)))
                    worths = np.concatenate((worths, np.empty(room, np.int32)))
                    room *= 2
                candidates[size], places[size], worths[size] = i, j, worth
                size += 1
        slack[i] = least
    return candidates[:size], places[:size], worths[:size]


@compiled
def _doubtful(c: Seekers, ground: Ground, rows: Longs, before: Duals, u: Longs, p: Longs) -> Longs:
    grid, begins, numbers, measures = ground.grid, ground.begins, c.numbers, c.measures
    u_before, p_before, slack = before.u, before.p, before.slack
    runs_found = np.empty((grid.rows + 2, 2), np.int64)
    found, size = np.empty(len(rows), np.int64), 0
    most_fallen = np.max(p_before - p)
    for i in rows:
        if u_before[i] - u[i] + most_fallen < slack[i]:
            continue
        fallen = -NEVER
        for run in range(runs(grid, begins, numbers, measures, i, runs_found)):
            for j in range(runs_found[run, 0], runs_found[run, 1]):
                fallen = max(fallen, p_before[j] - p[j])
        if u_before[i] - u[i] + fallen >= slack[i]:
            found[size] = i
            size += 1
    return found[:size]


@compiled
def _count(c: Seekers, o: Offers, a: Asked, rows: Longs, counts: Longs) -> None:
    cn, cm, cs, barred, barred_start = c
    on, om, os_ = o
    hard, _, segment = a
    for row in range(len(rows)):
        for j in range(len(on)):
            found = breaks(cn, cm, cs, barred, barred_start, on, om, os_, hard, segment, rows[row], j, True)
            if found == 0:
                counts[row, len(CODES)] += 1
            bit = 0
            while found:
                counts[row, bit] += found & 1
                found >>= 1
                bit += 1


@compiled
def _overlooked(
    c: Seekers,
    o: Offers,
    a: Asked,
    ground: Ground,
    extra: Longs,
    u: Longs,
    p: Longs,
    begin: int,
    end: int,
) -> int:
    cn, cm, cs, barred, barred_start = c
    on, om, os_ = o
    hard, weights, segment = a
    grid, begins, sieve = ground.grid, ground.begins, ground.sieve
    fits, open_ = np.empty(len(on), np.int64), np.empty(len(on), np.int64)
    found = np.empty((grid.rows + 2, 2), np.int64)
    count, rest = 0, undecided(weights)
    for i in range(begin, end):
        least = u[i] - extra[i]
        for run in range(runs(grid, begins, cn, cm, i, found)):
            here = left(sieve, cn, cm, cs, hard, segment, i, found[run, 0], found[run, 1], fits, open_)
            for j in open_[:here]:
                dual = least + p[j]
                if at_most(cn, cs, os_, weights, rest, segment, i, j) <= dual:
                    continue
                if breaks(cn, cm, cs, barred, barred_start, on, om, os_, hard, segment, i, j, False) != 0:
                    continue
                if points_of(cn, cm, cs, on, om, os_, weights, segment, i, j) > dual:
                    count += 1
    return count
