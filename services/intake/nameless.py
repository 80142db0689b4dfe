"""What others read before a match is agreed names nobody: no name, address, telephone or national id in it.

Pure. It knows what is known of the person, and what a national id looks like; somebody who can be recognised
by what else is told of them it cannot see. That stays with whoever writes.
"""

from __future__ import annotations

import re
from datetime import date

from services.intake.documents import Person
from services.intake.national_id import DASHES, is_possible

NAME_PART = re.compile(r"[^\W\d_]{3,}")
"""Shorter ones are words as well: Bo, Ea, Li."""
WORD = re.compile(r"[^\W\d_]+")
BETWEEN_DIGITS = re.compile(rf"(?<=\d)[{DASHES}\s./()]+(?=\d)")
PHONE_ENDS_IN = 8
"""So many digits a number has in Denmark and Norway; what stands before them is written or not."""
NATIONAL_ID = re.compile(rf"(?<!\d)\d{{6}}[{DASHES}\s]?\d{{4,5}}(?!\d)")
KINDS = ("DK-CPR", "NO-FNR", "NO-DNR")


def tells_who(text: str, person: Person, today: date) -> bool:
    """Whether the text has a name of theirs (`Aminas` is one), how they are reached, or a national id."""
    folded = text.casefold()
    said = " ".join(name for name in (person.name, person.given_name, person.family_name) if name)
    names = set(NAME_PART.findall(said.casefold()))
    if any(word in names or word.removesuffix("s") in names for word in WORD.findall(folded)):
        return True
    if person.email and person.email.casefold() in folded:
        return True
    if person.phone and person.phone[-PHONE_ENDS_IN:] in BETWEEN_DIGITS.sub("", text):
        return True
    numbers = NATIONAL_ID.findall(text)
    return any(is_possible(kind, number, today) for number in numbers for kind in KINDS)
