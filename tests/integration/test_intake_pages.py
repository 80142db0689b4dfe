"""Intake's pages: whole in every language, for whom they are, and a referral typed in."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

import httpx
import pytest
from prometheus_client import REGISTRY

from services.intake import metrics
from shared.commands import LARGEST_BODY_BYTES
from shared.contracts.intake_commands import (
    DeclineCandidate,
    OrderCertificate,
    PauseCase,
    RecordCertificateShown,
    RecordConsent,
    RecordInterview,
    ReopenCase,
    WithdrawCase,
)
from shared.contracts.register_commands import RegisterPartner
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
    paths += [f"/intake/cases/{case_id}/why-not-yet", "/intake/certificates", "/intake/waiting"]
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


async def test_a_partner_is_chosen_by_name_and_a_guardian_is_typed_in_too(
    intake: Intake, browser: httpx.AsyncClient
) -> None:
    contact = {"name": "Karin Kontakt", "email": "karin@example.org"}
    said = {"unit": "DK-0169", "kind": "jobcentre", "name": "Jobcenter Prøve", "contact_person": contact}
    (outcome,) = await intake.take(intake.of_staff(RegisterPartner.model_validate(said)))
    partner_id = str(outcome.answer["partner_id"])
    blank = await browser.get("/intake/referrals/new", headers=as_(intake, "caseworker"))
    assert f'<option value="{partner_id}">Jobcenter Prøve</option>' in blank.text
    typed = FORM | {"partner_id": partner_id, "guardian.phone": "not a number", "guardian.name": "Mor Prøve"}
    refused = await browser.post("/intake/referrals/new", data=typed, headers=as_(intake, "caseworker"))
    assert refused.status_code == 422
    assert 'href="#f-guardian.phone"' in refused.text and 'value="Mor Prøve"' in refused.text
    mended = typed | {"guardian.phone": "70 10 20 30"}
    answer = await browser.post("/intake/referrals/new", data=mended, headers=as_(intake, "caseworker"))
    assert answer.status_code == 303, answer.text
    row = await intake.pool.fetchrow("SELECT guardian_id, doc ->> 'partner_id' AS partner FROM case_file")
    assert row is not None and row["guardian_id"] is not None and row["partner"] == partner_id


INTERVIEW: dict[str, Any] = {
    "profile": {
        "wishes": [
            {"plan": "A", "industries": ["retail"], "profession": "teacher"},
            {"plan": "B", "industries": ["cleaning"], "education": "short_higher"},
        ],
        "languages": {"da": "B1", "ar": "native"},
        "hours_per_week": {"min": 3, "max": 12.5},
        "times": ["mon-morning", "tue-morning"],
        "max_travel_km": 15,
        "available_from": "2026-12-24",
    },
    "groups": ["language"],
    "presentation": "Glad for orden <og> ro.",
    "experience": "Ti år i en butik.",
    "education": "Skolelærer",
    "education_level": "short_higher",
    "foreign_qualification": "Lærer",
    "interests": "Fodbold",
    "options": ["care"],
    "parallel_activities": [{"kind": "language_lessons", "times": ["mon-morning"], "hours_per_week": 4}],
    "job_in_prospect": False,
    "guardian": {"name": "Mor Eksempel", "phone": "70102030"},
}


async def test_a_case_tells_all_that_is_known_in_every_state_and_language(
    intake: Intake, browser: httpx.AsyncClient
) -> None:
    nobody: dict[str, Any] = {"candidate__national_id": None, "candidate__national_id_type": None}
    case_id = await intake.case_of(referral(**nobody))
    twin_id = await intake.case_of(referral("another", **nobody))
    certificate = {"case_id": case_id, "kind": "police_certificate"}
    told: list[Any] = [
        RecordInterview.model_validate({"case_id": case_id, **INTERVIEW}),
        RecordConsent(case_id=case_id, kind="success_story", heard_by="phone"),
        RecordConsent(case_id=case_id, kind="success_story", given=False),
        OrderCertificate(**certificate),
        RecordCertificateShown(**certificate, valid_until=date(2026, 11, 30)),
        PauseCase(case_id=case_id, reason="illness"),
        DeclineCandidate(case_id=case_id, reason="age", support="guidance", heard_by="phone"),
        ReopenCase(case_id=case_id, reason="recovered"),
        WithdrawCase(case_id=case_id, reason="found_job"),
    ]
    pages: dict[str, str] = {}
    for body in told:
        (outcome,) = await intake.take(intake.of_staff(body))
        assert outcome.kind == "done", (type(body).__name__, outcome)
        for language in LANGUAGES:
            for path in ("", "/why-not-yet"):
                answer = await browser.get(
                    f"/intake/cases/{case_id}{path}?lang={language}", headers=as_(intake, "caseworker")
                )
                assert answer.status_code == 200, (type(body).__name__, language)
                pages[f"{type(body).__name__}{path}"] = answer.text
    known = pages["RecordInterview"]
    for words in ("Ti år i en butik.", "Glad for orden &lt;og&gt; ro.", "3 to 12.5", "15 km", "Mor Eksempel"):
        assert words in known, words
    assert "Perhaps the same" in known and f'value="{await person_of_case(intake, twin_id)}"' in known
    assert "Short of labour here" in known
    assert "holds until 30 Nov 2026" in pages["RecordCertificateShown"]
    assert "ReopenCase" in pages["DeclineCandidate"] and "AssignCase" not in pages["DeclineCandidate"]
    assert "Point to educational and career guidance" in pages["DeclineCandidate"]


async def person_of_case(intake: Intake, case_id: UUID) -> UUID:
    found: UUID = await intake.pool.fetchval("SELECT person_id FROM case_file WHERE id = $1", case_id)
    return found


@pytest.mark.parametrize(
    "crafted",
    [
        {"wishes.0": "x"},
        {"wishes": "x"},
        {"candidate": "x"},
        {"school": "x"},
        {"candidate.given_name.x": "y"},
        {"unit.x": "y"},
        {"wishes.0.industries": "retail", "wishes.1": "x"},
    ],
)
async def test_a_form_of_another_shape_is_asked_again(
    intake: Intake, browser: httpx.AsyncClient, crafted: dict[str, str]
) -> None:
    headers = as_(intake, "caseworker") | {"Accept": "text/html"}
    answer = await browser.post("/intake/referrals/new", data=crafted, headers=headers)
    assert answer.status_code == 422
    assert "<form" in answer.text


@pytest.mark.parametrize("path", ["/intake/referrals/new", "/intake/cases/views"])
async def test_no_form_of_a_page_is_larger_than_a_command(
    intake: Intake, browser: httpx.AsyncClient, path: str
) -> None:
    large = {"name": "x" * (LARGEST_BODY_BYTES + 1)}
    answer = await browser.post(path, data=large, headers=as_(intake, "caseworker"))
    assert answer.status_code == 413
