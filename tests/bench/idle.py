"""What a service takes of memory while nothing happens: each as a process of its own, with its loops running.

Job: start the four services on an empty database and broker, wait until each is ready and has stopped
growing, and look at its resident memory. A service that has no process, or that ends at once, has no figure.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from typing import IO, Any

import httpx
import psutil

from demo.settings import Keys
from shared.settings import Settings
from tests.bench.servers import CannotRun, Servers
from tests.bench.shown import Line, Shown

MOST_MIB = {"intake": 150, "matching": 300, "followup": 150, "notifications": 150}
COMPILING = (sys.executable, "-c", "from services.matching.solver.compiled import warm; warm()")
"""In a process of its own: whoever compiles keeps some 200 MiB that whoever loads the code does without."""
READY_WITHIN_SECONDS = 60
STEADY_SECONDS = 8
LONGEST_SECONDS = 60
MIB = 1024 * 1024


async def measure(servers: Servers, shown: Shown) -> tuple[dict[str, Any], list[Line]]:
    """`idle_mib` of every service that there is."""
    # With messages on its topics a service would not be idle.
    servers.kafka.empty()
    shown.begin("compiling, as the image is built with it")
    await asyncio.to_thread(subprocess.run, COMPILING, check=True)
    keys, found, lines = Keys(), {}, []
    for service, most in MOST_MIB.items():
        shown.begin(f"idle memory, {service}")
        try:
            async with servers.settings(service, keys) as settings:
                found[service] = round(await _idle_mib(service, settings), 1)
            lines.append(Line(f"{service}, idle", f"{found[service]:.0f} MiB", f"at most {most} is asked"))
        except CannotRun as reason:
            lines.append(Line(f"{service}, idle", "none", str(reason)))
    return {"idle_mib": found}, lines


async def _idle_mib(service: str, settings: Settings) -> float:
    if find_spec(f"services.{service}") is None or find_spec(f"services.{service}.__main__") is None:
        raise CannotRun("it cannot be run as a process yet")
    with tempfile.TemporaryFile() as output:
        port = _free_port()
        process = _started(service, settings, port, output)
        try:
            await _ready(service, port, process, output)
            return await _steady_mib(psutil.Process(process.pid))
        finally:
            process.terminate()
            try:
                process.wait(timeout=40)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _started(service: str, settings: Settings, port: int, output: IO[bytes]) -> subprocess.Popen[bytes]:
    environment = os.environ | _environment(settings) | {"PORT": str(port), "BIND": "127.0.0.1"}
    return subprocess.Popen(
        [sys.executable, "-m", f"services.{service}"], env=environment, stdout=output, stderr=output
    )


def _environment(settings: Settings) -> dict[str, str]:
    """The settings as a process's environment."""
    values = settings.model_dump(mode="json", exclude_none=True)
    return {
        name.upper(): value if isinstance(value, str) else json.dumps(value) for name, value in values.items()
    }


async def _ready(service: str, port: int, process: subprocess.Popen[bytes], output: IO[bytes]) -> None:
    give_up_at = time.monotonic() + READY_WITHIN_SECONDS
    async with httpx.AsyncClient() as client:
        while time.monotonic() < give_up_at:
            if process.poll() is not None:
                output.seek(0)
                last = output.read().decode(errors="replace").strip().splitlines()[-1:] or ["it said nothing"]
                raise CannotRun(f"it ended while it started: {last[0][:200]}")
            try:
                answer = await client.get(f"http://127.0.0.1:{port}/{service}/readyz", timeout=2)
                if answer.status_code == 200:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.1)
    raise CannotRun(f"it was not ready within {READY_WITHIN_SECONDS} seconds")


async def _steady_mib(process: psutil.Process) -> float:
    """The most that it had once it had not grown for some seconds."""
    most, grew_at, began_at = 0.0, time.monotonic(), time.monotonic()
    while time.monotonic() - grew_at < STEADY_SECONDS and time.monotonic() - began_at < LONGEST_SECONDS:
        resident = process.memory_info().rss / MIB
        if resident > most + 0.5:
            most, grew_at = resident, time.monotonic()
        await asyncio.sleep(0.25)
    return most


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
