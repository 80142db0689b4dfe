"""Notifications' messages about one match, one of its mails and that mail's receiver.

The match's id stands for the proposal's too, so that all events are about one matter.
"""

from __future__ import annotations

from datetime import timedelta

from pydantic import BaseModel

from services.notifications.documents import (
    Mail,
    MailNotNeeded,
    MailPutOff,
    MailTaken,
    MailUndeliverable,
    State,
)
from services.notifications.workflow import WORKFLOW
from shared.contracts.followup import (
    CheckInBooked,
    CheckInDue,
    CheckInMoved,
    PlacementEnded,
    PlacementStarted,
)
from shared.contracts.intake import CaseAssigned, Contact, EnquiryMade, PartnerAsked, SubjectErased
from shared.contracts.matching import (
    MatchMeetingBooked,
    MatchProposed,
    ProposalAnswerDue,
    ProposalAnswered,
    ProposalLapsed,
    ProposalWithdrawn,
)
from shared.contracts.model import derived_id, match_id
from shared.contracts.notifications import RetryMail
from shared.messages import Tombstone
from tests.builders import LATER, STAFF, TODAY, UNIT, Clock, agreed, cancelled, frame, party
from tests.unit.exploring import Sample, Samples, message

CASE = derived_id("case", "sample")
MATTER, PLACE = match_id(CASE, 1), derived_id("place", "sample")
NOW = Clock().now
CANDIDATE, HOST = party(CASE, "candidate"), party(CASE, "host")
ABOUT = frame(CASE, 1, "candidate", "host")
QUESTION = ABOUT | {"proposal_id": MATTER, "place_id": PLACE}
PLACEMENT = ABOUT | {"placement_id": MATTER}
CHECK_IN = PLACEMENT | {"check_in_id": derived_id("check-in", MATTER, 1), "due_on": LATER}
IN_A_WEEK = NOW + timedelta(days=7)
ENQUIRY = {
    "unit": UNIT,
    "enquiry_id": MATTER,
    "kind": "candidate",
    "person_id": CANDIDATE.person_id,
}

NOTICE = {
    "partner_id": derived_id("sample", "partner"),
    "unit": UNIT,
    "notice_id": MATTER,
    "field": "healthcare",
    "stage": "seeking_work",
    "task": "job_search",
    "channel": "library",
}

PROPOSED = message(MatchProposed(**QUESTION, asked=(CANDIDATE, HOST), answer_by=IN_A_WEEK), NOW, STAFF)
MAIL = derived_id("mail", PROPOSED.id, CANDIDATE.person_id, "answer")
RESULT = {"mail_id": MAIL, "person_id": CANDIDATE.person_id}

OF_THE_MATTER = (
    ProposalAnswerDue(**QUESTION, asked=(HOST,), answer_by=IN_A_WEEK),
    ProposalAnswered(**QUESTION, by=HOST.person_id, answer="yes", asked=(CANDIDATE,)),
    ProposalAnswered(**QUESTION, by=HOST.person_id, answer="yes", complete=True),
    ProposalAnswered(**QUESTION, by=HOST.person_id, answer="no", reason="other"),
    ProposalLapsed(**QUESTION),
    ProposalWithdrawn(**QUESTION, reason="withdrawn"),
    MatchMeetingBooked(**QUESTION, at=IN_A_WEEK, mode="phone"),
    agreed(CASE),
    cancelled(CASE),
    PlacementStarted(**PLACEMENT, place_id=PLACE, started_on=TODAY),
    CheckInBooked(**CHECK_IN),
    CheckInMoved(**CHECK_IN, at=IN_A_WEEK, mode="phone"),
    CheckInDue(**CHECK_IN),
    PlacementEnded(**PLACEMENT, how="completed"),
    PlacementEnded(**PLACEMENT, how="failed_match"),
    EnquiryMade(**ENQUIRY, stage="asked", asked=(CANDIDATE,), answer_by=IN_A_WEEK),
    EnquiryMade(**ENQUIRY, stage="confirmed"),
    PartnerAsked(**NOTICE, asked=(HOST,)),
    PartnerAsked(**NOTICE, over=True),
)
OF_THE_CONTACT = (
    *(
        Contact(person_id=CANDIDATE.person_id, version=version, name="Amina Eksempel", email=email)
        for version, email in ((1, None), (2, "amina@example.org"))
    ),
    Tombstone(topic="contacts-v1", key=str(CANDIDATE.person_id)),
)
ERASED = tuple(
    SubjectErased(subject_id=CANDIDATE.person_id, kind=kind, person_id=CANDIDATE.person_id)
    for kind in ("person", "case")
)
ASSIGNED = tuple(
    CaseAssigned(**frame(CASE), caseworker=derived_id("sample", "caseworker"), handed_over_from=unit)
    for unit in (None, "DK-0851/aalborg")
)
OF_THE_MAIL = (
    MailTaken(**RESULT),
    MailPutOff(**RESULT, reason="try_later"),
    MailUndeliverable(**RESULT, reason="no_email"),
    MailUndeliverable(**RESULT, reason="address_refused"),
    MailNotNeeded(**RESULT, reason="over"),
)

BODIES: tuple[tuple[tuple[str, ...], tuple[BaseModel, ...]], ...] = (
    (("matter",), OF_THE_MATTER),
    (("contact",), OF_THE_CONTACT),
    (("contact", "mails"), ERASED),
    (("case", "mails"), ASSIGNED),
    (("mail", "contact"), OF_THE_MAIL),
    (("mail",), (RetryMail(mail_id=MAIL),)),
)

SERVICE = Samples(
    WORKFLOW,
    State,
    {"matter": MATTER, "contact": CANDIDATE.person_id, "mail": MAIL, "case": CASE},
    (
        Sample(PROPOSED, NOW, ("matter",)),
        *(Sample(message(body, NOW, STAFF), NOW, concerns) for concerns, bodies in BODIES for body in bodies),
    ),
    added={"mail": Mail},
    several={"mails": "mail"},
)
