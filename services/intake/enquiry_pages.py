"""A unit's door for people without sign-in: candidates, mentors and hosts make contact, and confirm it.

Guarantee: works without a script and keeps what was typed whatever is wrong with it; the answer is the same
whether an address is known here or not; GET changes nothing, because mail scanners open links. What passes is
limited by sender in this process, and by address and unit in the database. What it sends is an internal
message: no command door leads here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import UUID, uuid4

from fastapi import Request
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from services.intake.documents import Fault
from services.intake.enquiring import AskEnquiry, ConfirmEnquiry
from services.intake.enquiry_form import (
    KINDS,
    LEFT_EMPTY,
    TICKED,
    Kind,
    Typed,
    guards,
    id_of,
    in_page_order,
    programmes_for,
    read,
    shown,
    stamp,
)
from services.intake.registers import Enquiry, Notice, UnitFile
from services.intake.sealing import Secrets
from services.intake.settling import today_in
from shared.commands import body_of
from shared.contracts.model import Language, Timer, derived_id
from shared.corridor import handle
from shared.forms import document_of, is_form
from shared.hosting import Host, too_many
from shared.limits import Limit
from shared.links import LinkExpired
from shared.messages import Message, Outcome
from shared.postgres import TRANSIENT, Connection
from shared.problems import Problem
from shared.programmes import Unit

LARGEST_FORM_BYTES = 256 * 1024
MOST_BY_SENDER, MOST_BY_UNIT, AN_HOUR = 40, 100, timedelta(hours=1)
"""A class or a library is one sender; a unit that gets more in an hour gets no people."""
MOST_BY_CONTACT_A_DAY = 4
MOST_NOTICES = 20
CONFIRMED = ("confirmed", "taken", "declined")


def mount(host: Host, secrets: Secrets) -> None:
    """Add the door, and the page that a mailed link leads to."""
    _confirming(host)
    _asking(host, secrets)


async def tell(host: Host, id_: UUID, body: Timer) -> Outcome:
    """Let an internal message take effect. Raises `Problem` where a fault of ours kept it from it."""
    now = host.service.clock()
    message = Message(id=id_, type=type(body).__name__, body=body, time=now, kind="timer")
    (outcome,) = await handle(host.service, [message])
    if outcome.kind in ("parked", "refused"):
        raise Problem(500, "fault")
    return outcome


def _asking(host: Host, secrets: Secrets) -> None:
    limit = Limit(MOST_BY_SENDER, AN_HOUR.total_seconds())

    @host.app.get("/intake/enquiry/{unit_id:path}", include_in_schema=False)
    async def door(
        request: Request,
        unit_id: str,
        kind: str = "",
        notice: str = "",
        partner: str = "",
        channel: str = "",
        sent: str = "",
    ) -> Response:
        unit = _unit(host, unit_id)
        closed = await _closed(host, unit)
        if closed is not None:
            return _said(host, request, unit, "closed", 410, elsewhere=_elsewhere(host, closed))
        if sent in ("email", "phone"):
            return _said(host, request, unit, f"sent_{sent}", 200)
        typed = _of_link(host, notice, partner, channel)
        wanted = await _notices(host, unit)
        return _page(host, secrets, request, unit, kind if kind in KINDS else None, typed, wanted=wanted)

    @host.app.post("/intake/enquiry/{unit_id:path}", include_in_schema=False)
    async def asked(request: Request, unit_id: str) -> Response:
        unit = _unit(host, unit_id)
        _slow_down(host, limit, request)
        fields = await _form(request)
        kind = fields.get("kind")
        if kind not in KINDS:
            return _page(host, secrets, request, unit, None, shown(fields))
        now, digest = host.service.clock(), secrets.digest
        language = cast(Language, host.pages.language(request, unit=unit.id))
        today = today_in(unit.id, host.service.programmes, now)
        typed, faults = read(fields, kind, unit, host.service.programmes, language, today)
        faults = in_page_order((*guards(fields, digest, unit.id, kind, now), *faults))
        if faults or typed is None:
            return _page(host, secrets, request, unit, kind, shown(fields), faults)
        try:
            await _ask(host, secrets, unit, typed, now)
        except TRANSIENT:
            away = (Fault(code="try_again", field=""),)
            return _page(host, secrets, request, unit, kind, shown(fields), away, status=503)
        sent = "email" if typed.email else "phone"
        return RedirectResponse(f"/intake/enquiry/{unit.id}?sent={sent}&lang={language}", 303)


def _of_link(host: Host, notice: str, partner: str, channel: str) -> dict[str, str]:
    """What a link that was mailed to a partner fills in; what cannot be is left out."""
    ids = {"notice": id_of(notice), "partner": id_of(partner)}
    typed = {name: str(id_) for name, id_ in ids.items() if id_ is not None}
    known = host.service.programmes.codes.lists["channels"]
    return typed | ({"channel": channel} if channel in known else {})


def _unit(host: Host, unit_id: str) -> Unit:
    unit = host.service.programmes.units.get(unit_id)
    if unit is None:
        raise Problem(404, "not_found")
    return unit


async def _closed(host: Host, unit: Unit) -> UnitFile | None:
    """The unit as it was closed; None while it is open."""
    text = await host.pool.fetchval(
        "SELECT doc FROM unit_file WHERE id = $1 AND state = 'closed'", derived_id("unit", unit.id)
    )
    return UnitFile.model_validate_json(text) if text is not None else None


async def _notices(host: Host, unit: Unit) -> list[Notice]:
    """The mentors that are looked for just now, the newest notice first."""
    rows = await host.pool.fetch(
        "SELECT doc::text AS doc FROM notice WHERE unit = $1 AND state = 'up' "
        "AND (doc->>'on_enquiry_page')::boolean ORDER BY published_on DESC, id LIMIT $2",
        unit.id,
        MOST_NOTICES,
    )
    return [Notice.model_validate_json(row["doc"]) for row in rows]


def _elsewhere(host: Host, closed: UnitFile) -> tuple[str, str] | None:
    """The unit that goes on with it, and its name."""
    unit = host.service.programmes.units.get(closed.handed_to or "")
    return (unit.id, unit.name) if unit is not None else None


def _slow_down(host: Host, limit: Limit, request: Request) -> None:
    sender = host.senders.of(request)
    wait_seconds = limit.wait_seconds(sender)
    if wait_seconds:
        raise too_many(wait_seconds)
    limit.count(sender)


async def _form(request: Request) -> dict[str, Any]:
    """The form's fields. Raises `Problem` for what is no form, or too large for one."""
    if not is_form(request):
        raise Problem(415, "not_json")
    body = await body_of(request, LARGEST_FORM_BYTES)

    async def once_more() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    try:
        _, fields = document_of(await Request(request.scope, once_more).form())
    except (ValueError, RecursionError, HTTPException):
        raise Problem(422, "malformed") from None
    return fields


async def _ask(host: Host, secrets: Secrets, unit: Unit, typed: Typed, now: datetime) -> None:
    """Take the enquiry, once for an address in an hour. Raises `Problem` 429 where a unit is flooded."""
    contact = typed.email.casefold() if typed.email else typed.phone
    contact_key = secrets.digest(f"enquiry contact/{contact}")
    async with host.pool.acquire() as connection:
        by_unit, last_hour, last_day = await _counted(connection, unit.id, contact_key, now)
    if last_hour or last_day >= MOST_BY_CONTACT_A_DAY:
        return
    if by_unit >= MOST_BY_UNIT:
        raise too_many(int(AN_HOUR.total_seconds()))
    # Two of the same moment, as by a double click, are one.
    enquiry_id = derived_id("enquiry", contact_key, int(now.timestamp()) // int(AN_HOUR.total_seconds()))
    said = AskEnquiry(
        enquiry_id=enquiry_id,
        person_id=uuid4(),
        unit=unit.id,
        contact_key=contact_key,
        sealed=secrets.seal(typed.model_dump_json()),
    )
    await tell(host, derived_id("ask enquiry", enquiry_id), said)


async def _counted(connection: Connection, unit: str, contact_key: str, now: datetime) -> Any:
    """Enquiries to the unit in the last hour, and of the same contact in the last hour and day."""
    return await connection.fetchrow(
        "SELECT (SELECT count(*) FROM enquiry WHERE unit = $1 AND asked_at > $3), "
        "(SELECT count(*) FROM enquiry WHERE contact_key = $2 AND asked_at > $3), "
        "(SELECT count(*) FROM enquiry WHERE contact_key = $2 AND asked_at > $4)",
        unit,
        contact_key,
        _as_stored(now - AN_HOUR),
        _as_stored(now - timedelta(days=1)),
    )


def _as_stored(moment: datetime) -> str:
    """As a document has it, but for fractions of a second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _page(
    host: Host,
    secrets: Secrets,
    request: Request,
    unit: Unit,
    kind: Kind | None,
    typed: Mapping[str, Any],
    faults: Sequence[Fault] = (),
    *,
    status: int | None = None,
    wanted: Sequence[Notice] = (),
) -> Response:
    """The choice between the three forms, or one of them with what was typed and what is wrong with it."""
    programmes, now = host.service.programmes, host.service.clock()
    today = today_in(unit.id, programmes, now)
    language = host.pages.language(request, unit=unit.id)
    words = host.pages.words(language)
    errors = []
    for fault in faults:
        own = f"enquiry.fault.{fault.code}_{fault.field}"
        message = words(own if own in words else f"enquiry.fault.{fault.code}")
        errors.append({"code": fault.code, "field": fault.field, "message": message})
    offered = []
    for one in programmes_for(kind, unit, programmes, today) if kind else ():
        called = programmes.rules(one, unit.id, today).words
        name = (called.get(language) or next(iter(called.values()))).placement
        hint = f"enquiry.programmes.{one}"
        offered.append((one, name[:1].upper() + name[1:], words(hint) if hint in words else ""))
    # A stamp that came too quick is kept: by the next press it is old enough.
    is_ours = all(fault.code != "too_old" for fault in faults)
    opened = typed.get("stamp") if is_ours else None
    return host.pages.render(
        request,
        "enquiry.html",
        unit=unit.id,
        status=status or (422 if faults else 200),
        sender=unit.name,
        unit_id=unit.id,
        kind=kind,
        kinds=KINDS,
        wanted=wanted,
        fields=typed,
        errors=errors,
        programmes=offered,
        kept_months=max(programmes.rules(one, unit.id, today).retention_months for one in unit.programmes),
        stamp=opened or (stamp(secrets.digest, unit.id, kind, now) if kind else ""),
        left_empty=LEFT_EMPTY,
        ticked=TICKED,
    )


def _said(host: Host, request: Request, unit: Unit | None, what: str, status: int, **more: Any) -> Response:
    """A kind page that says how it stands."""
    values: dict[str, Any] = {"elsewhere": None, "token": None, "preferred_language": None} | more
    return host.pages.render(
        request,
        "enquiry_said.html",
        status=status,
        what=what,
        unit=unit.id if unit else None,
        **({"sender": unit.name, "unit_id": unit.id} if unit else {"unit_id": None}),
        **values,
    )


def _confirming(host: Host) -> None:
    async def opened(token: str) -> tuple[Enquiry | None, str, int]:
        """The enquiry of a link, or what there is to say of the link."""
        try:
            actor = host.access.of_link(token)
        except LinkExpired:
            return None, "expired", 410
        if actor is None or actor.scope != "enquiry" or actor.question is None:
            return None, "unknown", 404
        text = await host.pool.fetchval("SELECT doc FROM enquiry WHERE id = $1", actor.question)
        enquiry = Enquiry.model_validate_json(text) if text is not None else None
        if enquiry is None or enquiry.person_id != actor.person_id or enquiry.state == "lapsed":
            return None, "expired", 410
        return enquiry, "confirmed" if enquiry.state in CONFIRMED else "confirm", 200

    async def language_of(enquiry: Enquiry) -> str | None:
        found: str | None = await host.pool.fetchval(
            "SELECT doc ->> 'language' FROM person WHERE id = $1", enquiry.person_id
        )
        return found

    @host.app.get("/intake/enquiry/confirm/{token}", include_in_schema=False)
    async def show(request: Request, token: str) -> Response:
        enquiry, what, status = await opened(token)
        if enquiry is None:
            return _said(host, request, None, what, status)
        language = await language_of(enquiry)
        unit = host.service.programmes.units.get(enquiry.unit)
        return _said(host, request, unit, what, status, token=token, preferred_language=language)

    @host.app.post("/intake/enquiry/confirm/{token}", include_in_schema=False)
    async def confirm(request: Request, token: str) -> Response:
        enquiry, what, status = await opened(token)
        if enquiry is None:
            return _said(host, request, None, what, status)
        if enquiry.state == "asked":
            said = ConfirmEnquiry(enquiry_id=enquiry.id)
            await tell(host, derived_id("confirm enquiry", enquiry.id), said)
        return RedirectResponse(f"/intake/enquiry/confirm/{token}", 303)
