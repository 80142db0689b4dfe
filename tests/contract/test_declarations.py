"""Topics have one owner, every contract is found, and no event says who somebody is or what they wrote."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from typing import Any, get_args

import pytest
from pydantic import BaseModel

import shared.contracts
from shared.contracts.model import COMMANDS, EVENTS, Command, Event, Mark
from shared.contracts.published import commands, events, schema
from shared.contracts.topics import TOPICS, read_by

SERVICES = {"intake", "matching", "followup", "notifications"}
MAY_HOLD = {"Contact": {"identity"}, "CaseTexts": {"free_text"}, "Referral": {"identity"}}
OPEN_TEXTS = {
    "unit": "an id of units.toml",
    "handed_to": "an id of units.toml",
    "handed_over_from": "an id of units.toml",
    "programme": "an id of a programme definition",
    "rules_version": "a date of a programme definition",
    "source": "the publisher's own",
    "source_reference": "the publisher's own",
    "field": "a path in the referral",
    "message": "a sentence of codes.toml",
}


def test_the_topics_are_those_of_the_contract() -> None:
    assert {
        (topic.name, topic.owner, topic.readers, topic.retention_days, topic.partitions)
        for topic in TOPICS.values()
    } == {
        ("referrals-v1", "other systems", ("intake",), 7, 12),
        ("referral-replies-v1", "intake", ("publishers",), 7, 12),
        ("intake-events-v1", "intake", ("matching", "followup", "notifications"), 28, 12),
        ("matching-events-v1", "matching", ("intake", "followup", "notifications"), 28, 12),
        ("followup-events-v1", "followup", ("intake", "matching", "notifications"), 28, 12),
        ("notifications-events-v1", "notifications", ("followup", "intake"), 28, 12),
        ("contacts-v1", "intake", ("notifications",), None, 12),
        ("case-texts-v1", "intake", ("matching", "followup"), None, 12),
    }
    assert TOPICS["referrals-v1"].max_message_bytes == 4 * 1024 * 1024


@pytest.mark.parametrize("name", TOPICS)
def test_a_topic_has_exactly_one_owner_who_does_not_read_it(name: str) -> None:
    topic = TOPICS[name]
    assert topic.owner in SERVICES | {"other systems"}
    assert topic.owner not in topic.readers
    assert {service for service in SERVICES if name in read_by(service)} == SERVICES & set(topic.readers)


@pytest.mark.parametrize("name", events())
def test_an_event_is_declared_by_the_owner_of_its_topic(name: str) -> None:
    event = events()[name]
    module = event.__module__.rpartition(".")[2]
    assert event.topic in TOPICS, f"{name} names a topic that shared/contracts/topics.py does not have"
    assert TOPICS[event.topic].owner == {"referral": "other systems"}.get(module, module)


@pytest.mark.parametrize("name", events())
def test_an_event_says_what_has_happened_and_always_has_its_key(name: str) -> None:
    event = events()[name]
    assert (event.__doc__ or "").strip(), f"{name} needs a docstring; it is published"
    assert event.model_fields[event.key_field].is_required()


@pytest.mark.parametrize("name", commands())
def test_a_command_is_asked_of_one_service(name: str) -> None:
    command = commands()[name]
    for_all = {"RetryParked", "DiscardParked"}
    assert getattr(command, "service", None) in (SERVICES if name not in for_all else {None})
    assert (name in COMMANDS) is (name not in for_all)


def test_the_register_of_events_holds_all_of_them() -> None:
    assert events().items() <= EVENTS.items()


def test_every_module_with_contracts_is_imported_with_the_package() -> None:
    declaring = set()
    for found in pkgutil.iter_modules(shared.contracts.__path__):
        module = importlib.import_module(f"shared.contracts.{found.name}")
        for _, member in inspect.getmembers(module, inspect.isclass):
            own = member.__module__ == module.__name__ and member not in (Event, Command)
            if own and issubclass(member, Event | Command):
                declaring.add(found.name)
    assert declaring == set(shared.contracts.__all__), "import it in shared/contracts/__init__.py"


def marks(annotation: Any, metadata: tuple[Any, ...] = ()) -> Iterator[str]:
    """The kinds of mark that a type carries, at any depth."""
    for mark in (*metadata, *getattr(annotation, "__metadata__", ())):
        if isinstance(mark, Mark):
            yield mark.kind
    for part in get_args(annotation):
        yield from marks(part)
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        for field in annotation.model_fields.values():
            yield from marks(field.annotation, tuple(field.metadata))


@pytest.mark.parametrize("name", events())
def test_no_event_but_those_made_for_it_has_identity_or_free_text(name: str) -> None:
    assert set(marks(events()[name])) == MAY_HOLD.get(name, set()), (
        "names and addresses travel on contacts-v1 alone, and words on case-texts-v1 alone"
    )


def open_texts(node: Any, name: str = "") -> Iterator[str]:
    """The fields whose text is bound by no format, pattern or list of codes."""
    if isinstance(node, list):
        for item in node:
            yield from open_texts(item, name)
    elif isinstance(node, dict):
        if node.get("type") == "string" and not node.keys() & {"format", "pattern", "enum", "const"}:
            yield name
        for key, value in node.items():
            if key in ("properties", "$defs"):
                for field, content in value.items():
                    yield from open_texts(content, field)
            elif key in ("items", "anyOf", "additionalProperties"):
                yield from open_texts(value, name)


@pytest.mark.parametrize("name", [name for name in events() if name not in MAY_HOLD])
def test_every_text_in_an_event_is_a_code_an_id_or_a_date(name: str) -> None:
    assert set(open_texts(schema(events()[name]))) <= OPEN_TEXTS.keys(), (
        "make it a Code; words that somebody wrote stay in the service that took them"
    )


def test_open_texts_are_found_at_any_depth() -> None:
    assert set(open_texts(schema(events()["CaseTexts"]))) == {"presentation", "title"}
    assert {"given_name", "source_reference", "postcode"} <= set(open_texts(schema(events()["Referral"])))
