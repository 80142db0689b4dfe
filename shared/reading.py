"""From bytes on Kafka to a message: CloudEvents 1.0, binary and structured mode.

Job: read a record into the contract that its type names. Guarantee: whatever arrives gives a message,
a message with a `fault` (it will be parked), or None where it is not for this service; nothing raises.
Written by hand, because a header that is not UTF-8, or a null value, must not be an exception, and
because thousands a second pass here. An attribute that cannot be read counts as missing. It handles
nothing.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
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
LONGEST_SOURCE = 400
"""A source and a reference must fit into one entry of an index."""
OUR_TYPE = re.compile(rb"makker\.[A-Za-z]{1,40}\.v[0-9]{1,3}")
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
"""What PostgreSQL takes into no text: a NUL, and half of a surrogate pair."""


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
        topic = TOPICS.get(record.topic)
        compacted = topic is not None and topic.compacted
        if record.value is None and compacted:
            return _tombstone(handled, record)
        model = EVENTS.get(name or "")
        if model is None:
            if "type" not in attributes:
                raise _Fault("not a CloudEvent: ce_type missing or unreadable")
            return None
        if model not in handled:
            return None
        if model.topic != record.topic:
            raise _Fault(f"{name} does not belong on this topic")
        missing = [a for a in ("id", "source") if not attributes.get(a)]
        if missing:
            raise _Fault(
                f"not a CloudEvent: {' and '.join('ce_' + a for a in missing)} missing or unreadable"
            )
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
        # The contract's own fields alone: deeper in a path may stand a key of the record's.
        fields = sorted({str(fault["loc"][0]) for fault in error.errors(include_input=False) if fault["loc"]})
        return _unread(
            record, where, f"does not fit its contract: {', '.join(fields) or 'not a JSON object'}"[:300]
        )


def _unread(record: Record, where: str, fault: str) -> Message:
    name = "?"
    for header, value in record.headers:
        # A type is shown, and a header may hold anything: what is no type of Makker's is not.
        if header == "ce_type" and OUR_TYPE.fullmatch(value or b""):
            name = value.decode()
    return Message(
        id=message_id("unread", where),
        type=name,
        body=Unread(),
        time=datetime.now(UTC),
        record=record,
        fault=fault,
    )


def _envelope(record: Record) -> tuple[dict[str, str], bytes | dict[str, Any]]:
    """The attributes without their `ce_`, and the data: bytes in binary mode, parsed in structured mode."""
    attributes: dict[str, str] = {}
    content_type = ""
    for name, value in record.headers:
        lowered = name.lower()
        try:
            if lowered == "content-type":
                content_type = value.decode("utf-8").strip().lower()
            elif lowered.startswith("ce_"):
                attributes[lowered[3:]] = value.decode("utf-8")
        except (UnicodeDecodeError, AttributeError):  # A client may give a header no value at all.
            continue
    data: bytes | dict[str, Any] = record.value if record.value is not None else b""
    if content_type.startswith(STRUCTURED):
        event = _json(record.value)
        if not isinstance(event, dict):
            raise _Fault("not a CloudEvent: the structured value is no JSON object")
        data = _structured_data(event)
        attributes = {
            name: value for name, value in event.items() if name != "data" and isinstance(value, str)
        }
    return {name: value for name, value in attributes.items() if _storable(value)}, data


def _structured_data(event: dict[str, Any]) -> bytes | dict[str, Any]:
    """The data of a structured event; some libraries write bytes, and so `data_base64`."""
    if "data_base64" in event:
        try:
            return base64.b64decode(event["data_base64"], validate=True)
        except (TypeError, ValueError, binascii.Error):
            raise _Fault("not a CloudEvent: data_base64 is no base64") from None
    data = event.get("data")
    return data if isinstance(data, dict) else {}


def _json(value: bytes | None) -> Any:
    """The value as JSON, where NaN and Infinity, which Python would take, are no numbers."""
    try:
        return json.loads(value if value is not None else b"", parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise _Fault("not JSON") from None


def _no_number(constant: str) -> Any:
    raise ValueError(constant)


def _referral(record: Record, where: str) -> Message:
    """Whatever has a readable `source_reference` is answered, so envelope faults are reasons, not faults."""
    if record.value is None:
        raise _Fault("empty")
    attributes, data = _envelope(record)
    document = _json(data) if isinstance(data, bytes) else data
    if not isinstance(document, dict):
        raise _Fault("not a JSON object")
    reference = document.get("source_reference")
    if (
        not isinstance(reference, str)
        or not 1 <= len(reference) <= LONGEST_REFERENCE
        or not _storable(reference)
    ):
        raise _Fault("no readable source_reference, so there is nobody to answer")
    if len(attributes.get("source", "")) > LONGEST_SOURCE:
        del attributes["source"]
    missing = tuple(f"ce_{name}" for name in ("id", "source", "type") if not attributes.get(name))
    if attributes.get("type") and type_name(attributes["type"]) != "Referral":
        missing += ("ce_type",)
    source = attributes.get("source", "")
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
    return UNSTORABLE.search(text) is None


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
    content: BaseModel = Unread()
    fault = None if model is not None else f"this version knows no timer {type_}"
    try:
        content = model.model_validate_json(body) if model is not None else content
    except ValidationError:
        fault = "does not fit its contract"
    return Message(
        id=uuid5(timer_id, str(number)),
        type=type_,
        body=content,
        time=due_at,
        kind="timer",
        fault=fault,
        timer_id=timer_id,
        timer_number=number,
    )
