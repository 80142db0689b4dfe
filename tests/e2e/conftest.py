"""The whole stack, once for all end-to-end tests; each plays people of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from demo.outside import Visitor
from demo.stack import Stack, running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    folder: Path = tmp_path_factory.mktemp("stack")
    async with running(folder) as started:
        yield started


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The stack lives in the session's event loop, so its tests have to run there too."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(loop_scope="session")
async def visitor(stack: Stack) -> AsyncIterator[Visitor]:
    somebody = Visitor(stack.url, stack.kafka)
    yield somebody
    await somebody.close()
