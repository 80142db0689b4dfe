"""What is checked of all that is said to the registers: unit, codes, days, and how somebody is reached.

Pure. Faults are refused with a code at their field; addresses and numbers are read as a referral's are, and
kept as they are written best. It changes no register.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any
from uuid import UUID

from services.intake import telling
from services.intake.documents import HostFile, Person
from services.intake.fields import email_address, phone_number
from services.intake.registers import Partner
from services.intake.rules import unknown_codes
from services.intake.settling import today_in
from shared.contracts.intake import Contact
from shared.contracts.intake_commands import ContactDetails
from shared.contracts.model import Command
from shared.messages import Message, Refused
from shared.programmes import Programmes, Unit

Codes = dict[str, tuple[str, Iterable[str | None]]]
Errors = tuple[tuple[str, str, str], ...]


def refuse(errors: Errors) -> None:
    """Refused with all that is wrong at once, if anything is."""
    if errors:
        raise Refused(errors[0][0], field=errors[0][1], status=422, errors=errors)


def check_codes(programmes: Programmes, said: Codes) -> None:
    refuse(unknown_codes(programmes.codes, said))


def unit_of(programmes: Programmes, unit: str, message: Message) -> Unit:
    """The unit, if there is one and whoever asks is of it."""
    if unit not in programmes.units:
        raise Refused("unknown_unit", field="unit", status=422)
    if message.actor is not None and unit not in message.actor.units:
        raise Refused("other_unit", field="unit", status=403)
    return programmes.units[unit]


def past_day(said: date | None, field: str, unit: str, programmes: Programmes, now: datetime) -> date:
    """The day on which it was, today if none is said; what has not been yet is refused."""
    today = today_in(unit, programmes, now)
    if said is not None and said > today:
        raise Refused("in_future", field=field, status=422)
    return said or today


def check_known(id_: object, found: HostFile | Partner | None, unit: str, code: str, field: str) -> Errors:
    """What somebody is said to belong to has to be registered in the unit."""
    if id_ is None or (found is not None and found.unit == unit):
        return ()
    return ((code, field, "it is not registered in the unit"),)


def check_postcode(postcode: str | None) -> Errors:
    if postcode is None or (postcode.isascii() and postcode.isdigit() and len(postcode) == 4):
        return ()
    return (("bad_postcode", "postcode", "a postcode has four digits"),)


def said_again(command: Command, names: Iterable[str]) -> dict[str, Any]:
    """What is replaced when somebody is registered again: the fields that were said this time."""
    return {name: getattr(command, name) for name in names if name in command.model_fields_set}


def person(
    known: Person | None, id_: UUID, said: ContactDetails, unit: Unit, path: str, **more: Any
) -> tuple[Person, Errors]:
    """Who it is, as they are reached now. The version rises with what `contacts-v1` is told of."""
    email = email_address(said.email.strip()) if said.email and said.email.strip() else None
    phone = phone_number(said.phone.strip(), unit.country) if said.phone and said.phone.strip() else None
    errors = []
    if said.email and said.email.strip() and email is None:
        errors.append(("bad_email", f"{path}.email", "this can be no address"))
    if said.phone and said.phone.strip() and phone is None:
        errors.append(("bad_phone", f"{path}.phone", "this can be no number"))
    reached = {
        "name": said.name,
        "email": email,
        "phone": phone,
        "language": _language(known, said, unit),
        "channel": _channel(known, said, email, phone),
    } | {name: value for name, value in more.items() if value is not None}
    if known is None:
        return Person(id=id_, controller=unit.controller, **reached), tuple(errors)
    if known.controller != unit.controller:
        # A person is known within one controller and never across.
        raise Refused("other_unit", field="unit", status=403)
    changed = known.model_copy(update=reached)
    if changed != known:
        changed = changed.model_copy(update={"contact_version": known.contact_version + 1})
    return changed, tuple(errors)


def _language(known: Person | None, said: ContactDetails, unit: Unit) -> str:
    """The one that was said, else what is known of them, else the unit's own."""
    if "language" in said.model_fields_set:
        return said.language
    return known.language if known is not None else unit.languages[0]


def _channel(known: Person | None, said: ContactDetails, email: str | None, phone: str | None) -> str:
    """How they wish to be reached, as far as they can be; a letter where there is nothing else."""
    wished = said.channel
    if "channel" not in said.model_fields_set and known is not None and (known.email or not email):
        wished = known.channel
    if wished == "email" and not email:
        return "phone" if phone else "letter"
    return wished


def channel_for(email: str | None, phone: str | None) -> Any:
    """How somebody is reached who has not said how they wish to be."""
    return "email" if email else "phone" if phone else "letter"


def told(known: Person | None, now_known: Person | None) -> tuple[Contact, ...]:
    """How somebody is reached, if that is news."""
    if now_known is None or now_known == known:
        return ()
    return (telling.contact(now_known),)
