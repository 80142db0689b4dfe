"""A case got another caseworker, or went with its unit's closing to another unit.

Pure. The case waits on in the pool of its new unit, and what is out for it or agreed goes on under it; a
notice that looks for a mentor in the old unit is taken down, as nobody answers there any more.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from services.matching import wanted
from services.matching.documents import State
from services.matching.effects import pool_changes
from shared.contracts.intake import CaseAssigned
from shared.contracts.model import Event
from shared.messages import Append, Decision, Ignored, Message, Stale
from shared.programmes import Programmes

NOTICE_REASON = "unit_closed"


def assigned(state: State, message: Message, rules: Programmes, now: datetime) -> Decision[State] | Ignored:
    """Who has a part in the case, and whose it is."""
    body: CaseAssigned = message.body  # type: ignore[assignment]
    case = state.case
    if case is None:
        raise AssertionError("the table leads here only with a case")
    if case.unit == body.unit:
        return Decision(replace(state, case=case.model_copy(update={"parties": body.parties})))
    if case.state in ("proposed", "agreed") and state.ids.get("proposal") != case.proposal_id:
        # A proposal came or went between the look-up and the lock.
        raise Stale("the case's proposal")
    rules.version(body.programme, body.unit, body.rules_version)
    events: tuple[Event, ...] = ()
    if state.notice is not None and state.notice.state == "published":
        down = wanted.down(state, NOTICE_REASON)
        state, events = down.state, down.events
        assert state.case is not None
        case = state.case
    update: dict[str, Any] = {
        "unit": body.unit,
        "rules_version": body.rules_version,
        "parties": body.parties,
        "revision": case.revision + 1,
    }
    proposal = state.proposal
    if proposal is not None:
        known = rules.versions(proposal.programme, body.unit)
        version = proposal.rules_version if proposal.rules_version in known else body.rules_version
        proposal = proposal.model_copy(update={"unit": body.unit, "rules_version": version})
    appends: tuple[Append, ...] = ()
    if case.state == "waiting":
        appends = pool_changes(body.unit, (case.programme,), "case_ready", rules, now, gather=True)
    after = replace(state, case=case.model_copy(update=update), proposal=proposal)
    return Decision(after, events, appends=appends)
