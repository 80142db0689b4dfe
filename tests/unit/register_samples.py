"""Samples of what is said to the registers: a host in one unit, a volunteer mentor in another, and a partner.

The mentor's corps asks an interview and an agreement; each group of samples is explored by itself.
"""

from __future__ import annotations

from datetime import timedelta

from services.intake.certificates import LapseCertificate, RenewCertificate
from shared.contracts.intake_commands import ContactDetails, OrderCertificate, RecordCertificateShown
from shared.contracts.model import derived_id
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
from shared.messages import Actor
from tests.builders import PROGRAMME, TODAY, UNIT, Clock
from tests.unit.exploring import Sample, message
from tests.unit.staff_samples import Bodies, handed_over, handing

CORPS, MENTORING = "DK-0851/aalborg", "mentorskab"
ANNA = Actor("anna", "staff", derived_id("sample", "anna"), units=frozenset({UNIT, CORPS}))
NOW, TOMORROW = Clock().now, TODAY + timedelta(days=1)
HOST, MENTOR, PLACE = (derived_id("sample", name) for name in ("host", "person", "place"))
PARTNER = derived_id("sample", "partner")
BY_EMAIL = ContactDetails(name="Vera Vært", email="vera@example.org")
CERTIFICATE = "child_certificate"

OF_A_PLACE: Bodies = (
    (("place",), (WithdrawPlace(place_id=PLACE), WithdrawPlace(place_id=PLACE, reason="nonsense"))),
)
HOSTS: Bodies = (
    (
        ("host", "person", "places"),
        (
            *(
                RegisterHost(
                    host_id=HOST,
                    unit=UNIT,
                    kind="association",
                    name="Idrætsklubben",
                    contact_person=BY_EMAIL,
                    enquiry=enquiry,
                )
                for enquiry in (False, True)
            ),
            RegisterHost(
                host_id=HOST, unit="nowhere", kind="association", name="Klubben", contact_person=BY_EMAIL
            ),
        ),
    ),
    (
        ("host", "places"),
        (
            RecordHostInterview(host_id=HOST, expectations="Møder til tiden", instruction=("pictures",)),
            RecordHostInterview(host_id=HOST, held_on=TOMORROW),
            SetAppetite(host_id=HOST, appetite="not_now", until=TOMORROW),
            SetAppetite(host_id=HOST, appetite="looking"),
            SetAppetite(host_id=HOST, appetite="looking", until=TODAY),
            DeclineHost(host_id=HOST, reason="conditions_unsuitable", support="volunteer_centre"),
            DeclineHost(host_id=HOST, reason="nonsense"),
            RetireHost(host_id=HOST, reason="no_time"),
            JoinHostNetwork(host_id=HOST),
            JoinHostNetwork(host_id=HOST, joins=False),
        ),
    ),
    (("host", "unit"), (RequestTraining(host_id=HOST, topics=("mentor_role",)),)),
    (("place", "host"), (OfferPlace(place_id=PLACE, host_id=HOST, programmes=(PROGRAMME,)),)),
    (("place", "host"), (ChangePlace(place_id=PLACE, capacity=2),)),
    (("unit", "hosts"), (RecordTraining(unit=UNIT, topics=("mentor_role",), hosts=(HOST,)),)),
    *OF_A_PLACE,
    *handed_over(UNIT, host=HOST),
    (("place", "host"), (handing(UNIT, "place", PLACE),)),
)
MENTORS: Bodies = (
    (
        ("mentor", "person", "places"),
        (
            RegisterMentor(mentor_id=MENTOR, unit=CORPS, contact=BY_EMAIL),
            RegisterMentor(mentor_id=MENTOR, unit=CORPS, contact=BY_EMAIL, enquiry=True),
            RegisterMentor(mentor_id=MENTOR, unit=CORPS, contact=BY_EMAIL, field="nonsense"),
        ),
    ),
    (
        ("mentor", "places"),
        (
            RecordMentorInterview(mentor_id=MENTOR, note="Taler dari"),
            SignVolunteerAgreement(mentor_id=MENTOR),
            SignVolunteerAgreement(mentor_id=MENTOR, signed_on=TOMORROW),
            SetAppetite(mentor_id=MENTOR, appetite="already_organised"),
            SetAppetite(mentor_id=MENTOR, appetite="interested"),
            DeclineMentor(mentor_id=MENTOR, reason="age", heard_by="phone"),
            RetireMentor(mentor_id=MENTOR, reason="moved"),
            OrderCertificate(mentor_id=MENTOR, kind=CERTIFICATE),
            RecordCertificateShown(mentor_id=MENTOR, kind=CERTIFICATE, valid_until=TOMORROW),
            RecordCertificateShown(mentor_id=MENTOR, kind="nonsense"),
            RenewCertificate(of="mentor", subject_id=MENTOR, kind=CERTIFICATE),
            LapseCertificate(of="mentor", subject_id=MENTOR, kind=CERTIFICATE),
        ),
    ),
    (("mentor", "unit"), (RequestTraining(mentor_id=MENTOR, topics=("mentor_role",)),)),
    (
        ("place", "mentor", "places"),
        (OfferPlace(place_id=PLACE, mentor_id=MENTOR, programmes=(MENTORING,)),),
    ),
    (("place", "mentor", "places"), (ChangePlace(place_id=PLACE, times=("mon-evening",)),)),
    *OF_A_PLACE,
    *handed_over(CORPS, mentor=MENTOR),
    (("place", "mentor"), (handing(CORPS, "place", PLACE),)),
)
AGREEMENT = {
    "partner_id": PARTNER,
    "signed_by_management": True,
    "signed_by_staff": True,
    "partner_roles": "Finder mentorer",
    "interfaces": "Møde hver måned",
    "dispute_steps": "Kontaktpersonerne taler sammen først",
}
PARTNERS: Bodies = (
    (
        ("partner", "person"),
        (
            RegisterPartner(
                partner_id=PARTNER, unit=CORPS, kind="company", name="Værft", contact_person=BY_EMAIL
            ),
        ),
    ),
    (
        ("partner",),
        (
            RegisterPartner(partner_id=PARTNER, unit=CORPS, kind="library", name="Biblioteket"),
            SignCooperationAgreement(**AGREEMENT),
            SignCooperationAgreement(**AGREEMENT | {"signed_by_staff": False}),
            *(
                RaiseDispute(partner_id=PARTNER, step=step)
                for step in ("raised", "contacts_talk", "managers_meet", "settled", "agreement_ended")
            ),
        ),
    ),
    *handed_over(CORPS, partner=PARTNER),
    (("unit",), (RecordContact(unit=CORPS, channel="social_media", contacts=8, reactions=0),)),
    (("unit", "partner"), (RecordContact(unit=CORPS, channel="company", partner_id=PARTNER),)),
)


def _samples(bodies: Bodies, unit: str) -> tuple[Sample, ...]:
    ids = {"unit": derived_id("unit", unit), "mentor": MENTOR, "person": MENTOR, "partner": PARTNER}
    return tuple(
        Sample(message(body, NOW, ANNA), NOW, concerns, ids)
        for concerns, several in bodies
        for body in several
    )


GROUPS = (_samples(HOSTS, UNIT), _samples(MENTORS, CORPS), _samples(PARTNERS, CORPS))
