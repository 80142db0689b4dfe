"""Whatever comes from outside gets a clear answer, loses nothing and stops nothing."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from aiokafka import AIOKafkaProducer

from demo.outside import Visitor
from demo.play import until
from demo.samples import SAMPLES, referral
from demo.stack import Stack

SAMPLE = SAMPLES["foreningspraktik"]
ENVELOPE = {
    "ce_specversion": b"1.0",
    "ce_source": b"/outside",
    "ce_type": b"makker.Referral.v1",
    "content-type": b"application/json",
}


def document(reference: str, **changed: Any) -> dict[str, Any]:
    made = referral(SAMPLE, 1, reference, "2026-03-02")
    candidate = changed.pop("candidate", {})
    return {**made, **changed, "candidate": {**made["candidate"], **candidate}}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def producer(stack: Stack) -> AsyncIterator[AIOKafkaProducer]:
    made = AIOKafkaProducer(bootstrap_servers=stack.kafka, max_request_size=4_194_304)
    await made.start()
    yield made
    await made.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def replies(stack: Stack) -> AsyncIterator[list[dict[str, Any]]]:
    somebody = Visitor(stack.url, stack.kafka)
    async with somebody.listening("referral-replies-v1") as heard:
        yield heard
    await somebody.close()


async def publish(
    producer: AIOKafkaProducer, value: bytes | None, key: bytes | None = None, **headers: bytes | None
) -> None:
    merged = {**ENVELOPE, "ce_id": str(uuid4()).encode(), **headers}
    pairs = [(name, content) for name, content in merged.items() if content is not None]
    await producer.send_and_wait("referrals-v1", value, key=key, headers=pairs)


async def answer_to(replies: list[dict[str, Any]], reference: str, count: int = 1) -> list[dict[str, Any]]:
    async def look() -> list[dict[str, Any]]:
        found = [
            r
            for r in replies
            if r.get("source_reference") == reference and r["type"] != "makker.ReferralProgressed.v1"
        ]
        return found if len(found) >= count else []

    found: list[dict[str, Any]] = await until(look, f"{count} replies to {reference}")
    return found


def codes(reply: dict[str, Any]) -> set[tuple[str, str]]:
    return {(reason["code"], reason["field"]) for reason in reply.get("reasons", [])}


REFUSED: dict[str, tuple[dict[str, Any], set[str]]] = {
    "an unknown programme": ({"programme": "no-such"}, {"unknown_programme"}),
    "an unknown unit": ({"unit": "DK-9999"}, {"unknown_unit"}),
    "a programme that the unit has not": ({"programme": "mentorskab"}, {"programme_not_in_unit"}),
    "a date in the future": ({"referred_on": "2999-01-01"}, {"referred_in_future"}),
    "an impossible date": ({"referred_on": "2026-02-30"}, {"malformed"}),
    "an unknown channel": ({"channel": "carrier_pigeon"}, {"unknown_channel"}),
    "not chosen by the candidate": ({"chosen_by_candidate": False}, {"not_chosen_by_candidate"}),
    "not resident": ({"candidate": {"postcode": "9000"}}, {"not_resident"}),
    "a bad e-mail": ({"candidate": {"email": "not an address"}}, {"bad_email"}),
    "an impossible national id": (
        {"candidate": {"national_id": "3902612345", "national_id_type": "DK-CPR"}},
        {"bad_national_id"},
    ),
    "a number where text belongs": ({"candidate": {"phone": 70102030}}, {"malformed"}),
    "a list where an object belongs": ({"candidate": []}, {"malformed"}),
    "everything at once": (
        {
            "channel": "x",
            "referred_on": "2999-01-01",
            "chosen_by_candidate": False,
            "candidate": {"email": "x"},
        },
        {"unknown_channel", "referred_in_future", "not_chosen_by_candidate", "bad_email"},
    ),
}


@pytest.mark.parametrize("what", REFUSED)
async def test_a_referral_that_cannot_be_taken_is_answered_with_every_reason(
    visitor: Visitor, producer: AIOKafkaProducer, replies: list[dict[str, Any]], what: str
) -> None:
    changed, expected = REFUSED[what]
    reference = f"refused-{uuid4()}"
    sent = (
        document(reference, **changed)
        if changed.get("candidate") != []
        else {**document(reference), **changed}
    )
    await publish(producer, json.dumps(sent).encode())
    (reply,) = await answer_to(replies, reference)
    assert reply["type"] == "makker.ReferralRejected.v1"
    assert {code for code, _ in codes(reply)} >= expected
    assert all(reason["message"] and reason["field"] for reason in reply["reasons"])
    assert "carrier_pigeon" not in json.dumps(reply)
    same = await visitor.ask("POST", "/intake/api/referrals", sent, role="publisher", expect=(422,))
    assert {reason["code"] for reason in same["reasons"]} == {code for code, _ in codes(reply)}


TAKEN: dict[str, tuple[dict[str, Any], bytes | None, dict[str, bytes | None]]] = {
    "no key": ({}, None, {}),
    "an emoji in a name": ({"candidate": {"given_name": "Amina 🌻"}}, b"k", {}),
    "a right-to-left name": ({"candidate": {"given_name": "أمينة", "family_name": "مثال"}}, b"k", {}),
    "spaces around a name": ({"candidate": {"given_name": "  Amina  "}}, b"k", {}),
    "leading zeros in a number": (
        {
            "candidate": {
                "national_id": "0101711234",
                "national_id_type": "DK-CPR",
                "birth_date": "1971-01-01",
            }
        },
        b"k",
        {},
    ),
    "a header of somebody else's that is not UTF-8": ({}, b"k", {"x-trace": b"\xff\xfe"}),
}


@pytest.mark.parametrize("what", TAKEN)
async def test_a_referral_that_is_merely_unusual_is_taken(
    producer: AIOKafkaProducer, replies: list[dict[str, Any]], what: str
) -> None:
    changed, key, headers = TAKEN[what]
    reference = f"taken-{uuid4()}"
    await publish(producer, json.dumps(document(reference, **changed)).encode(), key, **headers)
    (reply,) = await answer_to(replies, reference)
    assert reply["type"] == "makker.ReferralAccepted.v1", reply


async def test_structured_mode_is_read_like_binary_mode(
    producer: AIOKafkaProducer, replies: list[dict[str, Any]]
) -> None:
    reference = f"structured-{uuid4()}"
    event = {
        "specversion": "1.0",
        "id": str(uuid4()),
        "source": "/outside",
        "type": "makker.Referral.v1",
        "data": document(reference),
    }
    await producer.send_and_wait(
        "referrals-v1",
        json.dumps(event).encode(),
        headers=[("content-type", b"application/cloudevents+json; charset=utf-8")],
    )
    (reply,) = await answer_to(replies, reference)
    assert reply["type"] == "makker.ReferralAccepted.v1"


async def test_a_referral_of_two_megabytes_is_answered(
    producer: AIOKafkaProducer, replies: list[dict[str, Any]]
) -> None:
    reference = f"large-{uuid4()}"
    await publish(
        producer, json.dumps(document(reference, candidate={"given_name": "x" * 2_000_000})).encode()
    )
    (reply,) = await answer_to(replies, reference)
    assert codes(reply) == {("malformed", "candidate.given_name")}


async def test_the_same_reference_again_is_known_and_with_other_content_refused(
    producer: AIOKafkaProducer, replies: list[dict[str, Any]]
) -> None:
    reference = f"again-{uuid4()}"
    await publish(producer, json.dumps(document(reference)).encode())
    await answer_to(replies, reference)
    await publish(producer, json.dumps(document(reference)).encode())
    first, second = await answer_to(replies, reference, 2)
    assert (first["already_known"], second["already_known"]) == (False, True)
    assert first["case_id"] == second["case_id"]
    await publish(producer, json.dumps(document(reference, channel="library")).encode())
    *_, third = await answer_to(replies, reference, 3)
    assert {code for code, _ in codes(third)} == {"reference_reused_with_other_content"}


async def test_a_refused_referral_is_judged_anew_once_it_is_mended(
    producer: AIOKafkaProducer, replies: list[dict[str, Any]]
) -> None:
    reference = f"mended-{uuid4()}"
    await publish(producer, json.dumps(document(reference, unit="DK-9999")).encode())
    await answer_to(replies, reference)
    await publish(producer, json.dumps(document(reference)).encode())
    *_, second = await answer_to(replies, reference, 2)
    assert second["type"] == "makker.ReferralAccepted.v1"


PARKED: dict[str, tuple[bytes | None, dict[str, bytes | None]]] = {
    "no JSON": (b"{not json", {}),
    "not an object": (b"[1, 2]", {}),
    "no reference": (b'{"programme": "x"}', {}),
    "a reference that is a number": (b'{"source_reference": 7}', {}),
    "nothing": (None, {}),
    "deep nesting": (b"[" * 100_000, {}),
}


async def test_what_cannot_be_answered_is_parked_seen_and_stops_nothing(
    visitor: Visitor, producer: AIOKafkaProducer, replies: list[dict[str, Any]]
) -> None:
    before = await parked(visitor)
    for value, headers in PARKED.values():
        await publish(producer, value, b"k", **headers)
    reference = f"after-the-poison-{uuid4()}"
    await publish(producer, json.dumps(document(reference)).encode())
    await answer_to(replies, reference)
    await visitor.settle()
    assert await parked(visitor) - before == len(PARKED)
    page = await visitor.page("/intake/fragments/parked", role="operator")
    assert "referrals-v1" in page

    async def counted() -> bool:
        metrics = await visitor.page("/intake/metrics")
        return f'makker_messages_parked{{service="intake"}} {float(before + len(PARKED))}' in metrics

    await until(counted, "the metric")


async def parked(visitor: Visitor) -> int:
    return len((await visitor.get("/intake/api/parked", role="operator"))["parked"])


async def test_an_unknown_event_type_on_a_services_topic_is_passed_over(
    visitor: Visitor, producer: AIOKafkaProducer
) -> None:
    before = len((await visitor.get("/matching/api/parked", role="operator"))["parked"])
    headers = {**ENVELOPE, "ce_id": str(uuid4()).encode(), "ce_type": b"makker.SomethingNew.v7"}
    await producer.send_and_wait("intake-events-v1", b"{}", key=b"k", headers=list(headers.items()))
    await visitor.settle()
    assert len((await visitor.get("/matching/api/parked", role="operator"))["parked"]) == before


async def test_commands_without_sign_in_of_the_wrong_role_or_of_another_unit_are_refused(
    visitor: Visitor, producer: AIOKafkaProducer, replies: list[dict[str, Any]]
) -> None:
    reference = f"access-{uuid4()}"
    await publish(producer, json.dumps(document(reference)).encode())
    case_id = (await answer_to(replies, reference))[0]["case_id"]
    body = {"case_id": case_id, "reason": "candidate_withdrew"}
    path = "/intake/api/commands/WithdrawCase"
    nobody = await visitor.ask("POST", path, body, role=None, expect=(401,))
    assert nobody["code"] == "not_signed_in"
    wrong = await visitor.ask("POST", path, body, role="analyst", expect=(403,))
    assert wrong["code"] == "not_allowed"
    other = await visitor.ask("POST", path, body, units=["NO-3222"], expect=(403,))
    assert other["code"] == "other_unit"
    unknown = await visitor.ask("POST", "/intake/api/commands/NoSuchThing", body, expect=(404,))
    assert unknown["code"] == "unknown_command"
