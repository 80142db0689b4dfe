"""Followup through the corridor on PostgreSQL: from the two halves of the join to the second check-in."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from uuid import uuid4

import pytest

from shared.commands import send
from shared.contracts.followup import BookCheckIn, EndPlacement, RecordCheckIn, RequestRematch
from shared.contracts.model import Event, match_id
from shared.corridor import handle
from shared.hosting import Host
from shared.messages import Actor, Refused
from shared.timers import run_due
from tests.builders import STAFF, Clock, agreed, cleared, event, written

pytest_plugins = ["tests.fixtures"]


@pytest.mark.parametrize("first", ["agreed", "cleared"])
async def test_a_placement_starts_once_both_halves_are_there_in_either_order(
    followup: Host, clock: Clock, first: str
) -> None:
    case = uuid4()
    halves: list[Event] = [agreed(case, date(2026, 3, 2)), cleared(case)]
    if first == "cleared":
        halves.reverse()
    await handle(followup.service, [event(halves[0], clock.now)])
    assert await written(followup) == []
    await handle(followup.service, [event(halves[1], clock.now)])
    assert await written(followup) == ["PlacementStarted", "CheckInBooked"]


async def test_a_planned_placement_starts_on_the_agreed_day_in_the_units_time_zone(
    followup: Host, clock: Clock
) -> None:
    case = uuid4()
    both = [event(agreed(case, date(2026, 3, 9)), clock.now), event(cleared(case), clock.now)]
    await handle(followup.service, both)
    clock.now = datetime(2026, 3, 8, 22, 59, tzinfo=UTC)
    await run_due(followup.service)
    assert await written(followup) == []
    clock.now = datetime(2026, 3, 8, 23, 0, tzinfo=UTC)
    await run_due(followup.service)
    assert await written(followup) == ["PlacementStarted", "CheckInBooked"]


@pytest.mark.parametrize(
    ("starts_on", "earliest", "starts"),
    [
        (date(2026, 3, 9), date(2026, 3, 4), date(2026, 3, 9)),
        (date(2026, 3, 9), date(2026, 3, 9), date(2026, 3, 9)),
        (date(2026, 3, 9), date(2026, 3, 16), date(2026, 3, 16)),
        (date(2026, 3, 2), date(2026, 3, 16), date(2026, 3, 16)),
    ],
)
@pytest.mark.parametrize("first", ["agreed", "cleared"])
async def test_a_placement_starts_on_the_later_of_the_agreed_and_the_earliest_day(
    followup: Host, clock: Clock, first: str, starts_on: date, earliest: date, starts: date
) -> None:
    case = uuid4()
    halves: list[Event] = [
        agreed(case, starts_on),
        cleared(case).model_copy(update={"earliest_start": earliest}),
    ]
    for half in halves if first == "agreed" else reversed(halves):
        await handle(followup.service, [event(half, clock.now)])
    for day, told in ((starts - timedelta(days=1), []), (starts, ["PlacementStarted", "CheckInBooked"])):
        clock.now = datetime.combine(day, time(9), UTC)
        await run_due(followup.service)
        assert await written(followup) == told


async def test_a_start_that_may_come_earlier_or_later_is_planned_anew(followup: Host, clock: Clock) -> None:
    case = uuid4()
    may_start = cleared(case)
    await handle(followup.service, [event(agreed(case, date(2026, 3, 9)), clock.now)])
    for earliest in (date(2026, 3, 20), date(2026, 3, 30), date(2026, 3, 12)):
        said = may_start.model_copy(update={"earliest_start": earliest})
        await handle(followup.service, [event(said, clock.now)])
    clock.now = datetime(2026, 3, 11, 12, tzinfo=UTC)
    await run_due(followup.service)
    assert await written(followup) == []
    clock.now = datetime(2026, 3, 12, 12, tzinfo=UTC)
    await run_due(followup.service)
    assert await written(followup) == ["PlacementStarted", "CheckInBooked"]


async def test_a_held_check_in_is_followed_by_the_next_a_month_on(followup: Host, clock: Clock) -> None:
    case = uuid4()
    await handle(
        followup.service, [event(agreed(case, date(2026, 3, 2)), clock.now), event(cleared(case), clock.now)]
    )
    clock.now += timedelta(days=31)
    await run_due(followup.service)
    await send(followup.service, RecordCheckIn(placement_id=match_id(case, 1), held=True, note="ok"), STAFF)
    rows = await followup.pool.fetch(
        "SELECT type, body::jsonb ->> 'due_on' AS day FROM outbox ORDER BY position"
    )
    assert [(row["type"], row["day"]) for row in rows] == [
        ("PlacementStarted", None),
        ("CheckInBooked", "2026-04-02"),
        ("CheckInDue", "2026-04-02"),
        ("CheckInHeld", "2026-04-02"),
        ("CheckInBooked", "2026-05-02"),
    ]


async def test_a_match_whose_start_is_never_cleared_fails_by_itself(followup: Host, clock: Clock) -> None:
    case = uuid4()
    await handle(followup.service, [event(agreed(case, date(2026, 3, 9)), clock.now)])
    clock.now += timedelta(days=60)
    await run_due(followup.service)
    assert await written(followup) == ["PlacementEnded"]


async def test_a_check_in_may_come_before_the_start_where_the_programme_says_so(
    followup: Host, clock: Clock
) -> None:
    """C: before and during. It leaves the cadence as it is, whether it was held before the start or after."""
    case, school = uuid4(), {"unit": "NO-3222", "programme": "skolepraksis"}
    staff = replace(STAFF, units=frozenset({"NO-3222"}))
    match = agreed(case, date(2026, 3, 16)).model_copy(update=school)
    await handle(followup.service, [event(match, clock.now)])
    early = BookCheckIn(placement_id=match.match_id, at=clock.now + timedelta(days=7))
    first = await send(followup.service, early, staff)
    clock.now += timedelta(days=4)
    await run_due(followup.service)
    await send(followup.service, RecordCheckIn(placement_id=match.match_id, held=True), staff)
    await send(followup.service, early.model_copy(update={"at": clock.now + timedelta(days=8)}), staff)
    await handle(followup.service, [event(cleared(case).model_copy(update=school), clock.now)])
    clock.now += timedelta(days=11)
    await run_due(followup.service)
    for _ in range(2):
        await send(followup.service, RecordCheckIn(placement_id=match.match_id, held=True), staff)
    rows = await followup.pool.fetch(
        "SELECT type, body::jsonb ->> 'due_on' AS day FROM outbox ORDER BY position"
    )
    assert [(row["type"], row["day"]) for row in rows] == [
        ("CheckInBooked", "2026-03-09"),
        ("CheckInDue", "2026-03-09"),
        ("CheckInHeld", "2026-03-09"),
        ("CheckInBooked", "2026-03-14"),
        ("CheckInDue", "2026-03-14"),
        ("PlacementStarted", None),
        ("CheckInBooked", "2026-04-17"),
        ("CheckInHeld", "2026-03-14"),
        ("CheckInHeld", "2026-04-17"),
        ("CheckInBooked", "2026-05-17"),
    ]
    assert first.answer["check_in_id"]


async def test_no_check_in_is_booked_before_the_start_elsewhere(followup: Host, clock: Clock) -> None:
    match = agreed(uuid4(), date(2026, 3, 16))
    await handle(followup.service, [event(match, clock.now)])
    with pytest.raises(Refused) as refused:
        await send(
            followup.service,
            BookCheckIn(placement_id=match.match_id, at=clock.now + timedelta(days=7)),
            STAFF,
        )
    assert refused.value.code == "not_in_this_state"


async def test_a_running_placement_may_end_by_the_procedure_for_a_failed_match(
    followup: Host, clock: Clock
) -> None:
    """Matching frees its place and intake begins the next round, as after one that never began."""
    case = uuid4()
    await handle(
        followup.service, [event(agreed(case, date(2026, 3, 2)), clock.now), event(cleared(case), clock.now)]
    )
    await send(
        followup.service,
        EndPlacement(placement_id=match_id(case, 1), how="failed_match", reason="wrong_tasks"),
        STAFF,
    )
    row = await followup.pool.fetchrow(
        "SELECT type, body::jsonb ->> 'how' AS how, body::jsonb ->> 'place_id' AS place "
        "FROM outbox ORDER BY position DESC LIMIT 1"
    )
    assert row is not None and row["place"]
    assert (row["type"], row["how"]) == ("PlacementEnded", "failed_match")


async def test_a_command_of_another_unit_or_on_nothing_is_refused_and_leaves_no_trace(
    followup: Host, clock: Clock
) -> None:
    case = uuid4()
    await handle(
        followup.service, [event(agreed(case, date(2026, 3, 2)), clock.now), event(cleared(case), clock.now)]
    )
    before = await written(followup)
    stranger = Actor("bo", "staff", uuid4(), roles=frozenset({"caseworker"}), units=frozenset({"NO-3222"}))
    with pytest.raises(Refused) as other:
        await send(followup.service, EndPlacement(placement_id=match_id(case, 1)), stranger)
    assert other.value.status == 403
    with pytest.raises(Refused) as nothing:
        await send(followup.service, EndPlacement(placement_id=uuid4()), STAFF)
    assert nothing.value.status == 404
    assert await written(followup) == before
    assert await followup.pool.fetchval("SELECT count(*) FROM placement") == 1


async def test_a_repeat_under_the_same_key_gives_the_first_answer(followup: Host, clock: Clock) -> None:
    case = uuid4()
    await handle(
        followup.service, [event(agreed(case, date(2026, 3, 2)), clock.now), event(cleared(case), clock.now)]
    )
    command = RecordCheckIn(placement_id=match_id(case, 1), held=True)
    first = await send(followup.service, command, STAFF, key="k1")
    again = await send(followup.service, command, STAFF, key="k1")
    assert (again.id, again.version, again.events) == (first.id, first.version, first.events)
    with pytest.raises(Refused) as reused:
        await send(
            followup.service, RecordCheckIn(placement_id=match_id(case, 1), held=False), STAFF, key="k1"
        )
    assert reused.value.code == "idempotency_key_reused"


async def test_a_check_in_is_not_recorded_in_a_way_that_the_programme_does_not_know(
    followup: Host, clock: Clock
) -> None:
    case = uuid4()
    await handle(
        followup.service, [event(agreed(case, date(2026, 3, 2)), clock.now), event(cleared(case), clock.now)]
    )
    with pytest.raises(Refused) as refused:
        await send(followup.service, RecordCheckIn(placement_id=match_id(case, 1), mode="video"), STAFF)
    assert refused.value.code == "mode_not_in_programme"


async def test_a_bad_match_ends_the_placement_and_says_that_another_is_looked_for(
    followup: Host, clock: Clock
) -> None:
    case = uuid4()
    await handle(followup.service, [event(agreed(case), clock.now), event(cleared(case), clock.now)])
    await send(followup.service, RequestRematch(placement_id=match_id(case, 1), reason="conflict"), STAFF)
    rows = await followup.pool.fetch(
        "SELECT type, body::jsonb ->> 'reason' AS reason FROM outbox ORDER BY position DESC LIMIT 2"
    )
    assert [(row["type"], row["reason"]) for row in rows] == [
        ("PlacementEnded", "bad_match"),
        ("RematchRequested", "conflict"),
    ]
    with pytest.raises(Refused, match="not_in_this_state"):
        await send(followup.service, RequestRematch(placement_id=match_id(case, 1), reason="conflict"), STAFF)
