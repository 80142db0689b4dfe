"""Matching's rows without a database: what each message does to them, and what is true after every one.

It stands in for the corridor as far as order goes: one message at a time, timers when they are due, and
nothing for whoever is erased. The solver's pairs are the real ones.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from services.matching.documents import (
    CaseFile,
    LapseProposal,
    Notice,
    PairFound,
    Place,
    Proposal,
    State,
    TakeDownNotice,
)
from services.matching.effects import asking_of, candidate_of, offered_of
from services.matching.erasing import NOBODY
from services.matching.left_out import left_out
from services.matching.loop import pairs_of
from services.matching.solving import best_pairs
from services.matching.workflow import WORKFLOW
from shared.contracts.intake import (
    CaseAssigned,
    CaseReady,
    PlaceOffered,
    PlaceWithdrawn,
    Profile,
    SubjectErased,
)
from shared.contracts.matching import (
    AgreeMatch,
    AnswerProposal,
    OverrideProposal,
    PublishMentorWanted,
    WithdrawMentorWanted,
)
from shared.contracts.model import Command, Party, Timer, derived_id
from shared.messages import Actor, Cancel, Decision, Ignored, Message, NotYet, Refused, timer_id
from shared.programmes import load
from tests.servers.corps import with_twin

UNIT, OTHER, PROGRAMME = "DK-0169", "DK-0169/twin", "foreningspraktik"
PROGRAMMES = with_twin(load(), UNIT, OTHER)
CASES, PLACES = [UUID(int=one) for one in (1, 2, 3)], [UUID(int=one) for one in (11, 12, 13)]
MENTOR, HOST = UUID(int=21), UUID(int=31)
STANDS_FOR: dict[UUID, dict[str, Any]] = {
    PLACES[0]: {"mentor_id": MENTOR, "mentor_gender": "m"},
    PLACES[1]: {"mentor_id": MENTOR, "mentor_gender": "m"},
    PLACES[2]: {"host_id": HOST, "mentor_gender": "f"},
}
"""Two places are the same mentor's, one is a host's."""
MAY_BREAK = {"exclusion": set[str](), "mentor_gender": {"caseworker"}}
"""The hard rules that profiles here can break, and who may, as the programme has it."""
HOLDING = ("open", "accepted", "agreed", "started")
LIVE = ("open", "accepted")
Result = Decision[State] | Ignored | Refused


class World:
    """The rows, the timers, and what was refused and erased so far."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 23, 11, 0, tzinfo=UTC)
        self.cases: dict[UUID, CaseFile] = {}
        self.places: dict[UUID, Place] = {}
        self.proposals: dict[UUID, Proposal] = {}
        self.notices: dict[UUID, Notice] = {}
        self.timers: dict[UUID, Any] = {}
        self.rounds = dict.fromkeys(CASES, 1)
        self.units = dict.fromkeys(CASES, UNIT)
        self.refused: set[tuple[UUID, UUID]] = set()
        self.erased: set[UUID] = set()
        self.sent = 0

    def send(self, body: BaseModel, role: str | None = None) -> Result:
        """One message, by somebody of that role; the rows are as it left them."""
        self.sent += 1
        kind: Any = (
            "command" if isinstance(body, Command) else "timer" if isinstance(body, Timer) else "event"
        )
        actor = Actor("s", "staff", derived_id("staff", role), roles=frozenset({role})) if role else None
        id_ = derived_id("sent", self.sent)
        message = Message(id_, type(body).__name__, body, self.now, kind=kind, actor=actor)
        ids = self._concerned(body, id_)
        if next(iter(ids.values())) in self.erased or getattr(body, "case_id", None) in self.erased:
            return Refused("erased") if kind == "command" else Ignored("erased")
        rows: dict[str, dict[UUID, Any]] = self._tables()
        found: dict[str, Any] = {name: table.get(ids[name]) for name, table in rows.items() if name in ids}
        found["proposals"] = tuple(self.proposals[one] for one in ids.get("proposals", ()))
        try:
            result = WORKFLOW.decide(State(ids, **found), message, PROGRAMMES, self.now)
        except Refused as refused:
            return refused
        except NotYet:
            return Ignored("not_yet")
        if isinstance(result, Decision):
            self._save(ids, result)
            self._remember(body, ids)
        return result

    def _tables(self) -> dict[str, dict[UUID, Any]]:
        return {
            "proposal": self.proposals,
            "case": self.cases,
            "place": self.places,
            "notice": self.notices,
            "earlier": self.proposals,
            "earlier_place": self.places,
        }

    def _of_case(self, case_id: UUID) -> dict[str, Any]:
        """The case, and what is out for it or agreed."""
        case = self.cases.get(case_id)
        out = self.proposals.get(case.proposal_id) if case and case.proposal_id else None
        more = {} if out is None else {"proposal": out.id, "place": out.place_id}
        return {"case": case_id} | more

    def _concerned(self, body: Any, message: UUID) -> dict[str, Any]:
        if isinstance(body, PairFound):
            return {"proposal": body.proposal_id, "case": body.case_id, "place": body.place_id}
        if isinstance(body, PlaceOffered | PlaceWithdrawn):
            return {"place": body.place_id}
        if isinstance(body, SubjectErased):
            return self._of_erased(body)
        if isinstance(body, OverrideProposal):
            now = self._of_case(body.case_id)
            earlier = {
                f"earlier{more}": now.get(name) for more, name in (("", "proposal"), ("_place", "place"))
            }
            rows = {"case": body.case_id, "place": body.place_id, "proposal": derived_id("override", message)}
            return rows | {name: one for name, one in earlier.items() if one is not None}
        if isinstance(body, WithdrawMentorWanted):
            notice = self.notices.get(body.notice_id)
            return {"notice": body.notice_id} | ({"case": notice.case_id} if notice is not None else {})
        if isinstance(body, PublishMentorWanted | TakeDownNotice):
            return {"case": body.case_id, "notice": derived_id("notice", body.case_id)}
        found = self.proposals.get(getattr(body, "proposal_id", UUID(int=0)))
        match = getattr(body, "match_id", None) or getattr(body, "placement_id", None)
        if match is not None:
            found = next((one for one in self.proposals.values() if one.match_id == match), None)
        elif found is None and hasattr(body, "case_id"):
            up = {"notice": derived_id("notice", body.case_id)} if isinstance(body, CaseAssigned) else {}
            return self._of_case(body.case_id) | up
        if found is None:
            return {"proposal": UUID(int=0)}
        return {"proposal": found.id, "case": found.case_id, "place": found.place_id}

    def _of_erased(self, body: SubjectErased) -> dict[str, Any]:
        if body.kind == "place":
            return {"place": body.subject_id}
        now = self._of_case(body.subject_id)
        over = [one.id for one in self.proposals.values() if one.case_id == body.subject_id]
        rest = tuple(one for one in over if one != now.get("proposal"))
        return now | {"notice": derived_id("notice", body.subject_id), "proposals": rest}

    def _save(self, ids: dict[str, Any], result: Decision[State]) -> None:
        held = {str(one) for one in ids.values()}
        assert all(event.key in held for event in result.events)
        for name, table in self._tables().items():
            document = getattr(result.state, name)
            if document is not None:
                table[ids[name]] = document
        for one in result.state.proposals:
            if one is not None:
                self.proposals[one.id] = one
        for timer in result.timers:
            if isinstance(timer, Cancel):
                self.timers.pop(timer.id, None)
            else:
                self.timers[timer.id] = timer
        self.erased |= result.erased.keys()

    def _remember(self, body: BaseModel, ids: dict[str, Any]) -> None:
        """What was refused, the solver does not propose again; by hand it may be."""
        proposal = self.proposals.get(ids.get("proposal", UUID(int=0)))
        if proposal is None:
            return
        offer = self.places[proposal.place_id].offer
        if isinstance(body, AnswerProposal) and proposal.state == "refused":
            behind = [proposal.place_id, offer.mentor_id]
            if body.reason == "known_to_each_other":
                behind.append(offer.host_id)
            self.refused |= {(proposal.case_id, one) for one in behind if one is not None}
        if isinstance(body, PairFound) and proposal.id == body.proposal_id:
            known = {
                (proposal.case_id, one) for one in (proposal.place_id, offer.mentor_id, offer.host_id) if one
            }
            assert not known & self.refused, "a pair that was refused is never found again"

    def solve(self) -> None:
        """What the solver's loop does, with every pair sent twice: the second time it is too late."""
        for unit in (UNIT, OTHER):
            waiting = sorted(
                (one for one in self.cases.values() if (one.state, one.unit) == ("waiting", unit)),
                key=lambda one: one.id,
            )
            offered = [one for one in self.places.values() if (one.state, one.unit) == ("offered", unit)]
            asking = asking_of(PROGRAMME, unit, PROGRAMMES, self.now)
            solution = best_pairs(
                [candidate_of(one) for one in waiting], [offered_of(one) for one in offered], asking
            )
            for body in (*pairs_of(solution, waiting, offered), *left_out(waiting, offered, asking)):
                result = self.send(body)
                if isinstance(body, PairFound) and isinstance(result, Decision):
                    place = self.places[body.place_id]
                    assert len(place.held) <= place.offer.capacity
                assert isinstance(self.send(body), Ignored)

    def override(self, case: UUID, place: UUID, role: str) -> None:
        """Another pair by hand: at once, and past a hard rule only by whoever may."""
        before = self.cases.get(case)
        against = self._against(before, place) if before is not None else set()
        full = place in self.places and self.places[place].free < 1
        result = self.send(OverrideProposal(case_id=case, place_id=place, reason="known_to_work"), role)
        locked = {rule for rule in against if role not in MAY_BREAK[rule]}
        if isinstance(result, Refused) and result.code == "hard_rule":
            assert set(result.values["rules"]) == locked != set()
        if isinstance(result, Decision):
            assert not locked and not full
            now = self.places[place]
            assert len(now.held) <= now.offer.capacity
            proposal = self.proposals[self.cases[case].proposal_id or NOBODY]
            assert (proposal.place_id, set(proposal.broken)) == (place, against)
            assert proposal.override_reason == "known_to_work"

    def _against(self, case: CaseFile, place: UUID) -> set[str]:
        """The hard rules between the two, from what these cases wish, and not by the solver's rules."""
        who, profile = STANDS_FOR[place], case.profile
        found = set()
        if {place, who.get("mentor_id"), who.get("host_id")} & set(profile.excluded_hosts):
            found.add("exclusion")
        if profile.wished_mentor_gender not in (None, who["mentor_gender"]):
            found.add("mentor_gender")
        return found

    def hand_over(self, case: UUID) -> None:
        """The case goes to the other unit, as it does when its own is closed."""
        left = self.units[case]
        self.units[case] = OTHER if left == UNIT else UNIT
        said = about(self, case) | {"caseworker": derived_id("caseworker", self.units[case])}
        self.send(CaseAssigned.model_validate(said | {"handed_over_from": left}))

    def close_unit(self, unit: str) -> None:
        """A unit is closed: its cases are handed over, and its places are offered no more."""
        for case in [one for one in CASES if self.units[one] == unit]:
            self.hand_over(case)
            self.check()
        for place in [one for one in self.places.values() if one.unit == unit]:
            self.send(PlaceWithdrawn(place_id=place.id, unit=unit))
            self.check()

    def all_yes(self) -> None:
        """Everybody who is asked says yes, and the matches are agreed."""
        for proposal in [one for one in self.proposals.values() if one.state in LIVE]:
            for who in proposal.asked:
                self.send(
                    AnswerProposal(proposal_id=proposal.id, by=who.person_id, answer="yes", heard_by="phone")
                )
                self.check()
            self.send(agreement(proposal))
            self.check()

    def run_timers(self) -> None:
        while due := sorted(
            (one for one in self.timers.values() if one.at <= self.now), key=lambda one: (one.at, one.id)
        ):
            del self.timers[due[0].id]
            self.send(due[0].timer)

    def check(self) -> None:
        """What is true after every message."""
        for place in self.places.values():
            self._check_place(place)
        for case in self.cases.values():
            self._check_case(case)
        for proposal in self.proposals.values():
            lapses = timer_id(LapseProposal(proposal_id=proposal.id)) in self.timers
            assert lapses == (proposal.state == "open")
        for notice in self.notices.values():
            self._check_notice(notice)

    def _check_place(self, place: Place) -> None:
        holding = {
            (one.id, one.state in ("agreed", "started"))
            for one in self.proposals.values()
            if one.place_id == place.id and one.state in HOLDING
        }
        assert {(one.proposal_id, one.agreed) for one in place.held} == holding
        assert len(place.held) == len(holding), "no opening is filled twice"
        if place.id in self.erased:
            assert place.state == "withdrawn" and place.offer.mentor_id is None

    def _check_case(self, case: CaseFile) -> None:
        own = [one for one in self.proposals.values() if one.case_id == case.id]
        out = [one.id for one in own if one.state in LIVE]
        assert out == ([case.proposal_id] if case.state == "proposed" else [])
        assert (case.state in ("waiting", "paused", "resting")) <= (case.proposal_id is None)
        if case.state == "agreed":
            match = self.proposals[case.proposal_id or UUID(int=0)]
            assert match.state in ("agreed", "started") and match.round == case.round
        if case.state in ("proposed", "agreed"):
            assert self.proposals[case.proposal_id or UUID(int=0)].unit == case.unit
        if case.id in self.erased:
            assert (case.state, case.person_id, case.profile) == ("gone", NOBODY, Profile())
            assert not case.tried and derived_id("person", case.id) not in {
                one.person_id for one in case.parties
            }
            assert not [one for one in own if one.state in HOLDING]

    def _check_notice(self, notice: Notice) -> None:
        case = self.cases[notice.case_id]
        up = notice.state == "published"
        assert case.notice_id == (notice.id if up else None)
        if up:
            assert notice.unit == case.unit, "nobody answers a notice in a unit that the case has left"
            comes_down = any(
                isinstance(one.timer, TakeDownNotice) and one.timer.case_id == case.id
                for one in self.timers.values()
            )
            assert case.state in ("waiting", "proposed", "resting") or comes_down


def about(world: World, case: UUID) -> dict[str, Any]:
    """The fields that each event of a case has."""
    return {
        "unit": world.units[case],
        "programme": PROGRAMME,
        "case_id": case,
        "round": world.rounds[case],
        "rules_version": "2020-01-01",
        "parties": (Party(person_id=derived_id("person", case), side="candidate", role="candidate"),),
    }


def ready(world: World, case: UUID, later: bool = False, **profile: Any) -> CaseReady:
    """The case, perhaps in its next round."""
    world.rounds[case] += later
    person = {"person_id": derived_id("person", case), "waiting_since": date(2026, 11, 1)}
    return CaseReady.model_validate(about(world, case) | person | {"profile": profile})


def agreement(proposal: Proposal) -> AgreeMatch:
    return AgreeMatch(
        proposal_id=proposal.id,
        starts_on=date(2026, 12, 1),
        ends_on=date(2027, 1, 31),
        hours_per_week=5,
        times=("mon-morning",),
    )


def offered(place: UUID, capacity: int, unit: str = UNIT) -> PlaceOffered:
    return PlaceOffered(
        place_id=place,
        unit=unit,
        kind="association",
        programmes=(PROGRAMME,),
        capacity=capacity,
        **STANDS_FOR[place],
    )
