"""Followup's messages about one case, for the tests that put every message to every state."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import uuid4

from services.followup.documents import NeverStarted, RemindCheckIn, StartPlacement, State
from services.followup.workflow import WORKFLOW
from shared.contracts.followup import BookCheckIn, EndPlacement, RecordCheckIn, RequestRematch
from shared.contracts.intake import CaseAssigned, SubjectErased
from shared.contracts.model import derived_id, match_id
from shared.messages import Tombstone
from tests.builders import (
    LATER,
    STAFF,
    Clock,
    agreed,
    cancelled,
    cleared,
    frame,
    held,
    party,
    proposed,
    texts,
    withdrawn,
)
from tests.unit.exploring import Sample, Samples, message

CASE = derived_id("case", "sample")
PLACEMENT = match_id(CASE, 1)
CHECK_INS = [derived_id("check-in", PLACEMENT, number) for number in (1, 2)]
NOW = Clock().now
A_MONTH_LATER = NOW + timedelta(days=31)

ABOUT_THE_CASE = (
    proposed(CASE),
    texts(CASE, 1),
    texts(CASE, 2),
    Tombstone(topic="case-texts-v1", key=str(CASE)),
)
ASSIGNED = (
    CaseAssigned(**frame(CASE), caseworker=derived_id("sample", "caseworker")),
    CaseAssigned(**frame(CASE), caseworker=derived_id("sample", "other"), handed_over_from="DK-0851/aalborg"),
)
ERASED = (
    SubjectErased(subject_id=CASE, kind="case", person_id=party(CASE, "host").person_id),
    SubjectErased(
        subject_id=CASE, kind="case", person_id=party(CASE, "candidate").person_id, is_candidate=True
    ),
    SubjectErased(subject_id=CASE, kind="person", person_id=CASE),
)
ABOUT_THE_PLACEMENT = (
    agreed(CASE),
    agreed(CASE, LATER, date(2026, 6, 1)),
    cleared(CASE),
    held(CASE),
    withdrawn(CASE),
    cancelled(CASE),
    StartPlacement(placement_id=PLACEMENT),
    NeverStarted(placement_id=PLACEMENT),
    *(RemindCheckIn(placement_id=PLACEMENT, check_in_id=one) for one in CHECK_INS),
    BookCheckIn(placement_id=PLACEMENT, at=NOW + timedelta(days=40)),
    BookCheckIn(placement_id=PLACEMENT, at=NOW + timedelta(days=400), mode="phone"),
    BookCheckIn(placement_id=PLACEMENT, at=NOW - timedelta(days=40), check_in_id=CHECK_INS[1]),
    RecordCheckIn(placement_id=PLACEMENT, held=True),
    RecordCheckIn(placement_id=PLACEMENT, outcome="missed", check_in_id=CHECK_INS[0]),
    RecordCheckIn(placement_id=PLACEMENT, held=True, held_on=date(2020, 1, 1)),
    RecordCheckIn(placement_id=PLACEMENT, held=True, held_on=date(2030, 1, 1), check_in_id=uuid4()),
    EndPlacement(placement_id=PLACEMENT),
    RequestRematch(placement_id=PLACEMENT, reason="conflict"),
    RequestRematch(placement_id=PLACEMENT, reason="nonsense"),
    EndPlacement(placement_id=PLACEMENT, how="early"),
    EndPlacement(placement_id=PLACEMENT, how="early", reason="own_wish", next_step="nonsense"),
)


SERVICE = Samples(
    WORKFLOW,
    State,
    {"placement": PLACEMENT, "case": CASE},
    tuple(
        Sample(message(body, NOW, STAFF), now, concerns)
        for concerns, bodies in (
            (("case",), ABOUT_THE_CASE),
            (("case", "placements"), ERASED),
            (("case", "placements"), ASSIGNED),
            (("placement", "case"), ABOUT_THE_PLACEMENT),
        )
        for body in bodies
        for now in (NOW, A_MONTH_LATER)
    ),
    several={"placements": "placement"},
)
