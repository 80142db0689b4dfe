"""The contract's topics on a broker: made where they are missing, compared where they are there.

Guarantee: a topic that exists is never changed. More partitions would move keys to other partitions and
break their order, and a shorter retention deletes at once: both are for a person to decide.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import TopicAlreadyExistsError, for_code

from shared.contracts.topics import TOPICS, Topic

DAY_MS = 24 * 60 * 60 * 1000


@dataclass(frozen=True)
class Finding:
    """What was found of one topic. `differences` are in words: what it has, what it should have."""

    topic: str
    made: bool
    differences: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        if self.made:
            return "made now"
        return "there, but " + ", ".join(self.differences) if self.differences else "there"


@dataclass(frozen=True)
class Stored:
    """A topic as the broker has it."""

    partitions: int
    settings: Mapping[str, str]


def settings_of(topic: Topic) -> dict[str, str]:
    """The topic's settings, as Kafka names and writes them."""
    settings = {"max.message.bytes": str(topic.max_message_bytes)}
    if topic.retention_days is None:
        return settings | {"cleanup.policy": "compact", "max.compaction.lag.ms": str(DAY_MS)}
    return settings | {"cleanup.policy": "delete", "retention.ms": str(topic.retention_days * DAY_MS)}


def differences(topic: Topic, stored: Stored) -> Iterator[str]:
    """Where a stored topic is not as the contract says. How often it is copied is the operator's affair."""
    if stored.partitions != topic.partitions:
        yield f"{stored.partitions} partitions instead of {topic.partitions}"
    for name, wanted in settings_of(topic).items():
        if stored.settings.get(name) != wanted:
            yield f"{name}={stored.settings.get(name)} instead of {wanted}"


async def ensure(bootstrap: str, replication: int) -> list[Finding]:
    """Make the topics that are missing; one finding for each topic of the contract.

    Raises aiokafka's KafkaError: the broker cannot be reached, or refuses.
    """
    admin = AIOKafkaAdminClient(
        bootstrap_servers=bootstrap, client_id="makker-topics", request_timeout_ms=20_000
    )
    try:
        await admin.start()
        there = await _stored(admin)
        missing = [topic for name, topic in TOPICS.items() if name not in there]
        await _make(admin, missing, replication)
    finally:
        await admin.close()
    return [
        Finding(name, made=False, differences=tuple(differences(topic, there[name])))
        if name in there
        else Finding(name, made=True)
        for name, topic in TOPICS.items()
    ]


async def _stored(admin: AIOKafkaAdminClient) -> dict[str, Stored]:
    # All topics are asked for, because a broker may make those that are asked for by name.
    partitions = {
        found["topic"]: len(found["partitions"])
        for found in await admin.describe_topics()
        if found["topic"] in TOPICS
    }
    if not partitions:
        return {}
    wanted = [ConfigResource(ConfigResourceType.TOPIC, name) for name in partitions]
    settings: dict[str, dict[str, str]] = {}
    for answer in await admin.describe_configs(wanted):
        for error_code, message, _, name, entries in answer.resources:
            if error_code:
                raise for_code(error_code)(message)
            settings[name] = {entry[0]: entry[1] for entry in entries}
    return {name: Stored(count, settings[name]) for name, count in partitions.items()}


async def _make(admin: AIOKafkaAdminClient, topics: list[Topic], replication: int) -> None:
    if not topics:
        return
    # With three copies two must have a message before it counts as written, so that one broker may be lost.
    careful = {"min.insync.replicas": "2"} if replication >= 3 else {}
    new = [
        NewTopic(topic.name, topic.partitions, replication, topic_configs=settings_of(topic) | careful)
        for topic in topics
    ]
    answer: Any = await admin.create_topics(new)
    for name, error_code, *message in answer.topic_errors:
        # Made by somebody else in the meantime: the next call compares it.
        if error_code not in (0, TopicAlreadyExistsError.errno):
            raise for_code(error_code)(f"{name}: {message[0] if message and message[0] else 'refused'}")
