"""Which rows a message about an enquiry concerns.

Guarantee: looked up without locks; an enquiry's person and kind never change, and of its unit, which is
handed over when it closes, the workflow raises `Stale`. All other ids are derived from the enquiry's own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from services.intake.enquiring import MESSAGES, AskEnquiry, ConfirmEnquiry, host_of, source_of_enquiries
from shared.contracts.model import derived_id
from shared.messages import Message
from shared.postgres import Connection

Rows = Mapping[str, UUID]
ReferralId = Callable[[Message, Mapping[str, Any]], UUID]


async def rows_of(
    connection: Connection, messages: Sequence[Message], referral_id_of: ReferralId
) -> dict[UUID, Rows]:
    """The rows of those of the messages that are about enquiries, by message."""
    ours = [message for message in messages if isinstance(message.body, MESSAGES)]
    if not ours:
        return {}
    confirmed = {m.body.enquiry_id for m in ours if isinstance(m.body, ConfirmEnquiry)}
    known = await connection.fetch(
        "SELECT e.id, e.person_id, e.unit, e.doc ->> 'kind' AS kind, p.id AS partner_id FROM enquiry e "
        "LEFT JOIN partner p ON p.id = (e.doc ->> 'partner_id')::uuid AND p.doc IS NOT NULL "
        "WHERE e.id = ANY($1::uuid[]) AND e.doc IS NOT NULL",
        sorted(confirmed, key=int),
    )
    by_id = {row["id"]: row for row in known}
    return {message.id: _rows(message, by_id, referral_id_of) for message in ours}


def _rows(message: Message, known: Mapping[UUID, Any], referral_id_of: ReferralId) -> Rows:
    body: Any = message.body
    found: dict[str, UUID] = {"enquiry": body.enquiry_id}
    if isinstance(body, AskEnquiry):
        return found | {"person": body.person_id, "unit": derived_id("unit", body.unit)}
    asked = known.get(body.enquiry_id)
    if asked is None or not isinstance(body, ConfirmEnquiry):
        return found
    found |= {"person": asked["person_id"], "unit": derived_id("unit", asked["unit"])}
    if asked["kind"] != "candidate" and asked["partner_id"] is not None:
        found["partner"] = asked["partner_id"]
    if asked["kind"] == "mentor":
        return found | {"mentor": asked["person_id"]}
    if asked["kind"] == "host":
        return found | {"host": host_of(body.enquiry_id)}
    referring = replace(message, source=source_of_enquiries(asked["unit"]), actor=None)
    referral_id = referral_id_of(referring, {"source_reference": str(body.enquiry_id)})
    return found | {"referral": referral_id, "case": derived_id("case", referral_id)}
