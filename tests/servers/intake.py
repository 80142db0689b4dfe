"""Intake as tests see it: the service on a database of its own, and what is sent to it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest
from cryptography.fernet import Fernet
from pydantic import BaseModel

from services.intake.app import create
from services.intake.staffing import StaffSeen
from shared.access import Issuer
from shared.contracts.model import message_id
from shared.contracts.referral import RegisterReferral
from shared.corridor import handle
from shared.hosting import Host
from shared.links import new_key
from shared.messages import Actor, Message, Outcome
from shared.postgres import migrate
from shared.settings import Settings
from tests.servers.postgres import Databases

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
EXAMPLE: dict[str, Any] = {
    "source_reference": "VITAS-2026-000123",
    "programme": "foreningspraktik",
    "unit": "DK-0169",
    "channel": "jobcentre",
    "referred_on": "2026-03-02",
    "candidate": {
        "national_id": "0707614286",
        "national_id_type": "DK-CPR",
        "given_name": "Amina",
        "family_name": "Eksempel",
        "birth_date": "1961-07-07",
        "gender": "f",
        "email": "amina@example.org",
        "phone": "+4570102030",
        "postcode": "2630",
        "language": "da",
        "protected": False,
        "situation": "unemployed",
        "target_group": "sick_listed",
    },
    "chosen_by_candidate": True,
    "groups": ["language"],
    "needs": ["punctuality", "motivation"],
    "wishes": [
        {"plan": "A", "industries": ["retail"]},
        {"plan": "B", "industries": ["cleaning"], "profession": None, "education": None},
    ],
    "partner_id": None,
    "guardian": None,
    "reply_to_case": True,
}
CASEWORKER = Actor(
    "kirsten", "staff", person_id=uuid4(), roles=frozenset({"caseworker"}), units=frozenset({"DK-0169"})
)


def referral(reference: str = "VITAS-2026-000123", **changes: Any) -> dict[str, Any]:
    """The example with changes; `candidate__email=...` changes the candidate."""
    document: dict[str, Any] = json.loads(json.dumps(EXAMPLE | {"source_reference": reference}))
    for name, value in changes.items():
        inner, _, last = name.rpartition("__")
        (document[inner] if inner else document)[last] = value
    return document


@dataclass
class Intake:
    """The service, and what a test sends it."""

    host: Host
    numbers: dict[str, int] = field(default_factory=dict)

    @property
    def pool(self) -> asyncpg.Pool:
        return self.host.pool

    def of_kafka(self, document: dict[str, Any], ce_id: str | None = None, source: str = "/vitas") -> Message:
        body = RegisterReferral.model_construct(referral=document, version=None)
        return Message(
            id=message_id(source, ce_id or str(uuid4())), type="Referral", body=body, time=NOW, source=source
        )

    def of_staff(self, body: BaseModel, actor: Actor = CASEWORKER) -> Message:
        return Message(
            id=uuid4(),
            type=type(body).__name__,
            body=body,
            time=NOW,
            kind="command",
            source="/makker/intake",
            actor=actor,
        )

    async def knows(self, colleague: UUID, *units: str) -> UUID:
        """Somebody who has signed in once, and can be given a case; gives their id."""
        seen = StaffSeen(
            staff_id=colleague, name="Kollega", roles=("caseworker",), units=units or ("DK-0169",)
        )
        await self.take(
            Message(uuid4(), "StaffSeen", seen, NOW, kind="timer", source="/makker/intake"),
        )
        return colleague

    def of_matching(self, body: BaseModel) -> Message:
        return Message(id=uuid4(), type=type(body).__name__, body=body, time=NOW, source="/makker/matching")

    async def take(self, *messages: Message) -> list[Outcome]:
        return await handle(self.host.service, messages)

    async def case_of(self, document: dict[str, Any]) -> UUID:
        (outcome,) = await self.take(self.of_kafka(document))
        return UUID(str(outcome.answer["case_id"]))

    async def events(self, key: object) -> list[str]:
        return [
            row["type"]
            for row in await self.pool.fetch(
                "SELECT type FROM outbox WHERE key = $1 ORDER BY position", str(key)
            )
        ]

    async def body(self, type_: str) -> dict[str, Any]:
        text = await self.pool.fetchval(
            "SELECT body FROM outbox WHERE type = $1 ORDER BY position DESC LIMIT 1", type_
        )
        found: dict[str, Any] = json.loads(text)
        return found

    async def count(self, table: str) -> int:
        found: int = await self.pool.fetchval(f"SELECT count(*) FROM {table} WHERE doc IS NOT NULL")
        return found


@pytest.fixture
async def intake(
    request: pytest.FixtureRequest, database: Databases, tmp_path: Path
) -> AsyncIterator[Intake]:
    """With the sample programmes; or, as its parameter, a function that writes others to a folder."""
    dsn = await database("intake")
    written: Callable[[Path], Any] | None = getattr(request, "param", None)
    if written is not None:
        written(tmp_path)
    private, public = new_key("session")
    link_private, link_public = new_key("link")
    settings = Settings(
        database_url=dsn,
        seal_keys=Fernet.generate_key().decode(),
        hash_key="a key",
        session_private_key=private,
        access_public_keys=public,
        link_public_keys=link_public,
        link_private_key=link_private,
        demonstration=True,
        programmes_dir=None if written is None else tmp_path,
    )
    host = await create(settings, clock=lambda: NOW)
    await migrate(dsn, *host.service.migrations)
    yield Intake(host)
    await host.pool.close()


@pytest.fixture
async def browser(intake: Intake) -> AsyncIterator[httpx.AsyncClient]:
    """Requests to the app itself; `as_` signs in."""
    transport = httpx.ASGITransport(app=intake.host.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://intake.example.org") as client:
        yield client


def as_(
    intake: Intake, *roles: str, units: tuple[str, ...] = ("DK-0169",), subject: str = "kirsten"
) -> dict[str, str]:
    issuer = Issuer(intake.host.settings.session_private_key, "test")
    return {"Authorization": f"Bearer {issuer.token(subject, list(roles), list(units))}"}
