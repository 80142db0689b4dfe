"""Who stands in for whom, what a group lacks, and how what is left in a closed unit is looked through."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.intake.closing import AGAIN_AFTER, AT_ONCE, HandOver, LookForLeft
from services.intake.documents import Mentor, State
from services.intake.registers import Duty, Staff, UnitFile
from services.intake.staffing import GROUP_TOPICS, StaffSeen, belongs, stands_in_for, topics_missing, unit_row
from services.intake.workflow import WORKFLOW
from shared.messages import Decision, Ignored, Message, Schedule
from shared.programmes import load
from tests.builders import TODAY, Clock
from tests.servers.corps import AALBORG, HJOERRING

NOW = Clock().now
JONAS, SOFIE = uuid4(), uuid4()
COLLEAGUE = Staff(id=JONAS, unit=AALBORG, units=(AALBORG, HJOERRING), roles=("coordinator",))


def decided(state: State, body: Any) -> Any:
    return WORKFLOW.decide(state, Message(uuid4(), type(body).__name__, body, NOW), load(), NOW)


@pytest.mark.parametrize(
    ("since", "until", "does"),
    [
        (TODAY, None, True),
        (TODAY, TODAY, True),
        (TODAY + timedelta(days=1), None, False),
        (TODAY - timedelta(days=9), TODAY - timedelta(days=1), False),
    ],
)
def test_somebody_stands_in_on_the_days_that_were_said_and_on_no_others(
    since: date, until: date | None, does: bool
) -> None:
    duty = (Duty(person_id=JONAS, stands_in_for=SOFIE, since=since, until=until),)
    assert (SOFIE in stands_in_for(duty, JONAS, TODAY)) is does
    assert stands_in_for(duty, SOFIE, TODAY) == frozenset()


def test_duty_alone_gives_nobody_elses_cases() -> None:
    assert stands_in_for((Duty(person_id=JONAS, since=TODAY),), JONAS, TODAY) == frozenset()


def test_a_colleague_belongs_to_each_unit_that_the_sign_in_names() -> None:
    assert belongs(COLLEAGUE, AALBORG) and belongs(COLLEAGUE, HJOERRING)
    assert not belongs(COLLEAGUE, "DK-0169") and not belongs(None, AALBORG)


def test_what_a_member_lacks_is_said_in_the_order_of_the_topics() -> None:
    trained = COLLEAGUE.model_copy(update={"trained": ("ending", "reception", "mentor_role")})
    assert topics_missing(trained) == tuple(
        topic for topic in GROUP_TOPICS if topic not in ("ending", "reception")
    )
    assert len(GROUP_TOPICS) == 10


def test_signing_in_again_changes_nothing_and_a_new_unit_is_told_to_nobody() -> None:
    seen = StaffSeen(
        staff_id=JONAS, name="Jonas", email="j@example.org", roles=("coordinator",), units=(AALBORG,)
    )
    first = decided(State(ids={"staff": JONAS, "person": JONAS}), seen)
    assert [type(event).__name__ for event in first.events] == ["Contact"]
    assert decided(first.state, seen) == Ignored("known_so")
    moved = decided(first.state, seen.model_copy(update={"units": (AALBORG, "DK-0169")}))
    assert (moved.events, moved.state.staff.unit) == ((), AALBORG)
    renamed = decided(first.state, seen.model_copy(update={"name": "Jonas Prøve", "email": None}))
    assert (renamed.events[0].version, renamed.events[0].email) == (2, "j@example.org")


def left(mentors: tuple[Mentor, ...], look: LookForLeft) -> Decision[Any]:
    unit = UnitFile(
        id=unit_row(AALBORG),
        unit=AALBORG,
        state="closed",
        closed_on=TODAY,
        handed_to=HJOERRING,
        new_caseworker=SOFIE,
    )
    ids = {"unit": unit.id, "mentors": tuple(one.id for one in mentors)}
    found: Decision[Any] = decided(State(ids=ids, unit=unit, mentors=mentors), look)
    return found


def mentors(count: int, unit: str = AALBORG) -> tuple[Mentor, ...]:
    return tuple(Mentor(id=UUID(int=number + 1), unit=unit) for number in range(count))


def scheduled(decision: Decision[Any], kind: type[Any]) -> list[Any]:
    return [one for one in decision.timers if isinstance(one, Schedule) and isinstance(one.timer, kind)]


def test_each_thing_that_is_left_gets_a_message_of_its_own() -> None:
    decision = left(mentors(3), LookForLeft(unit=AALBORG))
    handed = scheduled(decision, HandOver)
    assert [one.timer.kind for one in handed] == ["mentor"] * 3
    assert {(one.at, one.timer.to, one.timer.caseworker) for one in handed} == {(NOW, HJOERRING, SOFIE)}


def test_more_than_fits_into_one_look_is_looked_for_at_once_from_where_it_stopped() -> None:
    (again,) = scheduled(left(mentors(AT_ONCE), LookForLeft(unit=AALBORG)), LookForLeft)
    assert (again.at, again.timer.after) == (NOW, UUID(int=AT_ONCE))


def test_the_look_comes_back_soon_then_later_then_each_day() -> None:
    look, pauses = LookForLeft(unit=AALBORG), []
    for _ in range(5):
        (again,) = scheduled(left((), look), LookForLeft)
        pauses.append(again.at - NOW)
        look = again.timer
    assert pauses == [*AGAIN_AFTER, AGAIN_AFTER[-1], AGAIN_AFTER[-1]]


def test_what_was_handed_over_meanwhile_is_left_in_peace() -> None:
    assert scheduled(left(mentors(2, HJOERRING), LookForLeft(unit=AALBORG)), HandOver) == []
    mentor = mentors(1, HJOERRING)[0]
    one = HandOver(kind="mentor", id=mentor.id, unit=AALBORG, to=HJOERRING, caseworker=SOFIE)
    assert decided(State(ids={"mentor": mentor.id}, mentor=mentor), one) == Ignored("handed_over_already")
