"""A clock that can be moved: it starts at the real time, and goes on from wherever it is put."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class MovableClock:
    """Called, it gives the time. It never goes back."""

    def __init__(self) -> None:
        self._ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def move_to(self, moment: datetime) -> None:
        self._ahead = max(self._ahead, moment - datetime.now(UTC))
