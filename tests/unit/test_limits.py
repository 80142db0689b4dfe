"""How often one sender may do something, and who one sender is."""

from __future__ import annotations

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from shared import limits
from shared.limits import Limit, Senders, slow_guesses


class Seconds:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def used(limit: Limit, sender: str, times: int) -> None:
    for _ in range(times):
        assert limit.wait_seconds(sender) == 0
        limit.count(sender)


def test_so_many_may_come_at_once_and_then_one_at_a_time() -> None:
    seconds = Seconds()
    limit = Limit(3, 60, seconds)
    used(limit, "a", 3)
    assert limit.wait_seconds("a") == 20
    assert limit.wait_seconds("b") == 0
    seconds.now += 19
    assert limit.wait_seconds("a") == 1
    seconds.now += 1
    used(limit, "a", 1)
    assert limit.wait_seconds("a") == 20
    seconds.now += 60
    used(limit, "a", 3)


def test_whoever_was_not_seen_for_longest_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MOST_SENDERS", 2)
    limit = Limit(1, 60, Seconds())
    for sender in ("a", "b", "c"):
        limit.count(sender)
    assert [limit.wait_seconds(sender) > 0 for sender in ("a", "b", "c")] == [False, True, True]


def request(client: str | None, *forwarded: str) -> Request:
    headers = [(b"x-forwarded-for", one.encode()) for one in forwarded]
    return Request({"type": "http", "headers": headers, "client": (client, 1) if client else None})


@pytest.mark.parametrize(
    ("proxies", "one", "other", "are_one"),
    [
        (0, ("10.0.0.1", "1.1.1.1"), ("10.0.0.1", "2.2.2.2"), True),
        (0, ("10.0.0.1",), ("10.0.0.2",), False),
        (1, ("10.0.0.1", "1.1.1.1"), ("10.0.0.1", "2.2.2.2"), False),
        (1, ("10.0.0.1", "6.6.6.6, 1.1.1.1"), ("10.0.0.9", "7.7.7.7, 1.1.1.1"), True),
        (1, ("10.0.0.1", "6.6.6.6", "1.1.1.1"), ("10.0.0.9", "1.1.1.1"), True),
        (2, ("10.0.0.1", "6.6.6.6, 1.1.1.1, 10.0.0.5"), ("10.0.0.1", "1.1.1.1, 10.0.0.6"), True),
        (2, ("10.0.0.1", "1.1.1.1"), ("10.0.0.1", "2.2.2.2"), True),
        (0, ("2001:db8:1:2::1",), ("2001:db8:1:2:ffff::9",), True),
        (0, ("2001:db8:1:2::1",), ("2001:db8:1:3::1",), False),
        (1, ("10.0.0.1", ""), ("10.0.0.1",), True),
    ],
)
def test_a_sender_is_who_called_our_outermost_proxy(
    proxies: int, one: tuple[str, ...], other: tuple[str, ...], are_one: bool
) -> None:
    senders = Senders(proxies)
    assert (senders.of(request(*one)) == senders.of(request(*other))) is are_one


def test_an_address_is_not_kept_and_not_known_to_another_process() -> None:
    hidden = Senders(0).of(request("10.0.0.1"))
    assert "10.0" not in hidden
    assert hidden != Senders(0).of(request("10.0.0.1"))
    assert Senders(0).of(request(None))


async def visit(app: object, path: str) -> int:
    transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        return (await client.get(path)).status_code


async def test_who_guesses_links_has_to_wait_and_who_has_one_has_not() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        known = scope["path"].endswith("/mine-it-is") or scope["path"].startswith("/intake/api")
        await PlainTextResponse("", 200 if known else 404)(scope, receive, send)

    def refuse(request: Request, seconds: int) -> Response:
        return PlainTextResponse("", 429, {"Retry-After": str(seconds)})

    guarded = slow_guesses(app, Senders(0), refuse, Limit(3, 60, Seconds()))
    assert [await visit(guarded, "/matching/answer/mine-it-is") for _ in range(5)] == [200] * 5
    assert [await visit(guarded, f"/followup/mine/{n}") for n in range(4)] == [404, 404, 404, 429]
    assert await visit(guarded, "/intake/enquiry/confirm/x") == 429
    assert [await visit(guarded, f"/intake/api/{n}") for n in range(5)] == [200] * 5
