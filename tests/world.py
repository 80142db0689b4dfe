"""The four services as processes on a real broker, and what a test asks and knows of all of them together.

A test says what happens to them; here stands only how they are set up, looked at and found settled.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import httpx
from aiokafka import AIOKafkaConsumer, TopicPartition

from demo.embedded.mailbox import Mailbox
from demo.play import until
from demo.settings import Keys
from shared.access import Issuer
from tests.servers.kafka import RealKafka
from tests.servers.postgres import Databases
from tests.servers.processes import Processes, free_port
from tests.servers.topics import PARTITIONS

SERVICES = ("intake", "matching", "followup", "notifications")
PATIENCE_SECONDS = 120.0
STILL_SECONDS = 2.0
STANDING = """
SELECT (SELECT count(*) FROM outbox WHERE sent_at IS NULL) AS unsent,
       (SELECT max(position) FROM outbox) AS written, (SELECT count(*) FROM inbox) AS handled
"""


class World:
    """Four processes, and everybody who walks through them."""

    def __init__(
        self, processes: Processes, dsns: dict[str, str], mailbox: Mailbox, kafka: str, keys: Keys
    ) -> None:
        self.processes = processes
        self.dsns = dsns
        self.mailbox = mailbox
        self.kafka = kafka
        self.http = httpx.AsyncClient(timeout=60)
        self._issuer = Issuer(keys.session_private, "test")

    async def token(self, role: str, units: list[str]) -> str:
        return self._issuer.token(f"test-{role}", [role], units or ["DK-0169"])

    async def mails(self, to: str) -> list[dict[str, Any]]:
        return [{"text": mail.text} for mail in self.mailbox.to(to)]

    async def query(self, service: str, sql: str) -> list[Any]:
        connection = await asyncpg.connect(self.dsns[service])
        try:
            return list(await connection.fetch(sql))
        finally:
            await connection.close()

    async def health(self, which: str) -> dict[str, int]:
        """What each service answers to `livez` or `readyz`; 0 is no answer."""
        found = {}
        for service, url in self.processes.urls.items():
            try:
                found[service] = (await self.http.get(f"{url}/{service}/{which}")).status_code
            except httpx.TransportError:
                found[service] = 0
        return found

    async def all_ready(self) -> bool:
        return set((await self.health("readyz")).values()) == {200}

    async def unsent(self, service: str) -> int:
        (found,) = await self.query(service, "SELECT count(*) AS n FROM outbox WHERE sent_at IS NULL")
        return int(found["n"])

    async def parked(self) -> int:
        return sum([(await self.query(s, "SELECT count(*) AS n FROM parked"))[0]["n"] for s in SERVICES])

    async def settled(self) -> None:
        """Every outbox row is out, and what is out has been handled: nothing changes any more."""
        loop = asyncio.get_running_loop()
        before, since = "", loop.time()

        async def unchanged() -> bool:
            nonlocal before, since
            now = [(await self.query(service, STANDING))[0] for service in SERVICES]
            (waiting,) = await self.query(
                "notifications", "SELECT count(*) AS n FROM mail WHERE state = 'queued'"
            )
            if waiting["n"] or any(one["unsent"] for one in now) or str(now) != before:
                before, since = str(now), loop.time()
            return loop.time() - since >= STILL_SECONDS

        await until(unchanged, "all to be settled", PATIENCE_SECONDS)

    async def published(self, topic: str) -> set[str]:
        """The ids of all events on a topic, as whoever reads what is committed meets them."""
        partitions = [TopicPartition(topic, number) for number in range(PARTITIONS[topic])]
        found: set[str] = set()
        async with AIOKafkaConsumer(
            bootstrap_servers=self.kafka, auto_offset_reset="earliest", isolation_level="read_committed"
        ) as consumer:
            consumer.assign(partitions)
            ends = await consumer.end_offsets(partitions)
            while [one for one, end in ends.items() if await consumer.position(one) < end]:
                for records in (await consumer.getmany(timeout_ms=100)).values():
                    found.update(dict(one.headers)["ce_id"].decode() for one in records)
        return found


@asynccontextmanager
async def world(
    databases: Databases, kafka: RealKafka, mailbox: Mailbox, folder: Path, run: str
) -> AsyncIterator[World]:
    """All four started, each on an empty database; whether they are ready is for the test to ask."""
    keys = Keys()
    ports = {name: free_port() for name in SERVICES}
    dsns = {name: await databases(f"{name}_{run}") for name in SERVICES}
    url = f"http://127.0.0.1:{ports['intake']}"
    settings = {
        name: keys.settings(dsns[name], kafka.bootstrap, mailbox.url, url, kafka_transactions=True)
        for name in SERVICES
    }
    with Processes(settings, ports, folder) as processes:
        made = World(processes, dsns, mailbox, kafka.bootstrap, keys)
        yield made
        await made.http.aclose()
