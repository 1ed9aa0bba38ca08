"""The mails about referrals, and about emergency access to a history.

They say that there is something to read, and where; what it says is read after signing in.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from openslot.core import formats
from openslot.core.config import Settings
from openslot.notifications.composing import compose, page
from openslot.notifications.letters import Letter as Text
from openslot.notifications.letters import Sentence, greeting
from openslot.notifications.letters import marked as _
from openslot.notifications.mail import Mail
from openslot.notifications.preferences import Kind
from openslot.notifications.recipients import Recipient, Side
from openslot.records.models import EmergencyAccess
from openslot.referrals.events import Topic
from openslot.referrals.queries import Letter

Fact = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Words:
    """Subject, heading, first sentence and button; ``%(who)s`` is whom the reader cares for."""

    subject: str
    heading: str
    opening: str
    button: str = _("See the referral")


REFERRAL: Mapping[tuple[Side, Topic], Words] = {
    (Side.PATIENT, Topic.SENT): Words(
        _("You have a referral"),
        _("You have a referral"),
        _("With it you can book an appointment with a specialist now."),
        _("Book an appointment"),
    ),
    (Side.CARER, Topic.SENT): Words(
        _("There is a referral"),
        _("There is a referral for %(who)s"),
        _("With it you can book an appointment with a specialist now."),
        _("Book an appointment"),
    ),
    (Side.PRACTICE, Topic.SENT): Words(
        _("A patient is referred to you"),
        _("A patient is referred to you"),
        _("You can read the letter now. The patient can book with you."),
    ),
    (Side.PATIENT, Topic.REVOKED): Words(
        _("A referral is withdrawn"),
        _("A referral is withdrawn"),
        _("It can no longer be used to book. Ask your GP if you have questions."),
    ),
    (Side.CARER, Topic.REVOKED): Words(
        _("A referral is withdrawn"),
        _("A referral for %(who)s is withdrawn"),
        _("It can no longer be used to book. Ask the GP if you have questions."),
    ),
    (Side.PRACTICE, Topic.REVOKED): Words(
        _("A referral to you is withdrawn"),
        _("A referral to you is withdrawn"),
        _("The patient can no longer book with it."),
    ),
    (Side.PRACTICE, Topic.ANSWERED): Words(
        _("Your referral was answered"),
        _("Your referral was answered"),
        _("The specialist has written to you about your patient."),
    ),
}

EMERGENCY: Mapping[Side, Words] = {
    Side.PATIENT: Words(
        _("Your record was opened in an emergency"),
        _("Your record was opened in an emergency"),
        _("A practitioner who has no appointment with you has opened your record."),
        _("See who read your record"),
    ),
    Side.CARER: Words(
        _("A record was opened in an emergency"),
        _("The record of %(who)s was opened in an emergency"),
        _("A practitioner who has no appointment with them has opened their record."),
        _("See who read the record"),
    ),
    Side.PRACTICE: Words(
        _("A record was opened in an emergency"),
        _("A record was opened in an emergency"),
        _("A practitioner of your centre has opened the record of a patient whom they do not see."),
        _("See it in the audit"),
    ),
}


def referral_mail(letter: Letter, topic: Topic, to: Recipient, settings: Settings) -> Mail:
    """What ``to`` is told of a referral; neither the letter nor the expertise stands in it."""
    words, referral = REFERRAL[to.side, topic], letter.referral
    act = topic.rpartition(".")[2]
    return _mail(
        words,
        [*_who(letter, topic, to), *_until(letter, topic, to)],
        [],
        f"referrals/{referral.id}",
        to,
        settings,
        key=f"{referral.id}.{referral.version}.{act}.{to.mark}",
        kind=Kind.REFERRALS,
    )


def emergency_mail(
    access: EmergencyAccess, practitioner: str, to: Recipient, settings: Settings
) -> Mail:
    """What patients and administrators are told of emergency access, and cannot switch off.

    The patient's name goes to nobody but the patient and who cares for them.
    """
    zone = ZoneInfo(to.zone or settings.time_zone)
    at = formats.day_time(to.language, access.starts_at, zone, year=True)
    until = formats.day_time(to.language, access.ends_at, zone, year=True)
    say = to.language.gettext
    facts = [
        (say(_("Practitioner")), practitioner),
        (say(_("Opened")), _there(to, at, zone)),
        (say(_("Open until")), _there(to, until, zone)),
    ]
    told = _("They had to give a reason, which is kept. If this should not have been, tell us.")
    return _mail(
        EMERGENCY[to.side],
        facts,
        [Sentence(told)],
        _reads(access, to),
        to,
        settings,
        key=f"{access.id}.emergency.{to.mark}",
        kind=None,
    )


def _reads(access: EmergencyAccess, to: Recipient) -> str:
    """The page on which the reader sees who read the record."""
    return {
        Side.PATIENT: "history/reads",
        Side.CARER: f"history/{access.patient_id}/reads",
        Side.PRACTICE: "admin/audit?group=records",
    }[to.side]


def _mail(
    words: Words,
    facts: list[Fact],
    closing: list[Sentence],
    path: str,
    to: Recipient,
    settings: Settings,
    *,
    key: str,
    kind: Kind | None,
) -> Mail:
    address = page(settings, path)
    text = Text(
        heading=Sentence(words.heading, {"who": to.cares_for} if to.cares_for else {}),
        sentences=[greeting(to.name), Sentence(words.opening)],
        facts=facts,
        closing=closing,
        button=(to.language.gettext(words.button), address) if address else None,
    )
    return compose(text, to, settings, subject=Sentence(words.subject), key=key, kind=kind)


def _who(letter: Letter, topic: Topic, to: Recipient) -> Iterator[Fact]:
    """The people of a referral, but for the reader."""
    say = to.language.gettext
    if to.side is Side.PRACTICE:
        yield say(_("Patient")), letter.patient.name
    if topic is not Topic.ANSWERED:
        yield say(_("Referred by")), letter.gp.name
    if letter.addressee and (to.side is not Side.PRACTICE or topic is Topic.ANSWERED):
        yield say(_("Referred to")), letter.addressee.name


def _until(letter: Letter, topic: Topic, to: Recipient) -> Iterator[Fact]:
    """The last moment at which a referral can be used, by the day."""
    expires: datetime | None = letter.referral.expires_at
    if topic is Topic.SENT and expires:
        day = formats.day_long(to.language, expires, to.zone or "UTC", year=True)
        yield to.language.gettext(_("Can be used until")), day


def _there(to: Recipient, time: str, zone: ZoneInfo) -> str:
    return to.language.gettext(
        _("%(time)s, %(zone)s"), time=time, zone=formats.zone_city(to.language, zone)
    )
