"""A form that was refused, asked again with what was typed in it.

Job: from what a browser sent, the questions of the form as they were asked and the answers as they were
typed; and what has been done since by somebody else, where that is why it was refused. Guarantee: it holds
for every form that `macros.html` makes, whatever its command, with a script and without; each question
travels with the form (`_asked`), so that nothing about any form stands here; what is no question of a form's
is left out, and all is escaped where it is shown. It decides nothing and saves nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from shared.corridor import Service
from shared.forms import ASKED_FIELD, KEY_FIELD, PAGE_FIELDS
from shared.problems import Problem

TYPED = ("text", "email", "tel", "number", "date", "time", "datetime-local", "search", "textarea")
SEVERAL = frozenset({"checkboxes"})
CHOSEN = frozenset({"select", "radio", "checkboxes"})
KINDS = frozenset({*TYPED, *CHOSEN, "checkbox"})
NAME = re.compile(r"[A-Za-z0-9_.\-]{1,200}(\[\])?")
MOST_QUESTIONS = 200
MOST_CHANGES = 20

Items = Sequence[tuple[str, str]]
Error = Mapping[str, str]
OptionsOf = Callable[[str], Sequence[tuple[str, str]]]


@dataclass(frozen=True)
class Retyped:
    """A form as it was typed: `fields` as the `field` macro takes them, `hidden` as they came.

    `errors` lead to the fields; those that belong to none say so by an empty field.
    """

    action: str
    fields: tuple[dict[str, Any], ...]
    hidden: tuple[tuple[str, str], ...]
    errors: tuple[dict[str, str], ...] = ()

    @property
    def answered(self) -> list[dict[str, Any]]:
        """What was answered, or must be; a long form has many questions that were left alone."""
        return [one for one in self.fields if self._is_answered(one)]

    @property
    def left_alone(self) -> list[dict[str, Any]]:
        return [one for one in self.fields if not self._is_answered(one)]

    def _is_answered(self, one: Mapping[str, Any]) -> bool:
        return bool(
            one["value"] or one["required"] or any(error["field"] == one["name"] for error in self.errors)
        )


@dataclass(frozen=True)
class Change:
    """What somebody did meanwhile: an event or a command by name, when, and by whom where it is known."""

    what: str
    at: datetime
    by: UUID | None = field(default=None)


def retyped(action: str, items: Items, errors: Sequence[Error], options_of: OptionsOf) -> Retyped | None:
    """The form again; None if it asked nothing that somebody could have typed."""
    questions = _questions(items)
    if not questions:
        return None
    fields = [_filled(one, items, options_of) for one in questions]
    names = {_base(one["name"]): one["name"] for one in fields}
    found = tuple({**error, "field": _field_of(error.get("field", ""), names)} for error in errors)
    own = {*PAGE_FIELDS, KEY_FIELD, "version"} - {"token"}
    hidden = tuple((name, value) for name, value in items if _base(name) not in names and name not in own)
    return Retyped(action, tuple(fields), hidden, found)


def _questions(items: Items) -> list[dict[str, Any]]:
    """The questions that travelled with the form, each once; what is none of ours is left out."""
    found: dict[str, dict[str, Any]] = {}
    for name, value in items:
        if name != ASKED_FIELD or len(found) == MOST_QUESTIONS:
            continue
        try:
            question = json.loads(value)
            asked, label, kind = question["name"], question["label"], question["kind"]
        except (ValueError, KeyError, TypeError, RecursionError):
            continue
        if isinstance(label, str) and kind in KINDS and isinstance(asked, str) and NAME.fullmatch(asked):
            found.setdefault(asked, question)
    return list(found.values())


def _filled(question: Mapping[str, Any], items: Items, options_of: OptionsOf) -> dict[str, Any]:
    name, kind = question["name"], question["kind"]
    typed = [value for one, value in items if _base(one) == _base(name)]
    filled: dict[str, Any] = {
        "name": name,
        "label": question["label"],
        "kind": kind,
        "required": question.get("required") is True,
        "value": typed if kind in SEVERAL else typed[0] if typed else "",
    }
    if kind in CHOSEN:
        filled["options"] = _options(question, options_of)
    attributes = question.get("attributes")
    if isinstance(attributes, dict):
        filled["attributes"] = {
            name: value
            for name, value in attributes.items()
            if name in ("min", "max", "step", "rows", "inputmode")
        }
    return filled


def _options(question: Mapping[str, Any], options_of: OptionsOf) -> Sequence[tuple[str, str]]:
    list_name, own = question.get("list"), question.get("options")
    if isinstance(list_name, str):
        with suppress(KeyError):  # Of another version's codes.
            return options_of(list_name)
    return [(str(one[0]), str(one[1])) for one in own or () if isinstance(one, list) and len(one) >= 2]


def _base(name: str) -> str:
    return name.removesuffix("[]")


def _field_of(path: str, names: Mapping[str, str]) -> str:
    """The question that a fault's path leads to: its own, or the one that the list it is in was asked by."""
    while path and path not in names:
        path = path.rpartition(".")[0]
    return names.get(path, "")


def is_kept(problem: Problem) -> bool:
    """Whether it makes sense to ask again: not of those who may not do this at all."""
    return problem.status not in (401, 403, 404, 413, 415)


async def changes(service: Service, about: str, shown: int) -> list[Change]:
    """What has been done with an aggregate since somebody was shown it, in order."""
    try:
        told = await service.pool.fetch(
            "SELECT o.type, o.cause, o.written_at, a.answer ->> 'by' AS by FROM outbox o "
            "LEFT JOIN command_answer a ON a.id = o.cause "
            "WHERE o.key = $1 AND o.version > $2 ORDER BY o.position LIMIT $3",
            about,
            shown,
            MOST_CHANGES,
        )
        done = await service.pool.fetch(
            "SELECT answer ->> 'command' AS command, answered_at, answer ->> 'by' AS by FROM command_answer "
            "WHERE answer ->> 'id' = $1 AND (answer ->> 'version')::int > $2 AND NOT id = ANY($3::uuid[]) "
            "ORDER BY answered_at LIMIT $4",
            about,
            shown,
            [row["cause"] for row in told],
            MOST_CHANGES,
        )
    except asyncpg.PostgresError:
        return []
    found = [Change(row["type"], row["written_at"], _person(row["by"])) for row in told]
    found += [Change(row["command"] or "", row["answered_at"], _person(row["by"])) for row in done]
    return sorted(found, key=lambda one: one.at)


def _person(text: str | None) -> UUID | None:
    return UUID(text) if text else None
