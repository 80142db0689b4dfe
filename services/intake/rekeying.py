"""What is found by a keyed hash, moved to the first key: people by national id, referrals by what they say.

Guarantee: in batches, each a transaction that locks its rows; what is under the first key already stays as
it is. `makker keys reseal` calls it; nothing else does.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import asyncpg

from services.intake.documents import Person
from services.intake.erasing import KEYED
from services.intake.people import key_text
from services.intake.sealing import Secrets, keyed
from shared.batches import Rows, in_batches
from shared.contracts.model import derived_id
from shared.settings import Settings


def _secrets(settings: Settings) -> Secrets:
    return keyed([key.strip() for key in settings.seal_keys.split(",")], settings.hash_key)


def person_keys(connection: asyncpg.Connection, settings: Settings) -> AsyncIterator[tuple[int, int]]:
    """Each person's row under the first key of the hash; what was refused or parked goes on finding it."""
    secrets = _secrets(settings)

    async def change(rows: Rows) -> int:
        people = [Person.model_validate_json(row["doc"]) for row in rows]
        return sum([await _moved(connection, person, secrets) for person in people])

    return in_batches(
        connection,
        "SELECT id AS key, doc::text AS doc FROM person WHERE id > $1 AND doc ->> 'national_id' IS NOT NULL "
        "ORDER BY id LIMIT $2 FOR UPDATE",
        change,
    )


async def _moved(connection: asyncpg.Connection, person: Person, secrets: Secrets) -> bool:
    if person.national_id is None or person.national_id_type is None:
        return False
    text = key_text(person.controller, person.national_id_type, secrets.open(person.national_id))
    now, *before = (derived_id("person_key", digest) for digest in secrets.digests(text))
    old = await connection.fetch(
        "SELECT id, doc::text AS doc FROM person_key "
        "WHERE id = ANY($1::uuid[]) AND doc IS NOT NULL FOR UPDATE",
        before,
    )
    for table, column in KEYED:
        await connection.execute(
            f"UPDATE {table} SET {column} = $1 WHERE {column} = ANY($2::uuid[])",  # noqa: S608
            now,
            before,
        )
    if not old:
        return False
    document = json.loads(old[0]["doc"]) | {"id": str(now)}
    await connection.execute(
        # There already, it was made by a referral that came meanwhile, for this very person.
        "INSERT INTO person_key (id, version, doc) VALUES ($1, 1, $2::jsonb) ON CONFLICT DO NOTHING",
        now,
        json.dumps(document),
    )
    await connection.execute("DELETE FROM person_key WHERE id = ANY($1::uuid[])", before)
    return True


def digests(connection: asyncpg.Connection, settings: Settings) -> AsyncIterator[tuple[int, int]]:
    """An accepted referral is recognised by what it said, under the first key of the hash."""
    secrets = _secrets(settings)

    async def change(rows: Rows) -> int:
        found = [
            (row["key"], digest)
            for row in rows
            if (digest := secrets.digest(secrets.open(row["sealed"]))) != row["digest"]
        ]
        await connection.executemany(
            "UPDATE referral SET doc = doc || jsonb_build_object('digest', $2::text) WHERE id = $1", found
        )
        return len(found)

    return in_batches(
        connection,
        "SELECT id AS key, doc ->> 'sealed' AS sealed, doc ->> 'digest' AS digest FROM referral "
        "WHERE id > $1 AND doc ->> 'sealed' IS NOT NULL AND doc ->> 'digest' IS NOT NULL "
        "ORDER BY id LIMIT $2 FOR UPDATE",
        change,
    )
