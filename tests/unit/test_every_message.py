"""Every message of a service in every state that its samples reach: an effect, ignored or refused.

A service takes part as soon as there is a `samples_<service>.py` beside this file.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pathlib import Path

import pytest

from shared.transitions import NONE, Lifecycle
from tests.unit.exploring import Explored, Samples, explore

SERVICES = sorted(file.stem.removeprefix("samples_") for file in Path(__file__).parent.glob("samples_*.py"))


def samples_of(service: str) -> Samples:
    found: Samples = import_module(f"tests.unit.samples_{service}").SERVICE
    return found


@cache
def explored(service: str) -> Explored:
    samples = samples_of(service)
    return explore(samples, samples.rules())


def lifecycles() -> list[tuple[str, Lifecycle]]:
    return [(service, one) for service in SERVICES for one in samples_of(service).workflow.lifecycles]


LIFECYCLES = pytest.mark.parametrize(
    ("service", "lifecycle"),
    lifecycles(),
    ids=[f"{service}-{one.aggregate}" for service, one in lifecycles()],
)


@pytest.mark.parametrize("service", SERVICES)
def test_there_is_a_sample_of_every_message(service: str) -> None:
    samples = samples_of(service)
    shown = {type(one.message.body) for group in samples.groups for one in group}
    assert shown == set(samples.workflow.messages)


@pytest.mark.parametrize("service", SERVICES)
def test_every_message_in_every_state_has_an_effect_or_is_ignored_or_refused(service: str) -> None:
    wrong = {str(step) for step in explored(service).steps if step.error is not None}
    assert not wrong


@LIFECYCLES
def test_every_message_meets_every_state(service: str, lifecycle: Lifecycle) -> None:
    several = samples_of(service).several
    met = {
        (step.sample.message.type, step.states(lifecycle)[0])
        for step in explored(service).steps
        if lifecycle.aggregate in {several.get(name, name) for name in step.sample.concerns}
    }
    own = {row.message.__name__ for row in lifecycle.rows}
    assert {(name, state) for name in own for state in lifecycle.states} <= met


@LIFECYCLES
def test_no_state_is_out_of_reach_and_each_is_left_again_unless_it_is_an_end(
    service: str, lifecycle: Lifecycle
) -> None:
    found = explored(service)
    assert found.reached(lifecycle) == set(lifecycle.states)
    ways = found.ways(lifecycle)
    assert {state for state in lifecycle.states if not ways.get(state)} <= set(lifecycle.ends)


@LIFECYCLES
def test_from_every_state_an_end_can_be_reached(service: str, lifecycle: Lifecycle) -> None:
    assert (
        explored(service).end_is_reached_from(lifecycle) >= set(lifecycle.states) - {NONE}
        or not lifecycle.ends
    )
