"""API keys, for network administrators."""

from typing import Annotated, Any
from uuid import UUID

from flask import Blueprint, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from pydantic import Field
from wtforms import SelectMultipleField, StringField

from openslot.core.errors import NotFound
from openslot.core.fields import Details, Line
from openslot.core.work import Work
from openslot.entrypoints.web import access, context
from openslot.entrypoints.web.forms import Form
from openslot.entrypoints.web.saving import NOT_UNDERSTOOD, SHOWN, Done, checked, do, see_other
from openslot.entrypoints.web.zones import own_zone
from openslot.identity import keys, queries
from openslot.identity.models import ApiKey
from openslot.identity.scopes import EVERYTHING, SCOPES

pages = Blueprint("admin_keys", __name__)


class KeyForm(Form):
    """Form for an API key."""

    name = StringField(_l("Program name"))
    scopes = SelectMultipleField(_l("Permissions"), validate_choice=False)
    fhir = StringField(_l("FHIR scopes"))
    networks = StringField(_l("Allowed networks"))


class KeyDetails(Details):
    """Checked name of a key; keys.create_key() checks the rest."""

    name: Line
    scopes: Annotated[tuple[str, ...], Field(max_length=100)]
    networks: Annotated[tuple[str, ...], Field(max_length=100)]


@pages.get("/admin/keys")
@access.allow(access.NETWORK_ADMINS)
def listing() -> str:
    """List the active keys."""
    return render_template(
        "admin/keys.html",
        keys=queries.keys(context.reader()),
        zone=own_zone(),
        scope_names=scope_names(),
    )


def scope_names() -> dict[str, str]:
    """Return what each scope permits, in the reader's language."""
    return {EVERYTHING: _("Everything.")} | {scope: _(about) for scope, about in SCOPES.items()}


@pages.route("/admin/keys/new", methods=["GET", "POST"])
@access.allow(access.NETWORK_ADMINS, fresh=True)
def new() -> ResponseReturnValue:
    """Create a key, and show it once."""
    form = KeyForm()
    status = _create(form) if request.method == "POST" else SHOWN
    if isinstance(status, Done):
        key, text = status.value
        return render_template("admin/key_made.html", key=key, text=text)
    return render_template("admin/key_new.html", form=form, scope_names=scope_names()), status


def _create(form: KeyForm) -> Done[tuple[ApiKey, str]] | int:
    more: dict[str, Any] = {
        "scopes": (*(form.scopes.data or ()), *(form.fhir.data or "").split()),
        "networks": tuple((form.networks.data or "").replace(",", " ").split()),
    }
    details = checked(form, KeyDetails, **more)
    if details is None:
        return NOT_UNDERSTOOD
    return do(form, _make, details)


def _make(work: Work, details: KeyDetails) -> tuple[ApiKey, str]:
    return keys.create_key(work, details.name, details.scopes, details.networks)


@pages.route("/admin/keys/<uuid:key_id>/end", methods=["GET", "POST"])
@access.allow(access.NETWORK_ADMINS)
def end(key_id: UUID) -> ResponseReturnValue:
    """Revoke a key, after confirmation."""
    key = next(
        (candidate for candidate in queries.keys(context.reader()) if candidate.id == key_id), None
    )
    if key is None:
        raise NotFound
    if request.method == "POST":
        context.write(keys.revoke_key, key_id)
        return see_other(
            url_for("admin_keys.listing"), _("The key %(name)s is revoked.", name=key.name)
        )
    return render_template(
        "admin/ask.html",
        heading=_("Revoke the key %(name)s?", name=key.name),
        sentence=_("The program that uses it will lose access. This cannot be undone."),
        yes=_("Revoke key"),
        no=_("Keep it"),
        back=url_for("admin_keys.listing"),
        danger=True,
    )
