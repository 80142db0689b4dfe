"""Samples of what is said of colleagues and units: a corps, and its twin that takes over when it closes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from services.intake.closing import CloseOnTheDay, HandOver, LookForLeft
from services.intake.staffing import StaffSeen, unit_row
from shared.contracts.intake_commands import ContactDetails
from shared.contracts.model import derived_id
from shared.contracts.people_commands import (
    CloseUnit,
    RegisterRoleModel,
    RegisterStaff,
    SetDuty,
    SetGroupMembers,
)
from shared.contracts.register_commands import RecordContact, RecordTraining, RequestTraining
from shared.messages import Actor
from shared.programmes import Programmes, load
from tests.builders import TODAY, Clock
from tests.servers.corps import AALBORG, HJOERRING, with_twin
from tests.unit.exploring import Sample, message

Bodies = tuple[tuple[tuple[str, ...], tuple[BaseModel, ...]], ...]
NOW = Clock().now
SOON = TODAY + timedelta(days=7)
JONAS, OTHER = derived_id("sample", "jonas"), derived_id("sample", "another colleague")
MAJA = Actor("maja", "staff", derived_id("sample", "maja"), units=frozenset({AALBORG, HJOERRING}))
BY_EMAIL = ContactDetails(name="Jonas Prøve", email="jonas@example.org")
SEVERAL = {
    "places": "place",
    "cases": "case",
    "hosts": "host",
    "mentors": "mentor",
    "partners": "partner",
    "enquiries": "enquiry",
    "colleagues": "staff",
    "units": "twin",
}
LEFT = ("hosts", "mentors", "places", "partners", "enquiries", "colleagues", "cases")
REGISTERED: dict[str, Any] = {"staff_id": JONAS, "unit": AALBORG, "contact": BY_EMAIL}
CLOSING: dict[str, Any] = {"unit": AALBORG, "hand_over_to": HJOERRING, "caseworker": MAJA.person_id}


def rules() -> Programmes:
    return with_twin(load(), AALBORG, HJOERRING)


def handing(unit: str, kind: Any, id_: UUID) -> HandOver:
    """To the very unit it has, as what follows from it is the same."""
    return HandOver(kind=kind, id=id_, unit=unit, to=unit, caseworker=OTHER)


def handed_over(unit: str, **things: UUID) -> Bodies:
    return tuple(
        ((kind,), (handing(unit, kind, id_), handing("DK-0000", kind, id_))) for kind, id_ in things.items()
    )


BODIES: Bodies = (
    (
        ("staff", "person"),
        (
            RegisterStaff(**REGISTERED, staff_roles=("coordinator",)),
            RegisterStaff(**REGISTERED, staff_roles=("nonsense",)),
            RegisterStaff(**REGISTERED, staff_roles=("coordinator",), group_mailbox=True, subject="jonas"),
            StaffSeen(staff_id=JONAS, name="Jonas Prøve", roles=("coordinator",), units=(AALBORG,)),
            StaffSeen(staff_id=JONAS, name="Jonas Prøve", roles=("coordinator",), units=()),
        ),
    ),
    (("unit", "colleagues"), (SetDuty(unit=AALBORG, person_id=JONAS, until=SOON),)),
    (("unit", "colleagues"), (SetGroupMembers(unit=AALBORG, members=(JONAS, OTHER)),)),
    (("unit", "person"), (RegisterRoleModel(unit=AALBORG, contact=BY_EMAIL),)),
    (
        ("unit", "units", "cases", "staff"),
        (
            CloseUnit(**CLOSING),
            CloseUnit(**CLOSING, closes_on=SOON),
            CloseUnit(**CLOSING, called_off=True),
            CloseUnit(**CLOSING | {"unit": "x"}),
        ),
    ),
    (("unit", "units"), (CloseOnTheDay(unit=AALBORG, to=HJOERRING, closes_on=SOON),)),
    (("unit", *LEFT), (LookForLeft(unit=AALBORG), LookForLeft(unit=AALBORG, times=3))),
    *handed_over(AALBORG, staff=JONAS),
    (
        ("unit",),
        (
            RecordContact(unit=AALBORG, channel="library"),
            RecordTraining(unit=AALBORG, topics=("reception",)),
            RequestTraining(topics=("reception",)),
        ),
    ),
)
GROUP = tuple(
    Sample(
        message(body, NOW, MAJA),
        NOW,
        concerns,
        {
            "unit": unit_row(AALBORG),
            "twin": unit_row(HJOERRING),
            "staff": JONAS,
            "person": JONAS,
            "enquiry": derived_id("sample", "enquiry"),
        },
    )
    for concerns, bodies in BODIES
    for body in bodies
)
