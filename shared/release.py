"""Letting parked messages go: handled again, or given up, and then those that waited behind them.

Guarantee: in the order in which they came, in one transaction, each entering the inbox only when it
is handled. What waits for rules that this version does not know is tried again by itself.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from shared.corridor import CONTENDED, Pass, Service, held_against_a_message, transact
from shared.messages import Message, Outcome, Refused
from shared.parked import NOT_YET, unpack
from shared.postgres import Connection
from shared.reading import read, timer_message


class _Still(Exception):
    """It cannot be handled still; undoes what the attempt wrote."""


async def release(service: Service, parked_id: UUID, *, discard: str | None = None) -> list[Outcome]:
    """Handle a parked message again (or give it up), then, in order, those that waited behind it.

    Raises `Refused` when it does not exist or cannot be handled still; then nothing has changed but
    the number of tries.
    """

    async def run(connection: Connection) -> list[Outcome]:
        return await _release(service, connection, parked_id, discard)

    try:
        return await transact(service, run)
    except Refused:
        await service.pool.execute("UPDATE parked SET tries = tries + 1 WHERE id = $1", parked_id)
        raise


async def _release(
    service: Service, connection: Connection, parked_id: UUID, discard: str | None
) -> list[Outcome]:
    first = await connection.fetchrow(
        "SELECT topic, key FROM parked WHERE id = $1 AND state <> 'discarded'", parked_id
    )
    if first is None:
        raise Refused("not_found", status=404)
    await connection.execute(
        "SELECT 1 FROM parked_key WHERE topic = $1 AND key = $2 FOR UPDATE", first["topic"], first["key"]
    )
    rows = await connection.fetch(
        "SELECT * FROM parked WHERE state <> 'discarded' AND (id = $1 OR (topic = $2 AND key = $3)) "
        "ORDER BY record_offset FOR UPDATE",
        parked_id,
        first["topic"],
        first["key"],
    )
    if not any(row["id"] == parked_id for row in rows):
        raise Refused("not_found", status=404)
    if rows[0]["id"] != parked_id:
        raise Refused("waits_behind_another")
    outcomes: list[Outcome] = []
    gone: list[UUID] = []
    for row in rows:
        if row["id"] == parked_id and discard is not None:
            await _discard(service, connection, row)
            outcomes.append(Outcome("done", "discarded", id=parked_id))
            continue
        outcome = await _again(service, connection, row)
        if outcome.kind == "parked":
            if row["id"] == parked_id:
                raise Refused("still_cannot_be_handled", reason=outcome.reason)
            # What waited is the next that cannot be handled: it is the parked one now.
            await connection.execute(
                "UPDATE parked SET state = 'parked', reason = $2 WHERE id = $1", row["id"], outcome.reason
            )
            break
        outcomes.append(outcome)
        gone.append(row["id"])
    await connection.execute("DELETE FROM parked WHERE id = ANY($1::uuid[])", gone)
    await connection.execute(
        "DELETE FROM parked_key k WHERE topic = $1 AND key = $2 AND NOT EXISTS "
        "(SELECT 1 FROM parked p WHERE p.topic = k.topic AND p.key = k.key AND p.state <> 'discarded')",
        first["topic"],
        first["key"],
    )
    return outcomes


async def _again(service: Service, connection: Connection, row: Any) -> Outcome:
    """One pass with one message; what fails leaves nothing behind."""
    message = _message(service, row)
    if message is None:
        return Outcome("ignored", "not_for_this_service")
    key = (row["topic"], row["key"]) if row["key"] is not None else ("", "")
    try:
        async with connection.transaction():
            one = Pass(service, connection, service.clock(), releasing=key)
            (outcome,) = await one.run([message])
            if outcome.kind == "parked":
                raise _Still(outcome.reason)
            return outcome
    except _Still as still:
        return Outcome("parked", str(still))
    except CONTENDED:
        raise
    except Exception as error:
        if not held_against_a_message(error):
            raise
        return Outcome("parked", f"fault: {type(error).__name__}")


async def _discard(service: Service, connection: Connection, row: Any) -> None:
    message = _message(service, row)
    if message is not None:
        # Delivered once more it is a duplicate, not something to decide about again.
        await connection.execute(
            "INSERT INTO inbox (id, entered_at) VALUES ($1, $2) ON CONFLICT DO NOTHING",
            message.id,
            service.clock(),
        )
    await connection.execute(
        "UPDATE parked SET state = 'discarded', sealed = NULL, reason = reason || ' (discarded)' "
        "WHERE id = $1",
        row["id"],
    )


def _message(service: Service, row: Any) -> Message | None:
    unpacked = unpack(service.sealer, row)
    if isinstance(unpacked, tuple):
        return timer_message(service.timers, *unpacked, row["id"], None, row["parked_at"])
    return read(service.messages, service.name, unpacked)


async def release_what_waits_for_rules(service: Service) -> int:
    """Try again what named rules that were not known yet; gives how many went through."""
    rows = await service.pool.fetch(
        "SELECT id FROM parked WHERE state = 'parked' AND reason = $1 ORDER BY record_offset", NOT_YET
    )
    released = 0
    for row in rows:
        try:
            released += len(await release(service, row["id"]))
        except Refused:
            continue
    return released
