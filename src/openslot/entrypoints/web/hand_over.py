"""The link with which a dependent takes over their record."""

from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import PasswordField

from openslot.core import signing
from openslot.core.errors import DomainError
from openslot.core.signing import NotSigned
from openslot.directory import dependents
from openslot.directory.models import Patient
from openslot.entrypoints.problems import status_of
from openslot.entrypoints.web import access, asked, context
from openslot.entrypoints.web.forms import Form
from openslot.entrypoints.web.saving import SHOWN, Done, do, see_other
from openslot.identity import passwords, queries
from openslot.identity.errors import EmailTaken, LinkExpired

pages = Blueprint("hand_over", __name__)

LASTS = timedelta(days=14)
"""Lifetime of a link."""

_PURPOSE = "hand-over"


class Offer(NamedTuple):
    """Content of a link: the patient, the carer whose access ends, and the recipient's address."""

    patient_id: UUID
    carer_id: UUID
    email: str


class PasswordForm(Form):
    """Password of the new account."""

    password = PasswordField(_l("Password"))


def token_for(patient_id: UUID, carer_id: UUID, email: str) -> str:
    """Return the signed token of a hand-over link."""
    content = [patient_id.hex, carer_id.hex, email]
    return signing.sign_dated(context.settings().signing_keys(), _PURPOSE, content)


def _offer_in(token: str) -> Offer:
    """Return the content of a link; raise LinkExpired if it is invalid or too old."""
    try:
        patient, carer, email = signing.read_dated(
            context.settings().signing_keys(), _PURPOSE, token, lasts=LASTS
        )
    except NotSigned:
        raise LinkExpired from None
    return Offer(UUID(patient), UUID(carer), email)


@pages.route("/hand-over/<token>", methods=["GET", "POST"])
@access.allow(access.ANYONE)
def take_over(token: str) -> ResponseReturnValue:
    """Create the account and take over the record."""
    try:
        offer = _offer_in(token)
        patient = dependents.invited(context.reader(), *offer)
    except LinkExpired as error:
        return render_template("dependents/link_expired.html"), status_of(error)
    if queries.by_email(context.reader(), offer.email):
        return _address_known_page(offer)
    form = PasswordForm()
    status: Done[object] | int = _take_over(form, offer, patient) if _posted() else SHOWN
    if isinstance(status, Done):
        return see_other(
            asked.address("accounts.sign_in", {"email": offer.email}),
            _("Your account is ready. Sign in with the password you chose."),
        )
    page = render_template(
        "dependents/take_over.html",
        form=form,
        patient=patient,
        email=offer.email,
        shortest=passwords.SHORTEST,
    )
    return page, status


def _take_over(form: PasswordForm, offer: Offer, patient: Patient) -> Done[object] | int:
    """Take over the record; the password is hashed before the transaction because that is slow."""
    try:
        hashed = passwords.hash_new(
            form.password.data or "",
            patient.name,
            offer.email,
            time_cost=context.settings().password_iterations,
        )
    except DomainError as error:
        form.refuse(error)
        return status_of(error)
    return do(form, dependents.take_over, *offer, hashed)


def _address_known_page(offer: Offer) -> ResponseReturnValue:
    """Explain that the address has an account; only its owner, who got the link, learns this."""
    page = render_template("dependents/address_known.html", email=offer.email)
    return page, status_of(EmailTaken())


def _posted() -> bool:
    return request.method == "POST"
