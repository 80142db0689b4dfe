"""A candidate's certificate: ordered, shown, renewed ahead of its end, and lapsed.

Pure. Recorded is that it was shown, when, to whom and until when it holds; never what it says. While it holds
the profile names it; when it holds no longer, what rests on it is settled anew, and a placement that runs is
told of it.
"""

from __future__ import annotations

from datetime import datetime

from services.intake import telling
from services.intake.casework import Casework, Timers
from services.intake.certificates import LapseCertificate, RenewCertificate, clocks, holds_until, rule_for
from services.intake.documents import CaseFile, Certificate, State
from services.intake.rules import to_be_shown, waits_on
from shared.contracts.intake import CertificateDue, CertificateLapsed
from shared.contracts.intake_commands import OrderCertificate, RecordCertificateShown
from shared.messages import Decision, Ignored, Message, Refused
from shared.programmes import Programmes, Rules


def order_certificate(
    state: State, message: Message, programmes: Programmes, now: datetime
) -> Decision[State]:
    """Where it comes by a digital mailbox, that is there first."""
    said = message.body
    assert isinstance(said, OrderCertificate)
    work = Casework(state, programmes, now)
    work.check_codes({"kind": ("certificates", [said.kind])})
    before = waits_on(work.case, work.rules, to_be_shown(said.kind, work.rules), work.today)
    if before:
        raise Refused("step_waits_on_another", field="kind", waits_on=list(before))
    known = work.case.certificates.get(said.kind, Certificate())
    ordered = known.model_copy(update={"ordered_on": work.day(said.ordered_on, "ordered_on")})
    return work.decision({"certificates": {**work.case.certificates, said.kind: ordered}})


def record_certificate_shown(
    state: State, message: Message, programmes: Programmes, now: datetime
) -> Decision[State]:
    """Without a day it holds as long as the programme says."""
    said = message.body
    assert isinstance(said, RecordCertificateShown)
    work = Casework(state, programmes, now)
    work.check_codes({"kind": ("certificates", [said.kind])})
    shown_on = work.day(said.shown_on, "shown_on")
    if said.valid_until is not None and said.valid_until < shown_on:
        raise Refused("ends_before_it_begins", field="valid_until", status=422)
    rule = rule_for(work.rules.certificates, "candidate", said.kind)
    known = work.case.certificates.get(said.kind, Certificate())
    shown = known.model_copy(
        update={
            "ordered_on": None,
            "shown_on": shown_on,
            "shown_to": said.shown_to or (message.actor.person_id if message.actor else None),
            "valid_until": holds_until(shown_on, said.valid_until, rule),
        }
    )
    timers = clocks("candidate", work.case.id, said.kind, shown, rule, work.unit.time_zone)
    return work.decision({"certificates": {**work.case.certificates, said.kind: shown}}, timers=timers)


def clocks_of(case: CaseFile, rules: Rules, zone: str) -> Timers:
    """The timers of all certificates of a case, as for one that is taken up again."""
    return tuple(
        timer
        for kind, certificate in case.certificates.items()
        if certificate.shown_on is not None
        for timer in clocks(
            "candidate", case.id, kind, certificate, rule_for(rules.certificates, "candidate", kind), zone
        )
    )


def certificate_to_renew(
    state: State, message: Message, programmes: Programmes, now: datetime
) -> Decision[State] | Ignored:
    due = message.body
    assert isinstance(due, RenewCertificate)
    work = Casework(state, programmes, now)
    certificate = work.case.certificates.get(due.kind)
    if certificate is None or not certificate.holds(work.today):
        return Ignored("holds_no_longer")
    if certificate.is_awaited:
        return Ignored("ordered_already")
    told = CertificateDue(**telling.about_certificate(work.case, due.kind), why="renew")
    return Decision(state, events=(told,))


def certificate_lapsed(
    state: State, message: Message, programmes: Programmes, now: datetime
) -> Decision[State] | Ignored:
    """Told whatever the case is doing; before a start, the start falls with it."""
    lapsed = message.body
    assert isinstance(lapsed, LapseCertificate)
    work = Casework(state, programmes, now)
    certificate = work.case.certificates.get(lapsed.kind)
    if certificate is None or certificate.holds(work.today):
        return Ignored("still_holds")
    return work.decision({}, CertificateLapsed(**telling.about_certificate(work.case, lapsed.kind)))
