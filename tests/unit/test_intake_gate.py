"""No order of commands clears a start without what its programme's gate asks, in any programme.

What must be done is held beside the case by the tables of `intake_gates`, and by nothing of the service. Time
passes in between: certificates lapse, candidates come of age.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from services.intake.documents import CaseFile
from services.intake.rules import missing
from services.intake.settling import rules_of
from shared.contracts.followup import PlacementEnded, PlacementStarted
from shared.contracts.intake import Profile
from shared.contracts.intake_commands import (
    AgreeGoals,
    AssignCase,
    ChangeWishes,
    DeclineCandidate,
    GoalInWords,
    PauseCase,
    RecordCertificateShown,
    RecordConsent,
    RecordInterview,
    ReopenCase,
    ResumeCase,
    WithdrawCase,
)
from shared.contracts.matching import MatchAgreed, MatchCancelled
from shared.contracts.model import Wish
from shared.messages import Refused
from tests.unit.intake_gates import EACH, FIRST, GATES
from tests.unit.intake_story import GUARDIAN, MATCH, PROGRAMMES, TOLD_FIRST, Story

ALL = pytest.mark.parametrize("programme", sorted(GATES))
AGES = {"adult": "1971-07-07", "seventeen": "2009-01-15", "unknown": None}
BEFORE_START = ("preparing", "ready", "matched")


@dataclass
class Facts:
    """What was done so far, as somebody beside the case would note it."""

    programme: str
    of_age_on: date | None
    done: set[tuple[str, int]] = field(default_factory=set)
    consents: dict[str, bool] = field(default_factory=dict)
    shown_until: dict[str, date | None] = field(default_factory=dict)
    job_in_prospect: bool | None = None
    sub_goals: int = 0
    has_guardian: bool = False

    def holds(self, round_: int, on: date, *befores: str) -> bool:
        """Whether everything that is asked before a match, or before a start, is done and holds."""
        return all(
            self._is_done(code, asked.kind, asked.rounds, round_, on)
            and not (asked.sub_goals and self.sub_goals == 0)
            for code, asked in GATES[self.programme].items()
            if asked.before in befores
            and (round_ == 1 or asked.rounds != FIRST)
            and self._applies(asked.where, on)
        )

    def _applies(self, where: str, on: date) -> bool:
        if where == "job_in_prospect":
            return self.job_in_prospect is not False
        if where == "under_age":
            return self.of_age_on is None or on < self.of_age_on
        return True

    def _is_done(self, code: str, kind: str, rounds: str, round_: int, on: date) -> bool:
        if code == "guardian_consent" and self.of_age_on is None:
            return False
        if kind == "consent":
            return self.consents.get(code, False)
        if kind == "certificate":
            until = self.shown_until.get(code, date.min)
            return until is None or until >= on
        done_in = {number for name, number in self.done if name == code}
        return round_ in done_in if rounds == EACH else bool(done_in)


class Watched:
    """A case, what was done with it, and what must be so after whatever happens."""

    def __init__(self, programme: str, age: str) -> None:
        self.story = Story(programme, born=AGES[age])
        born = AGES[age]
        of_age_on = date.fromisoformat(born).replace(year=int(born[:4]) + 18) if born else None
        self.facts = Facts(programme, of_age_on)

    @property
    def case(self) -> CaseFile:
        return self.story.case

    def act(self, name: str, value: Any) -> None:
        with suppress(Refused):
            getattr(self, name)(value)

    def step(self, code: str) -> None:
        self.story.do(code)
        assert code != "guardian_consent" or self.facts.has_guardian
        kind = GATES[self.facts.programme][code].kind
        if kind == "consent":
            self.facts.consents[code] = True
        elif kind == "certificate":
            self.facts.shown_until[code] = self.case.certificates[code].valid_until
        else:
            self.facts.done.add((code, self.case.round))
        if kind == "goals":
            self.facts.sub_goals = 1

    def goals(self, sub_goals: tuple[str, ...]) -> None:
        goal = GoalInWords(title="Møde til tiden", sub_goals=sub_goals)
        self.story.send(AgreeGoals(case_id=self.story.id, goals=(goal,)))
        agreed = (code for code, asked in GATES[self.facts.programme].items() if asked.kind == "goals")
        self.facts.done |= {(code, self.case.round) for code in agreed}
        self.facts.sub_goals = sum(1 for one in sub_goals if one.strip())

    def interview(self, job_in_prospect: bool | None) -> None:
        self.story.send(
            RecordInterview(
                case_id=self.story.id, job_in_prospect=job_in_prospect, profile=Profile(needs=("motivation",))
            )
        )
        self._interviewed()
        if job_in_prospect is not None:
            self.facts.job_in_prospect = job_in_prospect

    def _interviewed(self) -> None:
        code = next(code for code, asked in GATES[self.facts.programme].items() if asked.kind == "interview")
        self.facts.done.add((code, self.case.round))

    def tell(self, lacks: str) -> None:
        self.story.tell(lacks)
        self._interviewed()
        if lacks == "birth_date":
            self.facts.of_age_on = date(2008, 5, 5)
        else:
            self.facts.has_guardian = True

    def take_back(self, kind: str) -> None:
        self.story.send(RecordConsent(case_id=self.story.id, kind=kind, given=False))
        self.facts.consents[kind] = False

    def show(self, days: int) -> None:
        until = self.story.today + timedelta(days=days)
        for kind in ("police_certificate", "child_certificate"):
            self.story.send(RecordCertificateShown(case_id=self.story.id, kind=kind, valid_until=until))
            self.facts.shown_until[kind] = until

    def order(self, kind: str) -> None:
        self.story.order(kind)

    def days(self, days: int) -> None:
        for _ in range(days):
            self.story.wait_days(1)
            self.check()

    def everything(self, before: str) -> None:
        """All that is listed, as somebody would who does as they are told."""
        for _ in range(30):
            left = [one for one in self.story.why["steps"] if one["before"] == before]
            possible = [one for one in self.story.why["steps"] if one["is_possible_now"]]
            if not left or not possible:
                return
            if possible[0]["lacks"] in TOLD_FIRST:
                self.tell(possible[0]["lacks"])
            else:
                self.step(possible[0]["code"])
            self.check()

    def command(self, name: str) -> None:
        id_ = self.story.id
        commands = {
            "pause": PauseCase(case_id=id_, reason="illness"),
            "resume": ResumeCase(case_id=id_),
            "withdraw": WithdrawCase(case_id=id_, reason="found_job"),
            "decline": DeclineCandidate(case_id=id_, reason="no_need_now"),
            "reopen": ReopenCase(case_id=id_, reason="wants_again"),
            "assign": AssignCase(case_id=id_, caseworker=MATCH["match_id"]),
            "wish": ChangeWishes(case_id=id_, wishes=(Wish(industries=("retail",)),)),
        }
        self.story.send(commands[name])

    def hear(self, name: str) -> None:
        said: dict[str, tuple[Any, dict[str, Any]]] = {
            "agreed": (MatchAgreed, {}),
            "cancelled": (MatchCancelled, {"reason": "illness"}),
            "started": (PlacementStarted, {}),
            "ended": (PlacementEnded, {"how": "completed", "next_step": "education"}),
            "next": (PlacementEnded, {"how": "completed", "next_step": "new_placement"}),
        }
        model, more = said[name]
        self.story.hear(model, **more)

    def check(self) -> None:
        case, today = self.case, self.story.today
        cleared = self.story.standing_clearance is not None
        may_start = self.facts.holds(case.round, today, "match", "start")
        if case.state in BEFORE_START:
            assert cleared == may_start, (case.state, self.story.told)
            assert case.cleared == cleared
        if case.state == "paused" and case.paused_from in BEFORE_START:
            assert not cleared
        if case.state in ("preparing", "ready"):
            assert (case.state == "ready") == self.facts.holds(case.round, today, "match")
        holding = {kind for kind, until in self.facts.shown_until.items() if until is None or until >= today}
        assert set(case.profile.certificates) == holding or case.state not in (*BEFORE_START, "started")


STEPS = sorted({code for gate in GATES.values() for code in gate})
CONSENTS = sorted({code for gate in GATES.values() for code, one in gate.items() if one.kind == "consent"})
COMMANDS = ("pause", "resume", "withdraw", "decline", "reopen", "assign", "wish")
ACTIONS = st.one_of(
    st.tuples(st.just("everything"), st.sampled_from(["match", "start"])),
    st.tuples(st.just("step"), st.sampled_from(STEPS)),
    st.tuples(st.just("interview"), st.sampled_from([None, True, False])),
    st.tuples(st.just("tell"), st.sampled_from(sorted(TOLD_FIRST))),
    st.tuples(st.just("goals"), st.sampled_from([(), ("  ",), ("Tage bussen",), ("Tage bussen", "Ringe")])),
    st.tuples(st.just("take_back"), st.sampled_from(CONSENTS)),
    st.tuples(st.just("show"), st.integers(0, 60)),
    st.tuples(st.just("order"), st.just("police_certificate")),
    st.tuples(st.just("days"), st.integers(1, 70)),
    st.tuples(st.just("command"), st.sampled_from(COMMANDS)),
    st.tuples(st.just("hear"), st.sampled_from(["agreed", "cancelled", "started", "ended", "next"])),
)


@ALL
@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(age=st.sampled_from(sorted(AGES)), prepared=st.booleans(), actions=st.lists(ACTIONS, max_size=25))
def test_no_order_of_commands_clears_a_start_without_all_that_its_gate_asks(
    programme: str, age: str, prepared: bool, actions: list[tuple[str, Any]]
) -> None:
    watched = Watched(programme, age)
    watched.check()
    if prepared:
        for before in ("match", "start"):
            watched.everything(before)
    for name, value in actions:
        if name == "step" and value not in GATES[programme]:
            continue
        watched.act(name, value)
        watched.check()
    event(f"cleared {watched.story.told.count('StartCleared') > 0}")
    event(f"held {watched.story.told.count('StartHeld') > 0}")


def asked_first(programme: str) -> list[str]:
    """The steps of an adult's first round, with a job in prospect."""
    return [code for code, asked in GATES[programme].items() if asked.where != "under_age"]


@pytest.mark.parametrize(
    ("programme", "left_out"), [(name, code) for name in sorted(GATES) for code in asked_first(name)]
)
def test_without_any_one_step_there_is_no_start(programme: str, left_out: str) -> None:
    story = Story(programme)
    for _ in range(30):
        possible = [one["code"] for one in story.why["steps"] if one["is_possible_now"]]
        for code in possible[:1] if possible[:1] != [left_out] else possible[1:2]:
            story.do(code)
    assert left_out in {one["code"] for one in story.why["steps"]}
    assert (story.standing_clearance, story.case.cleared) == (None, False)


@ALL
def test_with_every_step_the_start_is_cleared_and_each_round_anew(programme: str) -> None:
    story = Story(programme).prepare()
    assert story.told.count("StartCleared") == 1
    story.hear(MatchAgreed)
    story.hear(PlacementStarted)
    story.hear(PlacementEnded, how="completed", next_step="new_placement")
    assert (story.case.round, story.case.cleared) == (2, False)
    story.prepare()
    assert [event.round for event in story.of("StartCleared")] == [1, 2]


# Somebody under eighteen.


def minor(programme: str = "mentorskab") -> Story:
    return Story(programme, born="2009-01-15", guardian=GUARDIAN)


def test_a_guardians_consent_is_asked_of_whoever_is_under_eighteen_or_of_unknown_age() -> None:
    for born, asked in (("2009-01-15", True), (None, True), ("2008-11-23", False), ("2008-11-24", True)):
        codes = {one["code"] for one in Story("mentorskab", born=born).why["steps"]}
        assert ("guardian_consent" in codes) is asked, born


def test_a_guardians_consent_is_the_guardians_to_give() -> None:
    story = minor().prepare()
    assert story.case.consents["guardian_consent"].given_by == "guardian"
    with pytest.raises(Refused, match="guardian_must_consent"):
        story.send(RecordConsent(case_id=story.id, kind="guardian_consent", given_by="candidate"))


def test_a_guardians_consent_that_is_taken_back_holds_the_start() -> None:
    story = minor().prepare()
    story.hear(MatchAgreed)
    taken_back = RecordConsent(case_id=story.id, kind="guardian_consent", given=False, heard_by="phone")
    story.send(taken_back)
    assert (story.case.state, story.told[-1]) == ("matched", "StartHeld")
    assert story.case.consents["guardian_consent"].heard_by == "phone"
    story.do("guardian_consent")
    assert story.told[-1] == "StartCleared"


def test_a_grown_up_sets_no_timer() -> None:
    assert (Story().timers, len(minor().timers)) == ({}, 1)


def test_whoever_comes_of_age_while_the_case_is_over_needs_no_guardian_once_it_is_opened_again() -> None:
    story = minor()
    story.send(WithdrawCase(case_id=story.id))
    story.wait_days(10)
    story.send(ReopenCase(case_id=story.id, reason="wants_again"))
    assert "ComeOfAge" in {type(one.timer).__name__ for one in story.timers.values()}
    story.wait_days(60)
    assert "guardian_consent" not in {one["code"] for one in story.why["steps"]}


def test_whoever_comes_of_age_needs_no_guardian_any_more_and_is_ready_that_day() -> None:
    story = minor()
    for code in ("interview", "share_profile"):
        story.do(code)
    assert story.case.state == "preparing"
    story.wait_days((date(2027, 1, 14) - story.today).days)
    assert story.case.state == "preparing"
    story.wait_days(1)
    assert (story.case.state, story.told[-2:]) == ("ready", ["CaseReady", "ReferralProgressed"])


def test_a_guardian_whom_nobody_knows_gives_no_consent_and_why_not_yet_asks_who_it_is() -> None:
    story = Story("mentorskab", born="2009-01-15")
    story.do("interview")
    for kind in ("guardian_consent", "participation"):
        with pytest.raises(Refused, match="guardian_unknown"):
            story.send(RecordConsent(case_id=story.id, kind=kind, given_by="guardian"))
    story.send(RecordConsent(case_id=story.id, kind="guardian_consent", given=False))
    assert asked_first_of(story) == ("guardian", "caseworker")
    story.tell("guardian")
    assert asked_first_of(story) == (None, "guardian")
    story.do("guardian_consent")
    assert story.case.consents["guardian_consent"].given


def asked_first_of(story: Story) -> tuple[str | None, str]:
    (step,) = (one for one in story.why["steps"] if one["code"] == "guardian_consent")
    return step["lacks"], step["who"]


def test_whose_age_nobody_knows_is_asked_for_the_birth_date_and_no_consent_stands_in_for_it() -> None:
    story = Story("mentorskab", born=None, guardian=GUARDIAN)
    for code in ("interview", "share_profile", "guardian_consent"):
        story.do(code)
    assert asked_first_of(story) == ("birth_date", "caseworker")
    assert story.case.state == "preparing"
    story.tell("birth_date")
    assert (story.case.state, story.case.consents["guardian_consent"].given) == ("ready", True)


def test_a_consent_that_was_given_outlives_that_its_guardian_is_known() -> None:
    story = minor().prepare()
    case = story.case.model_copy(update={"guardian_id": None})
    assert missing(case, rules_of(case, PROGRAMMES), story.today, "match") == ()


# Goals and sub-goals.


def agree(story: Story, *sub_goals: str) -> None:
    goal = GoalInWords(title="Møde til tiden", sub_goals=sub_goals)
    story.send(AgreeGoals(case_id=story.id, goals=(goal,)))


def test_goals_without_a_sub_goal_are_kept_and_clear_no_start_where_sub_goals_are_agreed() -> None:
    story = Story("udviklingspraktik").prepare()
    assert story.case.cleared
    agree(story)
    assert (story.told[-1], story.case.cleared) == ("StartHeld", False)
    assert [goal.title for goal in story.case.goals] == ["Møde til tiden"]
    assert [(one["code"], one["lacks"]) for one in story.why["steps"]] == [("goals", "sub_goal")]
    agree(story, "Tage bussen")
    assert (story.told[-1], story.why["steps"]) == ("StartCleared", [])


def test_sub_goals_of_a_round_before_are_agreed_anew_and_lack_nothing_till_then() -> None:
    story = Story("udviklingspraktik").prepare()
    for heard in (MatchAgreed, PlacementStarted):
        story.hear(heard)
    story.hear(PlacementEnded, how="completed", next_step="new_placement")
    (goals,) = (one for one in story.why["steps"] if one["code"] == "goals")
    assert goals["lacks"] is None


def test_learning_goals_need_no_sub_goals() -> None:
    story = Story("skolepraksis").prepare()
    agree(story)
    assert (story.case.cleared, story.why["steps"]) == (True, [])


# Where a job is in prospect.


@pytest.mark.parametrize(("said", "asked"), [(None, True), (True, True), (False, False)])
def test_what_a_job_in_prospect_asks_is_known_before_the_start(said: bool | None, asked: bool) -> None:
    story = Story("virksomhedspraktik")
    story.send(RecordInterview(case_id=story.id, job_in_prospect=said))
    assert ("job_requirements" in {one["code"] for one in story.why["steps"]}) is asked


def test_a_job_that_comes_into_prospect_holds_a_start_that_was_cleared() -> None:
    story = Story("virksomhedspraktik")
    story.send(RecordInterview(case_id=story.id, job_in_prospect=False))
    story.prepare()
    assert story.told[-1] == "StartCleared"
    story.send(RecordInterview(case_id=story.id, job_in_prospect=True))
    assert (story.told[-1], story.case.state) == ("StartHeld", "ready")
    story.do("job_requirements")
    assert story.told[-1] == "StartCleared"
