"""Reading the fields of somebody else's document, one kind at a time, and noting what is wrong with each.

Guarantee: whatever stands in a field, the answer is a value of the kind or None, and a fault with the field's
path where it is neither right nor rightly absent; nothing raises. It does not
compare fields with each other.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import date
from functools import lru_cache
from typing import Any

import phonenumbers
from email_validator import EmailNotValidError, validate_email
from pydantic import TypeAdapter

from services.intake.documents import Fault
from shared.contracts.model import Name
from shared.programmes import Codes
from shared.reading import UNSTORABLE

MALFORMED = "malformed"
MOST_CODES = 50
"""No list of codes is longer; each wrong one is a reason, and the reasons must fit into one answer."""
NAME: TypeAdapter[str] = TypeAdapter(Name)
PLAIN_ADDRESS = re.compile(r"(?=.{1,64}\Z)([a-z0-9]+(?:[._+-][a-z0-9]+)*)@([a-z0-9.-]+)")
"""What nearly every address looks like: about what stands before its @ there is nothing to ask."""
PLAIN_NUMBER = re.compile(r"\+4[57][1-9][0-9]{7}")
"""What nearly every telephone number looks like: of Denmark or Norway any eight digits can be one."""
Fields = Mapping[str, Any]


def said_text(document: object, name: str) -> str | None:
    """The text of a field without the blanks around it; None where it is blank or none at all.

    Whatever looks something up by a field reads it like this, so that it finds what the judge has read.
    """
    value = document.get(name) if isinstance(document, Mapping) else None
    return (value.strip() or None) if isinstance(value, str) else None


def is_storable(text: str) -> bool:
    """Neither NUL, which PostgreSQL cannot store, nor half a character."""
    return UNSTORABLE.search(text) is None


def email_address(text: str) -> str | None:
    """The address as it is written best; None if it can be none. Whether it is somebody's, nobody asks."""
    plain = PLAIN_ADDRESS.fullmatch(text)
    if plain is None:
        return _checked(text)
    domain = _domain(plain[2])
    return f"{plain[1]}@{domain}" if domain is not None else None


@lru_cache(maxsize=1000)
def _domain(domain: str) -> str | None:
    """There are few domains, and checking one costs more than all else that is asked of a referral."""
    address = _checked(f"a@{domain}")
    return address.removeprefix("a@") if address is not None else None


def _checked(text: str) -> str | None:
    try:
        return validate_email(text, check_deliverability=False).normalized
    except EmailNotValidError:
        return None


def phone_number(text: str, country: str) -> str | None:
    """The number as it is dialled from anywhere; None if it can be none."""
    if PLAIN_NUMBER.fullmatch(text):
        return text
    try:
        number = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


class FieldReader:
    """Each method reads one kind of field; `faults` is what was wrong so far."""

    def __init__(self, document: Fields, codes: Codes) -> None:
        self.document = document
        self.lists = codes
        self.faults: list[Fault] = []

    def fault(self, code: str, field: str) -> None:
        self.faults.append(Fault(code=code, field=field))

    def text(
        self,
        holder: Fields,
        name: str,
        path: str = "",
        *,
        required: bool = False,
        longest: int = 200,
    ) -> str | None:
        """A text without what cannot be stored; blank is as good as absent."""
        value = holder.get(name)
        text = value.strip() if isinstance(value, str) else value
        if text is None or text == "":
            if required:
                self.fault(MALFORMED, path + name)
            return None
        if not isinstance(text, str) or len(text) > longest or not is_storable(text):
            self.fault(MALFORMED, path + name)
            return None
        return text

    def name(self, holder: Fields, name: str, path: str) -> str | None:
        text = self.text(holder, name, path, required=True)
        try:
            return NAME.validate_python(text) if text is not None else None
        except ValueError:
            self.fault(MALFORMED, path + name)
            return None

    def flag(self, holder: Fields, name: str, path: str = "", *, required: bool = False) -> bool | None:
        value = holder.get(name)
        if isinstance(value, bool):
            return value
        if value is not None or required:
            self.fault(MALFORMED, path + name)
        return None

    def day(self, holder: Fields, name: str, path: str = "", *, required: bool = False) -> date | None:
        text = self.text(holder, name, path, required=required)
        if text is None:
            return None
        try:
            if len(text) != len("2026-11-23"):
                raise ValueError
            return date.fromisoformat(text)
        except ValueError:
            self.fault(MALFORMED, path + name)
            return None

    def one_of(self, holder: Fields, name: str, path: str, known: Collection[str]) -> str | None:
        text = self.text(holder, name, path)
        if text is not None and text not in known:
            self.fault(MALFORMED, path + name)
            return None
        return text

    def code(
        self,
        holder: Fields,
        name: str,
        list_name: str,
        path: str = "",
        *,
        required: bool = False,
        unknown: str = "unknown_code",
    ) -> str | None:
        text = self.text(holder, name, path, required=required)
        if text is not None and not self.lists.has(list_name, text):
            self.fault(unknown, path + name)
            return None
        return text

    def codes(self, holder: Fields, name: str, list_name: str, path: str = "") -> tuple[str, ...]:
        value = holder.get(name)
        if value is None:
            return ()
        if not isinstance(value, list) or len(value) > MOST_CODES:
            self.fault(MALFORMED, path + name)
            return ()
        items = {str(index): item for index, item in enumerate(value)}
        found = [self.code(items, index, list_name, f"{path}{name}.", required=True) for index in items]
        return tuple(dict.fromkeys(code for code in found if code is not None))

    def part(self, name: str, *, required: bool = False) -> Mapping[str, Any] | None:
        """An object inside the document."""
        value = self.document.get(name)
        if isinstance(value, dict):
            return value
        if value is not None or required:
            self.fault(MALFORMED, name)
        return None
