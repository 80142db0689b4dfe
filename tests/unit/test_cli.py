"""The `makker` command, as far as it needs no server."""

import json
import re
import shutil
import socket
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from uuid import UUID

import pytest
from cryptography.fernet import Fernet
from typer.testing import CliRunner, Result

from cli.main import SERVICES, app
from cli.topics import Finding, Stored, differences, settings_of
from shared.access import Access, Issuer
from shared.contracts.topics import REFERRALS, TOPICS
from shared.links import Reader, Signer
from shared.programmes import definition

PROGRAMMES = Path(definition.__file__).parent
NOW = datetime(2026, 3, 2, tzinfo=UTC)


def makker(*arguments: str, **environment: str | None) -> Result:
    return CliRunner().invoke(app, arguments, env=environment)


def printed_keys() -> dict[str, str]:
    lines = makker("keys").stdout.splitlines()
    return dict(line.split("=", 1) for line in lines if not line.startswith("#"))


def test_each_service_that_can_be_served_is_there() -> None:
    assert [name for name in SERVICES if find_spec(f"services.{name}")] == list(SERVICES)


def test_an_unknown_service_is_named_together_with_those_that_exist() -> None:
    answer = makker("serve", "billing")
    assert answer.exit_code == 2
    assert "'billing'" in answer.stderr
    assert all(name in answer.stderr for name in SERVICES)


def test_serve_says_which_settings_are_missing_before_it_starts_anything() -> None:
    answer = makker("serve", "followup", DATABASE_URL=None, SEAL_KEYS=None)
    assert answer.exit_code == 1
    assert answer.stderr.splitlines() == ["DATABASE_URL: Field required", "SEAL_KEYS: Field required"]


def test_a_wrong_setting_is_named_without_its_value() -> None:
    answer = makker("serve", "followup", DATABASE_URL="x", SEAL_KEYS="x", KAFKA_TRANSACTIONS="s3cret")
    assert answer.exit_code == 1
    assert answer.stderr.startswith("KAFKA_TRANSACTIONS: ")
    assert "s3cret" not in answer.stderr


def test_the_printed_keys_sign_links_and_sessions_that_their_public_sets_verify() -> None:
    keys = printed_keys()
    person, question = UUID(int=1), UUID(int=2)
    token = Signer(keys["LINK_PRIVATE_KEY"]).token("answer", person, question, NOW + timedelta(days=1))
    reader = Reader(keys["LINK_PUBLIC_KEYS"])
    actor = reader.actor(token, NOW)
    assert actor is not None
    assert (actor.person_id, actor.question, actor.scope) == (person, question, "answer")

    session = Issuer(keys["SESSION_PRIVATE_KEY"], "test").token("anna", ["caseworker"], ["DK-0169"])
    staff = Access(keys["ACCESS_PUBLIC_KEYS"], reader, lambda: NOW).of_token(session)
    assert staff is not None
    assert staff.units == {"DK-0169"}


def test_each_service_gets_a_seal_key_of_its_own_that_seals() -> None:
    keys = printed_keys()
    seals = [keys[f"{name.upper()}_SEAL_KEYS"] for name in SERVICES]
    assert len(set(seals)) == len(SERVICES)
    assert {Fernet(key).decrypt(Fernet(key).encrypt(b"x")) for key in seals} == {b"x"}


def test_no_two_sets_of_keys_share_a_value_or_the_name_of_a_key() -> None:
    one, other = printed_keys(), printed_keys()
    assert not set(one.values()) & set(other.values())
    # One set of public keys may have to hold both, and tells them apart by their names.
    names = [json.loads(keys["LINK_PUBLIC_KEYS"])["keys"][0]["kid"] for keys in (one, other)]
    assert names[0] != names[1]


def test_values_of_keys_need_no_quotation_marks_in_an_environment_file() -> None:
    for value in printed_keys().values():
        assert not set(value) & set(" #$\\'\n"), value


def test_sound_definitions_are_counted() -> None:
    answer = makker("check-programmes")
    assert answer.stdout == "5 programmes, 3 units: no fault\n"
    assert answer.exit_code == 0


def test_every_fault_is_printed_with_file_line_and_key(tmp_path: Path) -> None:
    for file in PROGRAMMES.glob("*.toml"):
        shutil.copy(file, tmp_path)
    for name in ("foreningspraktik", "mentorskab"):
        path = tmp_path / f"{name}.toml"
        path.write_text(path.read_text().replace("weeks_min", "weeks_mn"))
    answer = makker("check-programmes", str(tmp_path))
    assert answer.exit_code == 1
    for name in ("foreningspraktik", "mentorskab"):
        lines = (tmp_path / f"{name}.toml").read_text().splitlines()
        number = next(number for number, line in enumerate(lines, 1) if line.startswith("weeks_mn"))
        assert f"{name}.toml, line {number}, version.0.frame.weeks_mn: unknown key" in answer.stdout


def test_a_folder_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    assert makker("check-programmes", str(tmp_path / "none")).exit_code == 2


def test_a_broker_that_does_not_answer_is_said_in_one_line() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{nobody.getsockname()[1]}"
        answer = makker("topics", address)
    assert answer.exit_code == 1
    assert answer.stderr.startswith(f"Kafka at {address}: ")


@pytest.mark.parametrize("name", TOPICS)
def test_a_topic_as_the_contract_has_it_shows_no_difference(name: str) -> None:
    topic = TOPICS[name]
    stored = Stored(topic.partitions, settings_of(topic) | {"min.insync.replicas": "2"})
    assert list(differences(topic, stored)) == []


def test_every_difference_of_a_topic_is_named() -> None:
    topic = TOPICS[REFERRALS]
    shorter = Stored(6, settings_of(replace(topic, retention_days=1, max_message_bytes=1000)))
    finding = Finding(topic.name, made=False, differences=tuple(differences(topic, shorter)))
    assert finding.words == (
        "there, but 6 partitions instead of 12, max.message.bytes=1000 instead of 4194304, "
        "retention.ms=86400000 instead of 604800000"
    )


def test_a_topic_that_should_be_compacted_and_is_not_differs() -> None:
    topic = next(topic for topic in TOPICS.values() if topic.compacted)
    deleting = Stored(topic.partitions, settings_of(replace(topic, retention_days=7)))
    assert "cleanup.policy=delete instead of compact" in list(differences(topic, deleting))


def test_a_file_that_is_no_list_of_the_erased_is_named_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "erased.jsonl"
    file.write_text('{"subject_id": "x"}\n')
    answer = makker("erased", "apply", "followup", str(file), DATABASE_URL="x", SEAL_KEYS="x")
    assert answer.exit_code == 1
    assert "line 1: is no erasure of followup" in answer.stderr
    assert makker("erased", "apply", "billing", str(file)).exit_code == 2


@pytest.mark.parametrize("page", ["operators.md", "import.md"])
def test_every_command_that_a_page_names_is_there(page: str) -> None:
    """With `--help`, so that nothing of it is done: its name and its arguments are read, no more."""
    text = (Path("docs") / page).read_text(encoding="utf-8")
    named = {tuple(one.split()) for one in re.findall(r"`makker ([a-z-]+(?: [a-z]+)?)", text)}
    assert named
    for one in sorted(named):
        answer = makker(*one, "--help")
        assert answer.exit_code == 0, (one, answer.output)
        assert one[-1] in answer.output.split("Options")[0], one
