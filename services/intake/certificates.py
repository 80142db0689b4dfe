"""How long a certificate holds, when it is to be renewed, and the two clocks that watch over it.

Pure, and the same for a candidate's certificate in a case and for a mentor's. A certificate is recorded as
shown: when, to whom and until when; never what it says. It decides no state: what follows from a renewal or
a lapse stands with cases and with mentors.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from services.intake.documents import Certificate
from shared.contracts.model import Code, Timer
from shared.messages import Cancel, Schedule
from shared.programmes import Certificate as CertificateRule

Of = Literal["candidate", "mentor"]
IN_THE_MORNING = time(8)
"""Who is to order or renew is told when the offices open, in the unit's time zone."""


class RenewCertificate(Timer):
    """It is time to order a new certificate, ahead of the end of the one that was shown."""

    of: Of
    subject_id: UUID
    kind: Code


class LapseCertificate(Timer):
    """The last day of a certificate is over."""

    of: Of
    subject_id: UUID
    kind: Code


def rule_for(rules: Iterable[CertificateRule], of: Of, kind: str) -> CertificateRule | None:
    """What is asked of this kind of certificate; the strictest of several programmes."""
    fitting = [rule for rule in rules if rule.of == of and rule.kind == kind]
    return min(fitting, key=lambda rule: rule.valid_months, default=None)


def holds_until(shown_on: date, said: date | None, rule: CertificateRule | None) -> date | None:
    """The last day: the one on the certificate, else as long as the programme says; None: no end is known."""
    if said is not None or rule is None:
        return said
    return months_later(shown_on, rule.valid_months)


def renewal_on(certificate: Certificate, rule: CertificateRule | None) -> date | None:
    """The day on which the next one is to be ordered; None where it has no end, or was never shown."""
    if certificate.shown_on is None or certificate.valid_until is None:
        return None
    ahead = certificate.valid_until - timedelta(days=rule.renew_days if rule is not None else 0)
    return max(ahead, certificate.shown_on)


def lapse_on(certificate: Certificate) -> date | None:
    """The first day on which it holds no longer."""
    if certificate.shown_on is None or certificate.valid_until is None:
        return None
    return certificate.valid_until + timedelta(days=1)


def clocks(
    of: Of, subject_id: UUID, kind: str, certificate: Certificate, rule: CertificateRule | None, zone: str
) -> tuple[Schedule | Cancel, ...]:
    """Both timers of a certificate that was shown; what was scheduled for the one before is replaced."""
    renew = RenewCertificate(of=of, subject_id=subject_id, kind=kind)
    lapse = LapseCertificate(of=of, subject_id=subject_id, kind=kind)
    renewal, end = renewal_on(certificate, rule), lapse_on(certificate)
    return (
        Schedule(moment(renewal, zone, IN_THE_MORNING), renew) if renewal else Cancel(renew),
        Schedule(moment(end, zone), lapse) if end else Cancel(lapse),
    )


def stopped(of: Of, subject_id: UUID, kinds: Iterable[str]) -> tuple[Cancel, ...]:
    """No clock runs for somebody who has left."""
    timers = (RenewCertificate, LapseCertificate)
    return tuple(Cancel(timer(of=of, subject_id=subject_id, kind=kind)) for kind in kinds for timer in timers)


def moment(day: date, zone: str, at: time = time(0)) -> datetime:
    """The clock of the unit, as a moment in UTC."""
    return datetime.combine(day, at, ZoneInfo(zone)).astimezone(UTC)


def months_later(day: date, months: int) -> date:
    """The same day of a later month, or that month's last."""
    month = day.year * 12 + day.month - 1 + months
    for last in (day.day, 30, 29, 28):
        try:
            return date(month // 12, month % 12 + 1, last)
        except ValueError:
            continue
    raise AssertionError("every month has 28 days")
