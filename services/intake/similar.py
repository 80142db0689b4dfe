"""Perhaps the same: persons who look like one another, and whom no national id tells apart or together.

Guarantee: within one controller and the reader's units alone, and nobody is merged by it: staff see who it
could be, and decide. Two persons who each have a national id are two, and so are two with different birth
dates.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from typing import NamedTuple
from uuid import UUID

from services.intake.documents import Person
from shared.postgres import Connection

MOST = 10


class Alike(NamedTuple):
    """Somebody who may be the same person."""

    id: UUID
    name: str
    birth_date: date | None
    is_protected: bool = False


async def perhaps_the_same(connection: Connection, person: Person, units: Collection[str]) -> list[Alike]:
    """Candidates in these units with the same name, e-mail address or telephone number."""
    rows = await connection.fetch(
        "SELECT p.id, p.name, p.doc ->> 'birth_date' AS born, p.protected FROM person p "
        "WHERE p.controller = $1 AND p.doc IS NOT NULL AND p.id <> $2 AND p.doc ->> 'merged_into' IS NULL "
        "AND (p.name_lowered = $3 OR lower(p.doc ->> 'email') = $4 OR p.doc ->> 'phone' = $5) "
        "AND NOT ($6 AND p.doc ->> 'national_id' IS NOT NULL) "
        "AND ($7::text IS NULL OR p.doc ->> 'birth_date' IS NULL OR p.doc ->> 'birth_date' = $7) "
        "AND EXISTS (SELECT 1 FROM case_file c WHERE c.person_id = p.id AND c.unit = ANY($8::text[])) "
        "ORDER BY p.name_lowered, p.id LIMIT $9",
        person.controller,
        person.id,
        person.name.lower(),
        person.email.lower() if person.email else None,
        person.phone,
        person.national_id is not None,
        person.birth_date.isoformat() if person.birth_date else None,
        sorted(units),
        MOST,
    )
    return [
        Alike(
            row["id"],
            row["name"],
            date.fromisoformat(row["born"]) if row["born"] else None,
            bool(row["protected"]),
        )
        for row in rows
    ]
