"""Intake's pages on a port of their own, and a Chromium that looks at them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import uvicorn
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from tests.servers.intake import Intake, as_

AXE = Path(__file__).parents[1] / "browser" / "vendor" / "axe.min.js"
PICTURES = Path(__file__).parents[2] / ".cache" / "pictures"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
ARGUMENTS += ["--disable-component-update", "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"]
DESK, PHONE = (1200, 900), (360, 740)


@pytest.fixture
async def address(intake: Intake) -> AsyncIterator[str]:
    """Where the pages are; nothing runs beside them."""
    server = uvicorn.Server(uvicorn.Config(intake.host.app, port=0, lifespan="off", log_config=None))
    task = asyncio.create_task(server.serve())
    async with asyncio.timeout(20):
        while not server.started:
            await asyncio.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    await task


@pytest.fixture
async def chromium() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
        yield launched
        await launched.close()


async def signed_in(
    chromium: Browser,
    address: str,
    intake: Intake,
    *roles: str,
    subject: str,
    units: tuple[str, ...] = ("DK-0169",),
    size: tuple[int, int] = DESK,
    script: bool = True,
) -> Page:
    """A page of somebody's own session, with or without a script."""
    context: BrowserContext = await chromium.new_context(
        base_url=address,
        locale="da-DK",
        viewport={"width": size[0], "height": size[1]},
        java_script_enabled=script,
    )
    token = as_(intake, *roles, units=units, subject=subject)["Authorization"].removeprefix("Bearer ")
    await context.add_cookies([{"name": "makker_session", "value": token, "url": address}])
    return await context.new_page()


async def look(page: Page, name: str) -> None:
    """Nothing serious is wrong for who cannot see or use a mouse, and nothing is cut off."""
    await page.wait_for_load_state("networkidle")
    await page.evaluate(AXE.read_text("utf-8"))
    found = await page.evaluate("rules => axe.run({runOnly: rules})", RULES)
    serious = [
        f"{one['id']}: {node['html']}"
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]
    assert serious == [], f"{name}: {serious}"
    await picture(page, name)


async def picture(page: Page, name: str) -> None:
    """Nothing is cut off; axe itself needs a script, this does not."""
    assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), (
        f"{name} is too wide"
    )
    PICTURES.mkdir(parents=True, exist_ok=True)
    await page.screenshot(path=PICTURES / f"{name}.png", full_page=True)
