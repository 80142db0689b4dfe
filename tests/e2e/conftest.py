"""The whole stack, once for all end-to-end tests; each plays people of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from demo.outside import Visitor
from demo.stack import Stack, running


@pytest.fixture(scope="session")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    folder: Path = tmp_path_factory.mktemp("stack")
    async with running(folder) as started:
        yield started


@pytest.fixture
async def visitor(stack: Stack) -> AsyncIterator[Visitor]:
    somebody = Visitor(stack.url, stack.kafka)
    yield somebody
    await somebody.close()
