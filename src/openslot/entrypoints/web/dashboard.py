"""Dashboards of all roles, and the HM System endpoints to change or delete one's own account."""

from collections.abc import Callable
from datetime import date
from typing import Any, NamedTuple
from uuid import UUID

from flask import Blueprint, Response, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from pydantic import ValidationError

from openslot.booking import queries as booking
from openslot.booking.commands import amend
from openslot.booking.models import Appointment
from openslot.booking.queries import appointments_for, count_for
from openslot.core.actor import Role
from openslot.core.errors import Invalid, Malformed, NotFound
from openslot.core.fields import Details, OptionalText, first_problem
from openslot.core.work import Work
from openslot.desk.rules import is_receptionist
from openslot.directory import own
from openslot.directory import queries as directory
from openslot.directory.details import PatientDetails, PractitionerDetails, StaffOwnDetails
from openslot.entrypoints.web import access, context, proof, reading, sign_in
from openslot.entrypoints.web.overviews import (
    admin_page,
    patient_page,
    practitioner_page,
    staff_page,
)
from openslot.schedules.either_place import change_practitioner
from openslot.usecases.account_deletion import check_may_delete, delete_own_account

pages = Blueprint("dashboard", __name__, url_prefix="/dashboard")

PAST_SHOWN = 5
PAST_PAGE = 20
LISTED = 100
MOST_CHANGED = 20
"""Most appointments changed by one PUT."""


@pages.get("")
@access.allow(access.SIGNED_IN)
def show() -> ResponseReturnValue:
    """Show the dashboard of the reader's role; a receptionist's is the front desk."""
    actor = context.actor()
    if actor.patient_id is not None:
        return patient_page(actor.patient_id)
    if actor.practitioner_id is not None:
        return practitioner_page(actor.practitioner_id)
    if is_receptionist(actor):
        return redirect(url_for("desk.show"), 303)
    if actor.is_a(Role.STAFF):
        return staff_page(actor)
    return admin_page(actor)


@pages.get("/past")
@access.allow(access.PATIENTS)
def past() -> str:
    """List the patient's past appointments, newest first."""
    page = max(1, min(reading.number("page", 1), 500))
    mine = booking.of_patients({_patient_id(), *context.actor().dependents})
    gone = booking.gone_by(context.now())
    return render_template(
        "dashboard/past.html",
        appointments=appointments_for(
            context.work(),
            mine,
            gone,
            newest_first=True,
            limit=PAST_PAGE,
            offset=(page - 1) * PAST_PAGE,
        ),
        total=count_for(context.work(), mine, gone),
        page=page,
        page_size=PAST_PAGE,
    )


class AppointmentChange(Details):
    """A change of one of the reader's appointments."""

    id: UUID
    reason: OptionalText = None


class Own(NamedTuple):
    """The reader's own details: their model, the values now, and the command that saves them."""

    kind: type[Details]
    current: object
    save: Callable[[Work, Any], object]


@pages.put("")
@access.allow(access.SIGNED_IN)
@access.by_token("account:write")
def change() -> Response:
    """Change some of the reader's details, and the reason of their appointments, given as JSON;
    return all of them. Either everything is changed or nothing.

    The email address is changed on its own page, which asks for the password.
    """
    values = request.get_json(silent=True)
    if not isinstance(values, dict) or not values:
        raise Malformed('Send a JSON object with the fields to change, such as {{"phone": "…"}}.')
    changes = _appointment_changes(values.pop("appointments", []))
    own_details = _own()
    details = _merged(own_details, values) if values else None

    def save(work: Work) -> tuple[object, list[Appointment]]:
        saved = own_details.current if details is None else own_details.save(work, details)
        return saved, [amend(work, one.id, reason=one.reason) for one in changes]

    saved, amended = context.write(save)
    shown = {name: _plain(getattr(saved, name)) for name in own_details.kind.model_fields}
    if amended:
        shown["appointments"] = [{"id": str(one.id), "reason": one.reason} for one in amended]
    return jsonify(shown)


@pages.delete("")
@access.allow(access.SIGNED_IN)
@access.by_token("account:write")
def delete() -> Response:
    """Delete the reader's account, given the password, and a code if they have a second step, as
    JSON; cancels upcoming appointments."""
    check_may_delete(context.actor())
    proof.prove(*_proof(), field="password")
    context.write(delete_own_account)
    sign_in.forget()
    return Response(status=204)


def _proof() -> tuple[str, str]:
    """Return the password, and the code if one was sent."""
    values = request.get_json(silent=True)
    sent = values if isinstance(values, dict) else {}
    password, code = sent.get("password"), sent.get("code") or ""
    if not isinstance(password, str) or not password:
        raise Invalid('Send your password, as in {{"password": "…"}}.', field="password")
    if not isinstance(code, str):
        raise Invalid('Send a code as text, as in {{"code": "123456"}}.', field="code")
    return password, code


def _appointment_changes(sent: object) -> list[AppointmentChange]:
    if not isinstance(sent, list) or len(sent) > MOST_CHANGED:
        raise Malformed(
            'Send a list of at most {most} changes, such as [{{"id": "…", "reason": "…"}}].',
            field="appointments",
            most=MOST_CHANGED,
        )
    try:
        return [AppointmentChange.model_validate(one) for one in sent]
    except ValidationError as error:
        raise first_problem(error) from None


def _own() -> Own:
    session, actor = context.reader(), context.actor()
    if actor.patient_id is not None:
        patient = directory.patient(session, actor.patient_id)
        return Own(PatientDetails, patient, own.change_own_patient)
    if actor.practitioner_id is not None:
        practitioner_id = actor.practitioner_id
        practitioner = directory.practitioner(session, practitioner_id, inactive=True)
        return Own(
            PractitionerDetails,
            practitioner,
            lambda work, details: change_practitioner(work, practitioner_id, details),
        )
    account = context.account()
    member = directory.staff_member(session, account.id)
    current = StaffOwnDetails(name=account.name, phone=member.phone if member else None)
    return Own(StaffOwnDetails, current, own.change_own_staff)


def _merged(own_details: Own, values: dict[str, Any]) -> Details:
    """Return the current details updated with the sent values."""
    values_now = {
        name: getattr(own_details.current, name) for name in own_details.kind.model_fields
    }
    try:
        return own_details.kind(**{**values_now, **values})
    except ValidationError as error:
        raise first_problem(error) from None


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, date) else value


def _patient_id() -> UUID:
    patient_id = context.actor().patient_id
    if patient_id is None:
        raise NotFound
    return patient_id
