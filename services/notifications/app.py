"""Notifications' composition root: what it is made of, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from services.notifications import api, pages, sending, store
from services.notifications.documents import RESULTS, State
from services.notifications.handlers import TABLES, concerns
from services.notifications.held import held_by
from services.notifications.workflow import WORKFLOW
from shared import held
from shared.hosting import Host, host, real_time
from shared.settings import Settings


async def create(settings: Settings, clock: Callable[[], datetime] = real_time) -> Host:
    """The service, ready to be served."""
    running = await host(
        "notifications",
        Path(__file__).parent,
        settings=settings,
        clock=clock,
        state=State,
        tables=TABLES,
        concerns=concerns,
        workflow=WORKFLOW,
        timer_types=RESULTS,
    )

    async def nothing_to_send() -> bool:
        async with running.pool.acquire() as connection:
            return not await store.any_sendable(connection, running.service.clock())

    async def next_due_at() -> datetime | None:
        async with running.pool.acquire() as connection:
            return await store.next_due_at(connection)

    sender = sending.sender(running.service, settings)
    api.mount(running)
    pages.mount(running)
    held.mount(running, held_by(running))
    running.loops["mail"] = lambda: sending.loop(sender, settings.database_url)
    running.idle.append(nothing_to_send)
    running.next_due.append(next_due_at)
    return running
