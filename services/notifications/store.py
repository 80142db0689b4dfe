"""The mails that can be sent now, for the mail loop: SQL and rows -> documents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.notifications.documents import ContactFile, Mail, Matter
from shared.postgres import Connection

WITH_CONTACT = (
    "FROM mail JOIN contact ON contact.id = mail.person_id AND contact.doc IS NOT NULL "
    "WHERE mail.state = 'queued'"
)
NOT_BEFORE = "(mail.doc ->> 'not_before')::timestamptz"
SENDABLE = f"{WITH_CONTACT} AND {NOT_BEFORE} <= $1"


@dataclass(frozen=True)
class Letter:
    """A queued mail as it is now, with its receiver and its matter."""

    version: int
    mail: Mail
    contact: ContactFile
    matter: Matter | None


async def mails_to(connection: Connection, people: Sequence[UUID]) -> dict[UUID, tuple[UUID, ...]]:
    """All mails to each of these people, in one order."""
    return await _mails_by("person_id", connection, people)


async def mails_of_cases(connection: Connection, cases: Sequence[UUID]) -> dict[UUID, tuple[UUID, ...]]:
    """All mails of each of these cases, in one order."""
    return await _mails_by("case_id", connection, cases)


async def _mails_by(column: str, connection: Connection, ids: Sequence[UUID]) -> dict[UUID, tuple[UUID, ...]]:
    if not ids:
        return {}
    rows = await connection.fetch(
        f"SELECT id, {column} AS by FROM mail WHERE {column} = ANY($1::uuid[]) AND doc IS NOT NULL",  # noqa: S608
        ids,
    )
    found: dict[UUID, tuple[UUID, ...]] = {}
    for row in sorted(rows, key=lambda row: row["id"].int):
        found[row["by"]] = (*found.get(row["by"], ()), row["id"])
    return found


async def sendable(connection: Connection, now: datetime, limit: int) -> list[UUID]:
    """Queued mails whose time has come and whose contact is known, the oldest first."""
    rows = await connection.fetch(
        f"SELECT mail.id {SENDABLE} ORDER BY mail.queued_at, mail.id LIMIT $2", now, limit
    )
    return [row["id"] for row in rows]


async def any_sendable(connection: Connection, now: datetime) -> bool:
    """Whether a mail could be sent now."""
    found: bool = await connection.fetchval(f"SELECT EXISTS (SELECT 1 {SENDABLE})", now)
    return found


async def next_due_at(connection: Connection) -> datetime | None:
    """When the next mail can be sent, if there is one whose contact is known."""
    found: datetime | None = await connection.fetchval(f"SELECT min({NOT_BEFORE}) {WITH_CONTACT}")
    return found


async def letter(connection: Connection, mail_id: UUID) -> Letter | None:
    """A mail as it is at this moment; None if it is not queued any more."""
    row = await connection.fetchrow(
        "SELECT mail.version, mail.doc AS mail, contact.doc AS contact, matter.doc AS matter "
        "FROM mail JOIN contact ON contact.id = mail.person_id "
        "LEFT JOIN matter ON matter.id = mail.matter_id "
        "WHERE mail.id = $1 AND mail.state = 'queued' AND contact.doc IS NOT NULL",
        mail_id,
    )
    if row is None:
        return None
    return Letter(
        version=row["version"],
        mail=Mail.model_validate_json(row["mail"]),
        contact=ContactFile.model_validate_json(row["contact"]),
        matter=Matter.model_validate_json(row["matter"]) if row["matter"] else None,
    )
