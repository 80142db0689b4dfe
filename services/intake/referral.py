"""Judging a referral (henvisning): what it says, and everything that speaks against taking it.

Job: read a document as other systems send it, leniently, against the programme's rules. Guarantee: every
fault is found at once, each with a code of `rejections` and the path of its field, and no fault repeats a
value of the document. Pure: the same document on the same day is judged alike, by whichever door it came.
It does not know what was referred before, nor who somebody is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from services.intake.documents import Fault
from services.intake.fields import (
    MALFORMED,
    FieldReader,
    Fields,
    email_address,
    is_storable,
    phone_number,
    said_text,
)
from services.intake.national_id import birth_date_of, compact, is_possible
from services.intake.registers import Agreement, Partner, UnitFile, ends_with
from shared.contracts.referral import Referral, SchoolPreconditions
from shared.language import LANGUAGES
from shared.programmes import Programmes, Rules, Unit, UnknownRulesVersion

LONGEST_REFERENCE = 200
MOST_WISHES = 20
"""What is wished, and what is wrong with it, must fit into one event."""
POSTCODE = re.compile(r"([0-9]{4})(?:,?\s+[^\W\d][^\d]*)?")
"""Four digits; the name of the town may stand behind them."""
SCHOOL_PRECONDITIONS = tuple(SchoolPreconditions.model_fields)


@dataclass(frozen=True)
class Judged:
    """The referral as it is understood, or, if there are any, all faults."""

    referral: Referral | None
    faults: tuple[Fault, ...]


def canonical(document: Mapping[str, Any]) -> str:
    """The same text for the same content, whatever the order of its fields."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"))


def reference_of(document: Mapping[str, Any]) -> str | None:
    """The publisher's reference, if it can be read."""
    reference = document.get("source_reference")
    if not isinstance(reference, str) or not 1 <= len(reference) <= LONGEST_REFERENCE:
        return None
    return reference if is_storable(reference) else None


def partner_of(document: Mapping[str, Any]) -> UUID | None:
    """The partner that a referral names, if its id can be read."""
    text = said_text(document, "partner_id")
    try:
        return UUID(text) if text is not None else None
    except ValueError:
        return None


def national_key(document: Mapping[str, Any], programmes: Programmes, today: date) -> str | None:
    """What finds the person: controller, kind and number in one text; None where it cannot be known."""
    candidate = document.get("candidate")
    known = programmes.units.get(said_text(document, "unit") or "")
    number, kind = said_text(candidate, "national_id"), said_text(candidate, "national_id_type")
    if known is None or number is None or kind is None or not is_possible(kind, number, today):
        return None
    return json.dumps([known.controller, kind, compact(number)])


def judge(
    document: Mapping[str, Any],
    programmes: Programmes,
    now: datetime,
    *,
    envelope_faults: Collection[str] = (),
    permitted_units: Collection[str] | None = None,
    partner: Partner | None = None,
    unit: UnitFile | None = None,
) -> Judged:
    """Everything there is to say about a referral, by the rules of the day on which it was made.

    `permitted_units` None: the sender may refer to any. `partner` is the one that the document names, if it
    is registered; `unit` its unit, where that is closed or is to be.
    """
    reading = _Reading(document, programmes, now, partner, unit)
    for attribute in envelope_faults:
        reading.fault(MALFORMED, attribute)
    cleaned = reading.read(permitted_units)
    faults = tuple(dict.fromkeys(reading.faults))
    return Judged(None if faults else Referral.model_validate(cleaned), faults)


class _Reading(FieldReader):
    """One pass over a document, noting what speaks against it."""

    def __init__(
        self,
        document: Fields,
        programmes: Programmes,
        now: datetime,
        partner: Partner | None,
        unit: UnitFile | None,
    ) -> None:
        super().__init__(document, programmes.codes)
        self.programmes = programmes
        self.now = now
        self.partner = partner
        self.unit = unit

    def read(self, permitted_units: Collection[str] | None) -> dict[str, Any]:
        top = self.document
        reference = reference_of(top)
        if reference is None:
            self.fault(MALFORMED, "source_reference")
        programme, unit = self.text(top, "programme", required=True), self.text(top, "unit", required=True)
        place = self._unit(unit, permitted_units)
        today = self.now.astimezone(ZoneInfo(place.time_zone if place else "Europe/Copenhagen")).date()
        referred_on = self.day(top, "referred_on", required=True)
        if referred_on is not None and referred_on > today:
            self.fault("referred_in_future", "referred_on")
        on = min(referred_on or today, today)
        rules = self._rules(programme, place, on)
        chosen = self.flag(top, "chosen_by_candidate", required=True)
        if rules is not None and rules.candidate_must_choose and chosen is False:
            self.fault("not_chosen_by_candidate", "chosen_by_candidate")
        channel = self.code(top, "channel", "channels", required=True, unknown="unknown_channel")
        partner_id, agreement = self._partner(place, on)
        school = self._school(channel, rules, agreement)
        candidate = self._candidate(place, rules, on, today)
        return {
            "source_reference": reference,
            "programme": programme,
            "unit": unit,
            "channel": channel,
            "referred_on": referred_on,
            "chosen_by_candidate": chosen,
            "school": school,
            "candidate": candidate,
            "groups": self.codes(top, "groups", "groups"),
            "needs": self.codes(top, "needs", "needs"),
            "wishes": self._wishes(),
            "partner_id": partner_id,
            "guardian": self._guardian(place),
            "reply_to_case": self.flag(top, "reply_to_case") or False,
        }

    def _unit(self, unit: str | None, permitted: Collection[str] | None) -> Unit | None:
        if unit is None:
            return None
        if unit not in self.programmes.units:
            self.fault("unknown_unit", "unit")
            return None
        if permitted is not None and unit not in permitted:
            self.fault("not_permitted", "unit")
        if self.unit is not None and self.unit.state == "closed":
            self.fault("unit_closed", "unit")
        return self.programmes.units[unit]

    def _rules(self, programme: str | None, place: Unit | None, on: date) -> Rules | None:
        if programme is None:
            return None
        if programme not in self.programmes.names:
            self.fault("unknown_programme", "programme")
            return None
        if place is None:
            return None
        if programme not in place.programmes:
            self.fault("programme_not_in_unit", "programme")
            return None
        if (
            self.unit is not None
            and self.unit.state == "open"
            and ends_with(self.unit, programme, self.programmes)
        ):
            self.fault("programme_ends_with_unit", "programme")
        try:
            return self.programmes.rules(programme, place.id, on)
        except UnknownRulesVersion:
            self.fault("referred_too_early", "referred_on")
            return None

    def _school(
        self, channel: str | None, rules: Rules | None, agreement: Agreement | None
    ) -> dict[str, bool] | None:
        """What the partner's agreement says, once, the school need not say with each pupil."""
        school = self.part("school")
        said = {name: self.flag(school, name, "school.") for name in SCHOOL_PRECONDITIONS} if school else {}
        agreed = {name for name in SCHOOL_PRECONDITIONS if getattr(agreement, name, False)}
        if rules is not None and channel in rules.school_channels:
            if self.document.get("school") is None:
                self.fault("school_precondition_missing", "school.pupil_able" if agreed else "school")
            for name, value in said.items():
                if not value and name not in agreed:
                    self.fault("school_precondition_missing", f"school.{name}")
        if school is None and not agreed:
            return None
        return {name: bool(said.get(name)) or name in agreed for name in SCHOOL_PRECONDITIONS}

    def _partner(self, place: Unit | None, on: date) -> tuple[UUID | None, Agreement | None]:
        """The partner of the unit, and what was agreed with them, as far as it holds on the day."""
        if self.text(self.document, "partner_id") is None:
            return None, None
        partner_id, known = partner_of(self.document), self.partner
        if partner_id is None:
            self.fault(MALFORMED, "partner_id")
            return None, None
        if known is None or (place is not None and known.unit != place.id):
            self.fault("unknown_partner", "partner_id")
            return None, None
        agreement = known.agreement
        return partner_id, agreement if agreement is not None and agreement.holds(on) else None

    def _candidate(
        self, place: Unit | None, rules: Rules | None, referred_on: date, today: date
    ) -> dict[str, Any] | None:
        candidate, path = self.part("candidate", required=True), "candidate."
        if candidate is None:
            return None
        kind, number = self._national_id(candidate, today)
        birth_date = self.day(candidate, "birth_date", path)
        by_number = birth_date_of(kind, number) if kind and number else None
        if birth_date is not None and (birth_date > today or by_number not in (None, birth_date)):
            self.fault("bad_birth_date", "candidate.birth_date")
        born_on = birth_date if birth_date is not None and birth_date <= today else by_number
        if rules is not None and born_on is not None and not age_fits(rules, born_on, referred_on):
            self.fault("age_outside_programme", "candidate.birth_date")
        postcode = self._postcode(candidate, place, rules)
        return {
            "national_id": number,
            "national_id_type": kind,
            "given_name": self.name(candidate, "given_name", path),
            "family_name": self.name(candidate, "family_name", path),
            "birth_date": birth_date or born_on,
            "gender": self.one_of(candidate, "gender", path, ("f", "m", "x")),
            "email": self._email(candidate, path),
            "phone": self._phone(candidate, path, place),
            "postcode": postcode,
            "language": self.one_of(candidate, "language", path, LANGUAGES) or _language(place),
            "protected": self.flag(candidate, "protected", path) or False,
            "situation": self.code(candidate, "situation", "situations", path),
            "target_group": self._target_group(candidate, rules),
        }

    def _national_id(self, candidate: Fields, today: date) -> tuple[str | None, str | None]:
        number = self.text(candidate, "national_id", "candidate.")
        kind = self.one_of(candidate, "national_id_type", "candidate.", ("DK-CPR", "NO-FNR", "NO-DNR"))
        if number is None:
            return None, None
        if kind is None:
            if candidate.get("national_id_type") is None:
                self.fault(MALFORMED, "candidate.national_id_type")
            return None, None
        if not is_possible(kind, number, today):
            self.fault("bad_national_id", "candidate.national_id")
            return None, None
        return kind, compact(number)

    def _postcode(self, candidate: Fields, place: Unit | None, rules: Rules | None) -> str | None:
        number = candidate.get("postcode")
        if isinstance(number, int) and not isinstance(number, bool):
            candidate = {"postcode": str(number)}
        text = self.text(candidate, "postcode", "candidate.")
        if text is None:
            return None
        found = POSTCODE.fullmatch(text)
        if found is None:
            self.fault("bad_postcode", "candidate.postcode")
            return None
        postcode = found[1]
        if (
            place is not None
            and rules is not None
            and rules.residence_required
            and not place.covers(postcode)
        ):
            self.fault("not_resident", "candidate.postcode")
        return postcode

    def _target_group(self, candidate: Fields, rules: Rules | None) -> str | None:
        is_limited = rules is not None and bool(rules.target_groups)
        unknown = "not_in_target_group" if is_limited else "unknown_code"
        group = self.code(candidate, "target_group", "target_groups", "candidate.", unknown=unknown)
        if rules is not None and is_limited and group is not None and group not in rules.target_groups:
            self.fault("not_in_target_group", "candidate.target_group")
        return group

    def _email(self, holder: Fields, path: str) -> str | None:
        text = self.text(holder, "email", path, longest=254)
        address = email_address(text) if text is not None else None
        if text is not None and address is None:
            self.fault("bad_email", f"{path}email")
        return address

    def _phone(self, holder: Fields, path: str, place: Unit | None) -> str | None:
        text = self.text(holder, "phone", path, longest=40)
        number = phone_number(text, place.country if place else "DK") if text is not None else None
        if text is not None and number is None:
            self.fault("bad_phone", f"{path}phone")
        return number

    def _wishes(self) -> list[dict[str, Any]]:
        value = self.document.get("wishes")
        if value is None:
            return []
        if not isinstance(value, list) or len(value) > MOST_WISHES:
            self.fault(MALFORMED, "wishes")
            return []
        wishes = []
        for index, wish in enumerate(value):
            path = f"wishes.{index}."
            if not isinstance(wish, dict):
                self.fault(MALFORMED, path.rstrip("."))
                continue
            wishes.append(
                {
                    "plan": self.one_of(wish, "plan", path, ("A", "B")) or "A",
                    "industries": self.codes(wish, "industries", "industries", path),
                    "profession": self.code(wish, "profession", "professions", path),
                    "education": self.code(wish, "education", "education_levels", path),
                }
            )
        return wishes

    def _guardian(self, place: Unit | None) -> dict[str, Any] | None:
        guardian, path = self.part("guardian"), "guardian."
        if guardian is None:
            return None
        return {
            "name": self.name(guardian, "name", path),
            "email": self._email(guardian, path),
            "phone": self._phone(guardian, path, place),
            "language": self.one_of(guardian, "language", path, LANGUAGES) or _language(place),
        }


def _language(place: Unit | None) -> str:
    return place.languages[0] if place else "da"


def age(born_on: date, on: date) -> int:
    """Whole years lived."""
    return on.year - born_on.year - ((on.month, on.day) < (born_on.month, born_on.day))


def age_fits(rules: Rules, born_on: date, on: date) -> bool:
    """Whether somebody is neither too young nor too old for the programme."""
    years = age(born_on, on)
    return (rules.age_min or 0) <= years and (rules.age_max is None or years <= rules.age_max)
