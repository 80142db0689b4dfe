"""Whether the values of a definition fit each other, the code lists and the units: pure.

Guarantee: each function gives every fault it sees, as (path of the key, what is wrong, what to do). It knows
no files and no lines; what a single value may be the models of `definition.py` have already said.
"""

from __future__ import annotations

from collections.abc import Iterator
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from shared.programmes.definition import Codes, Rules, Unit
from shared.programmes.lines import Path

Fault = tuple[Path, str, str]

LISTS_NEEDED = (
    *("host_kinds", "target_groups", "channels", "roles", "steps", "certificates", "consents"),
    *("check_in_modes", "progression_rules", "match_reasons", "unmatched_reasons", "next_steps", "outcomes"),
    *("effect_questions", "target_keys"),
)
PAIRED_LISTS = {
    "trouble_support": "troubles",
    "refusal_paths": "refusal_reasons",
    "decline_wordings": "decline_reasons",
}
"""Lists that say something more about each code of another list, and so must have the same codes."""


def faults_of_codes(codes: Codes) -> Iterator[Fault]:
    """Lists that are missing, and lists that should have the same codes and have not."""
    for name in (*LISTS_NEEDED, *PAIRED_LISTS, *PAIRED_LISTS.values()):
        if name not in codes.lists:
            yield (), f"the list {name!r} is missing", f"add a table [{name}] with its codes"
    for name, other in PAIRED_LISTS.items():
        differing = set(codes.lists.get(name, ())) ^ set(codes.lists.get(other, ()))
        for code in sorted(differing):
            yield (name, code), f"{code!r} is in one of {name} and {other} only", "give both the same codes"


def faults_of_unit(unit: Unit, programmes: tuple[str, ...], levels: set[int]) -> Iterator[Fault]:
    """Faults of one unit, given the programmes there are and the levels that the ladders of its own have."""
    for index, programme in enumerate(unit.programmes):
        if programme not in programmes:
            known = ", ".join(programmes) or "none"
            yield ("programmes", index), f"there is no programme {programme!r}", f"use one of: {known}"
    try:
        ZoneInfo(unit.time_zone)
    except (ZoneInfoNotFoundError, ValueError):
        yield ("time_zone",), f"{unit.time_zone!r} is no time zone", "use a name as Europe/Copenhagen"
    for postcode in unit.locations:
        if not unit.covers(postcode):
            yield ("locations", postcode), "it is not in the unit", "add it to postcodes or take it out"
    for level in unit.ladder or ():
        if level not in levels:
            yield ("ladder",), f"no programme here has a ladder with level {level}", "take the level out"


def faults_of_rules(rules: Rules, codes: Codes, languages: tuple[str, ...]) -> Iterator[Fault]:
    """Faults of one version of a programme; `languages` are those its units speak."""
    yield from _codes_exist(rules, codes)
    yield from _limits_fit(rules)
    yield from _preparation_fits(rules)
    for language in languages:
        if language not in rules.words:
            yield ("words",), f"no words in {language!r}, a unit's language", f"add a table words.{language}"
    sides = [side for stage in rules.asked for side in stage]
    if sorted(sides) != sorted({rules.paired_with, "candidate"}):
        wanted = f"{rules.paired_with!r} and 'candidate', each once"
        yield ("asked",), f"who is asked must be {wanted}", "name both sides of the pair once, in stages"
    if bool(rules.check_ins.every) == bool(rules.check_ins.at):
        yield ("check_ins",), "give either every or at", "take `every` out, or write `at = []`"
    if [step.level for step in rules.ladder] != list(range(1, len(rules.ladder) + 1)):
        yield ("ladder",), "the levels must be 1, 2, 3 ... in this order", "number the levels anew"


def _codes_exist(rules: Rules, codes: Codes) -> Iterator[Fault]:
    for path, list_name, code in _coded(rules):
        if list_name in codes.lists and not codes.has(list_name, code):
            message = f"{code!r} is not in the list {list_name} of codes.toml"
            yield path, message, "correct the code, or add it there with its words"


def _coded(rules: Rules) -> Iterator[tuple[Path, str, str]]:
    """Every code the rules hold, with the list it belongs to."""
    lists: tuple[tuple[Path, str, tuple[str, ...]], ...] = (
        (("host_kinds",), "host_kinds", rules.host_kinds),
        (("target_groups",), "target_groups", rules.target_groups),
        (("school_channels",), "channels", rules.school_channels),
        (("short_of_labour",), "industries", rules.short_of_labour),
        (("helpers",), "roles", rules.helpers),
        (("helpers_where_needed",), "roles", rules.helpers_where_needed),
        (("check_ins", "with_roles"), "roles", rules.check_ins.with_roles),
        (("check_ins", "modes"), "check_in_modes", rules.check_ins.modes),
        (("progression",), "progression_rules", (rules.progression,)),
        (("matching", "hard"), "unmatched_reasons", rules.matching.hard),
        (("matching", "weights"), "match_reasons", tuple(rules.matching.weights)),
        (("next_steps",), "next_steps", rules.next_steps),
        (("outcomes",), "outcomes", rules.outcomes),
        (("self_supporting",), "outcomes", rules.self_supporting),
        (("targets",), "target_keys", tuple(rules.targets)),
    )
    for path, list_name, used in lists:
        yield from ((path, list_name, code) for code in used)
    for index, step in enumerate(rules.preparation):
        yield ("preparation", index, "code"), "steps", step.code
        yield ("preparation", index, "who"), "roles", step.who
        if step.kind == "consent":
            yield ("preparation", index, "code"), "consents", step.code
        yield from ((("preparation", index, "considers"), "roles", role) for role in step.considers)
    for index, certificate in enumerate(rules.certificates):
        yield ("certificates", index, "kind"), "certificates", certificate.kind
    for index, level in enumerate(rules.ladder):
        yield ("ladder", index, "who"), "roles", level.who
    for rule, roles in rules.matching.breakers.items():
        yield from ((("matching", "breakers", rule), "roles", role) for role in roles)
    for question in rules.effect_survey.questions if rules.effect_survey else ():
        yield ("effect_survey", "questions"), "effect_questions", question


def _limits_fit(rules: Rules) -> Iterator[Fault]:
    frame, answers = rules.frame, rules.answers
    pairs: tuple[tuple[Path, float | None, Path, float | None], ...] = (
        (("frame", "weeks_min"), frame.weeks_min, ("frame", "weeks_max"), frame.weeks_max),
        (("frame", "hours_min"), frame.hours_min, ("frame", "hours_max"), frame.hours_max),
        (("age_min",), rules.age_min, ("age_max",), rules.age_max),
        (
            *(("answers", "proposal_remind_days"), answers.proposal_remind_days),
            *(("answers", "proposal_days"), answers.proposal_days),
        ),
        (
            *(("answers", "change_remind_days"), answers.change_remind_days),
            *(("answers", "change_days"), answers.change_days),
        ),
    )
    for low_path, low, high_path, high in pairs:
        if low is not None and high is not None and low > high:
            message = f"{low_path[-1]} is {low:g}, more than {high_path[-1]}, which is {high:g}"
            yield low_path, message, "lower the one or raise the other"
    for rule in rules.matching.breakers:
        if rule not in rules.matching.hard:
            path: Path = ("matching", "breakers", rule)
            yield path, f"{rule!r} is no hard rule here", "add it to hard or take it out"
    for code in rules.self_supporting:
        if code not in rules.outcomes:
            yield ("self_supporting",), f"{code!r} is not among outcomes", "add it there or take it out"


def _preparation_fits(rules: Rules) -> Iterator[Fault]:
    steps = {step.code: step for step in rules.preparation}
    shown = {certificate.kind for certificate in rules.certificates if certificate.of == "candidate"}
    by_mailbox = {certificate.kind for certificate in rules.certificates if certificate.needs_mailbox}
    interviews = [step for step in rules.preparation if step.kind == "interview"]
    if len(interviews) != 1 or interviews[0].before != "match":
        message = "exactly one step must be an interview, before the match"
        yield ("preparation",), message, 'give one step kind = "interview" and before = "match"'
    if not any(step.before == "start" for step in rules.preparation):
        yield ("preparation",), "no step comes before the start", 'give one step `before = "start"`'
    for index, step in enumerate(rules.preparation):
        at: Path = ("preparation", index)
        if steps[step.code] is not step:
            yield (*at, "code"), f"the step {step.code!r} stands twice", "take one of them out"
        if step.each_round and step.first_round_only:
            yield (*at, "each_round"), "each_round excludes first_round_only", "set one of them to false"
        if step.needs == "sub_goals" and step.kind != "goals":
            message = f"the step {step.code!r} agrees no goals, and so no sub-goals"
            yield (*at, "needs"), message, 'take it out, or give the step kind = "goals"'
        for key, is_asked in (("needs", step.needs == "note"), ("considers", bool(step.considers))):
            if is_asked and step.kind != "step":
                message = f"of the step {step.code!r} nothing is written: it is done by its own command"
                yield (*at, key), message, 'take it out, or give the step kind = "step"'
        if step.needs_match and (step.kind, step.before, step.each_round) != ("step", "start", True):
            remedy = 'give the step kind = "step", before = "start" and each_round = true, or take it out'
            yield (*at, "needs_match"), "each round has a match of its own, before the start alone", remedy
        if step.kind == "certificate" and step.code not in shown:
            remedy = "add a table [[version.certificates]] of the candidate with this kind"
            yield (*at, "code"), f"no certificate {step.code!r} is asked of the candidate", remedy
        if step.code in by_mailbox and "digital_mailbox" not in _all_before(rules, step.code):
            remedy = 'write after = ["digital_mailbox"], or needs_mailbox = false'
            yield (*at, "after"), f"{step.code!r} comes by a mailbox, which is not set up first", remedy
        for earlier in step.after:
            if earlier not in steps:
                known = ", ".join(steps)
                yield (*at, "after"), f"there is no step {earlier!r} to come after", f"use some of: {known}"
            elif step.before == "match" and steps[earlier].before == "start":
                message = f"it must be done before the match, and {earlier!r} only before the start"
                yield (*at, "after"), message, "change `before` of one of them"
        if step.code in _all_before(rules, step.code):
            yield (*at, "after"), f"the step {step.code!r} waits for itself", "break the circle"


def _all_before(rules: Rules, code: str) -> set[str]:
    """The codes of all steps that must be done before this one, directly or not."""
    after = {step.code: step.after for step in rules.preparation}
    found: set[str] = set()
    waiting = list(after[code])
    while waiting:
        earlier = waiting.pop()
        if earlier not in found:
            found.add(earlier)
            waiting.extend(after.get(earlier, ()))
    return found
