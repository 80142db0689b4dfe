"""Matching on a real PostgreSQL: every message through the corridor, and the solver's loop beside it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from cryptography.fernet import Fernet
from pydantic import BaseModel

import services.matching
from services.matching import loop, queries
from services.matching.documents import OWN_MESSAGES, PairFound, Proposal, State
from services.matching.handlers import TABLES, concerns
from services.matching.workflow import WORKFLOW
from shared import timers
from shared.contracts.followup import PlacementEnded, PlacementStarted
from shared.contracts.intake import CasePaused, CaseReady, CaseWithdrawn, PlaceOffered, PlaceWithdrawn
from shared.contracts.matching import AgreeMatch, AnswerProposal, CancelMatch, ProposePairs, WithdrawProposal
from shared.contracts.model import Party, match_id
from shared.corridor import Service, handle
from shared.messages import Message, Outcome
from shared.parked import Sealer
from shared.postgres import CORRIDOR_MIGRATIONS, connect_pool, migrate
from shared.programmes import load
from tests.servers.postgres import Databases

NOON = datetime(2026, 11, 23, 11, 0, tzinfo=UTC)
UNIT, PROGRAMME = "DK-0169", "foreningspraktik"


@dataclass
class Clock:
    now: datetime = NOON

    def __call__(self) -> datetime:
        return self.now

    def move(self, **time: float) -> None:
        self.now += timedelta(**time)


class Matching:
    """The service with a clock to move, and short ways to say what happens."""

    def __init__(self, service: Service, clock: Clock, lock: asyncpg.Connection) -> None:
        self.service, self.clock, self.lock = service, clock, lock

    async def take(self, *bodies: BaseModel, kind: Any = "event") -> list[Outcome]:
        messages = [
            Message(uuid4(), type(body).__name__, body, self.clock.now, kind=kind, source="/test")
            for body in bodies
        ]
        return await handle(self.service, messages)

    async def ask(self, body: BaseModel) -> Outcome:
        (outcome,) = await self.take(body, kind="command")
        return outcome

    async def settle(self) -> None:
        """Run timers and the solver until nothing is due."""
        while await timers.run_due(self.service) + await loop.run_due(self.service, self.lock):
            pass

    async def case(self, **more: Any) -> CaseReady:
        ready = case_ready(**more)
        await self.take(ready)
        return ready

    async def place(self, **more: Any) -> PlaceOffered:
        offered = place_offered(**more)
        await self.take(offered)
        return offered

    async def events(self, *names: str) -> list[asyncpg.Record]:
        rows: list[asyncpg.Record] = await self.service.pool.fetch(
            "SELECT type, key, body::jsonb AS body FROM outbox "
            "WHERE cardinality($1::text[]) = 0 OR type = ANY($1) ORDER BY position",
            list(names),
        )
        return rows

    async def types(self) -> list[str]:
        return [row["type"] for row in await self.events()]

    async def proposals(self, case_id: UUID | None = None) -> list[Proposal]:
        found = await queries.proposals(self.service.pool, [UNIT], case_id=case_id, limit=500)
        return [proposal for proposal, _ in found.items]

    async def open_proposal(self) -> Proposal:
        (found,) = [one for one in await self.proposals() if one.state in ("open", "accepted")]
        return found

    async def held(self, place: PlaceOffered) -> int:
        found = await queries.place(self.service.pool, place.place_id)
        assert found is not None
        return len(found.held)

    async def say(self, proposal: Proposal, side: str, answer: Any, **more: Any) -> Outcome:
        (who,) = [one for one in proposal.asked if one.side == side]
        return await self.ask(
            AnswerProposal(proposal_id=proposal.id, by=who.person_id, answer=answer, heard_by="phone", **more)
        )

    async def accepted(self) -> Proposal:
        proposal = await self.open_proposal()
        for one in proposal.asked:
            await self.ask(
                AnswerProposal(proposal_id=proposal.id, by=one.person_id, answer="yes", heard_by="phone")
            )
        return await self.open_proposal()

    async def agreed(self) -> Proposal:
        proposal = await self.accepted()
        outcome = await self.ask(agreement(proposal.id))
        assert outcome.refusal is None, outcome.refusal and outcome.refusal.values
        return proposal


def case_ready(**more: Any) -> CaseReady:
    person = uuid4()
    fields: dict[str, Any] = {
        "unit": UNIT,
        "programme": PROGRAMME,
        "case_id": uuid4(),
        "rules_version": "2020-01-01",
        "person_id": person,
        "waiting_since": date(2026, 11, 20),
        "parties": (
            Party(person_id=person, side="candidate", role="candidate"),
            Party(person_id=uuid4(), side="staff", role="caseworker"),
        ),
        "profile": {
            "wishes": [{"plan": "A", "industries": ["retail"]}, {"plan": "B", "industries": ["culture"]}]
        },
    }
    return CaseReady.model_validate(fields | more)


def place_offered(**more: Any) -> PlaceOffered:
    fields: dict[str, Any] = {
        "unit": UNIT,
        "place_id": uuid4(),
        "host_id": uuid4(),
        "kind": "association",
        "programmes": (PROGRAMME,),
        "capacity": 1,
        "industries": ("retail",),
        "parties": (Party(person_id=uuid4(), side="host", role="contact_person"),),
    }
    return PlaceOffered.model_validate(fields | more)


def agreement(proposal_id: UUID, **more: Any) -> AgreeMatch:
    fields: dict[str, Any] = {
        "proposal_id": proposal_id,
        "starts_on": date(2026, 12, 1),
        "ends_on": date(2027, 1, 31),
        "hours_per_week": 6,
        "times": ("mon-morning",),
    }
    return AgreeMatch.model_validate(fields | more)


@pytest.fixture
async def matching(database: Databases) -> AsyncIterator[Matching]:
    dsn = await database("matching")
    folder = Path(services.matching.__file__).parent / "migrations"
    await migrate(dsn, CORRIDOR_MIGRATIONS, folder)
    clock = Clock()
    service = Service(
        name="matching",
        pool=await connect_pool(dsn),
        state=State,
        tables=TABLES,
        concerns=concerns,
        decide=WORKFLOW.decide,
        messages=frozenset(WORKFLOW.messages),
        timers={one.__name__: one for one in OWN_MESSAGES},
        programmes=load(),
        clock=clock,
        sealer=Sealer([Fernet.generate_key().decode()]),
    )
    lock = await asyncpg.connect(dsn)
    yield Matching(service, clock, lock)
    await lock.close()
    await service.pool.close()


async def test_a_ready_case_and_an_offered_place_become_a_proposal(matching: Matching) -> None:
    case = await matching.case()
    place = await matching.place(capacity=2)
    assert not await loop.idle(matching.service)
    await matching.settle()
    (event,) = await matching.events("MatchProposed")
    proposal = await matching.open_proposal()
    assert event["key"] == str(case.case_id)
    assert (proposal.place_id, proposal.plan) == (place.place_id, "A")
    assert {"code": "industry_plan_a", "points": 100} in [one.model_dump() for one in proposal.reasons]
    assert await matching.held(place) == 1
    assert await loop.idle(matching.service)
    assert await matching.service.pool.fetchval("SELECT count(*) FROM pool_change") == 0
