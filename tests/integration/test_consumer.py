"""The consumer on Kafka and PostgreSQL: nothing stops it, and no offset runs ahead of its commit."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from aiokafka import AIOKafkaProducer, ConsumerRecord

from demo.embedded.kafka import EmbeddedKafka
from shared.consumer import Consumer
from shared.hosting import Host
from shared.messages import Record
from shared.metrics import DUPLICATES
from shared.outbox import Kafka
from tests.builders import agreed, cleared, headers, held, raw, record, state, texts, until, written

pytest_plugins = ["tests.fixtures"]

SESSION_MS = 1100
DIES = """
import asyncio, os, sys
from faststream.kafka.message import KafkaAckableMessage
from demo.settings import Keys
from services.followup.app import create
from shared import corridor
from shared.consumer import Consumer
from shared.outbox import Kafka
from tests.builders import Clock

async def die(*_):
    os._exit(9)

async def main(where, dsn, bootstrap):
    if where == "before the commit":
        corridor.Pass._save = die
    else:
        KafkaAckableMessage.ack = die
    host = await create(Keys().settings(dsn), Clock())
    await Consumer(host.service, Kafka(bootstrap, False, 1100)).run()

asyncio.run(main(*sys.argv[1:]))
"""


@asynccontextmanager
async def consuming(host: Host, bootstrap: str) -> AsyncIterator[Consumer]:
    consumer = Consumer(host.service, Kafka(bootstrap, False, SESSION_MS))
    task = asyncio.create_task(consumer.run())
    try:
        yield consumer
    finally:
        consumer.stopping.set()
        await asyncio.wait_for(task, 30)


async def produce(bootstrap: str, records: Iterable[Record]) -> None:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, enable_idempotence=True) as producer:
        for one in records:
            await producer.send(one.topic, one.value, one.key, headers=list(one.headers))


async def caught_up(consumer: Consumer) -> bool:
    behind = await consumer.lag()
    return behind is not None and not any(behind.values())


async def test_records_of_all_topics_take_effect_and_leave_no_lag(
    followup: Host, kafka: EmbeddedKafka
) -> None:
    cases = [uuid4() for _ in range(50)]
    await produce(kafka.bootstrap, [record(make(case)) for make in (agreed, cleared) for case in cases])
    async with consuming(followup, kafka.bootstrap) as consumer:
        await until(lambda: caught_up(consumer))
    assert [await state(followup, case) for case in cases] == ["running"] * 50
    assert (await written(followup)).count("PlacementStarted") == 50


def replayed_for(service: str) -> Record:
    one = record(cleared(uuid4()))
    return raw(one.topic, one.key, one.value, (*one.headers, ("ce_replayfor", service.encode())))


ODD = {
    "headers that are not UTF-8": raw(
        "matching-events-v1", "k1", b"{}", (("ce_type", b"\xc3("), ("x", b"\xff"))
    ),
    "no header at all": raw("matching-events-v1", "k2", b"{}"),
    "no value": raw("intake-events-v1", "k3", None, headers("StartCleared")),
    "no key": raw("intake-events-v1", None, b"", headers("StartCleared")),
    "no JSON": raw("intake-events-v1", "k5", b"\x00\xff{", headers("StartCleared")),
    "a list": raw("intake-events-v1", "k6", b"[1]", headers("StartCleared")),
    "a deep document": raw("intake-events-v1", "k7", b"[" * 100_000, headers("StartCleared")),
    "a key with a NUL": raw("intake-events-v1", b"\x00", b"{}", headers("StartCleared")),
    "a long key": raw("intake-events-v1", bytes(range(1, 256)) * 40, b"{}", headers("StartCleared")),
    "a text with a NUL": record(texts(uuid4(), 1, "a\x00b")),
    "a tombstone for no id": raw("case-texts-v1", "no id", None),
    "an id with a NUL": raw(
        "intake-events-v1", "k12", cleared(uuid4()).model_dump_json().encode(), (("ce_id", b"\x00"),)
    ),
}


async def test_nothing_that_arrives_stops_the_consumer(followup: Host, kafka: EmbeddedKafka) -> None:
    not_for_us = [
        raw("intake-events-v1", "k", b"{}", headers("CaseOpened")),
        raw("intake-events-v1", "k", b"\xff", headers("FromTomorrow")),
        replayed_for("matching"),
    ]
    case = uuid4()
    await produce(kafka.bootstrap, [*ODD.values(), *not_for_us, record(agreed(case)), record(cleared(case))])
    async with consuming(followup, kafka.bootstrap) as consumer:
        await until(lambda: caught_up(consumer))
        assert await followup.pool.fetchval("SELECT count(*) FROM parked") == len(ODD)
        assert await state(followup, case) == "running"
        # And what comes after it still takes effect.
        await produce(kafka.bootstrap, [record(held(other := uuid4())), record(cleared(other))])
        await until(lambda: _is_cleared(followup, other))
    assert await followup.pool.fetchval("SELECT count(*) FROM parked WHERE sealed IS NULL") == 0


async def _is_cleared(host: Host, case: UUID) -> bool:
    return await state(host, case) == "cleared"


@pytest.mark.parametrize(("where", "effects"), [("before the commit", 0), ("before the offset", 1)])
async def test_a_process_that_dies_before_its_offset_moves_gets_its_batch_again_and_one_effect(
    followup: Host, kafka: EmbeddedKafka, where: str, effects: int
) -> None:
    case = uuid4()
    await produce(kafka.bootstrap, [record(cleared(case)), record(agreed(case))])
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        DIES,
        where,
        followup.settings.database_url,
        kafka.bootstrap,
        cwd=Path(__file__).parents[2],
    )
    assert await asyncio.wait_for(process.wait(), 60) == 9
    handled = await followup.pool.fetchval("SELECT count(*) FROM inbox")
    assert bool(handled) == bool(effects)
    recognised = DUPLICATES.labels("followup")._value.get()
    async with consuming(followup, kafka.bootstrap) as consumer:
        await until(lambda: caught_up(consumer))
    assert DUPLICATES.labels("followup")._value.get() - recognised == handled
    assert await state(followup, case) == "running"
    assert await written(followup) == ["PlacementStarted", "CheckInBooked"]


async def test_stopping_finishes_the_batch_in_hand(followup: Host, kafka: EmbeddedKafka) -> None:
    case = uuid4()
    consumer = Consumer(followup.service, Kafka(kafka.bootstrap, False, SESSION_MS))
    task = asyncio.create_task(consumer.run())
    async with followup.pool.acquire() as other, other.transaction():
        await other.execute("LOCK TABLE placement IN SHARE MODE")
        await produce(kafka.bootstrap, [record(cleared(case))])
        await until(lambda: _true(consumer.busy))
        consumer.stopping.set()
        await until(lambda: _true(consumer.broker is None))
        assert consumer.busy
    await asyncio.wait_for(task, 30)
    assert await state(followup, case) == "cleared"
    async with consuming(followup, kafka.bootstrap) as again:
        await until(lambda: caught_up(again))
        assert again.moved == 0


async def test_a_batch_that_was_handled_is_gone_from_memory_before_any_garbage_collection(
    followup: Host, kafka: EmbeddedKafka
) -> None:
    async with consuming(followup, kafka.bootstrap) as consumer:
        gc.collect()
        gc.disable()
        keys = set()
        try:
            for _ in range(4):
                consumer.moved = 0
                records = [record(cleared(uuid4())) for _ in range(5)]
                keys |= {one.key for one in records}
                await produce(kafka.bootstrap, records)
                await until(lambda: _true(consumer.moved > 0))
                await until(lambda: caught_up(consumer))
            found = (one for one in gc.get_objects() if isinstance(one, ConsumerRecord))
            in_memory = sum(one.key in keys for one in found)
        finally:
            gc.enable()
    # Those of the last batch may still be in hand.
    assert in_memory <= 5


async def _true(condition: bool) -> bool:
    return condition
