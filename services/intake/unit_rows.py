"""Which rows a message about colleagues and units concerns.

Guarantee: looked up without locks, in an order that is the same each time; what is derived from a message
derives from its content or its id, so that a second look gives the same rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from services.intake.closing import AT_ONCE, ERASED, LEFT, CloseOnTheDay, HandOver, LookForLeft
from services.intake.people_rows import everything
from services.intake.staffing import StaffSeen, unit_row
from shared.access import person_of
from shared.contracts.intake_commands import AssignCase
from shared.contracts.model import derived_id
from shared.contracts.people_commands import (
    CloseUnit,
    RegisterRoleModel,
    RegisterStaff,
    SetDuty,
    SetGroupMembers,
)
from shared.contracts.register_commands import RegisterHost, RegisterMentor, RegisterPartner
from shared.messages import Message, Refused
from shared.postgres import Connection

Rows = Mapping[str, UUID | tuple[UUID, ...]]

NEW_IN_A_UNIT = (RegisterHost, RegisterMentor, RegisterPartner, RegisterStaff)
CLOSED = "SELECT EXISTS (SELECT 1 FROM unit_file WHERE unit = ANY($1::text[]) AND state = 'closed')"
A_CASE_OF_EACH_PROGRAMME = (
    "SELECT DISTINCT ON (programme) id FROM case_file WHERE unit = $1 AND doc IS NOT NULL "
    "AND state <> $2 ORDER BY programme, opened_at, id"
)


async def rows_of(
    connection: Connection, messages: Sequence[Message], issuer: str | None
) -> dict[UUID, Rows]:
    """The rows of those of the messages that are about colleagues and units, by message.

    Raises `Refused` for a command that would bring something new to a closed unit. It is seen without a lock:
    what comes at that very moment is handed over (`closing`).
    """
    asked = [message.body.unit for message in messages if isinstance(message.body, NEW_IN_A_UNIT)]
    if asked and await connection.fetchval(CLOSED, asked):
        raise Refused("unit_closed", field="unit")
    return {
        message.id: rows
        for message in messages
        if (rows := await _rows(connection, message, issuer)) is not None
    }


async def _rows(connection: Connection, message: Message, issuer: str | None) -> Rows | None:
    match message.body:
        case AssignCase() as said:
            return {"case": said.case_id, "staff": said.caseworker}
        case RegisterStaff() as said:
            staff_id = said.staff_id or _by_sign_in(said, issuer) or derived_id("staff", message.id)
            return {"staff": staff_id, "person": staff_id}
        case StaffSeen() as seen:
            return {"staff": seen.staff_id, "person": seen.staff_id}
        case SetGroupMembers() as said:
            return {"unit": unit_row(said.unit), "colleagues": said.members}
        case SetDuty() as said:
            both = (said.person_id, said.stands_in_for)
            return {"unit": unit_row(said.unit), "colleagues": tuple(one for one in both if one)}
        case RegisterRoleModel() as said:
            if said.person_id is None:
                return {"unit": unit_row(said.unit), "person": derived_id("role_model", message.id)}
            return {"unit": unit_row(said.unit), **await everything(connection, said.person_id)}
        case CloseUnit() as said:
            found = await connection.fetch(A_CASE_OF_EACH_PROGRAMME, said.unit, ERASED)
            return {
                "unit": unit_row(said.unit),
                "units": (unit_row(said.hand_over_to),),
                "cases": tuple(row["id"] for row in found),
                **({"staff": said.caseworker} if said.caseworker is not None else {}),
            }
        case CloseOnTheDay() as due:
            return {"unit": unit_row(due.unit), "units": (unit_row(due.to),)}
        case LookForLeft() as look:
            return {"unit": unit_row(look.unit), **await _left(connection, look)}
        case HandOver(kind="place") as one:
            return await _place(connection, one.id)
        case HandOver() as one:
            return {one.kind: one.id}
    return None


def _by_sign_in(said: RegisterStaff, issuer: str | None) -> UUID | None:
    """What the sign-in will give somebody. Raises `Refused` where it is not said whose sign-in it is."""
    if said.subject is None:
        return None
    whose = said.issuer or issuer
    if whose is None:
        raise Refused("issuer_missing", field="issuer", status=422)
    return person_of(whose, said.subject)


async def _left(connection: Connection, look: LookForLeft) -> dict[str, tuple[UUID, ...]]:
    """What a unit still has, a few of each kind."""
    return {
        left.field: tuple(
            row["id"]
            for row in await connection.fetch(
                f"SELECT id FROM {left.table} WHERE unit = $1 AND doc IS NOT NULL "  # noqa: S608
                "AND coalesce(doc ->> 'state', '') <> $2 "
                "AND ($3::uuid IS NULL OR id > $3) ORDER BY id LIMIT $4",
                look.unit,
                ERASED,
                look.after,
                AT_ONCE,
            )
        )
        for left in LEFT.values()
    }


async def _place(connection: Connection, place_id: UUID) -> Rows:
    """A place and who offers it, which never changes."""
    row = await connection.fetchrow("SELECT host_id, mentor_id FROM place WHERE id = $1", place_id)
    by = {"host": row["host_id"], "mentor": row["mentor_id"]} if row is not None else {}
    return {"place": place_id, **{name: id_ for name, id_ in by.items() if id_ is not None}}
