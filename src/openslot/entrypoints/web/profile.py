"""The reader's own account."""

from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Any, ClassVar
from urllib.parse import urlsplit

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response
from wtforms import EmailField, SelectField, StringField, TelField, TextAreaField

from openslot.core.errors import NotFound
from openslot.core.language import LANGUAGES
from openslot.directory import commands, own, queries
from openslot.directory.details import PatientDetails, PractitionerDetails, StaffOwnDetails
from openslot.directory.editing import Editor
from openslot.entrypoints.web import access, context
from openslot.entrypoints.web.births import example
from openslot.entrypoints.web.forms import Form
from openslot.entrypoints.web.patient_form import OwnPatientForm
from openslot.entrypoints.web.saving import Done, save, see_other
from openslot.entrypoints.web.service_words import gender_choices
from openslot.entrypoints.web.zones import own_zone, zone_names
from openslot.feedback.queries import Rated, averages
from openslot.identity import commands as identity
from openslot.notifications import feeds
from openslot.schedules import queries as schedules

pages = Blueprint("profile", __name__)

THEME = "theme"
"""Cookie of the colours that somebody without an account has chosen."""

THEMES = ("auto", "light", "dark")

LANGUAGE = "language"
"""Cookie of the language that somebody without an account has chosen."""

WITHOUT_TOKEN = ("profile.theme", "profile.language")
"""Views without a CSRF token, because they are on every page, even without a session; a forged
request can only change the reader's colours or language."""
YEAR = timedelta(days=365)


class PractitionerForm(Form):
    """Details that practitioners change themselves; an administrator changes the rest."""

    phone = TelField(_l("Phone number"))
    email = EmailField(_l("Email for patients"))
    languages = StringField(_l("Languages"))
    gender = SelectField(_l("Gender"), choices=gender_choices)
    about = TextAreaField(_l("About you"))


class StaffForm(Form):
    """Name and phone number."""

    missing: ClassVar[Mapping[str, object]] = {"name": _l("Enter your full name.")}

    name = StringField(_l("Full name"))
    phone = TelField(_l("Phone number"))


@pages.get("/account")
@access.allow(access.SIGNED_IN)
def show() -> str:
    """Show the account with links to its settings."""
    return render_template(
        "profile/show.html",
        account=context.account(),
        zone=own_zone(),
        has_calendar=context.actor().is_a(*feeds.ROLES),
        **_record(),
    )


def _record() -> dict[str, Any]:
    """Return the directory entries behind the account."""
    session, actor = context.reader(), context.actor()
    entries: dict[str, Any] = {}
    if actor.patient_id is not None:
        entries["patient"] = queries.patient(session, actor.patient_id, inactive=True)
    if actor.practitioner_id is not None:
        entries |= _practitioner(session, actor.practitioner_id)
    if actor.centre_id is not None:
        entries["centre"] = queries.centre(session, actor.centre_id, inactive=True)
        entries["member"] = queries.staff_member(session, context.account().id)
        entries["staff_request"] = queries.staff_request(session, context.account().id)
    if actor.department_id is not None:
        entries["department"] = queries.department(session, actor.department_id, inactive=True)
    return entries


def _practitioner(session: Session, practitioner_id: int) -> dict[str, Any]:
    key: Rated = ("practitioner", practitioner_id)
    places = schedules.practitioner_places(session, practitioner_id).values()
    centre_ids = {place.centre_id for place in places}
    return {
        "practitioner": queries.practitioner(session, practitioner_id, inactive=True),
        "rated": averages(session, [key]).get(key),
        "centres": [
            centre for centre in queries.centres(session, inactive=True) if centre.id in centre_ids
        ],
    }


@pages.route("/account/details", methods=["GET", "POST"])
@access.allow(access.SIGNED_IN)
def details() -> ResponseReturnValue:
    """Change the reader's details, depending on the role."""
    actor = context.actor()
    if actor.patient_id is not None:
        return _patient_details()
    if actor.practitioner_id is not None:
        return _practitioner_details(actor.practitioner_id)
    return _staff_details()


def _patient_details() -> ResponseReturnValue:
    patient = queries.patient_of(context.reader(), context.account().id)
    form = OwnPatientForm(obj=patient)
    unchanged = form.leave_out(PatientDetails, Editor.OWNER, patient)
    status = save(
        form,
        PatientDetails,
        own.change_own_patient,
        **unchanged,
    )
    return _saved() if isinstance(status, Done) else _page("profile/patient.html", form, status)


def _practitioner_details(practitioner_id: int) -> ResponseReturnValue:
    person = queries.practitioner(context.reader(), practitioner_id, inactive=True)
    form = PractitionerForm(obj=person)
    unchanged = form.leave_out(PractitionerDetails, Editor.OWNER, person)
    status = save(
        form,
        PractitionerDetails,
        lambda work, values: commands.change_practitioner(
            work,
            practitioner_id,
            values,
            centre_ids=schedules.centre_ids_of(work.session, practitioner_id),
        ),
        **unchanged,
    )
    return (
        _saved() if isinstance(status, Done) else _page("profile/practitioner.html", form, status)
    )


def _staff_details() -> ResponseReturnValue:
    account = context.account()
    member = queries.staff_member(context.reader(), account.id)
    form = StaffForm(name=account.name, phone=member.phone if member else None)
    if member is None:
        del form.phone
    status = save(form, StaffOwnDetails, own.change_own_staff)
    return _saved() if isinstance(status, Done) else _page("profile/staff.html", form, status)


def _page(template: str, form: Form, status: int) -> tuple[str, int]:
    page = render_template(
        template,
        form=form,
        birth_example=example(),
        zone_names=zone_names(),
        email=context.account().email,
    )
    return page, status


def _saved() -> Response:
    return see_other(url_for("profile.show"), _("Your details are saved."))


@pages.post("/theme/<choice>")
@access.allow(access.ANYONE)
def theme(choice: str) -> Response:
    """Set light, dark or device colours, and return to the page."""
    return _chosen(THEME, choice, THEMES, "theme")


@pages.post("/language/<language>")
@access.allow(access.ANYONE)
def language(language: str) -> Response:
    """Set the language of pages and messages, and return to the page."""
    return _chosen(LANGUAGE, language, LANGUAGES, "locale")


def _chosen(cookie: str, choice: str, choices: Collection[str], attribute: str) -> Response:
    """Keep a choice in the account, if there is one, and in the browser."""
    if choice not in choices:
        raise NotFound
    account = context.account_or_none()
    if account and getattr(account, attribute) != choice:
        context.write(identity.change_account, account.id, **{attribute: choice})
    response = redirect(_came_from(), 303)
    context.keep_cookie(response, cookie, choice, lasts=YEAR)
    return response


def _came_from() -> str:
    """Return the path of the page with the link, or the start page if unknown."""
    parts = urlsplit(request.referrer or "")
    own_page = parts.netloc == request.host and parts.path.startswith("/")
    if not own_page or parts.path.startswith(("//", "/\\", "/theme/", "/language/")):
        return url_for("search.home")
    return f"{parts.path}?{parts.query}" if parts.query else parts.path
