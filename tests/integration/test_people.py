"""Correcting a person, merging two and splitting one, and the protected: through intake on PostgreSQL."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from typing import Any
from uuid import UUID

import pytest

from shared import timers
from shared.contracts.intake_commands import ContactDetails
from shared.contracts.people_commands import (
    BreakGlass,
    CorrectPerson,
    ErasePerson,
    MergePersons,
    SplitPerson,
)
from shared.contracts.register_commands import OfferPlace, RegisterMentor
from shared.messages import Outcome
from tests.servers.intake import CASEWORKER, EXAMPLE, Intake, intake, referral

__all__ = ["intake"]

OTHER_NUMBER = "0707613018"


def unnumbered(reference: str, **changes: Any) -> dict[str, Any]:
    return referral(reference, candidate__national_id=None, candidate__national_id_type=None, **changes)


async def person_of(intake: Intake, case_id: object) -> UUID:
    found: UUID = await intake.pool.fetchval("SELECT person_id FROM case_file WHERE id = $1", case_id)
    return found


async def person(intake: Intake, person_id: UUID) -> dict[str, Any]:
    text = await intake.pool.fetchval("SELECT doc::text FROM person WHERE id = $1", person_id)
    found: dict[str, Any] = json.loads(text)
    return found


async def case(intake: Intake, case_id: UUID) -> dict[str, Any]:
    text = await intake.pool.fetchval("SELECT doc::text FROM case_file WHERE id = $1", case_id)
    found: dict[str, Any] = json.loads(text)
    return found


async def ask(intake: Intake, body: Any) -> Outcome:
    (outcome,) = await intake.take(intake.of_staff(body))
    return outcome


async def made_ready(intake: Intake, case_id: UUID) -> None:
    """However long the way there is: the preparation is not what is tested here."""
    ready = 'UPDATE case_file SET doc = doc || \'{"state": "started"}\' WHERE id = $1'
    await intake.pool.execute(ready, case_id)


async def test_what_is_said_replaces_what_was_known_and_the_rest_stays(intake: Intake) -> None:
    person_id = await person_of(intake, await intake.case_of(EXAMPLE))
    corrects = CorrectPerson(
        person_id=person_id, family_name="Rettet", email=" ny@example.org ", phone="70 10 20 31"
    )
    assert (await ask(intake, corrects)).kind == "done"
    found = await person(intake, person_id)
    assert (found["name"], found["email"], found["phone"]) == (
        "Amina Rettet",
        "ny@example.org",
        "+4570102031",
    )
    assert found["birth_date"] == "1961-07-07"
    contact = await intake.body("Contact")
    assert (contact["version"], contact["name"], contact["email"]) == (2, "Amina Rettet", "ny@example.org")


async def test_an_empty_text_takes_it_away_and_the_channel_follows(intake: Intake) -> None:
    person_id = await person_of(intake, await intake.case_of(EXAMPLE))
    await ask(intake, CorrectPerson(person_id=person_id, email=""))
    contact = await intake.body("Contact")
    assert (contact["email"], contact["channel"]) == (None, "phone")


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("email", "no address", "bad_email"),
        ("phone", "12", "bad_phone"),
        ("postcode", "26", "bad_postcode"),
        ("birth_date", "2999-01-01", "bad_birth_date"),
        ("national_id", "3213614208", "bad_national_id"),
    ],
)
async def test_what_cannot_be_is_refused_at_its_field(
    intake: Intake, field: str, value: str, code: str
) -> None:
    person_id = await person_of(intake, await intake.case_of(EXAMPLE))
    outcome = await ask(intake, CorrectPerson.model_validate({"person_id": person_id, field: value}))
    assert outcome.refusal is not None
    assert (outcome.reason, outcome.refusal.field, outcome.refusal.status) == (code, field, 422)
    assert (await person(intake, person_id))["contact_version"] == 1


async def test_a_corrected_number_finds_the_person_and_the_old_one_does_not(intake: Intake) -> None:
    person_id = await person_of(intake, await intake.case_of(EXAMPLE))
    assert (await ask(intake, CorrectPerson(person_id=person_id, national_id=OTHER_NUMBER))).kind == "done"
    found = await intake.case_of(referral("new number", candidate__national_id=OTHER_NUMBER))
    assert await person_of(intake, found) == person_id
    somebody = await intake.case_of(referral("old number"))
    assert await person_of(intake, somebody) != person_id
    assert await intake.count("person_key") == 2


async def test_a_number_that_is_somebody_else_s_is_refused_with_a_hint(intake: Intake) -> None:
    first = await person_of(intake, await intake.case_of(EXAMPLE))
    second = await person_of(intake, await intake.case_of(unnumbered("second")))
    corrects = CorrectPerson(person_id=second, national_id="0707614286", national_id_type="DK-CPR")
    outcome = await ask(intake, corrects)
    assert outcome.refusal is not None
    assert (outcome.reason, outcome.refusal.values["other_id"]) == ("belongs_to_another", str(first))
    assert (await ask(intake, MergePersons(person_id=first, other_id=second))).kind == "done"


async def test_somebody_s_number_elsewhere_is_not_known_here(intake: Intake) -> None:
    await intake.case_of(EXAMPLE)
    elsewhere = replace(CASEWORKER, units=frozenset({"NO-3222"}))
    person_id = await person_of(intake, await intake.case_of(unnumbered("second")))
    (outcome,) = await intake.take(intake.of_staff(CorrectPerson(person_id=person_id, gender="f"), elsewhere))
    assert (outcome.kind, outcome.reason) == ("refused", "other_unit")


async def test_where_a_protected_person_lives_goes_from_every_case(intake: Intake) -> None:
    first, second = await intake.case_of(EXAMPLE), await intake.case_of(referral("second"))
    person_id = await person_of(intake, first)
    assert (await case(intake, first))["location"] is not None
    await ask(intake, CorrectPerson(person_id=person_id, protected=True))
    assert (await case(intake, first))["location"] is None
    assert (await case(intake, second))["location"] is None
    await ask(intake, CorrectPerson(person_id=person_id, protected=False))
    assert (await case(intake, first))["location"] is not None


async def test_a_later_referral_that_says_protected_takes_it_from_earlier_cases_too(intake: Intake) -> None:
    first = await intake.case_of(EXAMPLE)
    second = await intake.case_of(referral("second", candidate__protected=True))
    while await timers.run_due(intake.host.service):
        pass
    assert (await case(intake, first))["location"] is None
    assert (await case(intake, second))["location"] is None
    assert (await person(intake, await person_of(intake, first)))["protected"] is True


async def test_two_that_are_one_have_both_cases_and_are_reached_under_both_ids(intake: Intake) -> None:
    first, second = (
        await intake.case_of(unnumbered("first")),
        await intake.case_of(
            unnumbered("second", candidate__email="anden@example.org", candidate__gender="f")
        ),
    )
    stays, goes = await person_of(intake, first), await person_of(intake, second)
    assert (await ask(intake, MergePersons(person_id=stays, other_id=goes))).kind == "done"
    assert await person_of(intake, second) == stays
    alias = await person(intake, goes)
    assert (alias["merged_into"], alias["email"]) == (str(stays), "amina@example.org")
    contact = await intake.body("Contact")
    assert (contact["person_id"], contact["email"]) == (str(goes), "amina@example.org")
    await ask(intake, CorrectPerson(person_id=stays, email="ny@example.org"))
    assert (await person(intake, goes))["email"] == "ny@example.org"
    for body in (CorrectPerson(person_id=goes, gender="m"), ErasePerson(person_id=goes)):
        assert (await ask(intake, body)).reason == "merged_into_another"


async def test_erasing_one_who_was_merged_erases_both_ids(intake: Intake) -> None:
    first, second = await intake.case_of(unnumbered("one")), await intake.case_of(unnumbered("two"))
    stays, goes = await person_of(intake, first), await person_of(intake, second)
    await ask(intake, MergePersons(person_id=stays, other_id=goes))
    assert (await ask(intake, ErasePerson(person_id=stays))).kind == "done"
    assert await intake.count("person") == 0
    told = await intake.pool.fetch(
        "SELECT key FROM outbox WHERE type = 'Tombstone' AND topic = 'contacts-v1'"
    )
    assert {row["key"] for row in told} == {str(stays), str(goes)}


async def test_both_numbers_find_who_was_merged_unless_they_are_two(intake: Intake) -> None:
    numbered = await person_of(intake, await intake.case_of(EXAMPLE))
    unnumbered_one = await person_of(intake, await intake.case_of(unnumbered("second")))
    other = await person_of(
        intake, await intake.case_of(referral("third", candidate__national_id=OTHER_NUMBER))
    )
    two = await ask(intake, MergePersons(person_id=numbered, other_id=other))
    assert (two.kind, two.reason) == ("refused", "two_national_ids")
    assert (await ask(intake, MergePersons(person_id=unnumbered_one, other_id=numbered))).kind == "done"
    again = await intake.case_of(referral("fourth"))
    assert await person_of(intake, again) == unnumbered_one


async def test_a_mentor_is_the_one_that_stays(intake: Intake) -> None:
    contact = ContactDetails(name="Mona Mentor", email="mona@example.org")
    registered = await ask(intake, RegisterMentor(unit="DK-0169", contact=contact))
    mentor = UUID(str(registered.answer["mentor_id"]))
    candidate = await person_of(intake, await intake.case_of(unnumbered("one")))
    refused = await ask(intake, MergePersons(person_id=candidate, other_id=mentor))
    assert (refused.kind, refused.reason) == ("refused", "other_has_a_part")
    assert (await ask(intake, MergePersons(person_id=mentor, other_id=candidate))).kind == "done"


async def test_one_that_was_two_is_split_as_the_case_s_own_referral_said(intake: Intake) -> None:
    first = await intake.case_of(unnumbered("first"))
    second = await intake.case_of(
        unnumbered("second", candidate__given_name="Bodil", candidate__email="bodil@example.org")
    )
    one, other = await person_of(intake, first), await person_of(intake, second)
    await ask(intake, MergePersons(person_id=one, other_id=other))
    outcome = await ask(intake, SplitPerson(person_id=one, case_id=second))
    new = UUID(str(outcome.answer["person_id"]))
    assert await person_of(intake, second) == new not in (one, other)
    found = await person(intake, new)
    assert (found["name"], found["email"]) == ("Bodil Eksempel", "bodil@example.org")
    assert await person_of(intake, first) == one
    alone = await ask(intake, SplitPerson(person_id=one, case_id=first))
    assert (alone.kind, alone.reason) == ("refused", "only_case")


async def test_a_case_with_a_placement_is_not_split_off(intake: Intake) -> None:
    first, second = await intake.case_of(EXAMPLE), await intake.case_of(referral("second"))
    await made_ready(intake, second)
    outcome = await ask(intake, SplitPerson(person_id=await person_of(intake, first), case_id=second))
    assert (outcome.kind, outcome.reason) == ("refused", "placement_running")


async def test_whoever_breaks_the_glass_says_why_and_it_is_written_down(intake: Intake) -> None:
    person_id = await person_of(intake, await intake.case_of(EXAMPLE))
    breaks = BreakGlass(person_id=person_id, reason="Ringer for en kollega, der er syg")
    assert (await ask(intake, breaks)).kind == "done"
    assert (await person(intake, person_id))["glass"][0]["reason"] == breaks.reason
    row = await intake.pool.fetchrow("SELECT at_what, subject, person_ids FROM look")
    assert row is not None and tuple(row) == ("break_glass", "kirsten", [person_id])
    stranger = replace(CASEWORKER, units=frozenset({"NO-3222"}))
    (outcome,) = await intake.take(intake.of_staff(breaks, stranger))
    assert (outcome.kind, outcome.reason) == ("refused", "not_found")


async def test_a_protected_mentor_s_places_tell_nobody_where_the_mentor_lives(intake: Intake) -> None:
    aalborg = replace(CASEWORKER, units=frozenset({"DK-0851/aalborg"}))
    contact = ContactDetails(name="Mona Mentor", email="mona@example.org")
    registers = RegisterMentor(
        unit="DK-0851/aalborg", contact=contact, birth_date=date(1980, 1, 1), postcode="9000"
    )
    (registered,) = await intake.take(intake.of_staff(registers, aalborg))
    mentor = UUID(str(registered.answer["mentor_id"]))
    offers = OfferPlace(mentor_id=mentor, programmes=("mentorskab",))
    (offered,) = await intake.take(intake.of_staff(offers, aalborg))
    assert offered.kind == "done", offered.reason
    assert (await intake.body("PlaceOffered"))["location"] is not None
    corrects = CorrectPerson(person_id=mentor, protected=True)
    (corrected,) = await intake.take(intake.of_staff(corrects, aalborg))
    assert corrected.kind == "done", corrected.reason
    assert (await intake.body("PlaceOffered"))["location"] is None
    await intake.take(intake.of_staff(offers, aalborg))
    assert (await intake.body("PlaceOffered"))["location"] is None
