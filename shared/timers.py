"""The timer loop: what falls due becomes a message and goes through the corridor.

Job: find due timers and hand them over. Guarantee: it locks nothing and needs no leader; two replicas
may hand over the same timer, and the inbox lets one of them through. Whether a timer still stands is
seen in the corridor, under the aggregate's lock.
"""

from __future__ import annotations

import asyncio
from datetime import datetime

import asyncpg

from shared.corridor import Service, handle
from shared.messages import Message
from shared.reading import timer_message

TIMERS_AT_ONCE = 500
LONGEST_WAIT_SECONDS = 5.0


async def due(service: Service, now: datetime, limit: int = TIMERS_AT_ONCE) -> list[Message]:
    """The timers that are due at `now`, oldest first."""
    rows = await service.pool.fetch(
        "SELECT id, number, type, body, due_at FROM timer WHERE due_at <= $1 "
        "ORDER BY due_at, number LIMIT $2",
        now,
        limit,
    )
    return [
        timer_message(service.timers, row["type"], row["body"], row["id"], row["number"], row["due_at"])
        for row in rows
    ]


async def next_due_at(service: Service) -> datetime | None:
    """When the next timer falls due, if there is one."""
    found: datetime | None = await service.pool.fetchval("SELECT min(due_at) FROM timer")
    return found


async def run_due(service: Service) -> int:
    """Handle what is due now; gives how many timers there were."""
    messages = await due(service, service.clock())
    await handle(service, messages)
    return len(messages)


async def loop(service: Service, dsn: str) -> None:
    """Run timers as they fall due, woken when one is scheduled; ends with an error if the database goes."""
    connection = await asyncpg.connect(dsn, timeout=5, command_timeout=30)
    try:
        woken = asyncio.Event()
        await connection.add_listener("timer", lambda *_: woken.set())
        while True:
            woken.clear()
            while await run_due(service):
                pass
            next_at = await next_due_at(service)
            seconds = LONGEST_WAIT_SECONDS
            if next_at is not None:
                seconds = min(seconds, max(0.0, (next_at - service.clock()).total_seconds()))
            await connection.fetchval("SELECT 1")
            try:
                await asyncio.wait_for(woken.wait(), seconds)
            except TimeoutError:
                continue
    finally:
        connection.terminate()
