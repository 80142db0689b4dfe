"""A person whose name, national id, e-mail, phone and notes are like no other's, looked for where they must
not be: in topics, other services' tables, logs and metrics; and, once erased, in any database, sealed or not.
"""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import asyncpg
import httpx
import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from cryptography.fernet import Fernet, MultiFernet

from cli.resealing import BESIDE, PARKED
from demo.outside import Visitor
from demo.play import Walk
from demo.samples import SAMPLES, candidate_email, referral
from demo.stack import Stack
from shared.contracts.topics import CASE_TEXTS, CONTACTS, REFERRALS, TOPICS
from shared.hosting import Host
from shared.messages import Record
from shared.parked import unpack
from shared.programmes import load

KEPT = "SELECT * FROM parked WHERE sealed IS NOT NULL"
SAMPLE, NUMBER = SAMPLES["foreningspraktik"], 777
GIVEN, FAMILY, NATIONAL_ID, PHONE = "Kvitrelill", "Kanariefugl", "0707614286", "70107771"
NOTE, WRITTEN = "Fuglefrø i lommen", "Synger kun ved daggry"
EMAIL = candidate_email(SAMPLE, NUMBER)
GUARDIAN = {"name": "Fuglevogter Værge", "email": "fuglevogter@example.org", "phone": "+4570107772"}
CONTACT = {"name": "Burlåge Kontakt", "email": "burlaage@example.org", "phone": "+4570107773"}
OTHERS = ("Fuglevogter", "Burlåge", "burlaage", "70107772", "70107773")
IDENTITY = (GIVEN, FAMILY, NATIONAL_ID, "070761-4286", PHONE, EMAIL, NOTE, *OTHERS)


def found_in(text: str, canaries: tuple[str, ...]) -> list[str]:
    return [canary for canary in canaries if canary.lower() in text.lower()]


class Plants(Visitor):
    """The same doors; the referral and what staff write hold the canaries."""

    async def publish(self, data: Any, **more: Any) -> None:
        candidate = {
            **data["candidate"],
            "given_name": GIVEN,
            "family_name": FAMILY,
            "national_id": NATIONAL_ID,
            "national_id_type": "DK-CPR",
            "birth_date": "1961-07-07",
            "phone": f"+45{PHONE}",
        }
        await super().publish({**data, "candidate": candidate}, **more)

    async def command(self, service: str, name: str, /, *, role: str = "coordinator", **fields: Any) -> Any:
        planted: dict[str, dict[str, Any]] = {
            "CompletePreparation": {"note": NOTE},
            "RecordInterview": {"experience": NOTE, "presentation": WRITTEN},
            "RecordCheckIn": {"note": WRITTEN},
            "EndPlacement": {"competences": [WRITTEN]},
        }
        return await super().command(service, name, role=role, **(fields | planted.get(name, {})))


async def records(kafka: str) -> dict[str, str]:
    """All that each topic holds: keys, values and headers as one text."""
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka, auto_offset_reset="earliest")
    await consumer.start()
    held: dict[str, list[str]] = {topic: [] for topic in TOPICS}
    try:
        partitions = [TopicPartition(one.name, n) for one in TOPICS.values() for n in range(one.partitions)]
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        await consumer.seek_to_beginning(*partitions)
        while any([await consumer.position(one) < ends[one] for one in partitions]):
            for batch in (await consumer.getmany(timeout_ms=200)).values():
                for one in batch:
                    held[one.topic].append(f"{one.key!r} {one.value!r} {one.headers!r}")
    finally:
        await consumer.stop()
    return {topic: "\n".join(lines) for topic, lines in held.items()}


async def tables(pool: asyncpg.Pool) -> dict[str, str]:
    """Every table's rows, all columns as text."""
    names = await pool.fetch(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
    )
    return {
        row[0]: "\n".join(one[0] for one in await pool.fetch(f'SELECT t::text FROM "{row[0]}" t'))
        for row in names
    }


async def opened(host: Host) -> str:
    """All that is sealed in a service's database, as whoever has its keys reads it."""
    keys = MultiFernet([Fernet(key.strip()) for key in host.settings.seal_keys.split(",")])
    texts: list[bytes] = []
    for sealed in (PARKED, *BESIDE.get(host.name, ())):
        async with host.pool.acquire() as connection, connection.transaction():
            rows = await connection.fetch(sealed.select, sealed.before_all, 100_000)
        texts += [keys.decrypt(row["sealed"]) for row in rows]
    # A parked record is kept as the base64 of its bytes.
    parked = [unpack(host.service.sealer, row) for row in await host.pool.fetch(KEPT)]
    texts += [one.value or b"" for one in parked if isinstance(one, Record)]
    return "\n".join(map(_readable, texts))


def _readable(text: bytes) -> str:
    """JSON may write a letter as its number."""
    try:
        return json.dumps(json.loads(text), ensure_ascii=False)
    except ValueError:
        return text.decode("utf-8", "replace")


@contextmanager
def listened() -> Iterator[io.StringIO]:
    """All that is logged meanwhile, by our own loggers and by the libraries', arguments too."""
    heard = io.StringIO()
    handler = logging.StreamHandler(heard)
    logging.getLogger().addHandler(handler)
    try:
        with structlog.testing.capture_logs() as ours:
            yield heard
        heard.write("\n".join(map(str, ours)))
    finally:
        logging.getLogger().removeHandler(handler)


async def metrics(stack: Stack) -> str:
    async with httpx.AsyncClient(base_url=stack.url) as client:
        return "\n".join([(await client.get(f"/{name}/metrics")).text for name in stack.hosts])


async def test_a_person_is_nowhere_but_where_they_belong_and_nowhere_once_erased(stack: Stack) -> None:
    visitor = Plants(stack.url, stack.kafka)

    try:
        with listened() as logs:
            async with visitor.listening("referral-replies-v1") as replies:
                walk = Walk(visitor, SAMPLE, NUMBER, replies, visitor.today)
                await walk.offer_place()
                await walk.all_the_way()
            await walk.hold_check_in()
            await visitor.command("intake", "RecordInterview", case_id=walk.case_id, guardian=GUARDIAN)
            unreferenced = referral(SAMPLE, NUMBER, "", (await visitor.today()).isoformat())
            await visitor.publish({name: value for name, value in unreferenced.items() if value != ""})
            others = await beside(visitor, stack.hosts["intake"])
            await visitor.settle()
            case = await visitor.get(f"/intake/api/cases/{walk.case_id}")
            person = await visitor.get(f"/intake/api/people/{case['person_id']}")
            assert (person["name"], person["national_id"]) == (f"{GIVEN} {FAMILY}", NATIONAL_ID)
            await no_leak(stack)
            await erased(visitor, walk, case["person_id"])
            for person_id in others:
                await visitor.ask("POST", "/intake/api/commands/ErasePerson", {"person_id": person_id})
            await visitor.settle()
            await no_trace(stack)
            # The stack is everybody's: nobody else is to be proposed this place.
            await visitor.command("intake", "WithdrawPlace", place_id=walk.place_id)
            await visitor.settle()
            told = await metrics(stack)
        assert not found_in(logs.getvalue(), (*IDENTITY, WRITTEN))
        assert not found_in(told, (*IDENTITY, WRITTEN))
    finally:
        await visitor.close()


async def no_leak(stack: Stack) -> None:
    """Identity is in intake, in notifications' contacts, and on two topics; notes are on none."""
    topics = await records(stack.kafka)
    assert found_in(await opened(stack.hosts["intake"]), (GIVEN, NATIONAL_ID))
    assert found_in(topics[CONTACTS], IDENTITY) and found_in(topics[REFERRALS], IDENTITY)
    leaks = {
        name: found_in(held, IDENTITY) for name, held in topics.items() if name not in (CONTACTS, REFERRALS)
    }
    leaks |= {
        f"{name} (written)": found_in(held, (WRITTEN,)) for name, held in topics.items() if name != CASE_TEXTS
    }
    followup = await tables(stack.hosts["followup"].pool)
    assert found_in(followup["placement"], (WRITTEN,)) and found_in(followup["case_track"], (WRITTEN,))
    for service, host in stack.hosts.items():
        for table, held in (await tables(host.pool)).items():
            if service == "intake":
                # Sealed or not, a national id stands nowhere in plain.
                leaks[f"intake.{table}"] = found_in(held, (NATIONAL_ID,))
            elif (service, table) != ("notifications", "contact"):
                leaks[f"{service}.{table}"] = found_in(held, IDENTITY)
    assert not {where: what for where, what in leaks.items() if what}


async def beside(visitor: Visitor, intake: Host) -> list[str]:
    """Whoever stood for a host, a partner and a mentor that are no more, and of whom much was written."""
    unit, command = SAMPLE.unit, visitor.command
    host = await command(
        "intake", "RegisterHost", unit=unit, kind="association", name=NOTE, contact_person=CONTACT
    )
    written = dict.fromkeys(("note", "expectations", "feedback"), NOTE)
    await command("intake", "RecordHostInterview", host_id=host["id"], **written)
    await command("intake", "RetireHost", host_id=host["id"], reason="no_time")
    mentor = await command(
        "intake", "RegisterMentor", unit=unit, contact=CONTACT, birth_date="1980-05-01", channel="jobcentre"
    )
    await command("intake", "RecordMentorInterview", mentor_id=mentor["id"], note=NOTE)
    partner = await command(
        "intake", "RegisterPartner", unit=unit, kind="jobcentre", name="Buret", contact_person=CONTACT
    )
    agreed = dict.fromkeys(("partner_roles", "interfaces", "dispute_steps"), NOTE)
    signed = {"signed_by_management": True, "signed_by_staff": True, **agreed}
    about = {"partner_id": partner["id"]}
    await command("intake", "SignCooperationAgreement", role="project_manager", **about, **signed)
    for step in ("raised", "contacts_talk", "managers_meet", "agreement_ended"):
        await command("intake", "RaiseDispute", **about, step=step, about=NOTE)
    contact = await intake.pool.fetchval(
        "SELECT contact_person_id FROM partner WHERE id = $1::uuid", partner["id"]
    )
    return [host["person_id"], mentor["id"], str(contact)]


async def erased(visitor: Visitor, walk: Walk, person_id: str) -> None:
    refused = await visitor.ask(
        "POST", "/intake/api/commands/ErasePerson", {"person_id": person_id}, expect=(409,)
    )
    assert refused["code"] == "placement_running"
    placement_id = walk.placement["placement_id"]
    ending = {"how": "early", "reason": "own_wish", "next_step": await next_step(walk)}
    await visitor.command("followup", "EndPlacement", placement_id=placement_id, **ending)
    await visitor.settle()
    await visitor.ask("POST", "/intake/api/commands/ErasePerson", {"person_id": person_id})
    await visitor.settle()


async def next_step(walk: Walk) -> str:
    """A next step that ends the case."""
    rules = load().rules(walk.sample.programme, walk.sample.unit, await walk.today())
    return next(step for step in rules.next_steps if step != "new_placement")


async def no_trace(stack: Stack) -> None:
    left = {
        f"{service}.{table}": found
        for service, host in stack.hosts.items()
        for table, held in ((await tables(host.pool)) | {"what is sealed": await opened(host)}).items()
        if (found := found_in(held, (*IDENTITY, WRITTEN)))
    }
    assert not left
