"""Reading a table from a file: CSV as spreadsheets write it, or the first sheet of an .xlsx.

Guarantee: every row keeps the number that it has in the file, and every column its letter; separator and
character set are found from the content, never from the file's name. What is no table is one `Unreadable`
with its remedy, whatever the bytes. It does not know what a column means.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import openpyxl
from openpyxl.utils import get_column_letter

Cell = str | int | float | bool | date | None
SEPARATORS = (";", ",", "\t")
LARGEST_FILE_BYTES = 50_000_000
LARGEST_UNPACKED_BYTES = 500_000_000
MOST_ROWS = 100_000
REMEDY = "open it in a spreadsheet and save it as 'CSV UTF-8' or as .xlsx"
EMPTY = "The file is empty; its first line must name the columns."
NO_TABLES = {
    b"%PDF": "a PDF",
    b"\xd0\xcf\x11\xe0": "an old .xls, or a spreadsheet with a password",
    b"{\\rtf": "a text document",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
}


class Unreadable(Exception):
    """The file is no table; the text says why, and what to do."""


@dataclass(frozen=True)
class Column:
    """One column; `heading` is as it stands in the file."""

    index: int
    heading: str

    @property
    def letter(self) -> str:
        return get_column_letter(self.index + 1)

    @property
    def words(self) -> str:
        """`column C (CPR)`; what does not look like a heading may be somebody's data and is not repeated."""
        shown = "".join(character for character in self.heading if character.isprintable()).strip()
        is_heading = 0 < len(shown) <= 40 and "@" not in shown and sum(c.isdigit() for c in shown) < 4
        return f"column {self.letter} ({shown})" if is_heading else f"column {self.letter}"


@dataclass(frozen=True)
class Sheet:
    """A table: its columns, and the rows below them that are not empty, each with its number in the file."""

    columns: tuple[Column, ...]
    heading_line: int
    rows: tuple[tuple[int, tuple[Cell, ...]], ...]
    notes: tuple[str, ...] = ()


def read(path: Path) -> Sheet:
    """The table in a file. Raises `Unreadable`."""
    try:
        if path.stat().st_size > LARGEST_FILE_BYTES:
            raise Unreadable("The file is larger than 50 MB; divide it into several.")
        data = path.read_bytes()
    except OSError as error:
        raise Unreadable(f"The file cannot be read: {error.strerror or 'no permission'}.") from None
    for beginning, what in NO_TABLES.items():
        if data.startswith(beginning):
            raise Unreadable(f"The file is {what} and no table; {REMEDY}.")
    notes: list[str] = []
    lines = _of_xlsx(data, notes) if data.startswith(b"PK") else _of_csv(_text(data))
    filled = [(line, cells) for line, cells in lines if any(not _is_blank(cell) for cell in cells)]
    if not filled:
        raise Unreadable(EMPTY)
    if len(filled) > MOST_ROWS:
        raise Unreadable(f"The file has more than {MOST_ROWS} lines; divide it into several.")
    (heading_line, headings), *rows = filled
    columns = tuple(
        Column(index, "" if _is_blank(cell) else str(cell).strip()) for index, cell in enumerate(headings)
    )
    return Sheet(columns, heading_line, tuple(rows), tuple(notes))


def _is_blank(cell: Cell) -> bool:
    return cell is None or (isinstance(cell, str) and not cell.strip().strip("\ufeff\u200b"))


def _text(data: bytes) -> str:
    is_utf16 = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    for encoding in ["utf-16"] if is_utf16 else ["utf-8-sig", "cp1252"]:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if any(ord(character) < 32 and character not in "\t\r\n\f" for character in text):
            break
        return text
    raise Unreadable(f"The file is neither a text nor a spreadsheet; {REMEDY}.")


def _of_csv(text: str) -> Iterator[tuple[int, tuple[Cell, ...]]]:
    declared = re.match(r"sep=(.)\r?\n", text)
    skipped = 1 if declared else 0
    if declared:
        text = text[declared.end() :]
    separator = declared[1] if declared else _separator(text)
    # Blank lines at the end of a field that is never closed would otherwise be taken for its content.
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    before = 0
    try:
        for cells in reader:
            # A cell may hold line breaks: the row's number is that of the line on which it begins.
            yield before + 1 + skipped, tuple(cells)
            before = reader.line_num
    except csv.Error:
        where = f"Line {before + 1 + skipped}"
        raise Unreadable(
            f"{where}: a quotation mark is not closed, or a cell is too long; correct the line, or {REMEDY}."
        ) from None


def _separator(text: str) -> str:
    """The one that divides the first line that is not empty into the most columns."""
    first = next((line for line in text.splitlines() if line.strip(" \t;,")), "")
    counts = {separator: _columns(first, separator) for separator in SEPARATORS}
    best = max(counts, key=lambda separator: counts[separator])
    if not first:
        raise Unreadable(EMPTY)
    if counts[best] < 2:
        raise Unreadable(
            "The separator cannot be found: the columns of the first line must be divided "
            f"by semicolons, commas or tabs; {REMEDY}."
        )
    return best


def _columns(line: str, separator: str) -> int:
    try:
        return len(next(csv.reader([line], delimiter=separator, strict=True)))
    except csv.Error:
        return line.count(separator) + 1


def _of_xlsx(data: bytes, notes: list[str]) -> Iterator[tuple[int, tuple[Cell, ...]]]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            if sum(part.file_size for part in packed.infolist()) > LARGEST_UNPACKED_BYTES:
                raise Unreadable("The spreadsheet is too large; divide it into several.")
        book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
        if not book.worksheets:
            raise Unreadable("The spreadsheet has no sheet with cells.")
        if len(book.sheetnames) > 1:
            notes.append(f"The file has {len(book.sheetnames)} sheets; only the first is read.")
        found = []
        for line, cells in enumerate(book.worksheets[0].iter_rows(values_only=True), 1):
            if any(cell is not None for cell in cells):
                found.append((line, tuple(_cell(cell) for cell in cells)))
        book.close()
    except Unreadable:
        raise
    except Exception:
        # A damaged file makes nearly any exception; each of them means the same to whoever brought it.
        raise Unreadable(
            f"The file is packed as a spreadsheet is, but cannot be read as one; {REMEDY}."
        ) from None
    return iter(found)


def _cell(value: Any) -> Cell:
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, str | int | float | date):
        return value
    return None if value is None else str(value) if isinstance(value, time | timedelta) else ""
