"""What happens in a corps of role models: colleagues, cases and timers."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from services.intake.closing import LEFT
from shared import timers
from shared.contracts.intake_commands import (
    AgreeGoals,
    ContactDetails,
    GoalInWords,
    RecordCertificateShown,
    RecordConsent,
    RecordInterview,
)
from shared.contracts.model import Command, match_id
from shared.contracts.people_commands import RegisterStaff
from shared.messages import Actor, Outcome
from tests.servers.corps import AALBORG, actor, two_corps
from tests.servers.intake import Intake, browser, intake, referral
from tests.unit.intake_story import done as done_by_saying

__all__ = ["browser", "intake", "two_corps"]

OPEN = ("preparing", "ready", "matched", "started", "paused")
MANAGER = actor("project_manager")
BY_EMAIL = ContactDetails(name="Vera Vært", email="vera@example.org")


async def ask(intake: Intake, command: Any, by: Actor = MANAGER) -> Outcome:
    (outcome,) = await intake.take(intake.of_staff(command, by))
    return outcome


async def registered(intake: Intake, name: str, unit: str = AALBORG, *roles: str) -> UUID:
    said = RegisterStaff(
        unit=unit,
        contact=ContactDetails(name=name, email=f"{name.lower()}@example.org"),
        staff_roles=roles or ("coordinator",),
        subject=name,
        issuer="test",
    )
    outcome = await ask(intake, said)
    assert outcome.kind == "done", outcome
    return UUID(str(outcome.answer["staff_id"]))


async def mentored(intake: Intake, reference: str) -> UUID:
    return await intake.case_of(
        referral(
            reference,
            programme="mentorskab",
            unit=AALBORG,
            candidate__national_id=None,
            candidate__national_id_type=None,
            candidate__birth_date="1999-07-07",
            candidate__postcode="9000",
            candidate__target_group=None,
        )
    )


async def prepared(intake: Intake, case_id: UUID) -> None:
    """Everything is done that the programme asks for, whatever the order its steps have."""
    doc = await intake.pool.fetchval("SELECT doc->>'rules_version' FROM case_file WHERE id = $1", case_id)
    rules = intake.host.service.programmes.version("mentorskab", AALBORG, doc)
    goals = (GoalInWords(title="Tage uddannelse"),)
    for _ in rules.preparation:
        for step in rules.preparation:
            done: dict[str, Command] = {
                "interview": RecordInterview(case_id=case_id),
                "goals": AgreeGoals(case_id=case_id, goals=goals),
                "consent": RecordConsent(case_id=case_id, kind=step.code),
                "certificate": RecordCertificateShown(case_id=case_id, kind=step.code),
            }
            await ask(intake, done.get(step.kind, done_by_saying(case_id, step)))


async def run_timers(intake: Intake) -> None:
    while await timers.run_due(intake.host.service):
        pass


async def left_in(intake: Intake, unit: str) -> dict[str, int]:
    return {
        kind: await intake.pool.fetchval(
            f"SELECT count(*) FROM {left.table} WHERE unit = $1 AND doc IS NOT NULL "
            "AND coalesce(doc->>'state', '') <> ALL($2::text[])",
            unit,
            list(left.over),
        )
        for kind, left in LEFT.items()
    }


def of_round(case_id: UUID) -> dict[str, Any]:
    place = {"placement_id": match_id(case_id, 1), "place_id": uuid4()}
    about = {"unit": AALBORG, "programme": "mentorskab", "case_id": case_id, "rules_version": "2020-01-01"}
    return about | place | {"match_id": place["placement_id"], "proposal_id": uuid4(), "hours_per_week": 2}
