"""Training and contacts: what is wished and asked for, what was held, and where people were looked for.

Pure. These are counted by unit: their events go by the unit's own id, whose row is held. Training is by
choice; who took part is remembered, and what they wished for is wished no longer.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from services.intake.desk import check_codes, past_day, unit_of
from services.intake.documents import HostFile, Mentor, State
from services.intake.registers import UnitFile
from services.intake.settling import today_in
from shared.contracts.intake import ContactMade, TrainingHeld, TrainingRequested
from shared.contracts.model import derived_id
from shared.contracts.register_commands import RecordContact, RecordTraining, RequestTraining
from shared.messages import Decision, Message, Refused, Stale
from shared.programmes import Programmes


def request_training(
    state: State, message: Message, programmes: Programmes, now: datetime
) -> Decision[State]:
    """Asked again, only what is new is asked of the training office."""
    said = message.body
    assert isinstance(said, RequestTraining)
    owner = state.host or state.mentor
    assert owner is not None
    check_codes(programmes, {"topics": ("training_topics", said.topics)})
    if state.ids["unit"] != derived_id("unit", owner.unit):
        raise Stale("the unit of whoever wishes training")
    new = tuple(dict.fromkeys(one for one in said.topics if one not in owner.training_wished))
    if not new:
        return Decision(state)
    changed: Any = owner.model_copy(update={"training_wished": (*owner.training_wished, *new)})
    told = TrainingRequested(
        unit=owner.unit,
        host_id=owner.id if isinstance(owner, HostFile) else None,
        mentor_id=owner.id if isinstance(owner, Mentor) else None,
        topics=new,
        requested_on=today_in(owner.unit, programmes, now),
    )
    name = "host" if isinstance(owner, HostFile) else "mentor"
    return Decision(replace(state, **{name: changed}), events=(told,))


def record_training(state: State, message: Message, programmes: Programmes, now: datetime) -> Decision[State]:
    """At least as many attended as are named."""
    said = message.body
    assert isinstance(said, RecordTraining)
    unit = unit_of(programmes, said.unit, message)
    check_codes(programmes, {"topics": ("training_topics", said.topics)})
    held_on = past_day(said.held_on, "held_on", unit.id, programmes, now)
    hosts = _taught(state.hosts, said.topics, message, "unknown_host", "hosts")
    mentors = _taught(state.mentors, said.topics, message, "unknown_mentor", "mentors")
    colleagues = _taught(state.colleagues, said.topics, message, "unknown_member", "members")
    sides = {"host": hosts, "mentor": mentors, "staff": colleagues}
    named = [side for side, found in sides.items() if found]
    told = TrainingHeld(
        unit=unit.id,
        topics=said.topics,
        held_on=held_on,
        attended=max(said.attended, sum(len(found) for found in sides.values())),
        for_whom=named[0] if len(named) == 1 else None,
    )
    after = replace(
        state,
        unit=_counted(state, unit.id, "trainings"),
        hosts=hosts,
        mentors=mentors,
        colleagues=colleagues,
    )
    return Decision(after, events=(told,))


def _taught(
    people: Iterable[Any], topics: tuple[str, ...], message: Message, unknown: str, field: str
) -> tuple[Any, ...]:
    """The same people, who have learnt the topics."""
    taught = []
    for one in people:
        if one is None:
            raise Refused(unknown, field=field, status=404)
        if message.actor is not None and one.unit not in message.actor.units:
            raise Refused("other_unit", field=field, status=403)
        new: dict[str, Any] = {"trained": tuple(dict.fromkeys((*one.trained, *topics)))}
        wished = getattr(one, "training_wished", None)
        if wished is not None:
            new["training_wished"] = tuple(code for code in wished if code not in topics)
        taught.append(one.model_copy(update=new))
    return tuple(taught)


def record_contact(state: State, message: Message, programmes: Programmes, now: datetime) -> Decision[State]:
    """A channel without a reaction counts too: that nobody answered is what there is to know of it."""
    said = message.body
    assert isinstance(said, RecordContact)
    unit = unit_of(programmes, said.unit, message)
    check_codes(programmes, {"channel": ("channels", [said.channel])})
    if said.partner_id is not None and state.partner is None:
        raise Refused("unknown_partner", field="partner_id", status=404)
    told = ContactMade(
        unit=unit.id,
        channel=said.channel,
        made_on=past_day(said.made_on, "made_on", unit.id, programmes, now),
        contacts=said.contacts,
        reactions=said.reactions,
        sought=said.sought,
        partner_id=said.partner_id,
    )
    return Decision(replace(state, unit=_counted(state, unit.id, "contacts")), events=(told,))


def _counted(state: State, unit: str, what: str) -> UnitFile:
    """The unit's file with one more of what is told of by its events."""
    id_: UUID = state.ids["unit"]
    file = state.unit or UnitFile(id=id_, unit=unit)
    return file.model_copy(update={"counted": {**file.counted, what: file.counted.get(what, 0) + 1}})
