"""The corridor's part in erasing: several rows of a kind, rows that go, and the list that every door asks."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from services.followup.documents import CaseTrack
from services.followup.handlers import TABLES
from shared.contracts.intake import CaseTexts
from shared.contracts.model import Command
from shared.corridor import Service, handle
from shared.hosting import Host
from shared.messages import Decision, Message
from shared.postgres import Connection
from shared.programmes import Programmes
from tests.builders import STAFF, Clock, cleared, event, messages, raw, record, state, texts, unreadable

pytest_plugins = ["tests.fixtures"]


class Gather(Command):
    """Asked of several cases at once."""

    case_ids: tuple[UUID, ...]


@dataclass(frozen=True)
class Several:
    ids: Mapping[str, Any]
    case: CaseTrack | None = None
    cases: tuple[CaseTrack | None, ...] = ()


def service(host: Host, decide: Any, *, late: Sequence[UUID] = ()) -> Service:
    """Followup's service with one command about several cases; `late` are found from the second look on."""
    looks = 0

    async def concerns(connection: Connection, batch: Sequence[Message]) -> list[dict[str, Any]]:
        nonlocal looks
        looks += 1
        found = []
        for message in batch:
            body: Any = message.body
            first, *others = body.case_ids
            found.append({"case": first, "cases": (*others, *(late if looks > 1 else ()))})
        return found

    tables = {"case": TABLES["case"], "cases": TABLES["case"]}
    return replace(host.service, state=Several, tables=tables, concerns=concerns, decide=decide)


def gather(clock: Clock, *cases: UUID) -> Message:
    return Message(
        uuid4(), "Gather", Gather(case_ids=cases), clock.now, kind="command", source="/test", actor=STAFF
    )


def known(state: Several, message: Message, rules: Programmes, now: datetime) -> Decision[Several]:
    """Every case becomes known, and tells its texts."""
    assert isinstance(message.body, Gather)
    first, *others = (CaseTrack(id=id_, unit="DK-0169", texts_version=1) for id_ in message.body.case_ids)
    told = tuple(
        CaseTexts(case_id=one.id, version=1, presentation="Glad for heste") for one in (first, *others)
    )
    return Decision(replace(state, case=first, cases=tuple(others)), events=told)


async def test_one_command_locks_and_saves_several_rows_of_a_kind(followup: Host, clock: Clock) -> None:
    cases = [uuid4() for _ in range(4)]
    (outcome,) = await handle(service(followup, known), [gather(clock, *cases)])
    assert (outcome.kind, outcome.id) == ("done", cases[0])
    stored = await followup.pool.fetch("SELECT id, version FROM case_track WHERE doc IS NOT NULL")
    assert {(row["id"], row["version"]) for row in stored} == {(id_, 1) for id_ in cases}


async def test_a_row_that_came_between_the_look_and_the_lock_is_not_left_out(
    followup: Host, clock: Clock
) -> None:
    cases, came = [uuid4(), uuid4()], uuid4()
    met: list[int] = []

    def count(state: Several, message: Message, rules: Programmes, now: datetime) -> Decision[Several]:
        met.append(len(state.ids["cases"]))
        return Decision(state)

    await handle(service(followup, count, late=[came]), [gather(clock, *cases)])
    assert met == [2]


async def test_a_document_that_is_no_more_takes_its_row_with_it(followup: Host, clock: Clock) -> None:
    cases = [uuid4(), uuid4()]
    await handle(service(followup, known), [gather(clock, *cases)])

    def gone(state: Several, message: Message, rules: Programmes, now: datetime) -> Decision[Several]:
        return Decision(replace(state, cases=(None,)))

    (outcome,) = await handle(service(followup, gone), [gather(clock, *cases)])
    assert outcome.kind == "done"
    assert [row["id"] for row in await followup.pool.fetch("SELECT id FROM case_track")] == cases[:1]


def erases(state: Several, message: Message, rules: Programmes, now: datetime) -> Decision[Several]:
    return Decision(replace(state, case=None), erased={state.ids["case"]: json.dumps({"kind": "case"})})


async def test_what_the_journal_and_the_parked_hold_of_the_erased_goes_with_them(
    followup: Host, clock: Clock
) -> None:
    case, other = uuid4(), uuid4()
    await handle(service(followup, known), [gather(clock, case, other)])
    await handle(followup.service, messages(followup, [unreadable(case), record(texts(case, 2))]))
    await handle(service(followup, erases), [gather(clock, case)])
    bodies = await followup.pool.fetch("SELECT key, body FROM outbox WHERE type = 'CaseTexts'")
    assert {row["key"]: json.loads(row["body"])["presentation"] for row in bodies} == {
        str(case): None,
        str(other): "Glad for heste",
    }
    assert await followup.pool.fetchval("SELECT count(*) FROM parked") == 0
    assert await followup.pool.fetchval("SELECT count(*) FROM parked_key") == 0


async def test_nothing_that_comes_after_the_erasure_brings_anybody_back(followup: Host, clock: Clock) -> None:
    case = uuid4()
    await handle(service(followup, known), [gather(clock, case)])
    await handle(service(followup, erases), [gather(clock, case)])
    late = [record(texts(case, 9)), raw("case-texts-v1", str(case), None, ())]
    outcomes = await handle(followup.service, messages(followup, late))
    assert [(one.kind, one.reason) for one in outcomes] == [("ignored", "erased")] * 2
    (again,) = await handle(service(followup, known), [gather(clock, case)])
    assert (again.kind, again.reason) == ("refused", "erased")
    assert await followup.pool.fetchval("SELECT count(*) FROM case_track") == 0


async def test_an_event_of_an_erased_case_has_no_effect_on_what_else_it_concerns(
    followup: Host, clock: Clock
) -> None:
    """The clearing of a start is about the placement, which would be made anew; its key is the case."""
    case = uuid4()
    await handle(service(followup, erases), [gather(clock, case)])
    (outcome,) = await handle(followup.service, [event(cleared(case), clock.now)])
    assert (outcome.kind, outcome.reason) == ("ignored", "erased")
    assert await state(followup, case) is None


async def test_each_of_many_messages_about_several_rows_sees_what_came_before_it(
    followup: Host, clock: Clock
) -> None:
    """As many as make a batch; between them come others, and the order stays."""
    cases = [uuid4() for _ in range(300)]
    batch = [gather(clock, one, uuid4()) for one in cases]
    batch[150:150] = [event(texts(cases[0], 2), clock.now)]

    def by_kind(state: Any, message: Message, rules: Programmes, now: datetime) -> Any:
        return known(state, message, rules, now) if isinstance(message.body, Gather) else Decision(state)

    kinds: list[str] = []

    async def concerns(connection: Connection, messages: Sequence[Message]) -> list[dict[str, Any]]:
        kinds.append(f"{len(messages)}")
        return [
            {"case": one.body.case_ids[0], "cases": one.body.case_ids[1:]}
            if isinstance(one.body, Gather)
            else {"case": cases[0]}
            for one in messages
        ]

    outcomes = await handle(replace(service(followup, by_kind), concerns=concerns), batch)
    assert [one.kind for one in outcomes] == ["done"] * 301
    assert set(kinds[1:]) == {"1"}
