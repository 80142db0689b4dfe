"""PURE calculations of followup: the days of check-ins, local midnight, and which rules hold."""

from __future__ import annotations

import calendar
import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from services.followup.documents import Placement
from shared.programmes import CheckIns, Programmes, Rules

DURATION = re.compile(r"^P(\d+)([DWM])$")
MORNING = time(9, 0)


def add_months(day: date, months: int) -> date:
    """The same day of a later month, or that month's last day where it has no such day."""
    index = day.month - 1 + months
    year, month = day.year + index // 12, index % 12 + 1
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


def add_duration(day: date, duration: str) -> date:
    """A day and an ISO 8601 duration of days, weeks or months."""
    found = DURATION.match(duration)
    if found is None:
        raise ValueError(f"not a duration: {duration}")
    number, letter = int(found[1]), found[2]
    if letter == "M":
        return add_months(day, number)
    return day + timedelta(days=number * (7 if letter == "W" else 1))


def check_in_day(cadence: CheckIns, counted_from: date, number: int, ends_on: date | None) -> date | None:
    """The day of the check-in with this number (from 1), or None if there is no more.

    One that falls on the last day is due still (B).
    """
    if cadence.every == "month":
        day = add_months(counted_from, number)
    elif number <= len(cadence.at):
        day = add_duration(counted_from, cadence.at[number - 1])
    else:
        return None
    return None if ends_on is not None and day > ends_on else day


def local_day(now: datetime, zone: str) -> date:
    return now.astimezone(ZoneInfo(zone)).date()


def local_moment(day: date, zone: str, at: time = time(0, 0)) -> datetime:
    """A wall-clock time of a day in the unit's time zone, in UTC."""
    return datetime.combine(day, at, ZoneInfo(zone)).astimezone(UTC)


def zone(rules: Programmes, placement: Placement) -> str:
    return rules.unit(placement.unit).time_zone


def own_rules(rules: Programmes, placement: Placement) -> Rules:
    return rules.version(placement.programme, placement.unit, placement.rules_version)
