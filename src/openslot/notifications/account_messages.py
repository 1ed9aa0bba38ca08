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
    warns the old address that the account has left it. HAND_OVER carries the link with which
    somebody takes over a record that another person has looked after for them. STAFF_WELCOME and
    STAFF_DECLINED tell who registered to work in a department what an administrator decided.
    """

    CONFIRM = "confirm"
    RESET = "reset"
    INVITATION = "invitation"
    KNOWN = "known"
    EMAIL_CHANGED = "email-changed"
    HAND_OVER = "hand-over"
    STAFF_WELCOME = "staff-welcome"
    STAFF_DECLINED = "staff-declined"


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
    AccountNews.HAND_OVER: Words(
        _("Look after your appointments yourself"),
        _(
            "Somebody who has booked appointments for you hands this over to you. Choose a "
            "password."
        ),
        _("The link works once, for 14 days. If you expect no such mail, delete it."),
        _("Choose a password"),
    ),
    AccountNews.STAFF_WELCOME: Words(
        _("You can sign in now"),
        _("An administrator of your centre has let you in."),
        _("Sign in with the password that you chose when you registered."),
        _("Sign in"),
    ),
    AccountNews.STAFF_DECLINED: Words(
        _("Your registration was declined"),
        _("An administrator of the centre that you named did not let you in."),
        _("We have deleted what you entered. If this is a mistake, talk to them and try again."),
        _("Register again"),
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
