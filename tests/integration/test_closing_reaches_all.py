"""A unit closes in intake, and the other three services go along: nothing of the case is left behind."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID, uuid4

import pytest

from demo.settings import Keys
from services.followup.app import create as create_followup
from services.matching.app import create as create_matching
from services.matching.documents import PairFound
from services.notifications.app import create as create_notifications
from shared.contracts.intake import Contact
from shared.contracts.intake_commands import AssignCase
from shared.contracts.matching import AgreeMatch, AnswerProposal
from shared.contracts.model import EVENTS, match_id
from shared.contracts.people_commands import CloseUnit
from shared.contracts.register_commands import (
    OfferPlace,
    RecordMentorInterview,
    RegisterMentor,
    SignVolunteerAgreement,
)
from shared.corridor import handle
from shared.hosting import Host
from shared.messages import Message
from shared.postgres import migrate
from shared.programmes import Programmes
from tests.integration.corps_story import BY_EMAIL, ask, mentored, prepared, registered, run_timers
from tests.servers.corps import AALBORG, HJOERRING, actor, two_corps
from tests.servers.intake import NOW, Intake, intake
from tests.servers.postgres import Databases

__all__ = ["intake", "two_corps"]

JONAS = actor("coordinator", "Jonas")


@dataclass
class Four:
    """All four services, and what carries their events from one to the others, in order."""

    intake: Intake
    hosts: dict[str, Host]
    carried: dict[str, int] = field(default_factory=dict)

    async def carry(self) -> None:
        """Until nobody has anything more to say."""
        while any([await self._carry_from(name, host) for name, host in self.hosts.items()]):
            pass

    async def _carry_from(self, name: str, host: Host) -> bool:
        rows = await host.pool.fetch(
            "SELECT position, id, type, body FROM outbox WHERE position > $1 AND body IS NOT NULL "
            "ORDER BY position",
            self.carried.get(name, 0),
        )
        for row in rows:
            body = EVENTS[row["type"]].model_validate_json(row["body"])
            message = Message(
                row["id"],
                row["type"],
                body,
                NOW,
                source=f"/makker/{name}",
                inbox=not isinstance(body, Contact),
            )
            for other in self.hosts.values():
                if other is not host and type(body) in other.service.messages:
                    (outcome,) = await handle(other.service, [message])
                    assert outcome.kind in ("done", "ignored"), (row["type"], other.name, outcome)
            self.carried[name] = row["position"]
        return bool(rows)

    async def ask(self, service: str, body: Any) -> Any:
        command = Message(uuid4(), type(body).__name__, body, NOW, kind="command", actor=JONAS)
        (outcome,) = await handle(self.hosts[service].service, [command])
        assert outcome.kind == "done", (outcome.reason, outcome.refusal and outcome.refusal.values)
        return outcome

    async def units(self, service: str, table: str) -> set[str]:
        rows = await self.hosts[service].pool.fetch(
            f"SELECT DISTINCT doc->>'unit' AS unit FROM {table} WHERE doc IS NOT NULL"
        )
        return {row["unit"] for row in rows}


@pytest.fixture
async def four(two_corps: Programmes, intake: Intake, database: Databases) -> AsyncIterator[Four]:
    keys = Keys()
    hosts = {"intake": intake.host}
    for name, create in (
        ("matching", create_matching),
        ("followup", create_followup),
        ("notifications", create_notifications),
    ):
        host = await create(keys.settings(await database(name)), lambda: NOW)
        await migrate(host.settings.database_url, *host.service.migrations)
        hosts[name] = host
    yield Four(intake, hosts)
    for name, host in hosts.items():
        if name != "intake":
            await host.pool.close()


async def available_mentor(intake: Intake) -> UUID:
    """One who has been spoken with and has signed."""
    said = RegisterMentor(unit=AALBORG, contact=BY_EMAIL, birth_date=date(1980, 1, 1))
    mentor_id = UUID(str((await ask(intake, said)).answer["mentor_id"]))
    for more in (RecordMentorInterview(mentor_id=mentor_id), SignVolunteerAgreement(mentor_id=mentor_id)):
        assert (await ask(intake, more)).kind == "done"
    return mentor_id


async def agreed(four: Four, case_id: UUID, place_id: UUID) -> None:
    """A pair that everybody says yes to, and a match from today on."""
    matching = four.hosts["matching"]
    case = await matching.pool.fetchval("SELECT (doc->>'revision')::int FROM case_file")
    place = await matching.pool.fetchval("SELECT (doc->>'revision')::int FROM place")
    proposal_id = uuid4()
    found = PairFound(
        proposal_id=proposal_id,
        case_id=case_id,
        place_id=place_id,
        case_revision=case,
        place_revision=place,
        points=1,
    )
    (outcome,) = await handle(matching.service, [Message(uuid4(), "PairFound", found, NOW)])
    assert outcome.events == ("MatchProposed",)
    for _ in range(2):
        doc = await matching.pool.fetchval(
            "SELECT one->>'person_id' FROM proposal, jsonb_array_elements(doc->'asked') AS one "
            "WHERE one->>'answer' IS NULL ORDER BY one->>'stage' LIMIT 1"
        )
        yes = AnswerProposal(proposal_id=proposal_id, by=UUID(doc), answer="yes", heard_by="phone")
        await four.ask("matching", yes)
    agreement = AgreeMatch(
        proposal_id=proposal_id,
        starts_on=NOW.date(),
        hours_per_week=2,
        times=("tue-evening",),
        content=("homework",),
    )
    await four.ask("matching", agreement)


async def test_the_other_services_go_along(four: Four) -> None:
    intake = four.intake
    jonas = await registered(intake, "Jonas")
    bent = await registered(intake, "Bent", HJOERRING)
    mentor_id = await available_mentor(intake)
    place = await ask(intake, OfferPlace(mentor_id=mentor_id, programmes=("mentorskab",)), JONAS)
    running = await mentored(intake, "running")
    await ask(intake, AssignCase(case_id=running, caseworker=jonas))
    await prepared(intake, running)
    await four.carry()
    await agreed(four, running, UUID(str(place.answer["place_id"])))
    await four.carry()
    waiting = await mentored(intake, "waiting")
    await prepared(intake, waiting)
    await four.carry()
    started = await four.hosts["followup"].pool.fetchval(
        "SELECT state FROM placement WHERE id = $1", match_id(running, 1)
    )
    assert started == "running"
    tables = [("matching", "case_file"), ("matching", "place"), ("matching", "proposal")]
    tables += [("followup", "placement"), ("followup", "case_track"), ("notifications", "mail")]
    for service, table in tables:
        assert await four.units(service, table) == {AALBORG}, table
    closed = await ask(intake, CloseUnit(unit=AALBORG, hand_over_to=HJOERRING, caseworker=bent))
    assert closed.kind == "done"
    await run_timers(intake)
    await four.carry()
    for service, table in tables:
        assert await four.units(service, table) == {HJOERRING}, table
    parties = await four.hosts["followup"].pool.fetchval("SELECT doc->>'parties' FROM placement")
    assert str(bent) in parties and str(jonas) not in parties
    assert await intake.pool.fetchval("SELECT state FROM case_file WHERE id = $1", running) == "started"
    parked = [await host.pool.fetchval("SELECT count(*) FROM parked") for host in four.hosts.values()]
    assert parked == [0, 0, 0, 0]
