"""Intake's pages: whole in every language, for whom they are, and a referral typed in."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from prometheus_client import REGISTRY

from services.intake import metrics
from shared.messages import Record
from shared.reading import read
from tests.servers.intake import EXAMPLE, Intake, as_, browser, intake, referral

__all__ = ["browser", "intake"]

LANGUAGES = ("da", "nb", "en")


@pytest.mark.parametrize("programme", ["foreningspraktik", "udviklingspraktik", "mentorskab", "skolepraksis"])
async def test_every_page_is_whole_in_every_language(
    intake: Intake, browser: httpx.AsyncClient, programme: str
) -> None:
    units = {"mentorskab": "DK-0851/aalborg", "skolepraksis": "NO-3222"}
    unit = units.get(programme, "DK-0169")
    case_id = await intake.case_of(referral(programme=programme, unit=unit, candidate__target_group=None))
    person_id = await intake.pool.fetchval("SELECT person_id FROM case_file")
    paths = ["/", "/intake/cases", f"/intake/cases/{case_id}", f"/intake/people/{person_id}", "/intake/hosts"]
    paths += ["/intake/referrals/new", "/intake/fragments/today", f"/intake/fragments/cases/{case_id}"]
    for language in LANGUAGES:
        for path in [*paths, "/intake/sign-in"]:
            answer = await browser.get(
                f"{path}?lang={language}", headers=as_(intake, "caseworker", units=(unit,))
            )
            assert (answer.status_code, answer.headers["content-language"]) == (200, language), path


async def test_a_choice_of_role_signs_in_and_out_again(intake: Intake, browser: httpx.AsyncClient) -> None:
    chosen = {"role": "coordinator", "units": "NO-3222", "return_to": "//elsewhere.example.org"}
    answer = await browser.post("/intake/sign-in", data=chosen)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=lax" in cookie
    assert "Lørenskog kommune" in (await browser.get("/")).text
    await browser.get("/intake/sign-out")
    away = await browser.get("/intake/cases", headers={"Accept": "text/html"})
    assert away.headers["location"] == "/intake/sign-in?return_to=/intake/cases"


async def test_outside_the_demonstration_nobody_chooses_a_role(
    intake: Intake, browser: httpx.AsyncClient
) -> None:
    intake.host.settings.demonstration = False
    assert (await browser.post("/intake/sign-in", data={"role": "coordinator"})).status_code == 404
    assert "OIDC" in (await browser.get("/intake/sign-in")).text


FORM: dict[str, Any] = {
    "source_reference": "typed-1",
    "programme": "foreningspraktik",
    "unit": "DK-0169",
    "channel": "jobcentre",
    "referred_on": "2026-11-23",
    "chosen_by_candidate": "true",
    "candidate.given_name": "Bo",
    "candidate.family_name": "Prøve",
    "wishes.0.plan": "A",
    "wishes.0.industries[]": ["retail", "kitchen"],
    "wishes.1.plan": "B",
}


async def test_a_typed_in_referral_opens_a_case(intake: Intake, browser: httpx.AsyncClient) -> None:
    answer = await browser.post("/intake/referrals/new", data=FORM, headers=as_(intake, "caseworker"))
    case_id = await intake.pool.fetchval("SELECT id FROM case_file")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/intake/cases/{case_id}")
    wishes = await intake.pool.fetchval("SELECT doc->'profile'->>'wishes' FROM case_file")
    assert "kitchen" in wishes and '"B"' not in wishes


async def test_faults_stand_at_their_fields_and_what_was_typed_stays(
    intake: Intake, browser: httpx.AsyncClient
) -> None:
    form = FORM | {"candidate.postcode": "9000", "channel": "counsellor"}
    form.pop("chosen_by_candidate")
    answer = await browser.post("/intake/referrals/new", data=form, headers=as_(intake, "caseworker"))
    assert answer.status_code == 422
    for field in ("candidate.postcode", "chosen_by_candidate", "school"):
        assert f'href="#f-{field}"' in answer.text
        assert f'id="f-{field}"' in answer.text
    assert 'value="9000"' in answer.text


async def test_a_form_that_is_sent_twice_opens_one_case(intake: Intake, browser: httpx.AsyncClient) -> None:
    for _ in range(2):
        answer = await browser.post("/intake/referrals/new", data=FORM, headers=as_(intake, "caseworker"))
        assert answer.status_code == 303
    assert await intake.count("case_file") == 1


async def test_operators_see_what_is_parked_and_nothing_it_holds(
    intake: Intake, browser: httpx.AsyncClient
) -> None:
    record = Record("referrals-v1", 3, 7, None, b'{"candidate": "Amina"}', ())
    unread = read(intake.host.service.messages, "intake", record)
    assert unread is not None
    await intake.take(unread)
    operator = as_(intake, "operator")
    (parked,) = (await browser.get("/intake/api/parked", headers=operator)).json()["parked"]
    assert (parked["topic"], parked["partition"], parked["offset"]) == ("referrals-v1", 3, 7)
    part = await browser.get("/intake/fragments/parked", headers=operator)
    assert "RetryParked" in part.text and "Amina" not in part.text
    assert (await browser.get("/intake/parked", headers=operator)).status_code == 200
    assert (await browser.get("/intake/api/parked", headers=as_(intake, "caseworker"))).status_code == 403


async def test_cases_and_referrals_are_counted(intake: Intake, browser: httpx.AsyncClient) -> None:
    await browser.post(
        "/intake/api/referrals", json=EXAMPLE, headers=as_(intake, "publisher", subject="vitas")
    )
    await browser.post("/intake/api/referrals", json={}, headers=as_(intake, "publisher", subject="vitas"))
    counted = {"source": "vitas", "outcome": "accepted"}
    before = REGISTRY.get_sample_value("makker_referrals_total", counted) or 0.0
    async with intake.pool.acquire() as connection:
        await metrics.gauges(["vitas"])(connection)
        await metrics.gauges(["vitas"])(connection)
    assert REGISTRY.get_sample_value("makker_referrals_total", counted) == before + 1
    labels = {"programme": "foreningspraktik", "unit": "DK-0169", "state": "preparing"}
    assert REGISTRY.get_sample_value("makker_cases", labels) == 1
