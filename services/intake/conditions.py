"""What a programme asks of the candidates themselves: their age, where they live, their target group.

Pure. Not every referral says it. As long as one of them is not known, or is known not to fit, it stands among
what a case lacks before its match, in each round; told at the interview or corrected with the person, it is
judged, by the age on the day of the referral. Whoever has lived in the unit once may move.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Literal

from services.intake.documents import CaseFile, Person
from services.intake.referral import age_fits
from shared.programmes import Rules, Step, Unit

Unmet = Literal["birth_date", "age", "postcode", "residence", "target_group"]


class Condition(Step):
    """A line of the preparation that is done by telling what it `lacks`, as at the interview."""

    lacks: Unmet


def unmet(case: CaseFile, rules: Rules, born_on: date | None) -> tuple[Condition, ...]:
    """The conditions that the candidate is not known to meet."""
    interview = next(step for step in rules.preparation if step.kind == "interview")
    told_at = {**interview.model_dump(), "after": (interview.code,), "lead_days": 0}
    return tuple(
        Condition(**told_at | {"code": code, "lacks": why}) for code, why in _lacks(case, rules, born_on)
    )


def _lacks(case: CaseFile, rules: Rules, born_on: date | None) -> Iterator[tuple[str, Unmet]]:
    if rules.age_min is not None or rules.age_max is not None:
        if born_on is None:
            yield "age_fits", "birth_date"
        elif not age_fits(rules, born_on, case.referred_on):
            yield "age_fits", "age"
    if rules.residence_required and not case.is_resident:
        yield "residence_fits", "postcode" if case.is_resident is None else "residence"
    if rules.target_groups and case.target_group not in rules.target_groups:
        yield "target_group_fits", "target_group"


def is_resident(case: CaseFile | None, person: Person, unit: Unit) -> bool | None:
    """Whether somebody lives in the unit, or did when it was known first; None while nobody knows.

    Whose address is secret is not asked for it.
    """
    if case is not None and case.is_resident:
        return True
    if person.postcode is not None:
        return unit.covers(person.postcode)
    return True if person.protected else None
