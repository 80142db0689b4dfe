"""Role models, buddies, two units of one controller, and a protected mentor's whereabouts: on PostgreSQL."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from shared import timers
from shared.contracts.intake_commands import ContactDetails
from shared.contracts.people_commands import CorrectPerson, MergePersons, RegisterRoleModel
from shared.contracts.register_commands import (
    ChangePlace,
    OfferPlace,
    RecordHostInterview,
    RegisterHost,
    RegisterMentor,
    RetireHost,
)
from shared.messages import Actor, Outcome
from shared.programmes import Programmes
from tests.servers.corps import AALBORG, HJOERRING, two_corps
from tests.servers.intake import CASEWORKER, NOW, Intake, intake, referral

__all__ = ["intake", "two_corps"]

IN_BOTH = replace(CASEWORKER, units=frozenset({AALBORG, HJOERRING}))
ROSA = ContactDetails(name="Rosa Rollemodel", email="rosa@example.org")
IN_AALBORG, IN_HJOERRING = (replace(CASEWORKER, units=frozenset({one})) for one in (AALBORG, HJOERRING))


async def ask(intake: Intake, body: Any, actor: Actor = CASEWORKER) -> Outcome:
    (outcome,) = await intake.take(intake.of_staff(body, actor))
    return outcome


async def person(intake: Intake, person_id: object) -> dict[str, Any] | None:
    text = await intake.pool.fetchval("SELECT doc::text FROM person WHERE id = $1", UUID(str(person_id)))
    found: dict[str, Any] | None = json.loads(text) if text else None
    return found


async def moved(intake: Intake, to: datetime) -> None:
    """What falls due until then has run."""
    intake.host.service = replace(intake.host.service, clock=lambda: to)
    while await timers.run_due(intake.host.service):
        pass


async def role_models(intake: Intake) -> list[str]:
    text = await intake.pool.fetchval("SELECT doc ->> 'role_models' FROM unit_file WHERE unit = 'DK-0169'")
    return [one["person_id"] for one in json.loads(text or "[]")]


async def test_somebody_of_another_unit_is_nobody_s_role_model_here(
    two_corps: Programmes, intake: Intake
) -> None:
    said = {"contact": ROSA, "industries": ()}
    mentor = RegisterMentor(unit=AALBORG, contact=ContactDetails(name="Mona", email="mona@example.org"))
    known = (await ask(intake, mentor, IN_AALBORG)).answer["person_id"]
    elsewhere = RegisterRoleModel(unit=HJOERRING, person_id=known, **said)
    assert (await ask(intake, elsewhere, IN_HJOERRING)).reason == "not_found"
    assert (await ask(intake, RegisterRoleModel(unit=AALBORG, person_id=known, **said), IN_AALBORG)).answer


async def test_who_a_citizen_is_stays_however_often_they_are_made_a_role_model(intake: Intake) -> None:
    await intake.case_of(referral())
    person_id = await intake.pool.fetchval("SELECT person_id FROM case_file")
    for _ in range(2):
        said = RegisterRoleModel(unit="DK-0169", person_id=person_id, contact=ROSA)
        assert (await ask(intake, said)).kind == "done"
        assert (await person(intake, person_id) or {})["name"] == "Amina Eksempel"


async def test_what_is_known_of_somebody_who_is_a_role_model_alone_is_replaced(intake: Intake) -> None:
    first = await ask(intake, RegisterRoleModel(unit="DK-0169", contact=ROSA))
    id_, contact = first.answer["person_id"], ContactDetails(name="Rosa Ny")
    assert (await ask(intake, RegisterRoleModel(unit="DK-0169", person_id=id_, contact=contact))).answer
    assert (await person(intake, id_) or {})["name"] == "Rosa Ny"


async def test_a_role_model_who_is_taken_off_the_list_is_forgotten_in_time(intake: Intake) -> None:
    said = RegisterRoleModel(unit="DK-0169", contact=ROSA)
    id_ = (await ask(intake, said)).answer["person_id"]
    off = said.model_copy(update={"person_id": id_, "removed": True})
    assert (await ask(intake, off)).kind == "done"
    assert await role_models(intake) == []
    assert (await ask(intake, off)).reason == "not_found"
    assert await person(intake, id_)
    await moved(intake, NOW + timedelta(days=5 * 365 + 2))
    assert await person(intake, id_) is None


async def test_a_role_model_of_another_unit_is_kept_there(two_corps: Programmes, intake: Intake) -> None:
    said = RegisterRoleModel(unit=AALBORG, contact=ROSA)
    id_ = (await ask(intake, said, IN_BOTH)).answer["person_id"]
    there = said.model_copy(update={"unit": HJOERRING, "person_id": id_})
    off = said.model_copy(update={"person_id": id_, "removed": True})
    for one in (there, off):
        assert (await ask(intake, one, IN_BOTH)).kind == "done"
    await moved(intake, NOW + timedelta(days=10 * 366))
    assert await person(intake, id_)


async def test_a_host_s_buddy_is_forgotten_in_time_once_the_host_has_stopped(intake: Intake) -> None:
    contact = ContactDetails(name="Vera Vært", email="vera@example.org")
    registers = RegisterHost(unit="DK-0169", kind="association", name="Klubben", contact_person=contact)
    host_id = UUID(str((await ask(intake, registers)).answer["host_id"]))
    buddy = ContactDetails(name="Bo Buddy", email="bo@example.org")
    assert (await ask(intake, RecordHostInterview(host_id=host_id, buddy=buddy))).kind == "done"
    assert (await ask(intake, RetireHost(host_id=host_id, reason="other"))).kind == "done"
    assert await intake.count("person") == 2
    await moved(intake, NOW + timedelta(days=5 * 365 + 2))
    assert await intake.count("person") == 0


async def test_two_are_brought_together_only_by_those_who_know_both(
    two_corps: Programmes, intake: Intake
) -> None:
    both = []
    for unit in (AALBORG, HJOERRING):
        changes: dict[str, Any] = {"national_id": None, "national_id_type": None, "target_group": None}
        changes |= {"birth_date": "1999-07-07", "postcode": "9000" if unit == AALBORG else "9800"}
        said = {f"candidate__{name}": value for name, value in changes.items()}
        case_id = await intake.case_of(referral(unit, unit=unit, programme="mentorskab", **said))
        both.append(await intake.pool.fetchval("SELECT person_id FROM case_file WHERE id = $1", case_id))
    for one, other in (both, both[::-1]):
        for actor in (IN_AALBORG, IN_HJOERRING):
            outcome = await ask(intake, MergePersons(person_id=one, other_id=other), actor)
            assert outcome.reason == "other_unit", outcome
    assert (await ask(intake, MergePersons(person_id=both[0], other_id=both[1]), IN_BOTH)).kind == "done"


async def test_nothing_that_is_said_of_a_protected_mentor_tells_where_they_live(
    two_corps: Programmes, intake: Intake
) -> None:
    contact = ContactDetails(name="Mona Mentor", email="mona@example.org")
    said = RegisterMentor(unit=AALBORG, contact=contact, birth_date=date(1980, 1, 1), postcode="9000")
    id_ = UUID(str((await ask(intake, said, IN_AALBORG)).answer["mentor_id"]))
    assert (await ask(intake, CorrectPerson(person_id=id_, protected=True), IN_AALBORG)).kind == "done"
    offers = OfferPlace(mentor_id=id_, programmes=("mentorskab",), postcode="9000")
    place = await ask(intake, offers, IN_AALBORG)
    assert (await ask(intake, said.model_copy(update={"mentor_id": id_}), IN_AALBORG)).kind == "done"
    change = ChangePlace(place_id=UUID(str(place.answer["place_id"])), postcode="9000")
    assert (await ask(intake, change, IN_AALBORG)).kind == "done"
    bodies = await intake.pool.fetch("SELECT body FROM outbox WHERE type = 'PlaceOffered'")
    assert bodies and all(json.loads(row["body"])["location"] is None for row in bodies)
    known = "SELECT count(*) FROM mentor WHERE doc ->> 'postcode' IS NOT NULL"
    assert await intake.pool.fetchval(known) == 0
