"""Putting mail into the outbox, in the transaction of what it tells about."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from openslot.booking import queries as booking
from openslot.booking.events import AppointmentChanged, Topic, payload
from openslot.booking.queries import Visit
from openslot.core import outbox
from openslot.core.config import Settings
from openslot.core.language import language
from openslot.identity import queries as accounts
from openslot.identity.models import Account
from openslot.notifications.account_messages import AccountNews, account_mail
from openslot.notifications.mail import Mail
from openslot.notifications.messages import News, Recipient, Side, visit_mail
from openslot.notifications.rules import is_still_news

MAIL = "mail"
"""The topic of mails in the outbox."""


def queue_mail(
    session: Session, mail: Mail, *, now: datetime, about: Mapping[str, Any] | None = None
) -> UUID:
    """Have the worker send ``mail`` once this transaction is committed; its id in the outbox.

    ``about`` is the event that a mail tells of: it is looked at again right before sending.
    """
    return outbox.send(session, MAIL, _packed(mail) | {"about": about}, now=now)


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


def queue_news(
    session: Session,
    topic: Topic,
    event: Mapping[str, Any],
    *,
    now: datetime,
    settings: Settings,
) -> None:
    """Write to patient and practice what happened to a visit, unless it holds no longer.

    Who has no e-mail address is not written to.
    """
    changed = AppointmentChanged(**event)
    visit = booking.visit(session, UUID(changed.appointment))
    if visit is None or not is_still_news(topic, changed, visit.appointment, now=now):
        return
    news = News(topic, changed, visit)
    about = payload(changed) | {"topic": topic}
    for recipient in _recipients(session, visit, settings):
        mail = visit_mail(news, recipient, settings, now=now)
        queue_mail(session, mail, now=now, about=about)


def is_outdated(session: Session, packed: Mapping[str, Any], *, now: datetime) -> bool:
    """Whether the visit that a queued mail tells about has changed since it was written."""
    about = packed.get("about")
    if about is None:
        return False
    event = {name: value for name, value in about.items() if name != "topic"}
    changed = AppointmentChanged(**event)
    visit = booking.visit(session, UUID(changed.appointment))
    topic = Topic(about["topic"])
    return visit is None or not is_still_news(topic, changed, visit.appointment, now=now)


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
    }


def _recipients(session: Session, visit: Visit, settings: Settings) -> Iterator[Recipient]:
    if visit.patient:
        patient = visit.patient
        account = _account(session, patient.account_id)
        email = patient.email or (account.email if account else None)
        zone = patient.time_zone or (account.time_zone if account else None)
        if email:
            yield _recipient(Side.PATIENT, patient.name, email, account, zone, settings)
    yield from _practice(session, visit, settings)


def _practice(session: Session, visit: Visit, settings: Settings) -> Iterator[Recipient]:
    """The practitioner, or for a service itself or its department."""
    if visit.practitioner:
        practitioner = visit.practitioner
        account = _account(session, practitioner.account_id)
        email = practitioner.email or (account.email if account else None)
        zone = account.time_zone if account else None
        if email:
            yield _recipient(Side.PRACTICE, practitioner.name, email, account, zone, settings)
        return
    for part in (visit.service, visit.department):
        if part and part.email:
            yield _recipient(Side.PRACTICE, part.name, part.email, None, None, settings)
            return


def _account(session: Session, account_id: UUID | None) -> Account | None:
    return accounts.by_id(session, account_id) if account_id else None


def _recipient(
    side: Side,
    name: str,
    email: str,
    account: Account | None,
    zone: str | None,
    settings: Settings,
) -> Recipient:
    tongue = language(account.locale if account else None, settings.locale)
    return Recipient(side, name, email, tongue, zone)
