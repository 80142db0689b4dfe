"""Who is asked, and whether an agreement keeps to the frame: every programme, every limit."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest

from services.matching.documents import Agreement, CaseFile, Hold, Place
from services.matching.rules import agreement_of, who_is_asked, within_period
from shared.contracts.intake import PlaceOffered, Profile
from shared.contracts.matching import AgreeMatch
from shared.contracts.model import Party
from shared.messages import Refused
from shared.programmes import Programmes, Rules, load

TODAY = date(2026, 11, 23)
CANDIDATE, GUARDIAN, CONTACT, BUDDY, STAFF = (UUID(int=number) for number in range(1, 6))


@pytest.fixture(scope="module")
def programmes() -> Programmes:
    return load()


def rules_of(programmes: Programmes, programme: str) -> Rules:
    unit = next(one.id for one in programmes.units.values() if programme in one.programmes)
    return programmes.rules(programme, unit, TODAY)


def case(*parties: Party) -> CaseFile:
    return CaseFile(
        id=UUID(int=10),
        state="waiting",
        unit="DK-0169",
        programme="foreningspraktik",
        round=1,
        rules_version="2020-01-01",
        person_id=CANDIDATE,
        waiting_since=TODAY,
        profile=Profile(),
        parties=parties,
    )


def place(*parties: Party, capacity: int = 1, held: tuple[Hold, ...] = ()) -> Place:
    offer = PlaceOffered(
        place_id=UUID(int=11),
        unit="DK-0169",
        host_id=UUID(int=12),
        kind="association",
        programmes=("foreningspraktik",),
        capacity=capacity,
        parties=parties,
    )
    return Place(id=offer.place_id, state="offered", unit="DK-0169", offer=offer, held=held)


def party(person: UUID, side: Any, role: str) -> Party:
    return Party(person_id=person, side=side, role=role)


def asked(rules: Rules, case_: CaseFile, place_: Place) -> list[tuple[UUID, int, bool]]:
    return [(one.person_id, one.stage, one.decides) for one in who_is_asked(rules, case_, place_)]


def test_the_guardian_answers_too_and_staff_and_buddies_do_not(programmes: Programmes) -> None:
    found = asked(
        rules_of(programmes, "foreningspraktik"),
        case(
            party(CANDIDATE, "candidate", "candidate"),
            party(GUARDIAN, "candidate", "guardian"),
            party(STAFF, "staff", "caseworker"),
        ),
        place(party(BUDDY, "host", "buddy"), party(CONTACT, "host", "contact_person")),
    )
    assert found == [(CONTACT, 0, True), (CANDIDATE, 0, True), (GUARDIAN, 0, True)]


def test_a_heard_candidate_does_not_decide_and_sides_are_asked_in_order(programmes: Programmes) -> None:
    found = asked(
        rules_of(programmes, "virksomhedspraktik"),
        case(party(CANDIDATE, "candidate", "candidate")),
        place(party(CONTACT, "host", "contact_person")),
    )
    assert found == [(CONTACT, 0, True), (CANDIDATE, 1, False)]


def test_who_is_not_named_is_asked_all_the_same(programmes: Programmes) -> None:
    found = asked(rules_of(programmes, "foreningspraktik"), case(), place())
    assert found == [(UUID(int=12), 0, True), (CANDIDATE, 0, True)]


def agree(programmes: Programmes, programme: str, **change: Any) -> Any:
    rules = rules_of(programmes, programme)
    fields = {
        "proposal_id": UUID(int=1),
        "starts_on": date(2026, 12, 1),
        "ends_on": date(2026, 12, 1) + timedelta(weeks=rules.frame.weeks_min + 1),
        "hours_per_week": rules.frame.hours_max,
        "times": ("mon-morning",),
        "content": ("other",),
    }
    return agreement_of(AgreeMatch.model_validate(fields | change), rules, programmes.codes)


@pytest.mark.parametrize(
    ("change", "code", "field", "limit"),
    [
        ({"ends_on": None}, "outside_frame", "ends_on", "weeks_max"),
        ({"ends_on": date(2026, 12, 27)}, "outside_frame", "ends_on", "weeks_min"),
        ({"ends_on": date(2027, 3, 10)}, "outside_frame", "ends_on", "weeks_max"),
        ({"ends_on": date(2026, 11, 30)}, "ends_before_start", "ends_on", None),
        ({"hours_per_week": 10.5}, "outside_frame", "hours_per_week", "hours_max"),
        ({"hours_per_week": 0}, "outside_frame", "hours_per_week", "hours_min"),
        ({"hours_per_week": {"min": 0.5, "max": 4}}, "outside_frame", "hours_per_week", "hours_min"),
        ({"hours_per_week": {"min": 2, "max": 11}}, "outside_frame", "hours_per_week", "hours_max"),
        ({"times": ()}, "agreement_incomplete", "times", None),
        ({"times": ("monday",)}, "unknown_code", "times", None),
    ],
)
def test_an_agreement_outside_the_frame_is_refused_with_its_limit(
    programmes: Programmes, change: dict[str, Any], code: str, field: str, limit: str | None
) -> None:
    with pytest.raises(Refused) as refused:
        agree(programmes, "foreningspraktik", **change)
    assert (refused.value.code, refused.value.field) == (code, field)
    assert refused.value.values.get("limit") == limit


@pytest.mark.parametrize("ends_on", [date(2026, 12, 28), date(2026, 12, 29), date(2027, 3, 9)])
def test_the_frames_own_limits_are_within_it(programmes: Programmes, ends_on: date) -> None:
    assert agree(programmes, "foreningspraktik", ends_on=ends_on).ends_on == ends_on


def test_hours_may_be_a_range_of_which_the_most_is_agreed(programmes: Programmes) -> None:
    found = agree(programmes, "foreningspraktik", hours_per_week={"min": 2, "max": 8})
    assert (found.hours_per_week, found.hours_min) == (8, 2)


def test_only_what_the_programme_asks_for_is_missed(programmes: Programmes) -> None:
    assert agree(programmes, "mentorskab", times=(), ends_on=None).ends_on is None
    assert agree(programmes, "foreningspraktik", content=()).content == ()
    with pytest.raises(Refused, match="agreement_incomplete"):
        agree(programmes, "mentorskab", content=())
    with pytest.raises(Refused, match="agreement_incomplete"):
        agree(programmes, "skolepraksis", content=())


def test_when_a_place_shrinks_the_agreed_keep_their_openings_and_then_the_oldest() -> None:
    old, agreed, new = (Hold(proposal_id=UUID(int=n), agreed=n == 2) for n in (1, 2, 3))
    assert place(capacity=2, held=(old, agreed, new)).over == (new.proposal_id,)
    assert place(capacity=1, held=(old, agreed, new)).over == (old.proposal_id, new.proposal_id)
    gone = place(capacity=3, held=(old, agreed, new)).model_copy(update={"state": "withdrawn"})
    assert gone.over == (old.proposal_id, new.proposal_id)
    assert gone.free == place(capacity=1, held=(old, agreed, new)).free == 0


@pytest.mark.parametrize(
    ("profile", "offer", "agreed", "field", "limit", "allowed"),
    [
        ({"available_from": "2026-12-02"}, {}, {}, "starts_on", "candidate_available_from", "2026-12-02"),
        ({}, {"available_from": "2026-12-02"}, {}, "starts_on", "place_available_from", "2026-12-02"),
        ({}, {"available_to": "2027-01-30"}, {}, "ends_on", "place_available_to", "2027-01-30"),
        (
            {},
            {"available_to": "2027-01-30"},
            {"ends_on": None},
            "ends_on",
            "place_available_to",
            "2027-01-30",
        ),
    ],
)
def test_an_agreement_outside_the_time_of_candidate_and_place_is_refused_with_its_limit(
    profile: dict[str, Any],
    offer: dict[str, Any],
    agreed: dict[str, Any],
    field: str,
    limit: str,
    allowed: str,
) -> None:
    with pytest.raises(Refused) as refused:
        in_period(profile, offer, agreed)
    found = refused.value
    assert (found.code, found.field, found.values["limit"], found.values["allowed"]) == (
        *("outside_period", field, limit),
        allowed,
    )


def test_the_first_and_the_last_day_of_candidate_and_place_are_days_of_the_match() -> None:
    days = {"available_from": "2026-12-01"}
    in_period(days, days | {"available_to": "2027-01-31"}, {})
    in_period(days, days, {"ends_on": None})


def in_period(profile: dict[str, Any], offer: dict[str, Any], agreed: dict[str, Any]) -> None:
    days = {"starts_on": "2026-12-01", "ends_on": "2027-01-31", "hours_per_week": 6}
    offered = place().offer.model_dump() | offer
    within_period(
        Agreement.model_validate(days | agreed),
        Profile.model_validate(profile),
        PlaceOffered.model_validate(offered),
    )
