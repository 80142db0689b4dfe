"""Matching's own pages as a coordinator uses them: how a pool stands, what if, a mentor wanted, a choice."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, expect

from demo.outside import Visitor
from demo.play import Walk
from demo.samples import SAMPLES
from demo.stack import Stack
from tests.browser.test_path import browser, new_page, sign_in
from tests.e2e.conftest import stack, visitor
from tests.servers.browsing import PHONE, look

__all__ = ["browser", "stack", "visitor"]
pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def test_a_coordinator_sees_what_is_lacking_and_chooses_another_place(
    stack: Stack, visitor: Visitor, browser: Browser
) -> None:
    async with visitor.listening("referral-replies-v1") as replies:
        walk = Walk(visitor, SAMPLES["udviklingspraktik"], 940, replies, visitor.today)
        await walk.refer()
    await walk.prepare("match")
    await stack.settle()

    page = await new_page(browser, stack.url, PHONE)
    await sign_in(page)
    await page.goto("/matching/overview?unit=DK-0169&programme=udviklingspraktik")
    await expect(page.get_by_role("heading", name="Overblik")).to_be_visible()
    await expect(page.get_by_text("får en plads").first).to_be_visible()
    await look(page, "matching-overview-phone")
    form = page.locator('form[action="/matching/what-if"]')
    await form.locator('input[name="capacity"]').fill("2")
    await form.locator("button[type=submit]").click()
    await expect(page.get_by_text("ville få en plads").first).to_be_visible()
    await look(page, "matching-what-if-phone")

    await page.goto(f"/intake/cases/{walk.case_id}")
    wanted = page.locator("details", has_text="Mentor søges").first
    await wanted.locator("summary").click()
    for name, code in (("field", "service"), ("stage", "first_steps"), ("task", "work_habits")):
        await wanted.locator(f'select[name="{name}"]').select_option(code)
    await wanted.locator("button[type=submit]").click()
    await expect(page.get_by_text("Opslaget har været oppe siden").first).to_be_visible()
    await stack.settle()
    await page.goto("/intake/enquiry/DK-0169")
    await expect(page.get_by_text("Mentorer, der søges lige nu")).to_be_visible()
    await look(page, "matching-wanted-phone")

    await walk.offer_place()
    await stack.settle()
    await page.goto(f"/matching/cases/{walk.case_id}/choose")
    await page.get_by_role("link", name="Se nærmere").first.click()
    await expect(page.locator('form[action$="/OverrideProposal"], .alert').first).to_be_visible()
    await look(page, "matching-choose-phone")
