"""How a pool stands: who waits and how long, how many were helped of how many, and what there is too much of.

Job: counts over the cases and places of one programme in one unit. Guarantee: pure; every share comes with
its denominator, and nobody is named. What it needs is read by `queries.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from services.matching.documents import CaseFile, Place
from shared.contracts.model import Location
from shared.programmes import Unit

WAITED_UP_TO_DAYS = (7, 14, 30, 90)
ANY = "any"


@dataclass(frozen=True)
class Share:
    """`part` of `whole`; no share at all of nothing."""

    part: int
    whole: int

    @property
    def percent(self) -> float | None:
        return round(100 * self.part / self.whole, 1) if self.whole else None


@dataclass(frozen=True)
class Surplus:
    """How many of those who wait wish for a kind, and how many openings of it are free."""

    wished: int
    free: int

    @property
    def more(self) -> int:
        """Positive: openings that nobody waiting wishes for; negative: wishes without an opening."""
        return self.free - self.wished


@dataclass(frozen=True)
class Overview:
    """`waited` counts by days, the last without an upper limit; `unmet` by the rule that keeps most away."""

    waiting: int
    beyond_limit: int
    waited: Mapping[str, int]
    fulfilled: Share
    capacity: Share
    unmet: Mapping[str, int]
    industries: Mapping[str, Surplus]
    genders: Mapping[str, Surplus]
    towns: Mapping[str, Surplus]


def overview(
    waiting: Sequence[CaseFile],
    places: Sequence[Place],
    *,
    ever_ready: int,
    ever_matched: int,
    unit: Unit,
    today: date,
    limit_days: int,
) -> Overview:
    """`waiting` are the cases without a place now; the other two count all cases that there ever were."""
    days = [(today - case.waiting_since).days for case in waiting]
    held = sum(len(place.held) for place in places)
    return Overview(
        waiting=len(waiting),
        beyond_limit=sum(one > limit_days for one in days),
        waited=_by_days(days),
        fulfilled=Share(ever_matched, ever_ready),
        capacity=Share(held, sum(place.offer.capacity for place in places)),
        unmet=dict(Counter(_main_reason(case) for case in waiting).most_common()),
        industries=_surplus(
            (_plan_a(case) for case in waiting), ((place.offer.industries, place.free) for place in places)
        ),
        genders=_surplus(
            ((case.profile.wished_mentor_gender or ANY,) for case in waiting),
            (((place.offer.mentor_gender or ANY,), place.free) for place in places),
        ),
        towns=_surplus(
            ((town_of(case.profile.location, unit),) for case in waiting),
            (((town_of(place.offer.location, unit),), place.free) for place in places),
        ),
    )


def _by_days(days: Iterable[int]) -> dict[str, int]:
    found = Counter(next((str(limit) for limit in WAITED_UP_TO_DAYS if one <= limit), "more") for one in days)
    return {name: found[name] for name in (*map(str, WAITED_UP_TO_DAYS), "more")}


def _main_reason(case: CaseFile) -> str:
    return case.unmatched[0].code if case.unmatched else "not_solved"


def _plan_a(case: CaseFile) -> tuple[str, ...]:
    wished = (code for wish in case.profile.wishes if wish.plan == "A" for code in wish.industries)
    return tuple(dict.fromkeys(wished)) or (ANY,)


def _surplus(
    wished: Iterable[Iterable[str]], free: Iterable[tuple[Iterable[str], int]]
) -> dict[str, Surplus]:
    """By kind, the most wished for first; what has several kinds counts in each."""
    wishes = Counter(kind for kinds in wished for kind in kinds)
    openings: Counter[str] = Counter()
    for kinds, count in free:
        for kind in tuple(kinds) or (ANY,):
            openings[kind] += count
    order = sorted({*wishes, *openings}, key=lambda kind: (-wishes[kind], -openings[kind], kind))
    return {kind: Surplus(wishes[kind], openings[kind]) for kind in order}


def town_of(location: Location | None, unit: Unit) -> str:
    """The postcode whose middle it is; unknown where there is none, as for protected persons."""
    if location is None:
        return "unknown"
    for postcode, middle in unit.locations.items():
        if (middle["lat"], middle["lon"]) == (location.lat, location.lon):
            return postcode
    return "elsewhere"
