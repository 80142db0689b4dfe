"""What followup says: the events of a placement and of its check-ins, with what each carries."""

from __future__ import annotations

from typing import Any

from services.followup.documents import CheckIn, Placement
from shared.contracts.followup import PlacementEnded
from shared.contracts.model import Event


def about(placement: Placement) -> dict[str, Any]:
    """The fields that every event of a placement carries."""
    return {
        "unit": placement.unit,
        "programme": placement.programme,
        "case_id": placement.case_id,
        "round": placement.round,
        "rules_version": placement.rules_version,
        "parties": placement.parties,
        "placement_id": placement.id,
    }


def ended_event(placement: Placement) -> PlacementEnded:
    return PlacementEnded(
        **about(placement),
        place_id=placement.agreed.place_id if placement.agreed else None,
        how=placement.how or "early",
        reason=placement.reason,
        next_step=placement.next_step,
        outcome=placement.outcome,
        chain_position=placement.chain_position,
    )


def said(event: type[Any], placement: Placement, check_in: CheckIn, **more: Any) -> Event:
    """An event about one check-in."""
    made: Event = event(
        **about(placement),
        check_in_id=check_in.id,
        due_on=check_in.due_on,
        at=check_in.at,
        mode=check_in.mode,
        **more,
    )
    return made
