"""The command door over HTTP: every refusal has its status, its code and its shape, and repeats no input."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from httpx import ASGITransport, AsyncClient, Response

from demo.settings import Keys
from services.followup.app import create
from shared.access import Issuer
from shared.commands import LARGEST_BODY_BYTES
from shared.contracts.model import match_id
from shared.corridor import handle
from shared.hosting import Host
from tests.builders import UNIT, Clock, agreed, messages, record, state, unreadable, written
from tests.proofs import running

pytest_plugins = ["tests.fixtures"]

BOOK, RECORD, END = "BookCheckIn", "RecordCheckIn", "EndPlacement"


class Door:
    """Posts commands as somebody: a caseworker of the unit, unless it is said otherwise."""

    def __init__(self, client: AsyncClient, keys: Keys) -> None:
        self.client = client
        self._issuer = Issuer(keys.session_private, "test")

    def token(self, role: str = "caseworker", units: tuple[str, ...] = (UNIT,), **more: Any) -> str:
        return self._issuer.token(more.pop("subject", "anna"), [role], list(units), **more)

    async def post(
        self, name: str, json: Any = None, *, token: str | None = None, key: str | None = None, **more: Any
    ) -> Response:
        headers = more.pop("headers", {}) | {"authorization": f"Bearer {token or self.token()}"}
        if key is not None:
            headers["idempotency-key"] = key
        return await self.client.post(f"/followup/api/commands/{name}", json=json, headers=headers, **more)


@pytest.fixture
async def door(followup: Host, keys: Keys) -> AsyncIterator[Door]:
    transport = ASGITransport(app=followup.app)
    async with AsyncClient(transport=transport, base_url="http://example.org") as client:
        yield Door(client, keys)


def ending(case: UUID, **more: Any) -> dict[str, Any]:
    return {"placement_id": str(match_id(case, 1)), **more}


def problem(answer: Response, status: int, code: str) -> dict[str, Any]:
    """The problem, in the one shape that all have."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert {"type", "title", "status", "code", "detail", "errors"} <= body.keys()
    assert (body["status"], body["code"], body["type"]) == (status, code, "about:blank")
    assert all(error.keys() == {"code", "field", "message"} for error in body["errors"])
    assert body["errors"]
    return body


async def test_a_command_that_is_done_answers_with_id_version_and_events(
    followup: Host, clock: Clock, door: Door
) -> None:
    case = await running(followup, clock)
    answer = await door.post(END, ending(case))
    assert answer.status_code == 200
    version = await followup.pool.fetchval("SELECT version FROM placement")
    assert answer.json() == {"id": str(match_id(case, 1)), "version": version, "events": ["PlacementEnded"]}
    assert await state(followup, case) == "ended"


async def test_nobody_is_nobody(followup: Host, clock: Clock, door: Door) -> None:
    case = await running(followup, clock)
    path = f"/followup/api/commands/{END}"
    answers = [
        await door.client.post(path, json=ending(case)),
        await door.post(END, ending(case), token="nonsense"),
        await door.post(END, ending(case), token=door.token() + "x"),
        await door.post(END, ending(case), token=door.token(hours=-1)),
        await door.post(END, ending(case), token=Issuer(Keys().session_private, "t").token("a", [], [])),
        await door.client.post(path, json=ending(case), headers={"authorization": f"Basic {door.token()}"}),
    ]
    for answer in answers:
        problem(answer, 401, "not_signed_in")
        assert answer.headers["www-authenticate"] == "Bearer"
    assert await state(followup, case) == "running"


@pytest.mark.parametrize("role", ["analyst", "operator", "publisher", "unknown"])
async def test_another_role_may_not(followup: Host, clock: Clock, door: Door, role: str) -> None:
    case = await running(followup, clock)
    problem(await door.post(END, ending(case), token=door.token(role)), 403, "not_allowed")
    assert await state(followup, case) == "running"


@pytest.mark.parametrize("units", [(), ("NO-3222",)])
async def test_another_unit_may_not(followup: Host, clock: Clock, door: Door, units: tuple[str, ...]) -> None:
    case = await running(followup, clock)
    problem(await door.post(END, ending(case), token=door.token(units=units)), 403, "other_unit")
    assert await state(followup, case) == "running"


async def test_what_does_not_exist_is_not_found(door: Door) -> None:
    problem(await door.post("MakeCoffee", {}), 404, "unknown_command")
    problem(await door.post("AgreeMatch", {}), 404, "command_of_another_service")
    problem(await door.post(END, ending(uuid4())), 404, "not_found")


async def test_a_refusal_has_a_stable_code_and_undoes_everything(
    followup: Host, clock: Clock, door: Door
) -> None:
    case = uuid4()
    await handle(followup.service, messages(followup, [record(agreed(case))]))
    refused = problem(await door.post(END, ending(case), key="k"), 409, "not_in_this_state")
    assert refused["state"] == "agreed"
    assert await written(followup) == []
    assert await followup.pool.fetchval("SELECT count(*) FROM command_answer") == 0
    # What was refused may be done later, under the same key.
    problem(await door.post(END, ending(case), key="k"), 409, "not_in_this_state")


async def test_who_was_shown_an_older_version_hears_what_changed(
    followup: Host, clock: Clock, door: Door
) -> None:
    case = await running(followup, clock)
    shown = await followup.pool.fetchval("SELECT version FROM placement")
    at = (clock.now + timedelta(days=9)).isoformat()
    assert (await door.post(BOOK, ending(case, at=at, version=shown))).status_code == 200
    refused = problem(await door.post(END, ending(case, version=shown)), 409, "changed_meanwhile")
    assert (refused["shown"], refused["stored"]) == (shown, shown + 1)
    assert refused["errors"][0]["field"] == "version"
    assert await state(followup, case) == "running"
    assert (await door.post(END, ending(case, version=shown + 1))).status_code == 200


async def test_too_large_a_body_is_refused_before_it_is_read_whole(door: Door) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(LARGEST_BODY_BYTES // 65536 + 2):
            yield b" " * 65536

    as_json = {"content-type": "application/json"}
    as_form = {"content-type": "application/x-www-form-urlencoded"}
    problem(await door.post(END, content=b" " * (LARGEST_BODY_BYTES + 1), headers=as_json), 413, "too_large")
    problem(await door.post(END, content=endless(), headers=as_json), 413, "too_large")
    form = await door.post(END, content=endless(), headers=as_form)
    assert form.status_code == 413


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "application/jsonx"])
async def test_what_is_neither_json_nor_a_form_is_refused(door: Door, kind: str) -> None:
    problem(await door.post(END, content=b"{}", headers={"content-type": kind}), 415, "not_json")


async def test_every_fault_is_named_at_once_and_no_input_is_repeated(door: Door) -> None:
    secret = "Signe 010203-1234"
    answer = await door.post(
        RECORD,
        {"placement_id": secret, "held": secret, "held_on": secret, "mode": secret, secret: 1, "note": 7},
    )
    found = problem(answer, 422, "does_not_fit")
    fields = {error["field"] for error in found["errors"]}
    assert {"placement_id", "held", "held_on", "mode", "note"} <= fields
    assert not any(part in answer.text for part in ("Signe", "010203"))


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b'"text"',
        b"null",
        b"\xff",
        b"[" * 100_000,
        b'{"note": "\\ud800"}',
        b'{"note": "a\\u0000b"}',
        b'{"note": NaN}',
    ],
)
async def test_a_body_that_is_no_json_object_is_malformed(door: Door, body: bytes) -> None:
    answer = await door.post(RECORD, content=body, headers={"content-type": "application/json"})
    problem(answer, 422, "malformed")


async def test_a_text_that_only_looks_like_an_escape_is_taken(
    followup: Host, clock: Clock, door: Door
) -> None:
    case = await running(followup, clock)
    answer = await door.post(RECORD, ending(case, held=True, note="skrev \\x00 og \\u0000 på tavlen"))
    assert answer.status_code == 200


async def test_while_the_database_is_away_the_answer_is_to_try_again(clock: Clock, keys: Keys) -> None:
    host = await create(keys.settings("postgresql://nobody@127.0.0.1:1/nothing"), clock)
    async with AsyncClient(transport=ASGITransport(app=host.app), base_url="http://example.org") as client:
        answer = await Door(client, keys).post(END, ending(uuid4()))
    problem(answer, 503, "try_again")
    assert answer.headers["retry-after"] == "5"


async def test_a_repeat_under_the_same_key_gives_the_first_answer(
    followup: Host, clock: Clock, door: Door
) -> None:
    case = await running(followup, clock)
    first = await door.post(RECORD, ending(case, held=True), key="one")
    again = await door.post(RECORD, ending(case, held=True), key="one")
    assert (again.status_code, again.json()) == (200, first.json())
    assert (await written(followup)).count("CheckInHeld") == 1
    problem(await door.post(RECORD, ending(case, held=False), key="one"), 409, "idempotency_key_reused")
    # Another command, and another person, have keys of their own.
    other = await door.post(RECORD, ending(case, held=True), key="one", token=door.token(subject="bo"))
    assert other.json()["check_in_id"] != first.json()["check_in_id"]


async def test_a_double_post_at_the_same_moment_has_one_effect_and_one_answer(
    followup: Host, clock: Clock, door: Door
) -> None:
    for number in range(10):
        case = await running(followup, clock)
        answers = await asyncio.gather(
            *(door.post(RECORD, ending(case, held=True), key=f"twice {number}") for _ in range(4))
        )
        assert [answer.status_code for answer in answers] == [200] * 4
        assert len({answer.text for answer in answers}) == 1
    assert (await written(followup)).count("CheckInHeld") == 10


async def test_without_a_key_each_post_is_a_wish_of_its_own(followup: Host, clock: Clock, door: Door) -> None:
    case = await running(followup, clock)
    await door.post(RECORD, ending(case, held=False))
    await door.post(RECORD, ending(case, held=False))
    assert (await written(followup)).count("CheckInMissed") == 2


async def test_a_form_is_answered_by_the_way_on(followup: Host, clock: Clock, door: Door) -> None:
    case = await running(followup, clock)
    form = ending(case, held="true", note="", return_to="/followup/placements/{id}#{check_in_id}")
    answer = await door.post(RECORD, data=form | {"Idempotency-Key": "f"})
    assert answer.status_code == 303
    placement = match_id(case, 1)
    assert answer.headers["location"].startswith(f"/followup/placements/{placement}#")
    again = await door.post(RECORD, data=form | {"Idempotency-Key": "f"})
    assert again.headers["location"] == answer.headers["location"]
    assert (await written(followup)).count("CheckInHeld") == 1


@pytest.mark.parametrize(
    "elsewhere",
    [
        "//evil.example.org",
        "https://evil.example.org",
        "/\\evil.example.org",
        "\\/evil",
        "evil",
        "javascript:x",
    ],
)
async def test_a_form_leads_nowhere_but_to_this_site(
    followup: Host, clock: Clock, door: Door, elsewhere: str
) -> None:
    case = await running(followup, clock)
    answer = await door.post(END, data=ending(case, return_to=elsewhere))
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


@pytest.mark.parametrize("elsewhere", ["/\t/evil.example.org", "/\n/evil.example.org", "/\r\nx-evil: 1"])
async def test_what_browsers_leave_out_of_an_address_leads_nowhere_either(
    followup: Host, clock: Clock, door: Door, elsewhere: str
) -> None:
    case = await running(followup, clock)
    answer = await door.post(END, data=ending(case, return_to=elsewhere))
    location = answer.headers["location"]
    assert not location.startswith("//")
    assert not set(location) & set("\t\r\n")
    assert "x-evil" not in answer.headers


async def test_a_refused_form_is_answered_in_words_with_the_same_status(
    followup: Host, clock: Clock, door: Door
) -> None:
    case = await running(followup, clock)
    answer = await door.post(END, data=ending(case, how="early", return_to="/followup/check-ins"))
    assert answer.status_code == 422
    assert answer.headers["content-type"].startswith("text/html")
    assert 'href="/followup/check-ins"' in answer.text
    html = await door.post(RECORD, data=ending(case, note="<script>Signe</script>", mode="by_pigeon"))
    assert html.status_code == 422
    assert "Signe" not in html.text


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", b"no boundary"),
        ("multipart/form-data; boundary=x", b"--x\r\nbroken"),
        ("application/x-www-form-urlencoded", b"placement_id=%00&note=a%00b"),
        ("application/x-www-form-urlencoded", b"placement_id=1&" + b"a=1&" * 2000),
        ("application/x-www-form-urlencoded", b"note=1&note[]=2&note.x=3&\xc2\xb2.\xc2\xb2=1"),
        ("application/x-www-form-urlencoded", b"a." * 5000 + b"b=1"),
    ],
    ids=["no boundary", "broken", "a NUL", "very many fields", "two shapes", "deep"],
)
async def test_a_malformed_form_is_the_senders_fault(
    followup: Host, clock: Clock, door: Door, kind: str, body: bytes
) -> None:
    answer = await door.post(RECORD, content=body, headers={"content-type": kind})
    assert answer.status_code == 422
    assert answer.headers["content-type"].startswith("text/html")


async def test_a_nul_in_a_form_field_is_the_senders_fault(followup: Host, clock: Clock, door: Door) -> None:
    case = await running(followup, clock)
    answer = await door.post(RECORD, data=ending(case, held="true", note="a\x00b"))
    assert answer.status_code == 422
    assert await state(followup, case) == "running"


async def test_a_key_of_any_length_is_its_own(followup: Host, clock: Clock, door: Door) -> None:
    case = await running(followup, clock)
    long = "x" * 250
    assert (await door.post(RECORD, ending(case, held=False), key=long + "1")).status_code == 200
    assert (await door.post(RECORD, ending(case, held=True), key=long + "2")).status_code == 200


async def test_an_operator_lets_a_parked_message_go_or_gives_it_up(
    followup: Host, clock: Clock, door: Door
) -> None:
    case = uuid4()
    await handle(followup.service, messages(followup, [unreadable(case), record(agreed(case))]))
    parked = str(await followup.pool.fetchval("SELECT id FROM parked WHERE state = 'parked'"))
    operator = door.token("operator")
    problem(await door.post("RetryParked", {"parked_id": parked}), 403, "not_allowed")
    retried = await door.post("RetryParked", {"parked_id": parked}, token=operator)
    problem(retried, 409, "still_cannot_be_handled")
    assert await followup.pool.fetchval("SELECT tries FROM parked WHERE state = 'parked'") == 2
    problem(await door.post("RetryParked", {"parked_id": str(uuid4())}, token=operator), 404, "not_found")
    problem(await door.post("DiscardParked", {"parked_id": parked}, token=operator), 422, "does_not_fit")
    given_up = {"parked_id": parked, "reason": "a test of the sender's"}
    assert (await door.post("DiscardParked", given_up, token=operator)).status_code == 200
    assert await state(followup, case) == "agreed"
    problem(await door.post("DiscardParked", given_up, token=operator), 404, "not_found")


async def test_a_command_that_names_rules_unknown_here_is_no_success(
    followup: Host, clock: Clock, door: Door
) -> None:
    case = await running(followup, clock)
    await followup.pool.execute(
        "UPDATE placement SET doc = jsonb_set(doc, '{rules_version}', '\"2099-01-01\"')"
    )
    answer = await door.post(RECORD, ending(case, held=True))
    assert answer.status_code >= 500
    assert await followup.pool.fetchval("SELECT count(*) FROM parked") == 0
