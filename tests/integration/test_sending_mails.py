"""Sending: a server that cannot take a mail, one that is sent again, and the loop that sends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from demo.embedded.mailbox import Mailbox
from services.notifications import sending
from services.notifications.app import create
from services.notifications.metrics import MAILS
from shared.commands import send
from shared.contracts.matching import MatchAgreed
from shared.contracts.model import Party
from shared.contracts.notifications import RetryMail
from shared.hosting import Host
from shared.messages import Actor, Refused
from tests.integration.notifications_service import (
    ABOUT,
    ANNA,
    CANDIDATE,
    HOST,
    Clock,
    clock,
    contact,
    notifications,
    post,
    proposed,
    states,
    tell,
    written,
)

__all__ = ["clock", "notifications"]


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
