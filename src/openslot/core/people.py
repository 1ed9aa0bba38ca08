"""The patients whose rows a session reads, if whoever began it wants to know."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import event
from sqlalchemy.orm import Session

from openslot.core.tables import Base

_PEOPLE = "people"


def gather(session: Session, people: set[UUID]) -> None:
    """Add the patients whose rows the session reads from now on to ``people``."""
    session.info[_PEOPLE] = people


def read_about(session: Session, patient_ids: Iterable[UUID | None]) -> None:
    """Note that rows about these patients were read; queries of single columns call it."""
    people = session.info.get(_PEOPLE)
    if people is not None:
        people.update(one for one in patient_ids if one is not None)


def watch(kind: type[Base], patient_of: Callable[[Mapping[str, Any]], UUID | None]) -> None:
    """Note the patient of each row of the ``kind`` that is read. ``patient_of`` gets the columns
    that were read, by name."""

    def loaded(row: Base, context: Any) -> None:
        if context is not None:
            read_about(context.session, [patient_of(row.__dict__)])

    event.listen(kind, "load", loaded)
