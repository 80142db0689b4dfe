"""The AsyncAPI document holds every topic, every message and who does what with them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from shared.contracts.published import HERE, events
from shared.contracts.topics import TOPICS

TEXT = (HERE / "asyncapi.json").read_text(encoding="utf-8")
DOCUMENT: dict[str, Any] = json.loads(TEXT)
MESSAGES: dict[str, Any] = DOCUMENT["components"]["messages"]


def resolve(ref: str) -> Any:
    assert ref.startswith("#/")
    node: Any = DOCUMENT
    for part in ref[2:].split("/"):
        node = node[part]
    return node


def refs(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from refs(value)
    elif isinstance(node, list):
        for item in node:
            yield from refs(item)


def test_it_has_the_parts_of_an_asyncapi_3_document() -> None:
    assert re.fullmatch(r"3\.0\.\d+", DOCUMENT["asyncapi"])
    assert DOCUMENT["info"].keys() >= {"title", "version"}
    assert DOCUMENT.keys() <= {
        "asyncapi",
        "info",
        "defaultContentType",
        "servers",
        "channels",
        "operations",
        "components",
    }
    for server in DOCUMENT["servers"].values():
        assert server["protocol"] == "kafka"
        assert set(re.findall(r"{(\w+)}", server["host"])) == server["variables"].keys()


def test_every_reference_leads_somewhere() -> None:
    found = set(refs(DOCUMENT))
    assert len(found) > len(TOPICS)
    for ref in found:
        assert resolve(ref)


def test_it_names_no_host() -> None:
    assert re.findall(r"\w+://[^\s\"]+", TEXT) == []
    assert {server["host"] for server in DOCUMENT["servers"].values()} == {"{bootstrap}"}


@pytest.mark.parametrize("name", TOPICS)
def test_a_topic_is_a_channel_with_its_messages(name: str) -> None:
    topic, channel = TOPICS[name], DOCUMENT["channels"][name]
    binding = channel["bindings"]["kafka"]
    assert channel["address"] == binding["topic"] == name
    assert binding["partitions"] == topic.partitions
    assert binding["topicConfiguration"]["cleanup.policy"] == ["compact" if topic.compacted else "delete"]
    assert channel["x-makker-owner"] == topic.owner
    assert channel["x-makker-readers"] == list(topic.readers)
    assert channel["messages"].keys() == {n for n, event in events().items() if event.topic == name}


@pytest.mark.parametrize("name", TOPICS)
def test_a_topic_is_sent_by_its_owner_and_received_by_its_readers(name: str) -> None:
    topic = TOPICS[name]
    here = {
        key: operation
        for key, operation in DOCUMENT["operations"].items()
        if operation["channel"] == {"$ref": f"#/channels/{name}"}
    }
    sends = {f"{topic.owner}.send.{name}"} if topic.owner != "other systems" else set()
    receives = {f"{reader}.receive.{name}" for reader in topic.readers if reader != "publishers"}
    assert {key for key, operation in here.items() if operation["action"] == "send"} == sends
    assert {key for key, operation in here.items() if operation["action"] == "receive"} == receives


def test_a_referral_is_answered_on_the_topic_of_replies() -> None:
    reply = DOCUMENT["operations"]["intake.receive.referrals-v1"]["reply"]
    assert reply["channel"] == {"$ref": "#/channels/referral-replies-v1"}
    assert [ref["$ref"].rpartition("/")[2] for ref in reply["messages"]] == [
        "ReferralAccepted",
        "ReferralProgressed",
        "ReferralRejected",
    ]


@pytest.mark.parametrize("name", events())
def test_a_message_has_headers_a_payload_and_an_example_that_fits(name: str) -> None:
    message = MESSAGES[name]
    assert message["name"] == f"makker.{name}.v1"
    assert message["contentType"] == "application/json"
    assert message["payload"] == {"$ref": f"#/components/schemas/{name}"}
    assert message["summary"]
    payload = Draft202012Validator({**message["payload"], "components": DOCUMENT["components"]})
    assert message["examples"], "add a golden example, then run python -m shared.contracts.generate"
    for example in message["examples"]:
        assert [error.message for error in payload.iter_errors(example["payload"])] == []
    headers = Draft202012Validator({**message["headers"], "components": DOCUMENT["components"]})
    written = {
        "ce_specversion": "1.0",
        "ce_id": "b1f6c9b4-5b0c-5f7f-8f1c-0d6f3f4f2a10",
        "ce_source": "/makker/intake",
        "ce_type": f"makker.{name}.v1",
        "ce_time": "2026-03-02T08:00:00+00:00",
        "ce_subject": "key",
        "content-type": "application/json",
    }
    assert headers.is_valid(written)
    assert not headers.is_valid(written | {"ce_type": "makker.Another.v1"})
    assert not headers.is_valid({key: value for key, value in written.items() if key != "ce_source"})
