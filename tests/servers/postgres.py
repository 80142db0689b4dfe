"""PostgreSQL for tests: a server of a test's own, and databases that last as long as a test.

The server can be stopped, crashed and started again on the same data and port. It does not wait for the disk.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg

from demo.embedded.postgres import EmbeddedPostgres, create_database, postgres_server
from tests.servers.places import place


@contextmanager
def own_postgres(*, durable: bool = False) -> Iterator[EmbeddedPostgres]:
    """An empty server that no other test uses."""
    with place("postgres") as folder, postgres_server(folder, durable=durable) as server:
        yield server


class Databases:
    """Empty databases on one server, each with a role of its own: `await databases("intake")` gives a DSN."""

    def __init__(self, superuser_dsn: str) -> None:
        self._superuser_dsn = superuser_dsn
        self._names: list[str] = []

    async def __call__(self, name: str) -> str:
        unique = f"test_{secrets.token_hex(4)}_{name}"
        self._names.append(unique)
        return await create_database(self._superuser_dsn, unique, unique)

    async def drop(self) -> None:
        """Drops them all, whoever may still be connected."""
        connection = await asyncpg.connect(self._superuser_dsn)
        try:
            for name in self._names:
                await connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
                await connection.execute(f'DROP ROLE IF EXISTS "{name}"')
        finally:
            await connection.close()
