"""`makker keys reseal`: whatever a database holds under keys of before is sealed anew under the first.

Job: go through every sealed field of one service's database in batches, and through intake's rows that stand
for national ids. Guarantee: what is under the first key already is left as it is, so that a run that was
broken off is simply begun again, and one beside the service harms nobody: each batch is a transaction that
locks its rows. Once it is through, the keys of before can be taken out of the settings. It decides nothing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from importlib import import_module
from typing import Any
from uuid import UUID

import asyncpg
from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from shared.settings import Settings

BATCH = 200
IN_DOCUMENTS = {
    "intake": (("person", "national_id"), ("referral", "sealed"), ("enquiry", "sealed")),
}
IN_COLUMNS = {
    "intake": (("refused_referral", "position", "bigint"),),
}
Counts = tuple[str, int, int]
"""What was gone through, how many rows so far, and how many of them were sealed anew."""


async def reseal(service: str, settings: Settings) -> AsyncIterator[Counts]:
    """Seal anew; tells how far it has come after each batch. Raises `InvalidToken` if no key opens one."""
    keys = [Fernet(key.strip()) for key in settings.seal_keys.split(",")]
    first, every = keys[0], MultiFernet(keys)
    connection = await asyncpg.connect(settings.database_url, timeout=5)
    try:
        async for seen, changed in _parked(connection, first, every):
            yield "parked", seen, changed
        for table, name in IN_DOCUMENTS.get(service, ()):
            async for seen, changed in _documents(connection, table, name, first, every):
                yield f"{table}.{name}", seen, changed
        for table, key, kind in IN_COLUMNS.get(service, ()):
            async for seen, changed in _column(connection, table, key, kind, first, every):
                yield table, seen, changed
        if service == "intake":
            # Imported only here: an image holds one service.
            rekeying = import_module("services.intake.rekeying")
            async for seen, changed in rekeying.person_keys(connection, settings):
                yield "person_key", seen, changed
            async for seen, changed in rekeying.digests(connection, settings):
                yield "referral.digest", seen, changed
    finally:
        await connection.close()


def _anew(token: bytes, first: Fernet, every: MultiFernet) -> bytes | None:
    """The same text under the first key; None if it is already."""
    try:
        first.decrypt(token)
        return None
    except InvalidToken:
        return every.rotate(token)


async def _parked(
    connection: asyncpg.Connection, first: Fernet, every: MultiFernet
) -> AsyncIterator[tuple[int, int]]:
    seen = changed = 0
    last = UUID(int=0)
    while True:
        async with connection.transaction():
            rows = await connection.fetch(
                "SELECT id, sealed FROM parked WHERE id > $1 AND sealed IS NOT NULL "
                "ORDER BY id LIMIT $2 FOR UPDATE",
                last,
                BATCH,
            )
            found = [(row["id"], new) for row in rows if (new := _anew(bytes(row["sealed"]), first, every))]
            await connection.executemany("UPDATE parked SET sealed = $2 WHERE id = $1", found)
        if not rows:
            return
        last, seen, changed = rows[-1]["id"], seen + len(rows), changed + len(found)
        yield seen, changed


async def _documents(
    connection: asyncpg.Connection, table: str, name: str, first: Fernet, every: MultiFernet
) -> AsyncIterator[tuple[int, int]]:
    seen = changed = 0
    last = UUID(int=0)
    while True:
        async with connection.transaction():
            rows = await connection.fetch(
                f"SELECT id, doc ->> '{name}' AS sealed FROM {table} "  # noqa: S608
                f"WHERE id > $1 AND doc ->> '{name}' IS NOT NULL ORDER BY id LIMIT $2 FOR UPDATE",
                last,
                BATCH,
            )
            found = [
                (row["id"], new.decode())
                for row in rows
                if (new := _anew(row["sealed"].encode(), first, every))
            ]
            await connection.executemany(
                f"UPDATE {table} SET doc = doc || jsonb_build_object('{name}', $2::text) WHERE id = $1",  # noqa: S608
                found,
            )
        if not rows:
            return
        last, seen, changed = rows[-1]["id"], seen + len(rows), changed + len(found)
        yield seen, changed


async def _column(
    connection: asyncpg.Connection, table: str, key: str, kind: str, first: Fernet, every: MultiFernet
) -> AsyncIterator[tuple[int, int]]:
    seen = changed = 0
    last: Any = 0
    while True:
        async with connection.transaction():
            rows = await connection.fetch(
                f"SELECT {key} AS key, sealed FROM {table} WHERE {key} > $1::{kind} "  # noqa: S608
                f"ORDER BY {key} LIMIT $2 FOR UPDATE",
                last,
                BATCH,
            )
            found = [
                (row["key"], new.decode())
                for row in rows
                if (new := _anew(row["sealed"].encode(), first, every))
            ]
            await connection.executemany(f"UPDATE {table} SET sealed = $2 WHERE {key} = $1", found)  # noqa: S608
        if not rows:
            return
        last, seen, changed = rows[-1]["key"], seen + len(rows), changed + len(found)
        yield seen, changed
