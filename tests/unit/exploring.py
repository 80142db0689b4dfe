"""From nothing to every state that a service's sample messages reach, and from each every message.

A world is what a service holds of one case: a document per kind of aggregate. Worlds whose aggregates are in
the same states count as alike, and of each kind only the first few are explored further, so that it ends.
A row that a message adds in passing (`Append`) is taken into the world too, if it is one of the aggregates.
What has nothing to do with each other is explored apart, or there would be a world for each pair of states.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from shared.contracts.model import Command, Timer, derived_id
from shared.messages import Actor, Append, Decision, Ignored, Message, NotYet, Refused, Stale
from shared.programmes import Programmes, load
from shared.transitions import NONE, Lifecycle, Workflow

ALIKE_AT_MOST = 4
UNIT_OF_KEY = {str(derived_id("unit", unit)): unit for unit in load().units}
"""An event of a unit has the unit's own id as its key, and its row one that is derived from that."""
World = dict[str, Any]


@dataclass(frozen=True)
class Sample:
    """A message at a moment, and the aggregates (fields of the service's State) that it concerns.

    `ids` are those that differ from the ones its service has.
    """

    message: Message
    now: datetime
    concerns: tuple[str, ...]
    ids: Mapping[str, UUID] = field(default_factory=dict)


@dataclass(frozen=True)
class Samples:
    """What `tests/unit/samples_<service>.py` holds as SERVICE.

    `added` reads what comes by an `Append`; `apart` tells worlds of the same states apart, where it takes
    several messages in one state until it can be left. `several` names the fields of the state that hold
    rows of a kind, and the aggregate that stands for them here: `{"places": "place"}`. `others` are further
    groups of samples, each explored by itself. `rules` are the programmes that they go by.
    """

    workflow: Workflow
    state: type[Any]
    ids: Mapping[str, UUID]
    samples: tuple[Sample, ...]
    added: Mapping[str, type[BaseModel]] = field(default_factory=dict)
    apart: Callable[[World], Hashable] = lambda world: None
    several: Mapping[str, str] = field(default_factory=dict)
    others: tuple[tuple[Sample, ...], ...] = ()
    rules: Callable[[], Programmes] = load

    @property
    def groups(self) -> tuple[tuple[Sample, ...], ...]:
        return (self.samples, *self.others)


@dataclass
class Step:
    """One message met one world; `error` is what should not have been."""

    before: World
    sample: Sample
    result: Decision[Any] | Ignored | Refused | None
    error: Exception | None = None
    after: World | None = None

    def states(self, lifecycle: Lifecycle) -> tuple[str, str]:
        name = lifecycle.aggregate
        return state_in(self.before, name), state_in(self.after or self.before, name)

    def __str__(self) -> str:
        where = {name: state_in(self.before, name) for name in self.before}
        return f"{self.sample.message.type} in {where}: {self.error!r}"


@dataclass
class Explored:
    steps: list[Step] = field(default_factory=list)

    def reached(self, lifecycle: Lifecycle) -> set[str]:
        return {state for step in self.steps for state in step.states(lifecycle)}

    def ways(self, lifecycle: Lifecycle) -> dict[str, set[str]]:
        """The other states that each state leads to at once."""
        found: dict[str, set[str]] = defaultdict(set)
        for step in self.steps:
            before, after = step.states(lifecycle)
            if before != after:
                found[before].add(after)
        return found

    def end_is_reached_from(self, lifecycle: Lifecycle) -> set[str]:
        """The states from which some end can be reached."""
        good, ways = set(lifecycle.ends), self.ways(lifecycle)
        while more := {state for state, to in ways.items() if to & good} - good:
            good |= more
        return good


def message(body: BaseModel, at: datetime, actor: Actor) -> Message:
    """The message of this content, always under the same id; `actor` is who gives a command."""
    id_, name = derived_id("message", type(body).__name__, body.model_dump_json()), type(body).__name__
    if isinstance(body, Command):
        return Message(id_, name, body, at, kind="command", actor=actor)
    return Message(id_, name, body, at, kind="timer" if isinstance(body, Timer) else "event")


def state_in(world: World, name: str) -> str:
    """What has no states, such as a person, is there or is not."""
    document = world.get(name)
    return NONE if document is None else str(getattr(document, "state", "there"))


def explore(service: Samples, rules: Programmes) -> Explored:
    explored = Explored()
    for samples in service.groups:
        seen: dict[Hashable, list[World]] = defaultdict(list)
        to_do: deque[World] = deque([{}])
        while to_do:
            world = to_do.popleft()
            for step in _steps(service, samples, rules, world):
                explored.steps.append(step)
                if step.after is None:
                    continue
                states = [state_in(step.after, one.aggregate) for one in service.workflow.lifecycles]
                alike = seen[(*states, service.apart(step.after))]
                if len(alike) < ALIKE_AT_MOST and step.after not in alike:
                    alike.append(step.after)
                    to_do.append(step.after)
    return explored


def _steps(service: Samples, samples: tuple[Sample, ...], rules: Programmes, world: World) -> Iterator[Step]:
    several = service.several
    for sample in samples:
        own = {**service.ids, **sample.ids}
        ids: dict[str, Any] = {}
        documents: dict[str, Any] = {}
        for name in sample.concerns:
            one = several.get(name, name)
            ids[name] = (own[one],) if name in several else own[one]
            documents[name] = (world.get(one),) if name in several else world.get(one)
        state = service.state(ids=ids, **documents)
        try:
            result = service.workflow.decide(state, sample.message, rules, sample.now)
        except Refused as refusal:
            fault = None if sample.message.kind == "command" else AssertionError("a fact was refused")
            yield Step(world, sample, refusal, fault)
        except (Stale, NotYet):
            # The corridor would look again, for other rows or when something else has been heard of.
            yield Step(world, sample, None, None)
        except Exception as error:
            yield Step(world, sample, None, error)
        else:
            again = service.workflow.decide(state, sample.message, rules, sample.now)
            fault = None if again == result else AssertionError("decided otherwise the second time")
            after = None
            if isinstance(result, Decision):
                after = _added(service, result.appends) | world
                for name in sample.concerns:
                    found = getattr(result.state, name)
                    after[several.get(name, name)] = found[0] if name in several else found
                keys = {str(own[several.get(name, name)]) for name in sample.concerns}
                keys |= {UNIT_OF_KEY.get(key, key) for key in keys}
                for event in result.events:
                    if event.key not in keys and event.key_field != "source_reference":
                        fault = AssertionError(f"{type(event).__name__} has no concerned row's key")
            yield Step(world, sample, result, fault, after)


def _added(service: Samples, appends: tuple[Append, ...]) -> World:
    """The aggregates among the rows that a message adds."""
    return {
        one.table: service.added[one.table].model_validate(one.row["doc"])
        for one in appends
        if one.table in service.added and one.row["id"] == service.ids[one.table]
    }
