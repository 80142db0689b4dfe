"""Every service is killed at random moments, again and again, with cases under way on a real broker.

In the end nothing shows of it: no case is lost, no check-in is doubled, every event is out, and each
case stands where it stands in a run without kills. The one mail that may come twice is the one that the
mail server had taken when its sender was killed; it has the same Message-ID, and is counted.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from demo.embedded.mailbox import Mailbox
from demo.outside import Outside
from demo.play import Walk, until
from demo.samples import SAMPLES
from demo.settings import Keys
from shared.access import Issuer
from tests.servers.kafka import RealKafka
from tests.servers.postgres import Databases
from tests.servers.processes import Processes, free_port

SERVICES = ("intake", "matching", "followup", "notifications")
CASES = 200
AT_ONCE = 16
KILLS_EACH = 5
SEED = 20260302
PATIENCE_SECONDS = 120.0
PROGRAMME = "foreningspraktik"


class World:
    """Four processes, and everybody who walks through them."""

    def __init__(
        self, processes: Processes, dsns: dict[str, str], mailbox: Mailbox, kafka: str, keys: Keys
    ) -> None:
        self.processes = processes
        self.dsns = dsns
        self.mailbox = mailbox
        self.kafka = kafka
        self._issuer = Issuer(keys.session_private, "test")

    async def token(self, role: str, units: list[str]) -> str:
        return self._issuer.token(f"test-{role}", [role], units or ["DK-0169"])

    async def mails(self, to: str) -> list[dict[str, Any]]:
        return [{"text": mail.text} for mail in self.mailbox.to(to)]

    async def query(self, service: str, sql: str) -> list[Any]:
        connection = await asyncpg.connect(self.dsns[service])
        try:
            return list(await connection.fetch(sql))
        finally:
            await connection.close()


@asynccontextmanager
async def world(
    database: Databases, kafka: RealKafka, mailbox: Mailbox, folder: Path, run: str
) -> AsyncIterator[World]:
    keys = Keys()
    ports = {name: free_port() for name in SERVICES}
    dsns = {name: await database(f"{name}_{run}") for name in SERVICES}
    url = f"http://127.0.0.1:{ports['intake']}"
    settings = {
        name: keys.settings(dsns[name], kafka.bootstrap, mailbox.url, url, kafka_transactions=True)
        for name in SERVICES
    }
    with Processes(settings, ports, folder) as processes:
        yield World(processes, dsns, mailbox, kafka.bootstrap, keys)


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


async def settled(world: World) -> None:
    """Every outbox row is out, and what is out has been handled: nothing changes any more."""

    async def look() -> bool:
        for service in SERVICES:
            (unsent,) = await world.query(service, "SELECT count(*) AS n FROM outbox WHERE sent_at IS NULL")
            if unsent["n"]:
                return False
        (waiting,) = await world.query(
            "notifications", "SELECT count(*) AS n FROM mail WHERE state = 'queued'"
        )
        return not waiting["n"]

    seen: list[Any] = []

    async def twice() -> bool:
        if not await look():
            return False
        now = [await world.query(s, "SELECT count(*) AS n, max(position) AS p FROM outbox") for s in SERVICES]
        inbox = [await world.query(s, "SELECT count(*) AS n FROM inbox") for s in SERVICES]
        seen.append(str((now, inbox)))
        return len(seen) > 20 and len(set(seen[-20:])) == 1

    await until(twice, "all to be settled", PATIENCE_SECONDS)


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
    events = {
        service: Counter(row["type"] for row in await world.query(service, "SELECT type FROM outbox"))
        for service in SERVICES
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


async def _parked(world: World) -> int:
    return sum([(await world.query(s, "SELECT count(*) AS n FROM parked"))[0]["n"] for s in SERVICES])


@pytest.mark.real
async def test_no_case_is_lost_and_nothing_is_doubled_when_every_process_is_killed_five_times(
    database: Databases, apache_kafka: RealKafka, mailbox: Mailbox, tmp_path: Path
) -> None:
    async with world(database, apache_kafka, mailbox, tmp_path, "calm") as calm:
        await walk_all(calm, CASES)
        await settled(calm)
        expected = await summary(calm)
    assert expected["cases"] == {("started", 1): CASES}
    mailbox.clear()
    apache_kafka.empty()

    async with world(database, apache_kafka, mailbox, tmp_path, "rough") as rough:
        walking = asyncio.create_task(walk_all(rough, CASES))
        await kill_at_random(rough, walking)
        await walking
        assert min(rough.processes.kills.values()) >= KILLS_EACH, rough.processes.kills
        await settled(rough)
        assert await summary(rough) == expected
        assert await _parked(rough) == 0

    sent = Counter(mail.message_id for mail in mailbox.mails)
    twice = [identifier for identifier, times in sent.items() if times > 1]
    assert len(twice) <= rough.processes.kills["notifications"], f"{len(twice)} mails came twice"
    assert len(sent) == sum(expected["mails"].values())
    print(f"kills: {rough.processes.kills}; mails that stood between DATA and its answer: {len(twice)}")
