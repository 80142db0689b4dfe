"""The bench says what it cannot do, and its messages are what it says they are."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from services.followup.documents import State
from services.followup.workflow import WORKFLOW
from services.intake.referral import judge, national_key
from shared.contracts.model import match_id
from shared.messages import Decision, Message
from shared.programmes import load
from shared.reading import read
from tests.bench.__main__ import PARTS, main
from tests.bench.referrals import Answers
from tests.bench.referred import persons, referred
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


def test_of_a_hundred_referrals_two_are_refused_one_is_a_repeat_and_each_says_so_rightly() -> None:
    those, rules, now = list(referred(range(2000))), load(None), datetime.now(UTC)
    assert Counter(one.outcome for one in those) == {"accepted": 1940, "rejected": 40, "already_known": 20}
    assert {one.document["programme"] for one in those} == set(rules.names)
    came: dict[str, bytes] = {}
    for one in those:
        assert bool(judge(one.document, rules, now).faults) == (one.outcome == "rejected")
        assert came.get(one.reference) == (one.value if one.outcome == "already_known" else None)
        came[one.reference] = one.value


def test_the_national_ids_among_referrals_are_possible_and_each_person_comes_twice() -> None:
    those, rules = list(referred(range(2000))), load(None)
    today = datetime.now(UTC).date()
    keys = [
        national_key(one.document, rules, today)
        for one in those
        if one.outcome == "accepted" and one.person is not None
    ]
    assert None not in keys
    # Those who are new in the second thousand come again in the third.
    assert Counter(Counter(keys).values()) == {2: 150, 1: 150}
    assert persons(those) == 1940 - 150


def test_a_reply_counts_only_if_it_is_the_referrals_own_and_comes_once() -> None:
    answers = Answers()
    answers.expect(list(referred(range(60, 70))))
    with pytest.raises(AssertionError, match="not its answer"):
        answers.take("BENCH-000061", "rejected", 1.0)
    answers.take("BENCH-000061", "accepted", 1.0)
    assert answers.read_at == {61: 1.0}
    with pytest.raises(AssertionError, match="twice"):
        answers.take("BENCH-000061", "accepted", 2.0)
