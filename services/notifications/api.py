"""Reading notifications over HTTP. Commands come through the door in `shared/commands.py`."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from fastapi import Request

from services.notifications import queries
from services.notifications.documents import Mail
from shared.hosting import Host

SHOWN = ("template", "person_id", "case_id", "state", "queued_at", "sent_at", "reason")


def as_json(version: int, mail: Mail) -> dict[str, Any]:
    """A mail for programs: who was told what of which case, and whether it went out."""
    return {"mail_id": str(mail.id), "version": version, **mail.model_dump(mode="json", include=set(SHOWN))}


def mount(host: Host) -> None:
    @host.app.get("/notifications/api/messages", tags=["reading"], summary="A case's mails, the oldest first")
    async def messages(request: Request, case_id: UUID, cursor: str = "") -> dict[str, Any]:
        actor = host.access.staff(request)
        found = await queries.mails_of(host.pool, case_id, actor.units, cursor)
        more = queries.cursor(found[-1][1]) if len(found) == queries.PAGE else None
        return {"messages": [as_json(*one) for one in found], "next": more}
