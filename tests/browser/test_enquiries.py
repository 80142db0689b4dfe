"""A unit's door on a phone: readable by everybody, and usable without a script."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, Page, expect

from tests.builders import Clock
from tests.servers.browsing import AXE, PICTURES, address, chromium
from tests.servers.enquiries import CORPS, UNIT, asked, clock, intake, link
from tests.servers.intake import Intake, as_

__all__ = ["address", "chromium", "clock", "intake"]
pytestmark = pytest.mark.browser

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
PHONE, DESK = {"width": 360, "height": 740}, {"width": 1200, "height": 900}


async def look(page: Page, name: str) -> None:
    """Nothing is wrong for who cannot see or use a mouse, nothing is cut off; keep a picture."""
    await page.wait_for_load_state("networkidle")
    await page.evaluate(AXE.read_text("utf-8"))
    found = await page.evaluate("rules => axe.run({runOnly: rules})", RULES)
    wrong = [f"{one['id']}: {node['html']}" for one in found["violations"] for node in one["nodes"]]
    assert wrong == [], f"{name}: {wrong}"
    assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), (
        f"{name} is too wide"
    )
    pressed = "button, a.button, a.mk-choice, input:not([type=radio], [type=checkbox], [type=hidden]), select"
    boxes = [await each.bounding_box() for each in await page.locator(f"main :is({pressed})").all()]
    assert [box for box in boxes if box and box["x"] >= 0 and box["height"] < 44] == []
    PICTURES.mkdir(parents=True, exist_ok=True)
    await page.screenshot(path=PICTURES / f"{name}.png", full_page=True)


@pytest.mark.parametrize("language", ["da", "nb", "en"])
async def test_the_door_is_readable_by_everybody(
    intake: Intake, address: str, chromium: Browser, clock: Clock, language: str
) -> None:
    context = await chromium.new_context(base_url=address, viewport=PHONE)  # type: ignore[arg-type]
    page = await context.new_page()
    await page.goto(f"/intake/enquiry/{UNIT}?lang={language}")
    await look(page, f"enquiry-door-{language}")
    for kind, unit in (("candidate", UNIT), ("mentor", CORPS), ("host", UNIT)):
        await page.goto(f"/intake/enquiry/{unit}?kind={kind}&lang={language}")
        await look(page, f"enquiry-{kind}-{language}")
        await page.get_by_role("button").last.click()
        await expect(page.locator("[data-error-summary]")).to_be_focused()
        await look(page, f"enquiry-{kind}-faults-{language}")
    for what in ("email", "phone"):
        await page.goto(f"/intake/enquiry/{UNIT}?sent={what}&lang={language}")
        await look(page, f"enquiry-sent-{what}-{language}")
    await page.goto(f"/intake/enquiry/confirm/nonsense?lang={language}")
    await look(page, f"enquiry-unknown-{language}")


async def test_a_mentor_enquires_on_a_phone_without_a_script_and_staff_take_it_up(
    intake: Intake, address: str, chromium: Browser, clock: Clock
) -> None:
    context = await chromium.new_context(
        base_url=address,
        locale="da-DK",
        viewport=PHONE,  # type: ignore[arg-type]
        java_script_enabled=False,
    )
    page = await context.new_page()
    await page.goto(f"/intake/enquiry/{CORPS}")
    await page.get_by_role("link", name="Jeg vil være mentor").click()
    await page.get_by_label("Dit navn").fill("Mads Mentor")
    await page.get_by_label("E-mail").fill("mads@")
    await page.get_by_label("Fødselsdato").fill("1980-12-24")
    await page.get_by_text("Sprog, du taler").click()
    await page.get_by_label("Arabisk").check()
    await page.get_by_label("Hvad vil du gerne fortælle os?").fill("Jeg er tømrer og har tid om aftenen.")
    clock.now = clock.now.replace(minute=5)
    await page.get_by_role("button", name="Send").click()
    await expect(page.get_by_role("alert")).to_contain_text("at du ikke er et program")
    await expect(page.get_by_label("E-mail")).to_have_value("mads@")
    await expect(page.get_by_label("Arabisk")).to_be_checked()
    await page.get_by_label("E-mail").fill("mads@example.org")
    await page.get_by_label("Jeg er et menneske").check()
    await page.get_by_role("button", name="Send").click()
    await expect(page.get_by_role("heading", name="Se i din indbakke")).to_be_visible()
    await page.goto(f"/intake/enquiry/confirm/{link(intake, await asked(intake))}")
    await page.get_by_role("button", name="Ja, det er mig").click()
    await expect(page.get_by_role("heading", name="Tak. Nu har vi fået det")).to_be_visible()
    await page.reload()
    await expect(page.get_by_role("heading", name="Tak. Nu har vi fået det")).to_be_visible()
    assert await intake.count("mentor") == 1
    for name, size in (("phone", PHONE), ("desk", DESK)):
        staff = await chromium.new_context(
            base_url=address,
            locale="da-DK",
            viewport=size,  # type: ignore[arg-type]
            extra_http_headers=as_(intake, "coordinator", units=(CORPS,)),
        )
        page = await staff.new_page()
        await page.goto("/intake/enquiries")
        await expect(page.get_by_text("Jeg er tømrer og har tid om aftenen.")).to_be_visible()
        await look(page, f"enquiries-{name}")
        await page.get_by_text("Sig nej").first.click()
        await look(page, f"enquiries-no-{name}")
    await page.get_by_role("button", name="Taget op").click()
    await expect(page.get_by_text("Ingen henvendelser venter")).to_be_visible()
