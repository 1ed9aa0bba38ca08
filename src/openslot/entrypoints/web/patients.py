"""Patient pages for the care team: find, register, show, edit.

Staff and administrators see contact details and the appointments that involve them, but no health
records. Practitioners see the health records of their patients; others they can find only by full
name and date of birth.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from babel import Locale
from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import get_locale
from flask_babel import gettext as _

from openslot.booking import queries as booking
from openslot.booking.queries import appointments_for
from openslot.core.births import BirthDate
from openslot.core.clock import day_in
from openslot.core.errors import NotFound, RateLimited
from openslot.core.folding import same_name
from openslot.core.language import settled
from openslot.core.work import Work
from openslot.directory import commands, queries
from openslot.directory.details import PatientDetails
from openslot.directory.editing import editor_of_patient
from openslot.directory.models import Patient
from openslot.entrypoints import limits
from openslot.entrypoints.problems import status_of
from openslot.entrypoints.timeline import Kind
from openslot.entrypoints.web import access, asked, context, reading, records
from openslot.entrypoints.web.births import example, read_birth, read_day
from openslot.entrypoints.web.forms import Form
from openslot.entrypoints.web.patient_form import PatientForm
from openslot.entrypoints.web.saving import (
    NOT_UNDERSTOOD,
    SHOWN,
    Done,
    checked,
    do,
    save,
    see_other,
)
from openslot.entrypoints.web.timeline import kind_names, place_in, record
from openslot.entrypoints.web.zones import own_zone, zone_names
from openslot.identity import queries as identities
from openslot.identity.models import ApiClient
from openslot.records import access as histories
from openslot.records import finding
from openslot.records import queries as history
from openslot.records.access import Access
from openslot.records.errors import PatientKnown, TooFewDetails
from openslot.usecases import growing_up

pages = Blueprint("patients", __name__)

PAGE_SIZE = 20
PAST_SHOWN = 10
LATELY = timedelta(days=14)
"""How far back patients are listed without a search."""

COMING_SHOWN = 100
CONFLICT = 409
CLOSED = 403


# Finding


@pages.route("/patients", methods=["GET", "POST"])
@access.allow(access.CARE_TEAM)
@asked.searching("q", "name", "identifier", "born")
def find() -> str:
    """Find patients by name, email, phone number, Medicare number or date of birth.

    Nothing is listed without a search. People find patients of their own, or of their centre, and
    others only by full name and a second detail.
    """
    text, number = asked.text("q"), reading.page_number()
    day = read_day(text, _locale())
    born = BirthDate(day) if day else None
    matches: Sequence[Patient] = ()
    total = 0
    if text:
        matches, total = finding.search(
            context.work(),
            text="" if born else text,
            born=born,
            limit=PAGE_SIZE,
            offset=(number - 1) * PAGE_SIZE,
        )
        context.write(finding.note_search, total)
    recent = {} if text else lately()
    listed = [patient for group in recent.values() for patient in group]
    return render_template(
        "patients/find.html",
        text=text,
        patients=matches,
        total=total,
        number=number,
        first=(number - 1) * PAGE_SIZE + 1,
        readable=_readable([*matches, *listed]),
        token=records.found_token,
        birth_example=example(),
        is_practitioner=_is_practitioner(),
        lately=recent,
        **_exact_matches(),
    )


def lately() -> dict[str, list[Patient]]:
    """Return the practitioner's patients of today, and those of the last weeks, by heading."""
    practitioner_id = context.actor().practitioner_id
    if practitioner_id is None:
        return {}
    now, mine = context.now(), booking.of_practitioner(practitioner_id)
    starts, ends = day_in(now.astimezone(own_zone()).date(), own_zone())
    seen = booking.between(now - LATELY, starts)
    today = appointments_for(
        context.work(), mine, booking.showing(now), booking.between(starts, ends)
    )
    before = appointments_for(
        context.work(), mine, booking.showing(now), seen, newest_first=True, limit=PAGE_SIZE
    )
    groups = {_("Today"): today, _("Lately"): before}
    shown = {
        heading: list(dict.fromkeys(one.patient for one in group if one.patient))
        for heading, group in groups.items()
    }
    return {heading: patients for heading, patients in shown.items() if patients}


def _exact_matches() -> dict[str, Any]:
    """Return exact matches of full name and a second detail, without hints about near matches."""
    name, typed = asked.text("name"), asked.text("identifier")
    born = read_birth(typed, _locale())
    identifier = None if born else typed
    matches: Sequence[Patient] = ()
    if name and typed:
        matches = context.write(finding.look_up, name, born=born, identifier=identifier)
    return {
        "name": name,
        "identifier": typed,
        "looked_up": bool(name or typed),
        "known": matches,
        "known_readable": _readable(matches),
    }


def _readable(patients: Sequence[Patient]) -> dict[UUID, Access]:
    """Return the reader's kind of access to each readable health record."""
    return histories.readable(context.work(), [patient.id for patient in patients])


def _is_practitioner() -> bool:
    return context.actor().role in access.PRACTITIONERS


def _locale() -> Locale:
    return settled(get_locale())


# Registering


@pages.route("/patients/new", methods=["GET", "POST"])
@access.allow(access.CARE_TEAM)
@asked.keeping("name", "born", "phone", "email", "medicare_number")
def new() -> ResponseReturnValue:
    """Register a patient; asks first if someone alike is registered, or too little is known."""
    form = PatientForm(name=asked.text("name"))
    if request.method == "GET":
        return _form_page("patients/new.html", form, SHOWN)
    details = checked(form, PatientDetails)
    if details is None:
        return _form_page("patients/new.html", form, NOT_UNDERSTOOD)
    try:
        limits.registration(context.actor())
    except RateLimited as error:
        form.refuse(error)
        return _form_page("patients/new.html", form, status_of(error))
    done = do(form, _registered, details)
    if not isinstance(done, Done):
        return _form_page("patients/new.html", form, done)
    if isinstance(done.value, PatientKnown):
        look_ups = _look_ups(form, details, done.value.alike) if _is_practitioner() else None
        return _form_page(
            "patients/new.html", form, CONFLICT, alike=done.value.alike, look_ups=look_ups
        )
    if isinstance(done.value, TooFewDetails):
        form.refuse(done.value)
        return _form_page("patients/new.html", form, NOT_UNDERSTOOD, is_unclear=True)
    flash(_("%(name)s is registered.", name=details.name), "good")
    if _is_practitioner():
        return redirect(url_for("search.results", patient=done.value.id), 303)
    return redirect(url_for("patients.show", patient_id=done.value.id), 303)


def _registered(work: Work, details: PatientDetails) -> Patient | PatientKnown | TooFewDetails:
    """Return the new patient, or the refusal that can be answered with “anyway”."""
    anyway = reading.text("anyway") == "yes"
    try:
        return finding.register(work, details, anyway=anyway)
    except (PatientKnown, TooFewDetails) as refused:
        if isinstance(refused, PatientKnown):
            finding.note_search(work, len(refused.alike))
        return refused


def _look_ups(
    form: PatientForm, details: PatientDetails, alike: Sequence[Patient]
) -> dict[str, str]:
    """Return what a practitioner typed that is true of patients of the typed name, with the label
    of the field: they learn no more of a stranger than they know."""
    return {
        str(form[name].data): str(form[name].label.text)
        for patient in alike
        if same_name(patient.name, details.name)
        for name in sorted(finding.agreeing(patient, details))
    }


# One patient


@pages.get("/patients/<uuid:patient_id>")
@access.allow(access.SIGNED_IN)
def show(patient_id: UUID) -> ResponseReturnValue:
    """Show the health record to practitioners who may read it.

    Others see contact details and the appointments that involve them.
    """
    actor = context.actor()
    if actor.patient_id == patient_id:
        return redirect(url_for("profile.show"), 303)
    if actor.acts_for(patient_id):
        return redirect(url_for("history.of", patient_id=patient_id), 303)
    if _is_practitioner() and not _has_only_registered(patient_id):
        return _history_page(patient_id)
    patient = queries.patient(context.reader(), patient_id, inactive=True)
    if not finding.knows(context.work(), patient.merged_into or patient_id):
        raise NotFound
    if patient.merged_into is not None:
        return redirect(url_for("patients.show", patient_id=patient.merged_into), 303)
    if not patient.active:
        raise NotFound
    context.write(finding.note_details_read, patient_id)
    own, now = booking.of_patient(patient_id), context.now()
    past = appointments_for(
        context.work(), own, booking.gone_by(now), newest_first=True, limit=PAST_SHOWN
    )
    return render_template(
        "patients/show.html",
        patient=patient,
        carer=queries.carer_of(context.reader(), patient_id),
        coming=appointments_for(context.work(), own, booking.to_come(now), limit=COMING_SHOWN),
        past=past,
        programs=_opened_here(),
    )


def _opened_here() -> list[ApiClient]:
    """Return the programs that can be opened for a patient."""
    return [one for one in identities.programs(context.reader()) if one.launch_url]


def _has_only_registered(patient_id: UUID) -> bool:
    """Return whether the practitioner registered the patient but may not read the health record."""
    return finding.has_lately(context.work(), finding.MADE, patient_id) and not histories.may_read(
        context.work(), patient_id
    )


def _history_page(patient_id: UUID) -> ResponseReturnValue:
    """Render the health record; emergency access if the only appointment is one that the
    practitioner booked themselves."""
    kind, after = reading.option("kind", Kind, Kind.ALL), place_in("after")
    try:
        why = records.open_or_refuse(patient_id)
    except NotFound:
        if records.waits_for(patient_id) is None:
            raise
        return records.emergency_page(patient_id), CLOSED
    session, actor = context.reader(), context.actor()
    me = queries.practitioner(session, actor.practitioner_id or 0)
    return render_template(
        "history/patient.html",
        patient=queries.patient(session, patient_id, inactive=True),
        timeline=record(patient_id, kind, after),
        kind=kind,
        kinds=kind_names(),
        after=after,
        address=lambda **changed: url_for(
            "patients.show", **{"patient_id": patient_id, "kind": kind.value or None, **changed}
        ),
        until=_open_until(patient_id) if why is Access.EMERGENCY else None,
        forms=records.entry_forms(patient_id),
        summary=records.summary(patient_id),
        may_change=_may_change(patient_id),
        may_refer=me.may_refer,
        me=me,
        carer=queries.carer_of(session, patient_id),
        zone=own_zone(),
        programs=_opened_here(),
    )


def _open_until(patient_id: UUID) -> Any:
    emergencies = history.emergencies(context.reader(), patient_id)
    own = [
        one.access for one in emergencies if one.practitioner.id == context.actor().practitioner_id
    ]
    return max(one.ends_at for one in own)


@pages.route("/patients/<uuid:patient_id>/edit", methods=["GET", "POST"])
@access.allow(access.CARE_TEAM)
def edit(patient_id: UUID) -> ResponseReturnValue:
    """Change a patient's details; practitioners only those of their patients or ones they have just
    registered."""
    patient = queries.patient(context.reader(), patient_id)
    if not _may_change(patient_id):
        raise NotFound
    form = PatientForm(obj=patient)
    unchanged = form.leave_out(PatientDetails, editor_of_patient(context.actor(), patient), patient)
    status = save(
        form,
        PatientDetails,
        lambda work, details: commands.change_patient(work, patient_id, details),
        **unchanged,
    )
    if isinstance(status, Done):
        return see_other(
            url_for("patients.show", patient_id=patient_id), _("The details are saved.")
        )
    return _form_page("patients/edit.html", form, status, patient=patient)


@pages.route("/patients/<uuid:patient_id>/carer", methods=["GET", "POST"])
@access.allow(access.CARE_TEAM)
def carer(patient_id: UUID) -> ResponseReturnValue:
    """Show who cares for a patient and until when; confirm that it must go on."""
    session = context.reader()
    patient = queries.patient(session, patient_id)
    link, person = queries.dependent(session, patient_id), queries.carer_of(session, patient_id)
    if not _may_change(patient_id) or link is None or person is None:
        raise NotFound
    form = Form()
    status = do(form, growing_up.continue_caring, patient_id)
    if isinstance(status, Done):
        return see_other(
            url_for("patients.carer", patient_id=patient_id),
            _("The access of %(name)s goes on.", name=person.name),
        )
    page = render_template(
        "patients/carer.html",
        form=form,
        patient=patient,
        carer=person,
        link=link,
        ends=growing_up.ends_on(context.work(), patient, link),
        zone=own_zone(),
    )
    return page, status


def _may_change(patient_id: UUID) -> bool:
    return finding.may_change(context.work(), patient_id)


def _form_page(template: str, form: PatientForm, status: int, **more: Any) -> tuple[str, int]:
    page = render_template(
        template, form=form, birth_example=example(), zone_names=zone_names(), **more
    )
    return page, status
