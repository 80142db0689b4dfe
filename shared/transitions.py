"""Workflows as data: which message leads from which state to which, and what it does there.

Job: look up the one row of a workflow's table that fits a message and the state it meets, and hold
the result against it. Guarantee: a message that no row names is refused (a command) or ignored with
a reason (a fact), never dropped silently, and a result in a state that the row does not allow is a
fault in the code. The README's state diagrams are drawn from the same rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import BaseModel

from shared.messages import Decision, Ignored, Message, Refused

NONE = "none"
"""The state of an aggregate that does not exist yet."""

Does = Callable[[Any, Message, Any, datetime], "Decision[Any] | Ignored"]


@dataclass(frozen=True)
class On:
    """`message` in one of the states `frm` leads to one of `to` (`=`: the state stays)."""

    message: type[BaseModel]
    frm: str
    to: str
    does: Does

    @property
    def states(self) -> tuple[str, ...]:
        return tuple(self.frm.split())

    def targets(self, state: str) -> tuple[str, ...]:
        return tuple(state if target == "=" else target for target in self.to.split())


@dataclass(frozen=True)
class Lifecycle:
    """The states of one aggregate (a field of the service's `State`) and its rows.

    `ends` are the states that need no way out.
    """

    aggregate: str
    rows: tuple[On, ...]
    ends: tuple[str, ...] = ()

    @property
    def states(self) -> tuple[str, ...]:
        seen: dict[str, None] = {NONE: None}
        for row in self.rows:
            for state in row.states:
                for name in (state, *row.targets(state)):
                    seen[name] = None
        return tuple(seen)

    def row(self, message: type[BaseModel], state: str) -> On | None:
        return next((row for row in self.rows if row.message is message and state in row.states), None)


class Workflow:
    """All lifecycles of a service.

    A message class may stand in several, as a certificate is a candidate's or a mentor's: then the first row
    that a message concerns says which one it is about.
    """

    def __init__(self, *lifecycles: Lifecycle) -> None:
        self.lifecycles = lifecycles
        self.of: dict[type[BaseModel], tuple[Lifecycle, ...]] = {}
        for lifecycle in lifecycles:
            for row in lifecycle.rows:
                known = self.of.get(row.message, ())
                if lifecycle not in known:
                    self.of[row.message] = (*known, lifecycle)

    @property
    def messages(self) -> Iterable[type[BaseModel]]:
        return self.of.keys()

    def decide(self, state: Any, message: Message, rules: Any, now: datetime) -> Decision[Any] | Ignored:
        """Pure. Raises `Refused` for a command that its state does not allow."""
        lifecycle = self._about(type(message.body), state)
        if lifecycle is None:
            return Ignored("not_for_this_service")
        current = state_of(state, lifecycle.aggregate)
        row = lifecycle.row(type(message.body), current)
        if row is None:
            if message.kind == "command":
                if current == NONE:
                    raise Refused("not_found", status=404)
                raise Refused("not_in_this_state", state=current)
            return Ignored(f"{lifecycle.aggregate}_is_{current}")
        result = row.does(state, message, rules, now)
        if isinstance(result, Decision):
            reached = state_of(result.state, lifecycle.aggregate)
            if reached not in row.targets(current):
                raise AssertionError(
                    f"{message.type} led {lifecycle.aggregate} from {current} to {reached}, "
                    f"which its row does not allow"
                )
        return result

    def _about(self, message: type[BaseModel], state: Any) -> Lifecycle | None:
        known = self.of.get(message, ())
        if len(known) < 2:
            return known[0] if known else None
        first = next(iter(state.ids))
        return next((one for one in known if one.aggregate == first), None)


def state_of(state: Any, aggregate: str) -> str:
    document = getattr(state, aggregate)
    return NONE if document is None else str(document.state)


def mermaid(lifecycle: Lifecycle) -> str:
    """The lifecycle as a Mermaid state diagram, for the README."""
    arrows: dict[tuple[str, str], list[str]] = {}
    for row in lifecycle.rows:
        for state in row.states:
            for target in row.targets(state):
                if target != state:
                    names = arrows.setdefault((state, target), [])
                    if row.message.__name__ not in names:
                        names.append(row.message.__name__)
    lines = ["stateDiagram-v2"]
    for (source, target), names in arrows.items():
        lines.append(f"    {_node(source)} --> {_node(target)}: {', '.join(names)}")
    lines += [f"    {_node(end)} --> [*]" for end in lifecycle.ends]
    return "\n".join(lines)


def _node(state: str) -> str:
    return "[*]" if state == NONE else state
