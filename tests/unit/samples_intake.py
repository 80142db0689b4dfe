"""Intake's messages about one case, and about one person who is a host's contact and a mentor too.

What is sealed is sealed alike each time here, so that a decision can be compared with its repetition.
"""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256
from typing import Any

from services.intake.casework import ComeOfAge
from services.intake.certificates import LapseCertificate, RenewCertificate
from services.intake.documents import State
from services.intake.sealing import Secrets
from services.intake.workflow import workflow
from shared.contracts.followup import PlacementEnded, PlacementStarted
from shared.contracts.intake import Profile
from shared.contracts.intake_commands import (
    AgreeGoals,
    AssignCase,
    ChangeWishes,
    CompletePreparation,
    ContactDetails,
    DeclineCandidate,
    GoalInWords,
    OrderCertificate,
    PauseCase,
    RecordCertificateShown,
    RecordConsent,
    RecordInterview,
    ReopenCase,
    ResumeCase,
    WithdrawCase,
)
from shared.contracts.matching import MentorWanted, MentorWantedWithdrawn
from shared.contracts.model import Wish, derived_id, match_id
from shared.contracts.referral import RegisterReferral
from shared.contracts.register_commands import RegisterPartner
from tests.builders import STAFF, TODAY, UNIT, Clock, agreed, cancelled, frame, proposed
from tests.servers.intake import referral
from tests.unit import people_samples, staff_samples
from tests.unit.enquiry_samples import GROUPS as ENQUIRIES
from tests.unit.exploring import Sample, Samples, World, message
from tests.unit.register_samples import GROUPS as REGISTERS
from tests.unit.staff_samples import SEVERAL, Bodies, handed_over

NAMES = ("referral", "person_key", "person", "guardian", "case", "host", "place", "partner", "notice")
IDS = {name: derived_id("sample", name) for name in NAMES}
IDS["mentor"] = PERSON = IDS["person"]
CASE, PLACE = IDS["case"], IDS["place"]
NOW = Clock().now
YESTERDAY, TOMORROW = TODAY - timedelta(days=1), TODAY + timedelta(days=1)

SECRETS = Secrets(
    seal=lambda text: f"sealed {text}",
    open=lambda sealed: sealed.removeprefix("sealed "),
    digest=lambda text: sha256(text.encode()).hexdigest(),
)


def refers(**changes: Any) -> RegisterReferral:
    document = referral(**changes)
    return RegisterReferral.model_construct(referral=document, version=None)


REFERRALS = (refers(), refers(programme="nonsense"), refers(groups=[]))
STEPS = ("expectations_aligned", "purpose_stated", "host_prepared", "interview", "nonsense")
PLACEMENTS = [
    frame(CASE, round_, "candidate", "host") | {"placement_id": match_id(CASE, round_)} for round_ in (1, 2)
]
OF_THE_CASE = (
    AssignCase(case_id=CASE, caseworker=derived_id("sample", "caseworker")),
    RecordInterview(case_id=CASE),
    RecordInterview(case_id=CASE, profile=Profile(times=("mon-morning",)), presentation="Glad for heste"),
    RecordInterview(case_id=CASE, held_on=TOMORROW),
    *(CompletePreparation(case_id=CASE, step=step, note="Aftalt i dag") for step in STEPS),
    CompletePreparation(case_id=CASE, step=STEPS[0], note=" ", considered={"buddy": True}),
    AgreeGoals(case_id=CASE, goals=(GoalInWords(title="Møde hver dag", sub_goals=("Finde bussen",)),)),
    ChangeWishes(case_id=CASE, wishes=(Wish(industries=("retail",)),)),
    RecordConsent(case_id=CASE, kind="guardian_consent", given_by="candidate"),
    RecordConsent(case_id=CASE, kind="guardian_consent", given_by="guardian"),
    RecordConsent(case_id=CASE, kind="share_profile"),
    RecordConsent(case_id=CASE, kind="share_profile", given=False),
    OrderCertificate(case_id=CASE, kind="child_certificate"),
    RecordCertificateShown(case_id=CASE, kind="child_certificate"),
    RecordCertificateShown(case_id=CASE, kind="child_certificate", valid_until=YESTERDAY),
    PauseCase(case_id=CASE, reason="illness"),
    PauseCase(case_id=CASE, reason="nonsense"),
    ResumeCase(case_id=CASE),
    WithdrawCase(case_id=CASE),
    DeclineCandidate(case_id=CASE, reason="no_need_now", support="guidance", heard_by="phone"),
    ReopenCase(case_id=CASE, reason="wants_again"),
    ReopenCase(case_id=CASE, reason="nonsense"),
    ComeOfAge(case_id=CASE),
    *(
        clock(of="candidate", subject_id=CASE, kind="child_certificate")
        for clock in (RenewCertificate, LapseCertificate)
    ),
    proposed(CASE),
    agreed(CASE),
    agreed(CASE, round_=2),
    cancelled(CASE),
    *(PlacementStarted(**placement, place_id=PLACE, started_on=TODAY) for placement in PLACEMENTS),
    *(
        PlacementEnded(**placement, how=how, next_step=next_step)
        for placement in PLACEMENTS
        for how, next_step in (
            ("completed", None),
            ("completed", "new_placement"),
            ("early", None),
            ("failed_match", None),
        )
    ),
)
CASES: Bodies = (
    (("referral", "case", "person_key", "person"), REFERRALS),
    (("case",), OF_THE_CASE),
    *handed_over(UNIT, case=CASE),
)


NOTICES: Bodies = (
    (
        ("partner", "person"),
        (
            RegisterPartner(
                unit=UNIT,
                kind="library",
                name="Biblioteket",
                contact_person=ContactDetails(name="Bo Eksempel"),
            ),
        ),
    ),
    (
        ("notice", "partners"),
        tuple(
            MentorWanted(
                **frame(IDS["case"]),
                notice_id=IDS["notice"],
                field="healthcare",
                stage="seeking_work",
                task="job_search",
                partners=partners,
                published_on=TODAY,
            )
            for partners in ((), (IDS["partner"],))
        ),
    ),
    (
        ("notice", "partners"),
        (MentorWantedWithdrawn(**frame(IDS["case"]), notice_id=IDS["notice"], reason="mentor_found"),),
    ),
)


def samples(bodies: Bodies) -> tuple[Sample, ...]:
    return tuple(
        Sample(message(body, NOW, STAFF), NOW, concerns) for concerns, several in bodies for body in several
    )


def apart(world: World) -> tuple[frozenset[str], str | None]:
    """The steps that are done, as only all of them make a case ready; and where a resting one goes on."""
    case = world.get("case")
    if case is None:
        return frozenset(), None
    done = frozenset(one.step for one in case.done) if case.state == "preparing" else frozenset()
    return done, case.paused_from


SERVICE = Samples(
    workflow(SECRETS),
    State,
    IDS,
    (*samples(CASES), *people_samples.about(IDS, NOW, STAFF)),
    apart=apart,
    several=SEVERAL | people_samples.SEVERAL,
    others=(*REGISTERS, staff_samples.GROUP, *ENQUIRIES, samples(NOTICES)),
    rules=staff_samples.rules,
)
