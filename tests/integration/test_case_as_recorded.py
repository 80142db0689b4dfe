"""What staff record of a case can be read and corrected on its page, and read over HTTP."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import httpx

from shared.contracts.intake_commands import CompletePreparation, RecordInterview
from shared.contracts.people_commands import CorrectPerson, ErasePerson
from tests.servers.intake import CASEWORKER, Intake, as_, browser, intake, referral

__all__ = ["browser", "intake"]

UNITS = ("DK-0169", "DK-0851/aalborg")
ANYWHERE = replace(CASEWORKER, units=frozenset(UNITS))
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


async def lacking(intake: Intake, browser: httpx.AsyncClient, case_id: UUID) -> dict[str, str]:
    path = f"/intake/api/cases/{case_id}/why-not-yet"
    why = (await browser.get(path, headers=as_(intake, "caseworker", units=UNITS))).json()
    return {one["code"]: one["lacks"] for one in why["steps"] if one["code"].endswith("_fits")}


async def correct(intake: Intake, case_id: UUID, **said: str) -> None:
    person_id = await intake.pool.fetchval("SELECT person_id FROM case_file WHERE id = $1", case_id)
    corrected = CorrectPerson.model_validate({"person_id": person_id, **said})
    (outcome,) = await intake.take(intake.of_staff(corrected, ANYWHERE))
    assert outcome.kind == "done", outcome


async def test_where_somebody_lives_is_judged_when_the_person_is_corrected_and_a_move_changes_nothing(
    intake: Intake, browser: httpx.AsyncClient
) -> None:
    case_id = await intake.case_of(referral(candidate__postcode=None))
    for postcode, lacks in (
        (None, {"residence_fits": "postcode"}),
        ("9000", {"residence_fits": "residence"}),
        ("2630", {}),
        ("9000", {}),
    ):
        if postcode is not None:
            await correct(intake, case_id, postcode=postcode)
        assert await lacking(intake, browser, case_id) == lacks, postcode


async def test_an_age_that_is_none_of_the_programmes_keeps_a_corrected_case_from_its_match(
    intake: Intake, browser: httpx.AsyncClient
) -> None:
    unnumbered: dict[str, Any] = {"candidate__national_id": None, "candidate__national_id_type": None}
    of_the_corps: dict[str, Any] = {"programme": "mentorskab", "unit": "DK-0851/aalborg"}
    case_id = await intake.case_of(referral(candidate__birth_date=None, **unnumbered, **of_the_corps))
    assert await lacking(intake, browser, case_id) == {"age_fits": "birth_date"}
    for born, lacks in (("1950-05-05", {"age_fits": "age"}), ("1990-05-05", {})):
        await correct(intake, case_id, birth_date=born)
        assert await lacking(intake, browser, case_id) == lacks, born


async def test_what_the_referral_left_out_is_asked_on_the_page_in_every_language(
    intake: Intake, browser: httpx.AsyncClient
) -> None:
    case_id = await intake.case_of(referral(candidate__postcode=None, candidate__target_group=None))
    await ask(intake, RecordInterview(case_id=case_id))
    path = f"/intake/cases/{case_id}"
    for language, words in (
        ("da", ("Bor i kommunen", "Skriv først borgerens postnummer", "Vælg først, hvilken målgruppe")),
        ("nb", ("Bor i kommunen", "Skriv først deltakerens postnummer", "Velg først hvilken målgruppe")),
        ("en", ("Lives in the municipality", "First record the candidate", "First choose the target group")),
    ):
        shown = await page(intake, browser, path, language)
        assert all(one in shown for one in words), language
        assert 'name="target_group"' in shown and 'value="refugee"' not in shown
    told = {
        "case_id": str(case_id),
        "postcode": "2640",
        "target_group": "unemployed",
        "situation": "unemployed",
    }
    assert (await post(intake, browser, "RecordInterview", **told)).status_code == 303
    assert await lacking(intake, browser, case_id) == {}


async def test_what_a_second_referral_says_otherwise_is_shown_and_taken_over(
    intake: Intake, browser: httpx.AsyncClient
) -> None:
    first = await intake.case_of(referral())
    newer = {"candidate__email": "amina.ny@example.org", "candidate__phone": "+4570102031"}
    second = await intake.case_of(referral("again", **newer, candidate__given_name="Amína"))
    person = await intake.pool.fetchrow("SELECT id, doc ->> 'email' AS email FROM person")
    assert person is not None and person["email"] == "amina@example.org"
    assert "Henvisningen siger noget andet" not in await page(intake, browser, f"/intake/cases/{first}")
    path = f"/intake/cases/{second}"
    for language, words in (
        ("da", ("Henvisningen siger noget andet", "nu: amina@example.org", "Brug henvisningens e-mail")),
        ("nb", ("Henvisningen sier noe annet", "nå: amina@example.org", "Bruk henvisningens e-post")),
        ("en", ("The referral says otherwise", "now: amina@example.org", "Use the referral&#39;s e-mail")),
    ):
        shown = await page(intake, browser, path, language)
        for one in (*words, "amina.ny@example.org", "+4570102031", "Amína"):
            assert one in shown, (language, one)
    api = await browser.get(f"/intake/api/cases/{second}", headers=as_(intake, "caseworker"))
    assert "amina.ny" not in api.text
    taken = {"person_id": str(person["id"]), "email": "amina.ny@example.org"}
    assert (await post(intake, browser, "CorrectPerson", **taken)).status_code == 303
    shown = await page(intake, browser, path)
    assert "nu: amina@example.org" not in shown and "nu: +4570102030" in shown
    kept = {"person_id": str(person["id"]), "phone": "+4570102030"}
    assert (await post(intake, browser, "CorrectPerson", **kept)).status_code == 303
    shown = await page(intake, browser, path)
    assert "+4570102031" not in shown and "Amína" in shown
    named = {"person_id": str(person["id"]), "name": "Amina"}
    assert (await post(intake, browser, "CorrectPerson", **named)).status_code == 303
    assert "Henvisningen siger noget andet" not in await page(intake, browser, path)
    await ask(intake, ErasePerson(person_id=person["id"]))
    left = await intake.pool.fetch("SELECT doc::text AS doc FROM case_file WHERE doc IS NOT NULL")
    assert len(left) == 2 and not any("70102031" in row["doc"] or "Amína" in row["doc"] for row in left)


async def test_a_persons_name_gender_language_and_channel_are_corrected_on_their_page(
    intake: Intake, browser: httpx.AsyncClient
) -> None:
    await intake.case_of(referral())
    person_id = await intake.pool.fetchval("SELECT id FROM person")
    path = f"/intake/people/{person_id}"
    for language, words in (("da", "Kontaktes helst"), ("nb", "Kjønn"), ("en", "Best reached by")):
        shown = await page(intake, browser, path, language)
        asked = ("name", "gender", "language", "channel")
        assert words in shown and all(f'name="{one}"' in shown for one in asked), language
    typed = {"given_name": "Amina", "family_name": "Nyborg", "name": "", "gender": "x"}
    said = typed | {"person_id": str(person_id), "language": "en", "channel": "letter"}
    assert (await post(intake, browser, "CorrectPerson", **said)).status_code == 303
    assert await known(intake, person_id) == ("Amina Nyborg", "Amina", "x", "en", "letter")
    assert (await post(intake, browser, "CorrectPerson", **said | {"name": "Amina"})).status_code == 303
    assert await known(intake, person_id) == ("Amina", None, "x", "en", "letter")
    # As the form sends it where only one name was known: a given and a family name are news, the one is not.
    assert (
        await post(intake, browser, "CorrectPerson", **typed, person_id=str(person_id))
    ).status_code == 303
    again = {"person_id": str(person_id), "name": "Amina Nyborg", "given_name": "Amina", "family_name": "Ny"}
    assert (await post(intake, browser, "CorrectPerson", **again)).status_code == 303
    assert (await known(intake, person_id))[:2] == ("Amina Ny", "Amina")


async def known(intake: Intake, person_id: UUID) -> tuple[str | None, ...]:
    doc = json.loads(await intake.pool.fetchval("SELECT doc::text FROM person WHERE id = $1", person_id))
    return tuple(doc[name] for name in ("name", "given_name", "gender", "language", "channel"))
