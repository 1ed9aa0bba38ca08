"""The mails of an account: confirm an address, choose a new password, and two warnings."""

from collections.abc import Callable

from openslot.core.config import Settings
from openslot.core.ids import new_id
from openslot.core.language import Language
from openslot.notifications.letters import Letter, Sentence, greeting, written
from openslot.notifications.letters import marked as _
from openslot.notifications.mail import Mail

AccountMail = Callable[[str, str, str, Language, Settings], Mail]


def confirm_email(to: str, name: str, link: str, language: Language, settings: Settings) -> Mail:
    """Ask whoever registered, or changed their address, to show that they read it."""
    return _mail(
        to,
        _letter(
            name,
            _("Confirm your e-mail address"),
            _("Press the button to confirm that this address is yours."),
            _("If you did not register, delete this mail; nothing else happens."),
            button=(language.gettext(_("Confirm the address")), link),
        ),
        language,
        settings,
    )


def reset_password(to: str, name: str, link: str, language: Language, settings: Settings) -> Mail:
    """The link to choose a new password, for whoever asked for one."""
    return _mail(
        to,
        _letter(
            name,
            _("Choose a new password"),
            _("Somebody, most likely you, asked for a new password for your account."),
            _("The link works once, and for a short time. If you did not ask, delete this mail."),
            button=(language.gettext(_("Choose a password")), link),
        ),
        language,
        settings,
    )


def invitation(to: str, name: str, link: str, language: Language, settings: Settings) -> Mail:
    """The link to choose the first password of an account that an administrator made."""
    return _mail(
        to,
        _letter(
            name,
            _("Your new account"),
            _("An account was made for you. Choose a password to sign in with it."),
            _("The link works once, and for a short time. The sign-in page sends you a new one."),
            button=(language.gettext(_("Choose a password")), link),
        ),
        language,
        settings,
    )


def already_registered(
    to: str, name: str, link: str, language: Language, settings: Settings
) -> Mail:
    """Tell the owner that somebody registered with an address that has an account.

    The page answers the same for known and unknown addresses; only the owner reads this.
    """
    return _mail(
        to,
        _letter(
            name,
            _("You have an account already"),
            _("Somebody, most likely you, tried to register with this e-mail address."),
            _("Sign in with it. If you forgot your password, the button leads to a new one."),
            button=(language.gettext(_("Choose a new password")), link),
        ),
        language,
        settings,
    )


def email_changed(to: str, name: str, link: str, language: Language, settings: Settings) -> Mail:
    """Warn the old address that the account has left it."""
    return _mail(
        to,
        _letter(
            name,
            _("Your e-mail address was changed"),
            _("Your account now has another e-mail address, and no mail goes to this one."),
            _("If this was not you, tell us at once."),
            button=(language.gettext(_("Get help")), link),
        ),
        language,
        settings,
    )


def _letter(name: str, heading: str, *sentences: str, button: tuple[str, str]) -> Letter:
    return Letter(
        heading=Sentence(heading),
        sentences=[greeting(name), *map(Sentence, sentences)],
        button=button,
    )


def _mail(to: str, letter: Letter, language: Language, settings: Settings) -> Mail:
    """The mail; each asking makes a new one, so its key is random."""
    text, html = written(letter, language, settings)
    return Mail(
        to=to,
        subject=letter.heading.plain(language),
        text=text,
        html=html,
        key=new_id().hex,
    )
