"""One host or mentor with their places, and the days: what tests of the registers send messages to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from pydantic import BaseModel

from services.intake.documents import HostFile, Mentor, Place, State
from services.intake.registers import Partner
from services.intake.workflow import WORKFLOW
from shared import programmes as definitions
from shared.contracts.intake import PlaceOffered, PlaceWithdrawn
from shared.contracts.intake_commands import ContactDetails
from shared.contracts.model import Command, Event, derived_id
from shared.contracts.register_commands import OfferPlace, RegisterHost, RegisterMentor
from shared.messages import Actor, Cancel, Decision, Message, Refused, Schedule
from shared.programmes import Programmes, load

TOWN, CORPS, KIND = "DK-0169", "DK-0851/aalborg", "child_certificate"
START = date(2026, 11, 23)
PROGRAMMES = load()
ASKS_A_CERTIFICATE = """
[[version.certificates]]
source = "assumed"
kind = "{kind}"
of = "mentor"
valid_months = 2
renew_days = 14
lead_days = 10
needs_mailbox = {by_mailbox}
"""


def reading(tmp_path: Path, by_mailbox: bool = False) -> Programmes:
    """The samples, with a corps that asks its mentors for a certificate."""
    for file in Path(str(definitions.__file__)).parent.glob("*.toml"):
        text = file.read_text(encoding="utf-8")
        if file.stem == "mentorskab":
            text = text.replace('certificates = []\nsources.certificates = "assumed"\n', "")
            text += ASKS_A_CERTIFICATE.format(kind=KIND, by_mailbox=str(by_mailbox).lower())
        (tmp_path / file.name).write_text(text, encoding="utf-8")
    return load(tmp_path)


@dataclass
class Desk:
    """One host or mentor with their places, to whom messages happen on the unit's days."""

    programmes: Programmes = PROGRAMMES
    unit: str = CORPS
    today: date = START
    documents: dict[str, Any] = field(default_factory=dict)
    places: dict[UUID, Place] = field(default_factory=dict)
    timers: dict[UUID, Schedule] = field(default_factory=dict)
    told: list[Event] = field(default_factory=list)
    last: tuple[Event, ...] = ()
    ids: dict[str, UUID] = field(
        default_factory=lambda: {name: uuid4() for name in ("host", "mentor", "person", "partner")}
    )

    def __post_init__(self) -> None:
        self.ids["person"] = self.ids["mentor"]
        self.ids["unit"] = derived_id("unit", self.unit)

    def send(self, body: BaseModel, *rows: str, place: UUID | None = None) -> tuple[Event, ...]:
        """What the message led to; `rows` are the aggregates it concerns."""
        ids: dict[str, Any] = {}
        state: dict[str, Any] = {}
        if place is not None:
            ids["place"], state["place"] = place, self.places.get(place)
        for name in rows:
            ids[name] = tuple(self.places) if name == "places" else self.ids[name]
            state[name] = tuple(self.places.values()) if name == "places" else self.documents.get(name)
        kind: Any = "command" if isinstance(body, Command) else "timer"
        actor = Actor("anna", "staff", uuid4(), units=frozenset({TOWN, CORPS}))
        now = datetime.combine(self.today, time(9), UTC)
        message = Message(uuid4(), type(body).__name__, body, now, kind=kind, actor=actor)
        done = WORKFLOW.decide(State(ids=ids, **state), message, self.programmes, now)
        self.last = ()
        if isinstance(done, Decision):
            for name in rows:
                if name == "places":
                    self.places = dict(zip(ids[name], getattr(done.state, name), strict=True))
                else:
                    self.documents[name] = getattr(done.state, name)
            if place is not None and done.state.place is not None:
                self.places[place] = done.state.place
            for timer in done.timers:
                self.timers.pop(timer.id, None)
                if isinstance(timer, Schedule):
                    self.timers[timer.id] = timer
                else:
                    assert isinstance(timer, Cancel)
            self.last = done.events
            self.told += done.events
        return self.last

    def live_until(self, day: date) -> None:
        """Let the days go by; what falls due happens on its day, after midnight and in order."""
        while self.today < day:
            self.today += timedelta(days=1)
            end = datetime.combine(self.today, time(9), UTC)
            due = sorted((one for one in self.timers.values() if one.at <= end), key=lambda one: one.at)
            for one in due:
                if self.timers.pop(one.id, None) is not None:
                    self.send(one.timer, "mentor", "places")

    @property
    def mentor(self) -> Mentor:
        found: Mentor = self.documents["mentor"]
        return found

    @property
    def host(self) -> HostFile:
        found: HostFile = self.documents["host"]
        return found

    @property
    def partner(self) -> Partner:
        found: Partner = self.documents["partner"]
        return found

    def of_the_last(self, kind: type[Event]) -> Iterator[Any]:
        return (event for event in self.last if isinstance(event, kind))

    def is_told_of(self, place: UUID) -> bool:
        """What somebody knows who hears the events alone."""
        of_it = [
            event
            for event in self.told
            if isinstance(event, PlaceOffered | PlaceWithdrawn) and event.place_id == place
        ]
        return bool(of_it) and isinstance(of_it[-1], PlaceOffered)

    # What is said most often.

    def register_mentor(self, **said: Any) -> None:
        contact = ContactDetails(name="Mia Mentor", email="mia@example.org")
        grown_up = {"birth_date": date(1980, 5, 1)}
        said = {"contact": contact, "mentor_id": self.ids["mentor"], "unit": self.unit} | grown_up | said
        self.send(RegisterMentor(**said), "mentor", "person", "places")

    def register_host(self, **said: Any) -> None:
        contact = ContactDetails(name="Vera Vært", email="vera@example.org")
        said = {"kind": "association", "name": "Klubben", "contact_person": contact, "unit": self.unit} | said
        self.send(RegisterHost(host_id=self.ids["host"], **said), "host", "person", "places")

    def of_the_mentor(self, command: Any, **said: Any) -> tuple[Event, ...]:
        return self.send(command(mentor_id=self.ids["mentor"], **said), "mentor", "places")

    def of_the_host(self, command: Any, *rows: str, **said: Any) -> tuple[Event, ...]:
        return self.send(command(host_id=self.ids["host"], **said), "host", *(rows or ("places",)))

    def offer(self, place: UUID | None = None, by: str = "mentor", **said: Any) -> UUID:
        place = place or uuid4()
        programme = "mentorskab" if by == "mentor" else "foreningspraktik"
        said = {"programmes": (programme,), f"{by}_id": self.ids[by]} | said
        self.send(OfferPlace(place_id=place, **said), by, "places", place=place)
        return place


def refused(desk: Desk, body: BaseModel, *rows: str, **more: Any) -> tuple[str, tuple[str, ...]]:
    """The code of the refusal, and the fields that are at fault."""
    with pytest.raises(Refused) as refusal:
        desk.send(body, *rows, **more)
    errors = refusal.value.errors or ((refusal.value.code, refusal.value.field, ""),)
    return refusal.value.code, tuple(field for _, field, _ in errors)
