"""Judging a referral: every reason at once, and never a value of the document."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any
from uuid import uuid4

import phonenumbers
import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import example, given, settings
from hypothesis import strategies as st

from services.intake.fields import PLAIN_NUMBER, email_address, phone_number
from services.intake.national_id import birth_date_of, compact, is_possible
from services.intake.referral import Judged, canonical, judge, national_key
from services.intake.referring import in_words
from services.intake.registers import Agreement, Partner, UnitFile
from shared.programmes import load
from tests.servers.intake import EXAMPLE, referral

PROGRAMMES = load()
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def codes(document: dict[str, Any], **more: Any) -> list[tuple[str, str]]:
    return [(one.code, one.field) for one in judge(document, PROGRAMMES, NOW, **more).faults]


UNNUMBERED: dict[str, Any] = {"candidate__national_id": None, "candidate__national_id_type": None}


def mentoring(**changes: Any) -> dict[str, Any]:
    return referral(programme="mentorskab", unit="DK-0851/aalborg", candidate__target_group=None, **changes)


def test_the_example_is_taken_as_it_stands() -> None:
    judged = judge(EXAMPLE, PROGRAMMES, NOW)
    assert judged.faults == ()
    assert judged.referral is not None
    assert judged.referral.candidate.national_id == "0707614286"
    assert [wish.plan for wish in judged.referral.wishes] == ["A", "B"]


def test_only_what_is_required_is_enough() -> None:
    least = {
        name: EXAMPLE[name]
        for name in ("source_reference", "programme", "unit", "channel", "referred_on", "chosen_by_candidate")
    }
    assert codes({**least, "candidate": {"given_name": "Bo", "family_name": "Prøve"}}) == []


@pytest.mark.parametrize("postcode", [2630, "2630 Taastrup", "2630, Høje Taastrup", " 2630\u00a0"])
def test_a_postcode_is_read_however_it_is_written(postcode: object) -> None:
    judged = judge(referral(candidate__postcode=postcode), PROGRAMMES, NOW)
    assert judged.faults == ()
    assert judged.referral is not None
    assert judged.referral.candidate.postcode == "2630"


def test_an_empty_document_lacks_every_required_field_at_once() -> None:
    assert {field for _, field in codes({})} == {
        "source_reference",
        "programme",
        "unit",
        "channel",
        "referred_on",
        "chosen_by_candidate",
        "candidate",
    }


CASES = [
    ("malformed", "candidate.national_id", referral(candidate__national_id=707614286)),
    ("malformed", "candidate.national_id_type", referral(candidate__national_id_type=None)),
    ("malformed", "candidate.given_name", referral(candidate__given_name="")),
    ("malformed", "candidate.given_name", referral(candidate__given_name="A\x00")),
    ("malformed", "candidate.given_name", referral(candidate__given_name="\ud83d")),
    ("malformed", "candidate.given_name", referral(candidate__given_name="x" * 201)),
    ("malformed", "candidate.family_name", referral(candidate__family_name="a\nb")),
    ("malformed", "candidate.birth_date", referral(candidate__birth_date="1961-02-30")),
    ("malformed", "candidate.protected", referral(candidate__protected="no")),
    ("malformed", "chosen_by_candidate", referral(chosen_by_candidate="yes")),
    ("malformed", "referred_on", referral(referred_on="02-03-2026")),
    ("malformed", "wishes.0", referral(wishes=["retail"])),
    ("malformed", "candidate", referral(candidate=[])),
    ("unknown_programme", "programme", referral(programme="nothing")),
    ("unknown_unit", "unit", referral(unit="DK-9999")),
    ("programme_not_in_unit", "programme", referral(programme="mentorskab")),
    ("not_chosen_by_candidate", "chosen_by_candidate", referral(chosen_by_candidate=False)),
    ("not_resident", "candidate.postcode", referral(candidate__postcode="9000")),
    ("not_in_target_group", "candidate.target_group", referral(candidate__target_group="refugee")),
    ("not_in_target_group", "candidate.target_group", referral(candidate__target_group="nonsense")),
    ("bad_national_id", "candidate.national_id", referral(candidate__national_id="3113614286")),
    ("bad_national_id", "candidate.national_id", referral(candidate__national_id="070761428")),
    ("bad_email", "candidate.email", referral(candidate__email="amina at example.org")),
    ("bad_phone", "candidate.phone", referral(candidate__phone="none")),
    ("bad_postcode", "candidate.postcode", referral(candidate__postcode="26300")),
    ("bad_postcode", "candidate.postcode", referral(candidate__postcode=26300)),
    ("bad_postcode", "candidate.postcode", referral(candidate__postcode="2630 2640")),
    ("bad_postcode", "candidate.postcode", referral(candidate__postcode="2630Taastrup")),
    ("malformed", "candidate.postcode", referral(candidate__postcode=True)),
    ("unknown_channel", "channel", referral(channel="pigeon")),
    ("unknown_code", "needs.1", referral(needs=["motivation", "nonsense"])),
    ("referred_in_future", "referred_on", referral(referred_on="2026-11-24")),
    ("school_precondition_missing", "school", referral(channel="counsellor")),
    (
        "age_outside_programme",
        "candidate.birth_date",
        mentoring(**UNNUMBERED, candidate__birth_date="2012-01-01"),
    ),
    (
        "age_outside_programme",
        "candidate.birth_date",
        mentoring(**UNNUMBERED, candidate__birth_date="1950-01-01"),
    ),
    ("bad_birth_date", "candidate.birth_date", referral(candidate__birth_date="1961-07-08")),
    ("bad_birth_date", "candidate.birth_date", referral(**UNNUMBERED, candidate__birth_date="2999-01-01")),
    ("referred_too_early", "referred_on", referral(referred_on="2019-12-31")),
    ("malformed", "partner_id", referral(partner_id="no id")),
    ("unknown_partner", "partner_id", referral(partner_id=str(uuid4()))),
    (
        "age_outside_programme",
        "candidate.birth_date",
        mentoring(candidate__birth_date=None, candidate__national_id="0101124287"),
    ),
]


@pytest.mark.parametrize(("code", "field", "document"), CASES)
def test_a_fault_is_said_by_its_code_and_field(code: str, field: str, document: dict[str, Any]) -> None:
    assert codes(document) == [(code, field)]


def test_all_reasons_come_at_once_and_in_words_without_values() -> None:
    document = referral(
        candidate__email="nobody-at-all",
        candidate__postcode="9000",
        candidate__given_name="Hemmelig\x00",
        chosen_by_candidate=False,
        channel="pigeon",
        referred_on="2030-01-01",
    )
    judged = judge(document, PROGRAMMES, NOW)
    assert len(judged.faults) == 6
    for language in ("da", "nb", "en"):
        said = json.dumps([one.model_dump() for one in in_words(judged.faults, PROGRAMMES, language)])
        assert not any(value in said for value in ("nobody", "9000", "Hemmelig", "pigeon", "2030"))


def test_a_schools_preconditions_are_each_named() -> None:
    school = {"management_backs": True, "staff_back": True, "union_backs": False, "pupil_able": True}
    assert codes(referral(channel="counsellor", school=school)) == [
        ("school_precondition_missing", "school.union_backs"),
        ("school_precondition_missing", "school.adds_to_professionals"),
    ]
    assert (
        codes(
            referral(
                channel="counsellor",
                school=dict.fromkeys((*school, "adds_to_professionals"), True) | {"union_backs": True},
            )
        )
        == []
    )


SAID = ("management_backs", "staff_back", "union_backs", "adds_to_professionals")


def agreed(**changes: Any) -> Partner:
    agreement = Agreement.model_validate(
        {
            "signed_on": date(2026, 1, 1),
            "valid_until": date(2026, 12, 31),
            "partner_roles": "Skolen finder elever.",
            "interfaces": "Vejlederen.",
            "dispute_steps": "Lederne taler sammen.",
            **dict.fromkeys(SAID, True),
            **changes,
        }
    )
    return Partner(id=uuid4(), unit="DK-0169", kind="school", name="Skolen", agreement=agreement)


@pytest.mark.parametrize(
    ("partner", "school", "missing"),
    [
        (agreed(), {"pupil_able": True}, []),
        (agreed(), {"pupil_able": False}, ["school.pupil_able"]),
        (agreed(), None, ["school.pupil_able"]),
        (agreed(union_backs=False), {"pupil_able": True}, ["school.union_backs"]),
        (agreed(valid_until=date(2026, 3, 1)), None, ["school"]),
        (agreed(signed_on=date(2026, 3, 3)), None, ["school"]),
        (agreed().model_copy(update={"agreement": None}), None, ["school"]),
    ],
)
def test_what_a_partners_agreement_says_on_the_day_need_not_be_said_again(
    partner: Partner, school: dict[str, bool] | None, missing: list[str]
) -> None:
    document = referral(channel="counsellor", partner_id=str(partner.id), school=school)
    found = codes(document, partner=partner)
    assert found == [("school_precondition_missing", field) for field in missing]


def test_a_partner_of_another_unit_is_unknown_here() -> None:
    partner = agreed().model_copy(update={"unit": "NO-3222"})
    assert codes(referral(partner_id=str(partner.id)), partner=partner) == [("unknown_partner", "partner_id")]


def test_a_closed_unit_takes_no_more_and_says_all_else_too() -> None:
    document = referral(channel="pigeon")
    closed = closing(to="NO-3222").model_copy(update={"state": "closed"})
    assert codes(document, unit=closed) == [("unit_closed", "unit"), ("unknown_channel", "channel")]


def closing(to: str) -> UnitFile:
    return UnitFile(id=uuid4(), unit="DK-0169", closed_on=date(2026, 12, 31), handed_to=to)


def test_a_unit_that_is_to_close_takes_only_what_the_one_that_takes_over_has_too() -> None:
    assert codes(EXAMPLE, unit=closing(to="DK-0169")) == []
    assert codes(EXAMPLE, unit=closing(to="NO-3222")) == [("programme_ends_with_unit", "programme")]


def test_a_referral_is_judged_by_the_day_on_which_it_was_made() -> None:
    born = {"candidate__birth_date": "1961-11-24", **UNNUMBERED}
    assert codes(mentoring(**born, referred_on="2026-11-23")) == []
    nearly = mentoring(**{**born, "candidate__birth_date": "1961-11-23"}, referred_on="2026-11-22")
    assert codes(nearly) == []
    assert codes({**nearly, "referred_on": "2026-11-23"}) == [
        ("age_outside_programme", "candidate.birth_date")
    ]


def test_the_envelope_and_the_senders_units_are_judged_too() -> None:
    assert codes(EXAMPLE, envelope_faults=("ce_id",)) == [("malformed", "ce_id")]
    assert codes(EXAMPLE, permitted_units={"NO-3222"}) == [("not_permitted", "unit")]


def test_the_future_begins_in_the_units_own_time_zone() -> None:
    document = referral(referred_on="2026-11-24")
    evening = datetime(2026, 11, 23, 22, 59, tzinfo=UTC)
    assert [one.code for one in judge(document, PROGRAMMES, evening).faults] == ["referred_in_future"]
    assert judge(document, PROGRAMMES, evening.replace(hour=23, minute=0)).faults == ()


@pytest.mark.parametrize("name", ["Zoë 🌻", "محمد", "שרה", "Nguyễn Thị Ánh", "O'Brien-Ó", "x" * 200])
def test_names_of_all_kinds_are_taken(name: str) -> None:
    judged = judge(referral(candidate__given_name=f"  {name} "), PROGRAMMES, NOW)
    assert judged.referral is not None
    assert judged.referral.candidate.given_name == name


@pytest.mark.parametrize("number", ["0101011234", "010101-1234", "010101 1234", " 0101011234"])
def test_a_danish_number_is_judged_by_date_and_length_alone(number: str) -> None:
    assert is_possible("DK-CPR", number, date(2026, 1, 1))


@pytest.mark.parametrize(
    ("kind", "number", "possible"),
    [
        ("NO-FNR", "15108695088", True),
        ("NO-FNR", "151086 95088", True),
        ("NO-FNR", "15108695077", False),
        ("NO-DNR", "15108695088", False),
        ("NO-FNR", "1510869508", False),
    ],
)
def test_a_norwegian_number_is_judged_by_its_control_digits(kind: str, number: str, possible: bool) -> None:
    assert is_possible(kind, number, date(2026, 1, 1)) is possible


@pytest.mark.parametrize(
    ("number", "born_on"),
    [
        ("0101614286", date(1961, 1, 1)),
        ("0101361234", date(1936, 1, 1)),
        ("0101364234", date(2036, 1, 1)),
        ("0101374234", date(1937, 1, 1)),
        ("0101575234", date(2057, 1, 1)),
        ("0101585234", date(1858, 1, 1)),
        ("0101009234", date(2000, 1, 1)),
    ],
)
def test_the_seventh_digit_tells_the_century(number: str, born_on: date) -> None:
    assert birth_date_of("DK-CPR", number) == born_on


def test_a_person_is_found_by_the_same_key_however_the_number_is_written() -> None:
    today = date(2026, 11, 23)
    written = referral(candidate__national_id=" 070761-4286")
    assert national_key(written, PROGRAMMES, today) == national_key(EXAMPLE, PROGRAMMES, today) is not None
    for blank in ("\t", "\u00a0", "\u202f", " "):
        pasted = referral(
            unit=f"DK-0169{blank}",
            candidate__national_id=f"070761\u2011{blank}4286{blank}",
            candidate__national_id_type=f"DK-CPR{blank}",
        )
        assert codes(pasted) == []
        assert national_key(pasted, PROGRAMMES, today) == national_key(EXAMPLE, PROGRAMMES, today)
    for dash in "-\u2010\u2011\u2013":
        assert compact(f"070761{dash}4286") == "0707614286"
    elsewhere = referral(unit="DK-0851/aalborg")
    assert national_key(elsewhere, PROGRAMMES, today) != national_key(EXAMPLE, PROGRAMMES, today)
    assert national_key(referral(candidate__national_id=707614286), PROGRAMMES, today) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=())),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
FIELDS = [*EXAMPLE, "school", *(f"candidate__{name}" for name in EXAMPLE["candidate"])]


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=4))
def test_whatever_stands_in_a_field_the_answer_is_a_referral_or_reasons(changes: dict[str, Any]) -> None:
    document = json.loads(json.dumps(EXAMPLE))
    for name, value in sorted(changes.items(), key=lambda pair: "__" not in pair[0]):
        inner, _, last = name.rpartition("__")
        (document[inner] if inner else document)[last] = value
    judged: Judged = judge(document, PROGRAMMES, NOW)
    assert (judged.referral is None) == bool(judged.faults)
    assert all(PROGRAMMES.codes.has("rejections", one.code) for one in judged.faults)
    assert canonical(json.loads(canonical(document))) == canonical(document)


LABELS = st.text("ab1-", min_size=1, max_size=30) | st.sampled_from(
    ["example", "org", "xn--bl-yia", "xn--", "localhost", "test", "invalid", "local", "a" * 63, "a" * 64]
)


@given(
    st.builds(
        "{}@{}".format,
        st.text("aI1.+_-", max_size=70) | st.sampled_from(["info", "Info", "Søren", '"a b"']),
        st.lists(LABELS, max_size=5).map(".".join) | st.just("[127.0.0.1]"),
    )
    | st.emails()
    | st.text("a1.@- ")
)
@example("info@example.org")
@example("amina.eksempel+1@xn--bl-yia.dk")
@example("a@example.org\n")
@example("a@" + "xn--" * 60 + ".org")
@settings(max_examples=500, deadline=None)
def test_an_address_that_is_plain_is_judged_like_any_other(text: str) -> None:
    try:
        expected: str | None = validate_email(text, check_deliverability=False).normalized
    except EmailNotValidError:
        expected = None
    assert email_address(text) == expected


@settings(max_examples=500, deadline=None)
@given(st.from_regex(PLAIN_NUMBER, fullmatch=True), st.sampled_from(["DK", "NO"]))
def test_a_number_that_is_plain_is_judged_like_any_other(text: str, country: str) -> None:
    number = phonenumbers.parse(text, country)
    assert phonenumbers.is_possible_number(number)
    expected = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    assert phone_number(text, country) == expected
