"""Which rows a message concerns: the placement of its round, and the case it is a part of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from services.followup.documents import CaseTrack, Placement
from services.followup.store import cases_of, placements_of
from services.followup.workflow import WORKFLOW
from shared.contracts.intake import CaseAssigned, SubjectErased
from shared.contracts.model import match_id
from shared.corridor import Refs, Table
from shared.messages import Message, Tombstone
from shared.postgres import Connection

BY_PLACEMENT = frozenset(model for model in WORKFLOW.messages if "placement_id" in model.model_fields)
TABLES = {
    "placement": Table("placement", Placement),
    "case": Table("case_track", CaseTrack),
    "placements": Table("placement", Placement),
}


async def concerns(connection: Connection, messages: Sequence[Message]) -> list[Refs]:
    """Rows by field of `State`, for each message. A placement never changes its case."""
    bodies: list[Any] = [message.body for message in messages if type(message.body) in BY_PLACEMENT]
    asked = [body.placement_id for body in bodies]
    cases = await cases_of(connection, asked)
    erased = [message.body.subject_id for message in messages if isinstance(message.body, SubjectErased)]
    given = [message.body.case_id for message in messages if isinstance(message.body, CaseAssigned)]
    placements = await placements_of(connection, [*erased, *given])
    return [_concerned(message, cases, placements) for message in messages]


def _concerned(message: Message, cases: dict[UUID, UUID], placements: dict[UUID, tuple[UUID, ...]]) -> Refs:
    body: Any = message.body
    if isinstance(body, SubjectErased):
        return {"case": body.subject_id, "placements": placements.get(body.subject_id, ())}
    if isinstance(body, CaseAssigned):
        return {"case": body.case_id, "placements": placements.get(body.case_id, ())}
    if isinstance(body, Tombstone):
        return {"case": UUID(body.key)}
    if WORKFLOW.of[type(body)][0].aggregate == "case":
        return {"case": body.case_id}
    if type(body) in BY_PLACEMENT:
        placement = body.placement_id
        # Without a placement there is no case either; the command is answered with "not found".
        return {"placement": placement, "case": cases.get(placement, placement)}
    return {"placement": match_id(body.case_id, body.round), "case": body.case_id}
