"""Leading through an import: read, check the whole list, then send it line by line, and say how it went.

Guarantee: all faults are said, by line and column, and none of what the list holds; a list with faults is
not begun unless that was asked for. What is said about the list goes to standard output, progress and what
stopped the work to standard error.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from cli.importing import judging, sending
from cli.importing.cells import plain
from cli.importing.rows import Fault, Reader, Row
from cli.importing.sheets import Sheet, Unreadable, read
from cli.importing.words import Vocabulary
from shared.programmes import Programmes

DONE, FAULTS, NOT_POSSIBLE = 0, 1, 2
PLAIN_LINE_EVERY = 100
MOST_LINES_NAMED = 50


@dataclass(frozen=True)
class Asked:
    """What the command line says."""

    file: Path
    kind: str | None
    given: Mapping[str, Any]
    dry_run: bool
    skip_faulty: bool
    url: str | None
    token: str | None


@dataclass
class Tally:
    """What became of the lines."""

    counts: Counter[str] = field(default_factory=Counter)
    faulty: list[int] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    @property
    def words(self) -> str:
        shown = ("registered", "changed", "known already")
        parts = [f"{self.counts[name]} {name}" for name in shown if self.counts[name] or name != "changed"]
        return ", ".join([*parts, f"{len(self.faulty)} faulty{_lines(self.faulty)}"])


def understood(given: Mapping[str, str | bool | None], programmes: Programmes) -> dict[str, Any]:
    """The options as codes. Raises `ValueError` with the option that is not known."""
    words = Vocabulary(programmes)
    lists = {"unit": "units", "programme": "programmes", "channel": "channels"}
    found: dict[str, Any] = {}
    for name, value in given.items():
        if value is None:
            continue
        known = words.listed(lists[name]) if name in lists else None
        if known is not None and plain(str(value)) not in known:
            raise ValueError(f"--{name}: it is not known; known are {', '.join(sorted(set(known.values())))}")
        found[name] = known[plain(str(value))] if known is not None else value
    return found


def run(asked: Asked, programmes: Programmes, now: datetime | None = None) -> int:
    """The whole import; the answer is the exit code."""
    now = now or datetime.now(UTC)
    try:
        sheet = read(asked.file)
        reader = Reader(sheet, asked.kind, asked.given, programmes, now.date())
        rows = reader.rows()
        missing = _missing(sheet, reader)
        notes = [*sheet.notes, *_heading_notes(sheet, reader)]
        if not rows:
            raise Unreadable("There is no line below the headings.")
    except Unreadable as error:
        typer.echo(str(error), err=True)
        return NOT_POSSIBLE
    for row in rows:
        judging.note_faults(row, programmes, now)
    for note in notes:
        typer.echo(f"note: {note}")
    for row in rows:
        for one in row.notes:
            typer.echo(f"note: {one.words}")
        if row.same_as is not None:
            typer.echo(f"note: {Fault(row.line, '', f'the same as line {row.same_as}').words}")
    for text in missing:
        typer.echo(text)
    faulty = [row for row in rows if row.faults]
    for row in faulty:
        _say(row.faults)
    for where, words in reader.known_words(faulty).items():
        typer.echo(f"{where} takes: {', '.join(words)}")
    if missing:
        typer.echo("Nothing was sent: without these columns no line can be read.")
        return FAULTS
    if asked.dry_run:
        good = len(rows) - len(faulty)
        typer.echo(
            f"{_count(rows)} checked: {good} without fault, "
            f"{len(faulty)} faulty{_lines(row.line for row in faulty)}. Nothing was sent."
        )
        return FAULTS if faulty else DONE
    if faulty and not asked.skip_faulty:
        typer.echo(
            f"Nothing was sent: {len(faulty)} of {_count(rows)} faulty"
            f"{_lines(row.line for row in faulty)}. Correct them, or leave them out with --skip-faulty."
        )
        return FAULTS
    return _send(asked, rows, programmes)


def _send(asked: Asked, rows: Sequence[Row], programmes: Programmes) -> int:
    tally = Tally(faulty=[row.line for row in rows if row.faults])
    good = [row for row in rows if not row.faults]
    line = good[0].line if good else 0
    if not asked.url or not asked.token:
        typer.echo("Say where Makker is and who you are: --url and MAKKER_TOKEN. Nothing was sent.", err=True)
        return NOT_POSSIBLE
    stopped = ""
    try:
        with sending.Makker(asked.url, asked.token) as makker:
            if makker.is_open_to_readers:
                typer.echo("note: without https:// others on the network can read what is sent.", err=True)
            for row in _with_progress(good):
                line = row.line
                try:
                    _one(makker, row, tally)
                except sending.NotTaken as refused:
                    judging.add(row, refused.faults, programmes, refused.code_list)
                    tally.said += [one.words for one in row.faults or [Fault(line, "", "it is refused")]]
                    tally.faulty.append(line)
    except (sending.Stopped, KeyboardInterrupt) as error:
        stopped = str(error) or "It was interrupted."
    # Said only now, because a bar on the terminal would take for itself what is printed beside it.
    for words in dict.fromkeys(tally.said):
        typer.echo(words)
    if stopped:
        typer.echo(stopped, err=True)
        typer.echo(
            f"It stopped at line {line}: {tally.words}. "
            "Run the same command again to go on; nothing is registered twice.",
            err=True,
        )
        return NOT_POSSIBLE
    typer.echo(f"{tally.words}.")
    return FAULTS if tally.faulty else DONE


def _one(makker: sending.Makker, row: Row, tally: Tally) -> None:
    if row.same_as is not None:
        if row.same_as in tally.faulty:
            tally.faulty.append(row.line)
        else:
            tally.counts["known already"] += 1
        return
    taken = makker.take(row)
    tally.counts[taken.became] += 1
    if taken.note:
        tally.said.append(f"note: {Fault(row.line, '', taken.note).words}")


def _with_progress(rows: Sequence[Row]) -> Iterator[Row]:
    """The rows, with a bar on a terminal and a line now and then elsewhere."""
    console = Console(stderr=True)
    if not console.is_terminal:
        for number, row in enumerate(rows, 1):
            yield row
            if number % PLAIN_LINE_EVERY == 0:
                typer.echo(f"{number} of {len(rows)}", err=True)
        return
    columns = (TextColumn("Sending"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        yield from progress.track(rows)


def _missing(sheet: Sheet, reader: Reader) -> list[str]:
    texts = [text for kind in reader.fields for text in reader.missing(kind).values()]
    return [f"line {sheet.heading_line}: {text[:1].upper()}{text[1:]}." for text in dict.fromkeys(texts)]


def _heading_notes(sheet: Sheet, reader: Reader) -> Iterator[str]:
    """What the headings leave open. Raises `Unreadable` where they are none, or where two say the same."""
    headings = list(reader.headings.values())
    if headings and not any(one.by_path for one in headings):
        raise Unreadable(
            f"No heading is known in line {sheet.heading_line}: the first line must name the columns, "
            "as fornavn;efternavn;cpr, with nothing above it."
        )
    for one in headings:
        for first, second in one.doubled:
            raise Unreadable(
                f"line {sheet.heading_line}: {first.words} and {second.words} mean the same; take one away."
            )
    for column in sheet.columns:
        if headings and all(column in one.unknown for one in headings):
            what = "is not known" if column.heading else "has no heading"
            if column.heading or any(
                column.index < len(values) and values[column.index] for _, values in sheet.rows
            ):
                yield f"line {sheet.heading_line}, {column.words} {what}; it is ignored."


def _say(faults: Iterable[Fault]) -> None:
    for words in dict.fromkeys(fault.words for fault in faults):
        typer.echo(words)


def _count(rows: Sequence[Row]) -> str:
    return f"{len(rows)} line{'' if len(rows) == 1 else 's'}"


def _lines(numbers: Iterable[int]) -> str:
    """` (lines 7, 19)`; nothing for none."""
    numbers = sorted(numbers)
    if not numbers:
        return ""
    shown = ", ".join(map(str, numbers[:MOST_LINES_NAMED]))
    more = f" and {len(numbers) - MOST_LINES_NAMED} more" if len(numbers) > MOST_LINES_NAMED else ""
    return f" (line{'' if len(numbers) == 1 else 's'} {shown}{more})"
