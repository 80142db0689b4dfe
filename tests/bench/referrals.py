"""Referrals from topic to reply: how many a second, how soon each is answered, and what memory they take.

Job: run intake as a process of its own between a real Kafka and a PostgreSQL, send it the workload, and read
its replies as a publisher does, committed ones only. It is measured in two phases, because a time under
saturation is the length of a queue and nothing else:

- *As fast as intake takes them*: all referrals wait on the topic before intake starts, so that nothing but
  intake is at work. The rate counts from the first replies read to the last; start-up is not in it. Memory is
  looked at after a fifth, three fifths and all of them, so that growth with what was handled shows.
- *At a steady load*, a fixed part of that rate, the same process is sent further referrals by the clock,
  whether or not earlier ones are answered. A reply's time runs from the moment its referral was due to be
  sent until its reply was read, so that a late sender makes it longer and never shorter.

Guarantee: a figure counts only if each referral was answered once, with the answer that belongs to it, and
the database afterwards holds the persons and cases that follow, and nothing parked. The sender and the reader
take their part of the same machine in the second phase, and so does whatever else runs there: both rates, and
how idle the processors were, are printed beside the times.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

import asyncpg
import httpx
import psutil
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from shared.contracts.topics import REFERRALS, REPLIES, TOPICS
from shared.settings import Settings
from tests.bench.referred import Outcome, Referred, persons, referred
from tests.bench.servers import CannotRun, Servers
from tests.bench.shown import Line, Shown
from tests.servers.processes import Processes, free_port

MIB = 1024 * 1024
LOAD = 0.25
"""The part of the saturated rate at which the times are measured."""
TICK_SECONDS = 0.01
READY_WITHIN_SECONDS = 60
SILENT_FOR_SECONDS = 60
OUTCOMES: dict[bytes, Outcome] = {
    b"makker.ReferralAccepted.v1": "accepted",
    b"makker.ReferralRejected.v1": "rejected",
}


@dataclass(frozen=True)
class Size:
    """How many referrals wait for intake, and how long the steady load lasts."""

    waiting: int = 50_000
    steady_seconds: int = 30

    @property
    def looks(self) -> tuple[int, ...]:
        """After how many replies memory is looked at."""
        return self.waiting // 5, self.waiting * 3 // 5, self.waiting


@dataclass
class Answers:
    """The replies read so far: of each referral's number, when."""

    expected: dict[tuple[str, Outcome], int] = field(default_factory=dict)
    read_at: dict[int, float] = field(default_factory=dict)

    def expect(self, those: Sequence[Referred]) -> None:
        self.expected |= {(one.reference, one.outcome): one.number for one in those}

    def take(self, reference: str, outcome: Outcome, moment: float) -> None:
        """Raises unless this is the one answer that a referral was waiting for."""
        number = self.expected.get((reference, outcome))
        if number is None:
            raise AssertionError(f"{reference} was answered with {outcome}, which is not its answer")
        if number in self.read_at:
            raise AssertionError(f"{reference} was answered with {outcome} twice")
        self.read_at[number] = moment


async def measure(
    servers: Servers, shown: Shown, size: Size | None = None
) -> tuple[dict[str, Any], list[Line]]:
    """The rate, the times and the memory."""
    size = size or Size()
    servers.kafka.empty()
    bootstrap = servers.kafka.bootstrap
    waiting = list(referred(range(size.waiting)))
    async with servers.settings("intake") as settings, _producer(bootstrap) as producer:
        shown.begin("referrals, publishing", len(waiting))
        await _publish(producer, waiting, shown)
        async with _intake(settings) as pid, _reader(bootstrap) as reader:
            shown.begin("referrals, as fast as intake takes them", len(waiting))
            answers, memory = Answers(), [_mib(pid)]
            answers.expect(waiting)
            per_second = await _saturated(reader, answers, shown, size, pid, memory)
            load = per_second * LOAD
            steady = list(referred(range(size.waiting, size.waiting + int(load * size.steady_seconds))))
            shown.begin(f"referrals, {load:,.0f} per second", len(steady))
            answers.expect(steady)
            psutil.cpu_times_percent()
            times, sent_per_second = await _at_a_load(producer, reader, answers, shown, steady, load)
            idle = psutil.cpu_times_percent().idle
            memory.append(_mib(pid))
        await _check(settings.database_url, [*waiting, *steady])
    p50, p99 = _percentile(times, 50), _percentile(times, 99)
    figures = {
        "referrals_per_second": round(per_second),
        "referral_reply_p50_ms": round(p50, 1),
        "referral_reply_p99_ms": round(p99, 1),
    }
    quarter = len(times) // 4
    early, late = _percentile(times[:quarter], 50), _percentile(times[-quarter:], 50)
    lines = [
        Line("referrals, saturated", f"{per_second:,.0f}", f"{size.waiting:,} from topic to reply"),
        Line(
            "load for the times",
            f"{sent_per_second:,.0f}",
            f"{sent_per_second / per_second:.0%} of that, for {size.steady_seconds} seconds: {len(steady):,}",
        ),
        Line(
            "reply, half of them within", f"{p50:,.0f} ms", f"{early:,.0f} ms at first, {late:,.0f} at last"
        ),
        Line("reply, 99 % within", f"{p99:,.0f} ms", f"the slowest took {max(times):,.0f} ms"),
        Line(
            "processors idle meanwhile", f"{idle:.0f} %", "near 0 they were short, and the times are queues"
        ),
        *_memory_lines(size, memory, len(steady)),
    ]
    return figures, lines


async def _saturated(
    reader: AIOKafkaConsumer, answers: Answers, shown: Shown, size: Size, pid: int, memory: list[float]
) -> float:
    """Replies per second, from the first ones read to the last."""
    looks, first_at, first = list(size.looks), 0.0, 0
    async for moment in _replies(reader, answers, size.waiting):
        done = len(answers.read_at)
        shown.so_far(done)
        if not first:
            first_at, first = moment, done
        while looks and done >= looks[0]:
            looks.pop(0)
            memory.append(_mib(pid))
        last_at = moment
    return (size.waiting - first) / (last_at - first_at)


async def _at_a_load(
    producer: AIOKafkaProducer,
    reader: AIOKafkaConsumer,
    answers: Answers,
    shown: Shown,
    those: Sequence[Referred],
    per_second: float,
) -> tuple[list[float], float]:
    """The time of each reply in milliseconds, in the order of sending, and the rate they were sent at."""
    already, began_at = len(answers.read_at), perf_counter()
    sending = asyncio.create_task(_send_by_the_clock(producer, those, began_at, per_second))
    try:
        async for _ in _replies(reader, answers, already + len(those)):
            shown.so_far(len(answers.read_at) - already)
    finally:
        sending.cancel()
        ended_at = (await asyncio.gather(sending, return_exceptions=True))[0]
    if isinstance(ended_at, BaseException):
        raise ended_at
    due = {one.number: began_at + place / per_second for place, one in enumerate(those)}
    times = [1000 * (answers.read_at[number] - moment) for number, moment in due.items()]
    return times, len(those) / (ended_at - began_at)


async def _send_by_the_clock(
    producer: AIOKafkaProducer, those: Sequence[Referred], began_at: float, per_second: float
) -> float:
    """Send each when it is due, however the earlier ones fare; gives the moment of the last one."""
    sent = 0
    while sent < len(those):
        due = min(len(those), 1 + int((perf_counter() - began_at) * per_second))
        for one in those[sent:due]:
            await _send(producer, one)
        sent = due
        await asyncio.sleep(TICK_SECONDS)
    ended_at = perf_counter()
    await producer.flush()
    return ended_at


async def _replies(reader: AIOKafkaConsumer, answers: Answers, wanted: int) -> AsyncIterator[float]:
    """Take replies until so many are there; gives the moment of each handful."""
    while len(answers.read_at) < wanted:
        handful = await reader.getmany(timeout_ms=1000 * SILENT_FOR_SECONDS, max_records=1000)
        moment = perf_counter()
        if not handful:
            missing = wanted - len(answers.read_at)
            raise AssertionError(f"no reply for {SILENT_FOR_SECONDS} seconds, and {missing:,} are missing")
        for records in handful.values():
            for record in records:
                reply = json.loads(record.value)
                outcome = OUTCOMES[dict(record.headers)["ce_type"]]
                known = reply.get("already_known", False)
                answers.take(reply["source_reference"], "already_known" if known else outcome, moment)
        yield moment


async def _publish(producer: AIOKafkaProducer, those: Sequence[Referred], shown: Shown) -> None:
    for done, one in enumerate(those):
        await _send(producer, one)
        if done % 1000 == 0:
            shown.so_far(done)
    await producer.flush()


async def _send(producer: AIOKafkaProducer, one: Referred) -> None:
    await producer.send(REFERRALS, key=one.reference.encode(), value=one.value, headers=one.headers)


@asynccontextmanager
async def _intake(settings: Settings) -> AsyncIterator[int]:
    """Intake as a process, ready; gives its process id. What it said last stands with what went wrong."""
    with tempfile.TemporaryDirectory() as folder:
        processes = Processes({"intake": settings}, {"intake": free_port()}, Path(folder))
        try:
            with processes:
                async with (
                    asyncio.timeout(READY_WITHIN_SECONDS),
                    httpx.AsyncClient(base_url=processes.urls["intake"]) as client,
                ):
                    while not await _is_ready(client):
                        if psutil.Process(processes.pid("intake")).status() == psutil.STATUS_ZOMBIE:
                            raise AssertionError("intake ended while it started")
                        await asyncio.sleep(0.05)
                yield processes.pid("intake")
        except (AssertionError, TimeoutError) as error:
            said = (Path(folder) / "intake.log").read_text(errors="replace").strip().splitlines()
            last = said[-1][:400] if said else "nothing"
            raise CannotRun(
                f"{str(error) or 'intake did not get ready'}; intake said last: {last}"
            ) from error


async def _is_ready(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get("/intake/readyz")).status_code == 200
    except httpx.TransportError:
        return False


@asynccontextmanager
async def _producer(bootstrap: str) -> AsyncIterator[AIOKafkaProducer]:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, enable_idempotence=True) as producer:
        yield producer


@asynccontextmanager
async def _reader(bootstrap: str) -> AsyncIterator[AIOKafkaConsumer]:
    """Reads all replies from their beginning, as far as they are committed."""
    async with AIOKafkaConsumer(
        bootstrap_servers=bootstrap, isolation_level="read_committed", enable_auto_commit=False
    ) as reader:
        reader.assign([TopicPartition(REPLIES, number) for number in range(TOPICS[REPLIES].partitions)])
        await reader.seek_to_beginning()
        yield reader


async def _check(dsn: str, those: Sequence[Referred]) -> None:
    """Raises unless the database holds what follows from the referrals, once."""
    accepted = sum(one.outcome == "accepted" for one in those)
    refused = sum(one.outcome == "rejected" for one in those)
    expected = {
        "case_file": accepted,
        "person": persons(those),
        "referral": accepted + refused,
        "refused_referral": refused,
        "inbox": len(those),
        "parked": 0,
    }
    connection = await asyncpg.connect(dsn)
    try:
        for table, rows in expected.items():
            found = await connection.fetchval(f"SELECT count(*) FROM {table}")
            if found != rows:
                raise AssertionError(f"{table} has {found} rows and not {rows}")
    finally:
        await connection.close()


def _memory_lines(size: Size, memory: Sequence[float], more: int) -> list[Line]:
    """What intake takes, and how it grew while it handled four fifths of the referrals."""
    ready, first, *_, last, afterwards = memory
    handled = size.looks[-1] - size.looks[0]
    growth = (last - first) / first
    lines = [Line("intake, ready", f"{ready:,.0f} MiB")]
    lines += [
        Line(f"intake, after {count:,}", f"{mib:,.0f} MiB")
        for count, mib in zip(size.looks, memory[1:], strict=False)
    ]
    lines[-1] = Line(
        lines[-1].what, lines[-1].figure, f"{last - first:+.1f} MiB ({growth:+.0%}) by {handled:,} more"
    )
    return [*lines, Line(f"intake, after {size.waiting + more:,}", f"{afterwards:,.0f} MiB", "at the load")]


def _mib(pid: int) -> float:
    return psutil.Process(pid).memory_info().rss / MIB


def _percentile(times: Sequence[float], percent: int) -> float:
    """The time within which so many of a hundred were answered."""
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]
