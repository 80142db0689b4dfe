"""Notifications' workflow: from an event that somebody is told of to a mail that was sent, or was not.

An event about a proposal or a match is a step in its matter and adds a mail for each person to be told
(`telling.py` says whom). Contacts come on a topic of their own, before or after: a mail waits until its
receiver's contact is known. `sending.py` takes what can be sent, outside any transaction, and tells
with a message what became of it. A mail that the server could not take is put off, longer each time;
what cannot be delivered is failed, or not for mail at all, and a colleague calls the person or, once
the address is mended, has it tried again.

A mail is superseded, and not sent, when its matter is over, its receiver has answered meanwhile, it
comes too late, or its receiver is erased. An erased contact stays erased whatever comes after.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from services.notifications import handing_over
from services.notifications.documents import (
    ContactFile,
    Mail,
    MailNotNeeded,
    MailPutOff,
    MailTaken,
    MailUndeliverable,
    Matter,
    State,
)
from services.notifications.telling import is_refusal, mails
from shared.contracts.followup import (
    CheckInBooked,
    CheckInDue,
    CheckInMoved,
    PlacementEnded,
    PlacementStarted,
)
from shared.contracts.intake import CaseAssigned, Contact, EnquiryMade, PartnerAsked, SubjectErased
from shared.contracts.matching import (
    MatchAgreed,
    MatchCancelled,
    MatchMeetingBooked,
    MatchProposed,
    ProposalAnswerDue,
    ProposalAnswered,
    ProposalLapsed,
    ProposalWithdrawn,
)
from shared.contracts.model import Party
from shared.contracts.notifications import MailFailed, MailSent, RetryMail
from shared.messages import Append, Decision, Ignored, Message, Tombstone
from shared.programmes import Programmes
from shared.transitions import Lifecycle, On, Workflow

FIRST_PAUSE = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(hours=4)
MOST_TRIES = 20
"""With these pauses a mail is given up after two days."""
NO_ADDRESS = "no_email"

Done = Decision[State] | Ignored


def keep_contact(state: State, message: Message, rules: Programmes, now: datetime) -> Done:
    body = message.body
    assert isinstance(body, Contact)
    if state.contact is not None and body.version <= state.contact.contact_version:
        return Ignored("older_than_stored")
    contact = ContactFile(
        id=body.person_id,
        state="known",
        contact_version=body.version,
        **body.model_dump(include={"name", "email", "phone", "language", "channel"}),
    )
    return Decision(replace(state, contact=contact))


def erase_contact(state: State, message: Message, rules: Programmes, now: datetime) -> Done:
    return Decision(replace(state, contact=ContactFile(id=state.ids["contact"], state="erased")))


def erase_person(state: State, message: Message, rules: Programmes, now: datetime) -> Done:
    """Nobody is written to any more. What is told of a case or a place is not kept here under their names:
    the others still hear how it goes on."""
    body = message.body
    assert isinstance(body, SubjectErased)
    if body.kind != "person":
        return Ignored("nothing_kept_under_it")
    mails_left = tuple(
        mail.model_copy(update={"state": "superseded", "reason": "erased"})
        if mail is not None and mail.state in ("queued", "failed", "not_by_mail")
        else mail
        for mail in state.mails
    )
    after = replace(state, contact=ContactFile(id=body.person_id, state="erased"), mails=mails_left)
    return Decision(after, erased={body.person_id: body.model_dump_json()})


def tell(state: State, message: Message, rules: Programmes, now: datetime) -> Done:
    """A step that leaves its matter open."""
    event: Any = message.body
    return told(state, message, rules, now, stepped(state.matter, state, event))


def tell_the_end(state: State, message: Message, rules: Programmes, now: datetime) -> Done:
    """The matter is over."""
    event: Any = message.body
    return told(state, message, rules, now, stepped(state.matter, state, event, closed=True))


def tell_of_answer(state: State, message: Message, rules: Programmes, now: datetime) -> Done:
    """Somebody answered: it goes on with whom is asked next, or ends."""
    event = message.body
    assert isinstance(event, ProposalAnswered)
    own = rules.version(event.programme, event.unit, event.rules_version)
    # Once everybody has said yes it may still be withdrawn, and they must hear of that.
    after = stepped(state.matter, state, event, closed=is_refusal(event, state.matter, own))
    after = after.model_copy(update={"answered": (*after.answered, event.by)})
    return told(state, message, rules, now, after)


def tell_of_enquiry(state: State, message: Message, rules: Programmes, now: datetime) -> Done:
    """Somebody asked, and is to confirm their address; once they have, by whatever way, no mail asks them."""
    event = message.body
    assert isinstance(event, EnquiryMade)
    after = stepped(state.matter, state, event, closed=event.stage == "confirmed")
    return told(state, message, rules, now, after)


def tell_partner(state: State, message: Message, rules: Programmes, now: datetime) -> Done:
    """A partner is asked to look for a mentor; a notice that was down may be up again."""
    event = message.body
    assert isinstance(event, PartnerAsked)
    return told(state, message, rules, now, stepped(state.matter, state, event, closed=event.over))


def stepped(before: Matter | None, state: State, event: Any, *, closed: bool = False) -> Matter:
    """The matter after an event, whichever comes first."""
    matter = before or Matter(id=state.ids["matter"], state="open", unit=event.unit)
    asked: dict[Any, Party] = {party.person_id: party for party in (*event.asked, *matter.asked)}
    return matter.model_copy(
        update={
            "state": "closed" if closed else "open",
            "case_id": getattr(event, "case_id", None),
            "asked": tuple(asked.values()),
            "answer_by": getattr(event, "answer_by", None) or matter.answer_by,
        }
    )


def told(state: State, message: Message, rules: Programmes, now: datetime, after: Matter) -> Done:
    """The mails are new rows, under ids that follow from the event: nobody else can have made them."""
    made = mails(message, state.matter, after, rules, now)
    rows = tuple(
        Append("mail", {"id": one.id, "version": 1, "doc": one.model_dump(mode="json")}) for one in made
    )
    return Decision(replace(state, matter=after), appends=rows)


def mail_of(state: State) -> Mail:
    if state.mail is None:
        raise AssertionError("the table leads here with a mail alone")
    return state.mail


def changed(state: State, /, **update: Any) -> State:
    return replace(state, mail=mail_of(state).model_copy(update=update))


def about(mail: Mail) -> dict[str, Any]:
    """The fields that every event of a mail carries."""
    kept = mail.model_dump(include={"person_id", "template", "case_id", "unit", "programme"})
    return {"mail_id": mail.id, **kept}


def note_sent(state: State, message: Message, rules: Programmes, now: datetime) -> Done:
    mail = mail_of(state)
    return Decision(
        changed(state, state="sent", sent_at=now, tries=mail.tries + 1, reason=None),
        events=(MailSent(**about(mail)),),
    )


def put_off(state: State, message: Message, rules: Programmes, now: datetime) -> Done:
    """Wait twice as long each time, and give up in the end."""
    mail, body = mail_of(state), message.body
    assert isinstance(body, MailPutOff)
    tries = mail.tries + 1
    if tries >= MOST_TRIES:
        return failed(changed(state, tries=tries), "failed", body.reason)
    pause = min(FIRST_PAUSE * 2 ** min(mail.tries, 16), LONGEST_PAUSE)
    return Decision(changed(state, tries=tries, not_before=now + pause, reason=body.reason))


def note_undeliverable(state: State, message: Message, rules: Programmes, now: datetime) -> Done:
    body = message.body
    assert isinstance(body, MailUndeliverable)
    if body.reason == NO_ADDRESS:
        return failed(state, "not_by_mail", body.reason)
    return failed(changed(state, tries=mail_of(state).tries + 1), "failed", body.reason)


def failed(state: State, reached: str, reason: str) -> Decision[State]:
    return Decision(
        changed(state, state=reached, reason=reason),
        events=(MailFailed(**about(mail_of(state)), reason=reason),),
    )


def drop(state: State, message: Message, rules: Programmes, now: datetime) -> Done:
    body = message.body
    assert isinstance(body, MailNotNeeded)
    return Decision(changed(state, state="superseded", reason=body.reason))


def retry(state: State, message: Message, rules: Programmes, now: datetime) -> Done:
    return Decision(changed(state, state="queued", tries=0, not_before=now, reason=None))


WORKFLOW = Workflow(
    Lifecycle(
        "contact",
        (
            On(Contact, "none known", "known", keep_contact),
            On(Tombstone, "none known", "erased", erase_contact),
            On(SubjectErased, "none known", "= erased", erase_person),
            On(SubjectErased, "erased", "=", erase_person),
        ),
        ends=("erased",),
    ),
    Lifecycle(
        "matter",
        (
            On(MatchProposed, "none open", "open", tell),
            On(ProposalAnswerDue, "none open", "open", tell),
            On(ProposalAnswered, "none open", "open closed", tell_of_answer),
            On(ProposalLapsed, "none open", "closed", tell_the_end),
            On(ProposalWithdrawn, "none open", "closed", tell_the_end),
            On(MatchMeetingBooked, "none open", "open", tell),
            On(MatchAgreed, "none open", "open", tell),
            On(PlacementStarted, "none open", "open", tell),
            On(CheckInBooked, "none open", "open", tell),
            On(CheckInMoved, "none open", "open", tell),
            On(CheckInDue, "none open", "open", tell),
            On(MatchCancelled, "none open", "closed", tell_the_end),
            On(PlacementEnded, "none open", "closed", tell_the_end),
            On(EnquiryMade, "none open", "open closed", tell_of_enquiry),
            On(PartnerAsked, "none open closed", "open closed", tell_partner),
        ),
        ends=("closed",),
    ),
    Lifecycle(
        "mail",
        (
            On(MailTaken, "queued", "sent", note_sent),
            On(MailPutOff, "queued", "queued failed", put_off),
            On(MailUndeliverable, "queued", "failed not_by_mail", note_undeliverable),
            On(MailNotNeeded, "queued", "superseded", drop),
            On(RetryMail, "failed not_by_mail", "queued", retry),
        ),
        ends=("sent", "superseded"),
    ),
    Lifecycle("case", (On(CaseAssigned, "none moved", "moved", handing_over.assigned),), ends=("moved",)),
)
