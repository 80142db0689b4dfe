"""The whole of Makker in one process and on one port, for the demonstration and the end-to-end tests.

Job: start an embedded PostgreSQL, Kafka and mailbox (or take those that the environment names), the four
services on one clock that can be moved, and say when all is settled. Guarantee: it begins afresh each
time, and leaves no process and no file outside its folder. It is no way to run Makker for real people.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from demo.clock import MovableClock
from demo.embedded.kafka import EmbeddedKafka
from demo.embedded.mailbox import Mailbox
from demo.embedded.postgres import create_database, embedded_postgres
from demo.settings import Keys
from services.followup.app import create as followup
from services.intake.app import create as intake
from services.matching.app import create as matching
from services.matching.solver.compiled import warm
from services.notifications.app import create as notifications
from shared.access import Issuer
from shared.contracts.topics import TOPICS
from shared.hosting import Host, lifespan
from shared.timers import next_due_at

CREATE = {"intake": intake, "matching": matching, "followup": followup, "notifications": notifications}
CHANNELS = ("timer", "outbox", "pool_change", "mail")
LOOK_AGAIN_SECONDS = 0.02
SETTLED_WITHIN_SECONDS = 120.0


class NotSettled(TimeoutError):
    """Something is in flight still; the text says what."""


@dataclass
class Stack:
    """Four running services. `url` is where they are served, `kafka` where systems publish."""

    hosts: Mapping[str, Host]
    clock: MovableClock
    issuer: Issuer
    url: str
    kafka: str
    mailbox: Mailbox | None
    embedded_kafka: EmbeddedKafka | None

    @property
    def units(self) -> list[str]:
        return list(self.hosts["intake"].service.programmes.units)

    async def in_flight(self) -> list[str]:
        """What is not done yet, in words; empty when nothing is in flight anywhere."""
        found: list[str] = []
        now = self.clock()
        for name, host in self.hosts.items():
            if not host.migrated.is_set():
                found.append(f"{name}: starting")
                continue
            behind = await host.consumer.lag()
            if behind is None or any(behind.values()) or host.consumer.busy:
                found.append(f"{name}: {sum((behind or {}).values())} messages to handle")
            if await host.pool.fetchval("SELECT EXISTS (SELECT 1 FROM outbox WHERE sent_at IS NULL)"):
                found.append(f"{name}: events to publish")
            due = await next_due_at(host.service)
            if due is not None and due <= now:
                found.append(f"{name}: a timer due")
            for idle in host.idle:
                if not await idle():
                    found.append(f"{name}: work of its own loop")
        return found

    async def settle(self, within_seconds: float = SETTLED_WITHIN_SECONDS) -> None:
        """Wait until nothing is in flight, seen twice in a row. Raises `NotSettled`."""
        loop = asyncio.get_running_loop()
        ends_at, quiet, found = loop.time() + within_seconds, 0, ["not looked yet"]
        while quiet < 2:
            if loop.time() > ends_at:
                raise NotSettled("; ".join(found))
            found = await self.in_flight()
            quiet = 0 if found else quiet + 1
            await asyncio.sleep(LOOK_AGAIN_SECONDS)

    async def move_to(self, target: datetime) -> None:
        """Move time, from due time to due time, and let all that falls due run on its way."""
        while True:
            await self.settle()
            due = [await look() for host in self.hosts.values() for look in host.next_due]
            nearest = min((moment for moment in due if moment is not None), default=None)
            if nearest is None or nearest > target:
                break
            self.clock.move_to(nearest)
            await self._wake()
        self.clock.move_to(target)
        await self._wake()
        await self.settle()

    async def _wake(self) -> None:
        for host in self.hosts.values():
            for channel in CHANNELS:
                await host.pool.execute("SELECT pg_notify($1, '')", channel)


class Server(uvicorn.Server):
    """Serves without taking the process's signals: who started the stack decides when it ends."""

    def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override]
        return nullcontext()


def by_path(hosts: Mapping[str, Host], others: Mapping[str, ASGIApp]) -> ASGIApp:
    """One app that routes by the path's first part, as an Ingress does; the rest is intake's."""
    apps: dict[str, ASGIApp] = {**{name: host.app for name, host in hosts.items()}, **others}

    async def route(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            first = scope["path"].split("/", 2)[1]
            await apps.get(first, apps["intake"])(scope, receive, send)

    return route


@asynccontextmanager
async def running(folder: Path, port: int = 0) -> AsyncIterator[Stack]:
    """Start everything; stop it all at the end."""
    from demo.routes import demonstration

    # Beside all the rest, because the first time on a machine it takes up to a minute.
    compiled = asyncio.create_task(asyncio.to_thread(warm))
    async with AsyncExitStack() as cleanup:
        given = {
            name: os.environ.get(name) for name in ("DATABASE_URL", "KAFKA_BOOTSTRAP_SERVERS", "SMTP_URL")
        }
        dsn = given["DATABASE_URL"] or cleanup.enter_context(embedded_postgres(folder / "postgres"))
        kafka = None
        if given["KAFKA_BOOTSTRAP_SERVERS"] is None:
            kafka = cleanup.enter_context(EmbeddedKafka({t.name: t.partitions for t in TOPICS.values()}))
        bootstrap = kafka.bootstrap if kafka else given["KAFKA_BOOTSTRAP_SERVERS"] or ""
        mailbox = None
        if given["SMTP_URL"] is None:
            mailbox = Mailbox()
            await asyncio.to_thread(mailbox.start)
            cleanup.callback(mailbox.stop)
        smtp_url = mailbox.url if mailbox else given["SMTP_URL"] or ""

        listening = socket.create_server(("127.0.0.1", port))
        cleanup.callback(listening.close)
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"

        clock, keys = MovableClock(), Keys()
        suffix = f"_{secrets.token_hex(4)}" if given["DATABASE_URL"] else ""
        hosts: dict[str, Host] = {}
        for name, create in CREATE.items():
            database = await create_database(dsn, name + suffix, name + suffix)
            settings = keys.settings(
                database, bootstrap, smtp_url, url, kafka_transactions=kafka is None, demonstration=True
            )
            hosts[name] = await create(settings, clock)
        stack = Stack(hosts, clock, Issuer(keys.session_private, "demo"), url, bootstrap, mailbox, kafka)
        app = by_path(hosts, {"demo": demonstration(stack)})
        server = Server(
            uvicorn.Config(
                app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=3
            )
        )
        async with AsyncExitStack() as services:
            for host in hosts.values():
                await services.enter_async_context(lifespan(host))
            serving = asyncio.create_task(server.serve([listening]))
            try:
                await compiled
                await stack.settle()
                yield stack
            finally:
                server.should_exit = True
                with suppress(TimeoutError, asyncio.CancelledError):
                    await asyncio.wait_for(serving, 5)
