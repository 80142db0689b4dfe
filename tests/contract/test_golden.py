"""Every contract has golden examples, and each still says what it said when it was published."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import BaseModel, ValidationError

from shared.contracts.generate import changed_golden
from shared.contracts.model import Command, Event
from shared.contracts.published import (
    GOLDEN,
    SCHEMAS,
    as_text,
    commands,
    digests,
    events,
    golden_files,
)
from tests.contract.drafts import draft

CONTRACTS: dict[str, type[Event] | type[Command]] = {**events(), **commands()}
EXAMPLES = [path for paths in golden_files().values() for path in paths]


def model_of(path: Path) -> type[Event] | type[Command]:
    return CONTRACTS[path.name.split(".")[0]]


def named(path: Path) -> str:
    return path.stem


@pytest.mark.parametrize("name", CONTRACTS)
def test_every_contract_has_a_golden_example(name: str) -> None:
    assert name in golden_files(), (
        f"add shared/contracts/golden/{name}.json (python -m tests.contract.drafts drafts it), make it a "
        f"believable case, then run python -m shared.contracts.generate. A draft:\n"
        f"{as_text(draft(CONTRACTS[name]))}"
    )


def test_every_golden_example_is_of_a_contract() -> None:
    assert golden_files().keys() <= CONTRACTS.keys()


@pytest.mark.parametrize("path", EXAMPLES, ids=named)
def test_a_golden_example_reads_and_writes_without_losing_anything(path: Path) -> None:
    published = json.loads(path.read_bytes())
    body = model_of(path).model_validate_json(path.read_bytes())
    written = body.model_dump_json()
    assert lost(published, json.loads(written)) == []
    assert model_of(path).model_validate_json(written) == body


def lost(old: Any, new: Any, path: str = "") -> list[str]:
    """What the old document says and the new one does not; fields may have been added."""
    if isinstance(old, dict) and isinstance(new, dict):
        return [
            fault
            for name, value in old.items()
            for fault in (lost(value, new[name], f"{path}.{name}") if name in new else [f"{path}.{name}"])
        ]
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        return [
            fault
            for at, pair in enumerate(zip(old, new, strict=True))
            for fault in lost(*pair, f"{path}[{at}]")
        ]
    return [] if old == new else [f"{path}: {old!r} became {new!r}"]


@pytest.mark.parametrize("path", EXAMPLES, ids=named)
def test_a_golden_example_fits_the_published_schema(path: Path) -> None:
    schema = json.loads((SCHEMAS / f"{model_of(path).__name__}.json").read_bytes())
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
    assert [error.message for error in validator.iter_errors(json.loads(path.read_bytes()))] == []


@pytest.mark.parametrize("path", [path for path in EXAMPLES if issubclass(model_of(path), Event)], ids=named)
def test_readers_of_events_ignore_fields_that_they_do_not_know(path: Path) -> None:
    model = model_of(path)
    published = json.loads(path.read_bytes())
    body = model.model_validate(published)
    grown = with_unknown_fields(published, body)
    assert grown != published
    assert model.model_validate_json(json.dumps(grown)) == body


def with_unknown_fields(document: Any, body: Any) -> Any:
    """The document with a field more in each of its values, however deep."""
    if isinstance(body, BaseModel):
        inner = {name: with_unknown_fields(value, getattr(body, name)) for name, value in document.items()}
        return inner | {"added_later": {"by": ["a newer version"]}}
    if isinstance(body, tuple):
        return [with_unknown_fields(*pair) for pair in zip(document, body, strict=True)]
    return document


@pytest.mark.parametrize(
    "path", [path for path in EXAMPLES if issubclass(model_of(path), Command)], ids=named
)
def test_commands_refuse_fields_that_they_do_not_know(path: Path) -> None:
    document = json.loads(path.read_bytes()) | {"added_later": 1}
    with pytest.raises(ValidationError) as raised:
        model_of(path).model_validate(document)
    assert [fault["type"] for fault in raised.value.errors()] == ["extra_forbidden"]


@pytest.mark.parametrize("name", CONTRACTS)
def test_a_draft_fits_its_contract(name: str) -> None:
    CONTRACTS[name].model_validate(draft(CONTRACTS[name]))


def test_no_published_golden_example_was_changed() -> None:
    assert changed_golden(GOLDEN) == []
    unknown = {path.name for path in EXAMPLES} - digests().keys()
    assert unknown == set(), "run python -m shared.contracts.generate, which writes their digests"


def test_a_golden_example_that_is_changed_or_removed_is_noticed(tmp_path: Path) -> None:
    shutil.copytree(GOLDEN, folder := tmp_path / "golden")
    assert changed_golden(folder) == []
    changed = folder / "MatchAgreed.json"
    changed.write_text(changed.read_text().replace("2026-04-13", "2026-04-14"))
    (folder / "Contact.json").unlink()
    assert [fault.partition(" after")[0] for fault in changed_golden(folder)] == [
        "golden/Contact.json: removed",
        "golden/MatchAgreed.json: changed",
    ]
