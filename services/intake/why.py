"""Why not yet: what is missing before a match and a start, who must do it, and the earliest day for each.

Pure. Doing what is listed, on the days that are given, makes the start possible on its day and not before.
A certificate is ordered from `order_from` on, and at the latest on `order_by` if the start is not to wait.
A case that was paused goes on when its caseworker says so: that comes first (`rests`), and until then there
is no day. One that rests unprepared goes on by itself.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from services.intake.documents import CaseFile
from services.intake.erasing import OVER
from services.intake.rules import Standing, earliest, longest_chain, order_by, standings
from shared.programmes import Rules


def why_not_yet(case: CaseFile, rules: Rules, country: str, today: date) -> dict[str, Any]:
    """The answer for one case, as JSON; `longest_chain` are the steps that decide the day of the start."""
    # Of a case that is over nothing is missing any more.
    found = () if case.state in OVER else standings(case, rules, country, today)
    start = earliest(case, found, country, today, "match", "start")
    rests = case.state == "paused" and not case.rests_unprepared
    match_on, start_on = earliest(case, found, country, today, "match").isoformat(), start.isoformat()
    return {
        "case_id": str(case.id),
        "state": case.state,
        "round": case.round,
        "cleared": case.cleared,
        "rests": {"reason": case.reason, "who": "caseworker"} if rests else None,
        "steps": [step_json(one, case, start, country) for one in found if not one.is_done],
        "earliest_match_on": None if rests else match_on,
        "earliest_start_on": None if rests else start_on,
        "longest_chain": list(longest_chain(found)),
    }


def all_steps(case: CaseFile, rules: Rules, country: str, today: date) -> list[dict[str, Any]]:
    """Every step of the present round, done or not, as JSON."""
    found = standings(case, rules, country, today)
    start = earliest(case, found, country, today, "match", "start")
    return [step_json(one, case, start, country) for one in found]


def step_json(standing: Standing, case: CaseFile, start: date, country: str) -> dict[str, Any]:
    step = standing.step
    shown: dict[str, Any] = {
        "code": step.code,
        "kind": step.kind,
        "before": step.before,
        "who": standing.who,
        "lead_days": step.lead_days,
        "needs": step.needs,
        "considers": list(step.considers),
        "is_done": standing.is_done,
        "done_on": standing.done_on.isoformat() if standing.done_on else None,
        "is_possible_now": standing.is_possible_now,
        "waits_on": list(standing.waits_on),
        "earliest_on": standing.earliest_on.isoformat(),
        "lacks": standing.lacks,
    }
    if step.kind == "certificate" and not standing.is_done:
        known = case.certificates.get(step.code)
        is_ordered = known is not None and known.is_awaited
        shown |= {
            "ordered_on": known.ordered_on.isoformat() if is_ordered and known and known.ordered_on else None,
            "order_from": None if is_ordered else standing.begin_on.isoformat(),
            "order_by": None if is_ordered else order_by(standing, start, country).isoformat(),
        }
    return shown
