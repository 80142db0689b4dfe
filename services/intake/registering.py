"""The tables of hosts, mentors, their places, partners, and what a unit counts: a part of intake's workflow.

A **host** or a **mentor** that made contact is *enquired* until what is asked is done (a mentor is
*interviewed* on the way), then *available*; they are *declined* or *retired*, and may come again. Their
**places** are *offered*, or *rest* while they take nobody: that follows whatever happens to their host or
mentor, and is no row of its own here. A **partner** is known, and how far the cooperation has come is its
status.
"""

from __future__ import annotations

from services.intake import hosts, mentors, partners, places, training
from services.intake.certificates import LapseCertificate, RenewCertificate
from shared.contracts.intake_commands import OrderCertificate, RecordCertificateShown
from shared.contracts.register_commands import (
    ChangePlace,
    DeclineHost,
    DeclineMentor,
    JoinHostNetwork,
    OfferPlace,
    RaiseDispute,
    RecordContact,
    RecordHostInterview,
    RecordMentorInterview,
    RecordTraining,
    RegisterHost,
    RegisterMentor,
    RegisterPartner,
    RequestTraining,
    RetireHost,
    RetireMentor,
    SetAppetite,
    SignCooperationAgreement,
    SignVolunteerAgreement,
    WithdrawPlace,
)
from shared.transitions import Lifecycle, On

HOST = Lifecycle(
    "host",
    (
        On(RegisterHost, "none enquired declined retired", "enquired available", hosts.register_host),
        On(RegisterHost, "available", "=", hosts.register_host),
        On(RecordHostInterview, "enquired available", "available", hosts.record_interview),
        On(SetAppetite, "enquired available", "=", hosts.set_appetite),
        On(JoinHostNetwork, "enquired available", "=", hosts.join_network),
        On(RequestTraining, "enquired available", "=", training.request_training),
        On(DeclineHost, "enquired available", "declined", hosts.decline),
        On(RetireHost, "enquired available", "retired", hosts.retire),
    ),
    ends=("declined", "retired"),
)

ASKED = "enquired interviewed available"


MENTOR = Lifecycle(
    "mentor",
    (
        On(RegisterMentor, "none declined retired", ASKED, mentors.register_mentor),
        On(RegisterMentor, "enquired interviewed available", "= available", mentors.register_mentor),
        On(RecordMentorInterview, "enquired interviewed", "interviewed available", mentors.record_interview),
        On(RecordMentorInterview, "available", "=", mentors.record_interview),
        On(SignVolunteerAgreement, "enquired available", "=", mentors.sign_agreement),
        On(SignVolunteerAgreement, "interviewed", "= available", mentors.sign_agreement),
        On(RecordCertificateShown, "enquired available", "=", mentors.record_certificate_shown),
        On(RecordCertificateShown, "interviewed", "= available", mentors.record_certificate_shown),
        On(OrderCertificate, ASKED, "=", mentors.order_certificate),
        On(RenewCertificate, ASKED, "=", mentors.renew),
        On(LapseCertificate, ASKED, "=", mentors.lapse),
        On(SetAppetite, ASKED, "=", mentors.set_appetite),
        On(RequestTraining, ASKED, "=", training.request_training),
        On(DeclineMentor, ASKED, "declined", mentors.decline),
        On(RetireMentor, ASKED, "retired", mentors.retire),
    ),
    ends=("declined", "retired"),
)

PLACE = Lifecycle(
    "place",
    (
        On(OfferPlace, "none offered resting withdrawn", "offered resting", places.offer_place),
        On(ChangePlace, "offered resting", "offered resting", places.change_place),
        On(WithdrawPlace, "offered resting", "withdrawn", places.withdraw_place),
    ),
    ends=("withdrawn",),
)

PARTNER = Lifecycle(
    "partner",
    (
        On(RegisterPartner, "none known", "known", partners.register_partner),
        On(SignCooperationAgreement, "known", "=", partners.sign_agreement),
        On(RaiseDispute, "known", "=", partners.raise_dispute),
    ),
    ends=("known",),
)

COUNTED_BY_UNIT = (
    On(RecordContact, "none open", "open", training.record_contact),
    On(RecordTraining, "none open", "open", training.record_training),
)
"""What is recorded of a unit as a whole; the unit's own table stands with its closing."""
