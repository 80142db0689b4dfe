"""What tests of delivery share: a clock to move, followup as the sample service, its events as records.

Cases, persons and places are random ids; nobody here exists.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from itertools import count
from typing import Any
from uuid import UUID, uuid4

from demo.settings import Keys
from services.followup.app import create
from shared.contracts.intake import CaseTexts, CaseWithdrawn, StartCleared, StartHeld
from shared.contracts.matching import MatchAgreed, MatchCancelled, MatchProposed
from shared.contracts.model import Event, Party, Side, derived_id, match_id
from shared.hosting import Host
from shared.messages import Actor, Message, Record
from shared.postgres import migrate
from shared.reading import read

UNIT, PROGRAMME, RULES = "DK-0169", "foreningspraktik", "2020-01-01"
TODAY, LATER = date(2026, 3, 2), date(2026, 3, 9)
STAFF = Actor("anna", "staff", uuid4(), roles=frozenset({"caseworker"}), units=frozenset({UNIT}))
OFFSETS = count()


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 3, 2, 9, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@asynccontextmanager
async def followup_on(dsn: str, clock: Clock, keys: Keys, kafka: str = "127.0.0.1:1") -> AsyncIterator[Host]:
    host = await create(keys.settings(dsn, kafka), clock)
    await migrate(dsn, *host.service.migrations)
    host.migrated.set()
    yield host
    await host.pool.close()


def party(case: UUID, side: Side) -> Party:
    return Party(person_id=derived_id("person", case, side), side=side, role=side)


def frame(case: UUID, round_: int = 1, *sides: Side) -> dict[str, Any]:
    return {
        "parties": tuple(party(case, side) for side in sides),
        "unit": UNIT,
        "programme": PROGRAMME,
        "case_id": case,
        "round": round_,
        "rules_version": RULES,
    }


def agreed(case: UUID, starts_on: date = TODAY, ends_on: date | None = None, round_: int = 1) -> MatchAgreed:
    return MatchAgreed(
        **frame(case, round_, "candidate", "host"),
        match_id=match_id(case, round_),
        proposal_id=uuid4(),
        place_id=uuid4(),
        starts_on=starts_on,
        ends_on=ends_on,
        hours_per_week=5,
        times=("tue-evening",),
    )


def cleared(case: UUID, round_: int = 1) -> StartCleared:
    """For the agreed match of the round."""
    match = match_id(case, round_)
    return StartCleared(**frame(case, round_, "candidate"), earliest_start=TODAY, match_id=match)


def held(case: UUID) -> StartHeld:
    return StartHeld(**frame(case), reason="certificate_expired")


def withdrawn(case: UUID) -> CaseWithdrawn:
    return CaseWithdrawn(**frame(case), reason="own_wish")


def cancelled(case: UUID) -> MatchCancelled:
    return MatchCancelled(**frame(case), match_id=match_id(case, 1), place_id=uuid4(), reason="host_changed")


def proposed(case: UUID) -> MatchProposed:
    return MatchProposed(
        **frame(case, 1, "candidate", "host"),
        proposal_id=uuid4(),
        place_id=uuid4(),
        answer_by=datetime(2026, 3, 5, tzinfo=UTC),
    )


def texts(case: UUID, version: int, presentation: str = "Glad for heste") -> CaseTexts:
    return CaseTexts(case_id=case, version=version, presentation=presentation)


def event(body: Event, now: datetime) -> Message:
    """An event that came from nowhere in particular."""
    return Message(uuid4(), type(body).__name__, body, now, source="/makker/test")


def headers(type_: str, id_: UUID | None = None) -> tuple[tuple[str, bytes], ...]:
    return (
        ("ce_specversion", b"1.0"),
        ("ce_id", str(id_ or uuid4()).encode()),
        ("ce_source", b"/makker/test"),
        ("ce_type", f"makker.{type_}.v1".encode()),
        ("ce_time", b"2026-03-02T09:00:00+00:00"),
        ("content-type", b"application/json"),
    )


def record(body: Event) -> Record:
    """The event as it lies on Kafka, behind all that were built before it."""
    return raw(body.topic, body.key, body.model_dump_json().encode(), headers(type(body).__name__))


def raw(
    topic: str, key: str | bytes | None, value: bytes | None, headers_: Iterable[tuple[str, bytes]] = ()
) -> Record:
    key = key.encode() if isinstance(key, str) else key
    return Record(topic, 0, next(OFFSETS), key, value, tuple(headers_))


def unreadable(case: UUID, topic: str = "matching-events-v1") -> Record:
    """A record of a case, on a topic that followup reads, whose value is no JSON."""
    return raw(topic, str(case), b"\xff{", headers("MatchAgreed"))


def messages(host: Host, records: Iterable[Record]) -> list[Message]:
    """What the consumer would make of the records."""
    found = (read(host.service.messages, host.name, one) for one in records)
    return [message for message in found if message is not None]


async def written(host: Host) -> list[str]:
    return [row["type"] for row in await host.pool.fetch("SELECT type FROM outbox ORDER BY position")]


async def state(host: Host, case: UUID) -> str | None:
    """The state of the placement of a case's first round."""
    found: str | None = await host.pool.fetchval(
        "SELECT state FROM placement WHERE id = $1", match_id(case, 1)
    )
    return found


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 30) -> None:
    """Wait for what must come true. Raises TimeoutError when it has not within the seconds."""
    give_up_at = time.monotonic() + seconds
    while not await condition():
        if time.monotonic() > give_up_at:
            raise TimeoutError(f"not within {seconds} s: {condition.__qualname__}")
        await asyncio.sleep(0.01)


async def until_blocked(host: Host, tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Wait until each task is done, or hangs on a lock that somebody else holds."""
    tasks = list(tasks)

    async def settled() -> bool:
        waiting: int = await host.pool.fetchval(
            "SELECT count(DISTINCT l.pid) FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid "
            "WHERE NOT l.granted AND a.datname = current_database()"
        )
        return waiting + sum(task.done() for task in tasks) >= len(tasks)

    await until(settled)
