"""What notifications holds on a person: every mail to them, and that it has their contact details.

Guarantee: the details themselves are not shown here. They are intake's, where a look at them is written down.
"""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from shared.hosting import Host
from shared.messages import Actor

MAILS = (
    "SELECT doc::text AS doc FROM mail WHERE person_id = $1 AND unit = ANY($2::text[]) ORDER BY queued_at, id"
)


def held_by(host: Host) -> Any:
    """`held` of `shared.held` on this service's database."""

    async def held(actor: Actor, person_id: UUID) -> dict[str, Any]:
        async with host.pool.acquire() as connection:
            rows = await connection.fetch(MAILS, person_id, sorted(actor.units))
            text = await connection.fetchval("SELECT doc::text FROM contact WHERE id = $1", person_id)
        mails = [json.loads(row["doc"]) for row in rows]
        contact = json.loads(text) if text and mails else {}
        kept = [name for name in ("name", "email", "phone", "language", "channel") if contact.get(name)]
        return {"mails": mails, "contact": {"as_intake_has_it": kept} if kept else {}}

    return held
