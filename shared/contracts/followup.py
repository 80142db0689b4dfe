"""What followup says and can be asked: placements and their check-ins."""

from __future__ import annotations

from datetime import date
from typing import ClassVar, Literal
from uuid import UUID

from pydantic import AwareDatetime, Field

from shared.contracts.model import CaseFields, Code, Command, Event, FreeText

Mode = Literal["in_person", "phone", "video"]


class FollowupEvent(CaseFields, Event):
    """An event of followup's; the key is the case. `placement_id` is the match's id."""

    topic: ClassVar[str] = "followup-events-v1"
    placement_id: UUID


class PlacementStarted(FollowupEvent):
    """The placement (forløb) runs: the match is agreed, the start is cleared and the day has come."""

    place_id: UUID
    host_id: UUID | None = None
    mentor_id: UUID | None = None
    started_on: date
    ends_on: date | None = None
    chain_position: int = Field(default=1, ge=1)


class CheckInEvent(FollowupEvent):
    check_in_id: UUID
    due_on: date
    at: AwareDatetime | None = None
    mode: Mode | None = None


class CheckInBooked(CheckInEvent):
    """A check-in has a day, and a time where one is agreed."""


class CheckInMoved(CheckInEvent):
    """A check-in has another day or time."""


class CheckInDue(CheckInEvent):
    """A reminder that a check-in is near."""


class CheckInHeld(CheckInEvent):
    """The conversation took place."""

    held_on: date
    present: tuple[UUID, ...] = ()


class CheckInMissed(CheckInEvent):
    """The conversation did not take place."""


class RematchRequested(FollowupEvent):
    """These two do not fit: the placement ends, and the case goes back to matching with its history."""

    place_id: UUID
    reason: Code


class PlacementEnded(FollowupEvent):
    """The placement is over, or never began (`failed_match`)."""

    place_id: UUID | None = None
    how: Literal["completed", "early", "failed_match"]
    reason: Code | None = None
    next_step: Code | None = None
    outcome: Code | None = None
    chain_position: int = Field(default=1, ge=1)


# What followup can be asked.


class RequestRematch(Command):
    """A bad match: end the placement, and look for another place."""

    service: ClassVar[str] = "followup"
    placement_id: UUID
    reason: Code


class BookCheckIn(Command):
    """Give the next check-in its time; `check_in_id` where it is not the next one."""

    service: ClassVar[str] = "followup"
    placement_id: UUID
    check_in_id: UUID | None = None
    at: AwareDatetime
    mode: Mode = "in_person"


class RecordCheckIn(Command):
    """A check-in was held or missed. Without `check_in_id` it is the one that is open."""

    service: ClassVar[str] = "followup"
    placement_id: UUID
    check_in_id: UUID | None = None
    held: bool | None = None
    outcome: Literal["held", "missed"] | None = Field(
        default=None, description="The same as `held`, in a word."
    )
    held_on: date | None = None
    mode: Mode | None = None
    present: tuple[UUID, ...] = ()
    note: FreeText | None = Field(default=None, max_length=4000)


class EndPlacement(Command):
    """The placement ends: completed, early with a reason, or by the procedure for a failed match."""

    service: ClassVar[str] = "followup"
    placement_id: UUID
    how: Literal["completed", "early", "failed_match"] = "completed"
    reason: Code | None = None
    next_step: Code | None = None
    outcome: Code | None = None
    competences: tuple[FreeText, ...] = ()
