"""From waiting cases and offered places to the best pairs, and from the rest to why not.

Job: what the service asks of the solver, in its own words: `best_pairs` for proposals, `why_none` for all who
got none. Guarantee: the same pairs for the same pool, whatever order it comes in; they are a best solution
over all pairs that the rules allow, proven; each pair that is given has been judged again by `edges`, which
knows nothing of columns, and a difference is `NotProven`. Reasons are worked out for chosen pairs alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from uuid import UUID

import numpy as np

from services.matching.solver.columns import CODES, Columns, columns_of
from services.matching.solver.edges import (
    Asking,
    Candidate,
    Offered,
    broken,
    plan_of,
    pool_of,
    reasons,
)
from services.matching.solver.near import rules_in_the_way
from services.matching.solver.plain import solve_plainly
from services.matching.solver.pool import Edge, NotProven, Solution
from services.matching.solver.pricing import Solved, solve_columns
from shared.contracts.matching import WhyNot

Judge = Callable[[Candidate, Offered, int, Asking], Edge]
"""What is said of a pair that was found, which is worth so many points."""


def judged(candidate: Candidate, place: Offered, points: int, asking: Asking) -> Edge:
    """The pair with its reasons. Raises `NotProven` where the rules say something else than the columns."""
    why = reasons(candidate, place, asking)
    if max(1, sum(one.points for one in why)) != points or next(broken(candidate, place, asking), None):
        raise NotProven("a pair is not what the rules say it is")
    return Edge(candidate.id, place.id, points, why, plan_of(candidate, place))


def unjudged(candidate: Candidate, place: Offered, points: int, asking: Asking) -> Edge:
    """The pair alone, where solutions are compared and nobody is proposed anything: reasons take longer than
    all the rest."""
    return Edge(candidate.id, place.id, points)


def best_pairs(
    candidates: Sequence[Candidate],
    places: Sequence[Offered],
    asking: Asking,
    solve: Callable[[Columns], Solved] = solve_columns,
    judge: Judge = judged,
) -> Solution:
    """The best solution, as `solve` finds it and each pair is judged (`judged`).

    Raises `TooLarge` where sums would not be exact, `NotProven` for a fault.
    """
    candidates, places = in_order(candidates, places)
    if not candidates or not places:
        return Solution((), 0, (0,) * len(candidates), (0,) * len(places))
    solved = solve(columns_of(candidates, places, asking))
    at, worth, u, p = (column.tolist() for column in solved.back())
    pairs = tuple(
        judge(candidates[row], places[place], worth[row], asking)
        for row, place in enumerate(at)
        if place >= 0
    )
    return Solution(pairs, sum(edge.points for edge in pairs), tuple(u), tuple(p), solved.offset)


def best_pairs_plainly(
    candidates: Sequence[Candidate], places: Sequence[Offered], asking: Asking
) -> Solution:
    """The same by the slow way, which shares nothing with the quick one: for when that raises `NotProven`."""
    return solve_plainly(pool_of(candidates, places, asking))


def in_order(
    candidates: Sequence[Candidate], places: Sequence[Offered]
) -> tuple[list[Candidate], list[Offered]]:
    """Both by their ids. Raises ValueError where one stands there twice."""
    if any(len({one.id for one in items}) != len(items) for items in (candidates, places)):
        raise ValueError("a candidate or a place stands in the pool twice")
    return sorted(candidates, key=_number), sorted(places, key=_number)


def _number(one: Candidate | Offered) -> int:
    number: int = one.id.int
    return number


def why_none(
    unplaced: Sequence[Candidate], places: Sequence[Offered], asking: Asking
) -> dict[UUID, tuple[WhyNot, ...]]:
    """As `edges.why_not` for each of these candidates, but for all of them at once."""
    if not places or not unplaced:
        return {one.id: (WhyNot(code="no_places", places=0),) for one in unplaced}
    counts = rules_in_the_way(columns_of(unplaced, places, asking), np.arange(len(unplaced)))
    codes = (*CODES, "others_first")
    found = {}
    for one, row in zip(unplaced, counts.tolist(), strict=True):
        removed = sorted(((-count, code) for code, count in zip(codes, row, strict=True) if count))
        found[one.id] = tuple(WhyNot(code=code, places=-count) for count, code in removed)
    return found
