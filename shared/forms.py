"""From a page's form to the document that a command is read from.

`a.b` nests, `name[]` repeats, a blank is left out. A few fields are the page's own and not the
command's; every form may carry them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from fastapi import Request
from starlette.datastructures import FormData, UploadFile

KEY_FIELD = "Idempotency-Key"
# What is no path, or what a browser takes for another site: it reads a backslash as a slash, and leaves out
# tabs and ends of lines before it looks.
ELSEWHERE = re.compile(r"[^/]|/[/\\]|.*[\x00-\x20\x7f]", re.DOTALL)
ASKED_FIELD = "_asked"
"""One for each question: how it was asked, so that it can be asked again (`shared/retyping.py`)."""
PAGE_FIELDS = ("return_to", KEY_FIELD, "token", ASKED_FIELD)


def is_form(request: Request) -> bool:
    kind = request.headers.get("content-type", "").split(";")[0].strip()
    return kind in ("application/x-www-form-urlencoded", "multipart/form-data")


def document_of(form: FormData) -> tuple[dict[str, Any], dict[str, Any]]:
    """The page's own fields, and the command's."""
    own: dict[str, Any] = {}
    fields: dict[str, Any] = {}
    for name, value in form.multi_items():
        if isinstance(value, UploadFile) or not value.strip():
            continue
        if name in PAGE_FIELDS:
            own[name] = value
        else:
            _put(fields, name.removesuffix("[]").split("."), value, repeats=name.endswith("[]"))
    return own, _with_lists(fields)


def _put(target: dict[str, Any], path: list[str], value: str, *, repeats: bool) -> None:
    *parents, last = path
    for parent in parents:
        inner = target.setdefault(parent, {})
        if not isinstance(inner, dict):
            return
        target = inner
    if repeats:
        listed = target.setdefault(last, [])
        if isinstance(listed, list):
            listed.append(value)
    else:
        target[last] = value


def _with_lists(node: Any) -> Any:
    """`wishes.0.plan` makes a list: a mapping whose keys are all numbers."""
    if not isinstance(node, Mapping):
        return node
    inner = {name: _with_lists(value) for name, value in node.items()}
    if inner and all(name.isdecimal() for name in inner):
        return [inner[name] for name in sorted(inner, key=int)]
    return inner


def safe_return(path: str | None, fallback: str = "/") -> str:
    """A path on this very site, and nothing else."""
    return path if path and ELSEWHERE.match(path) is None else fallback
