"""Nobody is kept longer than their programme says: intake on PostgreSQL, with a clock that is moved."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from shared import timers
from shared.contracts.intake_commands import ContactDetails, ReopenCase, WithdrawCase
from shared.contracts.register_commands import (
    RegisterMentor,
    RegisterPartner,
    RetireMentor,
    SignCooperationAgreement,
)
from shared.messages import Message
from tests.servers.intake import CASEWORKER, EXAMPLE, NOW, Intake, intake, referral

__all__ = ["intake"]

FIVE_YEARS = timedelta(days=5 * 365 + 2)
"""What the sample programme keeps people for, and a day."""


async def moved(intake: Intake, to: datetime) -> None:
    """What falls due until then has run."""
    intake.host.service = replace(intake.host.service, clock=lambda: to)
    while await timers.run_due(intake.host.service):
        pass


async def withdrawn(intake: Intake, case_id: UUID) -> None:
    message: Message = intake.of_staff(WithdrawCase(case_id=case_id, reason="moved"))
    (outcome,) = await intake.take(message)
    assert outcome.kind == "done", outcome.reason


async def states(intake: Intake) -> set[str]:
    return {row["state"] for row in await intake.pool.fetch("SELECT state FROM case_file")}


async def test_a_person_is_erased_when_the_time_after_their_last_case_is_over(intake: Intake) -> None:
    await withdrawn(intake, await intake.case_of(EXAMPLE))
    await moved(intake, NOW + timedelta(days=5 * 365 - 2))
    assert await states(intake) == {"withdrawn"}
    assert await intake.count("person") == 1
    await moved(intake, NOW + FIVE_YEARS)
    assert await states(intake) == {"erased"}
    assert await intake.count("person") == 0
    told = await intake.pool.fetchval("SELECT count(*) FROM outbox WHERE type = 'SubjectErased'")
    assert told == 2
    assert await intake.pool.fetchval("SELECT count(*) FROM timer WHERE type = 'RetentionOver'") == 0


async def test_whoever_has_begun_something_since_is_kept_until_that_is_over(intake: Intake) -> None:
    await withdrawn(intake, await intake.case_of(EXAMPLE))
    second = await intake.case_of(referral("second"))
    await moved(intake, NOW + FIVE_YEARS)
    assert await intake.count("person") == 1
    await withdrawn(intake, second)
    await moved(intake, NOW + FIVE_YEARS + timedelta(days=30))
    assert await states(intake) == {"withdrawn"}
    await moved(intake, NOW + 2 * FIVE_YEARS)
    assert await states(intake) == {"erased"}


async def test_of_two_cases_the_one_that_is_kept_longest_counts(intake: Intake) -> None:
    first, second = await intake.case_of(EXAMPLE), await intake.case_of(referral("second"))
    await withdrawn(intake, first)
    await moved(intake, NOW + timedelta(days=400))
    await withdrawn(intake, second)
    await moved(intake, NOW + FIVE_YEARS)
    assert await states(intake) == {"withdrawn"}
    await moved(intake, NOW + FIVE_YEARS + timedelta(days=401))
    assert await states(intake) == {"erased"}


async def test_a_case_that_is_opened_again_is_kept(intake: Intake) -> None:
    case_id = await intake.case_of(EXAMPLE)
    await withdrawn(intake, case_id)
    await intake.take(intake.of_staff(ReopenCase(case_id=case_id, reason="wants_again")))
    await moved(intake, NOW + FIVE_YEARS)
    assert await states(intake) == {"preparing"}
    assert await intake.count("person") == 1


async def test_a_guardian_is_erased_with_the_case_they_had_a_part_in(intake: Intake) -> None:
    guardian = {"name": "Gerda Værge", "email": "gerda@example.org", "language": "da"}
    await withdrawn(intake, await intake.case_of(referral(guardian=guardian)))
    assert await intake.count("person") == 2
    await moved(intake, NOW + FIVE_YEARS)
    assert await intake.count("person") == 0


async def test_a_mentor_who_has_stopped_is_erased_after_the_unit_s_longest_time(intake: Intake) -> None:
    contact = ContactDetails(name="Mona Mentor", email="mona@example.org")
    (outcome,) = await intake.take(intake.of_staff(RegisterMentor(unit="DK-0169", contact=contact)))
    retires = RetireMentor(mentor_id=UUID(str(outcome.answer["mentor_id"])), reason="no_time")
    (retired,) = await intake.take(intake.of_staff(retires))
    assert retired.kind == "done", retired.reason
    await moved(intake, NOW + timedelta(days=5 * 365 - 2))
    assert await intake.count("mentor") == 1
    await moved(intake, NOW + FIVE_YEARS)
    assert await intake.count("mentor") == await intake.count("person") == 0


async def test_a_partner_s_contact_is_erased_when_the_time_after_the_agreement_is_over(
    intake: Intake,
) -> None:
    contact = ContactDetails(name="Kurt Kontakt", email="kurt@example.org")
    registers = RegisterPartner(unit="DK-0169", kind="jobcentre", name="Jobcentret", contact_person=contact)
    (outcome,) = await intake.take(intake.of_staff(registers))
    texts = dict.fromkeys(("partner_roles", "interfaces", "dispute_steps"), "Aftalt")
    signs = SignCooperationAgreement(
        partner_id=UUID(str(outcome.answer["partner_id"])),
        valid_until=(NOW + timedelta(days=365)).date(),
        signed_by_management=True,
        signed_by_staff=True,
        **texts,
    )
    manager = replace(CASEWORKER, roles=frozenset({"project_manager"}))
    (signed,) = await intake.take(intake.of_staff(signs, manager))
    assert signed.kind == "done", signed.reason
    await moved(intake, NOW + FIVE_YEARS)
    assert await intake.count("person") == 1
    await moved(intake, NOW + FIVE_YEARS + timedelta(days=366))
    assert await intake.count("person") == 0
    assert await intake.count("partner") == 1


async def test_the_contact_of_somebody_who_is_no_partner_any_more_is_kept_as_long_as_others_are(
    intake: Intake,
) -> None:
    contact = ContactDetails(name="Kurt Kontakt", email="kurt@example.org")
    registers = RegisterPartner(unit="DK-0169", kind="jobcentre", name="Jobcentret", contact_person=contact)
    (outcome,) = await intake.take(intake.of_staff(registers))
    partner_id = UUID(str(outcome.answer["partner_id"]))
    for status in ("declined", "in_dialogue", "ended"):
        said = registers.model_copy(update={"partner_id": partner_id, "status": status})
        body = RegisterPartner.model_validate(said.model_dump())
        (outcome,) = await intake.take(intake.of_staff(body))
        assert outcome.kind == "done", outcome.reason
    await moved(intake, NOW + timedelta(days=5 * 365 - 2))
    assert await intake.count("person") == 1
    await moved(intake, NOW + FIVE_YEARS)
    assert await intake.count("person") == 0
