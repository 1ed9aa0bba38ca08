"""The verbs of requests between departments. None commits.

Each first writes down that the request changes, and only then touches diaries: of two at once the
second is tried again on what the first left, and hears that rather than that a time is taken.
"""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from openslot.booking import commands as booking
from openslot.booking.commands import BookingRequest
from openslot.booking.errors import PatientBusy, SlotTaken
from openslot.booking.models import Priority, Status
from openslot.booking.rules import check_booking_request
from openslot.booking.slots import is_free, nearest
from openslot.booking.whom import ForWhom
from openslot.core import audit
from openslot.core.errors import NotFound, StaleVersion
from openslot.core.events import publish
from openslot.core.ids import new_id
from openslot.directory import queries as directory
from openslot.directory.models import Department, Patient, Service
from openslot.directory.rules import Actor
from openslot.feedback.rules import check_stars
from openslot.identity.models import Role
from openslot.requests import queries
from openslot.requests.details import RequestDetails
from openslot.requests.errors import NoDepartment, NothingToChange, OwnService
from openslot.requests.events import Topic
from openslot.requests.models import Kept, ServiceRequest
from openslot.requests.queries import Asked
from openslot.requests.rules import Act, Part, check_act, part_in
from openslot.schedules import queries as schedules
from openslot.schedules.models import Schedule
from openslot.schedules.rules import Place

AT_ANY_TIME = timedelta(0)
"""Those who give the care cancel and move without a cut-off."""

TICK = timedelta(minutes=5)


def request_for(session: Session, actor: Actor, request_id: UUID) -> tuple[Asked, Part]:
    """A request and what the actor is to it; NotFound for strangers as for what is not there."""
    found = queries.asked(session, request_id)
    part = part_in(actor, found.standing) if found else None
    if found is None or part is None:
        raise NotFound
    return found, part


def own_department(session: Session, actor: Actor) -> Department:
    """The department that the actor works for; NoDepartment where there is none."""
    if not actor.is_a(Role.STAFF) or actor.department_id is None:
        raise NoDepartment
    return directory.department(session, actor.department_id)


def asked_service(session: Session, actor: Actor, service_id: int) -> tuple[Service, Department]:
    """A service that the actor's department may ask for: of another one of its centre.

    NotFound for services of other centres, OwnService for those of one's own department.
    """
    own = own_department(session, actor)
    service = directory.service(session, service_id)
    department = directory.department(session, service.department_id)
    if department.centre_id != own.centre_id:
        raise NotFound
    if department.id == own.id:
        raise OwnService
    return service, department


def place_for(session: Session, service_id: int) -> Place:
    """When a service can be booked; NotFound where it has no schedule or is taken out."""
    found = schedules.places(session, Schedule.service_id == service_id)
    if not found:
        raise NotFound("This service cannot be booked just now. Telephone the department.")
    return found[min(found)]


def make(
    session: Session,
    actor: Actor,
    service_id: int,
    details: RequestDetails,
    *,
    start: datetime,
    minutes: int,
    patient_id: UUID | None = None,
    now: datetime,
    request_id: UUID | None = None,
) -> ServiceRequest:
    """Ask another department of one's centre for a service, at a time that is free now.

    The time is not kept: the department that is asked books it when it accepts. Raises the
    errors of booking/errors.py for times that cannot be had. ``request_id`` is what the request
    is to be called: sent twice it is kept once, as it was first; NotFound where somebody
    else's is called so.
    """
    own = own_department(session, actor)
    service, _ = asked_service(session, actor, service_id)
    known = queries.asked(session, request_id) if request_id else None
    if known is not None:
        return _same(actor, known.request, service.id)
    patient = directory.patient(session, patient_id) if patient_id else None
    _check_free(session, place_for(session, service.id), start, minutes, patient, now)
    request = ServiceRequest(
        id=request_id or new_id(),
        service_id=service.id,
        department_id=own.id,
        patient_id=patient_id,
        starts_at=start,
        minutes=minutes,
        status=Kept.NEW,
        version=1,
        created_at=now,
        created_by=actor.account_id,
        changed_at=now,
        **details.model_dump(),
    )
    queries.add(session, request)
    _tell(session, actor, request, Topic.MADE, now)
    return request


def _same(actor: Actor, kept: ServiceRequest, service_id: int) -> ServiceRequest:
    """What is kept under the name already, if who asked has sent it again."""
    asker = (actor.department_id, actor.account_id, service_id)
    if (kept.department_id, kept.created_by, kept.service_id) != asker:
        raise NotFound
    return kept


def accept(
    session: Session, actor: Actor, request_id: UUID, *, now: datetime, version: int | None = None
) -> ServiceRequest:
    """Book the wanted time in the service's diary, by staff of the department that is asked."""
    found = _for_act(session, actor, request_id, Act.ACCEPT, now, version)
    return _book(session, actor, found.request, found.request.starts_at, now)


def agree(
    session: Session, actor: Actor, request_id: UUID, *, now: datetime, version: int | None = None
) -> ServiceRequest:
    """Take the time that was proposed: the asking department's yes books it."""
    found = _for_act(session, actor, request_id, Act.AGREE, now, version)
    request = found.request
    return _book(session, actor, request, request.proposed_at or request.starts_at, now)


def propose(
    session: Session,
    actor: Actor,
    request_id: UUID,
    start: datetime,
    *,
    answer: str | None,
    now: datetime,
    version: int | None = None,
) -> ServiceRequest:
    """Offer another time that is free now, with a word about it."""
    found = _for_act(session, actor, request_id, Act.PROPOSE, now, version)
    request = found.request
    if start == request.starts_at:
        raise NothingToChange(field="start")
    place = place_for(session, request.service_id)
    _check_free(session, place, start, request.minutes, found.patient, now)
    request.status, request.proposed_at, request.answer = Kept.PROPOSED, start, answer
    _tell(session, actor, request, Topic.PROPOSED, now)
    return request


def decline(
    session: Session,
    actor: Actor,
    request_id: UUID,
    *,
    answer: str,
    now: datetime,
    version: int | None = None,
) -> ServiceRequest:
    """Say no, and why."""
    request = _for_act(session, actor, request_id, Act.DECLINE, now, version).request
    request.status, request.answer = Kept.DECLINED, answer
    _tell(session, actor, request, Topic.DECLINED, now)
    return request


def amend(
    session: Session,
    actor: Actor,
    request_id: UUID,
    details: RequestDetails,
    *,
    start: datetime | None = None,
    minutes: int | None = None,
    now: datetime,
    version: int | None = None,
) -> ServiceRequest:
    """Change what is asked for. A new time is asked for anew, whatever was proposed; of an
    accepted request it moves the appointment."""
    found = _for_act(session, actor, request_id, Act.AMEND, now, version)
    request = found.request
    for name, value in details.model_dump().items():
        setattr(request, name, value)
    start, minutes = start or found.starts_at, minutes or request.minutes
    moved = False
    if found.appointment is not None:
        moved = _amend_appointment(session, actor, found, start, minutes, now)
    elif (start, minutes) != (found.starts_at, request.minutes):
        place = place_for(session, request.service_id)
        _check_free(session, place, start, minutes, found.patient, now)
        request.starts_at, request.minutes = start, minutes
        request.status, request.proposed_at, request.answer = Kept.NEW, None, None
    _tell(session, actor, request, Topic.AMENDED, now, moved=moved)
    return request


def cancel(
    session: Session, actor: Actor, request_id: UUID, *, now: datetime, version: int | None = None
) -> ServiceRequest:
    """Take the request back, or what was promised; an appointment that was booked is cancelled
    too."""
    found = _for_act(session, actor, request_id, Act.CANCEL, now, version)
    request = found.request
    request.status = Kept.CANCELLED
    request.changed_at = now
    session.flush()
    if found.appointment is not None:
        booking.change_status(
            session, actor, found.appointment.id, Status.CANCELLED, now=now, cutoff=AT_ANY_TIME
        )
    _tell(session, actor, request, Topic.CANCELLED, now)
    return request


def complete(
    session: Session, actor: Actor, request_id: UUID, *, now: datetime, version: int | None = None
) -> ServiceRequest:
    """The consultation took place: its appointment goes from arrived to fulfilled."""
    found = _for_act(session, actor, request_id, Act.COMPLETE, now, version)
    request, appointment = found.request, found.appointment
    if appointment is None:
        raise NotFound
    request.changed_at = now
    steps = (Status.ARRIVED,) if appointment.status == Status.BOOKED else ()
    for to in (*steps, Status.FULFILLED):
        booking.change_status(session, actor, appointment.id, to, now=now, cutoff=AT_ANY_TIME)
    _tell(session, actor, request, Topic.COMPLETED, now)
    return request


def rate(
    session: Session, actor: Actor, request_id: UUID, stars: int, *, now: datetime
) -> ServiceRequest:
    """Give a finished consultation 1 to 5 stars; a new rating replaces the older one. Raises
    feedback's BadStars."""
    request = _for_act(session, actor, request_id, Act.RATE, now, None).request
    check_stars(stars)
    request.stars, request.rated_at = stars, now
    subject = subject_of(request.id)
    audit.record(session, "request.rated", subject, by=actor.origin, now=now, stars=stars)
    return request


def subject_of(request_id: UUID) -> str:
    """How the audit names a request."""
    return f"request:{request_id}"


def _for_act(
    session: Session,
    actor: Actor,
    request_id: UUID,
    act: Act,
    now: datetime,
    version: int | None,
) -> Asked:
    """The request that the actor may do this with; StaleVersion where they saw an older one."""
    found, part = request_for(session, actor, request_id)
    check_act(act, found.standing, part, now=now)
    if version is not None and version != found.request.version:
        raise StaleVersion
    return found


def _book(
    session: Session, actor: Actor, request: ServiceRequest, start: datetime, now: datetime
) -> ServiceRequest:
    request.status, request.changed_at = Kept.ACCEPTED, now
    session.flush()
    place = place_for(session, request.service_id)
    booking_request = BookingRequest(
        schedule_id=place.schedule_id,
        start=start,
        minutes=request.minutes,
        patient_id=request.patient_id,
        reason=request.description,
        priority=Priority(request.priority),
    )
    appointment = booking.book(session, actor, booking_request, now=now, place=place)
    appointment.task = request.task
    session.flush()
    request.appointment_id = appointment.id
    _tell(session, actor, request, Topic.ACCEPTED, now)
    return request


def _amend_appointment(
    session: Session, actor: Actor, found: Asked, start: datetime, minutes: int, now: datetime
) -> bool:
    """Let the appointment say the same as its request, and move it where it is to be at another
    time; whether it was moved."""
    request, appointment = found.request, found.appointment
    if appointment is None:
        raise NotFound
    was = (appointment.starts_at, request.minutes)
    request.starts_at, request.minutes, request.changed_at = start, minutes, now
    session.flush()
    booking.amend(
        session,
        actor,
        appointment.id,
        reason=request.description,
        priority=Priority(request.priority),
        now=now,
        cutoff=AT_ANY_TIME,
    )
    appointment.task = request.task
    if (start, minutes) == was:
        return False
    booking.move(
        session, actor, appointment.id, start, minutes=minutes, now=now, cutoff=AT_ANY_TIME
    )
    return True


def _check_free(
    session: Session,
    place: Place,
    start: datetime,
    minutes: int,
    patient: Patient | None,
    now: datetime,
) -> None:
    """SlotTaken with the nearest times, or PatientBusy, unless it could be booked now."""
    check_booking_request(place, start, minutes, now)
    whom = ForWhom(patient.id, patient.diary_id) if patient else None
    if not is_free(session, place, start, now=now, minutes=minutes):
        free = nearest(session, place, start, now=now, minutes=minutes, whom=whom)
        raise SlotTaken(free, schedule_id=place.schedule_id, minutes=minutes)
    if not is_free(session, place, start, now=now, minutes=minutes, whom=whom):
        raise PatientBusy(field="start")


def _tell(
    session: Session,
    actor: Actor,
    request: ServiceRequest,
    topic: Topic,
    now: datetime,
    *,
    moved: bool = False,
) -> None:
    """Note when it was changed; into the audit and, through the outbox, to the other department."""
    request.changed_at = now
    session.flush()
    audit.record(session, topic, subject_of(request.id), by=actor.origin, now=now)
    publish(
        session,
        topic,
        request=request.id,
        version=request.version,
        by=actor.account_id,
        moved=moved,
        now=now,
    )
