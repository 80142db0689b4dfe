"""Kafka or PostgreSQL away, at the start or later: what was taken is kept, and it goes on by itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import pytest
from aiokafka import AIOKafkaProducer
from httpx import ASGITransport, AsyncClient

from demo.embedded.kafka import EmbeddedKafka
from demo.embedded.postgres import EmbeddedPostgres, create_database
from demo.settings import Keys
from services.followup.app import create
from shared.access import Issuer
from shared.contracts.model import match_id
from shared.hosting import Host, lifespan
from shared.settings import Settings
from tests.builders import UNIT, Clock, agreed, cleared, record, until
from tests.proofs import published
from tests.servers.kafka import RealKafka
from tests.servers.postgres import Databases, own_postgres

pytest_plugins = ["tests.fixtures"]


@pytest.fixture
def postgres() -> Iterator[EmbeddedPostgres]:
    """A server that a test may stop."""
    with own_postgres() as server:
        yield server


@asynccontextmanager
async def served(settings: Settings, clock: Clock) -> AsyncIterator[tuple[Host, AsyncClient]]:
    """The whole of followup, with everything that runs beside the requests."""
    host = await create(settings, clock)
    transport = ASGITransport(app=host.app)
    async with (
        lifespan(host),
        AsyncClient(transport=transport, base_url="http://makker.example.org") as client,
    ):
        yield host, client


async def ready(client: AsyncClient, status: int = 200) -> bool:
    return (await client.get("/followup/readyz")).status_code == status


async def running(host: Host) -> int:
    found: int = await host.pool.fetchval("SELECT count(*) FROM placement WHERE state = 'running'")
    return found


async def unsent(host: Host) -> int:
    found: int = await host.pool.fetchval("SELECT count(*) FROM outbox WHERE sent_at IS NULL")
    return found


async def some(host: Host) -> bool:
    return await running(host) > 0


async def waits(host: Host) -> bool:
    return host.consumer.waiting


async def all_run(host: Host, wanted: int) -> bool:
    return await running(host) == wanted


async def nothing_unsent(host: Host) -> bool:
    return await unsent(host) == 0


async def told_once(host: Host, bootstrap: str, starts: int) -> None:
    """Every event is on Kafka, and the case of each start has exactly one."""
    rows = await host.pool.fetch("SELECT id, type, key FROM outbox")
    wanted = {str(row["id"]) for row in rows}
    assert wanted <= set(await published(bootstrap, wanted, 30))
    assert len([row for row in rows if row["type"] == "PlacementStarted"]) == starts
    assert len({row["key"] for row in rows}) == starts


async def sent(bootstrap: str, cases: list[UUID]) -> None:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, enable_idempotence=True) as producer:
        for case in cases:
            for body in (agreed(case), cleared(case)):
                one = record(body)
                await producer.send_and_wait(one.topic, one.value, one.key, headers=list(one.headers))


async def ends(client: AsyncClient, keys: Keys, case: UUID) -> None:
    token = Issuer(keys.session_private, "test").token("anna", ["caseworker"], [UNIT])
    answer = await client.post(
        "/followup/api/commands/EndPlacement",
        json={"placement_id": str(match_id(case, 1))},
        headers={"authorization": f"Bearer {token}"},
    )
    assert answer.status_code == 200


async def test_postgres_stopped_in_the_middle_of_a_stream_loses_nothing(
    postgres: EmbeddedPostgres, kafka: EmbeddedKafka, clock: Clock, keys: Keys
) -> None:
    dsn = await create_database(postgres.dsn, "followup", "followup")
    cases = [uuid4() for _ in range(120)]
    async with served(keys.settings(dsn, kafka.bootstrap), clock) as (host, client):
        stream = asyncio.create_task(sent(kafka.bootstrap, cases))
        await until(lambda: ready(client))
        await until(lambda: some(host))
        await asyncio.to_thread(postgres.stop)
        await until(lambda: ready(client, 503))
        assert (await client.get("/followup/livez")).status_code == 200
        await stream
        await until(lambda: waits(host))
        await asyncio.to_thread(postgres.start)
        await until(lambda: ready(client))
        await until(lambda: all_run(host, len(cases)), 60)
        await until(lambda: nothing_unsent(host), 60)
        await told_once(host, kafka.bootstrap, len(cases))
        assert await host.pool.fetchval("SELECT count(*) FROM parked") == 0


async def test_a_service_without_its_database_starts_and_says_so(
    postgres: EmbeddedPostgres, kafka: EmbeddedKafka, clock: Clock, keys: Keys
) -> None:
    dsn = await create_database(postgres.dsn, "followup", "followup")
    case = uuid4()
    await sent(kafka.bootstrap, [case])
    await asyncio.to_thread(postgres.stop)
    async with served(keys.settings(dsn, kafka.bootstrap), clock) as (host, client):
        assert (await client.get("/followup/readyz")).status_code == 503
        assert (await client.get("/followup/livez")).status_code == 200
        await asyncio.to_thread(postgres.start)
        await until(lambda: ready(client))
        await until(lambda: all_run(host, 1))


async def test_a_service_that_never_found_its_database_stops_at_once(clock: Clock, keys: Keys) -> None:
    async with asyncio.timeout(10):
        async with served(keys.settings("postgresql://nobody@127.0.0.1:1/nothing"), clock) as (_, client):
            assert (await client.get("/followup/readyz")).status_code == 503


async def test_without_kafka_a_service_starts_takes_commands_and_tells_of_them_later(
    database: Databases, kafka: EmbeddedKafka, clock: Clock, keys: Keys
) -> None:
    case = uuid4()
    dsn = await database("followup")
    async with served(keys.settings(dsn, kafka.bootstrap), clock) as (host, client):
        await sent(kafka.bootstrap, [case])
        await until(lambda: ready(client))
        await until(lambda: all_run(host, 1))
        await until(lambda: nothing_unsent(host))
    kafka.down()
    async with served(keys.settings(dsn, kafka.bootstrap), clock) as (host, client):
        await until(lambda: ready(client))
        await ends(client, keys, case)
        assert await unsent(host) == 1
        kafka.up()
        await until(lambda: nothing_unsent(host))
        await told_once(host, kafka.bootstrap, 1)


async def test_kafka_stopped_in_the_middle_of_a_stream_loses_nothing(
    database: Databases, kafka: EmbeddedKafka, clock: Clock, keys: Keys
) -> None:
    cases = [uuid4() for _ in range(60)]
    async with served(keys.settings(await database("followup"), kafka.bootstrap), clock) as (host, client):
        stream = asyncio.create_task(sent(kafka.bootstrap, cases))
        await until(lambda: ready(client))
        await until(lambda: some(host))
        kafka.down()
        first = await host.pool.fetchval("SELECT case_id FROM placement WHERE state = 'running' LIMIT 1")
        await ends(client, keys, first)
        assert await unsent(host) > 0
        kafka.up()
        await stream
        await until(lambda: all_run(host, len(cases) - 1), 60)
        await until(lambda: nothing_unsent(host), 60)
        await told_once(host, kafka.bootstrap, len(cases))


@pytest.mark.real
@pytest.mark.parametrize("how", ["killed", "stopped", "frozen"])
async def test_a_real_kafka_that_goes_and_comes_back_loses_nothing(
    database: Databases, apache_kafka: RealKafka, clock: Clock, keys: Keys, how: str
) -> None:
    cases = [uuid4() for _ in range(40)]
    settings = keys.settings(await database("followup"), apache_kafka.bootstrap, kafka_transactions=True)
    async with served(settings, clock) as (host, client):
        await sent(apache_kafka.bootstrap, cases[:20])
        await until(lambda: ready(client))
        await until(lambda: all_run(host, 20), 60)
        away = {"killed": apache_kafka.kill, "stopped": apache_kafka.stop, "frozen": apache_kafka.freeze}[how]
        await asyncio.to_thread(away)
        await ends(client, keys, cases[0])
        assert (await client.get("/followup/readyz")).status_code == 200
        assert await unsent(host) > 0
        back = apache_kafka.thaw if how == "frozen" else apache_kafka.start
        await asyncio.to_thread(back)
        await sent(apache_kafka.bootstrap, cases[20:])
        await until(lambda: all_run(host, 39), 90)
        await until(lambda: nothing_unsent(host), 90)
        await told_once(host, apache_kafka.bootstrap, 40)


@pytest.mark.real
async def test_a_service_that_starts_before_a_real_kafka_goes_on_once_it_is_there(
    database: Databases, apache_kafka: RealKafka, clock: Clock, keys: Keys
) -> None:
    case = uuid4()
    await sent(apache_kafka.bootstrap, [case])
    await asyncio.to_thread(apache_kafka.kill)
    settings = keys.settings(await database("followup"), apache_kafka.bootstrap, kafka_transactions=True)
    async with served(settings, clock) as (host, client):
        await until(lambda: ready(client))
        await asyncio.to_thread(apache_kafka.start)
        await until(lambda: all_run(host, 1), 90)
        await until(lambda: nothing_unsent(host), 90)
        await told_once(host, apache_kafka.bootstrap, 1)
