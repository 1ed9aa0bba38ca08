"""Programs that act for people, for network administrators."""

from collections.abc import Callable
from uuid import UUID

from flask import Blueprint, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response
from wtforms import BooleanField, SelectMultipleField, StringField, TextAreaField

from openslot.core.work import Work
from openslot.entrypoints.web import access, context
from openslot.entrypoints.web.forms import Form
from openslot.entrypoints.web.saving import NOT_UNDERSTOOD, SHOWN, Done, checked, do, see_other
from openslot.entrypoints.web.scope_words import in_words
from openslot.entrypoints.web.zones import own_zone
from openslot.identity import assertions, programs, queries
from openslot.identity.models import ApiClient
from openslot.identity.programs import ProgramDetails
from openslot.identity.scopes import FOR_PROGRAMS, LAUNCHES, SCOPES

pages = Blueprint("admin_programs", __name__)

USUAL = ("openid", "fhirUser", "launch", "launch/patient", "online_access")
"""Scopes that are ticked for a new program."""


class ProgramForm(Form):
    """Form for what is registered of a program."""

    name = StringField(_l("Program name"))
    operator = StringField(_l("Who runs it"))
    redirects = TextAreaField(_l("Addresses to return to"))
    launch_url = StringField(_l("Address that opens it for a patient"))
    scopes = SelectMultipleField(_l("Permissions"), validate_choice=False)
    fhir = StringField(_l("FHIR scopes"))
    has_secret = BooleanField(_l("It can keep a secret, as it runs on a server"))

    @classmethod
    def of(cls, client: ApiClient) -> "ProgramForm":
        """Return the form filled in with what is registered."""
        scopes = client.scopes.split()
        return cls(
            name=client.name,
            operator=client.operator,
            redirects="\n".join((client.redirects or "").split()),
            launch_url=client.launch_url,
            scopes=[scope for scope in scopes if scope in scope_names()],
            fhir=" ".join(scope for scope in scopes if scope not in scope_names()),
        )

    def program(self) -> ProgramDetails | None:
        """Return the typed details; None with errors that name their fields."""
        return checked(
            self,
            ProgramDetails,
            redirects=tuple((self.redirects.data or "").split()),
            scopes=(*(self.scopes.data or ()), *(self.fhir.data or "").split()),
        )


def scope_names() -> dict[str, str]:
    """Return what each scope permits that has a description, in the reader's language."""
    names = LAUNCHES | {name: about for name, about in SCOPES.items() if name not in FOR_PROGRAMS}
    return {name: _(about) for name, about in names.items()}


@pages.get("/admin/programs")
@access.allow(access.NETWORK_ADMINS)
def listing() -> str:
    """List the programs."""
    found = queries.programs(context.reader())
    return render_template("admin/programs.html", programs=found, in_words=in_words)


@pages.route("/admin/programs/new", methods=["GET", "POST"])
@access.allow(access.NETWORK_ADMINS, fresh=True)
def new() -> ResponseReturnValue:
    """Register a program, and show its secret once."""
    form = ProgramForm() if request.method == "POST" else ProgramForm(scopes=list(USUAL))
    status = _create(form) if request.method == "POST" else SHOWN
    if isinstance(status, Done):
        client, secret = status.value
        return render_template("admin/program_made.html", program=client, secret=secret)
    page = render_template("admin/program_form.html", form=form, scope_names=scope_names())
    return page, status


def _create(form: ProgramForm) -> Done[tuple[ApiClient, str | None]] | int:
    details = form.program()
    if details is None:
        return NOT_UNDERSTOOD
    return do(form, programs.create_program, details, has_secret=form.has_secret.data)


@pages.route("/admin/programs/<uuid:client_id>", methods=["GET", "POST"])
@access.allow(access.NETWORK_ADMINS, fresh=True)
def change(client_id: UUID) -> ResponseReturnValue:
    """Show a program, and change what is registered of it."""
    client = programs.program(context.reader(), client_id)
    form = ProgramForm() if request.method == "POST" else ProgramForm.of(client)
    status: Done[ApiClient] | int = SHOWN
    if request.method == "POST":
        details = form.program()
        status = NOT_UNDERSTOOD
        if details is not None:
            status = do(form, programs.change_program, client_id, details)
    if isinstance(status, Done):
        return see_other(url_for("admin_programs.listing"), _("The program is changed."))
    page = render_template(
        "admin/program_form.html",
        form=form,
        program=client,
        scope_names=scope_names(),
        zone=own_zone(),
    )
    return page, status


@pages.route("/admin/programs/<uuid:client_id>/secret", methods=["GET", "POST"])
@access.allow(access.NETWORK_ADMINS, fresh=True)
def secret(client_id: UUID) -> ResponseReturnValue:
    """Give a program another secret, after confirmation."""
    client = programs.program(context.reader(), client_id)
    if request.method == "POST":
        text = context.write(programs.new_secret, client_id)
        return render_template("admin/program_made.html", program=client, secret=text)
    return _ask(
        client,
        _("Give %(name)s another secret?", name=client.name),
        _("It loses access until it has the new one."),
        _("Create a new secret"),
    )


@pages.route("/admin/programs/<uuid:client_id>/access", methods=["GET", "POST"])
@access.allow(access.NETWORK_ADMINS)
def end_access(client_id: UUID) -> ResponseReturnValue:
    """Sign everybody out of a program, after confirmation."""
    client = programs.program(context.reader(), client_id)
    if request.method == "POST":
        return _done(programs.end_access, client_id, _("Everybody is signed out of it."))
    return _ask(
        client,
        _("Sign everybody out of %(name)s?", name=client.name),
        _("It asks each person again whether it may act for them."),
        _("Sign everybody out"),
    )


@pages.route("/admin/programs/<uuid:client_id>/end", methods=["GET", "POST"])
@access.allow(access.NETWORK_ADMINS)
def end(client_id: UUID) -> ResponseReturnValue:
    """Stop a program for good, after confirmation."""
    client = programs.program(context.reader(), client_id)
    if request.method == "POST":
        return _done(assertions.revoke_client, client_id, _("The program is stopped."))
    return _ask(
        client,
        _("Stop %(name)s?", name=client.name),
        _("Everybody is signed out of it, and it cannot ask anybody again. This cannot be undone."),
        _("Stop the program"),
    )


def _done(command: Callable[[Work, UUID], None], client_id: UUID, sentence: str) -> Response:
    context.write(command, client_id)
    return see_other(url_for("admin_programs.listing"), sentence)


def _ask(client: ApiClient, heading: str, sentence: str, yes: str) -> str:
    return render_template(
        "admin/ask.html",
        heading=heading,
        sentence=sentence,
        yes=yes,
        no=_("Cancel"),
        back=url_for("admin_programs.change", client_id=client.id),
        danger=True,
    )
