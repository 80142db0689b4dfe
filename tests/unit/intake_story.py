"""A case that messages happen to, without a database and on a clock of its own: what falls due is sent."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from pydantic import BaseModel

from services.intake.documents import CaseFile, State
from services.intake.settling import rules_of
from services.intake.why import why_not_yet
from services.intake.workflow import WORKFLOW
from shared.contracts.intake_commands import (
    AgreeGoals,
    CompletePreparation,
    GoalInWords,
    OrderCertificate,
    RecordCertificateShown,
    RecordConsent,
    RecordInterview,
)
from shared.contracts.matching import MatchAgreed
from shared.contracts.model import Event
from shared.contracts.referral import RegisterReferral
from shared.messages import Actor, Decision, Ignored, Message, Schedule
from shared.programmes import Step, load
from tests.servers.intake import referral

PROGRAMMES = load()
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
HOME = {
    "foreningspraktik": "DK-0169",
    "mentorskab": "DK-0851/aalborg",
    "skolepraksis": "NO-3222",
    "virksomhedspraktik": "DK-0169",
    "udviklingspraktik": "DK-0169",
}
GROUPS = {
    "foreningspraktik": "unemployed",
    "mentorskab": None,
    "skolepraksis": "introduction_programme",
    "virksomhedspraktik": "refugee",
    "udviklingspraktik": "cash_benefit",
}
MATCH = {"match_id": uuid4(), "proposal_id": uuid4(), "place_id": uuid4(), "starts_on": "2026-12-01"}
GUARDIAN = {"name": "Gerda Værge", "phone": "70102030"}
TOLD_FIRST: dict[str, Any] = {"birth_date": "1990-05-05", "guardian": GUARDIAN}
NAMES = ("case", "referral", "person", "guardian")


def done(case_id: UUID, step: Step) -> CompletePreparation:
    """The step done as it has to be: with something written, and an answer to each that it asks about."""
    considered = dict.fromkeys(step.considers, True)
    return CompletePreparation(case_id=case_id, step=step.code, note="Aftalt i dag", considered=considered)


class Story:
    """`told` are the types of all events so far, `answer` what the last message led to.

    The candidate has no national id; `born` is the birth date, None where nobody knows it.
    """

    def __init__(
        self,
        programme: str = "foreningspraktik",
        *,
        born: str | None = "1971-07-07",
        now: datetime = NOW,
        **changes: Any,
    ) -> None:
        self.now = now
        self.timers: dict[UUID, Schedule] = {}
        self.events: list[Event] = []
        self.state = State(ids={name: uuid4() for name in NAMES})
        nobody = {"candidate__national_id": None, "candidate__national_id_type": None}
        today = now.astimezone(ZoneInfo(PROGRAMMES.unit(HOME[programme]).time_zone)).date()
        document = referral(
            programme=programme,
            unit=HOME[programme],
            referred_on=today.isoformat(),
            **{
                "candidate__target_group": GROUPS[programme],
                "candidate__birth_date": born,
                **nobody,
                **changes,
            },
        )
        self.send(RegisterReferral.model_construct(referral=document, version=None), "event")
        self.id: UUID = self.state.ids["case"]

    def send(self, body: BaseModel, kind: Any = "command") -> Decision[Any] | Ignored:
        """Raises `Refused`, and then nothing has changed."""
        units = frozenset(PROGRAMMES.units)
        actor = Actor("kirsten", "staff", person_id=uuid4(), units=units) if kind == "command" else None
        message = Message(uuid4(), type(body).__name__, body, self.now, kind=kind, source="/x", actor=actor)
        answer = WORKFLOW.decide(self.state, message, PROGRAMMES, self.now)
        if isinstance(answer, Decision):
            self.state = answer.state
            self.events += answer.events
            for timer in answer.timers:
                self.timers.pop(timer.id, None)
                if isinstance(timer, Schedule):
                    self.timers[timer.id] = timer
        return answer

    def hear(self, model: type[BaseModel], round_: int | None = None, **more: Any) -> Decision[Any] | Ignored:
        """What matching or follow-up says of the case's round."""
        fields = {
            "unit": self.case.unit,
            "programme": self.case.programme,
            "rules_version": "2020-01-01",
            "case_id": self.id,
            "round": round_ or self.case.round,
            **MATCH,
            "placement_id": MATCH["match_id"],
            "hours_per_week": 5,
            "started_on": "2026-12-01",
            **more,
        }
        return self.send(model.model_validate(fields), "event")

    def wait_until(self, moment: datetime) -> None:
        """Time goes by from due time to due time."""
        while due := sorted(
            (one for one in self.timers.values() if one.at <= moment), key=lambda one: one.at
        ):
            self.now = max(self.now, due[0].at)
            del self.timers[due[0].id]
            self.send(due[0].timer, "timer")
        self.now = max(self.now, moment)

    def wait_days(self, days: int) -> None:
        for _ in range(days):
            self.wait_until(datetime.combine(self.today + timedelta(days=1), time(9), self.zone))

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(PROGRAMMES.unit(self.case.unit).time_zone)

    @property
    def today(self) -> date:
        return self.now.astimezone(self.zone).date()

    @property
    def case(self) -> CaseFile:
        assert self.state.case is not None
        return self.state.case

    @property
    def told(self) -> list[str]:
        return [type(event).__name__ for event in self.events]

    def of(self, type_: str) -> list[Any]:
        return [event for event in self.events if type(event).__name__ == type_]

    @property
    def standing_clearance(self) -> Any:
        """`StartCleared` of the present round, unless it was held again."""
        standing = None
        for event in self.events:
            name = type(event).__name__
            if name in ("StartCleared", "StartHeld") and getattr(event, "round", 0) == self.case.round:
                standing = event if name == "StartCleared" else None
        return standing

    @property
    def why(self) -> dict[str, Any]:
        unit = PROGRAMMES.unit(self.case.unit)
        return why_not_yet(self.case, rules_of(self.case, PROGRAMMES), unit.country, self.today)

    def step(self, code: str) -> Step:
        found = rules_of(self.case, PROGRAMMES).step(code)
        assert found is not None
        return found

    def do(self, code: str) -> None:
        """A step of the programme, by the command of its kind; a certificate is one that is shown."""
        kind, id_ = self.step(code).kind, self.id
        commands: dict[str, BaseModel] = {
            "interview": RecordInterview(case_id=id_),
            "goals": AgreeGoals(
                case_id=id_, goals=(GoalInWords(title="Møde til tiden", sub_goals=("Tage bussen",)),)
            ),
            "consent": RecordConsent(case_id=id_, kind=code),
            "certificate": RecordCertificateShown(case_id=id_, kind=code),
            "step": done(id_, self.step(code)),
        }
        self.send(commands[kind])

    def tell(self, lacks: str) -> None:
        """What must be known before a step can be done, as it is told at the interview."""
        self.send(RecordInterview.model_validate({"case_id": self.id, lacks: TOLD_FIRST[lacks]}))

    def order(self, kind: str) -> None:
        self.send(OrderCertificate(case_id=self.id, kind=kind))

    def prepare(self, before: str = "start") -> Story:
        """Do what is missing before the match, or before the start too, as it becomes possible: what is about
        the host once the match is agreed."""
        befores = ("match",) if before == "match" else ("match", "start")
        for _ in range(30):
            left = [one for one in self.why["steps"] if one["before"] in befores]
            if not left:
                return self
            possible = next((one for one in left if one["is_possible_now"]), None)
            if possible is None:
                self.hear(MatchAgreed, starts_on=self.today)
            elif possible["lacks"] in TOLD_FIRST:
                self.tell(possible["lacks"])
            else:
                self.do(possible["code"])
        raise AssertionError(f"the preparation does not end: {left}")
