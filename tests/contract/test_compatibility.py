"""A change that others would stumble over is named; one that they would not is let through."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from pydantic import BaseModel, Field, create_model

from shared.contracts.compatibility import breaks
from shared.contracts.generate import broken, schemas
from shared.contracts.model import Code
from shared.contracts.published import SCHEMAS


class Inner(BaseModel):
    a: int
    b: str = ""


class InnerWithout(BaseModel):
    a: int


class InnerRequiring(BaseModel):
    a: int
    b: str


class InnerGrown(Inner):
    c: int = 0


def schema(**fields: Any) -> dict[str, Any]:
    """Of a model whose fields are given as `type` or `(type, default)`."""
    given: Any = {name: field if isinstance(field, tuple) else (field, ...) for name, field in fields.items()}
    model: type[BaseModel] = create_model("Thing", **given)
    return model.model_json_schema()


BREAKS: list[tuple[str, dict[str, Any], dict[str, Any], list[str]]] = [
    ("removed", schema(x=int, y=int), schema(x=int), ["y: removed or renamed"]),
    ("optional field removed", schema(x=int, y=(int, 1)), schema(x=int), ["y: removed or renamed"]),
    (
        "renamed",
        schema(x=int),
        schema(z=int),
        ["x: removed or renamed", "z: newly required (give the new field a default)"],
    ),
    ("newly required", schema(x=(int, 1)), schema(x=int), ["x: newly required"]),
    ("new and required", schema(), schema(x=int), ["x: newly required (give the new field a default)"]),
    ("another type", schema(x=str), schema(x=int), ["x: was string, is integer"]),
    ("number to integer", schema(x=float), schema(x=int), ["x: was number, is integer"]),
    ("no longer null", schema(x=(int | None, None)), schema(x=(int, 1)), ["x: was null, is integer"]),
    ("a union's member gone", schema(x=int | str), schema(x=int), ["x: was string, is integer"]),
    ("a code gone", schema(x=Literal["a", "b"]), schema(x=Literal["a", "c"]), ["x: no longer takes 'b'"]),
    ("text to codes", schema(x=str), schema(x=Literal["a", "b"]), ["x: takes 'a', 'b' alone"]),
    (
        "text to a pattern",
        schema(x=str),
        schema(x=Annotated[str, Field(pattern="^a")]),
        ["x: pattern is ^a"],
    ),
    ("another format", schema(x=UUID), schema(x=date), ["x: format is date, was uuid"]),
    (
        "shorter",
        schema(x=Annotated[str, Field(max_length=9)]),
        schema(x=Annotated[str, Field(max_length=8)]),
        ["x: maxLength is 8, was 9"],
    ),
    ("a new bound", schema(x=int), schema(x=Annotated[int, Field(ge=1)]), ["x: minimum is 1"]),
    (
        "a raised bound",
        schema(x=Annotated[int, Field(ge=1)]),
        schema(x=Annotated[int, Field(ge=2)]),
        ["x: minimum is 2, was 1"],
    ),
    ("one instead of many", schema(x=tuple[int, ...]), schema(x=int), ["x: was array, is integer"]),
    ("narrower items", schema(x=list[str]), schema(x=list[int]), ["x[]: was string, is integer"]),
    ("narrower values", schema(x=dict[str, str]), schema(x=dict[str, int]), ["x.*: was string, is integer"]),
    (
        "removed deep within",
        schema(x=list[Inner]),
        schema(x=list[InnerWithout]),
        ["x[].b: removed or renamed"],
    ),
    (
        "required deep within",
        schema(x=Inner | None),
        schema(x=InnerRequiring | None),
        ["x.b: newly required"],
    ),
    (
        "unknown fields refused",
        schema(x=int),
        schema(x=int) | {"additionalProperties": False},
        ["*: unknown fields are no longer taken"],
    ),
    (
        "moved",
        schema(x=int) | {"x-makker-topic": "a-events-v1", "x-makker-key": "x"},
        schema(x=int) | {"x-makker-topic": "b-events-v1", "x-makker-key": "x"},
        ["topic was a-events-v1, is b-events-v1"],
    ),
]

HARMLESS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("nothing", schema(x=Inner), schema(x=Inner)),
    ("a field with a default", schema(x=int), schema(x=int, y=(int, 1))),
    ("a field deep within", schema(x=list[Inner]), schema(x=list[InnerGrown])),
    ("no longer required", schema(x=int), schema(x=(int, 1))),
    ("may be null", schema(x=(int, 1)), schema(x=(int | None, 1))),
    ("one more code", schema(x=Literal["a"]), schema(x=Literal["a", "b"])),
    ("codes to any code", schema(x=Literal["a", "b-c"]), schema(x=Code)),
    ("integer to number", schema(x=int), schema(x=float)),
    ("anything at all", schema(x=int), schema(x=Any)),
    (
        "longer",
        schema(x=Annotated[str, Field(max_length=8)]),
        schema(x=Annotated[str, Field(max_length=9)]),
    ),
    ("a lowered bound", schema(x=Annotated[int, Field(ge=2)]), schema(x=Annotated[int, Field(ge=1)])),
    ("a bound gone", schema(x=Annotated[int, Field(ge=2, le=4)]), schema(x=int)),
    ("other words", schema(x=int) | {"description": "Old."}, schema(x=int) | {"description": "New."}),
    (
        "a new version",
        schema(x=int) | {"$id": "urn:makker:Thing:v1"},
        schema(y=str) | {"$id": "urn:makker:Thing:v2"},
    ),
]


@pytest.mark.parametrize(
    ("old", "new", "faults"), [row[1:] for row in BREAKS], ids=[row[0] for row in BREAKS]
)
def test_a_breaking_change_is_named(old: dict[str, Any], new: dict[str, Any], faults: list[str]) -> None:
    assert breaks(old, new) == faults


@pytest.mark.parametrize(("old", "new"), [row[1:] for row in HARMLESS], ids=[row[0] for row in HARMLESS])
def test_a_harmless_change_passes(old: dict[str, Any], new: dict[str, Any]) -> None:
    assert breaks(old, new) == []


def test_a_published_type_that_is_declared_no_more_is_named(tmp_path: Path) -> None:
    (tmp_path / "CaseGone.json").write_text(json.dumps(schema(x=int)))
    assert broken(schemas(), tmp_path) == ["CaseGone: published, but declared no more"]


def test_a_real_contract_that_loses_a_field_is_refused() -> None:
    new = schemas()
    del new["MatchAgreed"]["properties"]["starts_on"]
    assert broken(new, SCHEMAS) == ["MatchAgreed: starts_on: removed or renamed"]
