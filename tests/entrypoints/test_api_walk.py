"""Every operation × every kind of proof: nobody slips in, and no GET meets a fault of ours."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
from flask import Flask
from werkzeug.routing import AnyConverter, IntegerConverter, Rule

from entrypoints.programs import Program, signed_in, with_key
from entrypoints.world import World
from openslot.core.db import Database
from openslot.entrypoints.api.operations import Operation
from openslot.identity.scopes import SCOPES

PEOPLE = (
    "patient-owner",
    "practitioner-owner",
    "staff-owner",
    "centre-admin-owner",
    "network-admin",
)


def ways(app: Flask) -> Iterator[tuple[Operation, str]]:
    """Every operation with an address that may or may not lead to something."""
    adapter = app.url_map.bind("localhost")
    for rule in app.url_map.iter_rules():
        operation = getattr(app.view_functions[rule.endpoint], "operation", None)
        if isinstance(operation, Operation):
            parts = {name: _part(rule, name) for name in rule.arguments}
            yield operation, adapter.build(rule.endpoint, parts, method=operation.method)


def _part(rule: Rule, name: str) -> object:
    converter = rule._converters[name]
    if isinstance(converter, AnyConverter):
        return min(converter.items)
    return 1 if isinstance(converter, IntegerConverter) else uuid4()


def test_without_a_proof_nothing_is_served_that_wants_one(app: Flask) -> None:
    nobody = Program(app)
    for one, path in ways(app):
        if one.scope is not None:
            answer = nobody.send(one.method, path, {})
            assert answer.status_code == 401, path
            assert answer.content_type == "application/problem+json"


def test_reading_asks_for_a_scope_to_read_and_changing_for_one_to_write(app: Flask) -> None:
    for one, path in ways(app):
        scope = one.scope or ""
        if one.method == "GET" or one.searches:
            assert not scope.endswith(":write"), path
        elif path != "/api/v1/absences/preview":
            assert not scope.endswith(":read"), (one.method, path)


def test_a_key_of_every_other_scope_does_not_do(app: Flask, network: Database) -> None:
    keys = {
        scope: with_key(app, network, *(one for one in SCOPES if one != scope)) for scope in SCOPES
    }
    for one, path in ways(app):
        if one.scope is not None:
            answer = keys[one.scope].send(one.method, path, {})
            assert (answer.status_code, answer.json["code"]) == (403, "scope-missing"), path


@pytest.mark.parametrize("person", PEOPLE)
def test_reading_never_meets_a_fault(app: Flask, world: World, person: str) -> None:
    program = signed_in(app, world, person)
    for one, path in ways(app):
        if one.method == "GET":
            answer = program.send("GET", path)
            assert answer.status_code in (200, 403, 404, 422), (path, answer.text)
