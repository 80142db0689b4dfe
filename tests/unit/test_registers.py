"""Hosts, training and partners without a database: what is told, and what is refused at which field."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import uuid4

import pytest

from services.intake import hosts
from services.intake.documents import State
from services.intake.workflow import WORKFLOW
from shared.contracts.intake import (
    ContactMade,
    HostRegistered,
    PlaceOffered,
    PlaceWithdrawn,
    TrainingHeld,
    TrainingRequested,
)
from shared.contracts.intake_commands import ContactDetails
from shared.contracts.register_commands import (
    ChangePlace,
    DeclineHost,
    JoinHostNetwork,
    RaiseDispute,
    RecordContact,
    RecordHostInterview,
    RecordTraining,
    RegisterPartner,
    RequestTraining,
    RetireHost,
    SetAppetite,
    SignCooperationAgreement,
)
from shared.messages import Actor, Decision, Message, Refused
from tests.unit.register_desk import CORPS, PROGRAMMES, START, TOWN, Desk, refused

# Hosts.


def test_a_host_is_prepared_when_nothing_is_missing() -> None:
    desk = Desk(unit=TOWN)
    desk.register_host(enquiry=True)
    assert (desk.host.state, hosts.missing(desk.host)) == (
        "enquired",
        ("expectations", "instruction", "feedback", "buddy"),
    )
    desk.of_the_host(RecordHostInterview, expectations="Møder til tiden", instruction=("pictures",))
    assert (desk.host.state, hosts.missing(desk.host)) == ("available", ("feedback", "buddy"))
    desk.ids["person"], desk.documents["person"] = uuid4(), None
    buddy = ContactDetails(name="Bo Buddy", phone="70102030")
    told = desk.of_the_host(RecordHostInterview, "person", "places", feedback="Hver fredag", buddy=buddy)
    assert (hosts.missing(desk.host), desk.host.expectations) == ((), "Møder til tiden")
    assert desk.documents["person"].phone == "+4570102030"
    assert [type(event).__name__ for event in told] == ["Contact"]


def test_an_appetite_that_says_no_rests_the_places_until_it_says_yes() -> None:
    desk = Desk(unit=TOWN)
    desk.register_host()
    place = desk.offer(by="host")
    again = START + timedelta(days=60)
    desk.of_the_host(SetAppetite, appetite="not_now", until=again)
    (gone,) = desk.last
    assert isinstance(gone, PlaceWithdrawn) and gone.reason == "takes_nobody"
    assert (desk.places[place].state, desk.host.ask_again_on) == ("resting", again)
    desk.of_the_host(SetAppetite, appetite="looking")
    assert desk.is_told_of(place) and desk.host.ask_again_on is None
    body = SetAppetite(host_id=desk.ids["host"], appetite="not_now", until=START)
    assert refused(desk, body, "host", "places") == ("in_past", ("until",))


def test_a_host_that_stops_takes_its_places_back_and_may_come_again() -> None:
    desk = Desk(unit=TOWN)
    desk.register_host()
    first, second = desk.offer(by="host"), desk.offer(by="host")
    told = desk.of_the_host(RetireHost, reason="no_time")
    assert [type(event).__name__ for event in told] == ["HostRegistered", "PlaceWithdrawn", "PlaceWithdrawn"]
    assert {desk.places[one].state for one in (first, second)} == {"withdrawn"}
    desk.register_host()
    assert (desk.host.state, desk.host.reason) == ("available", None)
    assert not desk.is_told_of(first)
    assert desk.is_told_of(desk.offer(first, by="host"))


def test_saying_no_has_a_coded_reason_and_where_else_to_go() -> None:
    desk = Desk(unit=TOWN)
    desk.register_host(enquiry=True)
    wrong = DeclineHost(host_id=desk.ids["host"], reason="nonsense", support="x", heard_by="y")
    assert refused(desk, wrong, "host", "places") == ("unknown_code", ("reason", "support", "heard_by"))
    desk.of_the_host(
        DeclineHost, reason="conditions_unsuitable", support="volunteer_centre", heard_by="phone"
    )
    assert (desk.host.state, desk.host.support, desk.host.ended_on) == ("declined", "volunteer_centre", START)
    (told,) = desk.of_the_last(HostRegistered)
    assert told.stage == "declined"


def test_the_host_network_is_joined_and_left_by_choice() -> None:
    desk = Desk(unit=TOWN)
    desk.register_host()
    (joined,) = desk.of_the_host(JoinHostNetwork)
    assert isinstance(joined, HostRegistered) and joined.in_network
    assert desk.of_the_host(JoinHostNetwork) == ()
    (left,) = desk.of_the_host(JoinHostNetwork, joins=False)
    assert isinstance(left, HostRegistered) and not left.in_network


def test_a_changed_place_is_told_of_with_all_of_it() -> None:
    desk = Desk(unit=TOWN)
    desk.register_host(postcode="2630")
    place = desk.offer(by="host", industries=("retail",))
    (told,) = desk.send(ChangePlace(place_id=place, capacity=3, times=("mon-morning",)), "host", place=place)
    assert isinstance(told, PlaceOffered)
    assert (told.capacity, told.times, told.industries) == (3, ("mon-morning",), ("retail",))
    assert told.location is not None
    wrong = ChangePlace(place_id=place, programmes=("mentorskab",), tasks=("x",))
    assert refused(desk, wrong, "host", place=place) == ("unknown_code", ("tasks", "programmes"))


def test_a_mentor_below_the_programmes_age_offers_no_place_in_it() -> None:
    desk = Desk()
    desk.register_mentor(birth_date=date(2000, 11, 24))
    with pytest.raises(Refused) as refusal:
        desk.offer()
    assert refusal.value.code == "mentor_too_young"


# Training, contacts and partners.


def test_training_is_asked_for_once_and_wished_no_more_when_it_was_held() -> None:
    desk = Desk(unit=TOWN)
    desk.register_host()
    (asked,) = desk.of_the_host(RequestTraining, "unit", topics=("mentor_role", "reception"))
    assert isinstance(asked, TrainingRequested) and asked.unit == TOWN
    assert desk.of_the_host(RequestTraining, "unit", topics=("reception",)) == ()
    host = desk.host
    state = State(
        ids={"unit": desk.ids["unit"], "hosts": (host.id,)}, hosts=(host,), unit=desk.documents.get("unit")
    )
    body = RecordTraining(unit=TOWN, topics=("reception",), hosts=(host.id,))
    actor = Actor("anna", "staff", units=frozenset({TOWN}))
    now = datetime.combine(START, time(9), UTC)
    done = WORKFLOW.decide(
        state, Message(uuid4(), "RecordTraining", body, now, "command", actor=actor), PROGRAMMES, now
    )
    assert isinstance(done, Decision)
    (held,) = done.events
    assert isinstance(held, TrainingHeld) and (held.attended, held.for_whom) == (1, "host")
    (taught,) = done.state.hosts
    assert (taught.trained, taught.training_wished) == (("reception",), ("mentor_role",))


def test_a_channel_without_a_reaction_is_counted_too() -> None:
    desk = Desk()
    body = RecordContact(unit=CORPS, channel="social_media", contacts=8, reactions=0, sought="mentor")
    (made,) = desk.send(body, "unit")
    assert isinstance(made, ContactMade) and (made.contacts, made.reactions) == (8, 0)
    assert refused(desk, RecordContact(unit=CORPS, channel="x"), "unit") == ("unknown_code", ("channel",))


def signed(desk: Desk, **said: Any) -> SignCooperationAgreement:
    words = dict.fromkeys(("partner_roles", "interfaces", "dispute_steps"), "Aftalt")
    both = {"signed_by_management": True, "signed_by_staff": True}
    return SignCooperationAgreement(partner_id=desk.ids["partner"], **words | both | said)


def partnership(kind: str) -> Desk:
    desk = Desk()
    contact = ContactDetails(name="Kurt Kontakt", email="kurt@example.org")
    desk.send(
        RegisterPartner(
            partner_id=desk.ids["partner"], unit=CORPS, kind=kind, name="Værftet", contact_person=contact
        ),
        *("partner", "person"),
    )
    return desk


def test_an_agreement_names_a_contact_person() -> None:
    desk = Desk()
    library = RegisterPartner(partner_id=desk.ids["partner"], unit=CORPS, kind="library", name="Biblioteket")
    desk.send(library, "partner")
    missing = ("contact_person_missing", ("contact_person.name",))
    assert refused(desk, signed(desk), "partner") == missing
    desk.send(signed(desk, contact_person=ContactDetails(name="Kurt Kontakt")), "partner", "person")
    assert desk.partner.contact_person_id == desk.ids["person"]
    desk.send(signed(desk), "partner")


def test_an_agreement_is_signed_by_both_or_not_at_all() -> None:
    desk = partnership("library")
    assert refused(desk, signed(desk, signed_by_staff=False), "partner") == (
        "not_signed_by_both",
        ("signed_by_staff",),
    )
    (told,) = desk.send(signed(desk, valid_until=START + timedelta(days=365)), "partner")
    assert (desk.partner.status, getattr(told, "agreed_on", None)) == ("agreed", START)
    assert refused(desk, signed(desk, valid_until=START), "partner") == (
        "ends_before_it_begins",
        ("valid_until",),
    )


def test_a_companys_agreement_says_working_time_place_and_manner() -> None:
    desk = partnership("company")
    missing = ("working_time", "meeting_place", "meeting_manner")
    assert refused(desk, signed(desk), "partner") == ("needed_of_a_company", missing)
    desk.send(signed(desk, **dict.fromkeys(missing, "Aftalt")), "partner")
    assert desk.partner.agreement is not None and desk.partner.agreement.holds(START)


def test_a_dispute_goes_step_by_step_to_its_end() -> None:
    desk = partnership("library")
    desk.send(signed(desk), "partner")

    def step(code: str) -> RaiseDispute:
        return RaiseDispute(partner_id=desk.ids["partner"], step=code)

    for early in ("contacts_talk", "settled"):
        assert refused(desk, step(early), "partner")[0] == "dispute_out_of_order"
    desk.send(step("raised"), "partner")
    for wrong in ("raised", "managers_meet", "agreement_ended"):
        assert refused(desk, step(wrong), "partner")[0] == "dispute_out_of_order"
    desk.send(step("contacts_talk"), "partner")
    desk.send(step("settled"), "partner")
    for code in ("raised", "contacts_talk", "managers_meet", "agreement_ended"):
        desk.send(step(code), "partner")
    assert (desk.partner.status, desk.partner.dispute[-1].step) == ("ended", "agreement_ended")
    assert desk.partner.agreement is not None and desk.partner.agreement.valid_until == START


def test_a_dispute_goes_the_way_that_the_agreement_names() -> None:
    desk = partnership("library")
    for wrong in (("raised",), ("managers_meet", "managers_meet"), ("managers_meet", "settled")):
        found = refused(desk, signed(desk, dispute_order=wrong), "partner")
        assert found == ("no_dispute_order", ("dispute_order",))
    unknown = refused(desk, signed(desk, dispute_order=("duel",)), "partner")
    assert unknown == ("unknown_code", ("dispute_order",))
    desk.send(signed(desk, dispute_order=("managers_meet", "contacts_talk")), "partner")

    def step(code: str) -> RaiseDispute:
        return RaiseDispute(partner_id=desk.ids["partner"], step=code)

    desk.send(step("raised"), "partner")
    assert refused(desk, step("contacts_talk"), "partner")[0] == "dispute_out_of_order"
    desk.send(step("managers_meet"), "partner")
    assert refused(desk, step("agreement_ended"), "partner")[0] == "dispute_out_of_order"
    # Signed anew under way, what was done need not be done again.
    desk.send(signed(desk, dispute_order=("managers_meet",)), "partner")
    desk.send(step("agreement_ended"), "partner")
    assert desk.partner.status == "ended"
