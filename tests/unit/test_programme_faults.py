"""A folder with faulty definitions is refused with every fault named: file, line, key and remedy."""

from __future__ import annotations

import shutil
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.programmes import DefinitionError, load
from shared.programmes import definition as definition_module
from shared.programmes.lines import key_lines

PACKAGED = Path(definition_module.__file__).parent
Edit = Callable[[str, str, str], None]

FAULTS = """
foreningspraktik: hours_max = 10 -> hours_mx = 10
    frame.hours_mx: unknown key ... write 'hours_max'
foreningspraktik: hours_max = 10 -> hours_mx = 10
    frame.hours_max: the key is missing ... add it
foreningspraktik: weeks_min = 4 -> weeks_min = 40
    frame.weeks_min: weeks_min is 40, more than weeks_max, which is 14 ... lower the one
foreningspraktik: weeks_min = 4 -> weeks_min = "4"
    frame.weeks_min: input should be a valid integer ... correct the value
foreningspraktik: hours_max = 10 -> hours_max = -1
    frame.hours_max: input should be greater than or equal to 0 ... correct the value
foreningspraktik: paired_with = "host" -> paired_with = "guest"
    paired_with: input should be 'host' or 'mentor' ... correct the value
foreningspraktik: from = 2020-01-01 -> from = "soon"
    from: a version needs its first day ... write a date
foreningspraktik: [["host", "candidate"]] -> [["host"]]
    asked: who is asked must be 'host' and 'candidate', each once ... name both sides
foreningspraktik: after = ["purpose_stated"] -> after = ["nothing"]
    after: there is no step 'nothing' to come after ... use some of: interview
foreningspraktik: code = "host_prepared" -> code = "interview"
    code: the step 'interview' stands twice ... take one of them out
foreningspraktik: who = "job_consultant" -> who = "nobody"
    who: 'nobody' is not in the list roles of codes.toml ... correct the code, or add it
foreningspraktik: kind = "interview" -> kind = "step"
    preparation: exactly one step must be an interview, before the match ... give one step
foreningspraktik: before = "start" -> before = "match"
    preparation: no step comes before the start ... give one step
foreningspraktik: each_round = true -> each_round = true⏎first_round_only = true
    no valid TOML ... correct the text
foreningspraktik: each_round = true⏎first_round_only = false -> each_round = true⏎first_round_only = true
    each_round: each_round excludes first_round_only ... set one of them to false
foreningspraktik: needs = "note" -> needs = "sub_goals"
    needs: the step 'expectations_aligned' agrees no goals, and so no sub-goals ... take it out
foreningspraktik: kind = "consent" -> kind = "consent"⏎needs = "note"
    needs: of the step 'guardian_consent' nothing is written ... take it out
foreningspraktik: kind = "consent" -> kind = "consent"⏎needs_match = true
    needs_match: each round has a match of its own ... give the step kind = "step"
foreningspraktik: kind = "consent" -> kind = "consent"⏎considers = ["buddy"]
    considers: of the step 'guardian_consent' nothing is written ... take it out
foreningspraktik: needs = "note" -> needs = "note"⏎considers = ["spare_mentor"]
    considers: 'spare_mentor' is not in the list roles of codes.toml ... correct the code
foreningspraktik: every = "month"⏎ -> ⏎
    check_ins: give either every or at ... take
foreningspraktik: proposal_remind_days = 3 -> proposal_remind_days = 9
    proposal_remind_days: proposal_remind_days is 9, more than proposal_days ... lower the one
foreningspraktik: [version.frame]⏎source = "A" -> [version.frame]
    frame.weeks_min: nothing says where it comes from ... add source
foreningspraktik: sources.open_end = "assumed" -> sources.open_end = "F"
    sources.open_end: 'F' is no source ... use one of: A, B, C, D, E, assumed
foreningspraktik: sources.open_end = -> sources.open_ended =
    sources.open_ended: no value here has this name ... correct the name
foreningspraktik: unit."DK-0169".words.da -> unit."DK-1".words.da
    unit.DK-1: no unit 'DK-1' offers 'foreningspraktik' ... correct the id
foreningspraktik: "certificate", "language" -> "luck", "language"
    hard: 'luck' is not in the list unmatched_reasons of codes.toml ... correct the code
foreningspraktik: travel = ["coordinator" -> industry = ["coordinator"
    breakers.industry: 'industry' is no hard rule here ... add it to hard
foreningspraktik: [version.words.da] -> [version.words.sv]
    words: no words in 'da', a unit's language ... add a table words.da
foreningspraktik: self_supporting = ["ordinary_job" -> self_supporting = ["ordinary_job", "wage"
    self_supporting: 'wage' is not among outcomes ... add it there
foreningspraktik: [[version]] -> [[version]]⏎programme = "x"
    version.0.programme: unknown key ... take the key out
foreningspraktik: [[version]] -> colour = "red"⏎[[version]]
    colour: unknown key ... all rules stand below [[version]]
mentorskab: at = ["P1M" -> at = ["1 month"
    check_ins.at.0: string should match pattern ... correct the value
mentorskab: level = 2 -> level = 5
    ladder: the levels must be 1, 2, 3 ... number the levels anew
mentorskab: age_min = 16 -> age_min = 70
    age_min: age_min is 70, more than age_max, which is 64 ... lower the one
mentorskab: code = "share_profile" -> code = "expectations_aligned"
    code: 'expectations_aligned' is not in the list consents of codes.toml ... correct the code
skolepraksis: kind = "police_certificate" -> kind = "child_certificate"
    code: no certificate 'police_certificate' is asked of the candidate ... add a table
skolepraksis: after = ["digital_mailbox"] -> after = ["mapping"]
    after: 'police_certificate' comes by a mailbox, which is not set up first ... write after
skolepraksis: before = "match"⏎after = [] -> before = "match"⏎after = ["mapping"]
    after: the step 'mapping' waits for itself ... break the circle
skolepraksis: after = ["mapping"] -> after = ["learning_goals"]
    after: it must be done before the match, and 'learning_goals' only before the start ... change
units: time_zone = "Europe/Oslo" -> time_zone = "Europe/Lørenskog"
    time_zone: 'Europe/Lørenskog' is no time zone ... use a name
units: ["skolepraksis"] -> ["skipraksis"]
    programmes.0: there is no programme 'skipraksis' ... use one of: foreningspraktik
units: postcodes = ["2630", "2640"] -> postcodes = ["2630"]
    locations.2640: it is not in the unit ... add it to postcodes
units: ladder = [1, 2, 3, 4] -> ladder = [1, 7]
    ladder: no programme here has a ladder with level 7 ... take the level out
units: { lat = 59.926, lon = 10.955 } -> { lat = 590 }
    centre: value error, a location is ... correct the value
units: [unit."NO-3222"] -> [units."NO-3222"]
    units: unknown key ... units stand in tables
codes: [trouble_support]⏎promised_too_much -> [trouble_support]⏎promised_little
    'promised_little' is in one of trouble_support and troubles only ... give both the same codes
codes: [effect_questions] -> [effects]
    the list 'effect_questions' is missing ... add a table
codes: self = { da = "Egen henvendelse", nb -> self = { nb
    channels.self: a code needs its words in da, nb and en ... write code =
"""


def faults() -> Iterator[Any]:
    lines = FAULTS.strip().splitlines()
    for made, told in zip(lines[::2], lines[1::2], strict=True):
        name, _, change = made.partition(": ")
        old, _, new = change.replace("⏎", "\n").partition(" -> ")
        message, _, remedy = told.strip().partition(" ... ")
        yield pytest.param(f"{name}.toml", old, new, message, remedy, id=f"{name}: {message}")


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


def faults_in(folder: Path) -> tuple[str, ...]:
    with pytest.raises(DefinitionError) as refused:
        load(folder)
    return refused.value.faults


def line_with(path: Path, text: str) -> int:
    lines = path.read_text(encoding="utf-8").splitlines()
    return 1 + next(index for index, line in enumerate(lines) if text in line)


@pytest.mark.parametrize(("name", "old", "new", "message", "remedy"), [*faults()])
def test_a_fault_names_file_key_line_and_remedy_once(
    folder: Path, edit: Edit, name: str, old: str, new: str, message: str, remedy: str
) -> None:
    edit(name, old, new)
    told = [fault for fault in faults_in(folder) if message in fault]
    assert len(told) == 1
    place, _, advice = told[0].partition(message)
    assert place.startswith(f"{name}, line ")
    assert remedy in advice


@pytest.mark.parametrize(
    ("name", "old", "new", "message", "at"),
    [
        ("mentorskab.toml", "rhythm_days = 14", 'rhythm_days = "x"', "rhythm_days", "rhythm_days ="),
        ("mentorskab.toml", "hours_max = 5", "hours_mx = 5", "unknown key", "hours_mx ="),
        ("mentorskab.toml", "hours_max = 5", "hours_mx = 5", "the key is missing", "[version.frame]"),
        (
            "skolepraksis.toml",
            'code = "follow_up_plan"',
            'code = "plan"',
            "'plan' is not in",
            'code = "plan"',
        ),
        ("units.toml", '["skolepraksis"]', '["ski"]', "'ski'", '["ski"]'),
        ("codes.toml", 'counsellor = { da = "Skolevejleder",', "counsellor = {", "its words", "counsellor ="),
        ("codes.toml", "[sides]", "[sides", "no valid TOML", "[sides"),
    ],
)
def test_the_line_is_where_the_fault_stands(
    folder: Path, edit: Edit, name: str, old: str, new: str, message: str, at: str
) -> None:
    edit(name, old, new)
    told = [fault for fault in faults_in(folder) if message in fault]
    assert [fault.split(",")[1] for fault in told] == [f" line {line_with(folder / name, at)}"]


def test_all_faults_of_all_files_are_told_at_once(folder: Path, edit: Edit) -> None:
    edit("foreningspraktik.toml", "hours_max = 10", "hours_max = -1")
    edit("mentorskab.toml", "slack_days = 7", "slak_days = 7")
    edit("units.toml", "Europe/Oslo", "Europe/Nowhere")
    edit("codes.toml", "[effect_questions]", "[effects]")
    (folder / "virksomhedspraktik.toml").write_text("[[version\n", encoding="utf-8")
    told = "\n".join(faults_in(folder))
    for name in ("foreningspraktik", "mentorskab", "units", "codes", "virksomhedspraktik"):
        assert f"{name}.toml, line " in told


def test_versions_out_of_order_or_twice_are_faults(folder: Path) -> None:
    path = folder / "foreningspraktik.toml"
    text = path.read_text(encoding="utf-8")
    for second in ("2019-01-01", "2020-01-01"):
        path.write_text(text + "\n" + text.replace("2020-01-01", second, 1), encoding="utf-8")
        (fault,) = faults_in(folder)
        assert f"{second} does not come after 2020-01-01" in fault
        assert f"line {len(text.splitlines()) + 1 + line_with(PACKAGED / path.name, 'from = ')}," in fault


def test_a_fault_of_an_override_stands_in_the_override(folder: Path) -> None:
    path = folder / "foreningspraktik.toml"
    with path.open("a", encoding="utf-8") as file:
        file.write('\n[version.unit."DK-0169".frame]\nsource = "assumed"\nhours_min = 30\n')
    (fault,) = faults_in(folder)
    assert f"line {line_with(path, 'hours_min = 30')}, version.0.unit.DK-0169.frame.hours_min" in fault


def test_a_folder_without_units_or_codes_is_refused(tmp_path: Path) -> None:
    told = "\n".join(faults_in(tmp_path))
    assert "units.toml" in told
    assert "codes.toml" in told


def test_a_file_that_is_not_utf8_is_refused(folder: Path) -> None:
    (folder / "units.toml").write_bytes('name = "Høje-Taastrup"'.encode("latin-1"))
    assert any("units.toml" in fault and "not UTF-8" in fault for fault in faults_in(folder))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_a_line_becomes_the_folder_loads_or_is_refused_with_its_faults(
    folder: Path, data: st.DataObject
) -> None:
    files = sorted(path for path in PACKAGED.glob("*.toml") if path.stem != "codes")
    path = data.draw(st.sampled_from(files))
    lines = path.read_text(encoding="utf-8").splitlines()
    at = data.draw(st.integers(0, len(lines) - 1))
    key = lines[at].partition("=")[0].strip()
    junk = ["", "= 1", f"{key} = 1", f"{key} = [[1]]", f"{key} = []", f"{key} = {{}}", "[version]", "[unit]"]
    lines[at] = data.draw(st.sampled_from(junk))
    (folder / path.name).write_text("\n".join(lines), encoding="utf-8")
    try:
        load(folder)
    except DefinitionError as refused:
        assert all(".toml, line " in fault for fault in refused.faults)
    finally:
        shutil.copy(path, folder)


@pytest.mark.parametrize("path", sorted(PACKAGED.glob("*.toml")), ids=lambda path: path.stem)
def test_every_key_outside_inline_tables_is_found_on_its_line(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    found = key_lines(text)
    for keys, line in found.items():
        assert (keys[-1] if isinstance(keys[-1], str) else "[[") in lines[line - 1]
    assert set(table_paths(tomllib.loads(text))) == set(found)


def table_paths(table: dict[str, Any], path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The path of every key that stands on a line of its own, so not inside inline tables."""
    for key, value in table.items():
        yield (*path, key)
        if isinstance(value, dict) and not is_inline(value):
            yield from table_paths(value, (*path, key))
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            for index, element in enumerate(value):
                yield (*path, key, index)
                yield from table_paths(element, (*path, key, index))


def is_inline(table: dict[str, Any]) -> bool:
    """Whether it is a code's words or a location: what our files write as an inline table."""
    only_values = not any(isinstance(value, dict) for value in table.values())
    return only_values and set(table) in ({"da", "nb", "en"}, {"lat", "lon"})


def test_values_over_several_lines_hide_no_key_and_show_none() -> None:
    text = (
        'a = [\n  "x = 1",\n  [2, 3], # ] \n]\nb = """\nc = 1\n"""\n"d.e" = 1\n[f."g h"]\ni.j = { k = 1 }\n'
    )
    assert key_lines(text) == {
        ("a",): 1,
        ("b",): 5,
        ("d.e",): 8,
        ("f",): 9,
        ("f", "g h"): 9,
        ("f", "g h", "i"): 10,
        ("f", "g h", "i", "j"): 10,
    }
