"""Mails to who wrote at a unit's door."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Literal

import pytest

from demo.embedded.mailbox import Mailbox
from shared.contracts.intake import EnquiryMade
from shared.hosting import Host
from shared.links import Reader
from tests.integration.notifications_service import (
    CANDIDATE,
    KEYS,
    PROPOSAL,
    UNIT,
    Clock,
    browser,
    clock,
    contact,
    notifications,
    post,
    signed_in,
    states,
    tell,
)

__all__ = ["clock", "notifications"]


def enquiry(clock: Clock, stage: Literal["asked", "confirmed"]) -> EnquiryMade:
    asked = {"asked": (CANDIDATE,), "answer_by": clock.now + timedelta(days=2)} if stage == "asked" else {}
    kept = {"unit": UNIT, "enquiry_id": PROPOSAL, "kind": "candidate", "person_id": CANDIDATE.person_id}
    return EnquiryMade(**kept, stage=stage, **asked)


async def test_who_wrote_at_a_units_door_gets_one_link_to_confirm_it_with(
    notifications: Host, mailbox: Mailbox, clock: Clock
) -> None:
    await tell(notifications, enquiry(clock, "asked"), contact(CANDIDATE))
    await post(notifications)
    (mail,) = mailbox.to("amina@example.org")
    assert mail.subject == "Høje-Taastrup Kommune: bekræft din henvendelse"
    (token,) = re.findall(r"/intake/enquiry/confirm/(\S+)", mail.text)
    actor = Reader(KEYS.link_public).actor(token, clock.now)
    assert actor and (actor.scope, actor.question) == ("enquiry", PROPOSAL)
    assert await states(notifications) == [("enquiry_confirm", "sent", None)]


@pytest.mark.parametrize("how", ["confirmed", "late"])
async def test_who_confirmed_by_phone_or_did_not_in_time_is_not_asked_by_mail(
    notifications: Host, mailbox: Mailbox, clock: Clock, how: str
) -> None:
    await tell(notifications, enquiry(clock, "asked"))
    if how == "confirmed":
        await tell(notifications, enquiry(clock, "confirmed"))
    else:
        clock.now += timedelta(days=2)
    await tell(notifications, contact(CANDIDATE))
    await post(notifications)
    assert not mailbox.mails
    reason = {"confirmed": "over", "late": "too_late"}[how]
    assert await states(notifications) == [("enquiry_confirm", "superseded", reason)]


async def test_a_mail_that_cannot_reach_who_wrote_leads_staff_to_the_enquiries(
    notifications: Host, mailbox: Mailbox, clock: Clock
) -> None:
    mailbox.refuse("amina@example.org", "550 no such mailbox")
    await tell(notifications, contact(CANDIDATE), enquiry(clock, "asked"))
    await post(notifications)
    async with browser(notifications) as client:
        headers = signed_in(UNIT) | {"Accept": "application/json"}
        (item,) = (await client.get("/notifications/fragments/today", headers=headers)).json()["items"]
    assert item["href"] == "/intake/enquiries" and "Bekræftelse af henvendelse" in item["text"]
