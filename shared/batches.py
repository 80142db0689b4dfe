"""Going through a whole table to change what it holds, while the service runs.

Guarantee: a batch is one transaction that holds its rows, so that what is broken off is simply begun again,
and nobody waits for more than a batch. What is changed, and whether it has to be, the caller knows.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import UUID

import asyncpg

BATCH = 200
NO_ID = UUID(int=0)
Rows = list[asyncpg.Record]


async def in_batches(
    connection: asyncpg.Connection,
    select: str,
    change: Callable[[Rows], Awaitable[int]],
    before_all: Any = NO_ID,
) -> AsyncIterator[tuple[int, int]]:
    """Tells after each batch how many rows have been seen, and how many of them changed.

    `select` locks the rows whose `key` is past $1, in its order and at most $2 of them; `before_all` is past
    none. `change` says how many it changed.
    """
    seen = changed = 0
    last = before_all
    while True:
        async with connection.transaction():
            rows = await connection.fetch(select, last, BATCH)
            changed += await change(rows)
        if not rows:
            return
        last, seen = rows[-1]["key"], seen + len(rows)
        yield seen, changed
