"""From bytes to messages: whatever arrives is a message, a fault, or not for this service."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from pydantic import BaseModel

from shared.contracts.intake import CaseReady
from shared.contracts.model import Timer, message_id
from shared.contracts.published import GOLDEN
from shared.messages import Tombstone, Unread
from shared.reading import read, timer_message, type_name
from tests.unit.records import (
    CONTACTS,
    HANDLED,
    IN_BASE64,
    INTAKE,
    READY,
    REFERRAL,
    REFERRALS,
    SENT_AT,
    STRUCTURED,
    Headers,
    got,
    headers,
    receive,
    record,
    structured,
)


@pytest.mark.parametrize(
    ("value", "with_headers"),
    [
        (READY, headers()),
        (READY, {name.upper(): value for name, value in headers().items()}),
        (structured(json.loads(READY)), STRUCTURED),
        (structured(json.loads(READY)), headers("Ignored") | STRUCTURED),
        (IN_BASE64, STRUCTURED),
    ],
    ids=["binary", "header names in capitals", "structured", "structured with ce_ headers", "data_base64"],
)
def test_both_modes_give_the_same_message(value: bytes, with_headers: Headers) -> None:
    message = got(receive(value, with_headers))
    assert message.fault is None
    assert message.body == CaseReady.model_validate_json(READY)
    assert (message.id, message.type, message.source) == (
        message_id("/makker/intake", "7"),
        "CaseReady",
        "/makker/intake",
    )
    assert (message.time, message.kind, message.inbox) == (SENT_AT, "event", True)
    assert message.record is not None and message.record.offset == 41


@pytest.mark.parametrize("key", [None, b"", b"\xff\xfe"])
def test_a_record_is_read_whatever_its_key(key: bytes | None) -> None:
    assert got(receive(READY, headers(), key=key)).fault is None


FAULTS: list[tuple[str, bytes | None, Headers, str]] = [
    ("null value", None, headers(), "does not fit its contract: not a JSON object"),
    ("empty value", b"", headers(), "does not fit its contract: not a JSON object"),
    ("not JSON", b"{", headers(), "does not fit its contract: not a JSON object"),
    ("not an object", b"[1]", headers(), "does not fit its contract: not a JSON object"),
    ("nested beyond measure", b"[" * 200_000, headers(), "does not fit its contract: not a JSON object"),
    ("a field missing", b'{"unit":"DK-0169"}', headers(), "does not fit its contract: case_id, person_id"),
    ("no type", READY, headers(ce_type=b"-"), "not a CloudEvent: ce_type missing"),
    ("type not UTF-8", READY, headers(ce_type=b"\xff"), "not a CloudEvent: ce_type missing or unreadable"),
    ("no id", READY, headers(ce_id=b"-"), "not a CloudEvent: ce_id missing or unreadable"),
    ("empty id", READY, headers(ce_id=b""), "not a CloudEvent: ce_id missing or unreadable"),
    ("id not UTF-8", READY, headers(ce_id=b"\xc3\x28"), "not a CloudEvent: ce_id missing or unreadable"),
    ("id without a value", READY, headers(ce_id=None), "not a CloudEvent: ce_id missing or unreadable"),
    ("id with NUL", READY, headers(ce_id=b"7\x00"), "not a CloudEvent: ce_id missing or unreadable"),
    (
        "neither id nor source",
        READY,
        headers(ce_id=b"-", ce_source=b"-"),
        "not a CloudEvent: ce_id and ce_source missing",
    ),
    ("no headers at all", READY, {}, "not a CloudEvent: ce_type missing"),
    ("structured, null value", None, STRUCTURED, "not JSON"),
    ("structured, not JSON", b"\xff\xff", STRUCTURED, "not JSON"),
    ("structured, nested beyond measure", b'{"a":' * 200_000, STRUCTURED, "not JSON"),
    ("structured, NaN", b'{"id": NaN}', STRUCTURED, "not JSON"),
    ("structured, not an object", b"[]", STRUCTURED, "structured value is no JSON object"),
    ("structured, no type", structured({}, type="-"), STRUCTURED, "ce_type missing"),
    ("structured, id a number", structured({}, id=7), STRUCTURED, "ce_id missing or unreadable"),
    ("structured, id of half a character", structured({}, id="\ud800"), STRUCTURED, "ce_id missing"),
    ("structured, data a list", structured([1]), STRUCTURED, "does not fit its contract"),
    ("structured, bad base64", structured("-", data_base64="%"), STRUCTURED, "data_base64 is no base64"),
    ("structured, base64 a number", structured("-", data_base64=1), STRUCTURED, "data_base64 is no base64"),
]


@pytest.mark.parametrize(
    ("value", "with_headers", "fault"), [row[1:] for row in FAULTS], ids=[row[0] for row in FAULTS]
)
def test_what_cannot_be_read_is_a_message_with_a_fault(
    value: bytes | None, with_headers: Headers, fault: str
) -> None:
    message = got(receive(value, with_headers))
    assert fault in (message.fault or "")
    assert isinstance(message.body, Unread)
    assert message.record is not None and message.record.value == value
    assert message.id == message_id("unread", f"{INTAKE}/3/41")
    assert "\x00" not in message.type + (message.fault or "")


def test_an_event_on_a_topic_that_is_not_its_own_is_a_fault() -> None:
    for topic in ("matching-events-v1", "no-such-topic"):
        assert got(receive(READY, headers(), topic)).fault == "CaseReady does not belong on this topic"


def test_a_fault_repeats_nothing_of_the_record() -> None:
    document = json.loads(READY)
    document["profile"]["languages"] = {"Amina Eksempel\u0000": "fluent"}
    message = got(receive(json.dumps(document).encode(), headers()))
    assert message.fault == "does not fit its contract: profile"


@pytest.mark.parametrize(
    "with_headers",
    [
        headers("NotYetInvented"),
        headers(ce_type=b"makker.CaseReady.v2"),
        headers(ce_type=b"other.CaseReady.v1"),
        headers("CaseEvent"),
        headers("CaseClosed"),
        headers(ce_replayfor=b"followup"),
    ],
    ids=["unknown", "other version", "other maker", "shared form", "not handled", "replayed for another"],
)
def test_what_is_not_for_this_service_is_passed_over(with_headers: Headers) -> None:
    assert receive(READY, with_headers) is None
    assert receive(b"not even JSON", with_headers) is None


def test_a_replay_for_this_service_is_read_in_both_modes() -> None:
    assert got(receive(READY, headers(ce_replayfor=b"matching"))).fault is None
    value = structured(json.loads(READY), replayfor="matching")
    assert got(receive(value, STRUCTURED)).fault is None
    assert receive(structured(json.loads(READY), replayfor="followup"), STRUCTURED) is None


def test_two_megabytes_are_read() -> None:
    document = json.loads(REFERRAL) | {"added_later": "x" * 2_000_000}
    message = got(receive(json.dumps(document).encode(), headers("Referral"), REFERRALS, service="intake"))
    assert message.fault is None
    grown = json.loads(READY) | {"added_later": "x" * 2_000_000}
    assert got(receive(json.dumps(grown).encode(), headers())).body == CaseReady.model_validate_json(READY)


@pytest.mark.parametrize(
    ("written", "understood"),
    [
        (b"2026-03-16T10:30:00+01:00", SENT_AT),
        (b"2026-03-16T09:30:00Z", SENT_AT),
        (b"2026-03-16T09:30:00", SENT_AT),
    ],
)
def test_times_are_read_with_their_offset(written: bytes, understood: datetime) -> None:
    message = got(receive(READY, headers(ce_time=written)))
    assert (message.time, message.time.tzinfo is not None) == (understood, True)


@pytest.mark.parametrize("written", [b"-", b"yesterday", b"", b"\xff", b"2026-99-99T00:00:00Z", None])
def test_without_a_readable_time_it_is_now(written: bytes | None) -> None:
    before = datetime.now(UTC)
    assert before <= got(receive(READY, headers(ce_time=written))).time <= datetime.now(UTC)


# Compacted topics.


def test_contacts_go_beside_the_inbox() -> None:
    message = got(receive((GOLDEN / "Contact.json").read_bytes(), headers("Contact"), CONTACTS))
    assert (message.type, message.inbox, message.fault) == ("Contact", False, None)


@pytest.mark.parametrize("with_headers", [{}, headers("Contact"), headers("Contact", ce_id=b"-")])
def test_a_null_value_on_a_compacted_topic_is_a_tombstone(with_headers: Headers) -> None:
    message = got(receive(None, with_headers, CONTACTS, b"person"))
    assert message.body == Tombstone(topic=CONTACTS, key="person")
    assert (message.type, message.inbox, message.fault) == ("Tombstone", False, None)


def test_a_tombstone_for_nobody_or_for_another_service_is_passed_over() -> None:
    assert receive(None, headers("Contact"), CONTACTS, None) is None
    assert receive(None, headers("Contact", ce_replayfor=b"intake"), CONTACTS, b"person") is None
    assert read(HANDLED - {Tombstone}, "intake", record(None, headers("Contact"), CONTACTS)) is None


# Names and timers.


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("makker.CaseReady.v1", "CaseReady"),
        ("makker.CaseReady.v10", None),
        ("makker.CaseReady", None),
        ("CaseReady.v1", None),
        ("", None),
    ],
)
def test_a_type_is_known_by_its_name_and_version(written: str, name: str | None) -> None:
    assert type_name(written) == name


class Remind(Timer):
    case_id: UUID


TIMERS: dict[str, type[BaseModel]] = {"Remind": Remind}


def test_a_timer_that_fell_due_is_a_message_of_its_scheduling() -> None:
    id_, body = uuid4(), Remind(case_id=uuid4())
    first = timer_message(TIMERS, "Remind", body.model_dump_json(), id_, 1, SENT_AT)
    again = timer_message(TIMERS, "Remind", body.model_dump_json(), id_, 1, SENT_AT)
    anew = timer_message(TIMERS, "Remind", body.model_dump_json(), id_, 2, SENT_AT)
    assert (first.body, first.kind, first.time, first.fault) == (body, "timer", SENT_AT, None)
    assert first.id == again.id != anew.id
    assert (first.timer_id, first.timer_number) == (id_, 1)


@pytest.mark.parametrize(
    ("type_", "body", "fault"),
    [
        ("Forgotten", "{}", "this version knows no timer Forgotten"),
        ("Remind", "{}", "does not fit its contract"),
        ("Remind", "not JSON", "does not fit its contract"),
    ],
)
def test_a_timer_that_this_version_cannot_read_is_a_fault(type_: str, body: str, fault: str) -> None:
    message = timer_message(TIMERS, type_, body, uuid4(), 1, SENT_AT)
    assert message.fault == fault
    assert isinstance(message.body, Unread)
