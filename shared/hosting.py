"""A service as a process: what runs beside the requests, and how it starts, waits and stops.

Job: put a service's corridor, doors and loops under one FastAPI app. Guarantee: the process starts and
serves without Kafka and without its database; each loop is supervised, with back-off; stopping
finishes the batch in hand. It holds no rule of any service.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import structlog
import uvicorn
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from prometheus_client import CONTENT_TYPE_LATEST, Gauge, generate_latest
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, RedirectResponse, Response

from shared import commands, logs, maintenance, parked_pages, timers
from shared.access import Access, NotAllowed, NotSignedIn
from shared.answers import answer, problem_page
from shared.consumer import Consumer
from shared.corridor import Service, Table
from shared.limits import Senders, slow_guesses
from shared.links import LinkExpired, Reader
from shared.messages import Decision, Ignored, Message
from shared.metrics import LAG
from shared.outbox import Kafka, relay
from shared.pages import Pages, security_headers
from shared.parked import Sealer
from shared.postgres import CORRIDOR_MIGRATIONS, TRANSIENT, Connection, connect_pool, migrate
from shared.problems import Problem, of_faults
from shared.programmes import Programmes, load
from shared.settings import Settings
from shared.transitions import Workflow

log = structlog.get_logger()

FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 10.0
STUCK_AFTER_SECONDS = 120.0
LAG_EVERY_SECONDS = 5.0
OBJECTS_BEFORE_COLLECTING = 200_000

Loop = Callable[[], Awaitable[None]]
Gauges = Callable[[Connection], Awaitable[None]]


def real_time() -> datetime:
    return datetime.now(UTC)


@dataclass
class Host:
    """A running service and its surroundings; what its routes and loops are built from.

    `loops` are the service's own, by name; `gauges` sets its metrics over the database, which are
    `led`, for its leader alone shows them; `idle` says whether its own loops have nothing to do now,
    `next_due` when they will have, beside the timers (for whoever waits until all is settled, or moves time).
    """

    service: Service
    settings: Settings
    access: Access
    pages: Pages
    app: FastAPI
    kafka: Kafka
    consumer: Consumer
    senders: Senders
    loops: dict[str, Loop] = field(default_factory=dict)
    gauges: list[Gauges] = field(default_factory=list)
    led: list[Gauge] = field(default_factory=list)
    idle: list[Callable[[], Awaitable[bool]]] = field(default_factory=list)
    next_due: list[Callable[[], Awaitable[datetime | None]]] = field(default_factory=list)
    migrated: asyncio.Event = field(default_factory=asyncio.Event)
    lagging_since: float | None = None
    _moved: int = 0

    @property
    def name(self) -> str:
        return self.service.name

    @property
    def pool(self) -> asyncpg.Pool:
        return self.service.pool


async def host(
    name: str,
    folder: Path,
    *,
    settings: Settings,
    clock: Callable[[], datetime],
    state: type[Any],
    tables: Mapping[str, Table],
    concerns: Callable[..., Awaitable[Any]],
    workflow: Workflow,
    decide: Callable[[Any, Message, Programmes, datetime], Decision[Any] | Ignored] | None = None,
    timer_types: tuple[type[BaseModel], ...] = (),
    about: Callable[[Message], UUID | None] = lambda _: None,
    version: str = "1.0",
) -> Host:
    """Build a service's host; its own routes, loops and gauges are added by its `app.py`."""
    programmes = load(settings.programmes_dir)
    service = Service(
        name=name,
        pool=await connect_pool(settings.database_url),
        state=state,
        tables=tables,
        concerns=concerns,
        decide=decide or workflow.decide,
        messages=frozenset(workflow.messages),
        timers={timer.__name__: timer for timer in timer_types},
        programmes=programmes,
        clock=clock,
        sealer=Sealer(settings.seal_keys.split(",")),
        migrations=(CORRIDOR_MIGRATIONS, folder / "migrations"),
        about=about,
    )
    kafka = Kafka(
        settings.kafka_bootstrap_servers, settings.kafka_transactions, settings.kafka_session_timeout_ms
    )
    pages = Pages(folder, name, programmes, clock)
    app = FastAPI(
        title=f"Makker: {name}",
        version=version,
        docs_url=None,
        redoc_url=None,
        openapi_url=f"/{name}/openapi.json",
    )
    running = Host(
        service=service,
        settings=settings,
        access=Access(settings.access_public_keys, Reader(settings.link_public_keys), clock),
        pages=pages,
        app=app,
        kafka=kafka,
        consumer=Consumer(service, kafka),
        senders=Senders(settings.trusted_proxies),
    )
    app.router.lifespan_context = lambda _: lifespan(running)
    app.add_middleware(
        slow_guesses,
        senders=running.senders,
        refuse=lambda request, seconds: problem_page(running, request, too_many(seconds)),
    )
    app.add_middleware(security_headers)
    commands.mount(app, service, running.access, lambda *args: answer(running, *args))
    pages.mount_static(app)
    parked_pages.mount(running)
    _health(running)
    _problems(running)
    return running


@asynccontextmanager
async def lifespan(running: Host) -> AsyncIterator[None]:
    """Start everything that runs beside the requests; stop it in the order that loses nothing."""
    service, dsn = running.service, running.settings.database_url
    loops: dict[str, Loop] = {
        "consumer": running.consumer.run,
        "relay": lambda: relay(service, dsn, running.kafka),
        "timers": lambda: timers.loop(service, dsn),
        "leader": lambda: maintenance.lead(service, dsn, running.gauges, running.led),
        "lag": lambda: watch_lag(running),
        **running.loops,
    }
    running.next_due.append(lambda: timers.next_due_at(service))
    preparing = asyncio.create_task(prepare(running))
    tasks = {
        name: asyncio.create_task(supervise(running, name, loop), name=f"{service.name}-{name}")
        for name, loop in loops.items()
    }
    try:
        yield
    finally:
        running.consumer.stopping.set()
        preparing.cancel()
        if running.migrated.is_set():  # Otherwise it has not begun, and would wait for its database.
            await asyncio.wait([tasks["consumer"]], timeout=25)
        for task in tasks.values():
            task.cancel()
        await asyncio.gather(preparing, *tasks.values(), return_exceptions=True)
        with suppress(TimeoutError):
            await asyncio.wait_for(service.pool.close(), 5)
        service.pool.terminate()


async def prepare(running: Host) -> None:
    """Apply the migrations as soon as there is a database."""
    pause = FIRST_PAUSE_SECONDS
    while True:
        try:
            await migrate(running.settings.database_url, *running.service.migrations)
            running.migrated.set()
            return
        except TRANSIENT as error:
            log.warning("waiting_for_database", service=running.name, **logs.where(error))
        except Exception as error:
            log.error(
                "migrations_failed", service=running.name, problem=str(error)[:300], **logs.where(error)
            )
        await asyncio.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE_SECONDS)


async def supervise(running: Host, name: str, loop: Loop) -> None:
    """Run a loop for ever; when it fails, wait a little longer each time, and begin again."""
    await running.migrated.wait()
    pause = FIRST_PAUSE_SECONDS
    while not running.consumer.stopping.is_set():
        began = time.monotonic()
        try:
            await loop()
        except Exception as error:
            log.warning("loop_failed", service=running.name, loop=name, **logs.where(error))
        if time.monotonic() - began > 60:
            pause = FIRST_PAUSE_SECONDS
        with suppress(TimeoutError):
            await asyncio.wait_for(running.consumer.stopping.wait(), pause)
        pause = min(pause * 2, LONGEST_PAUSE_SECONDS)


async def watch_lag(running: Host) -> None:
    """Set the lag metric, and notice a consumer that is assigned, lagging and not moving."""
    while True:
        behind = await running.consumer.lag()
        for topic, messages in (behind or {}).items():
            LAG.labels(running.name, topic).set(messages)
        still = running.consumer.moved == running._moved and not running.consumer.waiting
        running._moved = running.consumer.moved
        if behind and any(behind.values()) and still:
            running.lagging_since = running.lagging_since or time.monotonic()
        else:
            running.lagging_since = None
        await asyncio.sleep(LAG_EVERY_SECONDS)


def _health(running: Host) -> None:
    app, name = running.app, running.name

    @app.get(f"/{name}/livez", include_in_schema=False)
    async def livez() -> Response:
        since = running.lagging_since
        stuck = since is not None and time.monotonic() - since > STUCK_AFTER_SECONDS
        return JSONResponse({"status": "stuck" if stuck else "alive"}, 503 if stuck else 200)

    @app.get(f"/{name}/readyz", include_in_schema=False)
    async def readyz() -> Response:
        ready = running.migrated.is_set()
        if ready:
            try:
                async with asyncio.timeout(2):
                    await running.pool.fetchval("SELECT 1")
            except Exception:
                ready = False
        return JSONResponse(
            {"status": "ready" if ready else "waiting for the database"}, 200 if ready else 503
        )

    @app.get(f"/{name}/metrics", include_in_schema=False)
    async def metrics() -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


def _problems(running: Host) -> None:
    """Whatever a route raises becomes a problem for programs, and a page for people."""

    def problem_of(error: Exception) -> Problem:
        if isinstance(error, Problem):
            return error
        if isinstance(error, RequestValidationError):
            # A fault's path begins with where it was: the query, the path or the body.
            faults = ({**fault, "loc": fault["loc"][1:]} for fault in error.errors())
            return Problem(422, "does_not_fit", errors=of_faults(faults))
        if isinstance(error, HTTPException):
            return Problem(error.status_code, "not_found" if error.status_code == 404 else "not_this_way")
        if isinstance(error, NotSignedIn):
            return Problem(401, "not_signed_in")
        if isinstance(error, LinkExpired):
            return Problem(401, "link_expired")
        if isinstance(error, NotAllowed):
            return Problem(403, "not_allowed")
        if isinstance(error, asyncpg.DataError | ValueError):
            # A query held what the database cannot take: a NUL, or a cursor of somebody else's making.
            return Problem(422, "does_not_fit")
        if isinstance(error, asyncpg.CharacterNotInRepertoireError):
            return Problem(422, "does_not_fit")  # A NUL in the query, which PostgreSQL compares with nothing.
        if isinstance(error, TRANSIENT):
            log.warning("database_away", service=running.name, **logs.where(error))
            return Problem(503, "try_again")
        log.error("request_failed", service=running.name, **logs.where(error))
        return Problem(500, "fault")

    async def handler(request: Request, error: Exception) -> Response:
        problem = problem_of(error)
        if "/api/" in request.url.path or "text/html" not in request.headers.get("accept", ""):
            response = problem.response()
            response.headers.update(getattr(error, "headers", None) or {})
            return response
        if problem.status == 401 and problem.code == "not_signed_in" and request.method == "GET":
            return RedirectResponse(f"/intake/sign-in?return_to={request.url.path}", 303)
        return problem_page(running, request, problem)

    own = (Problem, NotSignedIn, NotAllowed, LinkExpired)
    for kind in (*own, RequestValidationError, HTTPException, asyncpg.DataError, *TRANSIENT):
        running.app.add_exception_handler(kind, handler)


def too_many(wait_seconds: int) -> Problem:
    """Somebody does something too often, and may do it again after so many seconds."""
    return Problem(429, "too_many_requests", retry_after_seconds=wait_seconds)


def tune_garbage_collection() -> None:
    """Once everything is built: look for cycles seldom, and never among what stays for good.

    A batch of a thousand messages holds some 100,000 objects at its height, which are gone without a
    collector when it ends. By Python's default each 700 of them would start a look through them.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(OBJECTS_BEFORE_COLLECTING, 20, 100)


def serve(create: Callable[[Settings], Awaitable[Host]], port: int = 8000, bind: str = "127.0.0.1") -> None:
    """Run one service as a process of its own until SIGTERM."""

    async def run() -> None:
        settings = Settings()  # The environment fills it.
        logs.configure(settings.log_level)
        running = await create(settings)
        tune_garbage_collection()
        config = uvicorn.Config(
            running.app,
            host=bind,
            port=port,
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=20,
            # Longer than a proxy keeps its connections, so that it never sends on one we are closing.
            timeout_keep_alive=75,
        )
        await uvicorn.Server(config).serve()

    asyncio.run(run())
