"""A mentor that matching looks for stands at the unit's door as long as the notice is up, in codes alone."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import httpx

from shared.contracts.matching import MentorWanted, MentorWantedWithdrawn
from shared.corridor import handle
from shared.messages import Message
from tests.servers.enquiries import CORPS, UNIT, browser, clock, intake
from tests.servers.intake import Intake

__all__ = ["browser", "clock", "intake"]

ABOUT: dict[str, Any] = {
    "unit": CORPS,
    "programme": "mentorskab",
    "case_id": uuid4(),
    "round": 1,
    "rules_version": "2020-01-01",
    "notice_id": uuid4(),
}
WANTED = MentorWanted(
    **ABOUT,
    field="healthcare",
    stage="choosing_education",
    task="education_choice",
    profession="nurse",
    times=("wed-evening",),
    published_on="2026-11-20",
)


async def take(intake: Intake, *bodies: Any) -> list[str]:
    service = intake.host.service
    messages = [
        Message(uuid4(), type(body).__name__, body, service.clock(), source="/makker/matching")
        for body in bodies
    ]
    return [outcome.kind for outcome in await handle(service, messages)]


async def test_a_notice_is_at_its_own_units_door_until_it_is_taken_down(
    intake: Intake, browser: httpx.AsyncClient
) -> None:
    assert await take(intake, WANTED) == ["done"]
    page = (await browser.get(f"/intake/enquiry/{CORPS}?lang=da")).text
    assert f"kind=mentor&amp;notice={WANTED.notice_id}" in page and "Sygeplejerske" in page
    assert str(WANTED.case_id) not in page
    assert str(WANTED.notice_id) not in (await browser.get(f"/intake/enquiry/{UNIT}")).text
    await take(intake, MentorWantedWithdrawn(**ABOUT, reason="mentor_found"))
    assert str(WANTED.notice_id) not in (await browser.get(f"/intake/enquiry/{CORPS}")).text


async def test_a_notice_for_partners_alone_is_not_at_the_door(
    intake: Intake, browser: httpx.AsyncClient
) -> None:
    await take(intake, WANTED.model_copy(update={"on_enquiry_page": False}))
    assert str(WANTED.notice_id) not in (await browser.get(f"/intake/enquiry/{CORPS}")).text
