"""Two people edit one case: the second sees what the first did, and loses nothing of what they wrote."""

from __future__ import annotations

from uuid import UUID

import pytest
from playwright.async_api import Browser, Page, expect

from shared.access import person_of
from shared.contracts.intake_commands import AssignCase, RecordInterview
from shared.contracts.people_commands import RegisterRoleModel
from tests.integration.corps_story import BY_EMAIL, MANAGER, ask, mentored, registered
from tests.servers.browsing import DESK, PHONE, address, chromium, look, picture, signed_in
from tests.servers.corps import AALBORG, HJOERRING, two_corps
from tests.servers.intake import Intake, intake, referral

__all__ = ["address", "chromium", "intake", "two_corps"]
pytestmark = pytest.mark.browser
WRITTEN = "Vil gerne begynde om morgenen.\nHar <brug> for ro & tid."


async def interview_page(page: Page, case_id: UUID) -> None:
    await page.goto(f"/intake/cases/{case_id}")
    await unfolded(page)


async def unfolded(page: Page) -> None:
    await page.evaluate("document.querySelectorAll('details').forEach((fold) => { fold.open = true; })")


async def typed(page: Page, text: str) -> None:
    form = page.locator('form[action$="/RecordInterview"]').first
    await form.locator('textarea[name="presentation"]').fill(text)


async def presentation(intake: Intake) -> str:
    found: str = await intake.pool.fetchval("SELECT doc->>'presentation' FROM case_file")
    return found


@pytest.mark.parametrize("script", [True, False], ids=["with a script", "without"])
async def test_the_second_sees_what_the_first_did_and_keeps_the_typed_text(
    intake: Intake, address: str, chromium: Browser, script: bool
) -> None:
    case_id = await intake.case_of(referral())
    anna = await signed_in(chromium, address, intake, "caseworker", subject="anna")
    bo = await signed_in(
        chromium, address, intake, "caseworker", subject="bo", size=DESK if script else PHONE, script=script
    )
    for page in (anna, bo):
        await interview_page(page, case_id)
    await typed(anna, "Annas ord")
    await anna.locator('form[action$="/RecordInterview"] button[type=submit]').first.click()
    await expect(anna.locator("body")).to_contain_text("Annas ord")
    await typed(bo, WRITTEN)
    for limit, hours in (("min", "2"), ("max", "7")):
        name = f"profile.hours_per_week.{limit}"
        await bo.locator(f'form[action$="/RecordInterview"] input[name="{name}"]').first.fill(hours)
    await bo.locator('form[action$="/RecordInterview"] button[type=submit]').first.click()
    await expect(bo.locator("main")).to_contain_text("Præsentation eller mål blev skrevet")
    form = bo.locator('form[action$="/RecordInterview"]').first
    await expect(form.locator('textarea[name="presentation"]')).to_have_value(WRITTEN)
    await expect(form.locator('input[name="profile.hours_per_week.max"]')).to_have_value("7")
    assert await presentation(intake) == "Annas ord"
    if script:
        await look(bo, "changed-with-script")
    else:
        await picture(bo, "changed")
        await expect(bo.get_by_role("link", name="Tilbage uden at gemme")).to_have_attribute(
            "href", f"/intake/cases/{case_id}"
        )
    await form.get_by_role("button", name="Gem alligevel").click()
    await expect(bo).to_have_url(f"{address}/intake/cases/{case_id}")
    await expect(bo.locator("body")).to_contain_text("Har <brug> for ro & tid.")
    assert (await presentation(intake)).replace("\r\n", "\n") == WRITTEN


async def test_a_fault_is_said_at_its_field_and_the_rest_stays_without_a_script(
    intake: Intake, address: str, chromium: Browser
) -> None:
    case_id = await intake.case_of(referral())
    bo = await signed_in(chromium, address, intake, "caseworker", subject="bo", script=False)
    await interview_page(bo, case_id)
    await typed(bo, WRITTEN)
    form = bo.locator('form[action$="/RecordInterview"]').first
    await form.locator('input[name="held_on"]').evaluate("e => { e.type = 'text'; e.value = '31-31-2026'; }")
    await form.locator('input[name="profile.times[]"]').first.evaluate("e => { e.checked = true; }")
    await form.locator("button[type=submit]").click()
    form = bo.locator('form[action$="/RecordInterview"]')
    await expect(form.locator('textarea[name="presentation"]')).to_have_value(WRITTEN)
    await expect(form.locator('input[name="held_on"]')).to_have_attribute("aria-invalid", "true")
    await expect(form).to_contain_text("Skriv en dato, der findes.")
    await expect(form.locator('input[name="profile.times[]"]').first).to_be_checked()
    await form.locator('input[name="held_on"]').fill("2026-11-20")
    await form.locator("button[type=submit]").click()
    await expect(bo).to_have_url(f"{address}/intake/cases/{case_id}")
    assert await intake.pool.fetchval("SELECT doc->'profile'->>'times' FROM case_file") == '["mon-morning"]'


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
async def test_the_pages_of_colleagues_and_units_can_be_read_and_used(
    two_corps: object, intake: Intake, address: str, chromium: Browser, size: tuple[int, int]
) -> None:
    jonas, sofie = await registered(intake, "Jonas"), await registered(intake, "Sofie")
    await registered(intake, "Bent", HJOERRING)
    case_id = await mentored(intake, "one")
    await ask(intake, AssignCase(case_id=case_id, caseworker=jonas))
    await ask(intake, RecordInterview(case_id=case_id))
    await ask(intake, RegisterRoleModel(unit=AALBORG, contact=BY_EMAIL, industries=("retail",)))
    name = "desk" if size == DESK else "phone"
    page = await signed_in(
        chromium,
        address,
        intake,
        "project_manager",
        subject="maja",
        units=(AALBORG, HJOERRING),
        size=size,
    )
    await page.goto("/intake/staff")
    await page.locator("summary", has_text="Vælg gruppens medlemmer").click()
    for who in ("Jonas", "Sofie"):
        await page.get_by_label(who, exact=True).check()
    await page.get_by_role("button", name="Gem gruppen").click()
    await expect(page.locator("#group ~ .mk-box h3").first).to_have_text("Jonas")
    await expect(page.locator("main")).to_contain_text("Mangler kursus i")
    await page.locator("summary", has_text="Skriv en vagt eller en vikar på").click()
    form = page.locator('form[action$="/SetDuty"]')
    await form.locator('select[name="person_id"]').select_option(str(sofie))
    await form.locator('select[name="stands_in_for"]').select_option(str(jonas))
    await form.get_by_role("button", name="Gem").click()
    await expect(page.locator("main")).to_contain_text("Sofie er vikar for Jonas")
    await look(page, f"staff-{name}")
    await page.goto("/intake/units")
    await look(page, f"units-{name}")
    await page.get_by_role("link", name="Luk enheden").first.click()
    await expect(page.locator("main")).to_contain_text("1 åben sag")
    await look(page, f"closing-{name}")
    await page.locator('select[name="caseworker"]').select_option(str(person_of("test", "Bent")))
    await page.get_by_role("button", name="Luk enheden, og overdrag alt").click()
    await expect(page.locator("main")).to_contain_text("Alt er overdraget til Mentorkorps Hjørring")
    assert MANAGER.person_id is not None
