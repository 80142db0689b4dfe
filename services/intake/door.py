"""The referral's door over HTTP: a program's document, a command, and a form typed in by staff.

Job: hand the document to the corridor and say in HTTP what became of it. Guarantee: a refusal is `422` with
all reasons and is kept as it came, because for the corridor it is an answer and not an error; whatever
bytes come, the answer is a problem and never a fault.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from fastapi import Request
from starlette.responses import JSONResponse, Response

from services.intake import queries
from services.intake.documents import Referral
from services.intake.fields import said_text
from services.intake.referral import canonical
from services.intake.referring import in_words
from shared.access import NotAllowed, may
from shared.commands import body_of, send
from shared.contracts.intake import Reason
from shared.contracts.model import STAFF
from shared.contracts.referral import RegisterReferral
from shared.hosting import Host
from shared.language import choose_language
from shared.messages import Actor, Outcome, Refused
from shared.postgres import Connection
from shared.problems import Problem


async def json_of(request: Request) -> dict[str, Any]:
    """The body as a JSON object. Half characters and NUL pass: they are reasons of the referral."""
    if request.headers.get("content-type", "").split(";")[0].strip() not in ("application/json", ""):
        raise Problem(415, "not_json")
    body = await body_of(request)
    try:
        document = json.loads(body)
        canonical(document)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        reason = {"code": "malformed", "field": "", "message": "the body is no JSON object"}
        raise Problem(422, "malformed", detail=reason["message"], values={"reasons": [reason]})
    return document


async def refer(host: Host, request: Request, actor: Actor, document: Mapping[str, Any]) -> Outcome:
    """Let the referral take effect. Raises `Problem` 422 with the reasons, in the reader's language."""
    key = request.headers.get("idempotency-key")
    command = RegisterReferral.model_construct(referral=dict(document), version=None)
    digest = hashlib.sha256(canonical(document).encode()).digest()
    try:
        outcome = await send(host.service, command, actor, str(key)[:200] if key else None, digest)
    except Refused as refused:
        raise Problem(refused.status, refused.code, field=refused.field) from None
    reasons = outcome.answer.get("reasons")
    if reasons is not None:
        language = _language(host, request, document)
        words = host.service.programmes.codes.words
        reasons = [one | {"message": words("rejections", one["code"], language)} for one in reasons]
        raise Problem(
            422,
            "referral_rejected",
            detail="the referral cannot be taken; see its reasons",
            errors=[(reason["code"], reason["field"], reason["message"]) for reason in reasons],
            values={**outcome.answer, "reasons": reasons},
        )
    return outcome


def _language(host: Host, request: Request, document: Mapping[str, Any]) -> str:
    unit = host.service.programmes.units.get(said_text(document, "unit") or "")
    default = unit.languages[0] if unit else "da"
    return choose_language(None, None, None, request.headers.get("accept-language"), default)


def permit(actor: Actor) -> None:
    """Staff of the daily work, and publishers. Raises `NotAllowed`."""
    if not may(actor, RegisterReferral):
        raise NotAllowed


def mount(host: Host) -> None:
    """Add the referral's routes; its command's generic door gives way to one that keeps what it refuses."""
    app, access = host.app, host.access

    @app.post("/intake/api/referrals", tags=["referrals"], status_code=202, response_model=None)
    async def post_referral(request: Request) -> Response:
        """Refer a citizen: 202 accepted, 200 known already, 422 with all reasons."""
        actor = access.actor(request)
        permit(actor)
        outcome = await refer(host, request, actor, await json_of(request))
        return JSONResponse(dict(outcome.answer), 200 if outcome.answer.get("already_known") else 202)

    @app.get("/intake/api/referrals/{source_reference:path}", tags=["referrals"], response_model=None)
    async def get_referral(request: Request, source_reference: str) -> Response:
        """Where a referral stands: a publisher's own, or one of the staff's units.

        Where staff see the same reference from several sources, the first stands here and the others under
        `others`.
        """
        actor = access.actor(request)
        permit(actor)
        own = actor.source if actor.kind == "publisher" else None
        async with host.pool.acquire() as connection:
            found = await queries.referrals(connection, source_reference, own)
            if own is None:
                found = [one for one in found if one.unit in actor.units]
            if not found:
                raise Problem(404, "not_found")
            shown = [_standing(host, one, await _case_state(connection, actor, one)) for one in found]
        first, *others = shown
        return JSONResponse(first | ({"others": others} if others else {}))

    @app.post("/intake/api/commands/RegisterReferral", tags=["commands"], response_model=None)
    async def command(request: Request) -> Response:
        """Refer a citizen; the document stands under `referral`."""
        actor = access.actor(request)
        permit(actor)
        body = await json_of(request)
        document = body.get("referral")
        if not isinstance(document, dict):
            raise Problem(422, "does_not_fit", field="referral", detail="`referral` holds the document")
        outcome = await refer(host, request, actor, document)
        done = {"id": str(outcome.id), "version": outcome.version, "events": list(outcome.events)}
        return JSONResponse({**outcome.answer, **done})

    # The first route that fits is taken, and the generic door was there before.
    app.router.routes.insert(0, app.router.routes.pop())


async def _case_state(connection: Connection, actor: Actor, referral: Referral) -> str | None:
    stored = await queries.case(connection, referral.case_id) if referral.case_id else None
    told = stored is not None and may_be_told(actor, stored.case.reply_to_case)
    return stored.case.state if stored is not None and told else None


def may_be_told(actor: Actor, reply_to_case: bool) -> bool:
    """Staff see how a case stands; a publisher does where it asked for it."""
    return bool(actor.roles & STAFF) or reply_to_case


def _standing(host: Host, referral: Referral, case_state: str | None) -> dict[str, Any]:
    language = host.service.programmes.units[referral.unit].languages[0] if referral.unit else "da"
    reasons: tuple[Reason, ...] = in_words(referral.faults, host.service.programmes, language)
    return {
        "source": referral.source,
        "source_reference": referral.source_reference,
        "state": referral.state,
        "case_id": str(referral.case_id) if referral.case_id else None,
        "case_state": case_state,
        "received_at": referral.received_at.isoformat(),
        "reasons": [reason.model_dump() for reason in reasons],
    }
