"""Notifications' own metrics (CONTRACT.md, Metrics)."""

from __future__ import annotations

from prometheus_client import Counter

from services.notifications.documents import (
    MailNotNeeded,
    MailPutOff,
    MailResult,
    MailTaken,
    MailUndeliverable,
)

MAILS = Counter(
    "makker_mails_total",
    "Tries to send a mail, by what became of them. put_off rising: is the mail server well? "
    "failed rising: are addresses typed wrongly? Each failed one is on somebody's list of today.",
    ["template", "outcome"],
)

OUTCOMES: dict[type[MailResult], str] = {
    MailTaken: "sent",
    MailPutOff: "put_off",
    MailUndeliverable: "failed",
    MailNotNeeded: "superseded",
}
