"""What a case lacks, and when it could start at the earliest: calculations over the programme's preparation.

Pure. A lead day is a working day of the unit's country, because offices that hand out certificates are closed
on the others. A step is taken to be begun as soon as it can be; a certificate alone takes its time from the
day on which it was ordered. Nothing here changes a case.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache, lru_cache
from graphlib import TopologicalSorter
from typing import Literal

import holidays

from services.intake.conditions import Condition, Unmet, unmet
from services.intake.documents import CaseFile, Certificate
from shared.programmes import Codes, Rules, Step

Before = Literal["match", "start"]
Lacks = Literal["sub_goal", "guardian"] | Unmet
MATCH = "match"
"""What a step that needs the match waits on, beside other steps."""
MAILBOX = Step(
    code="digital_mailbox",
    before="start",
    after=(),
    lead_days=0,
    who="candidate",
    kind="step",
    each_round=False,
    first_round_only=False,
)
"""What a certificate that `needs_mailbox` waits on, in a programme that has no such step of its own."""
OF_AGE = 18
"""Years, in Denmark and in Norway."""


@dataclass(frozen=True)
class Standing:
    """How one step stands. `waits_on` are the steps it comes after and that are not done yet, and `MATCH`.

    `begin_on` is the first day on which it can be begun, as a certificate ordered; `earliest_on` the first on
    which it can be done. A certificate that will have lapsed before the start is not done. `lacks` is what
    the step itself cannot be done without.
    """

    step: Step
    is_done: bool
    done_on: date | None
    waits_on: tuple[str, ...]
    begin_on: date
    earliest_on: date
    lacks: Lacks | None = None

    @property
    def who(self) -> str:
        """Who does it; where it is not known of whom it is asked or who gives it, that is found out first."""
        return "caseworker" if self.lacks in ("birth_date", "guardian") else self.step.who

    @property
    def is_possible_now(self) -> bool:
        return not self.is_done and not self.waits_on


def of_age_on(birth_date: date | None) -> date | None:
    """The day on which somebody can answer for themselves; one born on a leap day on the first of March."""
    if birth_date is None:
        return None
    try:
        return birth_date.replace(year=birth_date.year + OF_AGE)
    except ValueError:
        return date(birth_date.year + OF_AGE, 3, 1)


def born_on(of_age_on: date) -> date:
    """The birth date, to the day but for a leap day, of who answers for themselves from this day on."""
    try:
        return of_age_on.replace(year=of_age_on.year - OF_AGE)
    except ValueError:
        return date(of_age_on.year - OF_AGE, 3, 1)


def asked_steps(case: CaseFile, rules: Rules, on: date) -> tuple[Step, ...]:
    """The steps that are asked for in this round, as far as anybody knows what the case is like.

    What the place of an agreed match asks for, or those that are wished for, comes on top, and what is not
    known to be so of the candidates themselves.
    """
    asked = (
        step
        for step in rules.preparation
        if (case.round == 1 or not step.first_round_only) and _is_asked_of(case, step, on)
    )
    born = born_on(case.of_age_on) if case.of_age_on is not None else None
    steps = (*asked, *unmet(case, rules, born), *_asked_by_places(case, rules))
    return (*steps, *_mailbox_before(steps, case))


def _asked_by_places(case: CaseFile, rules: Rules) -> tuple[Step, ...]:
    """A step for each certificate of the candidate's that no step of the programme asks for.

    As long as there is no match, for those that places ask for which are wished for: without one none of
    these can be agreed.
    """
    kinds = case.match.required_certificates if case.match is not None else case.certificates_wished
    return tuple(to_be_shown(kind, rules) for kind in dict.fromkeys(kinds) if rules.step(kind) is None)


def _mailbox_before(steps: Iterable[Step], case: CaseFile) -> tuple[Step, ...]:
    """The mailbox that a certificate comes by, where the programme has no step of its own for it.

    Whoever has shown the certificate has had the mailbox.
    """
    found = {step.code: step for step in steps}
    by_mailbox = (code for code, step in found.items() if MAILBOX.code in step.after)
    never_shown = any(case.certificates.get(code, Certificate()).shown_on is None for code in by_mailbox)
    return (MAILBOX,) if never_shown and MAILBOX.code not in found else ()


def step_of(code: str, rules: Rules) -> Step | None:
    """The step with this code, be it of the programme or one that a certificate brings with it."""
    by_mailbox = any(one.needs_mailbox and one.of == "candidate" for one in rules.certificates)
    return rules.step(code) or (MAILBOX if by_mailbox and code == MAILBOX.code else None)


def to_be_shown(kind: str, rules: Rules) -> Step:
    """The step of a certificate: the programme's own, or one as its rule of the certificate has it."""
    known = (one for one in rules.certificates if (one.kind, one.of) == (kind, "candidate"))
    rule = next(known, None)
    return rules.step(kind) or Step(
        code=kind,
        before="start",
        after=(MAILBOX.code,) if rule is not None and rule.needs_mailbox else (),
        lead_days=rule.lead_days if rule is not None else 0,
        who="candidate",
        kind="certificate",
        each_round=False,
        first_round_only=False,
    )


def _is_asked_of(case: CaseFile, step: Step, on: date) -> bool:
    match step.only_where:
        case "job_in_prospect":
            return case.job_in_prospect is not False
        case "under_age":
            return case.of_age_on is None or on < case.of_age_on
        case None:
            return True


def done_on(case: CaseFile, step: Step, on: date) -> date | None:
    """The day on which a step was done, as far as it still holds on `on`; None while it is missing."""
    if lacking(case, step):
        return None
    if step.kind == "consent":
        return case.consents[step.code].on if _is_given(case, step.code) else None
    if step.kind == "certificate":
        certificate = case.certificates.get(step.code)
        return certificate.shown_on if certificate is not None and certificate.holds(on) else None
    days = [
        done.on
        for done in case.done
        if done.step == step.code and (done.round == case.round or not step.each_round)
    ]
    return days[-1] if days else None


def lacking(case: CaseFile, step: Step) -> Lacks | None:
    """What a step cannot be done without and nobody has said yet."""
    if isinstance(step, Condition):
        return step.lacks
    if step.needs == "sub_goals" and not any(goal.sub_goals for goal in case.goals):
        return "sub_goal"
    if step.only_where == "under_age" and case.of_age_on is None:
        return "birth_date"
    if step.who == "guardian" and case.guardian_id is None and not _is_given(case, step.code):
        return "guardian"
    return None


def _is_given(case: CaseFile, kind: str) -> bool:
    consent = case.consents.get(kind)
    return consent is not None and consent.given


def missing(case: CaseFile, rules: Rules, on: date, before: Before) -> tuple[Step, ...]:
    """What must still be done before a match, or, beside that, before a start."""
    return tuple(
        step
        for step in asked_steps(case, rules, on)
        if step.before == before and done_on(case, step, on) is None
    )


def start_day(case: CaseFile, today: date) -> date:
    """The first day on which there may be a start, as far as nothing is missing; it is judged on that day."""
    agreed_on = case.match.starts_on if case.match is not None else today
    return max(today, agreed_on, case.profile.available_from or today)


def missing_at_start(case: CaseFile, rules: Rules, today: date) -> tuple[Step, ...]:
    """What must still be done before the start; a certificate is one that holds on its day."""
    day = start_day(case, today)
    return tuple(step for step in asked_steps(case, rules, today) if done_on(case, step, day) is None)


def holds_until(case: CaseFile, rules: Rules, today: date) -> date | None:
    """The last day of the certificates that are asked for; None where none of them has an end."""
    asked = (step.code for step in asked_steps(case, rules, today) if step.kind == "certificate")
    ends = (case.certificates[kind].valid_until for kind in asked if kind in case.certificates)
    return min((end for end in ends if end is not None), default=None)


def waits_on(case: CaseFile, rules: Rules, step: Step, on: date) -> tuple[str, ...]:
    """The steps that come before this one and are not done yet, and the match that it needs."""
    asked = asked_steps(case, rules, on)
    return (
        *(
            earlier.code
            for earlier in (*asked, *_mailbox_before((*asked, step), case))
            if earlier.code in step.after and done_on(case, earlier, on) is None
        ),
        *_match_awaited(case, step),
    )


def _match_awaited(case: CaseFile, step: Step) -> tuple[str, ...]:
    return (MATCH,) if step.needs_match and case.match is None else ()


def standings(case: CaseFile, rules: Rules, country: str, today: date) -> tuple[Standing, ...]:
    """Every step that is asked for in this round, with the earliest day on which it can be done."""
    lapsing: set[str] = set()
    while True:
        found = _standings(case, rules, country, today, lapsing)
        start = earliest(case, found, country, today, "match", "start")
        more = {
            one.step.code
            for one in found
            if one.is_done and one.step.kind == "certificate" and done_on(case, one.step, start) is None
        }
        if not more:
            return found
        # Shown, and yet it will not do: by the day of the start it must have been renewed.
        lapsing |= more


def _standings(
    case: CaseFile, rules: Rules, country: str, today: date, lapsing: Collection[str]
) -> tuple[Standing, ...]:
    steps = {step.code: step for step in asked_steps(case, rules, today)}
    to_match = [code for code, step in steps.items() if step.before == "match"]
    # Once each: a step that needs the match may also come after one that is before it.
    after = {
        code: [one for one in steps if one in step.after or (step.needs_match and one in to_match)]
        for code, step in steps.items()
    }
    found: dict[str, Standing] = {}
    # Each after those it waits on: a definition whose steps go in a circle is refused when it is read.
    for code in TopologicalSorter(after).static_order():
        step = steps[code]
        before = [found[earlier] for earlier in after[code]]
        done = done_on(case, step, today) if code not in lapsing else None
        begin = _begin_on(case, step, before, country, today)
        found[code] = Standing(
            step=step,
            is_done=done is not None,
            done_on=done,
            waits_on=(
                *(one.step.code for one in before if one.step.code in step.after and not one.is_done),
                *_match_awaited(case, step),
            ),
            begin_on=begin,
            earliest_on=done
            or max(
                add_working_days(begin, step.lead_days, country),
                add_working_days(today, 0, country),
            ),
            lacks=lacking(case, step) if done is None else None,
        )
    return tuple(found[code] for code in steps)


def _begin_on(case: CaseFile, step: Step, before: Iterable[Standing], country: str, today: date) -> date:
    """When a step is begun: as soon as it can be, or, a certificate, when it was ordered or could be now."""
    came_to_it = [standing.earliest_on for standing in before]
    if step.kind == "certificate":
        known = case.certificates.get(step.code)
        if known is not None and known.is_awaited and known.ordered_on is not None:
            return known.ordered_on
        return add_working_days(max([today, *came_to_it]), 0, country)
    opened_on = case.opened_at.date()
    since = case.round_began_on or opened_on if step.each_round else opened_on
    if step.needs_match:
        # Nobody knows when a match will be agreed: as if it were on the first day on which it can be.
        since = today if case.match is None else case.match.agreed_on or since
    return max([since, *came_to_it])


def earliest(case: CaseFile, found: Iterable[Standing], country: str, today: date, *befores: Before) -> date:
    """The first day on which all steps before a match, or a start, can be done: the longest chain counts.

    Where nothing is missing it is today, or the day of the start.
    """
    days = [
        standing.earliest_on for standing in found if standing.step.before in befores and not standing.is_done
    ]
    return max([start_day(case, today) if "start" in befores else today, *days])


def longest_chain(found: Iterable[Standing]) -> tuple[str, ...]:
    """The steps that decide the earliest start, in their order; none where nothing is missing."""
    left = {one.step.code: one for one in found if not one.is_done}
    chain: list[str] = []
    follows = list(left)
    while follows:
        # Of several that end on the same day, the one that waits on others says more.
        last = max(follows, key=lambda code: (left[code].earliest_on, len(left[code].waits_on)))
        chain.insert(0, last)
        awaited = left[last].waits_on
        to_match = MATCH in awaited
        follows = [
            code for code, one in left.items() if code in awaited or (to_match and one.step.before == "match")
        ]
    return tuple(chain)


def order_by(standing: Standing, start: date, country: str) -> date:
    """The last day on which a certificate can be ordered without the start being later for it."""
    return max(standing.begin_on, working_days_before(start, standing.step.lead_days, country))


@lru_cache(maxsize=10_000)
def add_working_days(day: date, count: int, country: str) -> date:
    """`count` working days later; 0 gives the day itself, or the next working day if it is none."""
    while _is_closed(day, country):
        day += timedelta(days=1)
    for _ in range(count):
        day += timedelta(days=1)
        while _is_closed(day, country):
            day += timedelta(days=1)
    return day


def working_days_before(day: date, count: int, country: str) -> date:
    """The last working day from which `count` working days later is `day` or before."""
    while _is_closed(day, country):
        day -= timedelta(days=1)
    for _ in range(count):
        day -= timedelta(days=1)
        while _is_closed(day, country):
            day -= timedelta(days=1)
    return day


def _is_closed(day: date, country: str) -> bool:
    return day.weekday() >= 5 or day in _holidays(country)


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
