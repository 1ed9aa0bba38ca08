"""Signing in at an identity provider: the way there and back, linking an account, signing out."""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from flask import Blueprint, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from joserfc.jwk import KeySet
from werkzeug.wrappers import Response
from wtforms import EmailField, PasswordField

from openslot.core import signing as core
from openslot.core.actor import Actor
from openslot.core.errors import Busy, DomainError, NotFound
from openslot.core.signing import NotSigned
from openslot.core.work import Work
from openslot.directory.provided import account_of
from openslot.directory.staff import is_confirmed
from openslot.entrypoints import limits, watching
from openslot.entrypoints.problems import sentence_of, status_of
from openslot.entrypoints.request import root, visitor, write_by
from openslot.entrypoints.web import (
    access,
    accounts,
    context,
    known_device,
    provider_client,
    reading,
)
from openslot.entrypoints.web import sign_in as signing
from openslot.entrypoints.web.forms import Form
from openslot.entrypoints.web.provider_client import Begun
from openslot.entrypoints.web.saving import see_other
from openslot.identity import commands as identity
from openslot.identity import id_tokens, linked, queries
from openslot.identity.errors import (
    AnotherPerson,
    HalfSignedIn,
    NotAdmitted,
    NotConfirmed,
    NotConfirmedThere,
    NotFresh,
    NotStrongEnough,
    ProofNeeded,
    RefusedThere,
    SignInEnded,
)
from openslot.identity.factors import Factor
from openslot.identity.id_tokens import Person
from openslot.identity.links import SECOND_STEP_WITHIN
from openslot.identity.models import Account
from openslot.identity.once import CLOCKS_DIFFER
from openslot.identity.providers import Provider, providers_of

pages = Blueprint("providers", __name__)

WITHOUT_TOKEN = ("providers.ended",)
"""Endpoints that are called by providers, which sign what they send."""

BEGUN = "begun"
"""Name in the cookie of the sign-ins that this browser has begun at providers."""

MOST_BEGUN = 2
LONGEST_NEXT = 600
"""Letters of an address to go on to; longer ones would not fit into the cookie."""

LONGEST_CODE = 4096


class For(StrEnum):
    """What somebody signs in at a provider for."""

    SIGN_IN = "sign-in"
    PROOF = "proof"
    LINK = "link"


class Errand(NamedTuple):
    """A sign-in that this browser has begun: where and what for, when, and where to go on."""

    key: str
    wanted: str
    began_at: float
    next_path: str
    begun: Begun


class LinkForm(Form):
    """The password of the account to link."""

    email = EmailField(_l("Email"))
    password = PasswordField(_l("Password"))


@pages.get("/login/with/<key>")
@access.allow(access.ANYONE)
def sign_in(key: str) -> Response:
    """Send the browser to a provider to sign in."""
    provider = _provider(key)
    if context.account_or_none():
        return redirect(_next() or url_for("dashboard.show"), 303)
    signing.forget_half()
    return _send(provider, For.SIGN_IN, _next())


@pages.get("/account/prove/with/<key>")
@access.allow(access.SIGNED_IN)
def prove(key: str) -> Response:
    """Send the browser to a provider to prove again who the reader is."""
    return _send(_provider(key), For.PROOF, _next())


@pages.get("/account/link/<key>")
@access.allow(access.CARE_TEAM, fresh=True)
def link(key: str) -> Response:
    """Send the browser to a provider to link the reader's account."""
    return _send(_provider(key), For.LINK, "")


def _provider(key: str) -> Provider:
    found = providers_of(context.settings()).get(key)
    if found is None:
        raise NotFound
    return found


def _next() -> str:
    path = reading.own_path("next", "")
    return path if len(path) <= LONGEST_NEXT else ""


def _send(provider: Provider, wanted: For, next_path: str) -> Response:
    errand = Errand(
        provider.key, wanted, context.now().timestamp(), next_path, provider_client.begin()
    )
    try:
        there = provider_client.way_there(
            provider, errand.begun, _back(provider), anew=wanted is not For.SIGN_IN
        )
    except DomainError as error:
        return _turned_away(provider, errand, error)
    hidden = core.hide_dated(context.settings().signing_keys(), BEGUN, errand)
    session[BEGUN] = [*session.get(BEGUN, [])[1 - MOST_BEGUN :], [errand.begun.state, hidden]]
    return redirect(there, 303)


def _back(provider: Provider) -> str:
    return root() + url_for("providers.done", key=provider.key)


@pages.get("/login/with/<key>/done")
@access.allow(access.ANYONE)
def done(key: str) -> Response:
    """Take the browser that comes back from a provider, and go on with what it went there for."""
    provider, errand = _provider(key), _errand(key)
    try:
        limits.provider()
        if errand is None:
            raise SignInEnded
        person = _confirmed(provider, errand)
        if errand.wanted == For.PROOF:
            return _proved(person, errand)
        if errand.wanted == For.LINK:
            signing.arrive(person)
            return redirect(url_for("providers.link_account"), 303)
        return _signed_in(person, errand.next_path)
    except DomainError as error:
        return _turned_away(provider, errand, error)


def _errand(key: str) -> Errand | None:
    """Return what this browser has begun at the provider with the state that comes back, once."""
    state, begun = reading.text("state"), session.get(BEGUN, [])
    session[BEGUN] = [one for one in begun if one[0] != state]
    hidden = next((hidden for known, hidden in begun if known == state), "")
    try:
        kept = core.reveal_dated(
            context.settings().signing_keys(), BEGUN, hidden, lasts=SECOND_STEP_WITHIN
        )
    except NotSigned:
        return None
    there, wanted, began_at, next_path, secrets = kept
    return Errand(key, wanted, began_at, next_path, Begun(*secrets)) if there == key else None


def _confirmed(provider: Provider, errand: Errand) -> Person:
    """Return whom the provider confirms in the answer that the browser brings. Raises RefusedThere,
    ProviderAway, NotConfirmedThere and NotStrongEnough."""
    issuer, code = request.args.get("iss"), request.args.get("code", "")
    must_be_named = provider_client.offer_of(provider).names_itself
    if issuer != provider.issuer and (issuer is not None or must_be_named):
        raise NotConfirmedThere(label=provider.label)  # RFC 9207: of another provider
    if "error" in request.args:
        raise RefusedThere(label=provider.label)
    if not 0 < len(code) <= LONGEST_CODE:
        raise NotConfirmedThere(label=provider.label)
    token = provider_client.id_token(provider, code, errand.begun, _back(provider))
    keys = provider_client.keys_for(provider, token)
    return id_tokens.person_of(provider, token, keys, nonce=errand.begun.nonce, now=context.now())


def _turned_away(provider: Provider, errand: Errand | None, error: DomainError) -> Response:
    """Say why nobody was let in, on the page where it began."""
    watching.refused(error, subject=f"provider:{provider.key}:{error.code}")
    flash(sentence_of(error), "bad")
    wanted = errand.wanted if errand else For.SIGN_IN
    page = {For.PROOF: "profile_security.prove", For.LINK: "profile_security.sessions"}
    where = page.get(For(wanted), "accounts.sign_in")
    return redirect(url_for(where, next=(errand and errand.next_path) or None), 303)


# Signing in


def _signed_in(person: Person, next_path: str) -> Response:
    account = write_by(visitor(), account_of, person)
    if account is None:
        signing.arrive(person)
        return redirect(url_for("providers.link_account", next=next_path or None), 303)
    if not account.active:
        raise NotAdmitted(label=person.provider.label)
    if not is_confirmed(context.settings(), account):
        raise NotConfirmed
    limits.sign_in(account.id)
    signing.arrive(person)
    if not person.is_strong and queries.factors_of(context.reader(), account.id).is_any:
        signing.begin_half(account)
        return redirect(url_for("accounts.second_step", next=next_path or None), 303)
    factor, source = _factor(person), known_device.source(account.email)
    key = person.provider.key
    write_by(_owner(account), identity.note_sign_in, account, source, factor, provider=key)
    return accounts.signed_in(account, factor, next_path)


def _factor(person: Person) -> Factor | None:
    return Factor.PROVIDER if person.is_strong else None


def _owner(account: Account) -> Actor:
    return Actor(account_id=account.id, address=request.remote_addr)


# A fresh proof


def _proved(person: Person, errand: Errand) -> Response:
    account = context.account_or_none()
    found = linked.identity_of(context.work(), person)
    if account is None or found is None or found.account_id != account.id:
        raise AnotherPerson(label=person.provider.label)
    earliest = errand.began_at - CLOCKS_DIFFER.total_seconds()
    if person.proved_at is None or person.proved_at.timestamp() < earliest:
        raise NotFresh(label=person.provider.label)
    if context.has_step() and not person.is_strong:
        if not queries.factors_of(context.reader(), account.id).is_any:
            raise NotStrongEnough(label=person.provider.label)
        signing.arrive(person)
        return redirect(url_for("profile_security.prove", next=errand.next_path or None), 303)
    signing.renew()
    return redirect(errand.next_path or url_for("dashboard.show"), 303)


# Linking


@pages.route("/login/link", methods=["GET", "POST"])
@access.allow(access.ANYONE)
def link_account() -> ResponseReturnValue:
    """Link whom a provider has confirmed here to an account: the reader's, or the one whose
    password they give."""
    person, account = signing.arrived(), context.account_or_none()
    if person is None:
        flash(_("Sign in again: that took too long."))
        return redirect(url_for("accounts.sign_in", next=_next() or None), 303)
    if account is not None:
        return _link_own(person, account)
    form = LinkForm(email=person.named if "@" in person.named else "")
    if request.method == "GET":
        return _link_page(form, person)
    try:
        return _link_by_password(form, person)
    except HalfSignedIn as error:
        linked.check_admits(person.provider, error.account)
        signing.link_arrived()
        return accounts.to_second_step(error.account)
    except DomainError as error:
        watching.refused(error, email=reading.text("email"))
        form.refuse(error)
        return _link_page(form, person, status_of(error))


def _link_page(form: LinkForm, person: Person, status: int = 200) -> tuple[str, int]:
    page = render_template(
        "accounts/link.html", form=form, person=person, next_path=_next(), is_own=False
    )
    return page, status


def _link_by_password(form: LinkForm, person: Person) -> Response:
    email = reading.text("email")
    account, factor = identity.sign_in(
        context.database(),
        context.settings(),
        email,
        form.password.data or "",
        source=known_device.source(email),
        address=request.remote_addr,
        now=context.now(),
        is_linking=True,
    )
    linked.check_admits(person.provider, account)
    limits.sign_in(account.id)
    signing.link_arrived()
    return accounts.signed_in(account, factor or _factor(person))


def _link_own(person: Person, account: Account) -> ResponseReturnValue:
    if not context.is_proved():
        raise ProofNeeded
    if request.method == "GET":
        form = Form()
        return render_template("accounts/link.html", form=form, person=person, is_own=True)
    context.write(linked.link, account, person)
    signing.forget_half()
    return see_other(
        url_for("profile_security.sessions"),
        _("You can now sign in with %(label)s.", label=person.provider.label),
    )


# Signing out


@pages.get("/signed-out/<key>")
@access.allow(access.ANYONE)
def signed_out(key: str) -> str:
    """Tell who has signed out here that they are still signed in at the provider."""
    provider = _provider(key)
    there = provider_client.way_out(provider, root() + url_for("search.home"))
    return render_template("accounts/signed_out.html", provider=provider, there=there)


@pages.post("/login/with/<key>/ended")
@access.allow(access.ANYONE)
def ended(key: str) -> tuple[str, int, Mapping[str, str]]:
    """Sign out here who has signed out at the provider, which tells so itself. Only wrong notes are
    limited: a provider may tell of everybody at once, and would not tell again. While its keys
    cannot be read no note is wrong, so that it may."""
    provider, token = _provider(key), request.form.get("logout_token", "")
    try:
        keys = provider_client.keys_for(provider, token)
        write_by(visitor(), _end, provider, token, keys)
    except DomainError as error:
        watching.refused(error, subject=f"provider:{provider.key}:{error.code}")
        if isinstance(error, Busy):
            return "", 503, {"Retry-After": str(provider_client.RESTS.seconds)}
        limits.provider()
        return "", 400, {}
    return "", 200, {}


def _end(work: Work, provider: Provider, token: str, keys: KeySet) -> None:
    linked.end_signed_out(work, provider, id_tokens.signed_out(work, provider, token, keys))
