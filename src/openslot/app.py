"""Builds the application from its parts."""

import gc
import hashlib
from collections.abc import Callable
from functools import partial
from typing import Any
from wsgiref.types import WSGIApplication

from flask import Flask, Request, Response
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface, SessionMixin

from openslot.core import logging, tracing
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.core.tenants import Folder, host_named
from openslot.entrypoints import compression, cors, measuring, shields, shown, traced
from openslot.entrypoints.api.install import install as install_api
from openslot.entrypoints.asgi import AsgiApp
from openslot.entrypoints.by_host import ByHost
from openslot.entrypoints.fhir import bulk_export
from openslot.entrypoints.fhir.install import install as install_fhir
from openslot.entrypoints.form_bodies import BoundedRequest
from openslot.entrypoints.heads import HeadAsGet
from openslot.entrypoints.json_bodies import StrictJson
from openslot.entrypoints.loaded import Loaded, keep_what_is_loaded
from openslot.entrypoints.probes import ProbesFromAnywhere
from openslot.entrypoints.proxies import BehindProxies
from openslot.entrypoints.request import EXTENSION, Services
from openslot.entrypoints.rules import Ruled
from openslot.entrypoints.slashes import WithoutLastSlash
from openslot.entrypoints.web.install import install as install_web
from openslot.entrypoints.web.install import load as load_web
from openslot.entrypoints.web.unsent import LARGEST_RETURNED
from openslot.search.results import Directory

LARGEST_REQUEST = 2 * 1024 * 1024


class Sessions(SecureCookieSessionInterface):
    """Session cookies that are signed with HMAC-SHA-256."""

    digest_method = staticmethod(hashlib.sha256)

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """Return the session of the cookie; programs send none, and need no key made for it."""
        is_sent = "HTTP_COOKIE" in request.environ and self.get_cookie_name(app) in request.cookies
        return super().open_session(app, request) if is_sent else self.session_class()

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Send the session, unless it is empty and nobody has looked at it."""
        if session or session.accessed:
            super().save_session(app, session, response)


def create_app(settings: Settings | None = None) -> Flask:
    """Return the WSGI application for the settings, by default those of the environment."""
    settings = settings or Settings()
    logging.configure(settings)
    app = create_network_app(settings, Database(settings.url, settings.encryption_keys))
    app.wsgi_app = behind_proxies(  # type: ignore[method-assign,assignment] # documented way
        app.wsgi_app, settings
    )
    return app


def create_network_app(settings: Settings, database: Database) -> Flask:
    """Return the application for one network, as seen from behind the proxies."""
    app = Ruled("openslot.entrypoints.web")
    app.config.update(
        SECRET_KEY=settings.key(),
        SECRET_KEY_FALLBACKS=list(settings.signing_keys()[:-1]),
        MAX_CONTENT_LENGTH=LARGEST_REQUEST,
        MAX_FORM_MEMORY_SIZE=LARGEST_REQUEST,
        TRUSTED_HOSTS=[host_named(host) for host in settings.hosts] or None,
        SESSION_COOKIE_NAME=settings.cookie("openslot"),
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=settings.hides_cookies,
    )
    app.session_interface = Sessions()
    app.request_class = BoundedRequest
    app.json = StrictJson(app)
    app.extensions[EXTENSION] = Services(settings, database, Directory())
    if tracing.is_wanted():
        traced.install(app)
    if settings.measures:
        measuring.install(app)
    compression.install(app)
    install_web(app, settings)
    install_api(app)
    install_fhir(app)
    cors.install(app)
    shown.install(app)
    app.wsgi_app = HeadAsGet(app.wsgi_app)  # type: ignore[method-assign] # Flask's documented way
    app.wsgi_app = WithoutLastSlash(  # type: ignore[method-assign] # Flask's documented way
        app.wsgi_app
    )
    if settings.hosts:
        app.wsgi_app = ProbesFromAnywhere(  # type: ignore[method-assign] # Flask's documented way
            app.wsgi_app, settings.hosts[0]
        )
    return app


def behind_proxies(app: WSGIApplication, settings: Settings) -> WSGIApplication:
    """Return the application as the clients of trusted proxies see it."""
    return BehindProxies(app, settings.trusted_proxies) if settings.trusted_proxies else app


def load(*, threads: int) -> Loaded:
    """Return the application as ASGI, which runs it in ``threads`` threads.

    Processes that are forked afterwards share it: there is no thread yet, and no connection.
    """
    settings = Settings()
    app: WSGIApplication
    share_of = read_ahead = None
    if settings.tenants:
        app, share_of = create_tenants_app(settings)
    else:
        app = create_app(settings)
        load_web(app)
        services = app.extensions[EXTENSION]
        read_ahead = partial(services.network.read_ahead, services.database)
    keep_what_is_loaded()
    gc.set_threshold(20_000, 50, 50)
    served = AsgiApp(
        app,
        threads=threads,
        largest_body=LARGEST_RETURNED,
        body_seconds=settings.body_seconds,
        always=shields.for_answers_without_pages(settings),
        share_of=share_of,
        can_wait=bulk_export.is_read,
    )
    return Loaded(served, read_ahead)


def create_tenants_app(
    settings: Settings,
) -> tuple[WSGIApplication, Callable[[dict[str, Any]], str]]:
    """Return the application for the networks of a folder, and what tells the network of a
    request."""
    logging.configure(settings)

    def make(settings: Settings, database: Database) -> WSGIApplication:
        made = create_network_app(settings, database)
        keep_what_is_loaded()
        return made

    by_host = ByHost(Folder(settings), make)
    app = behind_proxies(by_host, settings)
    if isinstance(app, BehindProxies):
        seen = app.seen
        return app, lambda environ: by_host.share_of(seen(environ))
    return app, by_host.share_of
