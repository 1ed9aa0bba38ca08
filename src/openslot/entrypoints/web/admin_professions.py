"""Administration of the professions of the network."""

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response
from wtforms import BooleanField, IntegerField, StringField

from openslot.core.errors import DomainError
from openslot.directory import commands, queries
from openslot.directory.details import ProfessionDetails
from openslot.entrypoints.problems import sentence_of
from openslot.entrypoints.web import access, context, reading
from openslot.entrypoints.web.forms import Form
from openslot.entrypoints.web.saving import Done, save, see_other
from openslot.usecases.deactivation import deactivate_profession

pages = Blueprint("admin_professions", __name__)


class ProfessionForm(Form):
    """Form for ProfessionDetails."""

    name = StringField(_l("Name"))
    needs_referral = BooleanField(_l("Patients need a referral"))
    may_refer = BooleanField(_l("Writes referrals"))
    search_words = StringField(_l("Words that people search for"))
    other_names = StringField(_l("Other names in files"))
    position = IntegerField(_l("Place in lists"))
    hl7_code = StringField(_l("HL7 service type"))
    hl7_display = StringField(_l("Name in HL7"))
    snomed_code = StringField(_l("SNOMED CT specialty"))
    snomed_display = StringField(_l("Name in SNOMED CT"))


@pages.get("/admin/professions")
@access.allow(access.NETWORK_ADMINS)
def listing() -> str:
    """List the professions in their order."""
    return render_template(
        "admin/professions.html", professions=queries.professions(context.reader(), inactive=True)
    )


@pages.route("/admin/professions/new", methods=["GET", "POST"])
@access.allow(access.NETWORK_ADMINS)
def new() -> ResponseReturnValue:
    """Add a profession."""
    form = ProfessionForm(position=ProfessionDetails.model_fields["position"].default)
    status = save(form, ProfessionDetails, commands.create_profession)
    if isinstance(status, Done):
        return _saved(_("%(name)s is added.", name=status.value.name))
    return render_template("admin/profession_form.html", form=form), status


@pages.route("/admin/professions/<int:profession_id>", methods=["GET", "POST"])
@access.allow(access.NETWORK_ADMINS)
def edit(profession_id: int) -> ResponseReturnValue:
    """Change a profession."""
    profession = queries.profession(context.reader(), profession_id, inactive=True)
    form = ProfessionForm(obj=profession)
    status = save(
        form,
        ProfessionDetails,
        lambda work, details: commands.change_profession(work, profession_id, details),
    )
    if isinstance(status, Done):
        return _saved(_("The changes are saved."))
    return render_template("admin/profession_form.html", form=form, profession=profession), status


@pages.post("/admin/professions/<int:profession_id>/active")
@access.allow(access.NETWORK_ADMINS)
def set_active(profession_id: int) -> Response:
    """Deactivate or reactivate a profession, without confirmation: nobody has it then."""
    active = reading.text("active") == "yes"
    try:
        context.write(deactivate_profession, profession_id, active=active)
    except DomainError as error:
        flash(sentence_of(error), "bad")
        return redirect(url_for("admin_professions.edit", profession_id=profession_id), 303)
    return _saved(
        _("The profession can be chosen again.") if active else _("The profession is deactivated.")
    )


def _saved(message: str) -> Response:
    return see_other(url_for("admin_professions.listing"), message)
