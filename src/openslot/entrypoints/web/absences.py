"""Pages on which a practitioner's time is blocked and the affected appointments are decided."""

import re
from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from pydantic import ValidationError
from werkzeug.wrappers import Response as BaseResponse

from openslot.booking import elsewhere
from openslot.booking.absences import (
    AbsenceDetails,
    absence_of,
    may_block,
    may_see_absences,
    needing,
)
from openslot.booking.errors import BlocksElsewhere
from openslot.booking.moves import relation_to
from openslot.booking.rules import takes_emergencies
from openslot.core.errors import DomainError, Malformed, NotFound
from openslot.core.fields import first_problem
from openslot.core.ids import read_id
from openslot.directory import queries as directory
from openslot.directory.models import Practitioner
from openslot.entrypoints import calendar_addresses
from openslot.entrypoints.problems import sentence_of, status_of
from openslot.entrypoints.web import access, context, reading
from openslot.entrypoints.web.written import mailed
from openslot.schedules import queries as schedules
from openslot.schedules.availability import instant_of, tick_at
from openslot.schedules.models import AbsenceKind, Schedule
from openslot.schedules.rules import parse_clock
from openslot.usecases import rebooking
from openslot.usecases.rebooking import Decided, Hit
from openslot.waiting_list import queries as offers
from openslot.waiting_list.errors import DecisionsOutOfDate
from openslot.waiting_list.models import Choice

pages = Blueprint("absences", __name__, url_prefix="/calendar/absences")

SHOWN = timedelta(days=400)
LONGEST_EMERGENCY = 12
"""Most hours that the emergency button keeps free."""

BLOCKERS = access.PRACTITIONERS | access.ADMINS


@pages.get("")
@access.allow(BLOCKERS)
def listing() -> Response:
    """Show absences, the appointments in them that need a decision, and the form for a new one."""
    return _absences_page(None)


@pages.post("")
@access.allow(BLOCKERS)
def enter() -> BaseResponse:
    """Block time; first ask for decisions if appointments fall into it."""
    try:
        details = _details()
        affected = _preview(details)
    except DomainError as error:
        return _absences_page(error)
    return _block_or_ask(details, affected)


@pages.post("/emergency")
@access.allow(BLOCKERS)
def emergency() -> BaseResponse:
    """Keep the next hours free, starting now."""
    hours = min(max(reading.number("hours", 2), 1), LONGEST_EMERGENCY)
    starts = instant_of(tick_at(context.now()))
    details = AbsenceDetails(
        kind=AbsenceKind.KEPT_FREE, starts_at=starts, ends_at=starts + timedelta(hours=hours)
    )
    return _block_or_ask(details, _preview(details))


@pages.post("/decide")
@access.allow(BLOCKERS)
def decide() -> BaseResponse:
    """Apply decisions about appointments in time that is already blocked."""
    practitioner_id = _practitioner_id()
    try:
        decisions = _decisions(_appointment_ids_in_form())
        context.write(rebooking.decide, practitioner_id, decisions)
    except DomainError as error:
        return _absences_page(error)
    flash(
        mailed(
            _("Your decisions are saved. We will tell the patients."),
            _("Your decisions are saved. Tell the patients: no email can be sent."),
        ),
        "good",
    )
    return _back()


@pages.get("/<absence_id>/answers")
@access.allow(BLOCKERS)
def answers(absence_id: str) -> str:
    """Show what has become of each appointment that was in the way, and whom to call."""
    practitioner_id = _practitioner_id()
    found = rebooking.answers(context.work(), practitioner_id, read_id(absence_id))
    return render_template(
        "calendar/answers.html",
        found=found,
        counts=Counter(answer for answer, _outcome in found),
        to_call=rebooking.TO_CALL,
        absence=absence_of(context.work(), practitioner_id, read_id(absence_id)),
        zone=_zone(),
        **_template_values(_person(), ()),
    )


@pages.post("/<absence_id>/end")
@access.allow(BLOCKERS)
def end(absence_id: str) -> BaseResponse:
    """End an absence, so that its time can be booked again."""
    practitioner_id, withdraw = _practitioner_id(), reading.text("withdraw") == "yes"
    diary_id, now = _person().diary_id, context.now()
    known = {
        one.id: one for one in schedules.absences(context.reader(), diary_id, now, now + SHOWN)
    }
    context.write(rebooking.end, practitioner_id, read_id(absence_id), withdraw=withdraw)
    ended = known.pop(read_id(absence_id), None)
    is_blocked = ended is not None and any(
        one.starts_at < ended.ends_at and one.ends_at > ended.starts_at for one in known.values()
    )
    if is_blocked:
        flash(_("This is unblocked. Other blocked time still covers a part of it."), "good")
    else:
        flash(_("This time can be booked again."), "good")
    return _back()


@pages.post("/reopen")
@access.allow(BLOCKERS)
def reopen() -> BaseResponse:
    """Open some days or hours again in all blocked time that covers them."""
    practitioner_id, zone = _practitioner_id(), _zone()
    try:
        starts = _moment("from_day", "from_time", time(0), zone)
        ends = _moment("to_day", "to_time", None, zone)
        withdraw = reading.text("withdraw") == "yes"
        context.write(rebooking.reopen, practitioner_id, starts, ends, withdraw=withdraw)
    except DomainError as error:
        return _absences_page(error)
    flash(_("This time can be booked again."), "good")
    return _back()


@pages.post("/calendar")
@access.allow(BLOCKERS)
def set_calendar() -> BaseResponse:
    """Have a calendar elsewhere read, whose busy times are then blocked."""
    practitioner_id = _practitioner_id()
    try:
        may_block(context.work(), practitioner_id)
        context.close_reader()  # DNS may be slow, and an open reader blocks SQLite's writers
        url = calendar_addresses.checked(reading.text("url"), context.settings().calendar_networks)
        context.write(elsewhere.set_address, practitioner_id, url)
    except DomainError as error:
        return _absences_page(error)
    flash(_("We will read this calendar soon, and every few minutes from then on."), "good")
    return _back()


@pages.post("/calendar/remove")
@access.allow(BLOCKERS)
def remove_calendar() -> BaseResponse:
    """Stop reading the calendar elsewhere, and open its times again."""
    context.write(elsewhere.remove_address, _practitioner_id())
    flash(_("The calendar is removed. Its times can be booked again."), "good")
    return _back()


def _block_or_ask(details: AbsenceDetails, affected: list[Hit]) -> BaseResponse:
    """Block the time, or show the page that asks for decisions."""
    if affected and (reading.text("decided") != "yes" or reading.text("preset")):
        return _decide_page(details, affected, 409)
    practitioner_id, appointment_ids = _practitioner_id(), [hit.appointment.id for hit in affected]
    try:
        decisions = _decisions(appointment_ids)
        absence_id = context.write(rebooking.enter, practitioner_id, details, decisions).id
    except DomainError as error:
        return _decide_page(details, _preview(details), status_of(error), error)
    flash(_("This time can no longer be booked."), "good")
    return _back(absence_id) if decisions else _back()


def _decisions(appointment_ids: Sequence[UUID]) -> dict[UUID, Decided]:
    """Return the decision for each appointment; raise DecisionsOutOfDate if one is missing."""
    return {appointment_id: _decision(appointment_id) for appointment_id in appointment_ids}


def _decision(appointment_id: UUID) -> Decided:
    try:
        choice = Choice(reading.text(f"appointment-{appointment_id}"))
    except ValueError:
        raise DecisionsOutOfDate from None
    if choice is not Choice.MOVE:
        return Decided(choice)
    return Decided(choice, *_slot(reading.text(f"slot-{appointment_id}")))


def _slot(text: str) -> tuple[int, datetime]:
    """Parse ``schedule/instant``, the value of a proposed time."""
    match = re.fullmatch(r"(\d{1,9})/(\d{4}-\d\d-\d\dT\d\d:\d\d:00Z)", text, re.ASCII)
    try:
        if match:
            return int(match[1]), datetime.fromisoformat(match[2])
    except ValueError:
        pass
    raise Malformed("Choose a time to move each appointment to.", field="start")


def _appointment_ids_in_form() -> list[UUID]:
    return [
        read_id(name.removeprefix("appointment-"))
        for name in request.form
        if name.startswith("appointment-")
    ]


def _preview(details: AbsenceDetails) -> list[Hit]:
    return rebooking.preview(context.work(), _practitioner_id(), details)


def _absences_page(error: DomainError | None) -> Response:
    session, now, zone, person = context.reader(), context.now(), _zone(), _person()
    absences = schedules.absences(session, person.diary_id, now, now + SHOWN, entered=True)
    calendar = elsewhere.calendar_of(context.work(), person.id)
    undecided = rebooking.undecided(context.work(), [person.id])
    hits = rebooking.suggestions(context.work(), undecided)
    page = render_template(
        "calendar/absences.html",
        absences=absences,
        calendar=calendar,
        calendar_host=calendar_addresses.host_of(calendar.url) if calendar else None,
        busy_elsewhere=len(schedules.elsewhere_from(session, person.diary_id, now)),
        needing=[
            (one, relation_to(context.actor(), one) is not None)
            for one in needing(context.work(), person.id)
        ],
        proposed=offers.open_of_absences(context.work(), [absence.id for absence in absences]),
        decided=offers.decided_of(context.work(), [absence.id for absence in absences]),
        undecided=list(zip(undecided, hits, strict=True)),
        zone=zone,
        today=now.astimezone(zone).date(),
        problem=sentence_of(error) if error else None,
        blocked_by_others=_blocked_by_others(person),
        takes_emergencies=_takes_emergencies(person),
        typed=request.form,
        **_template_values(person, hits),
    )
    return Response(page, status_of(error) if error else 200)


def _blocked_by_others(person: Practitioner) -> str | None:
    """Return the reason why the reader may not block this person's time, or None."""
    try:
        may_block(context.work(), person.id)
    except BlocksElsewhere as error:
        return sentence_of(error)
    return None


def _takes_emergencies(person: Practitioner) -> list[Schedule]:
    """Return this person's schedules that the reader can book for patients."""
    places = schedules.places(context.reader(), Schedule.practitioner_id == person.id)
    ids = [key for key, place in places.items() if takes_emergencies(context.actor(), place)]
    return schedules.subjects(context.reader(), Schedule.id.in_(ids)) if ids else []


def _decide_page(
    details: AbsenceDetails, affected: list[Hit], status: int, error: DomainError | None = None
) -> Response:
    page = render_template(
        "calendar/decide.html",
        details=details,
        found=affected,
        zone=_zone(),
        typed=request.form,
        preset=reading.text("preset"),
        problem=sentence_of(error) if error else None,
        **_template_values(_person(), affected),
    )
    return Response(page, status)


def _template_values(person: Practitioner, hits: Sequence[Hit]) -> dict[str, object]:
    schedule_ids = {slot.schedule_id for hit in hits for slot in hit.slots}
    schedule_rows = (
        schedules.subjects(context.reader(), Schedule.id.in_(schedule_ids)) if schedule_ids else []
    )
    own = person.id == context.actor().practitioner_id
    return {
        "person": person,
        "own": own,
        "practitioner": None if own else person.id,
        "subjects": {schedule.id: schedule for schedule in schedule_rows},
    }


def _details() -> AbsenceDetails:
    """Return the typed absence; wall-clock times are in the zone of the practitioner's first
    centre."""
    zone = _zone()
    try:
        return AbsenceDetails(
            kind=reading.option("kind", AbsenceKind, AbsenceKind.LEAVE),
            starts_at=reading.optional_instant("starts")
            or _moment("from_day", "from_time", time(0), zone),
            ends_at=reading.optional_instant("ends") or _moment("to_day", "to_time", None, zone),
            reason=reading.text("reason"),
        )
    except ValidationError as error:
        raise first_problem(error) from None


def _moment(day_field: str, time_field: str, default: time | None, zone: ZoneInfo) -> datetime:
    """Return a local date and time; without a time, the start or the end of the day."""
    day = reading.optional_day(day_field)
    if day is None:
        raise Malformed("Enter the first and the last day.", field=day_field)
    clock = reading.text(time_field)
    if not clock:
        return _midnight(day if default is not None else day + timedelta(days=1), zone)
    minutes = parse_clock(clock)
    return _midnight(day, zone).replace(hour=minutes // 60 % 24, minute=minutes % 60) + (
        timedelta(days=1) if minutes == 24 * 60 else timedelta(0)
    )


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(0), zone)


def _practitioner_id() -> int:
    """Return the practitioner named in the request, else the reader; raise unless the reader may
    see them."""
    actor = context.actor()
    practitioner_id = reading.number("practitioner", actor.practitioner_id or 0)
    if not practitioner_id:
        raise NotFound
    may_see_absences(context.work(), practitioner_id)
    return practitioner_id


def _person() -> Practitioner:
    return directory.practitioner(context.reader(), _practitioner_id(), inactive=True)


def _zone() -> ZoneInfo:
    places = schedules.practitioner_places(context.reader(), _practitioner_id())
    return schedules.zone_of(places.values(), context.settings().time_zone)


def _back(absence_id: UUID | None = None) -> BaseResponse:
    """Lead to all blocked time, or to the answers about one absence."""
    own = _practitioner_id() == context.actor().practitioner_id
    practitioner = None if own else _practitioner_id()
    if absence_id is None:
        return redirect(url_for("absences.listing", practitioner=practitioner), 303)
    there = url_for("absences.answers", absence_id=absence_id, practitioner=practitioner)
    return redirect(there, 303)
