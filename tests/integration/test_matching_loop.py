"""The solver's loop and the one that tells who was left out: what waits for what, on a real PostgreSQL."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from services.matching import insight, left_out, loop, pools, queries, solving
from services.matching.explaining import would_help
from services.matching.left_out import TELLING
from services.matching.loop import SOLVING
from services.matching.metrics import NOT_PROVEN
from services.matching.pools import Changed, messages_of, put_up_all
from services.matching.solver.edges import reasons
from services.matching.solver.pool import NotProven, TooLarge
from shared.contracts.matching import ProposePairs
from shared.corridor import handle
from shared.programmes import Rules
from tests.integration.matching_service import (
    PROGRAMME,
    UNIT,
    Matching,
    case_ready,
    matching_service,
    place_offered,
)
from tests.servers.postgres import Databases

MORNINGS, EVENINGS = {"times": ["mon-morning"]}, ["tue-evening"]
OTHER = "udviklingspraktik"
NEXT_DAY = "2026-11-24"


@pytest.fixture
async def matching(database: Databases) -> AsyncIterator[Matching]:
    async with matching_service(await database("matching")) as service:
        yield service


@asynccontextmanager
async def running(matching: Matching) -> AsyncIterator[Callable[[str], Any]]:
    """Both loops; gives what waits until an event of that type is in the outbox."""
    told = asyncio.Event()
    listener = await asyncpg.connect(matching.dsn)
    await listener.add_listener("outbox", lambda *_: told.set())
    tasks = [
        asyncio.create_task(one)
        for one in (
            loop.loop(matching.service, matching.dsn),
            TELLING.loop(matching.service, matching.dsn),
        )
    ]

    async def until(type_: str) -> None:
        async with asyncio.timeout(120):
            while type_ not in await matching.types():
                await told.wait()
                told.clear()

    try:
        yield until
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await listener.close()


def under(matching: Matching, change: Callable[[dict[str, Rules]], dict[str, Rules]]) -> None:
    """Let the programme have other versions than it has, in its unit."""
    programmes = matching.service.programmes
    versions = dict(programmes.by_version[PROGRAMME, UNIT])
    by_version = {**programmes.by_version, (PROGRAMME, UNIT): change(versions)}
    matching.service = replace(matching.service, programmes=replace(programmes, by_version=by_version))


@asynccontextmanager
async def ticking() -> AsyncIterator[Callable[[], bool]]:
    """Gives what says whether the event loop goes on meanwhile: asked on the loop itself, it does not."""
    ticked = threading.Event()

    async def tick() -> None:
        while True:
            ticked.set()
            await asyncio.sleep(0.001)

    def ticks() -> bool:
        ticked.clear()
        return ticked.wait(10)

    ticker = asyncio.create_task(tick())
    try:
        yield ticks
    finally:
        ticker.cancel()


async def test_the_event_loop_goes_on_while_a_pool_is_read_solved_and_told(
    matching: Matching, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, bool] = {}

    def watch(module: Any, name: str, ticks: Callable[[], bool]) -> None:
        original = getattr(module, name)

        def watched(*args: Any, **more: Any) -> Any:
            seen[name] = seen.get(name, True) and ticks()
            return original(*args, **more)

        monkeypatch.setattr(module, name, watched)

    case = await matching.case()
    await matching.case(profile=MORNINGS)
    await matching.place(times=["mon-evening"])
    async with ticking() as ticks:
        watch(queries, "_read", ticks)
        for module, name in ((loop, "pairs_of"), (loop, "messages_of"), (left_out, "left_out")):
            watch(module, name, ticks)
        for name in ("overview", "kinds_wanted"):
            watch(insight, name, ticks)
        await matching.settle()
        async with matching.client(headers=matching.staff("coordinator")) as client:
            for path in ("overview", "would-help"):
                pool = {"unit": UNIT, "programme": PROGRAMME}
                answer = await client.get(f"/matching/api/{path}", params=pool)
                assert answer.status_code == 200
            assert (await client.get(f"/matching/api/cases/{case.case_id}/why")).status_code == 200
    assert sorted(await matching.types()) == ["CaseUnmatched", "MatchProposed"]
    assert seen == dict.fromkeys(
        ("_read", "pairs_of", "messages_of", "left_out", "overview", "kinds_wanted"), True
    )


def test_the_rows_that_were_read_are_looked_through_once_for_all_pairs(matching: Matching) -> None:
    class Numbers(list[int]):
        looked = 0

        def __iter__(self) -> Iterator[int]:
            self.looked += 1
            return super().__iter__()

    numbers = Numbers(range(10))
    asked = [ProposePairs(programme=PROGRAMME, unit=UNIT)] * 50
    assert len(messages_of(matching.service, asked, numbers)) == 50
    assert numbers.looked == 1


async def test_no_proposal_waits_for_another_pools_explanations(
    matching: Matching, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, released = threading.Event(), threading.Event()

    def held(*args: Any) -> Any:
        begun.set()
        assert released.wait(120)
        return would_help(*args)

    monkeypatch.setattr("services.matching.left_out.would_help", held)
    await matching.take(case_ready(profile=MORNINGS), place_offered(times=EVENINGS))
    async with running(matching) as until:
        try:
            assert await asyncio.to_thread(begun.wait, 120)
            await matching.take(
                case_ready(programme=OTHER), place_offered(programmes=[OTHER], kind="company")
            )
            await until("MatchProposed")
            await matching.take(case_ready(profile={"times": EVENINGS}))
            async with asyncio.timeout(120):
                while not await SOLVING.idle(matching.service):
                    await asyncio.sleep(0.01)
            assert await matching.types() == ["MatchProposed"] * 2
        finally:
            released.set()
        await until("CaseUnmatched")


async def test_who_was_left_out_is_told_though_the_process_died_before(matching: Matching) -> None:
    await matching.case(profile=MORNINGS)
    await matching.place(times=EVENINGS)
    connection = await asyncpg.connect(matching.dsn)
    try:
        assert await SOLVING.run_due(matching.service, connection) == 1
        assert await matching.types() == [] and not await TELLING.idle(matching.service)
        assert await TELLING.run_due(matching.service, connection) == 1
        assert await matching.types() == ["CaseUnmatched"] and await TELLING.idle(matching.service)
    finally:
        await connection.close()


async def test_a_pool_that_has_changed_again_is_solved_before_anybody_is_told(matching: Matching) -> None:
    await matching.case(profile=MORNINGS)
    await matching.place(times=EVENINGS)
    connection = await asyncpg.connect(matching.dsn)
    try:
        await SOLVING.run_due(matching.service, connection)
        await matching.place(times=["mon-morning"])
        assert await TELLING.run_due(matching.service, connection) == 0
    finally:
        await connection.close()
    await matching.settle()
    assert await matching.types() == ["MatchProposed"]


async def test_arrivals_are_gathered_as_long_as_the_definition_says(matching: Matching) -> None:
    under(
        matching,
        lambda versions: {
            name: rules.model_copy(update={"gather_for_minutes": 30}) for name, rules in versions.items()
        },
    )
    await matching.case()
    matching.clock.move(minutes=20)
    await matching.place()
    await matching.settle()
    assert await matching.types() == [] and await SOLVING.idle(matching.service)
    matching.clock.move(minutes=9)
    await matching.settle()
    assert await matching.types() == []
    matching.clock.move(minutes=1)
    await matching.settle()
    assert await matching.types() == ["MatchProposed"], "with the first who came, all that came meanwhile"


async def test_a_pair_that_a_new_version_of_the_rules_allows_is_proposed_the_day_it_is_in_force(
    matching: Matching,
) -> None:
    def without_times(versions: dict[str, Rules]) -> dict[str, Rules]:
        rules = versions[max(versions)]
        hard = tuple(rule for rule in rules.matching.hard if rule != "times")
        allowing = rules.matching.model_copy(update={"hard": hard})
        new = rules.model_copy(update={"rules_version": NEXT_DAY, "matching": allowing})
        return {**versions, NEXT_DAY: new}

    under(matching, without_times)
    await matching.case(profile=MORNINGS)
    await matching.place(times=EVENINGS)
    await matching.settle()
    matching.clock.now = datetime(2026, 11, 23, 22, 59, tzinfo=UTC)
    await matching.settle()
    assert await matching.types() == ["CaseUnmatched"]
    # Midnight in Denmark.
    matching.clock.move(minutes=1)
    await matching.settle()
    assert await matching.types() == ["CaseUnmatched", "MatchProposed"]
    waits_for = await matching.service.pool.fetchval("SELECT due_at FROM pool_change")
    assert waits_for == datetime(2026, 11, 24, 23, tzinfo=UTC)


async def test_every_pool_is_solved_once_when_the_service_starts(matching: Matching) -> None:
    """The definitions may be others than before it stopped, and nothing else says so."""
    await matching.take(case_ready(), place_offered())
    await matching.service.pool.execute("DELETE FROM pool_change")
    async with running(matching) as until:
        await until("MatchProposed")


async def test_a_pool_waits_for_its_first_rules_and_goes_with_its_definition(matching: Matching) -> None:
    under(
        matching,
        lambda versions: {NEXT_DAY: versions[max(versions)].model_copy(update={"rules_version": NEXT_DAY})},
    )
    await matching.service.pool.execute(
        "INSERT INTO pool_change (unit, programme, reason, due_at) VALUES ($1, 'mentorskab', 'new_day', $2)",
        UNIT,
        matching.clock.now,
    )
    await put_up_all(matching.service)
    due = await SOLVING.due(matching.service)
    assert Changed(UNIT, OTHER) in due
    assert not {Changed(UNIT, PROGRAMME), Changed(UNIT, "mentorskab")} & {*due}
    matching.clock.now = datetime(2026, 11, 23, 23, tzinfo=UTC)
    assert Changed(UNIT, PROGRAMME) in await SOLVING.due(matching.service)


async def test_a_page_and_a_proposal_come_by_another_way_where_the_quick_one_is_not_proven(
    matching: Matching, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unproven(*_: Any, **__: Any) -> Any:
        raise NotProven

    def too_slow(*_: Any, **__: Any) -> Any:
        raise AssertionError("the plain way is asked last")

    monkeypatch.setitem(solving.WAYS, "priced", unproven)
    monkeypatch.setitem(solving.WAYS, "plain", too_slow)
    before = NOT_PROVEN._value.get()
    case = await matching.case(profile=MORNINGS)
    await matching.place(times=EVENINGS)
    await matching.case()
    await matching.settle()
    assert sorted(await matching.types()) == ["CaseUnmatched", "MatchProposed"]
    async with matching.client(headers=matching.staff("coordinator")) as client:
        pool = {"unit": UNIT, "programme": PROGRAMME}
        answers = [
            await client.get(f"/matching/api/cases/{case.case_id}/why"),
            await client.get("/matching/api/would-help", params=pool),
            await client.post("/matching/api/what-if", json={**pool, "places": [{}]}),
        ]
    assert [one.status_code for one in answers] == [200, 200, 200]
    assert NOT_PROVEN._value.get() > before


@pytest.mark.parametrize("fault", [NotProven, TooLarge])
async def test_where_no_way_is_proven_what_needs_it_says_not_now_and_the_rest_is_shown(
    matching: Matching, monkeypatch: pytest.MonkeyPatch, fault: type[Exception]
) -> None:
    def unproven(*_: Any, **__: Any) -> Any:
        raise fault

    case = await matching.case(profile=MORNINGS)
    place = await matching.place(times=EVENINGS)
    for way in solving.WAYS:
        monkeypatch.setitem(solving.WAYS, way, unproven)
    pool = {"unit": UNIT, "programme": PROGRAMME}
    of_case = f"/matching/api/cases/{case.case_id}"
    async with matching.client(headers=matching.staff("coordinator")) as client:
        not_now = [
            await client.get("/matching/api/would-help", params=pool),
            await client.post("/matching/api/what-if", json={**pool, "places": [{}]}),
            await client.get(f"{of_case}/cost", params={"place_id": str(place.place_id)}),
        ]
        why = await client.get(f"{of_case}/why")
        shown = await client.get(
            "/matching/overview", params={**pool, "lang": "en"}, headers={"Accept": "text/html"}
        )
    assert [(one.status_code, one.json()["code"]) for one in not_now] == [(503, "not_solved")] * 3
    assert {one.headers["Retry-After"] for one in not_now} == {"300"}
    assert (why.status_code, why.json()["would_help"]) == (200, []) and why.json()["reasons"]
    assert shown.status_code == 200 and "No pairs can be found just now" in shown.text


async def test_reasons_are_worked_out_for_what_is_put_forward_alone(
    matching: Matching, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[UUID] = []

    def counted(candidate: Any, *rest: Any) -> Any:
        asked.append(candidate.id)
        return reasons(candidate, *rest)

    monkeypatch.setattr("services.matching.solver.best.reasons", counted)
    first, left = await matching.case(), await matching.case(profile=MORNINGS)
    await matching.place(times=EVENINGS)
    await matching.settle()
    assert sorted(await matching.types()) == ["CaseUnmatched", "MatchProposed"]
    assert (await matching.out()).reasons
    async with matching.client(headers=matching.staff("coordinator")) as client:
        assert (await client.get(f"/matching/api/cases/{left.case_id}/why")).status_code == 200
    assert asked == [first.case_id]


async def test_a_pool_that_is_handled_is_not_more_than_so_many_messages_at_once(
    matching: Matching, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []

    async def counted(service: Any, messages: Any) -> Any:
        sizes.append(len(messages))
        return await handle(service, messages)

    monkeypatch.setattr("services.matching.pools.handle", counted)
    monkeypatch.setattr(pools, "MESSAGES_AT_ONCE", 2)
    await matching.take(*(case_ready() for _ in range(5)), place_offered(capacity=5))
    await matching.settle()
    assert sizes == [2, 2, 1]
