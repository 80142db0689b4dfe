"""What must hold whatever happens at the same moment, as functions that raise AssertionError if it does not.

The integration tests show that they hold. The tests of the guards take one guard out at a time, and show
that its proof then fails: a guard that no proof misses would be worth nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from unittest.mock import patch
from uuid import UUID, uuid4

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import MessageSizeTooLargeError

from demo.embedded.kafka import EmbeddedKafka
from shared import stored
from shared.commands import send
from shared.contracts.followup import BookCheckIn, EndPlacement
from shared.contracts.model import match_id
from shared.corridor import handle
from shared.hosting import Host
from shared.messages import Refused
from shared.outbox import publish_once
from shared.release import release
from shared.timers import due
from tests.builders import (
    STAFF,
    Clock,
    agreed,
    cleared,
    event,
    held,
    messages,
    record,
    state,
    unreadable,
    until_blocked,
    written,
)

Proof = Callable[[Host, Clock], Awaitable[None]]

FAILS_AT_COMMIT = """
CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'cut off' USING ERRCODE = 'query_canceled'; END $$;
CREATE CONSTRAINT TRIGGER fails AFTER INSERT OR UPDATE ON placement
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION fail();
"""
HELD = "SELECT 1 FROM placement WHERE id = $1 FOR UPDATE"
CHANGED = (
    "UPDATE placement SET version = version + 1, doc = jsonb_set(doc, $2::text::text[], to_jsonb($3::text)) "
    "WHERE id = $1"
)


async def running(host: Host, clock: Clock) -> UUID:
    """A case whose placement runs, with its first check-in booked a month ahead."""
    case = uuid4()
    await handle(host.service, [event(agreed(case), clock.now), event(cleared(case), clock.now)])
    assert await state(host, case) == "running"
    return case


@asynccontextmanager
async def in_a_transaction(host: Host) -> AsyncIterator[asyncpg.Connection]:
    """Another replica's transaction, committed at the end."""
    connection = await asyncpg.connect(host.settings.database_url)
    try:
        async with connection.transaction():
            yield connection
    finally:
        await connection.close()


async def a_late_duplicate_changes_nothing(host: Host, clock: Clock) -> None:
    case = uuid4()
    first, then = messages(host, [record(cleared(case)), record(held(case))])
    await handle(host.service, [first, then])
    await handle(host.service, [first])
    assert await state(host, case) == "expected"


async def effect_and_event_are_there_together_or_not_at_all(host: Host, clock: Clock) -> None:
    case = uuid4()
    both = messages(host, [record(agreed(case)), record(cleared(case))])
    await host.pool.execute(FAILS_AT_COMMIT)
    with pytest.raises(asyncpg.QueryCanceledError):
        await handle(host.service, both)
    assert (await state(host, case), await written(host)) == (None, [])
    await host.pool.execute("DROP TRIGGER fails ON placement")
    await handle(host.service, both)
    assert (await state(host, case), await written(host)) == (
        "running",
        ["PlacementStarted", "CheckInBooked"],
    )


async def what_the_broker_did_not_acknowledge_is_not_marked(
    host: Host, clock: Clock, kafka: EmbeddedKafka
) -> None:
    for _ in range(2):
        await running(host, clock)
    third = await host.pool.fetchval("SELECT position FROM outbox ORDER BY position OFFSET 2 LIMIT 1")
    body = await host.pool.fetchval("SELECT body FROM outbox WHERE position = $1", third)
    await host.pool.execute(
        "UPDATE outbox SET body = repeat('x', 5 * 1024 * 1024) WHERE position = $1", third
    )
    async with (
        AIOKafkaProducer(
            bootstrap_servers=kafka.bootstrap, enable_idempotence=True, max_request_size=4_194_304
        ) as producer,
        host.pool.acquire() as connection,
    ):
        with pytest.raises(MessageSizeTooLargeError):
            await publish_once(connection, producer, host.service, False)
        await host.pool.execute("UPDATE outbox SET body = $2 WHERE position = $1", third, body)
        while await publish_once(connection, producer, host.service, False):
            pass
    all_ids = {str(row["id"]) for row in await host.pool.fetch("SELECT id FROM outbox")}
    assert set(await published(kafka.bootstrap, all_ids)) == all_ids
    assert await host.pool.fetchval("SELECT count(*) FROM outbox WHERE sent_at IS NULL") == 0


async def published(bootstrap: str, wanted: set[str], seconds: float = 5) -> list[str]:
    """The ids of followup's events on Kafka, in the order read, once the wanted are there or time is up."""
    found: list[str] = []
    async with AIOKafkaConsumer(
        "followup-events-v1",
        bootstrap_servers=bootstrap,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
    ) as consumer:
        try:
            async with asyncio.timeout(seconds):
                while not wanted <= set(found):
                    read = await consumer.getone()
                    found.append(dict(read.headers)["ce_id"].decode())
        except TimeoutError:
            return found
    return found


async def a_decision_waits_for_whoever_holds_its_row(host: Host, clock: Clock) -> None:
    case = await running(host, clock)
    clock.now += timedelta(days=31)
    (reminder,) = await due(host.service, clock.now)
    async with in_a_transaction(host) as other:
        await other.execute(HELD, match_id(case, 1))
        task = asyncio.create_task(handle(host.service, [reminder]))
        await until_blocked(host, [task])
        await other.execute(CHANGED, match_id(case, 1), "{state}", "ended")
    await task
    assert "CheckInDue" not in await written(host)


async def what_another_saved_meanwhile_is_not_overwritten(host: Host, clock: Clock) -> None:
    """The version alone must hold this, so the row lock is left out here."""
    case = uuid4()
    await handle(host.service, [event(cleared(case), clock.now)])
    with patch.object(stored, "LOCK", stored.LOCK.replace("FOR UPDATE", "")):
        async with in_a_transaction(host) as other:
            await other.execute(HELD, match_id(case, 1))
            task = asyncio.create_task(handle(host.service, [event(held(case), clock.now)]))
            await until_blocked(host, [task])
            await other.execute(CHANGED, match_id(case, 1), "{reason}", "kept")
        await task
    reason = await host.pool.fetchval("SELECT doc ->> 'reason' FROM placement WHERE state = 'expected'")
    assert reason == "kept"


async def both_halves_find_each_other_at_the_same_moment(host: Host, clock: Clock) -> None:
    case = uuid4()
    async with in_a_transaction(host) as other:
        # Both may read, and neither may write, until both have come as far as they can.
        await other.execute("LOCK TABLE placement IN SHARE MODE")
        halves = [
            asyncio.create_task(handle(host.service, [event(agreed(case), clock.now)])),
            asyncio.create_task(handle(host.service, [event(cleared(case), clock.now)])),
        ]
        await until_blocked(host, halves)
    await asyncio.gather(*halves)
    assert await state(host, case) == "running"


async def a_timer_that_was_moved_meanwhile_says_nothing(host: Host, clock: Clock) -> None:
    case = await running(host, clock)
    clock.now += timedelta(days=29)
    old = await due(host.service, clock.now)
    assert [message.type for message in old] == ["RemindCheckIn"]
    later = BookCheckIn(placement_id=match_id(case, 1), at=clock.now + timedelta(days=20))
    await send(host.service, later, STAFF)
    await handle(host.service, old)
    assert "CheckInDue" not in await written(host)
    clock.now += timedelta(days=18)
    await handle(host.service, await due(host.service, clock.now))
    assert (await written(host)).count("CheckInDue") == 1


async def a_timer_cancelled_by_whoever_holds_the_row_says_nothing(host: Host, clock: Clock) -> None:
    case = await running(host, clock)
    clock.now += timedelta(days=31)
    reminders = await due(host.service, clock.now)
    async with in_a_transaction(host) as other:
        await other.execute(HELD, match_id(case, 1))
        await other.execute("DELETE FROM timer")
        task = asyncio.create_task(handle(host.service, reminders))
        await until_blocked(host, [task])
    await task
    assert "CheckInDue" not in await written(host)


async def later_messages_of_a_parked_key_wait_in_order(host: Host, clock: Clock) -> None:
    case, other = uuid4(), uuid4()
    poison, behind = unreadable(case, "intake-events-v1"), [record(cleared(case)), record(held(case))]
    await handle(host.service, messages(host, [poison]))
    await handle(host.service, messages(host, [behind[0], record(cleared(other))]))
    await handle(host.service, messages(host, [behind[1]]))
    assert (await state(host, case), await state(host, other)) == (None, "cleared")
    rows = await host.pool.fetch("SELECT id, state, record_offset FROM parked ORDER BY record_offset")
    assert [(row["state"], row["record_offset"]) for row in rows] == [
        ("parked", poison.offset),
        ("waiting", behind[0].offset),
        ("waiting", behind[1].offset),
    ]
    await release(host.service, rows[0]["id"], discard="cannot be read")
    assert await state(host, case) == "expected"
    assert await host.pool.fetchval("SELECT count(*) FROM parked_key") == 0


async def who_was_shown_an_older_version_is_refused(host: Host, clock: Clock) -> None:
    case = await running(host, clock)
    shown = await host.pool.fetchval("SELECT version FROM placement")
    await send(
        host.service,
        BookCheckIn(placement_id=match_id(case, 1), at=clock.now + timedelta(days=9), version=shown),
        STAFF,
    )
    refused = None
    try:
        await send(host.service, EndPlacement(placement_id=match_id(case, 1), version=shown), STAFF)
    except Refused as refusal:
        refused = refusal.code
    assert (refused, await state(host, case)) == ("changed_meanwhile", "running")
