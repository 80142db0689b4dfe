"""The shape of a programme definition, of a unit and of the code lists: pure pydantic models.

Guarantee: what these models hold has the right keys and types, and every value of a `Rules` has its source in
`provenance`. They read no file and look nothing up (`load.py` does), and they do not check one value against
another (`check.py` does).

A file has the shape of `Rules`: what stands in `[version.frame]` is `rules.frame`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

Count = Annotated[int, Field(ge=0)]
Days = Annotated[int, Field(ge=0)]
Duration = Annotated[str, StringConstraints(pattern=r"^P[1-9][0-9]*[DWM]$")]
Side = Literal["host", "mentor", "candidate"]


def _lat_and_lon(degrees: dict[str, float]) -> dict[str, float]:
    if set(degrees) != {"lat", "lon"} or abs(degrees["lat"]) > 90 or abs(degrees["lon"]) > 180:
        raise ValueError("a location is { lat = ..., lon = ... } in degrees")
    return degrees


Location = Annotated[dict[str, float], AfterValidator(_lat_and_lon)]
"""The middle of a postcode as `{"lat": 55.65, "lon": 12.28}`, in degrees; never of an address."""


class Part(BaseModel):
    """A table of a definition: cannot be changed, and knows no other keys than its own."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Words(Part):
    """What people are called in one language, and the name that mail is sent in."""

    host: str
    mentor: str
    candidate: str
    placement: str
    sender: str


class Frame(Part):
    """Ramme: how long, and how many hours a week. No `weeks_max`: no upper limit."""

    weeks_min: Count
    weeks_max: Count | None = None
    hours_min: Annotated[float, Field(ge=0)]
    hours_max: Annotated[float, Field(ge=0, le=168)]
    open_end: bool


class Step(Part):
    """One step of the preparation.

    `kind` says what completes it: `interview` the interview, `goals` agreed goals, `consent` a consent and
    `certificate` a certificate of the kind that the step's code names, `step` the step itself.
    `lead_days` is how long it usually takes once begun. A step with `each_round` is asked anew in every
    round, one with `first_round_only` in the first round alone, any other once for the case. One with
    `only_where` is asked only where that is so of the case; as long as nobody knows, it is asked. One for
    those `under_age` cannot be done before the birth date is known. Goals that
    `needs` sub-goals are agreed once there is one among them, and a step that needs a note is done once
    something is written of it. `considers` are roles that the step asks about one by one, yes or no.
    One with `needs_match` is about the host of this round, and waits until its match is agreed.
    """

    code: str
    before: Literal["match", "start"]
    after: tuple[str, ...]
    lead_days: Days
    who: str
    kind: Literal["step", "interview", "goals", "consent", "certificate"]
    each_round: bool
    first_round_only: bool
    only_where: Literal["job_in_prospect", "under_age"] | None = None
    needs: Literal["sub_goals", "note"] | None = None
    considers: tuple[str, ...] = ()
    needs_match: bool = False


class Certificate(Part):
    """A certificate: how long it is good for, and how early it must be renewed or ordered."""

    kind: str
    of: Literal["candidate", "mentor"]
    valid_months: Annotated[int, Field(ge=1)]
    renew_days: Days
    lead_days: Days
    needs_mailbox: bool


class CheckIns(Part):
    """Follow-up conversations: either `every` month or `at` these durations from the start or the match.

    `remind_days` are days before one is due, `overdue_days` days after.
    """

    every: Literal["month"] | None = None
    at: tuple[Duration, ...]
    counted_from: Literal["start", "agreed"]
    bookable_from: Literal["start", "agreed"]
    with_roles: tuple[str, ...]
    modes: Annotated[tuple[str, ...], Field(min_length=1)]
    remind_days: Days
    overdue_days: Days


class Answers(Part):
    """Days to answer and, counted from the asking too, days until the one reminder."""

    proposal_days: Annotated[int, Field(ge=1)]
    proposal_remind_days: Annotated[int, Field(ge=1)]
    change_days: Annotated[int, Field(ge=1)]
    change_remind_days: Annotated[int, Field(ge=1)]


class Meetings(Part):
    """The rhythm in which mentor and mentee meet; the alert comes at the rhythm plus the slack."""

    rhythm_days: Annotated[int, Field(ge=1)]
    slack_days: Days
    family_meeting: bool


class Clocks(Part):
    """Days until somebody is told that nothing was heard, that a plan stands still, that an absence waits."""

    silence_days: Annotated[int, Field(ge=1)]
    stagnation_days: Annotated[int, Field(ge=1)]
    reaction_days: Days


class LadderStep(Part):
    """A level of the crisis ladder (kriseplan): who has it, and when an unsolved concern climbs from it."""

    level: Annotated[int, Field(ge=1)]
    who: str
    days: Annotated[int, Field(ge=1)]


class Matching(Part):
    """Hard rules a pair must meet, points for what speaks for it, and who may break a hard rule."""

    hard: tuple[str, ...]
    weights: Mapping[str, Annotated[int, Field(ge=0, le=1_000_000)]]
    breakers: Mapping[str, tuple[str, ...]]


class Extension(Part):
    """How long one extension may be (no `max_weeks`: any), and how many there may be."""

    max_weeks: Count | None = None
    times: Count


class EffectSurvey(Part):
    """Questions about the effect, asked of each of these sides once a pair has lasted so long."""

    after_days: Days
    asked: Annotated[tuple[Side, ...], Field(min_length=1)]
    questions: Annotated[tuple[str, ...], Field(min_length=1)]


class Aftercare(Part):
    """Efterværn: whether it is offered after the end, and for how long."""

    offered: bool
    days: Days


class Rules(Part):
    """All that differs by programme, unit or date: one version of a programme as it holds in one unit.

    `rules_version` is the day from which the version is in force, and what an event names. `provenance` tells
    of each value, by its dotted key, the source document (`A` to `E`) or `assumed`; the tables of a list go
    by their code: `preparation.interview.lead_days`. An absent age limit is none; an empty `target_groups`
    takes anyone. `mentor_intake` is what must be done before a mentor who made contact is available, beside
    the certificates that are asked of mentors.
    """

    programme: str
    unit: str
    rules_version: str
    provenance: Mapping[str, str]

    words: Mapping[str, Words]
    paired_with: Literal["host", "mentor"]
    host_kinds: tuple[str, ...]
    asked: Annotated[tuple[tuple[Side, ...], ...], Field(min_length=1)]
    candidate_must_choose: bool
    candidate_answer: Literal["decides", "heard"]
    residence_required: bool
    age_min: Count | None = None
    age_max: Count | None = None
    mentor_age_min: Count | None = None
    mentor_intake: tuple[Literal["interview", "agreement"], ...] = ()
    target_groups: tuple[str, ...]
    school_channels: tuple[str, ...]
    helpers: tuple[str, ...]
    helpers_where_needed: tuple[str, ...]
    frame: Frame
    agreement_needs: tuple[Literal["frame", "times", "duration", "content"], ...]
    preparation: tuple[Step, ...]
    certificates: tuple[Certificate, ...]
    short_of_labour: tuple[str, ...] = ()
    check_ins: CheckIns
    answers: Answers
    gather_for_minutes: Count
    waiting_limit_days: Days
    meetings: Meetings | None = None
    clocks: Clocks
    progression: str
    ladder: tuple[LadderStep, ...]
    matching: Matching
    mails_off: tuple[str, ...]
    next_steps: Annotated[tuple[str, ...], Field(min_length=1)]
    outcomes: Annotated[tuple[str, ...], Field(min_length=1)]
    self_supporting: tuple[str, ...]
    extension: Extension
    effect_survey: EffectSurvey | None = None
    aftercare: Aftercare
    retention_months: Annotated[int, Field(ge=1)]
    targets: Mapping[str, float]

    def step(self, code: str) -> Step | None:
        """The preparation step with this code, or None where the programme has no such step."""
        return next((step for step in self.preparation if step.code == code), None)


class Unit(Part):
    """A municipality, or a mentor corps in a town: one door of one controller.

    `ladder` names the levels that are staffed here (None: all that the programme has). `postcodes` holds
    whole postcodes (`2630`), beginnings (`90`) and ranges (`1461-1479`).
    """

    id: str
    name: str
    controller: str
    country: Literal["DK", "NO"]
    time_zone: str
    languages: Annotated[tuple[Literal["da", "nb", "en"], ...], Field(min_length=1)]
    postcodes: tuple[Annotated[str, StringConstraints(pattern=r"^[0-9]{1,4}$|^[0-9]{4}-[0-9]{4}$")], ...]
    programmes: Annotated[tuple[str, ...], Field(min_length=1)]
    ladder: tuple[int, ...] | None = None
    opened_on: date | None = None
    centre: Location
    locations: Mapping[str, Location]

    def covers(self, postcode: str) -> bool:
        """Whether somebody with this postcode lives in the unit."""
        return any(_covers(entry, postcode.strip()) for entry in self.postcodes)

    def location(self, postcode: str) -> dict[str, float] | None:
        """The middle of a postcode; None where the unit's table does not have it."""
        return self.locations.get(postcode.strip())


def _covers(entry: str, postcode: str) -> bool:
    if len(postcode) != 4 or not postcode.isdigit():
        return False
    first, is_range, last = entry.partition("-")
    return first <= postcode <= last if is_range else postcode.startswith(first)


class Codes:
    """The code lists with their words in da, nb and en; codes keep the order of the file."""

    def __init__(self, words: Mapping[str, Mapping[str, Mapping[str, str]]]) -> None:
        self._words = words
        self.lists: Mapping[str, tuple[str, ...]] = {name: tuple(codes) for name, codes in words.items()}

    def has(self, list_name: str, code: str) -> bool:
        """Whether the list has the code. Raises KeyError for a list that does not exist."""
        return code in self._list(list_name)

    def words(self, list_name: str, code: str, language: str) -> str:
        """The code in words: in the language, else in English, else the code itself."""
        words = self._list(list_name).get(code, {})
        return words.get(language) or words.get("en") or code

    def _list(self, name: str) -> Mapping[str, Mapping[str, str]]:
        if name not in self._words:
            raise KeyError(f"codes.toml has no list {name!r}; it has {', '.join(self._words)}")
        return self._words[name]
