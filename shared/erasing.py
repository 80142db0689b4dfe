"""Erasing: the list of the erased, and what identity and free text leave behind.

Job: blank the fields that contracts and documents mark as `Identity` or `FreeText`, in a value and in the
journal, and keep the list of ids that never come back. Guarantee: what is blanked still fits its model, so
that counts and stories can be read; a message about an id on the list has no effect, whichever door it comes
by and however late. It decides nobody's erasing: that is intake's workflow, and the others follow it.
"""

from __future__ import annotations

import types
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cache
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin
from uuid import UUID

from pydantic import BaseModel

from shared.contracts.model import EVENTS, Mark
from shared.postgres import Connection

M = TypeVar("M", bound=BaseModel)


def blanked(value: M) -> M:
    """The same value without identity and free text: an optional field is None, a required one is empty."""
    update = {
        name: _blank(getattr(value, name), field.annotation, tuple(field.metadata))
        for name, field in type(value).model_fields.items()
        if _holds_marks(field.annotation, tuple(field.metadata))
    }
    return value.model_copy(update=update)


def _blank(value: Any, annotation: Any, metadata: tuple[Any, ...] = ()) -> Any:
    if value is None:
        return None
    if any(isinstance(one, Mark) for one in metadata):
        return ""
    if isinstance(value, BaseModel):
        return blanked(value)
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _blank(value, inner[0], inner[1:])
    if origin in (Union, types.UnionType):
        marked = [one for one in inner if one is not type(None) and _holds_marks(one, ())]
        if not marked:
            return value
        return None if type(None) in inner and isinstance(value, str) else _blank(value, marked[0])
    if isinstance(value, Mapping):
        return {key: _blank(item, inner[-1]) for key, item in value.items()}
    if isinstance(value, tuple | list):
        blank = [_blank(item, inner[0]) for item in value]
        return tuple(blank) if isinstance(value, tuple) else blank
    return value


def _holds_marks(annotation: Any, metadata: tuple[Any, ...]) -> bool:
    if any(isinstance(one, Mark) for one in metadata):
        return True
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return holds_marks(annotation)
    return any(_holds_marks(one, ()) or isinstance(one, Mark) for one in get_args(annotation))


@cache
def holds_marks(model: type[BaseModel]) -> bool:
    """Whether a model has a field, however deep, that erasing blanks."""
    return any(_holds_marks(field.annotation, tuple(field.metadata)) for field in model.model_fields.values())


async def listed(connection: Connection, ids: Iterable[UUID]) -> set[UUID]:
    """Which of the ids stand on the list of the erased."""
    rows = await connection.fetch(
        "SELECT id FROM erased WHERE id = ANY($1::uuid[])", sorted(set(ids), key=int)
    )
    return {row["id"] for row in rows}


async def erase(connection: Connection, erased: Mapping[UUID, str], now: datetime) -> None:
    """Put ids on the list, blank what the journal tells of them, and delete what was parked about them.

    `erased` gives each id the message, as JSON without identity, that a restored database is told again.
    """
    ids = sorted(erased, key=int)
    keys = [str(id_) for id_ in ids]
    await connection.execute(
        # Erased twice is erased: the first time counts.
        "INSERT INTO erased (id, body, erased_at) SELECT id, body, $3 "
        "FROM unnest($1::uuid[], $2::text[]) AS e (id, body) ON CONFLICT DO NOTHING",
        ids,
        [erased[id_] for id_ in ids],
        now,
    )
    marked = {name: model for name, model in EVENTS.items() if holds_marks(model)}
    rows = await connection.fetch(
        "SELECT position, written_at, type, body FROM outbox "
        "WHERE key = ANY($1::text[]) AND type = ANY($2::text[]) AND body IS NOT NULL",
        keys,
        sorted(marked),
    )
    await connection.executemany(
        "UPDATE outbox SET body = $3 WHERE position = $1 AND written_at = $2",
        [
            (
                row["position"],
                row["written_at"],
                blanked(marked[row["type"]].model_validate_json(row["body"])).model_dump_json(by_alias=True),
            )
            for row in rows
        ],
    )
    await connection.execute("DELETE FROM parked WHERE key = ANY($1::text[])", keys)
    await connection.execute("DELETE FROM parked_key WHERE key = ANY($1::text[])", keys)
