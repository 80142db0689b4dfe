"""PostgreSQL for tests: a server of a test's own, and databases that last as long as a test.

The server can be stopped, crashed and started again on the same data and port. It does not wait for the disk.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

import asyncpg

from demo.embedded.postgres import EmbeddedPostgres, create_database, postgres_server
from tests.servers.places import place


@contextmanager
def own_postgres(*, durable: bool = False) -> Iterator[EmbeddedPostgres]:
    """An empty server that no other test uses."""
    with place("postgres") as folder, postgres_server(folder, durable=durable) as server:
        yield server


# What a test may have left in a database, and what shows whether it left the schema as it found it.
EMPTY = """
DO $$ DECLARE one text; BEGIN
    FOR one IN SELECT format('%I.%I', schemaname, tablename) FROM pg_tables
        WHERE schemaname = 'public' AND tablename <> 'schema_migration'
    LOOP EXECUTE 'DELETE FROM ' || one; END LOOP;
END $$;
"""
END_OTHERS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()
"""
SHAPE = """
SELECT md5(string_agg(one, ',' ORDER BY one)) FROM (
    SELECT c.relkind::text || c.relname::text || coalesce(c.relacl::text, '')
        || (SELECT count(*) FROM pg_attribute a WHERE a.attrelid = c.oid)::text
        || (SELECT count(*) FROM pg_trigger t WHERE t.tgrelid = c.oid)::text AS one
    FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace
    UNION ALL SELECT p.proname::text FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace
) AS found
"""


class Databases:
    """Empty databases on one server, each with a role of its own: `await databases("intake")` gives a DSN.

    To make one and apply its migrations takes half a second, longer than most tests: one whose schema is as
    its first migrations left it is emptied and lent again, to another test that asks for the same name.
    """

    _lent_before: ClassVar[dict[tuple[str, str], list[tuple[str, str, str]]]] = {}

    def __init__(self, superuser_dsn: str) -> None:
        self._superuser_dsn = superuser_dsn
        self._lent: list[tuple[str, str, str, str | None]] = []

    async def __call__(self, name: str) -> str:
        waiting = self._lent_before.get((self._superuser_dsn, name))
        if waiting:
            unique, dsn, shape = waiting.pop()
            self._lent.append((name, unique, dsn, shape))
            return dsn
        unique = f"test_{secrets.token_hex(4)}_{name}"
        dsn = await create_database(self._superuser_dsn, unique, unique)
        self._lent.append((name, unique, dsn, None))
        return dsn

    async def drop(self) -> None:
        """Empties them to be lent again, or drops them, whoever may still be connected."""
        for name, unique, dsn, shape in self._lent:
            left = await _emptied(dsn)
            if left is not None and left == (shape or left):
                known = self._lent_before.setdefault((self._superuser_dsn, name), [])
                known.append((unique, dsn, left))
            else:
                await self._drop(unique)

    async def _drop(self, name: str) -> None:
        connection = await asyncpg.connect(self._superuser_dsn)
        try:
            await connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
            await connection.execute(f'DROP ROLE IF EXISTS "{name}"')
        finally:
            await connection.close()


async def _emptied(dsn: str) -> str | None:
    """Empties a database and gives its schema's shape; None where it has none, or cannot be emptied."""
    try:
        connection = await asyncpg.connect(dsn, timeout=5)
    except (asyncpg.PostgresError, OSError):
        return None
    try:
        await connection.execute(END_OTHERS)
        await connection.execute(EMPTY)
        shape: str | None = await connection.fetchval(SHAPE)
        return shape
    except asyncpg.PostgresError:
        return None
    finally:
        await connection.close()
