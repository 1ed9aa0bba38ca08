"""Patients, for those who work with them: find, register, see, change."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from babel import Locale
from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import get_locale
from flask_babel import gettext as _

from openslot.booking import queries as booking
from openslot.booking.queries import Visit
from openslot.booking.rules import part_in
from openslot.core.language import settled
from openslot.directory import commands, queries
from openslot.directory.details import PatientDetails
from openslot.directory.models import Patient
from openslot.directory.rules import may_see_patient
from openslot.entrypoints.web import access, context, reading
from openslot.entrypoints.web.births import example, read_day
from openslot.entrypoints.web.patient_form import PatientForm
from openslot.entrypoints.web.saving import NOT_UNDERSTOOD, SHOWN, Done, checked, do, save
from openslot.entrypoints.web.zones import zone_names

pages = Blueprint("patients", __name__)

PAGE_SIZE = 20
LAST_PAGE = 1000
PAST_SHOWN = 10
CONFLICT = 409


@pages.get("/patients")
@access.allow(access.CARERS)
def find() -> str:
    """Find patients by name, e-mail, telephone, number or date of birth.

    Nothing is listed until somebody asks for it: nobody needs to leaf through all patients.
    """
    text, number = reading.text("q")[:200], min(max(1, reading.number("page", 1)), LAST_PAGE)
    found: Sequence[Patient] = ()
    total = 0
    if text:
        born = read_day(text, _locale())
        found, total = queries.patients(
            context.reader(), text="" if born else text, born=born,
            limit=PAGE_SIZE, offset=(number - 1) * PAGE_SIZE,
        )  # fmt: skip
    return render_template(
        "patients/find.html",
        text=text,
        patients=found,
        total=total,
        number=number,
        first=(number - 1) * PAGE_SIZE + 1,
        birth_example=example(),
    )


def _locale() -> Locale:
    return settled(get_locale())


@pages.route("/patients/new", methods=["GET", "POST"])
@access.allow(access.CARERS)
def new() -> ResponseReturnValue:
    """Register a patient; asks first where somebody of that name and birth is there already."""
    form = PatientForm(name=reading.text("name")[:200])
    if request.method == "GET":
        return _form_page("patients/new.html", form, SHOWN)
    details = checked(form, PatientDetails)
    if details is None:
        return _form_page("patients/new.html", form, NOT_UNDERSTOOD)
    if alike := _alike(details):
        return _form_page("patients/new.html", form, CONFLICT, alike=alike)
    done = do(form, lambda session: commands.add_patient(
        session, context.actor(), details, now=context.now()))  # fmt: skip
    if not isinstance(done, Done):
        return _form_page("patients/new.html", form, done)
    flash(_("%(name)s is registered.", name=details.name), "good")
    return redirect(url_for("patients.show", patient_id=done.value.id), 303)


def _alike(details: PatientDetails) -> Sequence[Patient]:
    """Who may be the same person, unless the reader has said that it is somebody else."""
    if details.born is None or reading.text("anyway") == "yes":
        return ()
    found, _total = queries.patients(
        context.reader(), text=details.name, born=details.born, limit=3, offset=0
    )
    return found


@pages.get("/patients/<uuid:patient_id>")
@access.allow(access.SIGNED_IN)
def show(patient_id: UUID) -> ResponseReturnValue:
    """A patient's details, and those of their visits that the reader has a part in."""
    actor = context.actor()
    if actor.patient_id == patient_id:
        return redirect(url_for("profile.show"), 303)
    may_see_patient(actor, patient_id)
    patient = queries.patient(context.reader(), patient_id)
    own, now = booking.of_patient(patient_id), context.now()
    past = booking.visits(context.reader(), own, booking.gone_by(now), newest_first=True)
    return render_template(
        "patients/show.html",
        patient=patient,
        coming=_own_part(booking.visits(context.reader(), own, booking.to_come(now))),
        past=_own_part(past)[:PAST_SHOWN],
    )


def _own_part(visits: Sequence[Visit]) -> list[Visit]:
    return [visit for visit in visits if part_in(context.actor(), visit.standing)]


@pages.route("/patients/<uuid:patient_id>/edit", methods=["GET", "POST"])
@access.allow(access.CARERS)
def edit(patient_id: UUID) -> ResponseReturnValue:
    """Change a patient's details."""
    patient = queries.patient(context.reader(), patient_id)
    form = PatientForm(obj=patient)
    status: Done[object] | int = SHOWN
    if request.method == "POST":
        status = save(form, PatientDetails, lambda session, details: commands.change_patient(
            session, context.actor(), patient_id, details, now=context.now()))  # fmt: skip
    if isinstance(status, Done):
        flash(_("The details are saved."), "good")
        return redirect(url_for("patients.show", patient_id=patient_id), 303)
    return _form_page("patients/edit.html", form, status, patient=patient)


def _form_page(template: str, form: PatientForm, status: int, **more: Any) -> tuple[str, int]:
    page = render_template(
        template, form=form, birth_example=example(), zone_names=zone_names(), **more
    )
    return page, status
