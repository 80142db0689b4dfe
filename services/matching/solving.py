"""The best pairs, as all of matching asks for them: by the quick way, and should it fail its own proof, by
others.

Job: try one way after the other until one is proven; each that is not is counted and logged. Guarantee:
what is given is proven, whichever way it came. It is work for a thread, and knows no database.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import structlog

from services.matching.metrics import NOT_PROVEN
from services.matching.solver import best
from services.matching.solver.edges import Asking, Candidate, Offered
from services.matching.solver.pool import NotProven, Solution
from services.matching.solver.pricing import solve_whole
from shared.logs import where

log = structlog.get_logger()

WAYS: Mapping[str, Callable[..., Solution]] = {
    "priced": best.best_pairs,
    "whole": partial(best.best_pairs, solve=solve_whole),
    "plain": lambda *pool, judge: best.best_pairs_plainly(*pool),
}
"""The quickest first. With all edges written down nothing is left to pricing, which takes hardly longer for a
few thousand; the plain way shares nothing with the others, and takes minutes."""


def best_pairs(
    candidates: Sequence[Candidate],
    places: Sequence[Offered],
    asking: Asking,
    judge: best.Judge = best.unjudged,
) -> Solution:
    """The best solution; its pairs have reasons where they are `judged`, as those that are put forward are.

    Raises `TooLarge` where sums would not be exact, `NotProven` if no way is proven.
    """
    for name, way in WAYS.items():
        try:
            return way(candidates, places, asking, judge=judge)
        except NotProven as error:
            NOT_PROVEN.inc()
            log.error(
                "solution_not_proven",
                way=name,
                programme=asking.rules.programme,
                cases=len(candidates),
                **where(error),
            )
    raise NotProven("no way to the best pairs is proven")
