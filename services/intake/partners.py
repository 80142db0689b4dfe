"""Partners (samarbejdspartnere): who they are, what was agreed with them, and a dispute's way.

Pure. An agreement is signed by management and by those who represent the staff, or it is none; it names a
contact person, and with a company it also says working time, place and manner of meetings (B). A dispute is
raised and goes step by step, in the order that the agreement names, until it is settled or the agreement
ends. What was written stays here: others are told of codes and days.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from services.intake.desk import Codes, Errors, past_day, person, refuse, told, unit_of
from services.intake.documents import Person, State
from services.intake.registers import Agreement, DisputeStep, Partner
from services.intake.rules import unknown_codes
from shared.contracts.intake import PartnerChanged
from shared.contracts.intake_commands import ContactDetails
from shared.contracts.register_commands import RaiseDispute, RegisterPartner, SignCooperationAgreement
from shared.messages import Decision, Message, Refused, Stale
from shared.programmes import Programmes, Unit

RAISED = "raised"
OVER = ("settled", "agreement_ended")
"""Steps after which a dispute is over, and another one may be raised."""
OF_A_COMPANY = ("working_time", "meeting_place", "meeting_manner")


def partner_changed(partner: Partner) -> PartnerChanged:
    agreement = partner.agreement
    return PartnerChanged(
        partner_id=partner.id,
        unit=partner.unit,
        kind=partner.kind,
        status=partner.status,
        agreed_on=agreement.signed_on if agreement else None,
        agreed_until=agreement.valid_until if agreement else None,
        dispute=partner.dispute[-1].step if partner.dispute else None,
    )


def next_steps(partner: Partner, known: tuple[str, ...]) -> tuple[str, ...]:
    """The steps that a dispute can go to now: the one after, or its end.

    The agreement says which come between; where it names none, all that are `known` do, in their order.
    """
    steps = [one.step for one in partner.dispute]
    if not steps or steps[-1] in OVER:
        return (RAISED,)
    named = partner.agreement.dispute_order if partner.agreement is not None else ()
    between = named or tuple(one for one in known if one not in (RAISED, *OVER))
    done = steps[len(steps) - steps[::-1].index(RAISED) :]
    following = next((one for one in between if one not in done), None)
    return (following, "settled") if following is not None else OVER


def register_partner(
    state: State, message: Message, programmes: Programmes, now: datetime
) -> Decision[State]:
    """Registered again, what is said replaces what was said; agreement and dispute stay."""
    said = message.body
    assert isinstance(said, RegisterPartner)
    unit = unit_of(programmes, said.unit, message)
    codes: Codes = {"kind": ("partner_kinds", [said.kind]), "status": ("partner_statuses", [said.status])}
    contact, errors = _contact(state, said.contact_person, unit)
    refuse((*unknown_codes(programmes.codes, codes), *errors))
    new: dict[str, Any] = {"unit": unit.id, "kind": said.kind, "name": said.name}
    if "status" in said.model_fields_set:
        new["status"] = said.status
    if contact is not None:
        new["contact_person_id"] = contact.id
    known = state.partner
    partner = known.model_copy(update=new) if known else Partner(id=state.ids["partner"], **new)
    return _changed(state, partner, contact, {"partner_id": partner.id})


def sign_agreement(state: State, message: Message, programmes: Programmes, now: datetime) -> Decision[State]:
    said = message.body
    assert isinstance(said, SignCooperationAgreement) and state.partner is not None
    partner, unit = state.partner, programmes.unit(state.partner.unit)
    signed_on = past_day(said.signed_on, "signed_on", unit.id, programmes, now)
    errors: Errors = tuple(
        ("not_signed_by_both", field, "it is signed by both or not at all")
        for field in ("signed_by_management", "signed_by_staff")
        if not getattr(said, field)
    )
    if partner.kind == "company":
        missing = [field for field in OF_A_COMPANY if not getattr(said, field)]
        errors += tuple(("needed_of_a_company", field, "a company's agreement says it") for field in missing)
    if said.valid_until is not None and said.valid_until <= signed_on:
        errors += (("ends_before_it_begins", "valid_until", "it ends before it begins"),)
    if said.contact_person is None and partner.contact_person_id is None:
        errors += (("contact_person_missing", "contact_person.name", "an agreement names a contact person"),)
    contact, faults = _contact(state, said.contact_person, unit)
    refuse((*errors, *_order_faults(said.dispute_order, programmes), *faults))
    fields = set(Agreement.model_fields) - {"signed_on"}
    agreement = Agreement(signed_on=signed_on, **said.model_dump(include=fields))
    new: dict[str, Any] = {"agreement": agreement, "status": "agreed"}
    if contact is not None:
        new["contact_person_id"] = contact.id
    return _changed(state, partner.model_copy(update=new), contact)


def raise_dispute(state: State, message: Message, programmes: Programmes, now: datetime) -> Decision[State]:
    said = message.body
    assert isinstance(said, RaiseDispute) and state.partner is not None
    partner = state.partner
    refuse(unknown_codes(programmes.codes, {"step": ("dispute_states", [said.step])}))
    possible = next_steps(partner, programmes.codes.lists["dispute_states"])
    if said.step not in possible:
        raise Refused("dispute_out_of_order", field="step", next=list(possible))
    on = past_day(said.on, "on", partner.unit, programmes, now)
    step = DisputeStep(step=said.step, on=on, about=said.about)
    new: dict[str, Any] = {"dispute": (*partner.dispute, step)}
    if said.step == "agreement_ended":
        new["status"] = "ended"
        if partner.agreement is not None:
            ends = max(on, partner.agreement.signed_on)
            new["agreement"] = partner.agreement.model_copy(update={"valid_until": ends})
    return _changed(state, partner.model_copy(update=new), None)


def _order_faults(order: tuple[str, ...], programmes: Programmes) -> Errors:
    """Each step between the first and the last once."""
    if len(set(order)) < len(order) or {RAISED, *OVER}.intersection(order):
        return (("no_dispute_order", "dispute_order", "each step between the first and the last, once"),)
    return unknown_codes(programmes.codes, {"dispute_order": ("dispute_states", order)})


def _contact(state: State, said: ContactDetails | None, unit: Unit) -> tuple[Person | None, Errors]:
    """The partner's contact person, where one is said."""
    if said is None:
        return None, ()
    known = state.partner.contact_person_id if state.partner else None
    if known is not None and known != state.ids["person"]:
        raise Stale("partner's contact person")
    return person(state.person, state.ids["person"], said, unit, "contact_person")


def _changed(
    state: State, partner: Partner, contact: Person | None, answer: dict[str, Any] | None = None
) -> Decision[State]:
    after = replace(state, partner=partner, person=contact or state.person)
    events = (partner_changed(partner), *told(state.person, contact))
    return Decision(after, events=events, answer=answer or {})
