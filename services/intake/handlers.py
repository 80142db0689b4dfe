"""Which rows a message concerns.

Guarantee: looked up for a whole batch in two statements, without locks; where what was found may change
before the rows are locked, the workflow compares and raises `Stale`. Fresh ids of persons, hosts and
places are made here.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from services.intake.documents import CaseFile, HostFile, Mentor, Person, PersonKey, Place, Referral
from services.intake.referral import national_key, reference_of
from services.intake.referring import source_of
from services.intake.registers import Enquiry, Partner, Staff, UnitFile
from services.intake.sealing import Secrets
from services.intake.store import contact_persons_of, persons_of
from shared.contracts.model import derived_id
from shared.contracts.referral import RegisterReferral
from shared.contracts.register_commands import OfferPlace, RegisterHost, RegisterMentor, WithdrawPlace
from shared.messages import Message
from shared.postgres import Connection
from shared.programmes import Programmes
from shared.stored import Table

TABLES = {
    "referral": Table("referral", Referral),
    "person_key": Table("person_key", PersonKey),
    "person": Table("person", Person),
    "guardian": Table("person", Person),
    "case": Table("case_file", CaseFile),
    "host": Table("host", HostFile),
    "mentor": Table("mentor", Mentor),
    "place": Table("place", Place),
    "partner": Table("partner", Partner),
    "staff": Table("staff", Staff),
    "unit": Table("unit_file", UnitFile),
    "enquiry": Table("enquiry", Enquiry),
    "other": Table("person", Person),
    "cases": Table("case_file", CaseFile),
    "places": Table("place", Place),
    "referrals": Table("referral", Referral),
    "person_keys": Table("person_key", PersonKey),
}

Rows = Mapping[str, UUID]
Concerns = Callable[[Connection, Sequence[Message]], Awaitable[Sequence[Rows]]]


def concerns_by(secrets: Secrets, programmes: Programmes, clock: Callable[[], datetime]) -> Concerns:
    """`concerns` with what finds a person by their national id."""

    async def concerns(connection: Connection, messages: Sequence[Message]) -> list[Rows]:
        keys = {
            message.id: key
            for message in messages
            if isinstance(message.body, RegisterReferral)
            and (key := person_key_id(message.body.referral, secrets, programmes, clock()))
        }
        persons = await persons_of(connection, keys.values())
        hosts = [m.body.host_id for m in messages if isinstance(m.body, RegisterHost) and m.body.host_id]
        contacts = await contact_persons_of(connection, hosts)
        return [_rows(message, keys.get(message.id), persons, contacts) for message in messages]

    return concerns


def person_key_id(
    document: Mapping[str, Any], secrets: Secrets, programmes: Programmes, now: datetime
) -> UUID | None:
    """The row that stands for a national id within one controller; None where there is no usable one."""
    unit = programmes.units.get(str(document.get("unit")))
    today = now.astimezone(ZoneInfo(unit.time_zone)).date() if unit else now.date()
    key = national_key(document, programmes, today)
    return derived_id("person_key", secrets.digest(key)) if key is not None else None


def _rows(
    message: Message, key: UUID | None, persons: dict[UUID, UUID], contacts: Mapping[UUID, UUID]
) -> dict[str, UUID]:
    body = message.body
    if isinstance(body, RegisterReferral):
        return _referral_rows(message, body, key, persons)
    if isinstance(body, RegisterHost):
        host_id = body.host_id or uuid4()
        return {"host": host_id, "person": contacts.get(host_id) or uuid4()}
    if isinstance(body, RegisterMentor):
        mentor_id = body.mentor_id or uuid4()
        return {"mentor": mentor_id, "person": mentor_id}
    if isinstance(body, OfferPlace):
        rows = {"place": body.place_id or uuid4()}
        by: Iterable[tuple[str, UUID | None]] = (("host", body.host_id), ("mentor", body.mentor_id))
        return rows | {name: id_ for name, id_ in by if id_ is not None}
    if isinstance(body, WithdrawPlace):
        return {"place": body.place_id}
    return {"case": body.case_id}  # type: ignore[attr-defined]  # All others are about a case.


def _referral_rows(
    message: Message, body: RegisterReferral, key: UUID | None, persons: dict[UUID, UUID]
) -> dict[str, UUID]:
    referral_id = referral_id_of(message, body.referral)
    rows = {"referral": referral_id, "case": derived_id("case", referral_id)}
    if key is not None:
        # Twins of one batch are one person too.
        rows |= {"person_key": key, "person": persons.setdefault(key, uuid4())}
    else:
        rows["person"] = uuid4()
    if isinstance(body.referral.get("guardian"), dict):
        rows["guardian"] = uuid4()
    return rows


def referral_id_of(message: Message, document: Mapping[str, Any]) -> UUID:
    """Derived from source and reference; without a readable reference each message stands alone."""
    reference = reference_of(document)
    if reference is None:
        return derived_id("unreadable referral", message.id)
    return derived_id("referral", json.dumps([source_of(message), reference]))
