"""Dashboards of all roles, and the HM System endpoints to change or delete one's own account."""

from collections.abc import Callable
from datetime import date
from typing import Any, TypeVar
from uuid import UUID

from flask import Blueprint, Response, jsonify, render_template, request
from pydantic import ValidationError

from openslot.booking import queries as booking
from openslot.booking.queries import appointments_for, count_for
from openslot.core.actor import Role
from openslot.core.errors import Forbidden, Invalid, Malformed, NotFound
from openslot.core.fields import Details, first_problem
from openslot.core.work import Work
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
from openslot.usecases.account_deletion import delete_own_account

pages = Blueprint("dashboard", __name__, url_prefix="/dashboard")

D = TypeVar("D", bound=Details)

PAST_SHOWN = 5
PAST_PAGE = 20
LISTED = 100


@pages.get("")
@access.allow(access.SIGNED_IN)
def show() -> str:
    """Show the dashboard of the reader's role."""
    actor = context.actor()
    if actor.patient_id is not None:
        return patient_page(actor.patient_id)
    if actor.practitioner_id is not None:
        return practitioner_page(actor.practitioner_id)
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


@pages.put("")
@access.allow(access.SIGNED_IN)
def change() -> Response:
    """Change some of the reader's details, given as JSON, and return all of them.

    The email address is changed on its own page, which asks for the password.
    """
    values = request.get_json(silent=True)
    if not isinstance(values, dict) or not values:
        raise Malformed('Send a JSON object with the fields to change, such as {{"phone": "…"}}.')
    actor = context.actor()
    if actor.patient_id is not None:
        return jsonify(_change_patient(actor.patient_id, values))
    if actor.practitioner_id is not None:
        return jsonify(_change_practitioner(actor.practitioner_id, values))
    return jsonify(_change_staff(values))


@pages.delete("")
@access.allow(access.SIGNED_IN)
def delete() -> Response:
    """Delete the reader's account, given the password as JSON; cancels upcoming appointments."""
    actor = context.actor()
    if not actor.is_a(Role.PATIENT):
        raise Forbidden
    proof.prove(_password(), field="password")
    context.write(delete_own_account)
    sign_in.forget()
    return Response(status=204)


def _password() -> str:
    values = request.get_json(silent=True)
    password = values.get("password") if isinstance(values, dict) else None
    if not isinstance(password, str) or not password:
        raise Invalid('Send your password, as in {{"password": "…"}}.', field="password")
    return password


def _change_patient(patient_id: UUID, values: dict[str, Any]) -> dict[str, Any]:
    patient = directory.patient(context.reader(), patient_id)
    details = _merged(PatientDetails, patient, values)
    return _written(PatientDetails, lambda work: own.change_own_patient(work, details))


def _change_practitioner(practitioner_id: int, values: dict[str, Any]) -> dict[str, Any]:
    practitioner = directory.practitioner(context.reader(), practitioner_id, inactive=True)
    details = _merged(PractitionerDetails, practitioner, values)
    return _written(
        PractitionerDetails, lambda work: change_practitioner(work, practitioner_id, details)
    )


def _change_staff(values: dict[str, Any]) -> dict[str, Any]:
    account = context.account()
    member = directory.staff_member(context.reader(), account.id)
    phone = member.phone if member else None
    details = _merged(StaffOwnDetails, StaffOwnDetails(name=account.name, phone=phone), values)
    return _written(StaffOwnDetails, lambda work: own.change_own_staff(work, details))


def _merged(kind: type[D], current: object, values: dict[str, Any]) -> D:
    """Return the current details updated with the sent values."""
    values_now = {name: getattr(current, name) for name in kind.model_fields}
    try:
        return kind(**{**values_now, **values})
    except ValidationError as error:
        raise first_problem(error) from None


def _written(kind: type[Details], command: Callable[[Work], object]) -> dict[str, Any]:
    changed = context.write(command)
    return {name: _plain(getattr(changed, name)) for name in kind.model_fields}


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, date) else value


def _patient_id() -> UUID:
    patient_id = context.actor().patient_id
    if patient_id is None:
        raise NotFound
    return patient_id
