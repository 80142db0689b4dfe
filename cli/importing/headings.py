"""What the columns of a list mean: each heading, in Danish, Norwegian or English, and the field it fills.

Guarantee: a field is known by its name in the contract as soon as the contract has it, read from the
models; `NAMES` adds what people call it. Case, spaces, hyphens and what stands in brackets do not matter.
It reads no cell.
"""

from __future__ import annotations

import re
import types
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from cli.importing.cells import plain
from cli.importing.sheets import Column, Sheet
from shared.contracts.referral import Referral
from shared.contracts.register_commands import OfferPlace, RegisterHost, RegisterMentor
from shared.programmes import Codes

KINDS = ("candidates", "mentors", "hosts")
KIND_WORDS = {
    "candidates": (
        "candidate",
        "candidates",
        "kandidat",
        "borger",
        "borgere",
        "deltaker",
        "deltager",
        "mentee",
    ),
    "mentors": ("mentor", "mentors", "mentorer", "mentoren", "frivillig mentor", "volunteer"),
    "hosts": ("host", "hosts", "vært", "værter", "vert", "verter"),
}
MODELS: Mapping[str, type[BaseModel]] = {
    "candidates": Referral,
    "mentors": RegisterMentor,
    "hosts": RegisterHost,
}
OURS = {"source_reference", "version", "host_id", "mentor_id", "place_id", "wishes", "place.unit"}
"""Fields that no column fills by their names: keys that are derived, and what has columns of its own."""
TYPE, REFERENCE, FULL_NAME = "type", "reference", "candidate.full_name"

LISTS = {
    "kind": "host_kinds",
    "education": "education_levels",
    "pay": "mentor_pay",
    "required_languages": "languages",
    "spoken_languages": "languages",
    "helpers": "roles",
    "supported_needs": "needs",
    "required_certificates": "certificates",
    "contact.channel": "contact_channels",
    "contact_person.channel": "contact_channels",
}
"""The code list of a field whose name is not the list's in the singular or plural."""

PERSON = {
    "name": ("navn", "fulde navn", "fullt navn", "full name", "name"),
    "email": ("e-mail", "e-mailadresse", "mail", "mailadresse", "e-post", "epostadresse"),
    "phone": ("telefon", "tlf", "tlf.nr", "telefonnummer", "telefonnr", "mobil", "mobilnummer", "mobile"),
    "language": ("sprog", "språk", "kontaktsprog", "kontaktspråk"),
}
SHARED = {
    "unit": ("enhed", "enhet", "kommune", "municipality"),
    "channel": ("kanal", "henvist af", "henvist fra", "henvist gennem", "rekrutteret gennem", "hørt om os"),
    "postcode": ("postnummer", "postnr", "postal code", "zip"),
}
PLACE = {
    "place.programmes": ("program", "programme", "programmer", "ordning", "ordninger", "ordningen"),
    "place.postcode": ("pladsens postnummer", "plassens postnummer"),
    "place.capacity": ("kapacitet", "kapasitet", "pladser", "antal pladser", "plasser", "antall plasser"),
    "place.hours_per_week.min": ("timer min", "min timer", "timer minimum", "mindste timer", "hours min"),
    "place.hours_per_week.max": ("timer max", "max timer", "timer maks", "timer maksimum", "hours max"),
    "place.industries": ("branche", "brancher", "bransje", "bransjer", "industry"),
    "place.tasks": ("opgave", "opgaver", "oppgave", "oppgaver", "arbejdsopgaver"),
    "place.times": ("tid", "tider", "tidspunkter", "dage og tider"),
    "place.required_languages": ("krævede sprog", "sprogkrav", "språkkrav", "krav til sprog"),
    "place.spoken_languages": ("talte sprog", "sprog på stedet", "taler", "snakker", "språk på stedet"),
    "place.helpers": ("hjælpere", "hjelpere", "roller", "støttepersoner"),
    "place.supported_needs": ("støtter", "kan støtte", "behov", "støtte til"),
    "place.required_certificates": ("attest", "attester", "krævede attester", "attestkrav"),
    "place.long_training": ("lang oplæring", "lang opplæring"),
    "place.available_from": ("ledig fra", "fra", "fra dato", "tilgængelig fra", "from"),
    "place.available_to": ("ledig til", "til", "til dato", "tilgængelig til", "to"),
}
BORN = ("fødselsdato", "født", "fødselsdag", "fødselsdag og år", "date of birth", "birthday", "dob")
APPETITE = ("interesse", "lyst lige nu", "lyst", "interesse lige nu")
GENDER = ("køn", "kjønn", "sex")
NAMES: dict[str, dict[str, tuple[str, ...]]] = {
    "candidates": {
        **{path: names for path, names in SHARED.items() if path != "postcode"},
        **{f"candidate.{leaf}": names for leaf, names in PERSON.items() if leaf != "name"},
        FULL_NAME: PERSON["name"],
        "candidate.given_name": ("fornavn", "fornavne", "first name"),
        "candidate.family_name": ("efternavn", "etternavn", "last name", "surname"),
        "candidate.postcode": SHARED["postcode"],
        "candidate.national_id": (
            *("cpr", "cpr-nummer", "cpr nr", "personnummer", "fødselsnummer", "fnr", "d-nummer"),
        ),
        "candidate.national_id_type": ("type personnummer", "type fødselsnummer"),
        "candidate.birth_date": BORN,
        "candidate.gender": GENDER,
        "candidate.protected": ("beskyttet", "adressebeskyttelse", "beskyttet adresse", "skjermet"),
        "candidate.situation": ("situation", "situasjon", "nuværende situation"),
        "candidate.target_group": ("målgruppe",),
        "programme": ("program", "ordning", "forløb"),
        "referred_on": ("henvist", "henvist den", "henvisningsdato", "henvisningsdag", "henvist dato"),
        "chosen_by_candidate": ("selv valgt", "eget valg", "valgt selv", "har selv valgt", "chosen"),
        "groups": ("grupper", "gruppe", "barrierer"),
        "needs": ("behov", "støttebehov"),
        "wishes.A": ("plan a", "ønsker", "ønske", "ønsket branche", "wishes", "wish"),
        "wishes.A.profession": ("plan a fag", "plan a job", "plan a stilling", "plan a yrke"),
        "wishes.A.education": ("plan a uddannelse", "plan a utdanning"),
        "wishes.B": ("plan b",),
        "wishes.B.profession": ("plan b fag", "plan b job", "plan b stilling", "plan b yrke"),
        "wishes.B.education": ("plan b uddannelse", "plan b utdanning"),
        "partner_id": ("partner",),
        "reply_to_case": ("svar på sag", "svar om sagen"),
        "guardian.name": ("værge", "verge", "værges navn", "verges navn"),
        "guardian.email": ("værges e-mail", "verges e-post"),
        "guardian.phone": ("værges telefon", "verges telefon"),
        "guardian.language": ("værges sprog", "verges språk"),
        "school.management_backs": ("ledelsen bakker op", "ledelsen støtter"),
        "school.staff_back": ("medarbejderne bakker op", "de ansatte støtter"),
        "school.union_backs": ("fagforeningen bakker op", "fagforeningen støtter"),
        "school.pupil_able": ("eleven kan være med",),
        "school.adds_to_professionals": ("supplerer fagfolk",),
    },
    "mentors": {
        **SHARED,
        **{f"contact.{leaf}": names for leaf, names in PERSON.items()},
        "contact.channel": ("kontaktform", "kontaktes på"),
        "birth_date": BORN,
        "gender": GENDER,
        "education_level": ("education", "uddannelse", "uddannelsesniveau", "utdanning", "utdanningsnivå"),
        "field": ("fagområde", "fagfelt", "felt", "område"),
        "profession": ("fag", "job", "stilling", "yrke", "erhverv"),
        "languages": ("sprogkundskaber", "språkkunnskaper"),
        "appetite": APPETITE,
        "pay": ("løn", "lønnes", "lønn", "frivillig eller lønnet"),
        **PLACE,
    },
    "hosts": {
        **SHARED,
        "name": (
            "navn",
            "forening",
            "virksomhed",
            "bedrift",
            "skole",
            "organisation",
            "organisasjon",
            "vært",
        ),
        "kind": ("værtstype", "type vært", "slags vært", "verttype", "type", "art"),
        "contact_person.name": ("kontaktperson", "kontakt", "kontaktpersons navn", "contact person"),
        **{f"contact_person.{leaf}": names for leaf, names in PERSON.items() if leaf != "name"},
        "contact_person.channel": ("kontaktform", "kontaktes på"),
        "appetite": APPETITE,
        **PLACE,
    },
}
TYPE_NAMES = ("type", "art", "kind")
REFERENCE_NAMES = (
    *("id", "reference", "referanse", "ref", "sagsnummer", "sagsnr", "saksnummer", "saksnr"),
    *("journalnummer", "journalnr", "nr", "nummer"),
)


@dataclass(frozen=True)
class Field:
    """A field that a column may fill: how its cells are read, from which code list; whether it is needed."""

    path: str
    reads: str
    codes: str = ""
    choices: tuple[str, ...] = ()
    required: bool = False


def fields_of(kind: str, codes: Codes) -> dict[str, Field]:
    """All fields that a list of this kind may fill, by their paths."""
    found = list(_walk(MODELS[kind], codes, "", True))
    if kind == "candidates":
        found += [Field(FULL_NAME, "names")]
        for plan in ("A", "B"):
            found += [
                Field(f"wishes.{plan}", "wish", "industries"),
                Field(f"wishes.{plan}.profession", "one", "professions"),
                Field(f"wishes.{plan}.education", "one", "education_levels"),
            ]
    else:
        found += _walk(OfferPlace, codes, "place.", False)
    return {field.path: field for field in found}


def _walk(model: type[BaseModel], codes: Codes, prefix: str, needed: bool) -> Iterator[Field]:
    for name, info in model.model_fields.items():
        path, required = prefix + name, needed and info.is_required()
        if name in OURS or path in OURS:
            continue
        bare = _bare(info.annotation)
        if isinstance(bare, type) and issubclass(bare, BaseModel):
            yield from _walk(bare, codes, f"{path}.", required)
        else:
            yield _field(path, bare, codes, required)


def _field(path: str, bare: Any, codes: Codes, required: bool) -> Field:
    leaf = path.rpartition(".")[2]
    origin, arguments = get_origin(bare), get_args(bare)
    if leaf in ("programme", "programmes", "unit"):
        return Field(path, "several" if origin is tuple else "one", leaf.rstrip("s") + "s", (), required)
    named = (LISTS.get(path, ""), LISTS.get(leaf, ""), leaf, f"{leaf}s")
    codes_of = next((name for name in named if name in codes.lists), "")
    if origin is Literal:
        return Field(path, "one", codes_of, tuple(map(str, arguments)), required)
    if origin is tuple:
        return Field(path, "several", codes_of, (), required)
    if origin is dict:
        return Field(path, "levels", codes_of, (), required)
    by_type = {bool: "flag", date: "day", int: "whole", float: "number"}
    if bare in by_type:
        return Field(path, by_type[bare], "", (), required)
    if leaf in ("national_id", "postcode"):
        return Field(path, leaf, "", (), required)
    return Field(path, "one" if codes_of else "text", codes_of, (), required)


def _bare(annotation: Any) -> Any:
    """The type behind `... | None` and `Annotated[...]`."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _bare(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return _bare(next(part for part in get_args(annotation) if part is not type(None)))
    return annotation


@dataclass(frozen=True)
class Headings:
    """Which column fills which field, for one kind of line."""

    by_path: Mapping[str, Column]
    unknown: tuple[Column, ...]
    doubled: tuple[tuple[Column, Column], ...]


def understand(sheet: Sheet, kind: str, fields: Iterable[str], *, mixed: bool) -> Headings:
    """What each heading means in a line of this kind; `mixed`: a column says of each line what it is."""
    paths = _paths(kind, fields)
    if mixed:
        paths |= {plain(name): TYPE for name in TYPE_NAMES}
    by_path: dict[str, Column] = {}
    unknown, doubled = [], []
    for column in sheet.columns:
        without_brackets = re.sub(r"\(.*?\)|\[.*?\]", "", column.heading)
        path = paths.get(plain(column.heading)) or paths.get(plain(without_brackets))
        if path is None:
            unknown.append(column)
        elif path in by_path:
            doubled.append((by_path[path], column))
        else:
            by_path[path] = column
    return Headings(by_path, tuple(unknown), tuple(doubled))


def _paths(kind: str, fields: Iterable[str]) -> dict[str, str]:
    """From a heading to a field. What people call a field comes before what the contract calls it."""
    known = (*fields, REFERENCE)
    paths: dict[str, str] = {}
    for path, names in (*NAMES[kind].items(), (REFERENCE, REFERENCE_NAMES)):
        if path in known:
            for name in names:
                paths.setdefault(plain(name), path)
    for path in known:
        paths.setdefault(plain(path), path)
    for path in sorted(known, key=lambda path: path.count(".")):
        paths.setdefault(plain(path.rpartition(".")[2]), path)
    return paths


def is_type_heading(heading: str) -> bool:
    """Whether the column says of each line what it is, where a file holds several kinds."""
    return plain(heading) in {plain(name) for name in TYPE_NAMES}
