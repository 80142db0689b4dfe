"""For how long a person is kept: until the last thing they have a part in is over, and its months are gone.

Pure. Whatever ends (a case, a mentor, a host) sets a timer for the people who had a part in it; when it
comes, everything about the person is looked at again. Guarantee: nobody is erased while anything is open, a
match runs, or the months of any of their cases are not over; then the timer is set anew, or whatever ends
next sets it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from services.intake.certificates import months_later
from services.intake.documents import CaseFile, HostFile, Mentor, State
from services.intake.erasing import ERASED, OVER, Leaving, RetentionOver, gone
from services.intake.settling import rules_of, today_in
from shared.messages import Decision, Ignored, Message, Schedule
from shared.programmes import Programmes, Unit
from shared.transitions import Does, Lifecycle

LEFT = ("declined", "retired")
"""Where a host or a mentor is no more."""
Part = CaseFile | HostFile | Mentor


def kept_until(part: Part, programmes: Programmes, now: datetime) -> date:
    """The day on which what was known of the people in something that is over need not be kept any more."""
    ended_on = part.ended_on or today_in(part.unit, programmes, now)
    if isinstance(part, CaseFile):
        return months_later(ended_on, rules_of(part, programmes).retention_months)
    # A host or a mentor is of no one programme.
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
    if state.staff is not None or any(one is not None for one in (*state.partners, *state.units)):
        return Ignored("stands_for_something_else")
    parts: list[Part] = [*leaving.cases, *(host for host in state.hosts if host is not None)]
    parts += [state.mentor] if state.mentor is not None else []
    if any(not is_over(part) for part in parts) or leaving.is_in_a_placement:
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


def is_over(part: Part) -> bool:
    return part.state in (OVER if isinstance(part, CaseFile) else LEFT)


def _people(part: Part) -> tuple[UUID, ...]:
    if isinstance(part, CaseFile):
        people = (part.person_id, *((part.guardian_id,) if part.guardian_id is not None else ()))
        return people if part.state != ERASED else ()
    if isinstance(part, HostFile):
        return (part.contact_person_id, *((part.buddy_id,) if part.buddy_id is not None else ()))
    return (part.id,)


def keeping(lifecycle: Lifecycle) -> Lifecycle:
    """The same lifecycle, where whatever ends notes its day and sets the timers of its people."""
    rows = tuple(replace(row, does=_then_kept(lifecycle.aggregate, row.does)) for row in lifecycle.rows)
    return replace(lifecycle, rows=rows)


def _then_kept(aggregate: str, does: Does) -> Does:
    def then(state: State, message: Message, programmes: Programmes, now: datetime) -> Any:
        result = does(state, message, programmes, now)
        if not isinstance(result, Decision):
            return result
        before, part = getattr(state, aggregate), getattr(result.state, aggregate)
        if part is None or not is_over(part):
            if part is not None and part.ended_on is not None:
                part = part.model_copy(update={"ended_on": None})
                return replace(result, state=replace(result.state, **{aggregate: part}))
            return result
        if before is not None and is_over(before):
            return result
        ended = part.model_copy(update={"ended_on": today_in(part.unit, programmes, now)})
        at = morning(kept_until(ended, programmes, now), ended.unit, programmes)
        timers = tuple(Schedule(at, RetentionOver(person_id=one)) for one in _people(ended))
        return replace(
            result,
            state=replace(result.state, **{aggregate: ended}),
            timers=(*result.timers, *timers),
        )

    return then
