"""What follows when a case has changed: ready for a match or not, cleared for its start or not.

Pure, and the one place that decides either. Guarantee: `CaseReady` is told once everything that is asked
before a match is done and again on every change of what it carries; `StartCleared` once everything before
the start is done and again when what it carries changes; `StartHeld` when that holds no more; and
`CertificateDue` the day on which a certificate can be ordered. A ready case that lacks something again rests
until it does not.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from services.intake import telling
from services.intake.documents import CaseFile, Certificate
from services.intake.rules import asked_steps, done_on, holds_until, missing, missing_at_start, waits_on
from shared.contracts.intake import CasePaused, CaseResumed, CertificateDue, StartHeld
from shared.contracts.model import Event, Location
from shared.programmes import Programmes, Rules, Unit

Events = tuple[Event, ...]

UNPREPARED = "not_prepared"
BEFORE_START = ("preparing", "ready", "matched")
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


def today_of(units: Collection[str], programmes: Programmes, now: datetime) -> date:
    """The date for a list over several units: that of the first of them."""
    known = sorted(unit for unit in units if unit in programmes.units)
    return today_in(known[0], programmes, now) if known else now.date()


def location_of(unit: Unit, postcode: str | None) -> Location | None:
    """The middle of the postcode, where the unit's table has it."""
    found = unit.location(postcode) if postcode else None
    return Location(**found) if found else None


def settle(before: CaseFile, case: CaseFile, rules: Rules, today: date) -> tuple[CaseFile, Events]:
    """The changed case in the state that it belongs in, and what is told of it."""
    case = with_certificates(case, today)
    case, events = _settle_readiness(before, case, rules, today)
    if case.state not in BEFORE_START:
        return case, events
    case, ordered = _ask_to_order(case, rules, today)
    case, clearance = _settle_clearance(before, case, rules, today)
    return case, (*events, *ordered, *clearance)


def with_certificates(case: CaseFile, today: date) -> CaseFile:
    """The profile names the certificates that hold today, and no others."""
    holding = tuple(sorted(kind for kind, one in case.certificates.items() if one.holds(today)))
    if holding == case.profile.certificates:
        return case
    return case.model_copy(update={"profile": case.profile.model_copy(update={"certificates": holding})})


def _settle_readiness(before: CaseFile, case: CaseFile, rules: Rules, today: date) -> tuple[CaseFile, Events]:
    events: list[Event] = []
    lacks = missing(case, rules, today, "match")
    if case.state == "paused" and case.rests_unprepared and not lacks:
        case = gone_on(case)
        events.append(CaseResumed(**telling.about(case)))
        if case.state == "ready":
            events.append(telling.case_ready(case, today))
    elif case.state == "ready" and lacks:
        # Until it is mended nothing may be proposed.
        case, held = hold_start(case, HELD_BY[lacks[0].kind])
        rest = {"state": "paused", "paused_from": "ready", "reason": UNPREPARED, "rests_unprepared": True}
        case = case.model_copy(update=rest)
        events += [CasePaused(**telling.about(case), reason=UNPREPARED), *held]
    elif case.state == "ready" and telling.case_ready(before, today) != telling.case_ready(case, today):
        events.append(telling.case_ready(case, today))
    if case.state == "preparing" and not lacks:
        case = case.model_copy(update={"state": "ready", "waiting_since": today})
        events += [telling.case_ready(case, today), *telling.progress(case, "ready")]
    return case, tuple(events)


def _settle_clearance(before: CaseFile, case: CaseFile, rules: Rules, today: date) -> tuple[CaseFile, Events]:
    lacks = missing_at_start(case, rules, today)
    if lacks:
        return hold_start(case, HELD_BY[lacks[0].kind])
    if case.cleared and _start_of(before, rules, today) == _start_of(case, rules, today):
        return case, ()
    return case.model_copy(update={"cleared": True}), (telling.start_cleared(case, rules, today),)


def _start_of(case: CaseFile, rules: Rules, today: date) -> Any:
    """What `StartCleared` carries of a case."""
    return case.goals, case.profile.available_from, case.match, holds_until(case, rules, today)


def _ask_to_order(case: CaseFile, rules: Rules, today: date) -> tuple[CaseFile, Events]:
    """Certificates take time: the day that one can be ordered, the candidate is told, once."""
    events: list[Event] = []
    for step in asked_steps(case, rules, today):
        known = case.certificates.get(step.code, Certificate())
        open_ = step.kind == "certificate" and known.asked_on is None and known.ordered_on is None
        if not open_ or done_on(case, step, today) or waits_on(case, rules, step, today):
            continue
        asked = known.model_copy(update={"asked_on": today})
        case = case.model_copy(update={"certificates": {**case.certificates, step.code: asked}})
        events.append(CertificateDue(**telling.about_certificate(case, step.code), why="order"))
    return case, tuple(events)


def gone_on(case: CaseFile) -> CaseFile:
    """The case where it was before it rested."""
    back = {"state": case.paused_from or "preparing", "paused_from": None, "reason": None}
    return case.model_copy(update={**back, "rests_unprepared": False})


def hold_start(case: CaseFile, reason: str) -> tuple[CaseFile, Events]:
    """The case with its start not cleared any more, which is told only if it was."""
    if not case.cleared:
        return case, ()
    return case.model_copy(update={"cleared": False}), (StartHeld(**telling.about(case), reason=reason),)


def begin_round(case: CaseFile, rules: Rules, today: date) -> tuple[CaseFile, Events]:
    """The case goes on after a match that came to nothing, or a placement that is over.

    What is asked in each round is asked anew; the rest stands, so that the case is often ready at once.
    """
    fresh = {"round": case.round + 1, "round_began_on": today, "cleared": False, "match": None}
    case = case.model_copy(update={**fresh, "waiting_since": None})
    if case.state == "paused":
        case = case.model_copy(update={"paused_from": "preparing"})
        return settle(case, case, rules, today)
    begun = case.model_copy(update={"state": "preparing"})
    return settle(begun, begun, rules, today)
