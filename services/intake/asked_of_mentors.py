"""What is asked of a mentor before they are available, and what of it is missing: calculations, pure.

What is asked stands in the programmes that they serve, or, as long as they serve none, in those of their unit
that pair candidates with mentors: an interview always, a volunteer agreement, certificates, the digital
mailbox that a certificate comes by, and a birth date where a programme says so.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any, Literal

from services.intake.certificates import rule_for
from services.intake.documents import Mentor, Place
from services.intake.referral import age
from services.intake.rules import MAILBOX
from shared.contracts.intake import CertificateDue
from shared.contracts.model import Party
from shared.programmes import Certificate as CertificateRule
from shared.programmes import Programmes, Rules

Stage = Literal["enquired", "interviewed", "available", "declined", "retired"]


def rules_of(names: Iterable[str], unit: str, programmes: Programmes, today: date) -> tuple[Rules, ...]:
    """The rules of those of the programmes that the unit has."""
    known = programmes.units[unit].programmes if unit in programmes.units else ()
    return tuple(programmes.rules(name, unit, today) for name in sorted(set(names)) if name in known)


def rules_asking(
    mentor: Mentor, places: Iterable[Place | None], programmes: Programmes, today: date
) -> tuple[Rules, ...]:
    """The rules that a mentor goes by."""
    served = [
        (name, place.unit)
        for place in places
        if place is not None and place.mentor_id == mentor.id and place.state != "withdrawn"
        for name in place.programmes
    ]
    if served:
        return tuple(
            rules
            for unit in sorted({unit for _, unit in served})
            for rules in rules_of([name for name, at in served if at == unit], unit, programmes, today)
        )
    known = programmes.units[mentor.unit].programmes if mentor.unit in programmes.units else ()
    return tuple(
        rules for rules in rules_of(known, mentor.unit, programmes, today) if rules.paired_with == "mentor"
    )


def lacking(
    mentor: Mentor, names: Iterable[str], unit: str, programmes: Programmes, today: date
) -> tuple[str, ...]:
    """The certificates that these programmes ask of a mentor and that do not hold today."""
    return _lacking(mentor, rules_of(names, unit, programmes, today), today)


def _lacking(mentor: Mentor, rules: Iterable[Rules], today: date) -> tuple[str, ...]:
    return tuple(
        kind
        for kind in kinds_asked(rules)
        if kind not in mentor.certificates or not mentor.certificates[kind].holds(today)
    )


def missing(mentor: Mentor, rules: Iterable[Rules], today: date) -> tuple[str, ...]:
    """What must still be done: `interview`, `agreement`, `birth_date`, a mailbox, a certificate of a kind."""
    rules = tuple(rules)
    asked = {"interview", *(one for each in rules for one in each.mentor_intake)}
    lacks = []
    if mentor.interviewed_on is None:
        lacks.append("interview")
    if "agreement" in asked and mentor.agreement_signed_on is None:
        lacks.append("agreement")
    if mentor.birth_date is None and any(each.mentor_age_min is not None for each in rules):
        lacks.append("birth_date")
    if any(awaits_mailbox(mentor, kind, rules) for kind in kinds_asked(rules)):
        lacks.append(MAILBOX.code)
    return (*lacks, *_lacking(mentor, rules, today))


def awaits_mailbox(mentor: Mentor, kind: str, rules: Iterable[Rules]) -> bool:
    """Whether a certificate waits for a mailbox that is not there. Whoever has shown it has had one."""
    known = mentor.certificates.get(kind)
    if mentor.digital_mailbox or (known is not None and known.shown_on is not None):
        return False
    return any(
        one.needs_mailbox
        for each in rules
        for one in each.certificates
        if (one.of, one.kind) == ("mentor", kind)
    )


def kinds_asked(rules: Iterable[Rules]) -> tuple[str, ...]:
    """The kinds of the certificates that are asked of mentors."""
    kinds = (one.kind for each in rules for one in each.certificates if one.of == "mentor")
    return tuple(dict.fromkeys(kinds))


def too_young(mentor: Mentor, rules: Rules, today: date) -> bool:
    """Whether somebody is known to be younger than a programme's mentors are."""
    if rules.mentor_age_min is None or mentor.birth_date is None:
        return False
    return age(mentor.birth_date, today) < rules.mentor_age_min


def stage(mentor: Mentor, rules: Iterable[Rules], today: date) -> Stage:
    """Where somebody stands who has made contact; whoever is further stays there."""
    if mentor.state not in ("enquired", "interviewed"):
        return mentor.state
    lacks = missing(mentor, rules, today)
    if not lacks:
        return "available"
    return "enquired" if "interview" in lacks else "interviewed"


def to_order(mentor: Mentor | None, rules: Iterable[Rules]) -> dict[str, Rules]:
    """The certificates that can be ordered now, by kind, and whose rules ask for each."""
    if mentor is None or mentor.state not in ("interviewed", "available"):
        return {}
    rules = tuple(rules)
    return {
        one.kind: each
        for each in rules
        for one in each.certificates
        if one.of == "mentor"
        and one.kind not in mentor.certificates
        and not awaits_mailbox(mentor, one.kind, rules)
    }


def certificate_rule(rules: Iterable[Rules], kind: str) -> tuple[CertificateRule | None, Rules | None]:
    """What is asked of a certificate, and by whose rules."""
    for each in rules:
        rule = rule_for(each.certificates, "mentor", kind)
        if rule is not None:
            return rule, each
    return None, None


def newly_due(
    before: Mentor | None, rules_before: Iterable[Rules], mentor: Mentor, rules: Iterable[Rules]
) -> tuple[CertificateDue, ...]:
    """What can be ordered now and could not be before."""
    known = to_order(before, rules_before)
    return tuple(
        certificate_due(mentor, kind, asking, "order")
        for kind, asking in to_order(mentor, rules).items()
        if kind not in known
    )


def certificate_due(
    mentor: Mentor, kind: str, rules: Rules, why: Literal["order", "renew"]
) -> CertificateDue:
    certificate = mentor.certificates.get(kind)
    about = about_certificate(mentor, kind, rules)
    valid_until = certificate.valid_until if certificate is not None else None
    return CertificateDue(**about, why=why, valid_until=valid_until, asked=about["parties"])


def about_certificate(mentor: Mentor, kind: str, rules: Rules) -> dict[str, Any]:
    """What every event of a mentor's certificate carries."""
    return {
        "subject_id": mentor.id,
        "of": "mentor",
        "unit": mentor.unit,
        "kind": kind,
        "programme": rules.programme,
        "rules_version": rules.rules_version,
        "mentor_id": mentor.id,
        "parties": (Party(person_id=mentor.id, side="mentor", role="volunteer_mentor"),),
    }
