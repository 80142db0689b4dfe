"""Followup as the sample service; a test module asks for these with `pytest_plugins = ["tests.fixtures"]`."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest

from demo.settings import Keys
from shared.hosting import Host
from tests.builders import Clock, followup_on
from tests.servers.postgres import Databases

# Whatever a test left: its tables, triggers, and the connections that it broke off. The server's own workers
# stand there without a user, and are not to be ended.
EMPTIED = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid();
DROP SCHEMA public CASCADE;
CREATE SCHEMA public;
"""


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def keys() -> Keys:
    return Keys()


@pytest.fixture(scope="session")
async def one_database(postgres_dsn: str) -> AsyncIterator[str]:
    """A database for all tests that use `followup`: to make one takes longer than most of them."""
    databases = Databases(postgres_dsn)
    yield await databases("followup")
    await databases.drop()


@pytest.fixture
async def followup(one_database: str, clock: Clock, keys: Keys) -> AsyncIterator[Host]:
    """Followup on an empty database, with nothing running beside it."""
    connection = await asyncpg.connect(one_database)
    await connection.execute(EMPTIED)
    await connection.close()
    async with followup_on(one_database, clock, keys) as host:
        yield host
