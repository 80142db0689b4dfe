"""Commands on a case: what staff record on the way to a match and a start, and its pauses and its end.

Pure. Each command changes the case and lets `settle` say what follows. What is recorded is a fact that was
true on its day: a day in the future is refused, recording it again overwrites it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from services.intake import telling
from services.intake.documents import CaseFile, Certificate, Consent, State, StepDone
from services.intake.rules import done_on, missing, unknown_codes
from services.intake.settling import Events, hold_start, rules_of, settle, today_in
from services.intake.staffing import check_caseworker
from shared.contracts.intake import (
    CaseAssigned,
    CasePaused,
    CaseResumed,
    CaseWithdrawn,
    GoalText,
    Profile,
    SubGoalText,
)
from shared.contracts.intake_commands import (
    AgreeGoals,
    AssignCase,
    CompletePreparation,
    OrderCertificate,
    PauseCase,
    RecordCertificateShown,
    RecordConsent,
    RecordInterview,
    WithdrawCase,
)
from shared.contracts.model import Event, Wish, derived_id
from shared.messages import Decision, Message, Refused
from shared.programmes import Programmes, Rules

NOTHING_HELD: Events = ()


class _Desk:
    """What every command needs: the case, its rules and the unit's date."""

    def __init__(self, state: State, programmes: Programmes, now: datetime) -> None:
        assert state.case is not None
        self.state = state
        self.case: CaseFile = state.case
        self.programmes = programmes
        self.rules: Rules = rules_of(self.case, programmes)
        self.today = today_in(self.case.unit, programmes, now)

    def day(self, said: date | None, field: str) -> date:
        if said is not None and said > self.today:
            raise Refused("in_future", field=field, status=422)
        return said or self.today

    def check_codes(self, said: dict[str, tuple[str, Iterable[str | None]]]) -> None:
        errors = unknown_codes(self.programmes.codes, said)
        if errors:
            raise Refused("unknown_code", field=errors[0][1], status=422, errors=errors)

    def decision(self, changes: dict[str, Any], *first: Event) -> Decision[State]:
        """The changed case, settled; `first` is told before what follows from it."""
        case = self.case.model_copy(update=changes)
        events = first
        if case.presentation != self.case.presentation or case.goals != self.case.goals:
            case = case.model_copy(update={"texts_version": case.texts_version + 1})
            events = (*events, telling.case_texts(case))
        case, further = settle(self.case, case, self.rules, self.today)
        return Decision(replace(self.state, case=case), events=(*events, *further))

    def with_done(self, code: str, on: date, note: str | None = None) -> tuple[StepDone, ...]:
        """What was done, with this step done in this round; done before in the round, it is overwritten."""
        others = (one for one in self.case.done if (one.step, one.round) != (code, self.case.round))
        return (*others, StepDone(step=code, round=self.case.round, on=on, note=note))

    def with_kind_done(self, kind: str, on: date) -> tuple[StepDone, ...]:
        """What was done, with the programme's step of this kind done, if it has one."""
        step = next((step for step in self.rules.preparation if step.kind == kind), None)
        return self.with_done(step.code, on) if step is not None else self.case.done


def assign(state: State, message: Message, programmes: Programmes, now: datetime) -> Decision[State]:
    assert isinstance(message.body, AssignCase)
    desk = _Desk(state, programmes, now)
    if message.actor is None or message.body.caseworker != message.actor.person_id:
        check_caseworker(state.staff, desk.case.unit)
    return _assigned(desk, message.body.caseworker, {})


def _assigned(desk: _Desk, caseworker: UUID | None, changes: dict[str, Any]) -> Decision[State]:
    if caseworker is None or caseworker == desk.case.caseworker:
        return desk.decision(changes)
    case = desk.case.model_copy(update={"caseworker": caseworker})
    told = CaseAssigned(**telling.about(case), caseworker=caseworker)
    return desk.decision({**changes, "caseworker": caseworker}, told)


def record_interview(
    state: State, message: Message, programmes: Programmes, now: datetime
) -> Decision[State]:
    """The profile's fields that were said replace what was known; the others stay as they were referred."""
    said = message.body
    assert isinstance(said, RecordInterview)
    desk = _Desk(state, programmes, now)
    desk.check_codes(_profile_codes(said.profile) | {"groups": ("groups", said.groups)})
    hours = said.profile.hours_per_week
    if hours is not None and hours.min > hours.max:
        raise Refused("min_above_max", field="profile.hours_per_week", status=422)
    new = {name: getattr(said.profile, name) for name in said.profile.model_fields_set - {"location"}}
    if "wishes" in new:
        # A form sends a plan that nothing was chosen for.
        new["wishes"] = tuple(wish for wish in said.profile.wishes if _says_something(wish))
    profile = desk.case.profile.model_copy(update=new)
    return _assigned(
        desk,
        said.caseworker,
        {
            "profile": profile,
            "groups": said.groups or desk.case.groups,
            "presentation": said.presentation or desk.case.presentation,
            "foreign_qualification": said.foreign_qualification or desk.case.foreign_qualification,
            "done": desk.with_kind_done("interview", desk.day(said.held_on, "held_on")),
        },
    )


def _says_something(wish: Wish) -> bool:
    return bool(wish.industries or wish.profession or wish.education)


def _profile_codes(profile: Profile) -> dict[str, tuple[str, Iterable[str | None]]]:
    wishes = profile.wishes
    return {
        "profile.wishes.industries": ("industries", [code for wish in wishes for code in wish.industries]),
        "profile.wishes.profession": ("professions", [wish.profession for wish in wishes]),
        "profile.wishes.education": ("education_levels", [wish.education for wish in wishes]),
        "profile.languages": ("languages", profile.languages),
        "profile.times": ("times", profile.times),
        "profile.needs": ("needs", profile.needs),
        "profile.certificates": ("certificates", profile.certificates),
        "profile.field": ("fields", [profile.field]),
        "profile.stage": ("stages", [profile.stage]),
    }


def complete_preparation(
    state: State, message: Message, programmes: Programmes, now: datetime
) -> Decision[State]:
    said = message.body
    assert isinstance(said, CompletePreparation)
    desk = _Desk(state, programmes, now)
    step = desk.rules.step(said.step)
    if step is None:
        raise Refused("unknown_step", field="step", status=422)
    if step.kind != "step":
        raise Refused("step_has_its_own_command", field="step", kind=step.kind)
    asked = [desk.rules.step(code) for code in step.after]
    waits_on = [one.code for one in asked if one is not None and done_on(desk.case, one, desk.today) is None]
    if waits_on:
        raise Refused("step_waits_on_another", field="step", waits_on=waits_on)
    return desk.decision({"done": desk.with_done(step.code, desk.day(said.done_on, "done_on"), said.note)})


def agree_goals(state: State, message: Message, programmes: Programmes, now: datetime) -> Decision[State]:
    """A goal that is agreed again in the same words keeps its id, and with it what was recorded of it."""
    said = message.body
    assert isinstance(said, AgreeGoals)
    desk = _Desk(state, programmes, now)
    known = {goal.title: goal for goal in desk.case.goals}
    goals = []
    for number, goal in enumerate(said.goals):
        before = known.get(goal.title)
        known_subs = {sub.title: sub.sub_goal_id for sub in before.sub_goals} if before else {}
        goals.append(
            GoalText(
                goal_id=before.goal_id if before else derived_id("goal", message.id, number),
                title=goal.title,
                sub_goals=tuple(
                    SubGoalText(
                        sub_goal_id=known_subs.get(title, derived_id("sub_goal", message.id, number, index)),
                        title=title,
                    )
                    for index, title in enumerate(title.strip() for title in goal.sub_goals)
                    if title
                ),
            )
        )
    done = desk.with_kind_done("goals", desk.day(said.agreed_on, "agreed_on"))
    return desk.decision({"goals": tuple(goals), "done": done})


def record_consent(state: State, message: Message, programmes: Programmes, now: datetime) -> Decision[State]:
    said = message.body
    assert isinstance(said, RecordConsent)
    desk = _Desk(state, programmes, now)
    desk.check_codes({"kind": ("consents", [said.kind])})
    consent = Consent(given=said.given, on=desk.day(said.on, "on"))
    return desk.decision({"consents": {**desk.case.consents, said.kind: consent}})


def order_certificate(
    state: State, message: Message, programmes: Programmes, now: datetime
) -> Decision[State]:
    said = message.body
    assert isinstance(said, OrderCertificate)
    desk = _Desk(state, programmes, now)
    desk.check_codes({"kind": ("certificates", [said.kind])})
    known = desk.case.certificates.get(said.kind, Certificate())
    ordered = known.model_copy(update={"ordered_on": desk.day(said.ordered_on, "ordered_on")})
    return desk.decision({"certificates": {**desk.case.certificates, said.kind: ordered}})


def record_certificate_shown(
    state: State, message: Message, programmes: Programmes, now: datetime
) -> Decision[State]:
    """Without a day it holds as long as the programme says; what it says is nobody's business here."""
    said = message.body
    assert isinstance(said, RecordCertificateShown)
    desk = _Desk(state, programmes, now)
    desk.check_codes({"kind": ("certificates", [said.kind])})
    shown_on = desk.day(said.shown_on, "shown_on")
    if said.valid_until is not None and said.valid_until < shown_on:
        raise Refused("ends_before_it_begins", field="valid_until", status=422)
    rule = next((one for one in desk.rules.certificates if one.kind == said.kind), None)
    until = said.valid_until or (_months_later(shown_on, rule.valid_months) if rule is not None else None)
    known = desk.case.certificates.get(said.kind, Certificate())
    shown_to = said.shown_to or (message.actor.person_id if message.actor else None)
    shown = known.model_copy(update={"shown_on": shown_on, "shown_to": shown_to, "valid_until": until})
    certificates = {**desk.case.certificates, said.kind: shown}
    holding = sorted(kind for kind, one in certificates.items() if one.holds(desk.today))
    profile = desk.case.profile.model_copy(update={"certificates": tuple(holding)})
    return desk.decision({"certificates": certificates, "profile": profile})


def _months_later(day: date, months: int) -> date:
    month = day.year * 12 + day.month - 1 + months
    for last in (day.day, 30, 29, 28):
        try:
            return date(month // 12, month % 12 + 1, last)
        except ValueError:
            continue
    raise AssertionError("every month has 28 days")


def pause(state: State, message: Message, programmes: Programmes, now: datetime) -> Decision[State]:
    said = message.body
    assert isinstance(said, PauseCase)
    desk = _Desk(state, programmes, now)
    desk.check_codes({"reason": ("pause_reasons", [said.reason])})
    told = CasePaused(**telling.about(desk.case), reason=said.reason)
    case, held = desk.case, NOTHING_HELD
    if case.state != "started":
        case, held = hold_start(case, "case_paused")
    changes = {"state": "paused", "paused_from": case.state, "reason": said.reason, "cleared": case.cleared}
    return desk.decision(changes, told, *held)


def resume(state: State, message: Message, programmes: Programmes, now: datetime) -> Decision[State]:
    """Back to where it was. A case that was ready is told of anew, as it may have changed meanwhile."""
    desk = _Desk(state, programmes, now)
    back_to = desk.case.paused_from or "preparing"
    lacks = missing(desk.case, desk.rules, desk.today, "match")
    if back_to == "ready" and lacks:
        raise Refused("steps_missing", missing=[step.code for step in lacks])
    case = desk.case.model_copy(update={"state": back_to, "paused_from": None, "reason": None})
    told: list[Event] = [CaseResumed(**telling.about(case))]
    if back_to == "ready":
        told.append(telling.case_ready(case, desk.today))
    settled, further = settle(case, case, desk.rules, desk.today)
    return Decision(replace(state, case=settled), events=(*told, *further))


def withdraw(state: State, message: Message, programmes: Programmes, now: datetime) -> Decision[State]:
    said = message.body
    assert isinstance(said, WithdrawCase)
    desk = _Desk(state, programmes, now)
    desk.check_codes({"reason": ("withdraw_reasons", [said.reason])})
    case, held = desk.case, NOTHING_HELD
    if case.state != "started":
        case, held = hold_start(case, "case_withdrawn")
    case = case.model_copy(update={"state": "withdrawn", "paused_from": None, "reason": said.reason})
    told = CaseWithdrawn(**telling.about(case), reason=said.reason)
    return Decision(replace(state, case=case), events=(told, *held, *telling.progress(case, "withdrawn")))
