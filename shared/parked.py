"""Parked messages: what cannot be read, or what a fault prevents, kept until somebody decides.

Job: park, and let later messages of the same key wait in order. Guarantee: a parked message is neither
lost nor handled twice, and only its own (topic, key) stands still. Raw bytes and headers are
encrypted, and plain views show neither. Letting them go again is `shared/release.py`.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from cryptography.fernet import Fernet, MultiFernet

from shared.contracts.model import derived_id
from shared.contracts.topics import TOPICS
from shared.messages import Message, Record
from shared.postgres import Connection

NOT_YET = "unknown_rules_version"
"""The reason of what is tried again by itself."""
LONGEST_KEY = 200


class Sealer:
    """Encrypts what a service must keep but not show; the first key seals, all of them open."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._fernet = MultiFernet([Fernet(key) for key in keys])

    def seal(self, data: bytes) -> bytes:
        return self._fernet.encrypt(data)

    def open(self, sealed: bytes) -> bytes:
        return self._fernet.decrypt(sealed)


def waiting_key(message: Message) -> tuple[str, str] | None:
    """The (topic, key) that a message waits behind.

    Referrals stand alone, and so does what has no key.
    """
    record = message.record
    if record is None or record.key is None:
        return None
    topic = TOPICS.get(record.topic)
    if topic is None or topic.owner == "other systems":
        return None
    return record.topic, _as_text(record.key)


def _as_text(key: bytes) -> str:
    """A key that PostgreSQL can hold and index, whatever its bytes and however many."""
    text = key.decode("utf-8", "backslashreplace").replace("\x00", "\\x00")
    return text if len(text) <= LONGEST_KEY else f"{text[:LONGEST_KEY]}… {hashlib.sha256(key).hexdigest()}"


@dataclass(frozen=True)
class ToPark:
    """A message that has no effect now: parked itself, or waiting behind a parked one.

    `about` is whom it is about, where that can be told and its key does not say so.
    """

    message: Message
    reason: str
    waiting: bool
    about: UUID | None = None


async def standing_keys(
    connection: Connection, keys: Sequence[tuple[str, str]], releasing: tuple[str, str] | None
) -> set[tuple[str, str]]:
    """Which of the keys stand still. Their rows are locked, so that no release passes by meanwhile."""
    keys = [key for key in keys if key != releasing]
    if not keys:
        return set()
    rows = await connection.fetch(
        "SELECT p.topic, p.key FROM parked_key p "
        "JOIN unnest($1::text[], $2::text[]) AS k (topic, key) ON p.topic = k.topic AND p.key = k.key "
        "ORDER BY p.topic, p.key FOR UPDATE OF p",
        [topic for topic, _ in keys],
        [key for _, key in keys],
    )
    return {(row["topic"], row["key"]) for row in rows}


async def park(connection: Connection, items: Sequence[ToPark], sealer: Sealer, now: datetime) -> None:
    """Keep the messages, in the transaction of the batch they came with."""
    places = [_place(item.message) for item in items]
    keys = sorted({(topic, key) for topic, _, _, key in places if key is not None})
    if keys:
        await connection.execute(
            # On conflict the key stands still already; the update only takes its lock.
            "INSERT INTO parked_key (topic, key) SELECT * FROM unnest($1::text[], $2::text[]) "
            "ON CONFLICT (topic, key) DO UPDATE SET key = excluded.key",
            [topic for topic, _ in keys],
            [key for _, key in keys],
        )
    await connection.executemany(
        "INSERT INTO parked "
        "(id, topic, partition, record_offset, key, type, state, reason, sealed, parked_at, about) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) "
        # Delivered again while it is parked: one row is enough.
        "ON CONFLICT (topic, partition, record_offset) DO NOTHING",
        [
            (
                derived_id("parked", topic, partition, offset),
                topic,
                partition,
                offset,
                key,
                item.message.type,
                "waiting" if item.waiting else "parked",
                item.reason,
                sealer.seal(_pack(item.message)),
                now,
                item.about,
            )
            for item, (topic, partition, offset, key) in zip(items, places, strict=True)
        ],
    )
    # It enters the inbox only when it is handled.
    await connection.execute(
        "DELETE FROM inbox WHERE id = ANY($1::uuid[])", [item.message.id for item in items]
    )


def _place(message: Message) -> tuple[str, int, int, str | None]:
    if message.record is None:
        # A timer's number is never used twice; what a service sends itself otherwise goes by its id.
        number = message.timer_number
        own = number if number is not None else int.from_bytes(message.id.bytes[:8]) >> 1
        return "timer", 0, own, None
    key = waiting_key(message)
    return message.record.topic, message.record.partition, message.record.offset, key[1] if key else None


def _pack(message: Message) -> bytes:
    record = message.record
    if record is None:
        return json.dumps({"timer": message.type, "body": message.body.model_dump_json()}).encode()
    return json.dumps(
        {
            "key": _text(record.key),
            "value": _text(record.value),
            "headers": [[name, _text(value)] for name, value in record.headers],
        }
    ).encode()


def _text(data: bytes | None) -> str | None:
    return None if data is None else base64.b64encode(data).decode()


def _data(text: str | None) -> bytes | None:
    return None if text is None else base64.b64decode(text)


def unpack(sealer: Sealer, row: Any) -> Record | tuple[str, str]:
    """A parked row's record, or a parked timer's type and body."""
    packed = json.loads(sealer.open(row["sealed"]))
    if "timer" in packed:
        return packed["timer"], packed["body"]
    return Record(
        row["topic"],
        row["partition"],
        row["record_offset"],
        _data(packed["key"]),
        _data(packed["value"]),
        tuple((name, _data(value) or b"") for name, value in packed["headers"]),
    )
