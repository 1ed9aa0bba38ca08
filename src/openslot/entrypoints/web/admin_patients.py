"""Administration of patients' records: merging duplicates, undoing a merge, and erasing."""

from typing import Any
from uuid import UUID

from flask import Blueprint, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, PasswordField

from openslot.booking.models import Appointment
from openslot.booking.queries import appointments_for
from openslot.core.errors import DomainError, NotFound
from openslot.directory import queries
from openslot.directory.details import PatientDetails
from openslot.directory.merges import queries as merge_queries
from openslot.directory.models import Patient
from openslot.directory.rules import may_run_network
from openslot.entrypoints.problems import status_of
from openslot.entrypoints.web import access, asked, context, proof, reading
from openslot.entrypoints.web.forms import Form
from openslot.entrypoints.web.saving import SHOWN, Done, do, see_other
from openslot.entrypoints.web.zones import own_zone
from openslot.records import finding
from openslot.usecases import erasing, merging
from openslot.usecases.merging import Preview

pages = Blueprint("admin_patients", __name__)

FOUND = 20

COMPARED = ("born", "email", "phone", "medicare_number")


class MergeForm(Form):
    """Confirmation of a merge."""

    end_access = BooleanField(
        _l("The account or the carer of the duplicate loses access to the record")
    )


class EraseForm(Form):
    """Confirmation of an erasure, with the password."""

    remove_record = BooleanField(_l("Remove the health record too, now"))
    current = PasswordField(_l("Your password"))


# Merging


@pages.route("/admin/patients/<uuid:patient_id>/merge", methods=["GET", "POST"])
@access.allow(access.NETWORK_ADMINS, fresh=True)
@asked.searching("q")
def merge(patient_id: UUID) -> ResponseReturnValue:
    """Find a duplicate of the patient, compare the two, and merge after confirmation."""
    may_run_network(context.actor())
    patient = queries.patient(context.reader(), patient_id)
    duplicate_id = reading.optional_id("duplicate")
    if duplicate_id is None:
        return _choose_page(patient)
    form = MergeForm()
    status = do(
        form,
        merging.merge,
        patient_id,
        duplicate_id,
        end_access=bool(form.end_access.data),
    )
    if isinstance(status, Done):
        return see_other(
            url_for("admin_patients.merges", patient_id=patient_id), _("The records are merged.")
        )
    return _compare_page(form, patient, duplicate_id, status)


def _choose_page(patient: Patient) -> str:
    """Suggest patients who may be the same person, or those that a search finds."""
    text = asked.text("q")
    rows = (
        finding.found(context.work(), text=text, limit=FOUND)
        if text
        else finding.alike(context.work(), _details(patient))
    )
    others = [row for row in rows if row.id != patient.id]
    return render_template("admin/merge_choose.html", patient=patient, others=others, text=text)


def _details(patient: Patient) -> PatientDetails:
    values = {name: getattr(patient, name) for name in PatientDetails.model_fields}
    return PatientDetails.model_construct(**values)


def _compare_page(
    form: MergeForm, patient: Patient, duplicate_id: UUID, status: int
) -> ResponseReturnValue:
    duplicate = queries.patient(context.reader(), duplicate_id)
    try:
        preview = merging.preview(context.work(), patient.id, duplicate_id)
    except NotFound:
        raise
    except DomainError as refused:
        if not form.form_errors:
            form.refuse(refused)
        preview, status = None, status_of(refused)
    page = render_template(
        "admin/merge_compare.html",
        form=form,
        patient=patient,
        duplicate=duplicate,
        compared=COMPARED,
        preview=preview,
        words=_words(preview) if preview else [],
        overlaps=_overlaps(preview) if preview else [],
        zone=own_zone(),
        managed={one.id: _managed(one) for one in (patient, duplicate)},
    )
    return page, status


def _managed(patient: Patient) -> str:
    carer = queries.carer_of(context.reader(), patient.id)
    if patient.account_id:
        return str(_("Has an account"))
    return str(_("Carer: %(name)s", name=carer.name) if carer else _("No account"))


def _words(preview: Preview) -> list[str]:
    """Return what will move, in words."""
    labels = {
        "appointment": _("Appointments"),
        "history_entry": _("Entries of the health record"),
        "emergency_access": _("Emergency accesses"),
        "referral": _("Referrals"),
        "waiting_entry": _("Places on waiting lists"),
        "service_request": _("Requests of departments"),
        "rating": _("Ratings"),
    }
    words = [f"{labels.get(name, name)}: {count}" for name, count in preview.counts.items()]
    if preview.dependents:
        words.append(_("People cared for: %(count)s", count=preview.dependents))
    if preview.account_moves:
        words.append(_("The account"))
    if preview.carer_moves:
        words.append(_("The carer"))
    if preview.filled:
        words.append(_("Details that are missing here"))
    return words


def _overlaps(preview: Preview) -> list[tuple[Appointment, Appointment]]:
    ids = {one for pair in preview.overlaps for one in pair}
    rows = {one.id: one for one in appointments_for(context.work(), Appointment.id.in_(ids))}
    pairs = [(rows.get(one), rows.get(other)) for one, other in preview.overlaps]
    return [(one, other) for one, other in pairs if one and other]


@pages.get("/admin/patients/<uuid:patient_id>/merges")
@access.allow(access.NETWORK_ADMINS)
def merges(patient_id: UUID) -> str:
    """List the merges of a patient, each with a button to undo it."""
    may_run_network(context.actor())
    session = context.reader()
    patient = queries.patient(session, patient_id, inactive=True)
    rows = merge_queries.merges_of(session, patient_id)
    ids = {one for row in rows for one in (row.patient_id, row.duplicate_id)}
    return render_template(
        "admin/merges.html",
        patient=patient,
        merges=rows,
        names=queries.names(session, Patient, ids),
        zone=own_zone(),
    )


@pages.route("/admin/patients/merges/<uuid:merge_id>/undo", methods=["GET", "POST"])
@access.allow(access.NETWORK_ADMINS, fresh=True)
def undo(merge_id: UUID) -> ResponseReturnValue:
    """Undo a merge after confirmation."""
    may_run_network(context.actor())
    row = merge_queries.merge(context.reader(), merge_id)
    form = Form()
    status = do(form, merging.unmerge, merge_id)
    if isinstance(status, Done):
        return see_other(
            url_for("admin_patients.merges", patient_id=row.patient_id),
            _("The merge is undone. There are two records again."),
        )
    ids = (row.patient_id, row.duplicate_id)
    page = render_template(
        "admin/merge_undo.html",
        form=form,
        merge=row,
        names=queries.names(context.reader(), Patient, ids),
    )
    return page, status


# Erasing


@pages.route("/admin/patients/<uuid:patient_id>/erase", methods=["GET", "POST"])
@access.allow(access.NETWORK_ADMINS, asks_password=True)
def erase(patient_id: UUID) -> ResponseReturnValue:
    """Erase a patient after confirmation and with the password; show before what will go."""
    may_run_network(context.actor())
    patient = queries.patient(context.reader(), patient_id)
    form = EraseForm()
    status = _erase(form, patient_id) if request.method == "POST" else SHOWN
    if isinstance(status, Done):
        context.database().scrub()
        return see_other(url_for("patients.find"), _("The person is erased."))
    return _erase_page(form, patient, status)


def _erase(form: EraseForm, patient_id: UUID) -> Done[Any] | int:
    try:
        proof.prove_password(form.current.data or "", field="current")
    except DomainError as error:
        form.refuse(error)
        return status_of(error)
    keeps = not form.remove_record.data
    return do(form, erasing.erase, patient_id, keep_record=keeps)


def _erase_page(form: EraseForm, patient: Patient, status: int) -> ResponseReturnValue:
    try:
        erased = erasing.preview(context.work(), patient.id, keep_record=False)
    except NotFound:
        raise
    except DomainError as refused:
        if not form.form_errors:
            form.refuse(refused)
        erased, status = None, status_of(refused)
    page = render_template("admin/erase.html", form=form, patient=patient, erased=erased)
    return page, status
