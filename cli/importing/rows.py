"""From a line of the list to what a door of intake takes: a referral, or a host or mentor with a place.

Guarantee: the same line gives the same key and the same content, whenever it is read; every cell that cannot
be read is a fault with its column. Whether what was read is right, `judging` says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from cli.importing import cells
from cli.importing.cells import CellFault, Digits, UnknownWord, plain, text_of
from cli.importing.headings import (
    FULL_NAME,
    NAMES,
    REFERENCE,
    TYPE,
    Field,
    Headings,
    fields_of,
    is_type_heading,
    understand,
)
from cli.importing.keys import id_of, is_national_id, key_of, source_reference_of
from cli.importing.sheets import Cell, Column, Sheet, Unreadable
from cli.importing.words import Vocabulary
from shared.contracts.model import derived_id
from shared.programmes import Programmes

OPTIONS = {
    "unit": "--unit",
    "programme": "--programme",
    "channel": "--channel",
    "referred_on": "--referred-on",
    "chosen_by_candidate": "--chosen",
}
"""The fields that the command line may say for all lines, and how."""


@dataclass(frozen=True)
class Fault:
    """What is wrong on a line, and in which of its columns; the text repeats nothing of the line."""

    line: int
    where: str
    text: str

    @property
    def words(self) -> str:
        text = self.text[:1].upper() + self.text[1:]
        place = f"line {self.line}" + (f", {self.where}" if self.where else "")
        return f"{place}: {text}" + ("" if text.endswith(".") else ".")


@dataclass
class Row:
    """One line: what is sent, under which key, and where each of its fields stands."""

    line: int
    kind: str
    document: dict[str, Any] = field(default_factory=dict)
    place: dict[str, Any] | None = None
    key: str = ""
    sources: dict[str, str] = field(default_factory=dict)
    blank: set[str] = field(default_factory=set)
    unread: set[str] = field(default_factory=set)
    unknown_words: set[str] = field(default_factory=set)
    faults: list[Fault] = field(default_factory=list)
    notes: list[Fault] = field(default_factory=list)
    same_as: int | None = None

    def fault(self, path: str, text: str) -> None:
        self.faults.append(Fault(self.line, self.where(path), text))

    def source(self, path: str) -> str | None:
        """The field that a column fills, and that a fault at `path` is about: itself, its whole, its part."""
        parts = path.split(".")
        wholes = [".".join(parts[:n]) for n in range(len(parts), 0, -1)]
        inside = (known for known in self.sources if known.startswith(f"{path}."))
        return next((known for known in wholes if known in self.sources), None) or next(inside, None)

    def where(self, path: str) -> str:
        return self.sources.get(self.source(path) or "", "")


class Reader:
    """Reads the lines of one sheet. `given` are fields that the command line says for all lines."""

    def __init__(
        self, sheet: Sheet, kind: str | None, given: Mapping[str, Any], programmes: Programmes, today: date
    ) -> None:
        self.sheet = sheet
        self._kind = kind
        self._given = given
        self._programmes = programmes
        self._today = today
        self._words = Vocabulary(programmes)
        self._type = next((column for column in sheet.columns if is_type_heading(column.heading)), None)
        if kind is None and self._type is None:
            raise Unreadable("Say what the lines are with --kind, or in a column `type` (art).")
        kinds = (
            [kind] if kind else sorted({found for _, line in sheet.rows if (found := self._kind_of(line))})
        )
        self.fields = {one: fields_of(one, programmes.codes) for one in kinds}
        self.headings: dict[str, Headings] = {
            one: understand(sheet, one, self.fields[one], mixed=kind is None) for one in kinds
        }

    def rows(self) -> list[Row]:
        """Every line that is not empty, with what could not be read of it."""
        rows = [self._row(line, values) for line, values in self.sheet.rows]
        seen: dict[str, Row] = {}
        for row in rows:
            first = seen.setdefault(row.key, row) if row.key else row
            if first is row:
                continue
            if (first.document, first.place) == (row.document, row.place):
                row.same_as = first.line
            else:
                row.fault(
                    REFERENCE,
                    f"cannot be told from line {first.line}, but says something else; "
                    "correct one of them, or give each a reference of its own",
                )
        return rows

    def missing(self, kind: str) -> dict[str, str]:
        """The fields that are needed and that neither a column nor the command line fills, in words."""
        known = {*self.headings[kind].by_path, *self._given}
        if FULL_NAME in known:
            known |= {"candidate.given_name", "candidate.family_name"}
        if TYPE in known:
            known.add("kind")
        lacking = [one.path for one in self.fields[kind].values() if one.required and one.path not in known]
        words = {path: (NAMES[kind].get(path) or (path,))[0] for path in lacking}
        return {
            path: f"no column '{word}'" + (f" and no {OPTIONS[path]}" if path in OPTIONS else "")
            for path, word in words.items()
        }

    def known_words(self, rows: Iterable[Row]) -> dict[str, list[str]]:
        """What may be written in each column that held an unknown word, in the first unit's language."""
        found: dict[str, list[str]] = {}
        for row in rows:
            unit = self._programmes.units.get(row.document.get("unit", ""))
            for path in sorted(row.unknown_words):
                words = self._words.shown(self.fields[row.kind][path], unit.languages[0] if unit else "da")
                found.setdefault(row.where(path), words)
        return found

    def _kind_of(self, values: tuple[Cell, ...]) -> str | None:
        if self._kind is not None or self._type is None:
            return self._kind
        return self._words.kind(text_of(_at(values, self._type)))

    def _row(self, line: int, values: tuple[Cell, ...]) -> Row:
        kind = self._kind_of(values)
        row = Row(line, kind or "")
        if kind is None:
            row.sources[TYPE] = self._type.words if self._type else ""
            row.fault(TYPE, "write candidate, mentor or host (borger, mentor, vært)")
            return row
        beyond = values[len(self.sheet.columns) :]
        if any(text_of(cell) for cell in beyond):
            where = Column(len(self.sheet.columns), "").words
            row.faults.append(
                Fault(line, where, "a cell beyond the last heading; perhaps a separator too many")
            )
        row.unread |= self.missing(kind).keys()
        found = self._read(row, values)
        if kind == "candidates":
            self._candidate(row, found)
        else:
            self._host_or_mentor(row, found)
        return row

    def _read(self, row: Row, values: tuple[Cell, ...]) -> dict[str, Any]:
        """The fields that this line fills, by their paths; what cannot be read is a fault and left out."""
        fields, columns = self.fields[row.kind], self.headings[row.kind].by_path
        found: dict[str, Any] = {}
        # The unit tells the country, which tells how long a national id is.
        for path, column in sorted(columns.items(), key=lambda item: item[0] != "unit"):
            row.sources[path] = column.words
            cell = _at(values, column)
            if not text_of(cell):
                row.blank.add(path)
            elif path == REFERENCE:
                found[path] = text_of(cell)
            elif path == TYPE:
                if row.kind == "hosts" and (
                    code := self._words.listed("host_kinds").get(plain(text_of(cell)))
                ):
                    found.setdefault("kind", code)
            else:
                try:
                    found[path] = self._cell(
                        fields[path], cell, found.get("unit", self._given.get("unit")), row
                    )
                except CellFault as fault:
                    row.unread.add(path)
                    row.fault(path, str(fault))
                    if isinstance(fault, UnknownWord):
                        row.unknown_words.add(path)
        if TYPE in row.sources:
            row.sources.setdefault("kind", row.sources[TYPE])
        for path, value in self._given.items():
            if path in fields and path not in found and path not in row.unread:
                found[path] = value
                row.sources[path] = OPTIONS[path]
                row.blank.discard(path)
        return found

    def _cell(self, field_: Field, cell: Cell, unit: str | None, row: Row) -> Any:
        words = self._words
        match field_.reads:
            case "day":
                return cells.day(cell)
            case "flag":
                return cells.flag(cell)
            case "number":
                return cells.number(cell)
            case "whole":
                return cells.whole(cell)
            case "names":
                return cells.names(cell)
            case "one":
                return cells.one(cell, words.of(field_))
            case "several":
                return cells.several(cell, words.of(field_)) if field_.codes else [text_of(cell)]
            case "levels":
                return cells.levels(cell, words.of(field_), words.listed("language_levels"))
            case "wish":
                return self._wish(cell)
            case "national_id" | "postcode":
                of_id = {"DK": (10,), "NO": (11,)}.get(words.country(unit) or "", ())
                digits = Digits((4,) if field_.reads == "postcode" else of_id)
                number = digits(cell)
                row.notes += [Fault(row.line, row.where(field_.path), note) for note in digits.notes]
                return number
        return text_of(cell)

    def _wish(self, cell: Cell) -> dict[str, Any]:
        """Industries, or one profession: people write either as their plan."""
        industries = self._words.listed("industries")
        profession = self._words.listed("professions").get(plain(text_of(cell)))
        if profession is not None and plain(text_of(cell)) not in industries:
            return {"profession": profession}
        return {"industries": cells.several(cell, industries)}

    def _candidate(self, row: Row, found: dict[str, Any]) -> None:
        if FULL_NAME in row.sources:
            _divide_name(row, found)
        if number := found.get("candidate.national_id"):
            country = self._words.country(found.get("unit"))
            norwegian = "NO-DNR" if number[:1] in "4567" else "NO-FNR"
            if kind := {"DK": "DK-CPR", "NO": norwegian}.get(country or ""):
                found.setdefault("candidate.national_id_type", kind)
            for path in ("candidate.national_id_type", "candidate.birth_date"):
                row.sources.setdefault(path, row.sources["candidate.national_id"])
        row.document = {"candidate": {}}
        for path, value in found.items():
            if path not in (FULL_NAME, REFERENCE, TYPE) and not path.startswith("wishes."):
                _put(row.document, path, value)
        if wishes := _wishes(found, row):
            row.document["wishes"] = wishes
        self._set_key(row, found)
        row.document["source_reference"] = found.get(REFERENCE) or source_reference_of(row.key)
        row.sources["source_reference"] = row.where(REFERENCE)

    def _host_or_mentor(self, row: Row, found: dict[str, Any]) -> None:
        if "programme" in self._given and "place.programmes" not in found:
            found["place.programmes"] = [self._given["programme"]]
            row.sources["place.programmes"] = OPTIONS["programme"]
        unit = self._programmes.units.get(found.get("unit", ""))
        if unit is not None:
            contact = "contact_person" if row.kind == "hosts" else "contact"
            found.setdefault(f"{contact}.language", unit.languages[0])
        place: dict[str, Any] = {}
        for path, value in found.items():
            if path.startswith("place."):
                _put(place, path.removeprefix("place."), value)
            elif path not in (REFERENCE, TYPE):
                _put(row.document, path, value)
        self._set_key(row, found)
        id_ = id_of(row.key, found.get(REFERENCE))
        own = "host_id" if row.kind == "hosts" else "mentor_id"
        row.document[own] = str(id_)
        if place:
            row.place = {**place, own: str(id_), "place_id": str(derived_id("import place", id_))}

    def _set_key(self, row: Row, found: Mapping[str, Any]) -> None:
        row.key = key_of(row.kind, found, self._today)
        if REFERENCE in found and is_national_id(found[REFERENCE], self._today):
            row.unread.add("source_reference")
            row.fault(
                REFERENCE, "looks like a national id, which no reference may be; use a number of your own"
            )


def _divide_name(row: Row, found: dict[str, Any]) -> None:
    """A full name counts where there is no column for the given or the family name, or it is empty."""
    for index, path in enumerate(("candidate.given_name", "candidate.family_name")):
        if path in found or path in row.unread:
            continue
        row.sources[path] = row.sources[FULL_NAME]
        row.blank.discard(path)
        if FULL_NAME in found:
            found[path] = found[FULL_NAME][index]
        elif FULL_NAME in row.unread:
            row.unread.add(path)
        else:
            row.blank.add(path)


def _wishes(found: Mapping[str, Any], row: Row) -> list[dict[str, Any]]:
    wishes: list[dict[str, Any]] = []
    for plan in ("A", "B"):
        said = dict(found.get(f"wishes.{plan}", {}))
        for leaf in ("profession", "education"):
            if (value := found.get(f"wishes.{plan}.{leaf}")) is not None:
                said[leaf] = value
        if said:
            for part in ("", ".profession", ".education"):
                if f"wishes.{plan}{part}" in row.sources:
                    row.sources[f"wishes.{len(wishes)}{part}"] = row.sources[f"wishes.{plan}{part}"]
            wishes.append({"plan": plan, **said})
    return wishes


def _put(document: dict[str, Any], path: str, value: Any) -> None:
    *above, leaf = path.split(".")
    for name in above:
        document = document.setdefault(name, {})
    document[leaf] = value


def _at(values: tuple[Cell, ...], column: Column) -> Cell:
    return values[column.index] if column.index < len(values) else None
