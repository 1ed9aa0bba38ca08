"""Webhooks, for network administrators."""

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import SelectMultipleField, StringField

from openslot.core.errors import Invalid
from openslot.entrypoints.problems import status_of
from openslot.entrypoints.web import access, context, reading
from openslot.entrypoints.web.forms import Form
from openslot.entrypoints.web.saving import SHOWN, Done, do, see_other
from openslot.entrypoints.web.zones import own_zone
from openslot.webhooks import commands, queries
from openslot.webhooks.events import ABOUT
from openslot.webhooks.models import Delivery, Endpoint
from openslot.webhooks.sending import find

pages = Blueprint("admin_webhooks", __name__)

PAGE_SIZE = 20


class WebhookForm(Form):
    """Form for an address and its events."""

    url = StringField(_l("Address"))
    events = SelectMultipleField(_l("Events"), validate_choice=False)


class EventsForm(Form):
    """Form for the events of an address."""

    events = SelectMultipleField(_l("Events"), validate_choice=False)


def event_names() -> dict[str, str]:
    """Return the description of each event, in the reader's language."""
    return {event.value: _(about) for event, about in ABOUT.items()}


@pages.get("/admin/webhooks")
@access.allow(access.NETWORK_ADMINS)
def listing() -> str:
    """List all webhooks."""
    return render_template(
        "admin/webhooks.html",
        endpoints=queries.endpoints(context.reader()),
        zone=own_zone(),
        now=context.now(),
    )


@pages.route("/admin/webhooks/new", methods=["GET", "POST"])
@access.allow(access.NETWORK_ADMINS, fresh=True)
def new() -> ResponseReturnValue:
    """Add a webhook, and show its secret once."""
    form = WebhookForm()
    status = _create(form) if request.method == "POST" else SHOWN
    if isinstance(status, Done):
        return _secret_page(status.value, is_new=True)
    page = render_template("admin/webhook_new.html", form=form, event_names=event_names())
    return page, status


def _create(form: WebhookForm) -> Done[Endpoint] | int:
    # DNS may be slow, and an open reader blocks SQLite's writers.
    context.close_reader()
    try:
        target = find(form.url.data or "", context.settings().webhook_networks)
    except Invalid as error:
        form.refuse(error)
        return status_of(error)
    chosen = form.events.data or ()
    return do(form, lambda work: commands.create(work, target, chosen))


def _secret_page(endpoint: Endpoint, *, is_new: bool) -> str:
    return render_template("admin/webhook_secret.html", endpoint=endpoint, is_new=is_new)


@pages.route("/admin/webhooks/<uuid:endpoint_id>", methods=["GET", "POST"])
@access.allow(access.NETWORK_ADMINS)
def show(endpoint_id: UUID) -> ResponseReturnValue:
    """Show a webhook with its deliveries, and change its events."""
    endpoint = queries.endpoint(context.reader(), endpoint_id)
    form = EventsForm(events=endpoint.events.split())
    status = do(
        form, lambda work: commands.choose_events(work, endpoint_id, form.events.data or ())
    )
    if isinstance(status, Done):
        return see_other(_page_of(endpoint_id), _("The events are saved."))
    deliveries = _deliveries(endpoint_id)
    page = render_template(
        "admin/webhook.html",
        endpoint=endpoint,
        form=form,
        event_names=event_names(),
        as_sent=_as_sent,
        deliveries=deliveries[:PAGE_SIZE],
        older=deliveries[PAGE_SIZE - 1].id if len(deliveries) > PAGE_SIZE else None,
        is_first="after" not in request.args,
        zone=own_zone(),
        now=context.now(),
    )
    return page, status


def _as_sent(payload: Mapping[str, Any]) -> str:
    """Return the message as it is sent, indented for reading."""
    return json.dumps(payload, indent=2)


def _deliveries(endpoint_id: UUID) -> list[Delivery]:
    """Return a page of deliveries, newest first, after the one that the address names."""
    session, behind = context.reader(), reading.optional_id("after")
    previous = queries.delivery(session, behind, of=endpoint_id) if behind else None
    after = (previous[0].created_at, previous[0].id) if previous else None
    return list(queries.deliveries(session, endpoint_id, after=after, limit=PAGE_SIZE + 1))


@pages.route("/admin/webhooks/<uuid:endpoint_id>/secret", methods=["GET", "POST"])
@access.allow(access.NETWORK_ADMINS, fresh=True)
def rotate(endpoint_id: UUID) -> ResponseReturnValue:
    """Create a new secret and show it once, after confirmation."""
    queries.endpoint(context.reader(), endpoint_id)
    if request.method == "POST":
        endpoint = context.write(commands.rotate, endpoint_id)
        return _secret_page(endpoint, is_new=False)
    return _ask(
        endpoint_id,
        heading=_("Create a new secret?"),
        sentence=_(
            "The old secret stays valid for 24 hours, so that the receiver can switch "
            "without missing anything."
        ),
        yes=_("Create a new secret"),
        no=_("Keep the old one"),
        danger=False,
    )


@pages.route("/admin/webhooks/<uuid:endpoint_id>/active", methods=["GET", "POST"])
@access.allow(access.NETWORK_ADMINS)
def switch(endpoint_id: UUID) -> ResponseReturnValue:
    """Deactivate or reactivate a webhook, after confirmation."""
    endpoint = queries.endpoint(context.reader(), endpoint_id)
    active = reading.text("active") == "yes"
    if request.method == "POST":
        context.write(commands.set_active, endpoint_id, active=active)
        return see_other(
            _page_of(endpoint_id),
            _("The webhook is reactivated.") if active else _("The webhook is deactivated."),
        )
    if endpoint.active:
        return _ask(
            endpoint_id,
            heading=_("Deactivate this webhook?"),
            sentence=_(
                "Nothing is sent until you reactivate it. Events in the meantime are not "
                "sent later."
            ),
            yes=_("Deactivate"),
            no=_("Keep it active"),
            active="no",
            danger=True,
        )
    return _ask(
        endpoint_id,
        heading=_("Reactivate this webhook?"),
        sentence=_("New events are sent from now on. You can send failed ones again."),
        yes=_("Reactivate"),
        no=_("Keep it inactive"),
        active="yes",
        danger=False,
    )


@pages.route("/admin/webhooks/<uuid:endpoint_id>/delete", methods=["GET", "POST"])
@access.allow(access.NETWORK_ADMINS)
def delete(endpoint_id: UUID) -> ResponseReturnValue:
    """Delete a webhook, after confirmation."""
    queries.endpoint(context.reader(), endpoint_id)
    if request.method == "POST":
        context.write(commands.delete, endpoint_id)
        return see_other(url_for("admin_webhooks.listing"), _("The webhook is deleted."))
    return _ask(
        endpoint_id,
        heading=_("Delete this webhook?"),
        sentence=_("Its list of deliveries is deleted too. This cannot be undone."),
        yes=_("Delete it"),
        no=_("Keep it"),
        danger=True,
    )


@pages.post("/admin/webhooks/<uuid:endpoint_id>/deliveries/<uuid:delivery_id>/again")
@access.allow(access.NETWORK_ADMINS)
def send_again(endpoint_id: UUID, delivery_id: UUID) -> ResponseReturnValue:
    """Send a delivery again now."""
    form = Form()
    status = do(form, lambda work: commands.send_again(work, endpoint_id, delivery_id))
    if isinstance(status, Done):
        flash(_("It will be sent again in a moment. Reload the page to see the result."), "good")
    else:
        flash(form.form_errors[0], "bad")
    return redirect(_page_of(endpoint_id), 303)


def _ask(endpoint_id: UUID, **words: Any) -> str:
    return render_template("admin/ask.html", back=_page_of(endpoint_id), **words)


def _page_of(endpoint_id: UUID) -> str:
    return url_for("admin_webhooks.show", endpoint_id=endpoint_id)
