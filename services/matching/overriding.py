"""A coordinator proposes another pair than the solver would: a reason is kept, and a hard rule is guarded.

Job: withdraw what was proposed for the case, if anything was, and put the chosen pair forward. Guarantee:
pure; a full place takes nobody more, and a hard rule is broken only by a role that the programme names for
it. What it costs the others is shown before, and is not decided here.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from services.matching.documents import PairFound, State
from services.matching.effects import Rows, asking_of, candidate_of, offered_of, waiting_again, withdrawn
from services.matching.proposals import put_forward
from services.matching.rules import check_codes
from services.matching.solver.edges import TRIED, broken, plan_of, reasons
from shared.contracts.matching import OverrideProposal
from shared.contracts.model import Event, Points
from shared.messages import Append, Cancel, Decision, Ignored, Message, Refused, Schedule, Stale
from shared.programmes import Programmes, Rules


def override(state: State, message: Message, rules: Programmes, now: datetime) -> Decision[State] | Ignored:
    """The pair becomes a proposal at once; what was out for the case is taken back as `overridden`."""
    body: OverrideProposal = message.body  # type: ignore[assignment]
    case, place = state.case, state.place
    if case is None:
        raise AssertionError("the table leads here only with a case")
    if case.proposal_id != state.ids.get("earlier"):
        raise Stale("the case's proposal")
    check_codes(rules.codes, {"reason": ("override_reasons", (body.reason,))})
    if place is None or place.state != "offered" or place.unit != case.unit:
        raise Refused("unknown_place", field="place_id", status=404)
    if case.programme not in place.offer.programmes:
        raise Refused("programme_not_at_place", field="place_id")
    if state.earlier is not None and state.earlier.place_id == place.id:
        raise Refused("proposed_already", field="place_id")
    if place.free < 1:
        raise Refused("place_full", field="place_id")
    asking = asking_of(case.programme, case.unit, rules, now)
    candidate, offered = candidate_of(case), offered_of(place)
    against = tuple(rule for rule in broken(candidate, offered, asking) if rule != TRIED)
    roles = message.actor.roles if message.actor is not None else frozenset()
    guard(against, roles, asking.rules)
    events: tuple[Event, ...] = ()
    appends: tuple[Append, ...] = ()
    timers: tuple[Schedule | Cancel, ...] = ()
    if state.earlier is not None:
        if state.earlier_place is None:
            raise AssertionError("a proposal never stands without its place")
        rows = Rows(state.earlier, case, state.earlier_place)
        taken, told, appends, gone = withdrawn(rows, "overridden", rules, now)
        state = replace(state, earlier=taken.proposal, earlier_place=taken.place)
        case, events, timers = waiting_again(case), told, gone
    why = reasons(candidate, offered, asking)
    pair = PairFound(
        proposal_id=state.ids["proposal"],
        case_id=case.id,
        place_id=place.id,
        case_revision=case.revision,
        place_revision=place.revision,
        points=sum(one.points for one in why),
        plan=plan_of(candidate, offered),
        reasons=(Points(code="override", points=0), *why),
    )
    own = rules.version(case.programme, case.unit, case.rules_version)
    after, event, deadlines = put_forward(
        case,
        place,
        pair,
        own,
        now,
        overridden_by=message.actor.person_id if message.actor is not None else None,
        override_reason=body.reason,
        override_note=body.note,
        broken=against,
    )
    answer = {"proposal_id": str(after.proposal.id)}
    return Decision(after.onto(state), (*events, event), (*timers, *deadlines), appends, answer=answer)


def guard(against: tuple[str, ...], roles: frozenset[str], rules: Rules) -> None:
    """Raises `Refused` where a hard rule would be broken by somebody who may not break it."""
    breakers = rules.matching.breakers
    locked = [rule for rule in against if not roles & set(breakers.get(rule, ()))]
    if locked:
        who = {rule: list(breakers.get(rule, ())) for rule in locked}
        raise Refused("hard_rule", field="place_id", rules=locked, who_may=who)
