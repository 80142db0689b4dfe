"""What is written about a candidate, kept as it was told last.

Pure. A lower version than is kept has no effect, and a tombstone is final. Whoever erases the case blanks its
text too, because what comes after that is not heard any more.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from services.matching.documents import CaseText, State
from shared.contracts.intake import CaseTexts
from shared.messages import Decision, Ignored, Message
from shared.programmes import Programmes

FINAL = 2**31 - 1


def keep(state: State, message: Message, rules: Programmes, now: datetime) -> Decision[State] | Ignored:
    body: CaseTexts = message.body  # type: ignore[assignment]
    if state.texts is not None and body.version <= state.texts.text_version:
        return Ignored("older_than_stored")
    texts = CaseText(id=body.case_id, text_version=body.version, presentation=body.presentation)
    return Decision(replace(state, texts=texts))


def forget(state: State, message: Message, rules: Programmes, now: datetime) -> Decision[State] | Ignored:
    """The tombstone: no later version brings the text back."""
    return Decision(replace(state, texts=CaseText(id=state.ids["texts"], text_version=FINAL)))
