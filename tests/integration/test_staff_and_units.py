"""Colleagues, groups and duty, and a unit that closes, through intake's corridor on a real PostgreSQL."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from services.intake.closing import LEFT, LookForLeft
from shared import timers
from shared.access import person_of
from shared.contracts.followup import PlacementStarted
from shared.contracts.intake_commands import (
    AgreeGoals,
    AssignCase,
    ContactDetails,
    GoalInWords,
    PauseCase,
    RecordCertificateShown,
    RecordConsent,
    RecordInterview,
)
from shared.contracts.matching import MatchAgreed
from shared.contracts.model import Command, derived_id, match_id
from shared.contracts.people_commands import (
    CloseUnit,
    RegisterRoleModel,
    RegisterStaff,
    SetDuty,
    SetGroupMembers,
)
from shared.contracts.register_commands import OfferPlace, RegisterHost, RegisterMentor
from shared.messages import Actor, Outcome
from shared.programmes import Programmes
from tests.servers.corps import AALBORG, HJOERRING, actor, two_corps
from tests.servers.intake import NOW, Intake, as_, browser, intake, referral
from tests.unit.intake_story import done as done_by_saying

__all__ = ["browser", "intake", "two_corps"]

OPEN = ("preparing", "ready", "matched", "started", "paused")
MANAGER = actor("project_manager")
BY_EMAIL = ContactDetails(name="Vera Vært", email="vera@example.org")


async def ask(intake: Intake, command: Any, by: Actor = MANAGER) -> Outcome:
    (outcome,) = await intake.take(intake.of_staff(command, by))
    return outcome


async def registered(intake: Intake, name: str, unit: str = AALBORG, *roles: str) -> UUID:
    said = RegisterStaff(
        unit=unit,
        contact=ContactDetails(name=name, email=f"{name.lower()}@example.org"),
        staff_roles=roles or ("coordinator",),
        subject=name,
        issuer="test",
    )
    outcome = await ask(intake, said)
    assert outcome.kind == "done", outcome
    return UUID(str(outcome.answer["staff_id"]))


async def test_a_registered_colleague_has_the_id_of_their_sign_in_and_a_contact(
    two_corps: Programmes, intake: Intake
) -> None:
    assert await registered(intake, "Jonas") == person_of("test", "Jonas")
    contact = await intake.body("Contact")
    assert (contact["person_id"], contact["name"]) == (str(person_of("test", "Jonas")), "Jonas")


async def test_a_groups_mailbox_is_nobodys_sign_in(two_corps: Programmes, intake: Intake) -> None:
    contact = ContactDetails(name="Korpset", email="korps@example.org")
    said = {"unit": AALBORG, "contact": contact, "staff_roles": ("coordinator",), "group_mailbox": True}
    assert (await ask(intake, RegisterStaff(**said))).kind == "done"
    refused = await ask(intake, RegisterStaff(**said, subject="korps", issuer="test"))
    assert refused.reason == "mailbox_does_not_sign_in"


async def test_a_group_is_two_to_five_registered_coordinators(two_corps: Programmes, intake: Intake) -> None:
    members = (await registered(intake, "Jonas"), await registered(intake, "Sofie"))
    assert (await ask(intake, SetGroupMembers(unit=AALBORG, members=members))).kind == "done"
    stored = await intake.pool.fetchval("SELECT doc->>'members' FROM unit_file WHERE unit = $1", AALBORG)
    assert all(str(one) in stored for one in members)
    stranger = SetGroupMembers(unit=AALBORG, members=(members[0], uuid4()))
    assert (await ask(intake, stranger)).reason == "unknown_colleague"
    elsewhere = await registered(intake, "Bent", HJOERRING)
    assert (await ask(intake, SetGroupMembers(unit=AALBORG, members=(members[0], elsewhere)))).reason == (
        "unknown_colleague"
    )
    caseworker = await registered(intake, "Ida", AALBORG, "caseworker")
    assert (await ask(intake, SetGroupMembers(unit=AALBORG, members=(members[0], caseworker)))).reason == (
        "not_a_coordinator"
    )


async def test_duty_said_again_replaces_the_days_said_before(two_corps: Programmes, intake: Intake) -> None:
    jonas, sofie = await registered(intake, "Jonas"), await registered(intake, "Sofie")
    for days in (3, 9):
        said = SetDuty(
            unit=AALBORG, person_id=jonas, stands_in_for=sofie, until=NOW.date() + timedelta(days=days)
        )
        assert (await ask(intake, said)).kind == "done"
    duty = await intake.pool.fetchval("SELECT jsonb_array_length(doc->'duty') FROM unit_file")
    assert duty == 1
    itself = SetDuty(unit=AALBORG, person_id=jonas, stands_in_for=jonas)
    assert (await ask(intake, itself)).reason == "stands_in_for_themself"


async def mentored(intake: Intake, reference: str) -> UUID:
    return await intake.case_of(
        referral(
            reference,
            programme="mentorskab",
            unit=AALBORG,
            candidate__national_id=None,
            candidate__national_id_type=None,
            candidate__birth_date="1999-07-07",
            candidate__postcode="9000",
            candidate__target_group=None,
        )
    )


async def prepared(intake: Intake, case_id: UUID) -> None:
    """Everything is done that the programme asks for, whatever the order its steps have."""
    doc = await intake.pool.fetchval("SELECT doc->>'rules_version' FROM case_file WHERE id = $1", case_id)
    rules = intake.host.service.programmes.version("mentorskab", AALBORG, doc)
    goals = (GoalInWords(title="Tage uddannelse"),)
    for _ in rules.preparation:
        for step in rules.preparation:
            done: dict[str, Command] = {
                "interview": RecordInterview(case_id=case_id),
                "goals": AgreeGoals(case_id=case_id, goals=goals),
                "consent": RecordConsent(case_id=case_id, kind=step.code),
                "certificate": RecordCertificateShown(case_id=case_id, kind=step.code),
            }
            await ask(intake, done.get(step.kind, done_by_saying(case_id, step)))


async def run_timers(intake: Intake) -> None:
    while await timers.run_due(intake.host.service):
        pass


async def left_in(intake: Intake, unit: str) -> dict[str, int]:
    return {
        kind: await intake.pool.fetchval(
            f"SELECT count(*) FROM {left.table} WHERE unit = $1 AND doc IS NOT NULL "
            "AND coalesce(doc->>'state', '') <> ALL($2::text[])",
            unit,
            list(left.over),
        )
        for kind, left in LEFT.items()
    }


def of_round(case_id: UUID) -> dict[str, Any]:
    place = {"placement_id": match_id(case_id, 1), "place_id": uuid4()}
    about = {"unit": AALBORG, "programme": "mentorskab", "case_id": case_id, "rules_version": "2020-01-01"}
    return about | place | {"match_id": place["placement_id"], "proposal_id": uuid4(), "hours_per_week": 2}


async def filled(intake: Intake) -> dict[str, UUID]:
    """A corps with cases in every open state, a mentor with a place, a host, colleagues and a role model."""
    cases = {state: await mentored(intake, state) for state in OPEN}
    for state, case_id in cases.items():
        if state != "preparing":
            await prepared(intake, case_id)
        if state in ("matched", "started"):
            agreed = MatchAgreed(**of_round(case_id), starts_on=NOW.date())
            await intake.take(intake.of_matching(agreed))
        if state == "started":
            started = PlacementStarted(**of_round(case_id), started_on=NOW.date())
            await intake.take(intake.of_matching(started))
        if state == "paused":
            await ask(intake, PauseCase(case_id=case_id, reason="illness"))
        assert await intake.pool.fetchval("SELECT state FROM case_file WHERE id = $1", case_id) == state
    mentor = await ask(intake, RegisterMentor(unit=AALBORG, contact=BY_EMAIL, birth_date=date(1980, 1, 1)))
    await ask(intake, OfferPlace(mentor_id=mentor.answer["mentor_id"], programmes=("mentorskab",)))
    await ask(intake, RegisterHost(unit=AALBORG, kind="association", name="Klubben", contact_person=BY_EMAIL))
    await registered(intake, "Jonas")
    await ask(intake, RegisterRoleModel(unit=AALBORG, contact=BY_EMAIL))
    return cases


async def test_a_unit_that_closes_leaves_nothing_without_an_owner(
    two_corps: Programmes, intake: Intake
) -> None:
    cases = await filled(intake)
    owner = await registered(intake, "Bent", HJOERRING)
    before = await left_in(intake, AALBORG)
    assert before["case"] == len(OPEN) and before["mentor"] == before["place"] == before["host"] == 1
    closed = await ask(intake, CloseUnit(unit=AALBORG, hand_over_to=HJOERRING, caseworker=owner))
    assert closed.events == ("UnitClosed",)
    await run_timers(intake)
    assert set((await left_in(intake, AALBORG)).values()) == {0}
    after = await left_in(intake, HJOERRING)
    assert {kind: after[kind] for kind in before if kind != "staff"} == {
        kind: before[kind] for kind in before if kind != "staff"
    }
    told = {state: (await intake.events(case_id)) for state, case_id in cases.items()}
    again = {state: events[events.index("CaseAssigned") + 1 :] for state, events in told.items()}
    assert again["preparing"] == again["paused"] == again["started"] == []
    assert again["ready"] == ["CaseReady", "StartCleared"]
    assert again["matched"] == ["StartCleared"]
    body = await intake.body("CaseAssigned")
    assert (body["unit"], body["handed_over_from"], body["caseworker"]) == (HJOERRING, AALBORG, str(owner))
    assert (await intake.body("PlaceOffered"))["unit"] == HJOERRING
    assert (await intake.body("MentorRegistered"))["unit"] == HJOERRING
    models = await intake.pool.fetchval(
        "SELECT jsonb_array_length(doc->'role_models') FROM unit_file WHERE unit = $1", HJOERRING
    )
    assert models == 1


async def test_what_a_message_in_flight_opens_after_the_closing_is_handed_over_too(
    two_corps: Programmes, intake: Intake
) -> None:
    owner = await registered(intake, "Bent", HJOERRING)
    closing = CloseUnit(unit=AALBORG, hand_over_to=HJOERRING, caseworker=owner)
    assert (await ask(intake, closing)).kind == "done"
    await run_timers(intake)
    late = RegisterMentor(unit=AALBORG, contact=BY_EMAIL)
    assert (await ask(intake, late)).reason == "unit_closed"
    # As one that was under way while the unit closed: its own look at the unit was before.
    await intake.pool.execute("UPDATE unit_file SET doc = jsonb_set(doc, '{state}', '\"open\"')")
    await ask(intake, late)
    await intake.pool.execute("UPDATE unit_file SET doc = jsonb_set(doc, '{state}', '\"closed\"')")
    await intake.pool.execute("UPDATE timer SET due_at = $1", NOW)
    await run_timers(intake)
    assert set((await left_in(intake, AALBORG)).values()) == {0}
    assert (await left_in(intake, HJOERRING))["mentor"] == 1


async def test_whoever_closes_a_unit_owns_what_is_handed_over_if_nobody_else_is_named(
    two_corps: Programmes, intake: Intake
) -> None:
    closed = await ask(intake, CloseUnit(unit=AALBORG, hand_over_to=HJOERRING))
    assert closed.events == ("UnitClosed",)
    owner = "SELECT doc ->> 'new_caseworker' FROM unit_file WHERE unit = $1"
    assert await intake.pool.fetchval(owner, AALBORG) == str(MANAGER.person_id)


async def test_the_look_for_what_is_left_comes_back_each_day(two_corps: Programmes, intake: Intake) -> None:
    owner = await registered(intake, "Bent", HJOERRING)
    await ask(intake, CloseUnit(unit=AALBORG, hand_over_to=HJOERRING, caseworker=owner))
    await run_timers(intake)
    rows = await intake.pool.fetch("SELECT type, due_at FROM timer")
    assert [(row["type"], row["due_at"] > NOW) for row in rows] == [(LookForLeft.__name__, True)]


async def test_a_unit_closes_on_its_day(two_corps: Programmes, intake: Intake) -> None:
    owner = await registered(intake, "Bent", HJOERRING)
    day = NOW.date() + timedelta(days=7)
    planned = CloseUnit(unit=AALBORG, hand_over_to=HJOERRING, caseworker=owner, closes_on=day)
    assert (await ask(intake, planned)).events == ()
    state = "SELECT state FROM unit_file WHERE id = $1"
    assert await intake.pool.fetchval(state, derived_id("unit", AALBORG)) == "open"
    await intake.pool.execute("UPDATE timer SET due_at = $1", NOW)
    await run_timers(intake)
    assert await intake.pool.fetchval(state, derived_id("unit", AALBORG)) == "closed"
    assert (await intake.body("UnitClosed"))["closed_on"] == day.isoformat()


async def test_a_unit_is_handed_over_only_to_one_that_can_take_it(
    two_corps: Programmes, intake: Intake
) -> None:
    caseworker = uuid4()
    everywhere = actor("project_manager", units=(AALBORG, HJOERRING, "DK-0169"))

    async def reason(by: Actor = everywhere, **said: str) -> str:
        return (await ask(intake, CloseUnit(caseworker=caseworker, **said), by)).reason

    assert await reason(unit=AALBORG, hand_over_to="DK-0169") == "other_controller"
    assert await reason(unit=AALBORG, hand_over_to=AALBORG) == "same_unit"
    assert await reason(unit=AALBORG, hand_over_to="nowhere") == "unknown_unit"
    only_here = actor("project_manager", units=(AALBORG,))
    assert await reason(only_here, unit=AALBORG, hand_over_to=HJOERRING) == "other_unit"
    assert await reason(unit=AALBORG, hand_over_to=HJOERRING) == ""
    assert await reason(unit=HJOERRING, hand_over_to=AALBORG) == "unit_closed"
    assert await reason(unit=AALBORG, hand_over_to=HJOERRING) == "not_in_this_state"


async def test_colleagues_and_their_names_are_read_by_those_of_their_unit_alone(
    two_corps: Programmes, intake: Intake, browser: httpx.AsyncClient
) -> None:
    jonas = await registered(intake, "Jonas")
    here = as_(intake, "coordinator", units=(AALBORG,))
    (shown,) = (await browser.get("/intake/api/staff", headers=here)).json()["staff"]
    assert (shown["staff_id"], shown["name"], len(shown["topics_missing"])) == (str(jonas), "Jonas", 10)
    names = await browser.post("/intake/api/people/names", json={"ids": [str(jonas)]}, headers=here)
    assert names.json()["names"] == {str(jonas): "Jonas"}
    elsewhere = as_(intake, "coordinator", units=(HJOERRING,))
    assert (await browser.get("/intake/api/staff", headers=elsewhere)).json()["staff"] == []
    assert (await browser.get(f"/intake/api/staff?unit={AALBORG}", headers=elsewhere)).status_code == 403


async def test_mine_are_my_cases_and_today_those_of_whom_i_stand_in_for(
    two_corps: Programmes, intake: Intake, browser: httpx.AsyncClient
) -> None:
    jonas, sofie = await registered(intake, "Jonas"), await registered(intake, "Sofie")
    one, other = await mentored(intake, "one"), await mentored(intake, "other")
    for case_id, caseworker in ((one, jonas), (other, sofie)):
        assert (await ask(intake, AssignCase(case_id=case_id, caseworker=caseworker))).kind == "done"

    async def mine() -> set[str]:
        as_jonas = as_(intake, "coordinator", units=(AALBORG,), subject="Jonas")
        answer = await browser.get("/intake/api/cases?mine=true", headers=as_jonas)
        return {case["case_id"] for case in answer.json()["cases"]}

    assert await mine() == {str(one)}
    later = NOW.date() + timedelta(days=1)
    await ask(intake, SetDuty(unit=AALBORG, person_id=jonas, stands_in_for=sofie, since=later))
    assert await mine() == {str(one)}
    await ask(intake, SetDuty(unit=AALBORG, person_id=jonas, stands_in_for=sofie))
    assert await mine() == {str(one), str(other)}
    as_jonas = as_(intake, "coordinator", units=(AALBORG,), subject="Jonas")
    answer = await browser.get(f"/intake/api/cases?caseworker={sofie}", headers=as_jonas)
    assert [case["case_id"] for case in answer.json()["cases"]] == [str(other)]


async def test_a_case_goes_to_a_colleague_of_its_unit_or_to_whom_intake_does_not_know(
    two_corps: Programmes, intake: Intake
) -> None:
    case_id = await mentored(intake, "one")
    elsewhere = await registered(intake, "Bent", HJOERRING)
    refused = await ask(intake, AssignCase(case_id=case_id, caseworker=elsewhere))
    assert refused.reason == "colleague_of_another_unit"
    for caseworker in (uuid4(), await registered(intake, "Jonas"), MANAGER.person_id):
        assert (await ask(intake, AssignCase(case_id=case_id, caseworker=caseworker))).events == (
            "CaseAssigned",
        )


async def test_signing_in_makes_somebody_known_once(
    two_corps: Programmes, intake: Intake, browser: httpx.AsyncClient
) -> None:
    chosen = {"role": "coordinator", "units": AALBORG}
    for _ in range(2):
        assert (await browser.post("/intake/sign-in?lang=nb", data=chosen)).status_code == 303
    assert await intake.events(person_of("demo", "demo-coordinator")) == ["Contact"]
    contact = await intake.body("Contact")
    assert (contact["name"], contact["language"]) == ("Jonas Prøve", "nb")
    await browser.post("/intake/sign-in?lang=nb", data=chosen | {"units": HJOERRING})
    assert await intake.events(person_of("demo", "demo-coordinator")) == ["Contact"]
    assert await intake.pool.fetchval("SELECT unit FROM staff") == HJOERRING


@pytest.mark.parametrize("language", ["da", "nb", "en"])
async def test_the_pages_are_whole_in_every_language(
    two_corps: Programmes, intake: Intake, browser: httpx.AsyncClient, language: str
) -> None:
    jonas, sofie = await registered(intake, "Jonas"), await registered(intake, "Sofie")
    await ask(intake, SetGroupMembers(unit=AALBORG, members=(jonas, sofie)))
    await ask(intake, SetDuty(unit=AALBORG, person_id=jonas, stands_in_for=sofie, until=NOW.date()))
    await ask(intake, RegisterRoleModel(unit=AALBORG, contact=BY_EMAIL, languages=("da",)))
    await mentored(intake, "one")
    manager = as_(intake, "project_manager", units=(AALBORG, HJOERRING))
    for path in (f"staff?unit={AALBORG}", "units", f"units/close?unit={AALBORG}"):
        answer = await browser.get(f"/intake/{path}", headers=manager | {"Accept-Language": language})
        assert (answer.status_code, answer.headers["content-language"]) == (200, language), path
    looks = await intake.pool.fetchval("SELECT count(*) FROM look WHERE at_what = 'role_models'")
    assert looks == 1
    coordinator = as_(intake, "coordinator", units=(AALBORG,))
    closing = await browser.get(f"/intake/units/close?unit={AALBORG}", headers=coordinator)
    assert closing.status_code == 403
    elsewhere = await browser.get(f"/intake/staff?unit={HJOERRING}", headers=coordinator)
    assert elsewhere.status_code == 403


async def test_a_form_that_somebody_was_faster_with_is_asked_again_under_the_new_version(
    two_corps: Programmes, intake: Intake, browser: httpx.AsyncClient
) -> None:
    case_id = await mentored(intake, "one")
    question = json.dumps({"name": "reason", "label": "Hvorfor?", "kind": "select", "list": "pause_reasons"})
    form = {"case_id": str(case_id), "_asked": question, "reason": "illness", "return_to": "/intake/cases"}
    headers = as_(intake, "caseworker", units=(AALBORG,)) | {"Accept-Language": "da"}

    async def send(version: int, command: str = "PauseCase", **more: str) -> httpx.Response:
        return await browser.post(
            f"/intake/api/commands/{command}",
            data=form | {"version": str(version), "Idempotency-Key": str(uuid4())} | more,
            headers=headers,
        )

    assert (await send(1, "RecordInterview", reason="", presentation="Glad for heste")).status_code == 303
    done = {"step": "expectations_aligned", "reason": "", "note": "Enige"}
    assert (await send(2, "CompletePreparation", **done)).status_code == 303
    refused = await send(1)
    assert refused.status_code == 409
    assert "Præsentation eller mål blev skrevet" in refused.text
    assert "Et skridt i forberedelsen blev gjort" in refused.text
    assert '<option value="illness" selected>' in refused.text
    assert 'name="version" value="3"' in refused.text
    assert "Gem alligevel" in refused.text and 'href="/intake/cases"' in refused.text
    assert (await send(3)).status_code == 303
    wrong = await send(4, "ResumeCase", reason="illness", nothing_of_it="x")
    assert wrong.status_code == 422 and '<option value="illness" selected>' in wrong.text
