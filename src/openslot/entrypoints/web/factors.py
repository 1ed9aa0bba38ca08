"""Setting up a second step at sign-in: an authenticator app, passkeys, recovery codes."""

import segno
from flask import Blueprint, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from markupsafe import Markup
from wtforms import StringField

from openslot.core import signing
from openslot.core.errors import DomainError
from openslot.core.fields import Details, Line
from openslot.core.signing import NotSigned
from openslot.entrypoints.problems import status_of
from openslot.entrypoints.web import access, context, proof, reading, ways
from openslot.entrypoints.web.devices import device
from openslot.entrypoints.web.forms import CodeField, Form
from openslot.entrypoints.web.saving import NOT_UNDERSTOOD, SHOWN, Done, checked, do, see_other
from openslot.entrypoints.web.sign_in import current_token
from openslot.identity import factors, own, passkeys, queries
from openslot.identity.passkeys import ANSWERED_WITHIN

pages = Blueprint("factors", __name__)

_PURPOSE = "new authenticator"


class AuthenticatorForm(Form):
    """The code that an authenticator app shows."""

    code = CodeField(_l("Code"))


class PasskeyForm(Form):
    """The name of a passkey."""

    name = StringField(_l("Name"))


class PasskeyName(Details):
    """What its owner calls a passkey."""

    name: Line


@pages.get("/account/second-step")
@access.allow(access.SIGNED_IN)
def choose() -> str:
    """Choose which second step to set up."""
    return render_template("profile/second_step.html", offers_passkeys=proof.site() is not None)


@pages.route("/account/authenticator", methods=["GET", "POST"])
@access.allow(access.SIGNED_IN, fresh=True)
def authenticator() -> ResponseReturnValue:
    """Set up an authenticator app, which shows a code to prove that it has the secret."""
    form, secret = AuthenticatorForm(), _sent_secret()
    status: Done[list[str]] | int = SHOWN
    if request.method == "POST" and secret is None:
        form.refuse(_("This page was open for too long. Scan the new code."))
        status = NOT_UNDERSTOOD
    elif secret is not None:
        status = do(
            form,
            own.add_authenticator,
            secret,
            form.code.data or "",
            session_token=current_token() or "",
        )
    if isinstance(status, Done):
        return _set_up(status.value, _("Your authenticator app is set up."))
    return _authenticator_page(form, secret or factors.new_secret()), status


def _authenticator_page(form: AuthenticatorForm, secret: str) -> str:
    account, settings = context.account(), context.settings()
    uri = factors.provisioning_uri(secret, account, settings.network_name)
    drawn = segno.make(uri, error="m").svg_inline(omitsize=True, light="#fff")
    hidden = signing.hide_dated(settings.signing_keys(), _PURPOSE, [account.id.hex, secret])
    return render_template(
        "profile/authenticator.html",
        form=form,
        code=Markup(drawn),  # noqa: S704 # nosec B704 - squares, drawn from an address of ours
        secret=secret,
        uri=uri,
        hidden=hidden,
        has=queries.factors_of(context.reader(), account.id),
    )


def _sent_secret() -> str | None:
    """Return the secret that the page showed; None if it was another's, or is too old."""
    keys, sent = context.settings().signing_keys(), reading.text("secret")
    try:
        who, secret = signing.reveal_dated(keys, _PURPOSE, sent, lasts=ANSWERED_WITHIN)
    except NotSigned:
        return None
    return str(secret) if who == context.account().id.hex else None


@pages.route("/account/passkeys", methods=["GET", "POST"])
@access.allow(access.SIGNED_IN, fresh=True)
def passkey() -> ResponseReturnValue:
    """Add a passkey under a name."""
    form = PasskeyForm(name=device(request.user_agent.string))
    status = _add_passkey(form) if request.method == "POST" else SHOWN
    if isinstance(status, Done):
        return _set_up(status.value, _("Your passkey is added."))
    site = proof.site()
    asked = passkeys.ask_new(context.work(), site, context.account()) if site else None
    return render_template("profile/passkey.html", form=form, asked=asked), status


def _add_passkey(form: PasskeyForm) -> Done[list[str]] | int:
    details = checked(form, PasskeyName)
    if details is None:
        return NOT_UNDERSTOOD
    try:
        site = proof.needed_site()
    except DomainError as error:
        form.refuse(error)
        return status_of(error)
    token = current_token() or ""
    return do(form, own.add_passkey, site, proof.answer(), details.name, session_token=token)


@pages.post("/account/recovery-codes")
@access.allow(access.SIGNED_IN, fresh=True)
def recovery_codes() -> str:
    """Make new recovery codes, and show them once."""
    return _codes_page(context.write(own.make_recovery_codes))


def _set_up(codes: list[str], sentence: str) -> ResponseReturnValue:
    """Show the codes of who has set up their first second step, else return to the list."""
    if not codes:
        return see_other(ways.remembered(url_for("profile_security.sessions")), sentence)
    return _codes_page(codes, sentence)


def _codes_page(codes: list[str], sentence: str = "") -> str:
    next_path = ways.remembered(url_for("profile_security.sessions"))
    return render_template(
        "profile/recovery_codes.html", codes=codes, sentence=sentence, next_path=next_path
    )
