"""What one replica does for all: gauges over the database, partitions, pruning, what waits for rules.

Guarantee: a service's leader alone does it, in small bites that block nobody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta

import asyncpg
from prometheus_client import Gauge

from shared.corridor import Service
from shared.metrics import OUTBOX_OLDEST, OUTBOX_UNSENT, PARKED, TIMERS_OVERDUE
from shared.postgres import Connection, leadership
from shared.release import release_what_waits_for_rules

GAUGES_EVERY_SECONDS = 5.0
CHORES_EVERY_SECONDS = 60.0
INBOX_KEPT = timedelta(days=35)
ANSWERS_KEPT = INBOX_KEPT
"""As long as their commands are known, for a repeat without its first answer could not be answered."""
PRUNED_AT_ONCE = 5000
MONTHS_AHEAD = 2


async def lead(
    service: Service,
    dsn: str,
    gauges: Sequence[Callable[[Connection], Awaitable[None]]],
    led: Sequence[Gauge] = (),
) -> None:
    """Lead, and do the chores until something fails; the supervisor begins anew.

    `led` are the service's own gauges that `gauges` set: whoever leads no more shows none of them, for
    another replica does now.
    """
    try:
        await _lead(service, dsn, gauges)
    finally:
        for shared in (PARKED, OUTBOX_UNSENT, OUTBOX_OLDEST, TIMERS_OVERDUE):
            shared.remove(service.name)
        for own in led:
            own.clear()


async def _lead(
    service: Service, dsn: str, gauges: Sequence[Callable[[Connection], Awaitable[None]]]
) -> None:
    async with leadership(dsn, f"{service.name}-leader") as connection:
        chores_at = 0.0
        while True:
            await set_gauges(service, connection)
            for own in gauges:
                await own(connection)
            if asyncio.get_running_loop().time() >= chores_at:
                await chores(service, connection)
                chores_at = asyncio.get_running_loop().time() + CHORES_EVERY_SECONDS
            await asyncio.sleep(GAUGES_EVERY_SECONDS)


async def set_gauges(service: Service, connection: Connection) -> None:
    """The shared gauges over the database."""
    now, name = service.clock(), service.name
    PARKED.labels(name).set(
        await connection.fetchval("SELECT count(*) FROM parked WHERE state <> 'discarded'")
    )
    unsent = await connection.fetchrow("SELECT count(*), min(written_at) FROM outbox WHERE sent_at IS NULL")
    count, oldest = (unsent[0], unsent[1]) if unsent is not None else (0, None)
    OUTBOX_UNSENT.labels(name).set(count)
    OUTBOX_OLDEST.labels(name).set(max(0.0, (now - oldest).total_seconds()) if oldest else 0)
    TIMERS_OVERDUE.labels(name).set(
        await connection.fetchval("SELECT count(*) FROM timer WHERE due_at < $1", now - timedelta(seconds=10))
    )


async def chores(service: Service, connection: Connection) -> None:
    """Partitions for the months to come, old rows away, and what waits for rules tried again.

    Of the parked only what was discarded goes, which holds no content any more: the others wait for somebody.
    """
    now = service.clock()
    for ahead in range(MONTHS_AHEAD + 1):
        await add_partition(connection, now, ahead)
    for table, column, kept in (
        ("inbox", "entered_at", INBOX_KEPT),
        ("command_answer", "answered_at", ANSWERS_KEPT),
    ):
        while await _prune(connection, table, column, now - kept) == PRUNED_AT_ONCE:
            await asyncio.sleep(0)
    await connection.execute(
        "DELETE FROM parked WHERE state = 'discarded' AND parked_at < $1", now - INBOX_KEPT
    )
    await release_what_waits_for_rules(service)


async def _prune(connection: Connection, table: str, column: str, before: datetime) -> int:
    deleted = await connection.execute(
        f"DELETE FROM {table} WHERE id IN "  # noqa: S608
        f"(SELECT id FROM {table} WHERE {column} < $1 ORDER BY {column} LIMIT $2)",
        before,
        PRUNED_AT_ONCE,
    )
    return int(deleted.split()[-1])


async def add_partition(connection: Connection, now: datetime, months_ahead: int) -> None:
    """Add the outbox's partition of a month, unless it is there or rows of it lie in the default one."""
    month = now.astimezone(UTC).year * 12 + now.astimezone(UTC).month - 1 + months_ahead
    first = datetime(month // 12, month % 12 + 1, 1, tzinfo=UTC)
    after = datetime((month + 1) // 12, (month + 1) % 12 + 1, 1, tzinfo=UTC)
    name = f"outbox_{first:%Y_%m}"
    if await connection.fetchval("SELECT to_regclass($1) IS NOT NULL", name):
        return
    try:
        await connection.execute(
            f"CREATE TABLE {name} PARTITION OF outbox "
            f"FOR VALUES FROM ('{first.isoformat()}') TO ('{after.isoformat()}')"
        )
    except asyncpg.CheckViolationError:
        # Rows of this month lie in the default partition already, and stay there.
        return
