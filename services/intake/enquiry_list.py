"""What came in at the doors of one's units: whom to call back, what to take up, and saying no.

Guarantee: staff see the enquiries of their units, and each look at the list is written down in its own
transaction. A no to somebody who is a case, a mentor or a host already is that one's own command first; if
it is interrupted there, the same press goes on where it was.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from fastapi import Request
from starlette.responses import RedirectResponse, Response

from services.intake import queries, seeing
from services.intake.documents import Referral
from services.intake.enquiring import ConfirmEnquiry, SettleEnquiry, host_of
from services.intake.enquiry_form import Typed
from services.intake.enquiry_pages import tell
from services.intake.referring import in_words
from services.intake.registers import Enquiry, UnitFile
from services.intake.sealing import Secrets
from services.intake.settling import today_in
from services.intake.wording import programme_words
from shared.commands import send
from shared.contracts.intake_commands import DeclineCandidate
from shared.contracts.model import STAFF, Command, derived_id
from shared.contracts.register_commands import DeclineHost, DeclineMentor
from shared.forms import document_of
from shared.hosting import Host
from shared.language import Words
from shared.messages import Actor, Refused
from shared.postgres import Connection
from shared.problems import Problem

AT_MOST = 100
ANSWERED_WITHIN = timedelta(days=2)
HERE = "/intake/enquiries"


@dataclass(frozen=True)
class Line:
    """One enquiry of the list; `reasons` are why it could not become a case."""

    enquiry: Enquiry
    typed: Typed
    reasons: tuple[str, ...] = ()
    is_protected: bool = False

    @property
    def name(self) -> str:
        return self.typed.name


def mount(host: Host, secrets: Secrets) -> None:
    """Add the list, and what its buttons do."""
    _list(host, secrets)
    _buttons(host)


async def waiting(connection: Connection, units: Collection[str]) -> list[Enquiry]:
    """Those that somebody has to do something about, the oldest first."""
    rows = await connection.fetch(
        "SELECT doc FROM enquiry WHERE unit = ANY($1) AND state IN ('asked', 'confirmed') "
        "ORDER BY asked_at, id LIMIT $2",
        list(units),
        AT_MOST,
    )
    return [Enquiry.model_validate_json(row["doc"]) for row in rows]


def today_items(found: Collection[Enquiry], words: Words, today: date) -> list[dict[str, Any]]:
    """The same as items of today's list: whom to call back, and what was confirmed."""
    items = []
    for one in found:
        if one.state == "asked" and one.by_email:
            continue  # The mail asks them, and nobody else has to do anything.
        due_on = ((one.confirmed_at or one.asked_at) + ANSWERED_WITHIN).date()
        key = "enquiries.today_call" if one.state == "asked" else "enquiries.today_new"
        items.append(
            {
                "text": words(key, kind=words(f"enquiries.kind.{one.kind}")),
                "person_id": str(one.person_id),
                "due_at": due_on,
                "urgency": "overdue" if due_on < today else "today" if due_on == today else "soon",
                "href": f"{HERE}#e-{one.id}",
            }
        )
    return items


def _list(host: Host, secrets: Secrets) -> None:
    @host.app.get(HERE, include_in_schema=False)
    async def enquiries(request: Request, done: str = "") -> Response:
        actor = host.access.staff(request, *STAFF)
        language = host.pages.language(request, actor)
        async with host.pool.acquire() as connection, connection.transaction():
            found = await waiting(connection, actor.units)
            reasons = await _reasons(host, connection, found, language)
            on_duty = await _on_duty(host, connection, actor)
            people = {one.person_id for one in found}
            unseen = await seeing.hidden(host, connection, actor, people)
            protected = set(await queries.protected_of(connection, people))
            if seen := people - unseen:
                await queries.note_look(connection, actor, "enquiry_list", seen, host.service.clock())
        lines = [
            Line(
                one,
                Typed.model_validate_json(secrets.open(one.sealed)),
                reasons.get(one.id, ()),
                str(one.person_id) in protected,
            )
            for one in found
            if one.sealed is not None and one.person_id not in unseen
        ]
        return host.pages.render(
            request,
            "enquiries.html",
            actor=actor,
            done=done == "declined",
            on_duty=on_duty,
            programme_words=programme_words(host.service.programmes),
            unit_names={unit.id: unit.name for unit in host.service.programmes.units.values()},
            call_back=[one for one in lines if one.enquiry.state == "asked" and not one.enquiry.by_email],
            confirmed=[one for one in lines if one.enquiry.state == "confirmed"],
            unconfirmed=[one for one in lines if one.enquiry.state == "asked" and one.enquiry.by_email],
        )


async def _reasons(
    host: Host, connection: Connection, found: Collection[Enquiry], language: str
) -> dict[UUID, tuple[str, ...]]:
    """Why a candidate's enquiry could not become a case, in words."""
    references = [str(one.id) for one in found if one.kind == "candidate" and one.state == "confirmed"]
    rows = await connection.fetch(
        "SELECT doc FROM referral WHERE source_reference = ANY($1) AND doc ->> 'state' = 'refused' "
        "AND doc ->> 'source' LIKE '/makker/intake/%/enquiry'",
        references,
    )
    refused = [Referral.model_validate_json(row["doc"]) for row in rows]
    return {
        UUID(str(one.source_reference)): tuple(
            reason.message for reason in in_words(one.faults, host.service.programmes, language)
        )
        for one in refused
    }


async def _on_duty(host: Host, connection: Connection, actor: Actor) -> list[tuple[str, UUID]]:
    """Unit and person of whoever is on duty today."""
    rows = await connection.fetch(
        "SELECT doc FROM unit_file WHERE unit = ANY($1) AND doc IS NOT NULL ORDER BY unit", list(actor.units)
    )
    programmes, now = host.service.programmes, host.service.clock()
    return [
        (unit.unit, duty.person_id)
        for unit in (UnitFile.model_validate_json(row["doc"]) for row in rows)
        if unit.unit in programmes.units
        for duty in unit.duty
        if duty.holds(today_in(unit.unit, programmes, now))
    ]


def _buttons(host: Host) -> None:
    async def own(request: Request, enquiry_id: UUID) -> tuple[Actor, Enquiry, dict[str, Any]]:
        actor = host.access.staff(request, *STAFF)
        text = await host.pool.fetchval("SELECT doc FROM enquiry WHERE id = $1", enquiry_id)
        enquiry = Enquiry.model_validate_json(text) if text is not None else None
        if enquiry is None or enquiry.unit not in actor.units:
            raise Problem(404, "not_found")
        _, fields = document_of(await request.form())
        return actor, enquiry, fields

    @host.app.post(HERE + "/{enquiry_id}/confirm", include_in_schema=False)
    async def confirm(request: Request, enquiry_id: UUID) -> Response:
        _, enquiry, fields = await own(request, enquiry_id)
        said = ConfirmEnquiry(enquiry_id=enquiry.id, heard_by=_code(host, fields, "heard_by"))
        await tell(host, derived_id("enquiry heard", enquiry.id), said)
        return RedirectResponse(f"{HERE}#e-{enquiry.id}", 303)

    @host.app.post(HERE + "/{enquiry_id}/take", include_in_schema=False)
    async def take(request: Request, enquiry_id: UUID) -> Response:
        _, enquiry, _ = await own(request, enquiry_id)
        said = SettleEnquiry(enquiry_id=enquiry.id, answer="taken")
        await tell(host, derived_id("settle enquiry", enquiry.id), said)
        return RedirectResponse(HERE, 303)

    @host.app.post(HERE + "/{enquiry_id}/decline", include_in_schema=False)
    async def decline(request: Request, enquiry_id: UUID) -> Response:
        actor, enquiry, fields = await own(request, enquiry_id)
        support = _code(host, fields, "support", "decline_supports") if fields.get("support") else None
        said = SettleEnquiry(
            enquiry_id=enquiry.id,
            answer="declined",
            reason=_code(host, fields, "reason", "decline_reasons"),
            support=support,
            told_by=_code(host, fields, "told_by", "heard_by"),
        )
        if enquiry.state not in ("asked", "confirmed"):
            raise Problem(409, "not_in_this_state")
        command = no_to(enquiry, said)
        try:
            if command is not None:
                await send(host.service, command, actor)
        except Refused as refused:
            if refused.values.get("state") != "declined":
                raise Problem(refused.status, refused.code, errors=refused.errors) from None
        await tell(host, derived_id("settle enquiry", enquiry.id), said)
        return RedirectResponse(f"{HERE}?done=declined", 303)


def no_to(enquiry: Enquiry, said: SettleEnquiry) -> Command | None:
    """The command that says no to what came of the enquiry; None where nothing did."""
    no: dict[str, Any] = {"reason": said.reason, "support": said.support, "heard_by": said.told_by}
    if enquiry.case_id is not None:
        return DeclineCandidate(case_id=enquiry.case_id, **no)
    if not enquiry.registered:
        return None
    if enquiry.kind == "mentor":
        return DeclineMentor(mentor_id=enquiry.person_id, **no)
    return DeclineHost(host_id=host_of(enquiry.id), **no)


def _code(host: Host, fields: dict[str, Any], name: str, list_name: str | None = None) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not host.service.programmes.codes.has(list_name or name, value):
        raise Problem(422, "unknown_code", field=name)
    return value
