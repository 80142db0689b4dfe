"""The best pairs of a pool: exactly, and the same for the same pool.

Job: choose edges so that each candidate has at most one place and no place more than its openings: first
as many as possible of the overdue candidates, then as many points as possible. Guarantee: an optimum in
integers, not an approximation; it depends on the pool alone. It is pure and knows no rules.

Each place stands there as often as it has openings (no more often than candidates reach it), each
candidate may also stay without, and the sparse assignment problem this makes is solved by shortest
augmenting paths.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import min_weight_full_bipartite_matching

from services.matching.solver.pool import Pool, Solution

LARGEST_EXACT = 2**53
"""Beyond this a double, which scipy computes with, does not hold every integer."""


def solve(pool: Pool) -> Solution:
    """The best solution. Raises ValueError where sums would be too large to be exact."""
    edges = pool.edges
    if not edges:
        return Solution((), 0)
    row_of = {one.id: row for row, one in enumerate(pool.candidates)}
    overdue = {one.id for one in pool.candidates if one.overdue}
    offset = offset_of(pool)

    reached = Counter(edge.place for edge in edges)
    first_column: dict[object, int] = {}
    openings: dict[object, int] = {}
    columns = 0
    for place in pool.places:
        first_column[place.id] = columns
        openings[place.id] = min(place.free, reached[place.id])
        columns += openings[place.id]

    rows: list[int] = []
    slots: list[int] = []
    weights: list[int] = []
    edge_at: dict[tuple[int, int], int] = {}
    for index, edge in enumerate(edges):
        weight = edge.points + (offset if edge.candidate in overdue else 0)
        for slot in range(openings[edge.place]):
            row, column = row_of[edge.candidate], first_column[edge.place] + slot
            edge_at[row, column] = index
            rows.append(row)
            slots.append(column)
            # One more than it is worth: a stored zero would be no edge. Everybody has exactly one column,
            # so the same constant for each changes nothing.
            weights.append(weight + 1)
    for row in range(len(pool.candidates)):
        rows.append(row)
        slots.append(columns + row)
        weights.append(1)
    if max(weights) * (len(pool.candidates) + 1) >= LARGEST_EXACT:
        raise ValueError("the points are too large to be summed exactly")

    graph = csr_array(
        (np.array(weights, dtype=np.float64), (np.array(rows), np.array(slots))),
        shape=(len(pool.candidates), columns + len(pool.candidates)),
    )
    graph.sort_indices()
    chosen_rows, chosen_columns = min_weight_full_bipartite_matching(graph, maximize=True)
    chosen = sorted(
        edge_at[int(row), int(column)]
        for row, column in zip(chosen_rows, chosen_columns, strict=True)
        if int(column) < columns
    )
    pairs = tuple(edges[index] for index in chosen)
    return Solution(pairs, sum(edge.points for edge in pairs))


def offset_of(pool: Pool) -> int:
    """What an overdue candidate's pair is worth beyond its points: more than all points together."""
    best: dict[object, int] = {}
    for edge in pool.edges:
        best[edge.candidate] = max(best.get(edge.candidate, 0), edge.points)
    return sum(best.values()) + 1
