"""What is committed is what the contracts say, and the generator refuses what it should refuse."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from shared.contracts import generate
from shared.contracts.published import HERE, SCHEMAS, commands, events


def test_the_committed_documents_are_what_the_contracts_say(capsys: pytest.CaptureFixture[str]) -> None:
    outcome = generate.main(["--check"])
    assert outcome == 0, capsys.readouterr().err


def test_every_contract_has_its_schema_and_every_schema_its_contract() -> None:
    assert {path.stem for path in SCHEMAS.glob("*.json")} == events().keys() | commands().keys()


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A copy of all that is committed, for the generator to work on."""
    return shutil.copytree(HERE, tmp_path / "contracts", ignore=shutil.ignore_patterns("__pycache__"))


def test_a_file_that_differs_is_named_with_what_mends_it(
    copied: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    schema = copied / "schemas" / "CaseReady.json"
    schema.write_text(schema.read_text().replace("asked before a match", "asked before"))
    (copied / "asyncapi.json").unlink()
    assert generate.main(["--check"], copied) == 1
    assert capsys.readouterr().err.splitlines() == [
        "shared/contracts/schemas/CaseReady.json is not what the contracts say",
        "shared/contracts/asyncapi.json is not what the contracts say",
        "Run: python -m shared.contracts.generate",
    ]
    assert generate.main([], copied) == 0
    assert generate.main(["--check"], copied) == 0
    assert schema.read_bytes() == (SCHEMAS / schema.name).read_bytes()


@pytest.mark.parametrize("arguments", [[], ["--check"]])
def test_a_break_is_refused_and_nothing_is_written(
    copied: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    path = copied / "schemas" / "CaseReady.json"
    published = json.loads(path.read_bytes())
    published["properties"]["a_field_that_was_published"] = {"type": "string"}
    path.write_text(json.dumps(published))
    assert generate.main(arguments, copied) == 1
    said = capsys.readouterr().err
    assert "CaseReady: a_field_that_was_published: removed or renamed" in said
    assert "type of its own" in said
    assert json.loads(path.read_bytes()) == published
