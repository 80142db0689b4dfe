"""Referrals as they are read: whatever has a readable reference is answered."""

from __future__ import annotations

import json

import pytest

from shared.contracts.model import message_id
from shared.contracts.referral import RegisterReferral
from shared.messages import Message, Unread
from tests.unit.records import REFERRAL, REFERRALS, STRUCTURED, Headers, got, headers, receive, structured


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
