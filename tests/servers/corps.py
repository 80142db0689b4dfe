"""A second mentor corps of the same controller, so that one can be handed over to the other."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

import shared.programmes
from shared.access import person_of
from shared.messages import Actor
from shared.programmes import Programmes, load

AALBORG, HJOERRING = "DK-0851/aalborg", "DK-0851/hjoerring"
UNIT = """
[unit."DK-0851/hjoerring"]
name = "Mentorkorps Hjørring"
controller = "mentornetDK"
country = "DK"
time_zone = "Europe/Copenhagen"
languages = ["da", "en"]
postcodes = ["9800"]
programmes = ["mentorskab"]
ladder = [1, 2, 3, 4]
centre = { lat = 57.464, lon = 9.982 }

[unit."DK-0851/hjoerring".locations]
9800 = { lat = 57.464, lon = 9.982 }
"""


def actor(role: str, name: str = "maja", units: tuple[str, ...] = (AALBORG, HJOERRING)) -> Actor:
    """Somebody of both corps."""
    return Actor(name, "staff", person_of("test", name), roles=frozenset({role}), units=frozenset(units))


def with_twin(programmes: Programmes, unit: str, twin: str) -> Programmes:
    """The same programmes with another unit that has all that this one has."""
    units = {**programmes.units, twin: programmes.units[unit].model_copy(update={"id": twin})}
    versions = {
        (name, other): found
        for (name, of), found in programmes.by_version.items()
        for other in ((of, twin) if of == unit else (of,))
    }
    return replace(programmes, units=units, by_version=versions)


@pytest.fixture
def two_corps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Programmes:
    """The programmes with a corps in Hjørring, for whatever is set up after it."""
    folder = tmp_path / "programmes"
    shutil.copytree(Path(str(shared.programmes.__file__)).parent, folder)
    with (folder / "units.toml").open("a", encoding="utf-8") as units:
        units.write(UNIT)
    monkeypatch.setenv("PROGRAMMES_DIR", str(folder))
    return load(folder)
