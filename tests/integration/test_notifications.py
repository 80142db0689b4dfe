"""Notifications on PostgreSQL and a mail server that keeps what it is sent."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest

from demo.embedded.mailbox import Mailbox
from demo.settings import Keys
from services.notifications import sending
from services.notifications.app import create
from services.notifications.metrics import MAILS
from shared.access import Issuer
from shared.commands import send
from shared.contracts.intake import Contact, EnquiryMade
from shared.contracts.matching import (
    MatchAgreed,
    MatchProposed,
    ProposalAnswerDue,
    ProposalAnswered,
    ProposalLapsed,
)
from shared.contracts.model import Party
from shared.contracts.notifications import RetryMail
from shared.corridor import handle
from shared.hosting import Host
from shared.links import Reader
from shared.messages import Actor, Message, Outcome, Refused, Tombstone
from shared.postgres import migrate
from tests.servers.postgres import Databases

UNIT, PROGRAMME = "DK-0169", "foreningspraktik"
CASE, PROPOSAL, PLACE = uuid4(), uuid4(), uuid4()
CANDIDATE = Party(person_id=uuid4(), side="candidate", role="candidate")
HOST = Party(person_id=uuid4(), side="host", role="contact_person")
ABOUT: dict[str, Any] = {
    "unit": UNIT,
    "programme": PROGRAMME,
    "case_id": CASE,
    "rules_version": "2020-01-01",
    "parties": (CANDIDATE, HOST),
    "proposal_id": PROPOSAL,
    "place_id": PLACE,
}
KEYS = Keys()
ANNA = Actor("anna", "staff", uuid4(), roles=frozenset({"caseworker"}), units=frozenset({UNIT}))


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 11, 23, 10, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def notifications(database: Databases, mailbox: Mailbox, clock: Clock) -> AsyncIterator[Host]:
    settings = KEYS.settings(await database("notifications"), smtp_url=mailbox.url)
    host = await create(settings, clock)
    await migrate(host.settings.database_url, *host.service.migrations)
    yield host
    await host.pool.close()


def message(body: Any, now: datetime) -> Message:
    inbox = not isinstance(body, Contact | Tombstone)
    return Message(uuid4(), type(body).__name__, body, now, source="/makker/test", inbox=inbox)


async def tell(host: Host, *bodies: Any) -> list[Outcome]:
    return await handle(host.service, [message(body, host.service.clock()) for body in bodies])


def contact(party: Party, email: str | None = "amina@example.org", version: int = 1, **more: Any) -> Contact:
    values = {"person_id": party.person_id, "version": version, "name": "Amina Eksempel", "email": email}
    return Contact(**(values | more))


def proposed(clock: Clock, *asked: Party) -> MatchProposed:
    return MatchProposed(**ABOUT, asked=asked, answer_by=clock.now + timedelta(days=7))


async def post(host: Host) -> bool:
    """What the mail loop does once it is woken."""
    own = sending.sender(host.service, host.settings)
    connection = await asyncpg.connect(host.settings.database_url)
    try:
        return await sending.send_all(own, connection)
    finally:
        await own.postman.close()
        await connection.close()


async def states(host: Host) -> list[tuple[str, str, str | None]]:
    rows = await host.pool.fetch(
        "SELECT doc ->> 'template' AS template, state, doc ->> 'reason' AS reason "
        "FROM mail ORDER BY queued_at, id"
    )
    return [(row["template"], row["state"], row["reason"]) for row in rows]


async def written(host: Host) -> list[tuple[str, str]]:
    return [
        (r["type"], r["key"]) for r in await host.pool.fetch("SELECT type, key FROM outbox ORDER BY position")
    ]


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


def enquiry(clock: Clock, stage: Literal["asked", "confirmed"]) -> EnquiryMade:
    asked = {"asked": (CANDIDATE,), "answer_by": clock.now + timedelta(days=2)} if stage == "asked" else {}
    kept = {"unit": UNIT, "enquiry_id": PROPOSAL, "kind": "candidate", "person_id": CANDIDATE.person_id}
    return EnquiryMade(**kept, stage=stage, **asked)


async def test_who_wrote_at_a_units_door_gets_one_link_to_confirm_it_with(
    notifications: Host, mailbox: Mailbox, clock: Clock
) -> None:
    await tell(notifications, enquiry(clock, "asked"), contact(CANDIDATE))
    await post(notifications)
    (mail,) = mailbox.to("amina@example.org")
    assert mail.subject == "Høje-Taastrup Kommune: bekræft din henvendelse"
    (token,) = re.findall(r"/intake/enquiry/confirm/(\S+)", mail.text)
    actor = Reader(KEYS.link_public).actor(token, clock.now)
    assert actor and (actor.scope, actor.question) == ("enquiry", PROPOSAL)
    assert await states(notifications) == [("enquiry_confirm", "sent", None)]


@pytest.mark.parametrize("how", ["confirmed", "late"])
async def test_who_confirmed_by_phone_or_did_not_in_time_is_not_asked_by_mail(
    notifications: Host, mailbox: Mailbox, clock: Clock, how: str
) -> None:
    await tell(notifications, enquiry(clock, "asked"))
    if how == "confirmed":
        await tell(notifications, enquiry(clock, "confirmed"))
    else:
        clock.now += timedelta(days=2)
    await tell(notifications, contact(CANDIDATE))
    await post(notifications)
    assert not mailbox.mails
    reason = {"confirmed": "over", "late": "too_late"}[how]
    assert await states(notifications) == [("enquiry_confirm", "superseded", reason)]


async def test_a_mail_that_cannot_reach_who_wrote_leads_staff_to_the_enquiries(
    notifications: Host, mailbox: Mailbox, clock: Clock
) -> None:
    mailbox.refuse("amina@example.org", "550 no such mailbox")
    await tell(notifications, contact(CANDIDATE), enquiry(clock, "asked"))
    await post(notifications)
    async with browser(notifications) as client:
        headers = signed_in(UNIT) | {"Accept": "application/json"}
        (item,) = (await client.get("/notifications/fragments/today", headers=headers)).json()["items"]
    assert item["href"] == "/intake/enquiries" and "Bekræftelse af henvendelse" in item["text"]


async def test_the_mail_comes_in_the_receivers_language(
    notifications: Host, mailbox: Mailbox, clock: Clock
) -> None:
    await tell(notifications, contact(HOST, language="en"), proposed(clock, HOST))
    await post(notifications)
    assert mailbox.mails[0].subject.endswith("will you answer a suggestion?")
    assert "Monday 30 November at 11:00" in mailbox.mails[0].text


async def test_a_mail_that_the_server_cannot_take_now_is_sent_later_with_the_same_links(
    notifications: Host, mailbox: Mailbox, clock: Clock
) -> None:
    await tell(notifications, contact(HOST), proposed(clock, HOST))
    mailbox.refuse_next(1, "451 try again later")
    await post(notifications)
    assert await states(notifications) == [("answer", "queued", "try_later")]
    assert await notifications.idle[0]()
    assert await notifications.next_due[-1]() == clock.now + timedelta(minutes=1)
    await post(notifications)
    assert not mailbox.mails
    clock.now += timedelta(minutes=1)
    await post(notifications)
    assert len(mailbox.mails) == 1 and await states(notifications) == [("answer", "sent", None)]


async def test_a_mail_whose_acceptance_was_never_heard_goes_out_again_under_the_same_name(
    notifications: Host, mailbox: Mailbox, clock: Clock
) -> None:
    await tell(notifications, contact(HOST), proposed(clock, HOST))
    mailbox.sever_next()
    assert not await post(notifications)
    assert await states(notifications) == [("answer", "queued", "server_away")]
    clock.now += timedelta(minutes=1)
    assert await post(notifications)
    first, second = mailbox.mails
    assert (first.message_id, first.text) == (second.message_id, second.text)
    assert await written(notifications) == [("MailSent", str(HOST.person_id))]


async def test_a_refused_address_holds_up_nobody_else_and_is_sent_once_it_is_mended(
    notifications: Host, mailbox: Mailbox, clock: Clock
) -> None:
    mailbox.refuse("wrong@example.org", "550 no such mailbox")
    await tell(notifications, contact(HOST, "wrong@example.org"), contact(CANDIDATE))
    await tell(notifications, proposed(clock, HOST, CANDIDATE))
    await post(notifications)
    assert sorted(await states(notifications), key=str) == [
        ("answer", "failed", "address_refused"),
        ("answer", "sent", None),
    ]
    await tell(notifications, contact(HOST, "right@example.org", 2))
    mail_id = await notifications.pool.fetchval("SELECT id FROM mail WHERE state = 'failed'")
    other = Actor("bo", "staff", uuid4(), roles=frozenset({"caseworker"}), units=frozenset({"NO-3222"}))
    with pytest.raises(Refused, match="other_unit"):
        await send(notifications.service, RetryMail(mail_id=mail_id), other)
    await send(notifications.service, RetryMail(mail_id=mail_id), ANNA)
    await post(notifications)
    assert len(mailbox.to("right@example.org")) == 1
    with pytest.raises(Refused, match="not_in_this_state"):
        await send(notifications.service, RetryMail(mail_id=mail_id), ANNA)


async def test_retrying_a_mail_that_is_not_there_is_refused(notifications: Host) -> None:
    with pytest.raises(Refused) as refused:
        await send(notifications.service, RetryMail(mail_id=uuid4()), ANNA)
    assert refused.value.status == 404


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


def signed_in(*units: str) -> dict[str, str]:
    token = Issuer(KEYS.session_private, "test").token("anna", ["caseworker"], list(units))
    return {"Authorization": f"Bearer {token}"}


@asynccontextmanager
async def browser(host: Host) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=host.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


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


@asynccontextmanager
async def running(host: Host) -> AsyncIterator[asyncio.Task[None]]:
    task: asyncio.Task[None] = asyncio.create_task(host.loops["mail"]())  # type: ignore[arg-type]
    yield task
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def until_sent(host: Host, *, sent: int) -> None:
    async with asyncio.timeout(20):
        while await host.pool.fetchval("SELECT count(*) FROM mail WHERE state = 'sent'") < sent:
            await asyncio.sleep(0.02)


async def test_the_loop_sends_what_comes_while_it_runs(
    notifications: Host, mailbox: Mailbox, clock: Clock
) -> None:
    before = MAILS.labels("match_agreed", "sent")._value.get()
    async with running(notifications):
        people = [Party(person_id=uuid4(), side="mentor", role="buddy") for _ in range(20)]
        agreed = MatchAgreed(
            **(ABOUT | {"parties": tuple(people)}),
            match_id=uuid4(),
            starts_on=date(2026, 12, 1),
            hours_per_week=4,
        )
        await tell(notifications, agreed)
        await tell(notifications, *[contact(party, f"p{n}@example.org") for n, party in enumerate(people)])
        await until_sent(notifications, sent=20)
    assert sorted(mail.to for mail in mailbox.mails) == sorted(f"p{n}@example.org" for n in range(20))
    assert MAILS.labels("match_agreed", "sent")._value.get() == before + 20


async def test_two_replicas_send_each_mail_once(notifications: Host, mailbox: Mailbox, clock: Clock) -> None:
    twin = await create(notifications.settings, clock)
    try:
        async with running(notifications), running(twin):
            for n in range(10):
                party = Party(person_id=UUID(int=n), side="host", role="contact_person")
                await tell(notifications, contact(party, f"p{n}@example.org"))
                await tell(notifications, proposed(clock, party).model_copy(update={"proposal_id": uuid4()}))
            await until_sent(notifications, sent=10)
    finally:
        await twin.pool.close()
    assert len(mailbox.mails) == 10


async def test_a_loop_that_is_stopped_records_the_mail_in_hand(
    notifications: Host, mailbox: Mailbox, clock: Clock
) -> None:
    await tell(notifications, contact(HOST), proposed(clock, HOST))
    async with running(notifications):
        async with asyncio.timeout(20):
            while not mailbox.mails:
                await asyncio.sleep(0)
    assert await states(notifications) == [("answer", "sent", None)]


async def test_a_mail_whose_result_a_fault_has_parked_does_not_go_out_again(
    notifications: Host, mailbox: Mailbox, clock: Clock
) -> None:
    """Its row is queued still, and somebody would otherwise get the same mail at every look."""
    await tell(notifications, contact(HOST), proposed(clock, HOST))

    def faulty(*_: Any) -> Any:
        raise RuntimeError

    own = sending.sender(replace(notifications.service, decide=faulty), notifications.settings)
    connection = await asyncpg.connect(notifications.settings.database_url)
    try:
        for _ in range(3):
            await sending.send_all(own, connection)
    finally:
        await own.postman.close()
        await connection.close()
    assert len(mailbox.mails) == 1
    assert await notifications.pool.fetchval("SELECT count(*) FROM parked") == 1
