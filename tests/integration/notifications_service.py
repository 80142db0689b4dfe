"""Notifications on PostgreSQL and a mail server that keeps what it is sent."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest

from demo.embedded.mailbox import Mailbox
from demo.settings import Keys
from services.notifications import sending
from services.notifications.app import create
from shared.access import Issuer
from shared.contracts.intake import Contact
from shared.contracts.matching import MatchProposed
from shared.contracts.model import Party
from shared.corridor import handle
from shared.hosting import Host
from shared.messages import Actor, Message, Outcome, Tombstone
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


def signed_in(*units: str) -> dict[str, str]:
    token = Issuer(KEYS.session_private, "test").token("anna", ["caseworker"], list(units))
    return {"Authorization": f"Bearer {token}"}


@asynccontextmanager
async def browser(host: Host) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=host.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client
