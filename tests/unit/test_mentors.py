"""Mentors without a database: their stages, their certificates, and when a place is told of."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.intake.asked_of_mentors import missing
from services.intake.certificates import (
    LapseCertificate,
    RenewCertificate,
    holds_until,
    lapse_on,
    months_later,
    renewal_on,
)
from services.intake.documents import Certificate
from shared.contracts.intake import (
    CertificateDue,
    CertificateLapsed,
    MentorRegistered,
    PlaceOffered,
    PlaceWithdrawn,
)
from shared.contracts.intake_commands import ContactDetails, OrderCertificate, RecordCertificateShown
from shared.contracts.register_commands import (
    ChangePlace,
    DeclineMentor,
    RecordMentorInterview,
    RetireMentor,
    SetAppetite,
    SignVolunteerAgreement,
    WithdrawPlace,
)
from shared.messages import Refused
from shared.programmes import Programmes
from tests.unit.register_desk import CORPS, KIND, PROGRAMMES, START, TOWN, Desk, reading


@pytest.fixture(scope="session")
def asking(tmp_path_factory: pytest.TempPathFactory) -> Programmes:
    return reading(tmp_path_factory.mktemp("programmes"))


# Mentors, from enquiry to available.


def test_who_makes_contact_is_available_when_all_that_is_asked_is_done() -> None:
    desk = Desk()
    desk.register_mentor(enquiry=True)
    place = desk.offer()
    assert (desk.mentor.state, desk.places[place].state, desk.is_told_of(place)) == (
        "enquired",
        "resting",
        False,
    )
    desk.of_the_mentor(RecordMentorInterview, note="Taler dari")
    assert (desk.mentor.state, desk.last) == ("interviewed", ())
    desk.of_the_mentor(SignVolunteerAgreement)
    assert desk.mentor.state == "available"
    assert [type(event) for event in desk.last] == [MentorRegistered, PlaceOffered]
    assert next(desk.of_the_last(MentorRegistered)).stage == "available"
    assert desk.is_told_of(place)


def test_where_mentors_have_an_age_nobody_is_available_before_theirs_is_known() -> None:
    desk = Desk()
    desk.register_mentor(enquiry=True, birth_date=None)
    desk.of_the_mentor(RecordMentorInterview)
    desk.of_the_mentor(SignVolunteerAgreement)
    place = desk.offer()
    assert (desk.mentor.state, desk.is_told_of(place)) == ("interviewed", False)
    desk.register_mentor(enquiry=True)
    assert (desk.mentor.state, desk.is_told_of(place)) == ("available", True)


def test_the_place_of_a_mentor_who_turns_out_to_be_too_young_is_not_told_of() -> None:
    desk = Desk()
    desk.register_mentor()
    place = desk.offer()
    desk.register_mentor(birth_date=date(2001, 1, 1))
    assert (desk.places[place].state, desk.is_told_of(place)) == ("resting", False)
    assert [one.reason for one in desk.of_the_last(PlaceWithdrawn)] == ["mentor_too_young"]


def test_a_place_that_is_another_mentors_is_not_taken_over_by_its_id() -> None:
    desk, other = Desk(), Desk()
    for one in (desk, other):
        one.register_mentor()
    place = desk.offer()
    desk.offer(place)
    other.places = desk.places
    with pytest.raises(Refused, match="place_of_another"):
        other.offer(place)


def test_the_order_of_interview_and_agreement_does_not_matter() -> None:
    desk = Desk()
    desk.register_mentor(enquiry=True)
    states = []
    for command in (SignVolunteerAgreement, RecordMentorInterview):
        desk.of_the_mentor(command)
        states.append(desk.mentor.state)
    assert states == ["enquired", "available"]


def test_a_rule_that_asks_no_more_lets_them_in_with_what_is_recorded_next(asking: Programmes) -> None:
    desk = Desk(asking)
    desk.register_mentor(enquiry=True)
    desk.of_the_mentor(RecordMentorInterview)
    desk.of_the_mentor(SignVolunteerAgreement)
    before, desk.programmes = desk.mentor.state, PROGRAMMES
    desk.of_the_mentor(SetAppetite, appetite="looking")
    between = desk.mentor.state
    desk.of_the_mentor(RecordMentorInterview)
    assert (before, between, desk.mentor.state) == ("interviewed", "interviewed", "available")


def test_where_no_programme_asks_an_agreement_the_interview_is_enough() -> None:
    desk = Desk(unit=TOWN)
    desk.register_mentor(enquiry=True)
    desk.of_the_mentor(RecordMentorInterview)
    assert desk.mentor.state == "available"


def test_who_is_registered_by_staff_may_be_proposed_at_once() -> None:
    desk = Desk()
    desk.register_mentor()
    assert next(desk.of_the_last(MentorRegistered)).stage == "available"
    assert desk.is_told_of(desk.offer())


def test_registering_again_keeps_what_was_recorded() -> None:
    desk = Desk()
    desk.register_mentor(profession="carpenter", languages={"ar": "native"})
    desk.of_the_mentor(RecordMentorInterview, note="Taler dari")
    desk.register_mentor(pay="expenses")
    assert (desk.mentor.note, desk.mentor.profession, desk.mentor.pay) == (
        "Taler dari",
        "carpenter",
        "expenses",
    )
    assert next(desk.of_the_last(MentorRegistered)).pay == "expenses"


def test_a_place_is_told_of_again_when_its_mentor_changes() -> None:
    desk = Desk()
    desk.register_mentor(gender="f")
    place = desk.offer()
    desk.register_mentor(profession="carpenter", languages={"ar": "native"})
    (told,) = desk.of_the_last(PlaceOffered)
    assert (told.place_id, told.profession, told.spoken_languages) == (place, "carpenter", ("ar",))
    before = desk.places[place]
    desk.register_mentor()
    assert list(desk.of_the_last(PlaceOffered)) == [] and desk.places[place] is before


@pytest.mark.parametrize(
    ("said", "code", "at"),
    [
        ({"contact": ContactDetails(name="Mia", email="no address")}, "bad_email", "contact.email"),
        ({"contact": ContactDetails(name="Mia", phone="12")}, "bad_phone", "contact.phone"),
        ({"birth_date": START + timedelta(days=1)}, "in_future", "birth_date"),
        ({"postcode": "90"}, "bad_postcode", "postcode"),
        ({"pay": "nonsense"}, "unknown_code", "pay"),
        ({"languages": {"zz": "B1"}}, "unknown_code", "languages"),
        ({"unit": "nowhere"}, "unknown_unit", "unit"),
        ({"partner_id": uuid4()}, "unknown_partner", "partner_id"),
        ({"host_id": uuid4()}, "unknown_host", "host_id"),
    ],
)
def test_a_fault_of_a_registration_stands_at_its_field(said: dict[str, Any], code: str, at: str) -> None:
    desk = Desk()
    with pytest.raises(Refused) as refusal:
        desk.register_mentor(**said)
    assert (refusal.value.code, refusal.value.field) == (code, at)
    assert desk.documents.get("mentor") is None


def test_a_number_is_kept_as_it_is_dialled_from_anywhere() -> None:
    desk = Desk()
    desk.register_mentor(contact=ContactDetails(name="Mia", email=" MIA@EXAMPLE.ORG ", phone="70 10 20 30"))
    person = desk.documents["person"]
    assert (person.phone, person.email, person.contact_version) == ("+4570102030", "MIA@example.org", 1)
    desk.register_mentor(contact=ContactDetails(name="Mia", email=" MIA@EXAMPLE.ORG ", phone="70 10 20 30"))
    assert desk.documents["person"].contact_version == 1
    assert [type(event) for event in desk.last] == [MentorRegistered]


# Certificates of mentors.


def test_a_certificate_is_due_to_be_ordered_as_soon_as_they_have_been_spoken_with(asking: Programmes) -> None:
    desk = Desk(asking)
    desk.register_mentor(enquiry=True)
    assert list(desk.of_the_last(CertificateDue)) == []
    desk.of_the_mentor(RecordMentorInterview)
    (due,) = desk.of_the_last(CertificateDue)
    assert (due.why, due.kind, due.of, due.programme) == ("order", KIND, "mentor", "mentorskab")
    assert [party.person_id for party in due.asked] == [desk.ids["mentor"]]
    desk.of_the_mentor(SignVolunteerAgreement)
    assert (desk.mentor.state, list(desk.of_the_last(CertificateDue))) == ("interviewed", [])
    desk.of_the_mentor(OrderCertificate, kind=KIND)
    desk.of_the_mentor(RecordCertificateShown, kind=KIND)
    assert desk.mentor.state == "available"


def test_a_certificate_that_comes_by_a_mailbox_is_ordered_once_the_mailbox_is_there(tmp_path: Path) -> None:
    desk = Desk(reading(tmp_path, by_mailbox=True))
    desk.register_mentor(enquiry=True)
    rules = desk.programmes.rules("mentorskab", CORPS, START)
    desk.of_the_mentor(RecordMentorInterview, digital_mailbox=False)
    assert (desk.mentor.state, list(desk.of_the_last(CertificateDue))) == ("interviewed", [])
    assert missing(desk.mentor, (rules,), START) == ("agreement", "digital_mailbox", KIND)
    order = OrderCertificate(mentor_id=desk.ids["mentor"], kind=KIND)
    with pytest.raises(Refused, match="step_waits_on_another") as refusal:
        desk.send(order, "mentor", "places")
    assert (refusal.value.field, refusal.value.values) == ("kind", {"waits_on": ["digital_mailbox"]})
    desk.of_the_mentor(RecordMentorInterview, digital_mailbox=True)
    assert [(due.why, due.kind) for due in desk.of_the_last(CertificateDue)] == [("order", KIND)]
    desk.of_the_mentor(RecordMentorInterview, note="Taler dari")
    assert missing(desk.mentor, (rules,), START) == ("agreement", KIND)
    desk.send(order, "mentor", "places")
    desk.of_the_mentor(RecordCertificateShown, kind=KIND)
    assert missing(desk.mentor, (rules,), START) == ("agreement",)


def test_whoever_has_shown_a_certificate_has_had_the_mailbox(tmp_path: Path) -> None:
    desk = Desk(reading(tmp_path, by_mailbox=True))
    desk.register_mentor()
    place = desk.offer()
    desk.of_the_mentor(RecordCertificateShown, kind=KIND)
    assert desk.is_told_of(place)
    later = months_later(START, 3)
    rules = desk.programmes.rules("mentorskab", CORPS, START)
    assert missing(desk.mentor, (rules,), later) == ("interview", "agreement", KIND)
    desk.of_the_mentor(OrderCertificate, kind=KIND)


def test_a_place_rests_while_the_certificate_is_missing_that_its_programme_asks(asking: Programmes) -> None:
    desk = Desk(asking)
    desk.register_mentor()
    place = desk.offer()
    assert (desk.mentor.state, desk.places[place].state) == ("available", "resting")
    desk.of_the_mentor(RecordCertificateShown, kind=KIND)
    assert desk.is_told_of(place)
    assert desk.mentor.certificates[KIND].valid_until == months_later(START, 2)


def test_a_certificate_is_renewed_ahead_of_its_end_or_lapses_and_the_places_rest(asking: Programmes) -> None:
    desk = Desk(asking)
    desk.register_mentor()
    place = desk.offer()
    until = START + timedelta(days=30)
    desk.of_the_mentor(RecordCertificateShown, kind=KIND, valid_until=until)
    desk.live_until(START + timedelta(days=16))
    (due,) = (event for event in desk.told if isinstance(event, CertificateDue) and event.why == "renew")
    assert due.valid_until == until
    desk.live_until(until)
    assert desk.is_told_of(place)
    desk.live_until(until + timedelta(days=1))
    lapsed, gone = desk.last
    assert isinstance(lapsed, CertificateLapsed) and isinstance(gone, PlaceWithdrawn)
    assert gone.reason == "certificate_missing"
    desk.of_the_mentor(RecordCertificateShown, kind=KIND)
    assert desk.is_told_of(place)


def test_a_renewed_certificate_neither_falls_due_nor_lapses_on_the_days_of_the_old_one(
    asking: Programmes,
) -> None:
    desk = Desk(asking)
    desk.register_mentor()
    desk.of_the_mentor(RecordCertificateShown, kind=KIND, valid_until=START + timedelta(days=20))
    desk.of_the_mentor(RecordCertificateShown, kind=KIND, valid_until=START + timedelta(days=200))
    heard = len(desk.told)
    desk.live_until(START + timedelta(days=30))
    assert len(desk.told) == heard


def test_no_clock_runs_for_a_mentor_who_has_retired(asking: Programmes) -> None:
    desk = Desk(asking)
    desk.register_mentor()
    desk.of_the_mentor(RecordCertificateShown, kind=KIND)
    assert {type(one.timer) for one in desk.timers.values()} >= {RenewCertificate, LapseCertificate}
    desk.of_the_mentor(RetireMentor, reason="moved")
    clocks = (RenewCertificate, LapseCertificate)
    assert not [one for one in desk.timers.values() if isinstance(one.timer, clocks)]


@pytest.mark.parametrize(
    ("shown_on", "said", "until"),
    [
        (date(2026, 11, 23), None, date(2027, 1, 23)),
        (date(2026, 12, 31), None, date(2027, 2, 28)),
        (date(2026, 11, 23), date(2026, 12, 1), date(2026, 12, 1)),
    ],
)
def test_a_certificate_holds_until_the_day_it_says_or_as_long_as_the_programme_says(
    asking: Programmes, shown_on: date, said: date | None, until: date
) -> None:
    (rule,) = asking.rules("mentorskab", CORPS, START).certificates
    assert holds_until(shown_on, said, rule) == until
    certificate = Certificate(shown_on=shown_on, valid_until=until)
    assert lapse_on(certificate) == until + timedelta(days=1)
    assert renewal_on(certificate, rule) == max(until - timedelta(days=14), shown_on)


@given(
    st.lists(
        st.one_of(
            st.sampled_from(
                ["interview", "agreement", "order", "offer", "change", "withdraw", "decline", "retire"]
            ),
            st.sampled_from(["register", "enquire"]),
            st.tuples(st.just("appetite"), st.sampled_from(PROGRAMMES.codes.lists["appetite"])),
            st.tuples(st.just("shown"), st.integers(0, 40)),
            st.tuples(st.just("days"), st.integers(1, 30)),
        ),
        max_size=25,
    )
)
@settings(max_examples=150, deadline=None)
def test_a_place_is_told_of_exactly_while_it_may_be_proposed(asking: Programmes, said: list[Any]) -> None:
    desk, place = Desk(asking), uuid4()
    desk.register_mentor(enquiry=True)
    stage, done, appetite, until, offered = "made contact", set[str](), "", START - timedelta(days=1), False
    for what in said:
        one, value = what if isinstance(what, tuple) else (what, None)
        try:
            match one:
                case "interview":
                    desk.of_the_mentor(RecordMentorInterview)
                case "agreement":
                    desk.of_the_mentor(SignVolunteerAgreement)
                case "order":
                    desk.of_the_mentor(OrderCertificate, kind=KIND)
                case "shown":
                    until_said = desk.today + timedelta(days=value)
                    desk.of_the_mentor(RecordCertificateShown, kind=KIND, valid_until=until_said)
                case "offer":
                    desk.offer(place)
                case "change":
                    desk.send(ChangePlace(place_id=place, capacity=2), "mentor", "places", place=place)
                case "withdraw":
                    desk.send(WithdrawPlace(place_id=place), place=place)
                case "decline":
                    desk.of_the_mentor(DeclineMentor, reason="other")
                case "retire":
                    desk.of_the_mentor(RetireMentor, reason="other")
                case "appetite":
                    desk.of_the_mentor(SetAppetite, appetite=value)
                case "register" | "enquire":
                    desk.register_mentor(enquiry=one == "enquire")
                case "days":
                    desk.live_until(desk.today + timedelta(days=value))
        except Refused:
            continue
        # The same in a few words of its own.
        if one in ("interview", "agreement"):
            done.add(one)
        elif one == "shown":
            until = until_said
        elif one == "appetite":
            appetite = value
        elif one == "offer":
            offered = True
        elif one == "withdraw" or (one == "retire" and offered):
            offered = False
        if one in ("decline", "retire"):
            stage = "gone"
        elif one == "register":
            stage = "available"
        elif one == "enquire" and stage == "gone":
            stage = "made contact"
        if stage == "made contact" and done == {"interview", "agreement"} and until >= desk.today:
            stage = "available"
        may = (
            offered
            and stage == "available"
            and appetite not in ("not_now", "already_organised")
            and until >= desk.today
        )
        assert desk.is_told_of(place) == may, (what, desk.mentor.state)
