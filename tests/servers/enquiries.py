"""A unit's door as tests come to it: the forms filled in, and the link that notifications would mail."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from cryptography.fernet import Fernet

from services.intake.app import create
from shared.links import Signer, new_key
from shared.postgres import migrate
from shared.settings import Settings
from tests.builders import Clock
from tests.servers.intake import Intake
from tests.servers.postgres import Databases

UNIT, CORPS = "DK-0169", "DK-0851/aalborg"
CANDIDATE: dict[str, Any] = {
    "programme": "foreningspraktik",
    "given_name": "Amina",
    "family_name": "Eksempel",
    "email": "amina@example.org",
    "postcode": "2630",
    "words": "Jeg er glad for heste",
    "channel": "library",
}
MENTOR: dict[str, Any] = {
    "name": "Mads Mentor",
    "email": "mads@example.org",
    "birth_date": "1980-12-24",
    "education_level": "skilled",
    "languages[]": ["da", "en"],
    "times[]": ["mon-evening"],
    "words": "Jeg har tid om aftenen",
}
HOST: dict[str, Any] = {
    "host_kind": "association",
    "organisation": "Idrætsklubben",
    "name": "Vera Vært",
    "email": "vera@example.org",
    "industries[]": ["retail"],
}
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "candidate": (UNIT, CANDIDATE),
    "mentor": (CORPS, MENTOR),
    "host": (UNIT, HOST),
}


@pytest.fixture
def clock() -> Clock:
    clock = Clock()
    clock.now = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
    return clock


@pytest.fixture
async def intake(database: Databases, clock: Clock) -> AsyncIterator[Intake]:
    dsn = await database("intake")
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
        trusted_proxies=1,
    )
    host = await create(settings, clock=clock)
    await migrate(dsn, *host.service.migrations)
    host.migrated.set()
    yield Intake(host)
    await host.pool.close()


@pytest.fixture
async def browser(intake: Intake) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=intake.host.app)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://intake.example.org", headers={"Accept": "text/html"}
    ) as client:
        yield client


async def stamped(browser: httpx.AsyncClient, clock: Clock, unit: str, kind: str) -> str:
    """Open the form, and take as long over it as a person does."""
    page = await browser.get(f"/intake/enquiry/{unit}?kind={kind}&lang=da")
    assert page.status_code == 200
    clock.now += timedelta(seconds=20)
    (found,) = re.findall(r'name="stamp" value="([^"]+)"', page.text)
    return str(found)


async def send(
    browser: httpx.AsyncClient, clock: Clock, kind: str, *, sender: str = "1.1.1.1", **changes: Any
) -> httpx.Response:
    unit, fields = KINDS[kind]
    unit = changes.pop("unit", unit)
    typed = {"kind": kind, "by_hand": "true", "stamp": await stamped(browser, clock, unit, kind)}
    typed |= {**fields, **changes}
    body = {name: value for name, value in typed.items() if value is not None}
    return await browser.post(
        f"/intake/enquiry/{unit}?lang=da", data=body, headers={"x-forwarded-for": sender}
    )


async def asked(intake: Intake) -> dict[str, Any]:
    return await intake.body("EnquiryMade")


def link(intake: Intake, made: dict[str, Any], scope: str = "enquiry") -> str:
    """What notifications would mail."""
    ends_at = datetime.fromisoformat(made["answer_by"])
    person, question = UUID(made["person_id"]), UUID(made["enquiry_id"])
    return Signer(intake.host.settings.link_private_key).token(scope, person, question, ends_at)


async def confirmed(
    intake: Intake, browser: httpx.AsyncClient, clock: Clock, kind: str, **changes: Any
) -> str:
    assert (await send(browser, clock, kind, **changes)).status_code == 303
    path = f"/intake/enquiry/confirm/{link(intake, await asked(intake))}"
    assert (await browser.post(path)).status_code == 303
    return path


async def state(intake: Intake) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(await intake.pool.fetchval("SELECT doc FROM enquiry"))
    return found
