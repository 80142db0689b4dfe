"""`makker import` against a real intake, over HTTP: what it registers, and that a repeat changes nothing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from typer.testing import CliRunner, Result

from cli.importing import command, sending
from cli.main import app
from tests.servers.intake import Intake, as_, intake

__all__ = ["intake"]

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
CANDIDATES = ("--kind", "candidates", "--unit", "DK-0169", "--programme", "foreningspraktik")
HEADINGS = "Fornavn;Efternavn;E-mail;Postnummer;Henvist;Kanal;Selv valgt\n"
PEOPLE = [f"Person;Nummer{n};person{n}@example.org;2630;03-03-2025;Jobcenter;ja\n" for n in range(1, 6)]


@dataclass
class Served:
    """Intake at an address. Before a POST is handed on, `away` may be told to answer instead."""

    intake: Intake
    url: str = ""
    posts: int = 0
    away: Callable[[int], bool] = field(default=lambda number: False)

    async def __call__(
        self,
        scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
        send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ) -> None:
        if scope["type"] == "http" and scope["method"] == "POST":
            self.posts += 1
            if self.away(self.posts):
                await send(
                    {"type": "http.response.start", "status": 503, "headers": [(b"retry-after", b"0")]}
                )
                await send({"type": "http.response.body", "body": b"{}"})
                return
        await self.intake.host.app(scope, receive, send)

    async def makker(self, file: Path, *options: str, token: str | None = None) -> Result:
        header = as_(self.intake, "coordinator", units=("DK-0169", "DK-0851/aalborg"))["Authorization"]
        environment = {"MAKKER_URL": self.url, "MAKKER_TOKEN": token or header.removeprefix("Bearer ")}
        arguments = ["import", str(file), *options]
        return await asyncio.to_thread(CliRunner().invoke, app, arguments, env=environment)


@pytest.fixture
async def served(intake: Intake, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Served]:
    monkeypatch.setattr(sending, "PAUSES_SECONDS", (0.0, 0.0))
    one = Served(intake)
    config = uvicorn.Config(one, port=0, log_level="warning", lifespan="off")
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    one.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/"
    yield one
    server.should_exit = True
    await task


def listed(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "list.csv"
    path.write_text(HEADINGS + "".join(lines or PEOPLE), encoding="utf-8")
    return path


async def all_rows(intake: Intake) -> dict[str, int]:
    tables = (
        "referral",
        "refused_referral",
        "person",
        "case_file",
        "host",
        "mentor",
        "place",
        "outbox",
        "inbox",
    )
    return {table: await intake.pool.fetchval(f"SELECT count(*) FROM {table}") for table in tables}


async def test_a_dry_run_asks_and_changes_nothing(served: Served) -> None:
    before = await all_rows(served.intake)
    answer = await served.makker(EXAMPLES / "candidates.csv", *CANDIDATES, "--dry-run")
    assert answer.exit_code == 0
    assert (await all_rows(served.intake), served.posts) == (before, 0)


async def test_candidates_are_registered_once_however_often_they_are_sent(served: Served) -> None:
    first = await served.makker(EXAMPLES / "candidates.csv", *CANDIDATES)
    assert (first.exit_code, first.stdout) == (0, "3 registered, 0 known already, 0 faulty.\n")
    after = await all_rows(served.intake)
    assert (after["case_file"], after["person"], after["referral"]) == (3, 3, 3)
    again = await served.makker(EXAMPLES / "candidates.csv", *CANDIDATES)
    assert (again.exit_code, again.stdout) == (0, "0 registered, 3 known already, 0 faulty.\n")
    now = await all_rows(served.intake)
    # The inbox remembers that somebody asked; nothing that anybody sees has changed.
    assert now | {"inbox": 0} == after | {"inbox": 0}
    person = json.loads(
        await served.intake.pool.fetchval("SELECT doc FROM person WHERE doc->>'given_name' = 'Amina'")
    )
    assert (person["name"], person["phone"], person["birth_date"]) == (
        "Amina Eksempel",
        "+4570102030",
        "1961-07-07",
    )


@pytest.mark.parametrize(("kind", "places"), [("hosts", 3), ("mentors", 2)])
async def test_hosts_and_mentors_with_places_are_registered_once(
    served: Served, kind: str, places: int
) -> None:
    unit = "DK-0169" if kind == "hosts" else "DK-0851/aalborg"
    options = ("--kind", kind, "--unit", unit)
    first = await served.makker(EXAMPLES / f"{kind}.csv", *options)
    assert (first.exit_code, first.stdout) == (0, f"{places} registered, 0 known already, 0 faulty.\n")
    after = await all_rows(served.intake)
    assert (after[kind.removesuffix("s")], after["place"]) == (places, places)
    again = await served.makker(EXAMPLES / f"{kind}.csv", *options)
    assert (again.exit_code, again.stdout) == (0, f"0 registered, {places} known already, 0 faulty.\n")
    assert await all_rows(served.intake) == after


async def test_a_changed_host_is_an_update_and_an_old_line_does_not_undo_it(
    served: Served, tmp_path: Path
) -> None:
    path = tmp_path / "hosts.csv"
    old = (EXAMPLES / "hosts.csv").read_text(encoding="utf-8")
    new = old.replace("Lars Prøve", "Lise Prøve")
    said = []
    for text in (old, new, new, old):
        path.write_text(text, encoding="cp1252")
        answer = await served.makker(path, "--kind", "hosts", "--unit", "DK-0169")
        assert answer.exit_code == 0
        said.append(answer.stdout)
    assert said[1:] == [
        "0 registered, 1 changed, 2 known already, 0 faulty.\n",
        "0 registered, 3 known already, 0 faulty.\n",
        "note: line 2: Said before, and changed in Makker since; it stays as it is there.\n"
        "0 registered, 3 known already, 0 faulty.\n",
    ]
    names = await served.intake.pool.fetch("SELECT doc->>'name' AS name FROM person ORDER BY 1")
    assert [row["name"] for row in names] == ["Lise Prøve", "Mette Eksempel", "Olav Opfundet"]


async def test_a_candidate_that_was_referred_with_other_content_is_said_by_line(
    served: Served, tmp_path: Path
) -> None:
    await served.makker(listed(tmp_path), *CANDIDATES)
    changed = PEOPLE[1].replace("2630", "2640")
    answer = await served.makker(listed(tmp_path, PEOPLE[0], changed, changed), *CANDIDATES)
    assert answer.exit_code == 1
    assert answer.stdout == (
        "note: line 4: The same as line 3.\n"
        "line 3: The reference is already used for a referral with other content. "
        "Send with a new reference.\n0 registered, 1 known already, 2 faulty (lines 3, 4).\n"
    )


async def test_faulty_lines_are_left_out_only_if_asked(served: Served, tmp_path: Path) -> None:
    file = listed(tmp_path, PEOPLE[0], PEOPLE[1].replace("@", " "), PEOPLE[2])
    refused = await served.makker(file, *CANDIDATES)
    assert (refused.exit_code, served.posts) == (1, 0)
    answer = await served.makker(file, *CANDIDATES, "--skip-faulty")
    assert answer.exit_code == 1
    assert answer.stdout.splitlines()[-1] == "2 registered, 0 known already, 1 faulty (line 3)."
    assert await served.intake.count("case_file") == 2


async def test_a_server_that_goes_away_says_where_and_the_next_run_goes_on(
    served: Served, tmp_path: Path
) -> None:
    served.away = lambda number: number > 2
    file = listed(tmp_path)
    stopped = await served.makker(file, *CANDIDATES)
    assert stopped.exit_code == 2
    assert "It stopped at line 4: 2 registered, 0 known already, 0 faulty." in stopped.stderr
    served.away = lambda number: False
    answer = await served.makker(file, *CANDIDATES)
    assert (answer.exit_code, answer.stdout) == (0, "3 registered, 2 known already, 0 faulty.\n")
    assert await served.intake.count("case_file") == 5


async def test_who_looks_at_no_terminal_is_told_how_far_it_is_by_lines(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "PLAIN_LINE_EVERY", 2)
    answer = await served.makker(listed(tmp_path), *CANDIDATES)
    assert answer.stderr == "2 of 5\n4 of 5\n"


async def test_a_moment_without_an_answer_is_waited_out(served: Served, tmp_path: Path) -> None:
    served.away = lambda number: number % 2 == 1
    answer = await served.makker(listed(tmp_path), *CANDIDATES)
    assert (answer.exit_code, answer.stdout) == (0, "5 registered, 0 known already, 0 faulty.\n")


@pytest.mark.parametrize("kind", ["candidates", "hosts"])
async def test_who_is_not_signed_in_or_may_not_is_told_so(served: Served, kind: str) -> None:
    options = ("--kind", kind, *CANDIDATES[2:4], *(CANDIDATES[4:] if kind == "candidates" else ()))
    nobody = await served.makker(EXAMPLES / f"{kind}.csv", *options, token="s3cret")
    assert (nobody.exit_code, nobody.stdout) == (2, "")
    assert "not signed in" in nobody.stderr and "s3cret" not in nobody.stderr
    analyst = as_(served.intake, "analyst")["Authorization"].removeprefix("Bearer ")
    answer = await served.makker(EXAMPLES / f"{kind}.csv", *options, token=analyst)
    assert (answer.exit_code, answer.stdout) == (2, "")
    assert "may not do this" in answer.stderr


async def test_a_unit_that_is_not_the_senders_is_said_by_line(served: Served, tmp_path: Path) -> None:
    other = as_(served.intake, "coordinator", units=("NO-3222",))["Authorization"].removeprefix("Bearer ")
    answer = await served.makker(listed(tmp_path, PEOPLE[0]), *CANDIDATES, token=other)
    assert answer.exit_code == 1
    assert answer.stdout.startswith("line 2, --unit: The sender may not refer to the unit.")


async def test_an_address_without_an_intake_is_said(served: Served, tmp_path: Path) -> None:
    answer = await served.makker(listed(tmp_path), *CANDIDATES, "--url", f"{served.url}elsewhere")
    assert answer.exit_code == 2
    assert "not Makker's intake" in answer.stderr
    nobody = await served.makker(listed(tmp_path), *CANDIDATES, "--url", "http://127.0.0.1:9")
    assert nobody.exit_code == 2
    assert "cannot be reached" in nobody.stderr
