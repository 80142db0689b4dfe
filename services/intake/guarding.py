"""Whom one may not see, one may not change: commands about the protected.

Pure. Guarantee: whatever staff ask about a protected person, about a case of theirs or about the mentor or
host's contact they are, is refused unless they may see them (`seeing.may_see`). Breaking the glass is what
the others can do. It asks nothing of publishers and parties, nor of a referral, whose sender need not know
that somebody is known already.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from services.intake.documents import Person, State
from services.intake.settling import today_in
from services.intake.sight import Known, may_see
from shared.contracts.people_commands import BreakGlass
from shared.contracts.referral import RegisterReferral
from shared.messages import Message, Refused
from shared.programmes import Programmes
from shared.transitions import Does, Lifecycle


def guarding(lifecycle: Lifecycle) -> Lifecycle:
    """The same lifecycle, where a command about somebody is refused to whoever may not see them."""
    rows = tuple(replace(row, does=_if_seen(row.does)) for row in lifecycle.rows)
    return replace(lifecycle, rows=rows)


def _if_seen(does: Does) -> Does:
    def then(state: State, message: Message, programmes: Programmes, now: datetime) -> Any:
        if is_guarded(message):
            for person in state.seen:
                check_seen(person, state, message, programmes, now)
        return does(state, message, programmes, now)

    return then


def is_guarded(message: Message) -> bool:
    """Whether it is staff who ask, and for something that only those may who see the person."""
    by_staff = message.kind == "command" and message.actor is not None and message.actor.kind == "staff"
    return by_staff and not isinstance(message.body, BreakGlass | RegisterReferral)


def check_seen(
    person: Person | None, state: State, message: Message, programmes: Programmes, now: datetime
) -> None:
    """Raises `Refused` where the actor may not see the person."""
    actor = message.actor
    if person is None or actor is None:
        return
    # Whoever was merged into another has that one's cases.
    id_ = person.merged_into or person.id
    known = Known(
        person,
        tuple(case for case in state.seen_cases if case is not None and case.person_id == id_),
        frozenset(_units(state, id_)),
    )
    duty = tuple(one for unit in state.on_duty if unit is not None for one in unit.duty)
    unit = next((one for one in sorted(actor.units) if one in programmes.units), None)
    today = today_in(unit, programmes, now) if unit is not None else now.date()
    if not may_see(known, actor, duty, today, now):
        raise Refused("protected_person", status=403)


def _units(state: State, id_: UUID) -> Iterable[str]:
    """Where they have a part without a case of their own."""
    of: tuple[Any, ...] = (
        *(case for case in state.seen_cases if case is not None and case.guardian_id == id_),
        *(state.mentor, state.host, state.partner, state.enquiry),
        *state.hosts,
        *state.partners,
        *state.enquiries,
    )
    return (one.unit for one in of if one is not None)
