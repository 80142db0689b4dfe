"""A unit that closes leaves nothing without an owner."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID, uuid4

import httpx

from services.intake.closing import LookForLeft
from shared.contracts.followup import PlacementStarted
from shared.contracts.intake_commands import PauseCase, ReopenCase, WithdrawCase
from shared.contracts.matching import MatchAgreed
from shared.contracts.model import derived_id
from shared.contracts.people_commands import CloseUnit, ErasePerson, RegisterRoleModel
from shared.contracts.register_commands import OfferPlace, RegisterHost, RegisterMentor, RetireMentor
from shared.messages import Actor
from shared.programmes import Programmes
from tests.integration.corps_story import (
    BY_EMAIL,
    MANAGER,
    OPEN,
    ask,
    left_in,
    mentored,
    of_round,
    prepared,
    registered,
    run_timers,
)
from tests.servers.corps import AALBORG, HJOERRING, actor, two_corps
from tests.servers.intake import NOW, Intake, as_, browser, intake, referral

__all__ = ["browser", "intake", "two_corps"]


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
    caseworker, unknown = await registered(intake, "Sofie", HJOERRING), uuid4()
    everywhere = actor("project_manager", units=(AALBORG, HJOERRING, "DK-0169"))

    async def reason(by: Actor = everywhere, owner: UUID = caseworker, **said: str) -> str:
        return (await ask(intake, CloseUnit(caseworker=owner, **said), by)).reason

    assert await reason(unit=AALBORG, hand_over_to="DK-0169") == "other_controller"
    assert await reason(unit=AALBORG, hand_over_to=AALBORG) == "same_unit"
    assert await reason(unit=AALBORG, hand_over_to="nowhere") == "unknown_unit"
    only_here = actor("project_manager", units=(AALBORG,))
    assert await reason(only_here, unit=AALBORG, hand_over_to=HJOERRING) == "other_unit"
    assert await reason(owner=unknown, unit=AALBORG, hand_over_to=HJOERRING) == "unknown_colleague"
    assert await reason(unit=AALBORG, hand_over_to=HJOERRING) == ""
    assert await reason(unit=HJOERRING, hand_over_to=AALBORG) == "unit_closed"
    assert await reason(unit=AALBORG, hand_over_to=HJOERRING) == "not_in_this_state"


async def test_cases_that_are_over_are_shown_exported_and_erased_by_the_unit_that_took_over(
    two_corps: Programmes, intake: Intake, browser: httpx.AsyncClient
) -> None:
    case_id = await mentored(intake, "over")
    await ask(intake, WithdrawCase(case_id=case_id, reason="moved"))
    mentor = await ask(intake, RegisterMentor(unit=AALBORG, contact=BY_EMAIL, birth_date=date(1980, 1, 1)))
    mentor_id = mentor.answer["mentor_id"]
    await ask(intake, RetireMentor(mentor_id=mentor_id, reason="no_time"))
    owner = await registered(intake, "Bent", HJOERRING)
    await ask(intake, CloseUnit(unit=AALBORG, hand_over_to=HJOERRING, caseworker=owner))
    await run_timers(intake)
    row = await intake.pool.fetchrow("SELECT unit, caseworker, state, person_id FROM case_file")
    assert row is not None
    assert (row["unit"], row["caseworker"], row["state"]) == (HJOERRING, owner, "withdrawn")
    units = "SELECT DISTINCT unit FROM case_file UNION SELECT unit FROM mentor UNION SELECT unit FROM staff"
    assert [one["unit"] for one in await intake.pool.fetch(units)] == [HJOERRING]
    headers = as_(intake, "caseworker", units=(HJOERRING,))
    for path in (
        f"/intake/cases/{case_id}",
        f"/intake/api/cases/{case_id}",
        f"/intake/api/people/{row['person_id']}/export",
        f"/intake/mentors/{mentor_id}",
    ):
        assert (await browser.get(path, headers=headers)).status_code == 200, path
    theirs = actor("caseworker", "bodil", units=(HJOERRING,))
    for person_id in (row["person_id"], mentor_id):
        outcome = await ask(intake, ErasePerson(person_id=person_id), theirs)
        assert outcome.kind == "done", outcome


async def test_a_planned_closing_is_called_off_on_its_page(
    two_corps: Programmes, intake: Intake, browser: httpx.AsyncClient
) -> None:
    owner = await registered(intake, "Bent", HJOERRING)
    day = NOW.date() + timedelta(days=7)
    await ask(intake, CloseUnit(unit=AALBORG, hand_over_to=HJOERRING, caseworker=owner, closes_on=day))
    headers = as_(intake, "project_manager", units=(AALBORG, HJOERRING))
    page = f"/intake/units/close?unit={AALBORG}"
    for language, words in (
        ("da", "Aflys lukningen"),
        ("nb", "Avlys nedleggelsen"),
        ("en", "Call the closing off"),
    ):
        assert words in (await browser.get(f"{page}&lang={language}", headers=headers)).text
    form = {"unit": AALBORG, "hand_over_to": HJOERRING, "called_off": "true"}
    sent = form | {"return_to": "/intake/units", "Idempotency-Key": str(uuid4())}
    html = headers | {"Accept": "text/html"}
    answer = await browser.post("/intake/api/commands/CloseUnit", data=sent, headers=html)
    assert answer.status_code == 303, answer.text
    assert "Call the closing off" not in (await browser.get(f"{page}&lang=en", headers=headers)).text
    assert await intake.pool.fetchval("SELECT count(*) FROM timer WHERE type = 'CloseOnTheDay'") == 0
    await intake.pool.execute("UPDATE timer SET due_at = $1", NOW)
    await run_timers(intake)
    state = "SELECT state FROM unit_file WHERE id = $1"
    assert await intake.pool.fetchval(state, derived_id("unit", AALBORG)) == "open"


async def test_what_the_other_unit_has_no_programme_for_is_refused_before_and_shown_after_the_day(
    two_corps: Programmes, intake: Intake, browser: httpx.AsyncClient
) -> None:
    owner = await registered(intake, "Bent", HJOERRING)
    case_id, over = await mentored(intake, "open"), await mentored(intake, "over")
    await ask(intake, WithdrawCase(case_id=over, reason="moved"))
    day = NOW.date() + timedelta(days=7)
    planned = CloseUnit(unit=AALBORG, hand_over_to=HJOERRING, caseworker=owner, closes_on=day)
    assert (await ask(intake, planned)).kind == "done"
    other = intake.host.service.programmes.units[HJOERRING].model_copy(
        update={"programmes": ("foreningspraktik",)}
    )
    # The other unit loses the programme meanwhile.
    units = {**intake.host.service.programmes.units, HJOERRING: other}
    programmes = replace(intake.host.service.programmes, units=units)
    intake.host.service = replace(intake.host.service, programmes=programmes)
    document = referral("late", programme="mentorskab", unit=AALBORG, candidate__target_group=None)
    (late,) = await intake.take(intake.of_kafka(document))
    assert [one["code"] for one in late.answer["reasons"]] == ["programme_ends_with_unit"]
    again = await ask(intake, ReopenCase(case_id=over, reason="wants_again"))
    assert (again.kind, again.reason) == ("refused", "programme_ends_with_unit")
    await intake.pool.execute("UPDATE timer SET due_at = $1 WHERE type = 'CloseOnTheDay'", NOW)
    await run_timers(intake)
    assert await intake.pool.fetchval("SELECT unit FROM case_file WHERE id = $1", case_id) == AALBORG
    headers = as_(intake, "project_manager", units=(AALBORG, HJOERRING)) | {"Accept-Language": "en"}
    page = await browser.get("/intake/units", headers=headers)
    assert "Something was not handed over" in page.text and "2 cases" in page.text
    today = await browser.get("/intake/fragments/today", headers=headers | {"Accept": "application/json"})
    assert "/intake/units" in {one["href"] for one in today.json()}
