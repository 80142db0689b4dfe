"""Reading the list of cases: by filters, most urgent or newest first, counted by state, and a person's views.

Guarantee: nothing here changes a case. What is over is left out unless it is asked for or searched for.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from services.intake.documents import CaseFile
from services.intake.queries import PAGE, as_pattern, cursor_of, read_cursor
from shared.postgres import Connection

OPEN = ("preparing", "ready", "matched", "started", "paused")
OVER = ("ended", "withdrawn", "declined")
MOST_VIEWS = 20


@dataclass(frozen=True)
class Wanted:
    """Which cases: None is no matter. `caseworkers` are whose cases they are; an empty list, nobody's.
    `unseen` are those whom no name finds."""

    units: Collection[str]
    states: tuple[str, ...]
    programme: str | None = None
    q: str | None = None
    caseworkers: Collection[UUID] | None = None
    waits_for: str | None = None
    due_by: date | None = None
    unseen: Collection[UUID] = ()


class Row(NamedTuple):
    case: CaseFile
    name: str
    is_protected: bool
    caseworker_name: str | None


class Page(NamedTuple):
    rows: list[Row]
    next: str | None


WHERE = (
    "c.doc IS NOT NULL AND p.doc IS NOT NULL AND c.unit = ANY($1::text[]) "
    "AND ($2::text IS NULL OR c.programme = $2) "
    "AND ($3::text IS NULL OR (p.name_lowered LIKE $4 AND p.id <> ALL($8::uuid[])) "
    "OR c.source_reference = $3 OR c.id::text = $3) "
    "AND ($5::uuid[] IS NULL OR c.caseworker = ANY($5) OR ($5 = '{}' AND c.caseworker IS NULL)) "
    "AND ($6::text IS NULL OR c.waits_for ? $6) AND ($7::text IS NULL OR c.due_on <= $7)"
)

URGENT = ("c.due_on, c.opened_at, c.id", "(c.due_on, c.opened_at, c.id) > ($10, $11, $12::uuid)")
NEWEST = (
    "c.opened_at DESC, c.id DESC",
    "(c.opened_at, c.id) < ($11, $12::uuid) AND $10::text IS NOT NULL",
)
"""The order of the list, and what comes after the last one that was shown."""


def _values(wanted: Wanted) -> list[object]:
    return [
        sorted(wanted.units),
        wanted.programme,
        wanted.q,
        f"%{as_pattern(wanted.q.lower())}%" if wanted.q else None,
        None if wanted.caseworkers is None else sorted(wanted.caseworkers),
        wanted.waits_for,
        wanted.due_by.isoformat() if wanted.due_by else None,
        sorted(wanted.unseen),
    ]


async def page(
    connection: Connection, wanted: Wanted, *, newest: bool, cursor: str | None = None, limit: int = PAGE
) -> Page:
    """Cases with names, what is due first at the top, or the newest.

    Raises `NoCursor` for what is no cursor of ours.
    """
    order, further = NEWEST if newest else URGENT
    # Unit by unit the index gives the order, and a case's document is read only for those that are shown.
    rows = await connection.fetch(
        "SELECT c.id, c.doc::text AS doc, c.due_on, c.opened_at, p.name, p.protected, w.name AS caseworker "  # noqa: S608
        "FROM unnest($1::text[]) AS one(unit) CROSS JOIN LATERAL ("
        f" SELECT c.id FROM case_file c JOIN person p ON p.id = c.person_id WHERE {WHERE}"
        f" AND c.unit = one.unit AND c.state = ANY($9::text[]) AND ($12::uuid IS NULL OR {further})"
        f" ORDER BY {order} LIMIT $13"
        ") AS found JOIN case_file c ON c.id = found.id JOIN person p ON p.id = c.person_id "
        f"LEFT JOIN person w ON w.id = c.caseworker ORDER BY {order} LIMIT $13",
        *_values(wanted),
        list(wanted.states),
        *read_cursor(cursor, str, str, UUID),
        limit + 1,
    )
    shown = rows[:limit]
    following = None
    if len(rows) > limit:
        following = cursor_of(shown[-1]["due_on"], shown[-1]["opened_at"], shown[-1]["id"])
    return Page(
        [
            Row(
                CaseFile.model_validate_json(row["doc"]),
                row["name"],
                bool(row["protected"]),
                row["caseworker"],
            )
            for row in shown
        ],
        following,
    )


async def count_by_state(connection: Connection, wanted: Wanted) -> Mapping[str, int]:
    """How many there are in each state, by all the filters but the state."""
    rows = await connection.fetch(
        "SELECT c.state, count(*) AS n FROM case_file c JOIN person p ON p.id = c.person_id "  # noqa: S608
        f"WHERE {WHERE} GROUP BY c.state",
        *_values(wanted),
    )
    return {row["state"]: row["n"] for row in rows}


async def count_by_whose(
    connection: Connection, units: Collection[str], me: UUID | None, stood_in_for: Collection[UUID]
) -> Mapping[str, int]:
    """How many open cases are mine, theirs for whom I stand in, nobody's, and all."""
    row = await connection.fetchrow(
        "SELECT count(*) FILTER (WHERE caseworker = $2) AS mine, "
        "count(*) FILTER (WHERE caseworker = ANY($3::uuid[])) AS stand_in, "
        "count(*) FILTER (WHERE caseworker IS NULL) AS nobody, count(*) AS everybody "
        "FROM case_file WHERE doc IS NOT NULL AND unit = ANY($1::text[]) AND state = ANY($4::text[])",
        sorted(units),
        me,
        sorted(stood_in_for),
        list(OPEN),
    )
    assert row is not None
    return {
        "mine": row["mine"],
        "stand_in": row["stand_in"],
        "nobody": row["nobody"],
        "all": row["everybody"],
    }


async def due_cases(
    connection: Connection, units: Collection[str], caseworkers: Collection[UUID] | None, limit: int
) -> list[CaseFile]:
    """Cases that wait for something that can be done now, the first due first; of nobody too."""
    rows = await connection.fetch(
        "SELECT doc::text AS doc FROM case_file WHERE doc IS NOT NULL AND unit = ANY($1::text[]) "
        "AND due_on < '9999' AND ($2::uuid[] IS NULL OR caseworker IS NULL OR caseworker = ANY($2)) "
        "ORDER BY due_on, opened_at, id LIMIT $3",
        sorted(units),
        None if caseworkers is None else sorted(caseworkers),
        limit,
    )
    return [CaseFile.model_validate_json(row["doc"]) for row in rows]


async def views(connection: Connection, subject: str) -> list[tuple[str, str]]:
    """Somebody's own views: name and filters."""
    rows = await connection.fetch(
        "SELECT name, filters FROM saved_view WHERE subject = $1 ORDER BY name", subject
    )
    return [(row["name"], row["filters"]) for row in rows]


async def save_view(connection: Connection, subject: str, name: str, filters: str, now: datetime) -> bool:
    """Keep a view, in place of the one of that name; False where there are as many as anybody keeps."""
    said = await connection.execute(
        "INSERT INTO saved_view (subject, name, filters, saved_at) SELECT $1, $2, $3, $4 "
        "WHERE (SELECT count(*) FROM saved_view WHERE subject = $1 AND name <> $2) < $5 "
        "ON CONFLICT (subject, name) DO UPDATE SET filters = $3, saved_at = $4",
        subject,
        name,
        filters,
        now,
        MOST_VIEWS,
    )
    return bool(said != "INSERT 0 0")


async def forget_view(connection: Connection, subject: str, name: str) -> None:
    await connection.execute("DELETE FROM saved_view WHERE subject = $1 AND name = $2", subject, name)
