"""What can be done for a case now, by whom and by when: kept with the case, so that lists are searched by it.

Pure. Guarantee: whatever changes a case, by whichever message, its open steps are noted anew in the same
decision (`noting`); what is over, rests or runs has none. While a placement runs, a consent that was taken
back stands there until it is given again or the placement is over. It decides nothing: what a case may do
next is reckoned from its programme's rules each time.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from typing import Any

from services.intake.casework import ComeOfAge
from services.intake.documents import CaseFile, OpenStep, State
from services.intake.rules import Standing, add_working_days, asked_steps, standings
from services.intake.settling import BEFORE_START, rules_of, today_in
from shared.messages import Decision, Ignored, Message
from shared.programmes import Programmes, Rules
from shared.transitions import Does, Lifecycle

BESIDE = ("success_story", "family_meeting", "aftercare")
"""Consents to something beside the placement: taken back, that is not done, and the placement goes on."""


def open_steps(case: CaseFile, rules: Rules, country: str, today: date) -> tuple[OpenStep, ...]:
    """The steps that can be done now, in the order in which they are due."""
    taken_back = _taken_back(case, rules, today) if "started" in (case.state, case.paused_from) else ()
    if case.state not in BEFORE_START and not case.rests_unprepared:
        return taken_back
    known = {one.step for one in taken_back}
    found = (
        OpenStep(
            step=one.step.code,
            who=one.who,
            before=one.step.before,
            due_on=due_on(case, one, country),
        )
        for one in standings(case, rules, country, today)
        if one.is_possible_now and one.step.code not in known
    )
    return tuple(sorted((*taken_back, *found), key=lambda one: (one.due_on, one.before)))


def _taken_back(case: CaseFile, rules: Rules, today: date) -> tuple[OpenStep, ...]:
    """The consents that a running placement is without. One that the programme asks of others, as of those
    under age, is not missed."""
    asked = {step.code for step in asked_steps(case, rules, today)}
    found = (
        OpenStep(step=kind, who="caseworker", before="start", due_on=consent.on, taken_back=True)
        for kind, consent in case.consents.items()
        if not consent.given and kind not in BESIDE and (kind in asked or rules.step(kind) is None)
    )
    return tuple(sorted(found, key=lambda one: one.due_on))


def due_on(case: CaseFile, standing: Standing, country: str) -> date:
    """The day on which a step that can be done now usually is.

    A certificate that nobody has ordered is due on the day it can be ordered.
    """
    step = standing.step
    known = case.certificates.get(step.code) if step.kind == "certificate" else None
    if step.kind == "certificate" and (known is None or not known.is_awaited):
        is_first = known is not None and known.asked_on is not None and known.shown_on is None
        return known.asked_on if is_first and known and known.asked_on else standing.begin_on
    return add_working_days(standing.begin_on, step.lead_days, country)


def noted(case: CaseFile, programmes: Programmes, now: datetime) -> CaseFile:
    """The case with its open steps as they are today."""
    country = programmes.unit(case.unit).country
    found = open_steps(case, rules_of(case, programmes), country, today_in(case.unit, programmes, now))
    return case if found == case.open_steps else case.model_copy(update={"open_steps": found})


def noting(lifecycle: Lifecycle) -> Lifecycle:
    """The same lifecycle, where a case that changes is noted anew."""
    rows = tuple(replace(row, does=_then_noted(row.does)) for row in lifecycle.rows)
    return replace(lifecycle, rows=rows)


def _then_noted(does: Does) -> Does:
    def then(state: State, message: Message, programmes: Programmes, now: datetime) -> Any:
        result = does(state, message, programmes, now)
        if isinstance(result, Ignored) and isinstance(message.body, ComeOfAge) and state.case is not None:
            # Nothing else follows from the birthday, and yet nobody waits for a guardian any more.
            older = noted(state.case, programmes, now)
            return result if older is state.case else Decision(replace(state, case=older))
        if not isinstance(result, Decision) or result.state is state:
            return result
        after: State = result.state
        case = after.case
        if case is not None and case is not state.case:
            case = noted(case, programmes, now)
        known = {id(one) for one in state.cases}
        cases = tuple(
            one if one is None or id(one) in known else noted(one, programmes, now) for one in after.cases
        )
        return replace(result, state=replace(after, case=case, cases=cases))

    return then
