"""What a change would do to a pool: numbers that are said to people, and therefore solved, not estimated.

Job: what one more opening gains, what it costs to force a pair, and what a pool with more places comes to.
Guarantee: each number is the difference of two best solutions, both proven; people named are those of a
solution that moves as few as one search does. A place's price and `u + p - w` only say where to look: the
first is at least what one more opening gains, the second at most what forcing costs. It changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

import numpy as np

from services.matching.solver.best import best_pairs, in_order
from services.matching.solver.columns import columns_of
from services.matching.solver.edges import Asking, Candidate, Offered, broken, reasons
from services.matching.solver.pool import Solution
from services.matching.solver.pricing import solve_whole
from services.matching.solver.session import Session


@dataclass(frozen=True)
class Difference:
    """What a change does: `points` gained, or lost if below zero; `served` are overdue candidates.

    `placed` get a place and had none, `lose` have none any more, `move` go to another.
    """

    points: int
    total: int
    served: int
    placed: tuple[UUID, ...]
    lose: tuple[UUID, ...]
    move: tuple[UUID, ...]


class Explained:
    """A solved pool that can be asked what a change would do, with all its edges."""

    def __init__(self, candidates: Sequence[Candidate], places: Sequence[Offered], asking: Asking) -> None:
        self.asking = asking
        self.candidates, self.places = in_order(candidates, places)
        solved = solve_whole(columns_of(self.candidates, self.places, asking))
        self._session = Session(solved.graph, solved.state, solved.frontier)
        self._offset = solved.offset
        self._number = {self.candidates[one].id: i for i, one in enumerate(solved.candidates.tolist())}
        self._column = {self.places[one].id: j for j, one in enumerate(solved.places.tolist())}
        self._ids = list(self._number)
        self._by_id = {one.id: one for one in self.candidates}

    @property
    def total(self) -> int:
        """The points of the best solution."""
        return self._session.total

    def gain_of_place(self, like: Offered) -> Difference:
        """One more opening at this place, or a place like this with one opening if it is not in the pool."""
        session = self._session.copy()
        if like.id in self._column:
            session.open(self._column[like.id])
        else:
            one_opening = replace(like, free=1)
            rows, points = [], []
            for candidate in self.candidates:
                if next(broken(candidate, one_opening, self.asking), None) is None:
                    rows.append(self._number[candidate.id])
                    points.append(self._points(candidate, one_opening))
            session.add_place(np.array(rows, np.int32), np.array(points, np.int32), 1)
        return self._difference(session, 0, None)

    def cost_of_forcing(self, candidate: UUID, place: UUID) -> Difference:
        """The best solution in which this candidate has this place, whatever rules it breaks.

        Raises ValueError if the place has no opening, KeyError for somebody who is not in the pool.
        """
        i, j = self._number[candidate], self._column[place]
        session = self._session.copy()
        if session.graph.capacity[j] < 1:
            raise ValueError("the place has no opening")
        forced = next(one for one in self.places if one.id == place)
        points = self._points(self._by_id[candidate], forced)
        if self._session.state.at[i] != j:
            session.remove_candidate(i)
            session.close(j)
            return self._difference(session, points, i, served=int(session.graph.extra[i] > 0))
        return self._difference(session, 0, None)

    def _points(self, candidate: Candidate, place: Offered) -> int:
        return max(1, sum(one.points for one in reasons(candidate, place, self.asking)))

    def _difference(self, session: Session, points: int, forced: int | None, served: int = 0) -> Difference:
        session.prove()
        before, after = self._session.state.at, session.state.at[: len(self._session.state.at)]
        changed = {"placed": before < 0, "lose": after < 0, "move": (before >= 0) & (after >= 0)}
        ids: dict[str, tuple[UUID, ...]] = {}
        for name, rows in changed.items():
            some = np.flatnonzero(rows & (before != after))
            ids[name] = tuple(sorted(self._ids[i] for i in some.tolist() if i != forced))
        total = session.total + points
        served += session.served - self._session.served
        return Difference(total - self._session.total, total, served, **ids)


def what_if(
    candidates: Sequence[Candidate], places: Sequence[Offered], asking: Asking, added: Sequence[Offered]
) -> Solution:
    """The best solution if these places were there as well."""
    return best_pairs(candidates, [*places, *added], asking)
