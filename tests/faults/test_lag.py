"""What a consumer is behind by, on the real Apache Kafka, whose transactions end with marks."""

import asyncio

import pytest

from demo.settings import Keys
from services.followup.app import create
from shared.consumer import Consumer
from shared.postgres import migrate
from tests.bench.workload import publish
from tests.servers.kafka import RealKafka
from tests.servers.postgres import Databases

pytestmark = pytest.mark.real


async def test_a_consumer_that_has_handled_every_transaction_is_behind_by_nothing(
    apache_kafka: RealKafka, database: Databases
) -> None:
    await publish(apache_kafka.bootstrap, cases=20)
    host = await create(Keys().settings(await database("followup"), apache_kafka.bootstrap))
    await migrate(host.settings.database_url, *host.service.migrations)
    running = asyncio.create_task(host.consumer.run())
    try:
        async with asyncio.timeout(60):
            while await host.pool.fetchval("SELECT count(*) FROM inbox") < 40 or await _behind(host.consumer):
                await asyncio.sleep(0.05)
    finally:
        host.consumer.stopping.set()
        await running
        await host.pool.close()


async def _behind(consumer: Consumer) -> bool:
    by_topic = await consumer.lag()
    return by_topic is None or any(by_topic.values())
