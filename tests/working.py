"""Units of work for tests that call commands and queries directly."""

from datetime import datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID

from pydantic import SecretStr
from sqlalchemy.orm import Session

from openslot.core import audit, clock
from openslot.core.actor import SYSTEM, Actor
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.core.work import Work
from openslot.records import finding
from openslot.records.access import subject_of

KEY = "a key for tests"


@cache
def _usual() -> Settings:
    return Settings(secret_key=SecretStr(KEY))


def work(
    session: Session,
    actor: Actor = SYSTEM,
    now: datetime | None = None,
    *,
    cutoff: timedelta | None = None,
    access_days: int | None = None,
    keep: timedelta | None = None,
    settings: Settings | None = None,
    **changed: Any,
) -> Work:
    """Work by ``actor`` at ``now``, with some settings ``changed``.

    ``cutoff`` is the one for cancelling, ``keep`` the length of a hold.
    """
    if cutoff is not None:
        changed["cancel_cutoff_hours"] = int(cutoff / timedelta(hours=1))
    if access_days is not None:
        changed["history_access_days"] = access_days
    if keep is not None:
        changed["hold_minutes"] = int(keep / timedelta(minutes=1))
    chosen = (settings or _usual()).model_copy(update=changed)
    return Work(session, actor, now or clock.now(), chosen)


def found(database: Database, actor: Actor, patient_id: UUID, now: datetime) -> None:
    """Let the actor have just found the patient by two exact details."""
    database.run(
        lambda session: audit.record(
            work(session, actor, now), finding.FOUND, subject_of(patient_id)
        )
    )
