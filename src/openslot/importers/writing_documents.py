"""Import of documents: departments with bookable services, staff and appointments."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from openslot.booking.imports import Recorded, record_appointment
from openslot.booking.models import Appointment, Priority, Status
from openslot.core.actor import Role
from openslot.core.errors import Conflict, Invalid
from openslot.department_requests.imports import record_request
from openslot.directory import commands as directory
from openslot.directory.details import DepartmentDetails, ServiceDetails
from openslot.directory.models import BookableBy, Centre, Department, Service, StaffMember
from openslot.directory.queries import staff_member
from openslot.identity.models import Account
from openslot.importers import queries
from openslot.importers.batch import Batch
from openslot.importers.documents import AppointmentDocument, DepartmentDocument, UserDocument
from openslot.importers.outcome import Effect
from openslot.importers.tables import folded
from openslot.importers.writing import (
    COUNTED_SLOTS,
    USUAL_HOURS,
    Writing,
    changed,
    effect,
    given,
    open_account,
    rename,
)
from openslot.schedules import commands as schedules
from openslot.schedules import queries as schedule_queries
from openslot.schedules.availability import as_shown
from openslot.schedules.errors import DiaryTaken, SkippedTime
from openslot.schedules.models import Schedule
from openslot.schedules.rules import Place


def write_departments(writing: Writing, batch: Batch) -> None:
    """Write the departments at each of their sites."""
    existing = queries.departments(writing.work.session)
    by_name = {
        (department.centre_id, folded(department.name)): department for department, _ in existing
    }
    by_id = {department.external_id: department for department, _ in existing}
    for item in batch.of(DepartmentDocument):
        for number, site in enumerate(item.row.sites):
            external_id = f"{item.row.external_id}:{number}" if number else item.row.external_id
            centre = writing.centres[folded(site.location)]
            department = by_id.get(external_id) or by_name.get((centre.id, folded(item.row.name)))
            writing.attempt(
                item.source, "departments", _department, item.row, centre, department, external_id
            )


def _department(
    writing: Writing,
    row: DepartmentDocument,
    centre: Centre,
    department: Department | None,
    external_id: str,
) -> Effect:
    values = given(
        name=row.name,
        description=row.description,
        picture_url=row.picture_url,
        phone=row.contact.phone,
        email=row.contact.email,
    )
    if department is None:
        details = DepartmentDetails.model_validate(values)
        directory.create_department(writing.work, centre.id, details, external_id=external_id)
        return Effect.CREATED
    new = changed(DepartmentDetails, department, values)
    if new:
        directory.change_department(writing.work, department.id, new)
    adopted = department.external_id != external_id
    department.external_id = external_id
    return effect(new, adopted)


def write_services(writing: Writing, batch: Batch) -> None:
    """Write new services; existing ones that a document does not name stay."""
    departments = {
        (centre.id, folded(department.name)): department
        for department, centre in queries.departments(writing.work.session)
    }
    existing = {
        (department.id, folded(service.name))
        for service, department, _ in queries.services(writing.work.session)
    }
    for item in batch.of(DepartmentDocument):
        for site in item.row.sites:
            centre = writing.centres[folded(site.location)]
            department = departments[centre.id, folded(item.row.name)]
            for name in item.row.services:
                writing.attempt(item.source, "services", _service, department, name, existing)


def _service(
    writing: Writing, department: Department, name: str, there: set[tuple[int, str]]
) -> Effect:
    key = (department.id, folded(name))
    if key in there:
        return Effect.UNCHANGED
    there.add(key)
    # The documents are about what departments of a hospital do for each other.
    details = ServiceDetails(name=name, bookable_by=BookableBy.REQUEST)
    service = directory.create_service(writing.work, department.id, details)
    schedules.open_schedule(
        writing.work,
        centre_id=department.centre_id,
        service_id=service.id,
        details=COUNTED_SLOTS,
        hours=USUAL_HOURS,
    )
    return Effect.CREATED


def write_users(writing: Writing, batch: Batch) -> None:
    """Write staff with their password hashes."""
    rows = batch.of(UserDocument)
    by_id = queries.accounts_by_external_id(
        writing.work.session, (item.row.external_id for item in rows)
    )
    by_email = queries.staff(
        writing.work.session,
        {item.row.email for item in rows} | {account.email for account in by_id.values()},
    )
    departments = {
        (centre.id, folded(department.name)): department.id
        for department, centre in queries.departments(writing.work.session)
    }
    for item in rows:
        account_with_id = by_id.get(item.row.external_id)
        account, member = by_email.get(
            account_with_id.email if account_with_id else item.row.email, (None, None)
        )
        centre_id = writing.centres[folded(item.row.site)].id
        department_id = departments.get((centre_id, folded(item.row.department or "")))
        place = (centre_id, department_id)
        writing.attempt(item.source, "staff", _user, item.row, account, member, place)


def _user(
    writing: Writing,
    row: UserDocument,
    account: Account | None,
    member: StaffMember | None,
    place: tuple[int, int | None],
) -> Effect:
    existing = account
    if account is None:
        account = open_account(
            writing,
            row.email,
            row.name,
            Role.STAFF,
            must_change_password=False,
            external_id=row.external_id,
        )
    phone = row.contacts[0].phone
    previous_place = (member.centre_id, member.department_id, member.phone) if member else None
    new_place = (*place, phone or (member.phone if member else None))
    if previous_place != new_place:
        placed = directory.place_staff(writing.work, account.id, *place)
        placed.phone = new_place[2]
    if existing is None:
        return Effect.CREATED
    adopted = account.external_id != row.external_id
    account.external_id = row.external_id
    return effect(
        rename(writing, account, email=row.email, name=row.name),
        previous_place != new_place,
        adopted,
    )


def write_appointments(writing: Writing, batch: Batch) -> None:
    """Write new appointments; those imported before are left as they are now."""
    rows = batch.of(AppointmentDocument)
    imported_ids = queries.imported_appointments(
        writing.work.session, (item.row.external_id for item in rows)
    )
    services = {
        (centre.id, folded(department.name), folded(service.name)): (service, centre)
        for service, department, centre in queries.services(writing.work.session)
    }
    users = queries.accounts_by_external_id(
        writing.work.session, {item.row.user_id for item in rows if item.row.user_id}
    )
    for item in rows:
        row = item.row
        centre_id = writing.centres[folded(row.site)].id
        place = services[centre_id, folded(row.department), folded(row.service)]
        if row.external_id in imported_ids:
            writing.outcome.count("appointments", Effect.UNCHANGED)
        else:
            user = users.get(row.user_id or "")
            writing.attempt(item.source, "appointments", _appointment, row, *place, user)


def _appointment(
    writing: Writing,
    row: AppointmentDocument,
    service: Service,
    centre: Centre,
    user: Account | None,
) -> Effect:
    starts = _instant(row.starts, ZoneInfo(centre.time_zone))
    ends = starts + timedelta(minutes=service.minutes)
    appointment = Recorded(
        starts_at=starts,
        ends_at=ends,
        status=Status.FULFILLED if ends <= writing.work.now else Status.BOOKED,
        task=row.task,
        reason=row.reason,
        priority=Priority.URGENT if row.urgent else Priority.ROUTINE,
        created_at=row.created,
        created_by=user.id if user else None,
        external_id=row.external_id,
    )
    try:
        booked = record_appointment(writing.work, _place(writing, service), appointment)
    except DiaryTaken:
        sentence = "The service has another appointment at this time."
        raise Conflict(sentence, field="date_time") from None
    _request(writing, booked, service, centre, user)
    return Effect.CREATED


def _request(
    writing: Writing,
    appointment: Appointment,
    service: Service,
    centre: Centre,
    user: Account | None,
) -> None:
    """Write a request if the user works in another department of the same centre."""
    member = staff_member(writing.work.session, user.id) if user else None
    requesting_id = member.department_id if member and member.centre_id == centre.id else None
    if requesting_id is not None and requesting_id != service.department_id:
        record_request(writing.work, appointment, service, requesting_id)


def _instant(wall_clock: datetime, zone: ZoneInfo) -> datetime:
    """Return the instant of a time on the centre's clock; the first one if it occurs twice."""
    local = wall_clock.replace(tzinfo=zone)
    if as_shown(local) != local:
        raise SkippedTime(field="date_time")
    return local.astimezone(UTC)


def _place(writing: Writing, service: Service) -> Place:
    places = schedule_queries.places(
        writing.work.session, Schedule.service_id == service.id, inactive=True
    )
    if not places:
        raise Invalid("This service has no opening hours yet.", field="service")
    return next(iter(places.values()))
