"""What intake's cases tell others: the events of a case, put together from its document.

Pure. Every event of a case says who is to be told (`parties`), so that no reader has to look anybody up.
"""

from __future__ import annotations

from datetime import date
from typing import Any, Literal

from services.intake.documents import CaseFile, Person
from shared.contracts.intake import (
    CaseReady,
    CaseTexts,
    Contact,
    Goal,
    ReferralProgressed,
    StartCleared,
)
from shared.contracts.model import Code, Party

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
    profile = case.profile.model_copy(update={"location": case.location})
    return CaseReady(
        **about(case), person_id=case.person_id, waiting_since=case.waiting_since or since, profile=profile
    )


def start_cleared(case: CaseFile, today: date) -> StartCleared:
    goals = tuple(
        Goal(goal_id=goal.goal_id, sub_goal_ids=tuple(sub.sub_goal_id for sub in goal.sub_goals))
        for goal in case.goals
    )
    return StartCleared(
        **about(case), goals=goals, earliest_start=max(today, case.profile.available_from or today)
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
