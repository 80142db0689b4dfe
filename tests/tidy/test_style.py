"""How the code is written, as far as a program can see it."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CODE = ("shared", "services", "cli", "demo")
LONGEST_CODE, LONGEST_TEST = 400, 600
NO_MODULES = {"utils", "util", "helpers", "helper", "common", "misc", "base"}
NO_CLASS = re.compile(r"^(Abstract|Base)|(Base|Manager|Helper|Util|Utils)$")
SAYS_ON_A_TERMINAL = ("cli/", "demo/", "shared/contracts/generate.py", "shared/programmes/")
WORD = r"(?<![\w./-])"
ELSEWHERE = [
    # Spelt so that this file does not find itself.
    re.compile(r"pypi[.]org|pythonhosted[.]org|registry[.]npmjs|repo1?[.]maven|proxy[.]golang|index[-]url"),
    re.compile(WORD + r"/(work|root|home/\w+|Users/\w+)/[\w.]+|" + WORD + r"/tmp/[w]/"),
]


@cache
def tracked() -> list[str]:
    """Every file of the repository as it is, also what is not yet added, and nothing that is ignored."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return [name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


def modules(*folders: str) -> list[str]:
    return [
        name for name in tracked() if name.endswith(".py") and any(name.startswith(f"{f}/") for f in folders)
    ]


@cache
def tree(name: str) -> ast.Module:
    return ast.parse((ROOT / name).read_text(encoding="utf-8"))


def nodes(name: str, kind: type[ast.AST]) -> Iterator[ast.AST]:
    return (node for node in ast.walk(tree(name)) if isinstance(node, kind))


def test_a_module_of_code_has_at_most_400_lines_and_one_of_tests_600() -> None:
    too_long = {
        name: lines
        for name in modules(*CODE, "tests")
        if (lines := len((ROOT / name).read_text(encoding="utf-8").splitlines()))
        > (LONGEST_TEST if name.startswith("tests/") else LONGEST_CODE)
    }
    assert not too_long


def test_nothing_is_printed_but_by_what_people_run_on_a_terminal() -> None:
    prints = [
        f"{name}:{node.lineno}"
        for name in modules(*CODE)
        if not name.startswith(SAYS_ON_A_TERMINAL)
        for node in nodes(name, ast.Call)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert not prints


def test_no_module_is_a_drawer_for_everything() -> None:
    drawers = [name for name in modules(*CODE, "tests") if Path(name).stem.strip("_") in NO_MODULES]
    assert not drawers


def test_no_class_is_there_to_be_inherited_from_in_general() -> None:
    found = [
        f"{name}: {node.name}"
        for name in modules(*CODE, "tests")
        for node in nodes(name, ast.ClassDef)
        if isinstance(node, ast.ClassDef) and NO_CLASS.search(node.name)
    ]
    assert not found


def test_every_module_says_what_it_is_for() -> None:
    silent = [
        name
        for name in modules(*CODE)
        if (ROOT / name).read_text(encoding="utf-8").strip() and not ast.get_docstring(tree(name))
    ]
    assert not silent


def test_workflows_and_rules_ask_nobody_for_the_time_or_for_an_id() -> None:
    """The corridor gives both, so that a decision made again is the same decision."""
    asked = re.compile(r"\b(datetime\.now|datetime\.utcnow|date\.today|time\.time|uuid1|uuid4|random)\b")
    found = [
        f"{name}:{number}"
        for name in modules("services")
        if Path(name).stem in ("workflow", "rules", "documents")
        for number, line in enumerate((ROOT / name).read_text(encoding="utf-8").splitlines(), 1)
        if asked.search(line)
    ]
    assert not found


def test_tests_neither_skip_nor_sleep() -> None:
    """A sleep in a loop that waits for a condition, with a deadline, is what `until` is for."""
    skips = re.compile(r"pytest\.(skip|importorskip|xfail)\(|mark\.(skip|skipif|xfail)\b")
    found = [
        name
        for name in modules("tests")
        if name != "tests/tidy/test_style.py" and skips.search((ROOT / name).read_text(encoding="utf-8"))
    ]
    assert not found
    sleepers = [
        f"{name}:{node.lineno}"
        for name in modules("tests/integration", "tests/faults", "tests/unit", "tests/contract")
        for node in nodes(name, ast.Call)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "sleep"
        and not _in_a_loop(name, node)
    ]
    assert not sleepers


def _in_a_loop(name: str, call: ast.Call) -> bool:
    loops = [*nodes(name, ast.While), *nodes(name, ast.For)]
    return any(call in ast.walk(loop) for loop in loops)


@pytest.mark.parametrize("pattern", ELSEWHERE, ids=["package registry", "development machine"])
def test_no_file_names_a_place_that_is_not_the_readers(pattern: re.Pattern[str]) -> None:
    found = []
    for name in tracked():
        try:
            text = (ROOT / name).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found += [
            f"{name}:{number}: {line.strip()[:100]}"
            for number, line in enumerate(text.splitlines(), 1)
            if name not in ("Makefile", "tests/tidy/test_style.py") and pattern.search(line)
        ]
    assert not found
