"""Intake over HTTP: referring, reading, and who may see whom."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from shared.contracts.intake_commands import CompletePreparation, RecordInterview
from shared.contracts.matching import MatchAgreed
from shared.links import Signer
from tests.servers.intake import EXAMPLE, NOW, Intake, as_, browser, intake, referral

__all__ = ["browser", "intake"]


async def test_a_referral_over_http_is_answered_as_on_kafka(
    intake: Intake, browser: httpx.AsyncClient
) -> None:
    publisher = as_(intake, "publisher", subject="vitas")
    first = await browser.post("/intake/api/referrals", json=EXAMPLE, headers=publisher)
    again = await browser.post("/intake/api/referrals", json=EXAMPLE, headers=publisher)
    assert (first.status_code, again.status_code) == (202, 200)
    assert first.json() == {
        "source": "/publisher/vitas",
        "source_reference": "VITAS-2026-000123",
        "case_id": again.json()["case_id"],
        "already_known": False,
    }
    stands = await browser.get("/intake/api/referrals/VITAS-2026-000123", headers=publisher)
    assert (stands.json()["state"], stands.json()["case_state"]) == ("accepted", "preparing")
    other = await browser.get(
        "/intake/api/referrals/VITAS-2026-000123", headers=as_(intake, "publisher", subject="other")
    )
    assert other.status_code == 404


async def test_a_refusal_over_http_has_all_reasons_and_is_kept(
    intake: Intake, browser: httpx.AsyncClient
) -> None:
    document = referral(candidate__email="no address", candidate__postcode="9999", chosen_by_candidate=False)
    headers = as_(intake, "publisher") | {"Accept-Language": "en", "Idempotency-Key": "one"}
    for _ in range(2):
        answer = await browser.post("/intake/api/referrals", json=document, headers=headers)
        assert answer.status_code == 422
        codes = [reason["code"] for reason in answer.json()["reasons"]]
        assert sorted(codes) == ["bad_email", "not_chosen_by_candidate", "not_resident"]
        assert "residents" in answer.text and "no address" not in answer.text
    assert await intake.pool.fetchval("SELECT count(*) FROM refused_referral") == 1
    command = await browser.post(
        "/intake/api/commands/RegisterReferral",
        json={"referral": document},
        headers=as_(intake, "caseworker"),
    )
    assert (command.status_code, len(command.json()["reasons"])) == (422, 3)


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"null", b'"x"', b"\xff", b"[" * 100_000])
async def test_what_is_no_object_is_malformed(
    intake: Intake, browser: httpx.AsyncClient, body: bytes
) -> None:
    answer = await browser.post("/intake/api/referrals", content=body, headers=as_(intake, "publisher"))
    assert answer.status_code == 422
    assert answer.json()["reasons"][0]["code"] == "malformed"


async def test_half_a_character_is_malformed_and_kept(intake: Intake, browser: httpx.AsyncClient) -> None:
    body = json.dumps(referral(candidate__given_name="\ud800"))
    answer = await browser.post("/intake/api/referrals", content=body, headers=as_(intake, "publisher"))
    assert [reason["field"] for reason in answer.json()["reasons"]] == ["candidate.given_name"]
    nobody = await browser.post("/intake/api/referrals", json={}, headers=as_(intake, "publisher"))
    assert nobody.status_code == 422
    assert await intake.pool.fetchval("SELECT count(*) FROM refused_referral") == 2


async def test_a_publisher_refers_to_its_own_units_alone(intake: Intake, browser: httpx.AsyncClient) -> None:
    headers = as_(intake, "publisher", units=("NO-3222",))
    answer = await browser.post("/intake/api/referrals", json=EXAMPLE, headers=headers)
    assert [reason["code"] for reason in answer.json()["reasons"]] == ["not_permitted"]


async def test_staff_see_the_cases_of_their_units_alone(intake: Intake, browser: httpx.AsyncClient) -> None:
    case_id = await intake.case_of(EXAMPLE)
    person_id = await intake.pool.fetchval("SELECT id FROM person")
    own, other = as_(intake, "caseworker"), as_(intake, "caseworker", units=("NO-3222",))
    assert (await browser.get(f"/intake/api/cases/{case_id}", headers=own)).json()["state"] == "preparing"
    for path in (f"cases/{case_id}", f"cases/{case_id}/why-not-yet", f"people/{person_id}"):
        assert (await browser.get(f"/intake/api/{path}", headers=other)).status_code == 403
        assert (await browser.get(f"/intake/api/{path}")).status_code == 401
        assert (await browser.get(f"/intake/api/{path}", headers=as_(intake, "analyst"))).status_code == 403
    assert (await browser.get("/intake/api/cases", headers=other)).json() == {"cases": [], "next": None}


async def test_lists_page_by_cursor_without_losing_a_case(intake: Intake, browser: httpx.AsyncClient) -> None:
    await intake.take(*(intake.of_kafka(referral(f"case-{n}")) for n in range(120)))
    own = as_(intake, "caseworker")
    seen: list[str] = []
    cursor = ""
    while cursor is not None:
        page = (await browser.get(f"/intake/api/cases?cursor={cursor}", headers=own)).json()
        seen += [case["case_id"] for case in page["cases"]]
        cursor = page["next"]
    assert len(seen) == len(set(seen)) == 120
    assert (await browser.get("/intake/api/cases?cursor=x", headers=own)).status_code == 422


async def test_every_look_at_a_name_is_written_down(intake: Intake, browser: httpx.AsyncClient) -> None:
    case_id = await intake.case_of(EXAMPLE)
    person_id = await intake.pool.fetchval("SELECT id FROM person")
    own = as_(intake, "caseworker")
    person = (await browser.get(f"/intake/api/people/{person_id}", headers=own)).json()
    assert (person["name"], person["national_id"]) == ("Amina Eksempel", "0707614286")
    found = await browser.post("/intake/api/people/names", json={"ids": [str(person_id)]}, headers=own)
    assert found.json() == {"names": {str(person_id): "Amina Eksempel"}}
    searched = await browser.get("/intake/api/cases?q=eksEM", headers=own)
    assert [case["case_id"] for case in searched.json()["cases"]] == [str(case_id)]
    looks = (await browser.get(f"/intake/api/people/{person_id}/audit", headers=own)).json()["looks"]
    assert [look["at_what"] for look in looks] == ["search", "names", "person"]
    other = as_(intake, "caseworker", units=("NO-3222",))
    hidden = await browser.post("/intake/api/people/names", json={"ids": [str(person_id)]}, headers=other)
    assert hidden.json() == {"names": {}}


async def test_a_place_is_offered_or_refused_with_every_fault(
    intake: Intake, browser: httpx.AsyncClient
) -> None:
    own = as_(intake, "coordinator")

    async def command(command_name: str, /, **fields: Any) -> httpx.Response:
        return await browser.post(f"/intake/api/commands/{command_name}", json=fields, headers=own)

    host = await command(
        "RegisterHost",
        unit="DK-0169",
        kind="association",
        name="Grønne Fingre",
        contact_person={"name": "Lars Prøve", "email": "lars@example.org"},
        postcode="2630",
    )
    host_id = host.json()["id"]
    place = await command(
        "OfferPlace", host_id=host_id, programmes=["foreningspraktik"], industries=["retail"]
    )
    assert place.json()["events"] == ["PlaceOffered"]
    offered = await intake.body("PlaceOffered")
    assert (offered["kind"], offered["location"]["lat"]) == ("association", 55.655)
    assert [party["role"] for party in offered["parties"]] == ["contact_person"]
    assert (
        await command("OfferPlace", host_id=str(uuid4()), programmes=["foreningspraktik"])
    ).status_code == 404
    wrong = await command(
        "OfferPlace", host_id=host_id, programmes=["none", "mentorskab"], industries=["x"], times=["x"]
    )
    assert wrong.status_code == 422
    assert sorted(error["code"] for error in wrong.json()["errors"]) == [
        "programme_not_in_unit",
        "unknown_code",
        "unknown_code",
        "unknown_programme",
    ]
    gone = await command("WithdrawPlace", place_id=place.json()["id"])
    assert gone.json()["events"] == ["PlaceWithdrawn"]
    listed = (await browser.get("/intake/api/places", headers=own)).json()["places"]
    assert [one["state"] for one in listed] == ["withdrawn"]


async def test_a_party_is_told_the_names_of_its_own_match_alone(
    intake: Intake, browser: httpx.AsyncClient
) -> None:
    case_id = await intake.case_of(EXAMPLE)
    person_id = await intake.pool.fetchval("SELECT id FROM person")
    signer = Signer(intake.host.settings.link_private_key)
    token = signer.token("mine", person_id, case_id, NOW + timedelta(days=9))
    headers = {"Authorization": f"Bearer {token}"}
    asked = {"ids": [str(person_id)]}
    before = await browser.post("/intake/api/people/names", json=asked, headers=headers)
    assert before.json() == {"names": {}}
    match = {"match_id": uuid4(), "proposal_id": uuid4(), "place_id": uuid4(), "starts_on": "2026-12-01"}
    parties = [{"person_id": person_id, "side": "candidate", "role": "candidate"}]
    about = {
        "unit": "DK-0169",
        "programme": "foreningspraktik",
        "case_id": case_id,
        "rules_version": "2020-01-01",
    }
    interview = RecordInterview(case_id=case_id)
    await intake.take(intake.of_staff(interview))
    for step in ("expectations_aligned", "purpose_stated"):
        await intake.take(intake.of_staff(CompletePreparation(case_id=case_id, step=step, note="Aftalt")))
    agreed = MatchAgreed.model_validate({**about, **match, "hours_per_week": 5, "parties": parties})
    await intake.take(intake.of_matching(agreed))
    after = await browser.post("/intake/api/people/names", json=asked, headers=headers)
    assert after.json() == {"names": {str(person_id): "Amina Eksempel"}}
    other = signer.token("mine", uuid4(), case_id, NOW + timedelta(days=9))
    answer = await browser.post(
        "/intake/api/people/names", json=asked, headers={"Authorization": f"Bearer {other}"}
    )
    assert answer.json() == {"names": {}}


async def test_staff_see_all_that_has_the_same_reference(intake: Intake, browser: httpx.AsyncClient) -> None:
    await intake.take(intake.of_kafka(EXAMPLE, source="/one"), intake.of_kafka(EXAMPLE, source="/two"))
    path = "/intake/api/referrals/VITAS-2026-000123"
    found = (await browser.get(path, headers=as_(intake, "caseworker"))).json()
    assert [found["source"], *(one["source"] for one in found["others"])] == ["/one", "/two"]
    assert {found["case_state"], found["others"][0]["case_state"]} == {"preparing"}
    elsewhere = await browser.get(path, headers=as_(intake, "caseworker", units=("NO-3222",)))
    assert elsewhere.status_code == 404


async def test_the_messages_are_described_beside_the_rest_of_intake_too(browser: httpx.AsyncClient) -> None:
    answers = [await browser.get(f"{path}/asyncapi.json") for path in ("", "/intake")]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].content == answers[1].content
