"""Folders for the servers of a run: `.cache/tests/<kind>-<n>`, the first that no other run holds.

A folder stays held until the process ends, however it ends; the next run that takes it finds there what a
killed one left behind, and ends it.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

ROOT = Path(__file__).parents[2] / ".cache" / "tests"


@contextmanager
def place(kind: str) -> Iterator[Path]:
    """Gives a folder that may exist, and that this process alone uses."""
    ROOT.mkdir(parents=True, exist_ok=True)
    for number in count():
        with (ROOT / f"{kind}-{number}.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            yield ROOT / f"{kind}-{number}"
            return
