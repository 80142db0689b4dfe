"""A Kafka cluster in memory, within this process: the one that librdkafka brings for its own tests.

It speaks the Kafka protocol to any client and keeps about 5 MiB a partition. It neither compacts nor fences
nor aborts transactions, loses messages beyond 4 MiB, and takes only one member of a group in each event loop:
what depends on those is shown on the real Apache Kafka.
"""

import ctypes
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import confluent_kafka

PAUSE_SECONDS = 0.002
_PRODUCER = 0
_BROKER = 1
_POINTER, _INT, _TEXT = ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p
_SIGNATURES: dict[str, tuple[type | None, list[type]]] = {
    "rd_kafka_conf_new": (_POINTER, []),
    "rd_kafka_conf_set": (_INT, [_POINTER, _TEXT, _TEXT, _POINTER, ctypes.c_size_t]),
    "rd_kafka_new": (_POINTER, [_INT, _POINTER, _TEXT, ctypes.c_size_t]),
    "rd_kafka_destroy": (None, [_POINTER]),
    "rd_kafka_mock_cluster_new": (_POINTER, [_POINTER, _INT]),
    "rd_kafka_mock_cluster_destroy": (None, [_POINTER]),
    "rd_kafka_mock_cluster_bootstraps": (_TEXT, [_POINTER]),
    "rd_kafka_mock_topic_create": (_INT, [_POINTER, _TEXT, _INT, _INT]),
    "rd_kafka_mock_broker_set_down": (_INT, [_POINTER, ctypes.c_int32]),
    "rd_kafka_mock_broker_set_up": (_INT, [_POINTER, ctypes.c_int32]),
    "rd_kafka_mock_group_initial_rebalance_delay_ms": (None, [_POINTER, ctypes.c_int32]),
}


def _library() -> ctypes.CDLL:
    """The very library file that confluent-kafka's wheel has loaded."""
    package = Path(confluent_kafka.__file__).parent
    found = [*package.parent.glob("confluent_kafka.libs/librdkafka*"), *package.glob(".dylibs/librdkafka*")]
    if not found:
        raise RuntimeError(f"no librdkafka beside {package}: install confluent-kafka from its wheel")
    library = ctypes.CDLL(str(found[0]))
    for name, (result, arguments) in _SIGNATURES.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


class EmbeddedKafka:
    """A cluster of one broker with these topics (name -> partitions), until it is closed."""

    def __init__(self, topics: Mapping[str, int]) -> None:
        self._library = _library()
        error = ctypes.create_string_buffer(256)
        settings = self._library.rd_kafka_conf_new()
        # The client, which we need to hold the cluster, would warn that it is told of none.
        self._library.rd_kafka_conf_set(settings, b"log_level", b"0", None, 0)
        self._client = self._library.rd_kafka_new(_PRODUCER, settings, error, 256)
        if not self._client:
            raise RuntimeError(error.value.decode())
        self._cluster = self._library.rd_kafka_mock_cluster_new(self._client, 1)
        time.sleep(PAUSE_SECONDS)
        # A first member would otherwise be kept waiting 3 seconds for others.
        self._library.rd_kafka_mock_group_initial_rebalance_delay_ms(self._cluster, 0)
        self.bootstrap: str = self._library.rd_kafka_mock_cluster_bootstraps(self._cluster).decode()
        for name, partitions in topics.items():
            # Asked while it still ends its last answer, the cluster's thread sleeps through a whole second.
            time.sleep(PAUSE_SECONDS)
            self._check(self._library.rd_kafka_mock_topic_create(self._cluster, name.encode(), partitions, 1))

    def down(self) -> None:
        """Cuts every connection and takes no new one; what was written stays."""
        self._check(self._library.rd_kafka_mock_broker_set_down(self._cluster, _BROKER))

    def up(self) -> None:
        """Takes connections again, on the same port."""
        self._check(self._library.rd_kafka_mock_broker_set_up(self._cluster, _BROKER))

    def close(self) -> None:
        """Ends the cluster and frees its memory; a second call does nothing."""
        if self._client:
            time.sleep(PAUSE_SECONDS)
            self._library.rd_kafka_mock_cluster_destroy(self._cluster)
            self._library.rd_kafka_destroy(self._client)
            self._client = self._cluster = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _check(self, code: int) -> None:
        if code:
            raise RuntimeError(f"librdkafka's cluster refuses with its error {code}")
