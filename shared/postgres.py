"""A service's database: the pool, the migrations, and who is leader among its replicas.

Job: connect, apply numbered SQL files forward, and hold advisory locks. Guarantee: two replicas that
start together apply each file once; a file that was changed after it was applied stops the start.
It knows no table but its own `schema_migration`.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg

CORRIDOR_MIGRATIONS = Path(__file__).parent / "migrations"
MIGRATION_LOCK = 0x6D616B6B
COMMAND_TIMEOUT_SECONDS = 30.0

Connection = asyncpg.Connection | asyncpg.pool.PoolConnectionProxy

TRANSIENT = (
    asyncpg.PostgresConnectionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.QueryCanceledError,
    # The migrations have not been applied yet.
    asyncpg.UndefinedTableError,
    ConnectionError,
    TimeoutError,
    OSError,
)
"""Faults of the connection or of the server's resources: waited out, never held against a message."""


class MigrationChanged(Exception):
    """An applied migration's file is not what it was; write a new file instead."""


async def connect_pool(dsn: str, *, size: int = 8) -> asyncpg.Pool:
    """A pool that opens connections when they are needed, so that a service starts without a database."""
    return await asyncpg.create_pool(
        dsn,
        min_size=0,
        max_size=size,
        timeout=5,
        command_timeout=COMMAND_TIMEOUT_SECONDS,
        max_inactive_connection_lifetime=60,
    )


async def migrate(dsn: str, *folders: Path) -> int:
    """Apply what is missing of each folder's `NNNN_name.sql`, in order; gives how many were applied.

    Raises `MigrationChanged`, or the database's own error with the file's name added.
    """
    connection = await asyncpg.connect(dsn, timeout=5, command_timeout=300)
    try:
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock($1)", MIGRATION_LOCK)
            await connection.execute(
                "CREATE TABLE IF NOT EXISTS schema_migration "
                "(name text PRIMARY KEY, digest text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
            )
            known = {
                row["name"]: row["digest"]
                for row in await connection.fetch("SELECT name, digest FROM schema_migration")
            }
            applied = 0
            for name, text in _files(folders):
                digest = hashlib.sha256(text.encode()).hexdigest()
                if name in known:
                    if known[name] != digest:
                        raise MigrationChanged(f"{name} was changed after it was applied; add a new file")
                    continue
                try:
                    await connection.execute(text)
                except asyncpg.PostgresError as error:
                    error.add_note(f"in migration {name}")
                    raise
                await connection.execute(
                    "INSERT INTO schema_migration (name, digest) VALUES ($1, $2)", name, digest
                )
                applied += 1
            return applied
    finally:
        await connection.close(timeout=5)


def _files(folders: tuple[Path, ...]) -> list[tuple[str, str]]:
    return [
        (f"{folder.parent.name}/{file.name}", file.read_text(encoding="utf-8"))
        for folder in folders
        for file in sorted(folder.glob("[0-9][0-9][0-9][0-9]_*.sql"))
    ]


def lock_number(name: str) -> int:
    """A 63-bit advisory lock number for a name."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") >> 1


@asynccontextmanager
async def leadership(dsn: str, name: str) -> AsyncIterator[asyncpg.Connection]:
    """Wait until this process is the one leader of `name`; yields the connection that holds the lock.

    Whoever leads must work on this very connection: when it breaks, the lock is gone, and so is the
    leader's right to go on.
    """
    connection = await asyncpg.connect(dsn, timeout=5, command_timeout=COMMAND_TIMEOUT_SECONDS)
    try:
        while not await connection.fetchval("SELECT pg_try_advisory_lock($1)", lock_number(name)):
            await asyncio.sleep(1.0)
        yield connection
    finally:
        try:
            await connection.close(timeout=2)
        except TRANSIENT:
            connection.terminate()
