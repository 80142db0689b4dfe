"""Who is asked in which order, and whether an agreement fits the programme's frame: calculations alone.

Guarantee: pure; every limit comes from the programme's rules, and a refusal names the limit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date

from services.matching.documents import Agreement, Asked, CaseFile, Place
from shared.contracts.intake import PlaceOffered, Profile
from shared.contracts.matching import AgreeMatch
from shared.contracts.model import Hours, Party
from shared.messages import Refused
from shared.programmes import Codes, Rules

ANSWERS_FOR = {
    "host": ("contact_person",),
    "mentor": ("volunteer_mentor",),
    "candidate": ("candidate", "guardian"),
}
"""Who answers for a side; where none of these roles is known, everybody of the side is asked."""


def who_is_asked(rules: Rules, case: CaseFile, place: Place) -> tuple[Asked, ...]:
    """Everybody whose answer is wanted, by stage: at once, or one side after the other."""
    found: dict[tuple[object, str], Asked] = {}
    for stage, sides in enumerate(rules.asked):
        for side in sides:
            decides = side != "candidate" or rules.candidate_answer == "decides"
            for party in _of_side(side, case, place):
                one = Asked(
                    person_id=party.person_id, side=party.side, role=party.role, stage=stage, decides=decides
                )
                found.setdefault((party.person_id, side), one)
    return tuple(found.values())


def _of_side(side: str, case: CaseFile, place: Place) -> tuple[Party, ...]:
    known = [party for party in (*case.parties, *place.offer.parties) if party.side == side]
    answering = [party for party in known if party.role in ANSWERS_FOR[side]]
    if answering or known:
        return tuple(answering or known)
    # Nobody is named: the answer is still wanted, of whoever stands behind the id, and staff record it.
    offer = place.offer
    behind = case.person_id if side == "candidate" else (offer.mentor_id or offer.host_id or place.id)
    return (Party(person_id=behind, side=side, role=ANSWERS_FOR[side][0]),)


def check_codes(codes: Codes, said: Mapping[str, tuple[str, Iterable[str | None]]]) -> None:
    """Raises `Refused` for what is no code of its list. `said`: field -> (list, codes)."""
    wrong = [
        ("unknown_code", field, f"not a code of the list {name}")
        for field, (name, values) in said.items()
        if any(value is not None and not codes.has(name, value) for value in values)
    ]
    if wrong:
        raise Refused("unknown_code", field=wrong[0][1], status=422, errors=tuple(wrong))


def agreement_of(command: AgreeMatch, rules: Rules, codes: Codes) -> Agreement:
    """The agreement, if it has all that the programme asks for and keeps to its frame.

    Raises `Refused`: `agreement_incomplete`, `outside_frame` (with `limit` and `allowed`), `unknown_code`
    or `ends_before_start`.
    """
    for name in ("times", "content"):
        if name in rules.agreement_needs and not getattr(command, name):
            raise Refused("agreement_incomplete", field=name, needs=list(rules.agreement_needs))
    check_codes(codes, {"times": ("times", command.times), "content": ("content", command.content)})
    hours = command.hours_per_week
    least, most = (hours.min, hours.max) if isinstance(hours, Hours) else (hours, hours)
    _within("hours_per_week", "hours_min", min(least, most), rules.frame.hours_min, below=True)
    _within("hours_per_week", "hours_max", max(least, most), rules.frame.hours_max)
    _duration(command.starts_on, command.ends_on, rules)
    return Agreement(
        starts_on=command.starts_on,
        ends_on=command.ends_on,
        hours_per_week=max(least, most),
        hours_min=min(least, most) if least != most else None,
        times=command.times,
        content=command.content,
    )


def _duration(starts_on: date, ends_on: date | None, rules: Rules) -> None:
    """The last day counts: four weeks from a Monday end on a Sunday, or on the Monday after it."""
    frame = rules.frame
    if ends_on is None:
        if frame.weeks_max is not None and not frame.open_end:
            raise Refused("outside_frame", field="ends_on", limit="weeks_max", allowed=frame.weeks_max)
        return
    if ends_on < starts_on:
        raise Refused("ends_before_start", field="ends_on", status=422)
    days = (ends_on - starts_on).days
    _within("ends_on", "weeks_min", (days + 1) / 7, frame.weeks_min, below=True)
    if frame.weeks_max is not None:
        _within("ends_on", "weeks_max", days / 7, frame.weeks_max)


def within_period(agreement: Agreement, profile: Profile, offer: PlaceOffered) -> None:
    """The match lies in the time that candidate and place are there: a place with a last day has no open end.

    Raises `Refused`: `outside_period`, with `limit` and `allowed`.
    """
    last = agreement.ends_on or date.max
    for field, limit, allowed, outside in (
        ("starts_on", "candidate_available_from", profile.available_from, agreement.starts_on.__lt__),
        ("starts_on", "place_available_from", offer.available_from, agreement.starts_on.__lt__),
        ("ends_on", "place_available_to", offer.available_to, last.__gt__),
    ):
        if allowed is not None and outside(allowed):
            raise Refused("outside_period", field=field, limit=limit, allowed=allowed.isoformat())


def _within(field: str, limit: str, value: float, allowed: float, *, below: bool = False) -> None:
    if value < allowed if below else value > allowed:
        raise Refused("outside_frame", field=field, limit=limit, allowed=allowed)
