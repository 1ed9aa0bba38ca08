"""The patients whose rows a session reads, if whoever began it wants to know."""

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy.orm import Session

_PEOPLE = "people"


def gather(session: Session, people: set[UUID]) -> None:
    """Add the patients whose rows the session reads from now on to ``people``."""
    session.info[_PEOPLE] = people


def read_about(session: Session, patient_ids: Iterable[UUID | None]) -> None:
    """Note that rows about these patients were read; queries of single columns call it."""
    people = session.info.get(_PEOPLE)
    if people is not None:
        people.update(one for one in patient_ids if one is not None)
