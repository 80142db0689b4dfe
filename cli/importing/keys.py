"""Which lines are the same line: the key of each, and the ids that follow from it.

Guarantee: a key is made of the line's own reference, else of the name with the birth date, e-mail or phone;
never of a national id, which could be found again from its hash by trying them all. Pure.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any
from uuid import UUID

from cli.importing.cells import plain
from cli.importing.headings import REFERENCE
from services.intake.national_id import birth_date_of, compact, is_possible
from shared.contracts.model import derived_id

DIGITS_OF_A_PHONE = 8
NATIONAL_IDS = ("DK-CPR", "NO-FNR", "NO-DNR")


def is_national_id(reference: str, today: date) -> bool:
    """Whether a reference looks like a national id, which it may not be: references are not secret."""
    return any(is_possible(kind, reference, today) for kind in NATIONAL_IDS)


def key_of(kind: str, found: Mapping[str, Any], today: date) -> str:
    """What makes a line the same as one of before; empty where it does not say who it is about."""
    about = [kind, found.get("unit")]
    if reference := found.get(REFERENCE):
        return json.dumps([*about, "reference", reference])
    who = list(_host(found) if kind == "hosts" else _person(kind, found, today))
    return json.dumps([*about, *who]) if who[0] else ""


def source_reference_of(key: str) -> str:
    """The reference of a referral that has none of its own."""
    return f"import-{hashlib.sha256(key.encode('utf-8', 'surrogatepass')).hexdigest()}"


def id_of(key: str, reference: str | None) -> UUID:
    """The id of a host or a mentor: its reference, if that is one, else derived."""
    try:
        return UUID(reference or "")
    except ValueError:
        return derived_id("import", key)


def _host(found: Mapping[str, Any]) -> Iterator[Any]:
    yield plain(str(found.get("name", "")))
    yield found.get("postcode")


def _person(kind: str, found: Mapping[str, Any], today: date) -> Iterator[Any]:
    """The name, and the first there is of birth date, e-mail and phone; of a candidate the programme too,
    because a referral to another programme is another referral."""
    names: tuple[str, ...]
    if kind == "candidates":
        names, prefix, reached_at = (
            ("candidate.given_name", "candidate.family_name"),
            "candidate.",
            "candidate.",
        )
    else:
        names, prefix, reached_at = ("contact.name",), "", "contact."
    words = [plain(word) for name in names for word in str(found.get(name, "")).split()]
    yield " ".join(word for word in words if word)
    yield found.get("programme") if kind == "candidates" else None
    email, phone = found.get(f"{reached_at}email"), found.get(f"{reached_at}phone")
    yield (
        found.get(f"{prefix}birth_date")
        or _born_on(found, today)
        or (str(email).casefold() if email else None)
        or (_number(str(phone)) if phone else None)
    )


def _number(phone: str) -> str:
    """What is left of a telephone number without its country code, which is written or not."""
    return "".join(character for character in phone if character.isdigit())[-DIGITS_OF_A_PHONE:]


def _born_on(found: Mapping[str, Any], today: date) -> str | None:
    """The birth date that the national id tells: that alone, and not the number's other digits."""
    number, kind = found.get("candidate.national_id"), found.get("candidate.national_id_type")
    if not number or not kind or not is_possible(kind, number, today):
        return None
    born_on = birth_date_of(kind, compact(number))
    return born_on.isoformat() if born_on else None
