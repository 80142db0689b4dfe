"""What a pass through the corridor writes beside its aggregates: the outbox, timers, further rows, answers.

Job: gather what the messages of one pass lead to, and write it in a number of statements that does not grow
with the batch. Guarantee: it is written in the transaction of the aggregates it follows from, or not at all.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from shared import erasing
from shared.messages import Append, Cancel, Delete, Message, Schedule
from shared.postgres import Connection


@dataclass
class Effects:
    """All that one pass leads to; `outbox` and `answers` hold the columns of their rows."""

    outbox: list[tuple[Any, ...]] = field(default_factory=list)
    timers: dict[UUID, Schedule | Cancel] = field(default_factory=dict)
    appends: list[Append] = field(default_factory=list)
    deletes: list[Delete] = field(default_factory=list)
    erased: dict[UUID, str] = field(default_factory=dict)
    answers: list[tuple[UUID, bytes, str]] = field(default_factory=list)

    async def save(self, connection: Connection, messages: Sequence[Message], now: datetime) -> None:
        """Write it; `messages` are those of the pass, whose timers are done."""
        if self.outbox:
            await self._save_outbox(connection)
        if self.erased:
            # After the outbox, for what this very pass told is a part of the journal too.
            await erasing.erase(connection, self.erased, now)
        await self._save_timers(connection, messages)
        for name in sorted({append.table for append in self.appends}):
            rows_json = [dict(append.row) for append in self.appends if append.table == name]
            columns = ", ".join(sorted(rows_json[0]))
            await connection.execute(
                f"INSERT INTO {name} ({columns}) SELECT {columns} "  # noqa: S608
                f"FROM jsonb_populate_recordset(NULL::{name}, $1::jsonb)",
                json.dumps(rows_json, default=str),
            )
            await connection.execute("SELECT pg_notify($1, '')", name)
        for delete in self.deletes:
            await connection.execute(
                f"DELETE FROM {delete.table} WHERE {delete.column} = ANY($1::uuid[])",  # noqa: S608
                sorted(delete.ids, key=int),
            )
        if self.answers:
            await connection.execute(
                "INSERT INTO command_answer (id, digest, answer, answered_at) "
                "SELECT id, digest, answer::jsonb, $4 "
                "FROM unnest($1::uuid[], $2::bytea[], $3::text[]) AS a (id, digest, answer)",
                *_columns(self.answers),
                now,
            )

    async def _save_outbox(self, connection: Connection) -> None:
        await connection.execute(
            "INSERT INTO outbox (id, topic, key, type, body, cause, version, written_at) "
            "SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], "
            "$6::uuid[], $7::int[], $8::timestamptz[])",
            *_columns(self.outbox),
        )
        await connection.execute("SELECT pg_notify('outbox', '')")

    async def _save_timers(self, connection: Connection, messages: Sequence[Message]) -> None:
        done = [m for m in messages if m.timer_number is not None]
        if done:
            # Handled, ignored or duplicate: a timer's row goes with its message, unless it was
            # scheduled anew meanwhile and so has another number.
            await connection.execute(
                "DELETE FROM timer USING unnest($1::uuid[], $2::bigint[]) AS done (id, number) "
                "WHERE timer.id = done.id AND timer.number = done.number",
                [m.timer_id for m in done],
                [m.timer_number for m in done],
            )
        cancelled = [id_ for id_, timer in self.timers.items() if isinstance(timer, Cancel)]
        if cancelled:
            await connection.execute(
                "DELETE FROM timer WHERE id = ANY($1::uuid[])", sorted(cancelled, key=int)
            )
        scheduled = sorted(
            (id_, type(timer.timer).__name__, timer.timer.model_dump_json(), timer.at)
            for id_, timer in self.timers.items()
            if isinstance(timer, Schedule)
        )
        if scheduled:
            await connection.execute(
                "INSERT INTO timer (id, type, body, due_at) "
                "SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::timestamptz[]) "
                # The same timer once more replaces the earlier one, under a new number.
                "ON CONFLICT (id) DO UPDATE SET number = nextval('timer_number'), "
                "body = excluded.body, due_at = excluded.due_at",
                *_columns(scheduled),
            )
            await connection.execute("SELECT pg_notify('timer', '')")


def _columns(rows: Iterable[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]
