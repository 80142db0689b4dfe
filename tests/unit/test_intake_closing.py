"""A planned closing is moved and called off; what is over goes along when a unit closes, and quietly."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.intake.closing import LEFT, CloseOnTheDay, HandOver
from services.intake.documents import HostFile, Mentor, Place, State
from services.intake.staffing import unit_row
from services.intake.workflow import WORKFLOW
from shared.contracts.intake_commands import WithdrawCase
from shared.contracts.people_commands import CloseUnit
from shared.messages import Actor, Cancel, Ignored, Message, Refused
from shared.programmes import load
from shared.transitions import NONE
from tests.builders import TODAY, Clock
from tests.servers.corps import AALBORG, with_twin
from tests.unit.intake_story import Story

NOW = Clock().now
OTHER = "DK-0851/hjoerring"
SOFIE = uuid4()
MAJA = Actor(
    "maja", "staff", uuid4(), roles=frozenset({"project_manager"}), units=frozenset({AALBORG, OTHER})
)


TWO = with_twin(load(), AALBORG, OTHER)


def decided(state: State, body: Any, by: Actor | None = None) -> Any:
    message = Message(uuid4(), type(body).__name__, body, NOW, kind="command" if by else "timer", actor=by)
    return WORKFLOW.decide(state, message, TWO, NOW)


def planned(days: int, state: State | None = None, **said: Any) -> Any:
    closing = CloseUnit(unit=AALBORG, hand_over_to=OTHER, closes_on=TODAY + timedelta(days=days), **said)
    ids: dict[str, Any] = {"unit": unit_row(AALBORG), "units": (unit_row(OTHER),), "cases": ()}
    return decided(state or State(ids=ids, units=(None,)), closing, MAJA)


def on_the_day(state: State, day: date) -> Any:
    return decided(state, CloseOnTheDay(unit=AALBORG, to=OTHER, closes_on=day))


def test_a_closing_that_is_called_off_is_forgotten_and_its_day_passes() -> None:
    open_ = planned(7).state
    assert open_.unit.closed_on == TODAY + timedelta(days=7)
    decision = planned(0, open_, called_off=True)
    unit = decision.state.unit
    assert (unit.state, unit.closed_on, unit.handed_to, unit.new_caseworker) == ("open", None, None, None)
    (cancelled,) = decision.timers
    assert isinstance(cancelled, Cancel)
    assert cancelled.timer == CloseOnTheDay(unit=AALBORG, to=OTHER, closes_on=TODAY + timedelta(days=7))
    assert on_the_day(decision.state, TODAY + timedelta(days=7)) == Ignored("planned_otherwise")
    again = planned(9, decision.state).state
    assert on_the_day(again, TODAY + timedelta(days=9)).state.unit.state == "closed"


def test_what_is_not_planned_is_not_called_off_and_what_is_closed_stays_closed() -> None:
    with pytest.raises(Refused, match="no_closing_planned"):
        planned(0, called_off=True)
    with pytest.raises(Refused, match="no_closing_planned"):
        planned(0, planned(0, planned(7).state, called_off=True).state, called_off=True)
    with pytest.raises(Refused, match="not_in_this_state"):
        planned(0, planned(0).state, called_off=True)


def test_there_is_no_state_but_erased_in_which_something_stays_with_a_closed_unit() -> None:
    for lifecycle in WORKFLOW.lifecycles:
        if lifecycle.aggregate in LEFT:
            staying = {state for state in lifecycle.states if lifecycle.row(HandOver, state) is None}
            assert staying <= {NONE, "erased"}, lifecycle.aggregate


def handing(kind: Any, id_: UUID) -> HandOver:
    return HandOver(kind=kind, id=id_, unit=AALBORG, to=OTHER, caseworker=SOFIE)


def test_a_case_that_is_over_has_the_new_owner_and_is_as_over_as_before() -> None:
    story = Story("mentorskab")
    story.send(WithdrawCase(case_id=story.id, reason="moved"))
    case = story.case
    state = State(ids={"case": case.id}, case=case)
    decision = decided(state, handing("case", case.id))
    after = decision.state.case
    assert (after.unit, after.caseworker, after.state) == (OTHER, SOFIE, "withdrawn")
    assert [type(event).__name__ for event in decision.events] == ["CaseAssigned"]
    assert decision.events[0].handed_over_from == AALBORG
    assert decided(decision.state, handing("case", case.id)) == Ignored("handed_over_already")


KEPT: tuple[tuple[str, Any], ...] = (
    ("mentor", Mentor(id=uuid4(), unit=AALBORG, state="retired")),
    (
        "host",
        HostFile(
            id=uuid4(),
            unit=AALBORG,
            state="declined",
            kind="school",
            name="Skolen",
            contact_person_id=uuid4(),
        ),
    ),
    ("place", Place(id=uuid4(), unit=AALBORG, state="withdrawn", kind="school", programmes=("mentorskab",))),
)


@pytest.mark.parametrize(("kind", "kept"), KEPT)
def test_what_is_over_of_the_registers_goes_along_and_nobody_is_told(kind: str, kept: Any) -> None:
    decision = decided(State(ids={kind: kept.id}, **{kind: kept}), handing(kind, kept.id))
    after = getattr(decision.state, kind)
    assert (after.unit, after.state, decision.events) == (OTHER, kept.state, ())


def test_a_unit_that_closes_asks_the_other_for_the_programmes_of_cases_that_are_over_too() -> None:
    story = Story("skolepraksis")
    story.send(WithdrawCase(case_id=story.id, reason="moved"))
    ids: dict[str, Any] = {"unit": unit_row(AALBORG), "units": (unit_row(OTHER),), "cases": (story.id,)}
    state = State(ids=ids, units=(None,), cases=(story.case,))
    with pytest.raises(Refused, match="programme_not_in_unit"):
        planned(0, state)
