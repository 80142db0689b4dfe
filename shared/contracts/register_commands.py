"""What intake can be asked about hosts, mentors, their places, and partners."""

from __future__ import annotations

from datetime import date
from typing import ClassVar, Literal
from uuid import UUID

from pydantic import Field

from shared.contracts.intake_commands import ContactDetails, IntakeCommand
from shared.contracts.model import STAFF, Code, FreeText, Hours, Level, Name

Gender = Literal["f", "m", "x"]
PROJECT = frozenset({"project_manager"})
TRAINING = STAFF | {"training_office"}


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
    partner_id: UUID | None = None
    appetite: Code | None = None
    enquiry: bool = Field(default=False, description="They have only asked so far.")


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
    host_id: UUID | None = Field(default=None, description="Where the mentor is one of a host's people.")
    partner_id: UUID | None = None
    pay: Code | None = None
    languages: dict[str, Level] = Field(default_factory=dict)
    appetite: Code | None = None
    enquiry: bool = Field(default=False, description="They have only asked so far.")


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


class ChangePlace(IntakeCommand):
    """The place is offered on other terms: what is said replaces what was said before."""

    service: ClassVar[str] = "intake"
    place_id: UUID
    programmes: tuple[Code, ...] | None = Field(default=None, min_length=1)
    capacity: int | None = Field(default=None, ge=1, le=1000)
    industries: tuple[Code, ...] | None = None
    tasks: tuple[Code, ...] | None = None
    postcode: str | None = None
    hours_per_week: Hours | None = None
    times: tuple[Code, ...] | None = None
    required_languages: dict[str, Level] | None = None
    spoken_languages: tuple[Code, ...] | None = None
    helpers: tuple[Code, ...] | None = None
    supported_needs: tuple[Code, ...] | None = None
    required_certificates: tuple[Code, ...] | None = None
    long_training: bool | None = None
    available_from: date | None = None
    available_to: date | None = None


class WithdrawPlace(IntakeCommand):
    """The place is not offered any more; what is agreed on it stays."""

    service: ClassVar[str] = "intake"
    place_id: UUID
    reason: Code = "withdrawn"


class RecordHostInterview(IntakeCommand):
    """The conversation with a host, and how it is prepared: expectations, instruction, feedback, a buddy."""

    service: ClassVar[str] = "intake"
    host_id: UUID
    held_on: date | None = None
    expectations: FreeText | None = Field(default=None, max_length=4000)
    instruction: tuple[Code, ...] = Field(default=(), description="By pictures, by a language mentor ...")
    feedback: FreeText | None = Field(default=None, max_length=2000)
    buddy: ContactDetails | None = None
    note: FreeText | None = Field(default=None, max_length=4000)


class RecordMentorInterview(IntakeCommand):
    """The conversation with a mentor."""

    service: ClassVar[str] = "intake"
    mentor_id: UUID
    held_on: date | None = None
    note: FreeText | None = Field(default=None, max_length=4000)
    digital_mailbox: bool | None = Field(
        default=None, description="Whether they have the digital mailbox that a certificate comes by."
    )


class SignVolunteerAgreement(IntakeCommand):
    """The volunteer agreement was signed."""

    service: ClassVar[str] = "intake"
    mentor_id: UUID
    signed_on: date | None = None


class SetAppetite(IntakeCommand):
    """Whether a host or a mentor is looking for somebody now."""

    service: ClassVar[str] = "intake"
    host_id: UUID | None = None
    mentor_id: UUID | None = None
    appetite: Code
    until: date | None = Field(default=None, description="When to ask again.")


class Decline(IntakeCommand):
    """Saying no: a coded reason, never the detail, and where else to go."""

    reason: Code
    support: Code | None = None
    heard_by: Code | None = None


class DeclineHost(Decline):
    """Say no to a host."""

    service: ClassVar[str] = "intake"
    host_id: UUID


class DeclineMentor(Decline):
    """Say no to a mentor."""

    service: ClassVar[str] = "intake"
    mentor_id: UUID


class RetireHost(IntakeCommand):
    """The host takes nobody any more; its places are withdrawn."""

    service: ClassVar[str] = "intake"
    host_id: UUID
    reason: Code


class RetireMentor(IntakeCommand):
    """The mentor takes nobody any more; their places are withdrawn."""

    service: ClassVar[str] = "intake"
    mentor_id: UUID
    reason: Code


class JoinHostNetwork(IntakeCommand):
    """A host joins the host network, or leaves it: it is by choice."""

    service: ClassVar[str] = "intake"
    host_id: UUID
    joins: bool = True


class RequestTraining(IntakeCommand):
    """A host or a mentor wishes training; the training office is asked."""

    service: ClassVar[str] = "intake"
    host_id: UUID | None = None
    mentor_id: UUID | None = None
    topics: tuple[Code, ...] = Field(min_length=1)


class RecordTraining(IntakeCommand):
    """A course was held; `mentors`, `hosts` and `members` are those known to have taken part."""

    service: ClassVar[str] = "intake"
    roles: ClassVar[frozenset[str]] = TRAINING
    unit: str
    topics: tuple[Code, ...] = Field(min_length=1)
    held_on: date | None = None
    attended: int = Field(default=0, ge=0, le=10_000)
    mentors: tuple[UUID, ...] = ()
    hosts: tuple[UUID, ...] = ()
    members: tuple[UUID, ...] = ()


class RegisterPartner(IntakeCommand):
    """A partner, and how far the cooperation has come. Without `partner_id` a new one is made."""

    service: ClassVar[str] = "intake"
    partner_id: UUID | None = None
    unit: str
    kind: Code
    name: Name
    contact_person: ContactDetails | None = None
    status: Code = "contacted"


class SignCooperationAgreement(IntakeCommand):
    """What a partner and the unit agreed on, signed by management and by those who represent the staff (B).

    The last four are a school's preconditions, which then need not be said with each referral.
    """

    service: ClassVar[str] = "intake"
    roles: ClassVar[frozenset[str]] = PROJECT
    partner_id: UUID
    signed_on: date | None = None
    valid_until: date | None = None
    signed_by_management: bool
    signed_by_staff: bool
    partner_roles: FreeText = Field(min_length=1, max_length=4000)
    interfaces: FreeText = Field(min_length=1, max_length=4000)
    dispute_steps: FreeText = Field(min_length=1, max_length=4000)
    dispute_order: tuple[Code, ...] = Field(
        default=(), max_length=20, description="The steps between raising a dispute and its end, in order."
    )
    contact_person: ContactDetails | None = None
    working_time: FreeText | None = Field(default=None, max_length=1000)
    meeting_place: FreeText | None = Field(default=None, max_length=1000)
    meeting_manner: FreeText | None = Field(default=None, max_length=1000)
    management_backs: bool = False
    staff_back: bool = False
    union_backs: bool = False
    adds_to_professionals: bool = False


class RaiseDispute(IntakeCommand):
    """A disagreement with a partner, or its next step in the order that the agreement names."""

    service: ClassVar[str] = "intake"
    partner_id: UUID
    step: Code = "raised"
    about: FreeText | None = Field(default=None, max_length=4000)
    on: date | None = None


class RecordContact(IntakeCommand):
    """Somebody was looked for through a channel, or heard there; B counts channels without a reaction too."""

    service: ClassVar[str] = "intake"
    unit: str
    channel: Code
    made_on: date | None = None
    contacts: int = Field(default=1, ge=0, le=100_000)
    reactions: int = Field(default=0, ge=0, le=100_000)
    sought: Literal["candidate", "mentor", "host", "partner"] | None = None
    partner_id: UUID | None = None
