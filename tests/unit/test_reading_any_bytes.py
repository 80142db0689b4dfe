"""Whatever the bytes and the headers, reading raises nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.published import GOLDEN
from shared.contracts.topics import TOPICS
from shared.messages import Record, Unread
from shared.reading import read
from tests.unit.records import HANDLED, READY, REFERRAL, REFERRALS, headers, structured

NAMES = [
    "ce_id",
    "ce_source",
    "ce_type",
    "ce_time",
    "ce_replayfor",
    "ce_subject",
    "content-type",
    "traceparent",
]
VALUES = st.one_of(
    st.binary(max_size=40),
    st.none(),
    st.sampled_from([value for value in headers().values() if value] + [b"application/cloudevents+json"]),
    st.sampled_from([b"makker.Contact.v1", b"makker.Referral.v1", b"makker.MatchAgreed.v1", b"matching"]),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
ATTRIBUTES = [
    "id",
    "source",
    "type",
    "time",
    "data",
    "data_base64",
    "replayfor",
    "source_reference",
    "case_id",
]


@st.composite
def altered(draw: Callable[[st.SearchStrategy[Any]], Any], whole: bytes) -> bytes:
    """A document that fits, with some of its fields replaced by anything."""
    document = json.loads(whole)
    for name in draw(st.lists(st.sampled_from(sorted(document)), max_size=3)):
        document[name] = draw(JSON)
    return json.dumps(document).encode()


BODIES = st.one_of(
    st.none(),
    st.binary(max_size=200),
    JSON.map(lambda value: json.dumps(value).encode()),
    st.dictionaries(st.sampled_from(ATTRIBUTES), JSON, max_size=6).map(
        lambda value: json.dumps(value).encode()
    ),
    altered(READY),
    altered(REFERRAL),
    altered((GOLDEN / "Contact.json").read_bytes()),
    altered(structured(json.loads(READY))),
    altered(structured(json.loads(REFERRAL), type="makker.Referral.v1")),
)


@given(
    topic=st.sampled_from([*TOPICS, "no-such-topic"]),
    key=st.none() | st.binary(max_size=20),
    value=BODIES,
    pairs=st.lists(st.tuples(st.sampled_from(NAMES) | st.text(max_size=8), VALUES), max_size=9),
    service=st.sampled_from(["intake", "matching"]),
)
def test_nothing_that_arrives_raises(
    topic: str, key: bytes | None, value: bytes | None, pairs: list[tuple[str, Any]], service: str
) -> None:
    arrived = Record(topic, 0, 1, key, value, tuple(pairs))
    message = read(HANDLED, service, arrived)
    if message is None:
        assert topic != REFERRALS
        return
    assert message.record is arrived
    assert isinstance(message.id, UUID)
    assert message.time.tzinfo is not None
    assert (message.fault is not None) == isinstance(message.body, Unread)
    for stored in (message.type, message.source, message.fault or ""):
        assert "\x00" not in stored
        stored.encode()
