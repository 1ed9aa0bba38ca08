"""The mails about requests between departments, and about times that are offered."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from openslot.booking import events as booking
from openslot.booking.models import Appointment, Priority
from openslot.core import formats
from openslot.core.config import Settings
from openslot.directory.models import Department
from openslot.notifications.composing import compose, page
from openslot.notifications.letters import Letter, Sentence, greeting
from openslot.notifications.letters import marked as _
from openslot.notifications.mail import Mail
from openslot.notifications.messages import (
    News,
    by_whom,
    how_soon,
    own_clock,
    place_facts,
    times,
    when_there,
)
from openslot.notifications.preferences import Kind
from openslot.notifications.recipients import Recipient, Side
from openslot.offers.models import Offer
from openslot.requests.events import Topic
from openslot.requests.queries import Asked

Fact = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Offered:
    """An offered time, and the appointment that it would replace."""

    offer: Offer
    appointment: Appointment
    instead_of: Appointment | None
    token: str

    @property
    def is_rebooking(self) -> bool:
        """Whether the old time cannot be kept."""
        return self.offer.decision_id is not None


@dataclass(frozen=True, slots=True)
class Words:
    """Heading, which is the subject too unless there is one, and the first sentence."""

    heading: str
    opening: str
    subject: str = ""


REQUEST: Mapping[Topic, Words] = {
    Topic.MADE: Words(
        _("New request"), _("%(name)s asks for one of your services. Answer on its page.")
    ),
    Topic.AMENDED: Words(_("A request has changed"), _("%(name)s has changed what they ask for.")),
    Topic.PROPOSED: Words(
        _("Another time is proposed"),
        _("%(name)s cannot do it then and proposes another time. Answer on its page."),
    ),
    Topic.ACCEPTED: Words(_("A request is accepted"), _("%(name)s has accepted it.")),
    Topic.DECLINED: Words(
        _("A request is declined"), _("%(name)s cannot do it. Its page says why.")
    ),
    Topic.CANCELLED: Words(_("A request is cancelled"), _("%(name)s has cancelled it.")),
    Topic.COMPLETED: Words(_("A request is completed"), _("It is done. You can rate it.")),
}

URGENT = Words(
    _("New urgent request"), _("%(name)s needs one of your services soon. Answer on its page.")
)


FOLLOWS: Mapping[str, Words] = {
    booking.Topic.MOVED: Words(
        _("The time of a request has moved"),
        _("What you have asked for has a new time. The old one no longer holds."),
    ),
    booking.Topic.CANCELLED: Words(
        REQUEST[Topic.CANCELLED].heading, _("What you have asked for will not take place.")
    ),
}
"""What has become of an appointment, for the department that asked for it."""


def request_mail(
    asked: Asked, topic: Topic, told: Department, to: Recipient, settings: Settings
) -> Mail:
    """What the department ``told`` reads of what the other one did about a request.

    Neither the task, nor the patient, nor what was written about it stands in the mail.
    """
    request, act = asked.request, topic.rpartition(".")[2]
    is_urgent = request.priority == Priority.URGENT
    words = URGENT if topic is Topic.MADE and is_urgent else REQUEST[topic]
    other = asked.department if told.id == asked.asking.id else asked.asking
    address = page(settings, f"requests/{request.id}")
    letter = Letter(
        heading=Sentence(words.heading),
        sentences=[greeting(to.name), Sentence(words.opening, {"name": other.name})],
        facts=[*_what(asked, to), *_when(asked, to), _where(asked, to)],
        button=(to.language.gettext(_("See the request")), address) if address else None,
    )
    return compose(
        letter,
        to,
        settings,
        subject=Sentence(words.heading),
        key=f"{request.id}.{request.version}.{act}.{told.id}.{to.mark}",
        kind=Kind.REQUESTS,
    )


def appointment_of_request_mail(
    news: News, asked: Asked, to: Recipient, settings: Settings
) -> Mail:
    """What the department that asked reads of what others did to the appointment itself: the old
    and the new time, by whom, and why if that was said."""
    words, act = FOLLOWS[news.topic], news.topic.rpartition(".")[2]
    address = page(settings, f"requests/{asked.request.id}")
    letter = Letter(
        heading=Sentence(words.heading),
        sentences=[greeting(to.name), Sentence(words.opening)],
        facts=[*_what(asked, to), *times(news, to), _where(asked, to), *by_whom(news, to)],
        closing=list(own_clock(news.appointment, to)),
        button=(to.language.gettext(_("See the request")), address) if address else None,
    )
    return compose(
        letter,
        to,
        settings,
        subject=Sentence(words.heading),
        key=f"{asked.request.id}.appointment.{news.event.version}.{act}.{to.mark}",
        kind=Kind.REQUESTS,
    )


def _what(asked: Asked, to: Recipient) -> Iterator[Fact]:
    say = to.language.gettext
    yield say(_("Service")), asked.service.name
    yield say(_("Of")), asked.department.name
    yield say(_("For")), asked.asking.name
    yield how_soon(asked, to)


def _when(asked: Asked, to: Recipient) -> Iterator[Fact]:
    say = to.language.gettext
    yield say(_("When")), formats.day_time(to.language, asked.starts_at, asked.zone, year=True)
    yield say(_("How long")), formats.duration(to.language, asked.request.minutes)


def _where(asked: Asked, to: Recipient) -> Fact:
    return to.language.gettext(_("Where")), asked.centre.name


def offer_mail(offered: Offered, to: Recipient, settings: Settings) -> Mail:
    """What somebody is told of a time that is kept for them, with the link that answers.

    An offer in the place of an appointment that cannot be kept is news of that appointment: who
    wants no mail about times that come free is told all the same.
    """
    offer, appointment, say = offered.offer, offered.appointment, to.language.gettext
    words = _offer_words(offered, to)
    address = page(settings, f"offers/{offered.token}")
    letter = Letter(
        heading=Sentence(words.heading, {"who": to.cares_for} if to.cares_for else {}),
        sentences=[greeting(to.name), Sentence(words.opening)],
        facts=[*_offered(offered, to), *place_facts(appointment, to, settings)],
        closing=[
            Sentence(
                _("We keep this time for you until %(until)s. Then it goes to others."),
                {"until": when_there(to.language, offer.expires_at, appointment)},
            ),
            *own_clock(appointment, to),
        ],
        button=(say(_("Take the time, or leave it")), address) if address else None,
    )
    when = formats.day_time(to.language, appointment.starts_at, appointment.zone, year=True)
    kind = Kind.APPOINTMENTS if offered.is_rebooking else Kind.OFFERS
    return compose(
        letter,
        to,
        settings,
        subject=Sentence(words.subject, {"when": when}),
        key=f"{offer.id}.offer.{to.mark}",
        kind=kind,
    )


def _offer_words(offered: Offered, to: Recipient) -> Words:
    if offered.is_rebooking and to.cares_for:
        return Words(
            _("A new time for an appointment of %(who)s"),
            _(
                "The old time of the appointment cannot be kept. We are sorry, and offer you "
                "another."
            ),
            _("A new time for an appointment: %(when)s"),
        )
    if offered.is_rebooking:
        return Words(
            _("A new time for your appointment"),
            _(
                "The old time of your appointment cannot be kept. We are sorry, and offer you "
                "another."
            ),
            _("A new time for your appointment: %(when)s"),
        )
    if offered.instead_of:
        return Words(
            _("An earlier time is free"),
            _("You wait for an earlier time. Take this one, and your old time is given up."),
            _("An earlier time is free: %(when)s"),
        )
    return Words(
        _("A time is free"),
        _("You wait for a time. This one has come free."),
        _("A time is free: %(when)s"),
    )


def _offered(offered: Offered, to: Recipient) -> Iterator[Fact]:
    say, appointment = to.language.gettext, offered.appointment
    if to.cares_for:
        yield say(_("For")), to.cares_for
    if appointment.service:
        yield say(_("Service")), appointment.service.name
    elif to.side is not Side.PRACTICE:
        yield say(_("With")), appointment.with_whom
    yield say(_("When")), when_there(to.language, appointment.starts_at, appointment)
    if offered.instead_of:
        old = offered.instead_of
        yield say(_("Instead of")), when_there(to.language, old.starts_at, old)
