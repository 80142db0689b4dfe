"""Reading one cell: what people write in a spreadsheet, as the value that a contract takes.

Guarantee: a cell is read as one kind of value or raises `CellFault` with a sentence that says what was
expected and repeats nothing of the cell. What the value means, and whether it is allowed, is judged by the
server's own code.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from cli.importing.sheets import Cell

SPLIT = re.compile(r"[,;|/\n]")
YES = {"ja", "j", "yes", "y", "x", "1", "true", "sand", "sandt"}
NO = {"nej", "nei", "n", "no", "0", "false", "falsk"}
DASHES = dict.fromkeys(map(ord, "-\u2010\u2011\u2012\u2013\u2014\u2212"), None)
LETTERS = str.maketrans({"æ": "ae", "ä": "ae", "ø": "oe", "ö": "oe", "å": "aa", "ü": "ue"})
Words = Mapping[str, str]


class CellFault(Exception):
    """The cell cannot be read; the text says what was expected."""


class UnknownWord(CellFault):
    """The cell holds another word than its column takes; which it takes is worth saying, once."""


def plain(text: str) -> str:
    """What two spellings of a heading or a word have in common: its letters and digits, in lower case."""
    text = unicodedata.normalize("NFC", text).casefold().translate(LETTERS)
    return "".join(character for character in text if character.isalnum())


def text_of(cell: Cell) -> str:
    """The cell as it is written, without spaces around it; a whole number has no decimals."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "ja" if cell else "nej"
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        return str(int(cell))
    if isinstance(cell, date):
        return cell.isoformat()
    text = unicodedata.normalize("NFC", str(cell))
    # Programs that want to keep a leading zero write ="0123".
    guarded = re.fullmatch(r'\s*="(.*)"\s*', text, re.DOTALL)
    return (guarded[1] if guarded else text).strip().strip("\ufeff\u200b").strip()


def day(cell: Cell) -> str:
    """A date as the contract writes it; day before month, and the year with four digits."""
    if isinstance(cell, date):
        return cell.isoformat()
    text = text_of(cell)
    if isinstance(cell, int | float) or text.isdigit():
        raise CellFault("a number and not a date; write 07-07-1961, or format the column as dates")
    text = re.sub(r"[T ]00:00(:00(\.0+)?)?Z?$", "", text)
    if found := re.fullmatch(r"([0-9]{4})[-/.]([0-9]{1,2})[-/.]([0-9]{1,2})", text):
        year, month, of_month = map(int, found.groups())
    elif found := re.fullmatch(r"([0-9]{1,2})\s*[-/. ]\s*([0-9]{1,2})\s*[-/. ]\s*([0-9]{4})", text):
        of_month, month, year = map(int, found.groups())
    else:
        raise CellFault("not a date; write day, month and a year of four digits, as 07-07-1961")
    try:
        return date(year, month, of_month).isoformat()
    except ValueError:
        raise CellFault("there is no such day") from None


def flag(cell: Cell) -> bool:
    word = plain(text_of(cell))
    if word not in YES | NO:
        raise CellFault("neither yes nor no; write ja or nej")
    return word in YES


def number(cell: Cell) -> float:
    """A number with a decimal comma or point, and no other marks."""
    found = re.fullmatch(r"-?[0-9]{1,9}([.,][0-9]{1,9})?", text_of(cell))
    if isinstance(cell, bool | date) or not found:
        raise CellFault("not a number; write 7 or 7,5")
    return float(found[0].replace(",", "."))


def whole(cell: Cell) -> int:
    found = number(cell)
    if not found.is_integer():
        raise CellFault("not a whole number")
    return int(found)


@dataclass
class Digits:
    """A number of which every digit counts, without what is written between them."""

    lengths: tuple[int, ...]
    notes: list[str] = field(default_factory=list)

    def __call__(self, cell: Cell) -> str:
        """The digits; what a spreadsheet made a number gets the zero back that it lost, and a note."""
        text = "".join(text_of(cell).split()).translate(DASHES)
        if text.isascii() and text.isdigit() and len(text) + 1 in self.lengths:
            self.notes.append("the leading zero, lost in a spreadsheet, is put back")
            return "0" + text
        return text


def one(cell: Cell, words: Words) -> str:
    """A code, by itself or by one of its words."""
    code = words.get(plain(text_of(cell)))
    if code is None:
        raise UnknownWord("not one of the words that the column takes")
    return code


def several(cell: Cell, words: Words) -> list[str]:
    """Codes with commas, semicolons or strokes between them; a word may itself hold a comma."""
    parts = [part for part in SPLIT.split(text_of(cell)) if plain(part)]
    found: list[str] = []
    while parts:
        taken = next((n for n in range(len(parts), 0, -1) if plain("".join(parts[:n])) in words), None)
        if taken is None:
            raise UnknownWord("one is not among the words that the column takes")
        found.append(words[plain("".join(parts[:taken]))])
        parts = parts[taken:]
    return list(dict.fromkeys(found))


def levels(cell: Cell, languages: Words, known_levels: Words) -> dict[str, str]:
    """Languages with their levels, as `dansk B1, arabisk modersmål`."""
    found: dict[str, str] = {}
    for part in SPLIT.split(text_of(cell)):
        words = re.sub(r"[:=()]", " ", part).split()
        if not words:
            continue
        language = languages.get(plain("".join(words[:-1])))
        level = known_levels.get(plain(words[-1]))
        if language is None or level is None:
            raise UnknownWord("not languages with their levels; write dansk B1, engelsk A2")
        found[language] = level
    return found


def names(cell: Cell) -> tuple[str, str]:
    """Given and family name: the last word is the family name, or what stands before a comma."""
    text = " ".join(text_of(cell).split())
    family, comma, given = text.partition(",")
    if not comma:
        given, _, family = text.rpartition(" ")
    given, family = given.strip(), family.strip()
    if not given or not family:
        raise CellFault("a given and a family name are needed; write both, or use two columns")
    return given, family
