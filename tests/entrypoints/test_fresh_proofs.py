"""What could do lasting harm asks for the password again, at each door that leads to it."""

from datetime import timedelta
from typing import Any

import time_machine
from flask import Flask
from werkzeug.test import TestResponse

from entrypoints.browsing import ClientFor
from entrypoints.programs import Program, signed_in
from entrypoints.test_walk import values
from entrypoints.world import PASSWORD, World
from openslot.core import clock

NO_DOOR = ""
"""There is no operation of the kind, or only programs with a key may use it."""

DOORS = {
    "admin_accounts.new": NO_DOOR,
    "admin_accounts.remove_second_steps": NO_DOOR,
    "admin_accounts.send_link": NO_DOOR,
    "admin_accounts.set_desks": NO_DOOR,
    "admin_accounts.sign_everybody_out": NO_DOOR,
    "admin_accounts.sign_out": NO_DOOR,
    "admin_accounts.unlink": NO_DOOR,
    "admin_audit.download": NO_DOOR,
    "admin_emergencies.review": "api_emergencies.review_emergency",
    "admin_import.upload": NO_DOOR,
    "admin_keys.new": NO_DOOR,
    "admin_patients.merge": "api_merges.create_merge",
    "admin_patients.undo": "api_merges.undo_merge",
    "admin_programs.change": NO_DOOR,
    "admin_programs.new": NO_DOOR,
    "admin_programs.secret": NO_DOOR,
    "admin_webhooks.new": NO_DOOR,
    "admin_webhooks.rotate": NO_DOOR,
    "factors.authenticator": NO_DOOR,
    "factors.passkey": NO_DOOR,
    "factors.recovery_codes": NO_DOOR,
    "history.as_json": NO_DOOR,
    "history.as_pdf": NO_DOOR,
    "notifications.make_calendar": "api_notifications.create_calendar",
    "profile_security.end_session": "api_me.end_credentials api_me.end_credential",
    "profile_security.export": NO_DOOR,
    "providers.link": NO_DOOR,
    "records.emergency": "api_records.open_in_emergency",
    "registration.admit": NO_DOOR,
}
"""Each page that asks, with the operations that do the same."""

LATER = timedelta(minutes=11)


def test_pages_and_operations_ask_for_the_same(app: Flask) -> None:
    views = app.view_functions.items()
    pages = {name for name, view in views if getattr(view, "fresh", False)}
    operations = {name for name, view in views if getattr(_operation(view), "fresh", False)}
    assert pages == DOORS.keys()
    assert operations == {name for names in DOORS.values() for name in names.split()}


def test_a_password_of_long_ago_opens_neither_door(
    app: Flask, client_for: ClientFor, world: World
) -> None:
    people = ("network-admin", "practitioner-owner", "patient-owner")
    browsers = [client_for(person) for person in people]
    programs = [signed_in(app, world, person) for person in people]
    with time_machine.travel(clock.now() + LATER, tick=False):
        for page, operations in DOORS.items():
            method, path = _way(app, world, page)
            answers = [getattr(browser, method.lower())(path) for browser in browsers]
            asked = [answer.location or "" for answer in answers if answer.status_code == 303]
            assert any(place.startswith("/account/prove") for place in asked), page
            for operation in operations.split():
                codes = {_code(program.send(*_way(app, world, operation))) for program in programs}
                assert codes == {"proof-needed"}, operation


def test_a_refreshed_token_proves_no_more_and_a_new_one_does(app: Flask, world: World) -> None:
    credentials = {"email": world.emails["practitioner-owner"], "password": PASSWORD}
    pair = Program(app).send("POST", "/api/v1/tokens", credentials).json
    assert pair is not None
    way = _way(app, world, "api_records.open_in_emergency")
    assert _code(Program(app, pair["access_token"]).send(*way)) != "proof-needed"
    with time_machine.travel(clock.now() + LATER, tick=False):
        refresh = {"refresh_token": pair["refresh_token"]}
        refreshed = Program(app).send("POST", "/api/v1/tokens/refresh", refresh).json or {}
        assert _code(Program(app, refreshed["access_token"]).send(*way)) == "proof-needed"
        again = signed_in(app, world, "practitioner-owner")
        assert _code(again.send(*way)) != "proof-needed"


def _operation(view: Any) -> Any:
    return getattr(view, "operation", None)


def _code(answer: TestResponse) -> str | None:
    return (answer.json or {}).get("code")


def _way(app: Flask, world: World, endpoint: str) -> tuple[str, str]:
    """Return the method and address of a view, for things of the owner."""
    rule = next(app.url_map.iter_rules(endpoint))
    parts = {**values(world, "owner"), "kind": "browser", "credential_id": "none"}
    method = min((rule.methods or set()) - {"HEAD", "OPTIONS"})
    own = {name: parts[name] for name in rule.arguments}
    path = app.url_map.bind("localhost").build(endpoint, own, method=method)
    return method, path
