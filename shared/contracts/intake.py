"""What intake says of referrals, cases, hosts, mentors and places."""

from __future__ import annotations

from datetime import date
from typing import ClassVar, Literal
from uuid import UUID

from pydantic import AwareDatetime, Field

from shared.contracts.model import (
    CaseFields,
    Channel,
    Code,
    Event,
    FreeText,
    Hours,
    Identity,
    Language,
    Level,
    Location,
    Party,
    Value,
    Wish,
)
from shared.contracts.topics import CASE_TEXTS, CONTACTS, REPLIES


class Reason(Value):
    """Why a referral cannot be taken: a stable code, the field, and a sentence without any value."""

    code: Code
    field: str
    message: str


class ReferralReply(Event):
    """An answer to the system that referred; the key is the publisher's own reference."""

    key_field: ClassVar[str] = "source_reference"
    source: str
    source_reference: str


class ReferralAccepted(ReferralReply):
    """The referral is a case now. `already_known` speaks of the referral, not of the person."""

    topic: ClassVar[str] = REPLIES
    case_id: UUID
    already_known: bool = False


class ReferralRejected(ReferralReply):
    """The referral cannot be taken; all reasons at once, none of the input's other values."""

    topic: ClassVar[str] = REPLIES
    reasons: tuple[Reason, ...]


class ReferralProgressed(ReferralReply):
    """How far the case has come, for a publisher that asked for it and may have it."""

    topic: ClassVar[str] = REPLIES
    case_id: UUID
    status: Literal["ready", "proposed", "matched", "started", "ended", "withdrawn"]
    outcome: Code | None = None


class IntakeEvent(Event):
    topic: ClassVar[str] = "intake-events-v1"


class CaseEvent(CaseFields, IntakeEvent):
    """An event of intake's about one case."""


class CaseOpened(CaseEvent):
    """A citizen was referred and a case (sag) opened."""

    person_id: UUID
    channel: Code
    target_group: Code | None = None
    partner_id: UUID | None = None
    caseworker: UUID | None = None


class CaseAssigned(CaseEvent):
    """A case has a caseworker; `unit` is the new one where the case was handed over."""

    caseworker: UUID
    handed_over_from: str | None = None


class Profile(Value):
    """What matching may know of a candidate: codes, places and times, no identity and no words."""

    wishes: tuple[Wish, ...] = ()
    languages: dict[str, Level] = Field(default_factory=dict)
    location: Location | None = None
    max_travel_km: float | None = Field(default=None, ge=0, le=500)
    hours_per_week: Hours | None = None
    times: tuple[Code, ...] = Field(default=(), description="`mon-morning` ... `sun-evening`.")
    needs: tuple[Code, ...] = ()
    wished_mentor_gender: Literal["f", "m", "x"] | None = None
    language_mentor_needed: bool = False
    certificates: tuple[Code, ...] = ()
    excluded_hosts: tuple[UUID, ...] = ()
    available_from: date | None = None
    field: Code | None = None
    stage: Code | None = None
    task: Code | None = Field(default=None, description="The task ahead: a code of `content`.")


class CaseReady(CaseEvent):
    """Everything that is asked before a match is done; again on every change of the profile."""

    person_id: UUID
    waiting_since: date
    profile: Profile
    target_group: Code | None = Field(default=None, description="Outcomes are told by it.")


class Goal(Value):
    """A goal (mål) and its sub-goals (delmål), by id alone; their titles travel on `case-texts-v1`."""

    goal_id: UUID
    sub_goal_ids: tuple[UUID, ...] = ()


class StartCleared(CaseEvent):
    """Everything that is asked before the start of this round is done; told anew once a match is agreed."""

    goals: tuple[Goal, ...] = ()
    earliest_start: date
    match_id: UUID | None = Field(
        default=None, description="The agreed match whose day and place were judged; a start needs that."
    )
    holds_until: date | None = Field(
        default=None, description="The last day of the start, where a certificate that is asked for ends."
    )


class StartHeld(CaseEvent):
    """Cleared no longer: something that the start rests on does not hold any more."""

    reason: Code


class CasePaused(CaseEvent):
    """The case rests; nothing is proposed for it."""

    reason: Code


class CaseResumed(CaseEvent):
    """The case goes on where it was."""


class CaseWithdrawn(CaseEvent):
    """The candidate withdrew, or the caseworker did where the programme does not rest on choice."""

    reason: Code


class CaseClosed(CaseEvent):
    """Nothing more happens in this case unless it is opened again."""

    reason: Code


class CertificateEvent(IntakeEvent):
    """About a certificate of a candidate (in a case) or of a mentor; never what it says."""

    key_field: ClassVar[str] = "subject_id"
    subject_id: UUID = Field(description="The case, or the mentor.")
    of: Literal["candidate", "mentor"]
    unit: str
    kind: Code
    valid_until: date | None = None
    programme: Code | None = None
    case_id: UUID | None = None
    mentor_id: UUID | None = None
    rules_version: str | None = None
    parties: tuple[Party, ...] = ()
    asked: tuple[Party, ...] = Field(default=(), description="Who is to order or renew it.")


class CertificateDue(CertificateEvent):
    """A certificate can be ordered now (`order`), or is to be renewed ahead of its end (`renew`)."""

    why: Literal["order", "renew"]


class CertificateLapsed(CertificateEvent):
    """A certificate holds no longer."""


class PlaceOffered(IntakeEvent):
    """A place (plads) that somebody can fill; again on every change, with all of it."""

    key_field: ClassVar[str] = "place_id"
    place_id: UUID
    unit: str
    host_id: UUID | None = None
    mentor_id: UUID | None = None
    kind: Literal["association", "company", "school", "volunteer"]
    programmes: tuple[Code, ...]
    capacity: int = Field(ge=1, le=1000)
    industries: tuple[Code, ...] = ()
    tasks: tuple[Code, ...] = ()
    location: Location | None = None
    hours_per_week: Hours | None = None
    times: tuple[Code, ...] = ()
    required_languages: dict[str, Level] = Field(default_factory=dict)
    spoken_languages: tuple[Code, ...] = ()
    helpers: tuple[Code, ...] = ()
    supported_needs: tuple[Code, ...] = ()
    mentor_gender: Literal["f", "m", "x"] | None = None
    education_level: Code | None = None
    field: Code | None = None
    profession: Code | None = None
    required_certificates: tuple[Code, ...] = ()
    long_training: bool = False
    available_from: date | None = None
    available_to: date | None = None
    parties: tuple[Party, ...] = ()


class PlaceWithdrawn(IntakeEvent):
    """The place is not offered any more."""

    key_field: ClassVar[str] = "place_id"
    place_id: UUID
    unit: str
    reason: Code = "withdrawn"


class HostRegistered(IntakeEvent):
    """A host (vært): association, company or school."""

    key_field: ClassVar[str] = "host_id"
    host_id: UUID
    unit: str
    kind: Literal["association", "company", "school"]
    channel: Code | None = None
    partner_id: UUID | None = None
    stage: Code | None = Field(default=None, description="`enquired`, `available`, `declined`, `retired`.")
    in_network: bool = False


class MentorRegistered(IntakeEvent):
    """A person who supports, on their own (volunteer) or of a host."""

    key_field: ClassVar[str] = "mentor_id"
    mentor_id: UUID
    unit: str
    gender: Literal["f", "m", "x"] | None = None
    education_level: Code | None = None
    channel: Code | None = None
    partner_id: UUID | None = None
    pay: Code | None = None
    stage: Code | None = Field(default=None, description="`enquired`, `available`, `declined`, `retired`.")


class PartnerChanged(IntakeEvent):
    """A partner and how far the cooperation has come; again on every change."""

    key_field: ClassVar[str] = "partner_id"
    partner_id: UUID
    unit: str
    kind: Code
    status: Code
    agreed_on: date | None = None
    agreed_until: date | None = None
    dispute: Code | None = None


class PartnerAsked(IntakeEvent):
    """A partner's contact person is asked who could be a mentor; `over`: not any more, by this notice."""

    key_field: ClassVar[str] = "partner_id"
    partner_id: UUID
    unit: str
    notice_id: UUID
    field: Code
    stage: Code
    task: Code
    channel: Code | None = Field(default=None, description="The channel that a reply through them counts by.")
    over: bool = False
    asked: tuple[Party, ...] = ()


class UnitEvent(IntakeEvent):
    """About a unit as a whole."""

    key_field: ClassVar[str] = "unit"
    unit: str


class ContactMade(UnitEvent):
    """Somebody was looked for through a channel, and how many answered (B counts both, zeros too)."""

    channel: Code
    made_on: date
    contacts: int = Field(default=1, ge=0)
    reactions: int = Field(default=0, ge=0)
    sought: Literal["candidate", "mentor", "host", "partner"] | None = None
    partner_id: UUID | None = None


class TrainingRequested(UnitEvent):
    """A host or a mentor wishes training; the training office is asked."""

    host_id: UUID | None = None
    mentor_id: UUID | None = None
    topics: tuple[Code, ...]
    requested_on: date


class TrainingHeld(UnitEvent):
    """A course was held."""

    topics: tuple[Code, ...]
    held_on: date
    attended: int = Field(ge=0)
    for_whom: Code | None = None


class EnquiryMade(UnitEvent):
    """Somebody made contact at the unit's door (`asked`: the address is to be confirmed), or confirmed it."""

    enquiry_id: UUID
    kind: Literal["candidate", "mentor", "host"]
    stage: Literal["asked", "confirmed"]
    person_id: UUID
    channel: Code | None = None
    answer_by: AwareDatetime | None = None
    programme: Code | None = None
    notice_id: UUID | None = Field(default=None, description="The 'mentor wanted' notice that was answered.")
    partner_id: UUID | None = Field(default=None, description="The partner whose link was followed.")
    parties: tuple[Party, ...] = ()
    asked: tuple[Party, ...] = ()


class UnitClosed(UnitEvent):
    """A unit takes no more referrals; its cases and mentors are handed over, each by an event of its own."""

    closed_on: date
    handed_to: str


class SubjectErased(IntakeEvent):
    """A person was erased: once for each case in which they had a part, each place, and with their own key.

    What a reader keeps under the key that only this person could be known by is blanked; where they had a
    part in somebody else's case (`is_candidate` is false), their part alone goes.
    """

    key_field: ClassVar[str] = "subject_id"
    subject_id: UUID
    kind: Literal["case", "place", "person"]
    person_id: UUID
    is_candidate: bool = False
    unit: str | None = None


class Contact(Event):
    """Who to write to. The only message with identity; a tombstone says that it is erased."""

    topic: ClassVar[str] = CONTACTS
    key_field: ClassVar[str] = "person_id"
    person_id: UUID
    version: int
    name: Identity
    email: Identity | None = None
    phone: Identity | None = None
    language: Language = "da"
    channel: Channel = "email"


class SubGoalText(Value):
    sub_goal_id: UUID
    title: FreeText


class GoalText(Value):
    goal_id: UUID
    title: FreeText
    sub_goals: tuple[SubGoalText, ...] = ()


class CaseTexts(Event):
    """What was written about a case that others must show: the presentation and the goals."""

    topic: ClassVar[str] = CASE_TEXTS
    case_id: UUID
    version: int
    presentation: FreeText | None = None
    goals: tuple[GoalText, ...] = ()
