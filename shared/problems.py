"""What is said when something cannot be done: RFC 9457 problems with stable codes.

Guarantee: no problem repeats what was typed; a field is named by its path, a fault by its code.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError
from starlette.responses import JSONResponse, Response

TITLES = {
    401: "Sign in first",
    403: "Not allowed",
    404: "Not found",
    405: "Not this way",
    409: "Refused",
    413: "Too large",
    415: "Neither JSON nor a form",
    422: "Does not fit",
    429: "Too many requests",
    500: "A fault of ours",
    503: "Not now",
}


NAME = re.compile(r"[a-z0-9_]{1,40}")


class Problem(Exception):
    """`errors` are (code, field, message); `values` are further members of the answer.

    `retry_after_seconds` is when to come again, of what is too much (429) or not possible now (503).
    """

    def __init__(
        self,
        status: int,
        code: str,
        *,
        field: str = "",
        detail: str = "",
        errors: Iterable[tuple[str, str, str]] = (),
        values: Mapping[str, Any] | None = None,
        retry_after_seconds: int = 5,
    ) -> None:
        super().__init__(code)
        self.retry_after_seconds = retry_after_seconds
        self.status = status
        self.code = code
        self.detail = detail
        self.errors = tuple(errors) or ((code, field, detail or code.replace("_", " ")),)
        self.values = dict(values or {})

    @property
    def headers(self) -> dict[str, str]:
        return {"Retry-After": str(self.retry_after_seconds)} if self.status in (429, 503) else {}

    def response(self) -> Response:
        body = {
            "type": "about:blank",
            "title": TITLES.get(self.status, "Problem"),
            "status": self.status,
            "code": self.code,
            "detail": self.detail or self.code.replace("_", " "),
            "errors": [{"code": c, "field": f, "message": m} for c, f, m in self.errors],
        }
        headers = self.headers
        if self.status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        return JSONResponse(
            {**{k: _plain(v) for k, v in self.values.items()}, **body},
            self.status,
            headers,
            media_type="application/problem+json",
        )


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | int | float | bool | list | None) else str(value)


def of_validation(error: ValidationError) -> list[tuple[str, str, str]]:
    """A document's faults by code and path."""
    return of_faults(error.errors(include_input=False, include_url=False, include_context=False))


def of_faults(faults: Iterable[Mapping[str, Any]]) -> list[tuple[str, str, str]]:
    """Pydantic's faults by code and path, without the input that caused them.

    A field that is not known stands in its path under the name that was typed, which may be anything; and
    of what is no UUID the message would say where it fails.
    """
    return [
        (
            fault["type"],
            ".".join(part if NAME.fullmatch(part) else "?" for part in map(str, fault["loc"])),
            fault["msg"].partition(", invalid")[0],
        )
        for fault in faults
    ]
