"""Rule: every page says who may use it; one that does not is refused to everybody."""

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from flask import Blueprint, Flask

from openslot.app import create_app
from openslot.core import clock
from openslot.core.actor import Actor
from openslot.core.config import Settings
from openslot.entrypoints.api.operations import Service
from openslot.entrypoints.fhir.registry import RESOURCES
from openslot.entrypoints.fhir.resource import Resource
from openslot.entrypoints.rules import NoRule, Rule
from openslot.entrypoints.web.access import ANYONE, allow, allowed_roles

NOT_OURS = frozenset({"static"})
"""Files that Flask serves by itself; access.check() lets them through by name."""

OPEN = frozenset(
    {
        "accounts.confirm",
        "accounts.forgot",
        "accounts.reset",
        "accounts.second_step",
        "accounts.session_left",
        "accounts.sign_in",
        "accounts.sign_in_by_passkey",
        "accounts.sign_out",
        "accounts.sign_up",
        "authorize.ask",  # which has whoever it does not know sign in
        "booking.go_on",
        "booking.week_page",
        "check_in.kiosk",
        "check_in.screen",
        "check_in.screen_now",
        "hand_over.take_over",
        "help.accessibility",
        "help.show",
        "privacy.show",
        "notifications.feed",
        "notifications.reply",
        "notifications.stop",
        "offers.decline",
        "offers.show",
        "offers.take",
        "profile.language",
        "profile.theme",
        "profiles.centre",
        "profiles.department",
        "profiles.practitioner",
        "providers.done",
        "providers.ended",  # by a note that the provider signs
        "providers.link_account",
        "providers.sign_in",
        "providers.signed_out",
        "registration.sign_up",
        "search.home",
        "search.results",
        "system.alive",
        "system.metrics",  # by a token or network of its own
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
        "fhir_publish.file",
        "fhir_publish.manifest",
        "smart.introspect",  # by a program that proves itself, or a key
        "smart.public_keys",
        "smart.revoke",  # by the program whose token it is
        "smart.server",
        "smart.smart",
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
        if hasattr(view, "operation") and view.operation.scope is None
    }
    assert opened == OPEN_TO_PROGRAMS


def test_what_is_open_to_anyone_was_decided(app: Flask) -> None:
    opened = {
        endpoint
        for endpoint, view in app.view_functions.items()
        if endpoint not in NOT_OURS and None in (allowed_roles(view) or ())
    }
    assert opened == OPEN


def test_a_view_that_declares_nothing_is_not_registered(app: Flask) -> None:
    for silent in (lambda: "secret", None):
        with pytest.raises(NoRule, match="declares no access"):
            app.add_url_rule("/silent", "silent", silent)
    later = Blueprint("later", __name__)
    later.add_url_rule("/silent", "silent", lambda: "secret")
    with pytest.raises(NoRule, match=r"later\.silent"):
        app.register_blueprint(later)
    app.add_url_rule("/loud", "loud", allow(ANYONE)(lambda: "for all"))
    client = app.test_client()
    assert client.get("/silent").status_code == 404
    assert client.get("/loud").text == "for all"


def test_a_view_that_slips_in_is_refused(app: Flask) -> None:
    app.add_url_rule("/loud", "loud", allow(ANYONE)(lambda: "for all"))
    app.view_functions["loud"] = lambda: "secret"
    assert app.test_client().get("/loud").status_code == 403


def test_an_operation_without_a_rule_cannot_be_declared() -> None:
    service = Service("odd", "Odd", "Odd.")
    declare: Any = service.operation
    with pytest.raises(TypeError, match="rule"):
        declare("GET", "/odd", scope="directory:read")
    for scope, rule in (
        ("doctors", Rule.RELATED),
        ("directory:read", Rule.PROGRAMS),
        (None, Rule.PUBLIC),
        ("directory:read", Rule.SENDER),
        ("directory:read", None),
    ):
        with pytest.raises(NoRule):
            declare("GET", "/odd", scope=scope, rule=rule)


@pytest.mark.parametrize("missing", ["rule", "seen"])
def test_a_fhir_resource_without_a_rule_cannot_be_declared(missing: str) -> None:
    known = RESOURCES["Patient"]
    assert isinstance(known, Resource)
    values = {one.name: getattr(known, one.name) for one in fields(known) if one.name != missing}
    make: Any = Resource
    with pytest.raises(TypeError, match=missing):
        make(**values)


def test_what_a_rule_leaves_to_anybody_is_public(app: Flask) -> None:
    """Rows are picked by who asks wherever the rule does not say that they are public."""
    with app.test_request_context():
        for one in RESOURCES.values():
            picks = isinstance(one, Resource) and one.seen(Actor(), clock.now()) is not None
            assert picks or one.rule is Rule.PUBLIC, one.name
