"""The page that asks before something is taken out of the directory, or back in."""

from collections.abc import Callable

from flask import flash, redirect, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from openslot.entrypoints.web import reading
from openslot.entrypoints.web.forms import Form
from openslot.entrypoints.web.saving import SHOWN, Done, do


def confirm_active(
    name: str, is_active: bool, back: str, work: Callable[[Session, bool], None]
) -> ResponseReturnValue:
    """Ask on GET; on POST do ``work``, which is told whether it is to be active from now on.

    The form says what it wants, so that sending it twice does not undo it.
    """
    form = Form()
    status: Done[None] | int = SHOWN
    wanted = reading.text("active") == "yes"
    if request.method == "POST":
        status = do(form, lambda session: work(session, wanted))
    if isinstance(status, Done):
        said = _("%(name)s can be booked again.") if wanted else _("%(name)s is deactivated.")
        flash(said % {"name": name}, "good")
        return redirect(back, 303)
    page = render_template(
        "admin/deactivate.html", form=form, name=name, is_active=is_active, back=back
    )
    return page, status
