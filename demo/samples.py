"""Invented people and places in the sample units: one story per programme, told as data.

Names are put together from common ones by the case's number, so that each case is somebody else and always
the same; any likeness is chance. All addresses end at example.org.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

FAMILY_NAMES = (
    *("Holm", "Lund", "Kjær", "Dahl", "Bech", "Friis", "Toft", "Berg", "Vang", "Krogh", "Skov", "Brandt"),
    *("Winther", "Nygaard", "Juhl", "Møller", "Bruun"),
)
MIDDLE_NAMES = (
    *("", "Ravn", "Hald", "Moe", "Birk", "Lind", "Storm", "Aagaard", "Falk", "Riis", "Bay", "Munk", "Høyer"),
    *("Thorup", "Bang", "Bjerre", "Steen", "Haug", "Elm", "Ørsted", "Kold", "Voss", "Engel", "Lange", "Ry"),
    *("Solberg", "Eng", "Hede", "Vester", "Sand", "Rosen"),
)
CONTACT_NAMES = (
    *("Mette", "Henrik", "Susanne", "Torben", "Kirsten", "Anders", "Lone", "Per", "Marianne", "Ole", "Tina"),
    *("Jesper", "Birgit"),
)


def family_name(number: int) -> str:
    """Somebody else's for every number up to some five hundred."""
    middle = MIDDLE_NAMES[number // len(FAMILY_NAMES) % len(MIDDLE_NAMES)]
    return f"{middle} {FAMILY_NAMES[number % len(FAMILY_NAMES)]}".strip()


@dataclass(frozen=True)
class Sample:
    """One programme's story."""

    programme: str
    unit: str
    channel: str
    given_names: tuple[str, ...]
    birth_date: str
    postcode: str
    language: str
    target_group: str | None
    situation: str
    wishes: tuple[dict[str, Any], ...]
    host_names: tuple[str, ...]
    host_kind: str
    industries: tuple[str, ...]
    tasks: tuple[str, ...]
    hours_per_week: float
    times: tuple[str, ...]
    content: tuple[str, ...]
    weeks: int | None
    languages: dict[str, str] = field(default_factory=lambda: {"da": "A2"})
    school: dict[str, bool] | None = None
    needs: tuple[str, ...] = ("motivation",)
    groups: tuple[str, ...] = ()
    goals: tuple[dict[str, Any], ...] = (
        {"title": "Møde til tiden", "sub_goals": ["Tage bussen selv", "Sige til, når noget er i vejen"]},
    )

    @property
    def by_volunteer(self) -> bool:
        return self.host_kind == "volunteer"


SAMPLES = {
    sample.programme: sample
    for sample in (
        Sample(
            programme="foreningspraktik",
            unit="DK-0169",
            channel="jobcentre",
            given_names=("Amina", "Bo", "Carla", "David"),
            birth_date="1971-07-07",
            postcode="2630",
            language="da",
            target_group="sick_listed",
            situation="unemployed",
            wishes=({"plan": "A", "industries": ["sports"]}, {"plan": "B", "industries": ["culture"]}),
            host_names=("Taastrup Idrætsklub", "Hedehusene Kulturforening", "Vestegnens Roklub"),
            host_kind="association",
            industries=("sports", "culture"),
            tasks=("shadowing", "practical", "events"),
            hours_per_week=5,
            times=("tue-evening", "sat-morning"),
            content=("workplace_norms",),
            weeks=12,
        ),
        Sample(
            programme="virksomhedspraktik",
            unit="DK-0169",
            channel="municipal_service",
            given_names=("Yusuf", "Olena", "Samira"),
            birth_date="1985-02-11",
            postcode="2640",
            language="en",
            target_group="refugee",
            situation="unemployed",
            wishes=({"plan": "A", "industries": ["kitchen"]}, {"plan": "B", "industries": ["cleaning"]}),
            host_names=("Kantinen ved Åen", "Lagerhuset", "Køkkenet på Torvet"),
            host_kind="company",
            industries=("kitchen", "cleaning"),
            tasks=("cooking_serving",),
            hours_per_week=15,
            times=("mon-morning", "wed-morning"),
            content=("work_tasks",),
            weeks=10,
            groups=("language",),
        ),
        Sample(
            programme="udviklingspraktik",
            unit="DK-0169",
            channel="jobcentre",
            given_names=("Emma", "Farid", "Gitte"),
            birth_date="1990-10-30",
            postcode="2630",
            language="da",
            target_group="cash_benefit",
            situation="unemployed",
            wishes=({"plan": "A", "industries": ["gardening"]}, {"plan": "B", "industries": ["retail"]}),
            host_names=("Planteskolen Solbakken", "Gartneriet Engvang", "Butikken på Hjørnet"),
            host_kind="company",
            industries=("gardening", "retail"),
            tasks=("outdoor",),
            hours_per_week=2,
            times=("thu-morning",),
            content=("work_habits",),
            weeks=13,
        ),
        Sample(
            programme="mentorskab",
            unit="DK-0851/aalborg",
            channel="counsellor",
            given_names=("Hawa", "Ibrahim", "Jonas"),
            birth_date="2005-04-18",
            postcode="9000",
            language="da",
            target_group=None,
            situation="in_education",
            wishes=({"plan": "A", "industries": ["care"], "education": "skilled"},),
            host_names=(),
            host_kind="volunteer",
            industries=("care",),
            tasks=(),
            hours_per_week=2,
            times=("mon-evening", "wed-evening"),
            content=("education_choice",),
            weeks=None,
            school={
                "management_backs": True,
                "staff_back": True,
                "union_backs": True,
                "pupil_able": True,
                "adds_to_professionals": True,
            },
        ),
        Sample(
            programme="skolepraksis",
            unit="NO-3222",
            channel="municipal_service",
            given_names=("Miriam", "Nadia", "Tesfaye"),
            birth_date="1988-12-01",
            postcode="1470",
            language="nb",
            target_group="introduction_programme",
            situation="unemployed",
            wishes=({"plan": "A", "industries": ["school"]},),
            host_names=("Solheim skole", "Åsen SFO", "Furulia skole"),
            host_kind="school",
            industries=("school",),
            tasks=("children",),
            hours_per_week=12,
            times=("mon-morning", "tue-morning"),
            content=("language_practice",),
            weeks=20,
            languages={"nb": "A2"},
        ),
    )
}


def referral(sample: Sample, number: int, reference: str, referred_on: str) -> dict[str, Any]:
    """The referral document of case `number`."""
    given = sample.given_names[number % len(sample.given_names)]
    return {
        "source_reference": reference,
        "programme": sample.programme,
        "unit": sample.unit,
        "channel": sample.channel,
        "referred_on": referred_on,
        "candidate": {
            "given_name": given,
            "family_name": family_name(number + 3 * list(SAMPLES).index(sample.programme)),
            "birth_date": sample.birth_date,
            "gender": "x",
            "email": candidate_email(sample, number),
            "phone": "+4570102030",
            "postcode": sample.postcode,
            "language": sample.language,
            "situation": sample.situation,
            "target_group": sample.target_group,
        },
        "chosen_by_candidate": True,
        "groups": list(sample.groups),
        "needs": list(sample.needs),
        "wishes": list(sample.wishes),
        "school": sample.school,
        "reply_to_case": True,
    }


def candidate_email(sample: Sample, number: int) -> str:
    return f"kandidat-{sample.programme}-{number}@example.org"


def host_email(sample: Sample, number: int) -> str:
    return f"vaert-{sample.programme}-{number}@example.org"


def contact_name(sample: Sample, number: int) -> str:
    """Who is met at the host of case `number`: its contact person, or the volunteer."""
    offset = 3 * list(SAMPLES).index(sample.programme)
    return f"{CONTACT_NAMES[(number + offset) % len(CONTACT_NAMES)]} {family_name(number + offset + 5)}"


def host_name(sample: Sample, number: int) -> str:
    """The host's name; a volunteer's is their own."""
    if sample.by_volunteer:
        return contact_name(sample, number)
    return sample.host_names[number % len(sample.host_names)]
