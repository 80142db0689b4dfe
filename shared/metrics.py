"""Every service's metrics: what each means, and what to do about it (CONTRACT.md, Metrics).

Guarantee: no label holds an id or anything personal, and gauges over the database are set by the
service's leader alone, so that replicas do not add up.
"""

from __future__ import annotations

from datetime import datetime

from prometheus_client import Counter, Gauge, Histogram

from shared.messages import Message, Outcome

HANDLED = Counter(
    "makker_messages_handled_total",
    "Messages that went through the corridor, by what became of them. Nothing to do; compare rates.",
    ["service", "type", "outcome"],
)
DUPLICATES = Counter(
    "makker_message_duplicates_total",
    "Messages delivered again and recognised. Normal after a restart; a steady rate means commits fail.",
    ["service"],
)
PARKED = Gauge(
    "makker_messages_parked",
    "Messages parked or waiting behind one. Above 0: open the parked page, mend the cause, retry.",
    ["service"],
)
LAG = Gauge(
    "makker_consumer_lag",
    "Messages not handled yet. Growing: look at the service's log and its database.",
    ["service", "topic"],
)
EVENT_AGE = Histogram(
    "makker_event_age_seconds",
    "How old a message is when it takes effect.",
    ["service"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 3600),
)
OUTBOX_UNSENT = Gauge(
    "makker_outbox_unsent",
    "Events written and not yet on Kafka. Growing: is the broker reachable, is there a leader?",
    ["service"],
)
OUTBOX_OLDEST = Gauge(
    "makker_outbox_oldest_seconds",
    "Age of the oldest unsent event. Above a minute: is the broker reachable?",
    ["service"],
)
TIMERS_OVERDUE = Gauge(
    "makker_timers_overdue",
    "Timers that are due and have not run. Above 0 for minutes: the timer loop stands still.",
    ["service"],
)


def handled(service: str, message: Message, outcome: Outcome, now: datetime) -> None:
    """Count one message after its commit."""
    kind = outcome.kind
    type_ = message.type if message.fault is None else "unreadable"
    HANDLED.labels(service, type_, f"ignored:{outcome.reason}" if kind == "ignored" else kind).inc()
    if kind == "duplicate":
        DUPLICATES.labels(service).inc()
    elif message.kind == "event":
        EVENT_AGE.labels(service).observe(max(0.0, (now - message.time).total_seconds()))
