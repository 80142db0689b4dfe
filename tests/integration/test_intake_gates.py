"""What a gate lacks and what the day brings, on the pages and lists of a real service on PostgreSQL."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import httpx

from shared.contracts.intake_commands import AgreeGoals, GoalInWords, RecordConsent, RecordInterview
from tests.servers.intake import Intake, as_, browser, intake, referral

__all__ = ["browser", "intake"]

UNNUMBERED: dict[str, Any] = {"candidate__national_id": None, "candidate__national_id_type": None}
DEVELOPING: dict[str, Any] = {"programme": "udviklingspraktik", "candidate__target_group": "cash_benefit"}


async def page(client: httpx.AsyncClient, intake: Intake, path: str, language: str) -> str:
    answer = await client.get(f"{path}?lang={language}", headers=as_(intake, "caseworker"))
    assert answer.status_code == 200, answer.text
    return answer.text


async def steps(client: httpx.AsyncClient, intake: Intake, case_id: UUID) -> dict[str, dict[str, Any]]:
    path = f"/intake/api/cases/{case_id}/why-not-yet"
    why = (await client.get(path, headers=as_(intake, "caseworker"))).json()
    return {step["code"]: step for step in why["steps"]}


async def test_why_not_yet_names_the_sub_goal_that_is_missing(
    intake: Intake, browser: httpx.AsyncClient
) -> None:
    case_id = await intake.case_of(referral(**DEVELOPING))
    await intake.take(intake.of_staff(RecordInterview(case_id=case_id)))

    async def agreed(*sub_goals: str) -> None:
        goal = GoalInWords(title="Møde til tiden", sub_goals=sub_goals)
        await intake.take(intake.of_staff(AgreeGoals(case_id=case_id, goals=(goal,))))

    await agreed()
    assert (await steps(browser, intake, case_id))["goals"]["lacks"] == "sub_goal"
    for path in (f"/intake/cases/{case_id}", f"/intake/cases/{case_id}/why-not-yet"):
        assert "Der skal være aftalt mindst ét delmål" in await page(browser, intake, path, "da")
        assert "Det må være avtalt minst ett delmål" in await page(browser, intake, path, "nb")
        assert "At least one sub-goal must have been agreed" in await page(browser, intake, path, "en")
    await agreed("Tage bussen")
    assert "goals" not in await steps(browser, intake, case_id)


async def test_who_answers_for_the_candidate_is_found_out_before_they_consent(
    intake: Intake, browser: httpx.AsyncClient
) -> None:
    case_id = await intake.case_of(referral(**UNNUMBERED, candidate__birth_date=None))
    consent = RecordConsent(case_id=case_id, kind="guardian_consent", given_by="guardian")
    said: tuple[dict[str, Any], ...] = (
        {},
        {"birth_date": "2009-11-30"},
        {"guardian": {"name": "Gerda Værge", "phone": "70102030"}},
    )
    words = (
        "First record the candidate&#39;s birth date",
        "First say who the guardian is",
        "Can be done now",
    )
    for interview, lacks, text in zip(said, ("birth_date", "guardian", None), words, strict=True):
        (refused,) = await intake.take(intake.of_staff(consent))
        assert refused.kind == "refused" and refused.reason == "guardian_unknown"
        told = RecordInterview.model_validate({"case_id": case_id, **interview})
        (outcome,) = await intake.take(intake.of_staff(told))
        assert outcome.kind == "done", outcome
        step = (await steps(browser, intake, case_id))["guardian_consent"]
        assert (step["lacks"], step["who"]) == (lacks, "caseworker" if lacks else "guardian")
        assert text in await page(browser, intake, f"/intake/cases/{case_id}/why-not-yet", "en")
        assert (await page(browser, intake, f"/intake/cases/{case_id}", "en")).count(text) == (
            lacks is not None
        )
    (outcome,) = await intake.take(intake.of_staff(consent))
    assert outcome.kind == "done"
    assert "guardian_consent" not in await steps(browser, intake, case_id)
