"""What somebody outside can do: publish on Kafka, call over HTTP, read the mail and follow its links.

The demonstration and the end-to-end tests play everybody through these doors alone.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import uuid4

import httpx
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

LINK = re.compile(r"https?://[^\s<>\"]+")


class Wrong(Exception):
    """An answer that was not expected; the text says of what and what it was."""


class Outside:
    """One program or person at the doors of a running stack."""

    def __init__(self, url: str, kafka: str) -> None:
        self.url = url
        self.kafka = kafka
        self._http = httpx.AsyncClient(base_url=url, timeout=60)
        self._producer: AIOKafkaProducer | None = None
        self._tokens: dict[str, str] = {}

    async def close(self) -> None:
        await self._http.aclose()
        if self._producer is not None:
            await self._producer.stop()

    async def token(self, role: str, units: list[str] | None = None) -> str:
        key = f"{role} {units}"
        if key not in self._tokens:
            answer = await self._http.post("/demo/token", json={"role": role, "units": units or []})
            self._tokens[key] = answer.json()["token"]
        return self._tokens[key]

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
        answer = await self._http.request(method, path, json=body, headers=headers)
        if answer.status_code not in expect:
            raise Wrong(f"{method} {path}: {answer.status_code} {answer.text[:1000]}")
        return answer.json()

    async def get(self, path: str, **more: Any) -> Any:
        return await self.ask("GET", path, **more)

    async def command(self, service: str, name: str, *, role: str = "coordinator", **fields: Any) -> Any:
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

    async def settle(self) -> None:
        await self.ask("POST", "/demo/settle", role=None)

    async def now(self) -> datetime:
        return datetime.fromisoformat((await self.get("/demo/clock", role=None))["now"])

    async def days_pass(self, days: float) -> None:
        await self.ask("POST", "/demo/clock", {"days": days}, role=None)

    async def mails(self, to: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = await self.get(f"/demo/mailbox?to={to}", role=None)
        return found

    async def link(self, to: str, containing: str) -> str:
        """The newest link of this kind in somebody's mail. Raises `Wrong` if there is none."""
        for mail in reversed(await self.mails(to)):
            for link in LINK.findall(mail["text"]):
                if containing in link:
                    return str(link)
        raise Wrong(f"no mail to {to} has a link with {containing}")

    async def page(self, path_or_link: str, expect: tuple[int, ...] = (200,), role: str | None = None) -> str:
        """A page's HTML, as a browser without script would get it."""
        headers = {"Accept": "text/html"}
        if role is not None:
            headers["Cookie"] = f"makker_session={await self.token(role)}"
        answer = await self._http.get(path_or_link.removeprefix(self.url), headers=headers)
        if answer.status_code not in expect:
            raise Wrong(f"GET {path_or_link}: {answer.status_code} {answer.text[:500]}")
        return answer.text

    async def post_form(self, path: str, fields: dict[str, str], expect: tuple[int, ...] = (303,)) -> str:
        """A page's form, sent; gives where it leads."""
        answer = await self._http.post(path, data=fields)
        if answer.status_code not in expect:
            raise Wrong(f"POST {path}: {answer.status_code} {answer.text[:500]}")
        return str(answer.headers.get("location", ""))
