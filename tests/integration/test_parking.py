"""What cannot be handled is parked: kept, alone with its key, until somebody lets it go."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest

from shared.contracts.model import Event
from shared.corridor import handle
from shared.hosting import Host
from shared.messages import Decision, Ignored, Message, Record, Refused
from shared.parked import NOT_YET, unpack
from shared.release import release, release_what_waits_for_rules
from tests.builders import (
    LATER,
    Clock,
    agreed,
    cleared,
    headers,
    held,
    messages,
    raw,
    record,
    state,
    texts,
    unreadable,
    until_blocked,
)

pytest_plugins = ["tests.fixtures"]


async def rows(host: Host) -> list[Any]:
    found: list[Any] = await host.pool.fetch("SELECT * FROM parked ORDER BY record_offset")
    return found


async def consume(host: Host, *records: Record) -> list[str]:
    return [one.kind for one in await handle(host.service, messages(host, records))]


def of_unknown_rules(body: Event) -> Event:
    return body.model_copy(update={"rules_version": "2099-01-01"})


async def test_only_the_key_of_a_parked_message_stands_still(followup: Host) -> None:
    case, other = uuid4(), uuid4()
    await consume(followup, unreadable(case, "intake-events-v1"))
    assert await consume(followup, record(cleared(case)), record(cleared(other))) == ["waiting", "done"]
    # The same case on another topic goes on as well: order is kept within a topic and key.
    assert await consume(followup, record(agreed(case)), record(texts(case, 1))) == ["done", "done"]
    assert await state(followup, case) == "agreed"


async def test_in_one_batch_too_the_later_of_a_key_wait_and_the_earlier_do_not(followup: Host) -> None:
    case = uuid4()
    kinds = await consume(
        followup, record(cleared(case)), unreadable(case, "intake-events-v1"), record(held(case))
    )
    assert kinds == ["done", "parked", "waiting"]
    assert await state(followup, case) == "cleared"


async def test_referrals_and_records_without_a_key_never_wait(followup: Host) -> None:
    """Followup reads no referrals; with its corridor every record of that topic is a message alone."""
    bad = [
        raw("referrals-v1", "same", b"{", ()),
        raw("matching-events-v1", None, b"{", headers("MatchAgreed")),
    ]
    assert await consume(followup, *bad, raw("referrals-v1", "same", b"[]", ())) == ["parked"] * 3
    good = replace(record(cleared(uuid4())), key=None)
    assert await consume(followup, good) == ["done"]
    assert await followup.pool.fetchval("SELECT count(*) FROM parked_key") == 0


async def test_a_parked_record_delivered_again_makes_no_second_row(followup: Host) -> None:
    case = uuid4()
    batch = [unreadable(case), record(agreed(case))]
    assert await consume(followup, *batch) == ["parked", "waiting"]
    await consume(followup, *batch)
    assert [(row["state"], row["record_offset"]) for row in await rows(followup)] == [
        ("parked", batch[0].offset),
        ("waiting", batch[1].offset),
    ]


async def test_what_was_handled_before_its_key_was_parked_is_a_duplicate_when_it_comes_again(
    followup: Host,
) -> None:
    """As after a crash between the commit and the offset."""
    case = uuid4()
    batch = [record(cleared(case)), record(held(case)), unreadable(case, "intake-events-v1")]
    assert await consume(followup, *batch) == ["done", "done", "parked"]
    assert await consume(followup, *batch) == ["duplicate", "duplicate", "waiting"]
    (parked,) = await rows(followup)
    await release(followup.service, parked["id"], discard="cannot be read")
    assert await state(followup, case) == "expected"


async def test_releasing_handles_in_order_and_enters_the_inbox_only_then(followup: Host) -> None:
    case = uuid4()
    batch = [record(of_unknown_rules(agreed(case))), record(agreed(case))]
    found = messages(followup, batch)
    await handle(broken(followup), found)
    assert [row["reason"] for row in await rows(followup)] == [
        "fault: ZeroDivisionError",
        "behind_a_parked_message",
    ]
    ids = [message.id for message in found]
    assert await followup.pool.fetchval("SELECT count(*) FROM inbox WHERE id = ANY($1)", ids) == 0

    seen: list[UUID] = []
    watched = watching(followup, seen)
    outcomes = await release(watched, (await rows(followup))[0]["id"])
    assert seen == ids
    assert [one.kind for one in outcomes] == ["done", "done"]
    assert await followup.pool.fetchval("SELECT count(*) FROM inbox WHERE id = ANY($1)", ids) == 2
    assert await rows(followup) == []
    assert await consume(followup, *batch) == ["duplicate", "duplicate"]


def broken(host: Host) -> Any:
    def decide(*_: Any) -> Any:
        return 1 // 0

    return replace(host.service, decide=decide)


def watching(host: Host, seen: list[UUID]) -> Any:
    """Everything takes effect, in that nothing happens and its id is noted."""

    def decide(state: Any, message: Message, rules: Any, now: Any) -> Any:
        seen.append(message.id)
        return Decision(state)

    return replace(host.service, decide=decide)


async def test_a_release_that_still_fails_changes_nothing_but_the_number_of_tries(followup: Host) -> None:
    case = uuid4()
    await consume(followup, unreadable(case), record(agreed(case)))
    before = await rows(followup)
    with pytest.raises(Refused) as refused:
        await release(followup.service, before[0]["id"])
    assert refused.value.code == "still_cannot_be_handled"
    after = await rows(followup)
    assert [dict(row) | {"tries": 0} for row in after] == [dict(row) | {"tries": 0} for row in before]
    assert [row["tries"] for row in after] == [2, 1]
    assert await followup.pool.fetchval("SELECT count(*) FROM inbox") == 0


@pytest.mark.parametrize(
    "poison",
    [
        lambda case: record(texts(case, 1, "a\x00b")),
        lambda case: raw("case-texts-v1", "no id", None, ()),
    ],
    ids=["the database refuses it", "concerns raises"],
)
async def test_what_fails_outside_of_deciding_is_refused_on_release_as_well(
    followup: Host, poison: Any
) -> None:
    await consume(followup, poison(uuid4()))
    (parked,) = await rows(followup)
    with pytest.raises(Refused) as refused:
        await release(followup.service, parked["id"])
    assert refused.value.code == "still_cannot_be_handled"
    assert [row["tries"] for row in await rows(followup)] == [2]


async def test_a_waiting_message_that_fails_becomes_the_parked_one_and_those_before_it_are_done(
    followup: Host,
) -> None:
    case = uuid4()
    topic = "intake-events-v1"
    await consume(followup, unreadable(case, topic))
    await consume(followup, record(cleared(case)), unreadable(case, topic), record(held(case)))
    first, *_ = await rows(followup)
    outcomes = await release(followup.service, first["id"], discard="cannot be read")
    assert [one.kind for one in outcomes] == ["done", "done"]
    assert await state(followup, case) == "cleared"
    left = [(row["state"], "behind" in row["reason"]) for row in await rows(followup)]
    assert left == [("discarded", False), ("parked", False), ("waiting", True)]
    assert await consume(followup, record(held(case))) == ["waiting"]


async def test_who_waits_behind_another_is_not_let_go_first(followup: Host) -> None:
    case = uuid4()
    await consume(followup, unreadable(case), record(agreed(case)))
    _, waiting = await rows(followup)
    for discard in (None, "not wanted"):
        with pytest.raises(Refused) as refused:
            await release(followup.service, waiting["id"], discard=discard)
        assert refused.value.code == "waits_behind_another"
    with pytest.raises(Refused) as unknown:
        await release(followup.service, uuid4())
    assert unknown.value.status == 404


async def test_a_discarded_message_leaves_no_bytes_and_is_a_duplicate_when_it_comes_again(
    followup: Host,
) -> None:
    case = uuid4()
    poison = unreadable(case)
    await consume(followup, poison)
    (parked,) = await rows(followup)
    await release(followup.service, parked["id"], discard="cannot be read")
    (kept,) = await rows(followup)
    assert (kept["state"], kept["sealed"]) == ("discarded", None)
    assert await consume(followup, poison) == ["duplicate"]
    assert await consume(followup, record(agreed(case))) == ["done"]


async def test_a_parked_row_shows_nothing_of_the_message_in_plain(followup: Host) -> None:
    secret = b"Signe Jensen 010203-1234"
    case = uuid4()
    await consume(
        followup,
        raw("matching-events-v1", str(case), secret, (*headers("MatchAgreed"), ("note", secret))),
        record(texts(case, 1, secret.decode())),
        raw("case-texts-v1", str(case), b'{"Signe": 010203-1234}', headers("CaseTexts")),
    )
    kept = await rows(followup)
    assert len(kept) == 2
    for row in kept:
        plain = " ".join(str(value) for value in row.values())
        assert not any(part in plain for part in ("Signe", "Jensen", "010203"))
        assert b"Signe" in _opened(followup, row)


def _opened(host: Host, row: Any) -> bytes:
    unpacked = unpack(host.service.sealer, row)
    assert isinstance(unpacked, Record)
    return unpacked.value or b""


async def test_an_unpacked_record_is_the_one_that_was_parked(followup: Host) -> None:
    odd = replace(
        raw("matching-events-v1", b"\xff\xfe", b"\x00\xff", (("ce_type", b"\xc3("), ("x", b""))), partition=7
    )
    await consume(followup, odd)
    (kept,) = await rows(followup)
    assert unpack(followup.service.sealer, kept) == odd


@pytest.mark.parametrize("key", [b"a\x00b", b"\xff\xfe", b"", bytes(range(1, 256)) * 200])
async def test_a_key_of_any_bytes_and_any_length_can_be_parked_and_stands_still(
    followup: Host, key: bytes
) -> None:
    bad = raw("matching-events-v1", key, b"{", headers("MatchAgreed"))
    behind = replace(record(agreed(uuid4())), key=key)
    assert await consume(followup, bad) == ["parked"]
    assert await consume(followup, behind) == ["waiting"]
    outcomes = await release(followup.service, (await rows(followup))[0]["id"], discard="cannot be read")
    assert [one.kind for one in outcomes] == ["done", "done"]


async def test_what_names_rules_that_are_not_known_yet_is_tried_again_by_itself(
    followup: Host, clock: Clock
) -> None:
    case = uuid4()
    await consume(
        followup,
        record(cleared(case)),
        record(agreed(uuid4())),
        record(of_unknown_rules(agreed(case))),
        record(held(case)),
    )
    assert [row["reason"] for row in await rows(followup)] == [NOT_YET]
    assert await release_what_waits_for_rules(followup.service) == 0
    newer = replace(followup.service, decide=lambda *_: Ignored("now_known"))
    assert await release_what_waits_for_rules(newer) == 1
    assert await rows(followup) == []


async def test_a_faulty_message_is_not_tried_again_by_itself(followup: Host) -> None:
    await consume(followup, unreadable(uuid4()))
    assert await release_what_waits_for_rules(followup.service) == 0
    assert [row["tries"] for row in await rows(followup)] == [1]


async def test_a_batch_that_comes_while_its_key_is_released_is_handled_after_it(followup: Host) -> None:
    """The release is held up by the row that its waiting message concerns; the batch must wait for both."""
    case = uuid4()
    await consume(followup, unreadable(case, "intake-events-v1"), record(cleared(case)))
    (parked, _) = await rows(followup)
    async with followup.pool.acquire() as other, other.transaction():
        await other.execute("LOCK TABLE placement IN SHARE MODE")
        releasing = asyncio.create_task(release(followup.service, parked["id"], discard="cannot be read"))
        await until_blocked(followup, [releasing])
        consuming = asyncio.create_task(consume(followup, record(held(case))))
        await until_blocked(followup, [releasing, consuming])
        assert not consuming.done()
    await releasing
    assert await consuming == ["done"]
    assert await state(followup, case) == "expected"


async def test_a_release_that_comes_while_a_batch_waits_behind_its_key_takes_that_batch_along(
    followup: Host,
) -> None:
    case, other_case = uuid4(), uuid4()
    await consume(followup, unreadable(case, "intake-events-v1"))
    (parked,) = await rows(followup)
    async with followup.pool.acquire() as other, other.transaction():
        await other.execute("LOCK TABLE placement IN SHARE MODE")
        # The batch holds the key's row; what stops it is the other case.
        batch = [record(cleared(case)), record(cleared(other_case))]
        consuming = asyncio.create_task(consume(followup, *batch))
        await until_blocked(followup, [consuming])
        releasing = asyncio.create_task(release(followup.service, parked["id"], discard="cannot be read"))
        await until_blocked(followup, [consuming, releasing])
    assert await consuming == ["waiting", "done"]
    assert [one.kind for one in await releasing] == ["done", "done"]
    assert await state(followup, case) == "cleared"
    assert await followup.pool.fetchval("SELECT count(*) FROM parked_key") == 0


async def test_releases_and_batches_of_one_key_at_once_lose_nothing_in_any_round(followup: Host) -> None:
    for _ in range(15):
        case = uuid4()
        await consume(followup, unreadable(case, "intake-events-v1"), record(cleared(case)))
        parked = (await rows(followup))[-2]
        await asyncio.gather(
            release(followup.service, parked["id"], discard="cannot be read"),
            consume(followup, record(held(case)), record(cleared(case))),
            consume(followup, record(agreed(case, LATER))),
        )
        assert await state(followup, case) == "planned"
    assert {row["state"] for row in await rows(followup)} == {"discarded"}
