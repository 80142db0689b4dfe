"""Candidates and places as columns of numbers, so that a rule is a few machine instructions.

Job: the columns that `pairs` reads, made from profiles, offers and a programme's rules. Guarantee: they say
of each pair what the objects say: codes are numbered by the places that have them, because a code that no
place has can neither break a rule nor earn a point, and what depends on one side alone (a place that is
full, points for waiting, helpers) is worked out here by the very functions of `edges`. It judges no pair.

Sets of codes are bits, in segments of as many words as a pool needs; a segment stands at the same words
for candidates and for places.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from itertools import accumulate
from math import inf
from typing import NamedTuple
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from services.matching.solver.distance import on_sphere
from services.matching.solver.edges import (
    HARD,
    LEVELS,
    SOFT,
    TRAVEL_KM,
    TRIED,
    Asking,
    Candidate,
    Offered,
    beginnings,
    earliest_of,
    overdue,
)
from services.matching.solver.graph import Longs
from services.matching.solver.pool import MOST_POINTS, TooLarge
from shared.contracts.intake import PlaceOffered, Profile
from shared.contracts.model import Hours, Location

Floats = NDArray[np.float64]
Words = NDArray[np.uint64]

CODES = (TRIED, *HARD)
"""The hard rules by their bit."""
REASONS = tuple(SOFT)
"""The reasons by their number."""
SEGMENTS = (
    "times",
    "any_plan",
    "plan_a",
    "plan_b",
    "profession",
    "education",
    "level",
    "spoken",
    "certificate",
    "need",
)
TIMES, ANY_PLAN, PLAN_A, PLAN_B, PROFESSION, EDUCATION, LEVEL, SPOKEN, CERTIFICATE, NEED = range(10)
GENDERS: Mapping[str | None, int] = {None: 0, "f": 1, "m": 2, "x": 3}
MANY = 2**31 - 1
"""More openings than anybody has."""
NO_FIELD, OTHER_FIELD = -1, -2
"""No field at all, and a field that no place has."""
WORD = 2**64 - 1
NOBODY = UUID(int=0)
ANYWHERE = Offered(
    NOBODY, PlaceOffered(place_id=NOBODY, unit="", kind="volunteer", programmes=(), capacity=1), 0
)
"""For a reason that does not look at the place."""


class Seekers(NamedTuple):
    """Candidates, one to a row: numbers, measures and sets by the columns named below.

    `barred` are the places that they have tried (rule 0) or shut out (rule 1), as place * 2 + rule; those of
    row `i` are `barred[barred_start[i]:barred_start[i + 1]]`.
    """

    numbers: Longs
    measures: Floats
    sets: Words
    barred: Longs
    barred_start: Longs


class Offers(NamedTuple):
    """Places, one to a row, in the same way."""

    numbers: Longs
    measures: Floats
    sets: Words


# Numbers of both sides.
LOCATED, HOURS_KNOWN, TIME_COUNT, FIELD, GENDER = range(5)
# Of candidates: the last three, whether they wish an industry, a profession, an education at all.
EARLIEST, WAITING, LANGUAGE_MENTOR, OVERDUE, INDUSTRIES, PROFESSIONS, EDUCATIONS = range(5, 12)
SEEKER_NUMBERS = 12
# Of places: from when to when a candidate may begin; and the points for helpers for a candidate without and
# with the need of a language mentor.
FROM, UNTIL, FREE, LONG_TRAINING, HELPERS, HELPERS_WITH_LANGUAGE = range(5, 11)
OFFER_NUMBERS = 11
# Measures of both sides: where on the sphere, and hours, from nothing to infinite where they are not known.
X, Y, Z, HOURS_MIN, HOURS_MAX = range(5)
# Of candidates: how far they go, infinite where that is not known, and what counts as a long way.
MOST_KM, SHARE_KM = 5, 6


class Asked(NamedTuple):
    """The rules: `hard` as bits of `CODES`, `weights` by `REASONS`, and where the segments stand."""

    hard: int
    weights: Longs
    segment: Longs


class Columns(NamedTuple):
    """A pool in columns."""

    seekers: Seekers
    offers: Offers
    asked: Asked


def _words(rows: Sequence[Sequence[int]], segment: Sequence[int]) -> Words:
    """Bits of any length, by row and segment, as words."""
    sets = np.zeros((len(rows), segment[-1]), np.uint64)
    for number, bits in enumerate(zip(*rows, strict=True)):
        for word in range(segment[number], segment[number + 1]):
            shift = 64 * (word - segment[number])
            sets[:, word] = np.array([(one >> shift) & WORD for one in bits], np.uint64)
    return sets


def _hours(hours: Hours | None) -> tuple[float, float]:
    return (0.0, inf) if hours is None else (hours.min, hours.max)


def _sphere(location: Location | None) -> tuple[float, float, float]:
    return (0.0, 0.0, 0.0) if location is None else on_sphere(location.lat, location.lon)


def columns_of(candidates: Sequence[Candidate], places: Sequence[Offered], asking: Asking) -> Columns:
    """The columns, in the order given. Raises KeyError for a weight that `edges` does not know."""
    codes = Vocabulary()
    rows = [_place_bits(place.offer, codes) for place in places]
    segment = [0, *accumulate(max(1, -(-len(codes.bits[name]) // 64)) for name in SEGMENTS)]
    offers = _offers(places, asking, codes, _words(rows, segment))
    rows = [_candidate_bits(one.profile, codes) for one in candidates]
    seekers = _seekers(candidates, asking, codes, _words(rows, segment), _Barred(places))
    return Columns(seekers, offers, _asked(asking, segment))


def _asked(asking: Asking, segment: Sequence[int]) -> Asked:
    matching = asking.rules.matching
    used = {*matching.hard, "capacity", TRIED}
    hard = sum(1 << bit for bit, code in enumerate(CODES) if code in used)
    number = {code: index for index, code in enumerate(REASONS)}
    weights = np.zeros(len(REASONS), np.int64)
    if sum(matching.weights.values()) > MOST_POINTS:
        raise TooLarge(f"the programme's weights are too large: together more than {MOST_POINTS}")
    for code, weight in matching.weights.items():
        weights[number[code]] = weight
    return Asked(hard, weights, np.array(segment, np.int64))


class Vocabulary:
    """The codes that places have: a bit for each in its segment, and a number for each field."""

    def __init__(self) -> None:
        self.bits: dict[str, dict[object, int]] = {name: {} for name in SEGMENTS}
        self.bits["plan_a"] = self.bits["plan_b"] = self.bits["any_plan"]
        self.fields: dict[str, int] = {}
        self.required: list[tuple[str, str, int]] = []
        self.levels: dict[tuple[tuple[str, str], ...], int] = {}

    def learn(self, segment: str, codes: Iterable[object]) -> int:
        """The bits of a place's codes."""
        bits, known = 0, self.bits[segment]
        for code in codes:
            bits |= known.setdefault(code, 1 << len(known))
        return bits

    def known(self, segment: str, codes: Iterable[object]) -> int:
        """The bits of those of a candidate's codes that a place has."""
        bits, known = 0, self.bits[segment]
        for code in codes:
            bits |= known.get(code, 0)
        return bits

    def reached(self, languages: Mapping[str, str]) -> int:
        """The bits of those levels of a language, as places require them, that these languages reach."""
        key = tuple(languages.items())
        if key not in self.levels:
            self.levels[key] = sum(
                bit
                for language, level, bit in self.required
                if LEVELS.index(languages.get(language, "A0")) >= LEVELS.index(level)
            )
        return self.levels[key]

    def require(self, languages: Mapping[str, str]) -> int:
        """The bits of the levels that a place requires."""
        bits, known = 0, self.bits["level"]
        for language, level in languages.items():
            if (language, level) not in known:
                known[language, level] = 1 << len(known)
                self.required.append((language, level, known[language, level]))
            bits |= known[language, level]
        return bits


def _place_bits(offer: PlaceOffered, codes: Vocabulary) -> tuple[int, ...]:
    industries = codes.learn("any_plan", offer.industries)
    return (
        codes.learn("times", offer.times),
        industries,
        industries,
        industries,
        codes.learn("profession", (offer.profession,) if offer.profession else ()),
        codes.learn("education", (offer.education_level,) if offer.education_level else ()),
        codes.require(offer.required_languages),
        codes.learn("spoken", offer.spoken_languages),
        codes.learn("certificate", offer.required_certificates),
        codes.learn("need", offer.supported_needs),
    )


def _candidate_bits(profile: Profile, codes: Vocabulary) -> tuple[int, ...]:
    plan_a = plan_b = profession = education = 0
    for wish in profile.wishes:
        industries = codes.known("any_plan", wish.industries)
        if wish.plan == "A":
            plan_a |= industries
        else:
            plan_b |= industries
        profession |= codes.known("profession", (wish.profession,))
        education |= codes.known("education", (wish.education,))
    return (
        codes.known("times", profile.times),
        plan_a | plan_b,
        plan_a,
        plan_b,
        profession,
        education,
        codes.reached(profile.languages),
        codes.known("spoken", profile.languages),
        codes.known("certificate", profile.certificates),
        codes.known("need", profile.needs),
    )


def _offers(places: Sequence[Offered], asking: Asking, codes: Vocabulary, sets: Words) -> Offers:
    offers = [place.offer for place in places]
    weight = asking.rules.matching.weights.get("helpers", 0)
    asks = [
        Candidate(NOBODY, Profile(language_mentor_needed=needed), asking.today) for needed in (False, True)
    ]
    points: dict[tuple[str, ...], tuple[int, ...]] = {}
    for place in places:
        if place.offer.helpers not in points:
            shares = [SOFT["helpers"](one, place, asking) for one in asks]
            points[place.offer.helpers] = tuple(round(weight * share) for share in shares)
    for one in offers:
        if one.field is not None:
            codes.fields.setdefault(one.field, len(codes.fields))
    numbers = [
        (
            one.location is not None,
            one.hours_per_week is not None,
            len(set(one.times)),
            NO_FIELD if one.field is None else codes.fields[one.field],
            GENDERS[one.mentor_gender],
            *(day.toordinal() for day in beginnings(one, asking)),
            min(place.free, MANY),
            one.long_training,
            *points[one.helpers],
        )
        for place, one in zip(places, offers, strict=True)
    ]
    measures = [(*_sphere(one.location), *_hours(one.hours_per_week)) for one in offers]
    return Offers(
        np.array(numbers, np.int64).reshape(-1, OFFER_NUMBERS),
        np.array(measures, np.float64).reshape(-1, 5),
        sets,
    )


class _Barred:
    """The places that somebody has tried, or does not want, by the ids of the place and of its people."""

    def __init__(self, places: Sequence[Offered]) -> None:
        self.by_party: dict[UUID, list[int]] = {}
        for number, place in enumerate(places):
            for party in {place.id, place.offer.host_id, place.offer.mentor_id} - {None}:
                self.by_party.setdefault(party, []).append(number)  # type: ignore[arg-type]

    def of(self, candidate: Candidate) -> list[int]:
        tried = self._of_all(candidate.tried)
        shut_out = self._of_all(candidate.profile.excluded_hosts)
        return sorted([*(2 * number for number in tried), *(2 * number + 1 for number in shut_out)])

    def _of_all(self, ids: Iterable[UUID]) -> set[int]:
        return {number for one in ids for number in self.by_party.get(one, ())}


def _seekers(
    candidates: Sequence[Candidate], asking: Asking, codes: Vocabulary, sets: Words, barred: _Barred
) -> Seekers:
    weight = asking.rules.matching.weights.get("waiting", 0)
    waited: dict[date, tuple[int, bool]] = {}
    for one in candidates:
        if one.waiting_since not in waited:
            points = round(weight * SOFT["waiting"](one, ANYWHERE, asking))
            waited[one.waiting_since] = points, overdue(one, asking)
    numbers = [_numbers(one, asking, codes, *waited[one.waiting_since]) for one in candidates]
    measures = [_measures(one.profile) for one in candidates]
    lists = [barred.of(one) if one.tried or one.profile.excluded_hosts else [] for one in candidates]
    return Seekers(
        np.array(numbers, np.int64).reshape(-1, SEEKER_NUMBERS),
        np.array(measures, np.float64).reshape(-1, 7),
        sets,
        np.array([one for row in lists for one in row], np.int64),
        np.array([0, *accumulate(len(row) for row in lists)], np.int64),
    )


def _numbers(
    candidate: Candidate, asking: Asking, codes: Vocabulary, points: int, late: bool
) -> tuple[int, ...]:
    profile = candidate.profile
    wishes = profile.wishes
    return (
        profile.location is not None,
        profile.hours_per_week is not None,
        len(set(profile.times)),
        NO_FIELD if profile.field is None else codes.fields.get(profile.field, OTHER_FIELD),
        GENDERS[profile.wished_mentor_gender],
        earliest_of(profile, asking).toordinal(),
        points,
        profile.language_mentor_needed,
        late,
        any(wish.industries for wish in wishes),
        any(wish.profession for wish in wishes),
        any(wish.education for wish in wishes),
    )


def _measures(profile: Profile) -> tuple[float, ...]:
    most = profile.max_travel_km
    return (
        *_sphere(profile.location),
        *_hours(profile.hours_per_week),
        inf if most is None else most,
        most or TRAVEL_KM,
    )
