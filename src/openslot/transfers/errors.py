"""Errors of exports and imports of everything."""

from openslot.core.errors import Failure


class NoExport(Failure):
    """{path} is no export of everything of OpenSlot, or it is damaged: {reason}."""


class OtherVersion(Failure):
    """The export was written by OpenSlot {version}, whose tables are at revision {revision}; those
    of this version are at {ours}. Import it with that version into an empty database, and upgrade
    that.
    """


class DatabaseNotEmpty(Failure):
    """The database has rows in {tables}, and an export of everything is imported into an empty
    database only. Nothing was changed.
    """


class LostSecret(Failure):
    """No secret key opens the authenticator app of an account. Run `openslot check`, or export
    without credentials.
    """
