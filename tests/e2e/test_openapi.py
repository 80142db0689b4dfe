"""Whatever the OpenAPI documents allow, and what they forbid: no service answers it with a fault of its own.

The requests are made from each document by Schemathesis, by a process of its own, against a stack of its own.
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
CASES_PER_OPERATION = 10


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    async with running(tmp_path_factory.mktemp("fuzzed")) as started:
        yield started


@pytest.mark.parametrize("service", sorted(CREATE))
async def test_no_request_is_answered_by_a_fault(service: str, fuzzed: Stack, tmp_path: Path) -> None:
    roles = [role for role in ROLES if role != "publisher"]
    token = fuzzed.issuer.token("fuzzer", roles, fuzzed.units)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "schemathesis.cli", "run", f"{fuzzed.url}/{service}/openapi.json"),
        *("--url", fuzzed.url, "--header", f"Authorization: Bearer {token}"),
        *("--checks", "not_a_server_error", "--phases", "examples,fuzzing"),
        *("--max-examples", str(CASES_PER_OPERATION), "--seed", "1", "--warnings", "off"),
        *("--suppress-health-check", "all", "--continue-on-failure", "--no-color"),
        cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()[-8000:]
