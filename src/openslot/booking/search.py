"""Appointments found by what other systems know them by."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from openslot.booking import identifiers
from openslot.booking.models import Appointment, GroupSession
from openslot.booking.queries import Condition
from openslot.schedules.diaries import MOST_IDS_NAMED


def identifier_is(identifier: str) -> Condition:
    """Match appointments with an external identifier, whoever gave it."""
    return (Appointment.external_id == identifier) | (_IS_OWN & (identifier == _OWN_PART))


def identifier_begins(start: str) -> Condition:
    """Match appointments whose external identifier begins so, whoever gave it."""
    plain: Condition = Appointment.external_id.startswith(start, autoescape=True)
    return plain | (_IS_OWN & _OWN_PART.startswith(start, autoescape=True))


_IS_OWN: Condition = (Appointment.external_id >= identifiers.MARK) & (
    Appointment.external_id < chr(ord(identifiers.MARK) + 1)
)
"""Match identifiers that patients gave: a range, which the index finds."""

_OWN_PART = func.substr(Appointment.external_id, identifiers.MARKED + 1)


UUID_LENGTH = 36


def ours(session: Session, uids: Collection[str]) -> set[str]:
    """Return which UIDs of calendar entries are those of appointments or sessions here, in chunks
    of one statement; that of a session goes on with when it is."""
    ids = {uid: id_ for uid in uids if (id_ := _uuid(uid[:UUID_LENGTH])) is not None}
    wanted = list(ids.values())
    known: set[UUID] = set()
    for at in range(0, len(wanted), MOST_IDS_NAMED):
        chunk = wanted[at : at + MOST_IDS_NAMED]
        booked = select(Appointment.id).where(Appointment.id.in_(chunk))
        together = select(GroupSession.id).where(GroupSession.id.in_(chunk))
        known.update(session.scalars(booked.union(together)))
    return {uid for uid, id_ in ids.items() if id_ in known}


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
