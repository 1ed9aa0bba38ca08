"""Events about accounts."""

from enum import StrEnum


class Topic(StrEnum):
    """SECOND_STEP: something happened at ``at`` to the second steps of an ``account``, or to who
    signs in to it at a provider; what it was is the ``change``, one of :class:`Change`."""

    SECOND_STEP = "account.second-step"


class Change(StrEnum):
    """What happened to what opens an account; with "account." before it the audit event.

    CODES_GUESSED: so many wrong codes were given after the right password that no more are taken.
    ALL_REMOVED is by an administrator, or at the command line.
    """

    AUTHENTICATOR_ADDED = "authenticator-added"
    AUTHENTICATOR_REMOVED = "authenticator-removed"
    PASSKEY_ADDED = "passkey-added"
    PASSKEY_REMOVED = "passkey-removed"
    CODES_MADE = "recovery-codes-made"
    CODE_USED = "recovery-code-used"
    CODES_GUESSED = "second-step-guessed"
    ALL_REMOVED = "second-steps-removed"
    IDENTITY_LINKED = "identity-linked"
    IDENTITY_REMOVED = "identity-removed"
