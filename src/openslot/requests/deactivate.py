"""Taking something out of the directory: refused while other departments ask for it."""

from datetime import datetime

from sqlalchemy.orm import Session

from openslot.booking import deactivate
from openslot.directory.rules import Actor
from openslot.requests import queries
from openslot.requests.errors import HasOpenRequests


def deactivate_centre(
    session: Session, actor: Actor, centre_id: int, *, active: bool, now: datetime
) -> None:
    """As booking does it, and HasOpenRequests while its departments ask each other."""
    deactivate.deactivate_centre(session, actor, centre_id, active=active, now=now)
    _check_unasked(session, queries.at_centre(centre_id), active=active)


def deactivate_department(
    session: Session, actor: Actor, department_id: int, *, active: bool, now: datetime
) -> None:
    """As booking does it, and HasOpenRequests while the department asks or is asked."""
    deactivate.deactivate_department(session, actor, department_id, active=active, now=now)
    _check_unasked(session, queries.concerning(department_id), active=active)


def deactivate_service(
    session: Session, actor: Actor, service_id: int, *, active: bool, now: datetime
) -> None:
    """As booking does it, and HasOpenRequests while others ask for the service."""
    deactivate.deactivate_service(session, actor, service_id, active=active, now=now)
    _check_unasked(session, queries.of_service(service_id), active=active)


def _check_unasked(session: Session, concerned: queries.Condition, *, active: bool) -> None:
    """Comes last: only who may take it out learns how many requests there are."""
    count = 0 if active else queries.count(session, concerned, queries.is_open())
    if count:
        raise HasOpenRequests(count=count)
