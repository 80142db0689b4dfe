"""The real Apache Kafka on the JVM: one KRaft node without encryption, on free ports of 127.0.0.1.

It can be stopped, killed, frozen and started again on the same data and ports. Its jars come from
`.cache/kafka-libs`, where `tests/servers/install.sh` puts them.
"""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from tests.servers.places import place
from tests.servers.topics import await_leaders, create_topics, delete_topics

JARS = Path(__file__).parents[2] / ".cache" / "kafka-libs"
CLUSTER_ID = "MkU3OEVBNTcwNTJENDM2Qg"
TIMEOUT_SECONDS = 60
SETTINGS = """\
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:{controller_port}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={data}
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
# What is past its span goes within moments, so that a test can wait for it.
log.initial.task.delay.ms=500
log.retention.check.interval.ms=500
log.cleaner.backoff.ms=200
# Killed and started again, a broker is let in once its former self is given up, by default after 9 seconds.
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
"""


class RealKafka:
    """One broker with the contract's topics."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._log = folder / "log"
        self._data = folder / "data"
        self._process: subprocess.Popen[bytes] | None = None
        self._port, self._controller_port = _free_ports()

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self._port}"

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def create(self) -> None:
        """Lays out an empty broker's data, in place of what a killed run left."""
        if not any(JARS.glob("kafka_*.jar")):
            raise RuntimeError(f"no Apache Kafka in {JARS}: make test-real fetches it")
        _end_leftover(self._folder)
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True)
        settings = SETTINGS.format(data=self._data, port=self._port, controller_port=self._controller_port)
        (self._folder / "server.properties").write_text(settings)
        arguments = ("format", "--standalone", "-t", CLUSTER_ID, "-c", "server.properties")
        subprocess.run(
            self._java("-XX:TieredStopAtLevel=1", "kafka.tools.StorageTool", *arguments),
            cwd=self._folder,
            check=True,
            capture_output=True,
        )

    def start(self) -> None:
        """Returns once the broker takes requests; what it held before is there again."""
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                self._java("-Xms128m", "-Xmx512m", "kafka.Kafka", "server.properties"),
                cwd=self._folder,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        (self._folder / "pid").write_text(str(self._process.pid))
        give_up_at = time.monotonic() + TIMEOUT_SECONDS
        while b"Kafka Server started" not in self._log.read_bytes():
            if not self.running or time.monotonic() > give_up_at:
                self.kill()
                raise RuntimeError(f"Kafka did not start: {self._log.read_text(errors='replace')[-3000:]}")
            time.sleep(0.05)
        if any(self._data.glob("*-v1-*")):
            await_leaders(self.bootstrap)

    def stop(self) -> None:
        """Ends the broker in an orderly way; `start` continues with its data."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Ends the broker as a crash would (SIGKILL); `start` continues with its data."""
        self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """The broker keeps its connections and answers nobody (SIGSTOP)."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """The frozen broker goes on (SIGCONT)."""
        self._signal(signal.SIGCONT)

    def empty(self) -> None:
        """Topics without a message, and a broker that runs: as the next test expects it."""
        if self.running:
            self.thaw()
        else:
            self.start()
        delete_topics(self.bootstrap)
        # A topic made anew while its namesake's files are still there would be written into those, and be
        # thrown away with them at the next start.
        give_up_at = time.monotonic() + TIMEOUT_SECONDS
        while any(self._data.glob("*-v1-*[0-9]")):
            if time.monotonic() > give_up_at:
                raise TimeoutError("the broker has not let go of deleted topics")
            time.sleep(0.01)
        create_topics(self.bootstrap)

    def _java(self, *arguments: str) -> list[str]:
        home = os.environ.get("JAVA_HOME")
        return [f"{home}/bin/java" if home else "java", "-cp", f"{JARS}/*", *arguments]

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)

    def _end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(number)
        # A frozen broker ends only once it goes on.
        self._process.send_signal(signal.SIGCONT)
        try:
            self._process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(timeout=30)
        self._process = None


@contextmanager
def real_kafka() -> Iterator[RealKafka]:
    """A running broker; its data and processes are gone at the end."""
    with place("kafka") as folder:
        broker = RealKafka(folder)
        broker.create()
        try:
            broker.start()
            create_topics(broker.bootstrap)
            yield broker
        finally:
            broker.kill()
            shutil.rmtree(folder, ignore_errors=True)


def _free_ports() -> tuple[int, int]:
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        return one.getsockname()[1], other.getsockname()[1]


def _end_leftover(folder: Path) -> None:
    """Ends the broker of a run that was killed, if the process of that id still is one."""
    try:
        process = psutil.Process(int((folder / "pid").read_text()))
        if process.cwd() == str(folder) and "kafka.Kafka" in process.cmdline():
            process.kill()
            process.wait(timeout=30)
    except (FileNotFoundError, ValueError, psutil.NoSuchProcess):
        return
