"""`makker import`, as far as it needs no server: what is made of a list, and how the command ends."""

import re
from pathlib import Path

import pytest
from stdnum.no import fodselsnummer

from cli.importing.headings import fields_of, understand
from cli.importing.keys import key_of, source_reference_of
from cli.importing.sheets import Column, Sheet
from tests.unit.lists_to_import import (
    EXAMPLES,
    HOSTS,
    NOW,
    OF_HOEJE_TAASTRUP,
    PROGRAMMES,
    checked,
    listed,
    makker,
    rows_of,
)


@pytest.mark.parametrize(
    ("kind", "unit"),
    [
        ("candidates", "DK-0169"),
        ("hosts", "Høje-Taastrup Kommune"),
        ("mentors", "DK-0851/aalborg"),
    ],
)
def test_the_examples_are_without_fault(kind: str, unit: str) -> None:
    options = ["--programme", "foreningspraktik"] if kind == "candidates" else []
    answer = makker(EXAMPLES / f"{kind}.csv", "--kind", kind, "--unit", unit, *options, "--dry-run")
    assert (answer.exit_code, answer.stderr) == (0, "")
    assert re.fullmatch(r"\d lines checked: \d without fault, 0 faulty\. Nothing was sent\.\n", answer.stdout)


def test_a_line_is_the_referral_that_a_program_would_send(tmp_path: Path) -> None:
    (row,) = rows_of(listed(tmp_path, {}))
    assert row.document.pop("source_reference").startswith("import-")
    assert row.document == {
        "unit": "DK-0169",
        "programme": "foreningspraktik",
        "channel": "jobcentre",
        "referred_on": "2025-03-03",
        "chosen_by_candidate": True,
        "candidate": {
            "given_name": "Amina",
            "family_name": "Eksempel",
            "national_id": "0707614286",
            "national_id_type": "DK-CPR",
            "birth_date": "1961-07-07",
            "email": "amina@example.org",
            "phone": "70 10 20 30",
            "postcode": "2630",
            "situation": "unemployed",
        },
        "wishes": [{"plan": "A", "industries": ["retail", "cleaning"]}],
    }


def test_a_key_holds_nothing_of_a_national_id_but_the_birth_date() -> None:
    person = {
        "unit": "DK-0169",
        "programme": "foreningspraktik",
        "candidate.given_name": "Amina",
        "candidate.family_name": "Eksempel",
        "candidate.national_id_type": "DK-CPR",
    }
    keys = {key_of("candidates", person | {"candidate.national_id": f"070761{n}"}, NOW) for n in (4286, 4287)}
    assert len(keys) == 1
    assert key_of("candidates", person | {"candidate.birth_date": "1961-07-07"}, NOW) in keys
    (key,) = keys
    assert "070761" not in key and "428" not in key
    assert re.fullmatch(r"import-[0-9a-f]{64}", source_reference_of(key))


def test_a_changed_phone_is_the_same_mentor_and_another_name_is_not(tmp_path: Path) -> None:
    headings = "Navn;Født;Telefon;E-mail"
    people = [
        {"Navn": "Bent Prøve"},
        {"Navn": "BENT  PRØVE", "Telefon": "70102031"},
        {"Navn": "Bo Prøve"},
        {"Navn": "Bo Prøve", "Født": "", "E-mail": ""},
        {"Navn": "Bo Prøve", "Født": "", "E-mail": "", "Telefon": "+45 7010 2030"},
    ]
    ids = [
        rows_of(listed(tmp_path, one, headings=headings), "mentors")[0].document["mentor_id"]
        for one in people
    ]
    assert ids[0] == ids[1] != ids[2] != ids[3] == ids[4]


def test_a_host_with_its_place_is_read_from_one_line() -> None:
    first = rows_of(EXAMPLES / "hosts.csv", "hosts")[0]
    assert first.place is not None
    assert first.document["kind"] == "association"
    assert first.document["contact_person"]["language"] == "da"
    assert first.place["host_id"] == first.document["host_id"]
    assert first.place["hours_per_week"] == {"min": 5.0, "max": 12.5}
    assert (first.place["capacity"], first.place["required_languages"]) == (2, {"da": "A2"})


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"Værtstype": "Kiosk"}, "column B (Værtstype): Not one of the words that the column takes"),
        ({"Kapacitet": "0"}, "column C (Kapacitet)"),
        ({"Kapacitet": "1,5"}, "column C (Kapacitet): Not a whole number"),
        ({"Timer min": "20", "Timer max": "7,5"}, "column D (Timer min): The smallest number is larger"),
        ({"Timer max": ""}, "column E (Timer max): Is empty, and is needed."),
        ({"Ordning": "mentorskab"}, "column F (Ordning): The unit does not offer the programme"),
        ({"Ordning": "virksomhedspraktik"}, "column F (Ordning): The programme is not for this kind of host"),
        ({"Navn": ""}, "column A (Navn): Is empty, and is needed."),
        ({"Til": "01-01-2026"}, "column I (Til): The last day lies before the first"),
    ],
)
def test_a_host_and_its_place_are_judged_by_the_servers_own_code(
    tmp_path: Path, wrong: dict[str, str], says: str
) -> None:
    headings = "Navn;Værtstype;Kapacitet;Timer min;Timer max;Ordning;Kontaktperson;Fra;Til"
    good = {
        "Navn": "Grønne Fingre",
        "Værtstype": "forening",
        "Kapacitet": "2",
        "Timer min": "5",
        "Timer max": "7,5",
        "Ordning": "foreningspraktik",
        "Kontaktperson": "Lars Prøve",
        "Fra": "01-03-2026",
    }
    assert makker(listed(tmp_path, good, headings=headings), *HOSTS).exit_code == 0
    answer = makker(listed(tmp_path, good | wrong, headings=headings), *HOSTS)
    assert answer.exit_code == 1
    assert f"line 2, {says}" in answer.stdout


def test_one_list_may_hold_all_kinds(tmp_path: Path) -> None:
    headings = "Art;Navn;Kontaktperson;Født;Ordning;Henvist;Selv valgt;Enhed"
    own = {"Født": "", "Henvist": "", "Selv valgt": ""}
    path = listed(
        tmp_path,
        {"Art": "Borger", "Navn": "Amina Eksempel", "Enhed": "DK-0169", "Ordning": "foreningspraktik"},
        {**own, "Art": "forening", "Navn": "Fingre", "Kontaktperson": "Bo Prøve", "Enhed": "DK-0169"},
        {**own, "Art": "Mentor", "Navn": "Ida Prøve", "Enhed": "DK-0851/aalborg", "Ordning": "mentorskab"},
        {**own, "Art": "ukendt", "Navn": "Ida Prøve", "Enhed": "DK-0169"},
        headings=headings,
    )
    answer = makker(path, "--channel", "jobcentre", "--dry-run")
    assert [line for line in answer.stdout.splitlines() if line.startswith("line")] == [
        "line 5, column A (Art): Write candidate, mentor or host (borger, mentor, vært)."
    ]
    assert "3 without fault" in answer.stdout


def test_a_list_that_does_not_say_what_it_holds_is_refused(tmp_path: Path) -> None:
    answer = makker(listed(tmp_path, {}), "--dry-run")
    assert (answer.exit_code, answer.stderr) == (
        2,
        "Say what the lines are with --kind, or in a column `type` (art).\n",
    )


@pytest.mark.parametrize("option", ["--unit", "--programme", "--channel"])
def test_an_unknown_option_value_is_refused_before_the_file_is_read(tmp_path: Path, option: str) -> None:
    answer = makker(listed(tmp_path, {}), "--kind", "candidates", option, "nonsense", "--dry-run")
    assert answer.exit_code == 2
    assert answer.stderr.startswith(f"{option}: it is not known; known are ")


def test_a_file_that_is_no_table_ends_with_2(tmp_path: Path) -> None:
    path = tmp_path / "letter.csv"
    path.write_bytes(b"%PDF-1.7")
    answer = checked(path)
    assert (answer.exit_code, answer.stdout) == (2, "")
    assert answer.stderr == (
        "The file is a PDF and no table; open it in a spreadsheet and save it as 'CSV UTF-8' or as .xlsx.\n"
    )
    assert checked(tmp_path / "none.csv").exit_code == 2


def test_nobody_and_nowhere_is_said_before_anything_is_sent(tmp_path: Path) -> None:
    answer = makker(listed(tmp_path, {}), "--kind", "candidates", *OF_HOEJE_TAASTRUP)
    assert answer.exit_code == 2
    assert "--url and MAKKER_TOKEN" in answer.stderr


@pytest.mark.parametrize(
    "url", ["makker.example.org", "ftp://example.org", "https://", "http://[x", "http://x\n"]
)
def test_an_address_that_is_none_is_refused_and_the_token_never_repeated(tmp_path: Path, url: str) -> None:
    answer = makker(
        listed(tmp_path, {}),
        "--kind",
        "candidates",
        *OF_HOEJE_TAASTRUP,
        "--url",
        url,
        MAKKER_TOKEN="s3cret æ",
    )
    assert answer.exit_code == 2
    assert "s3cret" not in answer.output


def test_a_list_with_faults_is_not_begun(tmp_path: Path) -> None:
    file = listed(tmp_path, {}, {"E-mail": "x"})
    answer = makker(file, "--kind", "candidates", *OF_HOEJE_TAASTRUP)
    assert answer.exit_code == 1
    assert "Nothing was sent: 1 of 2 lines faulty (line 3)." in answer.stdout


def test_what_a_column_takes_is_said_once_and_in_the_units_language(tmp_path: Path) -> None:
    answer = checked(listed(tmp_path, {"Situation": "?"}, {"Fornavn": "B", "Situation": "!"}))
    said = [line for line in answer.stdout.splitlines() if " takes: " in line]
    assert len(said) == 1
    assert said[0].startswith("column H (Situation) takes: Ledig, Sygemeldt, ")


def test_a_norwegian_list_is_read_as_a_norwegian_writes_it(tmp_path: Path) -> None:
    nine = "010161123"
    first = fodselsnummer.calc_check_digit1(f"{nine}00")
    number = f"{nine}{first}{fodselsnummer.calc_check_digit2(f'{nine}{first}0')}"
    path = tmp_path / "liste.csv"
    path.write_text(
        "Navn,Fødselsnummer,Mobil,Postnr,Kanal,Situasjon,Henvist,Selv valgt,Språk\n"
        f"Kari Prøve,{number[1:]},90 10 20 30,1461,Nav-kontor,På sosialhjelp,3.3.2025,ja,Norsk\n",
        encoding="utf-8",
    )
    answer = makker(
        path, "--kind", "candidates", "--unit", "NO-3222", "--programme", "skolepraksis", "--dry-run"
    )
    assert answer.exit_code == 0
    assert "note: line 2, column B (Fødselsnummer): The leading zero" in answer.stdout
    candidate = rows_of(path, unit="NO-3222", programme="skolepraksis")[0].document["candidate"]
    assert (candidate["national_id"], candidate["national_id_type"]) == (number, "NO-FNR")
    assert (candidate["situation"], candidate["language"]) == ("cash_benefit", "nb")


@pytest.mark.parametrize("kind", ["candidates", "hosts", "mentors"])
def test_every_column_of_the_page_for_staff_is_one_that_is_understood(kind: str) -> None:
    page = (EXAMPLES.parent / "import.md").read_text(encoding="utf-8")
    sections = {part.partition("\n")[0]: part for part in re.split(r"^#{2,3} ", page, flags=re.MULTILINE)}
    place = sections["A place, on the line of its host or mentor"] if kind != "candidates" else ""
    lines = [line for line in f"{sections[kind.title()]}\n{place}".splitlines() if line.startswith("| `")]
    headings = [heading for line in lines for heading in re.findall(r"`([^`]+)`", line.split("|")[1])]
    columns = tuple(Column(index, heading) for index, heading in enumerate(headings))
    found = understand(Sheet(columns, 1, ()), kind, fields_of(kind, PROGRAMMES.codes), mixed=False)
    assert len(headings) > 15
    assert not [column.heading for column in found.unknown]
    needed = [one.path for one in fields_of(kind, PROGRAMMES.codes).values() if one.required]
    assert set(needed) - {"unit", "programme"} <= found.by_path.keys()
