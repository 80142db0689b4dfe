"""Which rows a message about a "mentor wanted" notice concerns: it, and the partners it is or was for.

Guarantee: looked up for a whole batch in two statements, without locks; an id that is no partner's has no
row, and nobody is asked for it. The corridor looks again once all are locked.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from shared.contracts.matching import MentorWanted, MentorWantedWithdrawn
from shared.corridor import Refs
from shared.messages import Message
from shared.postgres import Connection

EARLIER = (
    "SELECT n.id, one::uuid AS partner FROM notice n, jsonb_array_elements_text(n.doc -> 'partners') one "
    "WHERE n.id = ANY($1::uuid[])"
)
KNOWN = "SELECT id FROM partner WHERE id = ANY($1::uuid[]) AND doc IS NOT NULL"


async def rows_of(connection: Connection, messages: Sequence[Message]) -> dict[UUID, Refs]:
    """The rows of those of the messages that are about notices, by message."""
    chosen: dict[UUID, set[UUID]] = {}
    for message in messages:
        if isinstance(message.body, MentorWanted | MentorWantedWithdrawn):
            chosen.setdefault(message.body.notice_id, set()).update(getattr(message.body, "partners", ()))
    if not chosen:
        return {}
    for row in await connection.fetch(EARLIER, sorted(chosen, key=int)):
        chosen[row["id"]].add(row["partner"])
    asked = sorted(set().union(*chosen.values()), key=int)
    known = {row["id"] for row in await connection.fetch(KNOWN, asked)} if asked else set()
    return {
        message.id: _rows(message.body.notice_id, chosen[message.body.notice_id] & known)
        for message in messages
        if isinstance(message.body, MentorWanted | MentorWantedWithdrawn)
    }


def _rows(notice_id: UUID, partners: set[UUID]) -> Refs:
    of_it = {"partners": tuple(sorted(partners, key=int))} if partners else {}
    return {"notice": notice_id, **of_it}
