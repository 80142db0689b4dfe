"""What goes through the corridor, and what `decide` answers.

Job: the small vocabulary that doors, corridor and workflows share. Events, commands and timers are
all a `Message`; a workflow answers each with a `Decision`, an `Ignored`, or, for a command only, by
raising `Refused`. Nothing here does anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, Literal, TypeVar
from uuid import UUID

from pydantic import BaseModel

from shared.contracts.model import Event, Party, Timer, derived_id

S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks. `units` are those whose cases they may see; a party sees one question or one case.

    `kind` is `staff`, `publisher`, `party` or `service`; `source` names a publisher (its client id).
    `question` is what a party's link was made for, `scope` the kind of link.
    """

    subject: str
    kind: Literal["staff", "publisher", "party", "service"]
    person_id: UUID | None = None
    name: str | None = None
    roles: frozenset[str] = frozenset()
    units: frozenset[str] = frozenset()
    question: UUID | None = None
    scope: str | None = None

    @property
    def source(self) -> str:
        """The `ce_source` of what this actor sends."""
        return f"/publisher/{self.subject}"


@dataclass(frozen=True, slots=True)
class Record:
    """Where a message stands on Kafka, and its raw bytes, so that it can be parked as it came."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()


class Tombstone(BaseModel):
    """The null record of a compacted topic: what had this key is erased."""

    topic: str
    key: str


@dataclass(frozen=True, slots=True)
class Message:
    """One event, command or timer. `id` is what the inbox remembers; `fault` says why `body` is unread.

    `inbox` is False for compacted topics, whose messages carry a version of their own instead.
    `timer_number` is the number of the scheduling that fell due.
    """

    id: UUID
    type: str
    body: BaseModel
    time: datetime
    kind: Literal["event", "command", "timer"] = "event"
    source: str = ""
    actor: Actor | None = None
    record: Record | None = None
    fault: str | None = None
    inbox: bool = True
    timer_id: UUID | None = None
    timer_number: int | None = None
    envelope_faults: tuple[str, ...] = ()
    digest: bytes | None = None


class Unread(BaseModel):
    """The body of a message that could not be read."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """Send `timer` to this service at `at`. The same timer scheduled again replaces the earlier one."""

    at: datetime
    timer: Timer

    @property
    def id(self) -> UUID:
        return timer_id(self.timer)


@dataclass(frozen=True, slots=True)
class Cancel:
    """The timer is not needed any more, if it stands."""

    timer: Timer

    @property
    def id(self) -> UUID:
        return timer_id(self.timer)


def timer_id(timer: Timer) -> UUID:
    """One timer per kind and content: `RemindAnswer(proposal 7)` exists once."""
    return derived_id("timer", type(timer).__name__, timer.model_dump_json())


@dataclass(frozen=True, slots=True)
class Append:
    """A row for a table that is only ever added to; its name is also notified as a channel."""

    table: str
    row: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Delete:
    """The rows of such a table whose `column` holds one of these ids are gone."""

    table: str
    column: str
    ids: tuple[UUID, ...]


@dataclass(frozen=True, slots=True)
class Decision(Generic[S]):
    """What a message leads to: the new state, and everything that follows from it.

    `erased` are the ids that never come back, each with the message that erased it (`shared/erasing.py`).
    """

    state: S
    events: tuple[Event, ...] = ()
    timers: tuple[Schedule | Cancel, ...] = ()
    appends: tuple[Append, ...] = ()
    deletes: tuple[Delete, ...] = ()
    tombstones: tuple[Tombstone, ...] = ()
    erased: Mapping[UUID, str] = field(default_factory=dict)
    answer: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ignored:
    """A fact that has no effect here, and why; it is counted by its reason."""

    reason: str


class Refused(Exception):
    """A command cannot be done. The code is stable, the words stand in codes.toml (`refusals`).

    `status` is the HTTP status: 403, 404, 409 or 422. `errors` are further faults by field.
    """

    def __init__(
        self,
        code: str,
        *,
        field: str = "",
        status: int = 409,
        errors: tuple[tuple[str, str, str], ...] = (),
        **values: Any,
    ) -> None:
        super().__init__(code)
        self.code = code
        self.field = field
        self.status = status
        self.errors = errors
        self.values = values


class NotYet(Exception):
    """A message that this version cannot handle yet: its key waits and is tried again by itself."""


class Stale(Exception):
    """What was read to find the rows changed before they were locked; the pass is tried again."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one message."""

    kind: Literal["done", "ignored", "duplicate", "parked", "waiting", "refused"]
    reason: str = ""
    id: UUID | None = None
    version: int | None = None
    events: tuple[str, ...] = ()
    answer: Mapping[str, Any] = field(default_factory=dict)
    refusal: Refused | None = None


__all__ = [
    "Actor",
    "Append",
    "Cancel",
    "Decision",
    "Delete",
    "Ignored",
    "Message",
    "NotYet",
    "Outcome",
    "Party",
    "Record",
    "Refused",
    "Schedule",
    "Stale",
    "Tombstone",
    "Unread",
    "timer_id",
]
