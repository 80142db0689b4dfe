"""Kafka or PostgreSQL away for all four services at once, as processes on the real servers.

An outage here lasts as long as something is done in it: referrals come in at a steady rate, or every
answer is looked at again and again. That span is the one thing that is waited out; everything else is
waited for by a condition.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from demo.embedded.mailbox import Mailbox
from demo.embedded.postgres import EmbeddedPostgres
from demo.play import until
from demo.samples import SAMPLES, referral
from tests.servers.kafka import RealKafka
from tests.servers.postgres import Databases, own_postgres
from tests.world import PATIENCE_SECONDS, World, world

pytestmark = pytest.mark.real

OUTAGE_SECONDS = 30
EVERY_SECONDS = 0.25
REFERRALS = int(OUTAGE_SECONDS / EVERY_SECONDS)
CASES = """
SELECT count(*) AS n, count(DISTINCT doc ->> 'source_reference') AS references_
FROM case_file WHERE doc IS NOT NULL
"""
CONTACTS = "SELECT count(*) AS n FROM contact WHERE doc IS NOT NULL"


@pytest.fixture
def postgres() -> Iterator[EmbeddedPostgres]:
    """A server that a test may stop."""
    with own_postgres() as server:
        yield server


class Publisher:
    """Refers over HTTP, each referral under a key of its own that a repetition carries too."""

    def __init__(self, asked: World, token: str) -> None:
        self._asked = asked
        self._headers = {"Authorization": f"Bearer {token}"}

    async def refer(self, number: int, key: str) -> httpx.Response:
        today = datetime.now(UTC).date().isoformat()
        return await self._asked.http.post(
            f"{self._asked.processes.urls['intake']}/intake/api/referrals",
            json=referral(SAMPLES["foreningspraktik"], number, f"R-{number}", today),
            headers=self._headers | {"Idempotency-Key": key},
        )

    async def taken_at_once(self, number: int) -> None:
        answer = await self.refer(number, str(uuid4()))
        assert answer.status_code == 202, answer.text

    async def taken_in_the_end(self, number: int) -> int:
        """Repeated under the same key until it is taken; gives how often it was turned away until then."""
        key = str(uuid4())
        for turned_away in range(OUTAGE_SECONDS):
            try:
                answer = await self.refer(number, key)
            except httpx.TransportError:
                # The connection of before was closed just then, so nobody knows whether it was taken.
                continue
            if answer.status_code == 202:
                return turned_away
            assert answer.status_code == 503, answer.text
            await asyncio.sleep(int(answer.headers["Retry-After"]))
        raise AssertionError(f"referral {number} was never taken")


async def publisher(asked: World) -> Publisher:
    return Publisher(asked, await asked.token("publisher", []))


async def steadily(count: int) -> AsyncIterator[int]:
    """The numbers from 0, at a steady rate."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    for number in range(count):
        await asyncio.sleep(max(0, began + number * EVERY_SECONDS - loop.time()))
        yield number


async def ready(asked: World) -> None:
    await until(asked.all_ready, "all to be ready", PATIENCE_SECONDS)


async def every_referral_is_a_case_and_told_once(asked: World, referrals: int) -> None:
    """In the database of intake, on Kafka, and with those who read it.

    What was sent when its database went away is sent again, under the same id: that is once, to its readers.
    """

    async def all_is_out() -> bool:
        return not await asked.unsent("intake")

    async def contacts_are_known() -> bool:
        (known,) = await asked.query("notifications", CONTACTS)
        return bool(known["n"] == referrals)

    (cases,) = await asked.query("intake", CASES)
    assert (cases["n"], cases["references_"]) == (referrals, referrals)
    await until(all_is_out, "all events to be out", PATIENCE_SECONDS)
    for type_, topic in (("ReferralAccepted", "referral-replies-v1"), ("CaseOpened", "intake-events-v1")):
        rows = await asked.query("intake", f"SELECT id, key FROM outbox WHERE type = '{type_}'")
        assert len({row["key"] for row in rows}) == len(rows) == referrals
        is_there = partial(_is_published, asked, topic, {str(row["id"]) for row in rows})
        await until(is_there, f"all of {type_} to be readable", PATIENCE_SECONDS)
    await all_have_read(asked, referrals)
    await until(contacts_are_known, "all contacts to be known", PATIENCE_SECONDS)
    assert await asked.parked() == 0


async def _is_published(asked: World, topic: str, wanted: set[str]) -> bool:
    """A commit is acknowledged before its marks stand in every partition, and only then can it be read."""
    return await asked.published(topic) == wanted


async def all_have_read(asked: World, openings: int) -> None:
    """The other services have met so many openings of cases."""
    for service in ("matching", "followup", "notifications"):
        has_read = partial(_has_read, asked, service, openings)
        await until(has_read, f"{service} to have read them", PATIENCE_SECONDS)


async def _has_read(asked: World, service: str, wanted: int) -> bool:
    """Whether a service has read so many messages that it has no use for, as the opening of a case is."""
    text = (await asked.http.get(f"{asked.processes.urls[service]}/{service}/metrics")).text
    found = {
        sample.labels["outcome"]: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "makker_messages_handled_total" and sample.labels["type"] == "other"
    }
    return found.get("ignored:not_for_this_service", 0) >= wanted


async def test_kafka_away_from_the_very_start_keeps_no_referral_from_being_taken(
    database: Databases, apache_kafka: RealKafka, mailbox: Mailbox, tmp_path: Path
) -> None:
    await asyncio.to_thread(apache_kafka.kill)
    async with world(database, apache_kafka, mailbox, tmp_path, "early") as asked:
        await ready(asked)
        refers = await publisher(asked)
        for number in range(50):
            await refers.taken_at_once(number)
        assert await asked.unsent("intake") >= 100
        await asyncio.to_thread(apache_kafka.start)
        await every_referral_is_a_case_and_told_once(asked, 50)


async def test_kafka_frozen_for_half_a_minute_keeps_no_referral_from_being_taken(
    database: Databases, apache_kafka: RealKafka, mailbox: Mailbox, tmp_path: Path
) -> None:
    async with world(database, apache_kafka, mailbox, tmp_path, "frozen") as asked:
        await ready(asked)
        refers = await publisher(asked)
        await refers.taken_at_once(REFERRALS)
        await all_have_read(asked, 1)
        apache_kafka.freeze()
        async for number in steadily(REFERRALS):
            await refers.taken_at_once(number)
        assert await asked.unsent("intake") >= 2 * REFERRALS
        assert await asked.all_ready()
        apache_kafka.thaw()
        await every_referral_is_a_case_and_told_once(asked, REFERRALS + 1)


async def test_postgresql_stopped_for_half_a_minute_loses_nothing_of_a_client_that_repeats(
    postgres: EmbeddedPostgres, apache_kafka: RealKafka, mailbox: Mailbox, tmp_path: Path
) -> None:
    async with world(Databases(postgres.dsn), apache_kafka, mailbox, tmp_path, "away") as asked:
        await ready(asked)
        refers = await publisher(asked)

        async def refer_all() -> list[int]:
            async with asyncio.TaskGroup() as all_:
                sent = [
                    all_.create_task(refers.taken_in_the_end(number)) async for number in steadily(REFERRALS)
                ]
            return [task.result() for task in sent]

        async def turned_away() -> bool:
            return set((await asked.health("readyz")).values()) == {503}

        await refers.taken_at_once(REFERRALS)
        sending = asyncio.create_task(refer_all())
        await asyncio.to_thread(postgres.stop)
        await until(turned_away, "all to say that they are not ready", 10)
        async for _ in steadily(REFERRALS):
            assert set((await asked.health("livez")).values()) == {200}
            assert await turned_away()
        await asyncio.to_thread(postgres.start)
        await ready(asked)
        assert any(await sending)
        await every_referral_is_a_case_and_told_once(asked, REFERRALS + 1)
