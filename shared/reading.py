"""From bytes on Kafka to a message: CloudEvents 1.0, binary and structured mode.

Job: read a record into the contract that its type names. Guarantee: whatever arrives gives a message,
a message with a `fault` (it will be parked), or None where it is not for this service; nothing raises.
Written by hand, because a header that is not UTF-8, or a null value, must be a fault and not an
exception, and because thousands a second pass here. It handles nothing.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

from pydantic import BaseModel, ValidationError

from shared.contracts.model import EVENTS, message_id
from shared.contracts.referral import RegisterReferral
from shared.contracts.topics import REFERRALS, TOPICS
from shared.messages import Message, Record, Tombstone, Unread

PREFIX, SUFFIX = "makker.", ".v1"
STRUCTURED = "application/cloudevents"
LONGEST_REFERENCE = 200


class _Fault(Exception):
    """Why a record cannot be read; the text is shown to operators, so it holds nothing of the record."""


def type_name(ce_type: str) -> str | None:
    """`makker.CaseReady.v1` -> `CaseReady`; None for any other form or version."""
    if ce_type.startswith(PREFIX) and ce_type.endswith(SUFFIX):
        return ce_type[len(PREFIX) : -len(SUFFIX)]
    return None


def read(handled: Collection[type[BaseModel]], service: str, record: Record) -> Message | None:
    """The message that a record holds; None if this service is not to read it."""
    where = f"{record.topic}/{record.partition}/{record.offset}"
    try:
        if record.topic == REFERRALS:
            return _referral(record, where)
        attributes, data = _envelope(record)
        if attributes.get("replayfor", service) != service:
            return None
        name = type_name(attributes.get("type", ""))
        compacted = TOPICS[record.topic].compacted
        if record.value is None and compacted:
            return _tombstone(handled, record)
        model = EVENTS.get(name or "")
        if model is None:
            if "type" not in attributes:
                raise _Fault("not a CloudEvent: ce_type is missing")
            return None
        if model not in handled:
            return None
        if model.topic != record.topic:
            raise _Fault(f"{name} does not belong on this topic")
        missing = [a for a in ("id", "source") if not attributes.get(a)]
        if missing:
            raise _Fault(f"not a CloudEvent: {' and '.join('ce_' + a for a in missing)} missing")
        body = model.model_validate_json(data) if isinstance(data, bytes) else model.model_validate(data)
        return Message(
            id=message_id(attributes["source"], attributes["id"]),
            type=model.__name__,
            body=body,
            time=_time(attributes),
            source=attributes["source"],
            record=record,
            inbox=not compacted,
        )
    except _Fault as fault:
        return _unread(record, where, str(fault))
    except ValidationError as error:
        fields = sorted({".".join(str(part) for part in fault["loc"]) for fault in error.errors()})
        return _unread(record, where, f"does not fit its contract: {', '.join(fields)[:300]}")


def _unread(record: Record, where: str, fault: str) -> Message:
    name = "?"
    for header, value in record.headers:
        if header == "ce_type":
            name = value[:100].decode("utf-8", "replace").replace("\x00", "")
    return Message(
        id=message_id("unread", where), type=name, body=Unread(), time=datetime.now(UTC), record=record, fault=fault
    )


def _envelope(record: Record) -> tuple[dict[str, str], bytes | dict[str, Any]]:
    """The attributes without their `ce_`, and the data: bytes in binary mode, parsed in structured mode."""
    attributes: dict[str, str] = {}
    content_type = ""
    for name, value in record.headers:
        lowered = name.lower()
        if lowered.startswith("ce_") or lowered == "content-type":
            try:
                text = value.decode("utf-8")
            except UnicodeDecodeError:
                raise _Fault(f"the header {lowered[:40]} is not UTF-8") from None
            if lowered == "content-type":
                content_type = text.strip().lower()
            else:
                attributes[lowered[3:]] = text
    if not content_type.startswith(STRUCTURED):
        return attributes, record.value if record.value is not None else b""
    event = _json(record.value)
    if not isinstance(event, dict):
        raise _Fault("not a CloudEvent: the structured value is no JSON object")
    data = event.get("data", {})
    return {
        name: value for name, value in event.items() if name != "data" and isinstance(value, str)
    }, data if isinstance(data, dict) else {"": data}


def _json(value: bytes | None) -> Any:
    try:
        return json.loads(value if value is not None else b"")
    except (ValueError, RecursionError):
        raise _Fault("not JSON") from None


def _referral(record: Record, where: str) -> Message:
    """Whatever has a readable `source_reference` is answered, so envelope faults are reasons, not faults."""
    if record.value is None:
        raise _Fault("empty")
    attributes, data = _envelope(record)
    document = _json(data) if isinstance(data, bytes) else data
    if not isinstance(document, dict):
        raise _Fault("not a JSON object")
    reference = document.get("source_reference")
    if not isinstance(reference, str) or not 1 <= len(reference) <= LONGEST_REFERENCE or not _storable(reference):
        raise _Fault("no readable source_reference, so there is nobody to answer")
    missing = tuple(f"ce_{name}" for name in ("id", "source", "type") if not attributes.get(name))
    if "type" in attributes and type_name(attributes["type"]) != "Referral":
        missing += ("ce_type",)
    source = attributes.get("source", "")
    if not _storable(source):
        raise _Fault("ce_source cannot be stored")
    return Message(
        id=message_id(source, attributes["id"]) if not missing else message_id("referral", where),
        type="Referral",
        body=RegisterReferral.model_construct(referral=document, version=None),
        time=_time(attributes),
        source=source,
        record=record,
        envelope_faults=missing,
    )


def _storable(text: str) -> bool:
    return "\x00" not in text and not any(0xD800 <= ord(character) < 0xE000 for character in text)


def _tombstone(handled: Collection[type[BaseModel]], record: Record) -> Message | None:
    if Tombstone not in handled or record.key is None:
        return None
    key = record.key.decode("utf-8", "replace")
    return Message(
        id=message_id("tombstone", f"{record.topic}/{key}"),
        type="Tombstone",
        body=Tombstone(topic=record.topic, key=key),
        time=datetime.now(UTC),
        record=record,
        inbox=False,
    )


def _time(attributes: Mapping[str, str]) -> datetime:
    try:
        moment = datetime.fromisoformat(attributes.get("time", ""))
    except ValueError:
        return datetime.now(UTC)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def timer_message(
    timers: Mapping[str, type[BaseModel]],
    type_: str,
    body: str,
    timer_id: UUID,
    number: int | None,
    due_at: datetime,
) -> Message:
    """A timer that fell due, as a message; its id holds the number of its scheduling."""
    model = timers.get(type_)
    fault = None if model is not None else f"this version knows no timer {type_}"
    return Message(
        id=uuid5(timer_id, str(number)),
        type=type_,
        body=model.model_validate_json(body) if model is not None else Unread(),
        time=due_at,
        kind="timer",
        fault=fault,
        timer_id=timer_id,
        timer_number=number,
    )
