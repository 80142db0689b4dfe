"""How concrete a mentor is told of a candidate: field, stage and the task ahead, and staff of what lacks."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest

from shared.contracts.intake import CaseReady
from shared.contracts.matching import PublishMentorWanted
from shared.contracts.model import Party
from tests.integration.matching_service import Matching, matching_service
from tests.servers.postgres import Databases

CORPS = {"unit": "DK-0851/aalborg", "programme": "mentorskab"}
CONCRETE = {"field": "healthcare", "stage": "choosing_education", "task": "job_search"}


@pytest.fixture
async def matching(database: Databases) -> AsyncIterator[Matching]:
    async with matching_service(await database("matching")) as service:
        yield service


async def mentee(matching: Matching, **profile: Any) -> CaseReady:
    wishes = [{"plan": "A", "profession": "nurse", "education": "long_higher"}]
    return await matching.case(**CORPS, profile={"wishes": wishes, **profile})


async def fragment(matching: Matching, case: CaseReady) -> str:
    headers = matching.staff("coordinator", units=(CORPS["unit"],)) | {"Accept": "text/html"}
    async with matching.client(headers=headers) as client:
        answer = await client.get(f"/matching/fragments/cases/{case.case_id}", params={"lang": "da"})
    assert answer.status_code == 200, answer.text
    return answer.text


async def test_a_mentor_reads_field_stage_task_and_education_in_words(matching: Matching) -> None:
    await mentee(matching, **CONCRETE)
    mentor = Party(person_id=uuid4(), side="mentor", role="volunteer_mentor")
    await matching.place(
        **CORPS,
        programmes=("mentorskab",),
        host_id=None,
        mentor_id=mentor.person_id,
        kind="volunteer",
        profession="nurse",
        parties=(mentor,),
    )
    await matching.settle()
    link = matching.link(await matching.out(), mentor.person_id)
    async with matching.client(headers={"Accept": "text/html"}) as client:
        shown = (await client.get(f"/matching/answer/{link}", params={"lang": "da"})).text
    codes = matching.service.programmes.codes
    for name, code in (
        *(("fields", "healthcare"), ("stages", "choosing_education"), ("content", "job_search")),
        *(("education_levels", "long_higher"), ("professions", "nurse")),
    ):
        assert codes.words(name, code, "da") in shown


async def test_staff_are_told_what_a_mentors_page_would_lack(matching: Matching) -> None:
    general = await mentee(matching, field="healthcare")
    concrete = await mentee(matching, **CONCRETE)
    assert "Det mangler i profilen: hvor i livet, opgaven lige nu" in await fragment(matching, general)
    assert "Det mangler i profilen" not in await fragment(matching, concrete)


async def test_a_notice_takes_the_task_from_the_profile_where_the_interview_told_it(
    matching: Matching,
) -> None:
    case = await mentee(matching, **CONCRETE)
    outcome = await matching.ask(PublishMentorWanted(case_id=case.case_id))
    assert outcome.kind == "done"
    (told,) = await matching.events("MentorWanted")
    assert json.loads(told["body"])["task"] == "job_search"
