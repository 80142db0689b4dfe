"""A case, what was done with it as somebody beside it would note it, and what must be so whatever happens.

What must be done is held by the tables of `intake_gates`, and by nothing of the service.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from hypothesis import strategies as st

from services.intake.documents import CaseFile
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
from tests.unit.intake_story import MATCH, TOLD_FIRST, Story

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
    shown_last: dict[str, date] = field(default_factory=dict)
    job_in_prospect: bool | None = None
    sub_goals: int = 0
    has_guardian: bool = False

    def holds(self, round_: int, on: date, *befores: str, start: date | None = None) -> bool:
        """Whether everything that is asked before a match, or before a start, is done and holds.

        Of certificates those that hold on the day of the `start`.
        """
        return all(
            self._is_done(code, asked.kind, asked.rounds, round_, start or on)
            and not (asked.sub_goals and self.sub_goals == 0)
            for code, asked in GATES[self.programme].items()
            if asked.before in befores
            and (round_ == 1 or asked.rounds != FIRST)
            and self._applies(asked.where, on)
        )

    @property
    def certificates(self) -> tuple[str, ...]:
        """Those that the programme asks for."""
        gate = GATES[self.programme]
        return tuple(code for code, asked in gate.items() if asked.kind == "certificate")

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
            return self.is_shown(code, on)
        done_in = {number for name, number in self.done if name == code}
        return round_ in done_in if rounds == EACH else bool(done_in)

    def show(self, kind: str, until: date | None) -> None:
        self.shown_until[kind] = until
        self.shown_last[kind] = max(self.shown_last.get(kind, date.min), until or date.max)

    def is_shown(self, kind: str, on: date) -> bool:
        until = self.shown_until.get(kind, date.min)
        return until is None or until >= on


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
            self.facts.show(code, self.case.certificates[code].valid_until)
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
            self.facts.show(kind, until)

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
            elif possible[0]["code"] in GATES[self.facts.programme]:
                self.step(possible[0]["code"])
            else:
                self.show(60)
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
        match = case.match
        start = max(today, match.starts_on) if match is not None else today
        may_start = self.facts.holds(case.round, today, "match", "start", start=start) and all(
            self.facts.is_shown(kind, start) for kind in (match.required_certificates if match else ())
        )
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
COMMON: dict[str, st.SearchStrategy[Any]] = {
    "everything": st.sampled_from(["match", "start"]),
    "step": st.sampled_from(STEPS),
    "interview": st.sampled_from([None, True, False]),
    "tell": st.sampled_from(sorted(TOLD_FIRST)),
    "goals": st.sampled_from([(), ("  ",), ("Tage bussen",), ("Tage bussen", "Ringe")]),
    "take_back": st.sampled_from(CONSENTS),
    "show": st.integers(0, 60),
    "order": st.just("police_certificate"),
    "days": st.integers(1, 70),
    "command": st.sampled_from(COMMANDS),
}
HEARD = st.sampled_from(["agreed", "cancelled", "started", "ended", "next"])


def actions(**more: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[str, Any]]:
    """What may happen to a case, by name, and with what."""
    return st.one_of(*(st.tuples(st.just(name), value) for name, value in {**COMMON, **more}.items()))
