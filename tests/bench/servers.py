"""What the bench runs on: a real Apache Kafka, and a PostgreSQL that waits for the disk.

Job: start both, empty. Guarantee: they are what they are said to be, or the bench does not run; a figure
of the embedded broker, or of a database that forgets at a power cut, would say nothing. It measures nothing.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

import asyncpg

from demo.settings import Keys
from shared.settings import Settings
from tests.servers.kafka import JARS, RealKafka, real_kafka
from tests.servers.postgres import Databases, own_postgres

DURABLE = ("fsync", "synchronous_commit", "full_page_writes")


class CannotRun(Exception):
    """The bench, or a part of it, cannot run here; the text says why."""


@dataclass(frozen=True)
class Servers:
    """Both servers, running."""

    kafka: RealKafka
    postgres_dsn: str

    @asynccontextmanager
    async def settings(self, service: str, keys: Keys | None = None) -> AsyncIterator[Settings]:
        """A service's settings, with an empty database of its own that is dropped afterwards."""
        databases = Databases(self.postgres_dsn)
        try:
            dsn = await databases(service)
            yield (keys or Keys()).settings(dsn, self.kafka.bootstrap, kafka_transactions=True)
        finally:
            await databases.drop()


@contextmanager
def running() -> Iterator[Servers]:
    """Raises `CannotRun` where there is no Java, or Apache Kafka has not been fetched."""
    home = os.environ.get("JAVA_HOME")
    if shutil.which(f"{home}/bin/java" if home else "java") is None:
        raise CannotRun("there is no Java here, and the bench runs on a real Apache Kafka alone")
    if not any(JARS.glob("kafka_*.jar")):
        raise CannotRun("Apache Kafka has not been fetched: tests/servers/install.sh kafka")
    with own_postgres(durable=True) as postgres, real_kafka() as kafka:
        asyncio.run(_check_durable(postgres.dsn))
        yield Servers(kafka, postgres.dsn)


async def _check_durable(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        off = [name for name in DURABLE if await connection.fetchval(f"SHOW {name}") != "on"]
    finally:
        await connection.close()
    if off:
        raise CannotRun(f"this PostgreSQL has {', '.join(off)} off")
