"""Followup's composition root: what it is made of, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from services.followup import api, metrics, pages
from services.followup.documents import State
from services.followup.handlers import TABLES, concerns
from services.followup.held import held_by
from services.followup.workflow import TIMERS, WORKFLOW
from shared import held
from shared.hosting import Host, host, real_time
from shared.settings import Settings


async def create(settings: Settings, clock: Callable[[], datetime] = real_time) -> Host:
    """The service, ready to be served."""
    running = await host(
        "followup",
        Path(__file__).parent,
        settings=settings,
        clock=clock,
        state=State,
        tables=TABLES,
        concerns=concerns,
        workflow=WORKFLOW,
        timer_types=TIMERS,
    )
    api.mount(running)
    pages.mount(running)
    held.mount(running, held_by(running))
    running.gauges.append(metrics.gauges(running.service))
    running.led += [metrics.CHECKINS_OVERDUE, metrics.PLACEMENTS_ENDED]
    return running
