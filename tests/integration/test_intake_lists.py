"""The lists of daily work on PostgreSQL: cases, certificates, whom we wait for, and today."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from pydantic import BaseModel

from services.intake import case_list_queries as lists
from services.intake.case_list_queries import OPEN, Wanted
from services.intake.settling import today_in, today_of
from shared.access import person_of
from shared.contracts.intake_commands import (
    AssignCase,
    CompletePreparation,
    OrderCertificate,
    PauseCase,
    RecordCertificateShown,
    WithdrawCase,
)
from shared.contracts.people_commands import BreakGlass
from shared.messages import Actor
from tests.servers.intake import CASEWORKER, NOW, Intake, as_, browser, intake, referral

__all__ = ["browser", "intake"]

ME = person_of("test", "kirsten")
ODA = person_of("test", "oda")
HTML = {"Accept": "text/html"}


async def case(intake: Intake, name: str, caseworker: UUID | None = None, **changes: Any) -> UUID:
    """An open case in preparation of somebody without a national id."""
    given, family = name.split()
    said: dict[str, Any] = dict.fromkeys(("candidate__national_id", "candidate__national_id_type"))
    said |= {"candidate__phone": None}
    said |= {"candidate__given_name": given, "candidate__family_name": family}
    said |= {"candidate__email": f"{given}.{family}@example.org"}
    case_id = await intake.case_of(referral(f"R-{name.replace(' ', '-')}", **{**said, **changes}))
    if caseworker is not None:
        await tell(intake, AssignCase(case_id=case_id, caseworker=await intake.knows(caseworker)))
    return case_id


async def tell(intake: Intake, body: BaseModel, **actor: Any) -> None:
    who: Actor = replace(CASEWORKER, **{"person_id": ME, "units": frozenset({"DK-0169", "NO-3222"}), **actor})
    (outcome,) = await intake.take(intake.of_staff(body, who))
    assert outcome.kind == "done", outcome


async def shown(client: httpx.AsyncClient, intake: Intake, query: str = "", **who: Any) -> str:
    answer = await client.get(f"/intake/cases{query}", headers=as_(intake, "caseworker", **who) | HTML)
    assert answer.status_code == 200, answer.text
    return answer.text


def among(text: str, names: Sequence[str]) -> list[str]:
    """Those of the names that the page shows, in its order."""
    return sorted((name for name in names if name in text), key=text.index)


NAMES = ("Amina Eksempel", "Bo Prøve", "Carla Test")


async def test_a_case_is_found_by_a_part_of_its_name_and_by_its_whole_reference(
    intake: Intake, browser: httpx.AsyncClient
) -> None:
    for name in NAMES:
        await case(intake, name)
    assert among(await shown(browser, intake, "?q=prø"), NAMES) == ["Bo Prøve"]
    assert among(await shown(browser, intake, "?q=R-Carla-Test"), NAMES) == ["Carla Test"]
    assert among(await shown(browser, intake, "?q=R-Carla"), NAMES) == []
    assert among(await shown(browser, intake, "?q=%25"), NAMES) == []
    assert among(await shown(browser, intake, "?q=prø", units=("NO-3222",)), NAMES) == []


async def test_who_has_cases_sees_their_own_first_and_can_ask_for_other_peoples(
    intake: Intake, browser: httpx.AsyncClient
) -> None:
    await case(intake, NAMES[0])
    assert among(await shown(browser, intake), NAMES) == ["Amina Eksempel"]
    await case(intake, NAMES[1], ME)
    await case(intake, NAMES[2], ODA)
    assert among(await shown(browser, intake), NAMES) == ["Bo Prøve"]
    assert among(await shown(browser, intake, "?whose=nobody"), NAMES) == ["Amina Eksempel"]
    assert among(await shown(browser, intake, f"?whose={ODA}"), NAMES) == ["Carla Test"]
    assert sorted(among(await shown(browser, intake, "?whose=all"), NAMES)) == sorted(NAMES)
    assert among(await shown(browser, intake, "?whose=stand_in"), NAMES) == []
    headers = as_(intake, "caseworker")
    assert (await browser.get("/intake/cases?whose=x", headers=headers)).status_code == 422


async def test_the_cases_of_whom_one_stands_in_for_are_seen_while_one_does(
    intake: Intake, browser: httpx.AsyncClient
) -> None:
    await case(intake, NAMES[2], ODA)
    duty = {"person_id": str(ME), "stands_in_for": str(ODA), "since": "2026-11-01", "until": "2026-11-30"}
    unit = {"id": str(ME), "state": "open", "unit": "DK-0169", "duty": [duty]}
    await intake.pool.execute(
        "INSERT INTO unit_file (id, version, doc) VALUES (gen_random_uuid(), 1, $1::jsonb)", json.dumps(unit)
    )
    assert among(await shown(browser, intake, "?whose=stand_in"), NAMES) == ["Carla Test"]


async def test_what_is_over_is_left_out_until_it_is_asked_for_or_searched_for(
    intake: Intake, browser: httpx.AsyncClient
) -> None:
    over, rests = await case(intake, NAMES[0]), await case(intake, NAMES[1])
    await case(intake, NAMES[2])
    await tell(intake, WithdrawCase(case_id=over, reason="moved"))
    await tell(intake, PauseCase(case_id=rests, reason="illness"))
    page = await shown(browser, intake)
    assert sorted(among(page, NAMES)) == ["Bo Prøve", "Carla Test"]
    assert among(await shown(browser, intake, "?state=over"), NAMES) == ["Amina Eksempel"]
    assert among(await shown(browser, intake, "?state=paused"), NAMES) == ["Bo Prøve"]
    assert among(await shown(browser, intake, "?q=eksempel"), NAMES) == ["Amina Eksempel"]
    async with intake.pool.acquire() as connection:
        wanted = Wanted(units={"DK-0169"}, states=OPEN)
        counts = await lists.count_by_state(connection, wanted)
    assert counts == {"preparing": 1, "paused": 1, "withdrawn": 1}


async def test_filters_narrow_by_who_must_do_something_and_by_when_it_is_due(
    intake: Intake, browser: httpx.AsyncClient
) -> None:
    await case(intake, NAMES[0])
    young: dict[str, Any] = {"programme": "skolepraksis", "unit": "NO-3222", "candidate__target_group": None}
    of_school = await case(intake, NAMES[1], candidate__postcode="1473", **young)
    units = ("DK-0169", "NO-3222")
    assert among(await shown(browser, intake, "?waits_for=candidate", units=units), NAMES) == ["Bo Prøve"]
    assert among(await shown(browser, intake, "?programme=skolepraksis", units=units), NAMES) == ["Bo Prøve"]
    assert among(await shown(browser, intake, "?unit=DK-0169", units=units), NAMES) == ["Amina Eksempel"]
    await tell(intake, CompletePreparation(case_id=of_school, step="digital_mailbox"))
    page = await shown(browser, intake, "?due=soon&waits_for=candidate", units=units)
    assert among(page, NAMES) == ["Bo Prøve"], "the certificate is to be ordered today"
    answer = await browser.get("/intake/cases?unit=NO-3222", headers=as_(intake, "caseworker"))
    assert answer.status_code == 403


@pytest.mark.parametrize("newest", [True, False])
async def test_page_by_page_every_case_comes_once_and_in_order(intake: Intake, newest: bool) -> None:
    cases = [await case(intake, f"Nr{number} Borger") for number in range(7)]
    for number, case_id in enumerate(cases[:3]):
        steps = '[{"step": "interview", "who": "caseworker", "before": "match", "due_on": "2026-11-2%s"}]'
        await intake.pool.execute(
            "UPDATE case_file SET doc = jsonb_set(doc, '{open_steps}', $2::jsonb) WHERE id = $1",
            case_id,
            steps % (9 - number),
        )
    seen: list[UUID] = []
    cursor = None
    wanted = Wanted(units={"DK-0169"}, states=OPEN)
    async with intake.pool.acquire() as connection:
        for _ in range(4):
            found = await lists.page(connection, wanted, newest=newest, cursor=cursor, limit=2)
            seen += [row.case.id for row in found.rows]
            cursor = found.next
        with pytest.raises(ValueError, match=r".*"):
            await lists.page(connection, wanted, newest=newest, cursor="bm8=")
    assert cursor is None
    assert (len(seen), set(seen)) == (7, set(cases))
    if not newest:
        assert seen[:3] == [cases[2], cases[1], cases[0]]


async def test_a_view_is_kept_for_who_saved_it_and_forgotten_when_they_say_so(
    intake: Intake, browser: httpx.AsyncClient
) -> None:
    me, other = as_(intake, "caseworker"), as_(intake, "caseworker", subject="oda")
    said = {"name": " Haster <b> ", "due": "soon", "whose": "mine", "q": "Bo", "evil": "1"}
    answer = await browser.post("/intake/cases/views", data=said, headers=me)
    assert (answer.status_code, answer.headers["location"]) == (303, "/intake/cases?q=Bo&whose=mine&due=soon")
    kept = await intake.pool.fetchval("SELECT filters FROM saved_view")
    assert kept == "whose=mine&due=soon", "whose name was searched for is not kept"
    mine = (await browser.get("/intake/cases", headers=me)).text
    assert 'href="/intake/cases?whose=mine&amp;due=soon">Haster &lt;b&gt;</a>' in mine
    assert "Haster" not in (await browser.get("/intake/cases", headers=other)).text
    await browser.post("/intake/cases/views/forget", data={"name": "Haster <b>"}, headers=other)
    assert await intake.pool.fetchval("SELECT count(*) FROM saved_view") == 1
    await browser.post("/intake/cases/views/forget", data={"name": "Haster <b>"}, headers=me)
    assert await intake.pool.fetchval("SELECT count(*) FROM saved_view") == 0
    assert (await browser.post("/intake/cases/views", data={"name": " "}, headers=me)).status_code == 422
    assert (await browser.post("/intake/cases/views", data={"name": "x" * 61}, headers=me)).status_code == 422


async def test_nobody_keeps_more_views_than_they_can_read(intake: Intake, browser: httpx.AsyncClient) -> None:
    me = as_(intake, "caseworker")
    for number in range(lists.MOST_VIEWS):
        await browser.post("/intake/cases/views", data={"name": f"Nr {number}"}, headers=me)
    one_more = await browser.post("/intake/cases/views", data={"name": "Nr 20"}, headers=me)
    assert one_more.status_code == 409
    again = await browser.post("/intake/cases/views", data={"name": "Nr 3", "q": "Bo"}, headers=me)
    assert again.status_code == 303
    assert await intake.pool.fetchval("SELECT count(*) FROM saved_view") == lists.MOST_VIEWS


async def test_each_look_at_a_list_is_written_down_for_whom_it_showed(
    intake: Intake, browser: httpx.AsyncClient
) -> None:
    for name in NAMES[:2]:
        await case(intake, name)
    for path in ("/intake/cases?q=prø", "/intake/waiting", "/intake/certificates"):
        await browser.get(path, headers=as_(intake, "caseworker"))
    looks = await intake.pool.fetch(
        "SELECT at_what, cardinality(person_ids) AS n FROM look ORDER BY position"
    )
    assert [(one["at_what"], one["n"]) for one in looks] == [
        ("case_list", 1),
        ("waiting", 2),
        ("certificates", 0),
    ]


SCHOOL: dict[str, Any] = {
    "programme": "skolepraksis",
    "unit": "NO-3222",
    "candidate__target_group": None,
    "candidate__postcode": "1473",
}


async def test_a_certificate_moves_from_to_order_to_awaited_to_held_and_on_to_renew(
    intake: Intake, browser: httpx.AsyncClient
) -> None:
    case_id = await case(intake, NAMES[0], **SCHOOL)
    headers = as_(intake, "caseworker", units=("NO-3222",))

    async def stands() -> str:
        text = (await browser.get("/intake/certificates?lang=en", headers=headers)).text
        headings = ("Lapsed", "To order now", "To renew", "Ordered and awaited")
        found = [one for one in headings if f"<h2>{one}" in text]
        return found[0] if found and "Amina Eksempel" in text else "nothing"

    kind = "police_certificate"
    assert await stands() == "nothing"
    await tell(intake, CompletePreparation(case_id=case_id, step="digital_mailbox"))
    assert await stands() == "To order now"
    await tell(intake, OrderCertificate(case_id=case_id, kind=kind))
    assert await stands() == "Ordered and awaited"
    await tell(intake, RecordCertificateShown(case_id=case_id, kind=kind))
    assert await stands() == "nothing"
    tomorrow = today_in("NO-3222", intake.host.service.programmes, NOW) + timedelta(days=1)
    await tell(intake, RecordCertificateShown(case_id=case_id, kind=kind, valid_until=tomorrow))
    assert await stands() == "To renew"


async def test_whom_we_wait_for_is_said_by_who_must_do_it_with_a_way_to_the_rest(
    intake: Intake, browser: httpx.AsyncClient
) -> None:
    for number in range(17):
        await case(intake, f"Nr{number} Borger")
    text = (await browser.get("/intake/waiting?lang=en", headers=as_(intake, "caseworker"))).text
    assert text.count('<th scope="row"') == 15
    assert "See all 17" in text and "waits_for=caseworker" in text


async def today(client: httpx.AsyncClient, headers: dict[str, str]) -> list[dict[str, Any]]:
    answer = await client.get(
        "/intake/fragments/today?lang=en", headers=headers | {"Accept": "application/json"}
    )
    found: list[dict[str, Any]] = answer.json()
    return found


async def test_today_is_sorted_says_where_each_thing_leads_and_ends_at_thirty(
    intake: Intake, browser: httpx.AsyncClient
) -> None:
    await case(intake, NAMES[0], **SCHOOL)
    for number in range(40):
        await case(intake, f"Nr{number} Borger")
    found = await today(browser, as_(intake, "caseworker"))
    assert len(found) == 30
    assert {"text", "due_at", "urgency", "href"} <= set(found[0])
    assert found[0]["text"] == "40 cases have no caseworker"
    assert found[0]["href"] == "/intake/cases?whose=nobody"
    order = [("overdue", "today", "soon", "later").index(one["urgency"]) for one in found]
    assert order == sorted(order)
    assert "12 more things" in found[-1]["text"]
    assert "Borger" not in str(found), "names are asked for by the browser"


async def test_today_is_ones_own_and_what_nobody_has(intake: Intake, browser: httpx.AsyncClient) -> None:
    mine = await case(intake, NAMES[0], ME)
    await case(intake, NAMES[1], ODA)
    nobodys = await case(intake, NAMES[2])
    found = {one["href"] for one in await today(browser, as_(intake, "caseworker"))}
    expected = {f"/intake/cases/{one}" for one in (mine, nobodys)} | {"/intake/cases?whose=nobody"}
    assert found == expected
    assert await today(browser, as_(intake, "operator")) == []


async def test_why_not_yet_is_a_page_to_look_at_together(intake: Intake, browser: httpx.AsyncClient) -> None:
    case_id = await case(intake, NAMES[0], **SCHOOL)
    headers = as_(intake, "caseworker", units=("NO-3222",))
    text = (await browser.get(f"/intake/cases/{case_id}/why-not-yet?lang=en", headers=headers)).text
    assert "Police certificate: it takes longest; it can be ordered from" in text
    assert "Once this is done: digital mailbox set up" in text
    await tell(intake, PauseCase(case_id=case_id, reason="illness"))
    for path in ("/why-not-yet", ""):
        text = (await browser.get(f"/intake/cases/{case_id}{path}?lang=en", headers=headers)).text
        assert "The reason: Illness. It is taken up again by: caseworker." in text
        assert "Earliest start" not in text
    other = await browser.get(f"/intake/cases/{case_id}/why-not-yet", headers=as_(intake, "caseworker"))
    assert other.status_code == 403


async def test_a_project_manager_sees_whose_glass_was_broken(
    intake: Intake, browser: httpx.AsyncClient
) -> None:
    case_id = await case(intake, NAMES[0], ME)
    person_id = await intake.pool.fetchval("SELECT person_id FROM case_file WHERE id = $1", case_id)
    said = BreakGlass(person_id=person_id, reason="Ringede akut og var ked af det")
    await tell(intake, said, subject="oda", person_id=ODA)
    assert "/intake/people/" not in str(await today(browser, as_(intake, "caseworker")))
    (look,) = [
        one
        for one in await today(browser, as_(intake, "project_manager"))
        if one["href"] == f"/intake/people/{person_id}"
    ]
    assert (look["urgency"], look["person_id"]) == ("today", str(person_id))


async def test_lists_are_of_the_units_own_day(intake: Intake, browser: httpx.AsyncClient) -> None:
    # In Denmark it is the next day already.
    late = datetime(2026, 11, 23, 23, 30, tzinfo=UTC)
    intake.host.service = replace(intake.host.service, clock=lambda: late)
    page = await browser.get("/intake/referrals/new", headers=as_(intake, "caseworker"))
    assert "2026-11-24" in page.text and "2026-11-23" not in page.text
    assert today_of({"NO-3222", "DK-0169"}, intake.host.service.programmes, late) == date(2026, 11, 24)
    assert today_of((), intake.host.service.programmes, late) == date(2026, 11, 23)
    await intake.case_of(referral())
    manager = as_(intake, "project_manager") | {"Accept": "application/json"}
    found = (await browser.get("/intake/fragments/today", headers=manager)).json()
    unowned = [one for one in found if one["href"] == "/intake/cases?whose=nobody"]
    assert [one["due_at"] for one in unowned] == ["2026-11-24"]
