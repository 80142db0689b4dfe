"""Timers on PostgreSQL: each due one is a message, and takes effect once, if it still stands."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from services.followup.documents import RemindCheckIn, StartPlacement
from shared import timers
from shared.commands import send
from shared.contracts.followup import BookCheckIn, EndPlacement
from shared.contracts.model import match_id
from shared.corridor import handle
from shared.hosting import Host
from shared.messages import Decision, Message, Schedule, timer_id
from shared.programmes import Programmes
from shared.reading import timer_message
from tests.builders import (
    LATER,
    STAFF,
    Clock,
    agreed,
    cleared,
    event,
    held,
    messages,
    record,
    state,
    until,
    written,
)
from tests.proofs import running

pytest_plugins = ["tests.fixtures"]


async def standing(host: Host) -> list[str]:
    return [row["type"] for row in await host.pool.fetch("SELECT type FROM timer ORDER BY due_at")]


async def test_a_timer_runs_when_it_is_due_and_not_a_moment_before(followup: Host, clock: Clock) -> None:
    case = uuid4()
    await handle(followup.service, messages(followup, [record(agreed(case, LATER)), record(cleared(case))]))
    due_at = await timers.next_due_at(followup.service)
    assert due_at is not None
    clock.now = due_at - timedelta(microseconds=1)
    assert await timers.run_due(followup.service) == 0
    clock.now = due_at
    assert await timers.run_due(followup.service) == 1
    assert await state(followup, case) == "running"
    assert await timers.run_due(followup.service) == 0


async def test_two_replicas_that_find_the_same_timer_let_it_take_effect_once(
    followup: Host, clock: Clock
) -> None:
    for _ in range(20):
        await running(followup, clock)
    clock.now += timedelta(days=31)
    found = await asyncio.gather(*(timers.due(followup.service, clock.now) for _ in range(3)))
    assert [len(one) for one in found] == [20, 20, 20]
    await asyncio.gather(*(handle(followup.service, one) for one in found))
    assert (await written(followup)).count("CheckInDue") == 20
    assert await standing(followup) == []


async def test_the_same_timer_scheduled_again_replaces_the_earlier_one(followup: Host, clock: Clock) -> None:
    case = await running(followup, clock)
    before = await followup.pool.fetchrow("SELECT id, number, due_at FROM timer")
    move = BookCheckIn(placement_id=match_id(case, 1), at=clock.now + timedelta(days=40))
    await send(followup.service, move, STAFF)
    after = await followup.pool.fetchrow("SELECT id, number, due_at FROM timer")
    assert before is not None and after is not None
    assert after["id"] == before["id"]
    assert after["number"] > before["number"]
    assert after["due_at"] > before["due_at"]


async def test_what_was_cancelled_does_not_come(followup: Host, clock: Clock) -> None:
    case = await running(followup, clock)
    assert await standing(followup) == ["RemindCheckIn"]
    await send(followup.service, EndPlacement(placement_id=match_id(case, 1)), STAFF)
    assert await standing(followup) == []


async def test_a_timer_found_before_it_was_cancelled_is_ignored(followup: Host, clock: Clock) -> None:
    case = uuid4()
    await handle(followup.service, [event(agreed(case, LATER), clock.now), event(cleared(case), clock.now)])
    clock.now += timedelta(days=7)
    found = await timers.due(followup.service, clock.now)
    await handle(followup.service, [event(held(case), clock.now)])
    (outcome,) = await handle(followup.service, found)
    assert (outcome.kind, outcome.reason) == ("ignored", "timer_no_longer_stands")
    assert await state(followup, case) == "agreed"


async def test_a_timer_that_another_in_its_batch_scheduled_anew_says_nothing(
    followup: Host, clock: Clock
) -> None:
    """The start of one placement moves the reminder of another, found due in the same batch."""
    case, starting = await running(followup, clock), uuid4()
    starts_on = date(2026, 4, 20)
    await handle(
        followup.service, [event(agreed(starting, starts_on), clock.now), event(cleared(starting), clock.now)]
    )
    reminder = await followup.pool.fetchrow("SELECT body FROM timer WHERE type = 'RemindCheckIn'")
    assert reminder is not None
    again = Schedule(clock.now + timedelta(days=90), RemindCheckIn.model_validate_json(reminder["body"]))
    clock.now += timedelta(days=60)
    reminds, starts = sorted(await timers.due(followup.service, clock.now), key=lambda one: one.type)

    def decide(state: Any, message: Message, rules: Programmes, now: datetime) -> Any:
        decided = followup.service.decide(state, message, rules, now)
        if isinstance(decided, Decision) and message.type == "StartPlacement":
            return replace(decided, timers=(*decided.timers, again))
        return decided

    service = replace(followup.service, decide=decide)
    outcomes = await handle(service, [starts, reminds])
    assert [one.reason for one in outcomes] == ["", "timer_no_longer_stands"]
    due_at = await followup.pool.fetchval("SELECT due_at FROM timer WHERE id = $1", again.id)
    assert due_at == again.at
    assert await state(followup, case) == "running"


async def test_a_timer_of_a_kind_that_this_version_does_not_know_is_parked(
    followup: Host, clock: Clock
) -> None:
    await followup.pool.execute(
        "INSERT INTO timer (id, type, body, due_at) "
        "VALUES ($1, 'FromTomorrow', '{}', $3), ($2, 'StartPlacement', '{}', $3)",
        uuid4(),
        uuid4(),
        clock.now,
    )
    assert await timers.run_due(followup.service) == 2
    reasons = {row["type"]: row["reason"] for row in await followup.pool.fetch("SELECT * FROM parked")}
    assert reasons == {
        "FromTomorrow": "this version knows no timer FromTomorrow",
        "StartPlacement": "does not fit its contract",
    }
    assert await standing(followup) == []


def test_one_timer_per_kind_and_content() -> None:
    one, other = uuid4(), uuid4()
    assert timer_id(StartPlacement(placement_id=one)) == timer_id(StartPlacement(placement_id=one))
    assert timer_id(StartPlacement(placement_id=one)) != timer_id(StartPlacement(placement_id=other))


def test_each_scheduling_of_a_timer_is_a_message_of_its_own() -> None:
    timer, now = uuid4(), Clock().now
    first, again, second = (timer_message({}, "X", "{}", timer, number, now).id for number in (1, 1, 2))
    assert first == again != second


async def test_the_loop_wakes_for_a_timer_that_is_scheduled_while_it_waits(
    followup: Host, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise it would wait for far longer than this test: the notification woke it."""
    monkeypatch.setattr(timers, "LONGEST_WAIT_SECONDS", 600)
    loop = asyncio.create_task(timers.loop(followup.service, followup.settings.database_url))
    try:
        listening = (
            "SELECT count(*) > 0 FROM pg_stat_activity "
            "WHERE query = 'SELECT 1' AND state = 'idle' AND datname = current_database()"
        )
        await until(lambda: followup.pool.fetchval(listening))
        await followup.pool.execute(
            "WITH t AS (INSERT INTO timer (id, type, body, due_at) VALUES ($1, 'X', '{}', $2)) "
            "SELECT pg_notify('timer', '')",
            uuid4(),
            clock.now,
        )
        await until(lambda: followup.pool.fetchval("SELECT count(*) = 1 FROM parked"))
    finally:
        loop.cancel()
        await asyncio.gather(loop, return_exceptions=True)
