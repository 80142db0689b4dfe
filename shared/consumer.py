"""The Kafka door: batches of raw records, read, handed to the corridor, and only then committed.

Job: consume the service's topics in one group. Guarantee: an offset moves after the commit of what it
stands for, never before; while the database is away the batch in hand waits, and nothing is skipped.
FastStream acknowledges nothing by itself here (its defaults lose messages, or retry without pause):
the handler ends only when the batch has taken effect, and then acknowledges.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import structlog
from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.kafka.message import KafkaAckableMessage

from shared.contracts.topics import read_by
from shared.corridor import Service, handle
from shared.logs import where
from shared.messages import Message, Record
from shared.metrics import HANDLED
from shared.outbox import Kafka
from shared.postgres import TRANSIENT
from shared.reading import read

log = structlog.get_logger()

RECORDS_AT_ONCE = 1000
FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 5.0


@dataclass
class Consumer:
    """One running consumer, and what `/livez`, the lag metric and the demonstration look at.

    `busy` is true while a batch is in hand, `waiting` while it waits for the database; `moved` counts
    the batches that were handled, `done` says up to which offset each partition is.
    """

    service: Service
    kafka: Kafka
    broker: KafkaBroker | None = None
    subscriber: Any = None
    busy: bool = False
    waiting: bool = False
    moved: int = 0
    done: dict[TopicPartition, int] = field(default_factory=dict)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Consume until stopped; raises if the broker cannot be reached at the start."""
        broker = KafkaBroker(
            self.kafka.bootstrap_servers,
            client_id=f"makker-{self.service.name}",
            allow_auto_create_topics=False,
            apply_types=False,
            logger=None,
            graceful_timeout=30.0,
        )
        subscriber: Any = broker.subscriber(
            *read_by(self.service.name),
            group_id=f"makker-{self.service.name}",
            batch=True,
            max_records=RECORDS_AT_ONCE,
            ack_policy=AckPolicy.MANUAL,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            session_timeout_ms=self.kafka.session_timeout_ms,
            heartbeat_interval_ms=max(100, self.kafka.session_timeout_ms // 4),
            max_poll_interval_ms=600_000,
            batch_timeout_ms=200,
            parser=_raw(lambda: subscriber.consumer),
            decoder=_undecoded,
        )
        subscriber(self._batch)
        try:
            await broker.start()
            self.broker, self.subscriber = broker, subscriber
            await self.stopping.wait()
        finally:
            self.broker = self.subscriber = None
            await broker.stop()

    async def _batch(self, message: KafkaAckableMessage) -> None:
        """Handle one batch and acknowledge it; waits, with back-off, while the database is away."""
        self.busy = True
        records: Any = message.raw_message
        try:
            await self._handle(records)
            try:
                await message.ack()
            except KafkaError as error:
                # The group has moved on; what was handled comes again and is recognised.
                log.warning("offset_not_committed", service=self.service.name, **where(error))
            self.moved += 1
            for raw in records:
                self.done[TopicPartition(raw.topic, raw.partition)] = raw.offset + 1
        finally:
            # FastStream keeps the message, in a circle with itself and in the contexts of timers. The batch
            # is not to stay in memory with it until the rarest round of the garbage collector.
            message.raw_message = ()
            self.busy = False

    async def _handle(self, records: tuple[ConsumerRecord[bytes, bytes], ...]) -> None:
        service, pause = self.service, FIRST_PAUSE_SECONDS
        while True:
            try:
                await handle(service, list(self._read(records)))
                self.waiting = False
                return
            except Exception as error:  # The batch must not be lost to whatever it is.
                self.waiting = isinstance(error, TRANSIENT)
                log.warning("batch_waits", service=service.name, database_away=self.waiting, **where(error))
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    def _read(self, records: tuple[ConsumerRecord[bytes, bytes], ...]) -> Iterator[Message]:
        for raw in records:
            record = Record(raw.topic, raw.partition, raw.offset, raw.key, raw.value, tuple(raw.headers))
            message = read(self.service.messages, self.service.name, record)
            if message is not None:
                yield message
            else:
                HANDLED.labels(self.service.name, "other", "ignored:not_for_this_service").inc()

    async def lag(self) -> dict[str, int] | None:
        """Messages that have not taken effect yet, by topic; None while nothing is assigned."""
        consumer = self.subscriber.consumer if self.subscriber is not None else None
        if consumer is None or not consumer.assignment():
            return None
        assigned = sorted(consumer.assignment())
        self.done = {partition: offset for partition, offset in self.done.items() if partition in assigned}
        behind = dict.fromkeys(read_by(self.service.name), 0)
        for partition, end in (await consumer.end_offsets(assigned)).items():
            if not self.busy:
                # All that was handed out has taken effect. The position is also past the marks that end
                # transactions, which have an offset and are never handed out.
                self.done[partition] = await consumer.position(partition)
            elif end and partition not in self.done:
                self.done[partition] = await _begins_at(consumer, partition)
            behind[partition.topic] += max(0, end - self.done.get(partition, 0))
        return behind


async def _begins_at(consumer: Any, partition: TopicPartition) -> int:
    """Where this consumer took the partition up: what was committed, else its first message."""
    committed: int | None = await consumer.committed(partition)
    if committed is None:
        committed = int((await consumer.beginning_offsets([partition]))[partition])
    return committed


def _raw(consumer: Callable[[], Any]) -> Callable[..., Any]:
    """A parser that decodes nothing: FastStream's own raises on a header that is not UTF-8."""

    async def parse(records: tuple[ConsumerRecord[bytes, bytes], ...]) -> KafkaAckableMessage:
        return KafkaAckableMessage(
            body=b"",
            headers={},
            content_type=None,
            message_id="",
            correlation_id="",
            raw_message=records,
            consumer=consumer(),
        )

    return parse


async def _undecoded(message: KafkaAckableMessage) -> Any:
    return message
