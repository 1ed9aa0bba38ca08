"""From a letter to a mail: its headers, and the way to have no more of its kind."""

from collections.abc import Mapping

from openslot.core.config import Settings
from openslot.notifications.ics import Method
from openslot.notifications.letters import Letter, Sentence, written
from openslot.notifications.letters import marked as _
from openslot.notifications.mail import Mail
from openslot.notifications.preferences import Kind, stop_link
from openslot.notifications.recipients import Recipient

STOP: Mapping[Kind, str] = {
    Kind.APPOINTMENTS: _("Stop mail about appointments"),
    Kind.REMINDERS: _("Stop reminders"),
    Kind.OFFERS: _("Stop mail about times that come free"),
    Kind.REFERRALS: _("Stop mail about referrals"),
    Kind.REQUESTS: _("Stop mail about requests"),
}


def compose(
    letter: Letter,
    to: Recipient,
    settings: Settings,
    *,
    subject: Sentence,
    key: str,
    kind: Kind | None,
    calendar: bytes | None = None,
    method: Method | None = None,
) -> Mail:
    """The letter as a mail. One that nobody can switch off has no ``kind``."""
    link = stop_link(settings, to.account_id, kind) if kind else None
    stop = (to.language.gettext(STOP[kind]), link) if kind and link else None
    text, html = written(letter, to.language, settings, stop=stop)
    return Mail(
        to=to.email,
        name=to.name,
        subject=subject.plain(to.language),
        text=text,
        html=html,
        key=key,
        calendar=calendar,
        method=method,
        stop=link,
    )


def page(settings: Settings, path: str) -> str | None:
    """The whole address of a page of ours; None where no public address is set."""
    return f"{settings.public_url.rstrip('/')}/{path}" if settings.public_url else None
