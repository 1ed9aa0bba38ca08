"""Password, email address, sessions, data export and deletion of one's own account."""

from uuid import UUID

from flask import Blueprint, Response, flash, json, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response as BaseResponse
from wtforms import EmailField, PasswordField

from openslot.booking import queries as booking
from openslot.booking.queries import count_for
from openslot.core import audit
from openslot.core.errors import DomainError, NotFound
from openslot.core.work import Work
from openslot.directory import own
from openslot.directory.own import NewEmail
from openslot.entrypoints.problems import sentence_of, status_of
from openslot.entrypoints.web import access, account_mail, context, proof, reading, ways
from openslot.entrypoints.web import sign_in as signing
from openslot.entrypoints.web.devices import device
from openslot.entrypoints.web.forms import CodeField, Form
from openslot.entrypoints.web.saving import NOT_UNDERSTOOD, SHOWN, Done, do, save, see_other
from openslot.entrypoints.web.scope_words import in_words
from openslot.entrypoints.web.written import mailed
from openslot.entrypoints.web.zones import own_zone
from openslot.exports import account as own_data
from openslot.identity import commands as identity
from openslot.identity import credentials, linked, passwords, providers, sessions
from openslot.identity import queries as identities
from openslot.identity.credentials import CredentialKind
from openslot.identity.errors import LastWayIn, ProofNeeded, SecondStepRequired
from openslot.identity.providers import Provider
from openslot.records.access import open_histories
from openslot.usecases.account_deletion import delete_own_account

pages = Blueprint("profile_security", __name__)


class PasswordForm(Form):
    """Current and new password."""

    current = PasswordField(_l("Current password"))
    password = PasswordField(_l("New password"))


class EmailForm(Form):
    """New email address, and the current password."""

    email = EmailField(_l("New email address"))
    current = PasswordField(_l("Your password"))


class ProofForm(Form):
    """Form that asks for the current password."""

    current = PasswordField(_l("Your password"))


class WholeProofForm(ProofForm):
    """Form that asks for the current password, and a code of those who have a second step."""

    code = CodeField(_l("Code"))


@pages.route("/account/password", methods=["GET", "POST"])
@access.allow(access.SIGNED_IN, asks_password=True)
def password() -> ResponseReturnValue:
    """Change the password; this ends all other sessions."""
    form = PasswordForm()
    status = _change_password(form) if request.method == "POST" else SHOWN
    if isinstance(status, Done):
        return see_other(
            ways.remembered(url_for("profile.show")),
            _("Your password is changed. You are signed out on your other devices."),
        )
    page = render_template("profile/password.html", form=form, shortest=passwords.SHORTEST)
    return page, status


def _change_password(form: PasswordForm) -> Done[None] | int:
    account = context.account()
    if refused := _password_refusal(form):
        return refused
    if form.password.data and form.password.data == form.current.data:
        form.refuse(_("Choose a password that is different from your current one."), "password")
        return NOT_UNDERSTOOD
    try:
        hashed = passwords.hash_new(
            form.password.data or "",
            account.name,
            account.email,
            time_cost=context.settings().password_iterations,
        )
    except DomainError as error:
        form.refuse(error)
        return status_of(error)
    return do(
        form,
        lambda work: identity.set_password(
            work, account.id, hashed, keep_session=signing.current_token()
        ),
    )


def _password_refusal(form: Form) -> int | None:
    """Return the status of the refusal if the current password is wrong, else None."""
    try:
        proof.prove_password(form["current"].data or "", field="current")
    except DomainError as error:
        form.refuse(error)
        return status_of(error)
    return None


@pages.route("/account/email", methods=["GET", "POST"])
@access.allow(access.SIGNED_IN, asks_password=True)
def email() -> ResponseReturnValue:
    """Ask for another email address for sign-in, which is taken once it is confirmed."""
    form = EmailForm()
    status = (
        _password_refusal(form) or save(form, NewEmail, _ask_for_email)
        if request.method == "POST"
        else SHOWN
    )
    if isinstance(status, Done):
        return see_other(
            url_for("profile.show"),
            mailed(
                _(
                    "Open the link that we emailed to the new address. Until then you sign in with "
                    "the old one."
                ),
                _(
                    "No email can be sent from here. Ask an administrator for the link. Until then "
                    "you sign in with the old address."
                ),
            ),
        )
    now = context.account().email
    return render_template("profile/email.html", form=form, now_email=now), status


def _ask_for_email(work: Work, details: NewEmail) -> None:
    account = own.ask_for_email(work, details.email)
    account_mail.send_change(work, account)


@pages.route("/account/prove", methods=["GET", "POST"])
@access.allow(access.SIGNED_IN)
def prove() -> ResponseReturnValue:
    """Ask for the password or a passkey again, and continue to the page that needs it."""
    form, target = WholeProofForm(), reading.own_path("next", url_for("dashboard.show"))
    status = SHOWN
    if request.method == "POST":
        try:
            _prove(form)
            return redirect(target, 303)
        except DomainError as error:
            form.refuse(error)
            status = status_of(error)
    has = identities.factors_of(context.reader(), context.account().id)
    asked = proof.asked(context.account()) if has.passkeys else None
    page = render_template(
        "profile/prove.html",
        form=form,
        next_path=target,
        has=has,
        asked=asked,
        asks_password=_asks_password(),
        is_proved_there=_is_proved_there(),
        there=_linked_providers(),
    )
    return page, status


def _prove(form: WholeProofForm) -> None:
    if "credential" in request.form:
        proof.prove_by_passkey()
    elif _is_proved_there():
        proof.prove_step(form.code.data or "")
        signing.forget_half()
    elif not _asks_password():
        raise ProofNeeded
    else:
        proof.prove(form.current.data or "", form.code.data or "", field="current")


def _is_proved_there() -> bool:
    """Return whether the reader has just proved who they are at a provider, so that only their
    second step is to come."""
    person = signing.arrived()
    found = linked.identity_of(context.work(), person) if person else None
    is_own = found is not None and found.account_id == context.account().id
    return is_own and person is not None and sessions.is_proved(context.work(), person.proved_at)


def _asks_password() -> bool:
    """Return whether the reader's password proves who they are; not of who came with the second
    step of a provider, and has none here that a code would show."""
    has_own = identities.factors_of(context.reader(), context.account().id).is_any
    is_enough = has_own or not context.has_step()
    return _has_password() and is_enough and not _is_proved_there()


def _has_password() -> bool:
    """Return whether the reader can sign in with a password."""
    account = context.account()
    is_only_there = providers.is_only_way(context.settings(), account.role)
    return account.password != passwords.NONE and not is_only_there


def _linked_providers() -> list[Provider]:
    """Return where the reader's account is linked, of those that the settings name."""
    found = identities.identities_of(context.reader(), context.account().id)
    named = (providers.of_issuer(context.settings(), one.issuer) for one in found)
    return [one for one in named if one is not None]


@pages.get("/account/sessions", endpoint="sessions")
@access.allow(access.SIGNED_IN)
def signed_in() -> str:
    """List everything that opens the account besides the password."""
    token = signing.current_token()
    found = credentials.credentials_of(context.work(), context.account().id)
    return render_template(
        "profile/sessions.html",
        steps=[one for one in found if one.kind in credentials.STEPS],
        identities=[one for one in found if one.kind is CredentialKind.IDENTITY],
        to_link=_to_link(),
        has_password=_has_password(),
        credentials=[one for one in found if one.kind in credentials.SIGNED_IN],
        in_words=in_words,
        offers_passkeys=proof.site() is not None,
        current=sessions.token_hash(token).hex() if token else None,
        device=device,
        zone=own_zone(),
    )


def _to_link() -> list[Provider]:
    """Return where the reader can sign in once they have linked their account."""
    linked_now = _linked_providers()
    admitting = providers.admitting(context.settings(), context.account().role)
    return [one for one in admitting if one not in linked_now]


@pages.post("/account/sessions/end")
@access.allow(access.SIGNED_IN, fresh=True)
def end_session() -> BaseResponse:
    """End one credential, or all but this browser of the kinds that were chosen."""
    account_id, chosen = context.account().id, reading.text("session")
    kind, _colon, credential_id = chosen.partition(":")
    if chosen == "others":
        names = request.form.getlist("kinds") or list(credentials.SIGNED_IN)
        kinds = frozenset(CredentialKind(name) for name in names if name in credentials.SIGNED_IN)
        token = signing.current_token()
        context.write(credentials.end_all, account_id, kinds=kinds, keep_session=token)
        flash(_("Everything you chose is signed out."), "good")
    elif kind in set(CredentialKind):
        _end_one(account_id, CredentialKind(kind), credential_id)
    else:
        raise NotFound
    return redirect(url_for("profile_security.sessions"), 303)


def _end_one(account_id: UUID, kind: CredentialKind, credential_id: str) -> None:
    try:
        context.write(credentials.end_one, account_id, kind, credential_id)
    except (SecondStepRequired, LastWayIn) as error:
        flash(sentence_of(error), "bad")
    else:
        removed, ended = _("That is removed."), _("That is signed out.")
        flash(ended if kind in credentials.SIGNED_IN else removed, "good")


@pages.get("/account/export")
@access.allow(access.SIGNED_IN, fresh=True)
def export() -> Response:
    """Return all data of the account as JSON; health records in it count as read."""
    owner = context.account()
    context.write(_note_export)
    context.write(audit.record, "data.exported", identity.subject_of(owner.id))
    text = json.dumps(own_data.document(context.work(), owner), ensure_ascii=False, indent=2)
    response = Response(f"{text}\n", mimetype="application/json")
    day = context.now().astimezone(own_zone()).date().isoformat()
    response.headers["Content-Disposition"] = f'attachment; filename="openslot-{day}.json"'
    return response


def _note_export(work: Work) -> None:
    open_histories(work, own_data.patients_in(work))


@pages.route("/account/delete", methods=["GET", "POST"])
@access.allow(access.PATIENTS, asks_password=True)
def delete() -> ResponseReturnValue:
    """Delete the reader's account and cancel upcoming appointments; asks for the password."""
    form = ProofForm()
    status = (
        _password_refusal(form) or do(form, delete_own_account)
        if request.method == "POST"
        else SHOWN
    )
    if isinstance(status, Done):
        signing.end()
        return see_other(url_for("search.home"), _("Your account is deleted."))
    return render_template("profile/delete.html", form=form, appointments=_to_come()), status


def _to_come() -> int:
    patient_id = context.actor().patient_id
    if patient_id is None:
        return 0
    own_appointments = booking.of_patient(patient_id)
    return count_for(context.work(), own_appointments, booking.to_come(context.now()))
