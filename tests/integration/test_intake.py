"""Intake through its corridor, on a real PostgreSQL."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from uuid import uuid4

from prometheus_client import REGISTRY

from services.intake.metrics import gauges
from shared.contracts.intake_commands import CompletePreparation, RecordInterview
from shared.contracts.matching import MatchAgreed
from shared.contracts.referral import RegisterReferral
from tests.servers.intake import EXAMPLE, Intake, browser, intake, referral

__all__ = ["browser", "intake"]


async def test_a_referral_opens_a_case_and_is_answered(intake: Intake) -> None:
    (outcome,) = await intake.take(intake.of_kafka(EXAMPLE))
    assert outcome.kind == "done"
    case_id = outcome.answer["case_id"]
    assert await intake.events(case_id) == ["CaseOpened"]
    assert (await intake.body("ReferralAccepted"))["already_known"] is False
    assert (await intake.body("Contact"))["email"] == "amina@example.org"


async def test_events_about_a_case_hold_no_identity(intake: Intake) -> None:
    await intake.case_of(EXAMPLE)
    rows = await intake.pool.fetch("SELECT body FROM outbox WHERE topic = 'intake-events-v1'")
    for word in ("Amina", "Eksempel", "0707614286", "amina@example.org", "70102030", "2630"):
        assert not any(word in row["body"] for row in rows)


async def test_the_same_referral_again_changes_nothing(intake: Intake) -> None:
    case_id = await intake.case_of(EXAMPLE)
    (again,) = await intake.take(intake.of_kafka(dict(reversed(EXAMPLE.items()))))
    assert again.answer["case_id"] == str(case_id)
    assert again.answer["already_known"] is True
    assert await intake.events(case_id) == ["CaseOpened"]
    assert await intake.count("case_file") == 1


async def test_the_same_message_twice_in_one_batch_takes_effect_once(intake: Intake) -> None:
    message = intake.of_kafka(EXAMPLE)
    outcomes = await intake.take(message, message)
    assert [outcome.kind for outcome in outcomes] == ["done", "duplicate"]
    assert await intake.pool.fetchval("SELECT count(*) FROM outbox WHERE type = 'ReferralAccepted'") == 1


async def test_an_accepted_reference_with_other_content_is_rejected(intake: Intake) -> None:
    case_id = await intake.case_of(EXAMPLE)
    (other,) = await intake.take(intake.of_kafka(referral(candidate__phone="+4570102031")))
    assert [reason["code"] for reason in other.answer["reasons"]] == ["reference_reused_with_other_content"]
    assert (await intake.body("ReferralRejected"))["source_reference"] == EXAMPLE["source_reference"]
    assert await intake.pool.fetchval("SELECT doc->>'case_id' FROM referral") == str(case_id)
    assert await intake.pool.fetchval("SELECT count(*) FROM refused_referral") == 1


async def test_a_refused_reference_with_mended_content_is_judged_anew(intake: Intake) -> None:
    (refused,) = await intake.take(intake.of_kafka(referral(candidate__email="no address")))
    assert [reason["code"] for reason in refused.answer["reasons"]] == ["bad_email"]
    assert await intake.count("person") == 0
    await intake.case_of(EXAMPLE)
    assert await intake.count("case_file") == 1


async def test_a_refused_referral_is_kept_encrypted(intake: Intake) -> None:
    await intake.take(intake.of_kafka(referral(candidate__email="no address")))
    row = await intake.pool.fetchrow("SELECT * FROM refused_referral")
    assert row is not None and row["person_key"] is not None
    assert "Amina" not in str(dict(row))
    assert "no address" not in str(await intake.pool.fetchval("SELECT doc::text FROM referral"))


async def test_the_same_person_twice_is_one_person_with_two_cases(intake: Intake) -> None:
    await intake.case_of(EXAMPLE)
    await intake.case_of(referral("second", candidate__national_id="070761-4286"))
    assert await intake.count("person") == 1
    assert await intake.count("case_file") == 2


async def test_twins_of_one_batch_are_one_person(intake: Intake) -> None:
    outcomes = await intake.take(*(intake.of_kafka(referral(f"batch-{n}")) for n in range(5)))
    assert {outcome.kind for outcome in outcomes} == {"done"}
    assert await intake.count("person") == 1
    assert await intake.count("case_file") == 5


async def test_a_twin_whose_number_was_pasted_with_blanks_is_one_person(intake: Intake) -> None:
    await intake.case_of(EXAMPLE)
    await intake.case_of(referral("tab", candidate__national_id="0707614286\t"))
    await intake.case_of(referral("no-break", candidate__national_id="070761\u20134286\u00a0"))
    await intake.case_of(referral("kind", candidate__national_id_type="DK-CPR "))
    await intake.case_of(referral("unit", unit="DK-0169\u00a0"))
    assert await intake.count("person") == 1
    assert await intake.count("case_file") == 5


async def test_an_address_that_a_later_referral_brings_is_written_to(intake: Intake) -> None:
    nothing = {"candidate__email": None, "candidate__phone": None}
    await intake.case_of(referral("first", **nothing))
    assert await intake.pool.fetchval("SELECT doc ->> 'channel' FROM person") == "letter"
    await intake.case_of(referral("second", candidate__phone=None))
    (found,) = await intake.pool.fetch(
        "SELECT doc ->> 'channel' AS channel, doc ->> 'email' AS email FROM person"
    )
    assert tuple(found) == ("email", "amina@example.org")


async def test_a_referral_typed_in_for_a_unit_with_a_blank_has_the_source_of_the_unit(
    intake: Intake,
) -> None:
    known = RegisterReferral.model_construct(referral=referral("typed"), version=None)
    blank = RegisterReferral.model_construct(referral=referral("typed", unit="DK-0169 "), version=None)
    sources = [(await intake.take(intake.of_staff(one)))[0].answer["source"] for one in (known, blank)]
    assert sources == ["/makker/intake/DK-0169"] * 2


async def test_simultaneous_twins_are_one_person(intake: Intake) -> None:
    await asyncio.gather(*(intake.take(intake.of_kafka(referral(f"twin-{n}"))) for n in range(6)))
    assert await intake.count("person") == 1
    assert await intake.count("case_file") == 6


async def test_without_a_national_id_nobody_is_merged(intake: Intake) -> None:
    for reference in ("one", "two"):
        await intake.case_of(
            referral(reference, candidate__national_id=None, candidate__national_id_type=None)
        )
    assert await intake.count("person") == 2


async def test_a_national_id_is_nowhere_in_plain(intake: Intake) -> None:
    await intake.case_of(EXAMPLE)
    for table in ("person", "person_key", "referral", "case_file", "outbox"):
        assert not any(
            "0707614286" in str(dict(row)) for row in await intake.pool.fetch(f"SELECT * FROM {table}")
        )


async def test_publishers_do_not_share_references(intake: Intake) -> None:
    await intake.take(
        intake.of_kafka(EXAMPLE, source="/one"),
        intake.of_kafka(EXAMPLE, source="/two"),
    )
    assert await intake.count("case_file") == 2


async def test_a_prepared_case_is_ready_then_matched_then_cleared(intake: Intake) -> None:
    case_id = await intake.case_of(EXAMPLE)
    interview = RecordInterview.model_validate(
        {"case_id": case_id, "profile": {"times": ["mon-morning"]}, "presentation": "Vil gerne i gang."}
    )
    await intake.take(intake.of_staff(interview))
    for step in ("expectations_aligned", "purpose_stated"):
        await intake.take(intake.of_staff(CompletePreparation(case_id=case_id, step=step, note="Aftalt")))
    assert await intake.events(case_id) == ["CaseOpened", "CaseTexts", "CaseReady"]
    ready = await intake.body("CaseReady")
    assert ready["profile"]["times"] == ["mon-morning"]
    assert ready["profile"]["wishes"][0]["industries"] == ["retail"]
    assert ready["profile"]["location"] == {"lat": 55.655, "lon": 12.284}
    agreed = MatchAgreed.model_validate(
        {
            **{name: ready[name] for name in ("unit", "programme", "case_id", "round", "rules_version")},
            "match_id": uuid4(),
            "proposal_id": uuid4(),
            "place_id": uuid4(),
            "starts_on": "2026-12-01",
            "hours_per_week": 5,
        }
    )
    await intake.take(intake.of_matching(agreed))
    assert await intake.pool.fetchval("SELECT state FROM case_file") == "matched"
    told = await intake.pool.fetch(
        "SELECT body FROM outbox WHERE type = 'ReferralProgressed' ORDER BY position"
    )
    assert [json.loads(row["body"])["status"] for row in told] == ["ready", "matched"]
    await intake.take(intake.of_staff(CompletePreparation(case_id=case_id, step="host_prepared")))
    assert (await intake.events(case_id))[-1] == "StartCleared"


async def test_a_configured_publisher_has_a_label_of_its_own_and_every_other_is_other(intake: Intake) -> None:
    def counted(source: str) -> float:
        return (
            REGISTRY.get_sample_value("makker_referrals_total", {"source": source, "outcome": "accepted"})
            or 0
        )

    before = {source: counted(source) for source in ("/known", "/unknown", "other")}
    for number, source in enumerate(("/known", "/unknown")):
        await intake.take(replace(intake.of_kafka(referral(f"counted-{number}")), source=source))
    async with intake.pool.acquire() as connection:
        await gauges(["/known"])(connection)
    assert {source: counted(source) - before[source] for source in before} == {
        "/known": 1,
        "/unknown": 0,
        "other": 1,
    }
