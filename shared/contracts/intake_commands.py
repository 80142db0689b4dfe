"""What intake can be asked about a case: its preparation, its pauses and its end."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import ClassVar, Literal
from uuid import UUID

from pydantic import Field

from shared.contracts.intake import Profile
from shared.contracts.model import (
    STAFF,
    Channel,
    Code,
    Command,
    FreeText,
    Identity,
    Language,
    Name,
    Value,
    Wish,
)


class IntakeCommand(Command):
    """Asked of intake."""


class ContactDetails(Value):
    """A person at a host, a mentor, a guardian or a colleague, as staff type them in."""

    name: Name
    email: Identity | None = None
    phone: Identity | None = None
    language: Language = "da"
    channel: Channel = "email"


class ParallelActivity(Value):
    """Something the candidate does beside: language lessons, treatment. It takes times and hours."""

    kind: Code
    times: tuple[Code, ...] = ()
    hours_per_week: float | None = Field(default=None, ge=0, le=60)


class AssignCase(IntakeCommand):
    """Give the case a caseworker."""

    service: ClassVar[str] = "intake"
    case_id: UUID
    caseworker: UUID


class RecordInterview(IntakeCommand):
    """The first conversation: what matching needs, and a presentation in words."""

    service: ClassVar[str] = "intake"
    case_id: UUID
    held_on: date | None = None
    profile: Profile = Profile()
    groups: tuple[Code, ...] = ()
    presentation: FreeText | None = Field(default=None, max_length=4000)
    foreign_qualification: FreeText | None = Field(default=None, max_length=2000)
    foreign_recognition: Code | None = Field(default=None, description="What it counts for here (D).")
    experience: FreeText | None = Field(default=None, max_length=4000)
    education: FreeText | None = Field(default=None, max_length=2000)
    education_level: Code | None = None
    interests: FreeText | None = Field(default=None, max_length=2000)
    options: tuple[Code, ...] = Field(default=(), max_length=8, description="A few realistic industries.")
    parallel_activities: tuple[ParallelActivity, ...] = Field(default=(), max_length=10)
    certificates_wished: tuple[Code, ...] = Field(
        default=(), max_length=8, description="Certificates that places ask for which are wished for."
    )
    job_in_prospect: bool | None = None
    situation: Code | None = None
    target_group: Code | None = None
    birth_date: date | None = Field(default=None, description="Where nobody has said it yet.")
    gender: Literal["f", "m", "x"] | None = None
    email: Identity | None = None
    phone: Identity | None = None
    postcode: Identity | None = None
    guardian: ContactDetails | None = None
    caseworker: UUID | None = None


class CompletePreparation(IntakeCommand):
    """One step of the programme's preparation is done."""

    service: ClassVar[str] = "intake"
    case_id: UUID
    step: Code
    done_on: date | None = None
    note: FreeText | None = Field(default=None, max_length=4000)
    considered: Mapping[Code, bool] = Field(
        default={}, max_length=20, description="Each that the step asks about, and whether it is wished."
    )


class GoalInWords(Value):
    title: FreeText = Field(min_length=1, max_length=300)
    sub_goals: tuple[FreeText, ...] = ()


class AgreeGoals(IntakeCommand):
    """Goals and sub-goals were agreed with the citizen (E)."""

    service: ClassVar[str] = "intake"
    case_id: UUID
    goals: tuple[GoalInWords, ...] = Field(min_length=1)
    agreed_on: date | None = None


class RecordConsent(IntakeCommand):
    """A consent was given or withdrawn."""

    service: ClassVar[str] = "intake"
    case_id: UUID
    kind: Code
    given: bool = True
    on: date | None = None
    given_by: Literal["candidate", "guardian"] = "candidate"
    heard_by: Code | None = Field(default=None, description="How they were heard, where not in writing.")


class OrderCertificate(IntakeCommand):
    """A certificate was ordered, for the candidate of a case or for a mentor."""

    service: ClassVar[str] = "intake"
    case_id: UUID | None = None
    mentor_id: UUID | None = None
    kind: Code
    ordered_on: date | None = None


class RecordCertificateShown(IntakeCommand):
    """A certificate was shown: when, to whom and until when it holds; never what it says."""

    service: ClassVar[str] = "intake"
    case_id: UUID | None = None
    mentor_id: UUID | None = None
    kind: Code
    shown_on: date | None = None
    shown_to: UUID | None = None
    valid_until: date | None = None


class ChangeWishes(IntakeCommand):
    """The candidate wishes something else, as plan A and plan B."""

    service: ClassVar[str] = "intake"
    case_id: UUID
    wishes: tuple[Wish, ...] = Field(min_length=1, max_length=20)


class PauseCase(IntakeCommand):
    """Let the case rest; nothing is proposed for it."""

    service: ClassVar[str] = "intake"
    case_id: UUID
    reason: Code


class ResumeCase(IntakeCommand):
    """Let a paused case go on where it was."""

    service: ClassVar[str] = "intake"
    case_id: UUID
    reason: FreeText | None = Field(default=None, max_length=1000, description="May be said; is not kept.")


class WithdrawCase(IntakeCommand):
    """The candidate does not want to go on, or the caseworker ends it with a reason."""

    service: ClassVar[str] = "intake"
    case_id: UUID
    reason: Code = "candidate_withdrew"
    heard_by: Code | None = None


class ReopenCase(IntakeCommand):
    """A case that was over goes on, in a new round."""

    service: ClassVar[str] = "intake"
    case_id: UUID
    reason: Code


class DeclineCandidate(IntakeCommand):
    """Say no to a candidate: a coded reason, never the detail, and where else to go."""

    service: ClassVar[str] = "intake"
    case_id: UUID
    reason: Code
    support: Code | None = None
    heard_by: Code | None = None


REFERRERS = STAFF | {"publisher"}
