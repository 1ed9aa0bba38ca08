"""Setup of the pages: languages, forms, limits, errors and routes."""

import hashlib
import secrets
from functools import cache, lru_cache
from pathlib import Path

from flask import Flask, request, url_for
from flask_babel import Babel, get_locale
from flask_wtf import CSRFProtect

from openslot.core import logging
from openslot.core.config import Settings
from openslot.core.emergency import emergency_number
from openslot.core.language import CATALOGUES, LANGUAGES, first_offered, own_name
from openslot.entrypoints import limits, numbers
from openslot.entrypoints.web import (
    absences,
    access,
    accounts,
    admin,
    admin_accounts,
    admin_audit,
    admin_closures,
    admin_departments,
    admin_emergencies,
    admin_import,
    admin_keys,
    admin_offered,
    admin_patients,
    admin_practitioners,
    admin_professions,
    admin_programs,
    admin_resources,
    admin_schedules,
    admin_services,
    admin_webhooks,
    appointments,
    asked,
    authorize,
    booking,
    calendar,
    check_in,
    context,
    dashboard,
    dependents,
    desk,
    desk_booking,
    directions,
    errors,
    factors,
    feedback,
    formats,
    hand_over,
    headers,
    help,
    helpers,
    history,
    itineraries,
    notifications,
    offers,
    paper,
    patients,
    privacy,
    profile,
    profile_security,
    profiles,
    provider_client,
    providers,
    questions,
    records,
    referrals,
    registration,
    reports,
    request_form,
    requests,
    search,
    series,
    sessions,
    system,
    waiting,
    ways,
    workplace,
)
from openslot.entrypoints.web.navigation import footer_links, navigation

FEATURES = (
    absences,
    accounts,
    admin,
    admin_accounts,
    admin_audit,
    admin_closures,
    admin_departments,
    admin_emergencies,
    admin_import,
    admin_keys,
    admin_patients,
    admin_practitioners,
    admin_professions,
    admin_programs,
    admin_resources,
    admin_schedules,
    admin_offered,
    admin_services,
    admin_webhooks,
    booking,
    calendar,
    check_in,
    dashboard,
    dependents,
    desk,
    desk_booking,
    factors,
    feedback,
    hand_over,
    history,
    itineraries,
    notifications,
    offers,
    patients,
    help,
    privacy,
    profile,
    profile_security,
    profiles,
    providers,
    questions,
    records,
    referrals,
    registration,
    reports,
    request_form,
    requests,
    search,
    series,
    sessions,
    system,
    appointments,
    authorize,
    waiting,
    workplace,
)
"""Modules with a blueprint named ``pages``."""

OPENED_BY_ALL = frozenset({"", "accounts", "booking", "feedback", "profiles", "search"})
"""Folders with the templates of pages that people open without an account."""

RIGHT_TO_LEFT = frozenset({"ar", "fa", "he", "ur"})


def install(app: Flask, settings: Settings) -> None:
    """Register all pages, filters and hooks."""
    app.config.update(
        BABEL_DEFAULT_LOCALE=settings.locale,
        BABEL_TRANSLATION_DIRECTORIES=str(CATALOGUES),
        # Forms cannot send PUT or DELETE; access.check refuses those of other sites.
        WTF_CSRF_METHODS={"POST", "PATCH"},
        WTF_CSRF_TIME_LIMIT=None,
        SEND_FILE_MAX_AGE_DEFAULT=headers.STATIC_SECONDS,
    )
    Babel(app, locale_selector=lambda: _locale(settings))
    app.before_request(authorize.by_form)
    csrf = CSRFProtect(app)
    formats.install(app)
    helpers.install(app, settings)
    paper.install(app)
    directions.install(app)
    errors.install(app)
    numbers.install(app)
    provider_client.install(app)
    app.before_request(_name_request)
    limits.install(app)
    app.before_request(asked.drop_readable)
    app.before_request(access.check)
    app.after_request(headers.add_headers)
    app.teardown_request(context.close_reader)
    app.context_processor(_page_context)
    app.jinja_env.globals.update(
        static_url=static_url,
        asked_url=asked.address,
        csp_nonce=headers.csp_nonce,
        network_zone=settings.time_zone,
    )
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    for feature in FEATURES:
        app.register_blueprint(feature.pages)
    for endpoint in (
        *notifications.WITHOUT_TOKEN,
        *profile.WITHOUT_TOKEN,
        *providers.WITHOUT_TOKEN,
    ):
        csrf.exempt(app.view_functions[endpoint])


def load(app: Flask) -> None:
    """Sort the routes, and read the templates of OPENED_BY_ALL, so that processes that are forked
    afterwards share them."""
    app.url_map.update()
    for name in app.jinja_env.list_templates():
        if name.rpartition("/")[0] in OPENED_BY_ALL:
            app.jinja_env.get_template(name)


def _name_request() -> None:
    """Add a request id to the log context."""
    logging.bind(request_id=secrets.token_hex(8))


def static_url(name: str) -> str:
    """Return the address of a static file with a fingerprint of its content."""
    return _static_url(request.script_root, name)


@lru_cache(maxsize=256)
def _static_url(_root: str, name: str) -> str:
    # Cached, because icons alone use it hundreds of times a page; it depends on the mount point.
    return url_for("static", filename=name, v=_fingerprint(name))


@cache
def _fingerprint(name: str) -> str:
    file = Path(__file__).parent / "static" / name
    return hashlib.sha256(file.read_bytes()).hexdigest()[:12]


def _locale(settings: Settings) -> str:
    """Return the reader's language: their choice, else the browser's, else the network's."""
    account = context.account_or_none()
    if account and account.locale:
        return account.locale
    kept = context.cookie(profile.LANGUAGE, "")
    language = kept if kept in LANGUAGES else first_offered(request.accept_languages.values())
    return settings.locale if language in (None, settings.locale.split("_")[0]) else language


def _page_context() -> dict[str, object]:
    settings = context.settings()
    account = context.account_or_none()
    is_held = context.must_change_password() or context.must_enrol()
    language = get_locale()
    return {
        "current_account": account,
        "actor": context.actor(),
        "is_held": is_held,
        "nav": [] if is_held else navigation(context.actor()),
        "locale": str(language),
        "text_direction": "rtl" if language.language in RIGHT_TO_LEFT else "ltr",
        "theme_choice": account.theme if account else context.cookie(profile.THEME, "auto"),
        "language_names": {name: own_name(name) for name in LANGUAGES},
        "language_choice": first_offered([language.language]),
        "language_url": lambda name: url_for("profile.language", language=name),
        "theme_url": lambda choice: url_for("profile.theme", choice=choice),
        "footer_links": footer_links(),
        "may_sign_up": settings.sign_up == "open",
        "may_staff_sign_up": settings.sign_up != "closed",
        "sends_mail": settings.sends_mail,
        "emergency_number": lambda zone: emergency_number(settings, zone),
        "network_name": settings.network_name,
        "account_url": url_for("profile.show"),
        "sign_out_url": url_for("accounts.sign_out"),
        "session_left": context.session_left(),
        "sign_in_url": url_for("accounts.sign_in", next=_here()),
        "now": context.now(),
        "reader_zone": context.reader_zone(),
        "zone_cookie": settings.cookie(context.ZONE),
    }


def _here() -> str | None:
    """Return the address to return to after sign-in; None for pages about signing in."""
    if request.method != "GET" or (request.endpoint or "").startswith(("accounts.", "search.home")):
        return None
    return ways.here()
