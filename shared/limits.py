"""How often one sender may do something: limits kept in memory, for doors that need no sign-in.

Job: count by sender, say how long to wait, and hold off who guesses links. Guarantee: a sender is known by
a hash whose key the process forgets when it ends, and the memory it takes is bounded. Each replica counts by
itself, so that with n of them n times as much passes; what must hold over all replicas is counted in the
database. It answers nothing: a door says what 429 looks like.
"""

from __future__ import annotations

import hashlib
import hmac
import math
import re
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from ipaddress import ip_address, ip_network

from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_SENDERS = 50_000
"""Beyond that whoever was seen least recently is forgotten."""
LINKS = re.compile(r"/(intake/sign-in|intake/enquiry/confirm|matching/answer|followup/mine)(/|$)")
MISSED = frozenset({401, 403, 404, 422})
MOST_MISSES, WITHIN_SECONDS = 30, 600.0


class Limit:
    """At most `most` within `seconds`, then one each `seconds / most`; `clock` counts seconds.

    One number is kept of each sender: the moment at which all that they did would be due, were it done at
    that pace.
    """

    def __init__(self, most: int, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._pace, self._seconds, self._clock = seconds / most, seconds, clock
        self._due: OrderedDict[str, float] = OrderedDict()

    def wait_seconds(self, sender: str) -> int:
        """How long the sender must wait until they may do it again; 0 where they may now."""
        now = self._clock()
        return math.ceil(max(0.0, self._after(sender, now) - now - self._seconds))

    def count(self, sender: str) -> None:
        """Note that they did it."""
        self._due[sender] = self._after(sender, self._clock())
        self._due.move_to_end(sender)
        if len(self._due) > MOST_SENDERS:
            self._due.popitem(last=False)

    def _after(self, sender: str, now: float) -> float:
        return max(now, self._due.get(sender, now)) + self._pace


class Senders:
    """Tells senders apart by their address, without keeping it.

    `proxies` is how many of our own stand before us: each adds to X-Forwarded-For whom it was called by, so
    the entry that the outermost one wrote is that many from the end. What stands before it anybody may write.
    """

    def __init__(self, proxies: int) -> None:
        self._proxies = proxies
        self._key = secrets.token_bytes(16)

    def of(self, request: HTTPConnection) -> str:
        return hmac.new(self._key, self._address(request).encode(), hashlib.sha256).hexdigest()[:24]

    def _address(self, request: HTTPConnection) -> str:
        named = ",".join(request.headers.getlist("x-forwarded-for")).split(",")
        if self._proxies and len(named) >= self._proxies and named[-self._proxies].strip():
            return _household(named[-self._proxies].strip())
        return _household(request.client.host) if request.client else ""


def _household(address: str) -> str:
    """The address; of IPv6 the network, for a household has more addresses than can be counted."""
    try:
        known = ip_address(address)
    except ValueError:
        return address[:100]
    return str(ip_network((known, 64), strict=False)) if known.version == 6 else address


def slow_guesses(
    app: ASGIApp,
    senders: Senders,
    refuse: Callable[[Request, int], Response],
    limit: Limit | None = None,
) -> ASGIApp:
    """Middleware: who opens link after link that is none of ours, or fails to sign in, has to wait.

    Only what missed is counted: whoever has a link of their own may open it as often as they like.
    """
    misses = limit or Limit(MOST_MISSES, WITHIN_SECONDS)

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or LINKS.match(scope["path"]) is None:
            await app(scope, receive, send)
            return
        request = Request(scope, receive)
        sender = senders.of(request)
        wait_seconds = misses.wait_seconds(sender)
        if wait_seconds:
            await refuse(request, wait_seconds)(scope, receive, send)
            return

        async def watch(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] in MISSED:
                misses.count(sender)
            await send(message)

        await app(scope, receive, watch)

    return answer
