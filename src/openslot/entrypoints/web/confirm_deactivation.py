"""Confirmation page for deactivating and reactivating."""

from collections.abc import Callable

from flask import render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from openslot.core.work import Work
from openslot.entrypoints.web import reading
from openslot.entrypoints.web.forms import Form
from openslot.entrypoints.web.saving import SHOWN, Done, do, see_other


def confirm_active(
    name: str, is_active: bool, back: str, command: Callable[[Work, bool], None]
) -> ResponseReturnValue:
    """Ask for confirmation on GET; on POST do the command with the new state.

    The form names the new state, so that sending it twice does not undo the change.
    """
    form = Form()
    status: Done[None] | int = SHOWN
    active = reading.text("active") == "yes"
    if request.method == "POST":
        status = do(form, command, active)
    if isinstance(status, Done):
        message = _("%(name)s can be booked again.") if active else _("%(name)s is deactivated.")
        return see_other(back, message % {"name": name})
    page = render_template(
        "admin/deactivate.html", form=form, name=name, is_active=is_active, back=back
    )
    return page, status
