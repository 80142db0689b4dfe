"""The bench says what it cannot do, and its messages are what it says they are."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from services.followup.documents import State
from services.followup.workflow import WORKFLOW
from shared.contracts.model import match_id
from shared.messages import Decision, Message
from shared.programmes import load
from shared.reading import read
from tests.bench.__main__ import PARTS, main
from tests.bench.workload import batches


def test_a_part_that_does_not_exist_is_an_error_that_names_those_that_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ONLY", "everything")
    assert main() == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert all(name in said.err for name in PARTS)


@pytest.mark.parametrize("part", [name for name, measures in PARTS.items() if not measures])
def test_a_part_that_is_not_there_says_so_and_prints_no_figure(
    part: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ONLY", part)
    assert main() == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith(f"{part}: ") and "no figure" in line for line in lines)
    assert json.loads(lines[-1]) == {}


def test_without_java_the_bench_says_so_and_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("ONLY", "corridor")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert main() == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert "no Java" in said.err


def test_the_messages_start_one_case_in_two_and_their_documents_have_a_real_cases_size() -> None:
    rules, now = load(None), datetime.now(UTC)
    messages = [
        message
        for batch in batches(20)
        for record in batch
        if (message := read(frozenset(WORKFLOW.messages), "followup", record)) is not None
    ]
    assert len({message.id for message in messages}) == 40
    states: dict[UUID, Any] = {}
    events = 0
    for message in messages:
        decision = _decided(states.get(_case(message)), message, rules, now)
        states[_case(message)] = decision.state
        events += len(decision.events)
    assert events == 2 * 10
    sizes = [len(state.placement.model_dump_json()) for state in states.values()]
    assert all(1000 < size < 2000 for size in sizes)


def _case(message: Message) -> UUID:
    body: Any = message.body
    case: UUID = body.case_id
    return case


def _decided(state: State | None, message: Message, rules: Any, now: datetime) -> Decision[Any]:
    case = _case(message)
    before = state or State(ids={"placement": match_id(case, 1), "case": case})
    decision = WORKFLOW.decide(before, message, rules, now)
    assert isinstance(decision, Decision)
    return decision
