"""From a notice that partners were chosen for to a mail, and by its link to a reply that counts for them."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from html import unescape
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from demo.embedded.mailbox import Mailbox
from shared.contracts.intake import Contact, EnquiryMade, PartnerAsked, SubjectErased
from shared.contracts.intake_commands import ContactDetails
from shared.contracts.matching import (
    MentorWanted,
    MentorWantedWithdrawn,
    PublishMentorWanted,
    WithdrawMentorWanted,
)
from shared.contracts.people_commands import ErasePerson
from shared.contracts.register_commands import RegisterPartner
from shared.corridor import handle
from shared.hosting import Host
from shared.messages import Actor, Message
from tests.integration.matching_service import UNIT, Matching, matching_service
from tests.integration.notifications_service import notifications, post, states, tell
from tests.servers.enquiries import MENTOR, browser, clock, confirmed, intake, send
from tests.servers.intake import Intake, as_
from tests.servers.postgres import Databases

__all__ = ["browser", "clock", "intake", "notifications"]

COORDINATOR = Actor("c", "staff", uuid4(), roles=frozenset({"coordinator"}), units=frozenset({UNIT}))
WANTED = {"field": "healthcare", "stage": "choosing_education", "task": "education_choice"}
EMAIL = "bo@example.org"


@pytest.fixture
async def matching(database: Databases) -> AsyncIterator[Matching]:
    async with matching_service(await database("matching")) as service:
        yield service


async def ask(intake: Intake, body: Any) -> Any:
    (outcome,) = await intake.take(intake.of_staff(body, COORDINATOR))
    assert outcome.kind == "done", outcome.reason
    return outcome.answer


async def partner(intake: Intake, name: str = "Biblioteket", **more: Any) -> UUID:
    said = {"kind": "library", "contact_person": ContactDetails(name="Bo Eksempel", email=EMAIL)} | more
    return UUID(str((await ask(intake, RegisterPartner(unit=UNIT, name=name, **said)))["partner_id"]))


async def told(intake: Intake) -> list[PartnerAsked]:
    rows = await intake.pool.fetch("SELECT body FROM outbox WHERE type = 'PartnerAsked' ORDER BY position")
    return [PartnerAsked.model_validate_json(row["body"]) for row in rows]


async def contacts(intake: Intake) -> list[Contact]:
    rows = await intake.pool.fetch("SELECT body FROM outbox WHERE type = 'Contact' ORDER BY position")
    return [Contact.model_validate_json(row["body"]) for row in rows]


async def published(matching: Matching, case: UUID, *partners: UUID, **more: Any) -> MentorWanted:
    body = PublishMentorWanted(case_id=case, partners=partners, **WANTED, **more)
    assert (await matching.ask(body, COORDINATOR)).kind == "done"
    return MentorWanted.model_validate_json((await matching.events("MentorWanted"))[-1]["body"])


async def reach(intake: Intake, body: Any) -> None:
    (outcome,) = await handle(
        intake.host.service, [Message(uuid4(), type(body).__name__, body, intake.host.service.clock())]
    )
    assert outcome.kind == "done", outcome.reason


async def counted(matching: Matching) -> tuple[dict[str, int], dict[str, int]]:
    row = await matching.service.pool.fetchrow("SELECT doc->'replies', doc->'by_partner' FROM notice")
    assert row is not None
    return json.loads(row[0]), json.loads(row[1])


async def test_a_reply_by_the_link_that_a_partner_was_mailed_counts_for_that_partner(
    matching: Matching,
    intake: Intake,
    notifications: Host,
    mailbox: Mailbox,
    browser: httpx.AsyncClient,
    clock: Any,
) -> None:
    chosen, other = await partner(intake), await partner(intake, "Foreningen", kind="association")
    case = await matching.case()
    wanted = await published(matching, case.case_id, chosen, on_enquiry_page=False)
    await reach(intake, wanted)
    (asked,) = await told(intake)
    assert (asked.partner_id, asked.channel, asked.notice_id) == (chosen, "library", wanted.notice_id)
    await tell(notifications, asked, *await contacts(intake))
    await post(notifications)
    (mail,) = mailbox.to(EMAIL)
    for private in (str(case.case_id), str(case.person_id)):
        assert private not in mail.text and private not in asked.model_dump_json()
    (link,) = re.findall(rf"/intake/enquiry/{UNIT}\?\S+", mail.text)
    assert f"partner={chosen}" in link
    page = (await browser.get(f"{link}&lang=da")).text
    assert re.search(r'<option value="library" selected', page)
    hidden = dict(re.findall(r'type="hidden" name="(notice|partner)" value="([^"]+)"', page))
    assert hidden == {"notice": str(wanted.notice_id), "partner": str(chosen)}
    await confirmed(intake, browser, clock, "mentor", unit=UNIT, channel="library", **hidden)
    made = EnquiryMade.model_validate(await intake.body("EnquiryMade"))
    assert made.stage == "confirmed"
    await matching.take(made, made.model_copy(update={"partner_id": other}))
    assert await counted(matching) == ({"library": 2}, {str(chosen): 1})
    assert await intake.pool.fetchval("SELECT doc->>'partner_id' FROM mentor") == str(chosen)


async def test_who_is_no_partner_of_the_unit_brought_nobody(
    intake: Intake, browser: httpx.AsyncClient, clock: Any
) -> None:
    await confirmed(intake, browser, clock, "mentor", partner=str(uuid4()))
    mentor = json.loads(await intake.pool.fetchval("SELECT doc FROM mentor"))
    assert mentor["state"] == "enquired" and mentor["partner_id"] is None
    answer = await send(browser, clock, "mentor", **MENTOR | {"email": "x@example.org", "partner": "nobody"})
    assert answer.status_code == 303


async def test_a_partner_is_asked_once_and_anew_for_a_notice_that_says_something_else(
    intake: Intake, matching: Matching
) -> None:
    first, second = await partner(intake), await partner(intake, "Foreningen", kind="association")
    await partner(intake, "Uden", contact_person=None)
    case = (await matching.case()).case_id
    await reach(intake, await published(matching, case, first))
    await reach(intake, await published(matching, case, first, second, uuid4()))
    assert [(one.partner_id, one.over) for one in await told(intake)] == [(first, False), (second, False)]
    wanted = await published(matching, case, second)
    await reach(intake, wanted.model_copy(update={"task": "job_search"}))
    assert {(one.partner_id, one.over) for one in (await told(intake))[2:]} == {
        (first, True),
        (second, False),
    }


@pytest.mark.parametrize("why", ["no contact person", "another unit", "ended"])
async def test_nobody_is_asked_who_cannot_be_or_is_no_partner_any_more(
    intake: Intake, matching: Matching, why: str
) -> None:
    left: dict[str, dict[str, Any]] = {
        "no contact person": {"contact_person": None},
        "ended": {"status": "ended"},
    }
    one = await partner(intake, **left.get(why, {}))
    wanted = await published(matching, (await matching.case()).case_id, one)
    elsewhere = {"unit": "NO-3222"} if why == "another unit" else {}
    await reach(intake, wanted.model_copy(update=elsewhere))
    assert await told(intake) == []


async def test_a_notice_that_was_taken_down_is_mailed_to_nobody_any_more_until_it_is_up_again(
    intake: Intake, matching: Matching, notifications: Host, mailbox: Mailbox
) -> None:
    chosen = await partner(intake)
    case = (await matching.case()).case_id
    wanted = await published(matching, case, chosen)
    await reach(intake, wanted)
    await matching.ask(WithdrawMentorWanted(notice_id=wanted.notice_id), COORDINATOR)
    (down,) = await matching.events("MentorWantedWithdrawn")
    await reach(intake, MentorWantedWithdrawn.model_validate_json(down["body"]))
    asked, over = await told(intake)
    assert over.over and over.asked == ()
    await tell(notifications, asked, over, *await contacts(intake))
    await post(notifications)
    assert not mailbox.mails and await states(notifications) == [("mentor_wanted", "superseded", "over")]
    await reach(intake, await published(matching, case, chosen))
    await tell(notifications, (await told(intake))[-1])
    await post(notifications)
    assert len(mailbox.to(EMAIL)) == 1


async def test_once_the_partners_contact_is_erased_no_mail_goes_to_them(
    intake: Intake, matching: Matching, notifications: Host, mailbox: Mailbox
) -> None:
    chosen = await partner(intake)
    case = (await matching.case()).case_id
    await reach(intake, await published(matching, case, chosen))
    (asked,) = await told(intake)
    person = asked.asked[0].person_id
    await tell(notifications, asked)
    await ask(intake, ErasePerson(person_id=person))
    erased = await intake.body("SubjectErased")
    await tell(notifications, SubjectErased.model_validate(erased))
    await tell(notifications, *await contacts(intake))
    await post(notifications)
    assert not mailbox.mails and await states(notifications) == [("mentor_wanted", "superseded", "erased")]
    again = await published(matching, case, chosen)
    await reach(intake, again.model_copy(update={"task": "job_search"}))
    assert await told(intake) == [asked]


async def test_the_form_asks_for_partners_by_the_name_that_intake_alone_knows_and_for_the_door(
    intake: Intake, matching: Matching, browser: httpx.AsyncClient
) -> None:
    chosen = await partner(intake)
    await partner(intake, "Uden", contact_person=None)
    await partner(intake, "Slut", status="ended")
    case = (await matching.case()).case_id
    async with matching.client(headers=matching.staff()) as client:
        form = (await client.get(f"/matching/fragments/cases/{case}?lang=da")).text
        assert "Biblioteket" not in form and "Vis opslaget på kontaktsiden" in form
        (path,) = re.findall(r'hx-get="(/intake/fragments/partners\?[^"]+)"', form)
        question = (await browser.get(path, headers=as_(intake, "caseworker"))).text
        assert f'name="partners[]" value="{chosen}"' in question and "Biblioteket" in question
        assert "Uden" not in question and "Slut" not in question and "_asked" not in question
        elsewhere = as_(intake, "caseworker", units=("NO-3222",))
        assert (await browser.get(path, headers=elsewhere)).status_code == 403
        (said,) = re.findall(r'name="_asked" value="([^"]*on_enquiry_page[^"]*)"', form)
        typed = {"case_id": str(case), **WANTED, "partners[]": str(chosen), "_asked": unescape(said)}
        answer = await client.post(
            "/matching/api/commands/PublishMentorWanted", data=typed | {"Idempotency-Key": str(uuid4())}
        )
        assert answer.status_code < 400, answer.text
        (row,) = await matching.events("MentorWanted")
        wanted = MentorWanted.model_validate_json(row["body"])
        assert (wanted.partners, wanted.on_enquiry_page) == ((chosen,), False)
        shown = (await client.get(f"/matching/fragments/cases/{case}?lang=da")).text
        assert f'data-person="{chosen}"' in shown and "Opslaget er ikke på kontaktsiden" in shown
