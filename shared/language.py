"""Languages: which one a reader gets, the words of pages and mails, dates and numbers as people write them.

Guarantee: a text that is asked for by a key that is not there, or without a value that it names, is a
`KeyError` at once and never an empty place on a page; `faults_in_words` finds what one language has and
another lacks. It does not know what a page is, and it translates nothing that a person wrote.
"""

import string
import tomllib
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_time
from babel.numbers import format_decimal
from markupsafe import Markup, escape

LANGUAGES = ("da", "nb", "en")
LOCALES = {"da": Locale("da"), "nb": Locale("nb"), "en": Locale("en", "GB")}

# What browsers call a language that we have under another name.
ALSO_CALLED = {"no": "nb", "nn": "nb"}

# Further away than this, a date says more than a number of days.
RELATIVE_DAYS_AT_MOST = 14

Value = str | int | float


def choose_language(
    asked: str | None, cookie: str | None, preferred: str | None, accept: str | None, default: str
) -> str:
    """The first that we have of: asked for now, chosen before, known to be preferred, the browser's."""
    for wish in (asked, cookie, preferred, *_accepted(accept or ""), default):
        language = ALSO_CALLED.get(wish or "", wish)
        if language in LANGUAGES:
            return language
    return LANGUAGES[0]


def _accepted(header: str) -> list[str]:
    """The languages of an Accept-Language header, the most wanted first, without their countries."""
    wishes = []
    for part in header.split(","):
        tag, _, quality = part.strip().partition(";q=")
        try:
            weight = float(quality or 1)
        except ValueError:
            continue
        if weight > 0:
            wishes.append((-weight, tag.split("-")[0].lower()))
    # Sorting by the weight alone keeps the order of those that are wanted equally.
    return [tag for _, tag in sorted(wishes, key=lambda wish: wish[0])]


class Words:
    """The texts of one language, by key: `words("today.due", count=3)`."""

    def __init__(self, language: str, texts: Mapping[str, str]) -> None:
        self.language = language
        self._locale = LOCALES[language]
        self._texts = texts

    def __call__(self, key: str, **values: Value) -> str:
        """The text with its values filled in; `count` chooses between `<key>.one` and `<key>.other`.

        Where a value is markup the answer is too, and everything else in it is escaped.
        """
        count = values.get("count")
        if isinstance(count, int) and key not in self._texts:
            key = f"{key}.{self._locale.plural_form(count)}"
        text = self._texts[key]
        filled = {name: self._written(value) for name, value in values.items()}
        if any(isinstance(value, Markup) for value in filled.values()):
            return escape(text).format(**filled)
        return text.format(**filled)

    def __contains__(self, key: str) -> bool:
        return key in self._texts

    def _written(self, value: Value) -> str:
        return value if isinstance(value, str) else format_decimal(value, locale=self._locale)


def read_words(folders: Iterable[Path]) -> dict[str, Words]:
    """Every language's words from `<folder>/<language>.toml`; a later folder's texts come first."""
    folders = tuple(folders)
    return {
        language: Words(language, {k: v for folder in folders for k, v in _texts(folder, language).items()})
        for language in LANGUAGES
    }


@cache
def _texts(folder: Path, language: str) -> dict[str, str]:
    file = folder / f"{language}.toml"
    return dict(_flattened(tomllib.loads(file.read_text("utf-8")), "", file)) if file.exists() else {}


def _flattened(table: Mapping[str, object], prefix: str, file: Path) -> Iterable[tuple[str, str]]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _flattened(value, f"{prefix}{name}.", file)
        elif isinstance(value, str):
            yield f"{prefix}{name}", value
        else:
            raise ValueError(f"{file}: {prefix}{name} is not a text")


def faults_in_words(folder: Path) -> list[str]:
    """What differs between a folder's languages, one sentence each: keys and placeholders."""
    texts = {language: _texts(folder, language) for language in LANGUAGES}
    every_key = sorted(set().union(*texts.values()))
    faults = []
    for key in every_key:
        present = {language: texts[language][key] for language in LANGUAGES if key in texts[language]}
        faults += [f"{language}.toml lacks {key}" for language in LANGUAGES if language not in present]
        if len({_placeholders(text) for text in present.values()}) > 1:
            faults.append(f"{key} does not name the same values in every language")
    return faults


def _placeholders(text: str) -> frozenset[str]:
    return frozenset(name for _, name, _, _ in string.Formatter().parse(text) if name is not None)


class Formats:
    """Dates, times and numbers in one language and one time zone. Times as RFC 3339 text are read too."""

    def __init__(self, words: Words, zone: ZoneInfo) -> None:
        self._words = words
        self._locale = LOCALES[words.language]
        self._zone = zone

    def day(self, value: date | str) -> date:
        """The day in the time zone; a date without a time is that day everywhere."""
        moment = _read(value)
        return self._here(moment).date() if isinstance(moment, datetime) else moment

    def long_date(self, value: date | str) -> str:
        """`23. november 2026`"""
        return format_date(self.day(value), "long", locale=self._locale)

    def short_date(self, value: date | str) -> str:
        """`23. nov. 2026`, for tables."""
        return format_date(self.day(value), "medium", locale=self._locale)

    def time_of_day(self, value: datetime | str) -> str:
        """`14.05`"""
        moment = _read(value)
        if not isinstance(moment, datetime):
            raise ValueError(f"{value} has no time of day")
        return format_time(self._here(moment), "short", locale=self._locale)

    def date_and_time(self, value: datetime | str) -> str:
        """`23. nov. 2026 kl. 14.05`"""
        return self._words("format.date_and_time", date=self.short_date(value), time=self.time_of_day(value))

    def weekday_and_time(self, value: date | str, now: datetime) -> str:
        """`mandag den 23. november kl. 14.05`; another year than the present one is written too."""
        moment, day = _read(value), self.day(value)
        same_year = self.day(now).year == day.year
        pattern = self._words("format.weekday_pattern" if same_year else "format.weekday_pattern_with_year")
        written = format_date(day, pattern, locale=self._locale)
        if not isinstance(moment, datetime):
            return written
        return self._words("format.date_and_time", date=written, time=self.time_of_day(moment))

    def relative_day(self, value: date | str, now: datetime) -> str:
        """`i dag`, `i morgen`, `om 3 dage`, `3 dage siden`, and the date where that is far away."""
        days = (self.day(value) - self.day(now)).days
        if abs(days) > RELATIVE_DAYS_AT_MOST:
            return self.short_date(value)
        named = {0: "format.today", 1: "format.tomorrow", -1: "format.yesterday"}.get(days)
        if named is not None:
            return self._words(named)
        return self._words("format.in_days" if days > 0 else "format.days_ago", count=abs(days))

    def number(self, value: float) -> str:
        return format_decimal(value, locale=self._locale)

    def _here(self, moment: datetime) -> datetime:
        if moment.tzinfo is None:
            raise ValueError(f"{moment} does not say its time zone")
        return moment.astimezone(self._zone)


def _read(value: date | str) -> date:
    """A date, or a datetime (which is one); text as the contract writes it."""
    if not isinstance(value, str):
        return value
    return date.fromisoformat(value) if len(value) == len("2026-11-23") else datetime.fromisoformat(value)
