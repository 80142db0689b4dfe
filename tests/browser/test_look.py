"""The shared look in a real browser: readable by all, on a phone, from the keyboard, and with parts down."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser.gallery import AMINA, HIDDEN, LARS, Gallery, served

pytestmark = pytest.mark.browser

AXE = Path(__file__).parent / "vendor" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# Chromium is kept from every address but our own: a page that needs another one fails here.
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
ARGUMENTS += ["--disable-component-update", "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"]

PATHS = [
    "/",
    "/intake/cases",
    "/intake/cases/1",
    "/matching/answer/token",
    "/gone",
    "/followup/fragments/today",
]
WIDTHS = {"desk": 1200, "phone": 360}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def gallery() -> Gallery:
    return Gallery()


@pytest.fixture
def address(gallery: Gallery) -> Iterator[str]:
    with served(gallery) as address:
        yield address


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """A page at a desk whose faults (refused scripts, missing files, errors) fail the test."""
    with browser.new_context(
        base_url=address, locale="da-DK", viewport={"width": 1200, "height": 900}
    ) as context:
        page = context.new_page()
        faults: list[str] = []
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on(
            "console",
            lambda said: faults.append(said.text) if "Content Security Policy" in said.text else None,
        )
        page.on("response", lambda got: faults.append(got.url) if got.status == 404 else None)
        # What is broken off by the next page's coming is no fault.
        page.on(
            "requestfailed",
            lambda asked: faults.append(asked.url) if asked.failure != "net::ERR_ABORTED" else None,
        )
        yield page
        assert faults == []


def violations(page: Page) -> list[str]:
    """What axe finds; run from outside the page, whose policy refuses it as any other script."""
    page.evaluate(AXE.read_text("utf-8"))
    found = page.evaluate("rules => axe.run({runOnly: rules})", RULES)["violations"]
    return [f"{one['impact']} {one['id']}: {node['html']}" for one in found for node in one["nodes"]]


@pytest.mark.parametrize("language", ["da", "nb", "en"])
@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
@pytest.mark.parametrize("path", PATHS)
def test_a_page_is_readable_by_everybody(page: Page, path: str, width: int, language: str) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(f"{path}?lang={language}", wait_until="networkidle")
    assert page.locator("html").get_attribute("lang") == language
    assert violations(page) == []


@pytest.mark.parametrize("path", PATHS)
def test_a_page_fits_a_phone_and_a_thumb(page: Page, path: str) -> None:
    page.set_viewport_size({"width": 360, "height": 800})
    page.goto(path, wait_until="networkidle")
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    pressed = "button, a.button, input:not([type=radio], [type=checkbox], [type=hidden]), select, summary"
    boxes = [each.bounding_box() for each in page.locator(pressed).locator("visible=true").all()]
    assert [box for box in boxes if box and box["height"] < 44] == []


def test_the_keyboard_skips_to_the_content_and_reaches_the_form(page: Page) -> None:
    page.goto("/intake/cases", wait_until="networkidle")
    page.keyboard.press("Tab")
    expect(page.locator(".skipnav")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_label("Søg efter navn")).to_be_focused()


def test_the_first_thing_read_after_a_refused_form_is_what_to_correct(page: Page) -> None:
    page.goto("/intake/cases/1", wait_until="networkidle")
    expect(page.locator("[data-error-summary]")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Hvornår var det?")).to_be_focused()


def test_names_are_asked_for_once_and_only_those_that_are_known_are_shown(
    page: Page, gallery: Gallery
) -> None:
    page.goto("/intake/cases/1", wait_until="networkidle")
    expect(page.locator("h1")).to_contain_text("Amina Eksempel")
    expect(page.locator(".mk-story")).to_contain_text("medarbejder")
    assert gallery.names_asked == [(sorted([AMINA, LARS, HIDDEN]), None)]


def test_a_page_without_sign_in_asks_for_names_with_its_token(page: Page, gallery: Gallery) -> None:
    page.goto("/matching/answer/token", wait_until="networkidle")
    expect(page.locator(".mk-lead")).to_contain_text("Amina Eksempel")
    assert gallery.names_asked == [([AMINA], "Bearer a-token")]


def test_names_in_a_part_that_comes_later_are_shown_too(page: Page) -> None:
    page.goto("/")
    expect(page.get_by_role("link", name="Samtale med Lars Prøve")).to_be_visible()


def test_a_part_that_does_not_answer_leaves_a_gap_that_can_be_tried_again(
    page: Page, gallery: Gallery
) -> None:
    gallery.part_answers = False
    page.goto("/")
    gap = page.get_by_text("Denne del kan ikke vises lige nu")
    expect(gap).to_be_visible()
    expect(page.get_by_role("link", name="Samtale efter en måned")).to_be_visible()
    gallery.part_answers = True
    page.get_by_role("link", name="Prøv igen").click()
    expect(page.get_by_role("link", name="Samtale med Lars Prøve")).to_be_visible()
    expect(gap).to_have_count(0)


def test_without_a_script_a_part_is_a_link_and_the_menu_is_open(browser: Browser, address: str) -> None:
    with browser.new_context(base_url=address, locale="da-DK", java_script_enabled=False) as context:
        page = context.new_page()
        page.set_viewport_size({"width": 360, "height": 800})
        page.goto("/")
        expect(page.get_by_role("link", name="Sager")).to_be_visible()
        page.get_by_role("link", name="Åbn denne del for sig").click()
        expect(page.get_by_role("link", name="Samtale med mentor")).to_be_visible()


def test_the_menu_opens_on_a_phone(page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 800})
    page.goto("/")
    cases = page.get_by_role("link", name="Sager", exact=True)
    expect(cases).to_be_hidden()
    page.get_by_role("button", name="Menu").click()
    expect(cases).to_be_visible()
    assert violations(page) == []


def test_a_form_is_sent_once_with_its_key_and_the_button_that_was_pressed(
    page: Page, gallery: Gallery
) -> None:
    page.goto("/matching/answer/token", wait_until="networkidle")
    with page.expect_event("load"):
        page.get_by_role("button", name="Nej tak").dblclick()
    expect(page.get_by_role("heading", name="Et forslag til dig")).to_be_visible()
    sent = [(form["answer"], form["version"], form["proposal_id"]) for form in gallery.posted]
    assert sent == [("no", "2", "p-1")]
    assert len(gallery.posted[0]["Idempotency-Key"]) == 36


def test_what_was_typed_stays_when_a_form_is_refused(page: Page, gallery: Gallery) -> None:
    gallery.refused = {
        "code": "does_not_fit",
        "detail": "Det passer ikke",
        "errors": [
            {"code": "too_long", "field": "reason", "message": "Skriv det kortere"},
            {"code": "missing", "field": "unknown", "message": "Noget andet"},
        ],
    }
    page.goto("/matching/answer/token", wait_until="networkidle")
    page.get_by_label("Vil du sige hvorfor?").fill("En lang forklaring")
    page.get_by_role("button", name="Nej tak").click()
    expect(page.get_by_role("alert")).to_be_focused()
    expect(page.get_by_role("alert")).to_contain_text("Det passer ikke")
    assert violations(page) == []
    page.get_by_role("link", name="Skriv det kortere").click()
    expect(page.get_by_label("Vil du sige hvorfor?")).to_be_focused()
    expect(page.get_by_label("Vil du sige hvorfor?")).to_have_value("En lang forklaring")
    gallery.refused = None
    with page.expect_event("load"):
        page.get_by_role("button", name="Nej tak").click()
    assert len({form["Idempotency-Key"] for form in gallery.posted}) == 1


def test_a_form_that_could_not_be_sent_says_so_and_can_be_sent_again(page: Page, gallery: Gallery) -> None:
    page.goto("/matching/answer/token", wait_until="networkidle")
    page.route("**/api/commands/*", lambda route: route.abort("aborted"), times=1)
    page.get_by_role("button", name="Nej tak").click()
    expect(page.get_by_role("alert")).to_contain_text("Det blev ikke sendt")
    with page.expect_event("load"):
        page.get_by_role("button", name="Nej tak").click()
    assert [form["answer"] for form in gallery.posted] == ["no"]


def test_a_form_that_one_comes_back_to_has_a_key_of_its_own(page: Page, gallery: Gallery) -> None:
    for button in ("Nej tak", "Ja, det vil jeg gerne"):
        page.goto("/matching/answer/token", wait_until="networkidle")
        with page.expect_event("load"):
            page.get_by_role("button", name=button).click()
        page.goto("/", wait_until="networkidle")
        page.go_back(wait_until="networkidle")
    assert [form["answer"] for form in gallery.posted] == ["no", "yes"]
    assert gallery.posted[0]["Idempotency-Key"] != gallery.posted[1]["Idempotency-Key"]


def test_without_a_script_a_form_is_sent_too(browser: Browser, address: str, gallery: Gallery) -> None:
    with browser.new_context(base_url=address, java_script_enabled=False) as context:
        page = context.new_page()
        page.goto("/matching/answer/token")
        page.get_by_role("button", name="Nej tak").click()
        expect(page.get_by_role("heading", name="Et forslag til dig")).to_be_visible()
    assert [form["answer"] for form in gallery.posted] == ["no"]
