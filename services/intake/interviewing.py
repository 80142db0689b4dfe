"""The interview: what matching needs to know of a candidate, and what is asked for that no referral said.

Pure. What was said replaces what was known; what was not said stays. Certificates are not talked about here:
they are shown. Parallel activities take their times and hours out of what matching is told.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from services.intake import desk, telling
from services.intake.casework import Casework, Timers, age_known
from services.intake.conditions import is_resident
from services.intake.documents import CaseFile, Person, State
from services.intake.nameless import tells_who
from services.intake.people import HideWhereabouts, along, reachable, read_contact
from services.intake.preparing import assigned
from services.intake.referral import age_fits
from services.intake.rules import born_on, done_on
from services.intake.settling import location_of
from shared.contracts.intake import Contact, Profile
from shared.contracts.intake_commands import ChangeWishes, RecordInterview
from shared.contracts.model import Wish
from shared.messages import Decision, Message, Refused, Schedule, Stale
from shared.programmes import Programmes

KEPT = (
    *("presentation", "foreign_qualification", "foreign_recognition", "experience", "education"),
    *("education_level", "interests", "groups", "options", "situation", "target_group"),
    "certificates_wished",
)
"""What replaces what was known if anything was said of it; an empty text or list takes it away."""
EMPTY: dict[str, tuple[str, ...]] = {"groups": (), "options": (), "certificates_wished": ()}
NOT_SAID = frozenset({"location", "certificates"})
"""Fields of the profile that are known otherwise: from the postcode, and from what was shown."""
OF_CANDIDATE = ("birth_date", "gender", "email", "phone", "postcode")
"""What an interview may tell of who somebody is, as it may be missing in the referral."""
Codes = dict[str, tuple[str, Iterable[str | None]]]


def record_interview(
    state: State, message: Message, programmes: Programmes, now: datetime
) -> Decision[State]:
    said = message.body
    assert isinstance(said, RecordInterview)
    work = Casework(state, programmes, now)
    work.check_codes(_codes(said))
    groups = work.rules.target_groups
    if said.target_group and groups and said.target_group not in groups:
        raise Refused("not_in_target_group", field="target_group", status=422)
    profile = _profile(work.case, said)
    told_of = {name: getattr(said, name) for name in KEPT if name in said.model_fields_set}
    known: dict[str, Any] = {
        name: value or EMPTY.get(name) for name, value in told_of.items() if value is not None
    }
    if "parallel_activities" in said.model_fields_set:
        known["parallel_activities"] = said.parallel_activities
    if said.job_in_prospect is not None:
        known["job_in_prospect"] = said.job_in_prospect
    activities = known.get("parallel_activities", work.case.parallel_activities)
    if activities and not telling.free_times(profile.times, activities):
        # To matching, no times would be all of them.
        raise Refused("no_time_left", field="parallel_activities", status=422)
    learned = _of_candidate(work, said, now) | _guarded(work, said)
    _check_presentation(work, said, learned)
    _check_age(work, learned.case.get("of_age_on", work.case.of_age_on))
    caseworker, told = assigned(work, said.caseworker, message)
    changes = {
        **known,
        **learned.case,
        **caseworker,
        "profile": profile,
        "done": work.with_kind_done("interview", work.day(said.held_on or _held_before(work), "held_on")),
    }
    return work.decision(changes, *learned.told, *told, others=learned.rows, timers=learned.timers)


def _held_before(work: Casework) -> date | None:
    """The day of the interview that is told more of now: it stays, unless another is said."""
    interview = next(step for step in work.rules.preparation if step.kind == "interview")
    return done_on(work.case, interview, work.today)


def _profile(case: CaseFile, said: RecordInterview) -> Profile:
    hours = said.profile.hours_per_week
    if hours is not None and hours.min > hours.max:
        raise Refused("min_above_max", field="profile.hours_per_week", status=422)
    new = {name: getattr(said.profile, name) for name in said.profile.model_fields_set - NOT_SAID}
    if "wishes" in new:
        # A form sends a plan that nothing was chosen for.
        new["wishes"] = _that_say_something(said.profile.wishes)
    return case.profile.model_copy(update=new)


def _that_say_something(wishes: Iterable[Wish]) -> tuple[Wish, ...]:
    return tuple(wish for wish in wishes if wish.industries or wish.profession or wish.education)


@dataclass(frozen=True)
class _Learned:
    """What was learned of the people of a case: changes of it, other rows, and what follows."""

    case: dict[str, Any]
    rows: dict[str, Any]
    told: tuple[Contact, ...] = ()
    timers: Timers = ()

    def __or__(self, other: _Learned) -> _Learned:
        rows, told = {**self.rows, **other.rows}, (*self.told, *other.told)
        return _Learned({**self.case, **other.case}, rows, told, (*self.timers, *other.timers))


def tells_of_candidate(said: RecordInterview) -> bool:
    """Whether more is told than of the case: then the person's own row is changed too."""
    return any(getattr(said, name) is not None for name in OF_CANDIDATE)


def asks_who_it_is(said: RecordInterview) -> bool:
    """Whether the person's own row is needed: to be changed, or to see that a presentation names nobody."""
    return tells_of_candidate(said) or bool(said.presentation)


def _candidate(work: Casework) -> Person:
    person = work.state.person
    if person is None or person.id != work.case.person_id:
        raise Stale("whose case it is")
    return person


def _check_presentation(work: Casework, said: RecordInterview, learned: _Learned) -> None:
    """It is read before a match is agreed, by those who do not learn yet who it is."""
    if said.presentation and tells_who(
        said.presentation, learned.rows.get("person") or _candidate(work), work.today
    ):
        raise Refused("tells_who_it_is", field="presentation", status=422)


def _of_candidate(work: Casework, said: RecordInterview, now: datetime) -> _Learned:
    """Who somebody is and how they are reached, read as a referral's is; other cases of theirs follow.

    A birth date is told where nobody had said it; a wrong one is corrected with the person.
    """
    if not tells_of_candidate(said):
        return _Learned({}, {})
    person = _candidate(work)
    changes, errors = read_contact(said, work.unit)
    postcode = changes.get("postcode")
    if postcode and work.rules.residence_required and not work.unit.covers(postcode):
        errors = (*errors, ("not_resident", "postcode", "the programme is for residents"))
    if said.birth_date is not None and person.birth_date not in (None, said.birth_date):
        errors = (*errors, ("birth_date_known", "birth_date", "it is corrected with the person"))
    desk.refuse(errors)
    if said.birth_date is not None:
        changes["birth_date"] = work.day(said.birth_date, "birth_date")
    if said.gender is not None:
        changes["gender"] = said.gender
    if person.email is None and person.phone is None and (changes.get("email") or changes.get("phone")):
        changes["channel"] = desk.channel_for(changes.get("email"), changes.get("phone"))
    known = reachable(person, person.model_copy(update=changes))
    merged, told = along(work.state.merged, known)
    if known.contact_version != person.contact_version:
        told = (telling.contact(known), *told)
    case, timers = age_known(work.case, known.birth_date, work.programmes)
    of_case: dict[str, Any] = {
        "of_age_on": case.of_age_on,
        "is_resident": is_resident(work.case, known, work.unit),
    }
    if known.postcode != person.postcode:
        of_case["location"] = None if known.protected else location_of(work.unit, known.postcode)
    if (known.postcode, known.birth_date) != (person.postcode, person.birth_date):
        timers = (*timers, Schedule(now, HideWhereabouts(person_id=person.id)))
    return _Learned(of_case, {"person": known, "merged": merged}, told, timers)


def _check_age(work: Casework, of_age_on: date | None) -> None:
    """Whose age turns out to be none of the programme's is said no to, and not prepared."""
    if of_age_on is not None and not age_fits(work.rules, born_on(of_age_on), work.case.referred_on):
        desk.refuse((("age_outside_programme", "birth_date", "the programme is for other ages"),))


def _guarded(work: Casework, said: RecordInterview) -> _Learned:
    """Who answers for the candidate: somebody new, or the guardian that is known, reached otherwise."""
    if said.guardian is None:
        return _Learned({}, {})
    id_ = work.state.ids["guardian"]
    if work.case.guardian_id not in (None, id_):
        raise Stale("who the guardian is")
    guardian, errors = desk.person(work.state.guardian, id_, said.guardian, work.unit, "guardian")
    desk.refuse(errors)
    return _Learned(
        {"guardian_id": guardian.id}, {"guardian": guardian}, desk.told(work.state.guardian, guardian)
    )


def change_wishes(state: State, message: Message, programmes: Programmes, now: datetime) -> Decision[State]:
    said = message.body
    assert isinstance(said, ChangeWishes)
    work = Casework(state, programmes, now)
    work.check_codes(_wish_codes(said.wishes, "wishes"))
    wishes = _that_say_something(said.wishes)
    return work.decision({"profile": work.case.profile.model_copy(update={"wishes": wishes})})


def _wish_codes(wishes: tuple[Wish, ...], path: str) -> Codes:
    return {
        f"{path}.industries": ("industries", [code for wish in wishes for code in wish.industries]),
        f"{path}.profession": ("professions", [wish.profession for wish in wishes]),
        f"{path}.education": ("education_levels", [wish.education for wish in wishes]),
    }


def _codes(said: RecordInterview) -> Codes:
    profile, activities = said.profile, said.parallel_activities
    return _wish_codes(profile.wishes, "profile.wishes") | {
        "profile.languages": ("languages", profile.languages),
        "profile.times": ("times", profile.times),
        "profile.needs": ("needs", profile.needs),
        "profile.field": ("fields", [profile.field]),
        "profile.stage": ("stages", [profile.stage]),
        "profile.task": ("content", [profile.task]),
        "groups": ("groups", said.groups),
        "options": ("industries", said.options),
        "certificates_wished": ("certificates", said.certificates_wished),
        "education_level": ("education_levels", [said.education_level]),
        "situation": ("situations", [said.situation]),
        "target_group": ("target_groups", [said.target_group]),
        "foreign_recognition": ("foreign_qualifications", [said.foreign_recognition]),
        "parallel_activities.kind": ("parallel_activities", [one.kind for one in activities]),
        "parallel_activities.times": ("times", [code for one in activities for code in one.times]),
    }
