"""What the corridor is measured with: the two halves of a start, for as many cases as are asked for.

Job: messages as matching and intake publish them, as full as the contracts' golden examples; a placement
with them is a document of 1.5 kB. One case in two starts today, so that its second half leads to two events;
the other starts in three weeks, and leads to a timer. The same number gives the same messages again,
whichever way they are handled. It measures nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from aiokafka import AIOKafkaProducer

from shared.contracts.intake import Goal, StartCleared
from shared.contracts.matching import MatchAgreed
from shared.contracts.model import Event, Party, derived_id, match_id
from shared.contracts.topics import TOPICS
from shared.messages import Record

MESSAGES_AT_ONCE = 1000
ABOUT = {"unit": "DK-0169", "programme": "foreningspraktik", "rules_version": "2020-01-01"}
SOON, LATER = timedelta(0), timedelta(days=21)


def batches(cases: int) -> Iterator[list[Record]]:
    """The messages as records, 1,000 at a time.

    Each batch holds one half of 1,000 starts and the next batch the other, as a consumer meets them that
    reads two topics; which half comes first alternates.
    """
    for number, first in enumerate(range(0, cases, MESSAGES_AT_ONCE)):
        these = range(first, min(first + MESSAGES_AT_ONCE, cases))
        halves = [[_record(_agreed(case)) for case in these], [_record(_cleared(case)) for case in these]]
        yield from halves if number % 2 == 0 else reversed(halves)


async def publish(bootstrap: str, cases: int) -> None:
    """Write the messages as the services' relays do: in transactions, by an idempotent producer."""
    async with AIOKafkaProducer(
        bootstrap_servers=bootstrap, enable_idempotence=True, transactional_id="makker-bench"
    ) as producer:
        for batch in batches(cases):
            async with producer.transaction():
                for record in batch:
                    await producer.send(
                        record.topic, key=record.key, value=record.value, headers=list(record.headers)
                    )


def _agreed(case: int) -> MatchAgreed:
    case_id = derived_id("bench-case", case)
    starts_on = (datetime.now(UTC) + (SOON if case % 2 else LATER)).date()
    return MatchAgreed(
        **ABOUT,
        case_id=case_id,
        parties=_parties(case),
        match_id=match_id(case_id, 1),
        proposal_id=derived_id("bench-proposal", case),
        place_id=derived_id("bench-place", case // 3),
        host_id=derived_id("bench-host", case // 9),
        starts_on=starts_on,
        ends_on=starts_on + timedelta(weeks=13),
        hours_per_week=6,
        times=("mon-morning", "wed-morning"),
        content=("work_tasks", "language_practice"),
    )


def _cleared(case: int) -> StartCleared:
    return StartCleared(
        **ABOUT,
        case_id=derived_id("bench-case", case),
        parties=_parties(case)[:2],
        match_id=match_id(derived_id("bench-case", case), 1),
        earliest_start=datetime.now(UTC).date(),
        goals=(
            Goal(
                goal_id=derived_id("bench-goal", case, 1),
                sub_goal_ids=(derived_id("bench-sub-goal", case, 1), derived_id("bench-sub-goal", case, 2)),
            ),
            Goal(goal_id=derived_id("bench-goal", case, 2)),
        ),
    )


def _parties(case: int) -> tuple[Party, ...]:
    roles = (
        ("candidate", "candidate"),
        ("staff", "caseworker"),
        ("host", "contact_person"),
        ("host", "buddy"),
    )
    return tuple(
        Party(person_id=derived_id("bench-person", case, role), side=side, role=role) for side, role in roles
    )


def _record(event: Event) -> Record:
    owner, name, key = TOPICS[event.topic].owner, type(event).__name__, event.key
    attributes = {
        "ce_specversion": "1.0",
        "ce_id": str(derived_id("bench-message", name, key)),
        "ce_source": f"/makker/{owner}",
        "ce_type": f"makker.{name}.v1",
        "ce_time": datetime.now(UTC).isoformat(),
        "ce_subject": key,
        "content-type": "application/json",
    }
    return Record(
        topic=event.topic,
        partition=0,
        offset=0,
        key=key.encode(),
        value=event.model_dump_json(by_alias=True).encode(),
        headers=tuple((header, value.encode()) for header, value in attributes.items()),
    )
