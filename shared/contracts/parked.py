"""What every service can be asked about its parked messages."""

from __future__ import annotations

from uuid import UUID

from pydantic import Field

from shared.contracts.model import Command, FreeText


class RetryParked(Command):
    """Handle a parked message again, and those that waited behind it."""

    parked_id: UUID


class DiscardParked(Command):
    """Give a parked message up, with a reason; those that waited behind it go on."""

    parked_id: UUID
    reason: FreeText = Field(min_length=1, max_length=1000)
