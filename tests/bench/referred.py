"""What referrals are measured with: those of all five programmes, as other systems would mix them.

Job: of every hundred, two are refused (for one reason or for several), one is the repeat of an earlier one
under a new message id, and thirty carry a national id: each such person is referred twice, a thousand
referrals apart. Guarantee: the same number gives the same referral again, and each says what its answer must
be. A national id here is possible, and nobody's: the Danish ones fail the checksum, which intake rightly does
not ask for, and the Norwegian ones are of the kind that tests use. It measures nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from itertools import islice
from typing import Any, Literal

from stdnum.no import fodselsnummer

from demo.samples import SAMPLES, Sample, referral
from shared.contracts.model import derived_id

Outcome = Literal["accepted", "already_known", "rejected"]

SOURCE = "/bench/vitas"
REFERRED_ON = "2026-11-02"
REFUSED_AT = (7, 57)
REPEATED_AT, REPEATS_THE = 99, 69
FIRST_REFERRED, REFERRED_AGAIN = range(10, 25), range(30, 45)
APART = 1000
DAYS = 364
CPR_WEIGHTS = (4, 3, 2, 7, 6, 5, 4, 3, 2, 1)
WRONG: tuple[dict[str, Any], ...] = (
    {"candidate.email": "not an address"},
    {"candidate.national_id": "3113614286", "candidate.national_id_type": "DK-CPR"},
    {"needs": ["no_such_need"], "candidate.phone": "12", "candidate.family_name": ""},
    {"referred_on": "2099-01-01"},
    {"candidate.postcode": "26300", "wishes": [{"plan": "A", "industries": ["no_such_industry"]}]},
)


@dataclass(frozen=True)
class Referred:
    """One referral as it is sent, and what it must be answered with."""

    number: int
    reference: str
    document: dict[str, Any]
    outcome: Outcome

    @cached_property
    def value(self) -> bytes:
        return json.dumps(self.document).encode()

    @property
    def headers(self) -> list[tuple[str, bytes]]:
        attributes = {
            "ce_specversion": "1.0",
            "ce_id": str(derived_id("bench-referral", self.number)),
            "ce_source": SOURCE,
            "ce_type": "makker.Referral.v1",
            "ce_time": datetime.now(UTC).isoformat(),
            "ce_subject": self.reference,
            "content-type": "application/json",
        }
        return [(name, value.encode()) for name, value in attributes.items()]

    @property
    def person(self) -> tuple[str, str] | None:
        """Who it is, to whomever knows the national id: the unit and the number."""
        number = self.document["candidate"].get("national_id")
        return (self.document["unit"], number) if number is not None else None


def referred(numbers: Iterable[int]) -> Iterator[Referred]:
    """The referrals of these numbers."""
    samples = tuple(SAMPLES.values())
    for number in numbers:
        of_hundred = number % 100
        if of_hundred == REPEATED_AT:
            original = number - REPEATED_AT + REPEATS_THE
            yield Referred(number, _reference(original), _document(samples, original), "already_known")
            continue
        document = _document(samples, number)
        if of_hundred in REFUSED_AT:
            _change(document, WRONG[number // 50 % len(WRONG)])
            yield Referred(number, _reference(number), document, "rejected")
        else:
            yield Referred(number, _reference(number), document, "accepted")


def persons(those: Sequence[Referred]) -> int:
    """How many people the accepted ones among these are, if all are sent."""
    accepted = [one for one in those if one.outcome == "accepted"]
    known = {one.person for one in accepted if one.person is not None}
    return len(known) + sum(one.person is None for one in accepted)


def _reference(number: int) -> str:
    return f"BENCH-{number:06}"


def _document(samples: Sequence[Sample], number: int) -> dict[str, Any]:
    again = number % 100 in REFERRED_AGAIN and number >= APART
    who = number - APART - REFERRED_AGAIN.start + FIRST_REFERRED.start if again else number
    # The first and the second time fall to the same programme: both distances are multiples of five.
    sample = samples[(who + who // 100) % len(samples)]
    document = referral(sample, who, _reference(number), REFERRED_ON)
    if again or number % 100 in FIRST_REFERRED:
        serial = who // 100 * len(FIRST_REFERRED) + who % 100 - FIRST_REFERRED.start
        kind = "NO-FNR" if sample.unit.startswith("NO") else "DK-CPR"
        born_on, national_id = nobody(kind, date.fromisoformat(sample.birth_date).year, serial)
        candidate = document["candidate"]
        candidate |= {"national_id": national_id, "national_id_type": kind, "birth_date": str(born_on)}
    return document


def nobody(kind: str, year: int, serial: int) -> tuple[date, str]:
    """A birth date of that year, and a number that tells it: another one for each serial number."""
    # On the first of January Denmark has given numbers that fail the checksum.
    born_on = date(year, 1, 2) + timedelta(days=serial % DAYS)
    numbers = _norwegian(born_on) if kind == "NO-FNR" else _danish(born_on)
    return born_on, next(islice(numbers, serial // DAYS, None))


def _danish(born_on: date) -> Iterator[str]:
    for serial in range(4000, 5000) if born_on.year >= 2000 else range(4000):
        number = f"{born_on:%d%m%y}{serial:04}"
        if sum(weight * int(digit) for weight, digit in zip(CPR_WEIGHTS, number, strict=True)) % 11:
            yield number


def _norwegian(born_on: date) -> Iterator[str]:
    # The month of a number for tests is raised by 40.
    digits = f"{born_on:%d}{born_on.month + 40}{born_on:%y}"
    for serial in range(500):
        number = f"{digits}{serial:03}"
        first = fodselsnummer.calc_check_digit1(number)
        second = fodselsnummer.calc_check_digit2(number + first)
        if len(first) == len(second) == 1:
            yield number + first + second


def _change(document: dict[str, Any], changes: dict[str, Any]) -> None:
    for path, value in changes.items():
        *holders, name = path.split(".")
        holder = document
        for one in holders:
            holder = holder[one]
        holder[name] = value
