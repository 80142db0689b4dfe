"""A presentation that says who it is about is refused; one that is only concrete is not."""

from __future__ import annotations

from datetime import date
from uuid import UUID

import pytest

from services.intake.documents import Person
from services.intake.nameless import tells_who
from shared.contracts.intake_commands import RecordInterview
from shared.messages import Refused
from tests.unit.intake_story import Story

TODAY = date(2026, 11, 23)
PERSON = Person(
    id=UUID(int=1),
    controller="aalborg",
    name="Amina El-Farsi Bo",
    given_name="Amina",
    family_name="El-Farsi Bo",
    email="amina@example.org",
    phone="+4521345678",
)


@pytest.mark.parametrize(
    "text",
    [
        "Amina vil gerne i gang.",
        "Det er AMINAS ønske at arbejde.",
        "Familien Farsi bor i byen.",
        "Skriv til Amina@Example.org.",
        "Ring på 21 34 56 78 efter kl. 16.",
        "Ring på +45 2134-5678.",
        "Født som 010190-1234.",
        "CPR 0101901234",
    ],
)
def test_a_text_that_says_who_it_is_about_is_seen(text: str) -> None:
    assert tells_who(text, PERSON, TODAY)


@pytest.mark.parametrize(
    "text",
    [
        "Vil gerne arbejde som sygeplejerske og bo tæt på.",
        "Har kørt 21 000 km om året, og har 10 års erfaring fra 2010 til 2020.",
        "Taler farsisk og dansk; glad for laminater.",
        "Ordrenummer 999999-9999 var det sidste.",
    ],
)
def test_a_text_that_is_only_concrete_may_stand(text: str) -> None:
    """Names are whole words, short ones are words of the language, and not every number is somebody's."""
    assert not tells_who(text, PERSON, TODAY)


def test_an_interview_whose_presentation_names_the_candidate_is_refused_at_the_field() -> None:
    story = Story("virksomhedspraktik")
    person = story.state.person
    assert person is not None
    name = person.name.split()[0]
    with pytest.raises(Refused) as refused:
        story.send(
            RecordInterview(case_id=story.id, presentation=f"Mød {name.lower()}, som er glad for orden.")
        )
    assert (refused.value.code, refused.value.field) == ("tells_who_it_is", "presentation")
    story.send(RecordInterview(case_id=story.id, presentation="Glad for orden."))
    assert story.case.presentation == "Glad for orden."


def test_an_address_that_is_told_in_the_same_interview_is_not_in_the_presentation() -> None:
    story = Story("virksomhedspraktik")
    said = {"email": "ny@example.org", "presentation": "Skriv til ny@example.org"}
    with pytest.raises(Refused) as refused:
        story.send(RecordInterview.model_validate({"case_id": story.id, **said}))
    assert refused.value.code == "tells_who_it_is"


def test_the_task_ahead_is_a_code_of_its_list_and_told_to_matching() -> None:
    story = Story("virksomhedspraktik")
    with pytest.raises(Refused) as refused:
        story.send(RecordInterview.model_validate({"case_id": story.id, "profile": {"task": "nonsense"}}))
    assert (refused.value.code, refused.value.field) == ("unknown_code", "profile.task")
    story.send(RecordInterview.model_validate({"case_id": story.id, "profile": {"task": "job_search"}}))
    assert story.case.profile.task == "job_search"
