"""A case got another caseworker, or went with its unit's closing to another unit.

Pure. Whatever is not over goes on under the new unit, with the new caseworker among its parties. What is
over stays where it was counted. `moved_to` remembers the unit for what matching said before it knew: topics
have no common order.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from services.followup.documents import CaseTrack, Placement, State
from shared.contracts.intake import CaseAssigned
from shared.contracts.model import Party
from shared.messages import Decision, Ignored, Message
from shared.programmes import Programmes

OVER = ("ended", "cancelled", "withdrawn")


def assigned(state: State, message: Message, rules: Programmes, now: datetime) -> Decision[State] | Ignored:
    """Who has a part in the case, and whose it is."""
    body = message.body
    assert isinstance(body, CaseAssigned)
    moved = body.handed_over_from is not None
    if state.case is None and not moved:
        return Ignored("not_known_yet")
    case = state.case or CaseTrack(id=state.ids["case"], state="known", programme=body.programme)
    update: dict[str, Any] = {"parties": with_caseworker(case.parties, body.caseworker)}
    if moved:
        update |= {"unit": body.unit, "moved_to": body.unit}
    placements = tuple(
        one if one is None or one.state in OVER else _assigned(one, body, rules, moved=moved)
        for one in state.placements
    )
    return Decision(replace(state, case=case.model_copy(update=update), placements=placements))


def _assigned(placement: Placement, body: CaseAssigned, rules: Programmes, *, moved: bool) -> Placement:
    """A placement keeps the rules it goes by where its new unit has them."""
    update: dict[str, Any] = {"parties": with_caseworker(placement.parties, body.caseworker)}
    if moved:
        known = rules.versions(placement.programme, body.unit)
        version = placement.rules_version if placement.rules_version in known else body.rules_version
        update |= {"unit": body.unit, "rules_version": version}
    return placement.model_copy(update=update)


def with_caseworker(parties: tuple[Party, ...], caseworker: UUID) -> tuple[Party, ...]:
    """The same parties, with this one in the place of the caseworker before."""
    others = tuple(one for one in parties if (one.side, one.role) != ("staff", "caseworker"))
    return (*others, Party(person_id=caseworker, side="staff", role="caseworker"))
