"""Intake through its corridor, on a real PostgreSQL."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from cryptography.fernet import Fernet
from pydantic import BaseModel

from services.intake.app import create
from shared.contracts.intake import CompletePreparation, RecordInterview
from shared.contracts.matching import MatchAgreed
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
async def intake(database: Databases) -> AsyncIterator[Intake]:
    dsn = await database("intake")
    private, public = new_key("test")
    settings = Settings(
        database_url=dsn,
        seal_keys=Fernet.generate_key().decode(),
        hash_key="a key",
        session_private_key=private,
        access_public_keys=public,
        link_public_keys=public,
        demonstration=True,
    )
    host = await create(settings, clock=lambda: NOW)
    await migrate(dsn, *host.service.migrations)
    yield Intake(host)
    await host.pool.close()


async def test_a_referral_opens_a_case_and_is_answered(intake: Intake) -> None:
    (outcome,) = await intake.take(intake.of_kafka(EXAMPLE))
    assert outcome.kind == "done"
    case_id = outcome.answer["case_id"]
    assert await intake.events(case_id) == ["CaseOpened"]
    assert (await intake.body("ReferralAccepted"))["already_known"] is False
    assert (await intake.body("Contact"))["email"] == "amina@example.org"


async def test_events_about_a_case_hold_no_identity(intake: Intake) -> None:
    await intake.case_of(EXAMPLE)
    rows = await intake.pool.fetch("SELECT body FROM outbox WHERE topic = 'intake-events-v1'")
    for word in ("Amina", "Eksempel", "0707614286", "amina@example.org", "70102030", "2630"):
        assert not any(word in row["body"] for row in rows)


async def test_the_same_referral_again_changes_nothing(intake: Intake) -> None:
    case_id = await intake.case_of(EXAMPLE)
    (again,) = await intake.take(intake.of_kafka(dict(reversed(EXAMPLE.items()))))
    assert again.answer["case_id"] == str(case_id)
    assert again.answer["already_known"] is True
    assert await intake.events(case_id) == ["CaseOpened"]
    assert await intake.count("case_file") == 1


async def test_the_same_message_twice_in_one_batch_takes_effect_once(intake: Intake) -> None:
    message = intake.of_kafka(EXAMPLE)
    outcomes = await intake.take(message, message)
    assert [outcome.kind for outcome in outcomes] == ["done", "duplicate"]
    assert await intake.pool.fetchval("SELECT count(*) FROM outbox WHERE type = 'ReferralAccepted'") == 1


async def test_an_accepted_reference_with_other_content_is_rejected(intake: Intake) -> None:
    case_id = await intake.case_of(EXAMPLE)
    (other,) = await intake.take(intake.of_kafka(referral(candidate__phone="+4570102031")))
    assert [reason["code"] for reason in other.answer["reasons"]] == ["reference_reused_with_other_content"]
    assert (await intake.body("ReferralRejected"))["source_reference"] == EXAMPLE["source_reference"]
    assert await intake.pool.fetchval("SELECT doc->>'case_id' FROM referral") == str(case_id)
    assert await intake.pool.fetchval("SELECT count(*) FROM refused_referral") == 1


async def test_a_refused_reference_with_mended_content_is_judged_anew(intake: Intake) -> None:
    (refused,) = await intake.take(intake.of_kafka(referral(candidate__email="no address")))
    assert [reason["code"] for reason in refused.answer["reasons"]] == ["bad_email"]
    assert await intake.count("person") == 0
    await intake.case_of(EXAMPLE)
    assert await intake.count("case_file") == 1


async def test_a_refused_referral_is_kept_encrypted(intake: Intake) -> None:
    await intake.take(intake.of_kafka(referral(candidate__email="no address")))
    row = await intake.pool.fetchrow("SELECT * FROM refused_referral")
    assert row is not None and row["person_key"] is not None
    assert "Amina" not in str(dict(row))
    assert "no address" not in str(await intake.pool.fetchval("SELECT doc::text FROM referral"))


async def test_the_same_person_twice_is_one_person_with_two_cases(intake: Intake) -> None:
    await intake.case_of(EXAMPLE)
    await intake.case_of(referral("second", candidate__national_id="070761-4286"))
    assert await intake.count("person") == 1
    assert await intake.count("case_file") == 2


async def test_twins_of_one_batch_are_one_person(intake: Intake) -> None:
    outcomes = await intake.take(*(intake.of_kafka(referral(f"batch-{n}")) for n in range(5)))
    assert {outcome.kind for outcome in outcomes} == {"done"}
    assert await intake.count("person") == 1
    assert await intake.count("case_file") == 5


async def test_simultaneous_twins_are_one_person(intake: Intake) -> None:
    await asyncio.gather(*(intake.take(intake.of_kafka(referral(f"twin-{n}"))) for n in range(6)))
    assert await intake.count("person") == 1
    assert await intake.count("case_file") == 6


async def test_without_a_national_id_nobody_is_merged(intake: Intake) -> None:
    for reference in ("one", "two"):
        await intake.case_of(
            referral(reference, candidate__national_id=None, candidate__national_id_type=None)
        )
    assert await intake.count("person") == 2


async def test_a_national_id_is_nowhere_in_plain(intake: Intake) -> None:
    await intake.case_of(EXAMPLE)
    for table in ("person", "person_key", "referral", "case_file", "outbox"):
        assert not any(
            "0707614286" in str(dict(row)) for row in await intake.pool.fetch(f"SELECT * FROM {table}")
        )


async def test_publishers_do_not_share_references(intake: Intake) -> None:
    await intake.take(
        intake.of_kafka(EXAMPLE, source="/one"),
        intake.of_kafka(EXAMPLE, source="/two"),
    )
    assert await intake.count("case_file") == 2


async def test_a_prepared_case_is_ready_then_cleared_then_matched(intake: Intake) -> None:
    case_id = await intake.case_of(EXAMPLE)
    interview = RecordInterview.model_validate(
        {"case_id": case_id, "profile": {"times": ["mon-morning"]}, "presentation": "Amina vil gerne i gang."}
    )
    await intake.take(intake.of_staff(interview))
    for step in ("expectations_aligned", "purpose_stated", "host_prepared"):
        await intake.take(intake.of_staff(CompletePreparation(case_id=case_id, step=step)))
    assert await intake.events(case_id) == ["CaseOpened", "CaseTexts", "CaseReady", "StartCleared"]
    ready = await intake.body("CaseReady")
    assert ready["profile"]["times"] == ["mon-morning"]
    assert ready["profile"]["wishes"][0]["industries"] == ["retail"]
    assert ready["profile"]["location"] == {"lat": 55.655, "lon": 12.284}
    agreed = MatchAgreed.model_validate(
        {
            **{name: ready[name] for name in ("unit", "programme", "case_id", "round", "rules_version")},
            "match_id": uuid4(),
            "proposal_id": uuid4(),
            "place_id": uuid4(),
            "starts_on": "2026-12-01",
            "hours_per_week": 5,
        }
    )
    await intake.take(intake.of_matching(agreed))
    assert await intake.pool.fetchval("SELECT state FROM case_file") == "matched"
    told = await intake.pool.fetch(
        "SELECT body FROM outbox WHERE type = 'ReferralProgressed' ORDER BY position"
    )
    assert [json.loads(row["body"])["status"] for row in told] == ["ready", "matched"]
