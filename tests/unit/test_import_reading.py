"""Reading lists: files that are tables and files that are none, and what people write in a cell."""

from datetime import date, datetime
from io import BytesIO
from pathlib import Path

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.importing import cells
from cli.importing.cells import CellFault, Digits, plain
from cli.importing.headings import KINDS, MODELS, NAMES, fields_of, understand
from cli.importing.sheets import Column, Sheet, Unreadable, read
from shared.contracts.register_commands import OfferPlace
from shared.programmes import load

PROGRAMMES = load()
TABLE = "Fornavn;Efternavn;Køn\nÅse;Prøve;kvinde\n"


def sheet_of(tmp_path: Path, data: bytes, name: str = "list.csv") -> Sheet:
    path = tmp_path / name
    path.write_bytes(data)
    return read(path)


def workbook(*rows: list[object], others: int = 0) -> bytes:
    book = openpyxl.Workbook()
    assert book.active is not None
    for row in rows:
        book.active.append(row)
    for _ in range(others):
        book.create_sheet()
    packed = BytesIO()
    book.save(packed)
    return packed.getvalue()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
@pytest.mark.parametrize("separator", [";", ",", "\t"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_a_list_reads_the_same_in_every_spelling(
    tmp_path: Path, encoding: str, separator: str, line_end: str
) -> None:
    text = TABLE.replace(";", separator).replace("\n", line_end)
    sheet = sheet_of(tmp_path, text.encode(encoding))
    assert [column.heading for column in sheet.columns] == ["Fornavn", "Efternavn", "Køn"]
    assert sheet.rows == ((2, ("Åse", "Prøve", "kvinde")),)


def test_a_spreadsheets_own_word_on_the_separator_is_followed(tmp_path: Path) -> None:
    sheet = sheet_of(tmp_path, b"sep=|\r\nFornavn|Efternavn\r\nA;B|C\r\n")
    assert sheet.heading_line == 2
    assert sheet.rows == ((3, ("A;B", "C")),)


def test_rows_keep_their_numbers_across_empty_lines_and_breaks_in_a_cell(tmp_path: Path) -> None:
    text = '\n;;\nFornavn;Efternavn;Note\nA;B;"one\ntwo"\n\n ; ;\nC;D;\n'
    sheet = sheet_of(tmp_path, text.encode())
    assert sheet.heading_line == 3
    assert [line for line, _ in sheet.rows] == [4, 8]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"%PDF-1.7\n%\xe2\xe3", "a PDF"),
        (b"PK\x03\x04 and then nothing", "packed as a spreadsheet"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "old .xls"),
        (bytes(range(256)), "neither a text nor a spreadsheet"),
        (b"\x81\x8d\x8f", "neither a text nor a spreadsheet"),
        (b"Fornavn|Efternavn\nA|B\n", "separator cannot be found"),
        (b"Dear all, see you\ttomorrow\n\x00", "neither a text nor a spreadsheet"),
        (b"Hello\n", "separator cannot be found"),
        (b"", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        (b"\n;;;\n , \n", "is empty"),
        (b'Fornavn;Efternavn\nA;B\n"C;D\nE;F\n', "Line 3: a quotation mark is not closed"),
        (b"Fornavn;Efternavn\n" + b"x" * 200_000 + b";B\n", "Line 2"),
    ],
)
def test_what_is_no_table_is_one_fault_with_its_remedy(tmp_path: Path, data: bytes, says: str) -> None:
    with pytest.raises(Unreadable, match=says) as error:
        sheet_of(tmp_path, data)
    assert "\n" not in str(error.value)
    assert any(remedy in str(error.value) for remedy in ("save it as", "must name the columns"))


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_a_table_or_one_fault(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("bytes") / "list.csv"
    path.write_bytes(data)
    try:
        sheet = read(path)
    except Unreadable as error:
        assert str(error)
    else:
        assert len(sheet.columns) >= 2


def test_a_spreadsheet_is_known_by_its_content_and_gives_dates_and_numbers(tmp_path: Path) -> None:
    data = workbook(
        ["CPR", "Født", "Timer"], [707614286, datetime(1961, 7, 7), 7.5], [None, None, None], ["x", None, 7.0]
    )
    sheet = sheet_of(tmp_path, data, "list.csv")
    assert sheet.rows == ((2, (707614286, date(1961, 7, 7), 7.5)), (4, ("x", None, 7)))
    assert [column.letter for column in sheet.columns] == ["A", "B", "C"]


def test_a_second_sheet_is_left_out_and_that_is_said(tmp_path: Path) -> None:
    sheet = sheet_of(tmp_path, workbook(["Fornavn"], ["A"], others=1), "list.xlsx")
    assert sheet.notes == ("The file has 2 sheets; only the first is read.",)


def test_what_does_not_look_like_a_heading_is_not_repeated() -> None:
    shown = [
        Column(27, heading).words for heading in ("CPR", "0707614286", "a@example.org", "x" * 41, "\x1b[2J")
    ]
    assert shown == ["column AB (CPR)", "column AB", "column AB", "column AB", "column AB ([2J)"]


@pytest.mark.parametrize(
    "written",
    [
        *("07-07-1961", "7-7-1961", "7/7 1961", "7/7/1961", "07.07.1961", "7. 7. 1961", " 1961-07-07 "),
        *("1961-07-07 00:00:00", "1961-07-07T00:00:00", date(1961, 7, 7), '="07-07-1961"'),
    ],
)
def test_a_date_is_read_as_danes_and_norwegians_write_it(written: str | date) -> None:
    assert cells.day(written) == "1961-07-07"


@pytest.mark.parametrize(
    "written",
    [
        *("31-02-1990", "7-13-1961", "07-07-61", "juli 1961", "22469", 22469, 22469.0, "1961", "07071961"),
        *("0-0-0000", "7 juli 1961", "x" * 10_000, "٠٧-٠٧-١٩٦١"),
    ],
)
def test_an_impossible_or_ambiguous_date_is_a_fault(written: str | float) -> None:
    with pytest.raises(CellFault):
        cells.day(written)


@pytest.mark.parametrize(
    ("written", "number"),
    [("7,5", 7.5), ("7.5", 7.5), ("7", 7), (7, 7), (7.5, 7.5), (" 12 ", 12), ("-1", -1)],
)
def test_a_number_has_a_comma_or_a_point(written: str | float, number: float) -> None:
    assert cells.number(written) == number


@pytest.mark.parametrize("written", ["", "x", "1.000,5", "1e5", "7,", "nan", "1 000", True, date(2026, 1, 1)])
def test_what_is_no_number_is_a_fault(written: str | bool | date) -> None:
    with pytest.raises(CellFault):
        cells.number(written)


def test_a_whole_number_has_no_decimals() -> None:
    assert (cells.whole("3,0"), cells.whole(3.0)) == (3, 3)
    with pytest.raises(CellFault):
        cells.whole("3,5")


@pytest.mark.parametrize(
    ("written", "digits", "noted"),
    [
        ("070761-4286", "0707614286", False),
        (" 070761 – 4286 ", "0707614286", False),
        ("070761\u00a04286", "0707614286", False),
        (707614286, "0707614286", True),
        (707614286.0, "0707614286", True),
        ("707614286", "0707614286", True),
        ("70761428", "70761428", False),
        ("none", "none", False),
    ],
)
def test_a_national_id_is_its_digits_and_gets_its_zero_back(
    written: str | float, digits: str, noted: bool
) -> None:
    of_cpr = Digits((10,))
    assert of_cpr(written) == digits
    assert bool(of_cpr.notes) is noted


@pytest.mark.parametrize(
    ("written", "meant"),
    [(word, True) for word in ("ja", "JA", "x", "X", "yes", 1, True)]
    + [(word, False) for word in ("nej", "nei", "Nej ", "no", 0, False)],
)
def test_yes_and_no_are_read_in_every_usual_spelling(written: str | int, meant: bool) -> None:
    assert cells.flag(written) is meant


def test_several_words_may_hold_commas_themselves() -> None:
    words = {
        plain(word): code for word, code in [("Vagt, politi", "safety"), ("It", "it"), ("Vagt", "guard")]
    }
    assert cells.several("It; vagt, Politi / IT", words) == ["it", "safety"]
    assert cells.several("Vagt,it", words) == ["guard", "it"]
    with pytest.raises(CellFault):
        cells.several("It, noget andet", words)


def test_languages_are_read_with_their_levels() -> None:
    languages, levels = {"dansk": "da", "arabisk": "ar"}, {"b1": "B1", "modersmaal": "native"}
    assert cells.levels("Dansk: B1, arabisk (modersmål)", languages, levels) == {"da": "B1", "ar": "native"}
    with pytest.raises(CellFault):
        cells.levels("dansk", languages, levels)


@pytest.mark.parametrize(
    ("written", "names"),
    [
        ("Amina Eksempel", ("Amina", "Eksempel")),
        ("Eksempel,  Amina Bo", ("Amina Bo", "Eksempel")),
        ("A B", ("A", "B")),
        ("Amina\tBo  Eksempel", ("Amina Bo", "Eksempel")),
    ],
)
def test_a_full_name_is_divided(written: str, names: tuple[str, str]) -> None:
    assert cells.names(written) == names


@pytest.mark.parametrize("written", ["Amina", "Eksempel,", ",", "X" * 10_000])
def test_a_name_alone_is_not_divided(written: str) -> None:
    with pytest.raises(CellFault):
        cells.names(written)


@pytest.mark.parametrize("kind", KINDS)
def test_every_name_of_a_column_means_one_field_that_exists(kind: str) -> None:
    fields = fields_of(kind, PROGRAMMES.codes)
    assert NAMES[kind].keys() <= fields.keys()
    spelt = [plain(name) for names in NAMES[kind].values() for name in names]
    assert len(spelt) == len(set(spelt))


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_contract_needs_can_be_filled_and_is_known_by_its_own_name(kind: str) -> None:
    fields = fields_of(kind, PROGRAMMES.codes)
    top = {name for name in MODELS[kind].model_fields if name.endswith("_code") or name in fields}
    columns = tuple(Column(index, name.replace("_", "-").upper()) for index, name in enumerate(sorted(top)))
    found = understand(Sheet(columns, 1, ()), kind, fields, mixed=False)
    assert set(found.by_path) | {"candidate.full_name"} >= top - {"name"}
    assert not found.unknown
    for name, info in MODELS[kind].model_fields.items():
        if info.is_required() and name != "source_reference":
            assert any(path == name or path.startswith(f"{name}.") for path in fields), name


def test_a_place_has_a_column_for_each_of_its_fields() -> None:
    fields = fields_of("hosts", PROGRAMMES.codes)
    for name in OfferPlace.model_fields.keys() - {"version", "place_id", "host_id", "mentor_id", "unit"}:
        assert any(path.startswith(f"place.{name}") for path in fields), name


def test_the_case_spaces_hyphens_and_brackets_of_a_heading_do_not_matter() -> None:
    headings = ("FØDSELS-DATO (dd-mm-åååå)", "E mail", "Cpr-Nummer", "foedselsdato", "noget")
    columns = tuple(Column(index, heading) for index, heading in enumerate(headings))
    found = understand(
        Sheet(columns, 1, ()), "candidates", fields_of("candidates", PROGRAMMES.codes), mixed=False
    )
    assert {path: column.index for path, column in found.by_path.items()} == {
        "candidate.birth_date": 0,
        "candidate.email": 1,
        "candidate.national_id": 2,
    }
    assert [column.index for column in found.unknown] == [4]
    assert [(first.index, second.index) for first, second in found.doubled] == [(0, 3)]
