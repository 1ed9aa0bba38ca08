"""Registration of department staff, and its approval by administrators."""

from collections.abc import Mapping
from typing import ClassVar
from uuid import UUID

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Session
from wtforms import EmailField, PasswordField, SelectField, StringField

from openslot.core.actor import Role
from openslot.core.errors import DomainError, NotFound
from openslot.core.work import Work
from openslot.directory import queries, registration
from openslot.directory.registration import StaffSignUp
from openslot.entrypoints.problems import status_of
from openslot.entrypoints.web import access, account_mail, context, signing_up
from openslot.entrypoints.web.forms import Form
from openslot.entrypoints.web.saving import see_other
from openslot.entrypoints.web.written import mailed
from openslot.identity import passwords

pages = Blueprint("registration", __name__)


class StaffSignUpForm(Form):
    """The details of a member of staff who registers."""

    missing: ClassVar[Mapping[str, object]] = {"name": _l("Enter your full name.")}

    name = StringField(_l("Full name"))
    email = EmailField(_l("Work email"))
    place = SelectField(_l("Where do you work?"), validate_choice=False)
    facility = StringField(_l("Name of the facility, if it is not in the list"))
    password = PasswordField(_l("Password"))

    def offer(self, session: Session) -> None:
        """Set the choices: each centre with its departments, and one for any other."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for centre, department in queries.departments_of_all(session):
            own = groups.setdefault(
                centre.name,
                [(f"{centre.id}:", _("%(centre)s: not in the list", centre=centre.name))],
            )
            if department is not None:
                own.insert(-1, (f"{centre.id}:{department.id}", department.name))
        self.place.choices = {"": [("", _("Choose your department"))], **groups}


@pages.route("/sign-up/staff", methods=["GET", "POST"])
@access.allow(access.ANYONE)
def sign_up() -> ResponseReturnValue:
    """Register as department staff; the answer does not reveal known addresses."""
    if context.account_or_none():
        return redirect(url_for("dashboard.show"), 303)
    signing_up.check_open(Role.STAFF)
    form = StaffSignUpForm()
    form.offer(context.reader())
    if request.method == "GET":
        return _page(form)
    try:
        details = _details(form)
        if details is None:
            return _page(form, 422)
        signing_up.register(Role.STAFF, details)
    except NotFound:
        form.refuse(_("Choose your department."), "place")
        return _page(form, 422)
    except DomainError as error:
        form.refuse(error)
        return _page(form, status_of(error))
    return render_template("registration/sent.html", email=details.email)


def _details(form: StaffSignUpForm) -> StaffSignUp | None:
    centre, _colon, department = (form.place.data or "").partition(":")
    if not centre and (form.facility.data or "").strip():
        return signing_up.details_of(form, StaffSignUp)
    if not (_is_key(centre) and (not department or _is_key(department))):
        form.refuse(_("Choose your department."), "place")
        signing_up.details_of(form, StaffSignUp)
        return None
    return signing_up.details_of(
        form,
        StaffSignUp,
        centre_id=int(centre),
        department_id=department or None,
        facility=None,
    )


def _is_key(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10


def _page(form: StaffSignUpForm, status: int = 200) -> tuple[str, int]:
    page = render_template("registration/sign_up.html", form=form, shortest=passwords.SHORTEST)
    return page, status


# Approval


@pages.post("/admin/accounts/<uuid:account_id>/admit")
@access.allow(access.ADMINS, fresh=True)
def admit(account_id: UUID) -> ResponseReturnValue:
    """Approve a registration."""

    def save(work: Work) -> str:
        account = registration.admit(work, account_id)
        account_mail.send_welcome(work, account)
        return account.name

    return see_other(
        url_for("admin_accounts.listing"),
        _can_sign_in(context.write(save)),
    )


def _can_sign_in(name: str) -> str:
    return mailed(
        _("%(name)s can sign in now. We have emailed them.", name=name),
        _(
            "%(name)s can sign in now. Tell them: no email can be sent.",
            name=name,
        ),
    )


@pages.route("/admin/accounts/<uuid:account_id>/decline", methods=["GET", "POST"])
@access.allow(access.ADMINS)
def decline(account_id: UUID) -> ResponseReturnValue:
    """Decline a registration, after confirmation."""
    waiting = {member.account.id: member for member in registration.waiting(context.work())}
    if account_id not in waiting:
        raise NotFound
    if request.method == "GET":
        return render_template("registration/decline.html", one=waiting[account_id])

    def save(work: Work) -> str:
        account = registration.decline(work, account_id)
        account_mail.send_declined(work, account)
        return account.name

    name = context.write(save)
    return see_other(
        url_for("admin_accounts.listing"),
        mailed(
            _("%(name)s is declined. We have emailed them.", name=name),
            _("%(name)s is declined.", name=name),
        ),
    )
