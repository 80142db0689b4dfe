"""A referral becomes a person and a case, or is refused with every reason at once.

Pure but for the keys it is given. The same person referred twice within one controller is one person with two
cases; without a national id nobody is merged by guess. Only an accepted referral holds its reference.
"""

from __future__ import annotations

import hmac
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from services.intake import telling
from services.intake.casework import age_known
from services.intake.conditions import is_resident
from services.intake.desk import channel_for
from services.intake.documents import CaseFile, Fault, Person, PersonKey, Referral, State
from services.intake.fields import said_text
from services.intake.people import HideWhereabouts
from services.intake.referral import canonical, judge, reference_of
from services.intake.sealing import Secrets
from services.intake.settling import location_of, settle, today_in
from shared.contracts import referral as contract
from shared.contracts.intake import (
    CaseOpened,
    Profile,
    Reason,
    ReferralAccepted,
    ReferralRejected,
)
from shared.contracts.model import Event
from shared.messages import Append, Decision, Message, Schedule, Stale
from shared.programmes import Programmes

STAFF_SOURCE = "/makker/intake"
SAID_OF_WHO = ("given_name", "family_name", "email", "phone", "postcode")
"""What a later referral may say otherwise, in the order in which it is shown."""


def source_of(message: Message) -> str:
    """Whose reference it is: the publisher's, or the unit's whose staff typed it in."""
    if message.actor is None or message.actor.kind != "staff":
        return message.source
    body = message.body
    unit = said_text(body.referral, "unit") if isinstance(body, contract.RegisterReferral) else None
    return f"{STAFF_SOURCE}/{unit}" if unit is not None else STAFF_SOURCE


def take_referral(
    secrets: Secrets, state: State, message: Message, programmes: Programmes, now: datetime
) -> Decision[State]:
    """Accept, recognise or refuse. A refusal over HTTP is an answer too, so that the document is kept."""
    assert isinstance(message.body, contract.RegisterReferral)
    document = message.body.referral
    text = canonical(document)
    digest = secrets.digest(text)
    held = state.referral
    if held is not None and held.state == "accepted":
        known_by = held.digest or ""
        if any(hmac.compare_digest(known_by, one) for one in secrets.digests(text)):
            return _known_already(state, held, message)
        reused = (Fault(code="reference_reused_with_other_content", field="source_reference"),)
        return _refused(state, secrets, message, text, programmes, now, reused, holds=True)
    if held is not None and held.state == "erased":
        faults = (Fault(code="erased", field="source_reference"),)
        return _refused(state, secrets, message, text, programmes, now, faults, holds=True, keep=False)
    judged = judge(
        document,
        programmes,
        now,
        envelope_faults=message.envelope_faults,
        permitted_units=message.actor.units if message.actor is not None else None,
        partner=state.partner,
        unit=state.unit,
    )
    if judged.referral is None:
        return _refused(state, secrets, message, text, programmes, now, judged.faults, holds=False)
    return _accepted(state, secrets, message, text, digest, judged.referral, programmes, now)


def _known_already(state: State, held: Referral, message: Message) -> Decision[State]:
    assert held.case_id is not None and held.source_reference is not None
    reply = ReferralAccepted(
        source=held.source, source_reference=held.source_reference, case_id=held.case_id, already_known=True
    )
    # A program that asked over HTTP has its answer; a message on Kafka is answered there.
    events = (reply,) if message.kind == "event" else ()
    return Decision(state, events=events, appends=_tally(message, "already_known"), answer=_answer(reply))


def _refused(
    state: State,
    secrets: Secrets,
    message: Message,
    text: str,
    programmes: Programmes,
    now: datetime,
    faults: tuple[Fault, ...],
    *,
    holds: bool,
    keep: bool = True,
) -> Decision[State]:
    document: dict[str, Any] = message.body.referral  # type: ignore[attr-defined]
    source, reference = source_of(message), reference_of(document)
    unit = programmes.units.get(said_text(document, "unit") or "")
    if unit is not None and message.actor is not None and unit.id not in message.actor.units:
        unit = None  # It is none of the sender's, who could otherwise not mend the referral.
    kept = Append(
        "refused_referral",
        {
            "referral_id": state.ids["referral"],
            "person_key": state.ids.get("person_key"),
            "unit": unit.id if unit else None,
            "sealed": secrets.seal(text),
            "received_at": now,
        },
    )
    reasons = in_words(faults, programmes, unit.languages[0] if unit else "da")
    events: tuple[Event, ...] = ()
    if message.kind == "event" and reference is not None:
        events = (ReferralRejected(source=source, source_reference=reference, reasons=reasons),)
    if not holds:
        refused = Referral(
            id=state.ids["referral"],
            state="refused",
            source=source,
            source_reference=reference,
            unit=unit.id if unit else None,
            received_at=now,
            faults=faults,
        )
        state = replace(state, referral=refused)
    answer = {
        "source": source,
        "source_reference": reference,
        "reasons": [reason.model_dump() for reason in reasons],
    }
    appends = (*((kept,) if keep else ()), *_tally(message, "rejected"))
    return Decision(state, events=events, appends=appends, answer=answer)


def _accepted(
    state: State,
    secrets: Secrets,
    message: Message,
    text: str,
    digest: str,
    referral: contract.Referral,
    programmes: Programmes,
    now: datetime,
) -> Decision[State]:
    unit = programmes.unit(referral.unit)
    today = today_in(unit.id, programmes, now)
    rules = programmes.rules(referral.programme, unit.id, referral.referred_on)
    source = source_of(message)
    person, person_key = _person(state, secrets, referral.candidate, unit.controller)
    guardian = _guardian(state.ids.get("guardian"), referral, unit.controller)
    postcode = person.postcode if not person.protected else None
    opened = CaseFile(
        id=state.ids["case"],
        unit=unit.id,
        programme=referral.programme,
        rules_version=rules.rules_version,
        person_id=person.id,
        guardian_id=guardian.id if guardian else None,
        opened_at=now,
        round_began_on=today,
        referred_on=referral.referred_on,
        source=source,
        source_reference=referral.source_reference,
        reply_to_case=referral.reply_to_case,
        channel=referral.channel,
        partner_id=referral.partner_id,
        target_group=referral.candidate.target_group,
        situation=referral.candidate.situation,
        groups=referral.groups,
        location=location_of(unit, postcode),
        is_resident=is_resident(None, person, unit),
        referral_says=_said_otherwise(state.person, referral.candidate),
        profile=Profile(wishes=referral.wishes, needs=referral.needs),
        chosen_by_candidate=referral.chosen_by_candidate,
    )
    opened, timers = age_known(opened, person.birth_date, programmes)
    case, further = settle(opened, opened, rules, today)
    reply = ReferralAccepted(source=source, source_reference=referral.source_reference, case_id=case.id)
    told = [one for one in (person, guardian) if one is not None and one != state.person]
    events = (
        reply,
        CaseOpened(
            **telling.about(opened),
            person_id=person.id,
            channel=case.channel,
            target_group=case.target_group,
            partner_id=case.partner_id,
        ),
        *(telling.contact(one) for one in told),
        *further,
    )
    accepted = Referral(
        id=state.ids["referral"],
        state="accepted",
        source=source,
        source_reference=referral.source_reference,
        unit=unit.id,
        received_at=now,
        digest=digest,
        sealed=secrets.seal(text),
        case_id=case.id,
    )
    if state.person is not None and not state.person.protected and person.protected:
        timers += (Schedule(now, HideWhereabouts(person_id=person.id)),)
    state = replace(
        state, referral=accepted, person_key=person_key, person=person, guardian=guardian, case=case
    )
    appends = _tally(message, "accepted")
    return Decision(state, events=events, timers=timers, appends=appends, answer=_answer(reply))


def _person(
    state: State, secrets: Secrets, candidate: contract.Candidate, controller: str
) -> tuple[Person, PersonKey | None]:
    """Who it is: somebody known, with what was missing filled in, or somebody new. Raises `Stale`."""
    person_key, known = state.person_key, state.person
    if person_key is not None and person_key.person_id != state.ids["person"]:
        # A twin came first, between the look and the lock: this is their person.
        raise Stale("person_key")
    said = {
        "birth_date": candidate.birth_date,
        "gender": candidate.gender,
        "email": candidate.email,
        "phone": candidate.phone,
        "postcode": candidate.postcode,
    }
    if known is not None:
        filled: dict[str, Any] = {
            name: value for name, value in said.items() if value and getattr(known, name) is None
        }
        if candidate.protected and not known.protected:
            filled["protected"] = True
        if filled:
            filled["contact_version"] = known.contact_version + 1
            if known.email is None and known.phone is None:
                # There was nothing to write to, and now perhaps there is.
                filled["channel"] = channel_for(filled.get("email"), filled.get("phone"))
        return (known.model_copy(update=filled) if filled else known), person_key
    person = Person(
        id=state.ids["person"],
        controller=controller,
        name=f"{candidate.given_name} {candidate.family_name}",
        given_name=candidate.given_name,
        family_name=candidate.family_name,
        national_id=secrets.seal(candidate.national_id) if candidate.national_id else None,
        national_id_type=candidate.national_id_type,
        language=candidate.language,
        channel=channel_for(candidate.email, candidate.phone),
        protected=candidate.protected,
        **said,
    )
    if "person_key" in state.ids:
        person_key = PersonKey(id=state.ids["person_key"], person_id=person.id)
    return person, person_key


def _said_otherwise(known: Person | None, candidate: contract.Candidate) -> dict[str, str]:
    """What this referral says of somebody known, and another said differently: staff decide what holds."""
    said = {name: getattr(candidate, name) for name in SAID_OF_WHO}
    return {
        name: value
        for name, value in said.items()
        if value and getattr(known, name, None) not in (None, value)
    }


def _guardian(id_: UUID | None, referral: contract.Referral, controller: str) -> Person | None:
    guardian = referral.guardian
    if guardian is None or id_ is None:
        return None
    return Person(
        id=id_,
        controller=controller,
        name=guardian.name,
        email=guardian.email,
        phone=guardian.phone,
        language=guardian.language,
        channel=channel_for(guardian.email, guardian.phone),
    )


def in_words(faults: tuple[Fault, ...], programmes: Programmes, language: str) -> tuple[Reason, ...]:
    """The faults as reasons: each with its sentence, none with a value of the referral."""
    return tuple(
        Reason(
            code=one.code, field=one.field, message=programmes.codes.words("rejections", one.code, language)
        )
        for one in faults
    )


def _answer(reply: ReferralAccepted) -> dict[str, Any]:
    return reply.model_dump(mode="json")


def _tally(message: Message, outcome: str) -> tuple[Append, ...]:
    """Who referred: a signed-in publisher by its name, one on the topic by its `ce_source`, or staff."""
    publisher = message.actor is not None and message.actor.kind == "publisher"
    staff = message.actor is not None and not publisher
    source = message.actor.subject if publisher and message.actor else "staff" if staff else message.source
    return (Append("referral_tally", {"source": source, "outcome": outcome}),)
