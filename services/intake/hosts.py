"""Hosts (værter): from the first enquiry to the last placement.

Pure. Staff register a host that they have spoken with; one that made contact by itself is `enquired` until
the interview. A host is prepared when its expectations are put into words, when it is known how it instructs
and gives feedback, and when a buddy is named: it is shown what is missing, and nothing waits for it here,
because a programme that asks for it has a step of its own. Whatever changes who takes somebody settles
their places.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any, Literal

from services.intake import places
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
from services.intake.documents import HostFile, Person, State
from services.intake.erasing import NOBODY
from services.intake.rules import unknown_codes
from services.intake.settling import today_in
from shared.contracts.intake import HostRegistered
from shared.contracts.model import Event
from shared.contracts.register_commands import (
    DeclineHost,
    JoinHostNetwork,
    RecordHostInterview,
    RegisterHost,
    RetireHost,
    SetAppetite,
)
from shared.messages import Decision, Message, Refused, Stale
from shared.programmes import Programmes

HostStage = Literal["enquired", "available", "declined", "retired"]


def missing(host: HostFile) -> tuple[str, ...]:
    """What a host still lacks to be prepared."""
    has = {
        "expectations": host.expectations,
        "instruction": host.instruction,
        "feedback": host.feedback,
        "buddy": host.buddy_id,
    }
    return tuple(name for name, value in has.items() if not value)


def host_registered(host: HostFile) -> HostRegistered:
    return HostRegistered(
        host_id=host.id,
        unit=host.unit,
        kind=host.kind,
        channel=host.channel,
        partner_id=host.partner_id,
        stage=host.state,
        in_network=host.in_network,
    )


def register_host(state: State, message: Message, programmes: Programmes, now: datetime) -> Decision[State]:
    """Registered again, what is said replaces what was said; what was recorded of the host stays."""
    said = message.body
    assert isinstance(said, RegisterHost)
    unit = unit_of(programmes, said.unit, message)
    known = state.host
    if known is not None and known.contact_person_id not in (NOBODY, state.ids["person"]):
        raise Stale("host's contact person")
    contact, errors = person(state.person, state.ids["person"], said.contact_person, unit, "contact_person")
    codes: Codes = {"channel": ("channels", [said.channel]), "appetite": ("appetite", [said.appetite])}
    errors += check_known(said.partner_id, state.partner, unit.id, "unknown_partner", "partner_id")
    refuse((*unknown_codes(programmes.codes, codes), *check_postcode(said.postcode), *errors))
    new = {"unit": unit.id, "kind": said.kind, "name": said.name, "contact_person_id": contact.id}
    new |= said_again(said, ("channel", "postcode", "partner_id", "appetite"))
    host = known.model_copy(update=new) if known else HostFile(id=state.ids["host"], **new)
    host = host.model_copy(update={"state": _stage(known, said.enquiry)})
    if host.state in ("enquired", "available"):
        host = host.model_copy(update={"reason": None, "support": None, "ended_on": None})
    decision = _settled(state, host, programmes, now, contact=contact, always=True)
    return replace(decision, answer={"host_id": host.id, "person_id": contact.id})


def _stage(known: HostFile | None, enquiry: bool) -> HostStage:
    """Who asks again is where they were; staff who register somebody have spoken with them."""
    if not enquiry:
        return "available"
    return "available" if known is not None and known.state == "available" else "enquired"


def record_interview(
    state: State, message: Message, programmes: Programmes, now: datetime
) -> Decision[State]:
    """What was said replaces what was known; the rest stays, as a host is often prepared in several talks."""
    said = message.body
    assert isinstance(said, RecordHostInterview) and state.host is not None
    host, buddy = state.host, state.person
    unit = programmes.unit(host.unit)
    check_codes(programmes, {"instruction": ("instruction_kinds", said.instruction)})
    new: dict[str, Any] = {
        name: value
        for name in ("expectations", "instruction", "feedback", "note")
        if (value := getattr(said, name))
    }
    new["interviewed_on"] = past_day(said.held_on, "held_on", host.unit, programmes, now)
    if said.buddy is not None:
        if host.buddy_id is not None and host.buddy_id != state.ids["person"]:
            raise Stale("host's buddy")
        buddy, errors = person(buddy, state.ids["person"], said.buddy, unit, "buddy")
        refuse(errors)
        new["buddy_id"] = buddy.id
    stage = "available" if host.state == "enquired" else host.state
    changed = host.model_copy(update={**new, "state": stage})
    return _settled(state, changed, programmes, now, contact=buddy)


def set_appetite(state: State, message: Message, programmes: Programmes, now: datetime) -> Decision[State]:
    assert state.host is not None
    changed = state.host.model_copy(update=appetite(message, programmes, state.host.unit, now))
    return _settled(state, changed, programmes, now)


def appetite(message: Message, programmes: Programmes, unit: str, now: datetime) -> dict[str, Any]:
    """What is remembered of an appetite: which, and when to ask again."""
    said = message.body
    assert isinstance(said, SetAppetite)
    check_codes(programmes, {"appetite": ("appetite", [said.appetite])})
    if said.until is not None and said.until <= today_in(unit, programmes, now):
        raise Refused("in_past", field="until", status=422)
    return {"appetite": said.appetite, "ask_again_on": said.until}


def decline(state: State, message: Message, programmes: Programmes, now: datetime) -> Decision[State]:
    said = message.body
    assert isinstance(said, DeclineHost) and state.host is not None
    no = declined(said.reason, said.support, said.heard_by, state.host.unit, programmes, now)
    return _settled(state, state.host.model_copy(update=no), programmes, now)


def declined(
    reason: str, support: str | None, heard_by: str | None, unit: str, programmes: Programmes, now: datetime
) -> dict[str, Any]:
    """A no: the coded reason, never the detail, where else to go, and how they heard it."""
    codes: Codes = {
        "reason": ("decline_reasons", [reason]),
        "support": ("decline_supports", [support]),
        "heard_by": ("heard_by", [heard_by]),
    }
    check_codes(programmes, codes)
    said = {"reason": reason, "support": support, "heard_by": heard_by}
    return {"state": "declined", **said, "ended_on": today_in(unit, programmes, now)}


def retire(state: State, message: Message, programmes: Programmes, now: datetime) -> Decision[State]:
    """The places are withdrawn; what is agreed on them stays."""
    said = message.body
    assert isinstance(said, RetireHost) and state.host is not None
    check_codes(programmes, {"reason": ("retire_reasons", [said.reason])})
    today = today_in(state.host.unit, programmes, now)
    host = state.host.model_copy(update={"state": "retired", "reason": said.reason, "ended_on": today})
    gone, events = places.withdraw_all(state, host, "host_retired")
    return Decision(replace(state, host=host, places=gone), events=(host_registered(host), *events))


def join_network(state: State, message: Message, programmes: Programmes, now: datetime) -> Decision[State]:
    """By choice, and left again as freely."""
    said = message.body
    assert isinstance(said, JoinHostNetwork) and state.host is not None
    return _settled(state, state.host.model_copy(update={"in_network": said.joins}), programmes, now)


def _settled(
    state: State,
    host: HostFile,
    programmes: Programmes,
    now: datetime,
    *,
    contact: Person | None = None,
    always: bool = False,
) -> Decision[State]:
    """The changed host with its places, and what is told: of itself when its stage or membership changed."""
    events: list[Event] = []
    if always or state.host is None or host_registered(state.host) != host_registered(host):
        events.append(host_registered(host))
    events += told(state.person, contact)
    settled, further = places.settle_all(state, host, programmes, now)
    after = replace(state, host=host, places=settled, person=contact or state.person)
    return Decision(after, events=(*events, *further))
