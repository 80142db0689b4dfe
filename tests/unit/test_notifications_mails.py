"""The mails themselves: every template in every language and programme, as their receivers read them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl
from uuid import uuid4

import pytest

from services.notifications.documents import ContactFile, Mail
from services.notifications.postman import Server
from services.notifications.telling import TEMPLATES
from services.notifications.writing import TEMPLATES as TEXTS
from services.notifications.writing import BadAddress, Writer
from shared.language import LANGUAGES
from shared.links import Reader, Signer, new_key
from shared.programmes import load

PROGRAMMES = load()
PRIVATE, PUBLIC = new_key("link-1")
WRITER = Writer(PROGRAMMES, Signer(PRIVATE), "https://makker.example.org/", "post@makker.example.org")
NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
ANSWER_BY = datetime(2026, 12, 3, 9, tzinfo=UTC)
FACTS = {
    "starts_on": "2026-12-01",
    "ends_on": "2027-02-26",
    "started_on": "2026-12-01",
    "hours_per_week": 4.5,
    "due_on": "2026-12-23",
    "at": "2026-12-23T09:30:00Z",
    "mode": "in_person",
}
OF_AN_ENQUIRY, OF_A_NOTICE = "enquiry_confirm", "mentor_wanted"
NAMES = sorted({telling.template for telling in TEMPLATES} - {OF_AN_ENQUIRY, OF_A_NOTICE})
OFFERED = sorted(PROGRAMMES.by_version)


def mail(template: str, **more: Any) -> Mail:
    values: dict[str, Any] = {
        "id": uuid4(),
        "state": "queued",
        "template": template,
        "person_id": uuid4(),
        "side": "candidate",
        "unit": "DK-0169",
        "programme": "foreningspraktik",
        "rules_version": "2020-01-01",
        "case_id": uuid4(),
        "matter_id": uuid4(),
        "while_open": True,
        "facts": FACTS,
        "queued_at": NOW,
        "not_before": NOW,
        "answer_by": ANSWER_BY,
        "mine_until": datetime(2031, 12, 1, tzinfo=UTC),
    }
    return Mail(**values | more)


def receiver(language: str = "da", **more: Any) -> ContactFile:
    values: dict[str, Any] = {"name": "Amina Eksempel", "email": "amina@example.org", "phone": "+4570102030"}
    return ContactFile(id=uuid4(), state="known", **(values | {"language": language} | more))


def text(one: Mail, language: str = "da") -> str:
    return str(WRITER.write(one, receiver(language), NOW).get_content())


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_template_is_there_in_every_language_and_no_other(language: str) -> None:
    found = sorted(file.stem for file in (TEXTS / language).glob("*.txt"))
    assert found == sorted([*NAMES, OF_AN_ENQUIRY, OF_A_NOTICE, "frame"])


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("template", NAMES)
@pytest.mark.parametrize("side", ["candidate", "host", "mentor", "staff"])
def test_every_mail_greets_its_receiver_and_leads_to_a_page_in_every_programme(
    template: str, language: str, side: str
) -> None:
    for programme, unit in OFFERED:
        one = mail(template, programme=programme, unit=unit, side=side)
        message = WRITER.write(one, receiver(language), NOW)
        written = str(message.get_content())
        words = PROGRAMMES.version(programme, unit, "2020-01-01").words[language]
        assert message["Subject"].startswith(words.placement[0].upper() + words.placement[1:])
        assert "Amina Eksempel" in written.splitlines()[0]
        assert words.sender in written and message["From"].addresses[0].display_name == words.sender
        page = "/intake/cases/" if side == "staff" else "/followup/mine/"
        assert page in written
        # A token is any letters in a row, by chance these too.
        read = re.sub(r"https://\S+", "(link)", written)
        assert "None" not in read and "{" not in read and "\n\n\n" not in read
        for private in ("+4570102030", "amina@example.org", str(one.person_id)):
            assert private not in written


@pytest.mark.parametrize(("language", "subject"), [("da", "bekræft"), ("nb", "bekreft"), ("en", "confirm")])
@pytest.mark.parametrize("unit", sorted(PROGRAMMES.units))
def test_who_wrote_at_a_units_door_is_asked_in_its_name_whether_it_was_them(
    unit: str, language: str, subject: str
) -> None:
    one = mail(OF_AN_ENQUIRY, unit=unit, programme=None, rules_version=None, case_id=None, facts={})
    message = WRITER.write(one, receiver(language), NOW)
    written, name = str(message.get_content()), PROGRAMMES.units[unit].name
    assert message["From"].addresses[0].display_name == name and name in message["Subject"]
    assert subject in message["Subject"]
    (token,) = re.findall(r"/intake/enquiry/confirm/(\S+)", written)
    actor = Reader(PUBLIC).actor(token, NOW)
    assert actor is not None and actor.scope == "enquiry"
    assert (actor.person_id, actor.question) == (one.person_id, one.matter_id)
    assert "/followup/mine/" not in written and "None" not in re.sub(r"https://\S+", "", written)


@pytest.mark.parametrize(("language", "field"), [("da", "Sundhed"), ("nb", "Helse"), ("en", "Health")])
@pytest.mark.parametrize("channel", ["library", None])
@pytest.mark.parametrize("unit", sorted(PROGRAMMES.units))
def test_a_partner_reads_what_mentor_is_wanted_and_the_way_to_the_units_door(
    unit: str, channel: str | None, language: str, field: str
) -> None:
    notice = {"notice_id": str(uuid4()), "partner_id": str(uuid4()), "channel": channel}
    facts = notice | {"field": "healthcare", "stage": "choosing_education", "task": "education_choice"}
    one = mail(
        OF_A_NOTICE, unit=unit, programme=None, rules_version=None, case_id=None, side="host", facts=facts
    )
    message = WRITER.write(one, receiver(language), NOW)
    written, name = str(message.get_content()), PROGRAMMES.units[unit].name
    assert name in message["Subject"] and field in written
    for list_name, code in (("stages", "choosing_education"), ("content", "education_choice")):
        assert PROGRAMMES.codes.words(list_name, code, language) in written
    (link,) = re.findall(r"https://makker.example.org(/\S+)", written)
    path, _, asked = link.partition("?")
    assert path == f"/intake/enquiry/{unit}"
    expected = {"kind": "mentor", "notice": notice["notice_id"], "partner": notice["partner_id"]}
    assert dict(parse_qsl(asked)) == expected | ({"channel": channel} if channel else {})
    # It is to be passed on, so it must not speak for its receiver.
    assert str(one.person_id) not in written and written.rstrip().endswith(name)


def test_the_facts_are_written_out_in_the_units_time_zone_and_the_readers_language() -> None:
    assert "Hvornår: onsdag den 23. december kl. 10.30" in text(mail("check_in_reminder"))
    assert "Når: onsdag 23. desember kl. 10:30" in text(mail("check_in_reminder"), "nb")
    assert "When: Wednesday 23 December at 10:30" in text(mail("check_in_reminder"), "en")
    assert "fredag den 26. februar 2027" in text(mail("match_agreed"))


def test_a_check_in_without_a_time_says_its_day_alone() -> None:
    without = mail("check_in_booked", facts=FACTS | {"at": None, "mode": None})
    assert "Dag: onsdag den 23. december. Tidspunktet er ikke aftalt endnu." in text(without)


@pytest.mark.parametrize(
    ("side", "programme", "unit", "expected"),
    [
        ("candidate", "foreningspraktik", "DK-0169", "forslag til foreningsvært"),
        ("host", "foreningspraktik", "DK-0169", "forslag til praktikant"),
        ("candidate", "mentorskab", "DK-0851/aalborg", "forslag til mentor"),
        ("mentor", "mentorskab", "DK-0851/aalborg", "forslag til mentee"),
    ],
)
def test_the_other_side_is_called_what_the_programme_calls_it(
    side: str, programme: str, unit: str, expected: str
) -> None:
    assert expected in text(mail("answer", side=side, programme=programme, unit=unit))


def test_a_language_that_the_programme_has_no_words_for_gives_the_units_own() -> None:
    key = ("foreningspraktik", "DK-0169")
    rules = PROGRAMMES.by_version[key]["2020-01-01"]
    danish = rules.model_copy(update={"words": {"da": rules.words["da"]}})
    fewer = type(PROGRAMMES)(
        PROGRAMMES.names, PROGRAMMES.units, PROGRAMMES.codes, {key: {"2020-01-01": danish}}
    )
    writer = Writer(fewer, Signer(PRIVATE), "https://makker.example.org", "post@makker.example.org")
    assert writer.write(mail("answer"), receiver("nb"), NOW)["Content-Language"] == "da"


def test_links_speak_for_the_receiver_and_are_the_same_on_every_try() -> None:
    one = mail("answer")
    first, second = text(one), str(WRITER.write(one, receiver(), ANSWER_BY).get_content())
    assert first == second
    answer, mine = re.findall(r"/(?:answer|mine)/(\S+)", first)
    actor = Reader(PUBLIC).actor(answer, NOW)
    assert actor and (actor.scope, actor.person_id, actor.question) == (
        "answer",
        one.person_id,
        one.matter_id,
    )
    actor = Reader(PUBLIC).actor(mine, NOW)
    assert actor and (actor.scope, actor.person_id, actor.question) == ("mine", one.person_id, one.case_id)


def test_the_message_id_belongs_to_the_mail_and_the_senders_domain() -> None:
    one = mail("answer")
    assert WRITER.write(one, receiver(), NOW)["Message-ID"] == f"<{one.id}@makker.example.org>"


def test_a_name_with_line_breaks_stays_on_its_line() -> None:
    written = WRITER.write(mail("answer"), receiver(name="Amina\r\nBcc: x@example.org"), NOW)
    assert str(written.get_content()).splitlines()[0] == "Hej Amina Bcc: x@example.org"
    assert written["Bcc"] is None


@pytest.mark.parametrize(
    "email", ["amina", "a b@example.org", "a@example.org\nBcc: b@example.org", "@", "a@b@c"]
)
def test_what_is_no_address_is_no_receiver(email: str) -> None:
    with pytest.raises(BadAddress):
        WRITER.write(mail("answer"), receiver(email=email), NOW)


def test_a_domain_with_letters_of_its_own_is_written_for_any_mail_server() -> None:
    message = WRITER.write(mail("answer"), receiver(email="amina@høje.example.org"), NOW)
    assert message["To"] == "amina@xn--hje-0na.example.org"


def test_the_mail_servers_address_is_read_with_its_user_and_its_way_of_encrypting() -> None:
    assert Server.of_url("smtp://localhost:2525") == Server("localhost", 2525)
    assert Server.of_url("smtps://us%40er:p%3Aw@mail.example.org") == Server(
        "mail.example.org", 465, tls=True, start_tls=False, username="us@er", password="p:w"
    )
    assert Server.of_url("smtp://mail.example.org?starttls=always").start_tls is True
    for wrong in ("http://mail.example.org", "smtp://", "smtp://mail.example.org?starttls=perhaps"):
        with pytest.raises(ValueError, match="SMTP_URL"):
            Server.of_url(wrong)
