"""Where each value of a definition comes from, kept while tables are laid over each other: pure.

Guarantee: no value gets through without its source document (`A` to `E`) or `assumed`: one that has none is a
fault. A table says `source = "A"` for all its values, and `sources.hours_max = "assumed"` beside it corrects
a single one; a table inside it speaks for itself. Which keys there may be is not looked at here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from shared.programmes.check import Fault
from shared.programmes.lines import Path

SOURCES = ("A", "B", "C", "D", "E", "assumed")
NAMED_BY = ("code", "kind", "level")
"""A table in a list goes by the first of these keys that it has."""


class Sourced(NamedTuple):
    """One value and where it comes from."""

    value: Any
    source: str


Tree = dict[str, Any]
"""A table whose values are `Sourced`, trees, or lists of trees."""


def with_sources(table: Mapping[str, Any]) -> Tree:
    """The table with each value's source beside it instead of in `source` and `sources`."""
    single = table.get("sources", {})
    single = single if isinstance(single, dict) else {}
    tree: Tree = {}
    for key, value in table.items():
        if key in ("source", "sources"):
            continue
        if isinstance(value, dict):
            tree[key] = with_sources(value)
        elif _is_list_of_tables(value):
            tree[key] = [with_sources(element) for element in value]
        else:
            tree[key] = Sourced(value, single.get(key, table.get("source", "")))
    return tree


def source_faults(table: Mapping[str, Any], path: Path = ()) -> Iterator[Fault]:
    """Values without a source, sources that are none, and sources of what is not there."""
    allowed = ", ".join(SOURCES)
    single = table.get("sources", {})
    if not isinstance(single, dict):
        yield (*path, "sources"), "it is no table", 'write sources.KEY = "assumed"'
        single = {}
    for key, source in single.items():
        if key not in table or isinstance(table[key], dict) or _is_list_of_tables(table[key]):
            yield (*path, "sources", key), "no value here has this name", "correct the name or take it out"
        if source not in SOURCES:
            yield (*path, "sources", key), f"{source!r} is no source", f"use one of: {allowed}"
    if "source" in table and table["source"] not in SOURCES:
        yield (*path, "source"), f"{table['source']!r} is no source", f"use one of: {allowed}"
    for key, value in table.items():
        if key in ("source", "sources"):
            continue
        if isinstance(value, dict):
            yield from source_faults(value, (*path, key))
        elif _is_list_of_tables(value):
            for index, element in enumerate(value):
                yield from source_faults(element, (*path, key, index))
        elif "source" not in table and key not in single:
            yield (*path, key), "nothing says where it comes from", f'add source = "...", one of: {allowed}'


def laid_over(base: Tree, override: Tree) -> Tree:
    """The base with the override's values in place of its own; tables merge, lists are replaced whole."""
    merged = dict(base)
    for key, value in override.items():
        both_tables = isinstance(value, dict) and isinstance(base.get(key), dict)
        merged[key] = laid_over(base[key], value) if both_tables else value
    return merged


def values(tree: Tree) -> dict[str, Any]:
    """The tree without the sources."""
    return {key: _plain(branch) for key, branch in tree.items()}


def provenance(tree: Tree, prefix: str = "") -> Iterator[tuple[str, str]]:
    """The dotted key of each value and its source."""
    for key, branch in tree.items():
        dotted = f"{prefix}{key}"
        if isinstance(branch, Sourced):
            yield dotted, branch.source
        elif isinstance(branch, dict):
            yield from provenance(branch, f"{dotted}.")
        else:
            for index, element in enumerate(branch):
                yield from provenance(element, f"{dotted}.{_name(element, index)}.")


def _plain(branch: Any) -> Any:
    if isinstance(branch, Sourced):
        return branch.value
    return values(branch) if isinstance(branch, dict) else [values(element) for element in branch]


def _name(element: Tree, index: int) -> str:
    named = next((element[key] for key in NAMED_BY if isinstance(element.get(key), Sourced)), None)
    return str(named.value) if named else str(index)


def _is_list_of_tables(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(element, dict) for element in value)
