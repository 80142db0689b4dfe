"""What intake does not let happen to it: by people of other units, by other systems, and by time."""

from __future__ import annotations

import json
from datetime import timedelta
from random import Random
from typing import Any

import httpx
import pytest
from asyncpg import exceptions

from services.intake.documents import Person
from services.intake.housekeeping import KEPT_WITHOUT_A_PERSON, forget_refused
from shared import corridor
from shared.commands import LARGEST_BODY_BYTES
from shared.messages import Record
from shared.reading import read
from tests.servers.intake import EXAMPLE, NOW, Intake, as_, browser, intake, referral

__all__ = ["browser", "intake"]
MOST_BYTES = 1_000_000


async def send(browser: httpx.AsyncClient, headers: dict[str, str], command: str, /, **fields: Any) -> Any:
    return await browser.post(f"/intake/api/commands/{command}", json=fields, headers=headers)


async def test_nobody_becomes_a_mentor_under_the_id_of_somebody_else(
    intake: Intake, browser: httpx.AsyncClient
) -> None:
    await intake.case_of(EXAMPLE)
    person_id = await intake.pool.fetchval("SELECT id FROM person")
    before = await intake.pool.fetchval("SELECT doc::text FROM person")
    other = as_(intake, "coordinator", units=("NO-3222",))
    answer = await send(
        browser,
        other,
        "RegisterMentor",
        mentor_id=str(person_id),
        unit="NO-3222",
        contact={"name": "Ola Oppdiktet", "email": "ola@example.org"},
    )
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_mentor")
    assert await intake.pool.fetchval("SELECT doc::text FROM person") == before
    assert Person.model_validate_json(before).national_id


async def test_a_place_is_offered_by_a_host_of_ones_own_units_alone(
    intake: Intake, browser: httpx.AsyncClient
) -> None:
    host = await send(
        browser,
        as_(intake, "coordinator", units=("NO-3222",)),
        "RegisterHost",
        unit="NO-3222",
        kind="association",
        name="Skogen skole",
        contact_person={"name": "Kari Oppdiktet", "email": "kari@example.org"},
    )
    answer = await send(
        browser,
        as_(intake, "coordinator"),
        "OfferPlace",
        unit="DK-0169",
        host_id=host.json()["id"],
        programmes=["foreningspraktik"],
    )
    assert (answer.status_code, answer.json()["code"]) == (403, "other_unit")


async def test_a_referral_to_a_wrong_unit_can_be_mended(intake: Intake, browser: httpx.AsyncClient) -> None:
    own = as_(intake, "publisher", subject="vitas")
    refused = await browser.post(
        "/intake/api/referrals", json=referral(unit="NO-3222", programme="skolepraksis"), headers=own
    )
    assert "not_permitted" in [reason["code"] for reason in refused.json()["reasons"]]
    mended = await browser.post("/intake/api/referrals", json=referral(), headers=own)
    assert mended.status_code == 202


@pytest.mark.parametrize(
    "document",
    [
        referral(wishes=[{"industries": ["retail"]}] * 30_000),
        referral(wishes=[{"industries": ["none"]}] * 30_000),
        referral(wishes=[7] * 30_000),
        referral(groups=["none"] * 30_000),
        referral(groups=["none"] * 30, needs=["none"] * 30, wishes=[{"industries": ["none"] * 30}] * 30),
    ],
    ids=["wishes", "wrong wishes", "no wishes", "groups", "all"],
)
async def test_no_referral_makes_an_answer_that_kafka_does_not_take(
    intake: Intake, document: dict[str, Any]
) -> None:
    (outcome,) = await intake.take(intake.of_kafka(document))
    assert outcome.kind == "done"
    longest = await intake.pool.fetchval("SELECT max(octet_length(body)) FROM outbox")
    assert longest < MOST_BYTES


async def test_goals_that_kafka_would_not_take_are_refused(
    intake: Intake, browser: httpx.AsyncClient
) -> None:
    case_id = await intake.case_of(EXAMPLE)
    goals = [{"title": "mål", "sub_goals": ["ø" * 600_000]}]
    answer = await send(browser, as_(intake, "caseworker"), "AgreeGoals", case_id=str(case_id), goals=goals)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


async def test_a_source_of_any_length_stops_no_consumer(intake: Intake) -> None:
    long = bytes(Random(1).choices(range(97, 123), k=20_000))  # It must not be made shorter by packing it.
    headers = (
        ("ce_id", b"1"),
        ("ce_source", b"/" + long),
        ("ce_type", b"makker.Referral.v1"),
        ("content-type", b"application/json"),
    )
    record = Record("referrals-v1", 0, 0, None, json.dumps(EXAMPLE).encode(), headers)
    message = read(intake.host.service.messages, "intake", record)
    assert message is not None
    (outcome,) = await intake.take(message)
    assert outcome.kind == "done"
    assert [reason["field"] for reason in outcome.answer["reasons"]] == ["ce_source"]
    assert len((await intake.body("ReferralRejected"))["source"]) < 500


def test_what_the_database_can_never_take_is_held_against_its_message() -> None:
    for error in (
        exceptions.ProgramLimitExceededError("index row size"),
        exceptions._base.DataError("invalid input for query argument $1"),
    ):
        assert corridor.held_against_a_message(error)
    assert not corridor.held_against_a_message(exceptions.InterfaceError("connection is closed"))


async def test_what_was_refused_and_names_nobody_known_is_deleted_after_30_days(intake: Intake) -> None:
    await intake.case_of(EXAMPLE)
    await intake.take(intake.of_kafka(referral("A", unit="none")))
    await intake.take(intake.of_kafka(referral("B", channel="none")))
    await intake.take(intake.of_kafka(referral("C", channel="none", candidate__national_id="0707613018")))
    async with intake.pool.acquire() as connection:
        await forget_refused(connection, NOW + KEPT_WITHOUT_A_PERSON - timedelta(seconds=1))
        assert await connection.fetchval("SELECT count(*) FROM refused_referral") == 3
        await forget_refused(connection, NOW + KEPT_WITHOUT_A_PERSON)
        kept = await connection.fetch("SELECT person_key FROM refused_referral")
    assert [row["person_key"] is not None for row in kept] == [True]


async def test_no_answer_repeats_what_stood_in_an_address(intake: Intake, browser: httpx.AsyncClient) -> None:
    own = as_(intake, "caseworker")
    for path, status in (
        ("cases/Amina-Eksempel", 422),
        ("cases?state=Amina%00", 422),
        ("cases?q=Amina%00", 422),
        ("referrals/Amina%00", 422),
        ("none/Amina", 404),
    ):
        answer = await browser.get(f"/intake/api/{path}", headers=own)
        assert (path, answer.status_code) == (path, status)
        assert answer.headers["content-type"] == "application/problem+json", path
        assert answer.json()["status"] == status
        assert "Amina" not in answer.text, path


async def test_no_list_of_ids_is_larger_than_a_command(intake: Intake, browser: httpx.AsyncClient) -> None:
    answer = await browser.post(
        "/intake/api/people/names",
        content=b'{"ids": [' + b" " * LARGEST_BODY_BYTES + b"]}",
        headers=as_(intake, "caseworker"),
    )
    assert answer.status_code == 413
