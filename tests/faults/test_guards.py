"""Each guard of the corridor, taken out alone: its proof then fails."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import pytest

from demo.embedded.kafka import EmbeddedKafka
from shared import outbox, parked, stored
from shared.corridor import Pass
from shared.effects import Effects
from shared.hosting import Host
from shared.messages import Message
from shared.postgres import Connection
from tests import proofs
from tests.builders import Clock
from tests.proofs import Proof

pytest_plugins = ["tests.fixtures"]


def without_inbox(patch: pytest.MonkeyPatch) -> None:
    async def let_all_through(self: Pass, messages: Sequence[Message]) -> set[UUID]:
        return {message.id for message in messages}

    patch.setattr(Pass, "_enter", let_all_through)


def without_one_transaction(patch: pytest.MonkeyPatch) -> None:
    """The event is written first, in a transaction of its own."""
    save = Effects._save_outbox

    async def save_apart(self: Effects, connection: Connection) -> None:
        pool = connection._holder._pool  # type: ignore[union-attr]
        async with pool.acquire() as another:
            await save(self, another)

    patch.setattr(Effects, "_save_outbox", save_apart)


def without_row_lock(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(stored, "LOCK", stored.LOCK.replace("FOR UPDATE", ""))


def without_saved_version(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(stored, "SAVE", stored.SAVE.replace("AND row.version = new.version", ""))


def without_empty_rows(patch: pytest.MonkeyPatch) -> None:
    """What is missing is taken as new, and inserted or overwritten in the end."""

    async def make_nothing(connection: Connection, wanted: stored.Wanted) -> None:
        return

    async def lock(connection: Connection, wanted: stored.Wanted) -> dict[tuple[str, UUID], stored.Row]:
        missing = {
            (table.name, id_): stored.Row(table.name, id_, 0, None, table.model)
            for table, ids in wanted.items()
            for id_ in ids
        }
        return missing | await lock_what_is_there(connection, wanted)

    async def insert_or_overwrite(connection: Connection, rows: Any) -> None:
        for row in rows:
            if row.dirty:
                await connection.execute(
                    f"INSERT INTO {row.table} (id, version, doc) VALUES ($1, 1, $2::text::jsonb) "
                    "ON CONFLICT (id) DO UPDATE SET doc = excluded.doc",
                    row.id,
                    row.document.model_dump_json(),
                )

    lock_what_is_there = stored.lock
    patch.setattr(stored, "make", make_nothing)
    patch.setattr(stored, "lock", lock)
    patch.setattr(stored, "save", insert_or_overwrite)


def without_standing_check(patch: pytest.MonkeyPatch) -> None:
    async def all_stand(self: Pass, messages: Sequence[Message]) -> set[int]:
        return {message.timer_number for message in messages if message.timer_number is not None}

    patch.setattr(Pass, "_standing_timers", all_stand)


def without_parked_keys(patch: pytest.MonkeyPatch) -> None:
    async def none_stand(*_: Any) -> set[tuple[str, str]]:
        return set()

    patch.setattr(parked, "standing_keys", none_stand)


def without_shown_version(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Pass, "_check_command", lambda *_: None)


GUARDS: list[tuple[Callable[[pytest.MonkeyPatch], None], Proof]] = [
    (without_inbox, proofs.a_late_duplicate_changes_nothing),
    (without_one_transaction, proofs.effect_and_event_are_there_together_or_not_at_all),
    (without_row_lock, proofs.a_decision_waits_for_whoever_holds_its_row),
    (without_saved_version, proofs.what_another_saved_meanwhile_is_not_overwritten),
    (without_empty_rows, proofs.both_halves_find_each_other_at_the_same_moment),
    (without_standing_check, proofs.a_timer_that_was_moved_meanwhile_says_nothing),
    (without_standing_check, proofs.a_timer_cancelled_by_whoever_holds_the_row_says_nothing),
    (without_parked_keys, proofs.later_messages_of_a_parked_key_wait_in_order),
    (without_shown_version, proofs.who_was_shown_an_older_version_is_refused),
]


@pytest.mark.parametrize(
    ("take_out", "proof"), GUARDS, ids=[f"{guard.__name__}-{proof.__name__}" for guard, proof in GUARDS]
)
async def test_a_guard_that_is_taken_out_is_missed(
    take_out: Callable[[pytest.MonkeyPatch], None],
    proof: Proof,
    followup: Host,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    take_out(monkeypatch)
    with pytest.raises(AssertionError):
        await proof(followup, clock)


async def test_a_relay_that_marks_before_it_publishes_is_found_out(
    followup: Host, clock: Clock, kafka: EmbeddedKafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = outbox._send

    async def mark_then_send(producer: Any, service: Any, rows: Any) -> None:
        async with service.pool.acquire() as connection:
            await outbox._mark(connection, rows, service.clock())
        await send(producer, service, rows)

    monkeypatch.setattr(outbox, "_send", mark_then_send)
    with pytest.raises(AssertionError):
        await proofs.what_the_broker_did_not_acknowledge_is_not_marked(followup, clock, kafka)
