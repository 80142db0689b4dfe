"""A candidate's certificate: asked for as early as it can be, renewed ahead of its end, and lapsed."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from uuid import uuid4

import pytest

from services.intake.documents import Place
from shared.contracts.followup import PlacementStarted
from shared.contracts.intake_commands import (
    CompletePreparation,
    OrderCertificate,
    RecordCertificateShown,
    RecordInterview,
    ReopenCase,
    WithdrawCase,
)
from shared.contracts.matching import MatchAgreed, MatchCancelled
from shared.messages import Refused
from tests.unit.intake_story import PROGRAMMES, Story

KIND = "police_certificate"


def shown(story: Story, days: int | None = None) -> None:
    until = story.today + timedelta(days=days) if days is not None else None
    story.send(RecordCertificateShown(case_id=story.id, kind=KIND, valid_until=until))


def about(story: Story, type_: str) -> list[tuple[str, date | None]]:
    return [(getattr(event, "why", type_), event.valid_until) for event in story.of(type_)]


def test_the_candidate_is_asked_to_order_the_day_the_mailbox_is_there_and_once() -> None:
    story = Story("skolepraksis")
    assert not story.of("CertificateDue")
    story.do("digital_mailbox")
    (due,) = story.of("CertificateDue")
    assert (due.why, due.of, due.subject_id, due.case_id) == ("order", "candidate", story.id, story.id)
    assert [party.person_id for party in due.asked] == [story.case.person_id]
    for code in ("mapping", "digital_mailbox"):
        story.do(code)
    assert len(story.of("CertificateDue")) == 1
    assert story.case.certificates[KIND].asked_on == story.today


def test_it_cannot_be_ordered_before_the_mailbox() -> None:
    story = Story("skolepraksis")
    with pytest.raises(Refused) as refused:
        story.order(KIND)
    assert (refused.value.code, refused.value.values["waits_on"]) == (
        "step_waits_on_another",
        ["digital_mailbox"],
    )
    story.do("digital_mailbox")
    story.order(KIND)
    assert story.case.certificates[KIND].ordered_on == story.today


def test_whoever_ordered_already_is_not_asked_again() -> None:
    story = Story("skolepraksis")
    story.do("digital_mailbox")
    story.order(KIND)
    shown(story, 60)
    story.order(KIND)
    story.wait_days(61)
    assert about(story, "CertificateDue") == [("order", None)]


def test_it_holds_as_long_as_the_programme_says_unless_it_says_so_itself() -> None:
    story = Story("skolepraksis").prepare()
    assert story.case.certificates[KIND].valid_until == date(2027, 11, 23)
    shown(story, 100)
    assert story.case.certificates[KIND].valid_until == story.today + timedelta(days=100)
    with pytest.raises(Refused, match="ends_before_it_begins"):
        shown(story, -1)


def test_it_is_to_be_renewed_ahead_of_its_end_and_what_rests_on_it_falls_with_it() -> None:
    story = Story("skolepraksis").prepare()
    shown(story, 100)
    until = story.case.certificates[KIND].valid_until
    rule = PROGRAMMES.rules("skolepraksis", "NO-3222", story.today).certificates[0]
    assert until is not None
    story.wait_days(100 - rule.renew_days - 1)
    assert ("renew", until) not in about(story, "CertificateDue")
    story.wait_days(1)
    assert about(story, "CertificateDue")[-1] == ("renew", until)
    story.wait_days(rule.renew_days)
    assert (story.today, story.case.cleared) == (until, True)
    story.wait_days(1)
    assert story.told[-2:] == ["CertificateLapsed", "StartHeld"]
    assert not story.case.profile.certificates
    assert story.events[-1].reason == "certificate_lapsed"  # type: ignore[attr-defined]
    shown(story)
    assert story.told[-1] == "StartCleared"
    assert story.case.profile.certificates == (KIND,)


def test_a_new_one_that_is_shown_in_time_takes_the_clocks_with_it() -> None:
    story = Story("skolepraksis").prepare()
    shown(story, 100)
    story.wait_days(90)
    shown(story, 300)
    story.wait_days(200)
    assert not story.of("CertificateLapsed")
    assert not story.of("StartHeld")


def test_in_a_placement_that_runs_its_lapse_is_told_and_holds_nothing() -> None:
    story = Story("skolepraksis").prepare()
    shown(story, 10)
    story.hear(MatchAgreed)
    story.hear(PlacementStarted)
    story.wait_days(11)
    assert story.told[-1] == "CertificateLapsed"
    assert not story.of("StartHeld")


def at_a_place_that_asks_for(story: Story, *kinds: str) -> Story:
    place = Place(
        id=uuid4(),
        unit=story.case.unit,
        kind="association",
        programmes=(story.case.programme,),
        required_certificates=kinds,
    )
    story.state = replace(story.state, place=place)
    story.hear(MatchAgreed)
    return story


def test_what_the_place_of_the_match_asks_for_is_of_the_gate_too() -> None:
    story = at_a_place_that_asks_for(Story().prepare("match"), "child_certificate")
    story.do("host_prepared")
    assert not story.case.cleared
    steps = {one["code"]: one for one in story.why["steps"]}
    assert set(steps) == {"digital_mailbox", "child_certificate"}
    step = steps["child_certificate"]
    assert step["waits_on"] == ["digital_mailbox"]
    with pytest.raises(Refused, match="step_waits_on_another"):
        story.order("child_certificate")
    story.send(CompletePreparation(case_id=story.id, step="digital_mailbox"))
    assert story.told[-1] == "CertificateDue"
    story.order("child_certificate")
    assert (step["code"], step["before"], step["lead_days"]) == ("child_certificate", "start", 21)
    until = story.today + timedelta(days=9)
    story.send(RecordCertificateShown(case_id=story.id, kind="child_certificate", valid_until=until))
    assert story.told[-1] == "StartCleared"
    story.wait_days(10)
    assert story.told[-2:] == ["CertificateLapsed", "StartHeld"]
    story.hear(MatchCancelled, reason="illness")
    assert not {"child_certificate"} & {one["code"] for one in story.why["steps"]}


def test_a_place_that_asks_for_what_the_programme_asks_for_asks_for_nothing_more() -> None:
    story = at_a_place_that_asks_for(Story("skolepraksis").prepare("match"), KIND).prepare()
    assert (story.case.cleared, story.why["steps"]) == (True, [])


def test_a_round_that_begins_after_a_lapse_asks_for_a_new_one() -> None:
    story = Story("skolepraksis").prepare()
    shown(story, 10)
    story.hear(MatchAgreed)
    story.wait_days(11)
    story.hear(MatchCancelled, reason="illness")
    assert KIND in {one["code"] for one in story.why["steps"]}
    assert story.of("CaseReady")[-1].profile.certificates == ()


def test_a_case_that_is_opened_again_has_its_clocks_again() -> None:
    story = Story("skolepraksis").prepare()
    shown(story, 50)
    story.send(WithdrawCase(case_id=story.id, reason="moved"))
    story.wait_days(60)
    assert not story.of("CertificateLapsed")
    story.send(ReopenCase(case_id=story.id, reason="wants_again"))
    assert story.of("CaseReady")[-1].profile.certificates == ()
    story.wait_days(1)
    assert len(story.of("CertificateLapsed")) == 1


def test_what_is_no_certificate_is_refused() -> None:
    story = Story()
    for body in (OrderCertificate, RecordCertificateShown):
        with pytest.raises(Refused, match="unknown_code"):
            story.send(body(case_id=story.id, kind="swimming"))


def test_a_certificate_that_nobody_asks_for_yet_waits_for_its_mailbox_too() -> None:
    story = Story("foreningspraktik")
    with pytest.raises(Refused) as refused:
        story.order("child_certificate")
    assert refused.value.values["waits_on"] == ["digital_mailbox"]
    story.send(CompletePreparation(case_id=story.id, step="digital_mailbox"))
    story.order("child_certificate")
    assert story.case.certificates["child_certificate"].is_awaited


def test_no_mailbox_is_asked_for_where_no_certificate_comes_by_it() -> None:
    story = Story("mentorskab")
    with pytest.raises(Refused, match="unknown_step"):
        story.send(CompletePreparation(case_id=story.id, step="digital_mailbox"))
    story.order("child_certificate")


def test_whoever_has_shown_a_certificate_is_asked_for_no_mailbox() -> None:
    story = Story().prepare("match")
    story.send(RecordCertificateShown(case_id=story.id, kind="child_certificate"))
    at_a_place_that_asks_for(story, "child_certificate").do("host_prepared")
    assert (story.case.cleared, story.why["steps"]) == (True, [])


def test_what_wished_places_ask_for_is_ordered_from_the_interview_on_and_holds_no_other_start() -> None:
    story = Story("foreningspraktik")
    story.send(RecordInterview(case_id=story.id, certificates_wished=("child_certificate",)))
    assert {"digital_mailbox", "child_certificate"} <= {one["code"] for one in story.why["steps"]}
    story.send(CompletePreparation(case_id=story.id, step="digital_mailbox"))
    assert about(story, "CertificateDue") == [("order", None)]
    assert "child_certificate" in {one.step for one in story.case.open_steps}
    for code in ("expectations_aligned", "purpose_stated"):
        story.do(code)
    assert story.case.state == "ready", "it holds up no match with other places"
    at_a_place_that_asks_for(story).do("host_prepared")
    assert (story.case.cleared, story.why["steps"]) == (True, [])


def test_what_wished_places_ask_for_is_a_certificate() -> None:
    story = Story("foreningspraktik")
    with pytest.raises(Refused, match="unknown_code"):
        story.send(RecordInterview(case_id=story.id, certificates_wished=("swimming",)))
