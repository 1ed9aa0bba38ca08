"""Errors of backups."""

from openslot.core.errors import Failure


class NoProgram(Failure):
    """The program {program} is not installed. Install {package}, which has it."""


class ProgramFailed(Failure):
    """{program} failed: {reason}"""


class CannotWrite(Failure):
    """{path} cannot be written: {reason}. Nothing is left of the unfinished file."""


class AlreadyWritten(Failure):
    """{path} is there already. Choose another file, or a folder."""


class NothingToCopy(Failure):
    """The database has no tables yet, so there is nothing to back up."""


class NoRecipient(Failure):
    """OPENSLOT_BACKUP_RECIPIENTS: {text} is no public key of age. Write keys like age1…"""


class NoIdentity(Failure):
    """{path} has no secret key of age. Its line begins with AGE-SECRET-KEY-."""


class KeyNeeded(Failure):
    """{path} is encrypted. Give the file with the secret key: --key FILE"""


class WrongKey(Failure):
    """{path} was encrypted for other keys than those of the file that you gave."""


class NoBackup(Failure):
    """{path} is no backup of OpenSlot, or it is damaged: {reason}."""


class Unsealed(Failure):
    """{path} has no seal, as those of older versions: whoever knows the public key can have made
    it. If you know where it is from, add --without-seal.
    """


class SealKeyMissing(Failure):
    """{path} was sealed with the data key {name}, which is not set. Set OPENSLOT_DATA_KEYS as it
    was when the backup was made.
    """


class Forged(Failure):
    """{path} is not as OpenSlot wrote it: its seal is of other contents. Nothing was restored."""


class OtherEngine(Failure):
    """The backup is of {engine}, and the database is {other}. Set OPENSLOT_DATABASE_URL to a
    database of the same engine.
    """


class NewerBackup(Failure):
    """The backup is of a newer version of OpenSlot ({version}). Restore it with that version."""


class NotEmpty(Failure):
    """{where} is not empty, and a backup is restored into an empty place only. Nothing was
    changed.
    """


class NoScratch(Failure):
    """No database can be created on the server to try the backup in: {reason}. Give the
    database user the right to create databases.
    """
