"""Aggregates as rows: made where they are missing, locked and loaded, saved at the version loaded.

Job: the SQL of an aggregate's one row, `(id, version, doc)`, for many rows at a time. Guarantee: every row
concerned is locked before anything is decided about it, all passes lock in one order (table, id), and a row
that is no longer at the version loaded is not written. It opens no transaction and knows no document.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from pydantic import BaseModel

from shared.messages import Stale
from shared.postgres import Connection

MAKE = (
    # A row that does not exist cannot be locked, and the two halves of a join may arrive at the same moment
    # on two replicas. On conflict it exists already, which is just as good.
    "INSERT INTO {table} (id, version) SELECT id, 0 FROM unnest($1::uuid[]) AS id ON CONFLICT DO NOTHING"
)
LOCK = "SELECT id, version, doc::text AS doc FROM {table} WHERE id = ANY($1::uuid[]) ORDER BY id FOR UPDATE"
SAVE = (
    "UPDATE {table} AS row SET version = new.version + 1, doc = new.doc::jsonb "
    "FROM unnest($1::uuid[], $2::int[], $3::text[]) AS new (id, version, doc) "
    "WHERE row.id = new.id AND row.version = new.version"
)
DELETE = (
    "DELETE FROM {table} AS row USING unnest($1::uuid[], $2::int[]) AS old (id, version) "
    "WHERE row.id = old.id AND row.version = old.version"
)
UNMAKE = "DELETE FROM {table} WHERE id = ANY($1::uuid[]) AND doc IS NULL"


class Table(NamedTuple):
    """Where an aggregate is stored: `(id, version, doc)`, further columns generated from `doc`."""

    name: str
    model: type[BaseModel]


Wanted = Mapping[Table, Set[UUID]]

# Ids are sorted as numbers: it is the same order, and PostgreSQL's too, and found several times faster.


@dataclass
class Row:
    """One aggregate's row; its document is read only when it is asked for."""

    table: str
    id: UUID
    version: int
    stored: str | None
    model: type[BaseModel]
    document: Any = None
    parsed: bool = False
    dirty: bool = False

    def get(self) -> Any:
        if not self.parsed:
            self.document = None if self.stored is None else self.model.model_validate_json(self.stored)
            self.parsed = True
        return self.document

    def put(self, document: Any) -> None:
        self.document, self.parsed, self.dirty = document, True, True


async def make(connection: Connection, wanted: Wanted) -> None:
    """Insert an empty row for each that is not there yet."""
    for table in sorted(wanted, key=lambda one: one.name):
        await connection.execute(MAKE.format(table=table.name), sorted(wanted[table], key=int))


async def lock(connection: Connection, wanted: Wanted) -> dict[tuple[str, UUID], Row]:
    """Lock and load the rows, by table and id."""
    return {
        (table.name, row["id"]): Row(table.name, row["id"], row["version"], row["doc"], table.model)
        for table in sorted(wanted, key=lambda one: one.name)
        for row in await connection.fetch(LOCK.format(table=table.name), sorted(wanted[table], key=int))
    }


async def save(connection: Connection, rows: Iterable[Row]) -> None:
    """Write what changed, delete what is no more, and what was made and stayed empty.

    Raises `Stale` if a row is not at the version that was loaded.
    """
    dirty: dict[str, list[Row]] = {}
    gone: dict[str, list[Row]] = {}
    empty: dict[str, list[UUID]] = {}
    for row in rows:
        if row.dirty and row.document is None and row.stored is not None:
            gone.setdefault(row.table, []).append(row)
        elif row.dirty and row.document is not None:
            dirty.setdefault(row.table, []).append(row)
        elif row.stored is None:
            empty.setdefault(row.table, []).append(row.id)
    for table, changed in sorted(dirty.items()):
        saved = await connection.execute(
            SAVE.format(table=table),
            [row.id for row in changed],
            [row.version for row in changed],
            [row.document.model_dump_json(by_alias=True) for row in changed],
        )
        if saved != f"UPDATE {len(changed)}":
            raise Stale(f"{table}: {saved} of {len(changed)}")
    for table, old in sorted(gone.items()):
        deleted = await connection.execute(
            DELETE.format(table=table), [row.id for row in old], [row.version for row in old]
        )
        if deleted != f"DELETE {len(old)}":
            raise Stale(f"{table}: {deleted} of {len(old)}")
    for table, ids in sorted(empty.items()):
        await connection.execute(UNMAKE.format(table=table), ids)
