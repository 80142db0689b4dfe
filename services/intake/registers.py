"""What intake remembers beside people and cases: partners, colleagues, units, and enquiries at its door.

Documents are values, one per aggregate; fields marked `Identity` or `FreeText` are what erasing blanks. A
field is added with a default; anything else is a migration.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Literal
from uuid import UUID

from pydantic import Field

from shared.contracts.model import Code, FreeText, Identity, Value
from shared.programmes import Programmes


class Agreement(Value):
    """What a partner and a unit agreed on (samarbejdsaftale), signed by management and staff.

    `dispute_order` are the steps that a dispute goes through before its end; none named, it goes through all.
    """

    signed_on: date
    valid_until: date | None = None
    partner_roles: FreeText
    interfaces: FreeText
    dispute_steps: FreeText
    dispute_order: tuple[Code, ...] = ()
    working_time: FreeText | None = None
    meeting_place: FreeText | None = None
    meeting_manner: FreeText | None = None
    management_backs: bool = False
    staff_back: bool = False
    union_backs: bool = False
    adds_to_professionals: bool = False

    def holds(self, on: date) -> bool:
        return self.signed_on <= on and (self.valid_until is None or on <= self.valid_until)


class DisputeStep(Value):
    """How far a disagreement has come, and when."""

    step: Code
    on: date
    about: FreeText | None = None


class Partner(Value):
    """A partner (samarbejdspartner): a jobcentre, a school, a company, an association."""

    id: UUID
    state: Literal["known"] = "known"
    unit: str
    kind: Code
    name: Identity
    status: Code = "contacted"
    contact_person_id: UUID | None = None
    agreement: Agreement | None = None
    dispute: tuple[DisputeStep, ...] = ()
    ended_on: date | None = None


class Staff(Value):
    """A colleague, or a group's mailbox. The id is the person's too, and what their sign-in gives them.

    `units` are all that their sign-in named; `unit` is the one they are a colleague of first.
    """

    id: UUID
    state: Literal["known"] = "known"
    unit: str
    units: tuple[str, ...] = ()
    roles: tuple[Code, ...]
    group_mailbox: bool = False
    trained: tuple[Code, ...] = ()


class Duty(Value):
    """Who is on duty, or stands in for somebody, from when until when."""

    person_id: UUID
    stands_in_for: UUID | None = None
    since: date
    until: date | None = None

    def holds(self, on: date) -> bool:
        return self.since <= on and (self.until is None or on <= self.until)


class RoleModel(Value):
    """Somebody who can be invited to tell of their own way (D)."""

    person_id: UUID
    industries: tuple[Code, ...] = ()
    languages: tuple[Code, ...] = ()


class UnitFile(Value):
    """A unit as intake keeps it: its coordination group, duty, role models, and whether it is closed.

    The row's id is `derived_id("unit", unit)`. What is counted by event (contacts, courses) leaves `counted`.
    """

    id: UUID
    state: Literal["open", "closed"] = "open"
    unit: str
    members: tuple[UUID, ...] = ()
    duty: tuple[Duty, ...] = ()
    role_models: tuple[RoleModel, ...] = ()
    counted: Mapping[str, int] = Field(default_factory=dict)
    closed_on: date | None = None
    handed_to: str | None = None
    new_caseworker: UUID | None = None


def ends_with(unit: UnitFile | None, programme: str, programmes: Programmes) -> bool:
    """Whether what is begun in a programme now would be left without an owner.

    So it is where the unit is closed or is to be, and the one that takes over does not have the programme.
    """
    if unit is None or unit.handed_to is None:
        return False
    return programme not in programmes.unit(unit.handed_to).programmes


class Enquiry(Value):
    """Somebody made contact at a unit's door. `sealed` is what they typed; it goes once it is taken up.

    `contact_key` is the keyed hash of the address or number, by which asking again is noticed. `registered`
    says that a mentor or a host came of it, `case_id` that a case did.
    """

    id: UUID
    state: Literal["asked", "confirmed", "taken", "declined", "lapsed"]
    unit: str
    kind: Literal["candidate", "mentor", "host"]
    person_id: UUID
    programme: Code | None = None
    channel: Code | None = None
    sealed: Identity | None = None
    contact_key: str | None = None
    notice_id: UUID | None = None
    partner_id: UUID | None = None
    by_email: bool = True
    asked_at: datetime
    answer_by: datetime
    confirmed_at: datetime | None = None
    heard_by: Code | None = None
    case_id: UUID | None = None
    registered: bool = False
    reason: Code | None = None
    support: Code | None = None
    told_by: Code | None = None


class Notice(Value):
    """A notice of matching's that a mentor is wanted (mentor søges): codes alone."""

    id: UUID
    state: Literal["up", "down"] = "up"
    unit: str
    programme: Code
    field: Code
    stage: Code
    task: Code
    industries: tuple[Code, ...] = ()
    profession: Code | None = None
    education_level: Code | None = None
    languages: tuple[Code, ...] = ()
    times: tuple[Code, ...] = ()
    wished_mentor_gender: Literal["f", "m", "x"] | None = None
    partners: tuple[UUID, ...] = ()
    on_enquiry_page: bool = True
    published_on: date
