"""A person was erased at intake: what matching, follow-up and notifications do about it, on PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from cli.erased import applied, listed
from demo.settings import Keys
from services.followup.held import held_by
from services.notifications.app import create
from shared.contracts.followup import EndPlacement, RecordCheckIn
from shared.contracts.intake import (
    CaseReady,
    CaseWithdrawn,
    Contact,
    PlaceWithdrawn,
    SubjectErased,
)
from shared.contracts.matching import MatchProposed, PublishMentorWanted
from shared.contracts.model import Party, match_id
from shared.corridor import handle
from shared.hosting import Host
from shared.messages import Message, Outcome, Tombstone
from shared.postgres import migrate
from tests.builders import (
    STAFF,
    Clock,
    agreed,
    cleared,
    event,
    followup_on,
    frame,
    party,
    proposed,
    texts,
    withdrawn,
)
from tests.integration.matching_service import Matching, case_event, matching_service
from tests.servers.postgres import Databases

pytest_plugins = ["tests.fixtures"]


@pytest.fixture
async def matching(database: Databases) -> AsyncIterator[Matching]:
    async with matching_service(await database("matching")) as service:
        yield service


@pytest.fixture
async def notifications(database: Databases, clock: Clock, keys: Keys) -> AsyncIterator[Host]:
    host = await create(keys.settings(await database("notifications")), clock)
    await migrate(host.settings.database_url, *host.service.migrations)
    yield host
    await host.pool.close()


def of_case(case_id: UUID, person_id: UUID, *, is_candidate: bool = True) -> SubjectErased:
    return SubjectErased(subject_id=case_id, kind="case", person_id=person_id, is_candidate=is_candidate)


def of_person(person_id: UUID) -> SubjectErased:
    return SubjectErased(subject_id=person_id, kind="person", person_id=person_id)


async def everything(pool: asyncpg.Pool) -> str:
    names = await pool.fetch(
        "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace"
    )
    rows = [await pool.fetch(f"SELECT t::text FROM {row[0]} t") for row in names]
    return "\n".join(row[0] for table in rows for row in table)


async def ignored_as_erased(service: Any, *bodies: Any) -> bool:
    now = service.clock()
    outcomes = await handle(service, [event(body, now) for body in bodies])
    return [(one.kind, one.reason) for one in outcomes] == [("ignored", "erased")] * len(bodies)


async def test_a_proposal_that_is_out_is_taken_back_and_the_place_free(matching: Matching) -> None:
    case, place = await matching.case(), await matching.place()
    await matching.settle()
    await matching.take(of_case(case.case_id, case.person_id))
    (withdrawn_event,) = await matching.events("ProposalWithdrawn")
    assert '"erased"' in withdrawn_event["body"]
    assert (await matching.stored_place(place)).free == 1
    stored = await matching.stored_case(case)
    assert (stored.state, stored.person_id, stored.profile.wishes) == ("gone", UUID(int=0), ())
    assert case.person_id not in {one.person_id for one in stored.parties}


async def test_a_match_that_was_agreed_at_that_moment_is_cancelled_and_both_sides_told(
    matching: Matching,
) -> None:
    case, place = await matching.case(), await matching.place()
    await matching.settle()
    await matching.agreed()
    await matching.take(
        case_event(CaseWithdrawn, case, reason="erased"), of_case(case.case_id, case.person_id)
    )
    assert (await matching.types())[-1] == "MatchCancelled"
    assert (await matching.stored_place(place)).free == 1


async def test_a_notice_goes_with_its_case(matching: Matching) -> None:
    case = await matching.case(profile={"field": "healthcare", "stage": "seeking_work"})
    published = await matching.ask(PublishMentorWanted(case_id=case.case_id, task="job_search"))
    assert published.kind == "done", published.reason
    await matching.take(
        case_event(CaseWithdrawn, case, reason="erased"), of_case(case.case_id, case.person_id)
    )
    await matching.settle()
    assert (await matching.types())[-1] == "MentorWantedWithdrawn"


async def test_nothing_said_of_the_case_afterwards_has_an_effect_at_matching(matching: Matching) -> None:
    case = await matching.case()
    unheard = case.model_copy(update={"case_id": uuid4()})
    await matching.take(
        of_case(case.case_id, case.person_id),
        of_case(unheard.case_id, case.person_id),
        of_person(case.person_id),
    )
    assert await ignored_as_erased(matching.service, case, unheard)
    assert await matching.service.pool.fetchval("SELECT count(*) FROM case_file") == 1
    assert await matching.service.pool.fetchval("SELECT count(*) FROM erased") == 3


async def test_a_mentor_s_place_is_blank_and_what_is_proposed_for_it_taken_back(matching: Matching) -> None:
    case = await matching.case()
    place = await matching.place(mentor_gender="f", times=("mon-morning",))
    await matching.settle()
    mentor = place.parties[0].person_id
    await matching.take(
        PlaceWithdrawn(place_id=place.place_id, unit=place.unit, reason="erased"),
        SubjectErased(subject_id=place.place_id, kind="place", person_id=mentor),
    )
    await matching.settle()
    assert "ProposalWithdrawn" in await matching.types()
    stored = await matching.stored_place(place)
    assert (stored.state, stored.offer.parties, stored.offer.times, stored.offer.mentor_gender) == (
        "withdrawn",
        (),
        (),
        None,
    )
    assert (await matching.stored_case(case)).state == "waiting"
    assert await ignored_as_erased(matching.service, place)


async def test_a_party_leaves_somebody_else_s_case_and_the_case_goes_on(matching: Matching) -> None:
    guardian = Party(person_id=uuid4(), side="candidate", role="guardian")
    case = await matching.case()
    with_guardian: CaseReady = case.model_copy(update={"parties": (*case.parties, guardian)})
    await matching.take(with_guardian, of_case(case.case_id, guardian.person_id, is_candidate=False))
    stored = await matching.stored_case(case)
    assert (stored.state, stored.parties) == ("waiting", case.parties)
    (outcome,) = await matching.take(with_guardian.model_copy(update={"round": 2}))
    assert outcome.kind == "done"


async def took(host: Host, clock: Clock, *bodies: Any) -> list[Outcome]:
    return await handle(host.service, [event(body, clock.now) for body in bodies])


async def ask(host: Host, clock: Clock, body: Any) -> None:
    message = Message(uuid4(), type(body).__name__, body, clock.now, kind="command", source="/x", actor=STAFF)
    (outcome,) = await handle(host.service, [message])
    assert outcome.kind == "done", outcome.reason


async def test_what_was_written_is_gone_at_followup_and_the_placement_counts(
    followup: Host, clock: Clock
) -> None:
    case, person = uuid4(), uuid4()
    await took(followup, clock, texts(case, 1, "Kanariefugl"), proposed(case), cleared(case), agreed(case))
    placement = match_id(case, 1)
    await ask(followup, clock, RecordCheckIn(placement_id=placement, held=True, note="Kanariefugl sang"))
    await ask(followup, clock, EndPlacement(placement_id=placement, competences=("Kanariefugle",)))
    assert "Kanariefugl" in await everything(followup.pool)
    person = party(case, "candidate").person_id
    await took(followup, clock, of_case(case, person), of_person(person))
    assert "Kanariefugl" not in await everything(followup.pool)
    row = await followup.pool.fetchrow("SELECT state, doc ->> 'how' AS how, doc::text AS doc FROM placement")
    assert row is not None and (row["state"], row["how"]) == ("ended", "completed")
    assert str(person) not in row["doc"]
    assert await ignored_as_erased(followup.service, texts(case, 9, "Kanariefugl"), agreed(case))


async def test_a_match_agreed_at_that_moment_ends_at_followup(followup: Host, clock: Clock) -> None:
    case = uuid4()
    person = party(case, "candidate").person_id
    await took(followup, clock, agreed(case), withdrawn(case), of_case(case, person))
    assert await followup.pool.fetchval("SELECT state FROM placement") == "ended"
    other = uuid4()
    await took(followup, clock, agreed(other), of_case(other, person))
    how = "SELECT doc ->> 'how' FROM placement WHERE case_id = $1"
    assert await followup.pool.fetchval(how, other) == "failed_match"
    assert await followup.pool.fetchval("SELECT count(*) FROM timer") == 0


async def test_a_party_leaves_a_placement_of_somebody_else(followup: Host, clock: Clock) -> None:
    case = uuid4()
    host = party(case, "host").person_id
    await took(followup, clock, agreed(case), of_case(case, host, is_candidate=False))
    row = await followup.pool.fetchrow("SELECT state, doc::text AS doc FROM placement")
    assert row is not None and row["state"] == "agreed" and str(host) not in row["doc"]
    (outcome,) = await took(followup, clock, cleared(case))
    assert outcome.kind == "done"


async def test_nobody_writes_to_the_erased_and_no_contact_brings_them_back(
    notifications: Host, clock: Clock
) -> None:
    case = uuid4()
    candidate = party(case, "candidate")
    contact = Contact(person_id=candidate.person_id, version=1, name="Kanariefugl", email="k@example.org")
    asks = MatchProposed(
        **frame(case, 1, "candidate", "host"),
        asked=(candidate, party(case, "host")),
        proposal_id=uuid4(),
        place_id=uuid4(),
        answer_by=clock.now,
    )
    await took(notifications, clock, contact, asks)
    await took(notifications, clock, of_case(case, candidate.person_id), of_person(candidate.person_id))
    assert "Kanariefugl" not in await everything(notifications.pool)
    states = await notifications.pool.fetch("SELECT person_id, state FROM mail")
    assert {row["person_id"]: row["state"] for row in states} == {
        candidate.person_id: "superseded",
        party(case, "host").person_id: "queued",
    }
    assert await ignored_as_erased(notifications.service, contact.model_copy(update={"version": 9}))
    gone = Tombstone(topic="contacts-v1", key=str(candidate.person_id))
    message = Message(uuid4(), "Tombstone", gone, clock.now, inbox=False)
    assert (await handle(notifications.service, [message]))[0].kind in ("done", "ignored")
    assert "Kanariefugl" not in await everything(notifications.pool)


async def test_a_restored_followup_is_told_again_from_its_list(
    followup: Host, clock: Clock, database: Databases, keys: Keys
) -> None:
    case = uuid4()
    person = party(case, "candidate").person_id
    await took(followup, clock, of_case(case, person), of_person(person))
    kept = [SubjectErased.model_validate_json(body) for body in await listed(followup.settings.database_url)]
    settings = keys.settings(await database("restored"))
    assert await applied("followup", kept, settings) == {"done": 2}
    assert await applied("followup", kept, settings) == {"ignored": 2}
    assert await listed(settings.database_url) == await listed(followup.settings.database_url)
    # What is replayed for it afterwards brings nobody back.
    async with followup_on(settings.database_url, clock, keys) as restored:
        assert await ignored_as_erased(restored.service, texts(case, 1, "Kanariefugl"), agreed(case))
        assert "Kanariefugl" not in await everything(restored.pool)


async def test_each_service_tells_what_it_holds_on_a_person_and_of_others_their_part_alone(
    matching: Matching,
) -> None:
    case, place = await matching.case(), await matching.place()
    await matching.settle()
    async with matching.client(headers=matching.staff()) as client:
        held = (await client.get(f"/matching/api/people/{case.person_id}/export")).json()
        host = (await client.get(f"/matching/api/people/{place.parties[0].person_id}/export")).json()
        page = await client.get(
            f"/matching/fragments/people/{case.person_id}", headers={"Accept": "text/html"}
        )
        elsewhere = matching.staff(units=("NO-3222",))
        nothing = await client.get(f"/matching/api/people/{case.person_id}/export", headers=elsewhere)
    assert [one["id"] for one in held["cases"]] == [str(case.case_id)]
    assert len(held["proposals"]) == 1 and held["proposals"][0]["case_id"] == str(case.case_id)
    assert not host["cases"] and [set(one) for one in host["proposals"]] == [
        {"proposal_id", "proposed_at", "asked"}
    ]
    assert page.status_code == 200 and str(case.case_id) in page.text
    assert not any(nothing.json().values())


async def test_followup_tells_what_was_written_to_the_candidate_s_export_alone(
    followup: Host, clock: Clock, keys: Keys
) -> None:
    case = uuid4()
    await took(followup, clock, texts(case, 1, "Kanariefugl"), proposed(case), cleared(case), agreed(case))
    held = held_by(followup)
    own = await held(STAFF, party(case, "candidate").person_id)
    host = await held(STAFF, party(case, "host").person_id)
    assert own["cases"][0]["presentation"] == "Kanariefugl" and len(own["placements"]) == 1
    assert not host["cases"] and len(host["part_in_cases_of_others"]) == 2
    assert "Kanariefugl" not in str(host)


async def test_what_is_held_is_shown_to_caseworkers_alone_and_each_look_is_written_down(
    matching: Matching,
) -> None:
    case = await matching.case()
    paths = (
        f"/matching/api/people/{case.person_id}/export",
        f"/matching/fragments/people/{case.person_id}",
    )
    for role, status in (("coordinator", 403), ("coach", 403), ("project_manager", 200)):
        async with matching.client(headers=matching.staff(role)) as client:
            assert [(await client.get(path)).status_code for path in paths] == [status, status]
    looks = await matching.host.pool.fetch("SELECT subject, person_id FROM look")
    assert [(one["subject"], one["person_id"]) for one in looks] == [("kirsten", case.person_id)] * 2
