"""`makker keys reseal`: whatever a database holds under keys of before is sealed anew under the first.

Job: go through every sealed field of one service's database in batches, and through intake's rows that stand
for national ids. Guarantee: what is under the first key already is left as it is, so that a run that was
broken off is simply begun again, and one beside the service harms nobody: each batch is a transaction that
locks its rows. Once it is through, the keys of before can be taken out of the settings. It decides nothing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import asyncpg
from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from shared.batches import NO_ID, Rows, in_batches
from shared.settings import Settings


@dataclass(frozen=True)
class Sealed:
    """Where something sealed is kept: how it is read as text, and how $2 is written in its place."""

    name: str
    table: str
    read: str
    write: str
    key: str = "id"
    before_all: Any = NO_ID

    @property
    def select(self) -> str:
        return (
            f"SELECT {self.key} AS key, {self.read} AS sealed FROM {self.table} "  # noqa: S608
            f"WHERE {self.key} > $1 AND {self.read} IS NOT NULL ORDER BY {self.key} LIMIT $2 FOR UPDATE"
        )

    @property
    def update(self) -> str:
        return f"UPDATE {self.table} SET {self.write} WHERE {self.key} = $1"  # noqa: S608


def _in_document(table: str, field: str) -> Sealed:
    write = f"doc = doc || jsonb_build_object('{field}', $2::text)"
    return Sealed(f"{table}.{field}", table, f"doc ->> '{field}'", write)


PARKED = Sealed("parked", "parked", "convert_from(sealed, 'UTF8')", "sealed = convert_to($2, 'UTF8')")
BESIDE = {
    "intake": (
        _in_document("person", "national_id"),
        _in_document("referral", "sealed"),
        _in_document("enquiry", "sealed"),
        Sealed("refused_referral", "refused_referral", "sealed", "sealed = $2", "position", 0),
    ),
}
"""What a service keeps sealed beside what any may have parked."""
Counts = tuple[str, int, int]
"""What was gone through, how many rows so far, and how many of them were sealed anew."""


async def reseal(service: str, settings: Settings) -> AsyncIterator[Counts]:
    """Seal anew; tells how far it has come after each batch. Raises `InvalidToken` if no key opens one."""
    keys = [Fernet(key.strip()) for key in settings.seal_keys.split(",")]
    connection = await asyncpg.connect(settings.database_url, timeout=5)
    try:
        for sealed in (PARKED, *BESIDE.get(service, ())):
            async for seen, changed in _anew(connection, sealed, keys[0], MultiFernet(keys)):
                yield sealed.name, seen, changed
        if service == "intake":
            # Imported only here: an image holds one service.
            rekeying = import_module("services.intake.rekeying")
            async for seen, changed in rekeying.person_keys(connection, settings):
                yield "person_key", seen, changed
            async for seen, changed in rekeying.digests(connection, settings):
                yield "referral.digest", seen, changed
    finally:
        await connection.close()


def _anew(
    connection: asyncpg.Connection, sealed: Sealed, first: Fernet, every: MultiFernet
) -> AsyncIterator[tuple[int, int]]:
    async def change(rows: Rows) -> int:
        old = [row for row in rows if not _opens(first, row["sealed"])]
        await connection.executemany(
            sealed.update, [(row["key"], every.rotate(row["sealed"]).decode()) for row in old]
        )
        return len(old)

    return in_batches(connection, sealed.select, change, sealed.before_all)


def _opens(key: Fernet, token: str) -> bool:
    try:
        key.decrypt(token)
    except InvalidToken:
        return False
    return True
