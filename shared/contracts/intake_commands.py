"""What intake can be asked: cases and their preparation, hosts, mentors and places."""

from __future__ import annotations

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
    Hours,
    Identity,
    Language,
    Level,
    Name,
    Value,
)


class IntakeCommand(Command):
    """Asked of intake."""


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
    caseworker: UUID | None = None


class CompletePreparation(IntakeCommand):
    """One step of the programme's preparation is done."""

    service: ClassVar[str] = "intake"
    case_id: UUID
    step: Code
    done_on: date | None = None
    note: FreeText | None = Field(default=None, max_length=4000)


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


class OrderCertificate(IntakeCommand):
    """A certificate was ordered."""

    service: ClassVar[str] = "intake"
    case_id: UUID
    kind: Code
    ordered_on: date | None = None


class RecordCertificateShown(IntakeCommand):
    """A certificate was shown: when, to whom and until when it holds; never what it says."""

    service: ClassVar[str] = "intake"
    case_id: UUID
    kind: Code
    shown_on: date | None = None
    shown_to: UUID | None = None
    valid_until: date | None = None


class PauseCase(IntakeCommand):
    """Let the case rest; nothing is proposed for it."""

    service: ClassVar[str] = "intake"
    case_id: UUID
    reason: Code


class ResumeCase(IntakeCommand):
    """Let a paused case go on where it was."""

    service: ClassVar[str] = "intake"
    case_id: UUID


class WithdrawCase(IntakeCommand):
    """The candidate does not want to go on, or the caseworker ends it with a reason."""

    service: ClassVar[str] = "intake"
    case_id: UUID
    reason: Code = "candidate_withdrew"


class ContactDetails(Value):
    """A person at a host, or a mentor, as staff type them in."""

    name: Name
    email: Identity | None = None
    phone: Identity | None = None
    language: Language = "da"
    channel: Channel = "email"


class RegisterHost(IntakeCommand):
    """A host with its contact person. Without `host_id` a new one is made."""

    service: ClassVar[str] = "intake"
    host_id: UUID | None = None
    unit: str
    kind: Literal["association", "company", "school"]
    name: Name
    contact_person: ContactDetails
    channel: Code | None = None
    postcode: str | None = None


class RegisterMentor(IntakeCommand):
    """A mentor. Without `mentor_id` a new one is made; the mentor's id is their person id."""

    service: ClassVar[str] = "intake"
    mentor_id: UUID | None = None
    unit: str
    contact: ContactDetails
    birth_date: date | None = None
    gender: Literal["f", "m", "x"] | None = None
    education_level: Code | None = None
    field: Code | None = None
    profession: Code | None = None
    channel: Code | None = None
    postcode: str | None = None


class OfferPlace(IntakeCommand):
    """A host or a volunteer mentor offers a place. Without `place_id` a new one is made."""

    service: ClassVar[str] = "intake"
    place_id: UUID | None = None
    unit: str | None = None
    host_id: UUID | None = None
    mentor_id: UUID | None = None
    programmes: tuple[Code, ...] = Field(min_length=1)
    capacity: int = Field(default=1, ge=1, le=1000)
    industries: tuple[Code, ...] = ()
    tasks: tuple[Code, ...] = ()
    postcode: str | None = None
    hours_per_week: Hours | None = None
    times: tuple[Code, ...] = ()
    required_languages: dict[str, Level] = Field(default_factory=dict)
    spoken_languages: tuple[Code, ...] = ()
    helpers: tuple[Code, ...] = ()
    supported_needs: tuple[Code, ...] = ()
    required_certificates: tuple[Code, ...] = ()
    long_training: bool = False
    available_from: date | None = None
    available_to: date | None = None


class WithdrawPlace(IntakeCommand):
    """The place is not offered any more; what is agreed on it stays."""

    service: ClassVar[str] = "intake"
    place_id: UUID
    reason: Code = "withdrawn"


REFERRERS = STAFF | {"publisher"}
