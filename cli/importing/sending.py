"""Handing lines over to a running intake, by the doors that every program uses.

Guarantee: what is sent carries a key that follows from its content, so that a line sent again is known
again; where nobody answers it stops and says so. Neither the token nor anything of a line is written
anywhere.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal, NoReturn, Self
from urllib.parse import quote
from uuid import uuid4

import httpx

from cli.importing.judging import Said
from cli.importing.rows import Row
from shared.contracts.model import COMMANDS, derived_id

PAUSES_SECONDS = (0.5, 1.0, 2.0, 4.0)
"""How long to wait before each further attempt, where the server does not say it."""
LONGEST_PAUSE_SECONDS = 30.0
TIMEOUT_SECONDS = 30.0
NOT_NOW = (429, 502, 503, 504)
THIS_MACHINE = ("localhost", "127.0.0.1", "::1")
BECAME = Literal["registered", "changed", "known already"]
LATER = "said before, and changed in Makker since; it stays as it is there"


class Stopped(Exception):
    """There is no use in sending more; the text says why."""


class NotTaken(Exception):
    """The server refuses this line: what it says of which field, and whose fields they are."""

    def __init__(self, faults: list[tuple[str, Said]], code_list: str) -> None:
        super().__init__(code_list)
        self.faults = faults
        self.code_list = code_list


@dataclass(frozen=True)
class Taken:
    """What became of a line."""

    became: BECAME
    note: str = ""


class Makker:
    """A running intake, somebody signed in to it. Each method raises `Stopped`."""

    def __init__(self, url: str, token: str) -> None:
        base = url.strip().rstrip("/").removesuffix("/intake")
        try:
            known = httpx.URL(base)
            headers = httpx.Headers({"Authorization": f"Bearer {token.strip()}", "Accept-Language": "en"})
        except (httpx.InvalidURL, ValueError):
            raise Stopped("The address or the token cannot be right; copy them again.") from None
        if known.scheme not in ("http", "https") or not known.host:
            raise Stopped("The address must begin with https:// (or http://), as https://makker.example.org.")
        self.is_open_to_readers = known.scheme == "http" and known.host not in THIS_MACHINE
        self._client = httpx.Client(base_url=base, headers=headers, timeout=TIMEOUT_SECONDS)
        self._versions: dict[str, dict[str, int]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def take(self, row: Row) -> Taken:
        """Let one line take effect. Raises `NotTaken` too."""
        if row.kind == "candidates":
            return self._refer(row)
        kind, unit = row.kind.removesuffix("s"), str(row.document["unit"])
        taken = self._command(f"Register{kind.title()}", row.document, kind, unit, "")
        if row.place is None:
            return taken
        place = self._command("OfferPlace", row.place, "place", unit, "place.")
        if "known already" in (taken.became, place.became) and taken.became != place.became:
            return Taken("changed", taken.note or place.note)
        return Taken(taken.became, taken.note or place.note)

    def _refer(self, row: Row) -> Taken:
        # A refusal must not be remembered: what is refused today may be right tomorrow. The reference is what
        # makes a referral known; this key is for the attempts of now.
        status, answer = self._post("/intake/api/referrals", row.document, str(uuid4()))
        if status in (200, 202) and "case_id" in answer:
            return Taken("known already" if answer.get("already_known") else "registered")
        self._refuse(status, answer, "", "rejections")

    def _command(self, name: str, document: dict[str, Any], kind: str, unit: str, prefix: str) -> Taken:
        id_ = str(document[f"{kind}_id"])
        before = self._known(kind, unit).get(id_)
        # As the command is understood and not as it is written: so the server compares what comes twice.
        content = COMMANDS[name].model_validate(document).model_dump_json()
        key = str(derived_id("import", name, hashlib.sha256(content.encode()).hexdigest()))
        status, answer = self._post(f"/intake/api/commands/{name}", document, key)
        if status not in (200, 202) or "version" not in answer:
            self._refuse(status, answer, prefix, "refusals")
        version = int(answer["version"])
        self._known(kind, unit)[id_] = max(version, before or 0)
        if before is None:
            return Taken("registered")
        if version > before:
            return Taken("changed")
        return Taken("known already", LATER if version < before else "")

    def _known(self, kind: str, unit: str) -> dict[str, int]:
        """The hosts, mentors or places of a unit that there are already, with their versions."""
        if f"{kind} {unit}" not in self._versions:
            self._versions[f"{kind} {unit}"] = dict(self._listed(kind, unit))
        return self._versions[f"{kind} {unit}"]

    def _listed(self, kind: str, unit: str) -> Iterator[tuple[str, int]]:
        cursor: str | None = ""
        while cursor is not None:
            path = f"/intake/api/{kind}s?unit={quote(unit, safe='')}&cursor={quote(cursor, safe='')}"
            status, answer = self._send("GET", path)
            if status != 200:
                self._stop(status)
            for one in answer.get(f"{kind}s", []):
                yield str(one[f"{kind}_id"]), int(one["version"])
            cursor = answer.get("next")

    def _post(self, path: str, document: dict[str, Any], key: str) -> tuple[int, dict[str, Any]]:
        return self._send("POST", path, json=document, headers={"Idempotency-Key": key})

    def _send(self, method: str, path: str, **more: Any) -> tuple[int, dict[str, Any]]:
        """The answer's status and JSON, after as many attempts as there are pauses."""
        said = "It cannot be reached."
        for pause in (*PAUSES_SECONDS, None):
            wait = pause
            try:
                answer = self._client.request(method, path, **more)
                if answer.status_code not in NOT_NOW:
                    return answer.status_code, _json_of(answer)
                said = f"It answers that it cannot just now ({answer.status_code})."
                wait = _asked_pause(answer, pause)
            except httpx.TransportError:
                said = "It cannot be reached."
            if wait is not None:
                time.sleep(wait)
        raise Stopped(f"Makker does not answer. {said}")

    def _refuse(self, status: int, answer: dict[str, Any], prefix: str, code_list: str) -> NoReturn:
        """Raise what a refusal means: for this line, or for all."""
        code = answer.get("code")
        errors = answer.get("errors") or [{"code": code, "field": "", "message": ""}]
        is_about_a_field = any(one.get("field") for one in errors)
        # What is not there at all is not this line's fault, but that of the address.
        is_elsewhere = code is None or (status in (404, 405) and not is_about_a_field)
        if status == 401 or (status == 403 and code == "not_allowed") or is_elsewhere:
            self._stop(status)
        if status == 500:
            raise NotTaken([("", ("fault", "", ""))], "refusals")
        faults = [
            (prefix, (str(one.get("code")), str(one.get("field") or ""), str(one.get("message") or "")))
            for one in errors
        ]
        raise NotTaken(faults, code_list)

    def _stop(self, status: int) -> NoReturn:
        known = {
            401: "You are not signed in: the token is not valid, or no longer. Get a new one.",
            403: "You may not do this: the token's role or units do not allow it.",
        }
        raise Stopped(
            known.get(status, f"What answers is not Makker's intake ({status}). Is the address right?")
        )


def _json_of(answer: httpx.Response) -> dict[str, Any]:
    try:
        found = answer.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _asked_pause(answer: httpx.Response, otherwise: float | None) -> float | None:
    """How long the server asks to wait, within reason."""
    asked = answer.headers.get("retry-after", "")
    if otherwise is None or not (asked.isascii() and asked.isdigit()):
        return otherwise
    return min(float(asked), LONGEST_PAUSE_SECONDS)
