"""Which PostgreSQL and which Kafka a run uses: a given one, else a container, else the embedded one.

`DATABASE_URL` and `KAFKA_BOOTSTRAP_SERVERS` give one; a container is used where a Docker engine answers and
has the image already, because tests never wait for a download.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Literal

import docker
from docker.errors import DockerException

from demo.embedded.kafka import EmbeddedKafka
from tests.servers.containers import KAFKA_IMAGE, POSTGRES_IMAGE, kafka_container, postgres_container
from tests.servers.postgres import own_postgres
from tests.servers.topics import PARTITIONS, create_topics

Kind = Literal["given", "container", "embedded"]


@cache
def postgres_kind() -> Kind:
    return "given" if "DATABASE_URL" in os.environ else _container_or_embedded(POSTGRES_IMAGE)


@cache
def kafka_kind() -> Kind:
    return "given" if "KAFKA_BOOTSTRAP_SERVERS" in os.environ else _container_or_embedded(KAFKA_IMAGE)


@contextmanager
def chosen_postgres() -> Iterator[str]:
    """The DSN of a superuser."""
    if postgres_kind() == "given":
        yield os.environ["DATABASE_URL"]
    elif postgres_kind() == "container":
        with postgres_container() as dsn:
            yield dsn
    else:
        with own_postgres() as server:
            yield server.dsn


@contextmanager
def chosen_kafka() -> Iterator[str]:
    """The address of a broker that has the contract's topics."""
    if kafka_kind() == "given":
        create_topics(os.environ["KAFKA_BOOTSTRAP_SERVERS"])
        yield os.environ["KAFKA_BOOTSTRAP_SERVERS"]
    elif kafka_kind() == "container":
        with kafka_container() as bootstrap:
            create_topics(bootstrap)
            yield bootstrap
    else:
        with EmbeddedKafka(PARTITIONS) as cluster:
            yield cluster.bootstrap


def _container_or_embedded(image: str) -> Kind:
    try:
        client = docker.from_env(timeout=5)
        try:
            client.images.get(image)
        finally:
            client.close()
    except DockerException:
        return "embedded"
    return "container"
