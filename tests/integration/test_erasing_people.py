"""Erasing a person at intake, on a real PostgreSQL: what goes, what is told, what stays."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from cli.erased import listed, through
from services.intake.erasing import NOBODY, ErasedBefore
from services.intake.store import persons_of
from shared import timers
from shared.contracts.intake_commands import (
    CompletePreparation,
    ContactDetails,
    RecordInterview,
    WithdrawCase,
)
from shared.contracts.matching import MatchAgreed
from shared.contracts.people_commands import ErasePerson, MergePersons
from shared.contracts.referral import RegisterReferral
from shared.contracts.register_commands import (
    OfferPlace,
    RaiseDispute,
    RecordHostInterview,
    RegisterHost,
    RegisterMentor,
    RegisterPartner,
    RetireHost,
    SignCooperationAgreement,
)
from shared.corridor import handle
from shared.maintenance import chores
from shared.messages import Actor, Message, Outcome, Record
from shared.postgres import Connection
from shared.reading import read
from shared.release import release
from tests.builders import agreed
from tests.servers.intake import CASEWORKER, EXAMPLE, NOW, Intake, intake, referral

__all__ = ["intake"]

CANARIES = ("Amina", "Eksempel", "0707614286", "amina@example.org", "70102030", "2630", "Kanariefugl")
GUARDIAN = {"name": "Gerda Værge", "email": "gerda@example.org", "phone": "+4570102099", "language": "da"}


async def person_of(intake: Intake, case_id: object) -> UUID:
    found: UUID = await intake.pool.fetchval("SELECT person_id FROM case_file WHERE id = $1", case_id)
    return found


async def erase(intake: Intake, person_id: UUID) -> Outcome:
    (outcome,) = await intake.take(intake.of_staff(ErasePerson(person_id=person_id)))
    return outcome


async def everything(intake: Intake) -> str:
    """Every column of every table, as text."""
    names = await intake.pool.fetch(
        "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace"
    )
    rows = [await intake.pool.fetch(f"SELECT t::text FROM {row[0]} t") for row in names]
    return "\n".join(row[0] for table in rows for row in table)


async def told(intake: Intake, type_: str) -> list[dict[str, Any]]:
    rows = await intake.pool.fetch("SELECT body FROM outbox WHERE type = $1 ORDER BY position", type_)
    return [json.loads(row["body"]) for row in rows]


async def prepared(intake: Intake, document: dict[str, Any]) -> UUID:
    case_id = await intake.case_of(document)
    interview = RecordInterview.model_validate(
        {"case_id": case_id, "profile": {"times": ["mon-morning"]}, "presentation": "Kanariefugl i bur"}
    )
    await intake.take(intake.of_staff(interview))
    done = CompletePreparation(case_id=case_id, step="expectations_aligned", note="Kanariefugl sagde ja")
    await intake.take(intake.of_staff(done))
    return case_id


async def matched(intake: Intake, case_id: UUID, *others: UUID) -> None:
    # However long the way there is: the preparation is not what is tested here.
    await intake.pool.execute(
        'UPDATE case_file SET doc = doc || \'{"state": "ready"}\' WHERE id = $1', case_id
    )
    opened = await intake.body("CaseOpened")
    about = {name: opened[name] for name in ("unit", "programme", "case_id", "round", "rules_version")}
    parties = [
        *opened["parties"],
        *({"person_id": str(one), "side": "mentor", "role": "volunteer_mentor"} for one in others),
    ]
    body = MatchAgreed.model_validate(
        {
            **about,
            "parties": parties,
            "match_id": uuid4(),
            "proposal_id": uuid4(),
            "place_id": uuid4(),
            "starts_on": "2026-12-01",
            "hours_per_week": 5,
        }
    )
    await intake.take(intake.of_matching(body))


async def test_nothing_of_the_person_is_left_in_any_table(intake: Intake) -> None:
    case_id = await prepared(intake, EXAMPLE)
    await intake.take(intake.of_kafka(referral("refused", candidate__email="no address")))
    before = await everything(intake)
    assert any(word in before for word in CANARIES)
    outcome = await erase(intake, await person_of(intake, case_id))
    assert outcome.kind == "done"
    left = await everything(intake)
    assert not [word for word in CANARIES if word in left]
    assert await intake.pool.fetchval("SELECT count(*) FROM refused_referral") == 0
    assert await intake.count("person") == await intake.count("person_key") == 0
    sealed = (
        "SELECT count(*) FROM referral WHERE doc ->> 'sealed' IS NOT NULL OR doc ->> 'digest' IS NOT NULL"
    )
    assert await intake.pool.fetchval(sealed) == 0


async def test_a_case_keeps_what_counts_need_and_nobody(intake: Intake) -> None:
    case_id = await prepared(intake, EXAMPLE)
    await erase(intake, await person_of(intake, case_id))
    doc = json.loads(await intake.pool.fetchval("SELECT doc::text FROM case_file WHERE id = $1", case_id))
    assert (doc["state"], doc["unit"], doc["channel"], doc["reason"]) == (
        "erased",
        "DK-0169",
        "jobcentre",
        "erased",
    )
    assert (doc["person_id"], doc["source_reference"], doc["presentation"]) == (str(UUID(int=0)), "", None)
    assert not doc["done"] and not doc["groups"] and not doc["profile"]["wishes"]


async def test_everybody_is_told_the_open_case_is_withdrawn_first(intake: Intake) -> None:
    case_id = await prepared(intake, EXAMPLE)
    person_id = await person_of(intake, case_id)
    await erase(intake, person_id)
    assert (await intake.events(case_id))[-3:] == ["CaseWithdrawn", "SubjectErased", "Tombstone"]
    assert (await intake.events(person_id))[-2:] == ["SubjectErased", "Tombstone"]
    kinds = [(one["kind"], one["is_candidate"]) for one in await told(intake, "SubjectErased")]
    assert kinds == [("case", True), ("person", True)]
    topics = await intake.pool.fetch("SELECT topic, key FROM outbox WHERE type = 'Tombstone' ORDER BY topic")
    assert [tuple(row) for row in topics] == [
        ("case-texts-v1", str(case_id)),
        ("contacts-v1", str(person_id)),
    ]
    (withdrawn,) = await told(intake, "CaseWithdrawn")
    assert withdrawn["reason"] == "erased" and str(person_id) not in json.dumps(withdrawn)


async def test_the_referral_again_is_rejected_as_erased_and_not_kept(intake: Intake) -> None:
    case_id = await intake.case_of(EXAMPLE)
    await erase(intake, await person_of(intake, case_id))
    for document in (EXAMPLE, referral(candidate__phone="+4570102031")):
        (outcome,) = await intake.take(intake.of_kafka(document))
        assert [one["code"] for one in outcome.answer["reasons"]] == ["erased"]
    assert await intake.pool.fetchval("SELECT count(*) FROM refused_referral") == 0
    assert await intake.count("person") == 0
    await intake.case_of(referral("a new one"))
    assert await intake.count("person") == 1


async def test_an_event_or_a_command_after_the_erasure_has_no_effect(intake: Intake) -> None:
    case_id = await prepared(intake, EXAMPLE)
    person_id = await person_of(intake, case_id)
    await erase(intake, person_id)
    (outcome,) = await intake.take(intake.of_matching(agreed(case_id)))
    assert (outcome.kind, outcome.reason) == ("ignored", "erased")
    assert await intake.pool.fetchval("SELECT state FROM case_file") == "erased"
    (late,) = await intake.take(intake.of_staff(WithdrawCase(case_id=case_id)))
    assert (late.kind, late.reason) == ("refused", "erased")
    twice = await erase(intake, person_id)
    assert (twice.kind, twice.reason) == ("refused", "erased")


async def test_somebody_with_an_agreed_placement_is_not_erased(intake: Intake) -> None:
    case_id = await prepared(intake, EXAMPLE)
    mentor = await registered_mentor(intake)
    await matched(intake, case_id, mentor)
    for person_id in (await person_of(intake, case_id), mentor):
        outcome = await erase(intake, person_id)
        assert (outcome.kind, outcome.reason) == ("refused", "placement_running")


async def registered_mentor(intake: Intake, unit: str = "DK-0169") -> UUID:
    contact = ContactDetails(name="Kanariefugl Mentor", email="mentor@example.org")
    (outcome,) = await intake.take(intake.of_staff(RegisterMentor(unit=unit, contact=contact)))
    return UUID(str(outcome.answer["mentor_id"]))


async def test_a_mentor_goes_with_their_places(intake: Intake) -> None:
    aalborg = replace(CASEWORKER, units=frozenset({"DK-0851/aalborg"}))
    contact = ContactDetails(name="Kanariefugl Mentor", email="mentor@example.org")
    registers = RegisterMentor(unit="DK-0851/aalborg", contact=contact, birth_date="1980-01-01")
    (outcome,) = await intake.take(intake.of_staff(registers, aalborg))
    mentor = UUID(str(outcome.answer["mentor_id"]))
    offer = OfferPlace(mentor_id=mentor, programmes=("mentorskab",), times=("mon-evening",))
    (offered,) = await intake.take(intake.of_staff(offer, aalborg))
    place_id = UUID(str(offered.answer["place_id"]))
    (outcome,) = await intake.take(intake.of_staff(ErasePerson(person_id=mentor), aalborg))
    assert outcome.kind == "done"
    assert await intake.count("mentor") == 0
    assert (await intake.events(place_id))[-2:] == ["PlaceWithdrawn", "SubjectErased"]
    place = json.loads(await intake.pool.fetchval("SELECT doc::text FROM place"))
    assert (place["state"], place["mentor_id"], place["times"]) == ("withdrawn", None, [])
    assert "Kanariefugl" not in await everything(intake)


async def test_a_host_s_contact_person_is_not_erased(intake: Intake) -> None:
    contact = ContactDetails(name="Vera Vært", email="vera@example.org")
    registers = RegisterHost(unit="DK-0169", kind="association", name="Klubben", contact_person=contact)
    (outcome,) = await intake.take(intake.of_staff(registers))
    refused = await erase(intake, UUID(str(outcome.answer["person_id"])))
    assert (refused.kind, refused.reason) == ("refused", "stands_for_a_host")


async def test_a_guardian_goes_alone_and_the_case_stays(intake: Intake) -> None:
    case_id = await prepared(intake, referral(guardian=GUARDIAN))
    guardian = await intake.pool.fetchval("SELECT guardian_id FROM case_file")
    assert (await erase(intake, guardian)).kind == "done"
    assert await intake.pool.fetchval("SELECT state FROM case_file") == "preparing"
    assert await intake.pool.fetchval("SELECT guardian_id FROM case_file") is None
    (erased, person) = await told(intake, "SubjectErased")
    assert (erased["subject_id"], erased["person_id"], erased["is_candidate"]) == (
        str(case_id),
        str(guardian),
        False,
    )
    assert person["kind"] == "person"
    # The referral as it came named both, and stays known by its digest.
    assert await intake.pool.fetchval("SELECT doc ->> 'sealed' FROM referral") is None
    (same,) = await intake.take(intake.of_kafka(referral(guardian=GUARDIAN)))
    assert same.answer["already_known"] is True


async def test_somebody_of_other_units_alone_is_not_erased(intake: Intake) -> None:
    case_id = await intake.case_of(EXAMPLE)
    other = replace(CASEWORKER, units=frozenset({"NO-3222"}))
    erases = ErasePerson(person_id=await person_of(intake, case_id))
    (outcome,) = await intake.take(intake.of_staff(erases, other))
    assert (outcome.kind, outcome.reason) == ("refused", "other_unit")


async def test_both_cases_of_a_person_go_and_every_look_stays(intake: Intake) -> None:
    first, second = await intake.case_of(EXAMPLE), await intake.case_of(referral("second"))
    person_id = await person_of(intake, first)
    await intake.pool.execute(
        "INSERT INTO look (looked_at, subject, at_what, person_ids) VALUES ($1, 'kirsten', 'person', $2)",
        NOW,
        [person_id],
    )
    await erase(intake, person_id)
    assert {one["subject_id"] for one in await told(intake, "SubjectErased")} == {
        str(first),
        str(second),
        str(person_id),
    }
    assert await intake.pool.fetchval("SELECT count(*) FROM look") == 1


AGGREGATES = ("referral", "person_key", "person", "case_file")


@pytest.mark.parametrize("older", ["than the erasure", "than the person"])
async def test_a_restored_database_is_told_again_and_brings_nobody_back(intake: Intake, older: str) -> None:
    case_id = await intake.case_of(EXAMPLE)
    backup = {
        table: await intake.pool.fetch(f"SELECT id, version, doc FROM {table}")
        for table in AGGREGATES
        if older == "than the erasure"
    }
    await erase(intake, await person_of(intake, case_id))
    bodies = await listed(intake.host.settings.database_url)
    assert len(bodies) == 1 and "Amina" not in bodies[0]
    kept = [ErasedBefore.model_validate_json(body) for body in bodies]
    await intake.pool.execute(f"TRUNCATE {', '.join(AGGREGATES)}, outbox, inbox, erased")
    for table, rows in backup.items():
        insert = f"INSERT INTO {table} (id, version, doc) VALUES ($1, $2, $3)"
        await intake.pool.executemany(insert, [tuple(row) for row in rows])
    assert await through(intake.host.service, kept) == {"done": 1}
    assert await intake.count("person") == 0
    (late,) = await intake.take(intake.of_kafka(EXAMPLE))
    assert [one["code"] for one in late.answer["reasons"]] == ["erased"]
    assert await through(intake.host.service, kept) == {"ignored": 1}
    left = await everything(intake)
    assert not [word for word in CANARIES if word in left]


async def test_a_referral_at_the_very_moment_of_the_erasure_is_somebody_new(
    intake: Intake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The person is found by their number, and is gone once their row is locked."""
    case_id = await intake.case_of(EXAMPLE)
    person_id = await person_of(intake, case_id)
    where = "services.intake.handlers.persons_of"

    async def then_erased(connection: Connection, keys: Iterable[UUID]) -> dict[UUID, UUID]:
        found = await persons_of(connection, keys)
        monkeypatch.setattr(where, persons_of)
        assert (await erase(intake, person_id)).kind == "done"
        return found

    monkeypatch.setattr(where, then_erased)
    later = await intake.case_of(referral("at the same moment"))
    assert await person_of(intake, later) != person_id
    assert await intake.count("person") == 1


async def timers_run(intake: Intake) -> None:
    while await timers.run_due(intake.host.service):
        pass


async def test_a_guardian_goes_with_the_last_case_they_answer_for(intake: Intake) -> None:
    case_id = await prepared(intake, referral(guardian=GUARDIAN))
    guardian = await intake.pool.fetchval("SELECT guardian_id FROM case_file")
    child = await person_of(intake, case_id)
    sister = await intake.case_of(referral("her sister", candidate__national_id=None, guardian=GUARDIAN))
    her_guardian = await intake.pool.fetchval("SELECT guardian_id FROM case_file WHERE id = $1", sister)
    same = MergePersons(person_id=guardian, other_id=her_guardian)
    assert [one.kind for one in await intake.take(intake.of_staff(same))] == ["done"]
    await erase(intake, child)
    await timers_run(intake)
    assert await intake.pool.fetchval("SELECT name FROM person WHERE id = $1", guardian) == "Gerda Værge"
    await erase(intake, await person_of(intake, sister))
    await timers_run(intake)
    assert await intake.count("person") == 0
    assert (await intake.events(guardian))[-2:] == ["SubjectErased", "Tombstone"]
    left = await everything(intake)
    assert not [word for word in ("Gerda", "gerda@example.org", "70102099", *CANARIES) if word in left]


async def test_a_host_that_is_no_more_goes_with_its_contact_person(intake: Intake) -> None:
    contact = ContactDetails(name="Vera Kanariefugl", email="vera@example.org")
    registers = RegisterHost(unit="DK-0169", kind="company", name="Kanariefugl A/S", contact_person=contact)
    (outcome,) = await intake.take(intake.of_staff(registers))
    host_id, vera = UUID(str(outcome.answer["host_id"])), UUID(str(outcome.answer["person_id"]))
    written = dict.fromkeys(("note", "expectations", "feedback"), "Kanariefugl i bur")
    for body in (
        RecordHostInterview(host_id=host_id, **written),
        RetireHost(host_id=host_id, reason="no_time"),
    ):
        (outcome,) = await intake.take(intake.of_staff(body))
        assert outcome.kind == "done", outcome.reason
    assert (await erase(intake, vera)).kind == "done"
    left = await everything(intake)
    assert "Kanariefugl" not in left and str(vera) not in await intake.pool.fetchval(
        "SELECT doc::text FROM host"
    )
    assert await intake.pool.fetchval("SELECT state FROM host") == "retired"
    again = registers.model_copy(update={"host_id": host_id, "name": "Ny A/S"})
    (outcome,) = await intake.take(intake.of_staff(again))
    somebody = UUID(str(outcome.answer["person_id"]))
    assert somebody not in (vera, NOBODY)
    assert await intake.pool.fetchval("SELECT contact_person_id FROM host") == somebody


def project_manager() -> Actor:
    return replace(CASEWORKER, roles=frozenset({"caseworker", "project_manager"}))


async def contact_of_a_partner(intake: Intake) -> UUID:
    """The contact person of a partner with an agreement and a dispute."""
    contact = ContactDetails(name="Kurt Kanariefugl", email="kurt@example.org")
    partner = RegisterPartner(unit="DK-0169", kind="jobcentre", name="Jobcentret", contact_person=contact)
    (outcome,) = await intake.take(intake.of_staff(partner))
    partner_id = UUID(str(outcome.answer["partner_id"]))
    texts = dict.fromkeys(("partner_roles", "interfaces", "dispute_steps"), "Kanariefugl står for det")
    signs = SignCooperationAgreement(
        partner_id=partner_id, signed_by_management=True, signed_by_staff=True, **texts
    )
    raised = RaiseDispute(partner_id=partner_id, about="Kanariefugl kom for sent")
    for body in (signs, raised):
        (outcome,) = await intake.take(intake.of_staff(body, project_manager()))
        assert outcome.kind == "done", outcome.reason
    found: UUID = await intake.pool.fetchval("SELECT contact_person_id FROM partner")
    return found


async def test_what_was_written_of_a_partner_goes_with_its_contact_person(intake: Intake) -> None:
    contact = await contact_of_a_partner(intake)
    refused = await erase(intake, contact)
    assert (refused.kind, refused.reason) == ("refused", "stands_for_a_partner")
    partner_id = await intake.pool.fetchval("SELECT id FROM partner")
    for step in ("contacts_talk", "managers_meet", "agreement_ended"):
        further = RaiseDispute(partner_id=partner_id, step=step, about="Kanariefugl kom igen for sent")
        (outcome,) = await intake.take(intake.of_staff(further))
        assert outcome.kind == "done", outcome.reason
    assert (await erase(intake, contact)).kind == "done"
    assert "Kanariefugl" not in await everything(intake)
    partner = json.loads(await intake.pool.fetchval("SELECT doc::text FROM partner"))
    assert (partner["name"], partner["contact_person_id"]) == ("Jobcentret", None)
    assert [one["step"] for one in partner["dispute"]][-1] == "agreement_ended"
    assert partner["agreement"]["signed_on"] == "2026-11-23"


def referred_on_kafka(document: dict[str, Any], offset: int) -> Message:
    """As it comes from the topic, with the record that is kept when it is parked."""
    names = {"specversion": "1.0", "id": str(uuid4()), "source": "/vitas", "type": "makker.Referral.v1"}
    headers = tuple((f"ce_{name}", value.encode()) for name, value in names.items())
    record = Record("referrals-v1", 0, offset, None, json.dumps(document).encode(), headers)
    message = read(frozenset({RegisterReferral}), "intake", record)
    assert message is not None
    return message


async def test_a_parked_referral_is_found_by_the_number_in_it_and_goes_with_the_person(
    intake: Intake,
) -> None:
    case_id = await intake.case_of(EXAMPLE)
    of_others = referral("of others", candidate__national_id="0101011234", candidate__birth_date="2001-01-01")
    nobody = {name: value for name, value in EXAMPLE.items() if name != "source_reference"}
    parked = [
        referred_on_kafka(referral("faulty"), 1),
        referred_on_kafka(nobody, 2),
        referred_on_kafka(of_others, 3),
        referred_on_kafka(referral("no number", candidate__national_id=None), 4),
    ]

    def faulty(*_: Any) -> Any:
        return 1 // 0

    outcomes = await handle(replace(intake.host.service, decide=faulty), parked)
    assert [one.kind for one in outcomes] == ["parked"] * 4
    await erase(intake, await person_of(intake, case_id))
    left = await intake.pool.fetch("SELECT record_offset FROM parked ORDER BY record_offset")
    assert [row[0] for row in left] == [3, 4]


async def test_what_was_discarded_is_forgotten_and_what_waits_for_somebody_is_not(intake: Intake) -> None:
    both = [referred_on_kafka({"no": "reference"}, offset) for offset in (1, 2)]
    await intake.take(*both)
    first = await intake.pool.fetchval("SELECT id FROM parked ORDER BY record_offset LIMIT 1")
    await release(intake.host.service, first, discard="cannot be read")
    later = replace(intake.host.service, clock=lambda: NOW + timedelta(days=36))
    async with intake.pool.acquire() as connection:
        await chores(later, connection)
    assert [row[0] for row in await intake.pool.fetch("SELECT record_offset FROM parked")] == [2]
