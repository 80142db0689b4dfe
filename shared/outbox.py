"""The relay: from the outbox to Kafka, in order, by one leader per service.

Job: publish unsent rows and mark them once the broker has acknowledged. Guarantee: every committed
event gets out at least once; per key in the order of its positions; after a failure nothing later is
marked. A new leader's transactional id fences the late writes of a deposed one. It decides nothing
about what is written.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime

import asyncpg
import structlog
from aiokafka import AIOKafkaProducer

from shared.corridor import Service
from shared.postgres import Connection, leadership

log = structlog.get_logger()

ROWS_AT_ONCE = 1000
POLL_SECONDS = 1.0
UNSENT = (
    "SELECT position, written_at, id, topic, key, type, body FROM outbox "
    "WHERE sent_at IS NULL ORDER BY position LIMIT $1"
)


@dataclass(frozen=True)
class Kafka:
    """How to reach the broker. Without `transactions` (the embedded one) nothing can be fenced."""

    bootstrap_servers: str
    transactions: bool = True
    session_timeout_ms: int = 10_000


async def relay(service: Service, dsn: str, kafka: Kafka) -> None:
    """Lead, and publish until something fails; the supervisor begins anew."""
    async with leadership(dsn, f"{service.name}-relay") as connection:
        producer = AIOKafkaProducer(
            bootstrap_servers=kafka.bootstrap_servers,
            client_id=f"makker-{service.name}-relay",
            enable_idempotence=True,
            transactional_id=f"makker-{service.name}-relay" if kafka.transactions else None,
            max_request_size=4_194_304,
            request_timeout_ms=10_000,
        )
        try:
            await producer.start()
            woken = asyncio.Event()
            await connection.add_listener("outbox", lambda *_: woken.set())
            while True:
                woken.clear()
                while await publish_once(connection, producer, service, kafka.transactions):
                    pass
                try:
                    await asyncio.wait_for(woken.wait(), POLL_SECONDS)
                except TimeoutError:
                    continue
        finally:
            await producer.stop()


async def publish_once(
    connection: Connection, producer: AIOKafkaProducer, service: Service, transactions: bool
) -> int:
    """Publish the oldest unsent rows and mark them; gives how many there were."""
    rows = await connection.fetch(UNSENT, ROWS_AT_ONCE)
    if not rows:
        return 0
    if transactions:
        async with producer.transaction():
            await _send(producer, service, rows)
    else:
        await _send(producer, service, rows)
    await _mark(connection, rows, service.clock())
    return len(rows)


async def _mark(connection: Connection, rows: list[asyncpg.Record], now: datetime) -> None:
    await connection.execute(
        "UPDATE outbox SET sent_at = $3 "
        "FROM unnest($1::bigint[], $2::timestamptz[]) AS s (position, written_at) "
        "WHERE outbox.position = s.position AND outbox.written_at = s.written_at",
        [row["position"] for row in rows],
        [row["written_at"] for row in rows],
        now,
    )


async def _send(producer: AIOKafkaProducer, service: Service, rows: list[asyncpg.Record]) -> None:
    acknowledged = [
        await producer.send(
            row["topic"],
            key=row["key"].encode(),
            value=None if row["body"] is None else row["body"].encode(),
            headers=[
                ("ce_specversion", b"1.0"),
                ("ce_id", str(row["id"]).encode()),
                ("ce_source", f"/makker/{service.name}".encode()),
                ("ce_type", f"makker.{row['type']}.v1".encode()),
                ("ce_time", row["written_at"].isoformat().encode()),
                ("ce_subject", row["key"].encode()),
                ("content-type", b"application/json"),
            ],
        )
        for row in rows
    ]
    await asyncio.gather(*acknowledged)
