"""What each role sees first, and HM System's way to change or delete oneself."""

from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, jsonify, render_template, request
from pydantic import ValidationError

from openslot.booking import queries as booking
from openslot.booking.leaving import delete_own_account
from openslot.core import outbox
from openslot.core.errors import Malformed, NotFound
from openslot.core.fields import first_problem
from openslot.directory import commands as directory_commands
from openslot.directory import queries as directory
from openslot.directory.details import PatientDetails
from openslot.directory.rules import Actor
from openslot.entrypoints.web import access, context, reading, sign_in
from openslot.entrypoints.web.agenda import current_visit
from openslot.identity import commands as identity
from openslot.identity.models import Role
from openslot.schedules import queries as schedules

pages = Blueprint("dashboard", __name__, url_prefix="/dashboard")

PAST_SHOWN = 5
PAST_PAGE = 20
LISTED = 100


@pages.get("")
@access.allow(access.SIGNED_IN)
def show() -> str:
    """The page of the reader's role."""
    actor = context.actor()
    if actor.patient_id is not None:
        return _patient_page()
    if actor.practitioner_id is not None:
        return _practitioner_page(actor.practitioner_id)
    if actor.is_a(Role.STAFF):
        return _staff_page(actor)
    return _admin_page(actor)


@pages.get("/past")
@access.allow(access.PATIENTS)
def past() -> str:
    """All visits of the patient that are over, newest first."""
    page = max(1, min(reading.number("page", 1), 500))
    mine = booking.of_patient(_patient_id())
    gone = booking.gone_by(context.now())
    return render_template(
        "dashboard/past.html",
        visits=booking.visits(
            context.reader(), mine, gone, newest_first=True, limit=PAST_PAGE,
            offset=(page - 1) * PAST_PAGE,
        ),
        total=booking.count(context.reader(), mine, gone),
        page=page,
        page_size=PAST_PAGE,
    )  # fmt: skip


@pages.put("")
@access.allow(access.SIGNED_IN)
def change() -> Response:
    """Change some of one's own details, given as JSON; answers with all of them."""
    values = request.get_json(silent=True)
    if not isinstance(values, dict) or not values:
        raise Malformed('Send a JSON object of what is to change, such as {{"phone": "…"}}.')
    if context.actor().patient_id is None:
        return jsonify(_rename(values))
    return jsonify(_change_patient(values))


@pages.delete("")
@access.allow(access.SIGNED_IN)
def delete() -> Response:
    """Delete one's own account, as on the account page; visits to come are cancelled."""
    actor = context.actor()
    cutoff = timedelta(hours=context.settings().cancel_cutoff_hours)
    context.write(
        lambda session: delete_own_account(session, actor, now=context.now(), cutoff=cutoff)
    )
    sign_in.forget()
    return Response(status=204)


def _change_patient(values: dict[str, Any]) -> dict[str, Any]:
    actor = context.actor()
    patient = directory.patient(context.reader(), _patient_id())
    fields = PatientDetails.model_fields
    known = {name: getattr(patient, name) for name in fields}
    try:
        details = PatientDetails(**{**known, **values})
    except ValidationError as error:
        raise first_problem(error) from None
    changed = context.write(
        lambda session: directory_commands.change_patient(
            session, actor, patient.id, details, now=context.now()
        )
    )
    return {name: _plain(getattr(changed, name)) for name in fields}


def _rename(values: dict[str, Any]) -> dict[str, Any]:
    if set(values) != {"name"}:
        raise Malformed("Only the name can be changed here.", field="name")
    name = _name(values["name"])
    account = context.account()
    context.write(
        lambda session: identity.change_account(
            session, account.id, by=context.actor().origin, now=context.now(), name=name
        )
    )
    return {"name": name, "email": account.email}


def _name(value: object) -> str:
    try:
        return PatientDetails(name=value).name
    except ValidationError as error:
        raise first_problem(error) from None


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, date) else value


def _patient_id() -> UUID:
    """The patient who is signed in."""
    patient_id = context.actor().patient_id
    if patient_id is None:
        raise NotFound
    return patient_id


def _patient_page() -> str:
    now, mine = context.now(), booking.of_patient(_patient_id())
    coming = booking.visits(context.reader(), mine, booking.to_come(now), limit=LISTED)
    gone = booking.gone_by(now)
    return render_template(
        "dashboard/patient.html",
        coming=coming,
        past=booking.visits(context.reader(), mine, gone, newest_first=True, limit=PAST_SHOWN),
        past_count=booking.count(context.reader(), mine, gone),
        cutoff=timedelta(hours=context.settings().cancel_cutoff_hours),
    )


def _practitioner_page(practitioner_id: int) -> str:
    now = context.now()
    places = schedules.practitioner_places(context.reader(), practitioner_id)
    zone = next((place.zone for place in places.values()), _own_zone())
    starts, ends = _day(now, zone)
    mine = booking.of_practitioner(practitioner_id)
    today = booking.visits(
        context.reader(), mine, booking.showing(now), booking.between(starts, ends)
    )
    person = directory.practitioner(context.reader(), practitioner_id, inactive=True)
    return render_template(
        "dashboard/practitioner.html",
        today=today,
        zone=zone,
        current=current_visit(today, now),
        coming=booking.visits(
            context.reader(), mine, booking.to_come(ends),
            booking.between(ends, ends + timedelta(days=7)), limit=LISTED,
        ),
        absences=schedules.absences(
            context.reader(), person.diary_id, now, now + timedelta(days=60)
        ),
        closed=booking.visits(context.reader(), mine, booking.in_closures(now), limit=LISTED),
    )  # fmt: skip


def _staff_page(actor: Actor) -> str:
    now = context.now()
    centre = directory.centre(context.reader(), actor.centre_id or 0, inactive=True)
    zone = ZoneInfo(centre.time_zone)
    starts, ends = _day(now, zone)
    here = booking.at_centre(centre.id)
    own = booking.in_department(actor.department_id or 0)
    return render_template(
        "dashboard/staff.html",
        centre=centre,
        department=(
            directory.department(context.reader(), actor.department_id, inactive=True)
            if actor.department_id
            else None
        ),
        zone=zone,
        own=booking.visits(context.reader(), own, booking.to_come(now), limit=LISTED),
        today=booking.visits(
            context.reader(), here, booking.showing(now), booking.between(starts, ends),
            limit=LISTED,
        ),
    )  # fmt: skip


def _admin_page(actor: Actor) -> str:
    now = context.now()
    zone = _own_zone()
    starts, ends = _day(now, zone)
    scope = () if actor.centre_id is None else (booking.at_centre(actor.centre_id),)
    live = booking.live()
    return render_template(
        "dashboard/admin.html",
        figures=directory.figures(context.reader()),
        today=booking.count(context.reader(), *scope, live, booking.between(starts, ends)),
        week=booking.count(
            context.reader(), *scope, live, booking.between(starts, ends + timedelta(days=6))
        ),
        closed=booking.visits(context.reader(), *scope, booking.in_closures(now), limit=LISTED),
        outbox=outbox.counts(context.reader()),
        lag=outbox.lag(context.reader(), now=now),
        centre_id=actor.centre_id,
    )


def _own_zone() -> ZoneInfo:
    return ZoneInfo(context.settings().time_zone)


def _day(now: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The local day that ``now`` lies in."""
    today = now.astimezone(zone).date()
    return (
        datetime.combine(today, time(0), zone),
        datetime.combine(today + timedelta(days=1), time(0), zone),
    )
