"""The solver's loop: reads what has changed, solves the pool, and lets what it found take effect.

Job: for each pool with a change that is due: read exactly the rows of `pool_change` that are there, then the
pool; solve in a thread, outside any transaction; send each pair through the corridor; mark exactly the rows
that were read as solved. Who got no place is told by `left_out.py`, so that nobody's proposal waits for that.

Guarantee: nothing that has changed is left unsolved. A row that is written after the rows were read
stays, and the pool is solved again; a pair whose case or place has changed meanwhile is dropped under
their locks, and puts its pool up again. If the process dies between the pairs' commits and the rows'
marking, the rows are read again: the cases that have a proposal by then are not in the pool any more,
the best pairs of the rest are the same as before, and a message that has had its effect is a duplicate,
because its id comes from the rows read and the pair. It holds no lock on any row while it solves, and
decides nothing: that is the workflow's.

When a row is due it says itself, by the service's clock: arrivals are gathered as long as the programme
says, and each pool is solved again as a new day begins. Whatever grows with a pool is done in a thread.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence

import structlog

from services.matching import queries
from services.matching.documents import CaseFile, PairFound, Place
from services.matching.effects import asking_of, candidate_of, offered_of
from services.matching.metrics import MATCH_SECONDS
from services.matching.pools import Changed, Stage, is_solved, messages_of, put_up_all, send
from services.matching.solver.best import judged
from services.matching.solver.compiled import warm
from services.matching.solver.pool import Solution
from services.matching.solving import best_pairs
from shared.contracts.model import derived_id
from shared.corridor import Service
from shared.messages import Message

log = structlog.get_logger()


async def loop(service: Service, dsn: str) -> None:
    """Solve all pools once, and then as they change; ends with an error if the database goes."""
    log.info("solver_ready", service=service.name, seconds=round(await asyncio.to_thread(warm), 2))
    await put_up_all(service)
    await SOLVING.loop(service, dsn)


async def solve_pool(service: Service, pool: Changed) -> bool:
    """Solve one pool and let the result take effect; False where there was nothing to solve after all."""
    numbers = await queries.changes(service.pool, pool.unit, pool.programme, service.clock())
    if not numbers:
        return False
    cases, places = await queries.pool_of(service.pool, pool.unit, pool.programme)
    asking = asking_of(pool.programme, pool.unit, service.programmes, service.clock())

    def work() -> list[Message]:
        began = time.perf_counter()
        solution = best_pairs(
            [candidate_of(case) for case in cases],
            [offered_of(place) for place in places],
            asking,
            judged,
        )
        MATCH_SECONDS.observe(time.perf_counter() - began)
        return messages_of(service, pairs_of(solution, cases, places), numbers)

    await send(service, await asyncio.to_thread(work))
    await is_solved(service, pool, numbers)
    log.info("pool_solved", unit=pool.unit, programme=pool.programme, cases=len(cases), places=len(places))
    return True


SOLVING = Stage("pool", solved=False, work=solve_pool)


def pairs_of(solution: Solution, cases: Sequence[CaseFile], places: Sequence[Place]) -> Iterator[PairFound]:
    """What is to be proposed, at the revisions that were read."""
    case_of = {case.id: case for case in cases}
    place_of = {place.id: place for place in places}
    for edge in solution.pairs:
        case, place = case_of[edge.candidate], place_of[edge.place]
        yield PairFound(
            proposal_id=derived_id("proposal", case.id, case.round, place.id, case.revision),
            case_id=case.id,
            place_id=place.id,
            case_revision=case.revision,
            place_revision=place.revision,
            points=edge.points,
            plan=edge.plan,
            reasons=edge.reasons,
        )
