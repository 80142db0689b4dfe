"""What keeps a unit's door open to people and slow for programs: without a guard, its test fails."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest

from services.intake import enquiry_pages
from tests.builders import Clock
from tests.servers.enquiries import (
    CANDIDATE,
    CORPS,
    KINDS,
    MENTOR,
    UNIT,
    asked,
    browser,
    clock,
    intake,
    link,
    send,
    stamped,
)
from tests.servers.intake import Intake

__all__ = ["browser", "clock", "intake"]
DOOR = f"/intake/enquiry/{UNIT}"


def kept(page: httpx.Response, *typed: str) -> bool:
    return all(one in page.text for one in typed)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"homepage": "https://example.org/spam"}, "som ingen kan se"),
        ({"stamp": "1763888400-0123456789abcdef0123456789abcdef"}, "åben længe"),
        ({"stamp": None}, "åben længe"),
        ({"by_hand": None}, "at du ikke er et program"),
    ],
)
async def test_what_a_program_does_is_asked_again_with_what_was_typed(
    intake: Intake, browser: httpx.AsyncClient, clock: Clock, changes: dict[str, Any], said: str
) -> None:
    page = await send(browser, clock, "candidate", **changes)
    assert page.status_code == 422 and said in page.text
    assert kept(
        page, 'value="Amina"', 'value="amina@example.org"', "Jeg er glad for heste", "data-error-summary"
    )
    assert await intake.count("enquiry") == 0


async def test_a_form_sent_at_once_is_taken_at_the_second_press(
    intake: Intake, browser: httpx.AsyncClient, clock: Clock
) -> None:
    stamp = await stamped(browser, clock, UNIT, "candidate")
    clock.now -= timedelta(seconds=20)
    typed = {"kind": "candidate", "by_hand": "true", "stamp": stamp, **CANDIDATE}
    page = await browser.post(f"{DOOR}?lang=da", data=typed)
    assert page.status_code == 422 and "meget hurtigt" in page.text and f'value="{stamp}"' in page.text
    assert await intake.count("enquiry") == 0
    clock.now += timedelta(seconds=3)
    assert (await browser.post(DOOR, data=typed)).status_code == 303
    assert await intake.count("enquiry") == 1


async def test_a_page_left_open_overnight_gets_a_new_stamp(
    intake: Intake, browser: httpx.AsyncClient, clock: Clock
) -> None:
    stamp = await stamped(browser, clock, UNIT, "candidate")
    clock.now += timedelta(hours=13)
    typed = {"kind": "candidate", "by_hand": "true", "stamp": stamp, **CANDIDATE}
    page = await browser.post(f"{DOOR}?lang=da", data=typed)
    assert page.status_code == 422 and stamp not in page.text and kept(page, 'value="Amina"')


async def test_the_same_address_within_the_hour_gets_no_second_mail_and_the_same_answer(
    intake: Intake, browser: httpx.AsyncClient, clock: Clock
) -> None:
    clock.now += timedelta(minutes=40)
    first = await send(browser, clock, "candidate")
    clock.now += timedelta(minutes=50)
    again = await send(browser, clock, "candidate", email="AMINA@example.org", sender="2.2.2.2")
    other = await send(browser, clock, "mentor", email="amina@example.org", sender="3.3.3.3")
    assert [one.status_code for one in (first, again, other)] == [303, 303, 303]
    assert first.headers["location"] == again.headers["location"]
    assert (await intake.events(UNIT)).count("EnquiryMade") == 1 and await intake.events(CORPS) == []
    clock.now += timedelta(minutes=11)
    await send(browser, clock, "candidate")
    assert await intake.count("enquiry") == 2


async def test_a_double_click_is_one_enquiry(
    intake: Intake, browser: httpx.AsyncClient, clock: Clock
) -> None:
    stamp = await stamped(browser, clock, UNIT, "candidate")
    typed = {"kind": "candidate", "by_hand": "true", "stamp": stamp, **CANDIDATE}
    answers = await asyncio.gather(*(browser.post(DOOR, data=typed) for _ in range(5)))
    assert [one.status_code for one in answers] == [303] * 5
    assert (await intake.events(UNIT)).count("EnquiryMade") == await intake.count("person") == 1


async def test_one_address_gets_four_mails_a_day_whoever_asks(
    intake: Intake, browser: httpx.AsyncClient, clock: Clock
) -> None:
    for hour in range(6):
        assert (await send(browser, clock, "candidate", sender=f"1.1.1.{hour}")).status_code == 303
        clock.now += timedelta(minutes=61)
    assert (await intake.events(UNIT)).count("EnquiryMade") == enquiry_pages.MOST_BY_CONTACT_A_DAY


async def test_one_sender_has_to_wait_and_is_told_how_long(
    intake: Intake, browser: httpx.AsyncClient, clock: Clock
) -> None:
    for number in range(enquiry_pages.MOST_BY_SENDER):
        answer = await browser.post(
            DOOR, data={"kind": ""}, headers={"x-forwarded-for": f"{number}.9.9.9, 1.1.1.1"}
        )
        assert answer.status_code == 200
    page = await send(browser, clock, "candidate")
    assert page.status_code == 429 and 0 < int(page.headers["retry-after"]) <= 90
    assert "Det går lidt for stærkt" in page.text
    assert await intake.count("enquiry") == 0
    assert (await send(browser, clock, "candidate", sender="2.2.2.2")).status_code == 303


async def test_a_unit_that_is_flooded_takes_no_more_for_the_hour(
    intake: Intake, browser: httpx.AsyncClient, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(enquiry_pages, "MOST_BY_UNIT", 2)
    for number in range(2):
        await send(browser, clock, "candidate", email=f"p{number}@example.org", sender=f"1.1.1.{number}")
    page = await send(browser, clock, "candidate", email="p3@example.org")
    assert page.status_code == 429 and page.headers["retry-after"] == "3600"
    assert (await send(browser, clock, "mentor")).status_code == 303, "another unit"
    clock.now += timedelta(hours=1)
    assert (await send(browser, clock, "candidate", email="p3@example.org")).status_code == 303


async def test_who_tries_link_after_link_has_to_wait(
    intake: Intake, browser: httpx.AsyncClient, clock: Clock
) -> None:
    await send(browser, clock, "candidate")
    path = f"/intake/enquiry/confirm/{link(intake, await asked(intake))}"
    guesses = {"x-forwarded-for": "6.6.6.6"}
    answers = [await browser.get(f"/intake/enquiry/confirm/{n}", headers=guesses) for n in range(31)]
    assert [one.status_code for one in answers] == [404] * 30 + [429]
    assert int(answers[-1].headers["retry-after"]) > 0 and "<h1>" in answers[-1].text
    assert (await browser.get(path, headers=guesses)).status_code == 429
    assert (await browser.get(path, headers={"x-forwarded-for": "7.7.7.7"})).status_code == 200


async def test_a_fault_is_said_at_its_field_and_what_was_typed_stays(
    browser: httpx.AsyncClient, clock: Clock
) -> None:
    letters = "æ" * 10_000
    page = await send(
        browser, clock, "candidate", email="amina@", words=letters, given_name="<b>A</b>", phone="1"
    )
    assert page.status_code == 422
    assert kept(
        page, 'value="amina@"', letters, "&lt;b&gt;A&lt;/b&gt;", 'id="f-email-error"', 'id="f-words-error"'
    )
    assert kept(page, "Skriv højst 4.000 tegn", 'href="#f-phone"', 'value="library" selected')
    page = await send(browser, clock, "mentor", birth_date="1980-02-30")
    assert kept(page, 'value="1980-02-30"', "Skriv en dato, der findes", 'value="mon-evening" checked')


MULTIPART = "multipart/form-data; boundary=x"
ODD: list[tuple[bytes, str]] = [
    (
        b"kind=candidate&given_name=%00&family_name=%ED%A0%80&email=%FF%FE",
        "application/x-www-form-urlencoded",
    ),
    (b"kind=candidate&given_name.a.b=1&email[]=2&words=%0b", "application/x-www-form-urlencoded"),
    (b"kind[]=candidate&kind.x=1&notice[]=2&stamp.x=3", "application/x-www-form-urlencoded"),
    (b"&".join(b"f%d=1" % n for n in range(5000)), "application/x-www-form-urlencoded"),
    (b"--x\r\nbroken", MULTIPART),
    (b'--x\r\nContent-Disposition: form-data; name="email"; filename="a"\r\n\r\n1\r\n--x--\r\n', MULTIPART),
    (b"", "multipart/form-data"),
    (b"{}", "application/json"),
    (b"\xff\x00", ""),
    (b"kind=candidate&words=" + b"x" * 300_000, "application/x-www-form-urlencoded"),
]


@pytest.mark.parametrize(("body", "content_type"), ODD)
async def test_whatever_bytes_come_the_answer_is_a_page(
    intake: Intake, browser: httpx.AsyncClient, body: bytes, content_type: str
) -> None:
    for path in (DOOR, "/intake/enquiry/confirm/x"):
        page = await browser.post(path, content=body, headers={"content-type": content_type})
        assert page.status_code < 500 and "<h1>" in page.text
    assert await intake.count("enquiry") == 0


@pytest.mark.parametrize(
    "query", ["kind=%00", "kind=mentor&notice=%00", "sent=%FF", "lang=xx&kind=host", "kind=" + "x" * 9000]
)
async def test_whatever_the_address_says_the_answer_is_a_page(browser: httpx.AsyncClient, query: str) -> None:
    for unit, _ in KINDS.values():
        page = await browser.get(f"/intake/enquiry/{unit}?{query}")
        assert page.status_code == 200 and "<h1>" in page.text
    assert (await browser.get("/intake/enquiry/DK-0851%00/aalborg")).status_code == 404


async def test_while_the_database_is_away_what_was_typed_stays(
    intake: Intake, browser: httpx.AsyncClient, clock: Clock
) -> None:
    typed = {
        "kind": "mentor",
        "by_hand": "true",
        "stamp": await stamped(browser, clock, CORPS, "mentor"),
        **MENTOR,
    }
    await intake.pool.close()
    page = await browser.post(f"/intake/enquiry/{CORPS}?lang=da", data=typed)
    assert page.status_code == 503 and kept(page, 'value="Mads Mentor"', "Vi kan ikke tage imod det lige nu")
