"""`python -m tests.contract.drafts`: a draft golden example for each contract that has none yet.

Job: write what fits the contract's schema, for its author to fill with a believable case before it is
published. Guarantee: an example that exists is left alone. It knows nothing of what a field means.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from pydantic import BaseModel

from shared.contracts.published import GOLDEN, Schema, as_text, commands, events, golden_files

KNOWN = {
    "unit": "DK-0169",
    "programme": "foreningspraktik",
    "rules_version": "2020-01-01",
    "channel": "library",
    "name": "Kirsten Eksempel",
    "given_name": "Amina",
    "family_name": "Eksempel",
    "email": "kirsten@example.org",
    "phone": "+4570102030",
    "language": "da",
    "postcode": "2630",
    "industrie": "retail",
    "topic": "mentor_role",
    "task": "practical",
    "time": "tue-evening",
    "need": "motivation",
    "field": "healthcare",
    "stage": "choosing_education",
    "appetite": "looking",
    "status": "in_dialogue",
    "partner_roles": "The partner finds the mentors; the unit interviews them.",
    "interfaces": "Both meet each quarter.",
    "dispute_steps": "The contacts talk; then the managers meet.",
    "hand_over_to": "DK-0851/hjoerring",
    "handed_to": "DK-0851/hjoerring",
}
BY_FORMAT = {"date": "2026-03-16", "date-time": "2026-03-16T10:00:00+01:00"}


def draft(model: type[BaseModel]) -> dict[str, Any]:
    """A document that fits the model, with all of its fields."""
    schema = model.model_json_schema()
    content = _value("", schema, schema)
    document: dict[str, Any] = json.loads(model.model_validate_json(json.dumps(content)).model_dump_json())
    return document


def _value(name: str, schema: Schema, root: Schema) -> Any:
    if "$ref" in schema:
        return _value(name, root["$defs"][schema["$ref"].rpartition("/")[2]], root)
    if "anyOf" in schema:
        return _value(name, schema["anyOf"][0], root)
    if "const" in schema or "enum" in schema:
        return schema.get("const", schema.get("enum", [None])[0])
    return DRAWN[schema.get("type", "null")](name, schema, root)


def _object(name: str, schema: Schema, root: Schema) -> Any:
    others = schema.get("additionalProperties")
    if "properties" not in schema and isinstance(others, dict):
        return {"da": _value(name, others, root)}
    return {field: _value(field, content, root) for field, content in schema.get("properties", {}).items()}


def _text(name: str, schema: Schema, root: Schema) -> str:
    if schema.get("format") == "uuid":
        return str(uuid5(NAMESPACE_OID, name))
    if schema.get("minLength", 0) > len("other"):
        return KNOWN.get(name, "The contact person cannot be reached today.")
    return BY_FORMAT.get(schema.get("format", ""), KNOWN.get(name, "other"))


def _number(name: str, schema: Schema, root: Schema) -> int:
    return max(1, int(schema.get("minimum", 1)))


DRAWN: dict[str, Callable[[str, Schema, Schema], Any]] = {
    "object": _object,
    "array": lambda name, schema, root: [
        _value(name.removesuffix("s") + str(number or ""), schema.get("items", {}), root)
        for number in range(schema.get("minItems", 1))
    ],
    "string": _text,
    "integer": _number,
    "number": _number,
    "boolean": lambda name, schema, root: False,
    "null": lambda name, schema, root: None,
}


if __name__ == "__main__":
    missing = {**events(), **commands()}.keys() - golden_files().keys()
    for contract in sorted(missing):
        path = GOLDEN / f"{contract}.json"
        path.write_text(as_text(draft({**events(), **commands()}[contract])), encoding="utf-8")
        print(f"drafted {path.name}; make it a believable case, then: python -m shared.contracts.generate")
