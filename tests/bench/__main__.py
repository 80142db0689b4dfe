"""`python -m tests.bench`: Makker's figures, measured on this machine in this run.

Job: measure one part after the other, or the one that `ONLY` names, print a table for people and, as the
last line, one JSON object with the contract's names. Guarantee: a figure was measured in this run, or it is
not printed; a part that is not there says so. It keeps nothing and compares with no earlier run.
"""

from __future__ import annotations

import asyncio
import json
import os
import platform
import sys
from collections.abc import Callable, Coroutine
from typing import Any

import psutil

from tests.bench import corridor, idle, matching, referrals
from tests.bench.servers import CannotRun, Servers, running
from tests.bench.shown import Line, Shown, print_table

Measure = Callable[[Servers, Shown], Coroutine[Any, Any, tuple[dict[str, Any], list[Line]]]]

PARTS: dict[str, tuple[Measure, ...]] = {
    "corridor": (corridor.measure, idle.measure),
    "referrals": (referrals.measure,),
    "matching": (matching.measure,),
    "followup": (),
    "mail": (),
}
"""What measures each part; those without are printed as parts that are not there yet."""


def main() -> int:
    only = os.environ.get("ONLY", "")
    if only and only not in PARTS:
        print(f"ONLY={only} is no part of the bench; there are: {', '.join(PARTS)}", file=sys.stderr)
        return 2
    chosen = {name: measures for name, measures in PARTS.items() if only in ("", name)}
    figures: dict[str, Any] = {}
    tables: list[tuple[str, list[Line]]] = []
    if any(chosen.values()):
        try:
            with Shown() as shown, running() as servers:
                for name, measures in chosen.items():
                    tables.append((name, []))
                    for measure in measures:
                        found, lines = asyncio.run(measure(servers, shown))
                        figures |= found
                        tables[-1][1].extend(lines)
        except CannotRun as reason:
            print(f"The bench cannot run: {reason}", file=sys.stderr)
            return 1
    memory = psutil.virtual_memory().total / 2**30
    print(f"{os.cpu_count()} processors, {memory:.0f} GiB, Python {platform.python_version()}; per second")
    for name, measures in chosen.items():
        if not measures:
            print(f"{name}: this part comes with what it measures; no figure")
    for title, lines in tables:
        if lines:
            print_table(title, lines)
    print(json.dumps(figures), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
