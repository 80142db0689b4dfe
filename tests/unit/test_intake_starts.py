"""No placement starts without what its programme's gate asks on that day: intake and followup together.

Both workflows are driven as they are. What they tell each other, and what matching tells both, is delivered
at once or whenever chance has it, each line in its order; clocks of both fall due, those of the same moment
in either order.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from services.followup.documents import CaseTrack, Placement
from services.followup.documents import State as Track
from services.followup.workflow import WORKFLOW as FOLLOWUP
from services.intake.documents import Place
from shared.contracts.followup import PlacementEnded, PlacementStarted
from shared.contracts.intake import CaseWithdrawn, StartCleared, StartHeld
from shared.contracts.matching import MatchAgreed, MatchCancelled
from shared.contracts.model import match_id
from shared.messages import Decision, Message, Schedule
from tests.unit.intake_gates import GATES
from tests.unit.intake_story import PROGRAMMES
from tests.unit.intake_watched import AGES, Watched, actions

LINES = ("intake to followup", "matching to followup", "followup to intake", "matching to intake")
TO_FOLLOWUP = (StartCleared, StartHeld, CaseWithdrawn)
TO_THE_CONTRARY = (StartHeld, CaseWithdrawn, MatchCancelled)
CHILDREN = "child_certificate"


class Both:
    """One case in intake and in followup, and what is on its way between them.

    On the `late` lines it arrives when it is delivered, on others at once. `followup_first`: of two clocks
    that fall due at the same moment, followup's rings first.
    """

    def __init__(self, programme: str, age: str, late: frozenset[str], followup_first: bool) -> None:
        self.watched = Watched(programme, age)
        self.story = self.watched.story
        self.late, self.followup_first = late, followup_first
        self.lines: dict[str, deque[tuple[BaseModel, datetime]]] = {name: deque() for name in LINES}
        self.placements: dict[UUID, Placement] = {}
        self.track: CaseTrack | None = None
        self.clocks: dict[UUID, Schedule] = {}
        self.agreed: dict[int, MatchAgreed] = {}
        self.asks: dict[int, tuple[str, ...]] = {}
        self.told = len(self.story.events)
        self.crossed: set[UUID] = set()
        self.started: list[PlacementStarted] = []

    # What happens.

    def act(self, name: str, value: Any) -> None:
        own = getattr(self, name, None)
        if own is not None:
            own(value)
        elif name == "step" and value not in GATES[self.watched.facts.programme]:
            return
        else:
            self.watched.act(name, value)
        self.collect()

    def prepare(self) -> None:
        for before in ("match", "start"):
            self.act("everything", before)

    def agree(self, said: tuple[int, bool]) -> None:
        """Matching agrees on a match of a case that is ready, at a place with children or without."""
        round_, (in_days, with_children) = self.story.case.round, said
        if self.story.case.state != "ready" or round_ in self.agreed:
            return
        self.asks[round_] = (CHILDREN,) if with_children else ()
        self.agreed[round_] = MatchAgreed(
            **self.frame(round_),
            match_id=match_id(self.story.id, round_),
            proposal_id=uuid4(),
            place_id=uuid4(),
            starts_on=self.story.today + timedelta(days=in_days),
            hours_per_week=5,
        )
        self.send_off("matching", self.agreed[round_])

    def cancel(self, _: None) -> None:
        round_ = self.story.case.round
        if round_ in self.agreed:
            match = self.agreed[round_]
            told = {"match_id": match.match_id, "place_id": match.place_id, "reason": "illness"}
            self.send_off("matching", MatchCancelled.model_validate({**self.frame(round_), **told}))

    def frame(self, round_: int) -> dict[str, Any]:
        case = self.story.case
        about = {"unit": case.unit, "programme": case.programme, "rules_version": case.rules_version}
        return {**about, "case_id": case.id, "round": round_}

    def send_off(self, teller: str, body: BaseModel) -> None:
        for line in LINES:
            if line.startswith(teller):
                self.lines[line].append((body, self.story.now))

    def collect(self) -> None:
        """What intake has said since goes its way."""
        new, self.told = self.story.events[self.told :], len(self.story.events)
        for told in new:
            if isinstance(told, TO_FOLLOWUP):
                self.send_off("intake", told)
        while waiting := [line for line in LINES if self.lines[line] and line not in self.late]:
            self.deliver(waiting[0])
            self.collect()

    def deliver(self, line: str) -> None:
        if not self.lines[line]:
            return
        body, told_at = self.lines[line].popleft()
        if line.endswith("intake"):
            place = self.place(body.round) if isinstance(body, MatchAgreed) else None
            self.story.state = replace(self.story.state, place=place)
            self.story.send(body, "event")
        else:
            assert isinstance(body, StartCleared | StartHeld | CaseWithdrawn | MatchAgreed | MatchCancelled)
            self.follow(body, match_id(body.case_id, body.round), told_at)

    def deliver_all(self, _: None = None) -> None:
        while waiting := [line for line in LINES if self.lines[line]]:
            self.deliver(waiting[0])
            self.collect()

    def place(self, round_: int) -> Place:
        case, kinds = self.story.case, self.asks[round_]
        place_id, programmes = self.agreed[round_].place_id, (case.programme,)
        kind: Any = "association"
        return Place(
            id=place_id, unit=case.unit, kind=kind, programmes=programmes, required_certificates=kinds
        )

    def follow(self, body: BaseModel, placement: UUID, told_at: datetime) -> None:
        now, kind = self.story.now, "event" if isinstance(body, TO_FOLLOWUP) else "timer"
        ids = {"placement": placement, "case": self.story.id}
        state = Track(ids=ids, placement=self.placements.get(placement), case=self.track)
        message = Message(uuid4(), type(body).__name__, body, told_at, kind=kind)  # type: ignore[arg-type]
        answer = FOLLOWUP.decide(state, message, PROGRAMMES, now)
        if not isinstance(answer, Decision):
            return
        if answer.state.placement is not None:
            self.placements[placement] = answer.state.placement
        self.track = answer.state.case
        for timer in answer.timers:
            self.clocks.pop(timer.id, None)
            if isinstance(timer, Schedule):
                self.clocks[timer.id] = timer
        for told in answer.events:
            if isinstance(told, PlacementStarted):
                self.check_start(told)
            if isinstance(told, PlacementStarted | PlacementEnded):
                self.send_off("followup", told)

    def days(self, days: int) -> None:
        for _ in range(days):
            tomorrow = self.story.today + timedelta(days=1)
            self.until(datetime.combine(tomorrow, time(9), self.story.zone))

    def until(self, moment: datetime) -> None:
        while due := [
            (one.at, (whose is self.clocks) != self.followup_first, str(id_), whose)
            for whose in (self.story.timers, self.clocks)
            for id_, one in whose.items()
            if one.at <= moment
        ]:
            at, _, id_, whose = min(due, key=lambda one: one[:3])
            self.story.now = max(self.story.now, at)
            timer: Any = whose.pop(UUID(id_)).timer
            if whose is self.clocks:
                self.follow(timer, timer.placement_id, self.story.now)
            else:
                self.story.send(timer, "timer")
            self.collect()
        self.story.now = max(self.story.now, moment)

    # What must be so.

    def check_start(self, told: PlacementStarted) -> None:
        self.started.append(told)
        on, case = self.story.today, self.story.case
        assert told.started_on == on
        assert on >= self.agreed[told.round].starts_on
        facts = self.watched.facts
        # When a certificate ends is known ahead: no word of it need arrive.
        for kind in (*facts.certificates, *self.asks[told.round]):
            assert facts.shown_last[kind] >= on
        holds = (
            facts.holds(told.round, on, "match", "start")
            and all(facts.is_shown(kind, on) for kind in self.asks[told.round])
            and case.state in ("ready", "matched")
        )
        if not holds:
            on_its_way = [body for line in LINES[:2] for body, _ in self.lines[line]]
            said = {body.round for body in on_its_way if isinstance(body, TO_THE_CONTRARY)}
            assert told.round in said, (case, facts)
            self.crossed.add(told.placement_id)

    def check_crossed(self) -> None:
        """Once everything is heard, no placement runs whose start was held before it came."""
        self.deliver_all()
        for one in self.crossed:
            assert self.placements[one].state in ("ended", "cancelled")


DONE = ("everything", "start")
MATCHES = st.tuples(st.integers(0, 12), st.booleans())
LITTLE = actions(
    agree=MATCHES,
    cancel=st.none(),
    deliver=st.sampled_from(LINES),
    deliver_all=st.none(),
    days=st.integers(1, 12),
    show=st.integers(0, 15),
)


@pytest.mark.parametrize("programme", sorted(GATES))
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    age=st.sampled_from(sorted(AGES)),
    late=st.frozensets(st.sampled_from(LINES)),
    followup_first=st.booleans(),
    valid_days=st.integers(0, 15) | st.just(100),
    match=MATCHES,
    before=st.lists(LITTLE, max_size=2),
    after=st.lists(LITTLE, max_size=6),
    rounds=st.integers(1, 2),
)
def test_no_placement_starts_on_a_day_on_which_what_its_gate_asks_does_not_hold(
    programme: str,
    age: str,
    late: frozenset[str],
    followup_first: bool,
    valid_days: int,
    match: tuple[int, bool],
    before: list[tuple[str, Any]],
    after: list[tuple[str, Any]],
    rounds: int,
) -> None:
    both = Both(programme, age, late, followup_first)
    for _ in range(rounds):
        both.prepare()
        for name, value in (("show", valid_days), *before, ("agree", match), DONE, *after, ("days", 15)):
            both.act(name, value)
        both.deliver_all()
        for name, value in (DONE, ("days", 15)):
            both.act(name, value)
    both.check_crossed()
    event(f"started {len(both.started)}")
    event(f"crossed {len(both.crossed)}")


def both_prepared(programme: str, *late: str, followup_first: bool = True) -> Both:
    both = Both(programme, "adult", frozenset(late), followup_first)
    both.prepare()
    return both


def in_state(both: Both) -> str:
    (placement,) = both.placements.values()
    return placement.state


@pytest.mark.parametrize("followup_first", [True, False])
def test_a_certificate_that_ends_the_day_before_holds_the_start_from_the_agreement_on(
    followup_first: bool,
) -> None:
    both = both_prepared("skolepraksis", followup_first=followup_first)
    both.act("show", 6)
    both.act("agree", (7, False))
    both.act(*DONE)
    both.act("show", 6)
    assert (both.story.case.cleared, in_state(both)) == (False, "agreed")
    assert [one["code"] for one in both.story.why["steps"]] == ["police_certificate"]
    both.act("days", 10)
    assert (in_state(both), both.started) == ("agreed", [])
    both.act("show", 30)
    assert (in_state(both), len(both.started)) == ("running", 1)


def test_a_match_for_today_at_a_place_that_asks_for_a_certificate_waits_for_it() -> None:
    both = both_prepared("foreningspraktik", "matching to intake")
    both.act("agree", (0, True))
    assert in_state(both) == "agreed", "intake has not heard of the match, and so not of its place"
    both.act("deliver_all", None)
    both.act("step", "host_prepared")
    assert (in_state(both), both.story.case.cleared) == ("agreed", False)
    both.act("show", 1)
    assert in_state(both) == "running"


def test_a_clearance_that_comes_after_its_last_day_starts_nothing() -> None:
    both = both_prepared("skolepraksis", "intake to followup")
    both.act("show", 3)
    both.act("agree", (1, False))
    for name, value in (DONE, ("show", 3), ("days", 5)):
        both.act(name, value)
    both.act("deliver_all", None)
    assert (in_state(both), both.started) == ("agreed", [])


def test_a_start_that_crosses_with_a_consent_taken_back_is_taken_back_too() -> None:
    both = both_prepared("mentorskab")
    both.act("agree", (1, False))
    both.late = frozenset({"intake to followup"})
    both.act("take_back", "share_profile")
    both.act("days", 2)
    assert (in_state(both), len(both.crossed)) == ("running", 1)
    both.act("deliver_all", None)
    (placement,) = both.placements.values()
    assert (placement.state, placement.how, placement.reason) == (
        "ended",
        "failed_match",
        "start_not_cleared",
    )
    assert (both.story.case.round, both.story.case.state) == (2, "preparing")


def test_what_is_taken_back_after_the_start_ends_no_placement() -> None:
    both = both_prepared("mentorskab", "followup to intake")
    both.act("agree", (0, False))
    both.act("days", 1)
    both.act("take_back", "share_profile")
    assert (both.story.told[-1], in_state(both)) == ("StartHeld", "running")
