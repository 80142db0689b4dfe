"""Matching's messages about one case, one place and the one proposal between them.

A case's events concern its proposal and its place as well, as they do once a proposal is out.
"""

from __future__ import annotations

from datetime import date, timedelta

from pydantic import BaseModel

from services.matching.documents import (
    LapseAgreement,
    LapseProposal,
    LookAgain,
    NoPairFound,
    PairFound,
    RemindAnswer,
    State,
    TakeDownNotice,
)
from services.matching.workflow import WORKFLOW
from shared.contracts.followup import PlacementEnded, PlacementStarted
from shared.contracts.intake import (
    CaseAssigned,
    CaseClosed,
    CasePaused,
    CaseReady,
    CaseResumed,
    CaseTexts,
    CaseWithdrawn,
    EnquiryMade,
    PlaceOffered,
    PlaceWithdrawn,
    Profile,
    SubjectErased,
)
from shared.contracts.matching import (
    AgreeMatch,
    AnswerProposal,
    BookMatchMeeting,
    CancelMatch,
    OverrideProposal,
    ProposePairs,
    PublishMentorWanted,
    WhyNot,
    WithdrawMentorWanted,
    WithdrawProposal,
)
from shared.contracts.model import derived_id, match_id
from shared.messages import Actor, Tombstone
from tests.builders import PROGRAMME, STAFF, TODAY, UNIT, Clock, frame, party
from tests.unit.exploring import Sample, Samples, World, message

CASE, PLACE, PROPOSAL = (derived_id("sample", name) for name in ("case", "place", "proposal"))
NOTICE = derived_id("notice", CASE)
MATCH = match_id(CASE, 1)
NOW = Clock().now
CANDIDATE, HOST = party(CASE, "candidate"), party(CASE, "host")
BY_LINK = Actor("link", "party", CANDIDATE.person_id, scope="answer", question=PROPOSAL)


def ready(round_: int, **profile: object) -> CaseReady:
    return CaseReady(
        **frame(CASE, round_, "candidate"),
        person_id=CANDIDATE.person_id,
        waiting_since=TODAY,
        profile=Profile.model_validate(profile),
    )


def pair(case_revision: int) -> PairFound:
    return PairFound(
        proposal_id=PROPOSAL,
        case_id=CASE,
        place_id=PLACE,
        case_revision=case_revision,
        place_revision=1,
        points=1,
    )


def offered(**more: object) -> PlaceOffered:
    fields = {"place_id": PLACE, "unit": UNIT, "kind": "association", "programmes": (PROGRAMME,)}
    return PlaceOffered.model_validate(fields | {"capacity": 1, "parties": (HOST,)} | more)


def agreement(ends_on: date | None) -> AgreeMatch:
    return AgreeMatch(
        proposal_id=PROPOSAL, starts_on=TODAY, ends_on=ends_on, hours_per_week=5, times=("tue-evening",)
    )


FIRST, SECOND = frame(CASE, 1, "candidate", "host"), frame(CASE, 2, "candidate", "host")
PLACEMENT = FIRST | {"placement_id": MATCH}

OF_THE_CASE = (
    ready(1),
    ready(1, excluded_hosts=[PLACE]),
    ready(2),
    CaseAssigned(**FIRST, caseworker=derived_id("sample", "caseworker")),
    CasePaused(**FIRST, reason="illness"),
    CaseResumed(**FIRST),
    CaseWithdrawn(**FIRST, reason="own_wish"),
    CaseWithdrawn(**SECOND, reason="own_wish"),
    CaseClosed(**FIRST, reason="ended"),
)
OF_THE_PLACE = (
    offered(),
    offered(capacity=2, programmes=("skolepraksis",)),
    PlaceWithdrawn(place_id=PLACE, unit=UNIT),
)
OF_THE_PROPOSAL = (
    *(pair(case_revision) for case_revision in (1, 2, 3)),
    *(
        AnswerProposal(proposal_id=PROPOSAL, by=who.person_id, answer=answer, reason=reason, heard_by="phone")
        for who in (CANDIDATE, HOST)
        for answer, reason in (("yes", None), ("no", "too_far"), ("no", None))
    ),
    AnswerProposal(proposal_id=PROPOSAL, by=HOST.person_id, answer="yes"),
    RemindAnswer(proposal_id=PROPOSAL),
    LapseProposal(proposal_id=PROPOSAL),
    LapseAgreement(proposal_id=PROPOSAL),
    LookAgain(proposal_id=PROPOSAL),
    BookMatchMeeting(proposal_id=PROPOSAL, at=NOW + timedelta(days=2)),
    BookMatchMeeting(proposal_id=PROPOSAL, at=NOW - timedelta(days=2)),
    WithdrawProposal(proposal_id=PROPOSAL),
    agreement(TODAY + timedelta(weeks=8)),
    agreement(None),
    CancelMatch(match_id=MATCH, reason="host_withdrew"),
    PlacementStarted(**PLACEMENT, place_id=PLACE, started_on=TODAY),
    PlacementEnded(**PLACEMENT, how="completed"),
    PlacementEnded(**PLACEMENT, how="failed_match", reason="own_wish"),
)
ERASED_CASES = tuple(
    SubjectErased(subject_id=CASE, kind="case", person_id=CANDIDATE.person_id, is_candidate=is_candidate)
    for is_candidate in (True, False)
)
ERASED_PLACE = (SubjectErased(subject_id=PLACE, kind="place", person_id=HOST.person_id),)
OF_THE_SOLVED_POOL = (
    NoPairFound(case_id=CASE, case_revision=1, reasons=(WhyNot(code="distance", places=1),)),
)
OVERRIDDEN = (
    OverrideProposal(case_id=CASE, place_id=PLACE, reason="known_to_work"),
    OverrideProposal(case_id=CASE, place_id=PLACE, reason="nonsense"),
)
OF_THE_NOTICE = (
    PublishMentorWanted(case_id=CASE),
    PublishMentorWanted(case_id=CASE, field="healthcare", stage="seeking_work", task="job_search"),
    WithdrawMentorWanted(notice_id=NOTICE),
    TakeDownNotice(case_id=CASE, reason="mentor_found"),
)
REPLIES = tuple(
    EnquiryMade(
        unit=UNIT,
        enquiry_id=derived_id("sample", "enquiry"),
        kind="mentor",
        stage=stage,
        person_id=HOST.person_id,
        channel="library",
        notice_id=NOTICE,
        partner_id=partner_id,
    )
    for stage in ("asked", "confirmed")
    for partner_id in (None, derived_id("sample", "partner"))
)
OF_THE_TEXTS = (
    *(CaseTexts(case_id=CASE, version=version, presentation="Glad for heste") for version in (1, 2)),
    Tombstone(topic="case-texts-v1", key=str(CASE)),
)
OF_THE_POOL = (
    ProposePairs(programme=PROGRAMME, unit=UNIT),
    ProposePairs(programme="nonsense", unit=UNIT),
)

BODIES: tuple[tuple[tuple[str, ...], tuple[BaseModel, ...]], ...] = (
    (("case", "proposal", "place"), OF_THE_CASE),
    (("case", "proposals", "proposal", "place"), ERASED_CASES),
    (("place",), ERASED_PLACE),
    (("place",), OF_THE_PLACE),
    (("proposal", "case", "place"), OF_THE_PROPOSAL),
    (("case",), OF_THE_SOLVED_POOL),
    (("case", "place", "proposal"), OVERRIDDEN),
)
BESIDE: tuple[tuple[tuple[str, ...], tuple[BaseModel, ...]], ...] = (
    (("case",), OF_THE_CASE[:1]),
    (("notice", "case"), OF_THE_NOTICE),
    (("notice",), REPLIES),
    (("case", "notice", "texts"), ERASED_CASES),
    (("texts",), OF_THE_TEXTS),
)
"""A notice and a text stand beside a case, whatever becomes of its proposal."""
ANSWER_BY_LINK = AnswerProposal(proposal_id=PROPOSAL, by=CANDIDATE.person_id, answer="yes")


def answers(world: World) -> tuple[int, bool]:
    """How many have answered, as all of them must before a match; and whether the case rests meanwhile."""
    proposal, case = world.get("proposal"), world.get("case")
    answered = sum(one.answer is not None for one in proposal.asked) if proposal else 0
    return answered, case is not None and case.paused


SERVICE = Samples(
    WORKFLOW,
    State,
    {
        "case": CASE,
        "place": PLACE,
        "proposal": PROPOSAL,
        "pool": derived_id("pool", UNIT, PROGRAMME),
        "notice": NOTICE,
        "texts": CASE,
    },
    (
        *(Sample(message(body, NOW, STAFF), NOW, concerns) for concerns, bodies in BODIES for body in bodies),
        Sample(message(ANSWER_BY_LINK, NOW, BY_LINK), NOW, ("proposal", "case", "place")),
    ),
    apart=answers,
    several={"proposals": "proposal"},
    others=(
        tuple(Sample(message(body, NOW, STAFF), NOW, names) for names, bodies in BESIDE for body in bodies),
        tuple(Sample(message(body, NOW, STAFF), NOW, ("pool",)) for body in OF_THE_POOL),
    ),
)
