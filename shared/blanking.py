"""What identity and free text leave behind: the same value with those fields empty.

Job: blank the fields that contracts and documents mark as `Identity` or `FreeText`, however deep. Guarantee:
pure, and what is blanked still fits its model, so that counts and stories can be read. It decides nothing.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel

from shared.contracts.model import Mark

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
