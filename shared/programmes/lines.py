"""On which line of a TOML text a key stands, which `tomllib` does not tell.

Guarantee: for text that `tomllib` has accepted, every table and every key outside inline tables is found; for
anything deeper `line_of` gives the line of the nearest table or key around it. It judges nothing, and reads
only as much of TOML as it takes to know where a key begins and where its value ends.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

Path = tuple[str | int, ...]

HEADER = re.compile(r"^\s*(\[\[?)([^\[\]]+)\]\]?\s*(?:#.*)?$")
ASSIGNMENT = re.compile(r"""^\s*((?:"[^"]*"|'[^']*'|[\w-]|\s*\.\s*)+)\s*=(.*)$""")
KEY = re.compile(r""""([^"]*)"|'([^']*)'|([\w-]+)""")
VALUE_TOKEN = re.compile(r'''"""|\'\'\'|"(?:\\.|[^"\\])*"|'[^']*'|#.*|[\[\]{}]|.''')


def key_lines(text: str) -> Mapping[Path, int]:
    """Every table and key of the text with its line, counted from 1; lists of tables are counted from 0."""
    lines: dict[Path, int] = {}
    counts: dict[Path, int] = {}
    table: Path = ()
    value = _Value()
    for number, line in enumerate(text.splitlines(), start=1):
        if value.goes_on:
            value.read(line)
        elif header := HEADER.match(line):
            table = _table(_keys(header[2]), counts, new_element=header[1] == "[[")
            for end in range(1, len(table) + 1):
                lines.setdefault(table[:end], number)
        elif assignment := ASSIGNMENT.match(line):
            path = table
            for key in _keys(assignment[1]):
                path = (*path, key)
                lines.setdefault(path, number)
            value.read(assignment[2])
    return lines


def line_of(lines: Mapping[Path, int], path: Path) -> int:
    """The line of the path, or of the nearest table or key around it; 1 if there is none."""
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path, 1)


def _keys(dotted: str) -> list[str]:
    return [next(part for part in found if part or part == found[-1]) for found in KEY.findall(dotted)]


def _table(keys: list[str], counts: dict[Path, int], *, new_element: bool) -> Path:
    """The path a header opens: a name that is a list of tables means the latest of them."""
    path: Path = ()
    for position, key in enumerate(keys, start=1):
        path = (*path, key)
        if new_element and position == len(keys):
            counts[path] = counts.get(path, 0) + 1
        if path in counts:
            path = (*path, counts[path] - 1)
    return path


class _Value:
    """A value being read, which may go on over several lines: inside brackets or a triple-quoted string."""

    def __init__(self) -> None:
        self._depth = 0
        self._quote = ""

    @property
    def goes_on(self) -> bool:
        return self._depth > 0 or bool(self._quote)

    def read(self, line: str) -> None:
        while line:
            if self._quote:
                _, closed, line = line.partition(self._quote)
                self._quote = "" if closed else self._quote
                continue
            token = VALUE_TOKEN.match(line)
            if token is None:
                return
            line = line[token.end() :]
            if token[0] in ('"""', "'''"):
                self._quote = token[0]
            elif token[0] in "[{":
                self._depth += 1
            elif token[0] in "]}":
                self._depth -= 1
