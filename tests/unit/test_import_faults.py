"""`makker import`, as far as it needs no server: what is wrong with a list is said by line and column."""

from datetime import date
from io import BytesIO
from pathlib import Path

import openpyxl
import pytest

from tests.unit.lists_to_import import GOOD, HEADINGS, checked, listed, makker, rows_of

FAULTS = [
    ({"CPR": "070761-428"}, "column C (CPR): The national id cannot be right"),
    ({"CPR": "311361-1234", "Født": ""}, "column C (CPR): The national id cannot be right"),
    ({"CPR": "x" * 10_000}, "column C (CPR)"),
    ({"Fornavn": "N" * 10_000}, "column A (Fornavn)"),
    ({"Fornavn": ""}, "column A (Fornavn): Is empty, and is needed."),
    ({"Efternavn": "Prø\x7fve"}, "column B (Efternavn)"),
    ({"Født": "31-02-1990"}, "column D (Født): There is no such day."),
    ({"Født": "07-07-61"}, "column D (Født): Not a date"),
    ({"Født": "1/1 2050", "CPR": ""}, "column D (Født): The birth date cannot be right"),
    ({"E-mail": "amina.example.org"}, "column E (E-mail): The e-mail address cannot be used"),
    ({"Telefon": "12"}, "column F (Telefon): The phone number cannot be used"),
    ({"Postnummer": "9999"}, "column G (Postnummer): The programme is for residents"),
    ({"Postnummer": "26300"}, "column G (Postnummer): The postcode cannot be right"),
    ({"Situation": "Astronaut"}, "column H (Situation): Not one of the words that the column takes"),
    ({"Henvist": "24-12-2099"}, "column I (Henvist): The date of referral lies in the future"),
    ({"Henvist": ""}, "column I (Henvist): Is empty, and is needed."),
    ({"Selv valgt": "nej"}, "column J (Selv valgt): The programme is for those who have chosen it"),
    ({"Selv valgt": "måske"}, "column J (Selv valgt): Neither yes nor no"),
    (
        {"Plan A": "Detailhandel, månerejser"},
        "column K (Plan A): One is not among the words that the column takes",
    ),
    ({"Plan A": "Detailhandel;ekstra"}, "column L: A cell beyond the last heading"),
]


@pytest.mark.parametrize(("wrong", "says"), FAULTS)
def test_a_fault_is_said_by_line_and_column_and_repeats_nothing(
    tmp_path: Path, wrong: dict[str, str], says: str
) -> None:
    answer = checked(listed(tmp_path, {}, wrong))
    assert answer.exit_code == 1
    faults = [line for line in answer.stdout.splitlines() if line.startswith("line ")]
    assert [fault for fault in faults if says in fault and fault.startswith("line 3, ")], answer.stdout
    assert all(fault.startswith("line 3, ") for fault in faults if "told from" not in fault)
    assert "2 lines checked: 1 without fault, 1 faulty (line 3). Nothing was sent." in answer.stdout
    for value in {**GOOD, **wrong}.values():
        # `ja` stands in the sentence that says what to write.
        assert len(value) < 3 or value not in answer.stdout


def test_all_faults_of_all_lines_are_said_at_once(tmp_path: Path) -> None:
    bad = {"E-mail": "x", "Telefon": "1", "Postnummer": "x", "Situation": "?", "Henvist": "i går"}
    answer = checked(listed(tmp_path, bad, {**bad, "Fornavn": "B"}))
    for line in (2, 3):
        for column in "EFGHI":
            assert f"line {line}, column {column} (" in answer.stdout
    assert "2 faulty (lines 2, 3)" in answer.stdout


@pytest.mark.parametrize("name", ["A", "Ø", "李", "O'B", "Anne-Marie"])
def test_a_name_may_be_short_and_of_any_letters(tmp_path: Path, name: str) -> None:
    assert checked(listed(tmp_path, {"Fornavn": name, "Efternavn": name})).exit_code == 0


def test_an_unknown_heading_is_named_and_ignored(tmp_path: Path) -> None:
    answer = checked(listed(tmp_path, {"Bemærkning": "hej"}, headings=f"{HEADINGS};Bemærkning"))
    assert answer.exit_code == 0
    assert "note: line 1, column L (Bemærkning) is not known; it is ignored." in answer.stdout


def test_a_column_without_a_heading_is_noted_if_it_holds_anything(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    good = ";".join(GOOD[name] for name in HEADINGS.split(";"))
    path.write_text(f"{HEADINGS};;\n{good};hej;\n", encoding="utf-8")
    answer = checked(path)
    assert [line for line in answer.stdout.splitlines() if "heading" in line] == [
        "note: line 1, column L has no heading; it is ignored."
    ]


def test_a_missing_column_is_said_once_with_the_option_that_can_stand_for_it(tmp_path: Path) -> None:
    file = listed(tmp_path, {}, {"Fornavn": "B"}, headings="Fornavn;Efternavn;CPR")
    answer = makker(file, "--kind", "candidates", "--unit", "DK-0169", "--dry-run")
    assert answer.exit_code == 1
    assert answer.stdout.splitlines() == [
        "line 1: No column 'program' and no --programme.",
        "line 1: No column 'kanal' and no --channel.",
        "line 1: No column 'henvist' and no --referred-on.",
        "line 1: No column 'selv valgt' and no --chosen.",
        "Nothing was sent: without these columns no line can be read.",
    ]
    whole = checked(file, "--referred-on", "2025-03-03", "--chosen")
    assert whole.exit_code == 0


def test_two_columns_that_mean_the_same_are_refused(tmp_path: Path) -> None:
    answer = checked(listed(tmp_path, {}, headings=f"{HEADINGS};Mail"))
    assert answer.exit_code == 2
    assert "column E (E-mail) and column L (Mail) mean the same" in answer.stderr


def test_a_list_without_headings_is_refused_and_not_repeated(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("Amina;Prøvesen;070761-4286\nPeter;Tænkt;\n", encoding="utf-8")
    answer = checked(path)
    assert answer.exit_code == 2
    assert answer.stderr.startswith("No heading is known in line 1")
    assert "Amina" not in answer.output and "0761" not in answer.output


def test_a_list_with_headings_alone_is_refused(tmp_path: Path) -> None:
    answer = checked(listed(tmp_path))
    assert (answer.exit_code, answer.stderr) == (2, "There is no line below the headings.\n")


def test_a_number_that_lost_its_zero_is_repaired_and_noted(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    assert book.active is not None
    book.active.append(["Navn", "CPR", "Postnr", "Henvist", "Selv valgt", "Sprog"])
    book.active.append(["Amina Eksempel", 707614286, 2630, date(2025, 3, 3), True, "Dansk"])
    packed = BytesIO()
    book.save(packed)
    path = tmp_path / "list.xlsx"
    path.write_bytes(packed.getvalue())
    answer = checked(path)
    assert answer.exit_code == 0
    assert (
        "note: line 2, column B (CPR): The leading zero, lost in a spreadsheet, is put back." in answer.stdout
    )
    candidate = rows_of(path)[0].document["candidate"]
    assert (candidate["national_id"], candidate["postcode"]) == ("0707614286", "2630")
    assert (candidate["given_name"], candidate["language"]) == ("Amina", "da")


def test_the_same_line_twice_is_one_and_noted(tmp_path: Path) -> None:
    answer = checked(listed(tmp_path, {}, {"Fornavn": "B"}, {}))
    assert answer.exit_code == 0
    assert "note: line 4: The same as line 2." in answer.stdout


def test_two_lines_about_one_person_that_differ_are_a_fault(tmp_path: Path) -> None:
    answer = checked(listed(tmp_path, {}, {"Postnummer": "2640"}))
    assert answer.exit_code == 1
    assert "line 3: Cannot be told from line 2, but says something else" in answer.stdout


def test_a_reference_that_is_a_national_id_is_refused(tmp_path: Path) -> None:
    headings = f"Reference;{HEADINGS}"
    answer = checked(listed(tmp_path, {"Reference": "070761-4286"}, headings=headings))
    assert answer.exit_code == 1
    assert "line 2, column A (Reference): Looks like a national id" in answer.stdout
    (row,) = rows_of(listed(tmp_path, {"Reference": "JC-1"}, headings=headings))
    assert row.document["source_reference"] == "JC-1"
