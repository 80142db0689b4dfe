"""What intake remembers: one document per aggregate, and the state that a message meets.

Documents are values: a workflow answers with a changed copy. Fields marked `Identity` or `FreeText` are
what erasing blanks. A field is added with a default; anything else is a migration.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from services.intake.registers import Enquiry, Notice, Partner, Staff, UnitFile
from shared.contracts.intake import GoalText, Profile
from shared.contracts.intake_commands import ParallelActivity
from shared.contracts.model import (
    Channel,
    Code,
    FreeText,
    Hours,
    Identity,
    Language,
    Level,
    Location,
    Party,
    Value,
)

Gender = Literal["f", "m", "x"]


class Fault(Value):
    """Why a referral was refused; the words are put to it where it is shown."""

    code: str
    field: str


class Glass(Value):
    """Who broke the glass to look at somebody, why, and until when."""

    subject: str
    looker_id: UUID | None = None
    reason: FreeText
    until: datetime


class Referral(Value):
    """A referral (henvisning) under its publisher's reference. `sealed` is the document as it came.

    Only an accepted one holds its reference; of a refused one the reasons stand here, and the document
    itself in `refused_referral`.
    """

    id: UUID
    state: Literal["accepted", "refused", "erased"]
    source: str
    source_reference: str | None = None
    unit: str | None = None
    received_at: datetime
    digest: str | None = None
    sealed: str | None = None
    case_id: UUID | None = None
    faults: tuple[Fault, ...] = ()


class PersonKey(Value):
    """Who has a national id within one controller. The row's id is derived from its keyed hash."""

    id: UUID
    person_id: UUID


class Person(Value):
    """Who somebody is: a candidate, a guardian, a host's contact person or a mentor.

    `national_id` is sealed. `contact_version` rises with every change that `contacts-v1` is told of.
    """

    id: UUID
    state: Literal["known"] = "known"
    controller: str
    name: Identity
    given_name: Identity | None = None
    family_name: Identity | None = None
    national_id: Identity | None = None
    national_id_type: str | None = None
    birth_date: date | None = None
    gender: Gender | None = None
    email: Identity | None = None
    phone: Identity | None = None
    postcode: Identity | None = None
    language: Language = "da"
    channel: Channel = "email"
    protected: bool = False
    contact_version: int = 1
    merged_into: UUID | None = None
    glass: tuple[Glass, ...] = ()


class StepDone(Value):
    """A step of the preparation that was done, in the round it was done in, and what was written of it.

    `considered` says of each that the step asks about whether it is wished.
    """

    step: Code
    round: int
    on: date
    note: FreeText | None = None
    considered: Mapping[str, bool] = Field(default_factory=dict)


class Consent(Value):
    """A consent (samtykke) that was given or taken back, by whom, and how they were heard."""

    given: bool
    on: date
    given_by: Literal["candidate", "guardian"] = "candidate"
    heard_by: Code | None = None


class Certificate(Value):
    """That a certificate was ordered and shown, to whom and until when it holds; never what it says.

    `asked_on` is the day on which its holder was told that it can be ordered.
    """

    asked_on: date | None = None
    ordered_on: date | None = None
    shown_on: date | None = None
    shown_to: UUID | None = None
    valid_until: date | None = None

    def holds(self, on: date) -> bool:
        return self.shown_on is not None and (self.valid_until is None or self.valid_until >= on)

    @property
    def is_awaited(self) -> bool:
        """Whether one was ordered that has not been shown yet: once it is, `ordered_on` is taken back."""
        return self.ordered_on is not None and (self.shown_on is None or self.ordered_on >= self.shown_on)


class OpenStep(Value):
    """A step that can be done now, by whom, and the day on which it usually is.

    `taken_back`: it is a consent that was taken back while the placement runs.
    """

    step: Code
    who: Code
    before: Literal["match", "start"]
    due_on: date
    taken_back: bool = False


class Match(Value):
    """What matching said of the round's agreed match, the certificates that its place asks for, and the day
    on which it was heard of."""

    match_id: UUID
    proposal_id: UUID
    place_id: UUID
    host_id: UUID | None = None
    mentor_id: UUID | None = None
    starts_on: date
    parties: tuple[Party, ...] = ()
    required_certificates: tuple[Code, ...] = ()
    agreed_on: date | None = None


class CaseFile(Value):
    """A case (sag): one person's way through one programme in one unit.

    `paused_from` is the state that the case goes back to; `rests_unprepared` says that it rests only until
    what was done before holds again, and goes on by itself. `cleared` says that `StartCleared` of this round
    was told and still holds. `of_age_on` is the candidate's eighteenth birthday, `is_resident` whether they
    lived in the unit when that was known first; None while nobody knows it. `referral_says` is what was known
    otherwise of somebody known already, until staff have said which holds.
    `open_steps` follow from the rest (`open_steps.noting`) and are searched by, the first due first.
    """

    id: UUID
    state: Literal[
        "preparing",
        "ready",
        "matched",
        "started",
        "ended",
        "paused",
        "withdrawn",
        "declined",
        "erased",
    ] = "preparing"
    unit: str
    programme: Code
    rules_version: str
    round: int = 1
    round_began_on: date | None = None
    person_id: UUID
    guardian_id: UUID | None = None
    of_age_on: date | None = None
    is_resident: bool | None = None
    referral_says: Mapping[str, Identity] = Field(default_factory=dict)
    caseworker: UUID | None = None
    opened_at: datetime
    referred_on: date
    source: str
    source_reference: str
    reply_to_case: bool = False
    channel: Code
    partner_id: UUID | None = None
    target_group: Code | None = None
    situation: Code | None = None
    groups: tuple[Code, ...] = ()
    location: Location | None = None
    profile: Profile = Profile()
    presentation: FreeText | None = None
    foreign_qualification: FreeText | None = None
    foreign_recognition: Code | None = None
    experience: FreeText | None = None
    education: FreeText | None = None
    education_level: Code | None = None
    interests: FreeText | None = None
    options: tuple[Code, ...] = ()
    certificates_wished: tuple[Code, ...] = ()
    parallel_activities: tuple[ParallelActivity, ...] = ()
    job_in_prospect: bool | None = None
    goals: tuple[GoalText, ...] = ()
    texts_version: int = 0
    done: tuple[StepDone, ...] = ()
    consents: Mapping[str, Consent] = Field(default_factory=dict)
    certificates: Mapping[str, Certificate] = Field(default_factory=dict)
    waiting_since: date | None = None
    cleared: bool = False
    paused_from: Literal["preparing", "ready", "matched", "started"] | None = None
    rests_unprepared: bool = False
    reason: Code | None = None
    support: Code | None = None
    heard_by: Code | None = None
    match: Match | None = None
    chosen_by_candidate: bool = True
    ended_on: date | None = None
    open_steps: tuple[OpenStep, ...] = ()


class HostFile(Value):
    """A host (vært). `available` is one that staff have spoken with; the door leaves it `enquired`.

    What prepares it stands here: expectations in words, how it instructs, feedback, a buddy by name.
    """

    id: UUID
    state: Literal["enquired", "available", "declined", "retired"] = "available"
    unit: str
    kind: Literal["association", "company", "school"]
    name: Identity
    contact_person_id: UUID
    channel: Code | None = None
    postcode: str | None = None
    partner_id: UUID | None = None
    appetite: Code | None = None
    ask_again_on: date | None = None
    interviewed_on: date | None = None
    expectations: FreeText | None = None
    instruction: tuple[Code, ...] = ()
    feedback: FreeText | None = None
    buddy_id: UUID | None = None
    note: FreeText | None = None
    in_network: bool = False
    training_wished: tuple[Code, ...] = ()
    trained: tuple[Code, ...] = ()
    reason: Code | None = None
    support: Code | None = None
    heard_by: Code | None = None
    ended_on: date | None = None


class Mentor(Value):
    """A mentor; the id is the person's too. `available` is one who may be proposed."""

    id: UUID
    state: Literal["enquired", "interviewed", "available", "declined", "retired"] = "available"
    unit: str
    birth_date: date | None = None
    gender: Gender | None = None
    education_level: Code | None = None
    field: Code | None = None
    profession: Code | None = None
    channel: Code | None = None
    postcode: str | None = None
    host_id: UUID | None = None
    partner_id: UUID | None = None
    pay: Code | None = None
    languages: Mapping[str, Level] = Field(default_factory=dict)
    appetite: Code | None = None
    ask_again_on: date | None = None
    interviewed_on: date | None = None
    note: FreeText | None = None
    digital_mailbox: bool = False
    agreement_signed_on: date | None = None
    certificates: Mapping[str, Certificate] = Field(default_factory=dict)
    training_wished: tuple[Code, ...] = ()
    trained: tuple[Code, ...] = ()
    reason: Code | None = None
    support: Code | None = None
    heard_by: Code | None = None
    ended_on: date | None = None


class Place(Value):
    """A place (plads): an opening with a capacity. `resting` while its owner takes nobody."""

    id: UUID
    state: Literal["offered", "resting", "withdrawn"] = "offered"
    unit: str
    host_id: UUID | None = None
    mentor_id: UUID | None = None
    kind: Literal["association", "company", "school", "volunteer"]
    programmes: tuple[Code, ...]
    capacity: int = 1
    industries: tuple[Code, ...] = ()
    tasks: tuple[Code, ...] = ()
    location: Location | None = None
    hours_per_week: Hours | None = None
    times: tuple[Code, ...] = ()
    required_languages: Mapping[str, Level] = Field(default_factory=dict)
    spoken_languages: tuple[Code, ...] = ()
    helpers: tuple[Code, ...] = ()
    supported_needs: tuple[Code, ...] = ()
    required_certificates: tuple[Code, ...] = ()
    long_training: bool = False
    available_from: date | None = None
    available_to: date | None = None


@dataclass(frozen=True)
class State:
    """What a message meets: the rows it concerns, locked; None is what does not exist yet.

    The fields in the plural hold several rows of a kind, in the order of `ids`: a person's cases, a mentor's
    places. The last three are read alone: whom of the protected it is about, their cases, and who is on duty.
    """

    ids: Mapping[str, Any]
    referral: Referral | None = None
    person_key: PersonKey | None = None
    person: Person | None = None
    guardian: Person | None = None
    case: CaseFile | None = None
    host: HostFile | None = None
    mentor: Mentor | None = None
    place: Place | None = None
    partner: Partner | None = None
    staff: Staff | None = None
    unit: UnitFile | None = None
    enquiry: Enquiry | None = None
    notice: Notice | None = None
    other: Person | None = None
    cases: tuple[CaseFile | None, ...] = ()
    places: tuple[Place | None, ...] = ()
    referrals: tuple[Referral | None, ...] = ()
    person_keys: tuple[PersonKey | None, ...] = ()
    merged: tuple[Person | None, ...] = ()
    hosts: tuple[HostFile | None, ...] = ()
    partners: tuple[Partner | None, ...] = ()
    units: tuple[UnitFile | None, ...] = ()
    enquiries: tuple[Enquiry | None, ...] = ()
    mentors: tuple[Mentor | None, ...] = ()
    colleagues: tuple[Staff | None, ...] = ()
    seen: tuple[Person | None, ...] = ()
    seen_cases: tuple[CaseFile | None, ...] = ()
    on_duty: tuple[UnitFile | None, ...] = ()
