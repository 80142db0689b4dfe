"""What may be written for a code: the code itself, or its word in Danish, Norwegian or English.

Guarantee: the words are those of codes.toml, the units' and the programmes' own names. It reads no cell.
"""

from __future__ import annotations

from collections.abc import Mapping

from cli.importing.cells import plain
from cli.importing.headings import KIND_WORDS, Field
from shared.language import LANGUAGES
from shared.programmes import Programmes

ABBREVIATIONS: Mapping[str, Mapping[str, str]] = {
    "genders": {"k": "f"},
    "candidate.national_id_type": {"cpr": "DK-CPR", "fnr": "NO-FNR", "dnr": "NO-DNR", "dnummer": "NO-DNR"},
}
"""What stands in no code list, by the list or by the field."""


class Vocabulary:
    """Looks words up, each list read once."""

    def __init__(self, programmes: Programmes) -> None:
        self._programmes = programmes
        self._kinds = {plain(word): kind for kind, words in KIND_WORDS.items() for word in words}
        self._known: dict[tuple[str, tuple[str, ...]], Mapping[str, str]] = {}

    def of(self, field: Field) -> Mapping[str, str]:
        """What may be written in a field's cells."""
        return {**self.listed(field.codes, field.choices), **ABBREVIATIONS.get(field.path, {})}

    def listed(self, codes: str, choices: tuple[str, ...] = ()) -> Mapping[str, str]:
        """A code list's words, or those of it that are `choices`."""
        if (codes, choices) not in self._known:
            self._known[codes, choices] = self._read(codes, choices)
        return self._known[codes, choices]

    def shown(self, field: Field, language: str) -> list[str]:
        """The words of a field in one language, for whoever wrote another."""
        lists = self._programmes.codes
        codes = dict.fromkeys(self.of(field).values())
        if field.codes not in lists.lists:
            return list(codes)
        return [lists.words(field.codes, code, language) for code in codes]

    def kind(self, text: str) -> str | None:
        """What a line is about, by the word in its column `type`; a host's own kind says it too."""
        word = plain(text)
        return self._kinds.get(word) or ("hosts" if word in self.listed("host_kinds") else None)

    def country(self, unit: str | None) -> str | None:
        known = self._programmes.units.get(unit or "")
        return known.country if known else None

    def _read(self, codes: str, choices: tuple[str, ...]) -> Mapping[str, str]:
        if codes == "units":
            units = self._programmes.units.values()
            return {plain(word): unit.id for unit in units for word in (unit.id, unit.name)}
        if codes == "programmes":
            return {plain(name): name for name in self._programmes.names}
        lists = self._programmes.codes
        allowed = [code for code in lists.lists.get(codes, ()) if not choices or code in choices]
        words = {plain(code): code for code in (*allowed, *choices)}
        for code in allowed:
            for language in LANGUAGES:
                words.setdefault(plain(lists.words(codes, code, language)), code)
        return {**ABBREVIATIONS.get(codes, {}), **words}
