"""A small service that shows every shared layout and macro with invented content, for a browser."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread
from typing import Any

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from shared import programmes
from shared.pages import Pages, security_headers

NOW = datetime(2026, 11, 23, 13, 5, tzinfo=UTC)
AMINA, LARS = "0b9f8a52-7f0c-4d0e-9d35-0d3a5a0c8d11", "5f2c1a34-2c8c-4bb8-8c2b-6b0a1f7f9e22"
HIDDEN = "9a3b7c56-1d2e-4f5a-8b9c-0d1e2f3a4b5c"


@dataclass(frozen=True)
class SignedIn:
    name: str | None = "Kirsten Eksempel-Andersen"
    roles: frozenset[str] = frozenset({"caseworker", "coordinator"})
    units: frozenset[str] = frozenset({"DK-0169"})


class Gallery:
    """The app, and what was asked of it: names, and posted forms."""

    def __init__(self) -> None:
        self.names_asked: list[tuple[list[str], str | None]] = []
        self.posted: list[dict[str, str]] = []
        self.part_answers = True
        self.refused: dict[str, object] | None = None
        self.pages = Pages(Path(__file__).parent, "intake", programmes.load(), clock=lambda: NOW)
        self.app = FastAPI()
        self.app.add_middleware(security_headers)
        self.pages.mount_static(self.app)
        self._add_pages()
        self._add_doors()

    def _add_pages(self) -> None:
        shown: dict[str, Any] = {"amina": AMINA, "lars": LARS, "hidden_person": HIDDEN}
        staff = {"/": "today.html", "/intake/cases/1": "case.html", "/intake/cases": "cases.html"}
        for path, template in staff.items():

            @self.app.get(path)
            async def staff_page(request: Request, template: str = template) -> Response:
                return self.pages.render(request, template, actor=SignedIn(), **shown)

        @self.app.get("/matching/answer/token")
        async def plain_page(request: Request) -> Response:
            return self.pages.render(
                request, "answer.html", sender="Høje-Taastrup Kommune", names_token="a-token", **shown
            )

        @self.app.get("/gone")
        async def error_page(request: Request) -> Response:
            problem: dict[str, object] = {"code": "answered_already", "detail": None, "errors": []}
            return self.pages.render(request, "error.html", status=409, problem=problem, return_to="/")

    def _add_doors(self) -> None:
        @self.app.get("/followup/fragments/today")
        async def part(request: Request) -> Response:
            if not self.part_answers:
                return JSONResponse({}, 503)
            return self.pages.render(request, "part.html", actor=SignedIn(), lars=LARS)

        @self.app.post("/intake/api/people/names")
        async def names(request: Request) -> dict[str, dict[str, str]]:
            ids = (await request.json())["ids"]
            self.names_asked.append((sorted(ids), request.headers.get("authorization")))
            return {"names": {AMINA: "Amina Eksempel", LARS: "Lars Prøve"}}

        @self.app.post("/intake/api/commands/{name}")
        async def command(request: Request, name: str) -> Response:
            form = await request.form()
            self.posted.append({"command": name, **{key: str(value) for key, value in form.items()}})
            if self.refused is not None:
                return self.pages.render(request, "error.html", status=422, problem=self.refused)
            return Response(status_code=303, headers={"Location": str(form["return_to"])})


@contextmanager
def served(gallery: Gallery) -> Iterator[str]:
    """Runs the gallery on a free port until the block ends; gives its address."""
    server = uvicorn.Server(uvicorn.Config(gallery.app, port=0, log_level="warning"))
    # The socket listens before the thread runs, so that a first request waits for it and none is refused.
    listening = server.config.bind_socket()
    thread = Thread(target=server.run, kwargs={"sockets": [listening]}, name="gallery")
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
