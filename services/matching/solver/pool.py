"""A pool and its solution, as the solver sees them: candidates, places with openings, weighted edges.

Job: the types that the solver takes and gives, and what it refuses. Guarantee: a pool is in one order
whatever order it came in, so that the same input has the same answer. Nothing here knows a database, a
clock or a programme.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from shared.contracts.model import Points

MOST_POINTS = 2**31 - 1
"""Points of one pair above this are refused: in four bytes, twice as many edges fit into a cache."""
MOST_IN_ALL = 2**61
"""All weights of a solution together, and twice as much, are still exact in eight bytes."""


class TooLarge(ValueError):
    """Points that could not be summed exactly; the text names what is too large."""


class NotProven(Exception):
    """A solution whose own certificate does not show that it is the best: a fault, and not to be used."""


@dataclass(frozen=True, slots=True)
class Seeker:
    """A candidate who waits; `overdue` beyond the programme's limit, and so served before points count."""

    id: UUID
    overdue: bool = False


@dataclass(frozen=True, slots=True)
class Opening:
    """A place and how many more it takes now."""

    id: UUID
    free: int


@dataclass(frozen=True, slots=True)
class Edge:
    """A pair that no hard rule forbids; `points` is at least 1, `reasons` say where they come from."""

    candidate: UUID
    place: UUID
    points: int
    reasons: tuple[Points, ...] = ()
    plan: Literal["A", "B"] | None = None


@dataclass(frozen=True)
class Pool:
    """What is to be solved. `Pool.of` puts it in order and checks it."""

    candidates: tuple[Seeker, ...]
    places: tuple[Opening, ...]
    edges: tuple[Edge, ...]

    @classmethod
    def of(cls, candidates: Iterable[Seeker], places: Iterable[Opening], edges: Iterable[Edge]) -> Pool:
        """Raises ValueError for an edge twice, from or to somebody unknown, or worth less than 1."""
        pool = cls(
            tuple(sorted(candidates, key=lambda one: one.id.int)),
            tuple(sorted(places, key=lambda one: one.id.int)),
            tuple(sorted(edges, key=lambda one: (one.candidate.int, one.place.int))),
        )
        known = {one.id for one in pool.candidates}, {one.id for one in pool.places}
        pairs = {(edge.candidate, edge.place) for edge in pool.edges}
        if len(pairs) != len(pool.edges) or len(known[0]) != len(pool.candidates):
            raise ValueError("a pair or a candidate stands in the pool twice")
        if len(known[1]) != len(pool.places) or any(place.free < 0 for place in pool.places):
            raise ValueError("a place stands in the pool twice, or has less than no opening")
        if any(edge.candidate not in known[0] or edge.place not in known[1] for edge in pool.edges):
            raise ValueError("an edge leads to somebody who is not in the pool")
        if any(edge.points < 1 for edge in pool.edges):
            raise ValueError("an edge is worth less than one point")
        return pool


@dataclass(frozen=True)
class Solution:
    """The chosen edges, by candidate; `total` is the sum of their points.

    `u` (by candidate) and `p` (by place), in the order of the ids, are the duals of the weights solved:
    `u + p` is at least the weight of each edge, and their sum proves the optimum. The weight of an overdue
    candidate's edge is its points and `offset`.
    """

    pairs: tuple[Edge, ...]
    total: int
    u: tuple[int, ...] | None = None
    p: tuple[int, ...] | None = None
    offset: int = 0
