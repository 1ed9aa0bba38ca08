"""Deactivation in the directory, refused while there are open requests from other departments."""

from datetime import datetime

from sqlalchemy.orm import Session

from openslot.booking import deactivate
from openslot.directory.rules import Actor
from openslot.requests import queries
from openslot.requests.errors import HasOpenRequests


def deactivate_centre(
    session: Session, actor: Actor, centre_id: int, *, active: bool, now: datetime
) -> None:
    """Deactivate a centre; raise HasOpenRequests while its departments have requests."""
    deactivate.deactivate_centre(session, actor, centre_id, active=active, now=now)
    _check_no_open_requests(session, queries.at_centre(centre_id), active=active)


def deactivate_department(
    session: Session, actor: Actor, department_id: int, *, active: bool, now: datetime
) -> None:
    """Deactivate a department; raise HasOpenRequests while it made or received some."""
    deactivate.deactivate_department(session, actor, department_id, active=active, now=now)
    _check_no_open_requests(session, queries.concerning(department_id), active=active)


def deactivate_service(
    session: Session, actor: Actor, service_id: int, *, active: bool, now: datetime
) -> None:
    """Deactivate a service; raise HasOpenRequests while there are requests for it."""
    deactivate.deactivate_service(session, actor, service_id, active=active, now=now)
    _check_no_open_requests(session, queries.of_service(service_id), active=active)


def _check_no_open_requests(
    session: Session, concerned: queries.Condition, *, active: bool
) -> None:
    """Raise HasOpenRequests. Called last, so only those who may deactivate learn the count."""
    count = 0 if active else queries.count(session, concerned, queries.is_open())
    if count:
        raise HasOpenRequests(count=count)
