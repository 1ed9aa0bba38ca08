"""Why somebody cannot sign in or have an account."""

from openslot.core.errors import (
    Busy,
    Conflict,
    Expired,
    Forbidden,
    Invalid,
    RateLimited,
    Unauthenticated,
)


class WrongCredentials(Unauthenticated):
    """Wrong e-mail address or password. Check both and try again.

    Raised alike for an unknown e-mail address, a wrong password and a deactivated account.
    """


class NotActive(WrongCredentials):
    """The password is right, and the account is deactivated or awaits approval.

    Readers are told of wrong credentials, unless the handler of this failure knows better.
    """

    code = WrongCredentials.code
    sentence = WrongCredentials.sentence


class SignInLocked(RateLimited):
    """Too many attempts. Try again in {minutes} minutes.

    Too many wrong passwords were given for the account, or from the address.
    """

    code = RateLimited.code


class ProofNeeded(Forbidden):
    """Enter your password again to continue.

    It was last given too long ago for something that could do great harm.
    """


class NotConfirmed(Unauthenticated):
    """Follow the link in the mail that we sent you, then sign in.

    The password is right; the e-mail address is still to be confirmed.
    """


class MustChangePassword(Forbidden):
    """Choose a new password on the pages of OpenSlot first.

    Others may know the password, since it came from another system or from an administrator. So
    it opens nothing but the page that replaces it.
    """


class WeakPassword(Invalid):
    """Choose a password of at least {shortest} characters."""


class EmailTaken(Conflict):
    """Another account has this e-mail address. Enter a different one.

    Raised only for readers who are signed in; others do not learn which addresses are known.
    """


class LinkExpired(Expired):
    """This link has been used or has expired. Ask for a new one.

    Raised also for a link that was never ours.
    """


class HashingBusy(Busy):
    """Many people are signing in just now. Try again in a few seconds.

    Too many passwords are being checked at once; this one was not checked.
    """

    code = "sign-in-busy"
    retry_after = 3
