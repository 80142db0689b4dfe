"""Followup as the sample service; a test module asks for these with `pytest_plugins = ["tests.fixtures"]`."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from demo.settings import Keys
from shared.hosting import Host
from tests.builders import Clock, followup_on
from tests.servers.postgres import Databases


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def keys() -> Keys:
    return Keys()


@pytest.fixture
async def followup(database: Databases, clock: Clock, keys: Keys) -> AsyncIterator[Host]:
    """Followup on a fresh database, with nothing running beside it."""
    async with followup_on(await database("followup"), clock, keys) as host:
        yield host
