"""Lists to import, and `makker import` called with them."""

from datetime import date
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

from cli.importing.rows import Reader, Row
from cli.importing.sheets import read
from cli.main import app
from shared.programmes import load

PROGRAMMES = load()
NOW = date(2026, 11, 23)
EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
HOSTS = ("--kind", "hosts", "--unit", "DK-0169", "--dry-run")
OF_HOEJE_TAASTRUP = ("--unit", "DK-0169", "--programme", "foreningspraktik", "--channel", "jobcentre")
HEADINGS = "Fornavn;Efternavn;CPR;Født;E-mail;Telefon;Postnummer;Situation;Henvist;Selv valgt;Plan A"
GOOD = {
    "Fornavn": "Amina",
    "Efternavn": "Eksempel",
    "CPR": "070761-4286",
    "Født": "7/7 1961",
    "E-mail": "amina@example.org",
    "Telefon": "70 10 20 30",
    "Postnummer": "2630",
    "Situation": "Ledig",
    "Henvist": "03-03-2025",
    "Selv valgt": "ja",
    "Plan A": "Detailhandel, rengøring",
}


def makker(file: Path, *options: str, **environment: str | None) -> Result:
    none: dict[str, str | None] = {"MAKKER_URL": None, "MAKKER_TOKEN": None, "PROGRAMMES_DIR": None}
    return CliRunner().invoke(app, ["import", str(file), *options], env=none | environment)


def listed(tmp_path: Path, *rows: dict[str, str], headings: str = HEADINGS) -> Path:
    path = tmp_path / "list.csv"
    lines = [";".join({**GOOD, **row}.get(name, "") for name in headings.split(";")) for row in rows]
    path.write_text("\n".join([headings, *lines]) + "\n", encoding="utf-8")
    return path


def checked(file: Path, *options: str, kind: str = "candidates") -> Result:
    return makker(file, "--kind", kind, *OF_HOEJE_TAASTRUP, "--dry-run", *options)


def rows_of(file: Path, kind: str = "candidates", **given: Any) -> list[Row]:
    known = {"unit": "DK-0169", "programme": "foreningspraktik", "channel": "jobcentre", **given}
    return Reader(read(file), kind, known, PROGRAMMES, NOW).rows()
