"""The contract's topics on a real broker, with everything that the contract says of them."""

import time

from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec
from confluent_kafka.cimpl import NewTopic

from shared.contracts.topics import TOPICS, Topic

PARTITIONS = {topic.name: topic.partitions for topic in TOPICS.values()}
DAY_MS = 24 * 60 * 60 * 1000
TIMEOUT_SECONDS = 30


def create_topics(bootstrap: str) -> None:
    """Creates those that are missing, and returns once every partition takes requests."""
    admin = _admin(bootstrap)
    wanted = [NewTopic(topic.name, topic.partitions, 1, config=_settings(topic)) for topic in TOPICS.values()]
    for creation in admin.create_topics(wanted).values():
        try:
            creation.result(timeout=TIMEOUT_SECONDS)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise
    await_leaders(bootstrap)


def delete_topics(bootstrap: str) -> None:
    """Deletes every topic of the contract, and with them what groups have committed on them."""
    admin = _admin(bootstrap)
    present = list(admin.list_topics(timeout=TIMEOUT_SECONDS).topics.keys() & TOPICS.keys())
    if present:
        for deletion in admin.delete_topics(present).values():
            deletion.result(timeout=TIMEOUT_SECONDS)


def await_leaders(bootstrap: str) -> None:
    """Returns once every partition takes requests, which is a little after its topic is known."""
    admin = _admin(bootstrap)
    wanted = {TopicPartition(name, number) for name, count in PARTITIONS.items() for number in range(count)}
    give_up_at = time.monotonic() + TIMEOUT_SECONDS
    while wanted:
        answers = admin.list_offsets({partition: OffsetSpec.latest() for partition in wanted})
        wanted = {partition for partition, answer in answers.items() if answer.exception(TIMEOUT_SECONDS)}
        if wanted and time.monotonic() > give_up_at:
            raise TimeoutError(f"{len(wanted)} partitions have no leader: {wanted}")


def _admin(bootstrap: str) -> AdminClient:
    # Brokers here are ended on purpose, of which each client would write a line.
    return AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})


def _settings(topic: Topic) -> dict[str, str]:
    settings = {"max.message.bytes": str(topic.max_message_bytes)}
    if topic.retention_days is None:
        return settings | {"cleanup.policy": "compact", "max.compaction.lag.ms": str(DAY_MS)}
    return settings | {"cleanup.policy": "delete", "retention.ms": str(topic.retention_days * DAY_MS)}
