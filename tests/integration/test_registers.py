"""The registers through the doors on a real PostgreSQL: hosts, mentors, places, partners, and their pages."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from services.intake.certificates import LapseCertificate
from shared.timers import due
from tests.servers.intake import NOW, Intake, as_, browser, intake
from tests.unit.register_desk import KIND, reading

__all__ = ["browser", "intake"]

TOWN, CORPS = "DK-0169", "DK-0851/aalborg"
CONTACT = {"name": "Vera Vært", "email": "vera@example.org", "phone": "70 10 20 30"}
AGREED = {"signed_by_management": True, "signed_by_staff": True} | dict.fromkeys(
    ("partner_roles", "interfaces", "dispute_steps"), "Aftalt"
)


class Staff:
    """Somebody signed in, who sends commands and reads."""

    def __init__(
        self, intake: Intake, browser: httpx.AsyncClient, *roles: str, units: tuple[str, ...]
    ) -> None:
        self.browser = browser
        self.headers = as_(intake, *(roles or ("coordinator",)), units=units)

    async def does(self, command: str, /, **fields: Any) -> dict[str, Any]:
        answer = await self.asks(command, **fields)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def asks(self, command: str, /, **fields: Any) -> httpx.Response:
        return await self.browser.post(
            f"/intake/api/commands/{command}", json=fields, headers=self.headers | {"Accept-Language": "en"}
        )

    async def reads(self, path: str, **asked: str) -> Any:
        answer = await self.browser.get(f"/intake/api/{path}", params=asked, headers=self.headers)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def page(self, path: str, language: str = "da") -> str:
        answer = await self.browser.get(path, params={"lang": language}, headers=self.headers)
        assert answer.status_code == 200, (path, answer.text)
        return answer.text

    async def host(self, **said: Any) -> str:
        fields = {"unit": TOWN, "kind": "association", "name": "Klubben", "contact_person": CONTACT} | said
        return str((await self.does("RegisterHost", **fields))["id"])

    async def mentor(self, **said: Any) -> str:
        known = {"contact": CONTACT | {"name": "Mia Mentor"}, "birth_date": "1980-05-01"}
        fields = {"unit": CORPS} | known | said
        return str((await self.does("RegisterMentor", **fields))["id"])


@pytest.fixture
def town(intake: Intake, browser: httpx.AsyncClient) -> Staff:
    return Staff(intake, browser, units=(TOWN,))


@pytest.fixture
def corps(intake: Intake, browser: httpx.AsyncClient) -> Staff:
    return Staff(intake, browser, "coordinator", "project_manager", units=(CORPS,))


async def test_a_host_that_made_contact_is_prepared_and_its_place_told_of(
    intake: Intake, town: Staff
) -> None:
    host_id = await town.host(enquiry=True, appetite="interested", channel="association")
    place = await town.does("OfferPlace", host_id=host_id, programmes=["foreningspraktik"])
    assert place["events"] == []
    (one,) = (await town.reads("hosts", state="enquired"))["hosts"]
    assert (one["prepared"], one["missing"]) == (False, ["expectations", "instruction", "feedback", "buddy"])
    done = await town.does(
        "RecordHostInterview",
        host_id=host_id,
        expectations="Møder til tiden",
        instruction=["pictures"],
        feedback="Hver fredag",
        buddy={"name": "Bo Buddy", "phone": "+4570102031"},
    )
    assert done["events"] == ["HostRegistered", "Contact", "PlaceOffered"]
    (one,) = (await town.reads("hosts", q="KLUB"))["hosts"]
    assert (one["state"], one["prepared"], one["missing"]) == ("available", True, [])
    assert (await intake.body("HostRegistered"))["stage"] == "available"
    names = await town.browser.post(
        "/intake/api/people/names", json={"ids": [one["buddy_id"]]}, headers=town.headers
    )
    assert names.json()["names"] == {one["buddy_id"]: "Bo Buddy"}
    rows = await intake.pool.fetch("SELECT body FROM outbox WHERE topic = 'intake-events-v1'")
    for word in ("Klubben", "Vera", "Bo Buddy", "Møder", "70102031", "example.org"):
        assert not any(word in row["body"] for row in rows)


async def test_two_talks_with_a_host_name_one_buddy(intake: Intake, town: Staff) -> None:
    host_id = await town.host()
    for phone in ("+4570102031", "+4570102032"):
        buddy = {"name": "Bo Buddy", "phone": phone}
        await town.does("RecordHostInterview", host_id=host_id, buddy=buddy)
    rows = await intake.pool.fetch("SELECT doc->>'phone' AS phone FROM person WHERE name = 'Bo Buddy'")
    assert [row["phone"] for row in rows] == ["+4570102032"]


async def test_an_address_that_can_be_none_is_refused_at_its_field(town: Staff) -> None:
    answer = await town.asks(
        *("RegisterHost",),
        unit=TOWN,
        kind="company",
        name="Værft",
        contact_person={"name": "Vera", "email": "vera at example.org", "phone": "12"},
    )
    assert answer.status_code == 422
    errors = {error["field"]: error["code"] for error in answer.json()["errors"]}
    assert errors == {"contact_person.email": "bad_email", "contact_person.phone": "bad_phone"}
    assert "vera at" not in answer.text


async def test_a_place_that_comes_while_its_host_stops_is_withdrawn_too(intake: Intake, town: Staff) -> None:
    host_id = await town.host()
    offers = (town.asks("OfferPlace", host_id=host_id, programmes=["foreningspraktik"]) for _ in range(4))
    answers = await asyncio.gather(*offers, town.asks("RetireHost", host_id=host_id, reason="no_time"))
    assert {answer.status_code for answer in answers} == {200}
    told = await intake.pool.fetch(
        "SELECT DISTINCT ON (key) key, type FROM outbox WHERE type IN ('PlaceOffered', 'PlaceWithdrawn') "
        "ORDER BY key, position DESC"
    )
    assert {row["type"] for row in told} <= {"PlaceWithdrawn"}
    assert {one["state"] for one in (await town.reads("places"))["places"]} <= {"withdrawn", "resting"}


async def test_the_same_registration_sent_twice_makes_one_host(intake: Intake, town: Staff) -> None:
    headers = town.headers | {"Idempotency-Key": "once"}
    body = {"unit": TOWN, "kind": "school", "name": "Skolen", "contact_person": CONTACT}
    first, again = [
        await town.browser.post("/intake/api/commands/RegisterHost", json=body, headers=headers)
        for _ in range(2)
    ]
    assert first.json()["id"] == again.json()["id"]
    assert (await intake.count("host"), await intake.count("person")) == (1, 1)


async def test_a_mentor_goes_from_enquiry_to_available(intake: Intake, corps: Staff) -> None:
    mentor_id = await corps.mentor(enquiry=True, languages={"ar": "native"}, pay="expenses")
    await corps.does("OfferPlace", mentor_id=mentor_id, programmes=["mentorskab"])
    (one,) = (await corps.reads("mentors", q="mia"))["mentors"]
    assert (one["state"], one["missing"]) == ("enquired", ["interview", "agreement"])
    await corps.does("RecordMentorInterview", mentor_id=mentor_id, note="Taler arabisk")
    done = await corps.does("SignVolunteerAgreement", mentor_id=mentor_id)
    assert done["events"] == ["MentorRegistered", "PlaceOffered"]
    assert (await intake.body("PlaceOffered"))["spoken_languages"] == ["ar"]
    looks = await intake.pool.fetch("SELECT at_what FROM look WHERE person_ids @> ARRAY[$1::uuid]", mentor_id)
    assert [row["at_what"] for row in looks] == ["search"]


async def test_a_certificate_that_lapses_is_told_by_its_clock(intake: Intake, corps: Staff) -> None:
    mentor_id = await corps.mentor()
    shown = await corps.does(
        *("RecordCertificateShown",), mentor_id=mentor_id, kind="child_certificate", valid_until="2026-12-01"
    )
    assert shown["events"] == []
    later = NOW.replace(year=2027)
    clocks = [message.body for message in await due(intake.host.service, later)]
    assert LapseCertificate(of="mentor", subject_id=mentor_id, kind="child_certificate") in clocks
    both = await corps.asks("OrderCertificate", mentor_id=mentor_id, case_id=str(uuid4()), kind="x")
    neither = await corps.asks("SetAppetite", appetite="looking")
    assert [both.json()["code"], neither.json()["code"]] == ["case_or_mentor", "either_host_or_mentor"]


@pytest.mark.parametrize("intake", [partial(reading, by_mailbox=True)], indirect=True)
async def test_where_a_certificate_comes_by_a_mailbox_the_page_asks_for_the_mailbox_first(
    corps: Staff,
) -> None:
    mentor_id = await corps.mentor()
    (one,) = (await corps.reads("mentors"))["mentors"]
    before = await corps.page(f"/intake/mentors/{mentor_id}", "en")
    due = await corps.page("/intake/certificates", "en")
    known = await corps.does("RecordMentorInterview", mentor_id=mentor_id, digital_mailbox=True)
    after = await corps.page(f"/intake/mentors/{mentor_id}", "en")
    assert one["missing"] == ["interview", "agreement", "digital_mailbox", KIND]
    asked, first = 'name="digital_mailbox"', "Digital mailbox first"
    assert [text in before for text in (asked, first)] == [True, True]
    assert known["events"] == ["CertificateDue"] and mentor_id not in due
    assert [text in after for text in (asked, first)] == [False, False]
    # The others, that nobody asks for, can be ordered all along.
    assert after.count("Can be ordered now") == before.count("Can be ordered now") + 1
    assert mentor_id in await corps.page("/intake/certificates", "en")


async def test_a_partner_its_agreement_and_a_dispute(intake: Intake, corps: Staff) -> None:
    partner = await corps.does(
        *("RegisterPartner",), unit=CORPS, kind="company", name="Værftet", contact_person=CONTACT
    )
    partner_id = partner["id"]
    assert partner["events"] == ["PartnerChanged", "Contact"]
    refused = await corps.asks("SignCooperationAgreement", partner_id=partner_id, **AGREED)
    fields = [error["field"] for error in refused.json()["errors"]]
    assert fields == ["working_time", "meeting_place", "meeting_manner"]
    company = dict.fromkeys(fields, "Aftalt")
    await corps.does("SignCooperationAgreement", partner_id=partner_id, **AGREED, **company)
    await corps.does("RaiseDispute", partner_id=partner_id, about="Tiden")
    (one,) = (await corps.reads("partners", status="agreed"))["partners"]
    assert (one["stage"], one["agreement_holds"], one["dispute_open"]) == ("cooperation", True, "raised")
    told = await intake.body("PartnerChanged")
    assert (told["status"], told["agreed_on"], told["dispute"]) == ("agreed", "2026-11-23", "raised")
    assert "Tiden" not in str(told)
    mentor_id = await corps.mentor(partner_id=partner_id)
    assert (await intake.body("MentorRegistered"))["partner_id"] == partner_id
    unknown = await corps.asks(
        "RegisterMentor", mentor_id=mentor_id, unit=CORPS, contact=CONTACT, partner_id=str(uuid4())
    )
    assert (unknown.status_code, unknown.json()["code"]) == (422, "unknown_partner")


async def test_only_a_project_manager_signs(town: Staff) -> None:
    partner = await town.does("RegisterPartner", unit=TOWN, kind="library", name="Biblioteket")
    answer = await town.asks("SignCooperationAgreement", partner_id=partner["id"], **AGREED)
    assert answer.status_code == 403


async def test_training_and_contacts_are_told_of_by_unit(
    intake: Intake, browser: httpx.AsyncClient, town: Staff
) -> None:
    host_id = await town.host()
    assert (await town.does("RequestTraining", host_id=host_id, topics=["mentor_role"]))["events"] == [
        "TrainingRequested"
    ]
    office = Staff(intake, browser, "training_office", units=(TOWN,))
    page = await office.page("/intake/training")
    assert "Klubben" in page
    await office.does("RecordTraining", unit=TOWN, topics=["mentor_role"], hosts=[host_id], attended=12)
    await town.does("RecordContact", unit=TOWN, channel="social_media", contacts=8, reactions=0)
    assert await intake.events(TOWN) == ["TrainingRequested", "TrainingHeld", "ContactMade"]
    (one,) = (await town.reads("hosts"))["hosts"]
    assert (one["trained"], one["training_wished"]) == (["mentor_role"], [])
    wrong = await office.asks("RecordTraining", unit=TOWN, topics=["mentor_role"], mentors=[str(uuid4())])
    assert (wrong.status_code, wrong.json()["code"]) == (404, "unknown_mentor")


async def test_lists_page_by_cursor_and_are_narrowed(town: Staff) -> None:
    for number in range(53):
        await town.host(name=f"Klub {number:02}", appetite="looking" if number % 2 else "not_now")
    first = await town.reads("hosts")
    rest = await town.reads("hosts", cursor=first["next"])
    names = [one["name"] for one in first["hosts"] + rest["hosts"]]
    assert (len(first["hosts"]), rest["next"]) == (50, None)
    assert names == [f"Klub {number:02}" for number in range(53)]
    assert len((await town.reads("hosts", appetite="looking"))["hosts"]) == 26
    wrong = await town.browser.get("/intake/api/hosts", params={"cursor": "x"}, headers=town.headers)
    assert wrong.status_code == 422
    page = await town.page("/intake/hosts")
    assert "Klub 49" in page and "Klub 50" not in page and "cursor=" in page


@pytest.mark.parametrize("language", ["da", "nb", "en"])
async def test_every_page_of_the_registers_is_whole(
    intake: Intake, town: Staff, corps: Staff, language: str
) -> None:
    host_id = await town.host(appetite="interested")
    await town.does("SetAppetite", host_id=host_id, appetite="not_now", until="2027-02-01")
    await town.does("OfferPlace", host_id=host_id, programmes=["foreningspraktik"], industries=["retail"])
    buddy = {"name": "Bo Buddy"}
    await town.does("RecordHostInterview", host_id=host_id, expectations="Møder til tiden", buddy=buddy)
    gone = await town.host(name="Lukket klub")
    await town.does("DeclineHost", host_id=gone, reason="other", support="guidance", heard_by="phone")
    mentor_id = await corps.mentor(languages={"ar": "native", "da": "C1"}, profession="carpenter")
    await corps.does("OfferPlace", mentor_id=mentor_id, programmes=["mentorskab"])
    await corps.does("RecordCertificateShown", mentor_id=mentor_id, kind="child_certificate")
    stopped = await corps.mentor()
    await corps.does("RetireMentor", mentor_id=stopped, reason="moved")
    partner = await corps.does("RegisterPartner", unit=CORPS, kind="school", name="Skolen")
    signed = AGREED | {"management_backs": True, "valid_until": "2027-11-23"}
    assert 'name="contact_person.name"' in await corps.page(f"/intake/partners/{partner['id']}", language)
    named = {"partner_id": partner["id"], "contact_person": CONTACT, "dispute_order": ["managers_meet"]}
    await corps.does("SignCooperationAgreement", **named, **signed)
    await corps.does("RaiseDispute", partner_id=partner["id"], about="Tiden")
    for path in ("hosts", f"hosts/{host_id}", f"hosts/{gone}", "places", "training", "mentors", "partners"):
        await town.page(f"/intake/{path}", language)
    own = [f"mentors/{mentor_id}", f"mentors/{stopped}", f"partners/{partner['id']}"]
    for path in ("hosts", "mentors", *own, "partners", "places", "training"):
        await corps.page(f"/intake/{path}", language)
    for path in own:
        other = await town.browser.get(f"/intake/{path}", headers=town.headers)
        assert other.status_code == 403
    looks = await intake.pool.fetch("SELECT DISTINCT at_what FROM look ORDER BY 1")
    assert {row["at_what"] for row in looks} >= {"host_page", "mentor_list", "mentor_page"}


async def test_the_wording_of_a_no_is_shown_to_whoever_has_to_say_it(town: Staff) -> None:
    host_id = await town.host(enquiry=True)
    page = await town.page(f"/intake/hosts/{host_id}")
    assert "Rammerne passer ikke til de borgere" in page and "Tag samtalen med projektlederen" in page


async def test_a_form_of_a_page_does_what_it_says(intake: Intake, town: Staff) -> None:
    host_id = await town.host(enquiry=True)
    form = {"host_id": host_id, "expectations": "Møder til tiden", "instruction[]": ["shown", "written"]}
    form |= {"buddy.name": "", "buddy.phone": "", "return_to": f"/intake/hosts/{host_id}"}
    answer = await town.browser.post(
        "/intake/api/commands/RecordHostInterview", data=form, headers=town.headers | {"Accept": "text/html"}
    )
    assert (answer.status_code, answer.headers["location"]) == (303, f"/intake/hosts/{host_id}")
    (one,) = (await town.reads("hosts"))["hosts"]
    assert (one["state"], one["instruction"], one["buddy_id"]) == ("available", ["shown", "written"], None)


async def test_a_protected_mentor_is_not_told_to_whoever_may_not_see_them(
    intake: Intake, town: Staff, corps: Staff, browser: httpx.AsyncClient
) -> None:
    mentor_id = await corps.mentor(contact={"name": "Selma Skjult", "email": "selma@example.org"})
    await intake.pool.execute(
        "UPDATE person SET doc = doc || '{\"protected\": true}' WHERE id = $1", UUID(mentor_id)
    )
    coordinator = Staff(intake, browser, units=(CORPS,))
    for path in ("mentors", f"mentors/{mentor_id}", "training"):
        text = await coordinator.page(f"/intake/{path}")
        assert "Selma" not in text and "selma@example.org" not in text
    assert "RegisterMentor" not in await coordinator.page(f"/intake/mentors/{mentor_id}")
    assert "Selma Skjult" in await corps.page(f"/intake/mentors/{mentor_id}")


async def test_whoever_a_mentor_belongs_to_is_of_the_same_unit(
    intake: Intake, town: Staff, corps: Staff
) -> None:
    host_id = await town.host()
    partner = await town.does("RegisterPartner", unit=TOWN, kind="library", name="Biblioteket")
    for said, code in (
        ({"host_id": host_id}, "unknown_host"),
        ({"partner_id": partner["id"]}, "unknown_partner"),
    ):
        refused = await corps.asks(
            "RegisterMentor", unit=CORPS, contact=CONTACT | {"name": "Mia Mentor"}, **said
        )
        at = [error["field"] for error in refused.json()["errors"]]
        assert (refused.status_code, refused.json()["code"], at) == (422, code, [*said])


async def test_a_place_is_not_moved_to_somebody_else_by_its_id(intake: Intake, corps: Staff) -> None:
    one, other = await corps.mentor(), await corps.mentor()
    place = await corps.does("OfferPlace", mentor_id=one, programmes=["mentorskab"])
    moved = {"place_id": place["place_id"], "programmes": ["mentorskab"]}
    refused = await corps.asks("OfferPlace", mentor_id=other, **moved)
    assert (refused.status_code, refused.json()["code"]) == (409, "place_of_another")
    assert await intake.pool.fetchval("SELECT mentor_id::text FROM place") == one
    await corps.does("OfferPlace", mentor_id=one, **moved)


async def test_correcting_a_number_does_not_make_an_enquiry_available(
    intake: Intake, town: Staff, corps: Staff
) -> None:
    host_id, mentor_id = await town.host(enquiry=True), await corps.mentor(enquiry=True)
    host_page, mentor_page = (
        await town.page(f"/intake/hosts/{host_id}"),
        await corps.page(f"/intake/mentors/{mentor_id}"),
    )
    for page in (host_page, mentor_page):
        assert '<input type="hidden" name="enquiry" value="true">' in page
    form = {"mentor_id": mentor_id, "unit": CORPS, "contact.name": "Mia Mentor", "contact.phone": "70102039"}
    form |= {"enquiry": "true", "languages.ar": "native", "languages.da": "", "return_to": "/intake/mentors"}
    answer = await corps.browser.post(
        "/intake/api/commands/RegisterMentor", data=form, headers=corps.headers | {"Accept": "text/html"}
    )
    assert answer.status_code == 303
    (one,) = (await corps.reads("mentors"))["mentors"]
    assert (one["state"], one["languages"]) == ("enquired", {"ar": "native"})
    await town.does("RecordHostInterview", host_id=host_id)
    assert 'name="enquiry"' not in await town.page(f"/intake/hosts/{host_id}")
