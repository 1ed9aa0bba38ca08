"""Events about accounts."""

from enum import StrEnum


class Topic(StrEnum):
    """SECOND_STEP: a second step of an ``account`` was added, removed or used up at ``at``; what it
    was is the ``change``, one of :class:`Change`."""

    SECOND_STEP = "account.second-step"


class Change(StrEnum):
    """What happened to the second steps of an account; with "account." before it the audit event.

    ALL_REMOVED is by an administrator, or at the command line.
    """

    AUTHENTICATOR_ADDED = "authenticator-added"
    AUTHENTICATOR_REMOVED = "authenticator-removed"
    PASSKEY_ADDED = "passkey-added"
    PASSKEY_REMOVED = "passkey-removed"
    CODES_MADE = "recovery-codes-made"
    CODE_USED = "recovery-code-used"
    ALL_REMOVED = "second-steps-removed"
