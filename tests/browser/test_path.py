"""The whole path as people walk it: a caseworker at a desk, a host and a candidate on their phones.

Everything that staff do here is done by clicking; only the host's registration is taken from elsewhere.
The pictures of the last run are left in `.cache/pictures`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, Page, async_playwright, expect

from demo.outside import Visitor
from demo.play import Walk, until
from demo.samples import SAMPLES, contact_name, host_email
from demo.stack import Stack
from tests.e2e.conftest import stack, visitor
from tests.servers.browsing import ARGUMENTS, DESK, PHONE, look

__all__ = ["stack", "visitor"]
pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

# A machine with two cores draws a page within seconds, not always within five.
expect.set_options(timeout=20_000)
CANDIDATE = "borger-i-browseren@example.org"


@pytest_asyncio.fixture(loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
        yield launched
        await launched.close()


async def new_page(browser: Browser, url: str, size: tuple[int, int]) -> Page:
    viewport = {"width": size[0], "height": size[1]}
    context = await browser.new_context(base_url=url, locale="da-DK", viewport=viewport)  # type: ignore[arg-type]
    return await context.new_page()


async def sign_in(page: Page) -> None:
    await page.goto("/intake/sign-in")
    await page.get_by_label("Koordinator").check()
    await page.get_by_role("button", name="Log ind").click()
    await expect(page.get_by_role("heading", name="I dag")).to_be_visible()


async def type_in_referral(page: Page) -> str:
    """A referral from a phone call, typed in by its label; gives the case's address."""
    await page.goto("/intake/referrals/new")
    await page.get_by_label("Fornavn").fill("Amina")
    await page.get_by_label("Efternavn").fill("Browsersen")
    for name, value in (
        ("programme", "foreningspraktik"),
        ("unit", "DK-0169"),
        ("channel", "jobcentre"),
        ("candidate.target_group", "sick_listed"),
        ("candidate.situation", "unemployed"),
    ):
        await page.locator(f'select[name="{name}"]').select_option(value)
    await page.locator('input[name="candidate.birth_date"]').fill("1971-07-07")
    await page.locator('input[name="candidate.email"]').fill(CANDIDATE)
    await page.locator('input[name="candidate.postcode"]').fill("2630")
    await page.locator('input[name="chosen_by_candidate"]').check()
    await look(page, "referral")
    await page.locator("main form button[type=submit]").click()
    await page.wait_for_url("**/intake/cases/*")
    return page.url


async def send(page: Page, form: Locator) -> None:
    """Send a form and wait for the page that comes of it: its version is a later one."""
    version = await form.locator('input[name="version"]').get_attribute("value")
    await form.locator("button[type=submit]").click()
    await expect(page.locator(f'input[name="version"][value="{version}"]')).to_have_count(0)


async def interview(page: Page) -> None:
    form = page.locator('form[action$="/RecordInterview"]').first
    for name, value in (("profile.wishes.0.industries[]", "sports"), ("profile.times[]", "tue-evening")):
        box = f'input[name="{name}"][value="{value}"]'
        await form.locator("details").filter(has=page.locator(box)).locator("summary").first.click()
        await form.locator(box).check()
    await form.locator('textarea[name="presentation"]').fill("Glad for sport. Vil gerne ud blandt andre.")
    await send(page, form)


async def do_all_steps(page: Page, case: str) -> None:
    """Mark each step done that the case's page puts first, until none is left."""
    for _ in range(10):
        await page.goto(case)
        step = '.mk-next form[action$="/CompletePreparation"]'
        form = page.locator(step).first
        if await form.count() == 0:
            return
        if not await form.is_visible():
            await page.locator("details").filter(has=page.locator(step)).locator("summary").first.click()
        await form.locator('textarea[name="note"]').fill("Talt igennem og aftalt.")
        await send(page, form)
    raise AssertionError("the preparation does not end")


async def test_a_caseworker_a_host_and_a_candidate_walk_the_whole_path(
    stack: Stack, visitor: Visitor, browser: Browser
) -> None:
    host = Walk(visitor, SAMPLES["foreningspraktik"], 900, [], visitor.today)
    await host.offer_place()
    desk = await new_page(browser, stack.url, DESK)
    await sign_in(desk)
    case = await type_in_referral(desk)
    await expect(desk.get_by_role("heading", name="Amina Browsersen")).to_be_visible()
    await interview(desk)
    await do_all_steps(desk, case)
    await visitor.settle()

    phone = await new_page(browser, stack.url, PHONE)
    for name, address in (("host", host_email(host.sample, 900)), ("candidate", CANDIDATE)):
        link = await visitor.link(address, "/matching/answer/")
        assert link is not None, f"{name} was not asked"
        await phone.goto(link)
        assert "Browsersen" not in await phone.content(), "a name is shown before the match is agreed"
        await look(phone, f"answer_{name}")
        await phone.keyboard.press("Tab")
        await expect(phone.locator(":focus")).to_have_class("skipnav")
        await phone.get_by_role("button", name="Ja").click()
        await expect(phone.get_by_role("button", name="Ja")).to_have_count(0)
        await look(phone, f"answered_{name}")
        await visitor.settle()

    await desk.goto(case)
    await desk.locator('a[href^="/matching/proposals/"]').first.click()
    await look(desk, "proposal")
    form = desk.locator('form[action$="/AgreeMatch"]')
    starts_on = await visitor.today()
    await form.locator('input[name="starts_on"]').fill(starts_on.isoformat())
    await form.locator('input[name="ends_on"]').fill((starts_on + timedelta(weeks=12)).isoformat())
    await form.locator('input[name="hours_per_week"]').fill("5")
    await form.locator("button[type=submit]").click()
    await expect(desk.locator('form[action$="/CancelMatch"]')).to_be_attached()
    await visitor.settle()
    await do_all_steps(desk, case)
    await visitor.settle()

    mine = await visitor.link(CANDIDATE, "/followup/mine/")
    assert mine is not None
    await phone.goto(mine)
    await expect(phone.get_by_text(contact_name(host.sample, 900))).to_be_visible()
    await look(phone, "mine")

    await visitor.days_pass(31)
    mails = [mail["subject"] for mail in await visitor.mails(CANDIDATE)]
    await desk.goto("/")
    await expect(desk.locator('a[href^="/followup/placements/"]').first).to_be_visible()
    await look(desk, "today")
    await desk.goto(case)
    await desk.locator('a[href^="/followup/placements/"]').first.click()
    await look(desk, "placement")
    await desk.get_by_label("Notat").fill("Amina er glad for at komme i klubben.")
    await desk.get_by_role("button", name="Samtalen er holdt").click()
    await expect(desk.get_by_role("heading", name="Samtale 2")).to_be_visible()
    await look(desk, "held")
    await desk.goto(case)
    await expect(desk.get_by_text("Samtalen blev holdt")).to_be_visible()
    await expect(desk.locator("ol.mk-story").filter(has_text="Match aftalt")).to_contain_text(
        "Sagen blev oprettet"
    )
    await expect(desk.locator("ol.mk-story")).to_have_count(1)
    await look(desk, "case")
    assert len(mails) >= 5, mails

    for path, name in (
        ("/intake/cases", "cases"),
        ("/intake/hosts", "hosts"),
        ("/intake/parked", "parked"),
        ("/matching/proposals", "proposals"),
        ("/followup/check-ins", "check_ins"),
    ):
        await desk.goto(path)
        await look(desk, name)
    small = await desk.context.new_page()
    await small.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    await small.goto(f"{case}?lang=en")
    await expect(small.get_by_role("heading", name="What to do next")).to_be_visible()
    await look(small, "case_phone_english")


async def test_a_link_used_twice_expired_or_tampered_with_is_answered_kindly(
    stack: Stack, visitor: Visitor, browser: Browser
) -> None:
    async with visitor.listening("referral-replies-v1") as replies:
        walk = Walk(visitor, SAMPLES["virksomhedspraktik"], 901, replies, visitor.today)
        await walk.offer_place()
        await walk.refer()
        await walk.prepare("match")
        await walk.be_proposed()
    address = host_email(walk.sample, 901)

    async def asked() -> str | None:
        return await visitor.link(address, "/matching/answer/")

    link = await until(asked, "the mail")
    phone = await new_page(browser, stack.url, PHONE)
    answer = await phone.goto(link[:-4] + "AAAA")
    assert answer is not None and answer.status == 404
    await look(phone, "link_tampered")
    await walk.answer(link, "yes")
    answer = await phone.goto(link)
    assert answer is not None and answer.status == 200
    await expect(phone.get_by_role("button", name="Ja")).to_have_count(0)
    await visitor.days_pass(60)
    answer = await phone.goto(link)
    assert answer is not None and answer.status in (401, 410)
    await look(phone, "link_expired")
