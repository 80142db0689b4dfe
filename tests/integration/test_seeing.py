"""Who sees whom at intake, and that every look is written down: over HTTP, on PostgreSQL."""

from __future__ import annotations

import json
import re
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi.routing import APIRoute

from services.intake.enquiry_form import Typed
from services.intake.registers import Enquiry
from services.intake.sealing import keyed
from shared.access import person_of
from shared.contracts.intake_commands import AssignCase, ContactDetails
from shared.contracts.model import derived_id
from shared.contracts.people_commands import BreakGlass, CorrectPerson, MergePersons
from shared.contracts.register_commands import OfferPlace, RegisterHost, RegisterMentor, RequestTraining
from shared.messages import Actor
from tests.servers.intake import EXAMPLE, NOW, Intake, as_, browser, intake, referral

__all__ = ["browser", "intake"]

GUARDIAN = {"name": "Gerda Værge", "email": "gerda@example.org", "phone": "+4570102099", "language": "da"}
JONAS, MAJA = (person_of("test", name) for name in ("jonas", "maja"))
PAGE = {"Accept": "text/html"}


async def opened(intake: Intake, *, protected: bool = True, **changes: Any) -> tuple[UUID, UUID]:
    case_id = await intake.case_of(referral(candidate__protected=protected, **changes))
    person_id = await intake.pool.fetchval("SELECT person_id FROM case_file WHERE id = $1", case_id)
    return case_id, person_id


async def assigned(intake: Intake, case_id: UUID, to: UUID) -> None:
    given = AssignCase(case_id=case_id, caseworker=await intake.knows(to))
    (outcome,) = await intake.take(intake.of_staff(given))
    assert outcome.kind == "done", outcome.reason


async def looks(intake: Intake, person_id: UUID) -> int:
    found: int = await intake.pool.fetchval(
        "SELECT count(*) FROM look WHERE person_ids @> ARRAY[$1::uuid]", person_id
    )
    return found


async def test_a_protected_person_is_seen_by_their_caseworker_and_the_project_manager_alone(
    intake: Intake, browser: httpx.AsyncClient
) -> None:
    case_id, person_id = await opened(intake)
    await assigned(intake, case_id, JONAS)
    sees = {
        "own": as_(intake, "caseworker", subject="jonas"),
        "manager": as_(intake, "project_manager", subject="peter"),
        "colleague": as_(intake, "caseworker", subject="maja"),
        "coordinator": as_(intake, "coordinator", subject="karl"),
    }
    for path in (f"/intake/api/people/{person_id}", f"/intake/api/cases/{case_id}"):
        answers = {who: await browser.get(path, headers=headers) for who, headers in sees.items()}
        assert {who: one.status_code for who, one in answers.items()} == {
            "own": 200,
            "manager": 200,
            "colleague": 403,
            "coordinator": 403,
        }
        assert answers["colleague"].json()["code"] == "protected_person"
    for who, headers in sees.items():
        body = {"ids": [str(person_id)]}
        names = (await browser.post("/intake/api/people/names", json=body, headers=headers)).json()
        seen = who in ("own", "manager")
        assert (names["names"][str(person_id)] == "Amina Eksempel") == seen
        assert names.get("protected", []) == ([str(person_id)] if seen else [])


async def test_while_nobody_is_assigned_the_unit_s_caseworkers_see_them(
    intake: Intake, browser: httpx.AsyncClient
) -> None:
    _, person_id = await opened(intake)
    for role, status in (("caseworker", 200), ("project_manager", 200), ("coordinator", 403)):
        answer = await browser.get(f"/intake/api/people/{person_id}", headers=as_(intake, role))
        assert answer.status_code == status


async def test_a_stand_in_sees_whom_the_caseworker_sees(intake: Intake, browser: httpx.AsyncClient) -> None:
    case_id, person_id = await opened(intake)
    await assigned(intake, case_id, JONAS)
    maja = as_(intake, "caseworker", subject="maja")
    path = f"/intake/api/people/{person_id}"
    assert (await browser.get(path, headers=maja)).status_code == 403
    duty = {"person_id": str(MAJA), "stands_in_for": str(JONAS), "since": "2026-11-20", "until": "2026-11-27"}
    unit_file = {"id": str(derived_id("unit", "DK-0169")), "unit": "DK-0169", "duty": [duty]}
    await intake.pool.execute(
        "INSERT INTO unit_file (id, version, doc) VALUES ($1, 1, $2)",
        UUID(unit_file["id"]),  # type: ignore[arg-type]
        json.dumps(unit_file),
    )
    assert (await browser.get(path, headers=maja)).status_code == 200


async def test_a_search_finds_a_protected_person_by_name_for_those_alone_who_see_them(
    intake: Intake, browser: httpx.AsyncClient
) -> None:
    case_id, _ = await opened(intake)
    await assigned(intake, case_id, JONAS)
    own, other = (as_(intake, "caseworker", subject=who) for who in ("jonas", "maja"))
    for q, found in (("amina", (1, 0)), (EXAMPLE["source_reference"], (1, 1)), (str(case_id), (1, 1))):
        answers = [
            await browser.get("/intake/api/cases", params={"q": q}, headers=who) for who in (own, other)
        ]
        assert tuple(len(answer.json()["cases"]) for answer in answers) == found
        pages = [
            await browser.get("/intake/cases", params={"q": q, "whose": "all"}, headers=who | PAGE)
            for who in (own, other)
        ]
        assert tuple(page.text.count(f"/intake/cases/{case_id}") > 0 for page in pages) == tuple(
            map(bool, found)
        )
        assert "Amina" in pages[0].text and "Amina Eksempel" not in pages[1].text


async def test_the_list_of_cases_shows_the_word_in_place_of_the_name(
    intake: Intake, browser: httpx.AsyncClient
) -> None:
    case_id, person_id = await opened(intake)
    await assigned(intake, case_id, JONAS)
    before = await looks(intake, person_id)
    headers = as_(intake, "coordinator", subject="karl") | PAGE | {"Accept-Language": "da"}
    for path in ("/intake/cases?whose=all", "/intake/waiting?whose=all"):
        page = await browser.get(path, headers=headers)
        assert page.status_code == 200
        assert "Amina" not in page.text and "Beskyttet person" in page.text
    assert await looks(intake, person_id) == before


async def test_the_pages_offer_to_break_the_glass_and_show_the_person_for_an_hour(
    intake: Intake, browser: httpx.AsyncClient
) -> None:
    case_id, person_id = await opened(intake)
    await assigned(intake, case_id, JONAS)
    maja = as_(intake, "caseworker", subject="maja")
    for path in (f"/intake/people/{person_id}", f"/intake/cases/{case_id}"):
        page = await browser.get(path, headers=maja | PAGE)
        assert page.status_code == 403
        assert "BreakGlass" in page.text and "Amina" not in page.text
    breaks = {"person_id": str(person_id), "reason": "Ringer for Jonas, der er syg"}
    answer = await browser.post("/intake/api/commands/BreakGlass", json=breaks, headers=maja)
    assert answer.status_code == 200, answer.text
    assert (await browser.get(f"/intake/people/{person_id}", headers=maja | PAGE)).status_code == 200
    audit = await browser.get(
        f"/intake/api/people/{person_id}/audit", headers=as_(intake, "caseworker", subject="jonas")
    )
    broken = [one for one in audit.json()["looks"] if one["at_what"] == "break_glass"]
    assert [(one["subject"], one["reason"]) for one in broken] == [("maja", breaks["reason"])]
    later = "UPDATE person SET doc = jsonb_set(doc, '{glass,0,until}', '\"2026-11-23T08:59:00Z\"')"
    await intake.pool.execute(later)
    assert (await browser.get(f"/intake/people/{person_id}", headers=maja | PAGE)).status_code == 403


async def test_the_glass_opens_somebody_of_another_unit_of_the_same_controller(
    intake: Intake, browser: httpx.AsyncClient
) -> None:
    _, person_id = await opened(intake, protected=False)
    # A neighbour: the sample controllers have one unit each, so the person's is given another one here.
    other = next(unit for unit in intake.host.service.programmes.units.values() if unit.id != "DK-0169")
    await intake.pool.execute(
        "UPDATE person SET doc = doc || jsonb_build_object('controller', $1::text)", other.controller
    )
    stranger = Actor(
        "solveig",
        "staff",
        person_of("test", "solveig"),
        roles=frozenset({"caseworker"}),
        units=frozenset({other.id}),
    )
    headers = as_(intake, "caseworker", units=(other.id,), subject="solveig")
    assert (await browser.get(f"/intake/api/people/{person_id}", headers=headers)).status_code == 403
    breaks = BreakGlass(person_id=person_id, reason="Flyttede hertil i går")
    (outcome,) = await intake.take(intake.of_staff(breaks, stranger))
    assert outcome.kind == "done", outcome.reason
    answer = await browser.get(f"/intake/api/people/{person_id}", headers=headers)
    assert (answer.status_code, answer.json()["name"]) == (200, "Amina Eksempel")


@pytest.fixture
async def everybody(intake: Intake) -> dict[str, Any]:
    """A candidate with a guardian, a host with a contact person, a mentor with a place."""
    case_id, candidate = await opened(
        intake,
        protected=False,
        candidate__given_name="Kandidatfugl",
        guardian=GUARDIAN | {"name": "Værgefugl"},
    )
    guardian = await intake.pool.fetchval("SELECT guardian_id FROM case_file")
    contact = ContactDetails(name="Værtsfugl", email="vera@example.org")
    registers = RegisterHost(unit="DK-0169", kind="association", name="Klubben", contact_person=contact)
    (host,) = await intake.take(intake.of_staff(registers))
    mona = ContactDetails(name="Mentorfugl", email="mona@example.org")
    (mentor,) = await intake.take(intake.of_staff(RegisterMentor(unit="DK-0169", contact=mona)))
    offer = OfferPlace(host_id=UUID(str(host.answer["host_id"])), programmes=("foreningspraktik",))
    (place,) = await intake.take(intake.of_staff(offer))
    return {
        "ids": {
            "case_id": str(case_id),
            "person_id": str(candidate),
            "host_id": str(host.answer["host_id"]),
            "mentor_id": str(mentor.answer["mentor_id"]),
            "place_id": str(place.answer["place_id"]),
            "source_reference": EXAMPLE["source_reference"],
            "partner_id": str(uuid4()),
            "unit": "DK-0169",
            "token": "none",
        },
        "names": {
            "Kandidatfugl": candidate,
            "Værgefugl": guardian,
            "Værtsfugl": UUID(str(host.answer["person_id"])),
            "Mentorfugl": UUID(str(mentor.answer["mentor_id"])),
        },
    }


async def test_no_route_shows_a_name_without_writing_down_the_look(
    intake: Intake, browser: httpx.AsyncClient, everybody: dict[str, Any]
) -> None:
    headers = as_(intake, "caseworker", "coordinator", "project_manager", "operator", "training_office")
    shown: set[str] = set()
    for route in intake.host.app.routes:
        if not isinstance(route, APIRoute) or "GET" not in (route.methods or ()):
            continue
        path = route.path
        for name, value in everybody["ids"].items():
            path = path.replace(f"{{{name}}}", value).replace(f"{{{name}:path}}", value)
        for accept in ("text/html", "application/json"):
            await intake.pool.execute("DELETE FROM look")
            answer = await browser.get(path, headers=headers | {"Accept": accept})
            assert answer.status_code < 500 or path == "/intake/readyz", path
            for name, person_id in everybody["names"].items():
                if name in answer.text:
                    shown.add(name)
                    assert await looks(intake, person_id), f"{path} shows {name} and nobody wrote it down"
    assert shown == set(everybody["names"])


async def test_no_page_names_the_protected_without_their_mark(
    intake: Intake, browser: httpx.AsyncClient, everybody: dict[str, Any]
) -> None:
    for person_id in everybody["names"].values():
        (outcome,) = await intake.take(intake.of_staff(CorrectPerson(person_id=person_id, protected=True)))
        assert outcome.kind == "done", outcome.reason
    wishes = RequestTraining(mentor_id=UUID(everybody["ids"]["mentor_id"]), topics=("reception",))
    (outcome,) = await intake.take(intake.of_staff(wishes))
    assert outcome.kind == "done", outcome.reason
    await enquired(intake, everybody["names"]["Kandidatfugl"])
    headers = as_(intake, "caseworker", "coordinator", "project_manager", "operator", "training_office")
    mark = r"[^<>]*(</a>)?\s*<span class=\"badge badge-warning\">Beskyttet adresse"
    shown: set[tuple[str, str]] = set()
    for route in intake.host.app.routes:
        if not isinstance(route, APIRoute) or "GET" not in (route.methods or ()):
            continue
        path = route.path
        for name, value in everybody["ids"].items():
            path = path.replace(f"{{{name}}}", value).replace(f"{{{name}:path}}", value)
        answer = await browser.get(path, headers=headers | PAGE | {"Accept-Language": "da"})
        if not answer.headers.get("content-type", "").startswith("text/html"):
            continue
        for name in everybody["names"]:
            if name in answer.text:
                shown.add((route.path, name))
                assert re.search(name + mark, answer.text), f"{path} names {name} and does not mark them"
    assert {path for path, _ in shown} >= {
        *("/intake/cases", "/intake/cases/{case_id}", "/intake/cases/{case_id}/why-not-yet"),
        *("/intake/people/{person_id}", "/intake/people/{person_id}/export", "/intake/enquiries"),
        *("/intake/mentors", "/intake/mentors/{mentor_id}", "/intake/hosts/{host_id}", "/intake/training"),
    }
    assert {name for _, name in shown} == set(everybody["names"])


async def enquired(intake: Intake, person_id: UUID) -> None:
    """Somebody who is known already has made contact at the door, and has confirmed it."""
    secrets = keyed(intake.host.settings.seal_keys.split(","), intake.host.settings.hash_key)
    typed = Typed(
        kind="candidate", unit="DK-0169", language="da", asked_on=NOW.date(), name="Kandidatfugl Eksempel"
    )
    enquiry = Enquiry(
        id=uuid4(),
        state="confirmed",
        unit="DK-0169",
        kind="candidate",
        person_id=person_id,
        sealed=secrets.seal(typed.model_dump_json()),
        asked_at=NOW,
        answer_by=NOW,
        confirmed_at=NOW,
    )
    await intake.pool.execute(
        "INSERT INTO enquiry (id, version, doc) VALUES ($1, 1, $2)", enquiry.id, enquiry.model_dump_json()
    )


async def test_the_audit_is_complete_and_of_the_unit_alone(
    intake: Intake, browser: httpx.AsyncClient
) -> None:
    case_id, person_id = await opened(intake, protected=False)
    headers = as_(intake, "caseworker")
    await browser.get(f"/intake/api/people/{person_id}", headers=headers)
    await browser.get(f"/intake/cases/{case_id}", headers=headers | PAGE)
    await browser.post("/intake/api/people/names", json={"ids": [str(person_id)]}, headers=headers)
    audit = await browser.get(f"/intake/api/people/{person_id}/audit", headers=headers)
    assert {"person", "case_page", "names"} <= {one["at_what"] for one in audit.json()["looks"]}
    assert {one["at"] for one in audit.json()["looks"]} == {NOW.isoformat()}
    elsewhere = as_(intake, "caseworker", units=("NO-3222",))
    assert (await browser.get(f"/intake/api/people/{person_id}/audit", headers=elsewhere)).status_code == 404


async def test_the_export_holds_the_referral_as_it_came_and_every_look(
    intake: Intake, browser: httpx.AsyncClient
) -> None:
    _, person_id = await opened(intake, protected=False, guardian=GUARDIAN)
    headers = as_(intake, "caseworker")
    answer = await browser.get(f"/intake/api/people/{person_id}/export", headers=headers)
    held = answer.json()
    assert held["person"]["national_id"] == "0707614286"
    assert held["referrals"][0]["as_it_came"]["candidate"]["given_name"] == "Amina"
    assert held["cases"][0]["channel"] == "jobcentre"
    assert held["looks"][0]["at_what"] == "export"
    assert held["parts"]["followup"] == f"/followup/api/people/{person_id}/export"
    page = await browser.get(f"/intake/people/{person_id}/export", headers=headers | PAGE)
    assert page.status_code == 200, page.text[:500]
    assert "0707614286" in page.text and f"/matching/fragments/people/{person_id}" in page.text
    guardian = await intake.pool.fetchval("SELECT guardian_id FROM case_file")
    part = (await browser.get(f"/intake/api/people/{guardian}/export", headers=headers)).json()
    assert len(part["part_in_cases_of_others"]) == 1 and not part["cases"] and not part["referrals"]
    assert "0707614286" not in json.dumps(part)


async def test_whoever_was_merged_is_shown_as_the_one_they_are(
    intake: Intake, browser: httpx.AsyncClient
) -> None:
    nameless: dict[str, Any] = {"candidate__national_id": None, "candidate__national_id_type": None}
    (first, one), (second, other) = (
        await opened(intake, **nameless),
        await opened_again(intake, **nameless),
    )
    (merged,) = await intake.take(intake.of_staff(MergePersons(person_id=one, other_id=other)))
    assert merged.kind == "done", merged.reason
    await assigned(intake, first, JONAS)
    await assigned(intake, second, JONAS)
    body = {"ids": [str(other)]}
    for subject, name in (("jonas", "Amina Eksempel"), ("maja", "Beskyttet person")):
        headers = as_(intake, "caseworker", subject=subject) | {"Accept-Language": "da"}
        answer = await browser.post("/intake/api/people/names", json=body, headers=headers)
        assert answer.json()["names"] == {str(other): name}
    shown = await browser.get(
        f"/intake/api/people/{other}", headers=as_(intake, "caseworker", subject="jonas")
    )
    assert shown.json()["person_id"] == str(one)


async def opened_again(intake: Intake, **changes: Any) -> tuple[UUID, UUID]:
    case_id = await intake.case_of(referral("again", **changes))
    return case_id, await intake.pool.fetchval("SELECT person_id FROM case_file WHERE id = $1", case_id)


@pytest.mark.parametrize("language", ["da", "nb", "en"])
async def test_the_forms_of_a_person_s_page_do_what_they_say(
    intake: Intake, browser: httpx.AsyncClient, language: str
) -> None:
    nameless: dict[str, Any] = {"candidate__national_id": None, "candidate__national_id_type": None}
    _, person_id = await opened(intake, protected=False)
    _, other = await opened_again(intake, **nameless)
    headers = as_(intake, "caseworker") | PAGE
    here = f"/intake/people/{person_id}"
    page = await browser.get(f"{here}?lang={language}", headers=headers)
    for command in ("CorrectPerson", "MergePersons", "ErasePerson"):
        assert f"/intake/api/commands/{command}" in page.text
    typed = {"person_id": str(person_id), "national_id": "", "national_id_type": "DK-CPR", "return_to": here}
    typed |= {"family_name": "Rettet", "email": "", "protected": "false"}
    corrected = await browser.post("/intake/api/commands/CorrectPerson", data=typed, headers=headers)
    assert (corrected.status_code, corrected.headers.get("location")) == (303, here), corrected.text
    page = await browser.get(here, headers=headers)
    assert "Amina Rettet" in page.text and "0707614286" in page.text and "amina@example.org" in page.text
    merges = {"person_id": str(person_id), "other_id": str(other), "return_to": here}
    merged = await browser.post("/intake/api/commands/MergePersons", data=merges, headers=headers)
    assert merged.status_code == 303, merged.text
    assert "/intake/api/commands/SplitPerson" in (await browser.get(here, headers=headers)).text
    erases = {"person_id": str(person_id), "return_to": "/intake/cases"}
    gone = await browser.post("/intake/api/commands/ErasePerson", data=erases, headers=headers)
    assert gone.status_code == 303, gone.text
    assert (await browser.get(here, headers=headers)).status_code == 404
    again = await browser.post(
        "/intake/api/commands/ErasePerson", json=erases, headers=as_(intake, "caseworker")
    )
    assert again.status_code in (409, 422)


async def test_a_psychologist_sees_a_person_behind_the_glass_alone(
    intake: Intake, browser: httpx.AsyncClient
) -> None:
    _, person_id = await opened(intake, protected=False)
    headers = as_(intake, "psychologist", subject="pia")
    path = f"/intake/api/people/{person_id}"
    assert (await browser.get(path, headers=headers)).status_code == 403
    page = await browser.get(f"/intake/people/{person_id}", headers=headers | PAGE)
    assert (page.status_code, "BreakGlass" in page.text) == (403, True)
    breaks = {"person_id": str(person_id), "reason": "Samtale om bekymring i dag"}
    assert (await browser.post("/intake/api/commands/BreakGlass", json=breaks, headers=headers)).is_success
    assert (await browser.get(path, headers=headers)).status_code == 200
    assert (await browser.get(path, headers=as_(intake, "analyst"))).status_code == 403


async def test_whoever_may_not_see_a_protected_person_changes_nothing_about_them(
    intake: Intake, browser: httpx.AsyncClient
) -> None:
    case_id, person_id = await opened(intake)
    await assigned(intake, case_id, JONAS)
    maja, jonas = (as_(intake, "caseworker", subject=who) for who in ("maja", "jonas"))
    corrects = {"person_id": str(person_id), "protected": False}
    for command, body in (("CorrectPerson", corrects), ("ErasePerson", {"person_id": str(person_id)})):
        answer = await browser.post(f"/intake/api/commands/{command}", json=body, headers=maja)
        assert (answer.status_code, answer.json()["code"]) == (403, "protected_person")
    answer = await browser.post("/intake/api/commands/CorrectPerson", json=corrects, headers=jonas)
    assert answer.status_code == 200, answer.text
