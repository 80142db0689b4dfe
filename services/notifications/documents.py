"""What notifications keeps: whom to write to, what people were told about, and each mail.

Guarantee: identity stands in `ContactFile` alone; a mail holds ids, dates and codes, and gets its
receiver's name and address when it is written. What `sending.py` found out comes back as the messages
at the end.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from shared.contracts.model import Channel, Code, Identity, Language, Party, Side, Timer


class Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class ContactFile(Document):
    """Somebody who may be written to. An erased one keeps its id alone, for ever."""

    id: UUID
    state: Literal["known", "erased"]
    contact_version: int = 0
    name: Identity | None = None
    email: Identity | None = None
    phone: Identity | None = None
    language: Language | None = None
    channel: Channel | None = None


class Matter(Document):
    """What mails are about: a proposal (its question), an agreed match (its placement), an enquiry, or a
    notice that a partner was asked by.

    Mails that make sense only while it is open are not sent any more once it is closed, and a question
    is not put to, and nobody is reminded of, what they have answered already.
    """

    id: UUID
    state: Literal["open", "closed"]
    unit: str
    case_id: UUID | None = None
    asked: tuple[Party, ...] = ()
    answered: tuple[UUID, ...] = ()
    answer_by: datetime | None = None

    def still_waits_for(self, person_id: UUID) -> bool:
        return self.state == "open" and person_id not in self.answered


class Mail(Document):
    """One mail to one person. `facts` are dates, numbers and codes from the event, nothing else.

    `useful_until` is the moment from which it would only confuse; `mine_until` and `answer_by` are the
    end dates of its links, kept so that a retry carries the very same links. One about an enquiry or a notice
    is of no case and no programme, and sent in the unit's name.
    """

    id: UUID
    state: Literal["queued", "sent", "failed", "not_by_mail", "superseded"]
    template: Code
    person_id: UUID
    side: Side
    unit: str
    programme: str | None = None
    rules_version: str | None = None
    case_id: UUID | None = None
    matter_id: UUID
    while_open: bool
    facts: dict[str, Any] = {}
    queued_at: datetime
    not_before: datetime
    useful_until: datetime | None = None
    answer_by: datetime
    mine_until: datetime
    tries: int = 0
    sent_at: datetime | None = None
    reason: Code | None = None


class MovedCase(Document):
    """A case that was handed over, and to which unit."""

    id: UUID
    state: Literal["moved"]
    unit: str


@dataclass(frozen=True)
class State:
    """The rows that a message concerns; None: it does not exist yet. `mails` are all to one person, or all
    of one case."""

    ids: Mapping[str, Any]
    mail: Mail | None = None
    contact: ContactFile | None = None
    matter: Matter | None = None
    mails: tuple[Mail | None, ...] = ()
    case: MovedCase | None = None


class MailResult(Timer):
    """What became of a try to send a mail; `person_id` is its receiver."""

    mail_id: UUID
    person_id: UUID


class MailTaken(MailResult):
    """The mail server took the mail."""


class MailPutOff(MailResult):
    """The mail server could not take it now; another try may do."""

    reason: Code


class MailUndeliverable(MailResult):
    """No further try would help: no address, or the server refuses for good."""

    reason: Code


class MailNotNeeded(MailResult):
    """What the mail is about is over, or its receiver is erased; it was not sent."""

    reason: Code


RESULTS: tuple[type[MailResult], ...] = (MailTaken, MailPutOff, MailUndeliverable, MailNotNeeded)
