"""What a case lacks, and when it could start at the earliest: calculations over the programme's preparation.

Pure. A lead day is a working day of the unit's country, because offices that hand out certificates are closed
on the others. Nothing here changes a case.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from typing import Literal

import holidays

from services.intake.documents import CaseFile
from shared.programmes import Codes, Rules, Step

Before = Literal["match", "start"]


@dataclass(frozen=True)
class Standing:
    """How one step stands. `waits_on` are the steps it comes after and that are not done yet."""

    step: Step
    is_done: bool
    done_on: date | None
    waits_on: tuple[str, ...]
    earliest_on: date

    @property
    def is_possible_now(self) -> bool:
        return not self.is_done and not self.waits_on


def asked_steps(rules: Rules, round_: int) -> tuple[Step, ...]:
    """The steps that are asked for in this round."""
    return tuple(step for step in rules.preparation if round_ == 1 or not step.first_round_only)


def done_on(case: CaseFile, step: Step, on: date) -> date | None:
    """The day on which a step was done, as far as it still holds on `on`; None while it is missing."""
    if step.kind == "consent":
        consent = case.consents.get(step.code)
        return consent.on if consent is not None and consent.given else None
    if step.kind == "certificate":
        certificate = case.certificates.get(step.code)
        return certificate.shown_on if certificate is not None and certificate.holds(on) else None
    days = [
        done.on
        for done in case.done
        if done.step == step.code and (done.round == case.round or not step.each_round)
    ]
    return days[-1] if days else None


def missing(case: CaseFile, rules: Rules, on: date, before: Before) -> tuple[Step, ...]:
    """What must still be done before a match, or, beside that, before a start."""
    return tuple(
        step
        for step in asked_steps(rules, case.round)
        if step.before == before and done_on(case, step, on) is None
    )


def standings(case: CaseFile, rules: Rules, country: str, today: date) -> tuple[Standing, ...]:
    """Every step that is asked for in this round, with the earliest day on which it can be done."""
    steps = {step.code: step for step in asked_steps(rules, case.round)}
    found: dict[str, Standing] = {}

    def stand(step: Step) -> Standing:
        if step.code not in found:
            before = [stand(steps[code]) for code in step.after if code in steps]
            done = done_on(case, step, today)
            begun = max([today, *(standing.earliest_on for standing in before)])
            found[step.code] = Standing(
                step=step,
                is_done=done is not None,
                done_on=done,
                waits_on=tuple(standing.step.code for standing in before if not standing.is_done),
                earliest_on=done or _earliest(case, step, begun, country, today),
            )
        return found[step.code]

    return tuple(stand(step) for step in steps.values())


def _earliest(case: CaseFile, step: Step, begun: date, country: str, today: date) -> date:
    certificate = case.certificates.get(step.code)
    if step.kind == "certificate" and certificate is not None and certificate.ordered_on is not None:
        begun = certificate.ordered_on
    return max(add_working_days(begun, step.lead_days, country), add_working_days(today, 0, country))


def earliest(case: CaseFile, found: Iterable[Standing], country: str, today: date, *befores: Before) -> date:
    """The first day on which all steps before a match, or a start, can be done: the longest chain counts."""
    days = [standing.earliest_on for standing in found if standing.step.before in befores]
    if case.profile.available_from is not None and "start" in befores:
        days.append(case.profile.available_from)
    return max([*days, add_working_days(today, 0, country)])


def add_working_days(day: date, count: int, country: str) -> date:
    """`count` working days later; 0 gives the day itself, or the next working day if it is none."""
    closed = _holidays(country)
    while day.weekday() >= 5 or day in closed:
        day += timedelta(days=1)
    for _ in range(count):
        day += timedelta(days=1)
        while day.weekday() >= 5 or day in closed:
            day += timedelta(days=1)
    return day


@cache
def _holidays(country: str) -> holidays.HolidayBase:
    return holidays.country_holidays(country)


Said = Mapping[str, tuple[str, Iterable[str | None]]]


def unknown_codes(codes: Codes, said: Said) -> tuple[tuple[str, str, str], ...]:
    """What names no code of its list, as a refusal's errors. `said`: field -> (list, codes)."""
    return tuple(
        ("unknown_code", field, f"not a code of the list {list_name}")
        for field, (list_name, values) in said.items()
        if any(value is not None and not codes.has(list_name, value) for value in values)
    )
