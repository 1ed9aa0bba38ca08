"""Pages for dependents: add, edit, hand over, remove."""

from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response
from wtforms import EmailField, StringField, TelField

from openslot.booking import queries as booking
from openslot.booking.queries import appointments_for
from openslot.core.work import Work
from openslot.directory import dependents, queries
from openslot.directory.dependents import HandOverDetails
from openslot.directory.details import DependentDetails
from openslot.directory.errors import RecordNotEmpty
from openslot.directory.models import Dependent, Patient
from openslot.entrypoints.problems import sentence_of, status_of
from openslot.entrypoints.web import access, account_mail, context, hand_over
from openslot.entrypoints.web.births import BirthField, example
from openslot.entrypoints.web.forms import Form
from openslot.entrypoints.web.saving import Done, save
from openslot.entrypoints.web.written import mailed
from openslot.entrypoints.web.zones import own_zone

pages = Blueprint("dependents", __name__, url_prefix="/profile/dependents")


class NewDependentForm(Form):
    """Name and date of birth of a new dependent."""

    name = StringField(_l("Name"))
    born = BirthField(_l("Date of birth"))


class DependentForm(NewDependentForm):
    """Details of a dependent, as the carer edits them."""

    medicare_number = StringField(_l("Medicare number"))
    phone = TelField(_l("Phone number"))
    email = EmailField(_l("Email"))


class HandOverForm(Form):
    """Email address of the person who takes over the record."""

    email = EmailField(_l("Their email address"))


@pages.get("")
@access.allow(access.PATIENTS)
def listing() -> str:
    """List the patient's dependents with the available actions."""
    session, actor, now = context.reader(), context.actor(), context.now()
    dependents_of_reader = (
        queries.dependents_of(session, actor.patient_id) if actor.patient_id else []
    )
    appointments = appointments_for(
        context.work(), booking.of_patients(actor.dependents), booking.to_come(now)
    )
    return render_template(
        "dependents/list.html",
        known=dependents_of_reader,
        coming={
            patient.id: [
                appointment for appointment in appointments if appointment.patient_id == patient.id
            ]
            for patient, _link in dependents_of_reader
        },
        most=dependents.MOST,
        zone=own_zone(),
    )


@pages.route("/new", methods=["GET", "POST"])
@access.allow(access.PATIENTS)
def new() -> ResponseReturnValue:
    """Add a dependent by name and date of birth."""
    form = NewDependentForm()
    status = save(form, DependentDetails, dependents.add)
    if not isinstance(status, Done):
        page = render_template("dependents/new.html", form=form, birth_example=example())
        return page, status
    flash(_("You can now book for %(name)s.", name=status.value.name), "good")
    return _to_list()


@pages.route("/<uuid:patient_id>", methods=["GET", "POST"])
@access.allow(access.PATIENTS)
def edit(patient_id: UUID) -> ResponseReturnValue:
    """Change a dependent's details."""
    patient, _link = _dependent(patient_id)
    form = DependentForm(obj=patient)
    status = save(
        form,
        DependentDetails,
        lambda work, details: dependents.change(work, patient_id, details),
    )
    if not isinstance(status, Done):
        page = render_template(
            "dependents/edit.html", form=form, patient=patient, birth_example=example()
        )
        return page, status
    flash(_("The details are saved."), "good")
    return _to_list()


@pages.route("/<uuid:patient_id>/hand-over", methods=["GET", "POST"])
@access.allow(access.PATIENTS)
def offer(patient_id: UUID) -> ResponseReturnValue:
    """Send the link with which a dependent takes over their own record.

    The answer does not reveal whether the address has an account.
    """
    patient, link = _dependent(patient_id)
    form = HandOverForm(email=patient.email or "")
    status = save(form, HandOverDetails, lambda work, details: _offer(work, patient_id, details))
    if not isinstance(status, Done):
        page = render_template(
            "dependents/hand_over.html",
            form=form,
            patient=patient,
            link=link,
            days=hand_over.LASTS.days,
            zone=own_zone(),
        )
        return page, status
    flash(
        mailed(
            _("We have emailed %(email)s.", email=form.email.data),
            _("No email can be sent from here. Ask an administrator for the link."),
        ),
        "good",
    )
    return _to_list()


def _offer(work: Work, patient_id: UUID, details: HandOverDetails) -> None:
    patient = dependents.invite(work, patient_id, details)
    _patient, link = dependents.one_of(work, patient_id)
    token = hand_over.token_for(patient.id, link.carer_id, details.email)
    account_mail.send_hand_over(work, patient.name, details.email, token)


@pages.post("/<uuid:patient_id>/hand-over/withdraw")
@access.allow(access.PATIENTS)
def withdraw(patient_id: UUID) -> Response:
    """Cancel the link that was sent."""
    context.write(dependents.withdraw, patient_id)
    flash(_("The link we sent no longer works."), "good")
    return _to_list()


@pages.route("/<uuid:patient_id>/remove", methods=["GET", "POST"])
@access.allow(access.PATIENTS)
def remove(patient_id: UUID) -> ResponseReturnValue:
    """Remove a dependent who was added by mistake, after confirmation."""
    patient, _link = _dependent(patient_id)
    try:
        if request.method == "GET":
            dependents.check_release(context.work(), patient_id)
            return render_template("dependents/remove.html", patient=patient)
        name = context.write(dependents.stop_caring, patient_id)
    except RecordNotEmpty as error:
        page = render_template("dependents/kept.html", patient=patient, sentence=sentence_of(error))
        return page, status_of(error)
    flash(_("You no longer look after %(name)s. The record is removed.", name=name), "good")
    return _to_list()


def _dependent(patient_id: UUID) -> tuple[Patient, Dependent]:
    return dependents.one_of(context.work(), patient_id)


def _to_list() -> Response:
    return redirect(url_for("dependents.listing"), 303)
