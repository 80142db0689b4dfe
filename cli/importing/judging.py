"""What the server would refuse of a line, said before anything is sent.

Guarantee: the judge is the server's own code, `services.intake.referral.judge` and the workflow's decisions
about hosts, mentors and places, which are pure; a line without fault here is refused there only for what
the server alone knows: who asks, and what was said before. Nothing is written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from pydantic import BaseModel, ValidationError

from cli.importing.headings import NAMES
from cli.importing.rows import Row
from services.intake.documents import HostFile, Mentor, State
from services.intake.hosts import register_host
from services.intake.mentors import register_mentor
from services.intake.places import offer_place
from services.intake.referral import judge
from shared.contracts.register_commands import OfferPlace, RegisterHost, RegisterMentor
from shared.messages import Message, Refused
from shared.problems import of_validation
from shared.programmes import Programmes

Said = tuple[str, str, str]
"""Code, field and message of something that is wrong."""
NEEDED = ("malformed", "missing")
OF_PARTNERS = ("unknown_partner", "school_precondition_missing")
"""Who is a partner, and what it has agreed to once for all its pupils, the server alone knows."""
SENTENCES = {"missing": "is missing", "host_kind_outside_programme": "the programme is not for such a host"}


def note_faults(row: Row, programmes: Programmes, now: datetime) -> None:
    """Add to the row what the server would say against it."""
    if not row.kind:
        return
    if row.kind == "candidates":
        judged = judge(row.document, programmes, now)
        faults: list[tuple[str, Said]] = [("", (one.code, one.field, "")) for one in judged.faults]
        code_list = "rejections"
    else:
        faults, code_list = list(_refused(row, programmes, now)), "refusals"
    if row.document.get("partner_id"):
        faults = [one for one in faults if one[1][0] not in OF_PARTNERS]
    add(row, faults, programmes, code_list)


def add(row: Row, faults: list[tuple[str, Said]], programmes: Programmes, code_list: str) -> None:
    """Say faults in words, each at its column; what could not be read has been said already."""
    for prefix, (code, path, message) in faults:
        path = prefix + path
        source = row.source(path)
        if {source, path} & row.unread or any(path.startswith(f"{known}.") for known in row.unread):
            continue
        text = in_words(programmes, code_list, code, message)
        if code in NEEDED and (source is None or source in row.blank):
            names = NAMES[row.kind].get(path, (path,))
            text = "is empty, and is needed" if source else f"'{names[0]}' is needed too"
        row.fault(path, text)


def in_words(programmes: Programmes, code_list: str, code: str, message: str = "") -> str:
    """A fault's sentence: of codes.toml, if it is there."""
    if programmes.codes.has(code_list, code):
        return programmes.codes.words(code_list, code, "en")
    return SENTENCES.get(code) or message or code.replace("_", " ")


def _refused(row: Row, programmes: Programmes, now: datetime) -> Iterator[tuple[str, Said]]:
    is_host = row.kind == "hosts"
    own = UUID(row.document["host_id" if is_host else "mentor_id"])
    model: type[BaseModel] = RegisterHost if is_host else RegisterMentor
    decide = register_host if is_host else register_mentor
    # Nobody asks: that somebody may act in the unit, the server alone can say.
    state = State(ids={"host": own, "mentor": own, "person": own, "place": uuid4()})
    body, faults = _read(model, row.document)
    yield from (("", fault) for fault in faults)
    if body is not None:
        try:
            state = decide(state, _message(body, now), programmes, now).state
        except Refused as refused:
            yield from (("", fault) for fault in _said(refused))
    if row.place is None or row.document.get("unit") not in programmes.units:
        return
    if state.host is None and state.mentor is None:
        state = _stand_in(row, own)
    offered, faults = _read(OfferPlace, row.place)
    yield from (("place.", fault) for fault in faults)
    if offered is not None and (row.kind == "mentors" or "kind" in row.document):
        try:
            offer_place(state, _message(offered, now), programmes, now)
        except Refused as refused:
            yield from (("place.", fault) for fault in _said(refused))


def _stand_in(row: Row, own: UUID) -> State:
    """A host or mentor that is itself at fault, as far as its place is judged by it."""
    said = {"name": "", **row.document, "id": own, "contact_person_id": own, "birth_date": None}
    if row.kind == "hosts":
        return State(ids={"place": uuid4()}, host=HostFile.model_construct(**said))
    return State(ids={"place": uuid4()}, mentor=Mentor.model_construct(**said))


def _read(model: type[BaseModel], document: Mapping[str, Any]) -> tuple[BaseModel | None, list[Said]]:
    try:
        return model.model_validate(document), []
    except ValidationError as error:
        return None, of_validation(error)


def _said(refused: Refused) -> list[Said]:
    return list(refused.errors) or [(refused.code, refused.field, "")]


def _message(body: BaseModel, now: datetime) -> Message:
    return Message(id=uuid4(), type=type(body).__name__, body=body, time=now, kind="command")
