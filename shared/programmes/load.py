"""Reads the programme definitions, the units and the code lists of a folder, checks them, and looks them up.

Guarantee: what `load` returns is free of faults; otherwise it raises one `DefinitionError` that names every
fault in every file, each with file, line, dotted key and remedy. Files are read once, when a process starts:
a change needs a restart. What the values mean is not decided here.
"""

from __future__ import annotations

import difflib
import json
import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from pathlib import Path as FilePath
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from shared.programmes.check import Fault, faults_of_codes, faults_of_rules, faults_of_unit
from shared.programmes.definition import Codes, Part, Rules, Unit
from shared.programmes.lines import Path, key_lines, line_of
from shared.programmes.provenance import laid_over, provenance, source_faults, values, with_sources

Table = dict[str, Any]
Model = TypeVar("Model", bound=BaseModel)
LANGUAGES = ("da", "nb", "en")
NOT_IN_FILES = ("programme", "rules_version", "provenance")
"""Keys of `Rules` that follow from where a table stands, and so may not be written."""


class DefinitionError(Exception):
    """The definitions have faults; `faults` are the lines of the message, one for each."""

    def __init__(self, faults: list[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("the programme definitions have faults:\n" + "\n".join(faults))


class UnknownProgramme(LookupError):
    """No definition has this name."""


class UnknownUnit(LookupError):
    """No unit has this id."""


class ProgrammeNotInUnit(LookupError):
    """The unit does not offer the programme."""


class UnknownRulesVersion(LookupError):
    """The programme has no such version, or none yet on that day."""


@dataclass(frozen=True)
class Programmes:
    """All definitions of a folder, looked up by programme, unit, and day or version."""

    names: tuple[str, ...]
    units: Mapping[str, Unit]
    codes: Codes
    by_version: Mapping[tuple[str, str], Mapping[str, Rules]]

    def unit(self, unit: str) -> Unit:
        """The unit with this id. Raises UnknownUnit."""
        if unit not in self.units:
            raise UnknownUnit(f"there is no unit {unit!r}")
        return self.units[unit]

    def rules(self, programme: str, unit: str, on: date) -> Rules:
        """The version in force that day in the unit.

        Raises as `versions` does, and UnknownRulesVersion for a day before the first version.
        """
        versions = self.versions(programme, unit)
        in_force = [rules for start, rules in versions.items() if date.fromisoformat(start) <= on]
        if not in_force:
            raise UnknownRulesVersion(f"no version of {programme!r} is in force on {on.isoformat()}")
        return in_force[-1]

    def version(self, programme: str, unit: str, rules_version: str) -> Rules:
        """The version an event names. Raises as `versions` does, and UnknownRulesVersion."""
        versions = self.versions(programme, unit)
        if rules_version not in versions:
            raise UnknownRulesVersion(f"{programme!r} has no version {rules_version!r}")
        return versions[rules_version]

    def versions(self, programme: str, unit: str) -> Mapping[str, Rules]:
        """All versions in the unit, oldest first.

        Raises UnknownProgramme, UnknownUnit or ProgrammeNotInUnit.
        """
        if programme not in self.names:
            raise UnknownProgramme(f"there is no programme {programme!r}")
        if programme not in self.unit(unit).programmes:
            raise ProgrammeNotInUnit(f"the unit {unit!r} does not offer {programme!r}")
        return self.by_version[programme, unit]


def load(folder: FilePath | None = None) -> Programmes:
    """Read and check a folder: the one given, else `PROGRAMMES_DIR`, else the one packaged with the code.

    Raises DefinitionError with all faults of all files.
    """
    folder = folder or FilePath(os.environ.get("PROGRAMMES_DIR") or FilePath(__file__).parent)
    return _load(folder, tuple((path, path.read_bytes()) for path in sorted(folder.glob("*.toml"))))


@lru_cache(maxsize=4)
def _load(folder: FilePath, contents: tuple[tuple[FilePath, bytes], ...]) -> Programmes:
    """The same bytes are read once in a process, however many services it holds."""
    files = {path.stem: File.read(path, content) for path, content in contents}
    for needed in ("codes", "units"):
        if needed not in files:
            missing = File(folder / f"{needed}.toml")
            missing.report(
                (), "the file is missing", "put it there, or let PROGRAMMES_DIR name another folder"
            )
            files[needed] = missing
    codes = _codes(files["codes"])
    units = _units(files["units"])
    names = tuple(name for name in files if name not in ("codes", "units"))
    by_version: dict[tuple[str, str], dict[str, Rules]] = {}
    for name in names:
        for rules in _programme(files[name], name, units, codes):
            by_version.setdefault((name, rules.unit), {})[rules.rules_version] = rules
    for unit in units.values():
        files["units"].report_all(faults_of_unit(unit, names, _levels(by_version, unit)), ("unit", unit.id))
    if faults := [fault for file in files.values() for fault in file.faults]:
        raise DefinitionError(faults)
    staffed = {key: _staffed_levels_only(versions, units[key[1]]) for key, versions in by_version.items()}
    return Programmes(names=names, units=units, codes=codes, by_version=staffed)


@dataclass
class File:
    """One file: its tables, the lines its keys stand on, and the faults found in it so far."""

    path: FilePath
    tables: Table = field(default_factory=dict)
    lines: Mapping[Path, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    @classmethod
    def read(cls, path: FilePath, content: bytes) -> File:
        """The file; one that is no TOML or no UTF-8 has that fault and no tables."""
        file = cls(path)
        try:
            text = content.decode("utf-8")
            file.tables = tomllib.loads(text)
            file.lines = key_lines(text)
        except UnicodeDecodeError as error:
            file.report((), f"not UTF-8 text: {error}", "save the file as UTF-8")
        except tomllib.TOMLDecodeError as error:
            place = re.search(r"at line (\d+)", str(error))
            file.lines = {("",): int(place[1])} if place else {("",): max(1, text.count("\n"))}
            file.report(("",), f"no valid TOML: {error}", "correct the text at or just above this line")
        return file

    def report(self, path: Path, message: str, remedy: str) -> None:
        """Note a fault, once however often it is found."""
        key = ".".join(str(part) for part in path) or "(whole file)"
        fault = f"{self.path.name}, line {line_of(self.lines, path)}, {key}: {message}; {remedy}"
        if fault not in self.faults:
            self.faults.append(fault)

    def report_all(self, faults: Iterable[Fault], prefix: Path = ()) -> None:
        """Note faults whose paths begin below `prefix`."""
        for path, message, remedy in faults:
            self.report((*prefix, *path), message, remedy)


def _codes(file: File) -> Codes:
    lists: dict[str, dict[str, dict[str, str]]] = {}
    for name, codes in file.tables.items():
        if not isinstance(codes, dict):
            file.report((name,), "it is no table of codes", f"write [{name}] and the codes below it")
            continue
        lists[name] = {}
        for code, words in codes.items():
            given = words if isinstance(words, dict) else {}
            lists[name][code] = {language: str(given.get(language, "")) for language in LANGUAGES}
            if set(given) != set(LANGUAGES) or not all(lists[name][code].values()):
                remedy = 'write code = { da = "...", nb = "...", en = "..." }'
                file.report((name, code), "a code needs its words in da, nb and en, and nothing else", remedy)
    found = Codes(lists)
    if not file.faults:
        file.report_all(faults_of_codes(found))
    return found


def _units(file: File) -> dict[str, Unit]:
    for key in file.tables:
        if key != "unit":
            file.report((key,), "unknown key", 'units stand in tables [unit."DK-0169"]')
    tables = _tables(file, ("unit",), file.tables.get("unit", {}))
    found = (_model(Unit, {**table, "id": unit}, file, ("unit", unit)) for unit, table in tables.items())
    return {unit.id: unit for unit in found if unit}


def _programme(file: File, name: str, units: Mapping[str, Unit], codes: Codes) -> Iterator[Rules]:
    """All versions of a programme in all units that offer it, oldest first; faults are noted in the file."""
    for key in file.tables:
        if key != "version":
            file.report((key,), "unknown key", "all rules stand below [[version]]")
    offering = [unit for unit in units.values() if name in unit.programmes]
    latest = date.min
    versions = file.tables.get("version", [])
    if not isinstance(versions, list) or not all(isinstance(table, dict) for table in versions):
        file.report(("version",), "versions are a list of tables", "write [[version]] above each")
        return
    for index, table in enumerate(versions):
        start = table.get("from")
        if type(start) is not date:
            remedy = "write a date, as from = 2020-01-01"
            file.report(("version", index, "from"), "a version needs its first day", remedy)
            continue
        if start <= latest:
            remedy = "put versions in ascending order, one for a day"
            file.report(("version", index, "from"), f"{start} does not come after {latest}", remedy)
        latest = start
        yield from _version(file, name, index, offering, codes)
    if not versions and not file.faults:
        file.report((), "it holds no version", "begin with [[version]] and from = 2020-01-01")


def _version(file: File, name: str, index: int, offering: list[Unit], codes: Codes) -> Iterator[Rules]:
    at: Path = ("version", index)
    table = dict(file.tables["version"][index])
    names = {"programme": name, "rules_version": table.pop("from").isoformat()}
    overrides = _tables(file, (*at, "unit"), table.pop("unit", {}))
    languages = tuple(sorted({language for unit in offering for language in unit.languages}))
    base = _tree(file, table, at)
    whole = _model(Rules, _document(base, {**names, "unit": ""}), file, at)
    if whole is None:
        return
    known = tuple(faults_of_rules(whole, codes, languages))
    file.report_all(known, at)
    for named in overrides:
        if named not in {offered.id for offered in offering}:
            remedy = "correct the id, or add the programme to the unit in units.toml"
            file.report((*at, "unit", named), f"no unit {named!r} offers {name!r}", remedy)
    for unit in offering:
        below: Path = (*at, "unit", unit.id)
        tree = laid_over(base, _tree(file, overrides.get(unit.id, {}), below))
        if rules := _model(Rules, _document(tree, {**names, "unit": unit.id}), file, below):
            faults = faults_of_rules(rules, codes, unit.languages)
            file.report_all((fault for fault in faults if fault not in known), below)
            yield rules


def _tables(file: File, at: Path, tables: Any) -> dict[str, Table]:
    """What should be a table of tables, by id; anything else is a fault and left out."""
    if not isinstance(tables, dict):
        file.report(at, "it is no table", 'write a table for each unit, as [unit."DK-0169"]')
        return {}
    for key, table in tables.items():
        if not isinstance(table, dict):
            file.report(
                (*at, key), "it is no table", "write the id of a unit in square brackets, and keys below"
            )
    return {key: table for key, table in tables.items() if isinstance(table, dict)}


def _tree(file: File, table: Table, at: Path) -> Table:
    file.report_all(source_faults(table), at)
    for key in NOT_IN_FILES:
        if key in table:
            file.report((*at, key), "unknown key", "take the key out")
    return with_sources(table)


def _document(tree: Table, names: Mapping[str, str]) -> Table:
    return {**values(tree), **names, "provenance": dict(provenance(tree))}


def _model(model: type[Model], table: Table, file: File, at: Path) -> Model | None:
    """The table as a model, or None with every fault noted. JSON in between lets lists become tuples."""
    try:
        return model.model_validate_json(json.dumps(table, default=str), strict=True)
    except ValidationError as error:
        for fault in error.errors(include_url=False, include_context=True):
            path = tuple(part for part in fault["loc"] if part != "[key]")
            file.report((*at, *path), *_in_words(fault["type"], fault["msg"], path))
        return None


def _in_words(kind: str, message: str, path: Path) -> tuple[str, str]:
    """What a fault of pydantic's says, and what to do about it."""
    key = str(path[-1]) if path else ""
    if kind == "missing":
        return "the key is missing", "add it, with its source"
    if kind == "extra_forbidden":
        known = {name for part in Part.__subclasses__() for name in part.model_fields}
        near = difflib.get_close_matches(key, sorted(known), n=1)
        return "unknown key", f"take it out, or write {near[0]!r} if that is meant" if near else "take it out"
    return message[:1].lower() + message[1:], "correct the value"


def _levels(by_version: Mapping[tuple[str, str], Mapping[str, Rules]], unit: Unit) -> set[int]:
    versions = [by_version.get((programme, unit.id), {}) for programme in unit.programmes]
    return {step.level for found in versions for rules in found.values() for step in rules.ladder}


def _staffed_levels_only(versions: Mapping[str, Rules], unit: Unit) -> dict[str, Rules]:
    """The versions with the ladder's levels that the unit has people for."""
    if unit.ladder is None:
        return dict(versions)
    staffed = {}
    for start, rules in versions.items():
        ladder = tuple(step for step in rules.ladder if step.level in unit.ladder)
        staffed[start] = rules.model_copy(update={"ladder": ladder})
    return staffed
