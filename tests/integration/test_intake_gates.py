"""What a gate lacks and what the day brings, on the pages and lists of a real service on PostgreSQL."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx

from shared.access import person_of
from shared.contracts.followup import PlacementEnded, PlacementStarted
from shared.contracts.intake_commands import (
    AgreeGoals,
    AssignCase,
    CompletePreparation,
    GoalInWords,
    RecordConsent,
    RecordInterview,
)
from shared.contracts.register_commands import RegisterHost, RegisterMentor, RetireHost, SetAppetite
from tests.servers.intake import CASEWORKER, NOW, Intake, as_, browser, intake, referral

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


async def today(client: httpx.AsyncClient, intake: Intake, subject: str) -> list[dict[str, Any]]:
    headers = as_(intake, "caseworker", subject=subject) | {"Accept": "application/json"}
    answer = await client.get("/intake/fragments/today?lang=en", headers=headers)
    found: list[dict[str, Any]] = answer.json()
    return found


async def test_a_consent_taken_back_while_the_placement_runs_is_on_the_caseworkers_list(
    intake: Intake, browser: httpx.AsyncClient
) -> None:
    case_id = await intake.case_of(referral())
    for body in (
        AssignCase(case_id=case_id, caseworker=person_of("test", "kirsten")),
        RecordInterview(case_id=case_id),
        CompletePreparation(case_id=case_id, step="expectations_aligned", note="Aftalt"),
        CompletePreparation(case_id=case_id, step="purpose_stated", note="Aftalt"),
    ):
        await intake.take(intake.of_staff(body, replace(CASEWORKER, person_id=person_of("test", "kirsten"))))
    ids: dict[str, Any] = {"placement_id": uuid4(), "place_id": uuid4(), "case_id": case_id, "round": 1}
    of = ids | {"unit": "DK-0169", "programme": "foreningspraktik", "rules_version": "2020-01-01"}
    await intake.take(intake.of_matching(PlacementStarted(**of, started_on=NOW.date())))
    assert await today(browser, intake, "kirsten") == []
    consent = RecordConsent(case_id=case_id, kind="participation", given=False)
    taken_back = intake.of_staff(consent)
    await intake.take(taken_back)
    (item,) = await today(browser, intake, "kirsten")
    assert item["href"] == f"/intake/cases/{case_id}"
    assert "was taken back" in item["text"] and "end the placement" in item["text"]
    said = "Taking part: the consent was taken back"
    for path in (f"/intake/cases/{case_id}", "/intake/waiting", "/intake/cases", "/intake/fragments/today"):
        assert said in await page(browser, intake, path, "en"), path
    assert "trukket tilbage" in await page(browser, intake, "/intake/fragments/today", "da")
    await intake.take(intake.of_staff(consent.model_copy(update={"given": True})))
    assert await today(browser, intake, "kirsten") == []
    await intake.take(intake.of_staff(consent))
    assert len(await today(browser, intake, "kirsten")) == 1
    ended = PlacementEnded(**of, how="completed", next_step="education")
    await intake.take(intake.of_matching(ended))
    assert await today(browser, intake, "kirsten") == []


async def test_who_said_not_now_is_on_the_units_list_from_the_day_on_which_they_are_asked_again(
    intake: Intake, browser: httpx.AsyncClient
) -> None:
    day = NOW.date() + timedelta(days=7)
    contact = {"name": "Vera Vært", "email": "vera@example.org"}
    host = {"unit": "DK-0169", "kind": "association", "name": "Klubben", "contact_person": contact}
    mentor = {"unit": "DK-0169", "contact": contact}
    (registered,) = await intake.take(intake.of_staff(RegisterHost.model_validate(host)))
    (another,) = await intake.take(intake.of_staff(RegisterMentor.model_validate(mentor)))
    who = {"host_id": registered.id}, {"mentor_id": another.id}
    for one in who:
        not_now = SetAppetite.model_validate({**one, "appetite": "not_now", "until": day})
        (outcome,) = await intake.take(intake.of_staff(not_now))
        assert outcome.kind == "done", outcome
    at(intake, NOW + timedelta(days=6))
    assert await today(browser, intake, "kirsten") == []
    at(intake, NOW + timedelta(days=7))
    found = await today(browser, intake, "kirsten")
    hrefs = {f"/intake/hosts/{registered.id}", f"/intake/mentors/{another.id}"}
    assert {(one["href"], one["urgency"]) for one in found} == {(href, "today") for href in hrefs}
    assert all("ask the" in one["text"] for one in found)
    at(intake, NOW + timedelta(days=9))
    assert {one["urgency"] for one in await today(browser, intake, "kirsten")} == {"overdue"}
    for href in hrefs:
        asked = await page(browser, intake, href, "en")
        assert "Ask again now" in asked and f'value="{day.isoformat()}"' not in asked
    for one in who:
        answered = SetAppetite.model_validate({**one, "appetite": "interested"})
        await intake.take(intake.of_staff(answered))
    assert await today(browser, intake, "kirsten") == []


def at(intake: Intake, moment: datetime) -> None:
    intake.host.service = replace(intake.host.service, clock=lambda: moment)


async def test_who_takes_part_no_more_is_not_asked_again(intake: Intake, browser: httpx.AsyncClient) -> None:
    contact = {"name": "Vera Vært", "email": "vera@example.org"}
    host = {"unit": "DK-0169", "kind": "association", "name": "Klubben", "contact_person": contact}
    (registered,) = await intake.take(intake.of_staff(RegisterHost.model_validate(host)))
    host_id = registered.id
    for body in (
        SetAppetite(host_id=host_id, appetite="not_now", until=NOW.date() + timedelta(days=1)),
        RetireHost(host_id=host_id, reason="no_time"),
    ):
        (outcome,) = await intake.take(intake.of_staff(body))
        assert outcome.kind == "done", outcome
    at(intake, NOW + timedelta(days=2))
    assert await today(browser, intake, "kirsten") == []
