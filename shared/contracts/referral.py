"""The referral (henvisning), as other systems send it and as staff type it in.

The document is read leniently by `services.intake.referral`, which gives every reason at once; this
model says what a right one looks like, and is what OpenAPI and the JSON Schema show.
"""

from __future__ import annotations

from datetime import date
from typing import Any, ClassVar, Literal
from uuid import UUID

from pydantic import Field

from shared.contracts.intake_commands import REFERRERS
from shared.contracts.model import Code, Command, Event, Identity, Language, Name, Value, Wish
from shared.contracts.topics import REFERRALS


class Candidate(Value):
    """Who is referred. Only the two names are required; what is missing is asked at the interview."""

    national_id: Identity | None = None
    national_id_type: Literal["DK-CPR", "NO-FNR", "NO-DNR"] | None = None
    given_name: Name
    family_name: Name
    birth_date: date | None = None
    gender: Literal["f", "m", "x"] | None = None
    email: Identity | None = None
    phone: Identity | None = None
    postcode: Identity | None = None
    language: Language = "da"
    protected: bool = False
    situation: Code | None = None
    target_group: Code | None = None


class SchoolPreconditions(Value):
    """What a school must answer for (B): the pupil each time, the rest once by the partner's agreement."""

    management_backs: bool = False
    staff_back: bool = False
    union_backs: bool = False
    pupil_able: bool = False
    adds_to_professionals: bool = False


class Guardian(Value):
    """Who answers for a candidate under 18."""

    name: Name
    email: Identity | None = None
    phone: Identity | None = None
    language: Language = "da"


class Referral(Event):
    """A citizen referred to a programme in a unit (`makker.Referral.v1`)."""

    topic: ClassVar[str] = REFERRALS
    key_field: ClassVar[str] = "source_reference"

    source_reference: str = Field(min_length=1, max_length=200)
    programme: str
    unit: str
    channel: Code
    referred_on: date
    candidate: Candidate
    chosen_by_candidate: bool
    groups: tuple[Code, ...] = ()
    needs: tuple[Code, ...] = ()
    wishes: tuple[Wish, ...] = ()
    partner_id: UUID | None = None
    school: SchoolPreconditions | None = None
    guardian: Guardian | None = None
    reply_to_case: bool = False


class RegisterReferral(Command):
    """The same document typed in by staff, or sent by a publisher over HTTP.

    `referral` is the document as it came; every fault in it is answered by its reason.
    `source` is set by the door: the authenticated publisher, or the unit's own staff.
    """

    service: ClassVar[str] = "intake"
    roles: ClassVar[frozenset[str]] = REFERRERS
    referral: dict[str, Any]
