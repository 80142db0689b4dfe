"""What is mailed to whom, on PostgreSQL and a mail server that keeps what it is sent."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from demo.embedded.mailbox import Mailbox
from shared.contracts.matching import ProposalAnswerDue, ProposalAnswered, ProposalLapsed
from shared.corridor import handle
from shared.hosting import Host
from shared.links import Reader
from shared.messages import Tombstone
from tests.integration.notifications_service import (
    ABOUT,
    CANDIDATE,
    CASE,
    HOST,
    KEYS,
    PROPOSAL,
    UNIT,
    Clock,
    browser,
    clock,
    contact,
    message,
    notifications,
    post,
    proposed,
    signed_in,
    states,
    tell,
    written,
)

__all__ = ["clock", "notifications"]


@pytest.mark.parametrize("contact_first", [True, False])
async def test_a_mail_is_sent_once_its_event_and_its_contact_are_there_in_either_order(
    notifications: Host, mailbox: Mailbox, clock: Clock, contact_first: bool
) -> None:
    both = [contact(HOST), proposed(clock, HOST)]
    first, second = both if contact_first else reversed(both)
    await tell(notifications, first)
    await post(notifications)
    assert not mailbox.mails
    await tell(notifications, second)
    assert not await notifications.idle[0]()
    await post(notifications)
    (mail,) = mailbox.to("amina@example.org")
    assert mail.subject == "Foreningspraktik: vil du svare på et forslag?"
    assert "Hej Amina Eksempel" in mail.text and "mandag den 30. november kl. 11.00" in mail.text
    assert await states(notifications) == [("answer", "sent", None)]
    assert await written(notifications) == [("MailSent", str(HOST.person_id))]
    assert await notifications.idle[0]()


async def test_an_event_delivered_twice_makes_one_mail(
    notifications: Host, mailbox: Mailbox, clock: Clock
) -> None:
    await tell(notifications, contact(HOST))
    event = message(proposed(clock, HOST), clock.now)
    first, again = await handle(notifications.service, [event, event])
    (later,) = await handle(notifications.service, [event])
    assert [first.kind, again.kind, later.kind] == ["done", "duplicate", "duplicate"]
    await post(notifications)
    await post(notifications)
    assert len(mailbox.mails) == 1


async def test_two_parties_of_one_event_get_a_mail_each_with_a_link_of_their_own(
    notifications: Host, mailbox: Mailbox, clock: Clock
) -> None:
    await tell(notifications, contact(HOST, "host@example.org", name="Bo Vært"))
    await tell(notifications, contact(CANDIDATE), proposed(clock, CANDIDATE, HOST))
    await post(notifications)
    for party, address, name, other in (
        (HOST, "host@example.org", "Bo Vært", "Amina Eksempel"),
        (CANDIDATE, "amina@example.org", "Amina Eksempel", "Bo Vært"),
    ):
        (mail,) = mailbox.to(address)
        assert name in mail.text and other not in mail.text
        (token,) = re.findall(r"/matching/answer/(\S+)", mail.text)
        actor = Reader(KEYS.link_public).actor(token, clock.now)
        assert actor and (actor.person_id, actor.question) == (party.person_id, PROPOSAL)


async def test_mails_that_lie_ready_together_go_over_one_connection(
    notifications: Host, mailbox: Mailbox, clock: Clock
) -> None:
    await tell(notifications, contact(HOST), contact(CANDIDATE), proposed(clock, HOST, CANDIDATE))
    await post(notifications)
    assert len(mailbox.mails) == 2 and len(mailbox._connections) == 1


async def test_the_mail_comes_in_the_receivers_language(
    notifications: Host, mailbox: Mailbox, clock: Clock
) -> None:
    await tell(notifications, contact(HOST, language="en"), proposed(clock, HOST))
    await post(notifications)
    assert mailbox.mails[0].subject.endswith("will you answer a suggestion?")
    assert "Monday 30 November at 11:00" in mailbox.mails[0].text


async def test_an_erased_contact_is_not_written_to_and_never_comes_back(
    notifications: Host, mailbox: Mailbox, clock: Clock
) -> None:
    await tell(notifications, contact(HOST), proposed(clock, HOST))
    await tell(notifications, Tombstone(topic="contacts-v1", key=str(HOST.person_id)))
    (late,) = await tell(notifications, contact(HOST, version=7))
    assert (late.kind, late.reason) == ("ignored", "contact_is_erased")
    await post(notifications)
    assert not mailbox.mails and await states(notifications) == [("answer", "superseded", "erased")]
    assert await written(notifications) == []
    everything = await notifications.pool.fetchval("SELECT string_agg(doc::text, '') FROM contact")
    assert "Amina" not in everything and "example.org" not in everything


async def test_a_reminder_overtaken_by_the_answer_is_not_sent(
    notifications: Host, mailbox: Mailbox, clock: Clock
) -> None:
    await tell(notifications, proposed(clock, HOST, CANDIDATE))
    await tell(
        notifications, ProposalAnswerDue(**ABOUT, asked=(HOST,), answer_by=clock.now + timedelta(days=7))
    )
    await tell(notifications, ProposalAnswered(**ABOUT, by=HOST.person_id, answer="yes"), contact(HOST))
    await post(notifications)
    assert not mailbox.mails
    await tell(notifications, contact(CANDIDATE))
    await post(notifications)
    assert len(mailbox.to("amina@example.org")) == 1


async def test_a_lapsed_proposal_is_told_to_who_was_asked_and_asks_nobody_any_more(
    notifications: Host, mailbox: Mailbox, clock: Clock
) -> None:
    await tell(notifications, contact(HOST), contact(CANDIDATE, "bo@example.org"))
    await tell(notifications, proposed(clock, HOST), ProposalLapsed(**ABOUT))
    await post(notifications)
    (mail,) = mailbox.mails
    assert mail.subject == "Foreningspraktik: forslaget gælder ikke længere"


async def test_staff_sees_whom_to_call_and_a_cases_mails_in_their_own_units_alone(
    notifications: Host, clock: Clock
) -> None:
    await tell(notifications, contact(HOST, None, phone="+4570102030", channel="phone"))
    await tell(notifications, proposed(clock, HOST))
    await post(notifications)
    assert await written(notifications) == [("MailFailed", str(HOST.person_id))]
    async with browser(notifications) as client:
        url = f"/notifications/api/messages?case_id={CASE}"
        (mail,) = (await client.get(url, headers=signed_in(UNIT))).json()["messages"]
        assert (mail["template"], mail["state"], mail["reason"]) == ("answer", "not_by_mail", "no_email")
        assert (mail["person_id"], mail["case_id"]) == (str(HOST.person_id), str(CASE))
        assert (await client.get(url, headers=signed_in("NO-3222"))).json()["messages"] == []
        assert (await client.get(url)).status_code == 401
        json = {"Accept": "application/json"}
        today = await client.get("/notifications/fragments/today", headers=signed_in(UNIT) | json)
        (item,) = today.json()["items"]
        assert (
            item["href"] == f"/intake/cases/{CASE}" and item["urgency"] == "today" and "Ring" in item["text"]
        )
        for page in ("/notifications/fragments/today", f"/notifications/fragments/cases/{CASE}"):
            html = await client.get(page, headers=signed_in(UNIT))
            assert html.status_code == 200 and "ingen e-mailadresse" in html.text
            other = await client.get(page, headers=signed_in("NO-3222"))
            assert other.status_code == 200 and "e-postadresse" not in other.text
        retry = await client.post(
            "/notifications/api/commands/RetryMail",
            json={"mail_id": mail["mail_id"]},
            headers=signed_in(UNIT),
        )
        assert retry.status_code == 200 and retry.json()["id"] == mail["mail_id"]
