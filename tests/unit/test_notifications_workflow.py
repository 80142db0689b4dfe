"""Who is told what, and what becomes of a mail: the workflow alone, without a database."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifications.documents import (
    RESULTS,
    ContactFile,
    Mail,
    MailNotNeeded,
    MailPutOff,
    MailResult,
    MailTaken,
    MailUndeliverable,
    State,
)
from services.notifications.handlers import concerned
from services.notifications.rules import obstacle
from services.notifications.telling import TEMPLATES
from services.notifications.workflow import MOST_TRIES, WORKFLOW
from shared.contracts.followup import CheckInBooked, PlacementEnded
from shared.contracts.intake import Contact
from shared.contracts.matching import (
    MatchAgreed,
    MatchCancelled,
    MatchProposed,
    ProposalAnswerDue,
    ProposalAnswered,
    ProposalLapsed,
    ProposalWithdrawn,
)
from shared.contracts.model import Event, Party
from shared.contracts.notifications import MailFailed, MailSent, RetryMail
from shared.messages import Decision, Ignored, Message, Tombstone
from shared.programmes import load

PROGRAMMES = load()
NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
CASE, PROPOSAL, PLACE, MATCH = (uuid4() for _ in range(4))
CANDIDATE = Party(person_id=uuid4(), side="candidate", role="candidate")
HOST = Party(person_id=uuid4(), side="host", role="contact_person")
WORKER = Party(person_id=uuid4(), side="staff", role="caseworker")
ABOUT: dict[str, Any] = {
    "unit": "DK-0169",
    "programme": "foreningspraktik",
    "case_id": CASE,
    "rules_version": "2020-01-01",
    "parties": (CANDIDATE, HOST, WORKER),
}
QUESTION: dict[str, Any] = ABOUT | {"proposal_id": PROPOSAL, "place_id": PLACE}
ANSWER_BY = NOW + timedelta(days=7)


def proposed(*asked: Party, **more: Any) -> MatchProposed:
    return MatchProposed(**(QUESTION | more), asked=asked, answer_by=ANSWER_BY)


def answered(by: Party, answer: str, *asked: Party, **more: Any) -> ProposalAnswered:
    return ProposalAnswered(**(QUESTION | more), by=by.person_id, answer=answer, asked=asked)


def agreed() -> MatchAgreed:
    return MatchAgreed(
        **QUESTION, match_id=MATCH, starts_on=date(2026, 12, 1), hours_per_week=4, times=("mon-morning",)
    )


class Run:
    """Messages one after the other on the same rows, and the mails they lead to."""

    def __init__(self) -> None:
        self.rows: dict[UUID, Any] = {}
        self.mails: list[Mail] = []
        self.events: list[Event] = []

    def __call__(self, body: Any, now: datetime = NOW) -> Decision[State] | Ignored:
        refs: dict[str, Any] = dict(concerned(body))
        rows: dict[str, Any] = {name: self.rows.get(id_) for name, id_ in refs.items()}
        state = State(ids=refs, **rows)
        kind = "command" if isinstance(body, RetryMail) else "event"
        message = Message(uuid4(), type(body).__name__, body, now, kind=kind)  # type: ignore[arg-type]
        decision = WORKFLOW.decide(state, message, PROGRAMMES, now)
        if isinstance(decision, Decision):
            for name, id_ in refs.items():
                self.rows[id_] = getattr(decision.state, name)
            made = [Mail.model_validate(append.row["doc"]) for append in decision.appends]
            self.rows |= {mail.id: mail for mail in made}
            self.mails += made
            self.events += decision.events
        return decision

    def told(self) -> list[tuple[str, UUID]]:
        return [(mail.template, mail.person_id) for mail in self.mails]

    def obstacle(self, mail: Mail, now: datetime = NOW) -> str | None:
        known = ContactFile(id=mail.person_id, state="known", email="a@example.org")
        found: Any = obstacle(mail, known, self.rows.get(mail.matter_id), now)
        return found.reason if found else None


@pytest.fixture
def run() -> Run:
    return Run()


def test_those_who_are_asked_get_the_question_and_staff_does_not(run: Run) -> None:
    run(proposed(CANDIDATE, HOST, WORKER))
    assert run.told() == [("answer", CANDIDATE.person_id), ("answer", HOST.person_id)]


def test_who_is_asked_next_gets_the_question_then_and_nobody_gets_it_twice(run: Run) -> None:
    run(proposed(HOST))
    run(answered(HOST, "yes", CANDIDATE))
    run(answered(WORKER, "yes", CANDIDATE))
    assert run.told() == [("answer", HOST.person_id), ("answer", CANDIDATE.person_id)]


def test_a_no_ends_the_question_for_the_others_who_were_asked(run: Run) -> None:
    run(proposed(CANDIDATE, HOST))
    run(answered(HOST, "no"))
    assert run.told()[2:] == [("withdrawn", CANDIDATE.person_id)]
    assert run.obstacle(run.mails[0]) == "over"


def test_a_proposal_withdrawn_after_everybody_said_yes_is_told_to_them(run: Run) -> None:
    run(proposed(HOST))
    run(answered(HOST, "yes", complete=True))
    run(ProposalWithdrawn(**QUESTION, reason="withdrawn"))
    assert run.told()[1:] == [("withdrawn", HOST.person_id)]


def test_who_was_never_asked_is_not_told_that_it_is_over(run: Run) -> None:
    run(proposed(HOST))
    run(ProposalLapsed(**QUESTION))
    assert run.told() == [("answer", HOST.person_id), ("lapsed", HOST.person_id)]


def test_a_candidates_no_that_is_only_heard_leaves_the_question_open(run: Run) -> None:
    heard = next(
        rules
        for versions in PROGRAMMES.by_version.values()
        for rules in versions.values()
        if rules.candidate_answer == "heard"
    )
    where = {"programme": heard.programme, "unit": heard.unit, "rules_version": heard.rules_version}
    run(proposed(CANDIDATE, HOST, **where))
    run(answered(CANDIDATE, "no", **where))
    assert [template for template, _ in run.told()] == ["answer", "answer"]
    assert run.obstacle(run.mails[1]) is None


def test_a_reminder_goes_only_to_those_who_have_not_answered(run: Run) -> None:
    run(proposed(CANDIDATE, HOST))
    run(answered(HOST, "yes"))
    run(ProposalAnswerDue(**QUESTION, asked=(CANDIDATE, HOST), answer_by=ANSWER_BY))
    assert run.told()[2:] == [("answer_reminder", CANDIDATE.person_id)]


def test_a_reminder_that_was_overtaken_by_the_answer_is_not_sent(run: Run) -> None:
    run(proposed(HOST))
    run(ProposalAnswerDue(**QUESTION, asked=(HOST,), answer_by=ANSWER_BY))
    assert run.obstacle(run.mails[1]) is None
    run(answered(HOST, "yes"))
    assert run.obstacle(run.mails[1]) == "over"


def test_a_question_that_comes_too_late_is_not_sent(run: Run) -> None:
    run(proposed(HOST))
    assert run.obstacle(run.mails[0], ANSWER_BY - timedelta(seconds=1)) is None
    assert run.obstacle(run.mails[0], ANSWER_BY) == "too_late"


def test_a_check_in_with_a_day_alone_is_too_late_only_once_that_day_is_over_in_the_unit(run: Run) -> None:
    run(CheckInBooked(**ABOUT, placement_id=MATCH, check_in_id=uuid4(), due_on=date(2026, 12, 23)))
    assert len(run.mails) == 3
    assert run.mails[0].useful_until == datetime(2026, 12, 23, 23, tzinfo=UTC)


def test_an_ending_that_comes_before_the_agreement_leaves_nothing_to_tell_afterwards(run: Run) -> None:
    run(MatchCancelled(**ABOUT, match_id=MATCH, place_id=PLACE, reason="other"))
    assert run(agreed()) == Ignored("matter_is_closed")
    assert {template for template, _ in run.told()} == {"match_cancelled"}


def test_a_cancelled_match_is_told_once_whatever_follows(run: Run) -> None:
    run(agreed())
    run(MatchCancelled(**ABOUT, match_id=MATCH, place_id=PLACE, reason="other"))
    run(PlacementEnded(**ABOUT, placement_id=MATCH, how="failed_match"))
    assert [template for template, _ in run.told()] == ["match_agreed"] * 2 + ["match_cancelled"] * 2
    assert run.obstacle(run.mails[0]) == "over"


def test_a_programme_can_turn_a_mail_off(run: Run) -> None:
    key = ("foreningspraktik", "DK-0169")
    versions = PROGRAMMES.by_version[key]
    off = {
        version: rules.model_copy(update={"mails_off": ("answer",)}) for version, rules in versions.items()
    }
    programmes = replace(PROGRAMMES, by_version={**PROGRAMMES.by_version, key: off})
    body = proposed(HOST)
    message = Message(uuid4(), "MatchProposed", body, NOW)
    decision = WORKFLOW.decide(State(ids={"matter": PROPOSAL}), message, programmes, NOW)
    assert isinstance(decision, Decision) and not decision.appends and decision.state.matter


def test_the_same_event_leads_to_the_same_mails() -> None:
    message = Message(uuid4(), "MatchProposed", proposed(CANDIDATE, HOST), NOW)
    state = State(ids={"matter": PROPOSAL})
    assert WORKFLOW.decide(state, message, PROGRAMMES, NOW) == WORKFLOW.decide(
        state, message, PROGRAMMES, NOW
    )


def test_a_mail_carries_dates_and_codes_and_no_identity(run: Run) -> None:
    run(agreed())
    assert run.mails[0].facts == {"starts_on": "2026-12-01", "ends_on": None, "hours_per_week": 4.0}


def contact(person: UUID, version: int, name: str = "Amina Eksempel") -> Contact:
    return Contact(person_id=person, version=version, name=name, email="amina@example.org")


@given(st.permutations([1, 2, 2, 3]), st.integers(0, 4))
def test_the_newest_contact_wins_and_a_tombstone_is_final(versions: list[int], erased_at: int) -> None:
    run, person = Run(), uuid4()
    for version in versions[:erased_at]:
        run(contact(person, version, f"Version {version}"))
    if erased_at:
        newest = max(versions[:erased_at])
        assert run.rows[person].name == f"Version {newest}"
        assert run(contact(person, newest)) == Ignored("older_than_stored")
    run(Tombstone(topic="contacts-v1", key=str(person)))
    for version in versions[erased_at:]:
        assert run(contact(person, version)) == Ignored("contact_is_erased")
    assert run.rows[person] == ContactFile(id=person, state="erased")


def test_an_erased_person_is_not_written_to(run: Run) -> None:
    run(proposed(HOST))
    erased = ContactFile(id=HOST.person_id, state="erased")
    assert obstacle(run.mails[0], erased, run.rows[PROPOSAL], NOW) == MailNotNeeded(
        mail_id=run.mails[0].id, person_id=HOST.person_id, reason="erased"
    )


def result(run: Run, kind: type[MailResult], **more: Any) -> Mail:
    mail = run.mails[0]
    run(kind(mail_id=mail.id, person_id=mail.person_id, **more))
    found: Mail = run.rows[mail.id]
    return found


def test_a_mail_that_is_put_off_waits_twice_as_long_each_time_and_is_given_up_in_the_end(run: Run) -> None:
    run(proposed(HOST))
    waits = []
    for _ in range(MOST_TRIES - 1):
        waits.append(result(run, MailPutOff, reason="try_later").not_before - NOW)
    minutes = [int(wait.total_seconds()) // 60 for wait in waits]
    assert minutes[:9] == [1, 2, 4, 8, 16, 32, 64, 128, 240] and set(minutes[9:]) == {240}
    assert not run.events
    assert result(run, MailPutOff, reason="try_later").state == "failed"
    assert isinstance(run.events[0], MailFailed) and run.events[0].reason == "try_later"


@pytest.mark.parametrize(("reason", "reached"), [("no_email", "not_by_mail"), ("address_refused", "failed")])
def test_a_mail_that_cannot_be_delivered_is_said_so_and_can_be_tried_again(
    run: Run, reason: str, reached: str
) -> None:
    run(proposed(HOST))
    assert result(run, MailUndeliverable, reason=reason).state == reached
    assert [type(event) for event in run.events] == [MailFailed]
    run(RetryMail(mail_id=run.mails[0].id))
    assert result(run, MailTaken).state == "sent"
    assert [type(event) for event in run.events] == [MailFailed, MailSent]


def test_every_event_that_is_told_of_has_its_row_and_the_other_way_round() -> None:
    of_matters = {row.message for row in WORKFLOW.lifecycles[1].rows}
    assert of_matters == {telling.event for telling in TEMPLATES}
    assert {message for message in WORKFLOW.messages if issubclass(message, MailResult)} == set(RESULTS)
