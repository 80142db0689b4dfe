"""What matching keeps: a case, a place, a proposal and a pool, one document each; and its own messages.

Job: the shapes alone. Guarantee: a document is never changed, only replaced (`model_copy`); fields that
are added later have defaults, so that what was stored before is still read. It decides nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from shared.contracts.intake import PlaceOffered, Profile
from shared.contracts.matching import WhyNot, WouldHelp
from shared.contracts.model import Channel, Code, FreeText, Party, Points, Side, Timer


class Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class CaseFile(Document):
    """A case (sag) as far as matching knows it: what the candidate wishes, and what they wait for.

    `revision` grows with whatever a solver must know, so that a pair found for an earlier one is dropped.
    `tried` are the places that are not proposed again: refused, lapsed, taken back by staff, or failed; and
    the mentors, or hosts, of whom no other place is proposed either.
    `unmatched` are the reasons last told; None where nothing has been told of this waiting.
    """

    id: UUID
    state: Literal["waiting", "proposed", "agreed", "resting", "paused", "gone"]
    unit: str
    programme: str
    round: int
    rules_version: str
    person_id: UUID
    waiting_since: date
    profile: Profile
    parties: tuple[Party, ...] = ()
    revision: int = 1
    paused: bool = False
    proposal_id: UUID | None = None
    tried: tuple[UUID, ...] = ()
    unmatched: tuple[WhyNot, ...] | None = None
    notice_id: UUID | None = None


class Hold(Document):
    """A proposal or a match that occupies one opening of a place."""

    proposal_id: UUID
    agreed: bool = False


class Place(Document):
    """A place (plads) as it was offered last, and who occupies its openings.

    `revision` counts the offers, so that a pair found for earlier terms is dropped.
    """

    id: UUID
    state: Literal["offered", "withdrawn"]
    unit: str
    offer: PlaceOffered
    revision: int = 1
    held: tuple[Hold, ...] = ()

    @property
    def free(self) -> int:
        """How many more it takes; 0 also where the capacity was lowered below what is held."""
        return max(0, self.offer.capacity - len(self.held)) if self.state == "offered" else 0

    @property
    def over(self) -> tuple[UUID, ...]:
        """The proposals for which there is no opening any more: the agreed keep theirs, then the oldest."""
        in_order = sorted(self.held, key=lambda hold: not hold.agreed)
        capacity = self.offer.capacity if self.state == "offered" else 0
        return tuple(hold.proposal_id for hold in in_order[capacity:] if not hold.agreed)


class Asked(Document):
    """A party who is to answer, in which stage, and what they have answered."""

    person_id: UUID
    side: Side
    role: Code
    stage: int
    decides: bool = True
    answer: Literal["yes", "no"] | None = None
    reason: Code | None = None
    heard_by: Channel | None = None
    answered_at: datetime | None = None

    @property
    def party(self) -> Party:
        return Party(person_id=self.person_id, side=self.side, role=self.role)


class Agreement(Document):
    """What AgreeMatch brought: the frame (ramme) of the match, its times and its content."""

    starts_on: date
    ends_on: date | None = None
    hours_per_week: float
    hours_min: float | None = None
    times: tuple[Code, ...] = ()
    content: tuple[Code, ...] = ()


class Proposal(Document):
    """A pair that is proposed, its reasons and its answers; once agreed, it is the match."""

    id: UUID
    state: Literal[
        "open",
        "accepted",
        "refused",
        "lapsed",
        "withdrawn",
        "agreed",
        "started",
        "ended",
        "cancelled",
        "failed",
    ]
    unit: str
    programme: str
    case_id: UUID
    place_id: UUID
    round: int
    rules_version: str
    plan: Literal["A", "B"] | None = None
    points: int = 0
    reasons: tuple[Points, ...] = ()
    proposed_at: datetime
    stage: int = 0
    asked: tuple[Asked, ...] = ()
    answer_by: datetime | None = None
    reason: Code | None = None
    match_id: UUID | None = None
    agreement: Agreement | None = None
    meeting_at: datetime | None = None
    meeting_mode: Code | None = None
    overridden_by: UUID | None = None
    override_reason: Code | None = None
    override_note: FreeText | None = None
    broken: tuple[Code, ...] = ()

    @property
    def open_now(self) -> tuple[Asked, ...]:
        """Who has been asked and has not answered."""
        return tuple(one for one in self.asked if one.stage <= self.stage and one.answer is None)

    @property
    def asked_so_far(self) -> tuple[Asked, ...]:
        return tuple(one for one in self.asked if one.stage <= self.stage)


class Notice(Document):
    """Mentor wanted (mentor søges): what may be said of an unmatched case without saying whose it is.

    `replies` counts those who answered, by the channel that they came by; `by_partner` those of them who came
    by the link of a partner whom the notice was chosen for.
    """

    id: UUID
    state: Literal["published", "withdrawn"] = "published"
    unit: str
    programme: str
    case_id: UUID
    round: int
    rules_version: str
    field: Code
    stage: Code
    task: Code
    partners: tuple[UUID, ...] = ()
    on_enquiry_page: bool = True
    published_on: date
    parties: tuple[Party, ...] = ()
    replies: Mapping[str, int] = {}
    by_partner: Mapping[UUID, int] = {}
    reason: Code | None = None


class CaseText(Document):
    """How a candidate is presented in words, without a name; `case-texts-v1` has versions of its own."""

    id: UUID
    state: Literal["known"] = "known"
    text_version: int
    presentation: FreeText | None = None


class PoolFile(Document):
    """A pool: one programme in one unit. The row is what ProposePairs is about; the pool itself is read."""

    id: UUID
    state: Literal["known"] = "known"
    unit: str
    programme: str
    asked_at: datetime


@dataclass(frozen=True)
class State:
    """The rows that a message concerns; None is one that does not exist (yet).

    `earlier` is the proposal that another takes the place of, with its place; `proposals` are all those of a
    case that are over.
    """

    ids: Mapping[str, Any]
    proposal: Proposal | None = None
    case: CaseFile | None = None
    place: Place | None = None
    pool: PoolFile | None = None
    notice: Notice | None = None
    texts: CaseText | None = None
    earlier: Proposal | None = None
    earlier_place: Place | None = None
    proposals: tuple[Proposal | None, ...] = ()


class PairFound(Timer):
    """The solver's: this pair is part of the best solution for the case and the place at these revisions."""

    proposal_id: UUID
    case_id: UUID
    place_id: UUID
    case_revision: int
    place_revision: int
    points: int
    plan: Literal["A", "B"] | None = None
    reasons: tuple[Points, ...] = ()


class NoPairFound(Timer):
    """The solver's: the pool was solved, and this case got no place."""

    case_id: UUID
    case_revision: int
    reasons: tuple[WhyNot, ...] = ()
    would_help: tuple[WouldHelp, ...] = ()


class RemindAnswer(Timer):
    """Somebody who was asked has not answered for a while."""

    proposal_id: UUID


class LapseProposal(Timer):
    """The time to answer is over."""

    proposal_id: UUID


class LapseAgreement(Timer):
    """Everybody said yes long ago, and nobody has agreed on a match."""

    proposal_id: UUID


class TakeDownNotice(Timer):
    """The case that a mentor was wanted for has a match, or is gone."""

    case_id: UUID
    reason: Code


class LookAgain(Timer):
    """The place has changed: does the proposal still fit it? Due at once, one for each proposal."""

    proposal_id: UUID


OWN_MESSAGES = (
    PairFound,
    NoPairFound,
    RemindAnswer,
    LapseProposal,
    LapseAgreement,
    LookAgain,
    TakeDownNotice,
)
