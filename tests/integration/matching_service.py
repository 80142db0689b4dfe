"""Matching without its loops: messages go in by hand, the clock stands until it is moved."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
from cryptography.fernet import Fernet
from pydantic import BaseModel

import services.matching
from services.matching import queries
from services.matching.app import create
from services.matching.documents import CaseFile, Place, Proposal
from services.matching.left_out import TELLING
from services.matching.loop import SOLVING
from shared import timers
from shared.access import Issuer
from shared.contracts.intake import CaseReady, PlaceOffered
from shared.contracts.matching import AgreeMatch, AnswerProposal
from shared.contracts.model import Party
from shared.corridor import handle
from shared.hosting import Host
from shared.links import Signer, new_key
from shared.messages import Actor, Message, Outcome
from shared.postgres import CORRIDOR_MIGRATIONS, migrate
from shared.settings import Settings

NOON = datetime(2026, 11, 23, 11, 0, tzinfo=UTC)
UNIT, PROGRAMME = "DK-0169", "foreningspraktik"
MIGRATIONS = Path(services.matching.__file__).parent / "migrations"


@dataclass
class Clock:
    now: datetime = NOON

    def __call__(self) -> datetime:
        return self.now

    def move(self, **time: float) -> None:
        self.now += timedelta(**time)


class Matching:
    """The service, and short ways to say what happens and to see what became of it."""

    def __init__(self, host: Host, clock: Clock, issuer: Issuer, signer: Signer, dsn: str) -> None:
        self.host, self.service, self.clock, self.dsn = host, host.service, clock, dsn
        self.issuer, self.signer = issuer, signer

    async def take(
        self, *bodies: BaseModel, kind: Any = "event", actor: Actor | None = None
    ) -> list[Outcome]:
        messages = [
            Message(uuid4(), type(one).__name__, one, self.clock(), kind=kind, source="/test", actor=actor)
            for one in bodies
        ]
        return await handle(self.service, messages)

    async def ask(self, body: BaseModel, actor: Actor | None = None) -> Outcome:
        (outcome,) = await self.take(body, kind="command", actor=actor)
        return outcome

    async def done(self, body: BaseModel) -> Outcome:
        outcome = await self.ask(body)
        assert outcome.kind == "done", (outcome.reason, outcome.refusal and outcome.refusal.values)
        return outcome

    async def settle(self) -> None:
        """Run timers, solve, and tell who was left out, until nothing is due."""
        connection = await asyncpg.connect(self.dsn)
        try:
            while True:
                done = await timers.run_due(self.service)
                for stage in (SOLVING, TELLING):
                    done += await stage.run_due(self.service, connection)
                if not done:
                    break
        finally:
            await connection.close()

    async def case(self, **more: Any) -> CaseReady:
        ready = case_ready(**more)
        (outcome,) = await self.take(ready)
        assert outcome.kind == "done", outcome.reason
        return ready

    async def place(self, **more: Any) -> PlaceOffered:
        offered = place_offered(**more)
        (outcome,) = await self.take(offered)
        assert outcome.kind == "done", outcome.reason
        return offered

    async def events(self, *names: str) -> list[asyncpg.Record]:
        rows: list[asyncpg.Record] = await self.service.pool.fetch(
            "SELECT type, key, body FROM outbox "
            "WHERE cardinality($1::text[]) = 0 OR type = ANY($1) ORDER BY position",
            list(names),
        )
        return rows

    async def types(self) -> list[str]:
        return [row["type"] for row in await self.events()]

    async def proposals(self, case_id: UUID | None = None) -> list[Proposal]:
        units = list(self.service.programmes.units)
        found = await queries.proposals(self.service.pool, units, case_id=case_id, limit=500)
        return [proposal for proposal, _ in found.items]

    async def out(self) -> Proposal:
        """The one proposal that is out."""
        (found,) = [one for one in await self.proposals() if one.state in ("open", "accepted")]
        return found

    async def stored_place(self, place: PlaceOffered) -> Place:
        found = await queries.place(self.service.pool, place.place_id)
        assert found is not None
        return found

    async def stored_case(self, case: CaseReady) -> CaseFile:
        found = await queries.case(self.service.pool, case.case_id)
        assert found is not None
        return found

    async def say(self, proposal: Proposal, side: str, answer: Any, **more: Any) -> Outcome:
        """Somebody of that side was heard by phone; of a no without a reason, that none was told."""
        if answer == "no":
            more = {"reason": "not_told"} | more
        who = next(one for one in proposal.asked if one.side == side)
        return await self.ask(
            AnswerProposal(proposal_id=proposal.id, by=who.person_id, answer=answer, heard_by="phone", **more)
        )

    async def accepted(self) -> Proposal:
        proposal = await self.out()
        for side in dict.fromkeys(one.side for one in sorted(proposal.asked, key=lambda one: one.stage)):
            assert (await self.say(proposal, side, "yes")).kind == "done"
        return await self.out()

    async def agreed(self) -> Proposal:
        proposal = await self.accepted()
        await self.done(agreement(proposal.id))
        (found,) = await self.proposals(proposal.case_id)
        return found

    def client(self, **more: Any) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(self.host.app), base_url="http://makker.example.org", **more
        )

    def staff(self, *roles: str, units: tuple[str, ...] = (UNIT,)) -> dict[str, str]:
        token = self.issuer.token("kirsten", list(roles or ("caseworker",)), list(units), "Kirsten Eksempel")
        return {"Authorization": f"Bearer {token}"}

    def link(self, proposal: Proposal, person_id: UUID, scope: str = "answer") -> str:
        assert proposal.answer_by is not None
        return self.signer.token(scope, person_id, proposal.id, proposal.answer_by)


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


def case_event(type_: Any, case: CaseReady, **more: Any) -> Any:
    """An event about a case, of the round of its `CaseReady`."""
    names = ("unit", "programme", "case_id", "round", "rules_version")
    return type_(**{name: getattr(case, name) for name in names}, **more)


@asynccontextmanager
async def matching_service(dsn: str) -> AsyncIterator[Matching]:
    """Matching on an empty database that this migrates."""
    await migrate(dsn, CORRIDOR_MIGRATIONS, MIGRATIONS)
    clock = Clock()
    (session, sessions), (link, links) = new_key("session"), new_key("link")
    settings = Settings(
        database_url=dsn,
        seal_keys=Fernet.generate_key().decode(),
        access_public_keys=sessions,
        link_public_keys=links,
    )
    host = await create(settings, clock)
    try:
        yield Matching(host, clock, Issuer(session, "https://login.example.org"), Signer(link), dsn)
    finally:
        await host.service.pool.close()
