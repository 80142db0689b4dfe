"""Whom one may not see, one may not change: commands about the protected, through intake on PostgreSQL."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.intake.staffing import unit_row
from shared.access import person_of
from shared.contracts.intake_commands import AssignCase, ContactDetails, PauseCase, RecordInterview
from shared.contracts.people_commands import BreakGlass, CorrectPerson, ErasePerson, MergePersons, SplitPerson
from shared.contracts.referral import RegisterReferral
from shared.contracts.register_commands import OfferPlace, RegisterMentor
from shared.messages import Actor, Outcome
from tests.servers.intake import CASEWORKER, Intake, intake, referral

__all__ = ["intake"]

JONAS, MAJA = (person_of("test", name) for name in ("jonas", "maja"))
MANAGER = replace(CASEWORKER, subject="peter", person_id=uuid4(), roles=frozenset({"project_manager"}))


def by(subject: str, *roles: str) -> Actor:
    return replace(
        CASEWORKER,
        subject=subject,
        person_id=person_of("test", subject),
        roles=frozenset(roles or ("caseworker",)),
    )


async def ask(intake: Intake, body: Any, actor: Actor) -> Outcome:
    (outcome,) = await intake.take(intake.of_staff(body, actor))
    return outcome


async def opened(intake: Intake, reference: str = "one", *, protected: bool = True) -> tuple[UUID, UUID]:
    """A case of Jonas's, and its person."""
    number: dict[str, Any] = {"candidate__national_id": None, "candidate__national_id_type": None}
    case_id = await intake.case_of(referral(reference, candidate__protected=protected, **number))
    for colleague in (JONAS, MAJA):
        await intake.knows(colleague)
    assert (await ask(intake, AssignCase(case_id=case_id, caseworker=JONAS), MANAGER)).kind == "done"
    return case_id, await intake.pool.fetchval("SELECT person_id FROM case_file WHERE id = $1", case_id)


async def test_nothing_can_be_asked_about_a_protected_person_by_whoever_may_not_see_them(
    intake: Intake,
) -> None:
    (case_id, person_id), (_, other) = await opened(intake), await opened(intake, "two", protected=False)
    bodies = (
        AssignCase(case_id=case_id, caseworker=MAJA),
        AssignCase(case_id=case_id, caseworker=JONAS),
        RecordInterview(case_id=case_id, presentation="Ny tekst"),
        PauseCase(case_id=case_id, reason="illness"),
        CorrectPerson(person_id=person_id, protected=False),
        MergePersons(person_id=person_id, other_id=other),
        MergePersons(person_id=other, other_id=person_id),
        SplitPerson(person_id=person_id, case_id=case_id),
        ErasePerson(person_id=person_id),
    )
    before = await intake.pool.fetchval("SELECT count(*) FROM outbox")
    for actor in (by("maja"), by("karl", "coordinator", "coach")):
        for body in bodies:
            outcome = await ask(intake, body, actor)
            assert (outcome.kind, outcome.reason) == ("refused", "protected_person"), body
            assert outcome.refusal is not None and outcome.refusal.status == 403
    assert await intake.pool.fetchval("SELECT count(*) FROM outbox") == before
    assert (await ask(intake, bodies[2], by("jonas"))).kind == "done"
    assert (await ask(intake, bodies[4], MANAGER)).kind == "done"
    assert (await ask(intake, bodies[2], by("maja"))).kind == "done"


async def test_whoever_stands_in_or_broke_the_glass_may_do_it_too(intake: Intake) -> None:
    case_id, person_id = await opened(intake)
    said = RecordInterview(case_id=case_id, presentation="Ny tekst")
    assert (await ask(intake, said, by("maja"))).reason == "protected_person"
    assert (await ask(intake, BreakGlass(person_id=person_id, reason="Syg"), by("maja"))).kind == "done"
    assert (await ask(intake, said, by("maja"))).kind == "done"
    duty = {"person_id": str(person_of("test", "siri")), "stands_in_for": str(JONAS), "since": "2026-11-20"}
    unit_file = {"id": str(unit_row("DK-0169")), "unit": "DK-0169", "duty": [duty]}
    assert (await ask(intake, said, by("siri"))).reason == "protected_person"
    await intake.pool.execute(
        "INSERT INTO unit_file (id, version, doc) VALUES ($1, 1, $2) "
        "ON CONFLICT (id) DO UPDATE SET doc = EXCLUDED.doc, version = 1",
        unit_row("DK-0169"),
        json.dumps(unit_file),
    )
    assert (await ask(intake, said, by("siri"))).kind == "done"


@pytest.mark.parametrize(("role", "kind"), [("caseworker", "done"), ("coordinator", "refused")])
async def test_while_nobody_has_the_case_a_caseworker_takes_it(intake: Intake, role: str, kind: str) -> None:
    case_id = await intake.case_of(referral(candidate__protected=True))
    outcome = await ask(intake, AssignCase(case_id=case_id, caseworker=MAJA), by("maja", role))
    assert outcome.kind == kind


async def test_a_referral_about_somebody_protected_is_taken_from_anybody(intake: Intake) -> None:
    """A refusal would tell that they are known."""
    await intake.case_of(referral("one", candidate__protected=True))
    typed_in = RegisterReferral.model_construct(referral=referral("two"), version=None)
    outcome = await ask(intake, typed_in, by("karl", "coordinator"))
    assert outcome.kind == "done" and outcome.answer["case_id"]


async def mentor(intake: Intake) -> UUID:
    contact = ContactDetails(name="Mona Mentor", email="mona@example.org")
    said = RegisterMentor(unit="DK-0169", contact=contact, postcode="2630")
    outcome = await ask(intake, said, CASEWORKER)
    id_ = UUID(str(outcome.answer["mentor_id"]))
    assert (await ask(intake, CorrectPerson(person_id=id_, protected=True), CASEWORKER)).kind == "done"
    return id_


async def test_a_protected_mentor_is_changed_by_those_alone_who_see_them(intake: Intake) -> None:
    said = OfferPlace(mentor_id=await mentor(intake), programmes=("foreningspraktik",))
    assert (await ask(intake, said, by("karl", "coordinator"))).reason == "protected_person"
