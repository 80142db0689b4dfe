"""Commands on a case: what staff record on the way to a match and a start.

Pure. Each command changes the case and lets `settle` say what follows. The interview stands in
`interviewing`, certificates in `certifying`, what lets a case rest, go on and end in `stopping`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from services.intake import desk, telling
from services.intake.casework import Casework
from services.intake.documents import Consent, State
from services.intake.rules import MATCH, step_of, waits_on
from services.intake.staffing import check_caseworker
from shared.contracts.intake import CaseAssigned, GoalText, SubGoalText
from shared.contracts.intake_commands import AgreeGoals, AssignCase, CompletePreparation, RecordConsent
from shared.contracts.model import derived_id
from shared.messages import Decision, Message, Refused
from shared.programmes import Programmes, Step


def assign(state: State, message: Message, programmes: Programmes, now: datetime) -> Decision[State]:
    assert isinstance(message.body, AssignCase)
    work = Casework(state, programmes, now)
    changes, told = assigned(work, message.body.caseworker, message)
    return work.decision(changes, *told)


def assigned(
    work: Casework, caseworker: UUID | None, message: Message
) -> tuple[dict[str, Any], tuple[CaseAssigned, ...]]:
    """What changes when somebody takes the case, and what is told of it; nothing where they have it.

    It is given to a known colleague of the unit, or to oneself. Raises `Refused`.
    """
    if caseworker is None or caseworker == work.case.caseworker:
        return {}, ()
    if message.actor is None or caseworker != message.actor.person_id:
        check_caseworker(work.state.staff, work.case.unit)
    case = work.case.model_copy(update={"caseworker": caseworker})
    return {"caseworker": caseworker}, (CaseAssigned(**telling.about(case), caseworker=caseworker),)


def complete_preparation(
    state: State, message: Message, programmes: Programmes, now: datetime
) -> Decision[State]:
    said = message.body
    assert isinstance(said, CompletePreparation)
    work = Casework(state, programmes, now)
    step = step_of(said.step, work.rules)
    if step is None:
        raise Refused("unknown_step", field="step", status=422)
    if step.kind != "step":
        raise Refused("step_has_its_own_command", field="step", kind=step.kind)
    before = waits_on(work.case, work.rules, step, work.today)
    if MATCH in before:
        raise Refused("match_not_agreed", field="step")
    if before:
        raise Refused("step_waits_on_another", field="step", waits_on=list(before))
    desk.refuse(tuple(_left_out(step, said)))
    on, note = work.day(said.done_on, "done_on"), (said.note or "").strip() or None
    return work.decision({"done": work.with_done(step.code, on, note=note, considered=said.considered)})


def _left_out(step: Step, said: CompletePreparation) -> Iterator[tuple[str, str, str]]:
    """What the step asks for and nobody said, and what was said that it does not ask for."""
    if step.needs == "note" and not (said.note or "").strip():
        yield "note_missing", "note", "the programme asks for what was agreed, in words"
    for one in step.considers:
        if one not in said.considered:
            yield "not_considered", f"considered.{one}", "yes or no"
    for one in said.considered:
        if one not in step.considers:
            yield "unknown_code", f"considered.{one}", "the step does not ask about it"


def agree_goals(state: State, message: Message, programmes: Programmes, now: datetime) -> Decision[State]:
    """A goal that is agreed again in the same words keeps its id, and with it what was recorded of it."""
    said = message.body
    assert isinstance(said, AgreeGoals)
    work = Casework(state, programmes, now)
    known = {goal.title: goal for goal in work.case.goals}
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
    done = work.with_kind_done("goals", work.day(said.agreed_on, "agreed_on"))
    return work.decision({"goals": tuple(goals), "done": done})


def record_consent(state: State, message: Message, programmes: Programmes, now: datetime) -> Decision[State]:
    """Given or taken back. A step that the guardian does is the guardian's consent, and nobody else's; a
    guardian whom nobody knows has given none."""
    said = message.body
    assert isinstance(said, RecordConsent)
    work = Casework(state, programmes, now)
    work.check_codes({"kind": ("consents", [said.kind]), "heard_by": ("heard_by", [said.heard_by])})
    step = work.rules.step(said.kind)
    given_by = said.given_by
    if step is not None and step.who == "guardian" and given_by != "guardian":
        if "given_by" in said.model_fields_set:
            raise Refused("guardian_must_consent", field="given_by", status=422)
        given_by = "guardian"
    if said.given and given_by == "guardian" and work.case.guardian_id is None:
        raise Refused("guardian_unknown", field="given_by")
    consent = Consent(given=said.given, on=work.day(said.on, "on"), given_by=given_by, heard_by=said.heard_by)
    return work.decision({"consents": {**work.case.consents, said.kind: consent}})
