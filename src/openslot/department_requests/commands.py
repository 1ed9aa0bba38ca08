"""Commands for requests between departments.

Each command writes the change of the request before it touches diaries. Of two commands at once,
the second is tried again on the result of the first, and so reports that the request has changed
and not that the slot is taken.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from openslot.booking import commands as booking
from openslot.booking.commands import BookingRequest
from openslot.booking.errors import PatientBusy, SlotTaken
from openslot.booking.models import Appointment, Status
from openslot.booking.queries import ForWhom
from openslot.booking.slots import check_offered, is_free, nearest
from openslot.core import audit
from openslot.core.actor import Actor, Role
from openslot.core.changes import set_values
from openslot.core.errors import NotFound, StaleVersion
from openslot.core.events import publish
from openslot.core.ids import new_id
from openslot.core.work import Work
from openslot.department_requests import queries
from openslot.department_requests.details import RequestDetails
from openslot.department_requests.errors import NoDepartment, NothingToChange, OwnService
from openslot.department_requests.events import Topic
from openslot.department_requests.models import Kept, ServiceRequest
from openslot.department_requests.rules import Action, Relation, check_action, relation_to
from openslot.directory import queries as directory
from openslot.directory.models import Department, Patient, Service
from openslot.feedback.rules import check_stars
from openslot.records import finding
from openslot.schedules import queries as schedules
from openslot.schedules.models import Schedule
from openslot.schedules.rules import Place


def request_for(work: Work, request_id: UUID) -> tuple[ServiceRequest, Relation]:
    """Return a request and the actor's relation to it.

    Raise NotFound if there is no such request, and in the same way if the actor may not see it.
    """
    request = queries.request(work.session, request_id)
    relation = relation_to(work.actor, request) if request else None
    if request is None or relation is None:
        raise NotFound
    return request, relation


def own_department(work: Work) -> Department:
    """Return the department that the actor works for; raise NoDepartment if there is none."""
    if not work.actor.is_a(Role.STAFF) or work.actor.department_id is None:
        raise NoDepartment
    return directory.department(work.session, work.actor.department_id)


def asked_service(work: Work, service_id: int) -> tuple[Service, Department]:
    """Return a service that the actor's department may request, with its department.

    Raise NotFound for services of other centres, OwnService for those of the actor's own
    department.
    """
    own = own_department(work)
    service = directory.service(work.session, service_id)
    department = directory.department(work.session, service.department_id)
    if department.centre_id != own.centre_id:
        raise NotFound
    if department.id == own.id:
        raise OwnService
    return service, department


def place_for(session: Session, service_id: int) -> Place:
    """Return the schedule of a service; raise NotFound if the service cannot be booked."""
    places = schedules.places(session, Schedule.service_id == service_id)
    if not places:
        raise NotFound("This service can't be booked right now. Call the department.")
    return places[min(places)]


def make(
    work: Work,
    service_id: int,
    details: RequestDetails,
    *,
    start: datetime,
    minutes: int,
    patient_id: UUID | None = None,
    request_id: UUID | None = None,
) -> ServiceRequest:
    """Request a service of another department at the same centre, at a time that is free now.

    The time is not held: the other department books it when it accepts. Raise the errors of
    booking/errors.py if the time is not free. ``request_id`` makes the command safe to repeat: the
    request is stored once, as it was sent first. Raise NotFound if someone else has used that id.
    """
    requesting = own_department(work)
    service, _ = asked_service(work, service_id)
    existing = queries.request(work.session, request_id) if request_id else None
    if existing is not None:
        return _check_repeated(work.actor, existing, service.id)
    patient = finding.patient_for(work, patient_id) if patient_id else None
    _check_free(work, place_for(work.session, service.id), start, minutes, patient)
    request = ServiceRequest(
        id=request_id or new_id(),
        service_id=service.id,
        department_id=requesting.id,
        patient_id=patient_id,
        starts_at=start,
        minutes=minutes,
        status=Kept.NEW,
        version=1,
        created_at=work.now,
        created_by=work.actor.account_id,
        changed_at=work.now,
        **details.model_dump(),
    )
    queries.add(work.session, request)
    _publish(work, request, Topic.MADE)
    return request


def _check_repeated(actor: Actor, existing: ServiceRequest, service_id: int) -> ServiceRequest:
    """Return the stored request if the same account sends it again; raise NotFound otherwise."""
    sender = (actor.department_id, actor.account_id, service_id)
    if (existing.department_id, existing.created_by, existing.service_id) != sender:
        raise NotFound
    return existing


def accept(work: Work, request_id: UUID, *, version: int | None = None) -> ServiceRequest:
    """Book the requested time; by staff of the department that provides the service."""
    request = _for_action(work, request_id, Action.ACCEPT, version)
    return _book(work, request, request.starts_at)


def agree(work: Work, request_id: UUID, *, version: int | None = None) -> ServiceRequest:
    """Accept the proposed time for the requesting department, and book it."""
    request = _for_action(work, request_id, Action.AGREE, version)
    return _book(work, request, request.proposed_at or request.starts_at)


def propose(
    work: Work, request_id: UUID, start: datetime, *, answer: str | None, version: int | None = None
) -> ServiceRequest:
    """Propose another time that is free now, with an optional comment."""
    request = _for_action(work, request_id, Action.PROPOSE, version)
    if start == request.starts_at:
        raise NothingToChange(field="start")
    place = place_for(work.session, request.service_id)
    _check_free(work, place, start, request.minutes, request.patient)
    request.status, request.proposed_at, request.answer = Kept.PROPOSED, start, answer
    _publish(work, request, Topic.PROPOSED)
    return request


def decline(
    work: Work, request_id: UUID, *, answer: str, version: int | None = None
) -> ServiceRequest:
    """Decline the request and say why."""
    request = _for_action(work, request_id, Action.DECLINE, version)
    request.status, request.answer = Kept.DECLINED, answer
    _publish(work, request, Topic.DECLINED)
    return request


def amend(
    work: Work,
    request_id: UUID,
    details: RequestDetails,
    *,
    start: datetime | None = None,
    minutes: int | None = None,
    version: int | None = None,
) -> ServiceRequest:
    """Change a request.

    A new time replaces any proposal and has to be accepted; the appointment of an accepted request
    moves to it at once.
    """
    request = _for_action(work, request_id, Action.AMEND, version)
    start, minutes = start or request.current_start, minutes or request.minutes
    is_same_time = (start, minutes) == (request.current_start, request.minutes)
    if not set_values(request, details.model_dump()) and is_same_time:
        return request
    moved = False
    if request.appointment is not None:
        moved = _amend_appointment(work, request, request.appointment, start, minutes)
    elif not is_same_time:
        place = place_for(work.session, request.service_id)
        _check_free(work, place, start, minutes, request.patient)
        request.starts_at, request.minutes = start, minutes
        request.status, request.proposed_at, request.answer = Kept.NEW, None, None
    _publish(work, request, Topic.AMENDED, moved=moved)
    return request


def cancel(work: Work, request_id: UUID, *, version: int | None = None) -> ServiceRequest:
    """Cancel the request with its appointment."""
    request = _for_action(work, request_id, Action.CANCEL, version)
    request.status = Kept.CANCELLED
    request.changed_at = work.now
    work.session.flush()
    if request.appointment is not None:
        booking.change_status(work, request.appointment.id, Status.CANCELLED)
    _publish(work, request, Topic.CANCELLED)
    return request


def complete(work: Work, request_id: UUID, *, version: int | None = None) -> ServiceRequest:
    """Complete the request and fulfil its appointment."""
    request = _for_action(work, request_id, Action.COMPLETE, version)
    appointment = request.appointment
    if appointment is None:
        raise NotFound
    request.changed_at = work.now
    steps = (Status.ARRIVED,) if appointment.status == Status.BOOKED else ()
    for to in (*steps, Status.FULFILLED):
        booking.change_status(work, appointment.id, to)
    _publish(work, request, Topic.COMPLETED)
    return request


def rate(work: Work, request_id: UUID, stars: int) -> ServiceRequest:
    """Rate a finished consultation with 1 to 5 stars; this replaces an earlier rating.

    Raise BadStars of the feedback feature.
    """
    request = _for_action(work, request_id, Action.RATE, None)
    check_stars(stars)
    request.stars, request.rated_at = stars, work.now
    subject = subject_of(request.id)
    audit.record(work, "request.rated", subject, stars=stars)
    return request


def subject_of(request_id: UUID) -> str:
    """Return the name of a request in the audit."""
    return f"request:{request_id}"


def _for_action(
    work: Work, request_id: UUID, action: Action, version: int | None
) -> ServiceRequest:
    """Return a request after checking the action; raise StaleVersion if ``version`` is old."""
    request, relation = request_for(work, request_id)
    check_action(action, request, relation, now=work.now)
    if version is not None and version != request.version:
        raise StaleVersion
    return request


def _book(work: Work, request: ServiceRequest, start: datetime) -> ServiceRequest:
    request.status, request.changed_at = Kept.ACCEPTED, work.now
    work.session.flush()
    place = place_for(work.session, request.service_id)
    booking_request = BookingRequest(
        schedule_id=place.schedule_id,
        start=start,
        minutes=request.minutes,
        patient_id=request.patient_id,
        reason=request.description,
        priority=request.priority,
    )
    appointment = booking.make(work, booking_request, place.for_agreed())
    appointment.task = request.task
    request.appointment = appointment
    _publish(work, request, Topic.ACCEPTED)
    return request


def _amend_appointment(
    work: Work, request: ServiceRequest, appointment: Appointment, start: datetime, minutes: int
) -> bool:
    """Copy the request to its appointment and move it if needed; return True if it moved."""
    previous = (appointment.starts_at, request.minutes)
    request.starts_at, request.minutes, request.changed_at = start, minutes, work.now
    work.session.flush()
    booking.amend(work, appointment.id, reason=request.description, priority=request.priority)
    appointment.task = request.task
    if (start, minutes) == previous:
        return False
    booking.move(work, appointment.id, start, minutes=minutes)
    return True


def _check_free(
    work: Work, place: Place, start: datetime, minutes: int, patient: Patient | None
) -> None:
    """Raise SlotTaken with the nearest times, or PatientBusy, if it cannot be booked now."""
    check_offered(work, place, start, minutes)
    whom = ForWhom(patient.id, patient.diary_id) if patient else None
    if not is_free(work, place, start, minutes=minutes):
        free = nearest(work, place, start, minutes=minutes, whom=whom)
        raise SlotTaken(free, schedule_id=place.schedule_id, minutes=minutes)
    if not is_free(work, place, start, minutes=minutes, whom=whom):
        raise PatientBusy(field="start")


def _publish(work: Work, request: ServiceRequest, topic: Topic, *, moved: bool = False) -> None:
    """Update ``changed_at``, write an audit event and queue the notification."""
    request.changed_at = work.now
    work.session.flush()
    audit.record(work, topic, subject_of(request.id))
    publish(
        work,
        topic,
        request=request.id,
        version=request.version,
        by=work.actor.account_id,
        moved=moved,
    )
