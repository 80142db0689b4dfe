"""Intake's workflow: from a referral to a case that is ready, cleared, matched, started and ended.

A **referral** comes from another system or is typed in. It is judged against the programme's rules:
refused with every reason at once, or accepted, and then its person is found (or is new) and a case opens.
An accepted referral holds its reference for ever; a refused one may come again, mended.

A **case** is *preparing* until everything that the programme asks before a match is done, then *ready*:
matching is told, and proposes. An agreed match makes it *matched*, the first day *started*, the last one
*ended*. What is asked before a start is prepared beside all that; when it is done the start is cleared,
which follow-up joins with the agreement. A match that came to nothing, or a placement that leads to
another, begins a new round. A case can rest (*paused*) and go on where it was, and be *withdrawn* at any
time.

A **host** or a **mentor** is registered and offers **places**; a place is offered, changed and withdrawn.

The tables below are all there is; what each row does stands in `referring`, `preparing`, `rounds` and
`offering`.
"""

from __future__ import annotations

from functools import partial

from services.intake import offering, preparing, rounds
from services.intake.referring import take_referral
from services.intake.sealing import Secrets, throwaway
from shared.contracts.followup import PlacementEnded, PlacementStarted
from shared.contracts.intake_commands import (
    AgreeGoals,
    AssignCase,
    CompletePreparation,
    OrderCertificate,
    PauseCase,
    RecordCertificateShown,
    RecordConsent,
    RecordInterview,
    ResumeCase,
    WithdrawCase,
)
from shared.contracts.matching import MatchAgreed, MatchCancelled, MatchProposed
from shared.contracts.model import Command
from shared.contracts.referral import RegisterReferral
from shared.contracts.register_commands import OfferPlace, RegisterHost, RegisterMentor, WithdrawPlace
from shared.transitions import Does, Lifecycle, On, Workflow

GOING = "preparing ready matched started paused"


def _prepares(command: type[Command], does: Does) -> tuple[On, ...]:
    """What does a step: a case may become ready by it. A ready one rests if what was done holds no longer,
    as a consent that was taken back, or a certificate that lapsed meanwhile."""
    return (
        On(command, "preparing", "= ready", does),
        On(command, "ready", "= paused", does),
        On(command, "matched started paused", "=", does),
    )


CASE = Lifecycle(
    "case",
    (
        On(AssignCase, "preparing matched started paused", "=", preparing.assign),
        On(AssignCase, "ready", "= paused", preparing.assign),
        On(OrderCertificate, "preparing matched started paused", "=", preparing.order_certificate),
        On(OrderCertificate, "ready", "= paused", preparing.order_certificate),
        *_prepares(RecordInterview, preparing.record_interview),
        *_prepares(CompletePreparation, preparing.complete_preparation),
        *_prepares(AgreeGoals, preparing.agree_goals),
        *_prepares(RecordConsent, preparing.record_consent),
        *_prepares(RecordCertificateShown, preparing.record_certificate_shown),
        On(MatchProposed, "ready paused", "=", rounds.match_proposed),
        On(MatchAgreed, "ready", "matched", rounds.match_agreed),
        On(MatchAgreed, "paused started", "=", rounds.match_agreed),
        On(MatchCancelled, "matched started", "preparing ready", rounds.match_cancelled),
        On(MatchCancelled, "paused", "=", rounds.match_cancelled),
        On(PlacementStarted, "ready matched", "started", rounds.placement_started),
        On(PlacementStarted, "paused", "=", rounds.placement_started),
        On(PlacementEnded, "ready matched started", "ended preparing ready", rounds.placement_ended),
        On(PlacementEnded, "paused", "= ended", rounds.placement_ended),
        On(PauseCase, "preparing ready matched started", "paused", preparing.pause),
        On(ResumeCase, "paused", "preparing ready matched started", preparing.resume),
        On(WithdrawCase, GOING, "withdrawn", preparing.withdraw),
    ),
    ends=("ended", "withdrawn"),
)

HOST = Lifecycle(
    "host", (On(RegisterHost, "none available", "available", offering.register_host),), ends=("available",)
)

MENTOR = Lifecycle(
    "mentor",
    (On(RegisterMentor, "none available", "available", offering.register_mentor),),
    ends=("available",),
)

PLACE = Lifecycle(
    "place",
    (
        On(OfferPlace, "none offered withdrawn", "offered", offering.offer_place),
        On(WithdrawPlace, "offered", "withdrawn", offering.withdraw_place),
    ),
    ends=("withdrawn",),
)


def referral(secrets: Secrets) -> Lifecycle:
    take = partial(take_referral, secrets)
    return Lifecycle(
        "referral",
        (
            On(RegisterReferral, "none refused", "accepted refused", take),
            On(RegisterReferral, "accepted", "=", take),
        ),
        ends=("accepted", "refused"),
    )


def workflow(secrets: Secrets) -> Workflow:
    """The workflow, with what seals and recognises a referral."""
    return Workflow(referral(secrets), CASE, HOST, MENTOR, PLACE)


WORKFLOW = workflow(throwaway())
"""The same tables with keys that nobody keeps, for what asks about them: diagrams, tests, documents."""
