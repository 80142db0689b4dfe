"""The packaged programme definitions say what the source documents say, and are looked up by unit and day.

Faulty definitions have a file of their own; nothing here tests what services make of the rules.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from shared.programmes import (
    ProgrammeNotInUnit,
    Programmes,
    Rules,
    UnknownProgramme,
    UnknownRulesVersion,
    UnknownUnit,
    load,
)
from shared.programmes import definition as definition_module

PACKAGED = Path(definition_module.__file__).parent
TODAY = date(2026, 11, 23)
HOME = {
    "foreningspraktik": "DK-0169",
    "virksomhedspraktik": "DK-0169",
    "udviklingspraktik": "DK-0169",
    "mentorskab": "DK-0851/aalborg",
    "skolepraksis": "NO-3222",
}
Edit = Callable[[str, str, str], None]


@pytest.fixture(scope="module")
def programmes() -> Programmes:
    return load(PACKAGED)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for path in PACKAGED.glob("*.toml"):
        shutil.copy(path, tmp_path)
    return tmp_path


@pytest.fixture
def edit(folder: Path) -> Edit:
    def replace(name: str, old: str, new: str) -> None:
        text = (folder / name).read_text(encoding="utf-8")
        assert old in text, f"{name} has no {old!r}"
        (folder / name).write_text(text.replace(old, new, 1), encoding="utf-8")

    return replace


def rules_of(programmes: Programmes, programme: str) -> Rules:
    return programmes.rules(programme, HOME[programme], TODAY)


# What the documents say.


def test_the_five_programmes_are_offered_where_the_samples_say(programmes: Programmes) -> None:
    assert set(programmes.names) == set(HOME)
    offered = {(programme, unit.id) for unit in programmes.units.values() for programme in unit.programmes}
    assert offered == set(HOME.items())


def test_an_association_takes_a_candidate_who_chose_it_for_one_to_ten_hours(programmes: Programmes) -> None:
    rules = rules_of(programmes, "foreningspraktik")
    assert (rules.candidate_must_choose, rules.residence_required) == (True, True)
    assert (rules.frame.hours_min, rules.frame.hours_max) == (1, 10)
    assert set(rules.agreement_needs) == {"frame", "times"}
    assert rules.check_ins.every == "month"
    assert rules.check_ins.modes == ("in_person", "phone")


@pytest.mark.parametrize("days", [28, 31, 59, 92])
def test_one_to_three_calendar_months_fit_the_frame_of_an_association(
    programmes: Programmes, days: int
) -> None:
    frame = rules_of(programmes, "foreningspraktik").frame
    assert frame.weeks_max is not None
    assert frame.weeks_min <= days / 7 <= frame.weeks_max


def test_a_mentorship_lasts_half_a_year_and_has_no_end_by_itself(programmes: Programmes) -> None:
    rules = rules_of(programmes, "mentorskab")
    assert (rules.frame.open_end, rules.frame.weeks_max) == (True, None)
    assert rules.frame.weeks_min * 7 <= 181
    assert (rules.age_min, rules.age_max, rules.mentor_age_min) == (16, 64, 26)
    assert rules.check_ins.at == ("P1M", "P3M", "P6M")
    assert rules.meetings is not None
    assert (rules.meetings.rhythm_days, rules.meetings.family_meeting) == (14, True)
    assert set(rules.agreement_needs) == {"duration", "content"}


def test_a_corps_interviews_its_mentors_and_signs_with_them_and_no_other_programme_does(
    programmes: Programmes,
) -> None:
    asked = {name: rules_of(programmes, name).mentor_intake for name in programmes.names}
    assert asked.pop("mentorskab") == ("interview", "agreement")
    assert set(asked.values()) == {()}


def test_the_crisis_ladder_climbs_from_group_to_psychologist(programmes: Programmes) -> None:
    ladder = rules_of(programmes, "mentorskab").ladder
    assert [(step.level, step.who) for step in ladder] == [
        (1, "coordinator"),
        (2, "project_manager"),
        (3, "network"),
        (4, "psychologist"),
    ]


def test_the_mentor_corps_aims_at_240_pairs_and_two_jobcentres(programmes: Programmes) -> None:
    targets = rules_of(programmes, "mentorskab").targets
    assert {targets[key] for key in ("mentors", "candidates", "matches")} == {240}
    assert (targets["partners_per_kind"], targets["partners_jobcentre"]) == (6, 2)
    assert targets["fulfilment_percent"] == 90


def test_the_effect_survey_asks_mentee_and_mentor_seven_questions(programmes: Programmes) -> None:
    survey = rules_of(programmes, "mentorskab").effect_survey
    assert survey is not None
    assert survey.asked == ("candidate", "mentor")
    assert len(survey.questions) == 7
    assert survey.after_days > 183


def test_a_school_waits_for_the_police_certificate_which_waits_for_the_mailbox(
    programmes: Programmes,
) -> None:
    rules = rules_of(programmes, "skolepraksis")
    certificate = rules.step("police_certificate")
    assert certificate is not None
    assert (certificate.before, certificate.kind, certificate.after) == (
        "start",
        "certificate",
        ("digital_mailbox",),
    )
    assert rules.certificates[0].needs_mailbox
    assert rules.check_ins.bookable_from == "agreed"


def test_goals_gate_the_start_where_the_documents_say_so(programmes: Programmes) -> None:
    gated = {
        name
        for name in programmes.names
        if any(
            step.kind == "goals" and step.before == "start" for step in rules_of(programmes, name).preparation
        )
    }
    assert gated == {"skolepraksis", "udviklingspraktik"}


def test_an_answer_is_heard_and_not_decisive_where_the_authority_decides(programmes: Programmes) -> None:
    heard = {name for name in programmes.names if rules_of(programmes, name).candidate_answer == "heard"}
    assert heard == {"virksomhedspraktik", "udviklingspraktik"}


def test_a_subsidy_and_a_new_placement_are_not_self_supporting(programmes: Programmes) -> None:
    for name in programmes.names:
        assert not {"wage_subsidy_job", "new_placement"} & set(rules_of(programmes, name).self_supporting)


def test_development_starts_at_one_hour_and_is_meant_to_grow(programmes: Programmes) -> None:
    rules = rules_of(programmes, "udviklingspraktik")
    assert (rules.frame.hours_min, rules.progression) == (1, "meant_to_grow")
    assert rules.helpers == ("personal_mentor", "workplace_mentor")


# Where a value comes from.


def test_every_value_has_a_source_and_no_source_is_without_a_value(programmes: Programmes) -> None:
    for name in programmes.names:
        rules = rules_of(programmes, name)
        document = rules.model_dump(mode="json", exclude_unset=True)
        for key in ("programme", "unit", "rules_version", "provenance"):
            del document[key]
        assert set(leaves(document)) == set(rules.provenance)
        assert set(rules.provenance.values()) <= set(programmes.codes.lists["sources"])


def leaves(branch: Any, prefix: str = "") -> Iterator[str]:
    """The dotted keys of a model's document, named as provenance names them."""
    if isinstance(branch, dict):
        for key, value in branch.items():
            yield from leaves(value, f"{prefix}.{key}" if prefix else key)
    elif isinstance(branch, list) and branch and all(isinstance(element, dict) for element in branch):
        for element in branch:
            named = next(element[key] for key in ("code", "kind", "level") if key in element)
            yield from leaves(element, f"{prefix}.{named}")
    else:
        yield prefix


def test_what_a_document_gives_has_its_letter_and_what_none_gives_is_assumed(programmes: Programmes) -> None:
    provenance = rules_of(programmes, "mentorskab").provenance
    assert provenance["meetings.rhythm_days"] == "B"
    assert provenance["meetings.slack_days"] == "assumed"
    assert provenance["ladder.1.who"] == "B"
    assert provenance["ladder.1.days"] == "assumed"
    assert rules_of(programmes, "udviklingspraktik").provenance["preparation.goals.kind"] == "E"


# Looking up.


def test_a_units_override_changes_its_own_values_and_keeps_the_others(folder: Path) -> None:
    with (folder / "units.toml").open("a", encoding="utf-8") as units:
        units.write(
            '\n[unit."DK-9999"]\nname = "Prøveby"\ncontroller = "DK-9999"\ncountry = "DK"\n'
            'time_zone = "Europe/Copenhagen"\nlanguages = ["da"]\npostcodes = ["99"]\n'
            'programmes = ["foreningspraktik"]\ncentre = { lat = 56, lon = 10 }\nlocations = {}\n'
        )
    with (folder / "foreningspraktik.toml").open("a", encoding="utf-8") as programme:
        programme.write('\n[version.unit."DK-9999".frame]\nsource = "assumed"\nhours_max = 12\n')
    loaded = load(folder)
    here = loaded.rules("foreningspraktik", "DK-9999", TODAY)
    there = loaded.rules("foreningspraktik", "DK-0169", TODAY)
    assert (here.frame.hours_max, there.frame.hours_max) == (12, 10)
    assert (here.frame.weeks_min, here.words["da"].host) == (there.frame.weeks_min, there.words["da"].host)
    assert here.words["da"].sender != there.words["da"].sender
    assert (here.provenance["frame.hours_max"], there.provenance["frame.hours_max"]) == ("assumed", "A")
    assert (here.unit, there.unit) == ("DK-9999", "DK-0169")


def test_a_list_of_tables_is_replaced_whole_by_an_override_and_so_is_its_provenance(folder: Path) -> None:
    ladder = '[[version.unit."DK-0851/aalborg".ladder]]'
    override = f'\n{ladder}\nsource = "assumed"\nlevel = 1\nwho = "network"\ndays = 9\n'
    with (folder / "mentorskab.toml").open("a", encoding="utf-8") as programme:
        programme.write(override)
    units = folder / "units.toml"
    text = units.read_text(encoding="utf-8")
    units.write_text(text.replace("ladder = [1, 2, 3, 4]\n", ""), encoding="utf-8")
    rules = load(folder).rules("mentorskab", "DK-0851/aalborg", TODAY)
    assert [(step.level, step.who) for step in rules.ladder] == [(1, "network")]
    assert rules.provenance["ladder.1.who"] == "assumed"
    assert "ladder.2.who" not in rules.provenance


def test_the_version_in_force_is_the_latest_that_has_begun(folder: Path) -> None:
    path = folder / "foreningspraktik.toml"
    text = path.read_text(encoding="utf-8")
    later = text.replace("from = 2020-01-01", "from = 2027-01-01").replace("hours_max = 10", "hours_max = 15")
    path.write_text(text + "\n" + later, encoding="utf-8")
    loaded = load(folder)

    def hours_max(on: date) -> float:
        return loaded.rules("foreningspraktik", "DK-0169", on).frame.hours_max

    assert [hours_max(date(2026, 12, 31)), hours_max(date(2027, 1, 1))] == [10, 15]
    kept = loaded.version("foreningspraktik", "DK-0169", "2020-01-01")
    assert (kept.rules_version, kept.frame.hours_max) == ("2020-01-01", 10)


def test_what_is_not_there_is_refused_by_name(programmes: Programmes) -> None:
    with pytest.raises(UnknownUnit, match="DK-0000"):
        programmes.unit("DK-0000")
    with pytest.raises(UnknownProgramme, match="jagt"):
        programmes.rules("jagt", "DK-0169", TODAY)
    with pytest.raises(UnknownUnit, match="DK-0000"):
        programmes.rules("mentorskab", "DK-0000", TODAY)
    with pytest.raises(ProgrammeNotInUnit, match="mentorskab"):
        programmes.rules("mentorskab", "DK-0169", TODAY)
    with pytest.raises(UnknownRulesVersion, match="1999-01-01"):
        programmes.version("foreningspraktik", "DK-0169", "1999-01-01")
    with pytest.raises(UnknownRulesVersion, match="2019-12-31"):
        programmes.rules("foreningspraktik", "DK-0169", date(2019, 12, 31))


def test_rules_cannot_be_changed_by_who_reads_them(programmes: Programmes) -> None:
    with pytest.raises(ValueError, match="frozen"):
        rules_of(programmes, "mentorskab").frame.hours_max = 40  # type: ignore[misc]


def test_another_folder_is_read_when_the_environment_names_one(
    folder: Path, edit: Edit, monkeypatch: pytest.MonkeyPatch
) -> None:
    edit("foreningspraktik.toml", "hours_max = 10", "hours_max = 8")
    monkeypatch.setenv("PROGRAMMES_DIR", str(folder))
    assert rules_of(load(), "foreningspraktik").frame.hours_max == 8
    monkeypatch.delenv("PROGRAMMES_DIR")
    assert rules_of(load(), "foreningspraktik").frame.hours_max == 10


@pytest.mark.parametrize(
    ("unit", "postcode", "covered"),
    [
        ("DK-0169", "2630", True),
        ("DK-0169", " 2640 ", True),
        ("DK-0169", "2100", False),
        ("DK-0169", "26301", False),
        ("DK-0169", "263", False),
        ("DK-0169", "", False),
        ("DK-0851/aalborg", "9210", True),
        ("DK-0851/aalborg", "9221", False),
        ("NO-3222", "1461", True),
        ("NO-3222", "1479", True),
        ("NO-3222", "1480", False),
    ],
)
def test_a_unit_knows_its_postcodes(programmes: Programmes, unit: str, postcode: str, covered: bool) -> None:
    assert programmes.unit(unit).covers(postcode) is covered


def test_a_postcode_has_a_middle_near_the_units_own(programmes: Programmes) -> None:
    for unit in programmes.units.values():
        assert unit.locations
        for postcode in unit.locations:
            middle = unit.location(postcode)
            assert middle is not None
            assert abs(middle["lat"] - unit.centre["lat"]) < 0.3
            assert abs(middle["lon"] - unit.centre["lon"]) < 0.5
        assert unit.location("0000") is None


# Codes and their words.


def test_every_code_has_words_of_its_own_in_three_languages(programmes: Programmes) -> None:
    for name, codes in programmes.codes.lists.items():
        for language in ("da", "nb", "en"):
            words = [programmes.codes.words(name, code, language) for code in codes]
            assert all(word.strip() == word and word for word in words)
            if name not in ("refusal_paths", "trouble_support", "decline_wordings"):
                assert len(set(words)) == len(words), f"two codes of {name} look the same in {language}"


def test_lists_that_somebody_may_miss_an_answer_in_have_an_other(programmes: Programmes) -> None:
    open_lists = {name for name in programmes.codes.lists if name.endswith("_reasons")} - {
        "match_reasons",
        "unmatched_reasons",
    }
    for name in open_lists | {"industries", "tasks", "fields", "professions", "content", "needs", "troubles"}:
        assert programmes.codes.has(name, "other"), name


def test_times_are_three_parts_of_seven_days(programmes: Programmes) -> None:
    times = programmes.codes.lists["times"]
    assert (len(times), times[0], times[-1]) == (21, "mon-morning", "sun-evening")


def test_a_rejection_is_a_sentence_that_says_what_to_do(programmes: Programmes) -> None:
    for code in programmes.codes.lists["rejections"]:
        for language in ("da", "nb", "en"):
            sentence = programmes.codes.words("rejections", code, language)
            assert sentence.endswith(".")
            assert sentence.count(". ") >= 1
            assert not any(
                character.isdigit() for character in sentence.replace("1 til 200", "").replace("1 to 200", "")
            )


def test_words_fall_back_to_english_and_then_to_the_code(programmes: Programmes) -> None:
    assert programmes.codes.words("outcomes", "flex_job", "so") == "Flex-job"
    assert programmes.codes.words("outcomes", "not_a_code", "da") == "not_a_code"
    with pytest.raises(KeyError, match="no list 'nowhere'"):
        programmes.codes.words("nowhere", "x", "da")
