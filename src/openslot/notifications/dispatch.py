"""From events to mails in the outbox: written by the table of mails.py, sent by the worker.

Mails are queued in the transaction that marks their event as done. A mail about an event names
it, and is looked at again right before it is sent: what is stale by then is not sent.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from openslot.booking.models import Appointment
from openslot.core import outbox
from openslot.core.config import Settings
from openslot.core.ids import new_id
from openslot.core.language import Language, language
from openslot.core.work import Work
from openslot.identity.models import Account
from openslot.notifications import contents, events, ics, queries, reminders, staleness
from openslot.notifications.calendar_titles import title
from openslot.notifications.delivery import MailMessage
from openslot.notifications.events import (
    AppointmentEvent,
    AppointmentsEvent,
    Channel,
    Event,
    OfferEvent,
    Payload,
)
from openslot.notifications.ics import Attendee, Method
from openslot.notifications.mails import MAILS, AccountMail, Mail
from openslot.notifications.preferences import choices, stop_link
from openslot.notifications.queries import AsItIs
from openslot.notifications.recipients import Recipient
from openslot.notifications.rendering import render, render_short
from openslot.notifications.sms import Question, SmsMessage

MAIL, SMS = outbox.MAIL, outbox.SMS
"""The topics of mails and text messages in the outbox."""


class Letter(NamedTuple):
    """A message about an event to one reader."""

    mail: Mail[Any]
    event: Any
    payload: Payload
    to: Recipient


def notify(work: Work, happened: Sequence[tuple[str, Payload]]) -> None:
    """Queue the messages about events, unless they are stale, and reminders of appointments. What
    most events need is read together.

    Nobody gets messages of a kind that they have switched off.
    """
    events.read_ahead(work.session, [payload for _, payload in happened])
    letters = [letter for topic, payload in happened for letter in _letters(work, topic, payload)]
    readers = (letter.to.account_id for letter in letters)
    chosen = choices(work.session, {reader for reader in readers if reader})
    for mail, event, payload, to in letters:
        if mail.reminder:
            reminders.schedule(event, to)
        if event.is_told_with_others or to.channel not in event.channels:
            continue
        if mail.kind is None or chosen.wants(to.account_id, mail.kind, to.channel):
            _queue(work, mail, event, to, {**payload, "topic": event.topic})


def _letters(work: Work, topic: str, payload: Payload) -> Iterator[Letter]:
    event = None if topic not in MAILS else _current(work, topic, payload)
    if event is not None:
        for mail in MAILS[topic].mails:
            for to in mail.to(event):
                if to.channel is Channel.MAIL or mail.sms:
                    yield Letter(mail, event, payload, to)


def _current(work: Work, topic: str, payload: Payload) -> Event | None:
    """Return the event, or None if it is stale."""
    about = MAILS[topic].about
    event = about.load(work, topic, payload)
    return None if event is None or (about.is_stale and about.is_stale(event)) else event


def _queue(
    work: Work, mail: Mail[Any], event: Any, to: Recipient, told_of: Mapping[str, Any]
) -> None:
    """Queue one message of the table to one recipient, as their address takes it."""
    content = (mail.content or MAILS[event.topic].about.content)(event, to)
    if to.channel is Channel.SMS:
        message = sms_message(mail.template, event.key, to, content, work.settings)
        queue_sms(work, message, about=told_of, due=_waking(mail, event, to))
        return
    letter = _message(mail, event.key, to, content, work.settings)
    if mail.calendar:
        letter = _with_entry(letter, event, to, mail.calendar)
    due = reminders.awake(event, to) if mail.quiet else None
    queue_mail(work, letter, about=told_of, due=due)


def _waking(
    mail: Mail[Any], event: AppointmentEvent | OfferEvent, to: Recipient
) -> datetime | None:
    """Return until when a text message waits: no telephone rings at night, unless about what its
    owner has just done."""
    is_theirs = isinstance(event, AppointmentEvent) and event.by and event.by == to.account_id
    return None if is_theirs and not mail.quiet else reminders.awake(event, to)


def outdated(work: Work, messages: Sequence[Mapping[str, Any]]) -> list[bool]:
    """Return of each queued message whether the event that it is about has become stale."""
    payloads = [dict(packed.get("about") or {}) for packed in messages]
    topics = [payload.pop("topic", None) for payload in payloads]
    known = queries.as_they_are(work.session, events.appointments_of(payloads))
    return [
        topic in MAILS and _is_outdated(work, topic, payload, known)
        for topic, payload in zip(topics, payloads, strict=True)
    ]


def _is_outdated(work: Work, topic: str, payload: Payload, known: Mapping[UUID, AsItIs]) -> bool:
    """Return whether an event is stale: of a single appointment, by what is ``known`` of it."""
    is_stale = MAILS[topic].about.is_stale
    if is_stale is staleness.appointment_is_stale:
        change = events.change_of(payload)
        appointment = known.get(UUID(change.appointment))
        return appointment is None or staleness.has_changed(
            topic, change, appointment, now=work.now
        )
    return is_stale is not None and _current(work, topic, payload) is None


def sms_message(
    template: str, key: str, to: Recipient, content: contents.Values, settings: Settings
) -> SmsMessage:
    """Return what a template says in short, to a mobile number."""
    values = {**contents.for_every_mail(to.name, settings), **content, "dependent": to.dependent}
    text = render_short(f"mail/{template}", to.language, values)
    asks = content.get("asks")
    question = asks if isinstance(asks, Question) else None
    return SmsMessage(to.address, text, f"{key}.{template}.{to.key}", question)


def queue_sms(
    work: Work,
    message: SmsMessage,
    *,
    about: Mapping[str, Any] | None = None,
    due: datetime | None = None,
) -> UUID:
    """Have the worker send a text message, once for its key; see :func:`queue_mail`."""
    return outbox.send(work, SMS, {**message.packed(), "about": about}, due=due, once=message.key)


def tell_at_once(work: Work, topic: str, appointment: Appointment, to: Recipient) -> None:
    """Tell by text message of a change that the reader has just made by one. The event of the
    change tells them nothing more by SMS, whether they chose that or not."""
    event = AppointmentEvent.of(work, topic, appointment)
    mail = next(one for one in MAILS[topic].mails if one.sms)
    content = MAILS[topic].about.content(event, to)
    queue_sms(work, sms_message(mail.template, event.key, to, content, work.settings))


def account_mail(
    kind: AccountMail, to: str, name: str, link: str, language: Language, settings: Settings
) -> MailMessage:
    """Return a mail about an account; ``link`` is where its button leads."""
    values = {**contents.for_every_mail(name, settings), "page": link}
    rendered = render(kind, language, values)
    return MailMessage(to, rendered.subject, rendered.text, rendered.html, key=new_id().hex)


def queue_account_mail(
    work: Work,
    kind: str,
    account: Account,
    link: str,
    *,
    to: str | None = None,
    is_decoy: bool = False,
    once: str | None = None,
) -> UUID:
    """Write to the owner of an account, in its language; ``kind`` is an :class:`AccountMail`.

    ``to`` may be another address than the account's, such as the one that it has just left. A
    decoy takes the same work, and is never sent.
    """
    reader_language = language(account.locale, work.settings.locale)
    address = to or account.email
    mail = account_mail(
        AccountMail(kind), address, account.name, link, reader_language, work.settings
    )
    if is_decoy:
        return outbox.send_nothing(work)
    return queue_mail(work, mail, once=once)


def queue_mail(
    work: Work,
    mail: MailMessage,
    *,
    about: Mapping[str, Any] | None = None,
    due: datetime | None = None,
    once: str | None = None,
) -> UUID:
    """Have the worker send a mail once this transaction is committed; return its id there.

    ``about`` is the event that it is about, and ``due`` when it is sent at the earliest.
    """
    return outbox.send(work, MAIL, {**mail.packed(), "about": about}, due=due, once=once)


def _message(
    mail: Mail[Any], key: str, to: Recipient, content: contents.Values, settings: Settings
) -> MailMessage:
    stop = stop_link(settings, to.account_id, mail.kind) if mail.kind else None
    values = {
        **contents.for_every_mail(to.name, settings),
        **content,
        "dependent": to.dependent,
        "kind": mail.kind,
        "stop_page": stop,
    }
    rendered = render(mail.template, to.language, values)
    return MailMessage(
        to=to.address,
        name=to.name,
        subject=rendered.subject,
        text=rendered.text,
        html=rendered.html,
        key=f"{key}.{mail.template}.{to.key}",
        stop=stop,
    )


def _with_entry(
    message: MailMessage, event: AppointmentEvent, to: Recipient, method: Method
) -> MailMessage:
    """Add the appointment, or all of them, for the reader's calendar (RFC 6047)."""
    if isinstance(event, AppointmentsEvent):
        entries = [(one, title(one, to.side, to.language)) for one in event.appointments]
        settings = event.work.settings
        entry = ics.calendar_file(
            entries,
            public_url=settings.public_url,
            organizer=settings.mail_from,
            now=event.work.now,
        )
        return replace(message, calendar=entry.decode(), method=method)
    entry = ics.calendar_entry(
        event.appointment,
        method=method,
        public_url=event.work.settings.public_url,
        organizer=event.work.settings.mail_from,
        now=event.work.now,
        attendee=Attendee(to.name, to.address),
        summary=title(event.appointment, to.side, to.language),
    )
    return replace(message, calendar=entry.decode(), method=method)
