"""For how long a person is kept: until the last thing they have a part in is over, and its months are gone.

Pure. Whatever ends (a case, a mentor, a host, a partner's agreement) sets a timer for the people who had a
part in it; when it comes, everything about the person is looked at again. Guarantee: nobody is erased while
anything is open, a match runs, or the months of any of their cases are not over; then the timer is set anew,
or whatever ends next sets it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from services.intake.certificates import months_later
from services.intake.documents import CaseFile, HostFile, Mentor, State
from services.intake.erasing import ERASED, LEFT, NO_PARTNER, OVER, Leaving, RetentionOver, gone
from services.intake.registers import Partner
from services.intake.settling import rules_of, today_in
from shared.messages import Decision, Ignored, Message, Schedule
from shared.programmes import Programmes, Unit
from shared.transitions import Does, Lifecycle

Part = CaseFile | HostFile | Mentor | Partner


def kept_until(part: Part, programmes: Programmes, now: datetime) -> date:
    """The day on which what was known of the people in something that is over need not be kept any more."""
    today = today_in(part.unit, programmes, now)
    ended_on = ends_on(part, today) or today
    if isinstance(part, CaseFile):
        return months_later(ended_on, rules_of(part, programmes).retention_months)
    # A host, a mentor or a partner is of no one programme.
    return months_later(ended_on, longest_kept(programmes.unit(part.unit), programmes, ended_on))


def longest_kept(unit: Unit, programmes: Programmes, on: date) -> int:
    """The most months that a programme of the unit keeps its people."""
    return max(programmes.rules(one, unit.id, on).retention_months for one in unit.programmes)


def retention_over(
    state: State, message: Message, programmes: Programmes, now: datetime
) -> Decision[State] | Ignored:
    """Erase, unless something has begun since, or is kept for longer."""
    leaving = Leaving.of(state)
    if state.person is None or state.person.merged_into is not None:
        return Ignored("merged_into_another")
    if state.staff is not None or any(one is not None for one in state.units):
        return Ignored("stands_for_something_else")
    of_registers = (*state.hosts, *state.partners, state.mentor)
    parts: list[Part] = [*leaving.cases, *(part for part in of_registers if part is not None)]
    is_over = all(_is_over(part, today_in(part.unit, programmes, now)) for part in parts)
    if not is_over or leaving.is_in_a_placement:
        return Ignored("something_has_begun")
    if any(one is not None and one.state in ("asked", "confirmed") for one in state.enquiries):
        return Ignored("something_has_begun")
    days = [(kept_until(part, programmes, now), part.unit) for part in parts]
    due_at = max((morning(*day, programmes) for day in days), default=now)
    if due_at > now:
        return Decision(state, timers=(Schedule(due_at, message.body),))  # type: ignore[arg-type]
    return gone(leaving, programmes, now)


def morning(day: date, unit: str, programmes: Programmes) -> datetime:
    return datetime.combine(day, time(4), ZoneInfo(programmes.unit(unit).time_zone))


def ends_on(part: Part, today: date) -> date | None:
    """The day on which it was or will be over; None while nobody knows it. What has just ended ends today."""
    if isinstance(part, Partner):
        if part.status not in NO_PARTNER:
            return part.agreement.valid_until if part.agreement is not None else None
    elif part.state not in (OVER if isinstance(part, CaseFile) else LEFT):
        return None
    return part.ended_on or today


def _is_over(part: Part, today: date) -> bool:
    day = ends_on(part, today)
    return day is not None and day <= today


def _people(part: Part) -> tuple[UUID, ...]:
    if isinstance(part, CaseFile):
        people = (part.person_id, *((part.guardian_id,) if part.guardian_id is not None else ()))
        return people if part.state != ERASED else ()
    if isinstance(part, HostFile):
        return (part.contact_person_id, *((part.buddy_id,) if part.buddy_id is not None else ()))
    if isinstance(part, Partner):
        return (part.contact_person_id,) if part.contact_person_id is not None else ()
    return (part.id,)


def keeping(lifecycle: Lifecycle) -> Lifecycle:
    """The same lifecycle, where whatever ends notes its day and sets the timers of its people."""
    rows = tuple(replace(row, does=_then_kept(lifecycle.aggregate, row.does)) for row in lifecycle.rows)
    return replace(lifecycle, rows=rows)


def _ending(part: Part, today: date) -> tuple[date | None, tuple[UUID, ...]]:
    return ends_on(part, today), _people(part)


def _then_kept(aggregate: str, does: Does) -> Does:
    def then(state: State, message: Message, programmes: Programmes, now: datetime) -> Any:
        result = does(state, message, programmes, now)
        if not isinstance(result, Decision):
            return result
        before, part = getattr(state, aggregate), getattr(result.state, aggregate)
        if part is None:
            return result
        today = today_in(part.unit, programmes, now)
        ends, over = ends_on(part, today), _is_over(part, today)
        noted = part.model_copy(update={"ended_on": ends if over else None})
        result = replace(result, state=replace(result.state, **{aggregate: noted}))
        if ends is None or (before is not None and _ending(before, today) == _ending(part, today)):
            return result
        at = morning(kept_until(noted, programmes, now), noted.unit, programmes)
        timers = tuple(Schedule(at, RetentionOver(person_id=one)) for one in _people(noted))
        return replace(result, timers=(*result.timers, *timers))

    return then
