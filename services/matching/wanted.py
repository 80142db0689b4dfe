"""Mentor wanted (mentor søges): looking for somebody for a case that has none, without saying whose it is.

Job: put a notice up for chosen partners and the enquiry page, count who answers by channel and by partner,
and take it down.
Guarantee: pure; a notice says codes alone, and none goes up that is too general to be answered (B): field,
stage and the task ahead must be known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from services.matching.documents import CaseFile, Notice, State, TakeDownNotice
from services.matching.effects import today_in
from services.matching.rules import check_codes
from shared.contracts.intake import EnquiryMade
from shared.contracts.matching import (
    MentorWanted,
    MentorWantedWithdrawn,
    PublishMentorWanted,
    WithdrawMentorWanted,
)
from shared.contracts.model import Party
from shared.messages import Decision, Ignored, Message, Refused
from shared.programmes import Programmes

K = TypeVar("K")

CONCRETE = ("field", "stage", "task")
"""What of a profile makes it concrete: general ones get no answer (B)."""


def lacking(case: CaseFile) -> tuple[str, ...]:
    """What a mentor would not be told of the candidate."""
    return tuple(name for name in CONCRETE if getattr(case.profile, name) is None)


def publish(state: State, message: Message, rules: Programmes, now: datetime) -> Decision[State] | Ignored:
    """The notice goes up; up already, it says what is said now. Replies are kept."""
    body: PublishMentorWanted = message.body  # type: ignore[assignment]
    case = state.case
    if case is None:
        raise Refused("not_found", status=404)
    if case.state != "waiting":
        raise Refused("not_waiting", state=case.state)
    check_codes(
        rules.codes,
        {
            "field": ("fields", (body.field,)),
            "stage": ("stages", (body.stage,)),
            "task": ("content", (body.task,)),
        },
    )
    says = {name: getattr(body, name) or getattr(case.profile, name) for name in CONCRETE}
    missing = [name for name, code in says.items() if code is None]
    if missing:
        raise Refused("notice_too_general", field=missing[0], status=422, missing=missing)
    notice = Notice(
        id=state.ids["notice"],
        unit=case.unit,
        programme=case.programme,
        case_id=case.id,
        round=case.round,
        rules_version=case.rules_version,
        partners=body.partners,
        on_enquiry_page=body.on_enquiry_page,
        published_on=today_in(case.unit, rules, now),
        parties=_staff(case),
        replies=state.notice.replies if state.notice is not None else {},
        by_partner=state.notice.by_partner if state.notice is not None else {},
        **says,
    )
    wishes = case.profile.wishes
    event = MentorWanted(
        **_about(notice),
        **notice.model_dump(
            include={"field", "stage", "task", "partners", "on_enquiry_page", "published_on"}
        ),
        industries=tuple(dict.fromkeys(code for wish in wishes for code in wish.industries)),
        profession=next((wish.profession for wish in wishes if wish.profession), None),
        education_level=next((wish.education for wish in wishes if wish.education), None),
        languages=tuple(case.profile.languages),
        times=case.profile.times,
        wished_mentor_gender=case.profile.wished_mentor_gender,
    )
    case = case.model_copy(update={"notice_id": notice.id})
    return Decision(replace(state, case=case, notice=notice), (event,), answer={"notice_id": str(notice.id)})


def withdraw(state: State, message: Message, rules: Programmes, now: datetime) -> Decision[State] | Ignored:
    """Staff take it down."""
    body: WithdrawMentorWanted = message.body  # type: ignore[assignment]
    check_codes(rules.codes, {"reason": ("mentor_wanted_withdraw_reasons", (body.reason,))})
    return down(state, body.reason)


def take_down(state: State, message: Message, rules: Programmes, now: datetime) -> Decision[State] | Ignored:
    """The case has a match, or is gone."""
    body: TakeDownNotice = message.body  # type: ignore[assignment]
    return down(state, body.reason)


def count_reply(
    state: State, message: Message, rules: Programmes, now: datetime
) -> Decision[State] | Ignored:
    """Somebody answered the notice, and their address is confirmed."""
    body: EnquiryMade = message.body  # type: ignore[assignment]
    if state.notice is None or body.stage != "confirmed":
        return Ignored("not_a_reply")
    notice = state.notice
    counted: dict[str, object] = {"replies": _one_more(notice.replies, body.channel or "website")}
    # A link may name anybody: it counts for whom the notice was chosen for.
    if body.partner_id is not None and body.partner_id in {*notice.partners, *notice.by_partner}:
        counted["by_partner"] = _one_more(notice.by_partner, body.partner_id)
    return Decision(replace(state, notice=notice.model_copy(update=counted)))


def _one_more(counts: Mapping[K, int], key: K) -> dict[K, int]:
    return {**counts, key: counts.get(key, 0) + 1}


def down(state: State, reason: str) -> Decision[State]:
    if state.notice is None:
        raise AssertionError("the table leads here only with a notice")
    notice = state.notice.model_copy(update={"state": "withdrawn", "reason": reason})
    case = state.case.model_copy(update={"notice_id": None}) if state.case is not None else None
    event = MentorWantedWithdrawn(**_about(notice), reason=reason)
    return Decision(replace(state, case=case, notice=notice), (event,))


def _staff(case: CaseFile) -> tuple[Party, ...]:
    return tuple(party for party in case.parties if party.side == "staff")


def _about(notice: Notice) -> dict[str, object]:
    names = {"unit", "programme", "case_id", "round", "rules_version", "parties"}
    return {**{name: getattr(notice, name) for name in names}, "notice_id": notice.id}
