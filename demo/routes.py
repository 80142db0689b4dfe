"""What the demonstration alone serves under `/demo`: tokens, the clock, the mailbox, and waiting.

Production never mounts it. Its names are in the public contract, because tests from outside use them.
"""

from __future__ import annotations

from base64 import b64encode
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, HTTPException
from pydantic import BaseModel, Field

from shared.access import ROLES

if TYPE_CHECKING:
    from demo.stack import Stack


class TokenWanted(BaseModel):
    """`units: []`, or none named, is all of them."""

    role: str = "caseworker"
    units: list[str] = []
    subject: str | None = None


class Move(BaseModel):
    """Either so many days on, or to a moment."""

    days: float | None = Field(default=None, ge=0, le=36_500)
    to: datetime | None = None


def demonstration(stack: Stack) -> FastAPI:
    """The app under `/demo`."""
    app = FastAPI(title="Makker: the demonstration", openapi_url="/demo/openapi.json", docs_url=None)

    @app.post("/demo/token")
    async def token(wanted: TokenWanted) -> dict[str, str]:
        if wanted.role not in ROLES:
            raise HTTPException(422, f"role is one of {', '.join(ROLES)}")
        subject = wanted.subject or f"demo-{wanted.role}"
        return {"token": stack.issuer.token(subject, [wanted.role], wanted.units or stack.units)}

    @app.get("/demo/clock")
    async def clock() -> dict[str, str]:
        return {"now": stack.clock().isoformat()}

    @app.post("/demo/clock")
    async def move(wanted: Move) -> dict[str, str]:
        if (wanted.days is None) == (wanted.to is None):
            raise HTTPException(422, "give either days or to")
        target = wanted.to or stack.clock() + timedelta(days=wanted.days or 0)
        if target.tzinfo is None:
            target = target.replace(tzinfo=UTC)
        if wanted.to is not None and target < stack.clock():
            raise HTTPException(422, "the clock does not go back")
        await stack.move_to(target)
        return await clock()

    @app.get("/demo/mailbox")
    async def mailbox(to: str | None = None) -> list[dict[str, Any]]:
        if stack.mailbox is None:
            raise HTTPException(404, "the mail goes to a server of its own (SMTP_URL)")
        mails = stack.mailbox.to(to) if to else stack.mailbox.mails
        return [_readable(asdict(mail)) for mail in mails]

    @app.post("/demo/settle")
    async def settle() -> dict[str, str]:
        await stack.settle()
        return await clock()

    return app


def _readable(mail: dict[str, Any]) -> dict[str, Any]:
    for attachment in mail["attachments"]:
        attachment["content"] = b64encode(attachment["content"]).decode()
    return mail
