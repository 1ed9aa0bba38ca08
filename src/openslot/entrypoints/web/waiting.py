"""The waiting list, and the form to join it."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from pydantic import ValidationError
from werkzeug.wrappers import Response as BaseResponse

from openslot.booking.commands import appointment_for
from openslot.booking.models import Appointment, Priority
from openslot.booking.rules import offered_to
from openslot.booking.slots import Slot
from openslot.core.actor import Role
from openslot.core.errors import DomainError, Invalid, NotFound
from openslot.core.fields import first_problem
from openslot.core.ids import read_id
from openslot.directory import queries as directory
from openslot.directory.models import Centre, Patient
from openslot.entrypoints.problems import sentence_of, status_of
from openslot.entrypoints.web import access, context, known, reading, whom
from openslot.entrypoints.web.offers import token
from openslot.entrypoints.web.saving import see_other
from openslot.entrypoints.web.written import mailed
from openslot.entrypoints.web.zones import own_zone
from openslot.schedules import queries as schedules
from openslot.schedules.models import Schedule
from openslot.waiting_list import queries, search, waiting
from openslot.waiting_list.details import WaitingDetails
from openslot.waiting_list.models import Offer, Waiting
from openslot.waiting_list.search import Listed

pages = Blueprint("waiting", __name__, url_prefix="/waiting")

LISTED = 200
USUAL_WAIT = timedelta(days=28)
USUAL_MINUTES = 30


class Option(NamedTuple):
    """Form value and label of something to wait for."""

    value: str
    label: str


class Wanted(NamedTuple):
    """A service to wait for, with its length if that is the same everywhere."""

    service_id: int
    name: str
    minutes: int | None


@dataclass(frozen=True, slots=True)
class Offering:
    """Choices of the form; ``zone`` is the zone of the days, ``lengths`` are in minutes. A service
    has a length of its own; where schedules ``only`` have services, one of them is chosen."""

    options: Sequence[Option]
    zone: ZoneInfo
    lengths: Sequence[int]
    services: Sequence[Wanted]
    only_services: bool
    appointment: Appointment | None = None
    centres: Sequence[Option] = ()


@pages.get("")
@access.allow(access.SIGNED_IN)
def listing() -> str:
    """List the reader's own entries and, for the care team, the entries at their place."""
    session, actor = context.reader(), context.actor()
    patients = {*actor.dependents, *([actor.patient_id] if actor.patient_id else [])}
    department = actor.department_id if actor.is_a(Role.STAFF) else None
    own = search.entries_for(session, patient_ids=patients, department_id=department, limit=LISTED)
    others = [] if actor.patient_id else search.waiting_at(context.work(), limit=LISTED)
    return render_template(
        "waiting/list.html",
        own=[listed for listed in own if listed.entry.status == Waiting.WAITING],
        past=[listed for listed in own if listed.entry.status != Waiting.WAITING][:10],
        others=others,
        token=token,
        **described([*own, *others]),
    )


def described(listed: Sequence[Listed]) -> dict[str, object]:
    """Return labels, zones and open offers of the entries, with at most five statements."""
    session = context.reader()
    entries = [one.entry for one in listed]
    offers: dict[UUID, Offer] = {}
    centres: dict[UUID, frozenset[int]] = {}
    subjects: list[Schedule] = []
    if entries:
        ids = [one.id for one in entries]
        offers = queries.open_of_entries(context.work(), ids)
        centres = search.centres_of(session, ids)
        subjects = schedules.subjects(session, search.named_by(entries))
    names = {one.centre.id: one.centre.name for one in subjects}
    return {
        "offers": offers,
        "by_schedule": {one.id: one for one in subjects},
        "by_person": {one.practitioner.id: one for one in subjects if one.practitioner},
        "zones": {one.entry.id: _zone_of(one, subjects, centres) for one in listed},
        "centres": {
            key: sorted(names[one] for one in own if one in names) for key, own in centres.items()
        },
    }


def _zone_of(
    listed: Listed, subjects: Sequence[Schedule], centres: Mapping[UUID, frozenset[int]]
) -> ZoneInfo:
    """Return the time zone of the first centre that matches an entry."""
    entry = listed.entry
    for subject in subjects:
        person = subject.practitioner.id if subject.practitioner else None
        if (
            subject.id == entry.schedule_id
            or (person is not None and person == entry.practitioner_id)
            or subject.centre.id in centres.get(entry.id, ())
        ):
            return ZoneInfo(subject.centre.time_zone)
    return ZoneInfo(context.settings().time_zone)


@pages.get("/new")
@access.allow(access.SIGNED_IN)
def ask() -> Response:
    """Show the form."""
    return _form(None, ())


@pages.post("/new")
@access.allow(access.SIGNED_IN)
def join() -> BaseResponse:
    """Join the waiting list, or show times that are already free."""
    try:
        details = _details()
        free_slots = _free_for(details)
        if free_slots:
            return _form(None, free_slots)
        context.write(waiting.join, details)
    except NotFound:
        raise
    except DomainError as error:
        return _form(error, ())
    return see_other(
        url_for("waiting.listing"),
        mailed(
            _("You are on the waiting list. We will email you when a time comes free."),
            _("You are on the waiting list. Look here for a time that comes free."),
        ),
    )


@pages.post("/<entry_id>/leave")
@access.allow(access.SIGNED_IN)
def leave(entry_id: str) -> BaseResponse:
    """Leave the waiting list."""
    try:
        context.write(waiting.leave, read_id(entry_id))
    except NotFound:
        raise
    except DomainError as error:
        flash(sentence_of(error), "warn")
        return redirect(url_for("waiting.listing"), 303)
    return see_other(url_for("waiting.listing"), _("You have left the waiting list."))


def _free_for(details: WaitingDetails) -> list[Slot]:
    waiter = waiting.prepared(context.work(), details)
    free_slots = waiting.free_for(context.work(), waiter)
    return free_slots if details.appointment_id else _bookable(free_slots)


def _bookable(free_slots: Sequence[Slot]) -> list[Slot]:
    """Return the times that the reader can book themselves."""
    booker, ids = whom.booker(), {slot.schedule_id for slot in free_slots}
    if not ids:
        return []
    places = schedules.places(context.reader(), Schedule.id.in_(ids))
    service_id = reading.number("service", 0) or None
    return [
        slot
        for slot in free_slots
        if (place := places[slot.schedule_id].offering(service_id))
        and booker.barrier(place) is None
    ]


def _details() -> WaitingDetails:
    """Return the typed details; days are in the zone of the centre."""
    offering = _offering()
    kind, _colon, value = reading.text("scope").partition(":")
    name, _colon, centre = value.partition(":")
    centres = [*request.form.getlist("centre"), *([centre] if centre else [])]
    starts, ends = reading.optional_day("from_day"), reading.optional_day("until_day")
    if starts is None or ends is None:
        raise Invalid("Enter the first and the last day.", field="from_day")
    if ends < starts:
        raise Invalid("The last day is before the first one.", field="until_day")
    scopes = {
        "schedule": "schedule_id",
        "practitioner": "practitioner_id",
        "profession": "profession",
    }
    if kind not in scopes:
        raise Invalid("Choose what to wait for.", field="scope")
    try:
        return WaitingDetails.model_validate(
            {
                "patient_id": None if offering.appointment else _patient_id(),
                "appointment_id": offering.appointment.id if offering.appointment else None,
                scopes[kind]: name,
                "centre_ids": centres if kind == "profession" else [],
                "service_id": None if offering.appointment else _service_id(offering),
                "minutes": reading.number("minutes", _usual_minutes(offering)),
                "starts_from": _midnight(starts, offering.zone),
                "starts_until": _midnight(ends + timedelta(days=1), offering.zone),
                "priority": reading.option("priority", Priority, Priority.ROUTINE),
            }
        )
    except ValidationError as error:
        raise first_problem(error) from None


def _service_id(offering: Offering) -> int | None:
    """Return the chosen service, or the first if there are only services; None for what is
    usual."""
    first = offering.services[0].service_id if offering.only_services else 0
    return reading.number("service", first) or None


def _form(error: DomainError | None, free_slots: Sequence[Slot]) -> Response:
    offering = _offering()
    actor, now = context.actor(), context.now()
    today = now.astimezone(offering.zone).date()
    appointment = offering.appointment
    last = appointment.starts_at if appointment else now + USUAL_WAIT
    subjects = (
        schedules.subjects(
            context.reader(), Schedule.id.in_({slot.schedule_id for slot in free_slots})
        )
        if free_slots
        else []
    )
    page = render_template(
        "waiting/new.html",
        offering=offering,
        appointment=appointment,
        people=_people(),
        patient=_patient(),
        today=today,
        last=last.astimezone(offering.zone).date(),
        usual=_usual_minutes(offering),
        service_id=_service_id(offering),
        found=free_slots,
        subjects={schedule.id: schedule for schedule in subjects},
        typed=request.form,
        works_with_patients=actor.patient_id is None,
        problem=sentence_of(error) if error else None,
        field=error.field if error else None,
    )
    return Response(page, status_of(error) if error else 200)


# Patient and choices


def _people() -> list[Patient]:
    """Return the people a patient can add: themselves and their dependents."""
    actor = context.actor()
    if actor.patient_id is None:
        return []
    own = directory.patient(context.reader(), actor.patient_id)
    cared_for = directory.dependents_of(context.reader(), actor.patient_id)
    return [own, *(patient for patient, _link in cared_for)]


def _patient_id() -> UUID | None:
    return reading.optional_id("patient") or context.actor().patient_id


def _patient() -> Patient | None:
    """Return the patient, if one is chosen."""
    patient_id = _patient_id()
    if patient_id is None:
        return None
    return known.patient(patient_id)


def _offering() -> Offering:
    """Return the choices for the schedule, appointment or profession in the request."""
    appointment_id = reading.optional_id("appointment")
    if appointment_id is not None:
        appointment, _part = appointment_for(context.work(), appointment_id)
        return _offering_of_schedule(appointment.schedule.id, appointment)
    if schedule_id := reading.number("schedule", 0):
        return _offering_of_schedule(schedule_id, None)
    if practitioner_id := reading.number("practitioner", 0):
        schedule_rows = _subjects(Schedule.practitioner_id == practitioner_id)
        return _offering_of_schedule(schedule_rows[0].id, None)
    return _offering_of_profession()


def _offering_of_schedule(schedule_id: int, appointment: Appointment | None) -> Offering:
    """Offer a schedule, its practitioner at other centres, and others of the profession at the
    centre."""
    [subject] = _subjects(Schedule.id == schedule_id)
    person, centre = subject.practitioner, subject.centre
    zone = ZoneInfo(centre.time_zone)
    if person is None:
        label = _("%(name)s at %(centre)s", name=subject.name, centre=centre.name)
        return Offering(
            [Option(f"schedule:{schedule_id}", label)],
            zone,
            _lengths([subject]),
            *_services([subject]),
            appointment,
        )
    everywhere = _subjects(Schedule.practitioner_id == person.id)
    options = [
        Option(
            f"schedule:{schedule.id}",
            _("%(name)s at %(centre)s", name=person.name, centre=schedule.centre.name),
        )
        for schedule in sorted(everywhere, key=lambda schedule: schedule.id != schedule_id)
    ]
    if len(everywhere) > 1:
        label = _("%(name)s at any of their centres", name=person.name)
        options.append(Option(f"practitioner:{person.id}", label))
    if not person.needs_referral:
        label = _(
            "Any %(profession)s at %(centre)s",
            profession=_in_a_sentence(_(person.profession_name)),
            centre=centre.name,
        )
        options.append(Option(f"profession:{person.profession}:{centre.id}", label))
    return Offering(options, zone, _lengths(everywhere), *_services(everywhere), appointment)


def _offering_of_profession() -> Offering:
    schedule_rows = _subjects(search.of_profession(reading.text("profession")))
    person = next(one.practitioner for one in schedule_rows if one.practitioner)
    names = {schedule.centre.id: schedule.centre for schedule in schedule_rows}
    return Offering(
        [
            Option(
                f"profession:{person.profession}",
                _("Any %(profession)s", profession=_in_a_sentence(_(person.profession_name))),
            )
        ],
        _zone_at([centre.time_zone for centre in _chosen_centres(names) or names.values()]),
        _lengths(schedule_rows),
        *_services(schedule_rows),
        centres=[
            Option(str(key), f"{schedule.name}, {schedule.suburb}")
            for key, schedule in names.items()
        ],
    )


def _chosen_centres(names: Mapping[int, Centre]) -> list[Centre]:
    """Return the selected centres; none means any."""
    ticked = set(request.form.getlist("centre"))
    return [centre for key, centre in names.items() if str(key) in ticked]


def _zone_at(zones: Collection[str]) -> ZoneInfo:
    """Return the zone of the centres, or the reader's if the centres differ."""
    only = set(zones)
    return ZoneInfo(only.pop()) if len(only) == 1 else own_zone()


def _lengths(subjects: Collection[Schedule]) -> list[int]:
    """Return the appointment lengths of all these schedules."""
    return sorted(
        {
            schedule.slot_minutes * count
            for schedule in subjects
            for count in range(1, schedule.max_slots + 1)
        }
    )


def _services(subjects: Collection[Schedule]) -> tuple[list[Wanted], bool]:
    """Return the services of these schedules that the reader can wait for, each once, and whether
    each schedule offers some."""
    places = schedules.places(
        context.reader(), Schedule.id.in_([schedule.id for schedule in subjects])
    )
    offered = [offered_to(context.actor(), place) for place in places.values()]
    lengths: dict[tuple[int, str], set[int]] = defaultdict(set)
    for place in (place for own in offered for place in own):
        if service := place.offered:
            lengths[service.service_id, service.name].add(service.minutes)
    services = [
        Wanted(*service, minutes=next(iter(each)) if len(each) == 1 else None)
        for service, each in lengths.items()
    ]
    return services, all(offered)


def _usual_minutes(offering: Offering) -> int:
    """Return the default length: half an hour, or the next longer one."""
    return next(
        (length for length in offering.lengths if length >= USUAL_MINUTES), offering.lengths[-1]
    )


def _in_a_sentence(profession: str) -> str:
    return profession if profession.isupper() else profession.lower()


def _subjects(where: search.Condition) -> list[Schedule]:
    schedule_rows = schedules.subjects(context.reader(), where, *schedules.bookable())
    if not schedule_rows:
        raise NotFound
    return schedule_rows


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(0), zone)
