"""How pools stand and what would change them, over HTTP and on pages, from a real database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date
from typing import Any

import pytest

from services.matching.metrics import NOT_SOLVED
from services.matching.overview import overview
from shared.programmes import load
from tests.integration.matching_service import PROGRAMME, UNIT, Matching, agreement, matching_service
from tests.servers.postgres import Databases

POOL = {"unit": UNIT, "programme": PROGRAMME}


@pytest.fixture
async def matching(database: Databases) -> AsyncIterator[Matching]:
    async with matching_service(await database("matching")) as service:
        yield service


async def get(matching: Matching, path: str, **params: Any) -> Any:
    async with matching.client(headers=matching.staff("coordinator")) as client:
        answer = await client.get(path, params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def page(matching: Matching, path: str, **params: Any) -> str:
    headers = matching.staff("coordinator") | {"Accept": "text/html"}
    async with matching.client(headers=headers) as client:
        answer = await client.get(path, params=params)
    assert answer.status_code == 200, answer.text
    return answer.text


async def test_every_share_comes_with_its_whole(matching: Matching) -> None:
    await matching.case()
    await matching.place()
    await matching.settle()
    await matching.agreed()
    await matching.case(profile={"wished_mentor_gender": "f", "wishes": [{"industries": ["care"]}]})
    await matching.settle()
    shown = await get(matching, "/matching/api/overview", **POOL)
    assert shown["fulfilled"] == {"part": 1, "whole": 2, "percent": 50.0}
    assert shown["capacity"] == {"part": 1, "whole": 1, "percent": 100.0}
    assert (shown["waiting"], shown["unmet"]) == (1, {"capacity": 1})
    assert shown["industries"]["care"] == {"wished": 1, "free": 0, "more": -1}


def test_a_share_of_nothing_is_no_share() -> None:
    unit = load().unit(UNIT)
    found = overview([], [], ever_ready=0, ever_matched=0, unit=unit, today=date(2026, 11, 23), limit_days=30)
    assert (found.fulfilled.percent, found.capacity.percent) == (None, None)


async def test_why_says_what_would_help_and_which_places_are_nearest(matching: Matching) -> None:
    case = await matching.case(profile={"times": ["mon-morning"]})
    place = await matching.place(times=["tue-evening"])
    await matching.settle()
    why = await get(matching, f"/matching/api/cases/{case.case_id}/why")
    assert why["reasons"] == [{"code": "times", "places": 1}]
    assert why["would_help"] == [{"code": "evening_times", "unlocks": 1}]
    assert why["nearest"] == [{"place_id": str(place.place_id), "broken": ["times"]}]


async def test_a_case_shows_how_many_more_a_change_would_place_and_what_is_nearest(
    matching: Matching,
) -> None:
    case = await matching.case(profile={"times": ["mon-morning"]})
    await matching.place(times=["tue-evening"])
    await matching.settle()
    for language, texts in {
        "en": ("Evening times (+1)", "Places that come closest", "No times in common"),
        "da": ("Tider om aftenen (+1)", "Pladser, der er tættest på", "Ingen fælles tider"),
        "nb": ("Tider på kvelden (+1)", "Plasser som er nærmest å passe", "Ingen felles tider"),
    }.items():
        shown = await page(matching, f"/matching/fragments/cases/{case.case_id}", lang=language)
        assert texts[0] in shown
        assert texts[2] in shown.partition(texts[1])[2]


async def test_the_overview_says_that_its_pool_cannot_be_solved_until_it_is(
    matching: Matching, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: Any) -> Any:
        raise RuntimeError

    case = await matching.case()
    await matching.place()
    before = NOT_SOLVED._value.get()
    with monkeypatch.context() as broken:
        for module in ("loop", "explaining"):
            broken.setattr(f"services.matching.{module}.best_pairs", failing)
        await matching.settle()
        assert NOT_SOLVED._value.get() == before + 1
        text = await page(matching, "/matching/overview", lang="en", **POOL)
        why = await get(matching, f"/matching/api/cases/{case.case_id}/why")
    assert (why["reasons"], why["would_help"]) == ([{"code": "others_first", "places": 1}], [])
    assert "No pairs can be found just now" in text and "tried again every five minutes" in text
    matching.clock.move(minutes=6)
    await matching.settle()
    assert await matching.types() == ["MatchProposed"]
    assert "No pairs can be found just now" not in await page(
        matching, "/matching/overview", lang="en", **POOL
    )


async def test_what_if_says_who_would_be_placed_and_changes_nothing(matching: Matching) -> None:
    case = await matching.case()
    await matching.settle()
    before = await matching.types()
    body = {**POOL, "places": [{"capacity": 2, "industries": ["retail"], "postcode": "2630"}]}
    async with matching.client(headers=matching.staff("coordinator")) as client:
        answer = await client.post("/matching/api/what-if", json=body)
        wrong = await client.post("/matching/api/what-if", json={**POOL, "places": [{"industries": ["x"]}]})
        elsewhere = await client.post("/matching/api/what-if", json={**body, "unit": "NO-3222"})
    assert answer.json() == {
        "placed": 1,
        "points": answer.json()["points"],
        "overdue": 0,
        "gained": [str(case.case_id)],
        "lost": [],
    }
    assert (wrong.status_code, wrong.json()["code"]) == (422, "unknown_code")
    assert elsewhere.status_code == 403
    assert await matching.types() == before


async def test_the_cost_of_a_choice_names_who_waits_longer(matching: Matching) -> None:
    """One place, one who wishes for it and one who does not: choosing the other costs points and a place."""
    wishes = await matching.case(profile={"wishes": [{"plan": "A", "industries": ["retail"]}]})
    other = await matching.case(profile={"wishes": [{"plan": "A", "industries": ["care"]}]})
    place = await matching.place()
    found = await get(matching, f"/matching/api/cases/{other.case_id}/cost", place_id=place.place_id)
    assert (found["lost"], found["gained"], found["placed"]) == (
        [str(wishes.case_id)],
        [str(other.case_id)],
        0,
    )
    assert found["points"] < 0
    own = await get(matching, f"/matching/api/cases/{wishes.case_id}/cost", place_id=place.place_id)
    assert (own["lost"], own["points"]) == ([], 0)


async def test_whom_a_choice_passes_over_after_too_long_is_said_apart_from_the_points(
    matching: Matching,
) -> None:
    """More points do not make up for it: nothing costs less than nothing."""
    fresh = await matching.case(profile={"wishes": [{"plan": "A", "industries": ["retail"]}]})
    await matching.case(
        waiting_since=date(2026, 9, 1), profile={"wishes": [{"plan": "A", "industries": ["care"]}]}
    )
    place = await matching.place()
    found = await get(matching, f"/matching/api/cases/{fresh.case_id}/cost", place_id=place.place_id)
    assert found["overdue"] == -1 and found["points"] > 0
    path = f"/matching/cases/{fresh.case_id}/choose"
    shown = await page(matching, path, lang="da", place_id=str(place.place_id))
    assert "1 anden kommer til at vente længere, 1 færre af dem, der har ventet over grænsen" in shown
    assert f"Det giver {found['points']} point mere i alt." in shown


async def test_a_pair_that_is_out_is_priced_as_the_new_one_is_with_the_rules_of_today(
    matching: Matching,
) -> None:
    """Waiting gives points by the day: two places alike cost nothing, however long the answer takes."""
    case = await matching.case()
    await matching.place()
    await matching.settle()
    matching.clock.move(days=5)
    other = await matching.place()
    found = await get(matching, f"/matching/api/cases/{case.case_id}/cost", place_id=other.place_id)
    assert (found["points"], found["overdue"], found["lost"]) == (0, 0, [])


async def test_the_kinds_of_places_that_most_lack_are_told(matching: Matching) -> None:
    for _ in range(2):
        await matching.case(profile={"wishes": [{"plan": "A", "industries": ["care"]}]})
    found = await get(matching, "/matching/api/would-help", **POOL)
    unsaid = dict.fromkeys(("town", "time", "hours", "gender", "profession"))
    assert found["kinds"] == [unsaid | {"openings": 2, "industry": "care", "unlocks": 2}]
    shown = await page(matching, "/matching/overview", lang="da", **POOL)
    assert (
        "2 flere får en plads" in shown
        and "2 pladser · Ældrepleje og omsorg" in shown
        and "uanset afstand" in shown
    )


async def test_the_pages_show_it_in_words(matching: Matching) -> None:
    case = await matching.case(profile={"wishes": [{"plan": "A", "industries": ["care"]}]})
    place = await matching.place(times=["tue-evening"])
    text = await page(matching, "/matching/overview", lang="da", **POOL)
    assert "Overblik" in text and "Hvad nu hvis" in text
    chosen = await page(
        matching, f"/matching/cases/{case.case_id}/choose", lang="da", place_id=str(place.place_id)
    )
    assert "Foreslå denne plads" in chosen and "Det koster ingen andre noget" in chosen
    headers = matching.staff("coordinator") | {"Accept": "text/html"}
    async with matching.client(headers=headers) as client:
        answer = await client.post(
            "/matching/what-if?lang=da", data={**POOL, "capacity": "1", "industries[]": "care"}
        )
    assert answer.status_code == 200 and "ville" in answer.text


async def test_a_sheet_names_the_places_that_fit_best_first_in_plain_words(matching: Matching) -> None:
    case = await matching.case(profile={"wishes": [{"plan": "A", "industries": ["care"]}]})
    await matching.place(industries=["retail"], tasks=["cleaning"])
    await matching.place(industries=["care"], required_certificates=["police_certificate"])
    await matching.place(industries=["care"], times=["tue-evening"])
    shown = await page(matching, f"/matching/cases/{case.case_id}/sheet", lang="en")
    assert shown.count("Could this be something for you?") == 2
    assert shown.index("1. Care for the elderly") < shown.index("2. Retail")
    assert "Tuesday evening" in shown


async def test_a_match_is_agreed_within_the_days_of_its_place_and_the_page_names_them(
    matching: Matching,
) -> None:
    await matching.case()
    await matching.place(available_from="2026-12-05", available_to="2027-01-15")
    await matching.settle()
    proposal = await matching.accepted()
    shown = await page(matching, f"/matching/proposals/{proposal.id}", lang="da")
    assert "Tidligst 5. december 2026" in shown and "Senest 15. januar 2027" in shown
    early = await matching.ask(agreement(proposal.id))
    late = await matching.ask(agreement(proposal.id, starts_on="2026-12-05"))
    limits = [one.refusal.values["limit"] for one in (early, late) if one.refusal is not None]
    assert limits == ["place_available_from", "place_available_to"]
    await matching.done(agreement(proposal.id, starts_on="2026-12-05", ends_on="2027-01-15"))
