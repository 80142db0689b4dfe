"""The relay on PostgreSQL and Kafka: in order, at least once, marked only once the broker has it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaError, ProducerFenced

from demo.embedded.kafka import EmbeddedKafka
from shared import outbox
from shared.commands import send
from shared.contracts.followup import RecordCheckIn
from shared.contracts.model import match_id
from shared.hosting import Host
from shared.outbox import Kafka, publish_once, relay
from shared.postgres import TRANSIENT, lock_number
from tests import proofs
from tests.builders import STAFF, Clock, until
from tests.proofs import published, running
from tests.servers.kafka import RealKafka

pytest_plugins = ["tests.fixtures"]


@asynccontextmanager
async def relaying(host: Host, kafka: Kafka) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(relay(host.service, host.settings.database_url, kafka))
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def all_sent(host: Host) -> bool:
    sent: bool = await host.pool.fetchval("SELECT NOT EXISTS (SELECT 1 FROM outbox WHERE sent_at IS NULL)")
    return sent


async def ids(host: Host) -> list[str]:
    return [str(row["id"]) for row in await host.pool.fetch("SELECT id FROM outbox ORDER BY position")]


async def test_events_of_a_key_come_in_the_order_of_their_positions(
    followup: Host, clock: Clock, kafka: EmbeddedKafka
) -> None:
    cases = [await running(followup, clock) for _ in range(5)]
    async with relaying(followup, Kafka(kafka.bootstrap, transactions=False)):
        await until(lambda: all_sent(followup))
        for case in cases * 3:
            await send(followup.service, RecordCheckIn(placement_id=match_id(case, 1), held=False), STAFF)
        await until(lambda: all_sent(followup))
    wanted = await ids(followup)
    found = await published(kafka.bootstrap, set(wanted))
    assert sorted(found) == sorted(wanted)
    for case in cases:
        of_case = {
            str(row["id"]): row["position"]
            for row in await followup.pool.fetch("SELECT id, position FROM outbox WHERE key = $1", str(case))
        }
        positions = [of_case[one] for one in found if one in of_case]
        assert positions == sorted(positions)
        assert len(positions) == 2 + 3 * 2


async def test_an_event_on_kafka_is_a_cloudevent_keyed_by_its_case(
    followup: Host, clock: Clock, kafka: EmbeddedKafka
) -> None:
    case = await running(followup, clock)
    async with relaying(followup, Kafka(kafka.bootstrap, transactions=False)):
        await until(lambda: all_sent(followup))
    async with AIOKafkaConsumer(
        "followup-events-v1", bootstrap_servers=kafka.bootstrap, auto_offset_reset="earliest"
    ) as consumer:
        first = await asyncio.wait_for(consumer.getone(), 10)
    found = {name: value.decode() for name, value in first.headers}
    assert first.key == str(case).encode()
    assert found.pop("ce_id") == (await ids(followup))[0]
    assert found == {
        "ce_specversion": "1.0",
        "ce_source": "/makker/followup",
        "ce_type": "makker.PlacementStarted.v1",
        "ce_time": clock.now.isoformat(),
        "ce_subject": str(case),
        "content-type": "application/json",
    }
    assert json.loads(first.value)["case_id"] == str(case)


async def test_after_a_failure_nothing_is_marked_and_all_of_it_comes_later(
    followup: Host, clock: Clock, kafka: EmbeddedKafka
) -> None:
    await proofs.what_the_broker_did_not_acknowledge_is_not_marked(followup, clock, kafka)


async def test_the_notification_wakes_the_relay(
    followup: Host, clock: Clock, kafka: EmbeddedKafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "POLL_SECONDS", 600)
    async with relaying(followup, Kafka(kafka.bootstrap, transactions=False)):
        await running(followup, clock)
        await until(lambda: all_sent(followup))
        await running(followup, clock)
        await until(lambda: all_sent(followup))


async def test_of_two_relays_one_leads_and_the_other_takes_over_when_it_ends(
    followup: Host, clock: Clock, kafka: EmbeddedKafka
) -> None:
    async def leaders() -> int:
        number = lock_number("followup-relay")
        found: int = await followup.pool.fetchval(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted "
            "AND ((classid::bigint << 32) | objid::bigint) = $1 "
            "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
            number,
        )
        return found

    async def one_asks_in_vain() -> bool:
        found: bool = await followup.pool.fetchval(
            "SELECT EXISTS (SELECT 1 FROM pg_stat_activity "
            "WHERE datname = current_database() AND state = 'idle' AND query = $1)",
            "SELECT pg_try_advisory_lock($1)",
        )
        return found

    settings = Kafka(kafka.bootstrap, transactions=False)
    async with relaying(followup, settings) as first:
        await running(followup, clock)
        await until(lambda: all_sent(followup))
        async with relaying(followup, settings):
            await until(one_asks_in_vain)
            for _ in range(5):
                await running(followup, clock)
            await until(lambda: all_sent(followup))
            assert await leaders() == 1
            first.cancel()
            await asyncio.gather(first, return_exceptions=True)
            await running(followup, clock)
            await until(lambda: all_sent(followup))
            assert await leaders() == 1
    wanted = await ids(followup)
    # Each once: no two relays had the same rows in hand.
    assert sorted(await published(kafka.bootstrap, set(wanted))) == sorted(wanted)


async def test_a_relay_that_loses_its_connection_ends_and_another_goes_on(
    followup: Host, clock: Clock, kafka: EmbeddedKafka
) -> None:
    settings = Kafka(kafka.bootstrap, transactions=False)
    async with relaying(followup, settings) as relay_task:
        await running(followup, clock)
        await until(lambda: all_sent(followup))
        await followup.pool.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()"
        )
        # A wait that ran out is a fault of the connection too, by its type, and would pass for one.
        await asyncio.wait({relay_task}, timeout=10)
        assert relay_task.done()
        with pytest.raises(TRANSIENT):
            relay_task.result()
    await running(followup, clock)
    async with relaying(followup, settings):
        await until(lambda: all_sent(followup))


@pytest.mark.real
async def test_a_deposed_leader_is_fenced_and_its_events_go_out_once_for_who_reads_committed(
    followup: Host, clock: Clock, apache_kafka: RealKafka
) -> None:
    """Its advisory lock is gone, it does not know yet, and it is in the middle of a transaction."""
    await running(followup, clock)
    deposed = AIOKafkaProducer(
        bootstrap_servers=apache_kafka.bootstrap, transactional_id="makker-followup-relay"
    )
    await deposed.start()
    try:
        await deposed.begin_transaction()
        rows = await followup.pool.fetch(outbox.UNSENT, 1000)
        await outbox._send(deposed, followup.service, rows)
        async with relaying(followup, Kafka(apache_kafka.bootstrap)):
            await until(lambda: all_sent(followup))
        with pytest.raises(ProducerFenced):
            await deposed.commit_transaction()
    finally:
        await deposed.stop()
    await running(followup, clock)
    async with relaying(followup, Kafka(apache_kafka.bootstrap)):
        await until(lambda: all_sent(followup))
    wanted = await ids(followup)
    assert sorted(await published(apache_kafka.bootstrap, set(wanted), 20)) == sorted(wanted)


@pytest.mark.real
async def test_a_transaction_that_fails_marks_nothing_and_shows_nothing(
    followup: Host, clock: Clock, apache_kafka: RealKafka
) -> None:
    """The broker takes no event of more than a mebibyte; the one before it is in the same transaction."""
    await running(followup, clock)
    body = await followup.pool.fetchval("SELECT body FROM outbox WHERE type = 'CheckInBooked'")
    await followup.pool.execute(
        "UPDATE outbox SET body = repeat('x', 2 * 1024 * 1024) WHERE type = 'CheckInBooked'"
    )
    async with followup.pool.acquire() as connection:
        producer = AIOKafkaProducer(
            bootstrap_servers=apache_kafka.bootstrap,
            transactional_id="makker-followup-relay",
            max_request_size=4_194_304,
        )
        async with producer:
            with pytest.raises(KafkaError):
                await publish_once(connection, producer, followup.service, True)
    assert await followup.pool.fetchval("SELECT count(*) FROM outbox WHERE sent_at IS NOT NULL") == 0
    await followup.pool.execute("UPDATE outbox SET body = $1 WHERE type = 'CheckInBooked'", body)
    async with relaying(followup, Kafka(apache_kafka.bootstrap)):
        await until(lambda: all_sent(followup))
    wanted = await ids(followup)
    assert sorted(await published(apache_kafka.bootstrap, set(wanted), 20)) == sorted(wanted)
