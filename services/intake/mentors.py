"""Mentors: from the first enquiry to the last mentee, and their certificates.

Pure. Staff register a mentor that they have spoken with; who made contact by themselves becomes available
when what their programme asks is done (`asked_of_mentors`). A certificate is watched over by two clocks: it
is due for renewal ahead of its end, and when it lapses the places rest whose programme asks for it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from typing import Any

from services.intake import places
from services.intake.asked_of_mentors import (
    about_certificate,
    awaits_mailbox,
    certificate_due,
    certificate_rule,
    newly_due,
    rules_asking,
    stage,
)
from services.intake.certificates import (
    LapseCertificate,
    RenewCertificate,
    clocks,
    holds_until,
    renewal_on,
    stopped,
)
from services.intake.desk import (
    Codes,
    check_codes,
    check_known,
    check_postcode,
    past_day,
    person,
    refuse,
    said_again,
    told,
    unit_of,
)
from services.intake.documents import Certificate, Mentor, Person, State
from services.intake.hosts import appetite, declined
from services.intake.rules import MAILBOX, unknown_codes
from services.intake.settling import today_in
from shared.contracts.intake import CertificateLapsed, MentorRegistered
from shared.contracts.intake_commands import OrderCertificate, RecordCertificateShown
from shared.contracts.model import Event
from shared.contracts.register_commands import (
    DeclineMentor,
    RecordMentorInterview,
    RegisterMentor,
    RetireMentor,
    SignVolunteerAgreement,
)
from shared.messages import Cancel, Decision, Ignored, Message, Refused, Schedule
from shared.programmes import Programmes, Rules

SAID = (
    *("birth_date", "gender", "education_level", "field", "profession", "channel", "postcode"),
    *("host_id", "partner_id", "pay", "languages", "appetite"),
)
Timers = tuple[Schedule | Cancel, ...]


def mentor_registered(mentor: Mentor) -> MentorRegistered:
    """An interview on the way is nobody else's business: until they are available they have made contact."""
    return MentorRegistered(
        mentor_id=mentor.id,
        unit=mentor.unit,
        gender=mentor.gender,
        education_level=mentor.education_level,
        channel=mentor.channel,
        partner_id=mentor.partner_id,
        pay=mentor.pay,
        stage="enquired" if mentor.state == "interviewed" else mentor.state,
    )


def register_mentor(state: State, message: Message, programmes: Programmes, now: datetime) -> Decision[State]:
    """Registered again, what is said replaces what was said; what was recorded of the mentor stays."""
    said = message.body
    assert isinstance(said, RegisterMentor)
    unit, known = unit_of(programmes, said.unit, message), state.mentor
    if known is None and state.person is not None:
        # The id of somebody else, whose identity this would replace.
        raise Refused("unknown_mentor", field="mentor_id", status=404)
    contact, errors = person(
        *(state.person, state.ids["person"], said.contact, unit, "contact"),
        birth_date=said.birth_date,
        gender=said.gender,
    )
    errors += _faults(said, today_in(unit.id, programmes, now))
    errors += check_known(said.host_id, state.host, unit.id, "unknown_host", "host_id")
    errors += check_known(said.partner_id, state.partner, unit.id, "unknown_partner", "partner_id")
    refuse((*unknown_codes(programmes.codes, _codes(said)), *check_postcode(said.postcode), *errors))
    new = {"unit": unit.id, **said_again(said, SAID)}
    if contact.protected:
        new["postcode"] = None
    if known is None:
        mentor = Mentor(id=state.ids["mentor"], state="enquired" if said.enquiry else "available", **new)
    else:
        mentor = known.model_copy(update=new)
        if not said.enquiry:
            mentor = mentor.model_copy(update={"state": "available"})
        elif known.state in ("declined", "retired"):
            mentor = mentor.model_copy(update={"state": "enquired"})
    if known is not None and known.state in ("declined", "retired"):
        mentor = mentor.model_copy(update={"reason": None, "support": None, "ended_on": None})
    decision = _settled(state, mentor, programmes, now, contact=contact, always=True, reached=True)
    return replace(decision, answer={"mentor_id": mentor.id, "person_id": contact.id})


def _codes(said: RegisterMentor) -> Codes:
    return {
        "channel": ("channels", [said.channel]),
        "education_level": ("education_levels", [said.education_level]),
        "field": ("fields", [said.field]),
        "profession": ("professions", [said.profession]),
        "pay": ("mentor_pay", [said.pay]),
        "languages": ("languages", said.languages),
        "appetite": ("appetite", [said.appetite]),
    }


def _faults(said: RegisterMentor, today: date) -> tuple[tuple[str, str, str], ...]:
    if said.birth_date is not None and said.birth_date > today:
        return (("in_future", "birth_date", "nobody is born in the future"),)
    return ()


def record_interview(
    state: State, message: Message, programmes: Programmes, now: datetime
) -> Decision[State]:
    said = message.body
    assert isinstance(said, RecordMentorInterview) and state.mentor is not None
    new: dict[str, Any] = {
        "interviewed_on": past_day(said.held_on, "held_on", state.mentor.unit, programmes, now)
    }
    if said.note:
        new["note"] = said.note
    if said.digital_mailbox is not None:
        new["digital_mailbox"] = said.digital_mailbox
    return _settled(state, state.mentor.model_copy(update=new), programmes, now, reached=True)


def sign_agreement(state: State, message: Message, programmes: Programmes, now: datetime) -> Decision[State]:
    said = message.body
    assert isinstance(said, SignVolunteerAgreement) and state.mentor is not None
    on = past_day(said.signed_on, "signed_on", state.mentor.unit, programmes, now)
    mentor = state.mentor.model_copy(update={"agreement_signed_on": on})
    return _settled(state, mentor, programmes, now, reached=True)


def set_appetite(state: State, message: Message, programmes: Programmes, now: datetime) -> Decision[State]:
    assert state.mentor is not None
    changed = state.mentor.model_copy(update=appetite(message, programmes, state.mentor.unit, now))
    return _settled(state, changed, programmes, now)


def decline(state: State, message: Message, programmes: Programmes, now: datetime) -> Decision[State]:
    said = message.body
    assert isinstance(said, DeclineMentor) and state.mentor is not None
    no = declined(said.reason, said.support, said.heard_by, state.mentor.unit, programmes, now)
    mentor = state.mentor.model_copy(update=no)
    decision = _settled(state, mentor, programmes, now)
    return replace(decision, timers=stopped("mentor", mentor.id, mentor.certificates))


def retire(state: State, message: Message, programmes: Programmes, now: datetime) -> Decision[State]:
    """Their places are withdrawn; what is agreed on them stays."""
    said = message.body
    assert isinstance(said, RetireMentor) and state.mentor is not None
    check_codes(programmes, {"reason": ("retire_reasons", [said.reason])})
    today = today_in(state.mentor.unit, programmes, now)
    new = {"state": "retired", "reason": said.reason, "ended_on": today}
    mentor = state.mentor.model_copy(update=new)
    gone, events = places.withdraw_all(state, mentor, "mentor_retired")
    return Decision(
        replace(state, mentor=mentor, places=gone),
        events=(mentor_registered(mentor), *events),
        timers=stopped("mentor", mentor.id, mentor.certificates),
    )


def order_certificate(
    state: State, message: Message, programmes: Programmes, now: datetime
) -> Decision[State]:
    """Where it comes by a digital mailbox, that is there first."""
    said = message.body
    assert isinstance(said, OrderCertificate) and state.mentor is not None
    check_codes(programmes, {"kind": ("certificates", [said.kind])})
    if awaits_mailbox(state.mentor, said.kind, _rules(state, state.mentor, programmes, now)):
        raise Refused("step_waits_on_another", field="kind", waits_on=[MAILBOX.code])
    known = state.mentor.certificates.get(said.kind, Certificate())
    on = past_day(said.ordered_on, "ordered_on", state.mentor.unit, programmes, now)
    ordered = known.model_copy(update={"ordered_on": on})
    return _settled(state, _with(state.mentor, said.kind, ordered), programmes, now)


def record_certificate_shown(
    state: State, message: Message, programmes: Programmes, now: datetime
) -> Decision[State]:
    """Without a day it holds as long as the programme says; what it says is nobody's business here."""
    said = message.body
    assert isinstance(said, RecordCertificateShown) and state.mentor is not None
    mentor = state.mentor
    check_codes(programmes, {"kind": ("certificates", [said.kind])})
    shown_on = past_day(said.shown_on, "shown_on", mentor.unit, programmes, now)
    if said.valid_until is not None and said.valid_until < shown_on:
        raise Refused("ends_before_it_begins", field="valid_until", status=422)
    rule, _ = certificate_rule(_rules(state, mentor, programmes, now), said.kind)
    known = mentor.certificates.get(said.kind, Certificate())
    shown = {
        "ordered_on": None,
        "shown_on": shown_on,
        "shown_to": said.shown_to or (message.actor.person_id if message.actor else None),
        "valid_until": holds_until(shown_on, said.valid_until, rule),
    }
    certificate = known.model_copy(update=shown)
    decision = _settled(state, _with(mentor, said.kind, certificate), programmes, now, reached=True)
    zone = programmes.unit(mentor.unit).time_zone
    return replace(decision, timers=clocks("mentor", mentor.id, said.kind, certificate, rule, zone))


def _with(mentor: Mentor, kind: str, certificate: Certificate) -> Mentor:
    return mentor.model_copy(update={"certificates": {**mentor.certificates, kind: certificate}})


def renew(state: State, message: Message, programmes: Programmes, now: datetime) -> Decision[State] | Ignored:
    """The next certificate is to be ordered, so that there is no gap."""
    due = message.body
    assert isinstance(due, RenewCertificate) and state.mentor is not None
    mentor = state.mentor
    rule, rules = certificate_rule(_rules(state, mentor, programmes, now), due.kind)
    certificate = mentor.certificates.get(due.kind)
    renewal = renewal_on(certificate, rule) if certificate is not None else None
    if rules is None:
        return Ignored("certificate_not_asked_for")
    if renewal is None or renewal > today_in(mentor.unit, programmes, now):
        return Ignored("certificate_renewed")
    return Decision(state, events=(certificate_due(mentor, due.kind, rules, "renew"),))


def lapse(state: State, message: Message, programmes: Programmes, now: datetime) -> Decision[State] | Ignored:
    """It holds no longer: the places rest whose programme asks for it."""
    over = message.body
    assert isinstance(over, LapseCertificate) and state.mentor is not None
    mentor = state.mentor
    certificate = mentor.certificates.get(over.kind)
    if certificate is None or certificate.holds(today_in(mentor.unit, programmes, now)):
        return Ignored("certificate_renewed")
    _, rules = certificate_rule(_rules(state, mentor, programmes, now), over.kind)
    if rules is None:
        return Ignored("certificate_not_asked_for")
    lapsed = CertificateLapsed(
        **about_certificate(mentor, over.kind, rules),
        valid_until=certificate.valid_until,
    )
    decision = _settled(state, mentor, programmes, now)
    return replace(decision, events=(lapsed, *decision.events))


def _rules(state: State, mentor: Mentor, programmes: Programmes, now: datetime) -> tuple[Rules, ...]:
    today = today_in(mentor.unit, programmes, now)
    return rules_asking(mentor, state.places, programmes, today)


def _settled(
    state: State,
    mentor: Mentor,
    programmes: Programmes,
    now: datetime,
    *,
    contact: Person | None = None,
    always: bool = False,
    reached: bool = False,
) -> Decision[State]:
    """The changed mentor with their places, and what is told of both.

    `reached`: something that is asked of them was done, so that they may be in another stage by it.
    """
    before = state.mentor
    rules = _rules(state, mentor, programmes, now)
    if reached:
        on = today_in(mentor.unit, programmes, now)
        mentor = mentor.model_copy(update={"state": stage(mentor, rules, on)})
    events: list[Event] = []
    if always or before is None or mentor_registered(before) != mentor_registered(mentor):
        events.append(mentor_registered(mentor))
    events += told(state.person, contact)
    events += newly_due(before, rules, mentor, rules)
    settled, further = places.settle_all(state, mentor, programmes, now)
    after = replace(state, mentor=mentor, places=settled, person=contact or state.person)
    return Decision(after, events=(*events, *further))
