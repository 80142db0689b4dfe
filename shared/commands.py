"""The command door: one generic route for JSON and for the pages' forms.

Job: command model -> permission -> `corridor.handle` -> an answer. Guarantee: an `Idempotency-Key`
makes a repeat return the first answer; every refusal is an RFC 9457 problem with a stable code and
words, and repeats nothing that was typed. The pages' forms meet the same checks; they are answered by
a redirect, or by the problem in words.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import structlog
from fastapi import FastAPI, Request
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from shared.access import Access, NotAllowed, NotSignedIn, may
from shared.contracts.model import COMMANDS, Command, derived_id
from shared.contracts.parked import DiscardParked, RetryParked
from shared.corridor import Service, handle
from shared.forms import KEY_FIELD, document_of, is_form
from shared.links import LinkExpired
from shared.logs import where
from shared.messages import Actor, Message, Outcome, Refused
from shared.postgres import TRANSIENT
from shared.problems import Problem, of_validation
from shared.release import release

log = structlog.get_logger()

LARGEST_BODY_BYTES = 4_194_304
OF_EVERY_ANSWER = ("id", "version", "events", "command", "by")
"""What is kept with a first answer beside what the command itself answers."""
JSON_TYPES = ("application/json", "")

Answer = Callable[[Request, Mapping[str, Any], "Problem | dict[str, Any]"], Awaitable[Response]]


async def send(
    service: Service, command: Command, actor: Actor, key: str | None = None, digest: bytes | None = None
) -> Outcome:
    """Let a command take effect. Raises `Refused`; a repeat under the same key gives the first answer."""
    name = type(command).__name__
    id_ = derived_id("command", service.name, actor.subject, key) if key else uuid4()
    digest = (
        (digest or hashlib.sha256(f"{name}\n{command.model_dump_json()}".encode()).digest()) if key else None
    )
    message = Message(
        id=id_,
        type=name,
        body=command,
        time=service.clock(),
        kind="command",
        source=actor.source if actor.kind == "publisher" else f"/makker/{service.name}",
        actor=actor,
        digest=digest,
    )
    (outcome,) = await handle(service, [message])
    if outcome.refusal is not None:
        raise outcome.refusal
    if outcome.kind == "duplicate":
        return await _first_answer(service, id_, digest)
    return outcome


async def _first_answer(service: Service, id_: UUID, digest: bytes | None) -> Outcome:
    row = await service.pool.fetchrow("SELECT digest, answer FROM command_answer WHERE id = $1", id_)
    if row is None:
        return Outcome("duplicate")
    if row["digest"] != digest:
        raise Refused("idempotency_key_reused")
    kept = json.loads(row["answer"])
    answer = {name: value for name, value in kept.items() if name not in OF_EVERY_ANSWER}
    return Outcome(
        "done", id=UUID(kept["id"]), version=kept["version"], events=tuple(kept["events"]), answer=answer
    )


def mount(app: FastAPI, service: Service, access: Access, answer: Answer) -> None:
    """Add the door for every command that the service handles."""
    door = Door(service, access, answer)
    for model in sorted(service.messages | {RetryParked, DiscardParked}, key=lambda m: m.__name__):
        if issubclass(model, Command):
            app.add_api_route(
                f"/{service.name}/api/commands/{model.__name__}",
                door.endpoint(model),
                methods=["POST"],
                name=model.__name__,
                summary=(model.__doc__ or model.__name__).strip().splitlines()[0],
                tags=["commands"],
                openapi_extra=_openapi(model),
                response_model=None,
                responses=ANSWERS,
            )
    app.add_api_route(
        f"/{service.name}/api/commands/{{name}}",
        door.unknown,
        methods=["POST"],
        include_in_schema=False,
        response_model=None,
    )


class Door:
    def __init__(self, service: Service, access: Access, answer: Answer) -> None:
        self.service = service
        self.access = access
        self.answer = answer

    def endpoint(self, model: type[Command]) -> Callable[[Request], Awaitable[Response]]:
        async def command(request: Request) -> Response:
            document: Mapping[str, Any] = {}
            try:
                document, fields = await document_sent(request)
                outcome = await self._send(model, request, document, fields)
            except Problem as problem:
                return await self.answer(request, document, problem)
            done = {"id": str(outcome.id), "version": outcome.version, "events": list(outcome.events)}
            done |= {name: _plain(value) for name, value in outcome.answer.items()}
            response = await self.answer(request, document, done)
            if model.work_follows and response.status_code == 200:
                response.status_code = 202
            return response

        return command

    async def unknown(self, request: Request, name: str) -> Response:
        other = COMMANDS.get(name)
        if other is not None and other.service != self.service.name:
            problem = Problem(
                404, "command_of_another_service", detail=f"ask /{other.service} for {other.__name__}"
            )
        else:
            problem = Problem(404, "unknown_command", detail="this version handles no such command")
        return await self.answer(request, {}, problem)

    async def _send(
        self, model: type[Command], request: Request, document: Mapping[str, Any], fields: dict[str, Any]
    ) -> Outcome:
        service = self.service
        key = request.headers.get("idempotency-key") or document.get(KEY_FIELD)
        try:
            actor = self.access.actor(request, document.get("token"))
            if not may(actor, model):
                raise NotAllowed
            if actor.kind == "party" and "by" in model.model_fields:
                fields = {**fields, "by": actor.person_id}
            command = model.model_validate(fields)
            if isinstance(command, RetryParked | DiscardParked):
                discard = command.reason if isinstance(command, DiscardParked) else None
                await release(service, command.parked_id, discard=discard)
                return Outcome("done", id=command.parked_id, version=0)
            return await send(service, command, actor, str(key) if key else None)
        except NotSignedIn:
            raise Problem(401, "not_signed_in") from None
        except LinkExpired:
            raise Problem(401, "link_expired") from None
        except NotAllowed:
            raise Problem(403, "not_allowed") from None
        except ValidationError as error:
            raise Problem(422, "does_not_fit", errors=of_validation(error)) from None
        except Refused as refused:
            values = refused.values
            if refused.code == "changed_meanwhile":
                values = values | {"changed": await _changes(service, values)}
            raise Problem(
                refused.status, refused.code, field=refused.field, errors=refused.errors, values=values
            ) from None
        except TRANSIENT as error:
            log.warning("database_away", service=service.name, **where(error))
            raise Problem(503, "try_again") from None
        except Exception as error:
            log.error("command_failed", service=service.name, type=model.__name__, **where(error))
            raise Problem(500, "fault") from None


async def _changes(service: Service, values: Mapping[str, Any]) -> list[str]:
    try:
        rows = await service.pool.fetch(
            "SELECT type FROM outbox WHERE key = $1 AND version > $2 ORDER BY position LIMIT 20",
            values["about"],
            values["shown"],
        )
    except asyncpg.PostgresError:
        return []
    return [row["type"] for row in rows]


async def document_sent(request: Request) -> tuple[dict[str, Any], dict[str, Any]]:
    """The page's own fields of a form, and the command's. Raises `Problem`."""
    form = is_form(request)
    if not form and request.headers.get("content-type", "").split(";")[0].strip() not in JSON_TYPES:
        raise Problem(415, "not_json")
    body = await body_of(request)
    try:
        own, fields = await _form(request, body) if form else ({}, _json(body))
        if _holds_nul(own) or _holds_nul(fields):
            raise ValueError("NUL")
    except (ValueError, RecursionError, HTTPException):
        what = "form" if form else "JSON object that can be stored"
        raise Problem(422, "malformed", detail=f"the body is no {what}") from None
    return own, fields


async def body_of(request: Request, largest_bytes: int = LARGEST_BODY_BYTES) -> bytes:
    """The body, but never more of it than a command, or this form, may have. Raises `Problem` 413."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > largest_bytes:
            raise Problem(413, "too_large")
    return bytes(body)


async def _form(request: Request, body: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    async def once_more() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    form = await Request(request.scope, once_more).form()
    # As it was typed, so that a form that is refused can be asked again with it.
    request.state.typed = [(name, value) for name, value in form.multi_items() if isinstance(value, str)]
    return document_of(form)


def _json(body: bytes) -> dict[str, Any]:
    document = json.loads(body or b"{}", parse_constant=_no_number)
    json.dumps(document, ensure_ascii=False).encode()
    if not isinstance(document, dict):
        raise ValueError("no object")
    return document


def _holds_nul(node: Any) -> bool:
    """PostgreSQL stores no NUL character."""
    if isinstance(node, str):
        return "\x00" in node
    parts = [*node.keys(), *node.values()] if isinstance(node, dict) else node
    return isinstance(parts, list) and any(_holds_nul(part) for part in parts)


def _no_number(constant: str) -> None:
    """Python reads `NaN` and `Infinity`, which are no JSON and which no reader of an event could read."""
    raise ValueError(constant)


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | int | float | bool | list | dict | None) else str(value)


ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Done.",
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "id": {"type": "string", "format": "uuid"},
                        "version": {"type": "integer"},
                        "events": {"type": "array", "items": {"type": "string"}},
                    },
                }
            }
        },
    },
    **{
        code: {"description": text, "content": {"application/problem+json": {}}}
        for code, text in {
            401: "Nobody is signed in.",
            403: "Not of this role, or not of this unit.",
            404: "There is no such thing.",
            409: "Refused by a rule, or changed meanwhile.",
            413: "Too large.",
            415: "Neither JSON nor a form.",
            422: "Does not fit.",
            429: "Too many; wait.",
            503: "Not now; try again.",
        }.items()
    },
}


def _openapi(model: type[Command]) -> dict[str, Any]:
    text = json.dumps(model.model_json_schema(ref_template="{model}"))
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": _inlined(text)}}}}


def _inlined(text: str) -> dict[str, Any]:
    """A JSON Schema whose `$defs` are put in place, so that each route's schema stands alone."""
    schema: dict[str, Any] = json.loads(text)
    definitions: dict[str, Any] = schema.pop("$defs", {})

    def inline(node: Any) -> Any:
        if isinstance(node, dict):
            if "$ref" in node:
                return inline(definitions[node["$ref"]])
            return {name: inline(value) for name, value in node.items()}
        return [inline(item) for item in node] if isinstance(node, list) else node

    inlined: dict[str, Any] = inline(schema)
    return inlined


def as_json(result: Problem | dict[str, Any]) -> Response:
    """The answer to a program."""
    return result.response() if isinstance(result, Problem) else JSONResponse(result)
