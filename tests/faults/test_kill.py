"""Every service is killed at random moments, again and again, with cases under way on a real broker.

In the end nothing shows of it: no case is lost, no check-in is doubled, every event is out, and each
case stands where it stands in a run without kills, which has fewer cases, as each goes the same way. The
one mail that may come twice is the one that the mail server had taken when its sender was killed; it has
the same Message-ID, and is counted.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from demo.embedded.mailbox import Mailbox
from demo.outside import Outside
from demo.play import Walk
from demo.samples import SAMPLES
from tests.servers.kafka import RealKafka
from tests.servers.postgres import Databases
from tests.world import PATIENCE_SECONDS, SERVICES, World, world

CASES = 200
CALM_CASES = 20
AT_ONCE = 16
KILLS_EACH = 5
SEED = 20260302
PROGRAMME = "foreningspraktik"


async def walk_all(world: World, cases: int) -> None:
    """All cases from the referral to their first held check-in, some at a time."""
    outside = Outside(
        world.processes.urls, world.kafka, world.token, world.mails, patience_seconds=PATIENCE_SECONDS
    )
    addresses: dict[str, str] = {}
    gate = asyncio.Semaphore(AT_ONCE)

    async def today() -> date:
        return datetime.now(UTC).date()

    async with outside.listening("referral-replies-v1") as replies:

        async def one(number: int) -> None:
            async with gate:
                walk = Walk(
                    outside,
                    SAMPLES[PROGRAMME],
                    number,
                    replies,
                    today,
                    patience_seconds=PATIENCE_SECONDS,
                    addresses=addresses,
                )
                await walk.offer_place()
                await walk.all_the_way()
                await walk.hold_check_in()

        await asyncio.gather(*(one(number) for number in range(cases)))
    await outside.close()


async def kill_at_random(world: World, walking: asyncio.Task[None]) -> None:
    """Each service in turn, at random moments, until each was killed often enough or all is done."""
    chance = random.Random(SEED)
    while not walking.done() and min(world.processes.kills.values()) < KILLS_EACH:
        await asyncio.wait([walking], timeout=chance.uniform(0.3, 2.0))
        least = min(world.processes.kills.values())
        name = chance.choice([n for n, kills in world.processes.kills.items() if kills == least])
        world.processes.kill(name)
        world.processes.start(name)


async def summary(world: World) -> dict[str, Any]:
    """What the world has come to, without ids: how often each kind of case, placement and mail stands."""
    cases = await world.query("intake", "SELECT doc FROM case_file WHERE doc IS NOT NULL")
    placements = await world.query("followup", "SELECT doc FROM placement WHERE doc IS NOT NULL")
    proposals = await world.query(
        "matching", "SELECT doc ->> 'state' AS state FROM proposal WHERE doc IS NOT NULL"
    )
    mails = await world.query(
        "notifications",
        "SELECT doc ->> 'template' AS t, doc ->> 'state' AS s FROM mail WHERE doc IS NOT NULL",
    )
    # Whether a case is for a moment without a place goes by which of two keys arrives first, kill or no kill.
    lasting = "SELECT type FROM outbox WHERE type <> 'CaseUnmatched'"
    events = {
        service: Counter(row["type"] for row in await world.query(service, lasting)) for service in SERVICES
    }
    return {
        "cases": Counter((d["state"], d["round"]) for d in (json.loads(row["doc"]) for row in cases)),
        "placements": Counter(
            (d["state"], tuple((c["number"], c["state"]) for c in d["check_ins"]))
            for d in (json.loads(row["doc"]) for row in placements)
        ),
        "proposals": Counter(row["state"] for row in proposals),
        "mails": Counter((row["t"], row["s"]) for row in mails),
        "events": events,
    }


def times(counted: Any, factor: int) -> Any:
    """What so many times as many cases come to, as each goes the same way."""
    if isinstance(counted, int):
        return counted * factor
    return {name: times(value, factor) for name, value in counted.items()}


@pytest.mark.real
async def test_no_case_is_lost_and_nothing_is_doubled_when_every_process_is_killed_five_times(
    database: Databases, apache_kafka: RealKafka, mailbox: Mailbox, tmp_path: Path
) -> None:
    async with world(database, apache_kafka, mailbox, tmp_path, "calm") as calm:
        await walk_all(calm, CALM_CASES)
        await calm.settled()
        expected = times(await summary(calm), CASES // CALM_CASES)
    assert expected["cases"] == {("started", 1): CASES}
    mailbox.clear()
    apache_kafka.empty()

    async with world(database, apache_kafka, mailbox, tmp_path, "rough") as rough:
        walking = asyncio.create_task(walk_all(rough, CASES))
        await kill_at_random(rough, walking)
        await walking
        assert min(rough.processes.kills.values()) >= KILLS_EACH, rough.processes.kills
        await rough.settled()
        assert await summary(rough) == expected
        assert await rough.parked() == 0

    sent = Counter(mail.message_id for mail in mailbox.mails)
    twice = [identifier for identifier, times in sent.items() if times > 1]
    assert len(twice) <= rough.processes.kills["notifications"], f"{len(twice)} mails came twice"
    assert len(sent) == sum(expected["mails"].values())
    print(f"kills: {rough.processes.kills}; mails that stood between DATA and its answer: {len(twice)}")
