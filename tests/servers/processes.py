"""The four services as processes of their own, as they run for real, which a test may kill."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from shared.settings import Settings

ROOT = Path(__file__).parents[2]


def environment(settings: Settings) -> dict[str, str]:
    """Settings as the environment variables that a process reads them from."""
    values = settings.model_dump(mode="json", exclude_none=True)
    return {name.upper(): str(value) for name, value in values.items()}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


class Processes:
    """Services by name, each on its own port, with its log in `folder`. `kills` counts per service."""

    def __init__(self, settings: Mapping[str, Settings], ports: Mapping[str, int], folder: Path) -> None:
        self.ports = ports
        self.kills = dict.fromkeys(settings, 0)
        self._settings = settings
        self._folder = folder
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._logs: list[IO[bytes]] = []

    @property
    def urls(self) -> dict[str, str]:
        return {name: f"http://127.0.0.1:{port}" for name, port in self.ports.items()}

    def start(self, name: str) -> None:
        log = (self._folder / f"{name}.log").open("ab")
        self._logs.append(log)
        self._running[name] = subprocess.Popen(
            [sys.executable, "-m", f"services.{name}"],
            cwd=ROOT,
            env={**os.environ, **environment(self._settings[name]), "PORT": str(self.ports[name])},
            stdout=log,
            stderr=log,
        )

    def start_all(self) -> None:
        for name in self._settings:
            self.start(name)

    def kill(self, name: str) -> None:
        """SIGKILL: nothing is finished, nothing said goodbye to."""
        process = self._running[name]
        process.send_signal(signal.SIGKILL)
        process.wait()
        self.kills[name] += 1

    def pid(self, name: str) -> int:
        return self._running[name].pid

    def stop_all(self) -> dict[str, int]:
        """SIGTERM to all, and how each of them ended."""
        for process in self._running.values():
            process.terminate()
        codes = {}
        for name, process in self._running.items():
            try:
                codes[name] = process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()
                codes[name] = process.wait()
        for log in self._logs:
            log.close()
        return codes

    def __enter__(self) -> Processes:
        self.start_all()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop_all()
