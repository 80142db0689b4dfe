"""The rule of who may see a protected person (secret address); `seeing` asks it for lists and pages.

Pure. The caseworker of one of their cases, whoever stands in for that caseworker today, the unit's project
managers, and whoever broke the glass within the hour; while nobody is assigned, the unit's caseworkers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from services.intake.documents import CaseFile, Person
from services.intake.registers import Duty
from shared.messages import Actor

WITHOUT_A_CASE = frozenset({"caseworker", "project_manager"})


@dataclass(frozen=True)
class Known:
    """What it takes to say who may see somebody: their cases, and other units that they belong to."""

    person: Person
    cases: tuple[CaseFile, ...] = ()
    units: frozenset[str] = frozenset()


def glass_is_open(person: Person, actor: Actor, now: datetime) -> bool:
    """Whether the actor broke the glass for this person a moment ago."""
    return any(
        one.until > now and (one.subject == actor.subject or (one.looker_id or 0) == actor.person_id)
        for one in person.glass
    )


def may_see(known: Known, actor: Actor, duty: Sequence[Duty], today: date, now: datetime) -> bool:
    """Whether the actor may see who this is. `duty` is who stands in for whom, in the actor's units."""
    person = known.person
    if not person.protected or glass_is_open(person, actor, now):
        return True
    cases = [case for case in known.cases if case.unit in actor.units]
    if not cases:
        return bool(known.units & actor.units and actor.roles & WITHOUT_A_CASE)
    if "project_manager" in actor.roles:
        return True
    stood_in_for = {
        one.stands_in_for for one in duty if one.person_id == actor.person_id and one.holds(today)
    }
    return any(
        "caseworker" in actor.roles
        if case.caseworker is None
        else case.caseworker == actor.person_id or case.caseworker in stood_in_for
        for case in cases
    )
