"""All schedules that can be booked, in memory: read once, and then only what has changed."""

from collections.abc import Callable, Iterable, Mapping, Set
from threading import Lock
from typing import NamedTuple

from sqlalchemy.orm import Session

from openslot.core.db import check_later, database_of, is_in_group
from openslot.directory.changes import queries as directory_changes
from openslot.schedules import queries
from openslot.schedules.models import Schedule
from openslot.schedules.rules import Place


class Bookable(NamedTuple):
    """A schedule that can be booked, with its owner and centre."""

    place: Place
    subject: Schedule


class _State(NamedTuple):
    """All bookable schedules by id, at least as new as a version of the directory."""

    version: int
    schedules: Mapping[int, Bookable]


class Known:
    """The bookable schedules of a database. Only what is committed is kept."""

    def __init__(self) -> None:
        self._state = _State(-1, {})
        self._lock = Lock()

    @property
    def version(self) -> int:
        """The version of the directory that is known; -1 before it is first read."""
        return self._state.version

    def at(self, session: Session, version: int) -> Mapping[int, Bookable]:
        """Return the schedules, at least as new as ``version``, which ``session`` sees."""
        if self._state.version < version:
            with self._lock:
                if self._state.version < version:
                    self._state = self._read_again(session, version)
        return self._state.schedules

    def _read_again(self, session: Session, version: int) -> _State:
        known = self._state
        # A session of its own, so that what is kept belongs to no session.
        with Session(session.connection(), join_transaction_mode="rollback_only") as reader:
            changes = directory_changes.changes_since(reader, known.version)
            if changes is None or any(kind == "profession" for kind, _ in changes):
                return _State(version, _read(reader, as_of=version))
            changed = _by_kind(changes)
            stays = {
                key: bookable
                for key, bookable in known.schedules.items()
                if not _is_of(bookable, changed)
            }
            return _State(version, stays | _read(reader, changes, as_of=version))


def bookable(session: Session) -> Mapping[int, Bookable]:
    """Return all schedules that can be booked by id, as current as ``session`` sees them; one
    statement without a change."""
    known = _known(session)
    return _read(session) if known is None else known


def one(session: Session, schedule_id: int) -> Bookable | None:
    """Return a schedule that can be booked, or None; see :func:`bookable`."""
    known = _known(session)
    found = _read(session, [("schedule", schedule_id)]) if known is None else known
    return found.get(schedule_id)


def subject_of(session: Session, place: Place, version: int) -> Schedule | None:
    """Return the schedule of a place that is still as it was read, at this version of the
    directory; None if it was changed since."""
    if place.as_of is None or directory_changes.is_changing(session):
        return queries.subject(session, place.schedule_id)
    now = database_of(session).kept(Known).at(session, version).get(place.schedule_id)
    return now.subject if now is not None and now.place.as_of == place.as_of else None


def _known(session: Session) -> Mapping[int, Bookable] | None:
    """Return what is known; None if the session itself has changed the directory, which nobody
    else sees yet."""
    if directory_changes.is_changing(session):
        return None
    known = database_of(session).kept(Known)
    version = known.version
    if version < 0 or not is_in_group(session):
        version = directory_changes.version(session)
    if is_in_group(session):
        # Whether it is still so is asked when all of the group is written.
        check_later(session, directory_changes.check_version, {Known: version})
    return known.at(session, version)


def _read(
    session: Session,
    changes: Iterable[tuple[str, int]] | None = None,
    *,
    as_of: int | None = None,
) -> dict[int, Bookable]:
    """Return the schedules that the changes are about, or all."""
    return {
        subject.id: Bookable(place._replace(as_of=as_of), subject)
        for subject, place in queries.bookable_of(session, changes)
    }


_ROWS: Mapping[str, Callable[[Bookable], tuple[int | None, ...]]] = {
    "schedule": lambda one: (one.place.schedule_id,),
    "centre": lambda one: (one.place.centre_id,),
    "practitioner": lambda one: (one.place.practitioner_id,),
    "department": lambda one: (one.place.department_id,),
    "service": lambda one: (
        one.subject.service_id,
        *(offered.service_id for offered in one.place.services),
    ),
}
"""The rows of each kind that a schedule is made of."""


def _by_kind(changes: Iterable[tuple[str, int]]) -> dict[str, set[int]]:
    """Return the ids of the changed rows that schedules can be made of."""
    ids: dict[str, set[int]] = {}
    for kind, row_id in changes:
        if kind in _ROWS:
            ids.setdefault(kind, set()).add(row_id)
    return ids


def _is_of(bookable: Bookable, changed: Mapping[str, Set[int]]) -> bool:
    """Return whether the schedule is made of one of the changed rows."""
    return any(not ids.isdisjoint(_ROWS[kind](bookable)) for kind, ids in changed.items())
