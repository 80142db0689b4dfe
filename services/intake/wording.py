"""What programmes and units are called, for the pages' lists and choices."""

from __future__ import annotations

from collections.abc import Collection

from shared.programmes import Programmes


def programme_words(programmes: Programmes) -> dict[tuple[str, str], str]:
    """What a placement of a programme is called, by programme and language."""
    return {
        (name, language): words.placement
        for (name, _), versions in programmes.by_version.items()
        for rules in list(versions.values())[-1:]
        for language, words in rules.words.items()
    }


def unit_options(programmes: Programmes, units: Collection[str]) -> list[tuple[str, str]]:
    """Those of the units that there are, by name."""
    return [(unit, programmes.units[unit].name) for unit in sorted(units) if unit in programmes.units]


def programmes_of(programmes: Programmes, units: Collection[str]) -> list[str]:
    """The programmes that one of the units offers."""
    known = [programmes.units[unit] for unit in units if unit in programmes.units]
    return sorted({name for unit in known for name in unit.programmes})
