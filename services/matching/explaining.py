"""What would help, what a choice costs, and what if: each is really solved, so that what is shown is exact.

Job: solve a pool once as it is and once with one thing changed, and say the difference in whole people and
points. Guarantee: pure and the same for the same input; a number shown is the difference of two optima and
never a bound. It decides nothing, and changes nothing that is stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from services.matching.overview import town_of
from services.matching.solver.edges import (
    LEVELS,
    Asking,
    Candidate,
    Offered,
    broken,
    overdue,
    reasons,
)
from services.matching.solver.pool import Solution
from services.matching.solving import best_pairs
from shared.contracts.intake import PlaceOffered
from shared.contracts.matching import WouldHelp
from shared.contracts.model import Hours, derived_id
from shared.programmes import Unit

EVENINGS = tuple(f"{day}-evening" for day in ("mon", "tue", "wed", "thu", "fri"))
WEEKEND = tuple(f"{day}-{part}" for day in ("sat", "sun") for part in ("morning", "afternoon", "evening"))
DAYTIME = tuple(
    f"{day}-{part}" for day in ("mon", "tue", "wed", "thu", "fri") for part in ("morning", "afternoon")
)
FURTHER = 1.5
MOST_NEAREST = 5
NOTHING = WouldHelp(code="other", unlocks=0)
MOST_DESCRIBED, MOST_KINDS = 40, 12
"""So many kinds of places are looked at for a whole list, those that most of the waiting describe; and so
many of them are solved, those that no rule would keep most from."""
MOST_OPENINGS = 1000

Change = Callable[[Candidate, Sequence[Offered]], Candidate]
"""The candidate as they would be, given the places there are."""


def _with(candidate: Candidate, **profile: Any) -> Candidate:
    return replace(candidate, profile=candidate.profile.model_copy(update=profile))


def _also(times: tuple[str, ...]) -> Change:
    return lambda candidate, _: _with(
        candidate, times=tuple(dict.fromkeys((*candidate.profile.times, *times)))
    )


def _one_level_up(candidate: Candidate, places: Sequence[Offered]) -> Candidate:
    known = candidate.profile.languages
    asked = {language for place in places for language in place.offer.required_languages}
    up = {
        language: LEVELS[min(LEVELS.index(known.get(language, "A0")) + 1, len(LEVELS) - 1)]
        for language in sorted(asked)
    }
    return _with(candidate, languages={**known, **up})


def _certified(candidate: Candidate, places: Sequence[Offered]) -> Candidate:
    asked = {one for place in places for one in place.offer.required_certificates}
    return _with(candidate, certificates=tuple(sorted({*candidate.profile.certificates, *asked})))


def _hours(candidate: Candidate, **limits: float) -> Candidate:
    hours = candidate.profile.hours_per_week
    if hours is None:
        return candidate
    return _with(
        candidate, hours_per_week=Hours(min=limits.get("min", hours.min), max=limits.get("max", hours.max))
    )


def _further(candidate: Candidate, _: Sequence[Offered]) -> Candidate:
    most = candidate.profile.max_travel_km
    return candidate if most is None else _with(candidate, max_travel_km=most * FURTHER)


CHANGES: Mapping[str, tuple[str, Change]] = {
    "certificate": ("certificate", _certified),
    "evening_times": ("times", _also(EVENINGS)),
    "weekend_times": ("times", _also(WEEKEND)),
    "daytime": ("times", _also(DAYTIME)),
    "longer_travel": ("travel", _further),
    "language_level": ("language", _one_level_up),
    "fewer_hours": ("hours", lambda candidate, _: _hours(candidate, min=0)),
    "more_hours": ("hours", lambda candidate, _: _hours(candidate, max=60)),
    "any_gender": ("mentor_gender", lambda candidate, _: _with(candidate, wished_mentor_gender=None)),
    "availability": ("availability", lambda candidate, _: _with(candidate, available_from=None)),
    "another_industry": ("industry", lambda candidate, _: _with(candidate, wishes=())),
}
"""What may change for one candidate, with the rule that it loosens."""


@dataclass(frozen=True)
class Difference:
    """The optimum with a change against the one without: how many more are placed, who, and the points.

    `overdue` counts those who have waited beyond the limit; they come before any points. So with fewer of
    them the points may be more, and the two are never set off against each other.
    """

    placed: int
    points: int
    overdue: int
    gained: tuple[UUID, ...]
    lost: tuple[UUID, ...]


@dataclass(frozen=True)
class Kind:
    """A kind of place that is not there: how many openings, where, when, by whom and in what.

    All of it is shown, and nothing else is solved. None is a place that does not say: it breaks no rule then.
    """

    openings: int = 1
    town: str | None = None
    time: str | None = None
    hours: float | None = None
    gender: str | None = None
    industry: str | None = None
    profession: str | None = None


@dataclass(frozen=True)
class Outcome:
    """Who has a place, and what all the pairs are worth."""

    placed: frozenset[UUID]
    points: int

    def and_also(self, candidate: UUID, points: int) -> Outcome:
        return Outcome(self.placed | {candidate}, self.points + points)


def outcome(solution: Solution) -> Outcome:
    return Outcome(frozenset(edge.candidate for edge in solution.pairs), solution.total)


def difference(
    before: Outcome, after: Outcome, candidates: Iterable[Candidate], asking: Asking
) -> Difference:
    """What `after` has more and less than `before`."""
    late = {one.id for one in candidates if overdue(one, asking)}
    gained, lost = after.placed - before.placed, before.placed - after.placed
    return Difference(
        len(gained) - len(lost),
        after.points - before.points,
        len(gained & late) - len(lost & late),
        *(tuple(sorted(ids, key=lambda id_: id_.int)) for ids in (gained, lost)),
    )


def nearest(
    candidate: Candidate, places: Sequence[Offered], asking: Asking
) -> tuple[tuple[UUID, tuple[str, ...]], ...]:
    """The places that the fewest rules keep from a candidate, with those rules."""
    found = [(place.id, tuple(broken(candidate, place, asking))) for place in places]
    against = [one for one in found if one[1]]
    return tuple(sorted(against, key=lambda one: (len(one[1]), one[0].int))[:MOST_NEAREST])


def helped_by(
    candidate: Candidate, candidates: Sequence[Candidate], places: Sequence[Offered], asking: Asking
) -> tuple[WouldHelp, ...]:
    """The single changes for this candidate with which more would be placed in all, if they have no place."""
    before = best_pairs(candidates, places, asking)
    if candidate.id in {edge.candidate for edge in before.pairs}:
        return ()
    return would_help(candidate, candidates, places, asking, before)


def would_help(
    candidate: Candidate,
    candidates: Sequence[Candidate],
    places: Sequence[Offered],
    asking: Asking,
    before: Solution,
) -> tuple[WouldHelp, ...]:
    """The single changes with which more are placed than `before`, the most first.

    A change is tried only where a place is a near miss: one that no other rule keeps from the candidate.
    """
    near: dict[str, list[Offered]] = {}
    for place in places:
        against = list(broken(candidate, place, asking))
        if len(against) <= 1:
            # A place that no rule forbids, and that the best solution did not give them, is full in it.
            near.setdefault(against[0] if against else "capacity", []).append(place)
    found: list[WouldHelp] = []
    for code, (rule, change) in CHANGES.items():
        if rule in near:
            changed = change(candidate, places)
            instead = [changed if one.id == candidate.id else one for one in candidates]
            found.append(WouldHelp(code=code, unlocks=_more(before, best_pairs(instead, places, asking))))
    price = dict(
        zip(sorted((one.id for one in places), key=lambda id_: id_.int), before.p or (), strict=False)
    )
    # A place's price is the most that one more opening there could gain: the dearest are looked at.
    full_ones = sorted(near.get("capacity", ()), key=lambda one: (-price.get(one.id, 0), one.id.int))
    for full in full_ones[:MOST_NEAREST]:
        roomy = [replace(one, free=one.free + 1) if one.id == full.id else one for one in places]
        found.append(
            WouldHelp(code="one_more_place", unlocks=_more(before, best_pairs(candidates, roomy, asking)))
        )
    best: dict[str, WouldHelp] = {}
    for one in found:
        if one.unlocks > best.get(one.code, NOTHING).unlocks:
            best[one.code] = one
    return tuple(sorted(best.values(), key=lambda one: (-one.unlocks, one.code)))


def _more(before: Solution, after: Solution) -> int:
    return len(after.pairs) - len(before.pairs)


def with_added(
    candidates: Sequence[Candidate],
    places: Sequence[Offered],
    added: Sequence[PlaceOffered],
    asking: Asking,
    before: Solution,
) -> Difference:
    """What if these places were there: who would be placed, and what would change for others."""
    thought_of = [Offered(offer.place_id, offer, offer.capacity) for offer in added]
    after = best_pairs(candidates, [*places, *thought_of], asking)
    return difference(outcome(before), outcome(after), candidates, asking)


def cost_of_forcing(
    candidate: Candidate,
    place: Offered,
    others: Sequence[Candidate],
    places: Sequence[Offered],
    asking: Asking,
    *,
    now: Offered | None = None,
) -> Difference:
    """What it costs the others if this pair is proposed, whatever speaks against it.

    `others` are those who wait beside the candidate. `now` is the place that is proposed to the candidate as
    it would be without that proposal: it is theirs before, and free for the others after. Both pairs are
    worth what they are worth today.
    """
    if now is None:
        before = outcome(best_pairs([*others, candidate], places, asking))
    else:
        before = outcome(best_pairs(others, places, asking)).and_also(
            candidate.id, worth(candidate, now, asking)
        )
    left = [now if now is not None and one.id == now.id else one for one in places]
    rest = [replace(one, free=one.free - 1) if one.id == place.id else one for one in left]
    after = outcome(best_pairs(others, rest, asking)).and_also(candidate.id, worth(candidate, place, asking))
    return difference(before, after, [*others, candidate], asking)


def worth(candidate: Candidate, place: Offered, asking: Asking) -> int:
    """The points of a pair, whether a rule forbids it or not."""
    return max(1, sum(one.points for one in reasons(candidate, place, asking)))


def kinds_wanted(
    candidates: Sequence[Candidate], places: Sequence[Offered], asking: Asking, unit: Unit
) -> list[tuple[Kind, int]]:
    """Kinds of places that are not there, and how many more would be placed with exactly these.

    The kinds are those that the waiting describe by their own wishes. Each is solved with room for all whom
    no rule would keep from it, and then with the openings that this fills and no more: that is what is said.
    """
    before = best_pairs(candidates, places, asking)
    placed = {edge.candidate for edge in before.pairs}
    left = [one for one in candidates if one.id not in placed]

    def more(kind: Kind) -> int:
        return with_added(candidates, places, [offer_of(kind, asking, unit)], asking, before).placed

    found = []
    for kind in _worth_trying(left, asking, unit):
        if filled := more(kind):
            exactly = replace(kind, openings=filled)
            found.append((exactly, more(exactly)))
    return sorted((one for one in found if one[1] > 0), key=lambda entry: (-entry[1], str(entry[0])))


def _worth_trying(left: Sequence[Candidate], asking: Asking, unit: Unit) -> list[Kind]:
    """The kinds that no rule would keep most of those left from, each with openings for all of these."""
    described: dict[Kind, list[Candidate]] = {}
    for one in left:
        for kind in kinds_of(one, unit):
            described.setdefault(kind, []).append(one)
    fits: dict[Kind, int] = {}
    for kind in _described_most(described):
        there = replace(kind, hours=hours_of(described[kind]))
        offer = offer_of(there, asking, unit)
        place = Offered(offer.place_id, offer, offer.capacity)
        able = sum(next(broken(one, place, asking), None) is None for one in left)
        if able:
            fits[replace(there, openings=min(able, MOST_OPENINGS))] = able
    return sorted(fits, key=lambda kind: (-fits[kind], str(kind)))[:MOST_KINDS]


def _described_most(described: Mapping[Kind, Sequence[Candidate]]) -> list[Kind]:
    """One that only those describe who describe one before it too, at another time, tells nothing new."""
    at_any_time: dict[Kind, list[set[UUID]]] = {}
    found = []
    for kind in sorted(described, key=lambda kind: (-len(described[kind]), str(kind))):
        by = {one.id for one in described[kind]}
        before = at_any_time.setdefault(replace(kind, time=None), [])
        if not any(by <= others for others in before):
            before.append(by)
            found.append(kind)
    return found[:MOST_DESCRIBED]


def kinds_of(candidate: Candidate, unit: Unit) -> tuple[Kind, ...]:
    """How a place for this candidate would be described: by what they wish, one for each time they can."""
    profile = candidate.profile
    town = town_of(profile.location, unit)
    wished = [wish for wish in profile.wishes if wish.plan == "A"]
    what: list[dict[str, Any]] = [{"profession": wish.profession} for wish in wished if wish.profession]
    what = what or [{"industry": code} for wish in wished for code in wish.industries] or [{}]
    return tuple(
        Kind(
            town=town if town in unit.locations else None,
            time=time,
            gender=profile.wished_mentor_gender,
            **one,
        )
        for time in profile.times or (None,)
        for one in what
    )


def hours_of(like: Iterable[Candidate]) -> float | None:
    """The hours a week that most of these can have, the fewest of such; None where nobody said any."""
    said = [one.profile.hours_per_week for one in like if one.profile.hours_per_week is not None]
    return min(
        (number for hours in said for number in (hours.min, hours.max) if number),
        key=lambda number: (-sum(one.min <= number <= one.max for one in said), number),
        default=None,
    )


def offer_of(kind: Kind, asking: Asking, unit: Unit) -> PlaceOffered:
    """A place of the kind, in the middle of its town, which says nothing else."""
    host_kind: Any = asking.rules.host_kinds[0]
    location: Any = unit.location(kind.town) if kind.town else None
    return PlaceOffered(
        place_id=derived_id("thought of", unit.id, kind),
        unit=unit.id,
        kind=host_kind,
        programmes=(asking.rules.programme,),
        capacity=kind.openings,
        industries=(kind.industry,) if kind.industry else (),
        profession=kind.profession,
        times=(kind.time,) if kind.time else (),
        hours_per_week=Hours(min=kind.hours, max=kind.hours) if kind.hours is not None else None,
        mentor_gender=kind.gender,
        location=location,
    )
