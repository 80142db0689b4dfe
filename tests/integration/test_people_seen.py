"""What pages and answers about people show, and to whom: over HTTP, on PostgreSQL."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx

from services.intake.staffing import unit_row
from shared.access import person_of
from shared.contracts.intake_commands import AssignCase, WithdrawCase
from shared.contracts.people_commands import BreakGlass, CorrectPerson, MergePersons
from shared.messages import Actor, Outcome
from shared.pages import Pages
from tests.servers.intake import CASEWORKER, Intake, as_, browser, intake, referral

__all__ = ["browser", "intake"]

PAGE = {"Accept": "text/html", "Accept-Language": "da"}
UNNUMBERED: dict[str, Any] = {"candidate__national_id": None, "candidate__national_id_type": None}
GUARDIAN = {"name": "Gerda Værge", "email": "gerda@example.org", "phone": "+4570102099", "language": "da"}


async def ask(intake: Intake, body: Any, actor: Actor = CASEWORKER) -> Outcome:
    (outcome,) = await intake.take(intake.of_staff(body, actor))
    assert outcome.kind == "done", outcome
    return outcome


async def opened(intake: Intake, reference: str, to: str | None = None, **changes: Any) -> tuple[UUID, UUID]:
    """A case and its person; a colleague's, if it is said whose."""
    case_id = await intake.case_of(referral(reference, **{**UNNUMBERED, **changes}))
    if to is not None:
        caseworker = await intake.knows(person_of("test", to))
        await ask(intake, AssignCase(case_id=case_id, caseworker=caseworker))
    return case_id, await intake.pool.fetchval("SELECT person_id FROM case_file WHERE id = $1", case_id)


async def test_who_looks_the_same_is_not_named_to_whoever_may_not_see_them(
    intake: Intake, browser: httpx.AsyncClient
) -> None:
    _, person_id = await opened(intake, "one", "maja")
    _, other = await opened(intake, "two", "jonas", candidate__protected=True)
    for subject, shown in (("maja", False), ("jonas", True)):
        headers = as_(intake, "caseworker", subject=subject) | PAGE
        page = await browser.get(f"/intake/people/{person_id}", headers=headers)
        assert (page.status_code, str(other) in page.text) == (200, shown)


async def test_a_protected_role_model_is_not_listed_for_whoever_may_not_see_them(
    intake: Intake, browser: httpx.AsyncClient
) -> None:
    _, person_id = await opened(intake, "one", "jonas", candidate__protected=True)
    models = [{"person_id": str(person_id)}]
    unit_file = {"id": str(unit_row("DK-0169")), "unit": "DK-0169", "role_models": models}
    await intake.pool.execute(
        "INSERT INTO unit_file (id, version, doc) VALUES ($1, 1, $2)",
        unit_row("DK-0169"),
        json.dumps(unit_file),
    )
    for subject, shown in (("maja", False), ("jonas", True)):
        headers = as_(intake, "caseworker", subject=subject) | PAGE
        page = await browser.get("/intake/staff", headers=headers)
        assert (page.status_code, "Amina" in page.text) == (200, shown)


async def merged(intake: Intake, browser: httpx.AsyncClient) -> tuple[UUID, UUID, UUID]:
    """Two who were one: the one that stays, the one that was looked at and went, and that one's case."""
    _, one = await opened(intake, "one")
    case_id, other = await opened(intake, "two")
    headers = as_(intake, "caseworker", subject="maja")
    assert (await browser.get(f"/intake/api/people/{other}", headers=headers)).is_success
    await ask(intake, MergePersons(person_id=one, other_id=other))
    return one, other, case_id


async def test_looks_from_before_a_merge_are_told_under_both_ids(
    intake: Intake, browser: httpx.AsyncClient
) -> None:
    one, other, case_id = await merged(intake, browser)
    headers = as_(intake, "caseworker", subject="siri")
    for id_ in (one, other):
        audit = await browser.get(f"/intake/api/people/{id_}/audit", headers=headers)
        assert audit.status_code == 200, audit.text
        assert [(look["subject"], look["at_what"]) for look in audit.json()["looks"]] == [("maja", "person")]
    by_old_id = await browser.get(f"/intake/api/people/{other}", headers=headers)
    assert str(case_id) in {case["case_id"] for case in by_old_id.json()["cases"]}
    page = await browser.get(f"/intake/people/{one}", headers=headers | PAGE)
    assert f'<span data-person="{person_of("test", "maja")}">maja</span>' in page.text


async def test_the_glass_of_whoever_was_merged_leads_to_the_other(
    intake: Intake, browser: httpx.AsyncClient
) -> None:
    one, other, _ = await merged(intake, browser)
    breaks = BreakGlass(person_id=other, reason="Ringer i dag")
    (outcome,) = await intake.take(intake.of_staff(breaks))
    assert outcome.reason == "merged_into_another" and outcome.refusal is not None
    assert outcome.refusal.values["merged_into"] == str(one)


async def test_an_open_glass_gives_the_name_to_those_of_other_roles_and_units(
    intake: Intake, browser: httpx.AsyncClient
) -> None:
    _, person_id = await opened(intake, "one", "jonas", candidate__protected=True)
    pia = replace(
        CASEWORKER, subject="pia", person_id=person_of("test", "pia"), roles=frozenset({"psychologist"})
    )
    headers = as_(intake, "psychologist", subject="pia") | {"Accept-Language": "da"}

    async def name() -> Any:
        answer = await browser.post(
            "/intake/api/people/names", json={"ids": [str(person_id)]}, headers=headers
        )
        return answer.json()["names"].get(str(person_id))

    assert await name() == "Beskyttet person"
    await ask(intake, BreakGlass(person_id=person_id, reason="Syg"), pia)
    assert await name() == "Amina Eksempel"
    await intake.pool.execute("UPDATE case_file SET doc = doc || jsonb_build_object('unit', 'NO-3222')")
    assert await name() == "Amina Eksempel"
    other = as_(intake, "psychologist", subject="per")
    answer = await browser.post("/intake/api/people/names", json={"ids": [str(person_id)]}, headers=other)
    assert answer.json()["names"] == {}


async def test_a_guardian_who_may_not_be_seen_leaves_the_case_open(
    intake: Intake, browser: httpx.AsyncClient
) -> None:
    case_id, _ = await opened(intake, "one", guardian=GUARDIAN)
    guardian = await intake.pool.fetchval("SELECT guardian_id FROM case_file")
    await ask(intake, CorrectPerson(person_id=guardian, protected=True))
    for role, named in (("coordinator", False), ("caseworker", True)):
        page = await browser.get(f"/intake/cases/{case_id}", headers=as_(intake, role) | PAGE)
        assert (page.status_code, "Gerda" in page.text) == (200, named)
        assert named or "Beskyttet person" in page.text


async def test_the_second_of_two_who_correct_somebody_is_told(
    intake: Intake, browser: httpx.AsyncClient
) -> None:
    _, person_id = await opened(intake, "one")
    headers = as_(intake, "caseworker") | PAGE
    page = await browser.get(f"/intake/people/{person_id}", headers=headers)
    version = re.search(r'name="version" value="(\d+)"', page.text)
    assert version is not None
    for postcode, status in (("2620", 200), ("2630", 409)):
        said = {"person_id": str(person_id), "postcode": postcode, "version": int(version[1])}
        answer = await browser.post(
            "/intake/api/commands/CorrectPerson", json=said, headers=as_(intake, "caseworker")
        )
        assert answer.status_code == status, answer.text


async def test_only_those_who_may_are_offered_to_merge_split_and_erase(
    intake: Intake, browser: httpx.AsyncClient
) -> None:
    one, _, _ = await merged(intake, browser)
    await opened(intake, "three")
    for role, offered in (("caseworker", True), ("coordinator", False)):
        page = await browser.get(f"/intake/people/{one}", headers=as_(intake, role) | PAGE)
        assert "/intake/api/commands/CorrectPerson" in page.text
        for command in ("MergePersons", "SplitPerson", "ErasePerson"):
            assert (f"/intake/api/commands/{command}" in page.text) is offered, (role, command)


async def test_of_a_case_that_is_over_nothing_is_missing(intake: Intake, browser: httpx.AsyncClient) -> None:
    case_id, _ = await opened(intake, "one")
    path, headers = f"/intake/api/cases/{case_id}/why-not-yet", as_(intake, "caseworker")
    assert (await browser.get(path, headers=headers)).json()["steps"]
    await ask(intake, WithdrawCase(case_id=case_id, reason="moved"))
    answer = (await browser.get(path, headers=headers)).json()
    assert (answer["state"], answer["steps"], answer["longest_chain"]) == ("withdrawn", [], [])


def test_each_way_to_look_has_words_in_every_language(intake: Intake) -> None:
    here = Path("services/intake")
    calls = re.compile(r'(?:note_look|person_seen)\([^()]*?"([a-z_]+)"|"at_what": "([a-z_]+)"', re.DOTALL)
    said = {one or two for path in here.glob("*.py") for one, two in calls.findall(path.read_text())}
    assert {"person_page", "role_models", "break_glass", "names", "export"} <= said
    pages: Pages = intake.host.pages
    for language in ("da", "nb", "en"):
        words = pages.words(language)
        assert [one for one in sorted(said) if words(f"look.{one}") == f"look.{one}"] == []
