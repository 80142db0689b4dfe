"""What a contract is: events that were true, commands that may be refused, and the words they share.

Job: the few types every contract is made of, and the registers of them all. Guarantee: a class that
is declared is registered under its name, so that a door can find it. It holds no rule of any
programme and touches neither Kafka nor a database.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID, uuid5

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

NAMESPACE = UUID("6d616b6b-6572-5000-8000-6d616b6b6572")
"""The root of every id that Makker derives (UUIDv5)."""


@dataclass(frozen=True)
class Mark:
    """Says of a field what erasing has to blank: who somebody is, or what somebody wrote."""

    kind: Literal["identity", "free_text"]


Identity = Annotated[str, Mark("identity")]
FreeText = Annotated[str, Mark("free_text")]


def _plain(text: str) -> str:
    text = text.strip()
    if not 1 <= len(text) <= 200:
        raise ValueError("a name has 1 to 200 characters")
    if any(ord(character) < 32 or 127 <= ord(character) < 160 for character in text):
        raise ValueError("a name has no control characters")
    return text


Name = Annotated[str, AfterValidator(_plain), Mark("identity")]
Code = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[a-z0-9_\-]+$")]
Level = Literal["A0", "A1", "A2", "B1", "B2", "C1", "C2", "native"]
Side = Literal["candidate", "host", "mentor", "staff"]
Language = Literal["da", "nb", "en"]
Channel = Literal["email", "phone", "in_person", "letter", "sms"]


class Value(BaseModel):
    """A value without an id of its own; readers ignore what they do not know."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class Party(Value):
    """Somebody with a part in a case; who that is, `contacts-v1` alone tells."""

    person_id: UUID
    side: Side
    role: Code


class Location(Value):
    """Degrees; the middle of a postcode, never an address."""

    lat: float = Field(ge=-90, le=90)
    lon: float = Field(ge=-180, le=180)


class Hours(Value):
    """Hours a week."""

    min: float = Field(ge=0, le=60)
    max: float = Field(ge=0, le=60)


class Wish(Value):
    """One of a candidate's wishes: plan A comes first, plan B the day plan A fails."""

    plan: Literal["A", "B"] = "A"
    industries: tuple[Code, ...] = ()
    profession: Code | None = None
    education: Code | None = None


class Points(Value):
    """Why a pair was proposed: a code of `match_reasons` and its integer points."""

    code: Code
    points: int


class Contract(BaseModel):
    """A message with a public name. Unknown fields are ignored by readers, so that writers may grow."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


EVENTS: dict[str, type[Event]] = {}
COMMANDS: dict[str, type[Command]] = {}


class Event(Contract):
    """Something that has happened. `topic` says who owns it, `key_field` what it is ordered by."""

    topic: ClassVar[str]
    key_field: ClassVar[str] = "case_id"

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "topic" in cls.__dict__ or any("topic" in base.__dict__ for base in cls.__mro__[1:]):
            EVENTS[cls.__name__] = cls

    @property
    def key(self) -> str:
        """The record's key and `ce_subject`."""
        return str(getattr(self, self.key_field))


class CaseFields(Contract):
    """What every event about a case carries."""

    unit: str
    programme: str
    case_id: UUID
    round: int = Field(default=1, ge=1, description="The first, second ... attempt of the case.")
    rules_version: str
    parties: tuple[Party, ...] = Field(default=(), description="Who is to be told.")
    asked: tuple[Party, ...] = Field(default=(), description="Who must answer.")


STAFF = frozenset({"caseworker", "coordinator", "project_manager"})
"""Who does the daily work of a case."""


class Command(BaseModel):
    """Somebody's wish that something should happen. It may be refused; unknown fields are faults.

    `roles` are the staff roles (and `publisher`, `party`) that may ask it, within their units.
    `version`, if given, is the version of the aggregate the sender was shown.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True, allow_inf_nan=False)

    service: ClassVar[str]
    roles: ClassVar[frozenset[str]] = STAFF
    work_follows: ClassVar[bool] = False
    """Whether what was asked for is still to be done when the answer comes (202)."""

    version: int | None = Field(default=None, ge=0, description="The version that the sender was shown.")

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if hasattr(cls, "service"):
            COMMANDS[cls.__name__] = cls


class Timer(Contract):
    """A message that a workflow sends to its own service at a later moment; it never leaves it."""


def derived_id(*parts: object) -> UUID:
    """The id of what has a natural key: the same parts always give the same UUIDv5."""
    return uuid5(NAMESPACE, "/".join(str(part) for part in parts))


def message_id(source: str, ce_id: str) -> UUID:
    """A message's identity, (source, id), as the inbox keeps it."""
    return uuid5(NAMESPACE, f"message\n{source}\n{ce_id}")


def match_id(case_id: UUID, round_: int) -> UUID:
    """The match of a case's round, and so its placement: a round has at most one that is agreed."""
    return derived_id("match", case_id, round_)


Instant = AwareDatetime
Moment = datetime
Day = date
