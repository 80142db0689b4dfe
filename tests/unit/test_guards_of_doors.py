"""What passes no door: ways to another site, people without a role, and words in a log or a plain view."""

from __future__ import annotations

import io
import json
import logging
from datetime import UTC, datetime

import pytest
import structlog
from starlette.requests import Request

from shared import logs, maintenance
from shared.access import Access, Issuer, NotAllowed
from shared.contracts.matching import MatchAgreed
from shared.forms import safe_return
from shared.links import Reader, new_key
from shared.messages import Record
from shared.reading import read

ELSEWHERE = (
    "//x.example",
    "/\\x.example",
    "/\t/x.example",
    "/\n\\x.example",
    "\t//x.example",
    "https://x",
    "",
)


@pytest.mark.parametrize("path", ELSEWHERE)
def test_no_form_leads_to_another_site(path: str) -> None:
    assert safe_return(path, "/home") == "/home"


@pytest.mark.parametrize("path", ["/", "/intake/cases?state=ready&q=a%20b", "/intake/cases/{id}#x"])
def test_a_form_leads_back_to_its_page(path: str) -> None:
    assert safe_return(path, "/home") == path


@pytest.mark.parametrize("roles", [[], ["none"], ["publisher", "none"]])
def test_who_has_no_role_of_the_staff_is_not_staff(roles: list[str]) -> None:
    private, public = new_key("session")
    token = Issuer(private, "test").token("kirsten", roles, ["DK-0169"])
    scope = {"type": "http", "headers": [(b"authorization", f"Bearer {token}".encode())]}
    access = Access(public, Reader('{"keys": []}'), lambda: datetime(2026, 11, 23, tzinfo=UTC))
    with pytest.raises(NotAllowed):
        access.staff(Request(scope))


@pytest.mark.parametrize(
    ("ce_type", "shown"),
    [
        (b"makker.MatchAgreed.v1", "makker.MatchAgreed.v1"),
        (b"Amina Eksempel", "?"),
        (b"\xff\xfe", "?"),
    ],
)
def test_a_parked_message_shows_no_header_but_a_type_of_ours(ce_type: bytes, shown: str) -> None:
    headers = (("ce_type", ce_type), ("content-type", b"application/cloudevents+json"))
    message = read({MatchAgreed}, "intake", Record("matching-events-v1", 0, 0, b"k", b"no JSON", headers))
    assert message is not None and message.fault is not None
    assert message.type == shown


def test_a_library_that_logs_an_error_in_words_logs_its_first_line() -> None:
    written = io.StringIO()
    before = logging.root.handlers[:]
    try:
        logs.configure(to=written)
        # As asyncio does for a task whose error nobody asked for.
        logging.getLogger("asyncio").error(
            f"Task exception was never retrieved\nfuture: {ValueError('Amina')!r}"
        )
    finally:
        logging.root.handlers = before
        structlog.reset_defaults()
    line = json.loads(written.getvalue())
    assert line["message"] == "Task exception was never retrieved"
    assert "Amina" not in written.getvalue()


def test_a_first_answer_is_kept_as_long_as_its_command_is_known() -> None:
    assert maintenance.ANSWERS_KEPT == maintenance.INBOX_KEPT
