"""What somebody outside can do: publish on Kafka, call over HTTP, read the mail and follow its links.

The demonstration and the tests play everybody through these doors alone. What is sent carries its key
and is sent again when nobody answers, as a careful client does it.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import date, datetime
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import httpx
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

LINK = re.compile(r"https?://[^\s<>\"]+")
PAUSE_SECONDS = 0.2
NOT_NOW = (429, 502, 503)

Token = Callable[[str, list[str]], Awaitable[str]]
Mails = Callable[[str], Awaitable[list[dict[str, Any]]]]


class Wrong(Exception):
    """An answer that was not expected; the text says of what and what it was."""


class Outside:
    """One program or person at the doors. `urls` say where each service is served, by its name.

    `patience_seconds` is how long a request that nobody answers is sent again.
    """

    def __init__(
        self, urls: Mapping[str, str], kafka: str, token: Token, mails: Mails, *, patience_seconds: float = 0
    ) -> None:
        self.kafka = kafka
        self.mails = mails
        self._urls = urls
        self._token = token
        self._patience_seconds = patience_seconds
        self._http = httpx.AsyncClient(timeout=60)
        self._producer: AIOKafkaProducer | None = None
        self._tokens: dict[str, str] = {}

    async def close(self) -> None:
        await self._http.aclose()
        if self._producer is not None:
            await self._producer.stop()

    async def token(self, role: str, units: list[str] | None = None) -> str:
        key = f"{role} {units}"
        if key not in self._tokens:
            self._tokens[key] = await self._token(role, units or [])
        return self._tokens[key]

    async def send(self, method: str, path: str, **more: Any) -> httpx.Response:
        """One request, sent again while nobody answers. `path` may be a whole link."""
        path = re.sub(r"^https?://[^/]+", "", path)
        service = path.split("/", 2)[1]
        url = self._urls.get(service, self._urls["intake"]) + path
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + self._patience_seconds
        while True:
            with suppress(httpx.TransportError):
                answer = await self._http.request(method, url, **more)
                if answer.status_code not in NOT_NOW or loop.time() >= ends_at:
                    return answer
            if loop.time() >= ends_at:
                raise Wrong(f"{method} {path}: nobody answers")
            await asyncio.sleep(PAUSE_SECONDS)

    async def ask(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        *,
        role: str | None = "caseworker",
        units: list[str] | None = None,
        expect: tuple[int, ...] = (200, 202),
        **headers: str,
    ) -> Any:
        """A request, signed in as `role`; its JSON. Raises `Wrong` for any other status than expected."""
        if role is not None:
            headers["Authorization"] = f"Bearer {await self.token(role, units)}"
        if method == "POST":
            headers.setdefault("Idempotency-Key", str(uuid4()))
        answer = await self.send(method, path, json=body, headers=headers)
        if answer.status_code not in expect:
            raise Wrong(f"{method} {path}: {answer.status_code} {answer.text[:1000]}")
        return answer.json()

    async def get(self, path: str, **more: Any) -> Any:
        return await self.ask("GET", path, **more)

    async def command(self, service: str, name: str, /, *, role: str = "coordinator", **fields: Any) -> Any:
        return await self.ask("POST", f"/{service}/api/commands/{name}", fields, role=role)

    async def publish(
        self, data: dict[str, Any] | bytes, *, source: str = "/vitas", id_: str | None = None
    ) -> None:
        """A referral, in binary mode, as a publisher sends it."""
        if self._producer is None:
            self._producer = AIOKafkaProducer(bootstrap_servers=self.kafka, max_request_size=4_194_304)
            await self._producer.start()
        headers = {
            "ce_specversion": "1.0",
            "ce_id": id_ or str(uuid4()),
            "ce_source": source,
            "ce_type": "makker.Referral.v1",
            "content-type": "application/json",
        }
        await self._producer.send_and_wait(
            "referrals-v1",
            data if isinstance(data, bytes) else json.dumps(data).encode(),
            headers=[(name, value.encode()) for name, value in headers.items()],
        )

    @asynccontextmanager
    async def listening(self, topic: str) -> AsyncIterator[list[dict[str, Any]]]:
        """All that is and comes on a topic, as `{"type", "key", **data}`, while the block runs."""
        consumer = AIOKafkaConsumer(
            topic,
            bootstrap_servers=self.kafka,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
        )
        await consumer.start()
        heard: list[dict[str, Any]] = []

        async def listen() -> None:
            async for record in consumer:
                kind = dict(record.headers).get("ce_type", b"").decode()
                key = (record.key or b"").decode()
                heard.append({"type": kind, "key": key, **json.loads(record.value or b"{}")})

        task = asyncio.create_task(listen())
        try:
            yield heard
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await consumer.stop()

    async def link(self, to: str, containing: str) -> str | None:
        """The newest link of this kind in somebody's mail, if there is one."""
        for mail in reversed(await self.mails(to)):
            for link in LINK.findall(mail["text"]):
                if containing in link:
                    return str(link)
        return None

    async def page(self, path: str, *, expect: tuple[int, ...] = (200,), role: str | None = None) -> str:
        """A page's HTML, as a browser without script would get it."""
        headers = {"Accept": "text/html"}
        if role is not None:
            headers["Cookie"] = f"makker_session={await self.token(role)}"
        answer = await self.send("GET", path, headers=headers)
        if answer.status_code not in expect:
            raise Wrong(f"GET {path}: {answer.status_code} {answer.text[:500]}")
        return answer.text

    async def post_form(self, path: str, fields: dict[str, str], expect: tuple[int, ...] = (303,)) -> str:
        """A page's form, sent; gives where it leads."""
        fields = {"Idempotency-Key": str(uuid4()), **fields}
        answer = await self.send("POST", path, data=fields)
        if answer.status_code not in expect:
            raise Wrong(f"POST {path}: {answer.status_code} {answer.text[:500]}")
        return str(answer.headers.get("location", ""))


class Visitor(Outside):
    """Somebody outside the demonstration, which has one address, tokens for the asking and a mailbox."""

    def __init__(self, url: str, kafka: str) -> None:
        super().__init__({"intake": url}, kafka, self._ask_for_token, self._read_mailbox)

    async def _ask_for_token(self, role: str, units: list[str]) -> str:
        answer = await self.send("POST", "/demo/token", json={"role": role, "units": units})
        return str(answer.json()["token"])

    async def _read_mailbox(self, to: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = await self.get(f"/demo/mailbox?to={to}", role=None)
        return found

    async def settle(self) -> None:
        await self.ask("POST", "/demo/settle", role=None)

    async def days_pass(self, days: float) -> None:
        await self.ask("POST", "/demo/clock", {"days": days}, role=None)

    async def now(self) -> str:
        return str((await self.get("/demo/clock", role=None))["now"])

    async def today(self) -> date:
        """The day where the sample units are: in Denmark and Norway it is the same."""
        return datetime.fromisoformat(await self.now()).astimezone(ZoneInfo("Europe/Copenhagen")).date()
