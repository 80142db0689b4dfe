"""The solver's loop: reads what has changed, solves the pool, and lets what it found take effect.

Job: for each pool with a change that is due, once at a time among all replicas (a session's advisory
lock): read exactly the rows of `pool_change` that are there, then the pool; solve in a thread, outside
any transaction; send each pair, and each case without one, through the corridor; delete exactly the rows
that were read.

Guarantee: nothing that has changed is left unsolved. A row that is written after the rows were read
stays, and the pool is solved again; a pair whose case or place has changed meanwhile is dropped under
their locks, and puts its pool up again. If the process dies between the pairs' commits and the rows'
deletion, the rows are read again: the cases that have a proposal by then are not in the pool any more,
the best pairs of the rest are the same as before, and a message that has had its effect is a duplicate,
because its id comes from the rows read and the pair. It holds no lock on any row while it solves, and
decides nothing: that is the workflow's.

When a row is due it says itself, by the service's clock: arrivals are gathered as long as the programme
says.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import asyncpg
import structlog
from pydantic import BaseModel

from services.matching import queries
from services.matching.documents import CaseFile, NoPairFound, PairFound, Place
from services.matching.effects import asking_of, candidate_of, is_news, offered_of
from services.matching.explaining import would_help
from services.matching.metrics import MATCH_SECONDS, NOT_PROVEN
from services.matching.solver.best import best_pairs, best_pairs_plainly, why_none
from services.matching.solver.compiled import warm
from services.matching.solver.edges import Asking, Candidate, Offered
from services.matching.solver.pool import NotProven, Solution
from shared.contracts.matching import WouldHelp
from shared.contracts.model import derived_id
from shared.corridor import Service, handle
from shared.logs import where
from shared.messages import Message
from shared.postgres import TRANSIENT, lock_number

log = structlog.get_logger()

LONGEST_WAIT_SECONDS = 1.0
MESSAGES_AT_ONCE = 200
PUT_OFF = timedelta(minutes=5)
MOST_HELPED, MOST_PAIRS = 25, 500_000
"""For so many at most, who have waited longest, it is worked out what would help; for fewer the more pairs
there are to look at, so that it does not hold up what changes next. A page does it for anybody."""


@dataclass(frozen=True)
class Changed:
    """A pool to be solved: one programme in one unit."""

    unit: str
    programme: str


async def loop(service: Service, dsn: str) -> None:
    """Solve pools as they change, woken by the rows; ends with an error if the database goes."""
    log.info("solver_ready", service=service.name, seconds=round(await asyncio.to_thread(warm), 2))
    connection = await asyncpg.connect(dsn, timeout=5, command_timeout=30)
    try:
        woken = asyncio.Event()
        await connection.add_listener("pool_change", lambda *_: woken.set())
        while True:
            woken.clear()
            while await run_due(service, connection):
                pass
            try:
                # Short, because the clock may be moved, and another replica may have let a pool go.
                await asyncio.wait_for(woken.wait(), LONGEST_WAIT_SECONDS)
            except TimeoutError:
                continue
    finally:
        connection.terminate()


async def run_due(service: Service, connection: asyncpg.Connection) -> int:
    """Solve each pool that is due now and that nobody else is solving; gives how many were.

    A pool that cannot be solved keeps its rows, is put off for a while, and holds no other up. A database
    that is away raises.
    """
    solved = 0
    for pool in await due(service, service.clock()):
        async with _alone(connection, pool) as mine:
            if not mine:
                continue
            (result,) = await asyncio.gather(solve_pool(service, pool), return_exceptions=True)
            if isinstance(result, TRANSIENT) or (
                isinstance(result, BaseException) and not isinstance(result, Exception)
            ):
                raise result
            if isinstance(result, Exception):
                log.error("pool_not_solved", unit=pool.unit, programme=pool.programme, **where(result))
                await put_off(service, pool)
            else:
                solved += result
    return solved


async def put_off(service: Service, pool: Changed) -> None:
    """Try a pool again later, whatever else changes in it meanwhile."""
    await service.pool.execute(
        "UPDATE pool_change SET due_at = $3 WHERE unit = $1 AND programme = $2 AND due_at <= $3",
        pool.unit,
        pool.programme,
        service.clock() + PUT_OFF,
    )


async def due(service: Service, now: datetime) -> list[Changed]:
    """The pools with a change that is due, the longest due first."""
    rows = await service.pool.fetch(
        "SELECT unit, programme FROM pool_change GROUP BY unit, programme HAVING min(due_at) <= $1 "
        "ORDER BY min(due_at), unit, programme",
        now,
    )
    return [Changed(row["unit"], row["programme"]) for row in rows]


async def next_due_at(service: Service) -> datetime | None:
    """When the next pool is to be solved, if one is."""
    found: datetime | None = await service.pool.fetchval("SELECT min(due_at) FROM pool_change")
    return found


async def idle(service: Service) -> bool:
    """Whether nothing is due. Rows go only once their pool is solved, so none is being solved either."""
    return not await due(service, service.clock())


@asynccontextmanager
async def _alone(connection: asyncpg.Connection, pool: Changed) -> AsyncIterator[bool]:
    number = lock_number(f"matching-pool\n{pool.unit}\n{pool.programme}")
    mine: bool = await connection.fetchval("SELECT pg_try_advisory_lock($1)", number)
    try:
        yield mine
    finally:
        if mine:
            await connection.fetchval("SELECT pg_advisory_unlock($1)", number)


async def solve_pool(service: Service, pool: Changed) -> bool:
    """Solve one pool and let the result take effect; False where there was nothing to solve after all."""
    async with service.pool.acquire() as connection:
        numbers = await queries.changes(connection, pool.unit, pool.programme)
        if not numbers:
            return False
        waiting = await queries.waiting_rows(connection, pool.unit, pool.programme)
        offered = await queries.place_rows(connection, pool.unit, pool.programme)
    # In a thread as well: reading the documents of a large pool would hold up heartbeats.
    cases = await asyncio.to_thread(queries.cases_in, waiting)
    places = await asyncio.to_thread(queries.places_in, offered)
    asking = asking_of(pool.programme, pool.unit, service.programmes, service.clock())
    began = time.perf_counter()
    solution = await asyncio.to_thread(solved, cases, places, asking)
    MATCH_SECONDS.observe(time.perf_counter() - began)
    # Proposals go out before anybody is told why there is none, which takes longer to find out.
    await _send(service, pairs_of(solution, cases, places), numbers)
    await _send(service, await asyncio.to_thread(left_out, solution, cases, places, asking), numbers)
    await service.pool.execute("DELETE FROM pool_change WHERE number = ANY($1::bigint[])", numbers)
    log.info("pool_solved", unit=pool.unit, programme=pool.programme, cases=len(cases), places=len(places))
    return True


async def _send(service: Service, found: Sequence[PairFound | NoPairFound], numbers: Sequence[int]) -> None:
    messages = [_message(service, body, numbers) for body in found]
    for start in range(0, len(messages), MESSAGES_AT_ONCE):
        await handle(service, messages[start : start + MESSAGES_AT_ONCE])


def solved(cases: Sequence[CaseFile], places: Sequence[Place], asking: Asking) -> Solution:
    """The best pairs, proven. Should the quick way fail its own proof, the slow one is asked.

    Raises `NotProven` if that fails too: then nothing is proposed, and the rows stay for another try.
    """
    candidates, offered = [candidate_of(case) for case in cases], [offered_of(place) for place in places]
    try:
        return best_pairs(candidates, offered, asking)
    except NotProven as error:
        NOT_PROVEN.inc()
        log.error("solution_not_proven", programme=asking.rules.programme, cases=len(cases), **where(error))
        return best_pairs_plainly(candidates, offered, asking)


def find(cases: Sequence[CaseFile], places: Sequence[Place], asking: Asking) -> list[PairFound | NoPairFound]:
    """The pairs of the best solution, and the cases that have none and do not know why. Pure."""
    solution = solved(cases, places, asking)
    return [*pairs_of(solution, cases, places), *left_out(solution, cases, places, asking)]


def pairs_of(solution: Solution, cases: Sequence[CaseFile], places: Sequence[Place]) -> list[PairFound]:
    """What is to be proposed, at the revisions that were read."""
    case_of = {case.id: case for case in cases}
    place_of = {place.id: place for place in places}
    found = []
    for edge in solution.pairs:
        case, place = case_of[edge.candidate], place_of[edge.place]
        found.append(
            PairFound(
                proposal_id=derived_id("proposal", case.id, case.round, place.id, case.revision),
                case_id=case.id,
                place_id=place.id,
                case_revision=case.revision,
                place_revision=place.revision,
                points=edge.points,
                plan=edge.plan,
                reasons=edge.reasons,
            )
        )
    return found


def left_out(
    solution: Solution, cases: Sequence[CaseFile], places: Sequence[Place], asking: Asking
) -> list[NoPairFound]:
    """The cases that have no place for other reasons than they were told, with what would help the first."""
    placed = {edge.candidate for edge in solution.pairs}
    taken = Counter(edge.place for edge in solution.pairs)
    candidates, offered = [candidate_of(case) for case in cases], [offered_of(place) for place in places]
    # As it is once these pairs are proposed, so that solving again finds the same reasons.
    left = [replace(place, free=place.free - taken[place.id]) for place in offered]
    unplaced = [case for case in cases if case.id not in placed]
    why = why_none([candidate_of(case) for case in unplaced], left, asking)
    untold = [case for case in unplaced if is_news(case, why[case.id])]
    untold.sort(key=lambda case: (case.waiting_since, case.id.int))
    helped = min(MOST_HELPED, MOST_PAIRS // max(1, len(cases) * len(places)))
    return [
        NoPairFound(
            case_id=case.id,
            case_revision=case.revision,
            reasons=why[case.id],
            would_help=_helps(candidate_of(case), candidates, offered, asking, solution)
            if number < helped
            else (),
        )
        for number, case in enumerate(untold)
    ]


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
        NOT_PROVEN.inc()
        return ()


def _message(service: Service, body: BaseModel, numbers: Sequence[int]) -> Message:
    """The id comes from what was read, so that the same work done again is a duplicate."""
    name = type(body).__name__
    return Message(
        id=derived_id(name, max(numbers), body.model_dump_json()),
        type=name,
        body=body,
        time=service.clock(),
        source=f"/makker/{service.name}",
    )
