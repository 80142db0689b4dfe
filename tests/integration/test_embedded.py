"""The embedded PostgreSQL, Kafka and mailbox do what the demonstration and the other tests rely on."""

import asyncio
import signal
import smtplib
import sys
from email.message import EmailMessage
from pathlib import Path

import asyncpg
import psutil
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from demo.embedded.kafka import EmbeddedKafka
from demo.embedded.mailbox import Mailbox
from demo.embedded.postgres import FolderInUse, create_database, postgres_server
from shared.contracts.topics import TOPICS
from tests.servers.places import place
from tests.servers.postgres import Databases, own_postgres

TOPIC = "intake-events-v1"
DIES_WITH_POSTGRES_RUNNING = """
import os, signal, sys
from pathlib import Path
from demo.embedded.postgres import postgres_server
with postgres_server(Path(sys.argv[1])) as server:
    print(server.folder, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


async def test_every_topic_of_the_contract_has_its_partitions(kafka: EmbeddedKafka) -> None:
    consumer = AIOKafkaConsumer(*TOPICS, bootstrap_servers=kafka.bootstrap)
    await consumer.start()
    try:
        found = {name: len(consumer.partitions_for_topic(name) or ()) for name in TOPICS}
    finally:
        await consumer.stop()

    assert found == {topic.name: topic.partitions for topic in TOPICS.values()}


async def test_messages_of_all_partitions_come_back_byte_for_byte(kafka: EmbeddedKafka) -> None:
    sent = {partition: f"værdi {partition}".encode() for partition in range(12)}
    await _send(kafka.bootstrap, sent)

    assert await _read(kafka.bootstrap, "reader", len(sent)) == sent


async def test_a_group_continues_where_it_committed(kafka: EmbeddedKafka) -> None:
    await _send(kafka.bootstrap, {0: b"before"})
    await _read(kafka.bootstrap, "reader", 1)
    await _send(kafka.bootstrap, {0: b"after"})

    assert await _read(kafka.bootstrap, "reader", 1) == {0: b"after"}


async def test_a_broker_that_was_down_keeps_its_messages_and_address(
    kafka: EmbeddedKafka,
) -> None:
    await _send(kafka.bootstrap, {3: b"before"})
    kafka.down()
    with pytest.raises(ConnectionError):
        await asyncio.open_connection(*kafka.bootstrap.split(":"))
    kafka.up()
    await _send(kafka.bootstrap, {4: b"after"})

    assert await _read(kafka.bootstrap, "reader", 2) == {3: b"before", 4: b"after"}


async def test_a_closed_broker_has_freed_its_port() -> None:
    with EmbeddedKafka({TOPIC: 1}) as cluster:
        address = cluster.bootstrap.split(":")

    with pytest.raises(ConnectionError):
        await asyncio.open_connection(*address)


async def test_a_role_enters_its_own_database_alone(database: Databases) -> None:
    intake, matching = await database("intake"), await database("matching")
    connection = await asyncpg.connect(intake)
    await connection.execute("CREATE TABLE note (words text)")
    await connection.close()

    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await asyncpg.connect(matching.rpartition("/")[0] + "/" + intake.rpartition("/")[2])


async def test_a_crashed_postgres_has_what_was_committed_on_the_same_address() -> None:
    with own_postgres(durable=True) as server:
        dsn = await create_database(server.dsn, "kept", "keeper")
        connection = await asyncpg.connect(dsn)
        await connection.execute("CREATE TABLE note (words text); INSERT INTO note VALUES ('Ærø')")
        server.stop("immediate")
        assert not server.running
        with pytest.raises((asyncpg.PostgresError, OSError)):
            await connection.fetch("SELECT 1")
        server.start()
        connection = await asyncpg.connect(dsn)

        assert await connection.fetchval("SELECT lower(words) FROM note") == "ærø"
        await connection.close()


async def test_a_durable_postgres_waits_for_the_disk() -> None:
    with own_postgres(durable=True) as server:
        connection = await asyncpg.connect(server.dsn)
        settings = [await connection.fetchval(f"SHOW {name}") for name in ("fsync", "synchronous_commit")]
        await connection.close()

    assert settings == ["on", "on"]


def test_an_ended_postgres_leaves_no_file_and_no_process() -> None:
    with own_postgres() as server:
        assert _servers_in(server.folder)

    assert not _servers_in(server.folder)
    assert not server.folder.exists()


def test_two_processes_never_share_a_postgres_folder() -> None:
    with place("postgres") as folder, postgres_server(folder) as server:
        with pytest.raises(FolderInUse), postgres_server(folder):
            pass
        assert _servers_in(server.folder)


async def test_a_killed_process_leaves_a_postgres_that_the_next_start_ends() -> None:
    with place("postgres") as folder:
        killed = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            DIES_WITH_POSTGRES_RUNNING,
            str(folder),
            cwd=Path(__file__).parents[2],
            stdout=asyncio.subprocess.PIPE,
        )
        printed, _ = await killed.communicate()
        assert killed.returncode == -signal.SIGKILL
        (leftover,) = _servers_in(Path(printed.decode().strip()))

        with postgres_server(folder) as server:
            (running,) = _servers_in(server.folder)
            assert running != leftover
            connection = await asyncpg.connect(server.dsn)
            assert await connection.fetchval("SELECT 1") == 1
            await connection.close()


def test_mails_are_kept_with_all_their_parts(mailbox: Mailbox) -> None:
    mail = _mail("anna@example.org")
    mail.set_content("Hej Åse\n")
    mail.add_alternative("<p>Hej Åse</p>\n", subtype="html")
    mail.add_attachment(b"BEGIN:VCALENDAR", maintype="text", subtype="calendar", filename="møde.ics")
    _deliver(mailbox, mail)

    (kept,) = mailbox.mails
    assert (kept.to, kept.subject, kept.message_id) == (
        "anna@example.org",
        "Samtale på tirsdag",
        "<1@example.org>",
    )
    assert (kept.text.strip(), kept.html.strip()) == ("Hej Åse", "<p>Hej Åse</p>")
    assert [(part.filename, part.content) for part in kept.attachments] == [("møde.ics", b"BEGIN:VCALENDAR")]


def test_a_mailbox_refuses_a_receiver_and_takes_others(mailbox: Mailbox) -> None:
    mailbox.refuse("gone@example.org")
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        _deliver(mailbox, _mail("gone@example.org"))
    _deliver(mailbox, _mail("anna@example.org"))

    assert [mail.to for mail in mailbox.mails] == ["anna@example.org"]


def test_a_mailbox_that_is_busy_takes_the_mail_later(mailbox: Mailbox) -> None:
    mailbox.refuse_next(1)
    with pytest.raises(smtplib.SMTPDataError) as refused:
        _deliver(mailbox, _mail("anna@example.org"))
    _deliver(mailbox, _mail("anna@example.org"))

    assert refused.value.smtp_code == 451
    assert len(mailbox.mails) == 1


def test_a_mail_whose_answer_was_lost_has_arrived(mailbox: Mailbox) -> None:
    mailbox.sever_next()
    with pytest.raises(smtplib.SMTPServerDisconnected):
        _deliver(mailbox, _mail("anna@example.org"))

    assert [mail.to for mail in mailbox.mails] == ["anna@example.org"]


async def test_a_mailbox_starts_and_stops_beside_a_running_event_loop() -> None:
    box = Mailbox()
    box.start()
    await asyncio.to_thread(_deliver, box, _mail("anna@example.org"))
    box.stop()

    assert [mail.to for mail in box.mails] == ["anna@example.org"]


def test_a_stopped_mailbox_takes_nothing_and_starts_again_on_its_port(mailbox: Mailbox) -> None:
    port = int(mailbox.url.rpartition(":")[2])
    mailbox.stop()
    with pytest.raises(ConnectionRefusedError):
        smtplib.SMTP("127.0.0.1", port, timeout=5)
    mailbox.start(port)
    _deliver(mailbox, _mail("anna@example.org"))

    assert len(mailbox.mails) == 1


async def _send(bootstrap: str, values: dict[int, bytes]) -> None:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, enable_idempotence=True) as producer:
        for partition, value in values.items():
            await producer.send_and_wait(TOPIC, value, partition=partition)


async def _read(bootstrap: str, group: str, count: int) -> dict[int, bytes]:
    """The first `count` messages that a group has not yet committed, by partition; it commits them."""
    consumer = AIOKafkaConsumer(
        TOPIC,
        bootstrap_servers=bootstrap,
        group_id=group,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        session_timeout_ms=1100,
        heartbeat_interval_ms=200,
    )
    await consumer.start()
    try:
        records = [await asyncio.wait_for(consumer.getone(), timeout=20) for _ in range(count)]
        await consumer.commit({TopicPartition(TOPIC, r.partition): r.offset + 1 for r in records})
    finally:
        await consumer.stop()
    return {record.partition: record.value for record in records}


def _servers_in(folder: Path) -> list[psutil.Process]:
    """The main process of each PostgreSQL on this data folder."""
    return [
        process
        for process in psutil.process_iter()
        if process.name() == "postgres" and f"{folder}/data" in _arguments(process)
    ]


def _arguments(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return []


def _mail(receiver: str) -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"] = "makker@example.org", receiver
    mail["Subject"], mail["Message-ID"] = "Samtale på tirsdag", "<1@example.org>"
    return mail


def _deliver(mailbox: Mailbox, mail: EmailMessage) -> None:
    with smtplib.SMTP("127.0.0.1", int(mailbox.url.rpartition(":")[2]), timeout=10) as connection:
        connection.send_message(mail)
