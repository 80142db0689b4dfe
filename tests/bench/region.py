"""An invented region to be matched: towns, people who wait in them, and places, as columns.

Job: a pool of any size that is like a real one: towns of very different sizes and land between them, places
where people are not always, rules that forbid most pairs, and fewer fitting openings than candidates.
Guarantee: the same size and seed give the same pool. It holds nobody's data.
"""

from __future__ import annotations

from datetime import date
from math import cos, radians, sqrt

import numpy as np

from services.matching.solver.columns import (
    CODES,
    EARLIEST,
    FIELD,
    FREE,
    FROM,
    GENDER,
    HELPERS,
    HOURS_KNOWN,
    LANGUAGE_MENTOR,
    LOCATED,
    NO_FIELD,
    OFFER_NUMBERS,
    OVERDUE,
    REASONS,
    SEEKER_NUMBERS,
    TIME_COUNT,
    UNTIL,
    WAITING,
    Asked,
    Columns,
    Floats,
    Offers,
    Seekers,
    Words,
)
from services.matching.solver.columns import SEGMENTS as SEGMENT_NAMES
from services.matching.solver.graph import Longs

SEED = 20261123
KM_PER_DEGREE = 111.2
PEOPLE_PER_KM2 = 1.0
"""Candidates; a larger pool is a larger region, not a denser one."""
HARD = (
    "capacity",
    "certificate",
    "language",
    "travel",
    "times",
    "hours",
    "exclusion",
    "mentor_gender",
    "availability",
    "refused_before",
)
WEIGHTS = {
    "industry_plan_a": 3500,
    "industry_plan_b": 1500,
    "language": 600,
    "travel": 2500,
    "times": 1200,
    "hours": 400,
    "helpers": 600,
    "needs_supported": 700,
    "waiting": 500,
}
"""Together 10,000, so that points are 1 to 10,000."""
LEVELS = 4


def _towns(rng: np.random.Generator, candidates: int) -> tuple[Floats, Floats]:
    side = sqrt(candidates / PEOPLE_PER_KM2)
    towns = max(3, candidates // 500)
    sizes = rng.pareto(1.8, towns) + 0.3
    return rng.random((towns, 2)) * side, sizes / sizes.sum()


def _spread(rng: np.random.Generator, count: int, towns: Floats, sizes: Floats) -> Floats:
    """Where they live, in km: most around a town, the larger the wider, and some anywhere."""
    town = rng.choice(len(towns), count, p=sizes)
    wide = 3 + 4 * np.sqrt(sizes[town] * len(towns))
    where: Floats = towns[town] + rng.normal(0, 1, (count, 2)) * np.minimum(wide, 20)[:, None]
    anywhere = rng.random(count) < 0.15
    where[anywhere] = rng.random((int(anywhere.sum()), 2)) * towns.max(axis=0)
    return where


def _sphere(where: Floats) -> Floats:
    lat = np.radians(54.8 + where[:, 1] / KM_PER_DEGREE)
    lon = np.radians(8.2 + where[:, 0] / (KM_PER_DEGREE * cos(radians(56))))
    sphere: Floats = np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=1)
    return sphere


def _some(rng: np.random.Generator, count: int, of: int, least: int, most: int) -> Words:
    """For each, `least` to `most` of so many codes, as bits; some codes are much more common."""
    weight = 1 / np.sqrt(1 + np.arange(of))
    order = np.argsort(rng.exponential(size=(count, of)) / weight, axis=1)[:, :most]
    taken = np.arange(most) < rng.integers(least, most + 1, count)[:, None]
    bits: Words = np.where(taken, np.uint64(1) << order.astype(np.uint64), np.uint64(0))
    together: Words = bits.sum(axis=1, dtype=np.uint64)
    return together


def _hours(rng: np.random.Generator, count: int) -> Floats:
    least = rng.integers(2, 20, count)
    hours: Floats = np.stack([least, least + rng.integers(3, 18, count)], axis=1).astype(np.float64)
    return hours


def openings(rng: np.random.Generator, places: int, together: int) -> Longs:
    """Most places take one or two, a few take dozens; together exactly so many."""
    more = rng.pareto(1.6, places) + 0.05
    free = 1 + np.floor(more / more.sum() * (together - places)).astype(np.int64)
    free = np.minimum(free, 1000)
    rest = together - int(free.sum())
    np.add.at(free, rng.integers(0, places, rest), 1)
    openings: Longs = free
    return openings


def region(candidates: int, *, seed: int = SEED, overdue: float = 0.0, tight: float = 1.0) -> Columns:
    """So many candidates, half as many places, and `tight` openings for each candidate."""
    rng = np.random.default_rng([seed, candidates])
    places = candidates // 2
    towns, sizes = _towns(rng, candidates)
    # Where there is work is not where those are who look for it.
    work = sizes * rng.lognormal(0, 0.25, len(sizes))
    homes, hosts = _spread(rng, candidates, towns, sizes), _spread(rng, places, towns, work / work.sum())
    width = len(SEGMENT_NAMES)
    at = {name: number for number, name in enumerate(SEGMENT_NAMES)}
    mine, theirs = np.zeros((candidates, width), np.uint64), np.zeros((places, width), np.uint64)
    industries = _some(rng, places, 24, 1, 3)
    for name in ("any_plan", "plan_a", "plan_b"):
        theirs[:, at[name]] = industries
    mine[:, at["plan_a"]] = _some(rng, candidates, 24, 1, 2)
    mine[:, at["plan_b"]] = _some(rng, candidates, 24, 1, 3)
    mine[:, at["any_plan"]] = mine[:, at["plan_a"]] | mine[:, at["plan_b"]]
    mine[:, at["times"]], theirs[:, at["times"]] = (
        _some(rng, candidates, 21, 2, 8),
        _some(rng, places, 21, 2, 6),
    )
    mine[:, at["spoken"]], theirs[:, at["spoken"]] = (
        _some(rng, candidates, 12, 1, 3),
        _some(rng, places, 12, 1, 2),
    )
    mine[:, at["need"]], theirs[:, at["need"]] = (
        _some(rng, candidates, 10, 0, 3),
        _some(rng, places, 10, 0, 4),
    )
    # A level that is reached contains all that are lower.
    reached = np.minimum(LEVELS, rng.geometric(0.3, candidates) - 1)
    mine[:, at["level"]] = (np.uint64(1) << reached.astype(np.uint64)) - np.uint64(1)
    asked = rng.choice(LEVELS + 1, places, p=[0.4, 0.25, 0.2, 0.1, 0.05])
    theirs[:, at["level"]] = np.where(
        asked > 0, np.uint64(1) << np.maximum(asked - 1, 0).astype(np.uint64), 0
    )
    mine[:, at["certificate"]] = (rng.random(candidates) < 0.6).astype(np.uint64)
    theirs[:, at["certificate"]] = (rng.random(places) < 0.25).astype(np.uint64)
    waited = rng.random(candidates)
    shut_out = np.flatnonzero(rng.random(candidates) < 0.05)
    counts = np.bincount(shut_out, minlength=candidates)
    most_km = rng.choice([3.0, 5.0, 8.0, 12.0, 16.0], candidates, p=[0.2, 0.3, 0.25, 0.15, 0.1])
    numbers = np.zeros((candidates, SEEKER_NUMBERS), np.int64)
    numbers[:, LOCATED] = rng.random(candidates) < 0.99999
    numbers[:, HOURS_KNOWN] = 1
    numbers[:, TIME_COUNT] = np.bitwise_count(mine[:, at["times"]])
    numbers[:, FIELD] = NO_FIELD
    numbers[:, GENDER] = rng.random(candidates) < 0.1
    numbers[:, WAITING] = np.rint(WEIGHTS["waiting"] * waited)
    numbers[:, LANGUAGE_MENTOR] = rng.random(candidates) < 0.3
    numbers[:, OVERDUE] = rng.random(candidates) < overdue
    measures = np.concatenate(
        [_sphere(homes), _hours(rng, candidates), most_km[:, None], most_km[:, None]], axis=1
    )
    theirs_known = rng.random(places) < 0.8
    place_numbers = np.zeros((places, OFFER_NUMBERS), np.int64)
    place_numbers[:, LOCATED] = 1
    place_numbers[:, HOURS_KNOWN] = theirs_known
    place_numbers[:, TIME_COUNT] = np.bitwise_count(theirs[:, at["times"]])
    place_numbers[:, FIELD] = NO_FIELD
    place_numbers[:, GENDER] = rng.integers(0, 3, places)
    # Everybody can begin on the first day there is, and every place is there from then on for ever.
    numbers[:, EARLIEST] = place_numbers[:, FROM] = date.min.toordinal()
    place_numbers[:, UNTIL] = date.max.toordinal()
    place_numbers[:, FREE] = openings(rng, places, round(tight * candidates))
    place_numbers[:, HELPERS : HELPERS + 2] = rng.integers(0, 2, (places, 2)) * WEIGHTS["helpers"]
    hours = np.where(theirs_known[:, None], _hours(rng, places), [0.0, np.inf])
    barred = rng.integers(0, places, len(shut_out)) * 2 + rng.integers(0, 2, len(shut_out))
    barred_start = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    hard = sum(1 << bit for bit, code in enumerate(CODES) if code in HARD)
    weights = np.array([WEIGHTS.get(reason, 0) for reason in REASONS], np.int64)
    return Columns(
        Seekers(numbers, measures, mine, barred, barred_start),
        Offers(place_numbers, np.concatenate([_sphere(hosts), hours], axis=1), theirs),
        Asked(hard, weights, np.arange(width + 1, dtype=np.int64)),
    )
