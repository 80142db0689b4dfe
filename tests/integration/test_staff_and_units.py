"""Staff, groups and duty: who is registered, what they see, and whose a case is."""

from __future__ import annotations

import json
from datetime import timedelta
from uuid import uuid4

import httpx
import pytest

from shared.access import person_of
from shared.contracts.intake_commands import AssignCase, ContactDetails, RecordInterview
from shared.contracts.people_commands import RegisterRoleModel, RegisterStaff, SetDuty, SetGroupMembers
from shared.programmes import Programmes
from tests.integration.corps_story import BY_EMAIL, MANAGER, ask, mentored, registered
from tests.servers.corps import AALBORG, HJOERRING, two_corps
from tests.servers.intake import NOW, Intake, as_, browser, intake

__all__ = ["browser", "intake", "two_corps"]


async def test_a_registered_colleague_has_the_id_of_their_sign_in_and_a_contact(
    two_corps: Programmes, intake: Intake
) -> None:
    assert await registered(intake, "Jonas") == person_of("test", "Jonas")
    contact = await intake.body("Contact")
    assert (contact["person_id"], contact["name"]) == (str(person_of("test", "Jonas")), "Jonas")


async def test_a_groups_mailbox_is_nobodys_sign_in(two_corps: Programmes, intake: Intake) -> None:
    contact = ContactDetails(name="Korpset", email="korps@example.org")
    said = {"unit": AALBORG, "contact": contact, "staff_roles": ("coordinator",), "group_mailbox": True}
    assert (await ask(intake, RegisterStaff(**said))).kind == "done"
    refused = await ask(intake, RegisterStaff(**said, subject="korps", issuer="test"))
    assert refused.reason == "mailbox_does_not_sign_in"


async def test_a_group_is_two_to_five_registered_coordinators(two_corps: Programmes, intake: Intake) -> None:
    members = (await registered(intake, "Jonas"), await registered(intake, "Sofie"))
    assert (await ask(intake, SetGroupMembers(unit=AALBORG, members=members))).kind == "done"
    stored = await intake.pool.fetchval("SELECT doc->>'members' FROM unit_file WHERE unit = $1", AALBORG)
    assert all(str(one) in stored for one in members)
    stranger = SetGroupMembers(unit=AALBORG, members=(members[0], uuid4()))
    assert (await ask(intake, stranger)).reason == "unknown_colleague"
    elsewhere = await registered(intake, "Bent", HJOERRING)
    assert (await ask(intake, SetGroupMembers(unit=AALBORG, members=(members[0], elsewhere)))).reason == (
        "unknown_colleague"
    )
    caseworker = await registered(intake, "Ida", AALBORG, "caseworker")
    assert (await ask(intake, SetGroupMembers(unit=AALBORG, members=(members[0], caseworker)))).reason == (
        "not_a_coordinator"
    )


async def test_duty_said_again_replaces_the_days_said_before(two_corps: Programmes, intake: Intake) -> None:
    jonas, sofie = await registered(intake, "Jonas"), await registered(intake, "Sofie")
    for days in (3, 9):
        said = SetDuty(
            unit=AALBORG, person_id=jonas, stands_in_for=sofie, until=NOW.date() + timedelta(days=days)
        )
        assert (await ask(intake, said)).kind == "done"
    duty = await intake.pool.fetchval("SELECT jsonb_array_length(doc->'duty') FROM unit_file")
    assert duty == 1
    itself = SetDuty(unit=AALBORG, person_id=jonas, stands_in_for=jonas)
    assert (await ask(intake, itself)).reason == "stands_in_for_themself"


async def test_colleagues_and_their_names_are_read_by_those_of_their_unit_alone(
    two_corps: Programmes, intake: Intake, browser: httpx.AsyncClient
) -> None:
    jonas = await registered(intake, "Jonas")
    here = as_(intake, "coordinator", units=(AALBORG,))
    (shown,) = (await browser.get("/intake/api/staff", headers=here)).json()["staff"]
    assert (shown["staff_id"], shown["name"], len(shown["topics_missing"])) == (str(jonas), "Jonas", 10)
    names = await browser.post("/intake/api/people/names", json={"ids": [str(jonas)]}, headers=here)
    assert names.json()["names"] == {str(jonas): "Jonas"}
    elsewhere = as_(intake, "coordinator", units=(HJOERRING,))
    assert (await browser.get("/intake/api/staff", headers=elsewhere)).json()["staff"] == []
    assert (await browser.get(f"/intake/api/staff?unit={AALBORG}", headers=elsewhere)).status_code == 403


async def test_mine_are_my_cases_and_today_those_of_whom_i_stand_in_for(
    two_corps: Programmes, intake: Intake, browser: httpx.AsyncClient
) -> None:
    jonas, sofie = await registered(intake, "Jonas"), await registered(intake, "Sofie")
    one, other = await mentored(intake, "one"), await mentored(intake, "other")
    for case_id, caseworker in ((one, jonas), (other, sofie)):
        assert (await ask(intake, AssignCase(case_id=case_id, caseworker=caseworker))).kind == "done"

    async def mine() -> set[str]:
        as_jonas = as_(intake, "coordinator", units=(AALBORG,), subject="Jonas")
        answer = await browser.get("/intake/api/cases?mine=true", headers=as_jonas)
        return {case["case_id"] for case in answer.json()["cases"]}

    assert await mine() == {str(one)}
    later = NOW.date() + timedelta(days=1)
    await ask(intake, SetDuty(unit=AALBORG, person_id=jonas, stands_in_for=sofie, since=later))
    assert await mine() == {str(one)}
    await ask(intake, SetDuty(unit=AALBORG, person_id=jonas, stands_in_for=sofie))
    assert await mine() == {str(one), str(other)}
    as_jonas = as_(intake, "coordinator", units=(AALBORG,), subject="Jonas")
    answer = await browser.get(f"/intake/api/cases?caseworker={sofie}", headers=as_jonas)
    assert [case["case_id"] for case in answer.json()["cases"]] == [str(other)]


async def test_a_case_goes_to_a_known_colleague_of_its_unit_or_to_oneself_and_to_nobody_else(
    two_corps: Programmes, intake: Intake
) -> None:
    case_id = await mentored(intake, "one")
    elsewhere = await registered(intake, "Bent", HJOERRING)
    candidate = await intake.pool.fetchval("SELECT person_id FROM case_file WHERE id = $1", case_id)
    for unknown, code in (
        (elsewhere, "colleague_of_another_unit"),
        (candidate, "unknown_colleague"),
        (uuid4(), "unknown_colleague"),
    ):
        for command in (AssignCase, RecordInterview):
            refused = await ask(intake, command(case_id=case_id, caseworker=unknown))
            assert refused.reason == code
    for caseworker in (await registered(intake, "Jonas"), MANAGER.person_id):
        given = AssignCase(case_id=case_id, caseworker=caseworker)
        assert (await ask(intake, given)).events == ("CaseAssigned",)
    spoken = RecordInterview(case_id=case_id, caseworker=await registered(intake, "Sofie"))
    assert "CaseAssigned" in (await ask(intake, spoken)).events


async def test_signing_in_makes_somebody_known_once(
    two_corps: Programmes, intake: Intake, browser: httpx.AsyncClient
) -> None:
    chosen = {"role": "coordinator", "units": AALBORG}
    for _ in range(2):
        assert (await browser.post("/intake/sign-in?lang=nb", data=chosen)).status_code == 303
    assert await intake.events(person_of("demo", "demo-coordinator")) == ["Contact"]
    contact = await intake.body("Contact")
    assert (contact["name"], contact["language"]) == ("Jonas Prøve", "nb")
    await browser.post("/intake/sign-in?lang=nb", data=chosen | {"units": HJOERRING})
    assert await intake.events(person_of("demo", "demo-coordinator")) == ["Contact"]
    assert await intake.pool.fetchval("SELECT unit FROM staff") == HJOERRING


@pytest.mark.parametrize("language", ["da", "nb", "en"])
async def test_the_pages_are_whole_in_every_language(
    two_corps: Programmes, intake: Intake, browser: httpx.AsyncClient, language: str
) -> None:
    jonas, sofie = await registered(intake, "Jonas"), await registered(intake, "Sofie")
    await ask(intake, SetGroupMembers(unit=AALBORG, members=(jonas, sofie)))
    await ask(intake, SetDuty(unit=AALBORG, person_id=jonas, stands_in_for=sofie, until=NOW.date()))
    await ask(intake, RegisterRoleModel(unit=AALBORG, contact=BY_EMAIL, languages=("da",)))
    await mentored(intake, "one")
    manager = as_(intake, "project_manager", units=(AALBORG, HJOERRING))
    for path in (f"staff?unit={AALBORG}", "units", f"units/close?unit={AALBORG}"):
        answer = await browser.get(f"/intake/{path}", headers=manager | {"Accept-Language": language})
        assert (answer.status_code, answer.headers["content-language"]) == (200, language), path
    looks = await intake.pool.fetchval("SELECT count(*) FROM look WHERE at_what = 'role_models'")
    assert looks == 1
    coordinator = as_(intake, "coordinator", units=(AALBORG,))
    closing = await browser.get(f"/intake/units/close?unit={AALBORG}", headers=coordinator)
    assert closing.status_code == 403
    elsewhere = await browser.get(f"/intake/staff?unit={HJOERRING}", headers=coordinator)
    assert elsewhere.status_code == 403


async def test_a_form_that_somebody_was_faster_with_is_asked_again_under_the_new_version(
    two_corps: Programmes, intake: Intake, browser: httpx.AsyncClient
) -> None:
    case_id = await mentored(intake, "one")
    question = json.dumps({"name": "reason", "label": "Hvorfor?", "kind": "select", "list": "pause_reasons"})
    form = {"case_id": str(case_id), "_asked": question, "reason": "illness", "return_to": "/intake/cases"}
    headers = as_(intake, "caseworker", units=(AALBORG,)) | {"Accept-Language": "da"}

    async def send(version: int, command: str = "PauseCase", **more: str) -> httpx.Response:
        return await browser.post(
            f"/intake/api/commands/{command}",
            data=form | {"version": str(version), "Idempotency-Key": str(uuid4())} | more,
            headers=headers,
        )

    assert (await send(1, "RecordInterview", reason="", presentation="Glad for heste")).status_code == 303
    done = {"step": "expectations_aligned", "reason": "", "note": "Enige"}
    assert (await send(2, "CompletePreparation", **done)).status_code == 303
    refused = await send(1)
    assert refused.status_code == 409
    assert "Præsentation eller mål blev skrevet" in refused.text
    assert "Et skridt i forberedelsen blev gjort" in refused.text
    assert '<option value="illness" selected>' in refused.text
    assert 'name="version" value="3"' in refused.text
    assert "Gem alligevel" in refused.text and 'href="/intake/cases"' in refused.text
    assert (await send(3)).status_code == 303
    wrong = await send(4, "ResumeCase", reason="illness", nothing_of_it="x")
    assert wrong.status_code == 422 and '<option value="illness" selected>' in wrong.text
