"""Writing a mail: its text in the receiver's language, its links, its headers.

Job: a queued mail and its receiver -> an `EmailMessage`. Guarantee: the same mail has the same links
and the same Message-ID each time it is written; it names its receiver and nobody else, and says of the
case what the event said, in dates, numbers and the programme's words. It sends nothing.

The texts stand in `templates/mail/<language>/<template>.txt`, one block `subject` and one block `body`
each; `frame.txt` holds what they share.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from email_validator import EmailNotValidError, validate_email
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template, select_autoescape

from services.notifications.documents import ContactFile, Mail
from shared.language import LANGUAGES, Formats, read_words
from shared.links import Signer
from shared.pages import SHARED
from shared.programmes import Programmes, Rules
from shared.programmes.definition import Words as Called

TEMPLATES = Path(__file__).parent / "templates" / "mail"


class BadAddress(Exception):
    """No mail server would know what to do with this address."""


def address(email: str) -> str:
    """The address as a mail server takes it. Raises `BadAddress`."""
    try:
        checked = validate_email(email.strip(), check_deliverability=False)
    except EmailNotValidError:
        raise BadAddress from None
    return checked.ascii_email or checked.normalized


class Writer:
    """Writes mails. `public_url` is where links lead to, `mail_from` the sender's address."""

    def __init__(self, programmes: Programmes, signer: Signer, public_url: str, mail_from: str) -> None:
        self._programmes = programmes
        self._signer = signer
        self._public_url = public_url.rstrip("/")
        self._mail_from = mail_from
        self._words = read_words([SHARED / "words"])
        self._environments = {language: _environment(language) for language in LANGUAGES}

    def write(self, mail: Mail, contact: ContactFile, now: datetime) -> EmailMessage:
        """The mail to `contact`. Raises `BadAddress`; any other exception is a fault in a text."""
        receiver = address(contact.email or "")
        unit = self._programmes.unit(mail.unit)
        rules = None
        if mail.programme is not None and mail.rules_version is not None:
            rules = self._programmes.version(mail.programme, mail.unit, mail.rules_version)
        known = rules.words if rules else LANGUAGES
        language = next(one for one in (contact.language or "", *unit.languages) if one in known)
        called = _called(mail, rules.words[language], rules) if rules else {"sender": unit.name}
        subject, text = self._text(mail, contact, called, language, ZoneInfo(unit.time_zone))
        message = EmailMessage()
        message["From"] = Address(called["sender"], addr_spec=self._mail_from)
        message["To"] = Address(addr_spec=receiver)
        message["Subject"] = subject
        message["Date"] = format_datetime(now)
        message["Message-ID"] = f"<{mail.id}@{self._mail_from.rpartition('@')[2]}>"
        # So that no absence reply answers to it.
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(text, cte="quoted-printable")
        # After the content, which takes every header that speaks of it with it.
        message["Content-Language"] = language
        return message

    def links(self, mail: Mail) -> dict[str, str]:
        """The addresses that a mail may name; the same ones on each retry."""
        if "notice_id" in mail.facts:
            asked = {"kind": "mentor", "notice": mail.facts["notice_id"], "partner": mail.facts["partner_id"]}
            asked |= {"channel": mail.facts["channel"]} if mail.facts["channel"] else {}
            return {"door_url": f"{self._public_url}/intake/enquiry/{mail.unit}?{urlencode(asked)}"}
        if mail.case_id is None:
            token = self._signer.token("enquiry", mail.person_id, mail.matter_id, mail.answer_by)
            return {"confirm_url": f"{self._public_url}/intake/enquiry/confirm/{token}"}
        mine = self._signer.token("mine", mail.person_id, mail.case_id, mail.mine_until)
        answer = self._signer.token("answer", mail.person_id, mail.matter_id, mail.answer_by)
        return {
            "answer_url": f"{self._public_url}/matching/answer/{answer}",
            "mine_url": f"{self._public_url}/followup/mine/{mine}",
            "case_url": f"{self._public_url}/intake/cases/{mail.case_id}",
        }

    def _text(
        self, mail: Mail, contact: ContactFile, called: Mapping[str, str], language: str, zone: ZoneInfo
    ) -> tuple[str, str]:
        formats = Formats(self._words[language], zone)
        values = {
            "name": " ".join((contact.name or "").split()),
            "side": mail.side,
            "answer_by": mail.answer_by,
            "facts": mail.facts,
            "when": lambda value: formats.weekday_and_time(value, mail.queued_at),
            "number": formats.number,
            "code": lambda list_name, code: self._programmes.codes.words(list_name, code, language),
            **called,
            **self.links(mail),
        }
        template = self._environments[language].get_template(f"{mail.template}.txt")
        subject = _block(template, "subject", values)
        return " ".join(subject.split()), template.render(values).strip() + "\n"


def _called(mail: Mail, words: Called, rules: Rules) -> dict[str, str]:
    """What people and things are called in a programme, to this receiver."""
    return {
        "placement": words.placement,
        "heading": words.placement[:1].upper() + words.placement[1:],
        "other": words.candidate if mail.side != "candidate" else getattr(words, rules.paired_with),
        "sender": words.sender,
    }


def _block(template: Template, name: str, values: dict[str, object]) -> str:
    return "".join(template.blocks[name](template.new_context(values)))


def _environment(language: str) -> Environment:
    return Environment(
        loader=FileSystemLoader(TEMPLATES / language),
        # These are plain texts; an HTML one would be escaped.
        autoescape=select_autoescape(("html",)),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
        auto_reload=False,
    )
