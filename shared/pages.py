"""Pages: one look for all four services, in the reader's language, from templates that share their layout.

Guarantee: a page fetches nothing from another address, is kept by no cache, runs no script and no style but
those that its own service serves, and where nobody has signed in no link tells where it was followed from.
It decides nothing about who may see what, and it knows no person's name: the browser asks intake for those.

A service has one `Pages(folder=Path(__file__).parent, service="matching", programmes=programmes)`, mounts its
static files with `pages.mount_static(app)`, adds `security_headers` as middleware, and answers with
`pages.render(request, "proposal.html", actor=actor, ...)`.
"""

import hashlib
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol
from uuid import uuid4
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.contracts.model import STAFF
from shared.language import LANGUAGES, Formats, Words, choose_language, read_words
from shared.programmes import Programmes, Unit

SHARED = Path(__file__).parent
STATIC = SHARED / "static"
LANGUAGE_COOKIE = "makker_language"
ONE_YEAR_SECONDS = 365 * 24 * 3600

# Where the staff's menu leads, and for whom, where a page is not for all; the words are `nav.<key>`.
NAVIGATION: tuple[tuple[str, str, frozenset[str] | None], ...] = (
    ("today", "/", None),
    ("cases", "/intake/cases", STAFF),
    ("enquiries", "/intake/enquiries", STAFF),
    ("hosts", "/intake/hosts", STAFF),
    ("mentors", "/intake/mentors", STAFF),
    ("partners", "/intake/partners", STAFF),
    ("training", "/intake/training", frozenset({"training_office"})),
    ("matching", "/matching/proposals", None),
    ("check_ins", "/followup/check-ins", None),
    ("staff", "/intake/staff", frozenset({"project_manager", "coordinator"})),
    ("parked", "/intake/parked", frozenset({"operator"})),
)

SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


class Actor(Protocol):
    """Who is signed in, as `shared.access` knows them."""

    @property
    def name(self) -> str | None: ...
    @property
    def roles(self) -> frozenset[str]: ...
    @property
    def units(self) -> frozenset[str]: ...


def _now() -> datetime:
    return datetime.now(UTC)


class Options(list[tuple[str, str]]):
    """Choices that are a code list's: the list's name says it all, where a question is asked again."""

    def __init__(self, list_name: str, options: Iterable[tuple[str, str]]) -> None:
        super().__init__(options)
        self.list_name = list_name


class Pages:
    """One service's pages. Its own templates and words come before the shared ones."""

    def __init__(
        self, folder: Path, service: str, programmes: Programmes, clock: Callable[[], datetime] = _now
    ) -> None:
        self._service = service
        self._units = programmes.units
        self._codes = programmes.codes
        self._clock = clock
        self._words = read_words([SHARED / "words", folder / "words"])
        self._loader = FileSystemLoader([folder / "templates", SHARED / "templates"])
        self._environments: dict[tuple[str, str], Environment] = {}
        self._static_at = f"/{service}/static/{static_version()}"

    def render(
        self,
        request: Request,
        template: str,
        *,
        actor: Actor | None = None,
        unit: str | None = None,
        preferred_language: str | None = None,
        status: int = 200,
        **values: object,
    ) -> HTMLResponse:
        """The page in the reader's language, with times in the unit's time zone.

        `unit` is the one that the page is about; else the actor's first counts, then the first there is.
        `preferred_language` is what is known of a reader without sign-in.
        """
        place = self._unit(unit, actor)
        asked = request.query_params.get("lang")
        language = self.language(request, actor, unit=unit, preferred=preferred_language)
        # Opened by itself, a part of a page is a page too, so that a link to it leads somewhere.
        is_part = "hx-request" in request.headers
        text = (
            self._environment(language, place.time_zone)
            .get_template(template)
            .render(
                actor=actor,
                status=status,
                actor_units=self._names_of_units(actor),
                path=request.url.path,
                is_part=is_part,
                navigation=_navigation(request.url.path, actor.roles if actor else frozenset()),
                languages=[
                    (code, str(request.url.include_query_params(lang=code).query)) for code in LANGUAGES
                ],
                **values,
            )
        )
        response = HTMLResponse(text, status, {"Content-Language": language})
        if actor is not None:
            response.headers["Referrer-Policy"] = "same-origin"
        if asked in LANGUAGES:
            response.set_cookie(
                LANGUAGE_COOKIE,
                asked,
                max_age=ONE_YEAR_SECONDS,
                secure=request.url.scheme == "https",
                httponly=True,
                samesite="lax",
            )
        return response

    def language(
        self,
        request: Request,
        actor: Actor | None = None,
        *,
        unit: str | None = None,
        preferred: str | None = None,
    ) -> str:
        """The reader's language: asked for, chosen before, known of them, the browser's, or the unit's."""
        return choose_language(
            request.query_params.get("lang"),
            request.cookies.get(LANGUAGE_COOKIE),
            preferred,
            request.headers.get("accept-language"),
            self._unit(unit, actor).languages[0],
        )

    def words(self, language: str) -> Words:
        """The texts by key in one language, for what is not a page: JSON items, answers."""
        return self._words[language]

    def code_options(self, list_name: str, language: str) -> Options:
        """A code list as the choices of a question. Raises `KeyError` for a list that there is not."""
        words = self._codes.words
        return Options(
            list_name, [(code, words(list_name, code, language)) for code in self._codes.lists[list_name]]
        )

    def mount_static(self, app: Starlette) -> None:
        """Serves the shared files under the service's own name, so that the service stands alone."""
        app.mount(f"/{self._service}/static", VersionedFiles(directory=STATIC), name="static")

    def _environment(self, language: str, zone: str) -> Environment:
        """One environment per language and time zone, so that macros know both without being told."""
        found = self._environments.get((language, zone))
        if found is None:
            found = self._environments[language, zone] = self._new_environment(language, zone)
        return found

    def _new_environment(self, language: str, zone: str) -> Environment:
        # A template's `{{ value }}` is escaped whatever its file is called.
        environment = Environment(
            loader=self._loader,
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
            undefined=StrictUndefined,
            auto_reload=False,
        )
        words = self._words[language]
        formats = Formats(words, ZoneInfo(zone))
        environment.globals.update(
            t=words,
            has_text=words.__contains__,
            code=lambda list_name, code: self._codes.words(list_name, code, language),
            code_options=lambda list_name: self.code_options(list_name, language),
            language=language,
            time_zone=zone,
            static=lambda path: f"{self._static_at}/{path}",
            new_key=lambda: str(uuid4()),
        )
        environment.filters.update(
            date=formats.long_date,
            short_date=formats.short_date,
            time=formats.time_of_day,
            datetime=formats.date_and_time,
            weekday_datetime=lambda value: formats.weekday_and_time(value, self._clock()),
            relative_day=lambda value: formats.relative_day(value, self._clock()),
            number=formats.number,
            iso=lambda value: value if isinstance(value, str) else value.isoformat(),
        )
        return environment

    def _unit(self, unit: str | None, actor: Actor | None) -> Unit:
        candidates = [unit, *(sorted(actor.units) if actor else ())]
        known = [code for code in candidates if code in self._units]
        return self._units[known[0]] if known else next(iter(self._units.values()))

    def _names_of_units(self, actor: Actor | None) -> list[str]:
        if actor is None:
            return []
        return [self._units[code].name if code in self._units else code for code in sorted(actor.units)]


def _navigation(path: str, roles: frozenset[str]) -> list[tuple[str, str, bool]]:
    """Key, address and whether we are there: at the longest address that the path begins with.

    What somebody may not open does not stand in their menu.
    """
    open_to = [(key, href) for key, href, only in NAVIGATION if only is None or only & roles]
    here = max((href for _, href in open_to if _leads_to(href, path)), key=len, default=None)
    return [(key, href, href == here) for key, href in open_to]


def _leads_to(href: str, path: str) -> bool:
    return path == href or (href != "/" and path.startswith(f"{href}/"))


def static_version() -> str:
    """Changes with any byte of any static file; a part of their addresses, so that they may be kept."""
    digest = hashlib.sha256()
    for file in sorted(file for file in STATIC.rglob("*") if file.is_file()):
        digest.update(file.relative_to(STATIC).as_posix().encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:12]


class VersionedFiles(StaticFiles):
    """Static files at `<version>/<path>`.

    While a new version is rolled out, a page of one replica fetches from another: a version that is not ours
    is answered with what we have, and not kept.
    """

    _ours = static_version()

    def get_path(self, scope: Scope) -> str:
        _, _, path = super().get_path(scope).partition("/")
        return path or "."

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        is_ours = super().get_path(scope).partition("/")[0] == self._ours
        kept = f"public, max-age={ONE_YEAR_SECONDS}, immutable" if is_ours else "no-cache"
        response.headers["Cache-Control"] = kept
        return response


def security_headers(app: ASGIApp) -> ASGIApp:
    """Middleware that adds what every answer carries, unless the answer says otherwise itself."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await app(scope, receive, send_with_headers if scope["type"] == "http" else send)

    return answer
