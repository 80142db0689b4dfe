"""Followup's own metrics (CONTRACT.md, Metrics)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from prometheus_client import Gauge

from services.followup import queries
from services.followup.rules import local_day
from shared.corridor import Service
from shared.postgres import Connection

CHECKINS_OVERDUE = Gauge(
    "makker_checkins_overdue",
    "Check-ins past their day and the programme's slack. Growing: caseworkers need help, or time.",
    ["programme", "unit"],
)
PLACEMENTS_ENDED = Gauge(
    "makker_placements_ended_total",
    "Placements that ended, by how and what came next. For dashboards; nothing to do.",
    ["programme", "how", "next_step"],
)


def gauges(service: Service) -> Callable[[Connection], Awaitable[None]]:
    """Sets the gauges over the database, for the leader alone."""

    async def measure(connection: Connection) -> None:
        CHECKINS_OVERDUE.clear()
        for unit in service.programmes.units.values():
            today = local_day(service.clock(), unit.time_zone)
            for programme in unit.programmes:
                rules = service.programmes.rules(programme, unit.id, today)
                overdue = await queries.count_overdue(
                    connection, unit.id, programme, today, rules.check_ins.overdue_days
                )
                CHECKINS_OVERDUE.labels(programme, unit.id).set(overdue)
        PLACEMENTS_ENDED.clear()
        for row in await queries.count_ended(connection):
            PLACEMENTS_ENDED.labels(row["programme"], row["how"], row["next_step"] or "none_yet").set(
                row["n"]
            )

    return measure
