"""The corridor on PostgreSQL: what holds of every message, however and whenever it comes."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from demo.settings import Keys
from shared.contracts.model import Event
from shared.corridor import Pass, handle
from shared.hosting import Host
from shared.messages import Decision, Message, Record
from shared.programmes import Programmes
from shared.timers import run_due
from tests import proofs
from tests.builders import (
    LATER,
    Clock,
    agreed,
    cancelled,
    cleared,
    event,
    followup_on,
    headers,
    held,
    messages,
    proposed,
    raw,
    record,
    state,
    texts,
    withdrawn,
    written,
)
from tests.proofs import Proof
from tests.servers.postgres import Databases

pytest_plugins = ["tests.fixtures"]

PROOFS: list[Proof] = [
    proofs.a_late_duplicate_changes_nothing,
    proofs.effect_and_event_are_there_together_or_not_at_all,
    proofs.a_decision_waits_for_whoever_holds_its_row,
    proofs.what_another_saved_meanwhile_is_not_overwritten,
    proofs.both_halves_find_each_other_at_the_same_moment,
    proofs.a_timer_that_was_moved_meanwhile_says_nothing,
    proofs.a_timer_cancelled_by_whoever_holds_the_row_says_nothing,
    proofs.later_messages_of_a_parked_key_wait_in_order,
    proofs.who_was_shown_an_older_version_is_refused,
]


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.__name__)
async def test_with_every_guard_in_place_it_holds_that(proof: Proof, followup: Host, clock: Clock) -> None:
    await proof(followup, clock)


async def test_both_halves_on_two_connections_lose_nothing_in_any_round(followup: Host, clock: Clock) -> None:
    cases = [uuid4() for _ in range(60)]
    for case in cases:
        await asyncio.gather(
            handle(followup.service, [event(agreed(case), clock.now)]),
            handle(followup.service, [event(cleared(case), clock.now)]),
        )
    assert [await state(followup, case) for case in cases] == ["running"] * len(cases)
    assert Counter(await written(followup)) == {"PlacementStarted": 60, "CheckInBooked": 60}


async def test_batches_that_hold_the_same_rows_in_opposite_order_meet_no_deadlock(
    followup: Host, clock: Clock
) -> None:
    cases = [uuid4() for _ in range(40)]
    agreements = [event(agreed(case), clock.now) for case in cases]
    clearings = [event(cleared(case), clock.now) for case in reversed(cases)]
    for _ in range(5):
        outcomes = await asyncio.gather(
            handle(followup.service, agreements),
            handle(followup.service, clearings),
            handle(followup.service, agreements[::-1]),
        )
        assert {one.kind for batch in outcomes for one in batch} <= {"done", "duplicate"}
    assert await followup.pool.fetchval("SELECT count(*) FROM placement WHERE state = 'running'") == 40
    assert (await written(followup)).count("PlacementStarted") == 40


@pytest.mark.parametrize(
    ("poison", "reason"),
    [
        # Of a unit that nobody knows, so that deciding raises.
        (lambda case: record(cleared(case).model_copy(update={"unit": "DK-9999"})), "fault: "),
        (lambda case: raw("intake-events-v1", str(case), b"\xff\x00{", headers("StartCleared")), "not fit"),
        # PostgreSQL's jsonb refuses a NUL (SQLSTATE 22P05), and with it the statement of the whole batch.
        (lambda case: record(texts(case, 1, "a\x00b")), "fault: UntranslatableCharacterError"),
        # A key that is no id, so that asking which rows are concerned raises.
        (lambda case: raw("case-texts-v1", "no id", None, ()), "fault: ValueError"),
    ],
    ids=["decide raises", "unreadable", "refused by the database", "concerns raises"],
)
async def test_a_poisonous_message_among_a_thousand_is_parked_alone(
    followup: Host, poison: Callable[[UUID], Record], reason: str
) -> None:
    case = uuid4()
    records = [record(cleared(uuid4())) for _ in range(999)]
    records.insert(617, poison(case))
    outcomes = await handle(followup.service, messages(followup, records))
    assert [place for place, one in enumerate(outcomes) if one.kind != "done"] == [617]
    assert await followup.pool.fetchval("SELECT count(*) FROM placement WHERE state = 'cleared'") == 999
    (kept,) = await followup.pool.fetch("SELECT reason, state, record_offset FROM parked")
    assert reason in kept["reason"]
    assert (kept["state"], kept["record_offset"]) == ("parked", records[617].offset)


async def test_a_message_twice_in_one_batch_takes_effect_once(followup: Host) -> None:
    case = uuid4()
    first, then = messages(followup, [record(cleared(case)), record(held(case))])
    outcomes = await handle(followup.service, [first, then, first])
    assert [one.kind for one in outcomes] == ["done", "done", "duplicate"]
    assert await state(followup, case) == "expected"


async def test_a_batch_makes_the_same_number_of_statements_whatever_its_size(
    followup: Host, clock: Clock
) -> None:
    counts = []
    for size in (2, 2, 200):  # The first time, asyncpg asks for the types as well.
        cases = [uuid4() for _ in range(size // 2)]
        batch = [event(make(case), clock.now) for make in (agreed, cleared) for case in cases]
        statements: list[str] = []
        async with followup.pool.acquire() as connection:
            connection.add_query_logger(lambda query, to=statements: to.append(query.query))
            async with connection.transaction():
                await Pass(followup.service, connection, clock.now).run(batch)
        counts.append(len(statements))
    assert counts[1] == counts[2] > 5


# The property: the same messages in any order across topics, late, again, and in any batches.

TABLES_OF_A_RUN = ("placement", "case_track", "inbox", "outbox", "timer", "parked", "parked_key")
SCENARIOS: dict[str, Callable[[UUID], list[list[Event]]]] = {
    "starts at once": lambda case: [[proposed(case), agreed(case)], [cleared(case)], both_texts(case)],
    "starts later": lambda case: [[proposed(case), agreed(case, LATER)], [cleared(case)], both_texts(case)],
    "held and cleared again": lambda case: [
        [agreed(case, LATER)],
        [cleared(case), held(case), cleared(case)],
        both_texts(case),
    ],
    "withdrawn": lambda case: [[proposed(case), agreed(case, LATER)], [cleared(case), withdrawn(case)]],
    "cancelled": lambda case: [[proposed(case), agreed(case, LATER), cancelled(case)], [cleared(case)]],
}


def both_texts(case: UUID) -> list[Event]:
    return [texts(case, 1), texts(case, 2, "Glad for køer")]


@dataclass(frozen=True)
class Delivery:
    """`straight` is what was sent; `batches` is how it came, `firsts` each message as it came first."""

    straight: list[Record]
    firsts: list[Record]
    batches: list[list[Record]]

    def __repr__(self) -> str:
        names = [[f"{dict(one.headers)['ce_type'].decode()}@{one.offset}" for one in b] for b in self.batches]
        return f"Delivery({names})"


@st.composite
def deliveries(draw: st.DrawFn) -> Delivery:
    names = draw(st.lists(st.sampled_from(sorted(SCENARIOS)), min_size=1, max_size=4))
    queues = [
        [record(body) for body in topic]
        for number, name in enumerate(names)
        for topic in SCENARIOS[name](uuid4())
    ]
    turns = draw(st.permutations([n for n, queue in enumerate(queues) for _ in queue]))
    rest = [iter(queue) for queue in queues]
    firsts = [next(rest[n]) for n in turns]
    came = list(firsts)
    for number in draw(st.lists(st.integers(0, len(firsts) - 1), max_size=12)):
        again = firsts[number]
        came.insert(draw(st.integers(came.index(again) + 1, len(came))), again)
    batches = []
    while came:
        size = draw(st.integers(1, len(came)))
        batches.append(came[:size])
        came = came[size:]
    return Delivery([one for queue in queues for one in queue], firsts, batches)


async def run(host: Host, clock: Clock, batches: list[list[Record]]) -> None:
    """From nothing to the end of these batches, a week later, with all of it delivered once more."""
    await host.pool.execute(f"TRUNCATE {', '.join(TABLES_OF_A_RUN)}")
    clock.now = Clock().now
    for batch in batches:
        await handle(host.service, messages(host, batch))
    clock.now += timedelta(days=7)
    await run_due(host.service)
    for batch in batches:
        await handle(host.service, messages(host, batch))


async def kept(host: Host) -> dict[str, Any]:
    """Every document, and every timer that stands."""
    documents = {
        str(row["id"]): comparable(json.loads(row["doc"]))
        for table in ("placement", "case_track")
        for row in await host.pool.fetch(f"SELECT id, doc FROM {table}")
    }
    timers = {tuple(row) for row in await host.pool.fetch("SELECT type, body, due_at FROM timer")}
    return {"documents": documents, "timers": timers}


def comparable(document: dict[str, Any]) -> dict[str, Any]:
    """Parties without their order; and nothing of what was cleared before a placement was cancelled."""
    document = document | {"parties": sorted(map(json.dumps, document.get("parties", ())))}
    if document.get("state") == "cancelled":
        cleared = ("cleared_on", "cleared_for", "cleared_until", "earliest_start")
        return document | dict.fromkeys(cleared) | {"parties": []}
    return document


async def told(host: Host, same_ids_if_caused_by: Collection[UUID] = ()) -> Counter[Any]:
    """Every event in the outbox; with its id where its cause is among these."""
    rows = await host.pool.fetch("SELECT id, cause, type, key, body FROM outbox")
    return Counter(
        (
            row["id"] if row["cause"] in same_ids_if_caused_by else None,
            row["type"],
            json.dumps(comparable(json.loads(row["body"]))),
        )
        for row in rows
    )


class Three:
    """Three databases. No dataclass, as Hypothesis would print all that is in it."""

    def __init__(self, shuffled: Host, one_by_one: Host, straight: Host) -> None:
        self.shuffled, self.one_by_one, self.straight = shuffled, one_by_one, straight


@pytest.fixture
async def three(database: Databases, clock: Clock, keys: Keys) -> AsyncIterator[Three]:
    async with (
        followup_on(await database("shuffled"), clock, keys) as shuffled,
        followup_on(await database("one_by_one"), clock, keys) as one_by_one,
        followup_on(await database("straight"), clock, keys) as straight,
    ):
        yield Three(shuffled, one_by_one, straight)


@given(delivery=deliveries())
@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)
async def test_messages_twice_late_and_in_another_order_across_topics_end_in_the_same_state(
    three: Three, clock: Clock, delivery: Delivery
) -> None:
    shuffled, one_by_one, straight = three.shuffled, three.one_by_one, three.straight
    await run(shuffled, clock, delivery.batches)
    await run(one_by_one, clock, [[one] for one in delivery.firsts])
    await run(straight, clock, [delivery.straight])

    assert await kept(shuffled) == await kept(one_by_one)
    # What a timer causes has an id that follows from the number that its database gave the timer.
    delivered = {message.id for message in messages(straight, delivery.straight)}
    assert await told(shuffled, delivered) == await told(one_by_one, delivered)
    # In another order across topics another message is the one that completes the join, so ids differ.
    assert await kept(shuffled) == await kept(straight)
    assert await told(shuffled) == await told(straight)


async def test_a_message_whose_event_cannot_be_written_changes_nothing_of_its_state(
    followup: Host, clock: Clock
) -> None:
    """Such a message is parked; a state that had changed all the same would be one that nobody decided."""
    case, other = uuid4(), uuid4()

    def faulty(state: Any, message: Message, rules: Programmes, now: datetime) -> Any:
        decision = followup.service.decide(state, message, rules, now)
        if isinstance(decision, Decision) and getattr(message.body, "case_id", None) == case:
            return replace(decision, events=(cleared(other),))
        return decision

    service = replace(followup.service, decide=faulty)
    messages = [
        event(agreed(case, date(2026, 3, 2)), clock.now),
        event(agreed(other, date(2026, 3, 2)), clock.now),
    ]
    outcomes = await handle(service, messages)
    assert [outcome.kind for outcome in outcomes] == ["parked", "done"]
    assert await followup.pool.fetchval("SELECT count(*) FROM placement WHERE case_id = $1", case) == 0
    assert await followup.pool.fetchval("SELECT count(*) FROM placement WHERE case_id = $1", other) == 1
