"""One case of each programme, from its referral to its second check-in, over HTTP and Kafka alone."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from demo.outside import Visitor
from demo.play import Walk
from demo.samples import SAMPLES, candidate_email, host_email

REPLIES = "referral-replies-v1"


@pytest.mark.parametrize("programme", SAMPLES)
async def test_a_case_goes_from_referral_to_its_second_check_in(visitor: Visitor, programme: str) -> None:
    sample, number = SAMPLES[programme], 100

    async with visitor.listening(REPLIES) as replies:
        walk = Walk(visitor, sample, number, replies, visitor.today)
        await walk.offer_place()
        await walk.all_the_way()
        first = walk.placement["check_ins"][0]
        await visitor.days_pass((date.fromisoformat(first["due_on"]) - await visitor.today()).days)
        await walk.hold_check_in()
        second = next(c for c in walk.placement["check_ins"] if c["state"] == "booked")
        assert date.fromisoformat(second["due_on"]) - date.fromisoformat(first["due_on"]) >= timedelta(
            days=28
        )
        await visitor.days_pass((date.fromisoformat(second["due_on"]) - await visitor.today()).days)
        await walk.hold_check_in()
        await visitor.settle()

        told = [
            r["status"]
            for r in replies
            if r["source_reference"] == walk.reference and r["type"] == "makker.ReferralProgressed.v1"
        ]
    assert told == ["ready", "proposed", "matched", "started"]
    assert [c["state"] for c in walk.placement["check_ins"]][:2] == ["held", "held"]
    for address in (candidate_email(sample, number), host_email(sample, number)):
        mails = await visitor.mails(address)
        identifiers = [mail["message_id"] for mail in mails]
        assert len(identifiers) == len(set(identifiers)) >= 5, f"{address}: {[m['subject'] for m in mails]}"
