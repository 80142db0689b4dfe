"""National ids: which numbers are possible, and the birth date that they tell.

A Danish CPR number is judged by length and date alone, never by its checksum (numbers without one have been
given since 2007); a Norwegian number by its control digits too. Whether a number was ever given to somebody,
nobody but the register knows.
"""

from __future__ import annotations

from datetime import date

from stdnum.exceptions import ValidationError
from stdnum.no import fodselsnummer

# By the seventh digit and the two of the year: when the person was born (CPR-kontoret, Personnummeret i CPR).
CENTURIES = (
    ("0123", range(100), 1900),
    ("49", range(37), 2000),
    ("49", range(37, 100), 1900),
    ("5678", range(58), 2000),
    ("5678", range(58, 100), 1800),
)


DASHES = "-\u2010\u2011\u2013"
"""A hyphen, and what a word processor makes of it."""


def compact(number: str) -> str:
    """The digits alone, however they were parted where they were copied from; leading zeros stay."""
    return "".join(sign for sign in number if sign not in DASHES and not sign.isspace())


def is_possible(kind: str, number: str, today: date) -> bool:
    """Whether there can be such a number, of this kind, on this day."""
    digits = compact(number)
    if not (digits.isascii() and digits.isdigit()) or len(digits) != (10 if kind == "DK-CPR" else 11):
        return False
    if kind in ("NO-FNR", "NO-DNR"):
        if (digits[0] in "4567") != (kind == "NO-DNR"):
            return False
        first, second = fodselsnummer.calc_check_digit1(digits), fodselsnummer.calc_check_digit2(digits)
        if digits[9:] != f"{first}{second}":
            return False
    born_on = birth_date_of(kind, digits)
    return born_on is not None and born_on <= today


def birth_date_of(kind: str, digits: str) -> date | None:
    """The birth date in a compact number; None where it holds no date."""
    if kind == "DK-CPR":
        day, month, year = int(digits[:2]), int(digits[2:4]), int(digits[4:6])
        century = next(
            start for sevenths, years, start in CENTURIES if digits[6] in sevenths and year in years
        )
        try:
            return date(century + year, month, day)
        except ValueError:
            return None
    try:
        born_on: date = fodselsnummer.get_birth_date(digits)
    except ValidationError:
        return None
    return born_on
