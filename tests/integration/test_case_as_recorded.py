"""What staff record of a case can be read and corrected on its page, and read over HTTP."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import httpx

from shared.contracts.intake_commands import CompletePreparation, RecordInterview
from tests.servers.intake import Intake, as_, browser, intake, referral

__all__ = ["browser", "intake"]

MENTORS = ("personal_mentor", "workplace_mentor")


async def ask(intake: Intake, *bodies: Any) -> None:
    for body in bodies:
        (outcome,) = await intake.take(intake.of_staff(body))
        assert outcome.kind == "done", (type(body).__name__, outcome)


async def page(intake: Intake, browser: httpx.AsyncClient, path: str, language: str = "da") -> str:
    headers = as_(intake, "caseworker") | {"Accept-Language": language, "Accept": "text/html"}
    answer = await browser.get(path, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.text


async def post(intake: Intake, browser: httpx.AsyncClient, command: str, **fields: str) -> httpx.Response:
    headers = as_(intake, "caseworker") | {"Accept-Language": "da", "Accept": "text/html"}
    data = {"Idempotency-Key": str(uuid4()), "return_to": "/intake/cases"} | fields
    return await browser.post(f"/intake/api/commands/{command}", data=data, headers=headers)


async def developing(intake: Intake) -> UUID:
    document = referral(programme="udviklingspraktik", candidate__target_group="cash_benefit")
    case_id = await intake.case_of(document)
    await ask(intake, RecordInterview(case_id=case_id))
    return case_id


async def test_what_was_written_of_a_step_is_read_on_the_page_and_over_http(
    intake: Intake, browser: httpx.AsyncClient
) -> None:
    case_id = await developing(intake)
    purpose = {"case_id": str(case_id), "step": "purpose_stated", "done_on": "2026-11-20"}
    refused = await post(intake, browser, "CompletePreparation", **purpose, note=" ")
    assert refused.status_code == 422
    assert "Skriv med få ord, hvad der er aftalt." in refused.text
    for note in ("Prøve køkkenet", "Prøve <køkkenet> og kantinen"):
        assert (await post(intake, browser, "CompletePreparation", **purpose, note=note)).status_code == 303
    path = f"/intake/cases/{case_id}"
    shown = await page(intake, browser, path)
    assert '<p class="mk-words">Prøve &lt;køkkenet&gt; og kantinen</p>' in shown
    assert "Skrevet tidligere" not in shown
    told = (await browser.get(f"/intake/api/cases/{case_id}", headers=as_(intake, "caseworker"))).json()
    (done,) = (one for one in told["done"] if one["step"] == "purpose_stated")
    assert done == {
        "step": "purpose_stated",
        "round": 1,
        "on": "2026-11-20",
        "considered": {},
        "note": "Prøve <køkkenet> og kantinen",
    }


async def test_each_kind_of_mentor_is_asked_about_in_the_form_and_shown_with_its_answer(
    intake: Intake, browser: httpx.AsyncClient
) -> None:
    case_id = await developing(intake)
    path = f"/intake/cases/{case_id}"
    asked = await page(intake, browser, path)
    assert all(f'name="considered.{one}" value="true"' in asked for one in MENTORS)
    step = {"case_id": str(case_id), "step": "mentor_kinds_considered"}
    one = {"considered.personal_mentor": "true"}
    half = await post(intake, browser, "CompletePreparation", **step, **one)
    assert half.status_code == 422 and "Svar ja eller nej til hver." in half.text
    both = {"considered.personal_mentor": "true", "considered.workplace_mentor": "false"}
    assert (await post(intake, browser, "CompletePreparation", **step, **both)).status_code == 303
    for language, words in (
        ("da", "Personlig mentor: ja, Virksomhedsmentor: nej"),
        ("nb", "Personlig mentor: ja, Arbeidsplassmentor: nei"),
        ("en", "Personal mentor: yes, Workplace mentor: no"),
    ):
        assert words in await page(intake, browser, path, language)


async def test_what_was_written_in_an_earlier_round_stays_to_be_read(
    intake: Intake, browser: httpx.AsyncClient
) -> None:
    case_id = await developing(intake)
    await ask(intake, CompletePreparation(case_id=case_id, step="purpose_stated", note="Det første formål"))
    # As a placement that leads to another leaves it.
    await intake.pool.execute("""UPDATE case_file SET doc = doc || '{"round": 2}' WHERE id = $1""", case_id)
    shown = await page(intake, browser, f"/intake/cases/{case_id}")
    older = shown.split("Skrevet tidligere")[1]
    assert "Det første formål" in older and "runde 1" in older
