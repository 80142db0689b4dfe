"""What somebody types at a unit's door, as people do and as programs do."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.documents import Fault
from services.intake.enquiry_form import (
    KINDS,
    LEFT_EMPTY,
    PAGE_ORDER,
    TICKED,
    TOO_OLD_SECONDS,
    TOO_QUICK_SECONDS,
    Kind,
    Typed,
    guards,
    in_page_order,
    programmes_for,
    read,
    shown,
    stamp,
)
from shared.programmes import load

PROGRAMMES = load()
DK, CORPS, NO = (PROGRAMMES.units[one] for one in ("DK-0169", "DK-0851/aalborg", "NO-3222"))
TODAY = date(2026, 11, 23)
NOW = datetime(2026, 11, 23, 9, 0, 30, 500_000, tzinfo=UTC)
CANDIDATE = {
    "programme": "foreningspraktik",
    "given_name": "Amina",
    "family_name": "Eksempel",
    "email": "amina@example.org",
}
MENTOR = {"name": "Mads Mentor", "phone": "70 10 20 30"}
HOST = {"host_kind": "school", "organisation": "Skolen", "name": "Vera", "email": "vera@example.org"}
TYPED: dict[Kind, dict[str, Any]] = {"candidate": CANDIDATE, "mentor": MENTOR, "host": HOST}


def digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def faults(kind: Kind, **changes: Any) -> set[tuple[str, str]]:
    fields = {name: value for name, value in (TYPED[kind] | changes).items() if value is not None}
    typed, found = read(fields, kind, DK, PROGRAMMES, "da", TODAY)
    assert (typed is None) == bool(found)
    return {(one.code, one.field) for one in found}


def understood(kind: Kind, **changes: Any) -> Typed:
    typed, found = read(TYPED[kind] | changes, kind, DK, PROGRAMMES, "da", TODAY)
    assert typed is not None, found
    return typed


@pytest.mark.parametrize("kind", KINDS)
def test_the_least_that_is_asked_is_enough(kind: Kind) -> None:
    assert understood(kind).kind == kind


@pytest.mark.parametrize(
    ("kind", "changes", "expected"),
    [
        ("candidate", {"given_name": None}, ("missing", "given_name")),
        ("candidate", {"family_name": "   "}, ("missing", "family_name")),
        ("candidate", {"given_name": "x" * 201}, ("too_long", "given_name")),
        ("candidate", {"given_name": "Ami\x00na"}, ("unreadable", "given_name")),
        ("candidate", {"given_name": "Ami\x07na"}, ("unreadable", "given_name")),
        ("candidate", {"given_name": "Ami\ud800na"}, ("unreadable", "given_name")),
        ("candidate", {"given_name": ["a", "b"]}, ("unreadable", "given_name")),
        ("candidate", {"given_name": {"x": "y"}}, ("unreadable", "given_name")),
        ("candidate", {"programme": None}, ("choose", "programme")),
        ("candidate", {"programme": "mentorskab"}, ("choose", "programme")),
        ("candidate", {"email": None}, ("email_or_phone", "email")),
        ("candidate", {"email": "amina@"}, ("bad_email", "email")),
        ("candidate", {"email": "x" * 321}, ("too_long", "email")),
        ("candidate", {"phone": "12"}, ("bad_phone", "phone")),
        ("candidate", {"phone": "ring bare"}, ("bad_phone", "phone")),
        ("candidate", {"postcode": "26300"}, ("bad_postcode", "postcode")),
        ("candidate", {"postcode": "Taastrup"}, ("bad_postcode", "postcode")),
        ("candidate", {"channel": "smoke"}, ("choose", "channel")),
        ("candidate", {"words": "x" * 10_000}, ("too_long", "words")),
        ("mentor", {"birth_date": "1980-02-30"}, ("bad_date", "birth_date")),
        ("mentor", {"birth_date": "2027-01-01"}, ("bad_date", "birth_date")),
        ("mentor", {"birth_date": "1880-01-01"}, ("bad_date", "birth_date")),
        ("mentor", {"birth_date": "i går"}, ("bad_date", "birth_date")),
        ("mentor", {"languages": ["da", "klingon"]}, ("choose", "languages")),
        ("mentor", {"times": "mon-evening"}, ("choose", "times")),
        ("mentor", {"profession": "wizard"}, ("choose", "profession")),
        ("host", {"host_kind": "volunteer"}, ("choose", "host_kind")),
        ("host", {"organisation": None}, ("missing", "organisation")),
    ],
)
def test_what_is_wrong_is_said_at_its_field(
    kind: Kind, changes: dict[str, Any], expected: tuple[str, str]
) -> None:
    assert faults(kind, **changes) == {expected}


def test_all_that_is_wrong_is_said_at_once() -> None:
    found = faults("candidate", given_name=None, email="x", phone="y", postcode="z", programme=None)
    assert {field for _, field in found} == {"given_name", "email", "phone", "postcode", "programme"}


@pytest.mark.parametrize(
    ("kind", "changes", "field", "expected"),
    [
        ("candidate", {"given_name": "Å"}, "given_name", "Å"),
        ("candidate", {"given_name": "  Anna\tMaria \r\n"}, "given_name", "Anna Maria"),
        ("candidate", {"email": " amina @example.org\u00a0"}, "email", "amina@example.org"),
        ("candidate", {"phone": "+45 70 10 20 30"}, "phone", "+4570102030"),
        ("candidate", {"phone": "70102030"}, "phone", "+4570102030"),
        ("candidate", {"postcode": " 2630 "}, "postcode", "2630"),
        ("candidate", {"postcode": "DK-2630 Taastrup"}, "postcode", "2630"),
        ("candidate", {"words": "To\r\nlinjer"}, "words", "To\nlinjer"),
        ("candidate", {"notice": "no id at all"}, "notice_id", None),
        ("mentor", {"birth_date": "1980-12-24"}, "birth_date", date(1980, 12, 24)),
        ("mentor", {"birth_date": "24-12-1980"}, "birth_date", date(1980, 12, 24)),
        ("mentor", {"birth_date": "24.12.1980"}, "birth_date", date(1980, 12, 24)),
        ("mentor", {"birth_date": "4/1 1980"}, "birth_date", date(1980, 1, 4)),
        ("mentor", {"languages": ["da", "da"]}, "languages", ("da",)),
        ("host", {}, "programme", None),
    ],
)
def test_what_people_type_is_understood(
    kind: Kind, changes: dict[str, Any], field: str, expected: object
) -> None:
    assert getattr(understood(kind, **changes), field) == expected


def test_where_a_unit_has_one_programme_nobody_is_asked_which() -> None:
    typed, found = read(CANDIDATE | {"programme": "nonsense"}, "candidate", CORPS, PROGRAMMES, "da", TODAY)
    assert typed is None and found[0].field == "programme"
    without = {name: value for name, value in CANDIDATE.items() if name != "programme"}
    typed, _ = read(without, "candidate", CORPS, PROGRAMMES, "da", TODAY)
    assert typed is not None and typed.programme == "mentorskab"


def test_who_takes_part_in_which_programme() -> None:
    assert programmes_for("mentor", CORPS, PROGRAMMES, TODAY) == ("mentorskab",)
    assert set(programmes_for("host", DK, PROGRAMMES, TODAY)) <= set(DK.programmes)
    assert programmes_for("candidate", DK, PROGRAMMES, TODAY) == tuple(DK.programmes)
    assert programmes_for("mentor", NO, PROGRAMMES, TODAY) == tuple(NO.programmes), "none is made for them"


def guarded(now: datetime, **changes: Any) -> list[str]:
    opened = NOW
    fields = {"stamp": stamp(digest, DK.id, "mentor", opened), TICKED: "true"} | changes
    fields = {name: value for name, value in fields.items() if value is not None}
    return [one.code for one in guards(fields, digest, DK.id, "mentor", now)]


LATER = NOW + timedelta(seconds=30)


@pytest.mark.parametrize(
    ("after_seconds", "expected"),
    [
        (0, ["too_quick"]),
        (TOO_QUICK_SECONDS - 0.6, ["too_quick"]),
        (TOO_QUICK_SECONDS, []),
        (TOO_OLD_SECONDS - 1, []),
        (TOO_OLD_SECONDS + 1, ["too_old"]),
        (-60, ["too_quick"]),
    ],
)
def test_a_form_that_is_sent_too_quick_or_too_late_is_sent_again(
    after_seconds: float, expected: list[str]
) -> None:
    assert guarded(NOW + timedelta(seconds=after_seconds)) == expected


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        "",
        "1",
        "-",
        "nonsense",
        "99999999999999999999-aa",
        "٣-aa",
        "1763888400-\ud800",
        ["1"],
        stamp(digest, DK.id, "host", NOW),
        stamp(digest, CORPS.id, "mentor", NOW),
        stamp(lambda text: digest(f"other key {text}"), DK.id, "mentor", NOW),
    ],
)
def test_a_stamp_that_is_none_of_ours_is_as_one_that_is_too_old(wrong: object) -> None:
    assert guarded(LATER, stamp=wrong) == ["too_old"]


def test_what_nobody_sees_is_left_empty_and_what_a_person_ticks_is_ticked() -> None:
    assert guarded(LATER) == []
    assert guarded(LATER, **{LEFT_EMPTY: "https://example.org"}) == ["left_empty"]
    assert guarded(LATER, **{TICKED: None}) == ["tick"]


def test_faults_stand_in_the_order_of_the_page_and_being_quick_is_said_alone() -> None:
    codes = [("tick", TICKED), ("bad_phone", "phone"), ("missing", "name"), ("left_empty", "")]
    mixed = [Fault(code=code, field=field) for code, field in (("too_quick", ""), *codes)]
    assert [one.field for one in in_page_order(mixed)] == ["", "name", "phone", TICKED]
    assert in_page_order(mixed[:1]) == tuple(mixed[:1])


def test_every_fault_has_its_place_on_the_page() -> None:
    nothing: dict[str, Any] = {name: {} for name in PAGE_ORDER}
    for kind in KINDS:
        _, found = read(nothing, kind, DK, PROGRAMMES, "da", TODAY)
        in_page_order((*found, *guards(nothing, digest, DK.id, kind, NOW)))


def test_what_was_typed_is_shown_again_and_nothing_that_cannot_be() -> None:
    fields = {"name": "A\x00\ud800b", "words": "x" * 10_000, "languages": ["da"], "x": {"y": "z"}, "n": [{}]}
    again = shown(fields)
    assert again == {"name": "Ab", "words": "x" * 10_000, "languages": ["da"]}
    str(again).encode()


ANY = st.recursive(st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5)


@given(
    st.dictionaries(st.sampled_from(sorted({*CANDIDATE, *MENTOR, *HOST, "words", "times", "notice"})), ANY)
)
def test_whatever_is_sent_is_read_or_has_faults(fields: dict[str, Any]) -> None:
    for kind in KINDS:
        typed, found = read(fields, kind, NO, PROGRAMMES, "nb", TODAY)
        assert (typed is None) == bool(found)
        assert typed is None or typed.model_dump_json().encode()
    str(shown(fields)).encode()
    guards(fields, digest, NO.id, "mentor", NOW)
