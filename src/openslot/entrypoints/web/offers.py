"""Offered times, answered with the link in a mail or after sign-in."""

from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from openslot.booking.models import Appointment
from openslot.core.actor import Actor
from openslot.core.errors import DomainError
from openslot.entrypoints.problems import sentence_of, status_of
from openslot.entrypoints.request import write_by
from openslot.entrypoints.web import access, context
from openslot.entrypoints.web.saving import see_other
from openslot.entrypoints.web.written import written_to
from openslot.waiting_list import answers
from openslot.waiting_list.errors import OfferExpired
from openslot.waiting_list.links import read_token, token_of
from openslot.waiting_list.models import Offer, OfferStatus

pages = Blueprint("offers", __name__, url_prefix="/offers")


@pages.get("")
@access.allow(access.SIGNED_IN)
def listing() -> str:
    """List the offers that the reader, their dependents or their department can take now."""
    offers = offered_to_reader()
    return render_template("offers/list.html", offers=offers, token=token)


@pages.get("/<token>")
@access.allow(access.ANYONE)
def show(token: str) -> Response:
    """Show an offer. A GET changes nothing, because mail scanners open links."""
    return _page(_offer_of(token), token, None)


@pages.post("/<token>/take")
@access.allow(access.ANYONE)
def take(token: str) -> BaseResponse:
    """Accept an offer: book its time, or move the appointment."""
    offer = _offer_of(token)
    try:
        appointment = write_by(_answering(offer), answers.accept, offer.id)
    except DomainError as error:
        return _page(_offer_of(token), token, error)
    if context.actor().role is None or not _is_theirs(context.actor(), offer):
        return redirect(url_for("offers.show", token=token), 303)
    return _to_appointment(appointment, offer)


@pages.post("/<token>/decline")
@access.allow(access.ANYONE)
def decline(token: str) -> BaseResponse:
    """Decline an offer."""
    offer = _offer_of(token)
    try:
        write_by(_answering(offer), answers.decline, offer.id)
    except DomainError as error:
        return _page(_offer_of(token), token, error)
    return redirect(url_for("offers.show", token=token), 303)


def offered_to_reader() -> list[Offer]:
    """Return the offers that the reader can take now."""
    return answers.open_for(context.work())


def token(offer: Offer) -> str:
    """Return the signed token of an offer's address."""
    return token_of(context.settings().signing_keys(), offer.id)


def _offer_of(token: str) -> Offer:
    """Return the offer of a signed link; raise NotFound for an invalid one."""
    offer_id = read_token(context.settings().signing_keys(), token)
    return answers.by_link(context.reader(), offer_id)


def _answering(offer: Offer) -> Actor:
    """Return the reader if they may answer, else the holder of the link."""
    if _is_theirs(context.actor(), offer):
        return context.actor()
    return answers.bearer_of(offer, request.remote_addr)


def _is_theirs(actor: Actor, offer: Offer) -> bool:
    return actor.role is not None and answers.may_answer(actor, offer)


def _page(offer: Offer, token: str, error: DomainError | None) -> Response:
    """Render the offer or its outcome.

    An expired offer no longer shows its time: links stay in mailboxes for years.
    """
    now = context.now()
    open_ = offer.is_open(now)
    taken = offer.status == OfferStatus.ACCEPTED
    problem = error if error is not None and not isinstance(error, OfferExpired) else None
    page = render_template(
        "offers/show.html",
        offer=offer,
        token=token,
        is_open=open_,
        appointment=(offer.appointment or offer.hold) if taken else offer.hold,
        shown=open_ or (taken and now < offer.expires_at),
        written=taken and written_to(offer.hold),
        theirs=_is_theirs(context.actor(), offer),
        problem=sentence_of(problem) if problem else None,
    )
    response = Response(page, status_of(error) if error else 200)
    response.headers["Cache-Control"] = "no-store"
    return response


def _to_appointment(appointment: Appointment, offer: Offer) -> BaseResponse:
    moved = offer.appointment is not None
    return see_other(
        url_for("appointments.show", appointment_id=appointment.id),
        _("The appointment has moved to the new time.") if moved else _("The time is booked."),
    )
