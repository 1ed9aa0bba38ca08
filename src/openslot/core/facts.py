"""Facts that all machines of a deployment share, such as the fingerprint of the secret key."""

import hashlib
from collections.abc import Collection
from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, Session, mapped_column

from openslot.core.config import Settings
from openslot.core.data_keys import DataKeys
from openslot.core.errors import Failure
from openslot.core.tables import Base

_KEY = "secret-key"
_DATA_KEYS = "data-keys"
_BACKUP = "backup-made"
_WORKER = "worker-seen"
_TENANT = "tenant"


class DataKeyMissing(Failure):
    """What this database stores is encrypted with other data keys too, and cannot be read without
    them: {names}. Add them to OPENSLOT_DATA_KEYS, or to the file or command that is set instead,
    before those that are there.
    """


class DeploymentFact(Base):
    """One fact by its name."""

    __tablename__ = "deployment_fact"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    value: Mapped[str] = mapped_column(String(200))


def is_our_key(session: Session, settings: Settings) -> bool:
    """Return whether the secret key is the one that the other machines use; the first one to ask
    decides. A key that replaces one of ``secret_key_fallbacks`` takes its place."""
    fact = session.get(DeploymentFact, _KEY)
    prints = [_print_of(key) for key in settings.signing_keys()]
    if fact is None:
        session.add(DeploymentFact(name=_KEY, value=prints[-1]))
        return True
    if fact.value not in prints:
        return False
    fact.value = prints[-1]
    return True


def take_key(session: Session, settings: Settings) -> None:
    """Make this machine's secret key the one to compare with."""
    session.merge(DeploymentFact(name=_KEY, value=_print_of(settings.key())))


def knows_keys(session: Session, keys: DataKeys) -> bool:
    """Return whether the newest data key is noted already. Raises DataKeyMissing if one with which
    something was encrypted is missing."""
    noted = _data_keys(session)
    if missing := noted - keys.names:
        raise DataKeyMissing(names=", ".join(sorted(missing)))
    return keys.newest in noted


def note_keys(session: Session, keys: DataKeys, *, gone: Collection[str] = ()) -> None:
    """Note that the newest data key encrypts, and that nothing is encrypted with those that are
    ``gone``. Only their names are noted."""
    names = (_data_keys(session) | {keys.newest}) - {*gone}
    session.merge(DeploymentFact(name=_DATA_KEYS, value=" ".join(sorted(names))))


def _data_keys(session: Session) -> set[str]:
    fact = session.get(DeploymentFact, _DATA_KEYS)
    return set(fact.value.split()) if fact else set()


def tenant_of(session: Session) -> str | None:
    """Return the name of the network that this database says it is of, if it is one of several."""
    fact = session.get(DeploymentFact, _TENANT)
    return fact.value if fact else None


def note_tenant(session: Session, name: str) -> None:
    """Note the name of the network that this database is of."""
    session.merge(DeploymentFact(name=_TENANT, value=name))


def note_backup(session: Session, now: datetime) -> None:
    """Note that a backup was made."""
    session.merge(DeploymentFact(name=_BACKUP, value=now.isoformat()))


def note_worker(session: Session, now: datetime) -> None:
    """Note that a worker runs."""
    session.merge(DeploymentFact(name=_WORKER, value=now.isoformat()))


def last_backup(session: Session) -> datetime | None:
    """Return when the last backup was made."""
    return _instant(session, _BACKUP)


def worker_seen(session: Session) -> datetime | None:
    """Return when a worker last noted that it runs."""
    return _instant(session, _WORKER)


def _instant(session: Session, name: str) -> datetime | None:
    fact = session.get(DeploymentFact, name)
    return datetime.fromisoformat(fact.value) if fact else None


def _print_of(key: str) -> str:
    """Return a text that differs for different keys, and from which none can be computed."""
    return hashlib.scrypt(
        key.encode(), salt=b"openslot fingerprint", n=2**12, r=8, p=1, dklen=16
    ).hex()
