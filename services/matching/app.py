"""Matching put together: its corridor, its doors, the solver's loop and its metrics."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from services.matching import api, insight, insight_pages, left_out, loop, pages
from services.matching.documents import OWN_MESSAGES, State
from services.matching.handlers import TABLES, concerns
from services.matching.held import held_by
from services.matching.metrics import PLACES_FREE, WAITING, gauges
from services.matching.solver.edges import unknown_rules
from services.matching.workflow import WORKFLOW
from shared import held
from shared.hosting import Host, host, real_time
from shared.settings import Settings


async def create(settings: Settings, clock: Callable[[], datetime] = real_time) -> Host:
    """The service, ready to be served; it starts without Kafka and without its database."""
    running = await host(
        "matching",
        Path(__file__).parent,
        settings=settings,
        clock=clock,
        state=State,
        tables=TABLES,
        concerns=concerns,
        workflow=WORKFLOW,
        timer_types=OWN_MESSAGES,
    )
    service = running.service
    for versions in service.programmes.by_version.values():
        for rules in versions.values():
            if unknown := unknown_rules(rules):
                raise ValueError(f"{rules.programme}: matching knows no rule or weight {', '.join(unknown)}")
    running.loops["solver"] = lambda: loop.loop(service, settings.database_url)
    running.loops["left_out"] = lambda: left_out.TELLING.loop(service, settings.database_url)
    running.idle += [lambda: loop.SOLVING.idle(service), lambda: left_out.TELLING.idle(service)]
    running.gauges.append(gauges())
    running.led += [WAITING, PLACES_FREE]
    api.mount(running)
    pages.mount(running)
    insight.mount(running)
    insight_pages.mount(running)
    held.mount(running, held_by(running))
    return running
