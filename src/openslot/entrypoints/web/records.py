"""Entries in a health record (notes, medication, allergies, corrections), and emergency access."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, ClassVar, NoReturn
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response
from wtforms import HiddenField, RadioField, SelectField, StringField, TextAreaField

from openslot.booking.models import Appointment, Status
from openslot.booking.moves import Relation, relation_to
from openslot.core import signing
from openslot.core.errors import NotFound
from openslot.core.ids import new_id
from openslot.core.signing import NotSigned
from openslot.directory import queries as directory
from openslot.entrypoints.timeline import place_before
from openslot.entrypoints.web import access, context, reading
from openslot.entrypoints.web.formats import day_time
from openslot.entrypoints.web.forms import Form
from openslot.entrypoints.web.saving import (
    NOT_UNDERSTOOD,
    SHOWN,
    Done,
    checked,
    do,
    save,
    see_other,
)
from openslot.entrypoints.web.written import mailed
from openslot.entrypoints.web.zones import own_zone
from openslot.records import access as histories
from openslot.records import commands, queries
from openslot.records.access import GIVING, WRITING, Access
from openslot.records.details import EmergencyDetails
from openslot.records.models import AllergyState, EntryKind, Severity
from openslot.records.queries import Allergies, Record

pages = Blueprint("records", __name__, url_prefix="/patients/<uuid:patient_id>")

FOUND_FOR = timedelta(hours=1)
"""Time for which a patient found by name and date of birth can be opened in an emergency."""

_FOUND = "found-patient"

APPOINTMENTS_OFFERED = 10
EARLY = timedelta(hours=12)
"""Time before its start from which an appointment can get entries, as its patient can arrive."""


def fresh_id() -> str:
    """Return the id of a new entry, by which a form that is sent twice creates only one."""
    return str(new_id())


class NoteForm(Form):
    """Note and the appointment it belongs to."""

    entry_id = HiddenField(default=fresh_id)
    text = TextAreaField(_l("Note"))
    appointment_id = SelectField(_l("Appointment"), validate_choice=False)


class PrescriptionForm(Form):
    """Medication and the appointment it belongs to."""

    entry_id = HiddenField(default=fresh_id)
    medication = StringField(_l("Medication"))
    dose = StringField(_l("Dose"))
    text = TextAreaField(_l("How to take it"))
    appointment_id = SelectField(_l("Appointment"), validate_choice=False)


class AllergyForm(Form):
    """Allergy and the appointment where it was recorded; a correction also says if it is there."""

    missing: ClassVar[Mapping[str, object]] = {"substance": _l("Enter the substance.")}

    entry_id = HiddenField(default=fresh_id)
    substance = StringField(_l("Substance"))
    text = TextAreaField(_l("Reaction"))
    severity = RadioField(_l("Severity"), default="", validate_choice=False)
    state = RadioField(_l("Does the patient have this allergy?"), validate_choice=False)
    appointment_id = SelectField(_l("Appointment"), validate_choice=False)

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.severity.choices = [
            (Severity.MILD.value, _("Mild")),
            (Severity.MODERATE.value, _("Moderate")),
            (Severity.SEVERE.value, _("Severe")),
            ("", _("Not known")),
        ]
        self.severity.data = self.severity.data or ""
        self.state.choices = [
            (AllergyState.ACTIVE.value, _("Yes")),
            (AllergyState.RESOLVED.value, _("No longer")),
            (AllergyState.IN_ERROR.value, _("No, it was recorded in error")),
        ]


class NoAllergiesForm(Form):
    """The statement that no allergies are known; a correction takes it back."""

    entry_id = HiddenField(default=fresh_id)
    appointment_id = HiddenField()


class EmergencyForm(Form):
    """Reason for emergency access."""

    reason = TextAreaField(_l("Why do you need this health record now?"))


# Access


def open_or_refuse(patient_id: UUID) -> Access:
    """Return the reader's kind of access, and record it as an access event.

    Raise NotFound for others, as for a patient who does not exist, and audit the refusal.
    """
    access_kind = context.write(histories.open_history, patient_id)
    if access_kind is None:
        raise NotFound
    return access_kind


def may_write(patient_id: UUID) -> None:
    """Refuse readers who may not add to the health record."""
    if _may_read(patient_id) not in WRITING:
        refuse(patient_id)


def refuse(patient_id: UUID) -> NoReturn:
    """Audit a refusal, and raise NotFound."""
    context.write(histories.note_refusal, patient_id)
    raise NotFound


# Notes and medication


SUMMED_UP = 3
"""How many notes, and how much medication, the page of an appointment shows beside it."""


@dataclass(frozen=True, slots=True)
class Writing:
    """Kind of entry: its form, and the messages after saving."""

    form: type[Form]
    said: str
    corrected: str


WRITINGS = {
    EntryKind.NOTE: Writing(NoteForm, _l("The note is saved."), _l("The note is corrected.")),
    EntryKind.PRESCRIPTION: Writing(
        PrescriptionForm,
        _l("The medication is saved."),
        _l("The medication is corrected."),
    ),
    EntryKind.ALLERGY: Writing(
        AllergyForm, _l("The allergy is saved."), _l("The allergy is corrected.")
    ),
    EntryKind.NO_ALLERGIES: Writing(
        NoAllergiesForm,
        _l("It is recorded that no allergies are known."),
        _l("The statement is taken back."),
    ),
}

FORMS = (EntryKind.NOTE, EntryKind.PRESCRIPTION, EntryKind.ALLERGY)
"""The kinds of entries that are written in a form of several fields."""


@pages.route("/notes/new", methods=["GET", "POST"])
@access.allow(access.PRACTITIONERS)
def add_note(patient_id: UUID) -> ResponseReturnValue:
    """Write a note."""
    return _add(patient_id, EntryKind.NOTE)


@pages.route("/prescriptions/new", methods=["GET", "POST"])
@access.allow(access.PRACTITIONERS)
def add_prescription(patient_id: UUID) -> ResponseReturnValue:
    """Record medication."""
    return _add(patient_id, EntryKind.PRESCRIPTION)


@pages.route("/allergies/new", methods=["GET", "POST"])
@access.allow(access.PRACTITIONERS)
def add_allergy(patient_id: UUID) -> ResponseReturnValue:
    """Record an allergy."""
    return _add(patient_id, EntryKind.ALLERGY)


@pages.route("/allergies/none", methods=["GET", "POST"])
@access.allow(access.PRACTITIONERS)
def add_no_allergies(patient_id: UUID) -> ResponseReturnValue:
    """Record that no allergies are known."""
    return _add(patient_id, EntryKind.NO_ALLERGIES)


def _add(patient_id: UUID, kind: EntryKind) -> ResponseReturnValue:
    may_write(patient_id)
    writing = WRITINGS[kind]
    form = entry_form(kind, own_appointments(patient_id))
    status: Done[Any] | int = SHOWN
    if request.method == "POST":
        appointment, entry = reading.optional_id("appointment_id"), reading.optional_id("entry_id")
        status = save(
            form,
            commands.DETAILS[kind],
            lambda work, details: commands.add(
                work, patient_id, details, appointment_id=appointment, entry_id=entry
            ),
        )
    if not isinstance(status, Done):
        return _entry_page(form, kind, patient_id, status)
    return see_other(reading.own_path("back", _history(patient_id)), str(writing.said))


def entry_form(kind: EntryKind, own: list[Appointment], chosen: UUID | None = None) -> Form:
    """Return the form for an entry, with the reader's appointments as choices and the chosen or
    the likeliest one selected."""
    form = WRITINGS[kind].form(appointment_id=str(chosen or _likeliest_id(own) or ""))
    if kind is EntryKind.ALLERGY:
        del form.state
    for form_field in form:
        # A page may have a form for each kind.
        form_field.id = f"{kind}-{form_field.id}"
    form.appointment_id.choices = [
        *((str(one.id), _appointment_label(one)) for one in own),
        ("", _("No appointment")),
    ]
    return form


def entry_forms(patient_id: UUID, appointment: Appointment | None = None) -> dict[EntryKind, Form]:
    """Return the forms for entries by kind; given ``appointment``, it is the only choice."""
    own = [appointment] if appointment else own_appointments(patient_id)
    chosen = appointment.id if appointment else None
    return {kind: entry_form(kind, own, chosen) for kind in FORMS}


def own_appointments(patient_id: UUID) -> list[Appointment]:
    """Return the reader's latest appointments with the patient that have started or soon will."""
    return queries.appointments_with(
        context.reader(),
        patient_id,
        context.actor().practitioner_id or 0,
        GIVING,
        until=context.now() + EARLY,
        limit=APPOINTMENTS_OFFERED,
    )


def _likeliest_id(own: list[Appointment]) -> UUID | None:
    """Return the appointment of a patient who has arrived, else a recent one."""
    arrived = [appointment for appointment in own if appointment.status is Status.ARRIVED]
    recent = [appointment for appointment in own if appointment.ends_at > context.now() - EARLY]
    return next((appointment.id for appointment in (*arrived, *recent)), None)


def _appointment_label(appointment: Appointment) -> str:
    when = day_time(appointment.starts_at, appointment.zone)
    return str(_("%(when)s, %(centre)s", when=when, centre=appointment.centre.name))


def _entry_page(
    form: Form, kind: EntryKind, patient_id: UUID, status: int, old: Record | None = None
) -> tuple[str, int]:
    page = render_template(
        "history/write.html",
        form=form,
        kind=kind,
        old=old,
        patient=directory.patient(context.reader(), patient_id, inactive=True),
        back=reading.own_path("back", _history(patient_id)),
        zone=own_zone(),
    )
    return page, status


@pages.route("/entries/<uuid:entry_id>/correct", methods=["GET", "POST"])
@access.allow(access.PRACTITIONERS)
def correct(patient_id: UUID, entry_id: UUID) -> ResponseReturnValue:
    """Correct one of the reader's entries: a new entry that points to the old one."""
    may_write(patient_id)
    old = commands.to_correct(context.work(), entry_id)
    if old.entry.patient_id != patient_id:
        raise NotFound
    writing = WRITINGS[old.kind]
    form = writing.form(obj=old.entry)
    del form.appointment_id
    more = {"state": AllergyState.IN_ERROR} if old.kind is EntryKind.NO_ALLERGIES else {}
    status: Done[Any] | int = SHOWN
    if request.method == "POST":
        details = checked(form, commands.DETAILS[old.kind], **more)
        status = (
            NOT_UNDERSTOOD
            if details is None
            else do(form, lambda work: commands.correct(work, entry_id, details))
        )
    if not isinstance(status, Done):
        return _entry_page(form, old.kind, patient_id, status, old)
    return see_other(reading.own_path("back", _history(patient_id)), str(writing.corrected))


def _history(patient_id: UUID) -> str:
    return url_for("patients.show", patient_id=patient_id)


# Emergency access


@pages.route("/emergency", methods=["GET", "POST"])
@access.allow(access.PRACTITIONERS, fresh=True)
def emergency(patient_id: UUID) -> ResponseReturnValue:
    """Explain emergency access, and open the health record when a reason is given.

    Only for practitioners who found the patient by name and date of birth, or who booked the
    appointment themselves.
    """
    if not (_was_found(patient_id) or waits_for(patient_id)):
        refuse(patient_id)
    form = EmergencyForm()
    status = save(
        form,
        EmergencyDetails,
        lambda work, details: commands.break_glass(work, patient_id, details),
    )
    if isinstance(status, Done):
        flash(
            mailed(
                _("You can now read the health record. We have told the patient."),
                _("You can now read the health record. The patient can see that you do."),
            ),
            "good",
        )
        return _to_history(patient_id)
    if _may_read(patient_id):
        return _to_history(patient_id)
    return emergency_page(patient_id, form), status


def emergency_page(patient_id: UUID, form: Form | None = None) -> str:
    """Render the page that explains why the health record is closed, and how to open it."""
    return render_template(
        "history/emergency.html",
        form=form or EmergencyForm(),
        patient=directory.patient(context.reader(), patient_id),
        found=reading.text("found"),
        hours=context.settings().emergency_access_hours,
        appointment=waits_for(patient_id),
        zone=own_zone(),
    )


def waits_for(patient_id: UUID) -> Appointment | None:
    """Return the patient's next appointment that the reader booked alone and that does not give
    access yet."""
    return queries.self_made(context.work(), patient_id, context.actor().practitioner_id or 0)


def _may_read(patient_id: UUID) -> Access | None:
    return histories.may_read(context.work(), patient_id)


def found_token(patient_id: UUID) -> str:
    """Return a token that proves for an hour that the reader found this patient by name and date of
    birth."""
    content = [patient_id.hex, str(context.actor().practitioner_id)]
    return signing.sign_dated(context.settings().signing_keys(), _FOUND, content)


def _was_found(patient_id: UUID) -> bool:
    try:
        content = signing.read_dated(
            context.settings().signing_keys(), _FOUND, reading.text("found"), lasts=FOUND_FOR
        )
    except NotSigned:
        return False
    return bool(content == [patient_id.hex, str(context.actor().practitioner_id)])


def _to_history(patient_id: UUID) -> Response:
    return redirect(_history(patient_id), 303)


# On the page of an appointment


pages.add_app_template_filter(place_before)


def at_appointment(appointment: Appointment) -> dict[str, Any] | None:
    """Return the entries of an appointment for history/_appointment.html; None if the reader may
    not see them.

    The patient and their carers may read them, the practitioner may add to them. This is recorded
    as an access event.
    """
    patient_id = appointment.patient_id
    actor = context.actor()
    concerned = relation_to(actor, appointment) in (Relation.PATIENT, Relation.PRACTITIONER)
    if patient_id is None or not concerned or appointment.status not in GIVING:
        return None
    if _may_read(patient_id) is None:
        return {"closed": True, "patient_id": patient_id} if waits_for(patient_id) else None
    try:
        why = open_or_refuse(patient_id)
    except NotFound:
        return None
    recorded = queries.of_appointment(context.reader(), appointment.id)
    of_whom = "history.of" if why is Access.OWN else "patients.show"
    return {
        "records": recorded,
        "ids": [record.entry.id for record in recorded],
        "history_url": url_for(of_whom, patient_id=patient_id),
        "forms": entry_forms(patient_id, appointment) if why in WRITING else {},
        "patient_id": patient_id,
        "for_patient": why is Access.OWN,
        "summary": None if why is Access.OWN else summary(patient_id, appointment.id),
    }


@dataclass(frozen=True, slots=True)
class Summary:
    """What a practitioner looks at first: allergies, the last medication and the last notes.

    ``new_id`` is that of the statement that no allergies are known, if it is made.
    """

    allergies: Allergies
    medication: Sequence[Record]
    notes: Sequence[Record]
    new_id: str = field(default_factory=fresh_id)


def summary(patient_id: UUID, appointment_id: UUID | None = None) -> Summary:
    """Return the summary of a health record as it is now, without the notes and medication of one
    appointment; three statements."""
    session = context.reader()

    def last(kind: EntryKind) -> Sequence[Record]:
        return [
            record
            for record in queries.entries(session, patient_id, kinds=[kind], limit=SUMMED_UP)
            if not record.corrected_by
            and (appointment_id is None or record.entry.appointment_id != appointment_id)
        ]

    return Summary(
        queries.allergies(session, patient_id), last(EntryKind.PRESCRIPTION), last(EntryKind.NOTE)
    )
