"""The servers that tests share, and the honest word on what a run left out."""

from collections import Counter
from collections.abc import AsyncIterator, Iterator

import pytest
from hypothesis import HealthCheck, settings

from demo.embedded.kafka import EmbeddedKafka
from demo.embedded.mailbox import Mailbox
from tests.servers.choice import chosen_kafka, chosen_postgres, kafka_kind, postgres_kind
from tests.servers.kafka import RealKafka, real_kafka
from tests.servers.postgres import Databases
from tests.servers.topics import PARTITIONS

# How long an example takes says something of the machine, and nothing of the code.
settings.register_profile("makker", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("makker")

LEFT_OUT = pytest.StashKey[Counter[str]]()
WHERE_TO_FIND = {
    "real": "on a real Apache Kafka (make test-real)",
    "browser": "in Chromium (make test-real)",
    "fuzz": "of thousands of requests (make test-real)",
    "plain": "that need neither (make test)",
}


@pytest.fixture(scope="session")
def postgres_dsn() -> Iterator[str]:
    """A superuser's DSN; `database` gives what a service would have."""
    with chosen_postgres() as dsn:
        yield dsn


@pytest.fixture
async def database(postgres_dsn: str) -> AsyncIterator[Databases]:
    """`await database("intake")` gives the DSN of an empty database with a role of its own."""
    databases = Databases(postgres_dsn)
    yield databases
    await databases.drop()


@pytest.fixture(scope="session")
def kafka_bootstrap() -> Iterator[str]:
    """A broker that all tests share: what one has written, others see."""
    with chosen_kafka() as bootstrap:
        yield bootstrap


@pytest.fixture
def kafka() -> Iterator[EmbeddedKafka]:
    """An empty broker of the test's own, which it may take down."""
    with EmbeddedKafka(PARTITIONS) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def jvm_kafka() -> Iterator[RealKafka]:
    """The one Apache Kafka of a run; tests take `apache_kafka`."""
    with real_kafka() as broker:
        yield broker


@pytest.fixture
def apache_kafka(jvm_kafka: RealKafka) -> RealKafka:
    """The real Apache Kafka with empty topics, for tests marked `real`, which may kill or freeze it."""
    jvm_kafka.empty()
    return jvm_kafka


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    """A mail server at `mailbox.url`. It is always this one, because tests read what arrives."""
    box = Mailbox()
    box.start()
    yield box
    box.stop()


def pytest_report_header() -> str:
    return f"servers: PostgreSQL {postgres_kind()}, Kafka {kafka_kind()}"


def pytest_deselected(items: list[pytest.Item]) -> None:
    left_out = items[0].config.stash.setdefault(LEFT_OUT, Counter())
    for item in items:
        left_out[
            next((name for name in ("real", "browser", "fuzz") if item.get_closest_marker(name)), "plain")
        ] += 1


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    left_out = config.stash.get(LEFT_OUT, Counter())
    for name, target in WHERE_TO_FIND.items():
        if left_out[name]:
            terminalreporter.write_line(f"Not in this run: {left_out[name]} tests {target}")
