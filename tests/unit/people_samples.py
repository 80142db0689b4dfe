"""Samples of what is said about a person: corrected, merged, split, looked at, protected and erased."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from uuid import UUID

from pydantic import BaseModel

from services.intake.erasing import ErasedBefore, RetentionOver
from services.intake.people import HideWhereabouts
from shared.contracts.people_commands import (
    BreakGlass,
    CorrectPerson,
    ErasePerson,
    MergePersons,
    SplitPerson,
)
from shared.messages import Actor
from tests.unit.exploring import Sample, message

MUCH_LATER = timedelta(days=3650)
SEVERAL = {"referrals": "referral", "person_keys": "person_key"}
OF_A_CANDIDATE = ("person", "cases", "referrals", "person_keys")
OF_A_MENTOR = ("person", "mentor", "places")


def about(
    ids: Mapping[str, UUID], now: datetime, actor: Actor, concerns: tuple[str, ...] = OF_A_CANDIDATE
) -> tuple[Sample, ...]:
    """Everything that is said about the person of these samples."""
    id_, case = ids["person"], ids["case"]
    bodies: tuple[BaseModel, ...] = (
        CorrectPerson(person_id=id_, family_name="Rettet", email="ny@example.org", protected=True),
        CorrectPerson(person_id=id_, email="no address", phone="12"),
        HideWhereabouts(person_id=id_),
        BreakGlass(person_id=id_, reason="Ringer for en kollega"),
        MergePersons(person_id=id_, other_id=id_),
        SplitPerson(person_id=id_, case_id=case),
        ErasePerson(person_id=id_),
        RetentionOver(person_id=id_),
        ErasedBefore(person_id=id_, case_ids=(case,)),
    )
    later = now + MUCH_LATER
    return (
        *(Sample(message(body, now, actor), now, concerns) for body in bodies),
        Sample(message(RetentionOver(person_id=id_), later, actor), later, concerns),
    )
