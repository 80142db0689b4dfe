"""Mentor wanted (mentor søges): matching's notices, as they are shown at a unit's door and told to partners.

Pure. A notice says what matching said last; one that was taken down comes back only if matching says so. Each
partner that it was chosen for is asked once, by their contact person: again only when it says something else
or comes back. Nobody is asked who is no partner of the unit, or no more.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

from services.intake.documents import State
from services.intake.erasing import NO_PARTNER
from services.intake.registers import Notice, Partner
from shared.contracts.intake import PartnerAsked
from shared.contracts.matching import MentorWanted
from shared.contracts.model import Code, Party
from shared.messages import Decision, Ignored, Message
from shared.programmes import Programmes

WHAT_IT_SAYS = ("field", "stage", "task")


def put_up(
    state: State, message: Message, programmes: Programmes, now: datetime
) -> Decision[State] | Ignored:
    said, before = message.body, state.notice
    assert isinstance(said, MentorWanted)
    shown = said.model_dump(include=set(Notice.model_fields) - {"id", "state"})
    notice = Notice(id=said.notice_id, **shown)
    earlier = before.partners if before is not None and before.state == "up" else ()
    is_same = before is not None and all(getattr(before, one) == getattr(notice, one) for one in WHAT_IT_SAYS)
    channels = programmes.codes.lists["channels"]
    events = []
    for partner in state.partners:
        if partner is None:
            continue
        is_known = is_same and partner.id in earlier
        if partner.id not in notice.partners:
            if partner.id in earlier:
                events.append(_over(notice, partner))
        elif not is_known and may_be_asked(partner, notice.unit):
            events.append(_asked(notice, partner, channels))
    return Decision(replace(state, notice=notice), events=tuple(events))


def take_down(
    state: State, message: Message, programmes: Programmes, now: datetime
) -> Decision[State] | Ignored:
    notice = state.notice
    assert notice is not None
    told = tuple(_over(notice, one) for one in state.partners if one and one.id in notice.partners)
    return Decision(replace(state, notice=notice.model_copy(update={"state": "down"})), events=told)


def may_be_asked(partner: Partner, unit: str) -> bool:
    """Whether there is somebody to ask, and the cooperation has not ended."""
    has_contact = partner.contact_person_id is not None
    return has_contact and partner.unit == unit and partner.status not in NO_PARTNER


def _asked(notice: Notice, partner: Partner, channels: Iterable[Code]) -> PartnerAsked:
    """Some kinds of partners are channels by the same code; a reply through the others says its own."""
    assert partner.contact_person_id is not None
    return PartnerAsked(
        **_about(notice, partner),
        channel=partner.kind if partner.kind in channels else None,
        asked=(Party(person_id=partner.contact_person_id, side="host", role="contact_person"),),
    )


def _over(notice: Notice, partner: Partner) -> PartnerAsked:
    return PartnerAsked(**_about(notice, partner), over=True)


def _about(notice: Notice, partner: Partner) -> dict[str, Any]:
    kept = notice.model_dump(include={"unit", *WHAT_IT_SAYS})
    return {**kept, "notice_id": notice.id, "partner_id": partner.id}
