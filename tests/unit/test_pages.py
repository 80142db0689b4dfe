"""Pages and words: languages, formats, headers, static files, and the macros that all services' pages use."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from html.parser import HTMLParser
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
import pytest
from fastapi import FastAPI, Request, Response
from markupsafe import Markup

from shared import programmes
from shared.language import LANGUAGES, Formats, choose_language, faults_in_words, read_words
from shared.pages import SHARED, STATIC, Pages, security_headers, static_version

ROOT = SHARED.parent
NOW = datetime(2026, 11, 23, 13, 5, tzinfo=UTC)
WORD_FOLDERS = [SHARED / "words", *sorted((ROOT / "services").glob("*/words"))]


@dataclass(frozen=True)
class SignedIn:
    name: str | None = "Bo Eksempel"
    roles: frozenset[str] = frozenset({"caseworker"})
    units: frozenset[str] = frozenset({"DK-0169"})


Shown = Callable[..., Awaitable[httpx.Response]]


@pytest.fixture
def shown(tmp_path: Path) -> Shown:
    """Answers a request with a template of the service `matching`, given as text."""

    async def answer(
        template: str,
        path: str = "/matching/proposals",
        headers: dict[str, str] | None = None,
        **values: object,
    ) -> httpx.Response:
        folder = tmp_path / "templates"
        folder.mkdir(exist_ok=True)
        (folder / "page.html").write_text(template, "utf-8")
        pages = Pages(tmp_path, "matching", programmes.load(), clock=lambda: NOW)
        app = FastAPI()
        app.add_middleware(security_headers)
        pages.mount_static(app)

        @app.get("/{anything:path}")
        async def page(request: Request) -> Response:
            return pages.render(request, "page.html", **values)  # type: ignore[arg-type]

        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://makker") as client:
            return await client.get(path, headers=headers)

    return answer


PAGE = """{% extends "layout.html" %}
{% block title %}Titel{% endblock %}{% block main %}<h1>Titel</h1>{% endblock %}"""
PLAIN = PAGE.replace("layout.html", "layout_plain.html")


@pytest.mark.parametrize("folder", WORD_FOLDERS, ids=lambda folder: str(folder.relative_to(ROOT)))
def test_every_language_has_the_same_texts_and_names_the_same_values(folder: Path) -> None:
    assert faults_in_words(folder) == []


def test_a_missing_text_and_a_missing_placeholder_are_found(tmp_path: Path) -> None:
    (tmp_path / "da.toml").write_text('a = "{x} og {y}"\nb = "kun her"')
    (tmp_path / "nb.toml").write_text('a = "{x} og {y}"\nb = "bare her"')
    (tmp_path / "en.toml").write_text('a = "{x} and"')
    assert faults_in_words(tmp_path) == [
        "a does not name the same values in every language",
        "en.toml lacks b",
    ]


def test_every_text_that_a_shared_template_asks_for_is_there() -> None:
    words = read_words([SHARED / "words"])["da"]
    for template in (SHARED / "templates").glob("*.html"):
        for key in re.findall(r"""\bt\(\s*["']([a-z_.0-9]+)["'][,)]""", template.read_text("utf-8")):
            assert key in words or f"{key}.other" in words, f"{template.name} asks for {key}"


def test_a_service_adds_words_and_replaces_shared_ones(tmp_path: Path) -> None:
    for language in LANGUAGES:
        (tmp_path / f"{language}.toml").write_text('[nav]\ncases = "Forløb"\n[own]\ntext = "Vores"')
    words = read_words([SHARED / "words", tmp_path])["da"]
    assert (words("nav.cases"), words("own.text"), words("nav.today")) == ("Forløb", "Vores", "I dag")


def test_a_text_that_is_not_there_is_an_error_and_not_an_empty_place() -> None:
    words = read_words([SHARED / "words"])["da"]
    with pytest.raises(KeyError):
        words("no.such_text")
    with pytest.raises(KeyError):
        words("page.from")


def test_a_count_chooses_the_form_and_is_written_as_the_language_writes_numbers() -> None:
    words = read_words([SHARED / "words"])
    assert words["da"]("format.in_days", count=1) == "om 1 dag"
    assert words["da"]("format.in_days", count=1107) == "om 1.107 dage"
    assert words["en"]("format.in_days", count=1107) == "in 1,107 days"


def test_markup_in_a_text_is_kept_and_what_a_person_wrote_is_escaped() -> None:
    words = read_words([SHARED / "words"])["da"]
    assert words("page.from", sender=Markup("<b>A</b>")) == Markup("Fra <b>A</b>")
    assert not isinstance(words("page.from", sender="<b>A</b>"), Markup)


@pytest.mark.parametrize(
    ("asked", "cookie", "preferred", "accept", "chosen"),
    [
        ("en", "nb", "da", "da", "en"),
        ("xx", "nb", "da", "da", "nb"),
        (None, None, "en", "da", "en"),
        (None, None, None, "sv, nn;q=0.8, en;q=0.9", "en"),
        (None, None, None, "no-NO", "nb"),
        (None, None, None, "sv;q=broken, *", "da"),
        (None, None, None, "en;q=0", "da"),
        (None, "../etc", None, None, "da"),
    ],
)
def test_the_language_is_the_first_wish_that_can_be_met(
    asked: str | None, cookie: str | None, preferred: str | None, accept: str | None, chosen: str
) -> None:
    assert choose_language(asked, cookie, preferred, accept, "da") == chosen


def test_times_are_shown_in_the_units_time_zone_as_its_language_writes_them() -> None:
    words = read_words([SHARED / "words"])
    danish, english = (Formats(words[language], ZoneInfo("Europe/Copenhagen")) for language in ("da", "en"))
    assert danish.date_and_time("2026-11-23T23:30:00Z") == "24. nov. 2026 kl. 00.30"
    assert english.date_and_time("2026-11-23T23:30:00Z") == "24 Nov 2026 at 00:30"
    assert danish.long_date("2026-11-23") == "23. november 2026"
    assert danish.weekday_and_time(NOW, NOW) == "mandag den 23. november kl. 14.05"
    assert danish.weekday_and_time(date(2027, 1, 4), NOW) == "mandag den 4. januar 2027"
    assert english.weekday_and_time(NOW, NOW) == "Monday 23 November at 14:05"
    with pytest.raises(ValueError, match="time zone"):
        danish.long_date(datetime(2026, 11, 23, 12, 0))


@pytest.mark.parametrize(
    ("moment", "written"),
    [
        ("2026-11-23T22:59:00Z", "i dag"),
        ("2026-11-23T23:00:00Z", "i morgen"),
        ("2026-11-22", "i går"),
        ("2026-11-26", "om 3 dage"),
        ("2026-11-20", "3 dage siden"),
        ("2026-12-24", "24. dec. 2026"),
    ],
)
def test_a_near_day_is_named_by_its_distance_in_the_units_own_days(moment: str, written: str) -> None:
    formats = Formats(read_words([SHARED / "words"])["da"], ZoneInfo("Europe/Copenhagen"))
    assert formats.relative_day(moment, NOW) == written


async def test_choosing_a_language_is_remembered_for_every_service(shown: Shown) -> None:
    response = await shown(PAGE, "/matching/proposals?lang=en&q=x", actor=SignedIn())
    assert '<html lang="en">' in response.text
    assert "makker_language=en" in response.headers["set-cookie"]
    assert "Path=/;" in response.headers["set-cookie"]
    assert 'href="?q=x&amp;lang=nb"' in response.text


async def test_an_unknown_language_in_the_address_is_not_remembered(shown: Shown) -> None:
    assert "set-cookie" not in (await shown(PAGE, "/?lang=xx", actor=SignedIn())).headers


async def test_a_page_may_load_nothing_from_elsewhere_and_is_not_kept(shown: Shown) -> None:
    headers = (await shown(PAGE, actor=SignedIn())).headers
    assert "default-src 'self'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"


async def test_a_page_without_sign_in_tells_no_one_its_address(shown: Shown) -> None:
    assert (await shown(PLAIN, sender="Høje-Taastrup Kommune")).headers["referrer-policy"] == "no-referrer"


async def test_static_files_are_the_services_own_and_kept_as_long_as_their_version_is_ours(
    shown: Shown,
) -> None:
    page = (await shown(PAGE, actor=SignedIn())).text
    own = f"/matching/static/{static_version()}/makker.css"
    assert own in page
    assert "immutable" in (await shown(PAGE, own)).headers["cache-control"]
    older = await shown(PAGE, "/matching/static/an-older-one/makker.css")
    assert older.headers["cache-control"] == "no-cache"
    missing = await shown(PAGE, f"/matching/static/{static_version()}/%2e%2e/%2e%2e/pages.py")
    assert "class Pages" not in missing.text


class Strictness(HTMLParser):
    """Gathers what a strict content security policy would refuse, and every address that a page names."""

    def __init__(self) -> None:
        super().__init__()
        self.refused: list[str] = []
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        self.refused += [f"{tag} {name}" for name in named if name == "style" or name.startswith("on")]
        if tag == "style" or (tag == "script" and "src" not in named):
            self.refused.append(tag)
        self.addresses += [named[name] or "" for name in ("href", "src", "action", "hx-get") if name in named]


EVERY_MACRO = """
{% extends "layout.html" %}{% import "macros.html" as m %}{% block title %}Alt{% endblock %}{% block main %}
{{ m.breadcrumbs([("Sager", "/intake/cases"), ("Sag", none)]) }}
{{ m.alert("info", "Overskrift", wrote) }}{{ m.empty("Tomt") }}{{ m.status_badge("started") }}
{{ m.facts([("Uge", 3)]) }}{{ m.more("?after=1") }}{{ m.fragment("/followup/fragments/today") }}
{{ m.today([{"text": wrote, "href": "/x", "due_at": "2026-11-24", "urgency": "soon"},
  {"text": "b", "href": "/y"}]) }}
{{ m.story([{"at": "2026-11-23T10:00:00Z", "text": wrote, "by": "p-1", "detail": wrote}]) }}
{{ m.person("p-1", "candidate") }}
{{ m.command_form("/matching/api/commands/AnswerProposal", version=7, idempotency_key="key-1-of-form",
  return_to="/matching/proposals", hidden={"proposal_id": "p-9"}, cancel="/matching/proposals",
  errors=[{"code": "too_long", "field": "reason", "message": "For lang"}],
  choices=[("answer", "yes", "Ja tak"), ("answer", "no", "Nej tak")], fields=[
    {"name": "reason", "label": "Grund", "kind": "textarea", "value": wrote, "hint": "Kort"},
    {"name": "mode", "label": "Hvordan", "kind": "radio", "value": "phone",
      "options": [("phone", "Telefon", "Ring"), ("in_person", "Møde")]},
    {"name": "days", "label": "Dage", "kind": "checkboxes", "value": ["tue"],
      "options": [("mon", "Mandag"), ("tue", "Tirsdag")]},
    {"name": "sure", "label": "Sikker", "kind": "checkbox"},
    {"name": "why", "label": "Kode", "kind": "select", "options": [("a", "A")], "required": true},
    {"name": "on", "label": "Dag", "kind": "date", "attributes": {"min": "2026-11-23"}}]) }}
{% endblock %}
"""


async def test_every_macro_keeps_to_the_strict_policy_and_escapes_what_people_write(shown: Shown) -> None:
    response = await shown(EVERY_MACRO, actor=SignedIn(), wrote="<script>alert('x')</script>")
    page = response.text
    seen = Strictness()
    seen.feed(page)
    assert response.status_code == 200
    assert seen.refused == []
    assert [address for address in seen.addresses if "//" in address] == []
    assert "<script>alert" not in page


async def test_a_form_carries_its_key_the_version_it_was_shown_and_its_errors(shown: Shown) -> None:
    page = (await shown(EVERY_MACRO, actor=SignedIn(), wrote="")).text
    for name, value in [("Idempotency-Key", "key-1-of-form"), ("version", "7"), ("proposal_id", "p-9")]:
        assert f'<input type="hidden" name="{name}" value="{value}">' in page
    assert 'href="#fkey-1-of-reason"' in page
    assert 'id="fkey-1-of-reason"' in page
    assert 'aria-describedby="fkey-1-of-reason-hint fkey-1-of-reason-error" aria-invalid="true"' in page
    assert '<button type="submit" class="button button-primary" name="answer" value="yes">' in page


async def test_the_menu_shows_where_one_is(shown: Shown) -> None:
    assert '<a href="/matching/proposals" aria-current="page">' in (await shown(PAGE, actor=SignedIn())).text
    below = (await shown(PAGE, "/matching/proposals/1", actor=SignedIn())).text
    assert '<a href="/matching/proposals" aria-current="true">' in below
    assert '<a href="/">' in below


async def test_what_somebody_may_not_open_does_not_stand_in_their_menu(shown: Shown) -> None:
    caseworker = (await shown(PAGE, actor=SignedIn())).text
    operator = (await shown(PAGE, actor=SignedIn(roles=frozenset({"operator"})))).text
    assert ("/intake/parked" in caseworker, "/intake/cases" in caseworker) == (False, True)
    assert ("/intake/parked" in operator, "/intake/cases" in operator) == (True, False)


async def test_a_part_is_a_page_when_it_is_opened_by_itself(shown: Shown) -> None:
    part = """{% extends "layout_part.html" %}
        {% block title %}Titel{% endblock %}{% block main %}<p>Del</p>{% endblock %}"""
    alone = (await shown(part, actor=SignedIn())).text
    assert "<h1>Titel</h1>" in alone
    assert "<html" in alone
    loaded = (await shown(part, headers={"HX-Request": "true"}, actor=SignedIn())).text
    assert loaded.strip() == "<p>Del</p>"


@pytest.mark.parametrize("status", [401, 403, 404, 409, 418, 422, 429, 500, 503])
@pytest.mark.parametrize("actor", [None, SignedIn()], ids=["plain", "staff"])
async def test_every_refusal_has_a_page_that_says_what_to_do(
    shown: Shown, status: int, actor: SignedIn | None
) -> None:
    problem = {
        "code": "too_long",
        "detail": None,
        "errors": [{"code": "too_long", "field": None, "message": "For lang"}],
    }
    response = await shown(
        '{% extends "error.html" %}', actor=actor, status=status, problem=problem, return_to="/back"
    )
    assert response.status_code == status
    assert "For lang" in response.text
    assert 'href="/back"' in response.text


def test_what_the_style_sheet_needs_is_vendored() -> None:
    style = (STATIC / "makker.css").read_text("utf-8")
    assert [name for name in re.findall(r"url\(([^)]+)\)", style) if not (STATIC / name).is_file()] == []
