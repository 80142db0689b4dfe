"""What every service can be asked about its parked messages."""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from pydantic import Field

from shared.contracts.model import Command, FreeText

OPERATES = frozenset({"operator"})


class RetryParked(Command):
    """Handle a parked message again, and those that waited behind it."""

    roles: ClassVar[frozenset[str]] = OPERATES
    parked_id: UUID


class DiscardParked(Command):
    """Give a parked message up, with a reason; those that waited behind it go on."""

    roles: ClassVar[frozenset[str]] = OPERATES
    parked_id: UUID
    reason: FreeText = Field(min_length=1, max_length=1000)
