"""What intake's cases tell others: the events of a case, put together from its document.

Pure. Every event of a case says who is to be told (`parties`), so that no reader has to look anybody up.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any, Literal

from services.intake.documents import CaseFile, Person
from services.intake.rules import holds_until, start_day
from shared.contracts.intake import (
    CaseReady,
    CaseTexts,
    Contact,
    Goal,
    ReferralProgressed,
    StartCleared,
)
from shared.contracts.intake_commands import ParallelActivity
from shared.contracts.model import Code, Hours, Party
from shared.programmes import Rules

TIMES = tuple(
    f"{day}-{part}"
    for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    for part in ("morning", "afternoon", "evening")
)
Status = Literal["ready", "proposed", "matched", "started", "ended", "withdrawn"]


def parties(case: CaseFile) -> tuple[Party, ...]:
    """Who has a part in the case as intake knows it: the candidate's side and the caseworker."""
    found = [Party(person_id=case.person_id, side="candidate", role="candidate")]
    if case.guardian_id is not None:
        found.append(Party(person_id=case.guardian_id, side="candidate", role="guardian"))
    if case.caseworker is not None:
        found.append(Party(person_id=case.caseworker, side="staff", role="caseworker"))
    return tuple(found)


def about(case: CaseFile) -> dict[str, Any]:
    """What every event of a case carries."""
    return {
        "unit": case.unit,
        "programme": case.programme,
        "case_id": case.id,
        "round": case.round,
        "rules_version": case.rules_version,
        "parties": parties(case),
    }


def case_ready(case: CaseFile, since: date) -> CaseReady:
    return CaseReady(
        **about(case),
        person_id=case.person_id,
        waiting_since=case.waiting_since or since,
        target_group=case.target_group,
        profile=case.profile.model_copy(
            update={
                "location": case.location,
                "times": free_times(case.profile.times, case.parallel_activities),
                "hours_per_week": free_hours(case.profile.hours_per_week, case.parallel_activities),
            }
        ),
    )


def free_times(times: tuple[str, ...], activities: Iterable[ParallelActivity]) -> tuple[str, ...]:
    """The times that parallel activities leave; whoever named none can at all other times."""
    taken = {time for activity in activities for time in activity.times}
    return tuple(time for time in times or TIMES if time not in taken) if taken else times


def free_hours(hours: Hours | None, activities: Iterable[ParallelActivity]) -> Hours | None:
    """The hours a week that parallel activities leave."""
    taken = sum(activity.hours_per_week or 0 for activity in activities)
    if hours is None or not taken:
        return hours
    most = max(0.0, hours.max - taken)
    return Hours(min=min(hours.min, most), max=most)


def about_certificate(case: CaseFile, kind: str) -> dict[str, Any]:
    """What an event about a candidate's certificate carries: the candidate is asked to see to it."""
    certificate = case.certificates.get(kind)
    return {
        "subject_id": case.id,
        "of": "candidate",
        "unit": case.unit,
        "kind": kind,
        "valid_until": certificate.valid_until if certificate is not None else None,
        "programme": case.programme,
        "case_id": case.id,
        "rules_version": case.rules_version,
        "parties": parties(case),
        "asked": (Party(person_id=case.person_id, side="candidate", role="candidate"),),
    }


def start_cleared(case: CaseFile, rules: Rules, today: date) -> StartCleared:
    goals = tuple(
        Goal(goal_id=goal.goal_id, sub_goal_ids=tuple(sub.sub_goal_id for sub in goal.sub_goals))
        for goal in case.goals
    )
    return StartCleared(
        **about(case),
        goals=goals,
        earliest_start=start_day(case, today),
        match_id=case.match.match_id if case.match is not None else None,
        holds_until=holds_until(case, rules, today),
    )


def case_texts(case: CaseFile) -> CaseTexts:
    return CaseTexts(
        case_id=case.id, version=case.texts_version, presentation=case.presentation, goals=case.goals
    )


def progress(case: CaseFile, status: Status, outcome: Code | None = None) -> tuple[ReferralProgressed, ...]:
    """How far it has come, for a publisher that asked to be told."""
    if not case.reply_to_case:
        return ()
    return (
        ReferralProgressed(
            source=case.source,
            source_reference=case.source_reference,
            case_id=case.id,
            status=status,
            outcome=outcome,
        ),
    )


def contact(person: Person) -> Contact:
    return Contact(
        person_id=person.id,
        version=person.contact_version,
        name=person.name,
        email=person.email,
        phone=person.phone,
        language=person.language,
        channel=person.channel,
    )
