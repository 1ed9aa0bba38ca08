"""Pages of itineraries: planning several appointments that belong together, and what is left."""

from collections.abc import Iterable
from datetime import datetime, time
from itertools import groupby, islice
from operator import attrgetter
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from openslot.booking import together
from openslot.booking.commands import BookingRequest
from openslot.booking.itineraries import Gap, Unit
from openslot.booking.models import Status
from openslot.booking.moves import relation_to
from openslot.booking.slots import Booker, Slot
from openslot.booking.together import of_itinerary
from openslot.core.errors import DomainError, Malformed
from openslot.directory import queries as directory
from openslot.directory.models import Centre
from openslot.entrypoints.appointment_calendar import appointments_calendar
from openslot.entrypoints.problems import sentence_of, status_of
from openslot.entrypoints.web import access, context, reading, whom
from openslot.schedules import known
from openslot.schedules.models import Schedule
from openslot.usecases import itineraries as usecases
from openslot.usecases.itineraries import AT_ONCE, Step

pages = Blueprint("itineraries", __name__)

STEPS = 3
"""Steps that the form asks for; the others are left empty."""

SERVICE, SCHEDULE = "service", "schedule"
MOST_LISTED = 200
"""Practitioners that the form lists at most; of more, only the one that it was opened for."""

SEARCHED_DAYS = 60
SHOWN, A_DAY = 6, 2
"""Plans that are shown, and how many of them begin on one day."""

LOOKED_AT = 200
LONGEST_REASON = 2000
LONGEST_WHY = 500


@pages.get("/itineraries/new")
@access.allow(access.SIGNED_IN)
def plan(error: DomainError | None = None) -> BaseResponse:
    """Ask for the steps, and show the plans that there are."""
    booker = whom.booker()
    if booker.whom is None:
        return redirect(url_for("patients.find"), 303)
    found = None
    if reading.text("what1") and request.method == "GET":
        try:
            found = _found(booker.whom.patient_id)
        except DomainError as refused:
            error = refused
    bookable = known.bookable(context.reader())
    page = render_template(
        "itineraries/plan.html",
        patient=directory.patient(context.reader(), booker.whom.patient_id),
        carried=whom.carried(),
        steps=range(1, STEPS + 1),
        choices=_choices(booker),
        centres=_centres(one.subject for one in bookable.values()),
        found=found,
        place_of={key: one.place for key, one in bookable.items()},
        subject_of={key: one.subject for key, one in bookable.items()},
        first_day=reading.text("from"),
        problem=_about(error),
    )
    return Response(page, status_of(error) if error else 200)


@pages.post("/itineraries/new")
@access.allow(access.SIGNED_IN)
def book() -> BaseResponse:
    """Book all steps of a plan, or show again what cannot be booked."""
    try:
        booked = context.write(usecases.book, _chosen())
    except DomainError as error:
        return plan(error)
    address = url_for("itineraries.show", itinerary_id=booked[0].itinerary_id, booked=1)
    return redirect(address, 303)


@pages.get("/itineraries/<uuid:itinerary_id>")
@access.allow(access.SIGNED_IN)
def show(itinerary_id: UUID) -> str:
    """Show the steps of an itinerary, and ask about the rest if one was changed."""
    found = together.members(context.work(), of_itinerary(itinerary_id))
    coming = [one for one in found if one.starts_at > context.now() and one.status is Status.BOOKED]
    relation = relation_to(context.actor(), found[0])
    return render_template(
        "itineraries/show.html",
        itinerary_id=itinerary_id,
        found=found,
        coming=coming,
        mine=relation is not None and relation.value == "patient",
        just_booked=reading.text("booked") == "1" and bool(coming),
        just_changed=reading.text("changed") == "1" and bool(coming),
    )


@pages.get("/itineraries/<uuid:itinerary_id>/appointments.ics")
@access.allow(access.SIGNED_IN)
def calendar_file(itinerary_id: UUID) -> Response:
    """Return an itinerary as one iCalendar file."""
    found = together.members(context.work(), of_itinerary(itinerary_id))
    return appointments_calendar(found, context.actor().patient_id, context.account().locale)


@pages.route("/itineraries/<uuid:itinerary_id>/cancel", methods=["GET", "POST"])
@access.allow(access.SIGNED_IN)
def cancel(itinerary_id: UUID) -> BaseResponse:
    """Ask before cancelling all steps that are still to come, and cancel them."""
    left = together.upcoming(context.work(), of_itinerary(itinerary_id))
    back, error = url_for("itineraries.show", itinerary_id=itinerary_id), None
    if request.method == "POST":
        try:
            why = reading.long_text("why", LONGEST_WHY)
            context.write(together.cancel, of_itinerary(itinerary_id), why=why)
        except DomainError as refused:
            error = refused
        else:
            flash(_("The appointments are cancelled. Others can now book these times."), "good")
            return redirect(back, 303)
    page = render_template(
        "series/cancel.html",
        action=url_for("itineraries.cancel", itinerary_id=itinerary_id),
        back=back,
        left=left,
        problem=sentence_of(error) if error else None,
    )
    return Response(page, status_of(error) if error else 200)


def _found(patient_id: UUID) -> list[list[Slot]]:
    day, now = reading.optional_day("from"), context.now()
    zone = context.reader_zone() or ZoneInfo(context.settings().time_zone)
    found = usecases.find(
        context.work(),
        patient_id,
        [_step(number) for number in range(1, STEPS + 1) if reading.text(f"what{number}")],
        max(datetime.combine(day, time(), zone), now) if day else now,
        SEARCHED_DAYS,
        limit=LOOKED_AT,
    )
    by_day = groupby(found, lambda plan: plan[0].start.date())
    return [plan for _day, plans in by_day for plan in islice(plans, A_DAY)][:SHOWN]


def _step(number: int) -> Step:
    """Return the step that was filled in with this number."""
    kind, _colon, key = reading.text(f"what{number}").partition(":")
    if kind not in (SERVICE, SCHEDULE) or not (key.isascii() and key.isdigit() and len(key) < 10):
        raise Malformed("Choose an option from the list.", field=f"what{number}")
    gap = AT_ONCE
    if number > 1:
        unit = reading.option(f"unit{number}", Unit, Unit.DAYS)
        least, most = reading.number(f"least{number}", 0), reading.number(f"most{number}", 0)
        gap = Gap(least, most, unit)
    return Step(
        service_id=int(key) if kind == SERVICE else None,
        schedule_id=int(key) if kind == SCHEDULE else None,
        centre_id=reading.number(f"centre{number}", 0) or None if kind == SERVICE else None,
        after=gap,
    )


def _chosen() -> list[BookingRequest]:
    """Return the steps of the plan that was pressed: schedule, service and start of each."""
    patient_id = whom.patient_id()
    reason = reading.long_text("reason", LONGEST_REASON)
    sent = zip(
        request.form.getlist("schedule"),
        request.form.getlist("service"),
        reading.instants_of(request.form.getlist("start"), "start"),
        strict=False,
    )
    return [
        BookingRequest(
            schedule_id=reading.number_of(schedule, "schedule"),
            start=start,
            minutes=None,
            patient_id=patient_id,
            reason=reason,
            service_id=reading.number_of(service, "service") or None,
        )
        for schedule, service, start in sent
    ]


class Choice(NamedTuple):
    """Something that a step can be for, as the form sends it."""

    value: str
    name: str
    about: str


def _choices(booker: Booker) -> dict[str, list[Choice]]:
    """Return what the patient can book: services, and practitioners if they are not too many."""
    services: dict[int, Choice] = {}
    people: list[Choice] = []
    named = reading.number("schedule", 0)
    for key, (place, subject) in known.bookable(context.reader()).items():
        for offered in place.services:
            one = place.offering(offered.service_id)
            if one is not None and booker.barrier(one) is None:
                about = Choice(f"{SERVICE}:{offered.service_id}", offered.name, "")
                services.setdefault(offered.service_id, about)
        if booker.barrier(place) is not None:
            continue
        if subject.service is not None and subject.service_id is not None:
            where = (
                f"{subject.department.name}, {subject.centre.name}" if subject.department else ""
            )
            services[subject.service_id] = Choice(
                f"{SERVICE}:{subject.service_id}", subject.name, where
            )
        else:
            people.append(Choice(f"{SCHEDULE}:{key}", subject.name, subject.centre.name))
    if len(people) > MOST_LISTED:
        people = [one for one in people if one.value == f"{SCHEDULE}:{named}"]
    by_name = attrgetter("name", "about")
    return {
        "services": sorted(services.values(), key=by_name),
        "people": sorted(people, key=by_name),
    }


def _centres(choices: Iterable[Schedule]) -> list[Centre]:
    """Return the centres where something can be booked, by name."""
    found = {subject.centre.id: subject.centre for subject in choices}
    return sorted(found.values(), key=attrgetter("name"))


def _about(error: DomainError | None) -> str | None:
    """Return what a refusal says, with the number of the step that it is about."""
    if error is None:
        return None
    name, _dot, number = (error.field or "").partition(".")
    if name == "steps" and number.isdigit():
        return str(
            _("Step %(number)s: %(sentence)s", number=int(number) + 1, sentence=sentence_of(error))
        )
    return sentence_of(error)
