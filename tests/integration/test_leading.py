"""What a service's leader shows, and that nobody else does."""

from __future__ import annotations

import asyncio

import pytest
from prometheus_client import generate_latest

from services.followup.metrics import CHECKINS_OVERDUE
from shared.hosting import Host
from shared.maintenance import lead
from shared.postgres import TRANSIENT

pytest_plugins = ["tests.fixtures"]
LED = (
    "makker_messages_parked",
    "makker_outbox_unsent",
    "makker_outbox_oldest_seconds",
    "makker_timers_overdue",
)


def shown(name: str) -> bool:
    """Others of this process may show theirs."""
    lines = generate_latest().decode().splitlines()
    return any(line.startswith((f'{name}{{service="followup"}}', f"{name}{{programme=")) for line in lines)


async def test_who_leads_no_more_shows_no_gauges_over_the_database(followup: Host) -> None:
    has_led = asyncio.Event()

    async def own(connection: object) -> None:
        CHECKINS_OVERDUE.labels("foreningspraktik", "DK-0169").set(1)
        has_led.set()

    dsn = followup.settings.database_url
    leading = asyncio.create_task(lead(followup.service, dsn, [own], followup.led))
    await asyncio.wait_for(has_led.wait(), 10)
    assert all(map(shown, (*LED, "makker_checkins_overdue")))
    broken = await followup.pool.fetchval(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_locks WHERE locktype = 'advisory' "
        "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    assert broken == 1
    # A wait that ran out is a fault of the connection too, by its type, and would pass for one.
    await asyncio.wait({leading}, timeout=20)
    assert leading.done()
    with pytest.raises(TRANSIENT):
        leading.result()
    assert not any(map(shown, (*LED, "makker_checkins_overdue")))


async def test_who_never_led_ends_without_a_fault_of_its_own(followup: Host) -> None:
    leading = asyncio.create_task(lead(followup.service, "postgresql://127.0.0.1:1/none", [], followup.led))
    with pytest.raises(OSError, match="Connect call failed"):
        await asyncio.wait_for(leading, 20)
