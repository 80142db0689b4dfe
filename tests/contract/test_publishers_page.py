"""What docs/publishers.md tells other systems is true, and its snippets do what they say."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from demo.embedded.kafka import EmbeddedKafka
from shared.contracts.published import GOLDEN, HERE, events
from shared.contracts.topics import REFERRALS, REPLIES
from shared.messages import Record
from shared.reading import read

ROOT = HERE.parent.parent
PAGE = (ROOT / "docs" / "publishers.md").read_text(encoding="utf-8")
CODES = tomllib.loads((ROOT / "shared" / "programmes" / "codes.toml").read_text(encoding="utf-8"))
REFERRAL = (GOLDEN / "Referral.json").read_bytes()


def section(title: str) -> str:
    return PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]


def snippet(language: str, containing: str) -> str:
    (found,) = [code for code in re.findall(rf"```{language}\n(.*?)```", PAGE, re.S) if containing in code]
    return str(found)


def test_every_reason_stands_on_the_page_and_no_other() -> None:
    rows = [line.split("|")[1] for line in section("Reasons").splitlines() if line.startswith("| `")]
    told = set(re.findall(r"`(\w+)`", " ".join(rows)))
    assert told == set(CODES["rejections"]), "docs/publishers.md and [rejections] in codes.toml differ"


def test_every_channel_stands_on_the_page_and_no_other() -> None:
    (row,) = [line for line in PAGE.splitlines() if line.startswith("| `channel`")]
    assert set(re.findall(r"`(\w+)`", row)) - {"channel"} == set(CODES["channels"])


def test_every_reply_stands_on_the_page() -> None:
    told = set(re.findall(r"`makker\.(\w+)\.v1` \|", section("On Kafka")))
    replies = {name for name, event in events().items() if event.topic == REPLIES}
    assert replies == told - {"Referral"}


def test_what_the_page_links_to_exists() -> None:
    links = re.findall(r"\]\(([^)]+)\)", PAGE)
    assert links
    for link in links:
        assert (ROOT / "docs" / link).resolve().is_file(), link


def test_the_headers_of_the_command_line_make_a_referral() -> None:
    command = shlex.split(snippet("sh", "kcat").replace("\\\n", " ").split("\nkcat -C")[0])
    pairs = [command[at + 1].partition("=") for at, word in enumerate(command) if word == "-H"]
    headers = tuple((name, value.encode()) for name, _, value in pairs)
    message = read((), "intake", Record(REFERRALS, 0, 0, None, REFERRAL, headers))
    assert message is not None
    assert (message.fault, message.envelope_faults, message.source) == (None, (), "/vitas/DK-0169")


async def test_the_python_snippet_refers_and_reads_its_own_replies(kafka: EmbeddedKafka) -> None:
    system: dict[str, Any] = {"__name__": "system"}
    exec(compile(snippet("python", "aiokafka"), "publishers.md", "exec"), system)
    await system["refer"](kafka.bootstrap, json.loads(REFERRAL), "m-1")

    async with AIOKafkaConsumer(
        REFERRALS, bootstrap_servers=kafka.bootstrap, auto_offset_reset="earliest"
    ) as consumer:
        sent = await consumer.getone()
    message = read((), "intake", Record(REFERRALS, 0, 0, sent.key, sent.value, tuple(sent.headers)))
    assert message is not None
    assert (message.fault, message.envelope_faults, message.source) == (None, (), "/vitas/DK-0169")

    accepted = json.loads((GOLDEN / "ReferralAccepted.json").read_bytes())
    headers = [("ce_type", b"makker.ReferralAccepted.v1")]
    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap) as producer:
        for source in ("/another", "/vitas/DK-0169"):
            value = json.dumps(accepted | {"source": source}).encode()
            await producer.send_and_wait(REPLIES, value, key=b"one", headers=headers)
    answers = system["replies"](kafka.bootstrap, "system")
    try:
        assert await anext(answers) == ("makker.ReferralAccepted.v1", accepted | {"source": "/vitas/DK-0169"})
    finally:
        await answers.aclose()


def test_the_page_names_no_real_host() -> None:
    assert re.findall(r"https?://", PAGE) == []
    assert Path(ROOT / "docs" / "publishers.md").stat().st_size < 16_000
