"""What notifications says and can be asked: mails that went out, or could not."""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from shared.contracts.model import Code, Command, Event


class MailEvent(Event):
    """About one mail to one person; the key is the person."""

    topic: ClassVar[str] = "notifications-events-v1"
    key_field: ClassVar[str] = "person_id"
    mail_id: UUID
    person_id: UUID
    template: Code
    case_id: UUID | None = None
    unit: str
    programme: str | None = None


class MailSent(MailEvent):
    """The mail server took the mail."""


class MailFailed(MailEvent):
    """The mail cannot be delivered; somebody must reach the person another way."""

    reason: Code


class RetryMail(Command):
    """Send a failed mail again, after the address was mended."""

    service: ClassVar[str] = "notifications"
    mail_id: UUID
