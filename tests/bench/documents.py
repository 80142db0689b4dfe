"""An invented unit's pool as the service has it, in documents, and how long the service takes for it.

Job: waiting cases and offered places of one programme, like real ones: towns, times, hours, languages,
wishes, and fewer openings than candidates. Guarantee: the same size and seed give the same documents. It
holds nobody's data.
"""

from __future__ import annotations

import time
from datetime import date, timedelta
from random import Random
from statistics import median
from uuid import UUID

from services.matching.documents import CaseFile, Place
from services.matching.effects import candidate_of, offered_of
from services.matching.solver.best import judged
from services.matching.solver.edges import Asking
from services.matching.solving import best_pairs
from shared.contracts.intake import PlaceOffered, Profile
from shared.contracts.model import Hours, Location, Wish
from shared.programmes import load

SEED = 20261123
TODAY = date(2026, 11, 23)
UNIT, PROGRAMME = "DK-0169", "foreningspraktik"
INDUSTRIES = ("retail", "culture", "care", "kitchen", "cleaning", "transport", "office", "construction")
TIMES = tuple(
    f"{day}-{part}"
    for day in ("mon", "tue", "wed", "thu", "fri", "sat")
    for part in ("morning", "afternoon", "evening")
)
LEVELS = ("A1", "A2", "B1", "B2")
TOWNS = (
    *((55.65, 12.29), (55.66, 12.19), (55.64, 12.08), (55.73, 12.34), (55.59, 12.25), (55.47, 12.18)),
    *((55.83, 12.06), (55.87, 12.50), (55.71, 11.71), (55.44, 11.79), (55.54, 11.95), (55.78, 12.36)),
)
"""Within 50 km of each other, as the towns of a region's corner are."""


def _some(rng: Random, of: tuple[str, ...], least: int, most: int) -> tuple[str, ...]:
    return tuple(rng.sample(of, rng.randint(least, most)))


def _somewhere(rng: Random) -> Location:
    lat, lon = rng.choice(TOWNS)
    return Location(lat=lat + rng.gauss(0, 0.03), lon=lon + rng.gauss(0, 0.05))


def _case(rng: Random) -> CaseFile:
    first, second = rng.sample(INDUSTRIES, 2)
    least = rng.randint(2, 10)
    profile = Profile(
        wishes=(Wish(plan="A", industries=(first,)), Wish(plan="B", industries=(second,))),
        languages={"da": rng.choice(LEVELS), "ar": "native"},
        times=_some(rng, TIMES, 2, 9),
        hours_per_week=Hours(min=least, max=least + rng.randint(2, 20)),
        location=_somewhere(rng),
        max_travel_km=rng.choice((5, 10, 20, 30)),
        certificates=("police_certificate",) if rng.random() < 0.5 else (),
    )
    return CaseFile(
        id=UUID(int=rng.getrandbits(128)),
        state="waiting",
        unit=UNIT,
        programme=PROGRAMME,
        round=1,
        rules_version="2020-01-01",
        person_id=UUID(int=rng.getrandbits(128)),
        waiting_since=TODAY - timedelta(days=rng.randint(0, 60)),
        profile=profile,
    )


def _place(rng: Random) -> Place:
    least, id_ = rng.randint(1, 8), UUID(int=rng.getrandbits(128))
    offer = PlaceOffered(
        place_id=id_,
        unit=UNIT,
        host_id=UUID(int=rng.getrandbits(128)),
        kind="association",
        programmes=(PROGRAMME,),
        capacity=rng.choice((1, 1, 1, 2)),
        industries=_some(rng, INDUSTRIES, 1, 3),
        times=_some(rng, TIMES, 2, 9),
        hours_per_week=Hours(min=least, max=least + rng.randint(2, 20)),
        location=_somewhere(rng),
        required_languages={"da": rng.choice(LEVELS)},
        spoken_languages=("da", "ar") if rng.random() < 0.2 else ("da",),
        required_certificates=("police_certificate",) if rng.random() < 0.2 else (),
    )
    return Place(id=id_, state="offered", unit=UNIT, offer=offer)


def pool(candidates: int, *, seed: int = SEED) -> tuple[list[str], list[str]]:
    """The rows of so many who wait, and of places with three openings for four of them."""
    rng = Random(seed)
    cases = [_case(rng).model_dump_json() for _ in range(candidates)]
    places = [_place(rng).model_dump_json() for _ in range(candidates * 3 // 5)]
    return cases, places


def service_milliseconds(candidates: int, times: int = 20) -> tuple[float, int]:
    """From what was read to the pairs and their reasons: the median of some runs, and how many are placed."""
    cases, places = pool(candidates)
    waiting = [candidate_of(CaseFile.model_validate_json(row)) for row in cases]
    offered = [offered_of(Place.model_validate_json(row)) for row in places]
    asking = Asking(load().rules(PROGRAMME, UNIT, TODAY), TODAY)
    placed, runs = 0, []
    for _ in range(times):
        began = time.perf_counter()
        placed = len(best_pairs(waiting, offered, asking, judged).pairs)
        runs.append((time.perf_counter() - began) * 1000)
    return round(median(runs), 2), placed
