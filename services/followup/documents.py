"""What followup keeps: a case's track through its placements, and each placement with its check-ins.

Also the state that a message meets, and the timers that followup sets itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from shared.contracts.followup import Mode
from shared.contracts.intake import Goal, GoalText
from shared.contracts.model import FreeText, Party, Timer


class Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class CaseTrack(Document):
    """A case (sag) as followup knows it: who has a part in it, and how many placements there were."""

    id: UUID
    state: Literal["known"] = "known"
    unit: str | None = None
    programme: str | None = None
    moved_to: str | None = None
    parties: tuple[Party, ...] = ()
    started: int = 0
    texts_version: int = 0
    presentation: FreeText | None = None
    goal_texts: tuple[GoalText, ...] = ()


class CheckIn(Document):
    """A follow-up conversation (opfølgningssamtale). `at` is None while only its day is known.

    `before_start` is one that was booked before the placement ran; the cadence does not count it.
    """

    id: UUID
    number: int
    due_on: date
    state: Literal["booked", "held", "missed"]
    at: datetime | None = None
    mode: Mode | None = None
    held_on: date | None = None
    present: tuple[UUID, ...] = ()
    note: FreeText | None = None
    before_start: bool = False


class Agreed(Document):
    """What the match agreed on: the frame (ramme) of the placement."""

    proposal_id: UUID
    place_id: UUID
    host_id: UUID | None = None
    mentor_id: UUID | None = None
    starts_on: date
    ends_on: date | None = None
    hours_per_week: float
    times: tuple[str, ...] = ()
    content: tuple[str, ...] = ()


class Placement(Document):
    """Placement (forløb): one round of a case. Its id is the match's.

    `agreed` comes from matching and `cleared_on` from intake, in either order; the placement starts
    when both are there and the agreed day has come, but not before `earliest_start`, which intake says.
    A clearance that was given without knowing of the match (`cleared_for`) is none for its start, nor is
    one on a day after `cleared_until`.
    """

    id: UUID
    case_id: UUID
    unit: str
    programme: str
    round: int
    rules_version: str
    state: Literal["expected", "agreed", "cleared", "planned", "running", "ended", "cancelled", "withdrawn"]
    parties: tuple[Party, ...] = ()
    agreed: Agreed | None = None
    cleared_on: date | None = None
    cleared_for: UUID | None = None
    cleared_until: date | None = None
    earliest_start: date | None = None
    goals: tuple[Goal, ...] = ()
    started_on: date | None = None
    started_at: datetime | None = None
    ended_on: date | None = None
    how: Literal["completed", "early", "failed_match"] | None = None
    reason: str | None = None
    next_step: str | None = None
    outcome: str | None = None
    competences: tuple[FreeText, ...] = ()
    chain_position: int = 1
    check_ins: tuple[CheckIn, ...] = ()

    def may_start(self, on: date) -> bool:
        """Whether intake has cleared the start of this match on this day."""
        is_for_it = self.cleared_on is not None and self.cleared_for == self.id
        return is_for_it and (self.cleared_until is None or on <= self.cleared_until)

    @property
    def open_check_in(self) -> CheckIn | None:
        return next(iter(self.open_check_ins), None)

    @property
    def open_check_ins(self) -> tuple[CheckIn, ...]:
        """The one of the cadence, and at most one that was booked before the start and is not held yet."""
        return tuple(one for one in self.check_ins if one.state == "booked")


@dataclass(frozen=True)
class State:
    """The rows that a message concerns; `placements` are all of a case, where all of it is concerned."""

    ids: Mapping[str, Any]
    placement: Placement | None = None
    case: CaseTrack | None = None
    placements: tuple[Placement | None, ...] = ()


def placement_of(state: State) -> Placement:
    if state.placement is None:
        raise AssertionError("the table leads here with a placement alone")
    return state.placement


class StartPlacement(Timer):
    """The agreed day has come."""

    placement_id: UUID


class NeverStarted(Timer):
    """The agreed day is long past and the start was never cleared."""

    placement_id: UUID


class RemindCheckIn(Timer):
    """A check-in is near."""

    placement_id: UUID
    check_in_id: UUID
