"""The corridor's speed: the same messages in batches, one by one, from memory, and as statements alone.

Job: handle the workload with followup on a real Kafka and PostgreSQL in four ways, several rounds each in
turn, so that a figure and what it is compared with meet the same machine. Guarantee: a round counts only if
afterwards every message is in the inbox and all that follows from it is stored. The relay does not run:
what is measured ends with the commit and the offset.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from statistics import median
from time import perf_counter
from typing import Any

from faststream import AckPolicy
from faststream.kafka import KafkaBroker, KafkaMessage

from services.followup.app import create
from shared.consumer import RECORDS_AT_ONCE, Consumer
from shared.contracts.topics import read_by
from shared.corridor import Service, handle
from shared.hosting import Host, tune_garbage_collection
from shared.messages import Message, Record
from shared.postgres import migrate
from shared.reading import read
from tests.bench.servers import Servers
from tests.bench.shown import Line, Shown
from tests.bench.statements import Recording, Statement, play, recording_pool
from tests.bench.workload import batches, publish

LONGEST_ROUND_SECONDS = 300


@dataclass(frozen=True)
class Size:
    """How much is measured. One by one is too slow for as many cases as the batches need."""

    rounds: int = 3
    cases: int = 20_000
    cases_one_by_one: int = 500


@dataclass
class Way:
    """One way of handling the messages, and its events per second, round by round."""

    figure: str
    what: str
    per_second: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        return median(self.per_second)

    def line(self, remark: str = "") -> Line:
        spread = f"{min(self.per_second):,.0f} to {max(self.per_second):,.0f}"
        return Line(self.what, f"{self.median:,.0f}", f"{spread}; {remark}" if remark else spread)


async def measure(
    servers: Servers, shown: Shown, size: Size | None = None
) -> tuple[dict[str, Any], list[Line]]:
    """The four figures of the corridor."""
    size = size or Size()
    batched = Way("corridor_per_second", "corridor, in batches")
    single = Way("one_by_one_per_second", "corridor, one by one")
    memory = Way("handle_per_second", "handle, from memory")
    alone = Way("statements_per_second", "statements alone")
    tune_garbage_collection()
    for number in range(1, size.rounds + 1):
        of = f"round {number} of {size.rounds}"
        single.per_second.append(await _one_by_one(servers, shown, of, size.cases_one_by_one))
        batched.per_second.append(await _in_batches(servers, shown, of, size.cases))
        memory.per_second.append(await _from_memory(servers, shown, of, size.cases))
        alone.per_second.append(await _statements_alone(servers, shown, of, size.cases))
    ways = (batched, single, memory, alone)
    lines = [
        batched.line(f"{batched.median / single.median:.0f} times one by one"),
        single.line(),
        memory.line(f"the corridor reaches {batched.median / memory.median:.0%} of it"),
        alone.line(f"the corridor reaches {batched.median / alone.median:.0%} of them"),
    ]
    return {way.figure: round(way.median) for way in ways}, lines


async def _in_batches(servers: Servers, shown: Shown, of: str, cases: int) -> float:
    """Through the service's own consumer, from the first batch until its lag is zero."""
    servers.kafka.empty()
    shown.begin(f"publishing, {of}")
    await publish(servers.kafka.bootstrap, cases)
    shown.begin(f"corridor, in batches, {of}", 2 * cases)
    async with _followup(servers) as host:
        consumer = _Timed(host.service, host.kafka, expected=2 * cases, shown=shown)
        running = asyncio.create_task(consumer.run())
        try:
            await asyncio.wait_for(consumer.finished.wait(), LONGEST_ROUND_SECONDS)
            behind = await consumer.lag()
        finally:
            consumer.stopping.set()
            await running
        if behind is None or any(behind.values()):
            raise AssertionError(f"the consumer is behind still: {behind}")
        await _check(host.service, cases)
    return 2 * cases / (consumer.ended_at - consumer.began_at)


@dataclass
class _Timed(Consumer):
    """The service's consumer with a watch."""

    expected: int = 0
    shown: Shown | None = None
    handled: int = 0
    began_at: float = 0.0
    ended_at: float = 0.0
    finished: asyncio.Event = field(default_factory=asyncio.Event)

    async def _batch(self, message: Any) -> None:
        self.began_at = self.began_at or perf_counter()
        records = len(message.raw_message)  # The message holds none of them once it is handled.
        await super()._batch(message)
        self.ended_at = perf_counter()
        self.handled += records
        if self.shown:
            self.shown.so_far(self.handled)
        if self.handled >= self.expected:
            self.finished.set()


async def _one_by_one(servers: Servers, shown: Shown, of: str, cases: int) -> float:
    """Through FastStream's ordinary subscriber: one message, one transaction, one offset."""
    servers.kafka.empty()
    await publish(servers.kafka.bootstrap, cases)
    shown.begin(f"corridor, one by one, {of}", 2 * cases)
    began_at, handled, finished = 0.0, 0, asyncio.Event()
    async with _followup(servers) as host:
        service = host.service
        broker = KafkaBroker(servers.kafka.bootstrap, logger=None)

        @broker.subscriber(
            *read_by(service.name),
            group_id="makker-bench-one-by-one",
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            ack_policy=AckPolicy.ACK,
        )
        async def one(message: KafkaMessage) -> None:
            nonlocal began_at, handled
            began_at = began_at or perf_counter()
            raw = message.raw_message
            if isinstance(raw, tuple):
                raise AssertionError("an ordinary subscriber gives one record at a time")
            record = Record(raw.topic, raw.partition, raw.offset, raw.key, raw.value, tuple(raw.headers))
            await handle(service, _read(service, [record]))
            handled += 1
            if handled % 50 == 0:
                shown.so_far(handled)
            if handled == 2 * cases:
                finished.set()

        async with broker:
            await broker.start()
            await asyncio.wait_for(finished.wait(), LONGEST_ROUND_SECONDS)
            ended_at = perf_counter()
        await _check(service, cases)
    return 2 * cases / (ended_at - began_at)


async def _from_memory(servers: Servers, shown: Shown, of: str, cases: int) -> float:
    """`handle` alone: the messages are read before the watch runs."""
    shown.begin(f"handle, from memory, {of}", 2 * cases)
    async with _followup(servers) as host:
        seconds = await _handled(host.service, shown, cases)
        await _check(host.service, cases)
    return 2 * cases / seconds


async def _statements_alone(servers: Servers, shown: Shown, of: str, cases: int) -> float:
    shown.begin(f"taking down the statements, {of}", 2 * cases)
    statements: list[list[Statement]] = []
    async with _followup(servers) as host:
        async with await recording_pool(host.settings.database_url) as pool:
            await _handled(replace(host.service, pool=pool), shown, cases, statements)
        await _check(host.service, cases)
    shown.begin(f"statements alone, {of}", 2 * cases)
    seconds = 0.0
    async with _followup(servers) as host, host.pool.acquire() as connection:
        for number, batch in enumerate(statements, 1):
            began_at = perf_counter()
            await play(connection, batch)
            seconds += perf_counter() - began_at
            shown.so_far(number * RECORDS_AT_ONCE)
        await _check(host.service, cases)
    return 2 * cases / seconds


async def _handled(
    service: Service, shown: Shown, cases: int, statements: list[list[Statement]] | None = None
) -> float:
    """The seconds that `handle` took for all batches; `statements` takes down what each one sent."""
    seconds, done = 0.0, 0
    for records in batches(cases):
        messages = _read(service, records)
        began_at = perf_counter()
        await handle(service, messages)
        seconds += perf_counter() - began_at
        done += len(messages)
        shown.so_far(done)
        if statements is not None:
            statements.append(Recording.taken.copy())
            Recording.taken.clear()
    return seconds


def _read(service: Service, records: Sequence[Record]) -> list[Message]:
    messages = [read(service.messages, service.name, record) for record in records]
    return [message for message in messages if message is not None]


@asynccontextmanager
async def _followup(servers: Servers) -> AsyncIterator[Host]:
    """The service with an empty database of its own, and none of its loops running."""
    async with servers.settings("followup") as settings:
        host = await create(settings)
        await migrate(settings.database_url, *host.service.migrations)
        try:
            yield host
        finally:
            await host.pool.close()


async def _check(service: Service, cases: int) -> None:
    """Raises unless every message took effect, once."""
    # Each case has one timer at the end; those that start today have led to two events.
    expected = {
        "inbox": 2 * cases,
        "placement": cases,
        "timer": cases,
        "outbox": 2 * (cases // 2),
        "parked": 0,
    }
    for table, rows in expected.items():
        found = await service.pool.fetchval(f"SELECT count(*) FROM {table}")
        if found != rows:
            raise AssertionError(f"{table} has {found} rows and not {rows}")
