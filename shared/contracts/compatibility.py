"""Whether a schema still takes all that its earlier form took, and still has all that it had.

Job: compare two JSON Schemas of one contract. Guarantee: a field that was removed (or renamed), that
is newly required, or that is narrowed in type or values is named by its path; what is added or widened
is not. It is careful rather than clever: a constraint that it does not know counts as a narrowing when
it changes. It does not look at descriptions and defaults, and takes no schema that holds itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

Schema = dict[str, Any]

ANNOTATIONS = {"$id", "$schema", "$defs", "title", "description", "default", "examples", "deprecated"}
COMPARED = {"type", "enum", "const", "properties", "required", "additionalProperties", "items", "anyOf"}
AT_LEAST = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
AT_MOST = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
PLACED = ("x-makker-topic", "x-makker-key", "x-makker-service")


class _Roots(NamedTuple):
    """The two documents, in which `$ref` is looked up."""

    old: Schema
    new: Schema


def breaks(old: Schema, new: Schema) -> list[str]:
    """What readers or senders of `old` would stumble over in `new`; none where `$id` has a new version."""
    if old.get("$id") != new.get("$id"):
        return []
    moved = [
        f"{keyword[9:]} was {old[keyword]}, is {new.get(keyword)}"
        for keyword in PLACED
        if keyword in old and old[keyword] != new.get(keyword)
    ]
    return moved + list(_compare(old, new, _Roots(old, new), ""))


def _compare(old: Schema, new: Schema, roots: _Roots, path: str) -> Iterator[str]:
    """Each alternative of the old schema must fit one of the new; the nearest one says why it does not."""
    others = _options(new, roots.new)
    for option in _options(old, roots.old):
        tries = [
            list(_compare_option(option, other, roots, path)) for other in others if _same_type(option, other)
        ]
        if not tries:
            yield f"{path or 'the message'}: was {_said(option)}, is {' or '.join(map(_said, others))}"
        elif all(tries):
            yield from min(tries, key=len)


def _compare_option(old: Schema, new: Schema, roots: _Roots, path: str) -> Iterator[str]:
    where = path or "the message"
    were, are = _values(old), _values(new)
    if were is not None:
        gone = [value for value in were if not _takes(new, are, value)]
        if gone:
            yield f"{where}: no longer takes {', '.join(map(repr, gone))}"
        return
    if are is not None:
        yield f"{where}: takes {', '.join(map(repr, are))} alone"
    yield from (f"{where}: {fault}" for fault in _tightened(old, new))
    yield from _compare_fields(old, new, roots, path)
    if old.get("type") == "array":
        yield from _compare(old.get("items", {}), new.get("items", {}), roots, f"{path}[]")


def _compare_fields(old: Schema, new: Schema, roots: _Roots, path: str) -> Iterator[str]:
    had, has = old.get("properties", {}), new.get("properties", {})
    for name, was in had.items():
        field = f"{path}.{name}" if path else name
        if name not in has:
            yield f"{field}: removed or renamed"
        else:
            yield from _compare(was, has[name], roots, field)
    for name in new.get("required", []):
        if name not in old.get("required", []):
            field = f"{path}.{name}" if path else name
            yield f"{field}: newly required" + ("" if name in had else " (give the new field a default)")
    others_were, others_are = old.get("additionalProperties", True), new.get("additionalProperties", True)
    if others_were is not False and others_are is not True and others_were != others_are:
        field = f"{path}.*" if path else "*"
        if others_are is False:
            yield f"{field}: unknown fields are no longer taken"
        else:
            yield from _compare({} if others_were is True else others_were, others_are, roots, field)


def _options(schema: Schema, root: Schema) -> list[Schema]:
    """The schema, resolved, as the list of its alternatives."""
    while "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        schema = {**root["$defs"][name], **{key: value for key, value in schema.items() if key != "$ref"}}
    alternatives = schema.get("anyOf")
    if alternatives is None:
        return [schema]
    return [option for alternative in alternatives for option in _options(alternative, root)]


def _same_type(old: Schema, new: Schema) -> bool:
    was, is_ = old.get("type"), new.get("type")
    return is_ is None or was == is_ or (was, is_) == ("integer", "number")


def _values(schema: Schema) -> list[Any] | None:
    return [schema["const"]] if "const" in schema else schema.get("enum")


def _takes(schema: Schema, values: Iterable[Any] | None, value: Any) -> bool:
    if values is not None:
        return value in values
    if isinstance(value, str):
        long_enough = schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value))
        return long_enough and re.search(schema.get("pattern", ""), value) is not None
    return True


def _tightened(old: Schema, new: Schema) -> Iterator[str]:
    for keyword, value in new.items():
        was = old.get(keyword)
        if was == value or keyword in ANNOTATIONS or keyword in COMPARED or keyword in PLACED:
            continue
        if keyword in AT_LEAST and was is not None and was >= value:
            continue
        if keyword in AT_MOST and was is not None and was <= value:
            continue
        yield f"{keyword} is {value}" + ("" if was is None else f", was {was}")


def _said(schema: Schema) -> str:
    """The type in a word; a value with fields is called by its name."""
    named = schema.get("title") if schema.get("type") == "object" else schema.get("format")
    return str(named or schema.get("type", "anything"))
