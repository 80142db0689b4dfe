"""Which rows a message to the registers concerns: hosts, mentors, places, partners and the unit's file.

Guarantee: looked up for a whole batch, without locks, and the same each time; new ids derive from the
message. Whoever changes who takes somebody holds all their places too. Where what was found may change
before the rows are locked, the workflow compares and raises `Stale`, or the corridor sees that another place
has come.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from services.intake.certificates import LapseCertificate, RenewCertificate
from services.intake.erasing import NOBODY
from shared.contracts.intake_commands import OrderCertificate, RecordCertificateShown
from shared.contracts.model import derived_id
from shared.contracts.register_commands import (
    ChangePlace,
    DeclineHost,
    DeclineMentor,
    JoinHostNetwork,
    OfferPlace,
    RaiseDispute,
    RecordContact,
    RecordHostInterview,
    RecordMentorInterview,
    RecordTraining,
    RegisterHost,
    RegisterMentor,
    RegisterPartner,
    RequestTraining,
    RetireHost,
    RetireMentor,
    SetAppetite,
    SignCooperationAgreement,
    SignVolunteerAgreement,
    WithdrawPlace,
)
from shared.corridor import Refs
from shared.messages import Message, Refused
from shared.postgres import Connection

OF_A_HOST = (DeclineHost, JoinHostNetwork, RetireHost)
OF_A_MENTOR = (DeclineMentor, RecordMentorInterview, RetireMentor, SignVolunteerAgreement)
OF_EITHER = (RequestTraining, SetAppetite)
CERTIFICATES = (LapseCertificate, OrderCertificate, RecordCertificateShown, RenewCertificate)

HOSTS = (
    "SELECT id, unit, contact_person_id, (doc ->> 'buddy_id')::uuid AS buddy_id FROM host "
    "WHERE id = ANY($1::uuid[]) AND doc IS NOT NULL"
)
MENTORS = "SELECT id, unit FROM mentor WHERE id = ANY($1::uuid[]) AND doc IS NOT NULL"
PLACES = (
    "SELECT id, host_id, mentor_id FROM place "
    "WHERE (host_id = ANY($1::uuid[]) OR mentor_id = ANY($1::uuid[])) "
    "AND state <> 'withdrawn' ORDER BY id"
)
OWNERS = "SELECT id, host_id, mentor_id FROM place WHERE id = ANY($1::uuid[]) AND doc IS NOT NULL"
PARTNERS = "SELECT id, contact_person_id FROM partner WHERE id = ANY($1::uuid[]) AND doc IS NOT NULL"


@dataclass(frozen=True)
class Found:
    """What the registers know of those that a batch names."""

    hosts: Mapping[UUID, Any]
    mentors: Mapping[UUID, Any]
    owners: Mapping[UUID, Any]
    partners: Mapping[UUID, Any]
    places: Sequence[Any]

    def places_of(self, owner: UUID) -> tuple[UUID, ...]:
        return tuple(row["id"] for row in self.places if owner in (row["host_id"], row["mentor_id"]))


async def rows_of(connection: Connection, messages: Sequence[Message]) -> dict[UUID, Refs]:
    """The rows of those of the messages that are the registers', by message."""
    bodies = [message.body for message in messages if type(message.body) in ROWS]
    if not bodies:
        return {}
    owners = await _by_id(connection, OWNERS, _said(bodies, "place_id"))
    offering = [id_ for row in owners.values() for id_ in (row["host_id"], row["mentor_id"]) if id_]
    hosts = {*_said(bodies, "host_id"), *offering}
    mentors = {*_said(bodies, "mentor_id", "subject_id"), *offering}
    found = Found(
        hosts=await _by_id(connection, HOSTS, hosts),
        mentors=await _by_id(connection, MENTORS, mentors),
        owners=owners,
        partners=await _by_id(connection, PARTNERS, _said(bodies, "partner_id")),
        places=await connection.fetch(PLACES, sorted(hosts | mentors)) if hosts | mentors else (),
    )
    of_registers = [message for message in messages if type(message.body) in ROWS]
    rows = {message.id: ROWS[type(message.body)](message, message.body, found) for message in of_registers}
    return {id_: refs for id_, refs in rows.items() if refs is not None}


def _said(bodies: Iterable[BaseModel], *names: str) -> set[UUID]:
    found = (getattr(body, name, None) for body in bodies for name in names)
    return {id_ for id_ in found if id_ is not None}


async def _by_id(connection: Connection, statement: str, ids: Iterable[UUID]) -> dict[UUID, Any]:
    wanted = sorted(set(ids))
    return {row["id"]: row for row in await connection.fetch(statement, wanted)} if wanted else {}


def _register_host(message: Message, body: RegisterHost, found: Found) -> Refs:
    host_id = body.host_id or derived_id("host", message.id)
    known = found.hosts.get(host_id)
    contact = known["contact_person_id"] if known else NOBODY
    if contact == NOBODY:
        # New, or the one who stood for it was erased: whoever does now is somebody new.
        contact = derived_id("contact person", message.id)
    return {"host": host_id, "person": contact, "places": found.places_of(host_id), **_partner(body)}


def _register_mentor(message: Message, body: RegisterMentor, found: Found) -> Refs:
    mentor_id = body.mentor_id or derived_id("mentor", message.id)
    host = {"host": body.host_id} if body.host_id else {}
    places = found.places_of(mentor_id)
    return {"mentor": mentor_id, "person": mentor_id, "places": places, **host, **_partner(body)}


def _partner(body: RegisterHost | RegisterMentor | RecordContact) -> dict[str, UUID]:
    return {"partner": body.partner_id} if body.partner_id else {}


def _interview(message: Message, body: RecordHostInterview, found: Found) -> Refs:
    rows: dict[str, Any] = {"host": body.host_id, "places": found.places_of(body.host_id)}
    if body.buddy is None:
        return rows
    known = found.hosts.get(body.host_id)
    return rows | {"person": (known and known["buddy_id"]) or derived_id("buddy", message.id)}


def _of_a_host(message: Message, body: Any, found: Found) -> Refs:
    return {"host": body.host_id, "places": found.places_of(body.host_id)}


def _of_a_mentor(message: Message, body: Any, found: Found) -> Refs:
    return {"mentor": body.mentor_id, "places": found.places_of(body.mentor_id)}


def _of_either(message: Message, body: SetAppetite | RequestTraining, found: Found) -> Refs:
    if (body.host_id is None) == (body.mentor_id is None):
        raise Refused("either_host_or_mentor", field="host_id", status=422)
    rows = (_of_a_host if body.host_id else _of_a_mentor)(message, body, found)
    if isinstance(body, SetAppetite):
        return rows
    known = (
        found.hosts.get(body.host_id) if body.host_id else found.mentors.get(body.mentor_id or UUID(int=0))
    )
    name, id_ = next(iter(rows.items()))
    return {name: id_, "unit": derived_id("unit", known["unit"] if known else None)}


def _certificate(message: Message, body: Any, found: Found) -> Refs | None:
    """A mentor's; a candidate's is their case's."""
    if isinstance(body, RenewCertificate | LapseCertificate):
        if body.of == "candidate":
            return None
        return {"mentor": body.subject_id, "places": found.places_of(body.subject_id)}
    if (body.case_id is None) == (body.mentor_id is None):
        raise Refused("case_or_mentor", field="case_id", status=422)
    return _of_a_mentor(message, body, found) if body.mentor_id is not None else None


def _offer_place(message: Message, body: OfferPlace, found: Found) -> Refs:
    rows: dict[str, Any] = {"place": body.place_id or derived_id("place", message.id)}
    if body.host_id is not None:
        rows["host"] = body.host_id
    if body.mentor_id is not None:
        rows |= {"mentor": body.mentor_id, "places": found.places_of(body.mentor_id)}
    return rows


def _change_place(message: Message, body: ChangePlace, found: Found) -> Refs:
    rows: dict[str, Any] = {"place": body.place_id}
    owner = found.owners.get(body.place_id)
    if owner is not None and owner["host_id"] is not None:
        rows["host"] = owner["host_id"]
    elif owner is not None:
        rows |= {"mentor": owner["mentor_id"], "places": found.places_of(owner["mentor_id"])}
    return rows


def _withdraw_place(message: Message, body: WithdrawPlace, found: Found) -> Refs:
    return {"place": body.place_id}


def _register_partner(message: Message, body: RegisterPartner, found: Found) -> Refs:
    return _with_contact(message, body.partner_id or derived_id("partner", message.id), body, found)


def _agreement(message: Message, body: SignCooperationAgreement, found: Found) -> Refs:
    return _with_contact(message, body.partner_id, body, found)


def _with_contact(message: Message, partner_id: UUID, body: Any, found: Found) -> Refs:
    if body.contact_person is None:
        return {"partner": partner_id}
    known = found.partners.get(partner_id)
    contact = (known and known["contact_person_id"]) or derived_id("partner's contact", message.id)
    return {"partner": partner_id, "person": contact}


def _dispute(message: Message, body: RaiseDispute, found: Found) -> Refs:
    return {"partner": body.partner_id}


def _contact_made(message: Message, body: RecordContact, found: Found) -> Refs:
    return {"unit": derived_id("unit", body.unit), **_partner(body)}


def _training(message: Message, body: RecordTraining, found: Found) -> Refs:
    several = {"hosts": body.hosts, "mentors": body.mentors, "colleagues": body.members}
    named = {name: tuple(sorted(set(ids), key=int)) for name, ids in several.items() if ids}
    return {"unit": derived_id("unit", body.unit), **named}


ROWS: Mapping[type[BaseModel], Any] = {
    RegisterHost: _register_host,
    RegisterMentor: _register_mentor,
    RecordHostInterview: _interview,
    **dict.fromkeys(OF_A_HOST, _of_a_host),
    **dict.fromkeys(OF_A_MENTOR, _of_a_mentor),
    **dict.fromkeys(OF_EITHER, _of_either),
    **dict.fromkeys(CERTIFICATES, _certificate),
    OfferPlace: _offer_place,
    ChangePlace: _change_place,
    WithdrawPlace: _withdraw_place,
    RegisterPartner: _register_partner,
    SignCooperationAgreement: _agreement,
    RaiseDispute: _dispute,
    RecordContact: _contact_made,
    RecordTraining: _training,
}
