"""Intake's own metrics: what each means, and what to do about it (CONTRACT.md, Metrics)."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Awaitable, Callable, Collection

from prometheus_client import Counter, Gauge

from shared.postgres import Connection

CASES = Gauge(
    "makker_cases",
    "Cases by where they are. Many in `preparing` for long: look at the steps that are missing.",
    ["programme", "unit", "state"],
)
REFERRALS = Counter(
    "makker_referrals_total",
    "Referrals answered, by publisher and outcome. Many `rejected`: go through the reasons with them.",
    ["source", "outcome"],
)


def gauges(publishers: Collection[str]) -> Callable[[Connection], Awaitable[None]]:
    """Called by the leader alone. Publishers that are not named there are counted as `other`."""
    named = {*publishers, "staff"}

    async def measure(connection: Connection) -> None:
        await _measure(connection, named)

    return measure


async def _measure(connection: Connection, named: Collection[str]) -> None:
    rows = await connection.fetch(
        "SELECT programme, unit, state, count(*) AS cases FROM case_file WHERE doc IS NOT NULL "
        "GROUP BY programme, unit, state"
    )
    # A state that nobody is in any more is 0 and no longer what it was.
    CASES.clear()
    for row in rows:
        CASES.labels(row["programme"], row["unit"], row["state"]).set(row["cases"])
    # Whoever takes a row away counts it, so that each is counted once by whichever replica leads.
    counted = await connection.fetch("DELETE FROM referral_tally RETURNING source, outcome")
    tally = Tally((row["source"] if row["source"] in named else "other", row["outcome"]) for row in counted)
    for (source, outcome), count in tally.items():
        REFERRALS.labels(source, outcome).inc(count)
