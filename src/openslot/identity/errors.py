"""Why somebody cannot sign in or have an account."""

from openslot.core.errors import Busy, Conflict, Expired, Invalid, Unauthenticated


class WrongCredentials(Unauthenticated):
    """Unknown e-mail, wrong password or an account switched off: the answer is the same."""

    code = "wrong-credentials"
    sentence = "This e-mail and password do not belong together. Check both and try again."


class NotActive(WrongCredentials):
    """The password is right, and the account is switched off or not yet let in. To the reader it
    is the same as wrong credentials, unless whoever caught it knows better."""


class NotConfirmed(Unauthenticated):
    """The password is right, and the e-mail address is still to be confirmed."""

    code = "not-confirmed"
    sentence = "Follow the link in the mail that we sent you, then sign in."


class WeakPassword(Invalid):
    """A new password that is too short or easy to guess."""

    code = "weak-password"
    sentence = "Choose a password of at least {shortest} characters."


class EmailTaken(Conflict):
    """Another account has this e-mail; said only to those who are signed in."""

    code = "email-taken"
    sentence = "Another account has this e-mail address. Enter a different one."


class LinkExpired(Expired):
    """A signed link that ran out, was used, or was never ours."""

    code = "link-expired"
    sentence = "This link was used or has run out. Ask for a new one."


class HashingBusy(Busy):
    """Too many passwords are being checked at once; nothing was looked at."""

    code = "sign-in-busy"
    sentence = "Many people are signing in just now. Try again in a few seconds."
    retry_after = 3
