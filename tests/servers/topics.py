"""The contract's topics on a real broker, with everything that the contract says of them."""

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from shared.contracts.topics import TOPICS, Topic

PARTITIONS = {topic.name: topic.partitions for topic in TOPICS.values()}
DAY_MS = 24 * 60 * 60 * 1000


def create_topics(bootstrap: str) -> None:
    """Creates those that are missing; returns once the broker has them all."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    wanted = [NewTopic(topic.name, topic.partitions, 1, config=_settings(topic)) for topic in TOPICS.values()]
    for creation in admin.create_topics(wanted, operation_timeout=20).values():
        try:
            creation.result(timeout=30)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise


def delete_topics(bootstrap: str) -> None:
    """Deletes every topic of the contract, and with them what groups have committed on them."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    present = admin.list_topics(timeout=20).topics.keys() & TOPICS.keys()
    for deletion in admin.delete_topics(list(present), operation_timeout=20).values() if present else ():
        deletion.result(timeout=30)


def _settings(topic: Topic) -> dict[str, str]:
    settings = {"max.message.bytes": str(topic.max_message_bytes)}
    if topic.retention_days is None:
        return settings | {"cleanup.policy": "compact", "max.compaction.lag.ms": str(DAY_MS)}
    return settings | {"cleanup.policy": "delete", "retention.ms": str(topic.retention_days * DAY_MS)}
