"""Cases through intake on a real PostgreSQL: a referral's preconditions, certificates' clocks, people."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx

from services.intake.documents import Person
from services.intake.registers import Agreement, Partner, UnitFile
from shared.contracts.intake_commands import (
    CompletePreparation,
    OrderCertificate,
    RecordCertificateShown,
    RecordInterview,
)
from shared.contracts.matching import MatchAgreed
from shared.contracts.model import derived_id
from shared.contracts.register_commands import OfferPlace, RegisterHost
from shared.messages import Actor
from shared.timers import next_due_at, run_due
from tests.servers.intake import EXAMPLE, NOW, Intake, as_, browser, intake, referral

__all__ = ["browser", "intake"]

COORDINATOR = Actor(
    "nina",
    "staff",
    uuid4(),
    roles=frozenset({"coordinator"}),
    units=frozenset({"NO-3222", "DK-0851/aalborg"}),
)
KIND = "police_certificate"
UNNUMBERED: dict[str, Any] = {"candidate__national_id": None, "candidate__national_id_type": None}


def schooling(reference: str = "one") -> dict[str, Any]:
    group = {"candidate__target_group": "jobbsjansen", "candidate__postcode": "1470"}
    return referral(reference, programme="skolepraksis", unit="NO-3222", **group)


async def at(intake: Intake, moment: datetime) -> None:
    """Time goes by until that moment, from due time to due time."""
    while (due := await next_due_at(intake.host.service)) is not None and due <= moment:
        set_clock(intake, due)
        await run_due(intake.host.service)
    set_clock(intake, moment)


def set_clock(intake: Intake, moment: datetime) -> None:
    intake.host.service = replace(intake.host.service, clock=lambda: moment)


async def told(intake: Intake, case_id: UUID, *types: str) -> list[str]:
    return [one for one in await intake.events(case_id) if one in types]


async def test_a_certificate_is_ordered_renewed_and_lapses_by_its_clocks(intake: Intake) -> None:
    case_id = await intake.case_of(schooling())
    clocks = ("CertificateDue", "CertificateLapsed")
    assert await told(intake, case_id, *clocks) == []
    mailbox = CompletePreparation(case_id=case_id, step="digital_mailbox")
    await intake.take(intake.of_staff(mailbox, COORDINATOR))
    assert (await intake.body("CertificateDue"))["why"] == "order"
    await intake.take(intake.of_staff(OrderCertificate(case_id=case_id, kind=KIND), COORDINATOR))
    until = NOW.date() + timedelta(days=100)
    shown = RecordCertificateShown(case_id=case_id, kind=KIND, valid_until=until)
    await intake.take(intake.of_staff(shown, COORDINATOR))
    await at(intake, NOW + timedelta(days=99))
    assert await told(intake, case_id, *clocks) == ["CertificateDue", "CertificateDue"]
    renew = await intake.body("CertificateDue")
    assert (renew["why"], renew["valid_until"]) == ("renew", until.isoformat())
    assert [party["role"] for party in renew["asked"]] == ["candidate"]
    await at(intake, NOW + timedelta(days=101))
    assert (await told(intake, case_id, *clocks))[-1] == "CertificateLapsed"
    profile = await intake.pool.fetchval("SELECT doc -> 'profile' ->> 'certificates' FROM case_file")
    assert profile == "[]"


async def test_a_certificate_shown_anew_replaces_the_clocks_of_the_one_before(intake: Intake) -> None:
    case_id = await intake.case_of(schooling())
    for days in (50, 200):
        until = NOW.date() + timedelta(days=days)
        shown = RecordCertificateShown(case_id=case_id, kind=KIND, valid_until=until)
        await intake.take(intake.of_staff(shown, COORDINATOR))
    assert await intake.pool.fetchval("SELECT count(*) FROM timer WHERE type = 'LapseCertificate'") == 1
    await at(intake, NOW + timedelta(days=120))
    assert await told(intake, case_id, "CertificateLapsed") == []


async def test_a_certificate_that_the_place_asks_for_holds_the_start_until_it_is_shown(
    intake: Intake,
) -> None:
    contact = {"name": "Vera Vært", "email": "vera@example.org"}
    host = {"unit": "DK-0169", "kind": "association", "name": "Klubben", "contact_person": contact}
    (registered,) = await intake.take(intake.of_staff(RegisterHost.model_validate(host)))
    place = {"programmes": ["foreningspraktik"], "required_certificates": ["child_certificate"]}
    offer = OfferPlace.model_validate({"host_id": registered.id, **place})
    (offered,) = await intake.take(intake.of_staff(offer))
    case_id = await intake.case_of(EXAMPLE)
    await intake.take(intake.of_staff(RecordInterview(case_id=case_id)))
    for step in ("expectations_aligned", "purpose_stated"):
        await intake.take(intake.of_staff(CompletePreparation(case_id=case_id, step=step, note="Aftalt")))
    ready = await intake.body("CaseReady")
    agreed = {
        **{name: ready[name] for name in ("unit", "programme", "case_id", "round", "rules_version")},
        "match_id": uuid4(),
        "proposal_id": uuid4(),
        "place_id": offered.id,
        "hours_per_week": 5,
        "starts_on": "2026-12-01",
    }
    await intake.take(intake.of_matching(MatchAgreed.model_validate(agreed)))
    await intake.take(intake.of_staff(CompletePreparation(case_id=case_id, step="host_prepared")))
    clearances = ("StartCleared", "StartHeld")
    assert await told(intake, case_id, *clearances) == []
    shown = RecordCertificateShown(case_id=case_id, kind="child_certificate")
    await intake.take(intake.of_staff(shown))
    assert await told(intake, case_id, *clearances) == ["StartCleared"]


async def test_whoever_comes_of_age_becomes_ready_that_morning(intake: Intake) -> None:
    seventeen = {"candidate__birth_date": "2008-12-24", "candidate__target_group": "refugee", **UNNUMBERED}
    document = referral("young", programme="virksomhedspraktik", **seventeen)
    case_id = await intake.case_of(document)
    await intake.take(intake.of_staff(RecordInterview(case_id=case_id)))
    for step in ("expectations_aligned", "purpose_stated"):
        await intake.take(intake.of_staff(CompletePreparation(case_id=case_id, step=step, note="Aftalt")))
    assert await intake.pool.fetchval("SELECT state FROM case_file") == "preparing"
    await at(intake, NOW.replace(month=12, day=24))
    assert await intake.pool.fetchval("SELECT state FROM case_file") == "ready"


async def test_a_guardian_who_is_told_of_at_the_interview_is_a_person_who_is_reached(intake: Intake) -> None:
    case_id = await intake.case_of(EXAMPLE)
    for phone in ("70 10 20 30", "70 10 20 31"):
        said = {"case_id": case_id, "guardian": {"name": "Gerda Værge", "phone": phone}}
        await intake.take(intake.of_staff(RecordInterview.model_validate(said)))
    guardian = await intake.pool.fetchval("SELECT guardian_id FROM case_file")
    contact = await intake.body("Contact")
    assert (contact["person_id"], contact["version"]) == (str(guardian), 2)
    assert await intake.count("person") == 2


async def keep(intake: Intake, table: str, document: Partner | UnitFile | Person) -> None:
    await intake.pool.execute(
        f"INSERT INTO {table} (id, version, doc) VALUES ($1, 1, $2::jsonb)",
        document.id,
        document.model_dump_json(),
    )


def school() -> Partner:
    agreement = Agreement(
        signed_on=date(2026, 1, 1),
        partner_roles="Skolen finder elever.",
        interfaces="Vejlederen.",
        dispute_steps="Lederne taler sammen.",
        management_backs=True,
        staff_back=True,
        union_backs=True,
        adds_to_professionals=True,
    )
    return Partner(id=uuid4(), unit="DK-0169", kind="school", name="Skolen", agreement=agreement)


async def test_a_partners_agreement_says_once_what_a_school_answers_for(intake: Intake) -> None:
    partner = school()
    await keep(intake, "partner", partner)
    of_partner = {"channel": "counsellor", "partner_id": str(partner.id)}
    able = referral("able", **of_partner, school={"pupil_able": True})
    unable = referral("unable", **of_partner, school={"pupil_able": False})
    unknown = referral("unknown", channel="counsellor", partner_id=str(uuid4()))
    outcomes = await intake.take(*(intake.of_kafka(one) for one in (able, unable, unknown)))
    reasons = [
        [(reason["code"], reason["field"]) for reason in one.answer.get("reasons", ())] for one in outcomes
    ]
    assert reasons == [
        [],
        [("school_precondition_missing", "school.pupil_able")],
        [("unknown_partner", "partner_id"), ("school_precondition_missing", "school")],
    ]
    assert await intake.count("partner") == 1, "nothing stays of one that is not known"
    assert await intake.pool.fetchval("SELECT doc ->> 'partner_id' FROM case_file") == str(partner.id)


async def test_a_closed_unit_takes_no_referral_and_an_open_one_is_not_locked_for_it(intake: Intake) -> None:
    unit = UnitFile(id=derived_id("unit", "DK-0169"), unit="DK-0169")
    await keep(intake, "unit_file", unit)
    async with intake.pool.acquire() as connection, connection.transaction():
        await connection.execute("SELECT 1 FROM unit_file FOR UPDATE")
        await intake.case_of(EXAMPLE)
    closed = unit.model_copy(update={"state": "closed", "handed_to": "DK-0000"})
    await intake.pool.execute("UPDATE unit_file SET doc = $1::jsonb", closed.model_dump_json())
    for unit_said in ("DK-0169", "DK-0169 ", "\u00a0DK-0169\t"):
        (outcome,) = await intake.take(intake.of_kafka(referral("late", unit=unit_said)))
        reasons = [(one["code"], one["field"]) for one in outcome.answer["reasons"]]
        assert reasons == [("unit_closed", "unit")]


async def test_where_somebody_lives_told_at_an_interview_is_known_in_their_other_cases(
    intake: Intake,
) -> None:
    cases = [await intake.case_of(referral(one, candidate__postcode=None)) for one in ("one", "two")]
    was = UUID(int=1)
    person_id = await intake.pool.fetchval("SELECT id FROM person")
    before = Person(id=was, controller="DK-0169", name="Amina Eksempel", merged_into=person_id)
    await keep(intake, "person", before)
    said = RecordInterview(case_id=cases[0], postcode="2630", email="new@example.org")
    (outcome,) = await intake.take(intake.of_staff(said))
    assert outcome.kind == "done"
    await run_due(intake.host.service)
    located = "SELECT count(*) FROM case_file WHERE jsonb_typeof(doc -> 'location') = 'object'"
    assert await intake.pool.fetchval(located) == 2
    assert await intake.pool.fetchval("SELECT doc ->> 'email' FROM person WHERE id = $1", was) == (
        "new@example.org"
    )


async def shown_similar(browser: httpx.AsyncClient, intake: Intake, case_id: UUID) -> list[str]:
    everywhere = as_(intake, "caseworker", units=("DK-0169", "DK-0851/aalborg"))
    answer = await browser.get(f"/intake/api/cases/{case_id}", headers=everywhere)
    found: list[str] = answer.json()["perhaps_the_same"]
    return found


async def person_of(intake: Intake, case_id: UUID) -> str:
    return str(await intake.pool.fetchval("SELECT person_id FROM case_file WHERE id = $1", case_id))


async def test_who_is_perhaps_the_same_is_shown_and_nobody_is_merged(
    intake: Intake, browser: httpx.AsyncClient
) -> None:
    plain: dict[str, Any] = {**UNNUMBERED, "candidate__email": None, "candidate__phone": None}
    first = await intake.case_of(EXAMPLE)
    by_name = await intake.case_of(referral("name", **plain, candidate__given_name="AMINA"))
    by_mail = await intake.case_of(
        referral("mail", **{**plain, "candidate__email": "Amina@example.org"}, candidate__given_name="A.")
    )
    other = {"candidate__family_name": "Andersen", "candidate__birth_date": "1990-01-01"}
    await intake.case_of(referral("other", **plain, **other))
    elsewhere = {"programme": "mentorskab", "unit": "DK-0851/aalborg", "candidate__target_group": None}
    await intake.case_of(referral("elsewhere", **UNNUMBERED, **elsewhere))
    people = [await person_of(intake, one) for one in (first, by_name, by_mail)]
    assert await shown_similar(browser, intake, first) == sorted(people[1:])
    assert await shown_similar(browser, intake, by_name) == [people[0]]
    assert await shown_similar(browser, intake, by_mail) == [people[0]]
    assert await intake.count("person") == 5


async def test_two_who_each_have_a_national_id_are_two(intake: Intake, browser: httpx.AsyncClient) -> None:
    first = await intake.case_of(EXAMPLE)
    await intake.case_of(referral("twin", candidate__national_id="0707614287"))
    assert await intake.count("person") == 2
    assert await shown_similar(browser, intake, first) == []


async def test_why_not_yet_says_what_when_and_who_over_http(
    intake: Intake, browser: httpx.AsyncClient
) -> None:
    case_id = await intake.case_of(schooling())
    headers = as_(intake, "coordinator", units=("NO-3222",))
    why = (await browser.get(f"/intake/api/cases/{case_id}/why-not-yet", headers=headers)).json()
    steps = {step["code"]: step for step in why["steps"]}
    assert why["longest_chain"] == ["digital_mailbox", KIND]
    assert why["earliest_start_on"] == steps[KIND]["earliest_on"] == "2027-01-13"
    assert steps[KIND]["order_from"] == steps[KIND]["order_by"] == "2026-12-02"
    assert steps["quiz"]["waits_on"] == ["booklet_meeting"]
    assert "guardian_consent" not in steps
