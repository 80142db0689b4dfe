"""Whatever the OpenAPI documents allow, and what they forbid: no service answers it with a fault of its own.

The requests are made from each document by Schemathesis, by a process of its own, against a stack of its own:
by staff who may do everything, by a publisher, and by somebody who is not signed in.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from demo.stack import CREATE, Stack, running
from shared.access import ROLES

pytestmark = pytest.mark.fuzz
CASES_PER_OPERATION = {"staff": 7, "publisher": 2, "nobody": 1}
"""Most requests of the others end at the door; of those that do not, a few say whether they are answered."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    async with running(tmp_path_factory.mktemp("fuzzed")) as started:
        yield started


def signed_in(who: str, stack: Stack) -> tuple[str, ...]:
    """The header by which somebody is known; none for whoever is not signed in."""
    roles = {"staff": [role for role in ROLES if role != "publisher"], "publisher": ["publisher"]}
    if who not in roles:
        return ()
    return ("--header", f"Authorization: Bearer {stack.issuer.token('fuzzer', roles[who], stack.units)}")


@pytest.mark.parametrize("service", sorted(CREATE))
async def test_no_request_is_answered_by_a_fault(service: str, fuzzed: Stack, tmp_path: Path) -> None:
    # All at once: much of the time of each is spent on starting it.
    asked = [requests(service, who, fuzzed, tmp_path) for who in CASES_PER_OPERATION]
    said = dict(zip(CASES_PER_OPERATION, await asyncio.gather(*asked), strict=True))
    assert not {who: output[-8000:] for who, (code, output) in said.items() if code != 0}


async def requests(service: str, who: str, stack: Stack, folder: Path) -> tuple[int | None, str]:
    """What the requests of somebody came to, and what was said of them."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "schemathesis.cli", "run", f"{stack.url}/{service}/openapi.json"),
        *("--url", stack.url, *signed_in(who, stack)),
        *("--checks", "not_a_server_error", "--phases", "examples,fuzzing"),
        *("--max-examples", str(CASES_PER_OPERATION[who]), "--seed", "1", "--warnings", "off"),
        *("--suppress-health-check", "all", "--continue-on-failure", "--no-color"),
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    return process.returncode, output.decode()
