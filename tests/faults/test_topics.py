"""`makker topics` on the real Apache Kafka, beside the topics that the tests' own admin makes."""

import time
from dataclasses import replace

import pytest
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType
from typer.testing import CliRunner, Result

from cli.main import app
from cli.topics import settings_of
from shared.contracts.topics import TOPICS
from tests.servers.kafka import RealKafka

pytestmark = pytest.mark.real

CHANGED = "intake-events-v1"
LIKE = ("contacts-v1", "referrals-v1")


def makker_topics(broker: RealKafka) -> Result:
    return CliRunner().invoke(app, ["topics", broker.bootstrap, "--replication", "1"], env={"COLUMNS": "200"})


def admin_of(broker: RealKafka) -> AdminClient:
    return AdminClient({"bootstrap.servers": broker.bootstrap, "log_level": 0})


def await_known(admin: AdminClient, name: str) -> None:
    """Returns once the broker tells of a topic, which is a little after it is made."""
    give_up_at = time.monotonic() + 30
    while admin.list_topics(name, 30).topics[name].error:
        assert time.monotonic() < give_up_at, f"{name} is not there"


def stored_settings(admin: AdminClient, name: str) -> dict[str, str]:
    resource = ConfigResource(ResourceType.TOPIC, name)
    return {
        key: entry.value for key, entry in admin.describe_configs([resource])[resource].result(30).items()
    }


def test_topics_made_by_another_admin_are_found_and_show_no_difference(apache_kafka: RealKafka) -> None:
    answer = makker_topics(apache_kafka)
    assert answer.exit_code == 0, answer.output
    assert [line.split() for line in answer.stdout.splitlines()[1:]] == [[name, "there"] for name in TOPICS]


def test_missing_topics_are_made_as_the_contract_says(
    apache_kafka: RealKafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Topics of other names than any before: one made again at once would meet its namesake's files.
    made_for_this_test = {
        f"asked-for-{name}": replace(TOPICS[name], name=f"asked-for-{name}") for name in LIKE
    }
    monkeypatch.setattr("cli.topics.TOPICS", TOPICS | made_for_this_test)
    admin = admin_of(apache_kafka)
    try:
        first = makker_topics(apache_kafka)
        assert first.exit_code == 0, first.output
        made = {line.split()[0] for line in first.stdout.splitlines() if "made now" in line}
        assert made == set(made_for_this_test)
        for name, topic in made_for_this_test.items():
            await_known(admin, name)
            assert len(admin.list_topics(name, 30).topics[name].partitions) == topic.partitions
            assert settings_of(topic).items() <= stored_settings(admin, name).items()
        again = makker_topics(apache_kafka)
        assert again.exit_code == 0
        assert "made now" not in again.stdout
    finally:
        for deletion in admin.delete_topics(list(made_for_this_test)).values():
            deletion.result(30)


def test_a_topic_that_differs_is_named_and_left_as_it_is(apache_kafka: RealKafka) -> None:
    admin = admin_of(apache_kafka)
    hour = ConfigEntry("retention.ms", "3600000", incremental_operation=AlterConfigOpType.SET)
    change = ConfigResource(ResourceType.TOPIC, CHANGED, incremental_configs=[hour])
    admin.incremental_alter_configs([change])[change].result(30)
    answer = makker_topics(apache_kafka)
    assert answer.exit_code == 1
    (line,) = [line for line in answer.stdout.splitlines() if "but" in line]
    assert line.rstrip().split(maxsplit=1) == [
        CHANGED,
        "there, but retention.ms=3600000 instead of 2419200000",
    ]
    assert stored_settings(admin, CHANGED)["retention.ms"] == "3600000"
