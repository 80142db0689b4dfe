"""Enquiries: somebody makes contact at a unit's door, confirms it, and becomes a case, a mentor or a host.

An enquiry is *asked* until its address is confirmed, by the link that was mailed, or by a colleague who
called; nobody who does not confirm is kept (*lapsed*). *Confirmed*, it goes the very way that a referral or a
registration by staff goes, by the same code, and stands on the list of those on duty until they have taken it
up (*taken*) or said no (*declined*). What was typed is sealed, and goes when it is taken up.

Pure but for the keys it is given. Its messages are intake's own: they come from its pages and its timers, and
by no command door.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from services.intake import hosts, mentors, telling
from services.intake.documents import Person, State
from services.intake.enquiry_form import Kind, Typed
from services.intake.erasing import RetentionOver
from services.intake.referring import take_referral
from services.intake.registers import Enquiry
from services.intake.sealing import Secrets
from shared.contracts.intake import Contact, EnquiryMade
from shared.contracts.intake_commands import ContactDetails
from shared.contracts.model import Code, Identity, Level, Party, Timer, derived_id
from shared.contracts.referral import RegisterReferral
from shared.contracts.register_commands import RegisterHost, RegisterMentor
from shared.messages import Cancel, Decision, Ignored, Message, Refused, Schedule, Stale
from shared.programmes import Programmes
from shared.transitions import Lifecycle, On

ANSWER_WITHIN = timedelta(days=2)
CALL_BACK_WITHIN = timedelta(days=14)
"""For who left a number alone: staff have their weekends too."""
KEPT_AFTER_NO = timedelta(days=30)
"""Of whom nothing came, long enough to answer what they ask about it."""
SPOKEN: Level = "C1"
"""A language that was ticked is spoken well; the interview says how well."""
ROLES: Mapping[Kind, Code] = {
    "candidate": "candidate",
    "mentor": "volunteer_mentor",
    "host": "contact_person",
}

Done = Decision[State] | Ignored


class AskEnquiry(Timer):
    """The page has taken an enquiry. `sealed` holds all that was typed."""

    enquiry_id: UUID
    person_id: UUID
    unit: str
    contact_key: str
    sealed: Identity


class ConfirmEnquiry(Timer):
    """The link was opened and the button pressed; or staff have spoken with them (`heard_by`)."""

    enquiry_id: UUID
    heard_by: Code | None = None


class SettleEnquiry(Timer):
    """Staff have taken it up, or said no."""

    enquiry_id: UUID
    answer: Literal["taken", "declined"]
    reason: Code | None = None
    support: Code | None = None
    told_by: Code | None = None


class LapseEnquiry(Timer):
    """The time to confirm is over."""

    enquiry_id: UUID


MESSAGES = (AskEnquiry, ConfirmEnquiry, SettleEnquiry, LapseEnquiry)


def source_of_enquiries(unit: str) -> str:
    """The source of the referrals that come of a unit's enquiries."""
    return f"/makker/intake/{unit}/enquiry"


def host_of(enquiry_id: UUID) -> UUID:
    return derived_id("host", enquiry_id)


def ask(secrets: Secrets, state: State, message: Message, programmes: Programmes, now: datetime) -> Done:
    said = message.body
    assert isinstance(said, AskEnquiry)
    if state.unit is not None and state.unit.state == "closed":
        return Ignored("unit_closed")
    typed = Typed.model_validate_json(secrets.open(said.sealed))
    person = Person(
        id=said.person_id,
        controller=programmes.unit(said.unit).controller,
        channel="email" if typed.email else "phone",
        **typed.model_dump(include={"name", "given_name", "family_name", "email", "phone", "language"}),
        **typed.model_dump(include={"postcode", "birth_date"}),
    )
    enquiry = Enquiry(
        id=said.enquiry_id,
        state="asked",
        unit=said.unit,
        kind=typed.kind,
        person_id=person.id,
        programme=typed.programme,
        channel=typed.channel,
        sealed=said.sealed,
        contact_key=said.contact_key,
        notice_id=typed.notice_id,
        partner_id=typed.partner_id,
        by_email=typed.email is not None,
        asked_at=now,
        answer_by=now + (ANSWER_WITHIN if typed.email else CALL_BACK_WITHIN),
    )
    # Who left no address cannot be mailed: a colleague calls, and nobody else is asked.
    asked = (Party(person_id=person.id, side=typed.kind, role=ROLES[typed.kind]),) if typed.email else ()
    told = _told(enquiry, "asked", asked=asked, answer_by=enquiry.answer_by)
    return Decision(
        replace(state, enquiry=enquiry, person=person),
        events=(told, telling.contact(person)),
        timers=(Schedule(enquiry.answer_by, LapseEnquiry(enquiry_id=enquiry.id)),),
    )


def _told(enquiry: Enquiry, stage: Literal["asked", "confirmed"], **more: Any) -> EnquiryMade:
    kept = enquiry.model_dump(
        include={"unit", "kind", "person_id", "programme", "channel", "notice_id", "partner_id"}
    )
    return EnquiryMade(enquiry_id=enquiry.id, stage=stage, **kept, **more)


def confirm(secrets: Secrets, state: State, message: Message, programmes: Programmes, now: datetime) -> Done:
    """What comes of it, by a referral's or a registration's own code; what is refused waits for staff."""
    said, enquiry = message.body, state.enquiry
    assert isinstance(said, ConfirmEnquiry) and enquiry is not None
    if state.person is None or enquiry.sealed is None:
        return Ignored("enquirer_is_gone")
    if state.ids["unit"] != derived_id("unit", enquiry.unit):
        # The unit was closed between the look and the lock, and handed the enquiry over.
        raise Stale("enquiry's unit")
    typed = Typed.model_validate_json(secrets.open(enquiry.sealed))
    enquiry = enquiry.model_copy(
        update={"state": "confirmed", "confirmed_at": now, "heard_by": said.heard_by}
    )
    try:
        if enquiry.kind == "candidate":
            done = take_referral(secrets, state, as_referral(message, enquiry, typed), programmes, now)
        else:
            done = _registered(state, message, enquiry, typed, programmes, now)
            enquiry = enquiry.model_copy(update={"registered": True})
    except Refused as refused:
        # As a field of a code that is no more: staff see all that was typed, and do it by hand.
        done = Decision(state)
        enquiry = enquiry.model_copy(update={"reason": refused.code})
    referral = done.state.referral
    if referral is not None and referral.state == "accepted":
        enquiry = enquiry.model_copy(update={"case_id": referral.case_id})
    return replace(
        done,
        state=replace(done.state, enquiry=enquiry),
        events=(*done.events, _told(enquiry, "confirmed")),
        timers=(*done.timers, Cancel(LapseEnquiry(enquiry_id=enquiry.id))),
        answer={},
    )


def as_referral(message: Message, enquiry: Enquiry, typed: Typed) -> Message:
    """The enquiry as the referral that it is: in the unit's own name, under the enquiry's id."""
    candidate = typed.model_dump(
        mode="json",
        exclude_none=True,
        include={"given_name", "family_name", "email", "phone", "postcode", "language"},
    )
    document = {
        "source_reference": str(enquiry.id),
        "programme": typed.programme,
        "unit": enquiry.unit,
        "channel": typed.channel or "website",
        "referred_on": typed.asked_on.isoformat(),
        "candidate": candidate,
        "chosen_by_candidate": True,
    }
    body = RegisterReferral.model_construct(referral=document, version=None)
    return replace(message, body=body, source=source_of_enquiries(enquiry.unit), actor=None)


def _registered(
    state: State, message: Message, enquiry: Enquiry, typed: Typed, programmes: Programmes, now: datetime
) -> Decision[State]:
    """A mentor or a host that has only asked so far. Raises `Refused`.

    Who they are is known here already: the registration meets nobody, and their contact is not told again.
    """
    contact = ContactDetails(**typed.model_dump(include={"name", "email", "phone", "language"}))
    shared: dict[str, Any] = {
        "unit": enquiry.unit,
        "channel": typed.channel or "website",
        "postcode": typed.postcode,
        "enquiry": True,
    }
    if state.partner is not None and state.partner.unit == enquiry.unit:
        # A link may name anybody; whom the unit does not know as a partner has brought nobody.
        shared["partner_id"] = state.partner.id
    nobody = replace(state, person=None)
    if typed.kind == "mentor":
        mentor = RegisterMentor(
            mentor_id=enquiry.person_id,
            contact=contact,
            languages=dict.fromkeys(typed.languages, SPOKEN),
            **typed.model_dump(include={"birth_date", "education_level", "field", "profession"}),
            **shared,
        )
        done = mentors.register_mentor(nobody, replace(message, body=mentor), programmes, now)
    else:
        assert typed.host_kind is not None and typed.organisation is not None
        host = RegisterHost(
            host_id=host_of(enquiry.id),
            kind=typed.host_kind,
            name=typed.organisation,
            contact_person=contact,
            **shared,
        )
        done = hosts.register_host(nobody, replace(message, body=host), programmes, now)
    events = tuple(event for event in done.events if not isinstance(event, Contact))
    return replace(done, state=replace(done.state, person=state.person), events=events)


def settle(state: State, message: Message, programmes: Programmes, now: datetime) -> Decision[State]:
    """It is off the list. Of whom nothing came, nothing is kept in the end."""
    said, enquiry = message.body, state.enquiry
    assert isinstance(said, SettleEnquiry) and enquiry is not None
    answered = said.model_dump(include={"reason", "support", "told_by"})
    after = enquiry.model_copy(update={"state": said.answer, "sealed": None, "contact_key": None, **answered})
    timers: list[Schedule | Cancel] = [Cancel(LapseEnquiry(enquiry_id=enquiry.id))]
    if enquiry.case_id is None and not enquiry.registered:
        timers.append(Schedule(now + KEPT_AFTER_NO, RetentionOver(person_id=enquiry.person_id)))
    return Decision(replace(state, enquiry=after), timers=tuple(timers))


def lapse(state: State, message: Message, programmes: Programmes, now: datetime) -> Decision[State]:
    """Nobody confirmed it, so nobody asked to be kept: what was typed goes, and who it was at once after."""
    enquiry = state.enquiry
    assert enquiry is not None
    after = enquiry.model_copy(update={"state": "lapsed", "sealed": None, "contact_key": None})
    forget = Schedule(now, RetentionOver(person_id=enquiry.person_id))
    return Decision(replace(state, enquiry=after), timers=(forget,))


def lifecycle(secrets: Secrets) -> Lifecycle:
    def asked(state: State, message: Message, programmes: Programmes, now: datetime) -> Done:
        return ask(secrets, state, message, programmes, now)

    def confirmed(state: State, message: Message, programmes: Programmes, now: datetime) -> Done:
        return confirm(secrets, state, message, programmes, now)

    return Lifecycle(
        "enquiry",
        (
            On(AskEnquiry, "none", "asked", asked),
            On(ConfirmEnquiry, "asked", "confirmed", confirmed),
            On(SettleEnquiry, "asked confirmed", "taken declined", settle),
            On(LapseEnquiry, "asked", "lapsed", lapse),
        ),
        ends=("taken", "declined", "lapsed"),
    )
