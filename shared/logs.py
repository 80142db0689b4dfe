"""Logs: one JSON object a line, for the operator who is woken at night.

Guarantee: nothing personal. What is logged are types, ids of ours, counts and places in the code; an
exception is logged by its class and frames, never by its text, which may hold what somebody wrote.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from pathlib import Path
from typing import Any, TextIO

import structlog


def where(error: BaseException) -> dict[str, Any]:
    """An exception as log fields: its class and the last frames, without its text."""
    frames = traceback.extract_tb(error.__traceback__)[-4:]
    places = [f"{Path(f.filename).parent.name}/{Path(f.filename).name}:{f.lineno} {f.name}" for f in frames]
    fields: dict[str, Any] = {"error": type(error).__name__, "at": places}
    code = getattr(error, "sqlstate", None)
    return fields | ({"sqlstate": code} if code else {})


def configure(level: str = "INFO", to: TextIO = sys.stdout) -> None:
    """Send structlog and the libraries' own logs to `to` (standard output) as JSON lines."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
        logger_factory=structlog.PrintLoggerFactory(to),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(to)
    handler.setFormatter(_Library())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("uvicorn.access").disabled = True


class _Library(logging.Formatter):
    """A library's log line by its logger, level and place; its arguments may hold data and are left out."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "event": "library",
            "logger": record.name,
            "level": record.levelname.lower(),
            # asyncio writes the error's own text below the first line.
            "message": str(record.msg).partition("\n")[0][:200],
        }
        if record.exc_info and record.exc_info[1] is not None:
            line |= where(record.exc_info[1])
        return json.dumps(line)
