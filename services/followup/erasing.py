"""A person was erased: what followup knew of a candidate, or of a party, goes; what happened still counts.

Pure. Intake erases nobody with a placement, and withdraws an open case first; where the two cross (a match
that was agreed at that very moment) the placement ends here, because nothing that is said of the case
afterwards has an effect. What was written about the candidate is blanked, whoever wrote it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from services.followup.check_ins import nothing_to_come
from services.followup.documents import Placement, State
from services.followup.rules import local_day, zone
from services.followup.telling import ended_event
from shared.blanking import blanked
from shared.contracts.intake import SubjectErased
from shared.contracts.model import Event, Party
from shared.messages import Cancel, Decision, Ignored, Message
from shared.programmes import Programmes

OVER = ("ended", "cancelled", "withdrawn")


def erase_case(state: State, message: Message, rules: Programmes, now: datetime) -> Decision[State] | Ignored:
    """The candidate's own case; or one in which somebody had a part, which goes on without them."""
    body = message.body
    assert isinstance(body, SubjectErased)
    if body.kind != "case":
        # Nothing is kept under a place or a person; whatever comes of them later is known by the list.
        return Decision(state, erased={body.subject_id: body.model_dump_json()})
    if not body.is_candidate:
        if state.case is None and not any(state.placements):
            return Ignored("case_is_none")
        return Decision(_without(state, body.person_id))
    after, events, timers = _over(state, rules, now)
    after = replace(
        after,
        case=after.case and blanked(after.case),
        placements=tuple(one and blanked(one) for one in after.placements),
    )
    return Decision(
        _without(after, body.person_id),
        events=events,
        timers=timers,
        erased={body.subject_id: body.model_dump_json()},
    )


def _over(
    state: State, rules: Programmes, now: datetime
) -> tuple[State, tuple[Event, ...], tuple[Cancel, ...]]:
    """Placements that are not over are; an agreed or running one is told to have ended."""
    placements: list[Placement | None] = []
    events: list[Event] = []
    timers: list[Cancel] = []
    for one in state.placements:
        if one is None or one.state in OVER:
            placements.append(one)
            continue
        timers += nothing_to_come(one)
        if one.agreed is None:
            placements.append(one.model_copy(update={"state": "withdrawn", "reason": "case_withdrawn"}))
            continue
        update: dict[str, Any] = {
            "state": "ended",
            "how": "early" if one.state == "running" else "failed_match",
            "reason": "case_withdrawn",
            "ended_on": local_day(now, zone(rules, one)),
        }
        ended = one.model_copy(update=update)
        events.append(ended_event(ended))
        placements.append(ended)
    return replace(state, placements=tuple(placements)), tuple(events), tuple(timers)


def _without(state: State, person_id: UUID) -> State:
    return replace(
        state,
        case=None if state.case is None else _left(state.case, person_id),
        placements=tuple(None if one is None else _left(one, person_id) for one in state.placements),
    )


def _left(document: Any, person_id: UUID) -> Any:
    """The same without this party, wherever the document names them."""
    parties: tuple[Party, ...] = tuple(one for one in document.parties if one.person_id != person_id)
    update: dict[str, Any] = {"parties": parties}
    if isinstance(document, Placement):
        update["check_ins"] = tuple(
            one.model_copy(update={"present": tuple(who for who in one.present if who != person_id)})
            for one in document.check_ins
        )
        if document.agreed is not None and document.agreed.mentor_id == person_id:
            update["agreed"] = document.agreed.model_copy(update={"mentor_id": None})
    return document.model_copy(update=update)
