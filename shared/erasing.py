"""The list of the erased: who and what never comes back, and what the journal and the parked held of them.

Job: keep the list of ids, blank the journal's marked fields (`shared/blanking.py`), and delete what was
parked. Guarantee: a message about an id on the list has no effect, whichever door it comes by and however
late. It decides nobody's erasing: that is intake's workflow, and the others follow it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID

from shared.blanking import blanked, holds_marks
from shared.contracts.model import EVENTS
from shared.postgres import Connection


async def listed(connection: Connection, ids: Iterable[UUID]) -> set[UUID]:
    """Which of the ids stand on the list of the erased."""
    rows = await connection.fetch(
        "SELECT id FROM erased WHERE id = ANY($1::uuid[])", sorted(set(ids), key=int)
    )
    return {row["id"] for row in rows}


async def erase(connection: Connection, erased: Mapping[UUID, str], now: datetime) -> None:
    """Put ids on the list, blank what the journal tells of them, and delete what was parked about them.

    `erased` gives each id the message, as JSON without identity, that a restored database is told again.
    """
    ids = sorted(erased, key=int)
    keys = [str(id_) for id_ in ids]
    await connection.execute(
        # Erased twice is erased: the first time counts.
        "INSERT INTO erased (id, body, erased_at) SELECT id, body, $3 "
        "FROM unnest($1::uuid[], $2::text[]) AS e (id, body) ON CONFLICT DO NOTHING",
        ids,
        [erased[id_] for id_ in ids],
        now,
    )
    marked = {name: model for name, model in EVENTS.items() if holds_marks(model)}
    rows = await connection.fetch(
        "SELECT position, written_at, type, body FROM outbox "
        "WHERE key = ANY($1::text[]) AND type = ANY($2::text[]) AND body IS NOT NULL",
        keys,
        sorted(marked),
    )
    await connection.executemany(
        "UPDATE outbox SET body = $3 WHERE position = $1 AND written_at = $2",
        [
            (
                row["position"],
                row["written_at"],
                blanked(marked[row["type"]].model_validate_json(row["body"])).model_dump_json(by_alias=True),
            )
            for row in rows
        ],
    )
    await connection.execute("DELETE FROM parked WHERE key = ANY($1::text[])", keys)
    await connection.execute("DELETE FROM parked_key WHERE key = ANY($1::text[])", keys)
