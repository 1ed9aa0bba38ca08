"""The link with which somebody takes over a record that another person has looked after."""

from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
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
from openslot.entrypoints.web import access, context
from openslot.entrypoints.web.forms import Form
from openslot.entrypoints.web.saving import SHOWN, Done, do
from openslot.identity import passwords, queries
from openslot.identity.errors import EmailTaken, LinkExpired

pages = Blueprint("hand_over", __name__)

LASTS = timedelta(days=14)
"""How long a link works."""

_PURPOSE = "hand-over"


class Offer(NamedTuple):
    """Whose record a link gives, whose care ends with it, and to which address it went."""

    patient_id: UUID
    carer_id: UUID
    email: str


class PasswordForm(Form):
    """The password of the new account."""

    password = PasswordField(_l("Password"))


def token_for(patient_id: UUID, carer_id: UUID, email: str) -> str:
    """What the link in the mail carries, signed with the app's secret."""
    content = [patient_id.hex, carer_id.hex, email]
    return signing.sign_dated(context.settings().key(), _PURPOSE, content)


def _offer_in(token: str) -> Offer:
    """What a link of ours says; LinkExpired for any other, and for one that is too old."""
    try:
        patient, carer, email = signing.read_dated(
            context.settings().key(), _PURPOSE, token, lasts=LASTS
        )
    except NotSigned:
        raise LinkExpired from None
    return Offer(UUID(patient), UUID(carer), email)


@pages.route("/hand-over/<token>", methods=["GET", "POST"])
@access.allow(access.ANYONE)
def take_over(token: str) -> ResponseReturnValue:
    """Choose a password, and the record is one's own."""
    try:
        offer = _offer_in(token)
        patient = dependents.invited(context.reader(), *offer)
    except LinkExpired as error:
        return render_template("dependents/link_expired.html"), status_of(error)
    if queries.by_email(context.reader(), offer.email):
        return _known(offer)
    form = PasswordForm()
    status: Done[object] | int = _take_over(form, offer, patient) if _posted() else SHOWN
    if isinstance(status, Done):
        flash(_("Your account is ready. Sign in with the password you chose."), "good")
        return redirect(url_for("accounts.sign_in", email=offer.email), 303)
    page = render_template(
        "dependents/take_over.html",
        form=form,
        patient=patient,
        email=offer.email,
        shortest=passwords.SHORTEST,
    )
    return page, status


def _take_over(form: PasswordForm, offer: Offer, patient: Patient) -> Done[object] | int:
    """Hashing takes long on purpose, so it is done before the transaction begins."""
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
    return do(
        form,
        lambda session: dependents.take_over(
            session, *offer, hashed, address=request.remote_addr, now=context.now()
        ),
    )


def _known(offer: Offer) -> ResponseReturnValue:
    """The address has an account: only whoever reads its mail learns that."""
    page = render_template("dependents/address_known.html", email=offer.email)
    return page, status_of(EmailTaken())


def _posted() -> bool:
    return request.method == "POST"
