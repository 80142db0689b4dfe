"""Matching's own metrics (CONTRACT.md, Metrics): what each means, and what to do about it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from prometheus_client import Counter, Gauge, Histogram

from shared.postgres import Connection

WAITING = Gauge(
    "makker_waiting",
    "Cases that wait for a place. Growing: look at why they get none, and find such places.",
    ["programme", "unit"],
)
PLACES_FREE = Gauge(
    "makker_places_free",
    "Openings that nobody holds, in each programme that a place is offered for. Growing beside a waiting "
    "list: the places do not fit the wishes.",
    ["programme", "unit"],
)
MATCH_SECONDS = Histogram(
    "makker_match_seconds",
    "How long it takes to find the best pairs of one pool, edges and solution. Above a second: a large pool.",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
NOT_PROVEN = Counter(
    "makker_match_not_proven",
    "Solutions that were not shown to be the best. Never expected: keep the log line and report it; "
    "proposals go on by the next way.",
)
NOT_SOLVED = Counter(
    "makker_match_pool_not_solved",
    "Tries at a pool that ended in an error. Nothing is proposed in it until that is mended; it is tried "
    "again every five minutes: the log line pool_not_solved says which pool and where.",
)
PROPOSALS = Counter(
    "makker_proposals",
    "Proposals by what became of them. Many refused or lapsed: ask hosts and candidates why.",
    ["programme", "outcome"],
)

OUTCOMES = {
    "proposed": "true",
    "refused": "state = 'refused'",
    "lapsed": "state = 'lapsed'",
    "withdrawn": "state = 'withdrawn'",
    "agreed": "match_id IS NOT NULL",
    "cancelled": "state = 'cancelled'",
    "failed": "state = 'failed'",
}
"""None of these counts ever falls: a proposal that has come to one stays counted there."""


def gauges() -> Callable[[Connection], Awaitable[None]]:
    """What the leader sets from the database. Proposals are counted there too, so that each counts once."""
    seen: dict[tuple[str, str], int] = {}

    async def set_gauges(connection: Connection) -> None:
        waiting = await connection.fetch(
            "SELECT programme, unit, count(*) FROM case_file WHERE state = 'waiting' GROUP BY 1, 2"
        )
        free = await connection.fetch(
            "SELECT p.programme, place.unit, sum(greatest(0, (doc->'offer'->>'capacity')::int "
            "- jsonb_array_length(doc->'held'))) FROM place, "
            "jsonb_array_elements_text(doc->'offer'->'programmes') AS p (programme) "
            "WHERE state = 'offered' GROUP BY 1, 2"
        )
        for gauge, rows in ((WAITING, waiting), (PLACES_FREE, free)):
            gauge.clear()
            for programme, unit, count in rows:
                gauge.labels(programme, unit).set(count)
        first = not seen
        counts = ", ".join(f"count(*) FILTER (WHERE {test}) AS {name}" for name, test in OUTCOMES.items())
        for row in await connection.fetch(
            f"SELECT programme, {counts} FROM proposal WHERE doc IS NOT NULL GROUP BY programme"  # noqa: S608
        ):
            for name in OUTCOMES:
                key = row["programme"], name
                # What was there before this process led was counted by whoever led then.
                more = 0 if first else row[name] - seen.get(key, 0)
                seen[key] = row[name]
                PROPOSALS.labels(*key).inc(max(0, more))
        seen.setdefault(("", ""), 0)

    return set_gauges
