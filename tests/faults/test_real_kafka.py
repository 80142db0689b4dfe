"""What only the real Apache Kafka does: it outlives a crash, fences, aborts and compacts."""

import asyncio

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import MessageSizeTooLargeError, ProducerFenced
from confluent_kafka.admin import AdminClient, ConfigResource

from shared.contracts.topics import CASE_TEXTS, CONTACTS, REFERRALS, TOPICS
from tests.servers.kafka import RealKafka

pytestmark = pytest.mark.real

TOPIC = "intake-events-v1"


async def test_what_was_acknowledged_outlives_a_killed_broker(apache_kafka: RealKafka) -> None:
    await _send(apache_kafka, [f"{number}".encode() for number in range(100)])
    apache_kafka.kill()
    assert not apache_kafka.running
    apache_kafka.start()

    assert sorted(await _read(apache_kafka, 100), key=int) == [f"{number}".encode() for number in range(100)]


async def test_a_frozen_broker_answers_once_it_goes_on(apache_kafka: RealKafka) -> None:
    async with AIOKafkaProducer(
        bootstrap_servers=apache_kafka.bootstrap, enable_idempotence=True, request_timeout_ms=2000
    ) as producer:
        await producer.send_and_wait(TOPIC, b"before", partition=0)
        apache_kafka.freeze()
        answer = await producer.send(TOPIC, b"meanwhile", partition=0)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(answer), timeout=1)
        apache_kafka.thaw()
        await asyncio.wait_for(answer, timeout=30)

    assert await _read(apache_kafka, 2) == [b"before", b"meanwhile"]


async def test_a_new_producer_fences_the_one_before_it(apache_kafka: RealKafka) -> None:
    deposed, leader = _transactional(apache_kafka), _transactional(apache_kafka)
    await deposed.start()
    try:
        await deposed.begin_transaction()
        await deposed.send_and_wait(TOPIC, b"from the deposed", partition=0)
        async with leader:
            async with leader.transaction():
                await leader.send_and_wait(TOPIC, b"from the leader", partition=0)
            with pytest.raises(ProducerFenced):
                await deposed.commit_transaction()
    finally:
        await deposed.stop()

    assert await _read(apache_kafka, 1) == [b"from the leader"]


async def test_who_reads_committed_never_sees_an_aborted_transaction(apache_kafka: RealKafka) -> None:
    async with _transactional(apache_kafka) as producer:
        await producer.begin_transaction()
        await producer.send_and_wait(TOPIC, b"aborted", partition=0)
        await producer.abort_transaction()
        async with producer.transaction():
            await producer.send_and_wait(TOPIC, b"committed", partition=0)

    assert await _read(apache_kafka, 1) == [b"committed"]


async def test_a_referral_of_four_megabytes_passes_and_an_event_of_that_size_does_not(
    apache_kafka: RealKafka,
) -> None:
    large = b"x" * (4 * 1024 * 1024 - 1024)
    async with AIOKafkaProducer(
        bootstrap_servers=apache_kafka.bootstrap, max_request_size=5 * 1024 * 1024
    ) as producer:
        await producer.send_and_wait(REFERRALS, large, partition=0)
        with pytest.raises(MessageSizeTooLargeError):
            await producer.send_and_wait(TOPIC, large, partition=0)

    assert await _read(apache_kafka, 1, REFERRALS) == [large]


def test_topics_are_kept_and_compacted_as_the_contract_says(apache_kafka: RealKafka) -> None:
    admin = AdminClient({"bootstrap.servers": apache_kafka.bootstrap})
    asked = admin.describe_configs([ConfigResource(ConfigResource.Type.TOPIC, name) for name in TOPICS])
    policies = {resource.name: answer.result()["cleanup.policy"].value for resource, answer in asked.items()}
    partitions = {name: len(topic.partitions) for name, topic in admin.list_topics().topics.items()}

    assert {name for name, policy in policies.items() if policy == "compact"} == {CONTACTS, CASE_TEXTS}
    assert {name: partitions[name] for name in TOPICS} == {t.name: t.partitions for t in TOPICS.values()}


def _transactional(broker: RealKafka) -> AIOKafkaProducer:
    return AIOKafkaProducer(bootstrap_servers=broker.bootstrap, transactional_id="intake")


async def _send(broker: RealKafka, values: list[bytes]) -> None:
    async with AIOKafkaProducer(bootstrap_servers=broker.bootstrap, enable_idempotence=True) as producer:
        for value in values:
            await producer.send_and_wait(TOPIC, value)


async def _read(broker: RealKafka, count: int, topic: str = TOPIC) -> list[bytes]:
    async with AIOKafkaConsumer(
        topic,
        bootstrap_servers=broker.bootstrap,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        max_partition_fetch_bytes=5 * 1024 * 1024,
    ) as consumer:
        return [(await asyncio.wait_for(consumer.getone(), timeout=30)).value for _ in range(count)]
