"""The corridor on PostgreSQL: what holds of every message, however and whenever it comes."""

from __future__ import annotations

import pytest

from shared.hosting import Host
from tests import proofs
from tests.builders import Clock
from tests.proofs import Proof

pytest_plugins = ["tests.fixtures"]

PROOFS: list[Proof] = [
    proofs.a_late_duplicate_changes_nothing,
    proofs.effect_and_event_are_there_together_or_not_at_all,
    proofs.a_decision_waits_for_whoever_holds_its_row,
    proofs.what_another_saved_meanwhile_is_not_overwritten,
    proofs.both_halves_find_each_other_at_the_same_moment,
    proofs.a_timer_that_was_moved_meanwhile_says_nothing,
    proofs.a_timer_cancelled_by_whoever_holds_the_row_says_nothing,
    proofs.later_messages_of_a_parked_key_wait_in_order,
    proofs.who_was_shown_an_older_version_is_refused,
]


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.__name__)
async def test_with_every_guard_in_place_it_holds_that(proof: Proof, followup: Host, clock: Clock) -> None:
    await proof(followup, clock)
