"""Which rows a message concerns: a contact, a proposal's or a match's matter, or one mail."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from services.notifications.documents import ContactFile, Mail, MailResult, Matter, MovedCase
from services.notifications.store import mails_of_cases, mails_to
from shared.contracts.followup import FollowupEvent
from shared.contracts.intake import CaseAssigned, Contact, EnquiryMade, PartnerAsked, SubjectErased
from shared.contracts.matching import MatchAgreed, MatchCancelled
from shared.contracts.model import derived_id
from shared.contracts.notifications import RetryMail
from shared.corridor import Refs, Table
from shared.messages import Message, Tombstone
from shared.postgres import Connection

TABLES = {
    "mail": Table("mail", Mail),
    "contact": Table("contact", ContactFile),
    "matter": Table("matter", Matter),
    "mails": Table("mail", Mail),
    "case": Table("moved_case", MovedCase),
}


async def concerns(connection: Connection, messages: Sequence[Message]) -> list[Refs]:
    """Rows by field of `State`, for each message; all but an erasure and a handing over carry what is
    needed."""
    bodies = [message.body for message in messages]
    erased = [body.person_id for body in bodies if isinstance(body, SubjectErased) and body.kind == "person"]
    mails = await mails_to(connection, erased)
    moved = [body.case_id for body in bodies if isinstance(body, CaseAssigned) and body.handed_over_from]
    of_cases = await mails_of_cases(connection, moved)

    def rows(body: Any) -> Refs:
        match body:
            case SubjectErased():
                return {"contact": body.subject_id, "mails": mails.get(body.subject_id, ())}
            case CaseAssigned():
                return {"case": body.case_id, "mails": of_cases.get(body.case_id, ())}
        return concerned(body)

    return [rows(body) for body in bodies]


def concerned(body: Any) -> Refs:
    match body:
        case Contact():
            return {"contact": body.person_id}
        case Tombstone():
            return {"contact": UUID(body.key)}
        case MailResult():
            # The receiver's row orders what is said about their mails.
            return {"mail": body.mail_id, "contact": body.person_id}
        case RetryMail():
            return {"mail": body.mail_id}
        case FollowupEvent():
            return {"matter": body.placement_id}
        case EnquiryMade():
            return {"matter": body.enquiry_id}
        case PartnerAsked():
            return {"matter": derived_id("partner asked", body.notice_id, body.partner_id)}
        case MatchAgreed() | MatchCancelled():
            return {"matter": body.match_id}
        case _:
            return {"matter": body.proposal_id}
