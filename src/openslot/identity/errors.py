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
from openslot.identity.models import Account


class WrongCredentials(Unauthenticated):
    """Wrong email address or password. Check both and try again.

    Raised alike for an unknown email address, a wrong password and a deactivated account.
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
    """Confirm that it is you to continue.

    The password or passkey was last given too long ago for something that could do great harm.
    """


class CodeNeeded(Forbidden):
    """Enter the code that your authenticator app shows, or one of your recovery codes.

    The password is right, and the account has a second step.
    """

    def __init__(self, sentence: str | None = None, *, field: str | None = "code") -> None:
        super().__init__(sentence, field=field)


class HalfSignedIn(CodeNeeded):
    """A code is needed to sign in to the ``account``."""

    code, sentence = CodeNeeded.code, CodeNeeded.sentence

    def __init__(self, account: Account) -> None:
        self.account = account
        super().__init__()


class WrongCode(Invalid):
    """This code is wrong or was used before. Enter the one that your app shows now."""


class WrongPasskey(Invalid):
    """This passkey was not accepted. Try again, or continue without it.

    Its signature is wrong, it is for another page, too old, used before, or of no account here.
    """


class MustEnrol(Forbidden):
    """Set up a second step on the pages of OpenSlot first: an authenticator app or a passkey.

    The network wants one for this role, and the account has none.
    """


class SecondStepRequired(Conflict):
    """Your role needs a second step to sign in. Set up another one before you remove this one."""


class NotConfirmed(Unauthenticated):
    """Follow the link in the mail that we sent you, then sign in.

    The password is right; the email address is still to be confirmed.
    """


class MustChangePassword(Forbidden):
    """Choose a new password on the pages of OpenSlot first.

    Others may know the password, since it came from another system or from an administrator. So
    it opens nothing but the page that replaces it.
    """


class WeakPassword(Invalid):
    """Choose a password of at least {shortest} characters."""


class EmailTaken(Conflict):
    """Another account has this email address. Enter a different one.

    Raised only for readers who are signed in; others do not learn which addresses are known.
    """


class ProviderAway(Busy):
    """{label} does not answer just now. Try again in a few minutes, or sign in another way.

    An identity provider cannot be reached, or answers what cannot be used.
    """


class NotConfirmedThere(Forbidden):
    """{label} did not confirm who you are. Start again.

    What came from the identity provider is not signed by it, or not for this sign-in.
    """


class SignInEnded(Forbidden):
    """This took too long, or was begun in another browser. Start again.

    Nobody here has begun the sign-in from which the browser comes back.
    """


class RefusedThere(Forbidden):
    """You did not sign in at {label}. Try again, or sign in another way.

    The identity provider sent the browser back with an error, as it does when somebody cancels.
    """


class NotStrongEnough(Forbidden):
    """You need a stronger sign-in at {label}, for example with a code. Ask those who run it."""


class NotFresh(Forbidden):
    """{label} did not ask you again who you are. Try again, or confirm it another way."""


class NotAdmitted(Forbidden):
    """Your account here cannot be opened by signing in at {label}. Ask an administrator.

    The account is closed, or its role does not sign in there.
    """


class AnotherPerson(Forbidden):
    """You signed in at {label} as someone else. Sign in as the owner of this account."""


class LinkedElsewhere(Conflict):
    """Another account or another person of {label} is linked already. Ask an administrator.

    Raised also for an account that is linked to somebody else of the same identity provider.
    """


class SignInThere(Forbidden):
    """Your role signs in with {label}. Choose that on the sign-in page.

    The password or passkey is right, and the settings say that it does not do for this role.
    """


class LastWayIn(Conflict):
    """This is your only way to sign in. Set a password or add a passkey before you remove it."""


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


class PasswordTokensOff(Forbidden):
    """Programs cannot sign in with a password here. Send people to /oauth/authorize, or set
    OPENSLOT_PASSWORD_TOKENS."""
