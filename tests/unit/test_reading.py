"""From bytes to messages: whatever arrives is a message, a fault, or not for this service; nothing raises."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from shared.contracts.intake import CaseReady, CaseTexts, Contact
from shared.contracts.matching import MatchAgreed
from shared.contracts.model import Timer, message_id
from shared.contracts.published import GOLDEN
from shared.contracts.referral import RegisterReferral
from shared.contracts.topics import TOPICS
from shared.messages import Message, Record, Tombstone, Unread
from shared.reading import read, timer_message, type_name

HANDLED: frozenset[type[BaseModel]] = frozenset(
    {CaseReady, Contact, CaseTexts, MatchAgreed, RegisterReferral, Tombstone}
)
READY = (GOLDEN / "CaseReady.json").read_bytes()
REFERRAL = (GOLDEN / "Referral.json").read_bytes()
INTAKE, CONTACTS, REFERRALS = "intake-events-v1", "contacts-v1", "referrals-v1"
SENT_AT = datetime(2026, 3, 16, 9, 30, tzinfo=UTC)

Headers = dict[str, bytes | None]


def headers(name: str = "CaseReady", **changed: bytes | None) -> Headers:
    """Those of binary mode, with some changed; `b"-"` leaves one out."""
    every: Headers = {
        "ce_specversion": b"1.0",
        "ce_id": b"7",
        "ce_source": b"/makker/intake",
        "ce_type": f"makker.{name}.v1".encode(),
        "ce_time": SENT_AT.isoformat().encode(),
        "content-type": b"application/json",
    }
    every |= {key.replace("content_type", "content-type"): value for key, value in changed.items()}
    return {key: value for key, value in every.items() if value != b"-"}


def record(
    value: bytes | None, with_headers: Headers, topic: str = INTAKE, key: bytes | None = b"case"
) -> Record:
    pairs: Any = tuple(with_headers.items())
    return Record(topic, 3, 41, key, value, pairs)


def receive(
    value: bytes | None,
    with_headers: Headers,
    topic: str = INTAKE,
    key: bytes | None = b"case",
    service: str = "matching",
) -> Message | None:
    return read(HANDLED, service, record(value, with_headers, topic, key))


def got(message: Message | None) -> Message:
    assert message is not None
    return message


def structured(data: Any, **changed: Any) -> bytes:
    event = {
        "specversion": "1.0",
        "id": "7",
        "source": "/makker/intake",
        "type": "makker.CaseReady.v1",
        "time": SENT_AT.isoformat(),
        "data": data,
    } | changed
    return json.dumps({name: value for name, value in event.items() if value != "-"}).encode()


STRUCTURED: Headers = {"content-type": b"application/cloudevents+json; charset=utf-8"}
IN_BASE64 = structured("-", data_base64=base64.b64encode(READY).decode())


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


# Referrals: whatever has a readable reference is answered.


def refer(value: bytes | None, with_headers: Headers, key: bytes | None = None) -> Message:
    return got(receive(value, with_headers, REFERRALS, key, "intake"))


@pytest.mark.parametrize(
    ("value", "with_headers"),
    [
        (REFERRAL, headers("Referral", ce_source=b"/vitas")),
        (structured(json.loads(REFERRAL), type="makker.Referral.v1", source="/vitas"), STRUCTURED),
    ],
    ids=["binary", "structured"],
)
def test_a_referral_is_a_command_with_the_document_as_it_came(value: bytes, with_headers: Headers) -> None:
    message = refer(value, with_headers)
    assert isinstance(message.body, RegisterReferral)
    assert message.body.referral == json.loads(REFERRAL)
    assert (message.id, message.type, message.source) == (message_id("/vitas", "7"), "Referral", "/vitas")
    assert (message.fault, message.envelope_faults, message.inbox) == (None, (), True)


@pytest.mark.parametrize(
    ("with_headers", "faults"),
    [
        ({}, ("ce_id", "ce_source", "ce_type")),
        (headers("Referral", ce_source=b"-"), ("ce_source",)),
        (headers("Referral", ce_source=b"\xff"), ("ce_source",)),
        (headers("Referral", ce_source=b"/vitas\x00"), ("ce_source",)),
        (headers("Referral", ce_id=b""), ("ce_id",)),
        (headers("Referral", ce_type=b""), ("ce_type",)),
        (headers("CaseReady"), ("ce_type",)),
        (headers("Referral", ce_type=b"makker.Referral.v2"), ("ce_type",)),
        (headers("Referral", ce_note=b"\xff", ce_time=b"\xff", content_type=b"\xff"), ()),
    ],
)
def test_faults_of_a_referrals_envelope_are_reasons(with_headers: Headers, faults: tuple[str, ...]) -> None:
    message = refer(REFERRAL, with_headers)
    assert (message.fault, message.envelope_faults) == (None, faults)
    known = message_id("/makker/intake", "7")
    assert message.id == (message_id("referral", f"{REFERRALS}/3/41") if faults else known)


def test_a_referral_that_fits_nothing_but_has_a_reference_is_answered() -> None:
    message = refer(b'{"source_reference": "R-1", "candidate": [[]], "unit": 7}', headers("Referral"))
    assert message.fault is None
    assert isinstance(message.body, RegisterReferral)
    assert message.body.referral["candidate"] == [[]]


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        (None, "empty"),
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff\xfe\x00", "not JSON"),
        (b'{"source_reference": "R-1", "weight": NaN}', "not JSON"),
        (b'{"source_reference": "R-1", "weight": -Infinity}', "not JSON"),
        (b'{"source_reference": "R-1", "deep": ' + b"[" * 200_000, "not JSON"),
        (b'{"source_reference": "R-1", "n": ' + b"9" * 5000 + b"}", "not JSON"),
        (b"[]", "not a JSON object"),
        (b'"R-1"', "not a JSON object"),
        (b"{}", "no readable source_reference"),
        (b'{"source_reference": null}', "no readable source_reference"),
        (b'{"source_reference": 7}', "no readable source_reference"),
        (b'{"source_reference": ""}', "no readable source_reference"),
        (b'{"source_reference": "' + b"x" * 201 + b'"}', "no readable source_reference"),
        (b'{"source_reference": "a\\u0000"}', "no readable source_reference"),
        (b'{"source_reference": "\\ud800"}', "no readable source_reference"),
    ],
)
def test_a_referral_that_nobody_can_be_answered_about_is_a_fault(value: bytes | None, fault: str) -> None:
    message = refer(value, headers("Referral"))
    assert fault in (message.fault or "")
    assert isinstance(message.body, Unread)


# Whatever the bytes.

NAMES = [
    "ce_id",
    "ce_source",
    "ce_type",
    "ce_time",
    "ce_replayfor",
    "ce_subject",
    "content-type",
    "traceparent",
]
VALUES = st.one_of(
    st.binary(max_size=40),
    st.none(),
    st.sampled_from([value for value in headers().values() if value] + [b"application/cloudevents+json"]),
    st.sampled_from([b"makker.Contact.v1", b"makker.Referral.v1", b"makker.MatchAgreed.v1", b"matching"]),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
ATTRIBUTES = [
    "id",
    "source",
    "type",
    "time",
    "data",
    "data_base64",
    "replayfor",
    "source_reference",
    "case_id",
]


@st.composite
def altered(draw: Callable[[st.SearchStrategy[Any]], Any], whole: bytes) -> bytes:
    """A document that fits, with some of its fields replaced by anything."""
    document = json.loads(whole)
    for name in draw(st.lists(st.sampled_from(sorted(document)), max_size=3)):
        document[name] = draw(JSON)
    return json.dumps(document).encode()


BODIES = st.one_of(
    st.none(),
    st.binary(max_size=200),
    JSON.map(lambda value: json.dumps(value).encode()),
    st.dictionaries(st.sampled_from(ATTRIBUTES), JSON, max_size=6).map(
        lambda value: json.dumps(value).encode()
    ),
    altered(READY),
    altered(REFERRAL),
    altered((GOLDEN / "Contact.json").read_bytes()),
    altered(structured(json.loads(READY))),
    altered(structured(json.loads(REFERRAL), type="makker.Referral.v1")),
)


@given(
    topic=st.sampled_from([*TOPICS, "no-such-topic"]),
    key=st.none() | st.binary(max_size=20),
    value=BODIES,
    pairs=st.lists(st.tuples(st.sampled_from(NAMES) | st.text(max_size=8), VALUES), max_size=9),
    service=st.sampled_from(["intake", "matching"]),
)
def test_nothing_that_arrives_raises(
    topic: str, key: bytes | None, value: bytes | None, pairs: list[tuple[str, Any]], service: str
) -> None:
    arrived = Record(topic, 0, 1, key, value, tuple(pairs))
    message = read(HANDLED, service, arrived)
    if message is None:
        assert topic != REFERRALS
        return
    assert message.record is arrived
    assert isinstance(message.id, UUID)
    assert message.time.tzinfo is not None
    assert (message.fault is not None) == isinstance(message.body, Unread)
    for stored in (message.type, message.source, message.fault or ""):
        assert "\x00" not in stored
        stored.encode()


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
