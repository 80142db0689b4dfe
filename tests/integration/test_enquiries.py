"""A unit's door without sign-in: asked, confirmed, and what comes of it; through HTTP on real PostgreSQL."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import httpx
import pytest

from services.intake.enquiring import ConfirmEnquiry, LapseEnquiry, host_of
from services.intake.enquiry_list import today_items, waiting
from services.intake.registers import UnitFile
from shared.contracts.model import derived_id
from shared.messages import Message
from shared.timers import run_due
from tests.builders import Clock
from tests.servers.enquiries import (
    CANDIDATE,
    CORPS,
    KINDS,
    UNIT,
    asked,
    browser,
    clock,
    confirmed,
    intake,
    link,
    send,
    stamped,
    state,
)
from tests.servers.intake import Intake, as_

__all__ = ["browser", "clock", "intake"]


async def test_the_door_offers_three_forms_in_three_languages(browser: httpx.AsyncClient) -> None:
    for language, title in (("da", "Hvordan vil du"), ("nb", "Hvordan vil du"), ("en", "How would you")):
        page = await browser.get(f"/intake/enquiry/{CORPS}?lang={language}")
        assert page.status_code == 200 and title in page.text and page.headers["content-language"] == language
        assert [f"kind={kind}" in page.text for kind in KINDS] == [True, True, True]
    assert "referrer-policy" in page.headers and "no-store" in page.headers["cache-control"]
    assert (await browser.get("/intake/enquiry/nowhere")).status_code == 404
    notice = str(uuid4())
    page = await browser.get(f"/intake/enquiry/{CORPS}?notice={notice}")
    assert page.text.count(f"kind=mentor&amp;notice={notice}") == 1
    page = await browser.get(f"/intake/enquiry/{CORPS}?kind=mentor&notice={notice}")
    assert f'name="notice" value="{notice}"' in page.text


async def test_a_confirmed_candidate_is_a_case_by_the_referrals_own_code(
    intake: Intake, browser: httpx.AsyncClient, clock: Clock
) -> None:
    notice = uuid4()
    answer = await send(browser, clock, "candidate", notice=str(notice))
    assert answer.headers["location"].endswith("?sent=email&lang=da")
    assert "Se i din indbakke" in (await browser.get(answer.headers["location"])).text
    made = await asked(intake)
    assert (made["stage"], made["unit"], made["kind"]) == ("asked", UNIT, "candidate")
    assert made["notice_id"] == str(notice) and made["channel"] == "library"
    assert made["asked"] == [{"person_id": made["person_id"], "side": "candidate", "role": "candidate"}]
    assert datetime.fromisoformat(made["answer_by"]) == clock.now + timedelta(days=2)
    assert (await intake.body("Contact"))["email"] == "amina@example.org"
    assert await intake.count("case_file") == 0
    path = f"/intake/enquiry/confirm/{link(intake, made)}"
    shown = await browser.get(path)
    assert "Ja, det er mig" in shown.text and "Amina" not in shown.text
    assert await intake.count("case_file") == 0, "a mail scanner opens links"
    assert (await browser.post(path)).headers["location"] == path
    assert "Nu har vi fået det" in (await browser.get(path)).text
    opened, accepted = await intake.body("CaseOpened"), await intake.body("ReferralAccepted")
    assert (opened["unit"], opened["channel"], opened["person_id"]) == (UNIT, "library", made["person_id"])
    assert (accepted["source"], accepted["source_reference"]) == (
        f"/makker/intake/{UNIT}/enquiry",
        made["enquiry_id"],
    )
    assert (await asked(intake))["stage"] == "confirmed"
    enquiry = await state(intake)
    assert (enquiry["state"], enquiry["case_id"]) == ("confirmed", opened["case_id"])
    assert await intake.count("person") == 1


async def test_confirming_twice_opens_one_case(
    intake: Intake, browser: httpx.AsyncClient, clock: Clock
) -> None:
    path = await confirmed(intake, browser, clock, "candidate")
    assert (await browser.post(path)).status_code == 303
    assert await intake.count("case_file") == 1
    assert (await intake.events(UNIT)).count("EnquiryMade") == 2


async def test_no_identity_and_no_word_leaves_but_by_contacts(
    intake: Intake, browser: httpx.AsyncClient, clock: Clock
) -> None:
    await confirmed(intake, browser, clock, "candidate")
    told = await intake.pool.fetchval("SELECT string_agg(body, '') FROM outbox WHERE topic <> 'contacts-v1'")
    kept = await intake.pool.fetchval("SELECT string_agg(doc::text, '') FROM enquiry")
    for canary in ("Amina", "Eksempel", "amina@", "heste"):
        assert canary not in told and canary not in kept


async def test_a_confirmed_mentor_has_enquired_and_waits_for_the_interview(
    intake: Intake, browser: httpx.AsyncClient, clock: Clock
) -> None:
    await confirmed(intake, browser, clock, "mentor")
    told = await intake.body("MentorRegistered")
    assert (told["unit"], told["stage"], told["education_level"]) == (CORPS, "enquired", "skilled")
    assert told["channel"] == "website"
    mentor = json.loads(await intake.pool.fetchval("SELECT doc FROM mentor"))
    assert mentor["birth_date"] == "1980-12-24" and set(mentor["languages"]) == {"da", "en"}
    assert mentor["id"] == (await asked(intake))["person_id"]
    assert await intake.events(mentor["id"]) == ["Contact", "MentorRegistered"]


async def test_a_confirmed_host_has_enquired(
    intake: Intake, browser: httpx.AsyncClient, clock: Clock
) -> None:
    await confirmed(intake, browser, clock, "host")
    told = await intake.body("HostRegistered")
    assert (told["unit"], told["stage"], told["kind"]) == (UNIT, "enquired", "association")
    host = json.loads(await intake.pool.fetchval("SELECT doc FROM host"))
    assert (host["name"], host["contact_person_id"]) == ("Idrætsklubben", (await asked(intake))["person_id"])


async def test_what_the_rules_refuse_waits_for_staff_with_all_reasons(
    intake: Intake, browser: httpx.AsyncClient, clock: Clock
) -> None:
    await confirmed(intake, browser, clock, "candidate", postcode="9000")
    assert await intake.count("case_file") == 0 and (await state(intake))["state"] == "confirmed"
    page = await browser.get("/intake/enquiries", headers=as_(intake, "caseworker"))
    assert "Det kan ikke blive til en sag" in page.text and "Amina Eksempel" in page.text
    assert "Jeg er glad for heste" in page.text and "Foreningspraktik" in page.text


async def test_an_unconfirmed_enquiry_lapses_and_nothing_is_kept(
    intake: Intake, browser: httpx.AsyncClient, clock: Clock
) -> None:
    await send(browser, clock, "candidate")
    made = await asked(intake)
    path = f"/intake/enquiry/confirm/{link(intake, made)}"
    clock.now += timedelta(days=2)
    expired = await browser.get(path)
    assert expired.status_code == 410 and "Linket er for gammelt" in expired.text
    while await run_due(intake.host.service):
        pass
    assert [await intake.count(table) for table in ("person", "enquiry")] == [0, 0]
    assert "Tombstone" in await intake.events(made["person_id"])
    everything = await intake.pool.fetchval("SELECT string_agg(body, '') FROM outbox")
    assert "Amina" not in everything and "amina@" not in everything
    assert (await browser.post(path)).status_code == 410 and await intake.count("case_file") == 0


async def test_a_confirmed_one_does_not_lapse(
    intake: Intake, browser: httpx.AsyncClient, clock: Clock
) -> None:
    await confirmed(intake, browser, clock, "mentor")
    clock.now += timedelta(days=3)
    while await run_due(intake.host.service):
        pass
    assert await intake.count("person") == 1 and (await state(intake))["state"] == "confirmed"
    late = LapseEnquiry(enquiry_id=UUID((await state(intake))["id"]))
    message = Message(id=uuid4(), type="LapseEnquiry", body=late, time=clock.now, kind="timer")
    (outcome,) = await intake.take(message)
    assert (outcome.kind, outcome.reason) == ("ignored", "enquiry_is_confirmed")


async def test_links_of_another_kind_another_person_or_none_of_ours_confirm_nothing(
    intake: Intake, browser: httpx.AsyncClient, clock: Clock
) -> None:
    await send(browser, clock, "candidate")
    made = await asked(intake)
    token = link(intake, made)
    stranger = link(intake, made | {"person_id": str(uuid4())})
    nowhere = link(intake, made | {"enquiry_id": str(uuid4())})
    for wrong, status in (
        (link(intake, made, "answer"), 404),
        (token[:-4] + "AAAA", 404),
        ("nonsense", 404),
        (stranger, 410),
        (nowhere, 410),
    ):
        for answer in (
            await browser.get(f"/intake/enquiry/confirm/{wrong}"),
            await browser.post(f"/intake/enquiry/confirm/{wrong}"),
        ):
            assert answer.status_code == status and "<h1>" in answer.text
    assert (await state(intake))["state"] == "asked"


async def test_who_has_a_phone_alone_is_called_back_by_staff_who_confirm_for_them(
    intake: Intake, browser: httpx.AsyncClient, clock: Clock
) -> None:
    answer = await send(browser, clock, "candidate", email="", phone="70 10 20 30")
    assert "sent=phone" in answer.headers["location"]
    assert (await asked(intake))["asked"] == []
    page = await browser.get("/intake/enquiries", headers=as_(intake, "caseworker"))
    assert "Ring tilbage" in page.text and "+4570102030" in page.text
    id_ = (await state(intake))["id"]
    path = f"/intake/enquiries/{id_}/confirm"
    elsewhere = as_(intake, "caseworker", units=("NO-3222",))
    for headers, status in (({}, 401), (elsewhere, 404), (as_(intake, "analyst"), 403)):
        answer = await browser.post(path, data={"heard_by": "phone"}, headers=headers)
        assert answer.status_code == status
    assert await intake.count("case_file") == 0
    wrong = await browser.post(path, data={"heard_by": "smoke"}, headers=as_(intake, "caseworker"))
    assert wrong.status_code == 422
    done = await browser.post(path, data={"heard_by": "letter"}, headers=as_(intake, "caseworker"))
    assert done.status_code == 303
    assert (await state(intake))["heard_by"] == "letter" and await intake.count("case_file") == 1


async def test_what_is_taken_up_leaves_the_list_and_what_was_typed_goes(
    intake: Intake, browser: httpx.AsyncClient, clock: Clock
) -> None:
    await confirmed(intake, browser, clock, "mentor")
    staff = as_(intake, "coordinator", units=(CORPS,))
    page = await browser.get("/intake/enquiries", headers=staff)
    assert "Jeg har tid om aftenen" in page.text and "Mandag aften" in page.text
    looks = await intake.pool.fetchval("SELECT count(*) FROM look WHERE at_what = 'enquiry_list'")
    assert looks == 1
    await browser.post(f"/intake/enquiries/{(await state(intake))['id']}/take", headers=staff)
    enquiry = await state(intake)
    assert (enquiry["state"], enquiry["sealed"], enquiry["contact_key"]) == ("taken", None, None)
    page = await browser.get("/intake/enquiries", headers=staff)
    assert "Ingen henvendelser venter" in page.text
    clock.now += timedelta(days=60)
    while await run_due(intake.host.service):
        pass
    assert await intake.count("mentor") == 1, "a mentor came of it, and stays"


@pytest.mark.parametrize(
    ("kind", "table"), [("candidate", "case_file"), ("mentor", "mentor"), ("host", "host")]
)
async def test_saying_no_is_the_own_command_of_what_came_of_it(
    intake: Intake, browser: httpx.AsyncClient, clock: Clock, kind: str, table: str
) -> None:
    await confirmed(intake, browser, clock, kind)
    enquiry = await state(intake)
    staff = as_(intake, "coordinator", units=(UNIT, CORPS))
    path = f"/intake/enquiries/{enquiry['id']}/decline"
    said = {"reason": "no_need_now", "support": "volunteer_centre", "told_by": "phone"}
    assert (await browser.post(path, data=said | {"reason": "nonsense"}, headers=staff)).status_code == 422
    assert (await browser.post(path, data=said, headers=staff)).status_code == 303
    enquiry = await state(intake)
    assert (enquiry["state"], enquiry["reason"], enquiry["told_by"]) == ("declined", "no_need_now", "phone")
    no = json.loads(await intake.pool.fetchval(f"SELECT doc FROM {table}"))
    assert (no["state"], no["reason"], no["heard_by"]) == ("declined", "no_need_now", "phone")
    assert (await browser.post(path, data=said, headers=staff)).status_code == 409


async def test_a_no_that_was_interrupted_goes_on_where_it_was(
    intake: Intake, browser: httpx.AsyncClient, clock: Clock
) -> None:
    await confirmed(intake, browser, clock, "mentor")
    enquiry, staff = await state(intake), as_(intake, "coordinator", units=(CORPS,))
    no = {"mentor_id": enquiry["person_id"], "reason": "age", "heard_by": "phone"}
    assert (
        await browser.post("/intake/api/commands/DeclineMentor", json=no, headers=staff)
    ).status_code == 200
    said = {"reason": "age", "told_by": "phone"}
    path = f"/intake/enquiries/{enquiry['id']}/decline"
    assert (await browser.post(path, data=said, headers=staff)).status_code == 303
    assert (await state(intake))["state"] == "declined"


async def test_a_no_that_is_refused_leaves_the_enquiry_on_the_list(
    intake: Intake, browser: httpx.AsyncClient, clock: Clock
) -> None:
    await confirmed(intake, browser, clock, "host")
    enquiry, staff = await state(intake), as_(intake, "coordinator")
    left = {"host_id": str(host_of(UUID(enquiry["id"]))), "reason": "other"}
    assert (
        await browser.post("/intake/api/commands/RetireHost", json=left, headers=staff)
    ).status_code == 200
    path = f"/intake/enquiries/{enquiry['id']}/decline"
    answer = await browser.post(path, data={"reason": "age", "told_by": "phone"}, headers=staff)
    assert answer.status_code == 409 and (await state(intake))["state"] == "confirmed"


async def test_a_no_to_whom_nothing_came_of_leaves_nothing_after_a_month(
    intake: Intake, browser: httpx.AsyncClient, clock: Clock
) -> None:
    await confirmed(intake, browser, clock, "candidate", postcode="9000")
    path = f"/intake/enquiries/{(await state(intake))['id']}/decline"
    said = {"reason": "outside_target_group", "told_by": "letter"}
    assert (await browser.post(path, data=said, headers=as_(intake, "caseworker"))).status_code == 303
    clock.now += timedelta(days=29)
    while await run_due(intake.host.service):
        pass
    assert await intake.count("person") == 1
    clock.now += timedelta(days=1)
    while await run_due(intake.host.service):
        pass
    assert [await intake.count(table) for table in ("person", "enquiry")] == [0, 0]


async def test_the_day_list_has_whom_to_call_and_what_is_confirmed(
    intake: Intake, browser: httpx.AsyncClient, clock: Clock
) -> None:
    await send(browser, clock, "candidate", email="", phone="70102030")
    await send(browser, clock, "host")
    await confirmed(intake, browser, clock, "mentor")
    async with intake.pool.acquire() as connection:
        found = await waiting(connection, [UNIT, CORPS])
        assert await waiting(connection, ["NO-3222"]) == []
    words, today = intake.host.pages.words("en"), clock.now.date()
    items = today_items(found, words, today)
    assert [item["text"] for item in items] == [
        "Call back: wants a place or a mentor",
        "New enquiry: wants to be a mentor",
    ]
    assert {item["urgency"] for item in items} == {"soon"}
    assert {item["urgency"] for item in today_items(found, words, today + timedelta(days=3))} == {"overdue"}


async def test_a_closed_units_door_leads_to_the_one_that_goes_on(
    intake: Intake, browser: httpx.AsyncClient, clock: Clock
) -> None:
    stamp = await stamped(browser, clock, UNIT, "candidate")
    id_ = derived_id("unit", UNIT)
    closed = UnitFile(id=id_, unit=UNIT, state="closed", handed_to="NO-3222").model_dump_json()
    await intake.pool.execute("INSERT INTO unit_file (id, version, doc) VALUES ($1, 1, $2)", id_, closed)
    page = await browser.get(f"/intake/enquiry/{UNIT}")
    assert page.status_code == 410 and "/intake/enquiry/NO-3222" in page.text
    late = {"kind": "candidate", "by_hand": "true", "stamp": stamp, **CANDIDATE}
    await browser.post(f"/intake/enquiry/{UNIT}", data=late)
    assert await intake.count("enquiry") == 0


async def test_an_internal_message_is_no_command(intake: Intake, browser: httpx.AsyncClient) -> None:
    for name in ("AskEnquiry", "ConfirmEnquiry", "SettleEnquiry", "LapseEnquiry"):
        answer = await browser.post(
            f"/intake/api/commands/{name}",
            json={"enquiry_id": str(uuid4())},
            headers=as_(intake, "caseworker"),
        )
        assert answer.status_code == 404
    nobody = ConfirmEnquiry(enquiry_id=uuid4())
    message = Message(id=uuid4(), type="ConfirmEnquiry", body=nobody, time=datetime.now(UTC), kind="timer")
    (outcome,) = await intake.take(message)
    assert (outcome.kind, outcome.reason) == ("ignored", "enquiry_is_none")
