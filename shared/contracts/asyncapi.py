"""The AsyncAPI document: topics, who writes and reads each, and every message on them.

Job: build the document from the topics and the contracts. Guarantee: a topic or an event that is
declared is in it, with its golden example. It names no host; it writes nothing, `generate` does.
"""

from __future__ import annotations

import json
from typing import Any

from shared.contracts.model import Event
from shared.contracts.published import ce_type, component_schemas, events, golden_files
from shared.contracts.topics import REFERRALS, REPLIES, TOPICS, Topic

MILLISECONDS_A_DAY = 86_400_000
COMPACTION_LAG_DAYS = 1

DESCRIPTION = (
    "Makker's topics. Messages are CloudEvents 1.0 by the Kafka protocol binding: written in binary mode, "
    "read in binary and in structured mode. A message's identity is (ce_source, ce_id); it is delivered at "
    "least once, so readers remember it. Messages of one key are in order, topics among themselves are not. "
    "Readers ignore fields and types that they do not know; fields are added, never renamed or removed."
)
TEXT = {"type": "string"}
HEADERS = {
    "type": "object",
    "required": ["ce_specversion", "ce_id", "ce_source", "ce_type"],
    "properties": {
        "ce_specversion": {"const": "1.0"},
        "ce_id": {**TEXT, "description": "Unique within ce_source; the same on every repeat."},
        "ce_source": {**TEXT, "description": "`/makker/<service>`, or the publisher's own name."},
        "ce_type": TEXT,
        "ce_time": {**TEXT, "format": "date-time"},
        "ce_subject": {**TEXT, "description": "The record's key."},
        "ce_replayfor": {**TEXT, "description": "The one service that is to read a replayed message."},
        "content-type": {"const": "application/json"},
    },
}


def document() -> dict[str, Any]:
    """The whole document, AsyncAPI 3.0."""
    by_topic: dict[str, list[type[Event]]] = {name: [] for name in TOPICS}
    for model in events().values():
        by_topic[model.topic].append(model)
    examples = {
        name: [json.loads(path.read_bytes()) for path in paths] for name, paths in golden_files().items()
    }
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Makker", "version": "1.0.0", "description": DESCRIPTION},
        "defaultContentType": "application/json",
        "servers": {
            "kafka": {
                "host": "{bootstrap}",
                "protocol": "kafka",
                "description": "The municipality's Kafka; its operators give the address and the account.",
                "variables": {"bootstrap": {"description": "host:port of a broker"}},
            }
        },
        "channels": {name: _channel(TOPICS[name], models) for name, models in by_topic.items()},
        "operations": {
            key: value for topic in TOPICS.values() for key, value in _operations(topic, by_topic)
        },
        "components": {
            "messages": {name: _message(model, examples.get(name, [])) for name, model in events().items()},
            "schemas": {"CloudEventHeaders": HEADERS, **component_schemas()},
        },
    }


def _channel(topic: Topic, models: list[type[Event]]) -> dict[str, Any]:
    """`cleanup.policy` and the rest are what the topic is created with."""
    if topic.retention_days is None:
        kept = "the newest message of each key is kept; a null value says that what had this key is erased"
        settings: dict[str, Any] = {
            "cleanup.policy": ["compact"],
            "max.compaction.lag.ms": COMPACTION_LAG_DAYS * MILLISECONDS_A_DAY,
        }
    else:
        kept = f"kept for {topic.retention_days} days"
        settings = {"cleanup.policy": ["delete"], "retention.ms": topic.retention_days * MILLISECONDS_A_DAY}
    settings["max.message.bytes"] = topic.max_message_bytes
    return {
        "address": topic.name,
        "title": topic.name,
        "description": f"Written by {topic.owner}, read by {', '.join(topic.readers)}; {kept}.",
        "servers": [{"$ref": "#/servers/kafka"}],
        "messages": {model.__name__: {"$ref": f"#/components/messages/{model.__name__}"} for model in models},
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "partitions": topic.partitions,
                "topicConfiguration": settings,
                "bindingVersion": "0.5.0",
            }
        },
        "x-makker-owner": topic.owner,
        "x-makker-readers": list(topic.readers),
        "x-makker-retention-days": topic.retention_days,
    }


def _operations(topic: Topic, by_topic: dict[str, list[type[Event]]]) -> list[tuple[str, dict[str, Any]]]:
    """What Makker's services do with a topic: its owner sends, its readers receive."""
    channel = {"$ref": f"#/channels/{topic.name}"}
    found: list[tuple[str, dict[str, Any]]] = []
    if topic.name != REFERRALS:
        found.append(
            (
                f"{topic.owner}.send.{topic.name}",
                {"action": "send", "channel": channel, "title": f"{topic.owner} sends"},
            )
        )
    for reader in topic.readers:
        if topic.name != REPLIES:
            receive = {"action": "receive", "channel": channel, "title": f"{reader} receives"}
            found.append((f"{reader}.receive.{topic.name}", receive))
    if topic.name == REFERRALS:
        answers = [{"$ref": f"#/channels/{REPLIES}/messages/{model.__name__}"} for model in by_topic[REPLIES]]
        found[0][1]["reply"] = {"channel": {"$ref": f"#/channels/{REPLIES}"}, "messages": answers}
    return found


def _message(model: type[Event], examples: list[Any]) -> dict[str, Any]:
    name = model.__name__
    key = "any or none" if model.topic == REFERRALS else f"`{model.key_field}`"
    return {
        "name": ce_type(name),
        "title": name,
        "summary": " ".join((model.__doc__ or "").split("\n\n")[0].split()),
        "contentType": "application/json",
        "headers": {
            "type": "object",
            "allOf": [
                {"$ref": "#/components/schemas/CloudEventHeaders"},
                {"type": "object", "properties": {"ce_type": {"const": ce_type(name)}}},
            ],
        },
        "payload": {"$ref": f"#/components/schemas/{name}"},
        "bindings": {
            "kafka": {
                "key": {"type": "string", "description": f"The record's key: {key}."},
                "bindingVersion": "0.5.0",
            }
        },
        "examples": [{"payload": example} for example in examples],
    }
