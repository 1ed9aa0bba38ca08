"""Sign-in and sign-out, sign-up, email confirmation and password reset."""

from collections.abc import Mapping
from typing import ClassVar
from uuid import UUID

from flask import Blueprint, flash, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response
from wtforms import EmailField, PasswordField, StringField, TelField

from openslot.core import audit
from openslot.core.actor import Actor, Role
from openslot.core.errors import DomainError
from openslot.core.work import Work
from openslot.directory import own
from openslot.directory.details import SignUp
from openslot.directory.errors import AwaitingApproval
from openslot.directory.registration import is_waiting
from openslot.entrypoints import limits, watching
from openslot.entrypoints.problems import status_of
from openslot.entrypoints.request import visitor, write_by
from openslot.entrypoints.web import (
    access,
    account_mail,
    asked,
    context,
    known_device,
    proof,
    reading,
    signing_up,
    unsent,
)
from openslot.entrypoints.web import sign_in as signing
from openslot.entrypoints.web.births import BirthField, example
from openslot.entrypoints.web.forms import CodeField, Form
from openslot.entrypoints.web.saving import see_other
from openslot.entrypoints.web.written import mailed
from openslot.identity import commands as identity
from openslot.identity import links, passkeys, passwords, pending, providers, queries
from openslot.identity.errors import (
    HalfSignedIn,
    LinkExpired,
    NotActive,
    NotConfirmed,
    WrongPasskey,
)
from openslot.identity.factors import Factor
from openslot.identity.models import Account
from openslot.identity.providers import Provider

pages = Blueprint("accounts", __name__)

SIGN_INS = frozenset({"accounts.sign_in", "accounts.second_step", "accounts.sign_in_by_passkey"})
"""Endpoints of signing in, which carries forms that were refused for their session."""


class SignInForm(Form):
    """Sign-in form."""

    email = EmailField(_l("Email"))
    password = PasswordField(_l("Password"))


class CodeForm(Form):
    """Form for a code of the authenticator app, or a recovery code."""

    code = CodeField(_l("Code"))


class SignUpForm(Form):
    """The details of a patient who signs up."""

    missing: ClassVar[Mapping[str, object]] = {
        "name": _l("Enter your full name."),
        "born": _l("Enter your date of birth."),
    }

    name = StringField(_l("Full name"))
    born = BirthField(_l("Date of birth"))
    email = EmailField(_l("Email"))
    phone = TelField(_l("Phone number"))
    password = PasswordField(_l("Password"))


class ForgotForm(Form):
    """Form that requests a password reset link."""

    email = EmailField(_l("Email"))


class NewPasswordForm(Form):
    """Form that sets a new password."""

    password = PasswordField(_l("New password"))


@pages.route("/login", methods=["GET", "POST"])
@access.allow(access.ANYONE)
@asked.keeping("email")
def sign_in() -> ResponseReturnValue:
    """Sign in, and continue to the page that the reader wanted."""
    if context.account_or_none():
        return _go_on()
    form = SignInForm(email=asked.text("email"))
    signing.forget_half()
    if request.method == "GET":
        return _sign_in_page(form)
    email, password = reading.text("email"), form.password.data or ""
    try:
        account, _factor = identity.sign_in(
            context.database(),
            context.settings(),
            email,
            password,
            source=known_device.source(email),
            address=request.remote_addr,
            now=context.now(),
        )
        limits.sign_in(account.id)
        return signed_in(account)
    except HalfSignedIn as error:
        return to_second_step(error.account)
    except DomainError as error:
        return _not_signed_in(form, email, error)


def to_second_step(account: Account) -> ResponseReturnValue:
    """Go on from the first step, the password or a provider, to the second."""
    signing.begin_half(account)
    if unsent.carried() is not None:
        return _code_page(CodeForm(formdata=None), account)
    return redirect(url_for("accounts.second_step", next=_next() or None), 303)


def signed_in(
    account: Account, factor: Factor | None = None, next_path: str | None = None
) -> Response:
    """Begin a session of the account, and continue to what the reader wanted."""
    signing.begin(account, agent=request.user_agent.string, factor=factor)
    known_device.remember(account.email)
    return redirect(next_path, 303) if next_path else _go_on()


@pages.route("/login/code", methods=["GET", "POST"])
@access.allow(access.ANYONE)
def second_step() -> ResponseReturnValue:
    """Ask for the second step of who has given the password, and continue as :func:`sign_in`."""
    if context.account_or_none():
        return _go_on()
    account = signing.half_signed_in()
    if account is None:
        return _begin_again()
    form = CodeForm()
    if request.method == "GET":
        return _code_page(form, account)
    source, person = known_device.source(account.email), signing.arrived()
    try:
        limits.sign_in(account.id)
        factor = identity.give_code(
            context.database(),
            context.settings(),
            account,
            form.code.data or "",
            source=source,
            address=request.remote_addr,
            now=context.now(),
        )
    except DomainError as error:
        watching.refused(error, email=account.email)
        form.refuse(error)
        return _code_page(form, account, status_of(error))
    key = person.provider.key if person else None
    write_by(_owner(account), identity.note_sign_in, account, source, factor, provider=key)
    return signed_in(account, factor)


def _begin_again() -> Response:
    """Return to the sign-in page, because the password was given too long ago."""
    carried = unsent.carried()
    if carried is not None:
        return sign_in_to_send(carried, 401)
    flash(_("Sign in again: that took too long."))
    return redirect(url_for("accounts.sign_in", next=_next() or None), 303)


def _code_page(form: CodeForm, account: Account, status: int = 200) -> tuple[str, int]:
    person = signing.arrived()
    page = render_template(
        "accounts/second_step.html",
        form=form,
        has=queries.factors_of(context.reader(), account.id),
        asked=proof.asked(account),
        label=person.provider.label if person else None,
        next_path=_next(),
        unsent=unsent.carried(),
    )
    return page, status


@pages.post("/login/passkey")
@access.allow(access.ANYONE)
def sign_in_by_passkey() -> ResponseReturnValue:
    """Sign in with a passkey, as the second step or alone."""
    if context.account_or_none():
        return _go_on()
    half = signing.half_signed_in()
    try:
        account = write_by(visitor(), _use_passkey, half)
        limits.sign_in(account.id)
    except DomainError as error:
        watching.refused(error, email=half.email if half else None)
        form: Form = CodeForm(formdata=None) if half else SignInForm(formdata=None)
        form.refuse(error)
        page = _code_page(form, half) if half else _sign_in_page(form)
        return page[0], status_of(error)
    return signed_in(account, Factor.PASSKEY)


def _use_passkey(work: Work, half: Account | None) -> Account:
    account = passkeys.use(work, proof.needed_site(), proof.answer(), half)
    if not account.active:
        raise WrongPasskey
    if work.settings.confirms_email and account.confirmed_at is None:
        raise NotConfirmed
    if half is None:
        providers.check_signs_in_here(work.settings, account.role)
    source = known_device.source(account.email)
    identity.note_sign_in(work.by(_owner(account)), account, source, Factor.PASSKEY)
    return account


def _go_on() -> Response:
    """Return the form that was refused for its session, else lead to what the reader wanted."""
    carried = unsent.carried()
    if carried is None:
        return redirect(_target(), 303)
    return unsent.page(carried, _("You are signed in. What you typed is not saved yet."), 200)


def sign_in_to_send(carried: unsent.Unsent, status: int) -> Response:
    """Return the sign-in page with a form that was refused for its session; it comes back after
    signing in."""
    page, _status = _sign_in_page(SignInForm(formdata=None), carried)
    return Response(page, status, mimetype="text/html")


def stale_sign_in(typed: unsent.Unsent, sentence: str) -> Response:
    """Return a sign-in page that was open for too long, with its email and what it carries."""
    carried = unsent.carried()
    if context.account_or_none():
        return _go_on()
    form = SignInForm(formdata=None, email=dict(typed.fields).get("email", ""))
    form.refuse(sentence)
    page, _status = _sign_in_page(form, carried)
    return Response(page, 400, mimetype="text/html")


def _not_signed_in(form: SignInForm, email: str, error: DomainError) -> ResponseReturnValue:
    if isinstance(error, NotConfirmed) and limits.may_mail(email):
        # The password was right, so the owner may have lost the first mail.
        context.write(_confirm_again, email)
    if isinstance(error, NotActive) and is_waiting(context.reader(), email):
        error = AwaitingApproval()
    watching.refused(error, email=email)
    form.refuse(error)
    page, _status = _sign_in_page(form)
    return page, status_of(error)


def _confirm_again(work: Work, email: str) -> None:
    account = queries.by_email(work.session, email)
    if account:
        account_mail.send_confirmation(work, account)


def _sign_in_page(form: SignInForm, carried: unsent.Unsent | None = None) -> tuple[str, int]:
    page = render_template(
        "accounts/sign_in.html",
        form=form,
        next_path=_next(),
        unsent=carried or unsent.carried(),
        asked=proof.asked(),
        providers=providers.providers_of(context.settings()).values(),
    )
    return page, 200


def _next() -> str:
    """Return the path to continue to after sign-in; empty if none or on another site."""
    return reading.own_path("next", "")


def _target() -> str:
    return _next() or url_for("dashboard.show")


@pages.route("/logout", methods=["GET", "POST"])
@access.allow(access.ANYONE)
def sign_out() -> ResponseReturnValue:
    """Sign this browser out; a GET only asks, because browsers may prefetch pages."""
    if request.method == "GET":
        return render_template("accounts/sign_out.html")
    provider = _provider_of_session()
    signing.end()
    carried = unsent.carried()
    if carried is not None:
        return sign_in_to_send(carried, 200)
    if provider is None:
        response = see_other(url_for("search.home"), _("You are signed out."))
    else:
        response = redirect(url_for("providers.signed_out", key=provider.key), 303)
    # Not "cookies": that of a known browser stays, and of this session nothing is left to end.
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
    return response


def _provider_of_session() -> Provider | None:
    """Return where the reader has signed in to this session; None if here."""
    identity_id = context.identity_id()
    there = queries.identity_by_id(context.reader(), identity_id) if identity_id else None
    return providers.of_issuer(context.settings(), there.issuer) if there else None


@pages.get("/session")
@access.allow(access.ANYONE)
def session_left() -> Response:
    """Return how long the session lasts, as JSON; looking does not make it last longer."""
    account = context.account_or_none()
    return jsonify(left=context.session_left() or 0, who=str(account.id) if account else "")


@pages.put("/session")
@access.allow(access.SIGNED_IN)
def stay_signed_in() -> Response:
    """Use the session, so that it lasts, and return how long, as JSON."""
    return session_left()


@pages.route("/sign-up", methods=["GET", "POST"])
@access.allow(access.ANYONE)
@asked.keeping("email", "name", "born", "phone")
def sign_up() -> ResponseReturnValue:
    """Register a patient; the answer does not reveal whether the email address is known."""
    if context.account_or_none():
        return redirect(_target(), 303)
    signing_up.check_open(Role.PATIENT)
    form = SignUpForm()
    if request.method == "GET":
        return _sign_up_page(form)
    try:
        details = signing_up.details_of(form, SignUp)
        if details is None:
            return _sign_up_page(form, 422)
        signing_up.register(Role.PATIENT, details)
    except DomainError as error:
        form.refuse(error)
        return _sign_up_page(form, status_of(error))
    sentence = (
        _("Open the link that we emailed to %(email)s, then sign in.", email=details.email)
        if context.settings().confirms_email
        else mailed(
            _(
                "We have emailed %(email)s. Sign in with the password you chose.",
                email=details.email,
            ),
            _("You can sign in now. If you had an account before, its password is still the same."),
        )
    )
    return see_other(
        asked.address("accounts.sign_in", {"email": details.email}, next=_next() or None), sentence
    )


def _hash(password: str, *personal_words: str) -> str:
    """Hash a password: slow on purpose, so never inside a transaction."""
    return passwords.hash_new(
        password, *personal_words, time_cost=context.settings().password_iterations
    )


def _sign_up_page(form: SignUpForm, status: int = 200) -> tuple[str, int]:
    page = render_template(
        "accounts/sign_up.html",
        form=form,
        next_path=_next(),
        birth_example=example(),
        shortest=passwords.SHORTEST,
    )
    return page, status


@pages.route("/confirm/<token>", methods=["GET", "POST"])
@access.allow(access.ANYONE)
def confirm(token: str) -> ResponseReturnValue:
    """Confirm an email address; needs a POST, because mail scanners follow links."""
    keys = context.settings().signing_keys()
    if (pending_id := links.sign_up_of(keys, token)) is not None:
        return _finish_sign_up(pending_id)
    try:
        account = links.account_to_change(context.reader(), keys, token)
    except LinkExpired:
        return _confirm(links.account_to_confirm(context.reader(), keys, token))
    if request.method == "GET":
        return render_template("accounts/confirm.html", email=account.pending_email)
    context.write(_take_email, token, signing.current_token())
    return see_other(_after_link(account), _("Your email address is changed."))


def _confirm(account: Account) -> ResponseReturnValue:
    if request.method == "GET":
        return render_template("accounts/confirm.html", email=account.email)
    account_id = account.id
    context.write(lambda work: identity.confirm_email(work.by(_owner(account)), account_id))
    return see_other(_after_link(account), _("Your email address is confirmed."))


def _finish_sign_up(pending_id: UUID) -> ResponseReturnValue:
    begun = pending.pending_sign_up(context.work(), pending_id)
    if request.method == "GET":
        return render_template("accounts/confirm.html", email=begun.email, next_path=_next())
    account = write_by(visitor(), _create_account, pending_id)
    if not account.active:
        return render_template("registration/confirmed.html")
    return see_other(
        asked.address("accounts.sign_in", {"email": account.email}, next=_next() or None),
        _("Your email address is confirmed. Sign in with the password you chose."),
    )


def _create_account(work: Work, pending_id: UUID) -> Account:
    account = signing_up.finish(work, pending.pending_sign_up(work, pending_id))
    identity.confirm_email(work.by(_owner(account)), account.id)
    return account


def _take_email(work: Work, token: str, session_token: str | None) -> None:
    account = links.account_to_change(work.session, work.settings.signing_keys(), token)
    reader = work.actor.account_id
    keep = session_token if reader == account.id else None
    old = own.take_email(work.by(_owner(account)), account, keep_session=keep)
    account_mail.send_email_changed(work, account, old)


@pages.post("/confirm/send")
@access.allow(access.SIGNED_IN)
def send_confirmation() -> Response:
    """Send the confirmation mail again."""
    account = context.account()
    if account.pending_email is not None:
        context.write(lambda work: account_mail.send_change(work, account))
        flash(_said_of_link(account.pending_email), "good")
    elif account.confirmed_at is None:
        context.write(lambda work: account_mail.send_confirmation(work, account))
        flash(_said_of_link(account.email), "good")
    return redirect(url_for("profile.show"), 303)


def _said_of_link(email: str) -> str:
    return mailed(
        _("We have emailed %(email)s.", email=email),
        _("No email can be sent from here. Ask an administrator for the link."),
    )


@pages.route("/forgot", methods=["GET", "POST"])
@access.allow(access.ANYONE)
@asked.keeping("email")
def forgot() -> ResponseReturnValue:
    """Send a password reset link; the answer does not reveal whether the email address is known."""
    form = ForgotForm(email=asked.text("email"))
    if request.method == "GET":
        return render_template("accounts/forgot.html", form=form)
    email = reading.text("email")
    if "@" not in email:
        form.refuse(_("Enter an email address such as name@example.com."), "email")
        return render_template("accounts/forgot.html", form=form), 422
    if limits.may_mail(email):
        context.write(_send_reset, email)
    return render_template("accounts/forgot_sent.html", email=email)


def _send_reset(work: Work, email: str) -> None:
    account = queries.by_email(work.session, email)
    if account and account.active:
        audit.record(work, "account.reset-asked", identity.subject_of(account.id))
        account_mail.send_reset(work, account)
    else:
        audit.record(work, "account.reset-asked", "account:none")
        account_mail.send_no_reset(work, email)


@pages.route("/reset/<token>", methods=["GET", "POST"])
@access.allow(access.ANYONE)
def reset(token: str) -> ResponseReturnValue:
    """Set a new password with a link from a mail; this ends all sessions of the account."""
    try:
        account = links.account_to_reset(context.reader(), context.settings().signing_keys(), token)
    except LinkExpired as error:
        return render_template("accounts/link_expired.html"), status_of(error)
    form = NewPasswordForm()
    if request.method == "GET":
        return _reset_page(form, account)
    try:
        hashed = _hash(form.password.data or "", account.name, account.email)
    except DomainError as error:
        form.refuse(error)
        return _reset_page(form, account, status_of(error))
    context.write(_reset, token, hashed)
    return see_other(
        asked.address("accounts.sign_in", {"email": account.email}),
        _("Your new password is set. Sign in with it."),
    )


def _reset(work: Work, token: str, hashed: str) -> None:
    """Set the password and confirm the address: using the link proves access to it. A link that is
    used twice at once works only for the first."""
    account = links.account_to_reset(work.session, context.settings().signing_keys(), token)
    work = work.by(_owner(account))
    audit.record(work, "account.reset-used", identity.subject_of(account.id))
    identity.set_password(work, account.id, hashed)
    identity.confirm_email(work, account.id)


def _reset_page(form: NewPasswordForm, account: Account, status: int = 200) -> tuple[str, int]:
    page = render_template(
        "accounts/reset.html", form=form, email=account.email, shortest=passwords.SHORTEST
    )
    return page, status


def _owner(account: Account) -> Actor:
    """Return the owner of an account that is known from a link, not from signing in."""
    return Actor(account_id=account.id, address=request.remote_addr)


def _after_link(account: Account) -> str:
    reader = context.account_or_none()
    if reader and reader.id == account.id:
        return url_for("profile.show")
    return asked.address("accounts.sign_in", {"email": account.email})
