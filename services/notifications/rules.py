"""Whether a mail is still to be sent, at the moment it would be. Pure."""

from __future__ import annotations

from datetime import datetime

from services.notifications.documents import (
    ContactFile,
    Mail,
    MailNotNeeded,
    MailResult,
    MailUndeliverable,
    Matter,
)
from services.notifications.workflow import NO_ADDRESS


def obstacle(mail: Mail, contact: ContactFile, matter: Matter | None, now: datetime) -> MailResult | None:
    """What keeps a mail from being sent, as the message to record; None where nothing does."""
    to = {"mail_id": mail.id, "person_id": mail.person_id}
    if contact.state == "erased":
        return MailNotNeeded(**to, reason="erased")
    if mail.while_open and (matter is None or not matter.still_waits_for(mail.person_id)):
        return MailNotNeeded(**to, reason="over")
    if mail.useful_until is not None and mail.useful_until <= now:
        return MailNotNeeded(**to, reason="too_late")
    if not contact.email:
        return MailUndeliverable(**to, reason=NO_ADDRESS)
    return None
