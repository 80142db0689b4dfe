"""Samples of what is said of enquiries: one of each kind, in groups of their own."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from services.intake.enquiring import AskEnquiry, ConfirmEnquiry, LapseEnquiry, SettleEnquiry, host_of
from services.intake.enquiry_form import Kind, Typed
from shared.contracts.model import derived_id
from shared.messages import Actor
from tests.builders import UNIT, Clock
from tests.unit.exploring import Sample, message
from tests.unit.staff_samples import handed_over

NOW = Clock().now
NOBODY = Actor("nobody", "service")
TYPED: dict[Kind, dict[str, Any]] = {
    "candidate": {"name": "Amina Eksempel", "given_name": "Amina", "family_name": "Eksempel"},
    "mentor": {"name": "Mads Mentor", "languages": ("da",)},
    "host": {"name": "Vera Vært", "host_kind": "association", "organisation": "Klubben"},
}
ROWS: dict[Kind, tuple[str, ...]] = {
    "candidate": ("referral", "case"),
    "mentor": ("mentor",),
    "host": ("host",),
}


def sealed(kind: Kind, **more: Any) -> str:
    said = TYPED[kind] | {"email": "amina@example.org", "programme": "foreningspraktik"} | more
    typed = Typed(kind=kind, unit=UNIT, language="da", asked_on=date(2026, 3, 2), **said)
    return f"sealed {typed.model_dump_json()}"


def bodies(
    kind: Kind, enquiry: UUID, person: UUID
) -> tuple[tuple[tuple[str, ...], tuple[BaseModel, ...]], ...]:
    asked = [
        AskEnquiry(
            enquiry_id=enquiry, person_id=person, unit=UNIT, contact_key="k", sealed=sealed(kind, **more)
        )
        for more in ({}, {"email": None, "phone": "+4570102030"}, {"postcode": "9000", "channel": "nonsense"})
    ]
    said: tuple[BaseModel, ...] = (
        SettleEnquiry(enquiry_id=enquiry, answer="taken"),
        SettleEnquiry(enquiry_id=enquiry, answer="declined", reason="age", told_by="phone"),
        LapseEnquiry(enquiry_id=enquiry),
    )
    called = ConfirmEnquiry(enquiry_id=enquiry, heard_by="phone")
    return (
        (("enquiry", "person", "unit"), tuple(asked)),
        (("enquiry", "person", "unit", *ROWS[kind]), (ConfirmEnquiry(enquiry_id=enquiry), called)),
        (("enquiry",), said),
        *handed_over(UNIT, enquiry=enquiry),
    )


def _samples(kind: Kind) -> tuple[Sample, ...]:
    enquiry, person = derived_id("sample", "enquiry", kind), derived_id("sample", "enquirer", kind)
    ids = {"enquiry": enquiry, "person": person, "mentor": person, "host": host_of(enquiry)}
    ids |= {name: derived_id("sample", kind, name) for name in ("referral", "case")}
    ids["unit"] = derived_id("unit", UNIT)
    return tuple(
        Sample(message(body, NOW, NOBODY), NOW, concerns, ids)
        for concerns, several in bodies(kind, enquiry, person)
        for body in several
    )


GROUPS = tuple(_samples(kind) for kind in TYPED)
