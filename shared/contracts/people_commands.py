"""What intake can be asked about people, staff and units."""

from __future__ import annotations

from datetime import date
from typing import ClassVar, Literal
from uuid import UUID

from pydantic import Field

from shared.contracts.intake_commands import ContactDetails, IntakeCommand
from shared.contracts.model import STAFF, Channel, Code, FreeText, Identity, Language, Name

CASEWORK = frozenset({"caseworker", "project_manager"})
PROJECT = frozenset({"project_manager"})
SEES_MORE = STAFF | {"network", "psychologist"}


class CorrectPerson(IntakeCommand):
    """What is known of a person was wrong or has changed; what is said replaces it."""

    service: ClassVar[str] = "intake"
    person_id: UUID
    given_name: Name | None = None
    family_name: Name | None = None
    name: Name | None = Field(default=None, description="Of those who are known by one name alone.")
    national_id: Identity | None = None
    national_id_type: Literal["DK-CPR", "NO-FNR", "NO-DNR"] | None = None
    birth_date: date | None = None
    gender: Literal["f", "m", "x"] | None = None
    email: Identity | None = None
    phone: Identity | None = None
    postcode: Identity | None = None
    language: Language | None = None
    channel: Channel | None = None
    protected: bool | None = None


class MergePersons(IntakeCommand):
    """Two are one: the cases of `other_id` become those of `person_id`."""

    service: ClassVar[str] = "intake"
    roles: ClassVar[frozenset[str]] = CASEWORK
    person_id: UUID
    other_id: UUID


class SplitPerson(IntakeCommand):
    """One was two: this case is another person's."""

    service: ClassVar[str] = "intake"
    roles: ClassVar[frozenset[str]] = CASEWORK
    person_id: UUID
    case_id: UUID


class ErasePerson(IntakeCommand):
    """Erase a person here and in every other service, for good."""

    service: ClassVar[str] = "intake"
    roles: ClassVar[frozenset[str]] = CASEWORK
    work_follows: ClassVar[bool] = True
    person_id: UUID


class BreakGlass(IntakeCommand):
    """Look at somebody whom one may not see otherwise, for a while, with a reason that is kept."""

    service: ClassVar[str] = "intake"
    roles: ClassVar[frozenset[str]] = SEES_MORE
    person_id: UUID
    reason: FreeText = Field(min_length=3, max_length=1000)


class RegisterStaff(IntakeCommand):
    """A colleague who has not signed in yet, or a group's mailbox. Without `staff_id` a new one is made."""

    service: ClassVar[str] = "intake"
    roles: ClassVar[frozenset[str]] = PROJECT
    staff_id: UUID | None = None
    unit: str
    contact: ContactDetails
    staff_roles: tuple[Code, ...] = Field(min_length=1)
    group_mailbox: bool = False
    subject: Identity | None = Field(default=None, description="How the sign-in names them.")
    issuer: str | None = None


class SetGroupMembers(IntakeCommand):
    """The two to five volunteers who coordinate in a town (B)."""

    service: ClassVar[str] = "intake"
    roles: ClassVar[frozenset[str]] = PROJECT | {"coordinator"}
    unit: str
    members: tuple[UUID, ...] = Field(min_length=2, max_length=5)


class SetDuty(IntakeCommand):
    """Who is on duty, or stands in for somebody, from when until when."""

    service: ClassVar[str] = "intake"
    unit: str
    person_id: UUID
    stands_in_for: UUID | None = None
    since: date | None = None
    until: date | None = None


class RegisterRoleModel(IntakeCommand):
    """Somebody who can be invited to tell of their own way (D). Without `person_id` a new one is made."""

    service: ClassVar[str] = "intake"
    unit: str
    person_id: UUID | None = None
    contact: ContactDetails
    industries: tuple[Code, ...] = ()
    languages: tuple[Code, ...] = ()
    removed: bool = Field(default=False, description="They are no role model any more.")


class CloseUnit(IntakeCommand):
    """Close a unit, or a corps in a town: all that it has goes to another, each case with a new owner."""

    service: ClassVar[str] = "intake"
    roles: ClassVar[frozenset[str]] = PROJECT
    work_follows: ClassVar[bool] = True
    unit: str
    hand_over_to: str
    caseworker: UUID | None = Field(default=None, description="The new owner; else whoever asks.")
    closes_on: date | None = None
    called_off: bool = Field(default=False, description="The closing that is planned is taken back.")
