"""Pools with something to be done: found, worked on one at a time among all replicas, put off if it fails.

Job: what the solver's loop and the one that tells who was left out have in common. A row of `pool_change`
lives in two stages: until its pool is solved, and, `solved`, until whoever got no place has been told why.
Guarantee: a row goes on to the next stage, and goes, only once the work on it is done; whoever dies in
between leaves it for another. A pool that fails holds no other up. A database that is away raises.

Beside what messages change, each pool has one row for its unit's next midnight: rules come into force, and
whoever waits has waited longer. It is due at once when the service starts, as definitions may be others.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import asyncpg
import structlog
from pydantic import BaseModel

from services.matching.effects import today_in
from services.matching.metrics import NOT_SOLVED
from shared.contracts.model import derived_id
from shared.corridor import Service, handle
from shared.logs import where
from shared.messages import Message
from shared.postgres import TRANSIENT, Connection, lock_number

log = structlog.get_logger()

LONGEST_WAIT_SECONDS = 1.0
MESSAGES_AT_ONCE = 200
PUT_OFF = timedelta(minutes=5)


@dataclass(frozen=True)
class Changed:
    """A pool with something to be done: one programme in one unit."""

    unit: str
    programme: str


@dataclass(frozen=True)
class Stage:
    """What is done with the rows that are `solved`, or are not; `work` says whether there was any."""

    name: str
    solved: bool
    work: Callable[[Service, Changed], Awaitable[bool]]

    async def due(self, service: Service) -> list[Changed]:
        """The pools with a row of this stage that is due, the longest due first."""
        rows = await service.pool.fetch(
            "SELECT unit, programme FROM pool_change WHERE solved = $1 GROUP BY unit, programme "
            "HAVING min(due_at) <= $2 ORDER BY min(due_at), unit, programme",
            self.solved,
            service.clock(),
        )
        return [Changed(row["unit"], row["programme"]) for row in rows]

    async def idle(self, service: Service) -> bool:
        """Whether nothing is due. Rows go only once their work is done, so none is being done either."""
        return not await self.due(service)

    async def loop(self, service: Service, dsn: str) -> None:
        """Work as pools change, woken by the rows; ends with an error if the database goes."""
        connection = await asyncpg.connect(dsn, timeout=5, command_timeout=30)
        try:
            woken = asyncio.Event()
            await connection.add_listener("pool_change", lambda *_: woken.set())
            while True:
                woken.clear()
                while await self.run_due(service, connection):
                    pass
                try:
                    # Short, because the clock may be moved, and another replica may have let a pool go.
                    await asyncio.wait_for(woken.wait(), LONGEST_WAIT_SECONDS)
                except TimeoutError:
                    continue
        finally:
            connection.terminate()

    async def run_due(self, service: Service, connection: asyncpg.Connection) -> int:
        """Work on each pool that is due and that nobody else works on; gives on how many.

        A pool that fails keeps its rows and is put off for a while. A database that is away raises.
        """
        done = 0
        for pool in await self.due(service):
            async with self.alone(connection, pool) as mine:
                if not mine:
                    continue
                (result,) = await asyncio.gather(self.work(service, pool), return_exceptions=True)
                if isinstance(result, TRANSIENT) or (
                    isinstance(result, BaseException) and not isinstance(result, Exception)
                ):
                    raise result
                if isinstance(result, Exception):
                    NOT_SOLVED.inc()
                    log.error(
                        "pool_not_solved",
                        stage=self.name,
                        unit=pool.unit,
                        programme=pool.programme,
                        **where(result),
                    )
                    await self._put_off(service, pool)
                else:
                    done += result
        return done

    @asynccontextmanager
    async def alone(self, connection: asyncpg.Connection, pool: Changed) -> AsyncIterator[bool]:
        """Whether this is the only one who works on the pool, in this stage, as long as it goes on."""
        number = lock_number(f"matching-{self.name}\n{pool.unit}\n{pool.programme}")
        mine: bool = await connection.fetchval("SELECT pg_try_advisory_lock($1)", number)
        try:
            yield mine
        finally:
            if mine:
                await connection.fetchval("SELECT pg_advisory_unlock($1)", number)

    async def _put_off(self, service: Service, pool: Changed) -> None:
        """Try a pool again later, whatever else changes in it meanwhile."""
        now = service.clock()
        await service.pool.execute(
            "UPDATE pool_change SET due_at = $4, failed_at = $5 "
            "WHERE unit = $1 AND programme = $2 AND solved = $3 AND due_at <= $5",
            pool.unit,
            pool.programme,
            self.solved,
            now + PUT_OFF,
            now,
        )


def messages_of(service: Service, bodies: Iterable[BaseModel], numbers: Sequence[int]) -> list[Message]:
    """What was found, as messages. For a thread: a large pool has many.

    The ids come from the rows that were read, so that the same work done again is a duplicate.
    """
    last, now, source = max(numbers), service.clock(), f"/makker/{service.name}"
    messages = []
    for body in bodies:
        name = type(body).__name__
        messages.append(
            Message(derived_id(name, last, body.model_dump_json()), name, body, now, source=source)
        )
    return messages


async def send(service: Service, messages: Sequence[Message]) -> None:
    """Let what was found take effect."""
    for start in range(0, len(messages), MESSAGES_AT_ONCE):
        await handle(service, messages[start : start + MESSAGES_AT_ONCE])


async def is_solved(service: Service, pool: Changed, numbers: Sequence[int]) -> None:
    """The rows that were read go on to the next stage, and the pool is solved again as a day begins."""
    now = service.clock()
    async with service.pool.acquire() as connection, connection.transaction():
        await connection.execute(
            "UPDATE pool_change SET solved = true, due_at = $2, failed_at = NULL "
            "WHERE number = ANY($1::bigint[])",
            numbers,
            now,
        )
        tomorrow = today_in(pool.unit, service.programmes, now) + timedelta(days=1)
        await _on_a_new_day(connection, {pool: _midnight(service, pool.unit, tomorrow)})
        await connection.execute("SELECT pg_notify('pool_change', '')")


async def put_up_all(service: Service) -> None:
    """Each pool that there is by the definitions is to be solved: now, or as its first rules come into force.

    What was put up for a new day of a pool that is defined no longer is taken back.
    """
    now = service.clock()
    at = {
        Changed(unit, programme): max(now, _midnight(service, unit, date.fromisoformat(min(versions))))
        for (programme, unit), versions in service.programmes.by_version.items()
        if programme in service.programmes.unit(unit).programmes
    }
    async with service.pool.acquire() as connection, connection.transaction():
        await connection.execute("DELETE FROM pool_change WHERE reason = 'new_day' AND NOT solved")
        await _on_a_new_day(connection, at)


def _midnight(service: Service, unit: str, day: date) -> datetime:
    zone = ZoneInfo(service.programmes.unit(unit).time_zone)
    return datetime.combine(day, time(), zone).astimezone(UTC)


async def _on_a_new_day(connection: Connection, at: dict[Changed, datetime]) -> None:
    rows = sorted((pool.unit, pool.programme, due_at) for pool, due_at in at.items())
    await connection.executemany(
        "INSERT INTO pool_change (unit, programme, reason, due_at) VALUES ($1, $2, 'new_day', $3) "
        "ON CONFLICT (unit, programme) WHERE reason = 'new_day' AND NOT solved DO NOTHING",
        rows,
    )
