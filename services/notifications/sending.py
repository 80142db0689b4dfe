"""The mail loop: takes queued mails, sends them, and has the corridor record what became of each.

Job: one leader among the replicas sends, woken by NOTIFY, with a poll as the fallback. Guarantee: a
mail is written and sent outside any transaction, and its result, with its event, is one message
through the corridor. Between the mail server's "I have it" and that record lies the one moment in
which a crash makes the next leader send the mail again: under the same Message-ID, with the same links.
It decides nothing about who is told what.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from jinja2 import TemplateError

from services.notifications import store
from services.notifications.documents import (
    MailPutOff,
    MailResult,
    MailTaken,
    MailUndeliverable,
)
from services.notifications.metrics import MAILS, OUTCOMES
from services.notifications.postman import Postman, Verdict
from services.notifications.rules import obstacle
from services.notifications.writing import BadAddress, Writer
from shared.contracts.model import derived_id
from shared.corridor import Service, handle
from shared.links import Signer
from shared.logs import where
from shared.messages import Message
from shared.postgres import TRANSIENT, Connection, leadership
from shared.settings import Settings

log = structlog.get_logger()

MAILS_AT_ONCE = 100
LONGEST_WAIT_SECONDS = 2.0
SERVER_AWAY_SECONDS = 5.0
RECORD_AGAIN_SECONDS = 0.5
RECORD_TRIES = 60


@dataclass(frozen=True)
class Sender:
    """What sending needs: the corridor, a writer, a connection to the mail server.

    `unrecorded` are mails that went out while a fault kept their result from taking effect: it is
    parked, and until it is released they must not go out again.
    """

    service: Service
    writer: Writer
    postman: Postman
    mail_from: str
    unrecorded: set[UUID] = field(default_factory=set)


def sender(service: Service, settings: Settings) -> Sender:
    """Raises ValueError if `SMTP_URL` or `LINK_PRIVATE_KEY` cannot be used."""
    signer = Signer(settings.link_private_key)
    writer = Writer(service.programmes, signer, settings.public_url, settings.mail_from)
    return Sender(service, writer, Postman(settings.smtp_url), settings.mail_from)


async def loop(own: Sender, dsn: str) -> None:
    """Send mails as they come; ends with an error if the database goes."""
    async with leadership(dsn, "notifications-mail") as connection:
        woken = asyncio.Event()
        await connection.add_listener("mail", lambda *_: woken.set())
        try:
            while True:
                woken.clear()
                if not await send_all(own, connection):
                    await asyncio.sleep(SERVER_AWAY_SECONDS)
                await own.postman.close()
                try:
                    await asyncio.wait_for(woken.wait(), LONGEST_WAIT_SECONDS)
                except TimeoutError:
                    continue
        finally:
            await own.postman.close()


async def send_all(own: Sender, connection: Connection) -> bool:
    """Send what can be sent now, on one connection to the server; False if the server is away."""
    while ids := await store.sendable(connection, own.service.clock(), MAILS_AT_ONCE + len(own.unrecorded)):
        ids = [mail_id for mail_id in ids if mail_id not in own.unrecorded]
        if not ids:
            return True
        for mail_id in ids:
            if not await finished(send_one(own, connection, mail_id)):
                return False
    return True


async def finished(work: Coroutine[Any, Any, bool]) -> bool:
    """The work's answer; when the service stops meanwhile, the mail in hand is still recorded."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise


async def send_one(own: Sender, connection: Connection, mail_id: UUID) -> bool:
    """Send one mail and record what became of it; False if the server is away.

    Its state is read anew on the leader's own connection, so that no leader who lost its lock goes on,
    and nothing is sent that was answered a moment ago.
    """
    letter = await store.letter(connection, mail_id)
    if letter is None:
        return True
    now = own.service.clock()
    result = obstacle(letter.mail, letter.contact, letter.matter, now)
    away = False
    if result is None:
        verdict = await attempt(own, letter, now)
        result = RESULT_OF[verdict.kind](letter, verdict.reason)
        away = verdict.server_away
    if not await record(own.service, letter, result):
        own.unrecorded.add(mail_id)
    return not away


async def attempt(own: Sender, letter: store.Letter, now: datetime) -> Verdict:
    """Write the mail and hand it over."""
    try:
        message = own.writer.write(letter.mail, letter.contact, now)
    except BadAddress:
        return Verdict("refused", "bad_address")
    except (TemplateError, LookupError, TypeError, ValueError) as error:
        # A fault in one text holds up no other mail.
        log.error("mail_cannot_be_written", template=letter.mail.template, **where(error))
        return Verdict("refused", "cannot_be_written")
    return await own.postman.send(own.mail_from, message["To"].addresses[0].addr_spec, message)


def _taken(letter: store.Letter, reason: str) -> MailResult:
    return MailTaken(mail_id=letter.mail.id, person_id=letter.mail.person_id)


def _put_off(letter: store.Letter, reason: str) -> MailResult:
    return MailPutOff(mail_id=letter.mail.id, person_id=letter.mail.person_id, reason=reason)


def _refused(letter: store.Letter, reason: str) -> MailResult:
    return MailUndeliverable(mail_id=letter.mail.id, person_id=letter.mail.person_id, reason=reason)


RESULT_OF: dict[str, Callable[[store.Letter, str], MailResult]] = {
    "taken": _taken,
    "put_off": _put_off,
    "refused": _refused,
}


async def record(service: Service, letter: store.Letter, result: MailResult) -> bool:
    """Let the result take effect; False if a fault parked it.

    Its id holds the mail's version, so each try is recorded once. While the database is away it is tried
    again for half a minute: a mail that has gone out would otherwise go out once more.
    """
    name = type(result).__name__
    message = Message(
        id=derived_id("mail-result", letter.mail.id, letter.version),
        type=name,
        body=result,
        time=service.clock(),
        kind="timer",
    )
    for again in range(RECORD_TRIES, -1, -1):
        try:
            (outcome,) = await handle(service, [message])
            break
        except TRANSIENT:
            if not again:
                raise
            await asyncio.sleep(RECORD_AGAIN_SECONDS)
    if outcome.kind == "done":
        MAILS.labels(letter.mail.template, OUTCOMES[type(result)]).inc()
    return outcome.kind != "parked"
