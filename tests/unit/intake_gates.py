"""What each programme asks before a match and before a start, written by hand from the documents."""

from __future__ import annotations

from typing import NamedTuple

ONCE, FIRST, EACH = "once", "first", "each"


class Asked(NamedTuple):
    """`rounds`: once for the case, in the first round alone, or anew in each. `where`: of whom. `sub_goals`:
    whether goals alone will not do."""

    before: str
    kind: str = "step"
    rounds: str = ONCE
    where: str = "always"
    sub_goals: bool = False


GUARDIAN = Asked("match", "consent", where="under_age")

GATES: dict[str, dict[str, Asked]] = {
    # A: chosen by the candidate (the referral), frame and times (the agreement).
    "foreningspraktik": {
        "interview": Asked("match", "interview"),
        "guardian_consent": GUARDIAN,
        "expectations_aligned": Asked("match", rounds=FIRST),
        "purpose_stated": Asked("match", rounds=EACH),
        "host_prepared": Asked("start", rounds=EACH),
    },
    # B: duration and content are the agreement's.
    "mentorskab": {
        "interview": Asked("match", "interview"),
        "share_profile": Asked("match", "consent"),
        "guardian_consent": GUARDIAN,
        "expectations_aligned": Asked("start", rounds=EACH),
    },
    # C: mapping and guidance, then booklet, quiz and test, then roles, tasks, learning goals, follow-up plan.
    "skolepraksis": {
        "mapping": Asked("match", "interview"),
        "guardian_consent": GUARDIAN,
        "career_guidance": Asked("match"),
        "booklet_meeting": Asked("match"),
        "quiz": Asked("match"),
        "test": Asked("match"),
        "digital_mailbox": Asked("start"),
        "police_certificate": Asked("start", "certificate"),
        "roles_tasks_clear": Asked("start", rounds=EACH),
        "learning_goals": Asked("start", "goals", EACH),
        "follow_up_plan": Asked("start", rounds=EACH),
    },
    # D: purpose and expectations aligned; where a job is in prospect, what it asks.
    "virksomhedspraktik": {
        "interview": Asked("match", "interview"),
        "guardian_consent": GUARDIAN,
        "expectations_aligned": Asked("match", rounds=FIRST),
        "purpose_stated": Asked("match", rounds=EACH),
        "job_requirements": Asked("start", rounds=EACH, where="job_in_prospect"),
        "host_prepared": Asked("start", rounds=EACH),
        "candidate_prepared": Asked("start", rounds=FIRST),
    },
    # E: goals and sub-goals agreed with the citizen.
    "udviklingspraktik": {
        "interview": Asked("match", "interview"),
        "guardian_consent": GUARDIAN,
        "expectations_aligned": Asked("match", rounds=FIRST),
        "purpose_stated": Asked("match", rounds=EACH),
        "mentor_kinds_considered": Asked("match"),
        "gradual_start_considered": Asked("start", rounds=EACH),
        "goals": Asked("start", "goals", EACH, sub_goals=True),
        "cv_begun": Asked("start", rounds=FIRST),
        "host_prepared": Asked("start", rounds=EACH),
    },
}
