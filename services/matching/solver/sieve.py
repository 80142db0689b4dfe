"""Which places of a run are left for a candidate after the rules that a machine can ask of many at once.

Job: throw out most of the places within reach, several to an instruction. Guarantee: a place that is thrown
out breaks one of the programme's hard rules; one that is left may still break others, or be tried or shut
out, so that `pairs.breaks` is asked of each. It gives no points.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from services.matching.solver.columns import (
    CERTIFICATE,
    EARLIEST,
    FIELD,
    FREE,
    FROM,
    GENDER,
    HOURS_MAX,
    HOURS_MIN,
    LEVEL,
    LONG_TRAINING,
    NO_FIELD,
    TIME_COUNT,
    TIMES,
    UNTIL,
    Floats,
    Offers,
    Words,
)
from services.matching.solver.compiled import inlined
from services.matching.solver.graph import Longs
from services.matching.solver.pairs import (
    AVAILABILITY_BIT,
    CERTIFICATE_BIT,
    FIELD_BIT,
    GENDER_BIT,
    HOURS_BIT,
    LANGUAGE_BIT,
    LONG_TRAINING_BIT,
    TIMES_BIT,
)


class Sieve(NamedTuple):
    """The places' columns, each in one piece: the arrays of `Offers` with rows and columns changed over."""

    numbers: Longs
    measures: Floats
    sets: Words


def sieve_of(offers: Offers) -> Sieve:
    """The sieve of these places, in their order."""
    numbers, measures, sets = offers
    return Sieve(
        np.ascontiguousarray(numbers.T), np.ascontiguousarray(measures.T), np.ascontiguousarray(sets.T)
    )


@inlined
def left(
    sieve: Sieve,
    numbers: Longs,
    measures: Floats,
    sets: Words,
    hard: int,
    segment: Longs,
    i: int,
    begin: int,
    end: int,
    fits: Longs,
    found: Longs,
) -> int:
    """Those of the places from `begin` to `end` that may suit candidate `i`, into `found`; gives how many.

    `fits` is room to work in; both are as long as there are places.
    """
    # Each loop is plain enough for vector instructions: no branch, and `fits` 0 or 1 in whole words.
    size = end - begin
    of, measure, bits = sieve.numbers, sieve.measures, sieve.sets
    free, training = of[FREE, begin:end], of[LONG_TRAINING, begin:end]
    since, until = of[FROM, begin:end], of[UNTIL, begin:end]
    earliest, any_day = numbers[i, EARLIEST], hard & AVAILABILITY_BIT == 0
    any_length = hard & LONG_TRAINING_BIT == 0
    for k in range(size):
        in_time = any_day | ((since[k] <= earliest) & (earliest <= until[k]))
        fits[k] = (free[k] >= 1) & in_time & (any_length | (training[k] == 0))
    if hard & GENDER_BIT and numbers[i, GENDER] != 0:
        gender, wished = of[GENDER, begin:end], numbers[i, GENDER]
        for k in range(size):
            fits[k] &= gender[k] == wished
    if hard & FIELD_BIT and numbers[i, FIELD] != NO_FIELD:
        field, own = of[FIELD, begin:end], numbers[i, FIELD]
        for k in range(size):
            fits[k] &= field[k] == own
    if hard & HOURS_BIT:
        least, most = measure[HOURS_MIN, begin:end], measure[HOURS_MAX, begin:end]
        from_hours, to_hours = measures[i, HOURS_MIN], measures[i, HOURS_MAX]
        for k in range(size):
            fits[k] &= (least[k] <= to_hours) & (from_hours <= most[k])
    if hard & LANGUAGE_BIT:
        _has_all(bits, sets, segment, i, LEVEL, begin, end, fits)
    if hard & CERTIFICATE_BIT:
        _has_all(bits, sets, segment, i, CERTIFICATE, begin, end, fits)
    # Times in several words are left to `breaks`.
    if hard & TIMES_BIT and numbers[i, TIME_COUNT] > 0 and segment[TIMES + 1] - segment[TIMES] == 1:
        times, own_times = bits[segment[TIMES], begin:end], sets[i, segment[TIMES]]
        count = of[TIME_COUNT, begin:end]
        for k in range(size):
            fits[k] &= (count[k] == 0) | (times[k] & own_times != 0)
    count_left = 0
    for k in range(size):
        found[count_left] = begin + k
        count_left += fits[k]
    return count_left


@inlined
def _has_all(
    bits: Words, sets: Words, segment: Longs, i: int, which: int, begin: int, end: int, fits: Longs
) -> None:
    """Keep those places of which the candidate has every code of this segment."""
    for word in range(segment[which], segment[which + 1]):
        asked, lacking = bits[word, begin:end], ~sets[i, word]
        for k in range(end - begin):
            fits[k] &= asked[k] & lacking == 0
