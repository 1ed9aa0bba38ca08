"""Rule: every page says who may use it; one that does not is refused to everybody."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from openslot.app import create_app
from openslot.core.config import Settings
from openslot.entrypoints.web.access import ANYONE, allow, allowed_roles

NOT_OURS = frozenset({"static", "bootstrap.static"})
"""Files that Flask serves by itself; access.check() lets them through by name."""

OPEN = frozenset(
    {
        "accounts.confirm",
        "accounts.forgot",
        "accounts.reset",
        "accounts.sign_in",
        "accounts.sign_out",
        "accounts.sign_up",
        "booking.week_page",
        "hand_over.take_over",
        "notifications.feed",
        "notifications.stop",
        "offers.decline",
        "offers.show",
        "offers.take",
        "profile.theme",
        "profiles.centre",
        "profiles.department",
        "profiles.practitioner",
        "registration.sign_up",
        "search.home",
        "search.results",
        "system.alive",
        "system.ready",
    }
)
"""What nobody has to sign in for. A new one is written down here, so that it is thought about."""

OPEN_TO_PROGRAMS = frozenset(
    {
        "api.docs",
        "api.openapi",
        "api_tokens.create",
        "api_tokens.refresh",
        "fhir.metadata",
        "fhir.smart",
        "fhir_publish.file",
        "fhir_publish.manifest",
        "smart.token",
    }
)
"""Operations that ask for no key or token."""


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    """The app without any database behind it."""
    app = create_app(Settings(_env_file=None, data_dir=tmp_path))
    yield app
    app.extensions["openslot"].database.close()


def test_every_view_declares_who_may_use_it(app: Flask) -> None:
    silent = [
        endpoint
        for endpoint, view in app.view_functions.items()
        if endpoint not in NOT_OURS
        and allowed_roles(view) is None
        and not hasattr(view, "operation")
    ]
    assert silent == []


def test_what_is_open_to_any_program_was_decided(app: Flask) -> None:
    opened = {
        endpoint
        for endpoint, view in app.view_functions.items()
        if hasattr(view, "operation") and (view.operation is None or view.operation.scope is None)
    }
    assert opened == OPEN_TO_PROGRAMS


def test_what_is_open_to_anyone_was_decided(app: Flask) -> None:
    opened = {
        endpoint
        for endpoint, view in app.view_functions.items()
        if endpoint not in NOT_OURS and None in (allowed_roles(view) or ())
    }
    assert opened == OPEN


def test_a_view_that_declares_nothing_is_refused(app: Flask) -> None:
    app.add_url_rule("/silent", "silent", lambda: "secret")
    app.add_url_rule("/loud", "loud", allow(ANYONE)(lambda: "for all"))
    client = app.test_client()
    assert client.get("/silent").status_code == 403
    assert client.get("/loud").text == "for all"
