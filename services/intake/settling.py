"""What follows when a case has changed: ready for a match or not, cleared for its start or not.

Pure, and the one place that decides either. Guarantee: `CaseReady` is told once everything that is asked
before a match is done and again on every change of what it carries; `StartCleared` once everything before
the start is done and the goals again when they change; `StartHeld` when that holds no more.
"""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

from services.intake import telling
from services.intake.documents import CaseFile
from services.intake.rules import missing
from shared.contracts.intake import CasePaused, StartHeld
from shared.contracts.model import Event, Location
from shared.programmes import Programmes, Rules, Unit

Events = tuple[Event, ...]

# Why a start is held, by the kind of the step that holds no longer.
HELD_BY = {
    "step": "step_undone",
    "interview": "step_undone",
    "goals": "step_undone",
    "consent": "consent_withdrawn",
    "certificate": "certificate_lapsed",
}


def rules_of(case: CaseFile, programmes: Programmes) -> Rules:
    return programmes.version(case.programme, case.unit, case.rules_version)


def today_in(unit: str, programmes: Programmes, now: datetime) -> date:
    """The unit's own date."""
    return now.astimezone(ZoneInfo(programmes.unit(unit).time_zone)).date()


def location_of(unit: Unit, postcode: str | None) -> Location | None:
    """The middle of the postcode, where the unit's table has it."""
    found = unit.location(postcode) if postcode else None
    return Location(**found) if found else None


def settle(before: CaseFile, case: CaseFile, rules: Rules, today: date) -> tuple[CaseFile, Events]:
    """The changed case in the state that it belongs in, and what is told of it."""
    events: list[Event] = []
    lacks = missing(case, rules, today, "match")
    if case.state == "preparing" and not lacks:
        case = case.model_copy(update={"state": "ready", "waiting_since": today})
        events += [telling.case_ready(case, today), *telling.progress(case, "ready")]
    elif case.state == "ready" and lacks:
        # What was agreed to was taken back: until it is mended nothing may be proposed.
        case, held = hold_start(case, HELD_BY[lacks[0].kind])
        case = case.model_copy(update={"state": "paused", "paused_from": "ready", "reason": "own_wish"})
        events += [CasePaused(**telling.about(case), reason="own_wish"), *held]
    elif case.state == "ready" and telling.case_ready(before, today) != telling.case_ready(case, today):
        events.append(telling.case_ready(case, today))
    if case.state in ("preparing", "ready", "matched"):
        lacks += missing(case, rules, today, "start")
        if not lacks and (not case.cleared or before.goals != case.goals):
            case = case.model_copy(update={"cleared": True})
            events.append(telling.start_cleared(case, today))
        elif lacks:
            case, held = hold_start(case, HELD_BY[lacks[0].kind])
            events += held
    return case, tuple(events)


def hold_start(case: CaseFile, reason: str) -> tuple[CaseFile, Events]:
    """The case with its start not cleared any more, which is told only if it was."""
    if not case.cleared:
        return case, ()
    return case.model_copy(update={"cleared": False}), (StartHeld(**telling.about(case), reason=reason),)


def begin_round(case: CaseFile, rules: Rules, today: date) -> tuple[CaseFile, Events]:
    """The case goes on after a match that came to nothing, or a placement that is over.

    What is asked in each round is asked anew; the rest stands, so that the case is often ready at once.
    """
    fresh = {"round": case.round + 1, "cleared": False, "match": None, "waiting_since": None}
    if case.state == "paused":
        return case.model_copy(update={**fresh, "paused_from": "preparing"}), ()
    begun = case.model_copy(update={**fresh, "state": "preparing"})
    return settle(begun, begun, rules, today)
