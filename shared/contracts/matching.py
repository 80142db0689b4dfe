"""What matching says and can be asked: proposals, answers and matches."""

from __future__ import annotations

from datetime import date
from typing import ClassVar, Literal
from uuid import UUID

from pydantic import Field

from shared.contracts.model import (
    STAFF,
    CaseFields,
    Channel,
    Code,
    Command,
    Event,
    FreeText,
    Hours,
    Instant,
    Points,
    Value,
)


class MatchingEvent(CaseFields, Event):
    """An event of matching's; the key is the case."""

    topic: ClassVar[str] = "matching-events-v1"


class ProposalEvent(MatchingEvent):
    proposal_id: UUID
    place_id: UUID


class MatchProposed(ProposalEvent):
    """A pair is proposed, with its reasons; `asked` are those who must answer now."""

    plan: Literal["A", "B"] | None = None
    reasons: tuple[Points, ...] = ()
    answer_by: Instant


class ProposalAnswerDue(ProposalEvent):
    """A reminder: `asked` are those who have not answered yet."""

    answer_by: Instant


class ProposalAnswered(ProposalEvent):
    """Somebody answered; `asked` are those who are asked next, where the programme asks in order."""

    by: UUID
    answer: Literal["yes", "no"]
    reason: Code | None = None
    heard_by: Channel | None = None
    complete: bool = Field(default=False, description="Everybody whose answer decides has said yes.")
    answer_by: Instant | None = None


class ProposalLapsed(ProposalEvent):
    """Nobody answered in time; the place is free again."""


class ProposalWithdrawn(ProposalEvent):
    """Taken back, because the case or the place is gone or staff said so."""

    reason: Code


class MatchMeetingBooked(ProposalEvent):
    """The parties meet before they agree (matchmøde)."""

    at: Instant
    mode: Literal["in_person", "phone", "video"] = "in_person"


class MatchAgreed(MatchingEvent):
    """The match is agreed: its frame (ramme), times, duration and content."""

    match_id: UUID
    proposal_id: UUID
    place_id: UUID
    host_id: UUID | None = None
    mentor_id: UUID | None = None
    starts_on: date
    ends_on: date | None = None
    hours_per_week: float
    times: tuple[Code, ...] = ()
    content: tuple[Code, ...] = ()


class MatchCancelled(MatchingEvent):
    """An agreed match is taken back; it also ends a placement that has just started."""

    match_id: UUID
    place_id: UUID
    reason: Code


class MatchFailed(MatchingEvent):
    """Follow-up said that the agreed match never became a placement; its place is free again."""

    match_id: UUID
    place_id: UUID
    reason: Code


class WhyNot(Value):
    """A rule and how many places it removed."""

    code: Code
    places: int


class WouldHelp(Value):
    """A single change and how many candidates it would place."""

    code: Code
    unlocks: int


class CaseUnmatched(MatchingEvent):
    """The pool was solved and this candidate got no place."""

    reasons: tuple[WhyNot, ...] = ()
    would_help: tuple[WouldHelp, ...] = ()


class MentorWanted(MatchingEvent):
    """A notice without identity: field, stage, the task ahead; for chosen partners and the enquiry page."""

    notice_id: UUID
    field: Code
    stage: Code
    task: Code
    industries: tuple[Code, ...] = ()
    profession: Code | None = None
    education_level: Code | None = None
    languages: tuple[Code, ...] = ()
    times: tuple[Code, ...] = ()
    wished_mentor_gender: Literal["f", "m", "x"] | None = None
    partners: tuple[UUID, ...] = ()
    on_enquiry_page: bool = True
    published_on: date


class MentorWantedWithdrawn(MatchingEvent):
    """The notice is taken down."""

    notice_id: UUID
    reason: Code


# What matching can be asked.


class ProposePairs(Command):
    """Solve the pool of a programme in a unit now."""

    service: ClassVar[str] = "matching"
    work_follows: ClassVar[bool] = True
    programme: Code
    unit: str


class AnswerProposal(Command):
    """A party's answer, by their link or heard another way and typed in by staff (`heard_by`)."""

    service: ClassVar[str] = "matching"
    roles: ClassVar[frozenset[str]] = STAFF | {"party"}
    proposal_id: UUID
    by: UUID | None = Field(
        default=None, description="Whose answer; a link's own person where it is left out."
    )
    answer: Literal["yes", "no"]
    reason: Code | None = None
    heard_by: Channel | None = None


class OverrideProposal(Command):
    """Propose this place to this case instead of what the solver would, with a reason that is kept.

    A hard rule is broken only by a role that the programme names for it; a full place by nobody.
    """

    service: ClassVar[str] = "matching"
    case_id: UUID
    place_id: UUID
    reason: Code
    note: FreeText | None = Field(default=None, max_length=2000)


class BookMatchMeeting(Command):
    """When the parties of a proposal meet; booked again it is moved."""

    service: ClassVar[str] = "matching"
    proposal_id: UUID
    at: Instant
    mode: Literal["in_person", "phone", "video"] = "in_person"


class PublishMentorWanted(Command):
    """Look for a mentor for a case that has none. What is left out is taken from the case's profile."""

    service: ClassVar[str] = "matching"
    case_id: UUID
    field: Code | None = None
    stage: Code | None = None
    task: Code | None = None
    partners: tuple[UUID, ...] = Field(default=(), max_length=50)
    on_enquiry_page: bool = True


class WithdrawMentorWanted(Command):
    """Take the notice down."""

    service: ClassVar[str] = "matching"
    notice_id: UUID
    reason: Code = "withdrawn"


class WithdrawProposal(Command):
    """Take a proposal back before it is agreed."""

    service: ClassVar[str] = "matching"
    proposal_id: UUID
    reason: Code = "withdrawn"


class AgreeMatch(Command):
    """The parties agreed on duration, hours, times and content, within the programme's frame."""

    service: ClassVar[str] = "matching"
    proposal_id: UUID
    starts_on: date
    ends_on: date | None = None
    hours_per_week: float | Hours = Field(description="Hours a week.")
    times: tuple[Code, ...] = ()
    content: tuple[Code, ...] = ()


class CancelMatch(Command):
    """Take an agreed match back; its place is free again, and a new round begins."""

    service: ClassVar[str] = "matching"
    match_id: UUID
    reason: Code
