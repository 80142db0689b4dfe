"""What the demonstration serves beside Makker: tokens, the clock, the mailbox and waiting."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from demo.outside import Visitor


async def test_a_token_without_units_is_for_all_of_them(visitor: Visitor) -> None:
    for unit in ("DK-0169", "DK-0851/aalborg", "NO-3222"):
        found = await visitor.get(f"/intake/api/cases?unit={unit}", units=[])
        assert set(found) == {"cases", "next"}


async def test_time_moves_by_days_or_to_a_moment_and_answers_when_it_has(visitor: Visitor) -> None:
    before = datetime.fromisoformat(await visitor.now())
    await visitor.days_pass(0)
    to = before + timedelta(hours=1)
    answer = await visitor.ask("POST", "/demo/clock", {"to": to.isoformat()}, role=None)
    assert to <= datetime.fromisoformat(answer["now"]) < to + timedelta(hours=1)


@pytest.mark.parametrize(
    "body",
    [{}, {"days": 1, "to": "2030-01-01"}, {"to": "2020-01-01"}, {"days": -1}, {"days": 1e12}, {"days": "x"}],
    ids=str,
)
async def test_time_that_cannot_be_gone_to_is_refused(visitor: Visitor, body: dict[str, Any]) -> None:
    before = datetime.fromisoformat(await visitor.now())
    await visitor.ask("POST", "/demo/clock", body, role=None, expect=(422,))
    assert datetime.fromisoformat(await visitor.now()) < before + timedelta(hours=1)
