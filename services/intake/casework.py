"""What every command about a case needs: the case, its rules, the unit's day, and how a change is settled.

Pure. What is recorded is a fact that was true on its day: a day in the future is refused, recording it again
overwrites it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from services.intake import telling
from services.intake.certificates import moment
from services.intake.documents import CaseFile, State, StepDone
from services.intake.rules import of_age_on, unknown_codes
from services.intake.settling import rules_of, settle, today_in
from shared.contracts.model import Event, Timer
from shared.messages import Cancel, Decision, Ignored, Message, Refused, Schedule
from shared.programmes import Programmes, Rules, Unit

Timers = tuple[Schedule | Cancel, ...]


class ComeOfAge(Timer):
    """The candidate of a case is eighteen today, and needs no guardian's consent any more."""

    case_id: UUID


class Casework:
    """One case, and what is done with it."""

    def __init__(self, state: State, programmes: Programmes, now: datetime) -> None:
        assert state.case is not None
        self.state = state
        self.case: CaseFile = state.case
        self.programmes = programmes
        self.rules: Rules = rules_of(self.case, programmes)
        self.unit = programmes.unit(self.case.unit)
        self.today = today_in(self.case.unit, programmes, now)

    def day(self, said: date | None, field: str) -> date:
        if said is not None and said > self.today:
            raise Refused("in_future", field=field, status=422)
        return said or self.today

    def check_codes(self, said: dict[str, tuple[str, Iterable[str | None]]]) -> None:
        errors = unknown_codes(self.programmes.codes, said)
        if errors:
            raise Refused("unknown_code", field=errors[0][1], status=422, errors=errors)

    def decision(
        self,
        changes: dict[str, Any],
        *first: Event,
        others: dict[str, Any] | None = None,
        timers: Timers = (),
    ) -> Decision[State]:
        """The changed case, settled; `first` is told before what follows from it. `others` are other rows."""
        case = self.case.model_copy(update=changes)
        events = first
        if case.presentation != self.case.presentation or case.goals != self.case.goals:
            case = case.model_copy(update={"texts_version": case.texts_version + 1})
            events = (*events, telling.case_texts(case))
        case, further = settle(self.case, case, self.rules, self.today)
        state = replace(self.state, case=case, **(others or {}))
        return Decision(state, events=(*events, *further), timers=timers)

    def with_done(self, code: str, on: date, **said: Any) -> tuple[StepDone, ...]:
        """What was done, with this step done in this round; done before in the round, it is overwritten."""
        others = (one for one in self.case.done if (one.step, one.round) != (code, self.case.round))
        return (*others, StepDone(step=code, round=self.case.round, on=on, **said))

    def with_kind_done(self, kind: str, on: date) -> tuple[StepDone, ...]:
        """What was done, with the programme's step of this kind done, if it has one."""
        step = next((step for step in self.rules.preparation if step.kind == kind), None)
        return self.with_done(step.code, on) if step is not None else self.case.done


def age_known(case: CaseFile, birth_date: date | None, programmes: Programmes) -> tuple[CaseFile, Timers]:
    """The case of somebody whose birth date is known now, and the timer for the day they come of age.

    Whoever corrects a birth date gives the case back settled (`settling.settle`).
    """
    day = of_age_on(birth_date)
    if day == case.of_age_on:
        return case, ()
    case = case.model_copy(update={"of_age_on": day})
    return case, age_clock(case, programmes.unit(case.unit))


def age_clock(case: CaseFile, unit: Unit) -> Timers:
    """The timer for the eighteenth birthday, in place of the one that stood before.

    Most are grown up when their case opens: for them there is none.
    """
    if case.of_age_on is None or case.of_age_on <= case.opened_at.date():
        return ()
    return (Schedule(moment(case.of_age_on, unit.time_zone), ComeOfAge(case_id=case.id)),)


def come_of_age(
    state: State, message: Message, programmes: Programmes, now: datetime
) -> Decision[State] | Ignored:
    work = Casework(state, programmes, now)
    if work.case.of_age_on is None or work.today < work.case.of_age_on:
        return Ignored("under_age")
    decision = work.decision({})
    return decision if decision.state.case != work.case else Ignored("nothing_follows")
