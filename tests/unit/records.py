"""Records as Kafka brings them, and how they are read."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel

from shared.contracts.intake import CaseReady, CaseTexts, Contact
from shared.contracts.matching import MatchAgreed
from shared.contracts.published import GOLDEN
from shared.contracts.referral import RegisterReferral
from shared.messages import Message, Record, Tombstone
from shared.reading import read

HANDLED: frozenset[type[BaseModel]] = frozenset(
    {CaseReady, Contact, CaseTexts, MatchAgreed, RegisterReferral, Tombstone}
)
READY = (GOLDEN / "CaseReady.json").read_bytes()
REFERRAL = (GOLDEN / "Referral.json").read_bytes()
INTAKE, CONTACTS, REFERRALS = "intake-events-v1", "contacts-v1", "referrals-v1"
SENT_AT = datetime(2026, 3, 16, 9, 30, tzinfo=UTC)

Headers = dict[str, bytes | None]


def headers(name: str = "CaseReady", **changed: bytes | None) -> Headers:
    """Those of binary mode, with some changed; `b"-"` leaves one out."""
    every: Headers = {
        "ce_specversion": b"1.0",
        "ce_id": b"7",
        "ce_source": b"/makker/intake",
        "ce_type": f"makker.{name}.v1".encode(),
        "ce_time": SENT_AT.isoformat().encode(),
        "content-type": b"application/json",
    }
    every |= {key.replace("content_type", "content-type"): value for key, value in changed.items()}
    return {key: value for key, value in every.items() if value != b"-"}


def record(
    value: bytes | None, with_headers: Headers, topic: str = INTAKE, key: bytes | None = b"case"
) -> Record:
    pairs: Any = tuple(with_headers.items())
    return Record(topic, 3, 41, key, value, pairs)


def receive(
    value: bytes | None,
    with_headers: Headers,
    topic: str = INTAKE,
    key: bytes | None = b"case",
    service: str = "matching",
) -> Message | None:
    return read(HANDLED, service, record(value, with_headers, topic, key))


def got(message: Message | None) -> Message:
    assert message is not None
    return message


def structured(data: Any, **changed: Any) -> bytes:
    event = {
        "specversion": "1.0",
        "id": "7",
        "source": "/makker/intake",
        "type": "makker.CaseReady.v1",
        "time": SENT_AT.isoformat(),
        "data": data,
    } | changed
    return json.dumps({name: value for name, value in event.items() if value != "-"}).encode()


STRUCTURED: Headers = {"content-type": b"application/cloudevents+json; charset=utf-8"}
IN_BASE64 = structured("-", data_base64=base64.b64encode(READY).decode())
