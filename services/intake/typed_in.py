"""A referral typed in by staff: the same document by a form, with what is wrong said at its field.

Job: make the document from the form and hand it to the referral's door. It judges nothing itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import Request
from starlette.responses import RedirectResponse, Response

from services.intake import door, register_queries
from services.intake.settling import today_of
from services.intake.wording import programme_words, programmes_of, unit_options
from shared.commands import document_sent
from shared.contracts.model import STAFF
from shared.contracts.referral import SchoolPreconditions
from shared.hosting import Host
from shared.messages import Actor
from shared.problems import Problem

PARTS = ("candidate", "school", "guardian")
SCHOOL_BOXES = tuple(SchoolPreconditions.model_fields)


def mount(host: Host) -> None:
    """Add `/intake/referrals/new`."""
    app, access = host.app, host.access

    @app.get("/intake/referrals/new", include_in_schema=False)
    async def blank(request: Request) -> Response:
        return await _page(host, request, access.staff(request, *STAFF), {}, [])

    @app.post("/intake/referrals/new", include_in_schema=False)
    async def sent(request: Request) -> Response:
        actor = access.staff(request, *STAFF)
        _, sent_fields = await document_sent(request)
        fields = in_shape(sent_fields)
        try:
            outcome = await door.refer(host, request, actor, as_document(fields))
        except Problem as problem:
            if problem.status != 422 or "reasons" not in problem.values:
                raise
            language = host.pages.language(request, actor)
            words = host.service.programmes.codes.words
            errors = [
                {
                    "code": one["code"],
                    "field": one["field"],
                    "message": words("rejections", one["code"], language),
                }
                for one in problem.values["reasons"]
            ]
            return await _page(host, request, actor, fields, errors)
        return RedirectResponse(f"/intake/cases/{outcome.answer['case_id']}", 303)


def in_shape(fields: Mapping[str, Any]) -> dict[str, Any]:
    """What a page of ours can have sent: where it has parts or a list of them, nothing else stands there."""
    known = {name: value for name, value in fields.items() if isinstance(value, dict) or name not in PARTS}
    wishes = known.pop("wishes", None)
    if isinstance(wishes, list):
        known["wishes"] = [wish for wish in wishes if isinstance(wish, dict)]
    return known


def as_document(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The form as a referral: boxes are yes or no, and wishes without an industry are none."""
    document = {name: value for name, value in fields.items() if name != "school"}
    candidate = dict(fields.get("candidate") or {})
    candidate["protected"] = candidate.get("protected") == "true"
    document["candidate"] = candidate
    document["chosen_by_candidate"] = fields.get("chosen_by_candidate") == "true"
    ticked = fields.get("school")
    if isinstance(ticked, dict):
        document["school"] = {name: ticked.get(name) == "true" for name in SCHOOL_BOXES}
    wishes = fields.get("wishes")
    if isinstance(wishes, list):
        document["wishes"] = [wish for wish in wishes if wish.get("industries")]
    return document


async def _page(
    host: Host, request: Request, actor: Actor, fields: dict[str, Any], errors: list[dict[str, str]]
) -> Response:
    programmes = host.service.programmes
    async with host.pool.acquire() as connection:
        partners = await register_queries.partner_names(connection, actor.units)
    return host.pages.render(
        request,
        "referral.html",
        actor=actor,
        status=422 if errors else 200,
        fields=fields,
        errors=errors,
        units=unit_options(programmes, actor.units),
        programmes=programmes_of(programmes, actor.units),
        programme_words=programme_words(programmes),
        partners=[(str(id_), name) for id_, name in partners],
        school_boxes=SCHOOL_BOXES,
        today=today_of(actor.units, programmes, host.service.clock()).isoformat(),
    )
