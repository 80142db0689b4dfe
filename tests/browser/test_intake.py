"""Intake's pages in a real browser: a caseworker's day at a desk and on a phone, with a mouse and without.

Intake stands alone here, so that the other services' parts are gaps that say so. The pictures of the last run
are left in `.cache/pictures`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import uvicorn
from playwright.async_api import Browser, Page, async_playwright, expect

from services.intake.signing_in import ISSUER, become_known
from shared.access import person_of
from shared.contracts.intake_commands import AssignCase, CompletePreparation, RecordInterview
from shared.contracts.register_commands import RegisterHost, RegisterMentor, RegisterPartner
from tests.servers.intake import CASEWORKER, Intake, intake, referral

__all__ = ["intake"]
pytestmark = pytest.mark.browser

AXE = Path(__file__).parent / "vendor" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
PICTURES = Path(__file__).parents[2] / ".cache" / "pictures"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
ARGUMENTS += ["--disable-component-update", "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"]
expect.set_options(timeout=20_000)
SIZES = {"desk": (1200, 900), "phone": (360, 740)}
UNITS = ["DK-0169", "NO-3222"]
ME = replace(CASEWORKER, person_id=person_of(ISSUER, "demo-caseworker"), units=frozenset(UNITS))


@dataclass
class Desk:
    """Intake, served, with a few cases and things in its registers."""

    url: str
    intake: Intake
    cases: dict[str, UUID]
    registered: dict[str, UUID]


async def case(intake: Intake, name: str, **changes: Any) -> UUID:
    given, family = name.split()
    said: dict[str, Any] = {"candidate__national_id": None, "candidate__national_id_type": None}
    said |= {"candidate__given_name": given, "candidate__family_name": family, "candidate__email": None}
    said |= {"candidate__phone": None}
    return await intake.case_of(referral(f"R-{given}-{family}", **{**said, **changes}))


async def filled(intake: Intake) -> tuple[dict[str, UUID], dict[str, UUID]]:
    school: dict[str, Any] = {"programme": "skolepraksis", "unit": "NO-3222", "candidate__target_group": None}
    cases = {
        "Bo Prøve": await case(intake, "Bo Prøve"),
        "Carla Test": await case(intake, "Carla Test"),
        "Bo Dublet": await case(intake, "Bo Dublet", candidate__family_name="Prøve"),
        "Ola Skole": await case(intake, "Ola Skole", candidate__postcode="1473", **school),
        "Dina Skjult": await case(intake, "Dina Skjult", candidate__protected=True),
    }
    spoken: dict[str, Any] = {
        "profile": {"wishes": [{"plan": "A", "industries": ["retail"]}], "languages": {"da": "B1"}}
    }
    spoken |= {"experience": "Ti år i en butik.", "options": ["care"], "presentation": "Glad for orden."}
    contact = {"name": "Karin Kontakt", "email": "karin@example.org"}
    said = [
        *(AssignCase(case_id=cases[one], caseworker=ME.person_id) for one in ("Bo Prøve", "Carla Test")),
        RecordInterview.model_validate({"case_id": cases["Carla Test"], **spoken}),
        CompletePreparation(case_id=cases["Ola Skole"], step="digital_mailbox"),
        RegisterHost.model_validate(
            {"unit": "DK-0169", "kind": "association", "name": "Boldklubben", "contact_person": contact}
        ),
        RegisterMentor.model_validate({"unit": "DK-0169", "contact": {"name": "Mikkel Mentor"}}),
        RegisterPartner.model_validate(
            {"unit": "DK-0169", "kind": "jobcentre", "name": "Jobcenter Prøve", "contact_person": contact}
        ),
    ]
    registered: dict[str, UUID] = {}
    for body in said:
        (outcome,) = await intake.take(intake.of_staff(body, ME))
        assert outcome.kind == "done", (type(body).__name__, outcome)
        registered |= {name: value for name, value in outcome.answer.items() if name.endswith("_id")}
    return cases, registered


@pytest.fixture
async def desk(intake: Intake) -> AsyncIterator[Desk]:
    for role in ("caseworker", "coordinator"):
        await become_known(intake.host, role, UNITS, "da")
    cases, registered = await filled(intake)
    server = uvicorn.Server(
        uvicorn.Config(
            intake.host.app, port=0, log_level="error", lifespan="off", timeout_graceful_shutdown=1
        )
    )
    # Another's signals are not taken: this one runs beside the test.
    with suppress(AttributeError):
        server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield Desk(f"http://127.0.0.1:{port}", intake, cases, registered)
    server.should_exit = True
    await serving


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
        yield launched
        await launched.close()


async def signed_in(browser: Browser, desk: Desk, size: str = "desk", *, script: bool = True) -> Page:
    width, height = SIZES[size]
    context = await browser.new_context(
        base_url=desk.url,
        locale="da-DK",
        viewport={"width": width, "height": height},
        java_script_enabled=script,
    )
    page = await context.new_page()
    await page.goto("/intake/sign-in")
    await page.get_by_label("Sagsbehandler", exact=True).check()
    await page.get_by_role("button", name="Log ind").click()
    await expect(page.get_by_role("heading", name="I dag")).to_be_visible()
    return page


async def faults(page: Page) -> list[str]:
    """What is wrong for who cannot see, use a mouse or a wide screen."""
    await page.evaluate(AXE.read_text("utf-8"))
    found = await page.evaluate("rules => axe.run({runOnly: rules})", RULES)
    said = [f"{one['id']}: {node['html']}" for one in found["violations"] for node in one["nodes"]]
    if not await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"):
        said.append("the page is wider than the screen")
    return said


def pages_of(desk: Desk) -> dict[str, str]:
    carla, ola = desk.cases["Carla Test"], desk.cases["Ola Skole"]
    return {
        "cases": "/intake/cases?whose=all",
        "case_new": f"/intake/cases/{desk.cases['Bo Prøve']}",
        "case": f"/intake/cases/{carla}",
        "case_protected": f"/intake/cases/{desk.cases['Dina Skjult']}",
        "why_not_yet": f"/intake/cases/{ola}/why-not-yet",
        "certificates": "/intake/certificates",
        "waiting": "/intake/waiting",
        "referral": "/intake/referrals/new",
        "hosts": "/intake/hosts",
        "host": f"/intake/hosts/{desk.registered['host_id']}",
        "mentors": "/intake/mentors",
        "mentor": f"/intake/mentors/{desk.registered['mentor_id']}",
        "partners": "/intake/partners",
        "partner": f"/intake/partners/{desk.registered['partner_id']}",
        "places": "/intake/places",
        "staff": "/intake/staff",
        "units": "/intake/units",
        "enquiries": "/intake/enquiries",
        "enquiry": "/intake/enquiry/DK-0169",
    }


@pytest.mark.parametrize(("size", "language"), [("desk", "en"), ("phone", "da"), ("phone", "nb")])
async def test_the_main_pages_are_readable_by_everybody(
    desk: Desk, browser: Browser, size: str, language: str
) -> None:
    page = await signed_in(browser, desk, size)
    person_id = await desk.intake.pool.fetchval(
        "SELECT person_id FROM case_file WHERE id = $1", desk.cases["Carla Test"]
    )
    found = {}
    for name, path in (pages_of(desk) | {"person": f"/intake/people/{person_id}"}).items():
        mark = "&" if "?" in path else "?"
        answer = await page.goto(f"{path}{mark}lang={language}")
        assert answer is not None and answer.status == 200, (name, answer and answer.status)
        await expect(page.locator(".mk-fragment-loading:visible")).to_have_count(0)
        # What is folded is looked at too.
        await page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        if wrong := await faults(page):
            found[name] = wrong
        if language != "nb":
            PICTURES.mkdir(parents=True, exist_ok=True)
            await page.screenshot(path=PICTURES / f"intake_{name}_{size}.png", full_page=True)
    assert found == {}


async def test_a_caseworker_finds_a_case_does_the_next_step_hands_it_over_and_withdraws(
    desk: Desk, browser: Browser
) -> None:
    page = await signed_in(browser, desk)
    await page.get_by_role("link", name="Sager", exact=True).click()
    await page.get_by_label("Søg efter navn eller reference").fill("carla")
    await page.get_by_role("button", name="Vis").first.click()
    await page.get_by_role("link", name="Carla Test").click()
    await expect(page.get_by_role("heading", name="Carla Test")).to_be_visible()

    step = page.locator("details.mk-next").first
    await expect(step).to_contain_text("Forventninger afstemt")
    await step.get_by_label("Hvad er aftalt?").fill("Møder hver dag, ringer ved sygdom")
    await step.get_by_role("button", name="Det er gjort").click()
    await expect(page.locator("details.mk-next").first).not_to_contain_text("Forventninger afstemt")
    await expect(page.locator(".mk-box", has=page.get_by_role("heading", name="Gjort"))).to_contain_text(
        "Forventninger afstemt"
    )

    await page.get_by_text("Giv sagen til en kollega").click()
    colleague = person_of(ISSUER, "demo-coordinator")
    over = page.locator("details").filter(has_text="Giv sagen til en kollega")
    await over.get_by_role("combobox").select_option(str(colleague))
    await over.get_by_role("button").click()
    await expect(page.get_by_role("button", name="Tag sagen")).to_be_visible()

    await page.get_by_text("Træk sagen tilbage").first.click()
    form = page.locator('form[action$="/WithdrawCase"]')
    await form.get_by_label("Hvorfor?").select_option("moved")
    await form.get_by_role("button").click()
    await expect(page.locator("h1")).to_contain_text("Trukket tilbage")
    await page.get_by_text("Genåbn sagen").first.click()
    form = page.locator('form[action$="/ReopenCase"]')
    await form.get_by_label("Hvorfor?").select_option("wants_again")
    await form.get_by_role("button").click()
    await expect(page.locator("h1")).to_contain_text("Forberedes")


async def test_the_interview_is_told_in_groups_and_says_which_work_is_short_of_hands(
    desk: Desk, browser: Browser
) -> None:
    page = await signed_in(browser, desk, "phone")
    await page.goto(f"/intake/cases/{desk.cases['Bo Prøve']}")
    form = page.locator('form[action$="/RecordInterview"]').first
    await expect(form.get_by_label("Erfaring", exact=False).first).to_be_hidden()
    await form.locator("summary").filter(has_text="Ønsker og muligheder").click()
    await form.locator('input[name="profile.wishes.0.industries[]"][value="sports"]').check()
    await form.locator("summary").filter(has_text="Realistiske muligheder").click()
    await expect(form.get_by_text("Mangler arbejdskraft her").first).to_be_visible()
    await form.locator('input[name="options[]"][value="care"]').check()
    await form.locator("summary").filter(has_text="Tid og afstand").click()
    await form.locator('input[name="profile.times[]"][value="tue-evening"]').check()
    await form.locator('select[name="parallel_activities.0.kind"]').select_option(index=1)
    await form.locator("summary").filter(has_text="Erfaring og uddannelse").click()
    await form.locator('textarea[name="experience"]').fill("Passede et lager i fem år.")
    await form.get_by_role("button", name="Gem samtalen").click()
    known = page.locator(".mk-box").filter(has_text="Præsentation og mål")
    await expect(known).to_contain_text("Passede et lager i fem år.")
    await expect(known).to_contain_text("Idræt")


async def test_certificates_are_seen_to_where_they_are_listed(desk: Desk, browser: Browser) -> None:
    page = await signed_in(browser, desk)
    await page.goto("/intake/certificates?whose=all")
    await expect(page.get_by_role("heading", name="Skal bestilles nu")).to_be_visible()
    await page.get_by_text("Notér, at den er bestilt eller vist").first.click()
    await page.get_by_role("button", name="Attesten er bestilt").first.click()
    await expect(page.get_by_role("heading", name="Bestilt og på vej")).to_be_visible()
    await page.get_by_text("Notér, at den er bestilt eller vist").first.click()
    await page.get_by_role("button", name="Attesten er vist").first.click()
    await expect(page.get_by_text("Ingen attester venter på noget.")).to_be_visible()


async def test_a_view_is_saved_and_opened_again(desk: Desk, browser: Browser) -> None:
    page = await signed_in(browser, desk, "phone")
    await page.goto("/intake/cases?whose=all&state=preparing")
    await page.get_by_text("Mine visninger").click()
    await page.get_by_label("Gem det, du ser nu, under navnet").fill("I gang nu")
    await page.get_by_role("button", name="Gem", exact=True).click()
    await page.goto("/intake/cases?whose=mine")
    await page.get_by_role("link", name="I gang nu").click()
    await expect(page.get_by_role("link", name="Ola Skole")).to_be_visible()
    await page.get_by_role("button", name="Slet visningen I gang nu").click()
    await expect(page.get_by_role("link", name="I gang nu")).to_have_count(0)


async def test_without_a_script_a_case_is_found_and_its_step_done(desk: Desk, browser: Browser) -> None:
    page = await signed_in(browser, desk, "phone", script=False)
    await page.goto("/intake/cases")
    await page.get_by_role("link", name="Carla Test").click()
    await page.get_by_label("Hvad er aftalt?").first.fill("Møder hver dag, ringer ved sygdom")
    await page.get_by_role("button", name="Det er gjort").first.click()
    done = page.locator(".mk-box", has=page.get_by_role("heading", name="Gjort"))
    await expect(done).to_contain_text("Forventninger afstemt")
    await expect(done).to_contain_text("Møder hver dag, ringer ved sygdom")


async def test_what_only_a_school_is_asked_comes_with_a_schools_channel(desk: Desk, browser: Browser) -> None:
    page = await signed_in(browser, desk)
    await page.goto("/intake/referrals/new")
    school = page.locator("summary").filter(has_text="Fra en skole")
    await expect(school).to_be_hidden()
    await page.locator('select[name="channel"]').select_option("counsellor")
    await expect(school).to_be_visible()
    await expect(page.locator('select[name="partner_id"]')).to_contain_text("Jobcenter Prøve")


async def test_the_keyboard_reaches_a_case_from_the_list(desk: Desk, browser: Browser) -> None:
    page = await signed_in(browser, desk)
    await page.goto("/intake/cases?whose=mine")
    await page.get_by_label("Søg efter navn eller reference").focus()
    await page.keyboard.type("carla")
    await page.keyboard.press("Enter")
    await page.get_by_role("link", name="Carla Test").focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Carla Test")).to_be_visible()


async def test_two_who_are_one_are_seen_and_brought_together(desk: Desk, browser: Browser) -> None:
    page = await signed_in(browser, desk, "phone")
    await page.goto(f"/intake/cases/{desk.cases['Bo Prøve']}")
    alike = page.locator(".mk-box", has=page.get_by_role("heading", name="Måske den samme"))
    await alike.locator("summary").click()
    await alike.get_by_role("button", name="Det er den samme person").click()
    await expect(alike).to_have_count(0)
    other = page.locator(f'main a[href="/intake/cases/{desk.cases["Bo Dublet"]}"]')
    await expect(other).to_be_visible()
