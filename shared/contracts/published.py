"""What is published about the contracts: which there are, their JSON Schemas and the golden examples.

Job: one list of the events and commands that others rely on, by name, and their schemas. Guarantee:
each is found however it is declared, and only what has no further form of its own: what several
events share (`CaseEvent`) is no event. It writes nothing; `generate` does.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from shared.contracts.model import Command, Event

PACKAGE = __name__.removesuffix("published")
HERE = Path(__file__).parent
SCHEMAS = HERE / "schemas"
GOLDEN = HERE / "golden"
DIGESTS = "DIGESTS"
DIALECT = "https://json-schema.org/draft/2020-12/schema"
VERSION = "v1"

Schema = dict[str, Any]


class _Schemas(GenerateJsonSchema):
    """Without a title for each field: it would only say the field's name again."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def _declared(root: type[BaseModel]) -> Iterator[type[Any]]:
    """The classes below `root` that have none below themselves, of the contract modules alone."""
    below = [sub for sub in root.__subclasses__() if sub.__module__.startswith(PACKAGE)]
    for sub in below:
        yield from _declared(sub)
    if not below:
        yield root


def events() -> dict[str, type[Event]]:
    """The published events by name, in alphabetical order."""
    return {model.__name__: model for model in sorted(_declared(Event), key=lambda m: m.__name__)}


def commands() -> dict[str, type[Command]]:
    """The commands by name, also those that every service takes."""
    return {model.__name__: model for model in sorted(_declared(Command), key=lambda m: m.__name__)}


def ce_type(name: str) -> str:
    """`CaseReady` -> `makker.CaseReady.v1`."""
    return f"makker.{name}.{VERSION}"


def schema(model: type[Event] | type[Command]) -> Schema:
    """The JSON Schema of one contract, standing alone; it also says where the message goes."""
    if issubclass(model, Event):
        where: Schema = {"x-makker-topic": model.topic, "x-makker-key": model.key_field}
    else:
        where = {"x-makker-service": getattr(model, "service", "every service")}
    return {
        "$schema": DIALECT,
        "$id": f"urn:makker:{model.__name__}:{VERSION}",
        **where,
        **model.model_json_schema(schema_generator=_Schemas),
    }


def component_schemas() -> Schema:
    """The schemas of all events and of what they hold, as components of one document."""
    _, definitions = models_json_schema(
        [(model, "validation") for model in events().values()],
        ref_template="#/components/schemas/{model}",
        schema_generator=_Schemas,
    )
    schemas: Schema = definitions["$defs"]
    return schemas


def golden_files(folder: Path = GOLDEN) -> dict[str, list[Path]]:
    """The golden examples by contract: `Referral` has `Referral.json` and `Referral.minimal.json`."""
    found: dict[str, list[Path]] = {}
    for path in sorted(folder.glob("*.json")):
        found.setdefault(path.name.split(".")[0], []).append(path)
    return found


def digest(path: Path) -> str:
    """What a golden file may never differ from again."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def digests(folder: Path = GOLDEN) -> dict[str, str]:
    """File name -> digest of the golden examples that are published (the form of `sha256sum`)."""
    path = folder / DIGESTS
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return {name: value for value, _, name in (line.partition("  ") for line in lines)}


def as_text(document: Any) -> str:
    """How every generated document is written."""
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"
