"""All that intake holds on a person, put together for themselves to read: insight, as the law gives it.

Guarantee: what was sealed is opened here, referrals stand as they came, and every look at the person is among
it; of somebody else's case in which they had a part, that part alone. It changes nothing; the look that this
is, the caller writes down, in the same transaction. Other services tell their parts themselves.
"""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from services.intake import people_rows
from services.intake.documents import Person
from services.intake.sealing import Secrets
from shared.postgres import Connection

OTHERS = ("matching", "followup", "notifications")
MOST_LOOKS = 10_000


def parts(person_id: UUID) -> dict[str, str]:
    """Where the other services tell what they hold."""
    return {name: f"/{name}/api/people/{person_id}/export" for name in OTHERS}


async def held_on(connection: Connection, person: Person, secrets: Secrets) -> dict[str, Any]:
    """Everything, as JSON."""
    rows: dict[str, Any] = dict(await people_rows.everything(connection, person.id))
    ids = {person.id, *rows["merged"]}
    cases = await _documents(connection, "case_file", rows["cases"])
    own = [case for case in cases if UUID(case["person_id"]) in ids]
    own_ids = {UUID(case["id"]) for case in own}
    who = person.model_dump(mode="json")
    return {
        "person": who | {"national_id": secrets.open(person.national_id) if person.national_id else None},
        "also_known_as": await _documents(connection, "person", rows["merged"]),
        "cases": own,
        "part_in_cases_of_others": [
            {"case_id": case["id"], "unit": case["unit"], "programme": case["programme"]}
            for case in cases
            if UUID(case["id"]) not in own_ids
        ],
        "referrals": await _referrals(connection, rows, own_ids, secrets),
        "refused_referrals": await _refused(connection, rows, secrets),
        "mentor": await _documents(connection, "mentor", [rows["mentor"]] if "mentor" in rows else []),
        "places": await _documents(connection, "place", rows["places"]),
        "hosts": [
            {"host_id": host["id"], "name": host["name"], "unit": host["unit"]}
            for host in await _documents(connection, "host", rows["hosts"])
        ],
        "partners": [
            {"partner_id": one["id"], "name": one["name"], "unit": one["unit"]}
            for one in await _documents(connection, "partner", rows["partners"])
        ],
        "role_model_in_units": [
            one["unit"] for one in await _documents(connection, "unit_file", rows["units"])
        ],
        "enquiries": [
            {**one, "sealed": _opened(one.get("sealed"), secrets)}
            for one in await _documents(connection, "enquiry", rows["enquiries"])
        ],
        "looks": await _looks(connection, sorted(ids, key=int)),
        "parts": parts(person.id),
    }


async def _documents(connection: Connection, table: str, ids: Any) -> list[dict[str, Any]]:
    rows = await connection.fetch(
        f"SELECT doc::text AS doc FROM {table} WHERE id = ANY($1::uuid[]) AND doc IS NOT NULL ORDER BY id",  # noqa: S608
        list(ids),
    )
    return [json.loads(row["doc"]) for row in rows]


def _opened(sealed: str | None, secrets: Secrets) -> Any:
    """A document as it came."""
    return json.loads(secrets.open(sealed)) if sealed else None


async def _referrals(
    connection: Connection, rows: dict[str, Any], own: set[UUID], secrets: Secrets
) -> list[dict[str, Any]]:
    found = await _documents(connection, "referral", rows["referrals"])
    return [
        {
            "source": one["source"],
            "received_at": one["received_at"],
            "state": one["state"],
            "as_it_came": _opened(one["sealed"], secrets),
        }
        for one in found
        if one["case_id"] is None or UUID(one["case_id"]) in own
    ]


async def _refused(connection: Connection, rows: dict[str, Any], secrets: Secrets) -> list[dict[str, Any]]:
    found = await connection.fetch(
        "SELECT received_at, unit, sealed FROM refused_referral WHERE person_key = ANY($1::uuid[]) "
        "ORDER BY position",
        list(rows["person_keys"]),
    )
    return [
        {
            "received_at": row["received_at"].isoformat(),
            "unit": row["unit"],
            "as_it_came": _opened(row["sealed"], secrets),
        }
        for row in found
    ]


async def _looks(connection: Connection, ids: list[UUID]) -> list[dict[str, Any]]:
    rows = await connection.fetch(
        "SELECT looked_at, subject, at_what FROM look WHERE person_ids && $1::uuid[] "
        "ORDER BY position DESC LIMIT $2",
        ids,
        MOST_LOOKS,
    )
    return [
        {"at": row["looked_at"].isoformat(), "subject": row["subject"], "at_what": row["at_what"]}
        for row in rows
    ]
