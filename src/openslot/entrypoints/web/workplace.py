"""Where staff work: asking for another place, and what administrators decide."""

from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Session
from wtforms import SelectField, StringField

from openslot.core.errors import DomainError, NotFound
from openslot.directory import moving, queries
from openslot.directory.moving import MoveDetails
from openslot.entrypoints.problems import sentence_of
from openslot.entrypoints.web import access, context, reading
from openslot.entrypoints.web.forms import Form
from openslot.entrypoints.web.saving import NOT_UNDERSTOOD, SHOWN, Done, checked, do, see_other

pages = Blueprint("workplace", __name__)


class WorkplaceForm(Form):
    """A centre with its department, or the name of another place."""

    workplace = SelectField(_l("Where do you work?"), validate_choice=False)
    place = StringField(_l("Name of the place, if it is not in the list"))

    def offer(self, session: Session) -> None:
        """Set the choices: each centre, and each of its departments."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for centre, department in queries.departments_of_all(session):
            own = groups.setdefault(centre.name, [(f"{centre.id}:", _("No department yet"))])
            if department is not None:
                own.insert(-1, (f"{centre.id}:{department.id}", department.name))
        self.workplace.choices = {"": [("", _("Not in the list"))], **groups}


@pages.route("/account/workplace", methods=["GET", "POST"])
@access.allow(access.STAFF)
def ask() -> ResponseReturnValue:
    """Ask to work at another centre or department."""
    session, actor = context.reader(), context.actor()
    form = WorkplaceForm()
    form.offer(session)
    status: Done[object] | int = SHOWN
    if request.method == "POST":
        centre, _colon, department = (form.workplace.data or "").partition(":")
        details = checked(
            form, MoveDetails, centre_id=centre or None, department_id=department or None
        )
        status = do(form, moving.ask, details) if details else NOT_UNDERSTOOD
    if isinstance(status, Done):
        return see_other(
            url_for("profile.show"), _("We asked the administrators of that place to admit you.")
        )
    if request.method == "GET" and actor.centre_id:
        form.workplace.data = f"{actor.centre_id}:{actor.department_id or ''}"
    return render_template("profile/workplace.html", form=form), status


@pages.post("/account/workplace/withdraw")
@access.allow(access.STAFF)
def withdraw() -> ResponseReturnValue:
    """Take back what was asked."""
    context.write(moving.withdraw)
    return see_other(url_for("profile.show"), _("You no longer ask to work somewhere else."))


@pages.post("/admin/workplaces/<uuid:account_id>/admit")
@access.allow(access.ADMINS)
def admit(account_id: UUID) -> ResponseReturnValue:
    """Let somebody work where they asked to."""
    centre_id = reading.number("centre_id", 0) or None
    try:
        account = context.write(moving.admit, account_id, centre_id=centre_id)
    except NotFound:
        raise
    except DomainError as error:
        flash(sentence_of(error), "bad")
        return redirect(url_for("admin_accounts.listing"), 303)
    return _decided(_("%(name)s works there now.", name=account.name))


@pages.post("/admin/workplaces/<uuid:account_id>/decline")
@access.allow(access.ADMINS)
def decline(account_id: UUID) -> ResponseReturnValue:
    """Decline what somebody asked."""
    account = context.write(moving.decline, account_id)
    return _decided(_("%(name)s stays where they were.", name=account.name))


def _decided(sentence: str) -> ResponseReturnValue:
    return see_other(url_for("admin_accounts.listing"), sentence)
