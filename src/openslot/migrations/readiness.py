"""Whether a database can be worked with: its tables, its keys, and the network that it is of."""

from openslot.core import facts
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.core.errors import Failure
from openslot.migrations import revisions


class TablesBehind(Failure):
    """The database tables do not match this version. Run: openslot db upgrade"""


class OfAnotherNetwork(Failure):
    """The database of the network {name} says that it is of {other}. If that is its earlier name,
    or the database is a copy that {name} is to have, run: openslot tenant upgrade {name}
    """


def check_ready(database: Database, settings: Settings) -> None:
    """Raise TablesBehind, OfAnotherNetwork, or DataKeyMissing if the database cannot be read with
    the keys that are set; note a key that is new."""
    if not revisions.is_current(database.engine):
        raise TablesBehind
    keys, name = settings.encryption_keys, settings.tenant
    other, is_noted = database.read(
        lambda session: (facts.tenant_of(session), facts.knows_keys(session, keys))
    )
    if name and other != name:
        raise OfAnotherNetwork(name=name, other=other or "none of several")
    if not is_noted:
        database.run(lambda session: facts.note_keys(session, keys))
