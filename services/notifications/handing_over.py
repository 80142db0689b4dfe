"""A case went with its unit's closing to another unit: so do its mails.

Pure. The staff of the new unit see what was mailed, and call who could not be reached. What was said of the
case before that and is heard of only after it stays with the unit it names.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from services.notifications.documents import Mail, MovedCase, State
from shared.contracts.intake import CaseAssigned
from shared.messages import Decision, Ignored, Message
from shared.programmes import Programmes


def assigned(state: State, message: Message, rules: Programmes, now: datetime) -> Decision[State] | Ignored:
    body = message.body
    assert isinstance(body, CaseAssigned)
    if body.handed_over_from is None:
        return Ignored("same_unit")
    moved = MovedCase(id=state.ids["case"], state="moved", unit=body.unit)
    mails = tuple(one and _moved(one, body, rules) for one in state.mails)
    return Decision(replace(state, case=moved, mails=mails))


def _moved(mail: Mail, body: CaseAssigned, rules: Programmes) -> Mail:
    """The mail goes by its own rules where the new unit has them."""
    known = rules.versions(body.programme, body.unit)
    version = mail.rules_version if mail.rules_version in known else body.rules_version
    return mail.model_copy(update={"unit": body.unit, "rules_version": version})
