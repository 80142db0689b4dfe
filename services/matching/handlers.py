"""Which rows a message concerns: a case's events its proposal too, a proposal's messages its case and
place.

Guarantee: rows are looked up in bulk and without locks; what may change before they are locked (which
proposal a case has) the workflow checks, and asks for another pass. Case and place of a proposal never
change.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from services.matching import store
from services.matching.documents import (
    CaseFile,
    CaseText,
    LapseAgreement,
    LapseProposal,
    LookAgain,
    NoPairFound,
    Notice,
    PairFound,
    Place,
    PoolFile,
    Proposal,
    RemindAnswer,
    TakeDownNotice,
)
from shared.contracts.followup import PlacementEnded, PlacementStarted
from shared.contracts.intake import (
    CaseAssigned,
    CaseTexts,
    EnquiryMade,
    PlaceOffered,
    PlaceWithdrawn,
    SubjectErased,
)
from shared.contracts.matching import (
    AgreeMatch,
    AnswerProposal,
    BookMatchMeeting,
    CancelMatch,
    OverrideProposal,
    ProposePairs,
    PublishMentorWanted,
    WithdrawMentorWanted,
    WithdrawProposal,
)
from shared.contracts.model import CaseFields, derived_id
from shared.corridor import Refs, Table
from shared.messages import Message, Tombstone
from shared.postgres import Connection

TABLES = {
    "proposal": Table("proposal", Proposal),
    "case": Table("case_file", CaseFile),
    "place": Table("place", Place),
    "pool": Table("pool", PoolFile),
    "notice": Table("notice", Notice),
    "texts": Table("case_text", CaseText),
    "earlier": Table("proposal", Proposal),
    "earlier_place": Table("place", Place),
    "proposals": Table("proposal", Proposal),
}

OF_A_PROPOSAL = (
    AnswerProposal,
    WithdrawProposal,
    BookMatchMeeting,
    AgreeMatch,
    RemindAnswer,
    LapseProposal,
    LapseAgreement,
    LookAgain,
)
OF_A_MATCH = (CancelMatch, PlacementStarted, PlacementEnded)


def _match_of(message: Message) -> UUID | None:
    body = message.body
    if isinstance(body, CancelMatch):
        return body.match_id
    return body.placement_id if isinstance(body, PlacementStarted | PlacementEnded) else None


def _overriding(message_id: UUID, body: OverrideProposal, now: dict[str, UUID]) -> dict[str, UUID]:
    """The case, the place and the proposal to be; and what is out for the case now, with its place."""
    rows = {"case": body.case_id, "place": body.place_id, "proposal": derived_id("override", message_id)}
    earlier = {"earlier": now.get("proposal"), "earlier_place": now.get("place")}
    return rows | {name: id_ for name, id_ in earlier.items() if id_ is not None}


def _erased(body: SubjectErased, now: dict[str, UUID], all_of_it: tuple[UUID, ...]) -> Refs:
    """A mentor's place; or a case with all that was ever proposed for it. What is but a person has no row."""
    if body.kind == "place":
        return {"place": body.subject_id}
    if body.kind == "person" or not body.is_candidate:
        return {"case": body.subject_id}
    over = tuple(one for one in all_of_it if one != now.get("proposal"))
    notice = derived_id("notice", body.subject_id)
    rows = {"case": body.subject_id, **now, "notice": notice, "texts": body.subject_id}
    return {**rows, "proposals": over}


async def concerns(connection: Connection, messages: Sequence[Message]) -> list[Refs]:
    """The ids of the rows, by field of `State`; the first is the one that the message is about."""
    bodies = [message.body for message in messages]
    proposals = await store.rows_of_proposals(
        connection, [body.proposal_id for body in bodies if isinstance(body, OF_A_PROPOSAL)]
    )
    matches = await store.rows_of_matches(
        connection, [match for message in messages if (match := _match_of(message)) is not None]
    )
    erased = [body.subject_id for body in bodies if isinstance(body, SubjectErased)]
    cases = await store.rows_of_cases(
        connection,
        [
            body.case_id
            for body in bodies
            if isinstance(body, CaseFields | OverrideProposal) and not isinstance(body, OF_A_MATCH)
        ]
        + erased,
    )
    proposed = await store.proposals_of_cases(connection, erased)
    notices = await store.cases_of_notices(
        connection, [body.notice_id for body in bodies if isinstance(body, WithdrawMentorWanted)]
    )
    found: list[Refs] = []
    for message in messages:
        body = message.body
        match = _match_of(message)
        if isinstance(body, PairFound):
            found.append({"proposal": body.proposal_id, "case": body.case_id, "place": body.place_id})
        elif isinstance(body, NoPairFound):
            found.append({"case": body.case_id})
        elif isinstance(body, PlaceOffered | PlaceWithdrawn):
            found.append({"place": body.place_id})
        elif isinstance(body, SubjectErased):
            id_ = body.subject_id
            found.append(_erased(body, cases.get(id_, {}), proposed.get(id_, ())))
        elif isinstance(body, CaseTexts):
            found.append({"texts": body.case_id})
        elif isinstance(body, Tombstone):
            found.append({"texts": UUID(body.key)})
        elif isinstance(body, ProposePairs):
            found.append({"pool": derived_id("pool", body.unit, body.programme)})
        elif isinstance(body, OverrideProposal):
            found.append(_overriding(message.id, body, cases.get(body.case_id, {})))
        elif isinstance(body, PublishMentorWanted | TakeDownNotice):
            found.append({"case": body.case_id, "notice": derived_id("notice", body.case_id)})
        elif isinstance(body, WithdrawMentorWanted):
            found.append({"notice": body.notice_id} | notices.get(body.notice_id, {}))
        elif isinstance(body, EnquiryMade):
            found.append({"notice": body.notice_id or derived_id("no notice", body.enquiry_id)})
        elif isinstance(body, OF_A_PROPOSAL):
            found.append(proposals.get(body.proposal_id, {"proposal": body.proposal_id}))
        elif match is not None:
            # A match that is not known here is a row that is not there: refused, or ignored.
            found.append(matches.get(match, {"proposal": match}))
        elif isinstance(body, CaseAssigned) and body.handed_over_from is not None:
            rows = cases.get(body.case_id, {"case": body.case_id})
            found.append({**rows, "notice": derived_id("notice", body.case_id)})
        elif isinstance(body, CaseFields):
            found.append(cases.get(body.case_id, {"case": body.case_id}))
        else:
            raise AssertionError(f"{message.type} concerns no row that is known here")
    return found
