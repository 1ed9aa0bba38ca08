"""Putting mail into the outbox, in the transaction of what it tells about."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from openslot.booking import queries as booking
from openslot.booking.events import AppointmentChanged, Topic
from openslot.core import outbox
from openslot.core.config import Settings
from openslot.core.language import language
from openslot.identity.models import Account
from openslot.notifications.account_messages import AccountNews, account_mail
from openslot.notifications.desk_messages import appointment_of_request_mail
from openslot.notifications.events import remind_later
from openslot.notifications.mail import Mail
from openslot.notifications.messages import News, appointment_mail
from openslot.notifications.preferences import Kind, wants
from openslot.notifications.recipients import (
    Recipient,
    Side,
    appointment_sides,
    department_of,
    department_side,
    patient_side,
)
from openslot.notifications.rules import is_still_news
from openslot.notifications.standing import appointment_topic, still_holds
from openslot.notifications.timing import awake, quiet_hours, reminder_due
from openslot.requests import queries as requests
from openslot.requests.models import Kept
from openslot.requests.queries import Asked

MAIL = "mail"
"""The topic of mails in the outbox."""


def queue_mail(
    session: Session,
    mail: Mail,
    *,
    now: datetime,
    about: Mapping[str, Any] | None = None,
    due: datetime | None = None,
) -> UUID:
    """Have the worker send ``mail`` once this transaction is committed; its id in the outbox.

    ``about`` is the event that a mail tells of: it is looked at again right before sending.
    """
    packed = _packed(mail) | {"about": None if about is None else dict(about)}
    return outbox.send(session, MAIL, packed, now=now, due=due)


def queue_account_mail(
    session: Session,
    kind: str,
    account: Account,
    link: str,
    now: datetime,
    settings: Settings,
    *,
    to: str | None = None,
) -> UUID:
    """Write to the owner of an account, in its language; ``kind`` is one of :class:`AccountNews`.

    ``link`` is where the mail's button leads. ``to`` may name an address other than the
    account's own, such as the one that it has just left.
    """
    tongue = language(account.locale, settings.locale)
    address = to or account.email
    mail = account_mail(AccountNews(kind), address, account.name, link, tongue, settings)
    return queue_mail(session, mail, now=now)


def tell(
    session: Session,
    to: Recipient,
    kind: Kind | None,
    mail: Mail,
    *,
    now: datetime,
    about: Mapping[str, Any],
    due: datetime | None = None,
) -> None:
    """Queue a mail unless whoever it is for has switched its kind off."""
    if kind is None or wants(session, to.account_id, kind):
        queue_mail(session, mail, now=now, about=about, due=due)


def queue_news(
    session: Session,
    topic: str,
    event: Mapping[str, Any],
    *,
    now: datetime,
    settings: Settings,
) -> None:
    """Write to patient and practice what happened to an appointment, unless it holds no longer, and
    have the patient reminded when it comes near. A department for which it was booked is told
    what others did to it.

    A dependent without an e-mail address is written to through who cares for them. Who has no
    address is not written to.
    """
    news = _news(session, topic, event, now)
    if news is None:
        return
    about = {**event, "topic": topic}
    by = UUID(news.event.by) if news.event.by else None
    for to in appointment_sides(session, news.appointment, settings, by=by):
        mail = appointment_mail(news, to, settings, now=now)
        tell(session, to, Kind.APPOINTMENTS, mail, now=now, about=about)
        if to.side is not Side.PRACTICE and topic != Topic.CANCELLED:
            _remind_later(session, news, to, event, now, settings)
    if news.asked and _is_news_to_who_asked(news, news.asked):
        for to in department_side(session, news.asked.asking, None, settings):
            mail = appointment_of_request_mail(news, news.asked, to, settings)
            tell(session, to, Kind.REQUESTS, mail, now=now, about=about)


def _is_news_to_who_asked(news: News, asked: Asked) -> bool:
    """Whether nothing else tells the department that asked: neither did it do this itself, nor is
    it told that its request was accepted, or cancelled as a whole and not only its appointment."""
    by_themselves = news.acted is not None and news.acted.id == asked.asking.id
    request_tells = news.topic is Topic.BOOKED or asked.request.status == Kept.CANCELLED
    return not by_themselves and not request_tells


def queue_reminder(
    session: Session,
    topic: str,
    event: Mapping[str, Any],
    *,
    now: datetime,
    settings: Settings,
) -> None:
    """Remind the patient, or who cares for them, of an appointment that stands as it did.

    A worker that was away must not wake anybody: the mail waits for the end of quiet hours.
    """
    news = _news(session, topic, event, now)
    patient = news.appointment.patient if news else None
    to = patient_side(session, patient, settings) if patient else None
    if news is None or to is None:
        return
    zone = ZoneInfo(to.zone) if to.zone else news.appointment.zone
    due = awake(now, quiet=quiet_hours(settings.quiet_hours), zone=zone)
    mail = appointment_mail(news, to, settings, now=now)
    tell(session, to, Kind.REMINDERS, mail, now=now, about={**event, "topic": topic}, due=due)


def _news(session: Session, topic: str, event: Mapping[str, Any], now: datetime) -> News | None:
    changed = AppointmentChanged(**event)
    appointment, known = (
        booking.appointment(session, UUID(changed.appointment)),
        appointment_topic(topic),
    )
    if appointment is None or not is_still_news(known, changed, appointment, now=now):
        return None
    asked = requests.of_appointment(session, appointment.id) if appointment.service else None
    acted = department_of(session, changed.by) if asked else None
    return News(known, changed, appointment, asked, acted)


def _remind_later(
    session: Session,
    news: News,
    to: Recipient,
    event: Mapping[str, Any],
    now: datetime,
    settings: Settings,
) -> None:
    due = reminder_due(
        news.appointment.starts_at,
        hours=settings.reminder_hours,
        quiet=quiet_hours(settings.quiet_hours),
        zone=ZoneInfo(to.zone) if to.zone else news.appointment.zone,
        now=now,
    )
    if due:
        remind_later(session, event, due=due, now=now)


def is_outdated(session: Session, packed: Mapping[str, Any], *, now: datetime) -> bool:
    """Whether what a queued mail tells about has changed since it was written."""
    about = packed.get("about")
    if about is None:
        return False
    event = {name: value for name, value in about.items() if name != "topic"}
    return not still_holds(session, about["topic"], event, now=now)


def unpacked(packed: Mapping[str, Any]) -> Mail:
    """The mail that :func:`queue_mail` put into the outbox."""
    calendar = packed["calendar"]
    return Mail(
        to=packed["to"],
        name=packed["name"],
        subject=packed["subject"],
        text=packed["text"],
        html=packed["html"],
        key=packed["key"],
        calendar=None if calendar is None else calendar.encode(),
        method=packed["method"],
        stop=packed.get("stop"),
    )


def _packed(mail: Mail) -> dict[str, Any]:
    return {
        "to": mail.to,
        "name": mail.name,
        "subject": mail.subject,
        "text": mail.text,
        "html": mail.html,
        "key": mail.key,
        "calendar": None if mail.calendar is None else mail.calendar.decode(),
        "method": mail.method,
        "stop": mail.stop,
    }
