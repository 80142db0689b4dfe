"""Matching and followup go along when a case gets another caseworker, or another unit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from services.followup import documents as followup
from services.followup import workflow as followups
from services.matching import documents as matching
from services.matching import workflow as matchings
from shared.contracts.intake import CaseAssigned, CaseReady, Profile
from shared.contracts.matching import MatchAgreed
from shared.contracts.model import Party, match_id
from shared.messages import Decision, Message
from shared.programmes import Programmes
from tests.builders import TODAY, Clock
from tests.servers.corps import AALBORG, HJOERRING, two_corps

__all__ = ["two_corps"]

CASE, NEW = uuid4(), uuid4()
NOW = Clock().now
CANDIDATE = Party(person_id=uuid4(), side="candidate", role="candidate")
OLD = Party(person_id=uuid4(), side="staff", role="caseworker")
ABOUT: dict[str, Any] = {
    "unit": AALBORG,
    "programme": "mentorskab",
    "case_id": CASE,
    "rules_version": "2020-01-01",
    "parties": (CANDIDATE, OLD),
}
MOVED = CaseAssigned(
    **ABOUT | {"unit": HJOERRING, "parties": (CANDIDATE, OLD.model_copy(update={"person_id": NEW}))},
    caseworker=NEW,
    handed_over_from=AALBORG,
)


def decided(workflow: Any, state: Any, body: Any, rules: Programmes) -> Decision[Any]:
    result = workflow.decide(state, Message(uuid4(), type(body).__name__, body, NOW), rules, NOW)
    assert isinstance(result, Decision), result
    return result


def waiting(rules: Programmes) -> matching.State:
    ready = CaseReady(
        **ABOUT, person_id=CANDIDATE.person_id, waiting_since=TODAY, profile=Profile(field="health")
    )
    state = matching.State(ids={"case": CASE})
    found: matching.State = decided(matchings.WORKFLOW, state, ready, rules).state
    return found


def test_a_case_waits_on_in_the_pool_of_its_new_unit(two_corps: Programmes) -> None:
    before = waiting(two_corps)
    decision = decided(matchings.WORKFLOW, before, MOVED, two_corps)
    case = decision.state.case
    assert (case.unit, case.state) == (HJOERRING, "waiting")
    assert case.waiting_since == TODAY
    assert before.case is not None and case.revision > before.case.revision
    assert [one.row["unit"] for one in decision.appends] == [HJOERRING]
    assert NEW in {party.person_id for party in case.parties}


def test_another_caseworker_alone_does_not_make_the_pool_be_solved_again(two_corps: Programmes) -> None:
    before = waiting(two_corps)
    told = MOVED.model_copy(update={"unit": AALBORG, "handed_over_from": None})
    decision = decided(matchings.WORKFLOW, before, told, two_corps)
    assert before.case is not None
    assert (decision.state.case.unit, decision.state.case.revision) == (AALBORG, before.case.revision)
    assert decision.appends == ()
    assert NEW in {party.person_id for party in decision.state.case.parties}


AGREED = MatchAgreed(
    **ABOUT,
    match_id=match_id(CASE, 1),
    proposal_id=uuid4(),
    place_id=uuid4(),
    starts_on=TODAY,
    hours_per_week=2,
)


def test_a_placement_goes_on_under_its_new_unit_with_the_new_caseworker(two_corps: Programmes) -> None:
    ids = {"placement": match_id(CASE, 1), "case": CASE}
    known = decided(followups.WORKFLOW, followup.State(ids=ids), AGREED, two_corps).state
    state = replace(
        known,
        ids={"case": CASE, "placements": (known.placement.id,)},
        placement=None,
        placements=(known.placement,),
    )
    after = decided(followups.WORKFLOW, state, MOVED, two_corps).state
    (placement,) = after.placements
    assert (placement.unit, after.case.unit) == (HJOERRING, HJOERRING)
    for parties in (placement.parties, after.case.parties):
        assert {party.person_id for party in parties} == {CANDIDATE.person_id, NEW}


@pytest.mark.parametrize("state", ["ended", "cancelled", "withdrawn"])
def test_what_is_over_stays_where_it_was_counted(two_corps: Programmes, state: Any) -> None:
    over = followup.Placement(
        id=match_id(CASE, 1),
        case_id=CASE,
        unit=AALBORG,
        programme="mentorskab",
        round=1,
        rules_version="2020-01-01",
        state=state,
    )
    before = followup.State(
        ids={"case": CASE, "placements": (over.id,)},
        case=followup.CaseTrack(id=CASE, unit=AALBORG),
        placements=(over,),
    )
    assert decided(followups.WORKFLOW, before, MOVED, two_corps).state.placements == (over,)


def test_an_agreement_that_is_heard_of_after_the_handing_over_is_the_new_units(
    two_corps: Programmes,
) -> None:
    nothing = followup.State(ids={"case": CASE, "placements": ()})
    known = decided(followups.WORKFLOW, nothing, MOVED, two_corps).state
    ids = {"placement": match_id(CASE, 1), "case": CASE}
    state = followup.State(ids=ids, case=known.case)
    placement = decided(followups.WORKFLOW, state, AGREED, two_corps).state.placement
    assert placement.unit == HJOERRING
