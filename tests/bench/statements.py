"""The corridor's statements alone: taken down while it works, and played back to an empty database.

Job: every statement, with its values, in its order, from BEGIN to COMMIT. What is played back finds and
leaves the same rows, so that the difference to the corridor is what Python costs. It measures nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import asyncpg

from shared.postgres import Connection

Statement = tuple[str, tuple[Any, ...]]


class Recording(asyncpg.Connection):
    """A connection that takes down what is sent through it."""

    taken: ClassVar[list[Statement]] = []

    async def execute(self, query: str, *args: Any, timeout: float | None = None) -> str:
        self.taken.append((query, args))
        return await super().execute(query, *args, timeout=timeout)

    async def fetch(self, query: str, *args: Any, **options: Any) -> list[Any]:
        self.taken.append((query, args))
        rows: list[Any] = await super().fetch(query, *args, **options)
        return rows


async def recording_pool(dsn: str) -> asyncpg.Pool:
    """One connection, whose statements are taken down in `Recording.taken`, from now on."""
    Recording.taken.clear()
    return await asyncpg.create_pool(dsn, min_size=1, max_size=1, connection_class=Recording)


async def play(connection: Connection, statements: Sequence[Statement]) -> None:
    for query, args in statements:
        if args:
            # As the corridor does it: prepared once, and then known to the connection.
            await connection.fetch(query, *args)
        else:
            await connection.execute(query)
