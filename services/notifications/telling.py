"""Who is told what: each event's mails as a table.

Job: for an event and what is known of its matter, the template and the people. Guarantee: pure; a
programme's `mails_off` takes a template out. What a mail says stands in `templates/mail`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from services.notifications.documents import Mail, Matter
from shared.contracts.followup import (
    CheckInBooked,
    CheckInDue,
    CheckInMoved,
    PlacementEnded,
    PlacementStarted,
)
from shared.contracts.intake import EnquiryMade, PartnerAsked
from shared.contracts.matching import (
    MatchAgreed,
    MatchCancelled,
    MatchMeetingBooked,
    MatchProposed,
    ProposalAnswerDue,
    ProposalAnswered,
    ProposalLapsed,
    ProposalWithdrawn,
)
from shared.contracts.model import CaseFields, Event, Party, derived_id
from shared.messages import Message
from shared.programmes import Programmes, Rules

MONTH = timedelta(days=31)
DAY = timedelta(days=1)

People = Callable[[Any, Matter | None], tuple[Party, ...]]
Condition = Callable[[Any, Matter | None, Any], bool]


def known_to(matter: Matter | None) -> set[Any]:
    return {party.person_id for party in matter.asked} if matter else set()


def parties(event: CaseFields, matter: Matter | None) -> tuple[Party, ...]:
    return event.parties


def newly_asked(event: CaseFields | EnquiryMade, matter: Matter | None) -> tuple[Party, ...]:
    return tuple(party for party in event.asked if party.person_id not in known_to(matter))


def asked(event: PartnerAsked, matter: Matter | None) -> tuple[Party, ...]:
    return event.asked


def not_answered(event: CaseFields, matter: Matter | None) -> tuple[Party, ...]:
    answered = matter.answered if matter else ()
    return tuple(party for party in event.asked if party.person_id not in answered)


def told(event: CaseFields, matter: Matter | None) -> tuple[Party, ...]:
    """Those who were asked; who never heard of a proposal is not told that it is over."""
    return matter.asked if matter else ()


def told_but_who_answered(event: ProposalAnswered, matter: Matter | None) -> tuple[Party, ...]:
    return tuple(party for party in told(event, matter) if party.person_id != event.by)


def always(event: Event, matter: Matter | None, rules: Rules | None) -> bool:
    return True


def is_refusal(event: ProposalAnswered, matter: Matter | None, rules: Rules) -> bool:
    """Whether this answer ends the question: a "no", unless it is the candidate's and only heard."""
    if event.answer == "yes" or event.complete:
        return False
    sides = {party.person_id: party.side for party in (*event.parties, *told(event, matter))}
    return not (rules.candidate_answer == "heard" and sides.get(event.by) == "candidate")


def never_began(event: PlacementEnded, matter: Matter | None, rules: Rules) -> bool:
    return event.how == "failed_match"


def has_ended(event: PlacementEnded, matter: Matter | None, rules: Rules) -> bool:
    return event.how != "failed_match"


@dataclass(frozen=True)
class Telling:
    """One kind of mail that an event leads to.

    `facts` are the event's fields that the text names. `while_open`: it is sent only as long as its
    matter is open and its receiver has not answered. `until` is the event's field from which on the
    mail is too late; a date counts to its end.
    """

    event: type[CaseFields] | type[EnquiryMade] | type[PartnerAsked]
    template: str
    to: People
    facts: tuple[str, ...] = ()
    when: Condition = always
    while_open: bool = False
    until: tuple[str, ...] = ()
    sides: frozenset[str] = frozenset({"candidate", "host", "mentor"})


def _of_check_in(event: type[CaseFields], template: str) -> Telling:
    """Staff take part in a check-in too, and it is over once its time has come."""
    return Telling(
        event,
        template,
        parties,
        facts=("due_on", "at", "mode"),
        while_open=True,
        until=("at", "due_on"),
        sides=frozenset({"candidate", "host", "mentor", "staff"}),
    )


EVERYBODY = frozenset({"candidate", "host", "mentor", "staff"})
FRAME = ("starts_on", "ends_on", "hours_per_week")
OF_A_NOTICE = ("notice_id", "partner_id", "channel", "field", "stage", "task")

TEMPLATES: tuple[Telling, ...] = (
    Telling(MatchProposed, "answer", newly_asked, while_open=True, until=("answer_by",)),
    Telling(ProposalAnswered, "answer", newly_asked, while_open=True, until=("answer_by",)),
    Telling(ProposalAnswered, "withdrawn", told_but_who_answered, when=is_refusal),
    Telling(ProposalAnswerDue, "answer_reminder", not_answered, while_open=True, until=("answer_by",)),
    Telling(ProposalLapsed, "lapsed", told),
    Telling(ProposalWithdrawn, "withdrawn", told),
    Telling(MatchMeetingBooked, "match_meeting", parties, ("at", "mode"), until=("at",), sides=EVERYBODY),
    Telling(MatchAgreed, "match_agreed", parties, FRAME, while_open=True),
    Telling(MatchCancelled, "match_cancelled", parties),
    Telling(PlacementStarted, "placement_started", parties, ("started_on", "ends_on"), while_open=True),
    _of_check_in(CheckInBooked, "check_in_booked"),
    _of_check_in(CheckInMoved, "check_in_moved"),
    _of_check_in(CheckInDue, "check_in_reminder"),
    Telling(PlacementEnded, "placement_ended", parties, when=has_ended),
    Telling(PlacementEnded, "match_cancelled", parties, when=never_began),
    Telling(EnquiryMade, "enquiry_confirm", newly_asked, while_open=True, until=("answer_by",)),
    Telling(PartnerAsked, "mentor_wanted", asked, OF_A_NOTICE, while_open=True),
)


def mails(
    message: Message, matter: Matter | None, after: Matter, programmes: Programmes, now: datetime
) -> list[Mail]:
    """The mails that an event leads to; `matter` is as it was before, `after` as the event leaves it.

    Raises `UnknownRulesVersion`: the event then waits until its rules are there.
    """
    event: Any = message.body
    rules = _rules(event, programmes)
    programme = event.programme if rules else None
    zone = ZoneInfo(programmes.unit(event.unit).time_zone)
    made: dict[Any, Mail] = {}
    for telling in TEMPLATES:
        if telling.event is not type(event) or (rules and telling.template in rules.mails_off):
            continue
        if not telling.when(event, matter, rules):
            continue
        for party in telling.to(event, matter):
            if party.side not in telling.sides:
                continue
            id_ = derived_id("mail", message.id, party.person_id, telling.template)
            facts = event.model_dump(mode="json", include=set(telling.facts))
            # Who has two roles in a case gets one mail.
            made.setdefault(
                id_,
                Mail(
                    id=id_,
                    state="queued",
                    template=telling.template,
                    person_id=party.person_id,
                    side=party.side,
                    unit=event.unit,
                    programme=programme,
                    rules_version=rules.rules_version if rules else None,
                    case_id=after.case_id,
                    matter_id=after.id,
                    while_open=telling.while_open,
                    facts=facts,
                    queued_at=now,
                    not_before=now,
                    useful_until=useful_until(event, telling, after, zone),
                    answer_by=after.answer_by or now + (rules.answers.proposal_days if rules else 0) * DAY,
                    mine_until=now + (rules.retention_months if rules else 0) * MONTH,
                ),
            )
    return list(made.values())


def _rules(event: Any, programmes: Programmes) -> Rules | None:
    """The rules of the event's case; an enquiry is none yet, and a notice does not say whose it is."""
    if not isinstance(event, CaseFields):
        return None
    return programmes.version(event.programme, event.unit, event.rules_version)


def useful_until(event: Any, telling: Telling, matter: Matter, zone: ZoneInfo) -> datetime | None:
    """The first of the telling's `until` fields that is set, as a moment."""
    for field in telling.until:
        value: date | datetime | None = getattr(event, field, None) or getattr(matter, field, None)
        if isinstance(value, datetime):
            return value
        if value is not None:
            return datetime.combine(value + DAY, time(), zone)
    return None
