"""Queries of the version of the directory, and of what has changed since one, so that caches read
only that again."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from openslot.core.db import changed, read_rows
from openslot.core.group_commit import Alone
from openslot.core.statements import Prepared
from openslot.directory.models import DirectoryChange, DirectoryVersion

MOST_READ_AGAIN = 200
"""Changes of the directory after which caches read all of it again."""

MOST_CHANGES = 10 * MOST_READ_AGAIN
"""Changes that are remembered."""


def mark_changed(session: Session, kind: str, row_id: int) -> None:
    """Count up the directory's version in this transaction, and note what has changed, so that
    caches read it again."""
    number = mark_all_changed(session)
    session.execute(insert(DirectoryChange).values(number=number, kind=kind, row_id=row_id))
    if number % MOST_CHANGES == 0:
        old = delete(DirectoryChange).where(DirectoryChange.number <= number - MOST_CHANGES)
        changed(session, old)


def mark_all_changed(session: Session) -> int:
    """Count up the directory's version without saying what has changed, so that caches read all of
    it again; return the version."""
    counter = update(DirectoryVersion).where(DirectoryVersion.id == 1)
    if not changed(session, counter.values(number=DirectoryVersion.number + 1)):
        session.execute(insert(DirectoryVersion).values(id=1, number=1))
    session.info[DirectoryChange] = True
    session.info.pop(_VERSION, None)  # what was noted of it is older
    return version(session)


def is_changing(session: Session) -> bool:
    """Return whether the session has changed the directory, which others do not see yet."""
    return DirectoryChange in session.info


def changes_since(session: Session, number: int) -> list[tuple[str, int]] | None:
    """Return kind and id of what has changed after a version of the directory; None if that is too
    long ago to be known."""
    rows = session.execute(
        select(DirectoryChange.number, DirectoryChange.kind, DirectoryChange.row_id)
        .where(DirectoryChange.number > number)
        .order_by(DirectoryChange.number)
        .limit(MOST_READ_AGAIN + 1)
    ).all()
    is_whole = bool(rows) and rows[0][0] == number + 1 and len(rows) <= MOST_READ_AGAIN
    return [(kind, row_id) for _, kind, row_id in rows] if is_whole else None


def version(session: Session) -> int:
    """Return the directory's version; 0 before the first change."""
    seen: int | None = session.info.pop(_VERSION, None)
    if seen is not None:
        return seen
    rows = read_rows(session, _VERSION, {})
    return rows[0][0] if rows else 0


_VERSION = Prepared(select(DirectoryVersion.number))


def note_version(session: Session, number: int) -> None:
    """Have :func:`version` return, once, what the session has just read with something else."""
    session.info[_VERSION] = number


def check_version(session: Session, versions: Mapping[Any, int]) -> None:
    """Raise Alone unless the directory has the version that all of a group have expected."""
    if set(versions.values()) != {version(session)}:
        raise Alone
