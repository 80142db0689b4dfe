"""Mentor wanted (mentor søges): matching's notices, as they are shown at a unit's door and to partners.

Pure. A notice says what matching said last; one that was taken down comes back only if matching says so.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from services.intake.documents import State
from services.intake.registers import Notice
from shared.contracts.matching import MentorWanted
from shared.messages import Decision, Ignored, Message
from shared.programmes import Programmes


def put_up(
    state: State, message: Message, programmes: Programmes, now: datetime
) -> Decision[State] | Ignored:
    said = message.body
    assert isinstance(said, MentorWanted)
    shown = said.model_dump(include=set(Notice.model_fields) - {"id", "state"})
    return Decision(replace(state, notice=Notice(id=said.notice_id, **shown)))


def take_down(
    state: State, message: Message, programmes: Programmes, now: datetime
) -> Decision[State] | Ignored:
    assert state.notice is not None
    return Decision(replace(state, notice=state.notice.model_copy(update={"state": "down"})))
