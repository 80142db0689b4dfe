"""From a page's form to the document that a command is read from.

`a.b` nests, `name[]` repeats, a blank is left out. A few fields are the page's own and not the
command's; every form may carry them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from fastapi import Request
from starlette.datastructures import FormData, UploadFile

KEY_FIELD = "Idempotency-Key"
# What is no path, or what a browser takes for another site: it reads a backslash as a slash, and leaves out
# tabs and ends of lines before it looks.
ELSEWHERE = re.compile(r"[^/]|/[/\\]|.*[\x00-\x20\x7f]", re.DOTALL)
ASKED_FIELD = "_asked"
"""One for each question: how it was asked, so that it can be asked again (`shared/retyping.py`)."""
ZONE_FIELD = "_zone"
"""The time zone that a page's times are typed in: that of the unit the page is about."""
PAGE_FIELDS = ("return_to", KEY_FIELD, "token", ASKED_FIELD, ZONE_FIELD)
CLEARED = frozenset({"text", "email", "tel", "textarea"})
TYPED_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?")


def is_form(request: Request) -> bool:
    kind = request.headers.get("content-type", "").split(";")[0].strip()
    return kind in ("application/x-www-form-urlencoded", "multipart/form-data")


def document_of(form: FormData) -> tuple[dict[str, Any], dict[str, Any]]:
    """The page's own fields, and the command's."""
    own: dict[str, Any] = {}
    fields: dict[str, Any] = {}
    zone = _zone(form.get(ZONE_FIELD))
    for name, value in form.multi_items():
        if isinstance(value, UploadFile) or not value.strip():
            continue
        if name in PAGE_FIELDS:
            own[name] = value
        else:
            moment = _moment(value, zone)
            _put(fields, name.removesuffix("[]").split("."), moment, repeats=name.endswith("[]"))
    for asked in form.getlist(ASKED_FIELD):
        _take_away(fields, _question(asked))
    return own, _with_lists(fields)


def _question(asked: object) -> Mapping[str, Any]:
    try:
        found = json.loads(asked) if isinstance(asked, str) else {}
    except (ValueError, RecursionError):
        found = {}
    return found if isinstance(found, dict) and isinstance(found.get("name"), str) else {"name": ""}


def _take_away(fields: dict[str, Any], question: Mapping[str, Any]) -> None:
    """What was asked and is left empty now: no box is ticked any more, or a text that was there is gone.

    A browser sends nothing for the one and a blank for the other. In a list of parts (`goals.0.title`) an
    empty part is none, and once all are empty the list is.
    """
    path = question["name"].removesuffix("[]").split(".")
    part = next((index for index, one in enumerate(path) if one.isdecimal()), None)
    if part is not None:
        if question.get("had"):
            _put_if_missing(fields, path[:part], [])
    elif question.get("kind") == "checkboxes":
        _put_if_missing(fields, path, [])
    elif question.get("had") and question.get("kind") == "checkbox":
        _put_if_missing(fields, path, "false")
    elif question.get("had") and question.get("kind") in CLEARED:
        _put_if_missing(fields, path, "")


def _put_if_missing(target: dict[str, Any], path: list[str], value: Any) -> None:
    *parents, last = path
    for parent in parents:
        inner = target.setdefault(parent, {})
        if not isinstance(inner, dict):
            return
        target = inner
    if last:
        target.setdefault(last, value)


def _zone(name: object) -> ZoneInfo | None:
    try:
        return ZoneInfo(name) if isinstance(name, str) else None
    except (ZoneInfoNotFoundError, ValueError, OSError):  # Nobody has it, or it leads out of the folder.
        return None


def _moment(value: str, zone: ZoneInfo | None) -> str:
    """A browser's `datetime-local` has no offset: it is a time on the clock where the page is about."""
    if zone is None or TYPED_MOMENT.fullmatch(value.strip()) is None:
        return value
    try:
        return datetime.fromisoformat(value.strip()).replace(tzinfo=zone).isoformat()
    except ValueError:
        return value


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
