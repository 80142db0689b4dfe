"""Every contract module, imported here, so that the registers of events and commands are full."""

from shared.contracts import (
    followup,
    intake,
    intake_commands,
    matching,
    notifications,
    parked,
    people_commands,
    referral,
    register_commands,
)

__all__ = [
    "followup",
    "intake",
    "intake_commands",
    "matching",
    "notifications",
    "parked",
    "people_commands",
    "referral",
    "register_commands",
]
