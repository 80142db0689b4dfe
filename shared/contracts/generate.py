"""`python -m shared.contracts.generate [--check]`: the published documents, from the contracts.

Job: write schemas/<Name>.json, asyncapi.json, permissions.md and golden/DIGESTS, or, with --check, say
what differs.
Guarantee: a form that others already rely on is not overwritten by one that breaks them, and a golden
example that was published is not changed; both are refused by name, with the way out. Nothing else is
written, and no contract is judged but by its schema.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from shared.contracts.asyncapi import document
from shared.contracts.compatibility import breaks
from shared.contracts.permissions import table
from shared.contracts.published import (
    DIGESTS,
    GOLDEN,
    HERE,
    SCHEMAS,
    Schema,
    as_text,
    commands,
    digest,
    digests,
    events,
    golden_files,
    schema,
)

COMMAND = "python -m shared.contracts.generate"
WAY_OUT = (
    "Others rely on the published form. Give back what is missing; or leave this type as it is and declare "
    "the new form as a type of its own, which is published beside it until nobody reads the old one."
)


def schemas() -> dict[str, Schema]:
    """The schema of every contract by name."""
    found = {name: schema(model) for name, model in events().items()}
    return found | {name: schema(model) for name, model in commands().items()}


def broken(new: dict[str, Schema], published: Path) -> list[str]:
    """What the new schemas would break for those who rely on the published ones, a folder."""
    found: list[str] = []
    for path in sorted(published.glob("*.json")):
        name, old = path.stem, json.loads(path.read_bytes())
        if name not in new:
            found.append(f"{name}: published, but declared no more")
        else:
            found += [f"{name}: {fault}" for fault in breaks(old, new[name])]
    return found


def changed_golden(folder: Path) -> list[str]:
    """Golden examples that are not what they were when they were published."""
    found: list[str] = []
    for name, published in digests(folder).items():
        path = folder / name
        if not path.exists() or digest(path) != published:
            what = "changed" if path.exists() else "removed"
            found.append(
                f"{folder.name}/{name}: {what} after it was published; restore it, and add what is new as a "
                "further example (<Name>.<what it shows>.json)"
            )
    return found


def documents(new: dict[str, Schema], golden: Path) -> dict[str, str]:
    """All that is generated, by its path within this folder."""
    files = {path.name: digest(path) for paths in golden_files(golden).values() for path in paths}
    return {
        **{f"{SCHEMAS.name}/{name}.json": as_text(content) for name, content in new.items()},
        "asyncapi.json": as_text(document()),
        "permissions.md": table(),
        f"{golden.name}/{DIGESTS}": "".join(f"{value}  {name}\n" for name, value in sorted(files.items())),
    }


def main(arguments: list[str], here: Path = HERE) -> int:
    """Write or check what is in the folder `here`; 1 where something is refused or differs."""
    new = schemas()
    golden = here / GOLDEN.name
    faults = [*broken(new, here / SCHEMAS.name), *changed_golden(golden)]
    if faults:
        print(*faults, WAY_OUT, sep="\n", file=sys.stderr)
        return 1
    differing = {
        here / name: text
        for name, text in documents(new, golden).items()
        if not (here / name).exists() or (here / name).read_text(encoding="utf-8") != text
    }
    if "--check" not in arguments:
        for path, text in differing.items():
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
            print(f"wrote {path.relative_to(here)}")
        return 0
    for path in differing:
        print(f"shared/contracts/{path.relative_to(here)} is not what the contracts say", file=sys.stderr)
    if differing:
        print(f"Run: {COMMAND}", file=sys.stderr)
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
