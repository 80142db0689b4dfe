"""One pair of columns: which hard rules it breaks, and how many points speak for it.

Job: the same answers as `edges.broken` and `edges.reasons`, over numbers. Guarantee: exactly the same: each
rule and each reason does the same operations in the same order, and rounds the same way; tests hold both
against each other. It names no reasons: that is `edges`' for the pairs that are chosen.
"""

from __future__ import annotations

import numpy as np

from services.matching.solver.columns import (
    ANY_PLAN,
    CERTIFICATE,
    CODES,
    EARLIEST,
    EDUCATION,
    EDUCATIONS,
    FIELD,
    FREE,
    FROM,
    GENDER,
    HELPERS,
    HOURS_KNOWN,
    HOURS_MAX,
    HOURS_MIN,
    INDUSTRIES,
    LANGUAGE_MENTOR,
    LEVEL,
    LOCATED,
    LONG_TRAINING,
    MOST_KM,
    NEED,
    NO_FIELD,
    PLAN_A,
    PLAN_B,
    PROFESSION,
    PROFESSIONS,
    REASONS,
    SHARE_KM,
    SPOKEN,
    TIME_COUNT,
    TIMES,
    UNTIL,
    WAITING,
    Floats,
    Words,
    X,
    Y,
    Z,
)
from services.matching.solver.compiled import inlined
from services.matching.solver.distance import way_km
from services.matching.solver.edges import NEEDS_IN_FULL
from services.matching.solver.graph import Longs

way_between = inlined(way_km)

TRIED_BIT = 1 << CODES.index("refused_before")
EXCLUSION_BIT = 1 << CODES.index("exclusion")
CAPACITY_BIT = 1 << CODES.index("capacity")
AVAILABILITY_BIT = 1 << CODES.index("availability")
LONG_TRAINING_BIT = 1 << CODES.index("long_training")
CERTIFICATE_BIT = 1 << CODES.index("certificate")
LANGUAGE_BIT = 1 << CODES.index("language")
TIMES_BIT = 1 << CODES.index("times")
HOURS_BIT = 1 << CODES.index("hours")
GENDER_BIT = 1 << CODES.index("mentor_gender")
INDUSTRY_BIT = 1 << CODES.index("industry")
PROFESSION_BIT = 1 << CODES.index("profession")
EDUCATION_BIT = 1 << CODES.index("education")
FIELD_BIT = 1 << CODES.index("field")
TRAVEL_BIT = 1 << CODES.index("travel")

W_PLAN_A = REASONS.index("industry_plan_a")
W_PLAN_B = REASONS.index("industry_plan_b")
W_PROFESSION = REASONS.index("profession")
W_FIELD = REASONS.index("field")
W_EDUCATION = REASONS.index("education")
W_LANGUAGE = REASONS.index("language")
W_TRAVEL = REASONS.index("travel")
W_TIMES = REASONS.index("times")
W_HOURS = REASONS.index("hours")
W_NEEDS = REASONS.index("needs_supported")
W_WAITING = REASONS.index("waiting")


@inlined
def common(one: Words, other: Words, segment: Longs, i: int, j: int, which: int) -> bool:
    """Whether both have a code of this segment."""
    both = np.uint64(0)
    for word in range(segment[which], segment[which + 1]):
        both |= one[i, word] & other[j, word]
    return both != 0  # type: ignore[no-any-return]


@inlined
def missing(one: Words, other: Words, segment: Longs, i: int, j: int, which: int) -> bool:
    """Whether the place has a code of this segment that the candidate has not."""
    lacking = np.uint64(0)
    for word in range(segment[which], segment[which + 1]):
        lacking |= other[j, word] & ~one[i, word]
    return lacking != 0  # type: ignore[no-any-return]


@inlined
def count_common(one: Words, other: Words, segment: Longs, i: int, j: int, which: int) -> int:
    """How many codes of this segment both have."""
    count = 0
    for word in range(segment[which], segment[which + 1]):
        bits = one[i, word] & other[j, word]
        while bits:
            bits &= bits - np.uint64(1)
            count += 1
    return count


@inlined
def hours_apart(one: Floats, other: Floats, i: int, j: int) -> bool:
    """Whether one's most hours are below the other's least."""
    return one[i, HOURS_MAX] < other[j, HOURS_MIN] or other[j, HOURS_MAX] < one[i, HOURS_MIN]  # type: ignore[no-any-return]


@inlined
def way(one: Floats, other: Floats, i: int, j: int) -> float:
    """The kilometres between both, who both are somewhere."""
    return way_between(one[i, X], one[i, Y], one[i, Z], other[j, X], other[j, Y], other[j, Z])


@inlined
def breaks(
    numbers: Longs,
    measures: Floats,
    sets: Words,
    barred: Longs,
    barred_start: Longs,
    place_numbers: Longs,
    place_measures: Floats,
    place_sets: Words,
    hard: int,
    segment: Longs,
    i: int,
    j: int,
    all_of_them: bool,
) -> int:
    """The hard rules that forbid the pair, as bits of `CODES`: some that were found first, or all of them."""
    found = 0
    for index in range(barred_start[i], barred_start[i + 1]):
        if barred[index] >> 1 == j:
            found |= TRIED_BIT if barred[index] & 1 == 0 else EXCLUSION_BIT
    if place_numbers[j, FREE] < 1:
        found |= CAPACITY_BIT
    if numbers[i, EARLIEST] < place_numbers[j, FROM] or place_numbers[j, UNTIL] < numbers[i, EARLIEST]:
        found |= AVAILABILITY_BIT
    if place_numbers[j, LONG_TRAINING] != 0:
        found |= LONG_TRAINING_BIT
    if numbers[i, GENDER] != 0 and place_numbers[j, GENDER] != numbers[i, GENDER]:
        found |= GENDER_BIT
    # Hours that are not known are from nothing to infinite, and so never apart.
    if hours_apart(measures, place_measures, i, j):
        found |= HOURS_BIT
    if numbers[i, FIELD] != NO_FIELD and place_numbers[j, FIELD] != numbers[i, FIELD]:
        found |= FIELD_BIT
    found &= hard
    if found and not all_of_them:
        return found
    both_have = numbers[i, TIME_COUNT] > 0 and place_numbers[j, TIME_COUNT] > 0
    if hard & TIMES_BIT and both_have and not common(sets, place_sets, segment, i, j, TIMES):
        found |= TIMES_BIT
    if hard & LANGUAGE_BIT and missing(sets, place_sets, segment, i, j, LEVEL):
        found |= LANGUAGE_BIT
    if hard & CERTIFICATE_BIT and missing(sets, place_sets, segment, i, j, CERTIFICATE):
        found |= CERTIFICATE_BIT
    if found and not all_of_them:
        return found
    wished = hard & INDUSTRY_BIT and numbers[i, INDUSTRIES] != 0
    if wished and not common(sets, place_sets, segment, i, j, ANY_PLAN):
        found |= INDUSTRY_BIT
    wished = hard & PROFESSION_BIT and numbers[i, PROFESSIONS] != 0
    if wished and not common(sets, place_sets, segment, i, j, PROFESSION):
        found |= PROFESSION_BIT
    wished = hard & EDUCATION_BIT and numbers[i, EDUCATIONS] != 0
    if wished and not common(sets, place_sets, segment, i, j, EDUCATION):
        found |= EDUCATION_BIT
    if found and not all_of_them:
        return found
    somewhere = numbers[i, LOCATED] != 0 and place_numbers[j, LOCATED] != 0
    if hard & TRAVEL_BIT and somewhere and way(measures, place_measures, i, j) > measures[i, MOST_KM]:
        found |= TRAVEL_BIT
    return found


@inlined
def of_plans(sets: Words, place_sets: Words, w: Longs, segment: Longs, i: int, j: int) -> int:
    """The points for an industry of plan A, or else of plan B."""
    if common(sets, place_sets, segment, i, j, PLAN_A):
        return w[W_PLAN_A]  # type: ignore[no-any-return]
    return w[W_PLAN_B] if common(sets, place_sets, segment, i, j, PLAN_B) else 0


@inlined
def points_of(
    numbers: Longs,
    measures: Floats,
    sets: Words,
    place_numbers: Longs,
    place_measures: Floats,
    place_sets: Words,
    w: Longs,
    segment: Longs,
    i: int,
    j: int,
) -> int:
    """What a pair that no rule forbids is worth, at least 1."""
    found = numbers[i, WAITING] + place_numbers[j, HELPERS + numbers[i, LANGUAGE_MENTOR]]
    found += of_plans(sets, place_sets, w, segment, i, j)
    if w[W_PROFESSION] > 0 and common(sets, place_sets, segment, i, j, PROFESSION):
        found += w[W_PROFESSION]
    if numbers[i, FIELD] != NO_FIELD and place_numbers[j, FIELD] == numbers[i, FIELD]:
        found += w[W_FIELD]
    if w[W_EDUCATION] > 0 and common(sets, place_sets, segment, i, j, EDUCATION):
        found += w[W_EDUCATION]
    if w[W_LANGUAGE] > 0 and common(sets, place_sets, segment, i, j, SPOKEN):
        found += w[W_LANGUAGE]
    if w[W_TRAVEL] > 0 and numbers[i, LOCATED] != 0 and place_numbers[j, LOCATED] != 0:
        far = way(measures, place_measures, i, j)
        found += round_half_even(w[W_TRAVEL] * max(0.0, 1 - far / measures[i, SHARE_KM]))
    if w[W_TIMES] > 0 and numbers[i, TIME_COUNT] > 0 and place_numbers[j, TIME_COUNT] > 0:
        both = count_common(sets, place_sets, segment, i, j, TIMES)
        whole = min(numbers[i, TIME_COUNT], place_numbers[j, TIME_COUNT])
        found += round_half_even(w[W_TIMES] * (both / whole))
    both_known = numbers[i, HOURS_KNOWN] != 0 and place_numbers[j, HOURS_KNOWN] != 0
    if both_known and not hours_apart(measures, place_measures, i, j):
        found += w[W_HOURS]
    if w[W_NEEDS] > 0:
        both = count_common(sets, place_sets, segment, i, j, NEED)
        found += round_half_even(w[W_NEEDS] * min(1.0, both / NEEDS_IN_FULL))
    return max(1, found)  # type: ignore[no-any-return]


@inlined
def at_most(
    numbers: Longs, sets: Words, place_sets: Words, w: Longs, rest: int, segment: Longs, i: int, j: int
) -> int:
    """A bound on `points_of`, quickly: `rest` is what `undecided` says of the weights."""
    found = numbers[i, WAITING] + of_plans(sets, place_sets, w, segment, i, j) + rest
    return max(1, found)  # type: ignore[no-any-return]


@inlined
def undecided(w: Longs) -> int:
    """All points together but those that `at_most` looks at."""
    return w.sum() - w[W_WAITING] - w[W_PLAN_A] - w[W_PLAN_B]  # type: ignore[no-any-return]


@inlined
def round_half_even(number: float) -> int:
    """As Python's `round`."""
    return np.int64(np.rint(number))  # type: ignore[return-value]
