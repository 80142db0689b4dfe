"""Which pairs are possible, and how much speaks for each: hard rules as absent edges, points as weights.

Job: from profiles, offers and a programme's rules to the edges of a pool, and from the same rules to
"why not". Guarantee: pure; a hard rule is never outweighed by points; nothing personal lowers a rank:
a need that a place supports adds points and one that it does not support takes none, groups count for
nothing, and there is no score of anybody's chances. It solves nothing.

A feasible pair is worth at least one point, so that nobody stays without a place that nothing speaks
against. What is unknown breaks no rule, with three exceptions where the rule protects somebody: a
certificate, a language and a mentor's gender that are not known are not there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal
from uuid import UUID

from services.matching.solver.distance import on_sphere, way_km
from services.matching.solver.pool import Edge, Opening, Pool, Seeker
from shared.contracts.intake import PlaceOffered, Profile
from shared.contracts.matching import WhyNot
from shared.contracts.model import Location, Points, Wish
from shared.programmes import Rules

LEVELS = ("A0", "A1", "A2", "B1", "B2", "C1", "C2", "native")
TRAVEL_KM = 30.0
"""How far counts as a long way where a candidate has not said it."""
NEEDS_IN_FULL = 3
"""So many needs that a place supports are worth the whole weight, and each of them its part."""


@dataclass(frozen=True)
class Candidate:
    """A waiting case as the rules see it; a place that is `tried`, or whose host or mentor is, is no edge."""

    id: UUID
    profile: Profile
    waiting_since: date
    tried: frozenset[UUID] = frozenset()


@dataclass(frozen=True)
class Offered:
    """A place as the rules see it, with its free openings."""

    id: UUID
    offer: PlaceOffered
    free: int


@dataclass(frozen=True)
class Asking:
    """What the rules are asked with: a programme's rules on a day of the unit."""

    rules: Rules
    today: date


Breaks = Callable[[Candidate, Offered, Asking], bool]
Speaks = Callable[[Candidate, Offered, Asking], float]


def distance_km(one: Location, other: Location) -> float:
    """As the crow flies, between the middles of two postcodes."""
    return way_km(*on_sphere(one.lat, one.lon), *on_sphere(other.lat, other.lon))


def _distance(candidate: Candidate, place: Offered) -> float | None:
    here, there = candidate.profile.location, place.offer.location
    return distance_km(here, there) if here is not None and there is not None else None


def _too_far(candidate: Candidate, place: Offered, _: Asking) -> bool:
    most, way = candidate.profile.max_travel_km, _distance(candidate, place)
    return most is not None and way is not None and way > most


def _certificate_missing(candidate: Candidate, place: Offered, _: Asking) -> bool:
    return not set(place.offer.required_certificates) <= set(candidate.profile.certificates)


def _language_missing(candidate: Candidate, place: Offered, _: Asking) -> bool:
    known = candidate.profile.languages
    return any(
        LEVELS.index(known.get(language, "A0")) < LEVELS.index(level)
        for language, level in place.offer.required_languages.items()
    )


def _no_common_times(candidate: Candidate, place: Offered, _: Asking) -> bool:
    mine, theirs = set(candidate.profile.times), set(place.offer.times)
    return bool(mine) and bool(theirs) and not mine & theirs


def _no_common_hours(candidate: Candidate, place: Offered, _: Asking) -> bool:
    mine, theirs = candidate.profile.hours_per_week, place.offer.hours_per_week
    return mine is not None and theirs is not None and (mine.max < theirs.min or theirs.max < mine.min)


def _excluded(candidate: Candidate, place: Offered, _: Asking) -> bool:
    return bool(
        {place.id, place.offer.host_id, place.offer.mentor_id} & set(candidate.profile.excluded_hosts)
    )


def _other_gender(candidate: Candidate, place: Offered, _: Asking) -> bool:
    wished = candidate.profile.wished_mentor_gender
    return wished is not None and place.offer.mentor_gender != wished


def _taken(_: Candidate, place: Offered, __: Asking) -> bool:
    return place.free < 1


def earliest_of(profile: Profile, asking: Asking) -> date:
    """The first day on which a candidate can begin."""
    return max(asking.today, profile.available_from or asking.today)


def beginnings(offer: PlaceOffered, asking: Asking) -> tuple[date, date]:
    """From when to when a candidate's first day may be, so that a place suits them.

    Not longer before the place opens than anybody should wait, and not so late that less is left of it than
    the shortest placement takes.
    """
    rules = asking.rules
    first = last = None
    if offer.available_from is not None and offer.available_from > asking.today:
        first = offer.available_from - timedelta(days=rules.waiting_limit_days)
    if offer.available_to is not None:
        last = offer.available_to - timedelta(weeks=rules.frame.weeks_min)
        if offer.available_from is not None and last < offer.available_from:
            last = date.min
    return first or date.min, last or date.max


def _outside_period(candidate: Candidate, place: Offered, asking: Asking) -> bool:
    first, last = beginnings(place.offer, asking)
    return not first <= earliest_of(candidate.profile, asking) <= last


def _long_training(_: Candidate, place: Offered, __: Asking) -> bool:
    return place.offer.long_training


def _industries(wishes: Iterable[Wish]) -> set[str]:
    return {industry for wish in wishes for industry in wish.industries}


def _plan(candidate: Candidate, name: Literal["A", "B"]) -> list[Wish]:
    return [wish for wish in candidate.profile.wishes if wish.plan == name]


def _no_wished_industry(candidate: Candidate, place: Offered, _: Asking) -> bool:
    wished = _industries(candidate.profile.wishes)
    return bool(wished) and not wished & set(place.offer.industries)


def _no_wished_profession(candidate: Candidate, place: Offered, _: Asking) -> bool:
    wished = {wish.profession for wish in candidate.profile.wishes if wish.profession}
    return bool(wished) and place.offer.profession not in wished


def _no_wished_education(candidate: Candidate, place: Offered, _: Asking) -> bool:
    wished = {wish.education for wish in candidate.profile.wishes if wish.education}
    return bool(wished) and place.offer.education_level not in wished


def _other_field(candidate: Candidate, place: Offered, _: Asking) -> bool:
    return candidate.profile.field is not None and place.offer.field != candidate.profile.field


HARD: Mapping[str, Breaks] = {
    "exclusion": _excluded,
    "capacity": _taken,
    "availability": _outside_period,
    "long_training": _long_training,
    "certificate": _certificate_missing,
    "language": _language_missing,
    "times": _no_common_times,
    "hours": _no_common_hours,
    "mentor_gender": _other_gender,
    "industry": _no_wished_industry,
    "profession": _no_wished_profession,
    "education": _no_wished_education,
    "field": _other_field,
    "travel": _too_far,
}
"""What breaks each hard rule; the cheap ones first, so that a distance is measured last."""

TRIED = "refused_before"


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def _plan_a(candidate: Candidate, place: Offered, _: Asking) -> float:
    return float(bool(_industries(_plan(candidate, "A")) & set(place.offer.industries)))


def _plan_b(candidate: Candidate, place: Offered, asking: Asking) -> float:
    if _plan_a(candidate, place, asking):
        return 0.0
    return float(bool(_industries(_plan(candidate, "B")) & set(place.offer.industries)))


def _shared_language(candidate: Candidate, place: Offered, _: Asking) -> float:
    return float(bool(set(candidate.profile.languages) & set(place.offer.spoken_languages)))


def _short_way(candidate: Candidate, place: Offered, _: Asking) -> float:
    way = _distance(candidate, place)
    return 0.0 if way is None else max(0.0, 1 - _share(way, candidate.profile.max_travel_km or TRAVEL_KM))


def _times_fit(candidate: Candidate, place: Offered, _: Asking) -> float:
    mine, theirs = set(candidate.profile.times), set(place.offer.times)
    return _share(len(mine & theirs), min(len(mine), len(theirs)))


def _hours_fit(candidate: Candidate, place: Offered, asking: Asking) -> float:
    known = candidate.profile.hours_per_week is not None and place.offer.hours_per_week is not None
    return float(known and not _no_common_hours(candidate, place, asking))


def _helpers_there(candidate: Candidate, place: Offered, asking: Asking) -> float:
    # Of the same number for everybody: who needs a language mentor is not to lose where there is none.
    usual = set(asking.rules.helpers)
    all_helpers = usual | {"language_mentor"}
    wanted = all_helpers if candidate.profile.language_mentor_needed else usual
    return _share(len(wanted & set(place.offer.helpers)), len(all_helpers))


def _needs_supported(candidate: Candidate, place: Offered, _: Asking) -> float:
    supported = set(candidate.profile.needs) & set(place.offer.supported_needs)
    return min(1.0, len(supported) / NEEDS_IN_FULL)


def _education_fits(candidate: Candidate, place: Offered, _: Asking) -> float:
    wished = {wish.education for wish in candidate.profile.wishes if wish.education}
    return float(place.offer.education_level in wished)


def _profession_fits(candidate: Candidate, place: Offered, _: Asking) -> float:
    wished = {wish.profession for wish in candidate.profile.wishes if wish.profession}
    return float(place.offer.profession in wished)


def _field_fits(candidate: Candidate, place: Offered, _: Asking) -> float:
    return float(candidate.profile.field is not None and place.offer.field == candidate.profile.field)


def _waited(candidate: Candidate, _: Offered, asking: Asking) -> float:
    days = max(0, (asking.today - candidate.waiting_since).days)
    return min(1.0, _share(days, asking.rules.waiting_limit_days))


SOFT: Mapping[str, Speaks] = {
    "industry_plan_a": _plan_a,
    "industry_plan_b": _plan_b,
    "profession": _profession_fits,
    "field": _field_fits,
    "education": _education_fits,
    "language": _shared_language,
    "travel": _short_way,
    "times": _times_fit,
    "hours": _hours_fit,
    "helpers": _helpers_there,
    "needs_supported": _needs_supported,
    "waiting": _waited,
}
"""How much of a weight each reason gives, from 0 to 1."""


def unknown_rules(rules: Rules) -> list[str]:
    """The hard rules and weights of a programme that are not known here; there should be none."""
    return [
        *(code for code in rules.matching.hard if code not in HARD),
        *(code for code in rules.matching.weights if code not in SOFT),
    ]


def broken(candidate: Candidate, place: Offered, asking: Asking) -> Iterator[str]:
    """The hard rules that forbid this pair, by code."""
    if not candidate.tried.isdisjoint((place.id, place.offer.host_id, place.offer.mentor_id)):
        yield TRIED
    hard = set(asking.rules.matching.hard) | {"capacity"}
    for code, breaks in HARD.items():
        if code in hard and breaks(candidate, place, asking):
            yield code


def reasons(candidate: Candidate, place: Offered, asking: Asking) -> tuple[Points, ...]:
    """What speaks for this pair, in integer points, the most first."""
    found = [
        Points(code=code, points=round(weight * SOFT[code](candidate, place, asking)))
        for code, weight in asking.rules.matching.weights.items()
    ]
    return tuple(sorted((one for one in found if one.points > 0), key=lambda one: (-one.points, one.code)))


def plan_of(candidate: Candidate, place: Offered) -> Literal["A", "B"] | None:
    """Which of the candidate's plans the place fits."""
    for name in ("A", "B"):
        for wish in _plan(candidate, name):
            if (
                set(wish.industries) & set(place.offer.industries)
                or (wish.profession and wish.profession == place.offer.profession)
                or (wish.education and wish.education == place.offer.education_level)
            ):
                return name
    return None


def overdue(candidate: Candidate, asking: Asking) -> bool:
    """Whether a candidate has waited beyond the programme's limit."""
    return (asking.today - candidate.waiting_since).days > asking.rules.waiting_limit_days


def pool_of(candidates: Sequence[Candidate], places: Sequence[Offered], asking: Asking) -> Pool:
    """The pool with all its edges."""
    edges = []
    for candidate in candidates:
        for place in places:
            if next(broken(candidate, place, asking), None) is None:
                why = reasons(candidate, place, asking)
                points = max(1, sum(one.points for one in why))
                edges.append(Edge(candidate.id, place.id, points, why, plan_of(candidate, place)))
    return Pool.of(
        (Seeker(one.id, overdue(one, asking)) for one in candidates),
        (Opening(one.id, one.free) for one in places),
        edges,
    )


def why_not(candidate: Candidate, places: Sequence[Offered], asking: Asking) -> tuple[WhyNot, ...]:
    """How many places each rule keeps from this candidate, the most first.

    A place counts under every rule that it breaks, so that all there is to change is seen at once;
    `others_first` are the places that no rule forbids, `no_places` says that there are none at all.
    """
    if not places:
        return (WhyNot(code="no_places", places=0),)
    removed: Counter[str] = Counter()
    for place in places:
        removed.update(list(broken(candidate, place, asking)) or ["others_first"])
    return tuple(
        WhyNot(code=code, places=count)
        for code, count in sorted(removed.items(), key=lambda e: (-e[1], e[0]))
    )
