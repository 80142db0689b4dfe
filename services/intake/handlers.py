"""Which rows a message concerns.

Guarantee: looked up for a whole batch in two statements, without locks; where what was found may change
before the rows are locked, the workflow compares and raises `Stale`. Fresh ids of persons are made here.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from services.intake import case_rows, enquiry_rows, notice_rows, people_rows, register_rows, unit_rows
from services.intake.documents import CaseFile, HostFile, Mentor, Person, PersonKey, Place, Referral
from services.intake.fields import said_text
from services.intake.referral import national_key, reference_of
from services.intake.referring import source_of
from services.intake.registers import Enquiry, Notice, Partner, Staff, UnitFile
from services.intake.sealing import Secrets
from services.intake.store import persons_of
from shared.contracts.model import derived_id
from shared.contracts.referral import RegisterReferral
from shared.contracts.topics import REFERRALS
from shared.corridor import Refs
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
    "notice": Table("notice", Notice),
    "other": Table("person", Person),
    "cases": Table("case_file", CaseFile),
    "places": Table("place", Place),
    "referrals": Table("referral", Referral),
    "person_keys": Table("person_key", PersonKey),
    "merged": Table("person", Person),
    "hosts": Table("host", HostFile),
    "partners": Table("partner", Partner),
    "units": Table("unit_file", UnitFile),
    "enquiries": Table("enquiry", Enquiry),
    "mentors": Table("mentor", Mentor),
    "colleagues": Table("staff", Staff),
}

Rows = Refs
Concerns = Callable[[Connection, Sequence[Message]], Awaitable[Sequence[Rows]]]


def concerns_by(
    secrets: Secrets, programmes: Programmes, clock: Callable[[], datetime], issuer: str | None = None
) -> Concerns:
    """`concerns` with what finds a person by their national id, and a colleague by how they sign in."""

    async def concerns(connection: Connection, messages: Sequence[Message]) -> list[Rows]:
        possible = {
            message.id: ids
            for message in messages
            if isinstance(message.body, RegisterReferral)
            and (ids := person_key_ids(message.body.referral, secrets, programmes, clock()))
        }
        persons = await persons_of(connection, [id_ for ids in possible.values() for id_ in ids])
        # One that is known by a key of before stays there until it is moved.
        keys = {id_: next((one for one in ids if one in persons), ids[0]) for id_, ids in possible.items()}
        found = await people_rows.rows_of(connection, messages, secrets)
        found |= await unit_rows.rows_of(connection, messages, issuer)
        found |= await register_rows.rows_of(connection, messages)
        found |= await case_rows.rows_of(connection, messages)
        beside = await case_rows.of_referrals(connection, messages)
        found |= await enquiry_rows.rows_of(connection, messages, referral_id_of)
        found |= await notice_rows.rows_of(connection, messages)
        return [
            found.get(message.id)
            or _rows(message, keys.get(message.id), persons) | beside.get(message.id, {})
            for message in messages
        ]

    return concerns


def person_key_ids(
    document: Mapping[str, Any], secrets: Secrets, programmes: Programmes, now: datetime
) -> tuple[UUID, ...]:
    """The row that stands for a national id within one controller, and those that do by keys of before."""
    unit = programmes.units.get(said_text(document, "unit") or "")
    today = now.astimezone(ZoneInfo(unit.time_zone)).date() if unit else now.date()
    key = national_key(document, programmes, today)
    return tuple(derived_id("person_key", one) for one in secrets.digests(key)) if key is not None else ()


def person_named_in(message: Message, secrets: Secrets, programmes: Programmes, now: datetime) -> UUID | None:
    """The row that stands for the national id in a referral which is parked, where one can be read in it."""
    document: Any = None
    if isinstance(message.body, RegisterReferral):
        document = message.body.referral
    elif message.record is not None and message.record.topic == REFERRALS:
        with suppress(ValueError, RecursionError):
            document = json.loads(message.record.value or b"")
    if not isinstance(document, dict):
        return None
    data = document.get("data")
    try:
        ids = person_key_ids(data if isinstance(data, dict) else document, secrets, programmes, now)
    except Exception:  # Whatever is wrong with it is why it is parked, and must not keep it from that.
        return None
    return ids[0] if ids else None


def _rows(message: Message, key: UUID | None, persons: dict[UUID, UUID]) -> dict[str, UUID]:
    body = message.body
    if isinstance(body, RegisterReferral):
        return _referral_rows(message, body, key, persons)
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
