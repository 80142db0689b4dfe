"""The corridor: the one transaction through which every event, command and timer takes effect.

Job: for a batch of messages, inbox -> lock and load -> `decide` -> save, outbox, timers -> commit, in
a number of statements that does not grow with the batch. Guarantee: delivered at least once, a
message takes effect once; what it leads to is written in the same transaction as its effect. A
message that cannot be handled is parked with the rest of its batch going on; a database that is away
raises, and the door that called waits. It publishes nothing and knows no service's rules.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID, uuid5

import asyncpg
import structlog
from pydantic import BaseModel

from shared import erasing, metrics, parked, stored
from shared.contracts.model import Event, derived_id
from shared.contracts.topics import REPLIES
from shared.effects import Effects
from shared.logs import where
from shared.messages import (
    Decision,
    Ignored,
    Message,
    NotYet,
    Outcome,
    Refused,
    Stale,
)
from shared.parked import Sealer, waiting_key
from shared.postgres import TRANSIENT, Connection
from shared.programmes import Programmes, UnknownRulesVersion
from shared.stored import Row, Table

log = structlog.get_logger()

CONTENDED = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError, Stale)
UNSTORABLE = (
    asyncpg.DataError,
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.ProgramLimitExceededError,
)
MOST_TRIES = 20
LARGEST_EVENT_BYTES = 1_000_000
"""What a topic takes, less the headers. The relay would never get past a larger one."""

T = TypeVar("T")

Refs = Mapping[str, UUID | tuple[UUID, ...]]
"""Which rows a message concerns, by field of the state: one row, or several of one kind, in this order."""


def _ids(refs: Refs) -> list[UUID]:
    return [one for ids in refs.values() for one in (ids if isinstance(ids, tuple) else (ids,))]


def _about(message: Message, refs: Refs) -> set[UUID]:
    """What a message is about: its first row, and an event's key. If either is erased it has no effect."""
    about = set(_ids(refs)[:1])
    if isinstance(message.body, Event):
        with suppress(ValueError):
            about.add(UUID(message.body.key))
    return about


@dataclass(frozen=True)
class Service:
    """All that the corridor must know of a service.

    `state` is a frozen dataclass: a field `ids` and one field per kind of aggregate, each named in
    `tables`. `concerns` says for each message which rows it concerns, by field; the first is the one
    that the message is about, and a field may hold several rows of its kind (a person's cases).
    `decide` is pure. `messages` are the types that are handled at all. `about` says whom a message that is
    parked is about, where its key does not, so that it is found when they are erased.
    """

    name: str
    pool: asyncpg.Pool
    state: type[Any]
    tables: Mapping[str, Table]
    concerns: Callable[[Connection, Sequence[Message]], Awaitable[Sequence[Refs]]]
    decide: Callable[[Any, Message, Programmes, datetime], Decision[Any] | Ignored]
    messages: frozenset[type[BaseModel]]
    timers: Mapping[str, type[BaseModel]]
    programmes: Programmes
    clock: Callable[[], datetime]
    sealer: Sealer
    migrations: tuple[Path, ...] = ()
    about: Callable[[Message], UUID | None] = lambda _: None


class ByItself(Exception):
    """Messages that concern all rows of a kind see what was saved, not what their batch is about to save."""

    def __init__(self, ids: Set[UUID]) -> None:
        super().__init__()
        self.ids = ids


def held_against_a_message(error: Exception) -> bool:
    """Whether a message is to blame, and neither the database's state nor those who use it meanwhile."""
    if isinstance(error, asyncpg.PostgresError):
        return isinstance(error, UNSTORABLE)
    # A value that the driver cannot send is an error of its interface too, and no fault of the connection.
    return isinstance(error, ValueError) or not isinstance(error, TRANSIENT)


async def handle(service: Service, messages: Sequence[Message]) -> list[Outcome]:
    """Let the messages take effect, in their order; one outcome each.

    Raises the database's error when it is away (nothing is lost: the door tries again), and, for a
    command alone, whatever a fault in the code raised.
    """
    if not messages:
        return []
    try:
        outcomes = await _pass(service, messages)
    except ByItself as those:
        ids = those.ids
        alone = groupby(enumerate(messages), lambda one: one[0] if one[1].id in ids else -1)
        parts = [[message for _, message in part] for _, part in alone]
        return [outcome for part in parts for outcome in await handle(service, part)]
    except Exception as error:
        if not held_against_a_message(error) or messages[0].kind == "command":
            raise
        if len(messages) > 1:
            half = len(messages) // 2
            return await handle(service, messages[:half]) + await handle(service, messages[half:])
        log.error("message_cannot_be_handled", service=service.name, type=messages[0].type, **where(error))
        faulty = replace(messages[0], fault=f"fault: {type(error).__name__}")
        outcomes = await _pass(service, [faulty])
    now = service.clock()
    for message, outcome in zip(messages, outcomes, strict=True):
        metrics.handled(service.name, message, outcome, now)
    return outcomes


async def _pass(service: Service, messages: Sequence[Message]) -> list[Outcome]:
    async def run(connection: Connection) -> list[Outcome]:
        return await Pass(service, connection, service.clock()).run(messages)

    try:
        return await transact(service, run)
    except Refused as refusal:
        return [Outcome("refused", refusal.code, refusal=refusal)]


async def transact(service: Service, work: Callable[[Connection], Awaitable[T]]) -> T:
    """Do the work in one transaction, again from the start as long as others are in its way."""
    for attempt in range(MOST_TRIES):
        try:
            async with service.pool.acquire() as connection, connection.transaction():
                return await work(connection)
        except CONTENDED:
            if attempt == MOST_TRIES - 1:
                raise
            await asyncio.sleep(random.uniform(0, 0.01 * 2 ** min(attempt, 6)))  # noqa: S311
    raise AssertionError("unreachable")


@dataclass
class Pass:
    """One pass through the corridor, inside the transaction of `connection`.

    `releasing` is the (topic, key) whose parked messages are being handled again.
    """

    service: Service
    connection: Connection
    now: datetime
    releasing: tuple[str, str] | None = None
    rows: dict[tuple[str, UUID], Row] = field(default_factory=dict)
    effects: Effects = field(default_factory=Effects)
    halted: set[tuple[str, str]] = field(default_factory=set)
    erased: set[UUID] = field(default_factory=set)
    to_park: list[parked.ToPark] = field(default_factory=list)

    async def run(self, messages: Sequence[Message]) -> list[Outcome]:
        self.halted = await parked.standing_keys(self.connection, _ordered_keys(messages), self.releasing)
        new = await self._enter(messages)
        fresh = [
            message
            for message in messages
            if message.fault is None
            and (message.id in new or not message.inbox)
            and not (self.halted and waiting_key(message) in self.halted)
        ]
        concerned = await self._lock_and_load(fresh)
        # Only now: whoever held the rows before us may just have cancelled a timer, or scheduled it anew.
        standing = await self._standing_timers(messages)
        outcomes = [self._one(message, new, concerned.get(message.id), standing) for message in messages]
        await self._save(messages)
        return outcomes

    async def _enter(self, messages: Sequence[Message]) -> set[UUID]:
        """Which messages have had no effect yet. What is parked in this pass leaves the inbox again."""
        ids = sorted({message.id for message in messages if message.inbox}, key=int)
        if not ids:
            return set()
        rows = await self.connection.fetch(
            # A duplicate is no error: whoever came first has, or is just having, the effect. Sorted,
            # so that two replicas with the same ids wait for each other in one order.
            "INSERT INTO inbox (id, entered_at) SELECT id, $2 FROM unnest($1::uuid[]) AS id "
            "ON CONFLICT DO NOTHING RETURNING id",
            ids,
            self.now,
        )
        return {row["id"] for row in rows}

    async def _standing_timers(self, messages: Sequence[Message]) -> set[int]:
        numbers = [m.timer_number for m in messages if m.timer_number is not None]
        if not numbers:
            return set()
        rows = await self.connection.fetch(
            "SELECT number FROM timer WHERE id = ANY($1::uuid[]) AND number = ANY($2::bigint[])",
            [m.timer_id for m in messages if m.timer_id is not None],
            numbers,
        )
        return {row["number"] for row in rows}

    async def _lock_and_load(self, messages: Sequence[Message]) -> dict[UUID, Refs]:
        """Make, lock and load every row concerned, in one order over all tables (table, id)."""
        concerns = await self.service.concerns(self.connection, messages) if messages else ()
        several = {
            message.id
            for message, refs in zip(messages, concerns, strict=True)
            if any(isinstance(ids, tuple) for ids in refs.values())
        }
        if several and len(messages) > 1:
            raise ByItself(several)
        wanted: dict[Table, set[UUID]] = {}
        for refs in concerns:
            for name, ids in refs.items():
                rows = wanted.setdefault(self.service.tables[name], set())
                rows.update(ids if isinstance(ids, tuple) else (ids,))
        await stored.make(self.connection, wanted)
        self.rows |= await stored.lock(self.connection, wanted)
        if wanted:
            about = (_about(*one) for one in zip(messages, concerns, strict=True))
            empty = {row.id for row in self.rows.values() if row.stored is None}
            self.erased = await erasing.listed(self.connection, empty.union(*about))
        if several:
            # One more row of a kind may have come between the look and the lock.
            again = await self.service.concerns(self.connection, messages)
            if [dict(refs) for refs in again] != [dict(refs) for refs in concerns]:
                raise Stale("which rows are concerned")
        return {message.id: refs for message, refs in zip(messages, concerns, strict=True)}

    def _one(
        self,
        message: Message,
        new: set[UUID],
        refs: Refs | None,
        standing: set[int],
    ) -> Outcome:
        if message.inbox:
            if message.id not in new:
                return Outcome("duplicate")
            new.remove(message.id)  # The same message may be in the batch once more.
        if self.halted and waiting_key(message) in self.halted:
            return self._park(message, "behind_a_parked_message", waiting=True)
        if message.fault is not None:
            return self._park(message, message.fault)
        if message.timer_number is not None and (
            message.timer_number not in standing or message.timer_id in self.effects.timers
        ):
            return Outcome("ignored", "timer_no_longer_stands")
        if refs is None:
            raise AssertionError("a fresh message always has its rows")
        if _about(message, refs) & (self.erased | self.effects.erased.keys()):
            if message.kind == "command":
                raise Refused("erased")
            return Outcome("ignored", "erased")
        try:
            state = self._state(refs)
            if message.kind == "command":
                self._check_command(message, state, refs)
            answer = self.service.decide(state, message, self.service.programmes, self.now)
            if isinstance(answer, Ignored):
                return Outcome("ignored", answer.reason)
            return self._apply(message, refs, state, answer)
        except Exception as error:
            if message.kind == "command" or isinstance(error, Stale):
                raise
            if isinstance(error, NotYet | UnknownRulesVersion):
                return self._park(message, parked.NOT_YET)
            log.error("fault_in_decide", service=self.service.name, type=message.type, **where(error))
            return self._park(message, f"fault: {type(error).__name__}")

    def _state(self, refs: Refs) -> Any:
        documents = {
            name: tuple(self._row(name, one).get() for one in ids)
            if isinstance(ids, tuple)
            else self._row(name, ids).get()
            for name, ids in refs.items()
        }
        return self.service.state(ids=refs, **documents)

    def _row(self, name: str, id_: UUID) -> Row:
        return self.rows[self.service.tables[name].name, id_]

    def _check_command(self, message: Message, state: Any, refs: Refs) -> None:
        """The unit and the version: what is known only once the row is locked."""
        about = next(iter(refs))
        document = getattr(state, about)
        row = self._row(about, _ids(refs)[0])
        unit = getattr(document, "unit", None) or getattr(message.body, "unit", None)
        actor = message.actor
        if actor is not None and actor.kind in ("staff", "publisher") and unit and unit not in actor.units:
            raise Refused("other_unit", status=403)
        shown = getattr(message.body, "version", None)
        if shown is not None and document is not None and shown < row.version:
            raise Refused(
                "changed_meanwhile", field="version", shown=shown, stored=row.version, about=str(row.id)
            )

    def _apply(self, message: Message, refs: Refs, before: Any, decision: Decision[Any]) -> Outcome:
        written: list[tuple[str, str, str, str | None]] = [
            (type(event).__name__, event.topic, event.key, event.model_dump_json(by_alias=True))
            for event in decision.events
        ]
        written += [("Tombstone", one.topic, one.key, None) for one in decision.tombstones]
        ids = _ids(refs)
        held = {str(row_id) for row_id in ids}
        for name, topic, key, _ in written:
            # A reply is ordered by the publisher's reference, whose row is the referral's; a unit's row has
            # an id that is derived from the unit's own.
            if key not in held and topic != REPLIES and derived_id("unit", key) not in ids:
                raise AssertionError(f"{name} is written without holding the row of its key")
        if any(len((body or "").encode()) > LARGEST_EVENT_BYTES for *_, body in written):
            raise Refused("too_large", status=413)
        changed: list[tuple[Row, Any]] = []
        for name, which in refs.items():
            old, new = getattr(before, name), getattr(decision.state, name)
            several = zip(which, old, new, strict=True) if isinstance(which, tuple) else ((which, old, new),)
            changed += [(self._row(name, id_), now) for id_, was, now in several if now is not was]
        if any(row.id in self.erased and row.get() is None and now is not None for row, now in changed):
            raise Stale("erased between the look and the lock")
        # From here on nothing raises: a message that is parked has changed nothing.
        for row, now in changed:
            row.put(now)
        main = self._row(next(iter(refs)), ids[0])
        version = main.version + main.dirty
        for ordinal, (name, topic, key, body) in enumerate(written):
            id_ = uuid5(message.id, f"{name}/{ordinal}")
            self.effects.outbox.append((id_, topic, key, name, body, message.id, version, self.now))
        self.effects.timers |= {timer.id: timer for timer in decision.timers}
        self.effects.appends += decision.appends
        self.effects.deletes += decision.deletes
        self.effects.erased |= decision.erased
        outcome = Outcome(
            "done",
            id=main.id,
            version=version,
            events=tuple(type(event).__name__ for event in decision.events),
            answer=decision.answer,
        )
        if message.digest is not None:
            kept = {"id": str(main.id), "version": version, "events": outcome.events, **decision.answer}
            # Whoever was shown an older version is told who did what since.
            kept |= {"command": message.type, "by": message.actor.person_id if message.actor else None}
            self.effects.answers.append((message.id, message.digest, json.dumps(kept, default=str)))
        return outcome

    def _park(self, message: Message, reason: str, *, waiting: bool = False) -> Outcome:
        self.to_park.append(parked.ToPark(message, reason, waiting, self.service.about(message)))
        key = waiting_key(message)
        if key is not None:
            self.halted.add(key)
        return Outcome("waiting" if waiting else "parked", reason)

    async def _save(self, messages: Sequence[Message]) -> None:
        await stored.save(self.connection, self.rows.values())
        await self.effects.save(self.connection, messages, self.now)
        if self.to_park and self.releasing is None:
            await parked.park(self.connection, self.to_park, self.service.sealer, self.now)


def _ordered_keys(messages: Sequence[Message]) -> list[tuple[str, str]]:
    return sorted({key for message in messages if (key := waiting_key(message)) is not None})


__all__ = ["CONTENDED", "Pass", "Service", "Table", "handle", "held_against_a_message", "transact"]
