"""What people see of a run: how far it is, and at the end its figures as tables.

Guarantee: progress goes to standard error, so that standard output ends with the JSON object alone.
"""

from __future__ import annotations

from dataclasses import dataclass

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table


@dataclass(frozen=True)
class Line:
    """One line of a table: a figure in words, and what else there is to say of it."""

    what: str
    figure: str
    remark: str = ""


class Shown:
    """The progress of a run. `begin` a step, tell how far it is, and `note` what it gave."""

    def __init__(self) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            refresh_per_second=2,
            transient=True,
        )
        self._step: TaskID | None = None

    def __enter__(self) -> Shown:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def begin(self, what: str, total: int | None = None) -> None:
        if self._step is not None:
            self._progress.remove_task(self._step)
        self._step = self._progress.add_task(what, total=total)

    def so_far(self, done: int) -> None:
        if self._step is not None:
            self._progress.update(self._step, completed=done)

    def note(self, text: str) -> None:
        self._progress.console.print(text)


def print_table(title: str, lines: list[Line]) -> None:
    """For people, on standard output."""
    table = Table(title=title, title_justify="left", title_style="bold")
    table.add_column("measured")
    table.add_column("figure", justify="right")
    table.add_column("remark", overflow="fold")
    for line in lines:
        table.add_row(line.what, line.figure, line.remark)
    Console().print(table)
