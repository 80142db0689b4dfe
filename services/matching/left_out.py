"""Tells who got no place why: work of its own, after the proposals of a pool are out.

Job: for each pool that was solved, read it as it is now, find for each case that still has no place the
rules in its way, and for those who have waited longest what would help; send it through the corridor, and
delete exactly the rows that were read. Guarantee: no proposal waits for an explanation: this is another loop
than the solver's, and a pool that has changed again is solved first. Whoever would be placed now is not told
that there is no place. It proposes nothing.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from services.matching import queries
from services.matching.documents import CaseFile, NoPairFound, Place
from services.matching.effects import asking_of, candidate_of, is_news, offered_of
from services.matching.explaining import would_help
from services.matching.loop import SOLVING
from services.matching.pools import Changed, Stage, messages_of, send
from services.matching.solver.best import why_none
from services.matching.solver.edges import Asking, Candidate, Offered
from services.matching.solver.pool import NotProven, Solution
from services.matching.solving import best_pairs
from shared.contracts.matching import WouldHelp
from shared.corridor import Service
from shared.messages import Message

MOST_HELPED, MOST_PAIRS = 25, 500_000
"""For so many at most, who have waited longest, it is worked out what would help; for fewer the more pairs
there are to look at. A page does it for anybody."""


async def tell_pool(service: Service, pool: Changed) -> bool:
    """Tell those of one pool; False where there is nothing to tell, or not yet."""
    numbers = await queries.changes(service.pool, pool.unit, pool.programme, service.clock(), solved=True)
    if not numbers or pool in await SOLVING.due(service):
        return False
    cases, places = await queries.pool_of(service.pool, pool.unit, pool.programme)
    asking = asking_of(pool.programme, pool.unit, service.programmes, service.clock())

    def work() -> list[Message]:
        return messages_of(service, left_out(cases, places, asking), numbers)

    await send(service, await asyncio.to_thread(work))
    await service.pool.execute("DELETE FROM pool_change WHERE number = ANY($1::bigint[])", numbers)
    return True


TELLING = Stage("left-out", solved=True, work=tell_pool)


def left_out(cases: Sequence[CaseFile], places: Sequence[Place], asking: Asking) -> Iterator[NoPairFound]:
    """The cases that have no place for other reasons than they were told, with what would help the first."""
    candidates, offered = [candidate_of(case) for case in cases], [offered_of(place) for place in places]
    solution = best_pairs(candidates, offered, asking)
    placed = {edge.candidate for edge in solution.pairs}
    taken = Counter(edge.place for edge in solution.pairs)
    # As it is once these pairs are proposed, so that solving again finds the same reasons.
    left = [replace(place, free=place.free - taken[place.id]) for place in offered]
    unplaced = [case for case in cases if case.id not in placed]
    why = why_none([candidate_of(case) for case in unplaced], left, asking)
    untold = [case for case in unplaced if is_news(case, why[case.id])]
    untold.sort(key=lambda case: (case.waiting_since, case.id.int))
    helped = min(MOST_HELPED, MOST_PAIRS // max(1, len(cases) * len(places)))
    for number, case in enumerate(untold):
        yield NoPairFound(
            case_id=case.id,
            case_revision=case.revision,
            reasons=why[case.id],
            would_help=_helps(candidate_of(case), candidates, offered, asking, solution)
            if number < helped
            else (),
        )


def _helps(
    candidate: Candidate,
    candidates: Sequence[Candidate],
    places: Sequence[Offered],
    asking: Asking,
    solution: Solution,
) -> tuple[WouldHelp, ...]:
    try:
        return would_help(candidate, candidates, places, asking, solution)
    except NotProven:
        # The reasons are told all the same; the fault is counted where it was found.
        return ()
