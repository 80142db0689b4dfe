"""What topics hold of somebody who was erased, on the real Apache Kafka with short spans: nothing at last."""

from __future__ import annotations

import asyncio
import time

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from shared.contracts.intake_commands import RecordInterview
from shared.contracts.people_commands import ErasePerson
from shared.contracts.topics import CASE_TEXTS, CONTACTS, REFERRALS, TOPICS
from shared.outbox import Kafka, relay
from tests.servers.intake import EXAMPLE, Intake, intake
from tests.servers.kafka import RealKafka

__all__ = ["intake"]

pytestmark = pytest.mark.real

COMPACTED = {
    "segment.ms": "300",
    "min.cleanable.dirty.ratio": "0.001",
    "min.compaction.lag.ms": "0",
    "max.compaction.lag.ms": "300",
    "delete.retention.ms": "300",
}
KEPT_FOR_A_MOMENT = {"segment.ms": "300", "retention.ms": "1500", "file.delete.delay.ms": "0"}
SPANS = {CONTACTS: COMPACTED, CASE_TEXTS: COMPACTED, REFERRALS: KEPT_FOR_A_MOMENT}
CANARIES = ("Amina", "amina@example.org", "0707614286", "Kanariefugl")
PATIENCE_SECONDS = 90


def shorten(broker: RealKafka) -> None:
    """The spans that the contract counts in days, in moments."""
    admin = AdminClient({"bootstrap.servers": broker.bootstrap, "log_level": 0})
    for topic, spans in SPANS.items():
        changed = [
            ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
            for name, value in spans.items()
        ]
        resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=changed)
        admin.incremental_alter_configs([resource])[resource].result(30)


async def held(broker: RealKafka, topic: str) -> str:
    """All keys and values that a topic still gives, as one text."""
    partitions = [TopicPartition(topic, number) for number in range(TOPICS[topic].partitions)]
    found: list[str] = []
    async with AIOKafkaConsumer(bootstrap_servers=broker.bootstrap) as consumer:
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        await consumer.seek_to_beginning(*partitions)
        while any([await consumer.position(one) < ends[one] for one in partitions]):
            for records in (await consumer.getmany(timeout_ms=200)).values():
                found += [f"{one.key!r} {one.value!r}" for one in records]
    return "\n".join(found)


async def published(intake: Intake, broker: RealKafka) -> None:
    """Everything that intake has told so far is on its topics."""
    loop = asyncio.create_task(
        relay(intake.host.service, intake.host.settings.database_url, Kafka(broker.bootstrap, True, 6000))
    )
    try:
        give_up_at = time.monotonic() + PATIENCE_SECONDS
        while await intake.pool.fetchval("SELECT EXISTS (SELECT 1 FROM outbox WHERE sent_at IS NULL)"):
            assert not loop.done() and time.monotonic() < give_up_at, "the relay does not get through"
            await asyncio.sleep(0.05)
    finally:
        loop.cancel()
        await asyncio.gather(loop, return_exceptions=True)


async def there(broker: RealKafka, topic: str, word: str) -> None:
    """Returns once the topic holds the word: what was acknowledged can be read a moment later."""
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while word not in await held(broker, topic):
        assert time.monotonic() < give_up_at, f"{topic} does not hold what was told"
        await asyncio.sleep(0.2)


async def gone(broker: RealKafka, topic: str, words: tuple[str, ...]) -> None:
    """Returns once the topic holds none of the words. Further records close the segment that holds them."""
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    async with AIOKafkaProducer(bootstrap_servers=broker.bootstrap) as producer:
        while left := [word for word in words if word in await held(broker, topic)]:
            assert time.monotonic() < give_up_at, f"{topic} still holds {left}"
            for number in range(TOPICS[topic].partitions):
                await producer.send_and_wait(topic, b"{}", key=b"somebody else", partition=number)
            await asyncio.sleep(0.5)


async def test_topics_hold_nothing_of_the_erased_once_their_span_has_passed(
    apache_kafka: RealKafka, intake: Intake
) -> None:
    shorten(apache_kafka)
    referral = str(EXAMPLE).encode()
    async with AIOKafkaProducer(bootstrap_servers=apache_kafka.bootstrap) as publisher:
        await publisher.send_and_wait(REFERRALS, referral, partition=0)
    case_id = await intake.case_of(EXAMPLE)
    person_id = await intake.pool.fetchval("SELECT person_id FROM case_file")
    says = RecordInterview(case_id=case_id, presentation="Kanariefugl i bur")
    (outcome,) = await intake.take(intake.of_staff(says))
    assert outcome.kind == "done", outcome.reason
    await published(intake, apache_kafka)
    await there(apache_kafka, CONTACTS, "Amina")
    await there(apache_kafka, CASE_TEXTS, "Kanariefugl")

    (erased,) = await intake.take(intake.of_staff(ErasePerson(person_id=person_id)))
    assert erased.kind == "done", erased.reason
    await published(intake, apache_kafka)
    await gone(apache_kafka, CONTACTS, (*CANARIES, str(person_id)))
    await gone(apache_kafka, CASE_TEXTS, (*CANARIES, str(case_id)))
    await gone(apache_kafka, REFERRALS, CANARIES)
