"""Intake's workflow: from a referral to a case that is ready, cleared, matched, started and ended.

A **referral** comes from another system or is typed in. It is judged against the programme's rules:
refused with every reason at once, or accepted, and then its person is found (or is new) and a case opens.
An accepted referral holds its reference for ever; a refused one may come again, mended.

A **case** is *preparing* until everything that the programme asks before a match is done, then *ready*:
matching is told, and proposes. An agreed match makes it *matched*, the first day *started*, the last one
*ended*. What is asked before a start is prepared beside all that; when it is done the start is cleared,
which follow-up joins with the agreement. A match that came to nothing, or a placement that leads to
another, begins a new round. A case can rest (*paused*) and go on where it was, be *withdrawn* at any time,
*declined* before anything is agreed, and opened again in a new round. What holds for a time only, as a
certificate, is watched by a timer (`certifying`): when it lapses, so does the start that rests on it.

A **person** is corrected; two that are one are merged, and one that is two is split (`people`, `merging`).
Somebody is erased: because staff ask for it, because the time is over for which they are kept, or
because a restored database holds them again (`erasing`, `retention`).

A **colleague** is registered or signs in; a **unit** has its group, its duty and its role models, and is
closed: then all that it has goes to another (`closing`).

A **host** or a **mentor** is registered and offers **places** (`registering`).

An **enquiry** at a unit's door becomes one of these once it is confirmed (`enquiring`).

The tables below are all there is; what each row does stands in `referring`, `preparing`, `rounds` and
the modules named above.
"""

from __future__ import annotations

from functools import partial

from pydantic import BaseModel

from services.intake import (
    certifying,
    closing,
    enquiring,
    interviewing,
    merging,
    notices,
    people,
    preparing,
    rounds,
    staffing,
    stopping,
)
from services.intake.casework import ComeOfAge, come_of_age
from services.intake.certificates import LapseCertificate, RenewCertificate
from services.intake.closing import CloseOnTheDay, LookForLeft, handed_over
from services.intake.erasing import ErasedBefore, RetentionOver, erase, erase_again
from services.intake.guarding import guarding
from services.intake.open_steps import noting
from services.intake.people import HideWhereabouts
from services.intake.referring import take_referral
from services.intake.registering import COUNTED_BY_UNIT, HOST, MENTOR, PARTNER, PLACE
from services.intake.retention import keeping, retention_over
from services.intake.sealing import Secrets, throwaway
from services.intake.staffing import StaffSeen
from shared.contracts.followup import PlacementEnded, PlacementStarted
from shared.contracts.intake_commands import (
    AgreeGoals,
    AssignCase,
    ChangeWishes,
    CompletePreparation,
    DeclineCandidate,
    OrderCertificate,
    PauseCase,
    RecordCertificateShown,
    RecordConsent,
    RecordInterview,
    ReopenCase,
    ResumeCase,
    WithdrawCase,
)
from shared.contracts.matching import (
    MatchAgreed,
    MatchCancelled,
    MatchProposed,
    MentorWanted,
    MentorWantedWithdrawn,
)
from shared.contracts.people_commands import (
    BreakGlass,
    CloseUnit,
    CorrectPerson,
    ErasePerson,
    MergePersons,
    RegisterRoleModel,
    RegisterStaff,
    SetDuty,
    SetGroupMembers,
    SplitPerson,
)
from shared.contracts.referral import RegisterReferral
from shared.transitions import Does, Lifecycle, On, Workflow

GOING = "preparing ready matched started paused"


def _settles(message: type[BaseModel], does: Does) -> tuple[On, ...]:
    """What changes a case in any state: by it, or by the time that has passed, one may become ready. A ready
    one rests if what was done holds no longer, and goes on once it does again."""
    return (
        On(message, "preparing", "= ready", does),
        On(message, "ready", "= paused", does),
        On(message, "paused", "= ready matched started preparing", does),
        On(message, "matched started", "=", does),
    )


CASE = Lifecycle(
    "case",
    (
        *_settles(AssignCase, preparing.assign),
        *_settles(RecordInterview, interviewing.record_interview),
        *_settles(ChangeWishes, interviewing.change_wishes),
        *_settles(CompletePreparation, preparing.complete_preparation),
        *_settles(AgreeGoals, preparing.agree_goals),
        *_settles(RecordConsent, preparing.record_consent),
        *_settles(OrderCertificate, certifying.order_certificate),
        *_settles(RecordCertificateShown, certifying.record_certificate_shown),
        On(RenewCertificate, GOING, "=", certifying.certificate_to_renew),
        *_settles(LapseCertificate, certifying.certificate_lapsed),
        *_settles(ComeOfAge, come_of_age),
        On(MatchProposed, "ready paused", "=", rounds.match_proposed),
        On(MatchAgreed, "ready", "matched", rounds.match_agreed),
        On(MatchAgreed, "paused started", "=", rounds.match_agreed),
        On(MatchCancelled, "matched started", "preparing ready", rounds.match_cancelled),
        On(MatchCancelled, "paused", "= preparing ready", rounds.match_cancelled),
        On(PlacementStarted, "ready matched", "started", rounds.placement_started),
        On(PlacementStarted, "paused", "=", rounds.placement_started),
        On(PlacementEnded, "ready matched started", "ended preparing ready", rounds.placement_ended),
        On(PlacementEnded, "paused", "= preparing ready ended", rounds.placement_ended),
        On(PauseCase, "preparing ready matched started", "paused", stopping.pause),
        On(ResumeCase, "paused", "preparing ready matched started", stopping.resume),
        On(WithdrawCase, GOING, "withdrawn", stopping.withdraw),
        On(DeclineCandidate, "preparing ready paused", "declined", stopping.decline),
        On(ReopenCase, "ended withdrawn declined", "preparing ready", stopping.reopen),
        On(ErasePerson, "preparing ready paused ended withdrawn declined", "erased", erase),
    ),
    ends=("erased",),
)


def person(secrets: Secrets) -> Lifecycle:
    return Lifecycle(
        "person",
        (
            On(CorrectPerson, "known", "=", partial(people.correct, secrets)),
            On(MergePersons, "known", "=", partial(merging.merge, secrets)),
            On(SplitPerson, "known", "=", partial(merging.split, secrets)),
            On(HideWhereabouts, "known", "=", people.hide_whereabouts),
            On(BreakGlass, "known", "=", people.break_glass),
            On(ErasePerson, "known", "none", erase),
            On(RetentionOver, "known", "= none", retention_over),
            On(ErasedBefore, "none known", "none", erase_again),
        ),
    )


STAFF = Lifecycle(
    "staff",
    (
        On(RegisterStaff, "none known", "known", staffing.register_staff),
        On(StaffSeen, "none known", "known", staffing.staff_seen),
    ),
    ends=("known",),
)

UNIT = Lifecycle(
    "unit",
    (
        On(SetGroupMembers, "none open", "open", staffing.set_group_members),
        On(SetDuty, "none open", "open", staffing.set_duty),
        On(RegisterRoleModel, "none open", "open", staffing.register_role_model),
        On(CloseUnit, "none open", "open closed", closing.close_unit),
        On(CloseOnTheDay, "open", "closed", closing.close_on_the_day),
        On(LookForLeft, "closed", "=", closing.look_for_left),
        *COUNTED_BY_UNIT,
    ),
    ends=("closed",),
)


def referral(secrets: Secrets) -> Lifecycle:
    take = partial(take_referral, secrets)
    return Lifecycle(
        "referral",
        (
            On(RegisterReferral, "none refused", "accepted refused", take),
            On(RegisterReferral, "accepted erased", "=", take),
            On(ErasePerson, "accepted refused", "erased", erase),
        ),
        ends=("erased",),
    )


NOTICE = Lifecycle(
    "notice",
    (
        On(MentorWanted, "none up down", "up", notices.put_up),
        On(MentorWantedWithdrawn, "up", "down", notices.take_down),
    ),
    ends=("down",),
)


def workflow(secrets: Secrets) -> Workflow:
    """The workflow, with what seals and recognises a referral."""
    enquiry = enquiring.lifecycle(secrets)
    kept = (*map(keeping, (CASE, HOST, MENTOR, PARTNER)), PLACE, STAFF, enquiry)
    all_ = (referral(secrets), *map(handed_over, kept), person(secrets), UNIT, NOTICE)
    return Workflow(*(guarding(noting(one)) for one in all_))


TIMERS = (
    *(ComeOfAge, RenewCertificate, LapseCertificate, RetentionOver, ErasedBefore, HideWhereabouts),
    *closing.TIMERS,
    *enquiring.MESSAGES,
)


WORKFLOW = workflow(throwaway())
"""The same tables with keys that nobody keeps, for what asks about them: diagrams, tests, documents."""
