"""What somebody typed at a unit's door: read, and everything that is wrong with it said at its field.

Job: from a form's fields to `Typed`, or all faults; the stamp that says when the form was opened. Guarantee:
whatever was sent, nothing raises, and `shown` gives back what a page can show of it. Pure: it knows nobody
and stores nothing.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from services.intake.documents import Fault
from services.intake.fields import email_address, phone_number
from shared.contracts.model import Code, FreeText, Identity, Language, Value
from shared.programmes import Codes, Programmes, Unit

Kind = Literal["candidate", "mentor", "host"]
KINDS: tuple[Kind, ...] = ("candidate", "mentor", "host")
LEFT_EMPTY = "homepage"
"""Nobody sees this field; what fills in everything fills it in too."""
TICKED = "by_hand"
PAGE_ORDER = (
    *("", "host_kind", "organisation"),
    *("given_name", "family_name", "name", "email", "phone", "postcode"),
    *("birth_date", "education_level", "field", "profession", "languages", "times", "industries"),
    *("programme", "words", "channel", TICKED),
)
TOO_QUICK_SECONDS, TOO_OLD_SECONDS = 2, 12 * 3600
LONGEST_NAME, LONGEST_WORDS, LONGEST_SHOWN = 200, 4000, 20_000
OLDEST_YEARS = 120
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
UNSHOWABLE = re.compile(r"[\x00\ud800-\udfff]")
POSTCODE = re.compile(r"(?:DK|NO|N)?-?(\d{4})(?!\d)", re.ASCII | re.IGNORECASE)
DAY = re.compile(r"(\d{1,2})[./ -]+(\d{1,2})[./ -]+(\d{4})", re.ASCII)

Digest = Callable[[str], str]
Fields = Mapping[str, Any]


class Typed(Value):
    """What was typed, as it is understood; sealed until staff take it up."""

    kind: Kind
    unit: str
    language: Language
    asked_on: date
    name: Identity
    given_name: Identity | None = None
    family_name: Identity | None = None
    email: Identity | None = None
    phone: Identity | None = None
    postcode: Identity | None = None
    programme: Code | None = None
    channel: Code | None = None
    birth_date: date | None = None
    education_level: Code | None = None
    field: Code | None = None
    profession: Code | None = None
    languages: tuple[Code, ...] = ()
    times: tuple[Code, ...] = ()
    host_kind: Literal["association", "company", "school"] | None = None
    organisation: Identity | None = None
    industries: tuple[Code, ...] = ()
    words: FreeText | None = None
    notice_id: UUID | None = None
    partner_id: UUID | None = None


def programmes_for(kind: Kind, unit: Unit, programmes: Programmes, today: date) -> tuple[str, ...]:
    """The unit's programmes that somebody like this has a part in; all of them where none is made for it."""
    wanted = {"candidate": None, "mentor": {"volunteer"}, "host": {"association", "company", "school"}}[kind]
    fits = (
        one
        for one in unit.programmes
        if wanted is None or wanted & set(programmes.rules(one, unit.id, today).host_kinds)
    )
    return tuple(fits) or tuple(unit.programmes)


def read(
    fields: Fields, kind: Kind, unit: Unit, programmes: Programmes, language: Language, today: date
) -> tuple[Typed | None, tuple[Fault, ...]]:
    """What was typed, or all that is wrong with it."""
    reading = _Reading(fields, programmes.codes)
    said = _whoever(reading, kind, unit, programmes, today)
    if kind == "mentor":
        said |= {
            "birth_date": reading.birth_date(today),
            "education_level": reading.code("education_level", "education_levels"),
            "field": reading.code("field", "fields"),
            "profession": reading.code("profession", "professions"),
            "languages": reading.codes("languages", "languages"),
            "times": reading.codes("times", "times"),
        }
    if kind == "host":
        said |= {
            "host_kind": reading.one_of("host_kind", ("association", "company", "school"), required=True),
            "organisation": reading.line("organisation", required=True),
            "industries": reading.codes("industries", "industries"),
        }
    if reading.faults:
        return None, tuple(reading.faults)
    return Typed(kind=kind, unit=unit.id, language=language, asked_on=today, **said), ()


def _whoever(
    reading: _Reading, kind: Kind, unit: Unit, programmes: Programmes, today: date
) -> dict[str, Any]:
    """What all three are asked."""
    said: dict[str, Any] = {}
    if kind == "candidate":
        for name in ("given_name", "family_name"):
            said[name] = reading.line(name, required=True)
        said["name"] = f"{said['given_name']} {said['family_name']}"
    else:
        said["name"] = reading.line("name", required=True)
    said |= {"email": reading.email(), "phone": reading.phone(unit.country)}
    if not reading.has("email") and not reading.has("phone"):
        reading.fault("email_or_phone", "email")
    offered = programmes_for(kind, unit, programmes, today)
    chosen = reading.one_of("programme", offered, required=kind == "candidate" and len(offered) > 1)
    return said | {
        "postcode": reading.postcode(),
        "programme": offered[0] if len(offered) == 1 else chosen,
        "channel": reading.code("channel", "channels"),
        "words": reading.words(),
        "notice_id": reading.led_by("notice"),
        "partner_id": reading.led_by("partner"),
    }


class _Reading:
    """One field at a time; a fault of it stands in `faults`."""

    def __init__(self, fields: Fields, codes: Codes) -> None:
        self.fields = fields
        self.lists = codes
        self.faults: list[Fault] = []

    def fault(self, code: str, field: str) -> None:
        self.faults.append(Fault(code=code, field=field))

    def has(self, name: str) -> bool:
        return self.fields.get(name) is not None

    def text(self, name: str, longest: int, *, required: bool = False) -> str | None:
        value = self.fields.get(name)
        if value is None or (isinstance(value, str) and not value.strip()):
            if required:
                self.fault("missing", name)
            return None
        if not isinstance(value, str) or CONTROL.search(value.strip().replace("\r\n", "\n")):
            self.fault("unreadable", name)
            return None
        if len(value.strip()) > longest:
            self.fault("too_long", name)
            return None
        return value.strip().replace("\r\n", "\n")

    def line(self, name: str, *, required: bool = False) -> str | None:
        """A text on one line; what was pasted with tabs and ends of lines has spaces there."""
        text = self.text(name, LONGEST_NAME, required=required)
        return " ".join(text.split()) if text is not None else None

    def words(self) -> str | None:
        return self.text("words", LONGEST_WORDS)

    def email(self) -> str | None:
        """An address holds no space; what was pasted may."""
        return self._as("email", lambda text: email_address("".join(text.split())), 320)

    def phone(self, country: str) -> str | None:
        return self._as("phone", lambda text: phone_number(text, country), 40)

    def _as(self, name: str, read_as: Callable[[str], str | None], longest: int) -> str | None:
        text = self.text(name, longest)
        value = read_as(text) if text is not None else None
        if text is not None and value is None:
            self.fault(f"bad_{name}", name)
        return value

    def postcode(self) -> str | None:
        """Its four digits; the name of the town may stand after it."""
        text = self.text("postcode", LONGEST_NAME)
        found = POSTCODE.match("".join(text.split())) if text is not None else None
        if text is not None and found is None:
            self.fault("bad_postcode", "postcode")
        return found.group(1) if found is not None else None

    def birth_date(self, today: date) -> date | None:
        """As a browser sends it, or the day first, as it is written where no browser helps."""
        text = self.line("birth_date")
        if text is None:
            return None
        written = DAY.fullmatch(text)
        try:
            if written is not None:
                day, month, year = map(int, written.groups())
                born_on = date(year, month, day)
            else:
                born_on = date.fromisoformat(text)
        except ValueError:
            born_on = None
        if born_on is None or not today.year - OLDEST_YEARS <= born_on.year or born_on > today:
            self.fault("bad_date", "birth_date")
            return None
        return born_on

    def one_of(self, name: str, known: tuple[str, ...], *, required: bool = False) -> str | None:
        value = self.fields.get(name)
        if value is None and not required:
            return None
        if not isinstance(value, str) or value not in known:
            self.fault("choose", name)
            return None
        return value

    def code(self, name: str, list_name: str) -> str | None:
        return self.one_of(name, tuple(self.lists.lists[list_name]))

    def codes(self, name: str, list_name: str) -> tuple[str, ...]:
        value = self.fields.get(name)
        if value is None:
            return ()
        known = self.lists.lists[list_name]
        if not isinstance(value, list) or any(one not in known for one in value):
            self.fault("choose", name)
            return ()
        return tuple(dict.fromkeys(value))

    def led_by(self, name: str) -> UUID | None:
        """Nobody types it: what is no id is left out."""
        return id_of(self.fields.get(name))


def id_of(value: object) -> UUID | None:
    """The id of a "mentor wanted" notice, or of a partner, as a link or a form has it."""
    try:
        return UUID(value) if isinstance(value, str) else None
    except ValueError:
        return None


def shown(fields: Fields) -> dict[str, Any]:
    """What a page can show again of what was typed: texts and choices, without what cannot be written."""
    return {
        name: _showable(value) if isinstance(value, str) else [_showable(one) for one in value]
        for name, value in fields.items()
        if isinstance(value, str) or (isinstance(value, list) and all(isinstance(one, str) for one in value))
    }


def _showable(text: str) -> str:
    return UNSHOWABLE.sub("", text)[:LONGEST_SHOWN]


def stamp(digest: Digest, unit: str, kind: Kind, opened_at: datetime) -> str:
    """When a form was opened, signed, so that it needs no memory of ours."""
    seconds = int(opened_at.timestamp())
    return f"{seconds}-{digest(f'enquiry form/{unit}/{kind}/{seconds}')[:32]}"


def stamp_fault(text: object, digest: Digest, unit: str, kind: Kind, now: datetime) -> str | None:
    """What the stamp says against a form: `too_quick`, or `too_old`, which one that is not ours is too."""
    seconds, _, _ = text.partition("-") if isinstance(text, str) else ("", "", "")
    if not (seconds.isascii() and seconds.isdigit() and len(seconds) < 12):
        return "too_old"
    opened_at = datetime.fromtimestamp(int(seconds), now.tzinfo)
    if not hmac.compare_digest(
        stamp(digest, unit, kind, opened_at).encode(), str(text).encode("utf-8", "replace")
    ):
        return "too_old"
    age_seconds = (now - opened_at).total_seconds()
    if age_seconds < TOO_QUICK_SECONDS:
        return "too_quick"
    return "too_old" if age_seconds > TOO_OLD_SECONDS else None


def in_page_order(faults: Iterable[Fault]) -> tuple[Fault, ...]:
    """As they are met from above; that it was quick is not said to who has something else to mend."""
    found = tuple(faults)
    if len(found) > 1:
        found = tuple(one for one in found if one.code != "too_quick")
    return tuple(sorted(found, key=lambda one: PAGE_ORDER.index(one.field)))


def guards(fields: Fields, digest: Digest, unit: str, kind: Kind, now: datetime) -> tuple[Fault, ...]:
    """What speaks for a program having sent the form: each asks a person for no more than one more press."""
    faults = []
    if fields.get(LEFT_EMPTY) is not None:
        faults.append(Fault(code="left_empty", field=""))
    late = stamp_fault(fields.get("stamp"), digest, unit, kind, now)
    if late is not None:
        faults.append(Fault(code=late, field=""))
    if fields.get(TICKED) != "true":
        faults.append(Fault(code="tick", field=TICKED))
    return tuple(faults)
