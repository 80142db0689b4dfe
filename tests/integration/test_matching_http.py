"""Matching over HTTP on a real PostgreSQL: reading, staff's pages, and a party's page without sign-in."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from datetime import date
from html import unescape
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
from prometheus_client import generate_latest

import services.matching
from services.matching.documents import Proposal
from shared.contracts.intake import CaseTexts
from shared.language import LANGUAGES, faults_in_words
from shared.messages import Tombstone
from tests.integration.matching_service import PROGRAMME, UNIT, Matching, agreement, matching_service
from tests.servers.postgres import Databases

HTML = {"Accept": "text/html"}
JSON = {"Accept": "application/json"}


@pytest.fixture
async def matching(database: Databases) -> AsyncIterator[Matching]:
    async with matching_service(await database("matching")) as service:
        yield service


async def proposed(matching: Matching) -> Proposal:
    """A proposal that is out, and somebody who has waited too long and got no place."""
    await matching.case(
        profile={
            "wishes": [{"plan": "A", "industries": ["retail"]}],
            "languages": {"da": "A2"},
            "hours_per_week": {"min": 2, "max": 6},
            "times": ["mon-morning"],
            "location": {"lat": 55.655, "lon": 12.284},
        }
    )
    await matching.place(
        tasks=["shadowing"],
        hours_per_week={"min": 1, "max": 8},
        times=["mon-morning"],
        location={"lat": 55.648, "lon": 12.191},
    )
    await matching.settle()
    await matching.case(waiting_since=date(2026, 9, 1))
    await matching.settle()
    return await matching.out()


async def test_proposals_are_read_by_case_and_one_by_one(matching: Matching) -> None:
    proposal = await proposed(matching)
    async with matching.client(headers=matching.staff()) as client:
        answer = await client.get("/matching/api/proposals", params={"case_id": str(proposal.case_id)})
        (found,) = answer.json()["proposals"]
        assert found == (await client.get(f"/matching/api/proposals/{proposal.id}")).json()
        none = await client.get("/matching/api/proposals", params={"case_id": str(uuid4())})
    assert none.json() == {"proposals": [], "next": None}
    shown = {"proposal_id", "case_id", "place_id", "state", "plan", "points", "reasons", "answer_by", "asked"}
    assert shown | {"version", "round", "match_id"} <= set(found)
    assert (found["state"], found["plan"], found["version"], found["match_id"]) == ("open", "A", 1, None)
    assert sum(one["points"] for one in found["reasons"]) == found["points"]
    assert {(one["side"], one["role"], one["answer"]) for one in found["asked"]} == {
        ("host", "contact_person", None),
        ("candidate", "candidate", None),
    }


async def test_a_list_goes_on_at_the_cursor_it_gave(matching: Matching) -> None:
    for _ in range(3):
        await matching.case()
        await matching.place()
    await matching.settle()
    found: list[str] = []
    cursor = ""
    async with matching.client(headers=matching.staff()) as client:
        while True:
            params = {"limit": "2", "cursor": cursor}
            page = (await client.get("/matching/api/proposals", params=params)).json()
            found += [one["proposal_id"] for one in page["proposals"]]
            if page["next"] is None:
                break
            assert page["next"] != cursor
            cursor = page["next"]
    assert len(found) == len(set(found)) == 3


async def test_the_pool_shows_who_waits_and_what_is_free_by_pages(matching: Matching) -> None:
    await proposed(matching)
    for _ in range(2):
        await matching.place(capacity=3)
    where = {"programme": PROGRAMME, "unit": UNIT, "limit": "1"}
    async with matching.client(headers=matching.staff()) as client:
        pool = (await client.get("/matching/api/pool", params=where)).json()
        places, after = [*pool["places"]], pool["places_next"]
        while after:
            following = (
                await client.get("/matching/api/pool", params=where | {"places_cursor": after})
            ).json()
            places, after = [*places, *following["places"]], following["places_next"]
        bad = await client.get("/matching/api/pool", params=where | {"cursor": "no cursor"})
    assert [one["waited_days"] for one in pool["waiting"]] == [83] and pool["next"] is None
    assert pool["next_solved_at"] is not None
    assert sorted((one["capacity"], one["free"]) for one in places) == [(1, 0), (3, 3), (3, 3)]
    assert (bad.status_code, bad.json()["code"]) == (422, "bad_cursor")


async def test_why_a_case_has_no_place(matching: Matching) -> None:
    proposal = await proposed(matching)
    (waiting,) = await matching.service.pool.fetch("SELECT id FROM case_file WHERE state = 'waiting'")
    async with matching.client(headers=matching.staff()) as client:
        why = (await client.get(f"/matching/api/cases/{waiting['id']}/why")).json()
        out = (await client.get(f"/matching/api/cases/{proposal.case_id}/why")).json()
    assert (why["state"], why["places"], why["to_be_solved"]) == ("waiting", 1, False)
    assert why["reasons"] == [{"code": "capacity", "places": 1}]
    assert (out["state"], out["proposal_id"], out["reasons"]) == ("proposed", str(proposal.id), [])


async def test_another_unit_is_not_shown_and_nobody_is_not_let_in(matching: Matching) -> None:
    proposal = await proposed(matching)
    paths = (
        f"/matching/api/pool?programme={PROGRAMME}&unit={UNIT}",
        f"/matching/api/proposals/{proposal.id}",
        f"/matching/api/cases/{proposal.case_id}/why",
        f"/matching/proposals/{proposal.id}",
        f"/matching/fragments/cases/{proposal.case_id}",
    )
    async with matching.client() as client:
        for path in paths:
            assert (await client.get(path, headers=JSON)).status_code == 401
            other = await client.get(path, headers=JSON | matching.staff(units=("NO-3222",)))
            assert other.status_code == 403
        listed = await client.get("/matching/api/proposals", headers=matching.staff(units=("NO-3222",)))
        unknown = await client.get(f"/matching/api/proposals/{uuid4()}", headers=matching.staff())
    assert listed.json()["proposals"] == []
    assert unknown.status_code == 404


@pytest.mark.parametrize("language", LANGUAGES)
async def test_staffs_pages_show_every_state_in_every_language(matching: Matching, language: str) -> None:
    proposal = await proposed(matching)
    own = f"/matching/proposals/{proposal.id}"
    async with matching.client(headers=HTML | matching.staff(), params={"lang": language}) as client:
        listed = await client.get("/matching/proposals")
        opened = await client.get(own)
        for side in ("host", "candidate"):
            await matching.say(proposal, side, "yes")
        accepted = await client.get(own)
        await matching.done(agreement(proposal.id))
        agreed = await client.get(own)
        case = await client.get(f"/matching/fragments/cases/{proposal.case_id}")
        today = await client.get("/matching/fragments/today")
    assert [one.status_code for one in (listed, opened, accepted, agreed, case, today)] == [200] * 6
    assert f'lang="{language}"' in listed.text and f'href="{own}"' in listed.text
    assert 'action="/matching/api/commands/AnswerProposal"' in opened.text
    assert 'action="/matching/api/commands/AgreeMatch"' in accepted.text
    assert 'action="/matching/api/commands/CancelMatch"' in agreed.text
    assert "AgreeMatch" not in opened.text + agreed.text
    assert f'href="{own}"' in case.text and 'href="/matching/proposals"' in today.text


async def test_a_form_records_what_staff_heard_and_leads_back(matching: Matching) -> None:
    proposal = await proposed(matching)
    host = next(one for one in proposal.asked if one.side == "host")
    form = {
        "proposal_id": str(proposal.id),
        "by": str(host.person_id),
        "heard_by": "phone",
        "answer": "yes",
        "reason": "",
        "version": "1",
        "return_to": f"/matching/proposals/{proposal.id}",
        "Idempotency-Key": "once",
    }
    async with matching.client(headers=HTML | matching.staff()) as client:
        sent = [await client.post("/matching/api/commands/AnswerProposal", data=form) for _ in range(2)]
        late = await client.post(
            "/matching/api/commands/AnswerProposal", data=form | {"Idempotency-Key": "twice"}
        )
    assert [one.status_code for one in sent] == [303, 303]
    assert sent[0].headers["location"] == f"/matching/proposals/{proposal.id}"
    assert late.status_code == 409
    assert len(await matching.events("ProposalAnswered")) == 1


async def test_the_parts_of_other_pages_are_lists_for_programs_too(matching: Matching) -> None:
    proposal = await proposed(matching)
    matching.clock.move(days=6)
    async with matching.client(headers=JSON | matching.staff()) as client:
        today = (await client.get("/matching/fragments/today")).json()["items"]
        story = (await client.get(f"/matching/fragments/cases/{proposal.case_id}")).json()["items"]
        unknown = (await client.get(f"/matching/fragments/cases/{uuid4()}")).json()["items"]
    assert [(one["urgency"], one["href"]) for one in today] == [
        ("overdue", "/matching/proposals"),
        ("today", f"/matching/proposals/{proposal.id}"),
    ]
    assert [one["href"] for one in story] == [f"/matching/proposals/{proposal.id}"]
    assert unknown == []


async def test_a_link_shows_the_question_and_only_its_form_answers(matching: Matching) -> None:
    proposal = await proposed(matching)
    candidate = next(one for one in proposal.asked if one.side == "candidate")
    token = matching.link(proposal, candidate.person_id)
    async with matching.client(headers=HTML) as client:
        for _ in range(2):
            shown = await client.get(f"/matching/answer/{token}")
            assert (shown.status_code, shown.headers["referrer-policy"]) == (200, "no-referrer")
            assert 'name="token"' in shown.text and "data-person" not in shown.text
        assert await matching.events("ProposalAnswered") == []
        form = {"proposal_id": str(proposal.id), "token": token, "return_to": f"/matching/answer/{token}"}
        answered = await client.post(
            "/matching/api/commands/AnswerProposal", data=form | {"answer": "no", "reason": "too_far"}
        )
        assert answered.status_code == 303
        thanks = await client.get(answered.headers["location"], params={"lang": "en"})
        assert thanks.status_code == 200 and "Thank you for your answer" in thanks.text
        again = await client.post("/matching/api/commands/AnswerProposal", data=form | {"answer": "yes"})
        assert again.status_code == 409
    (event,) = await matching.events("ProposalAnswered")
    body = json.loads(event["body"])
    assert (body["by"], body["answer"], body["reason"], body["heard_by"]) == (
        str(candidate.person_id),
        "no",
        "too_far",
        None,
    )


@pytest.mark.parametrize(
    ("language", "choice", "missing", "at_field"),
    [
        ("da", "Ikke oplyst", "Vælg en grund, når svaret er nej.", "Skal udfyldes."),
        ("nb", "Ikke oppgitt", "Velg en grunn når svaret er nei.", "Må fylles ut."),
        ("en", "Not told", "Choose a reason when the answer is no.", "Must be filled in."),
    ],
)
async def test_a_no_without_a_reason_is_asked_for_one_at_its_field(
    matching: Matching, language: str, choice: str, missing: str, at_field: str
) -> None:
    proposal = await proposed(matching)
    candidate = next(one for one in proposal.asked if one.side == "candidate")
    token = matching.link(proposal, candidate.person_id)
    form = {"proposal_id": str(proposal.id), "token": token, "return_to": f"/matching/answer/{token}"}
    async with matching.client(headers=HTML | {"Accept-Language": language}) as client:
        page = await client.get(f"/matching/answer/{token}")
        assert f'<option value="not_told">{choice}</option>' in page.text
        assert "mk-optional" not in page.text
        asked = re.findall(r'name="_asked" value="([^"]*)"', page.text)
        typed = form | {"answer": "no", "reason": "", "_asked": [unescape(one) for one in asked]}
        refused = await client.post("/matching/api/commands/AnswerProposal", data=typed)
        assert refused.status_code == 422
        assert missing in refused.text and f'data-field="reason">{at_field}</a>' in refused.text
        again = refused.text.partition("data-command")[2]
        assert f'<option value="not_told">{choice}</option>' in again and at_field in again
        assert "mk-optional" not in again
        said = await client.post(
            "/matching/api/commands/AnswerProposal", data=form | {"answer": "no", "reason": "not_told"}
        )
        assert said.status_code == 303
        thanks = await client.get(said.headers["location"])
    assert thanks.status_code == 200
    (event,) = await matching.events("ProposalAnswered")
    assert json.loads(event["body"])["reason"] == "not_told"


async def test_a_link_that_answers_nothing_any_more_says_so_kindly(matching: Matching) -> None:
    proposal = await proposed(matching)
    host, candidate = (
        next(one for one in proposal.asked if one.side == side) for side in ("host", "candidate")
    )
    token = matching.link(proposal, host.person_id)
    wrong = {
        token[:-4]: 404,
        "nothing": 404,
        matching.link(proposal, host.person_id, scope="mine"): 404,
        matching.link(proposal, uuid4()): 404,
    }
    async with matching.client(headers=HTML, params={"lang": "en"}) as client:
        for address, status in wrong.items():
            page = await client.get(f"/matching/answer/{address}")
            assert (page.status_code, "The link does not work" in page.text) == (status, True)
        await matching.say(proposal, "candidate", "no")
        closed = await client.get(f"/matching/answer/{token}")
        matching.clock.move(days=7)
        expired = await client.get(f"/matching/answer/{matching.link(proposal, candidate.person_id)}")
        posted = await client.post(
            "/matching/api/commands/AnswerProposal",
            json={"proposal_id": str(proposal.id), "answer": "yes"},
            headers=JSON | {"Authorization": f"Bearer {token}"},
        )
    assert "Sent with Makker" not in page.text
    assert "Sent with Makker, which Placements in associations" in closed.text
    assert (closed.status_code, "no longer open" in closed.text) == (410, True)
    assert (expired.status_code, "too old" in expired.text) == (410, True)
    assert (posted.status_code, posted.json()["code"]) == (401, "link_expired")


async def test_whose_turn_has_not_come_is_told_to_wait(matching: Matching) -> None:
    await matching.case(programme="virksomhedspraktik")
    await matching.place(programmes=["virksomhedspraktik"], kind="company")
    await matching.settle()
    proposal = await matching.out()
    candidate = next(one for one in proposal.asked if one.side == "candidate")
    async with matching.client(headers=HTML, params={"lang": "en"}) as client:
        page = await client.get(f"/matching/answer/{matching.link(proposal, candidate.person_id)}")
        assert "not your turn yet" in page.text
        await matching.say(proposal, "host", "yes")
        page = await client.get(f"/matching/answer/{matching.link(proposal, candidate.person_id)}")
    assert page.status_code == 200 and "Your answer is heard" in page.text


async def test_the_metrics_count_what_waits_what_is_free_and_what_became_of_proposals(
    matching: Matching,
) -> None:
    (set_gauges,) = matching.host.gauges
    connection = await asyncpg.connect(matching.dsn)
    try:
        await set_gauges(connection)
        proposal = await proposed(matching)
        await matching.place(capacity=4)
        await set_gauges(connection)
        before = metric(f'makker_proposals_total{{outcome="refused",programme="{PROGRAMME}"}}')
        await matching.say(proposal, "host", "no")
        await set_gauges(connection)
        await set_gauges(connection)
    finally:
        await connection.close()
    labels = f'{{programme="{PROGRAMME}",unit="{UNIT}"}}'
    assert metric(f"makker_waiting{labels}") == 2
    assert metric(f"makker_places_free{labels}") == 5
    assert metric(f'makker_proposals_total{{outcome="refused",programme="{PROGRAMME}"}}') == before + 1
    assert metric("makker_match_seconds_count") >= 2


def metric(name: str) -> float:
    lines = generate_latest().decode().splitlines()
    return next((float(line.split()[-1]) for line in lines if line.startswith(f"{name} ")), 0.0)


def test_the_words_are_the_same_in_all_languages() -> None:
    assert faults_in_words(Path(services.matching.__file__).parent / "words") == []


@pytest.mark.parametrize(
    ("method", "path", "status", "code", "field"),
    [
        ("GET", "/matching/api/proposals?case_id=Hemmelig", 422, "does_not_fit", "case_id"),
        ("GET", "/matching/api/proposals?limit=0", 422, "does_not_fit", "limit"),
        ("GET", "/matching/api/cases/Hemmelig/why", 422, "does_not_fit", "case_id"),
        (
            "GET",
            "/matching/api/proposals?cursor=%00~6d616b6b-6572-5000-8000-6d616b6b6572",
            422,
            "does_not_fit",
            "",
        ),
        ("GET", "/matching/api/proposals?state=%00", 422, "does_not_fit", ""),
        ("GET", "/matching/api/pool", 422, "does_not_fit", "programme"),
        ("GET", "/matching/api/no-such-list", 404, "not_found", ""),
        ("DELETE", "/matching/api/proposals", 405, "not_this_way", ""),
    ],
)
async def test_a_request_that_fits_no_route_is_a_problem_that_repeats_nothing(
    matching: Matching, method: str, path: str, status: int, code: str, field: str
) -> None:
    async with matching.client(headers=matching.staff()) as client:
        answer = await client.request(method, path)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    body = answer.json()
    assert (body["code"], body["errors"][0]["field"]) == (code, field)
    assert "Hemmelig" not in answer.text
    assert ("allow" in answer.headers) == (status == 405)


async def test_a_host_reads_how_the_candidate_is_presented_until_it_is_erased(matching: Matching) -> None:
    case = await matching.case()
    await matching.place()
    await matching.settle()
    text = CaseTexts(case_id=case.case_id, version=1, presentation="Glad for at stå tidligt op")
    await matching.take(text)
    proposal = await matching.out()
    host = next(one for one in proposal.asked if one.side == "host")
    candidate = next(one for one in proposal.asked if one.side == "candidate")
    async with matching.client() as client:
        shown = await client.get(f"/matching/answer/{matching.link(proposal, host.person_id)}")
        own = await client.get(f"/matching/answer/{matching.link(proposal, candidate.person_id)}")
        assert "tidligt op" in shown.text and "tidligt op" not in own.text
        await matching.take(Tombstone(topic="case-texts-v1", key=str(case.case_id)))
        await matching.take(text.model_copy(update={"version": 2}))
        again = await client.get(f"/matching/answer/{matching.link(proposal, host.person_id)}")
    assert again.status_code == 200 and "tidligt op" not in again.text
