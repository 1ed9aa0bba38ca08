"""The mails of an account: each a heading, two sentences and a button."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from openslot.core.config import Settings
from openslot.core.ids import new_id
from openslot.core.language import Language
from openslot.notifications.letters import Letter, Sentence, greeting, written
from openslot.notifications.letters import marked as _
from openslot.notifications.mail import Mail


class AccountNews(StrEnum):
    """What the owner of an account is told.

    CONFIRM asks whoever registered, or changed their address, to show that they read it.
    RESET carries the link to a new password, INVITATION the one to the first password of an
    account that an administrator made. KNOWN tells the owner that somebody registered with
    their address: the page itself answers the same for known and unknown ones. EMAIL_CHANGED
    warns the old address that the account has left it.
    """

    CONFIRM = "confirm"
    RESET = "reset"
    INVITATION = "invitation"
    KNOWN = "known"
    EMAIL_CHANGED = "email-changed"


@dataclass(frozen=True, slots=True)
class Words:
    """Heading, which is the subject too, what happened, what to know, and the button."""

    heading: str
    what: str
    know: str
    button: str


WORDS: Mapping[AccountNews, Words] = {
    AccountNews.CONFIRM: Words(
        _("Confirm your e-mail address"),
        _("Press the button to confirm that this address is yours."),
        _("If you did not register, delete this mail; nothing else happens."),
        _("Confirm the address"),
    ),
    AccountNews.RESET: Words(
        _("Choose a new password"),
        _("Somebody, most likely you, asked for a new password for your account."),
        _("The link works once, and for a short time. If you did not ask, delete this mail."),
        _("Choose a new password"),
    ),
    AccountNews.INVITATION: Words(
        _("Your new account"),
        _("An account was made for you. Choose a password to sign in with it."),
        _("The link works once, and for a short time. The sign-in page sends you a new one."),
        _("Choose a password"),
    ),
    AccountNews.KNOWN: Words(
        _("You have an account already"),
        _("Somebody, most likely you, tried to register with this e-mail address."),
        _("Sign in with it. If you forgot your password, the button leads to a new one."),
        _("Choose a new password"),
    ),
    AccountNews.EMAIL_CHANGED: Words(
        _("Your e-mail address was changed"),
        _("Your account now has another e-mail address, and no mail goes to this one."),
        _("If this was not you, tell us at once."),
        _("Get help"),
    ),
}


def account_mail(
    kind: AccountNews, to: str, name: str, link: str, language: Language, settings: Settings
) -> Mail:
    """The mail about an account; each asking makes a new one, so its key is random."""
    words = WORDS[kind]
    letter = Letter(
        heading=Sentence(words.heading),
        sentences=[greeting(name), Sentence(words.what), Sentence(words.know)],
        button=(language.gettext(words.button), link),
    )
    text, html = written(letter, language, settings)
    subject = letter.heading.plain(language)
    return Mail(to=to, subject=subject, text=text, html=html, key=new_id().hex)
