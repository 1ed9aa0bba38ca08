"""Every resource × every interaction × every operation of FHIR: just the scope that it needs.

The requests come from the registry and from the addresses of the app, so that a new resource or
operation is asked for as well.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from werkzeug.routing import Rule

from entrypoints.programs import Program, with_key
from entrypoints.world import World
from openslot.core.db import Database
from openslot.entrypoints.api.operations import Operation
from openslot.entrypoints.fhir.access import Interaction, grants
from openslot.entrypoints.fhir.registry import RESOURCES
from openslot.identity.scopes import FHIR_RESOURCES, SCOPES, UnknownScope

LETTERS = "cruds"
PROPOSED = {"fhir.find_appointments": "Slot"}
"""Operations that stand under one resource and read another."""

OPERATIONS = {"Appointment": {"$find", "$hold", "$book", "$cancel"}}
"""What must be among the addresses, so that this file cannot pass by asking nothing."""


@dataclass(frozen=True)
class Way:
    """A request, and the scope that it needs."""

    method: str
    path: str
    kind: str
    letter: str

    @property
    def scope(self) -> str:
        return f"system/{self.kind}.{self.letter}"

    def __str__(self) -> str:
        return f"{self.method} {self.path} needs {self.scope}"


def ways(app: Flask) -> Iterator[Way]:
    """Every request that FHIR answers to those who may."""
    for rule in app.url_map.iter_rules():
        declared = getattr(app.view_functions[rule.endpoint], "operation", None)
        if isinstance(declared, Interaction) and declared.scope is not None:
            for kind in _kinds(rule):
                for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                    yield Way(method, _address(app, rule, kind), kind, declared.scope)


def _kinds(rule: Rule) -> Sequence[str]:
    """The resources that an address is about."""
    if "kind" in rule.arguments:
        return list(RESOURCES)
    return [PROPOSED.get(rule.endpoint, rule.rule.split("/")[2])]


def _address(app: Flask, rule: Rule, kind: str) -> str:
    parts = {name: kind if name == "kind" else str(uuid4()) for name in rule.arguments}
    built = app.url_map.bind("localhost").build(rule.endpoint, parts | dict(rule.defaults or {}))
    return str(built)


def all_but(kind: str, letter: str) -> list[str]:
    """Every scope there is but for one letter of one resource."""
    others = [f"system/{one}.{LETTERS}" for one in RESOURCES if one != kind]
    return [*SCOPES, *others, f"system/{kind}.{LETTERS.replace(letter, '')}"]


def ask(program: Program, way: Way) -> tuple[int, Any]:
    body = None if way.method == "GET" else {"resourceType": "Nonsense"}
    answer = program.send(way.method, way.path, body)
    assert answer.content_type.startswith("application/fhir+json"), str(way)
    return answer.status_code, answer.json


def test_every_resource_and_operation_is_among_the_addresses(app: Flask) -> None:
    asked = {(way.kind, way.letter) for way in ways(app)}
    assert {(kind, letter) for kind in RESOURCES for letter in "rs"} <= asked
    for kind, names in OPERATIONS.items():
        ends = {way.path.rsplit("/", 1)[1] for way in ways(app) if f"/{kind}/" in way.path}
        assert names <= ends


def test_without_a_proof_nothing_is_answered(app: Flask) -> None:
    nobody = Program(app)
    for way in ways(app):
        status, body = ask(nobody, way)
        assert (status, body["issue"][0]["code"]) == (401, "login"), str(way)


def test_all_scopes_but_the_needed_one_do_not_do(app: Flask, network: Database) -> None:
    keys = {}
    for way in ways(app):
        if way.scope not in keys:
            keys[way.scope] = with_key(app, network, *all_but(way.kind, way.letter))
        status, body = ask(keys[way.scope], way)
        assert (status, body["issue"][0]["code"]) == (403, "forbidden"), str(way)
        assert body["issue"][0]["details"]["text"].endswith(f"{way.scope}."), str(way)


def test_just_the_needed_scope_does(app: Flask, network: Database) -> None:
    keys = {}
    for way in ways(app):
        if way.scope not in keys:
            keys[way.scope] = with_key(app, network, way.scope)
        status, body = ask(keys[way.scope], way)
        assert status < 500, str(way)
        assert status not in (401, 403), f"{way}: {body}"


@pytest.mark.parametrize("letter", LETTERS)
def test_a_letter_is_no_other_letter(app: Flask, network: Database, letter: str) -> None:
    """A key with one letter of every resource can do what has that letter, and nothing else."""
    program = with_key(app, network, f"system/*.{letter}")
    for way in ways(app):
        status, _ = ask(program, way)
        assert (status == 403) == (way.letter != letter), f"{way}: {status}"


def test_the_words_of_the_first_version_stand_for_letters(app: Flask, network: Database) -> None:
    for word, letters in {"read": "rs", "write": "cud", "*": "cruds"}.items():
        program = with_key(app, network, f"system/*.{word}")
        for way in ways(app):
            status, _ = ask(program, way)
            assert (status == 403) == (way.letter not in letters), f"{way}: {status}"


@pytest.mark.parametrize(
    "scope",
    [
        "system/appointment.cruds",
        "system/Appointment.sdurc",
        "system/Appointment",
        "system/Appointment.",
        "system/.cruds",
        "system/App*.cruds",
        "system/system/*.cruds",
        "system/Appointment.cruds?patient=1",
        "system/Appointment.READ",
        "system/Nope.rs",
        "system/Slot.zz",
        "system/",
        "system/Observation.read",
        "nonsense:foo",
        "group/Slot.rs",
    ],
)
def test_what_only_looks_like_a_scope_is_refused_and_grants_nothing(
    app: Flask, network: Database, scope: str
) -> None:
    with pytest.raises(UnknownScope, match=r"system/Slot\.cruds") as refused:
        with_key(app, network, scope)
    assert scope in str(refused.value)
    assert not any(grants(scope, kind, letter) for kind in RESOURCES for letter in LETTERS)
    manager = with_key(app, network, "*")
    answer = manager.send("POST", "/api/v1/keys", {"name": "Ward", "scopes": [scope]})
    assert answer.status_code == 422, answer.text


def test_other_scopes_grant_nothing_here(app: Flask, network: Database) -> None:
    program = with_key(app, network, "appointments:write")
    for way in ways(app):
        if way.kind == "Appointment":
            assert ask(program, way)[0] == 403, str(way)


def test_scopes_are_about_the_resources_that_there_are() -> None:
    assert set(FHIR_RESOURCES) == set(RESOURCES)


# What needs more than one scope


def test_changing_an_appointment_by_an_operation_needs_the_letter_of_changes(
    app: Flask, network: Database, world: World
) -> None:
    appointment = {
        "name": "appointment-reference",
        "valueReference": {"reference": f"Appointment/{world.appointments['owner']}"},
    }
    body = {"resourceType": "Parameters", "parameter": [appointment]}
    for operation in ("$hold", "$book"):
        path = f"/fhir/Appointment/{operation}"
        maker = with_key(app, network, *all_but("Appointment", "u"))
        assert maker.send("POST", path, body).status_code == 403
    both = with_key(app, network, "system/Appointment.cu")
    assert both.send("POST", path, body).status_code == 200


def test_a_condition_is_a_search(app: Flask, network: Database) -> None:
    condition = {"If_None_Exist": "identifier=A-1"}
    maker = with_key(app, network, *all_but("Appointment", "s"))
    body = {
        "resourceType": "Appointment",
        "status": "booked",
        "start": "2099-01-01T00:00:00Z",
        "end": "2099-01-01T00:30:00Z",
        "participant": [{"type": [{"text": "x"}], "status": "accepted"}],
    }
    assert maker.send("POST", "/fhir/Appointment", body, **condition).status_code == 403
    assert maker.send("POST", "/fhir/Appointment", body).status_code == 422
    both = with_key(app, network, "system/Appointment.cs")
    assert both.send("POST", "/fhir/Appointment", body, **condition).status_code == 422
    chained = both.send("POST", "/fhir/Appointment", body, If_None_Exist="patient.name=aroha")
    assert chained.status_code == 403


def test_what_comes_along_with_a_search_must_be_readable(
    app: Flask, network: Database, world: World
) -> None:
    path = "/fhir/Appointment?_include=Appointment:actor&_include=Appointment:patient"
    for kind in ("Patient", "Practitioner", "Location"):
        found = with_key(app, network, *all_but(kind, "r")).get(path)["entry"]
        kinds = {one["resource"]["resourceType"] for one in found}
        assert kinds == {"Appointment", "Patient", "Practitioner", "Location"} - {kind}
    back = "/fhir/Patient?name=owner&_revinclude=Appointment:patient"
    assert len(with_key(app, network, "system/Patient.s").get(back)["entry"]) == 1
    both = with_key(app, network, "system/Patient.s", "system/Appointment.r")
    assert len(both.get(back)["entry"]) == 2


# The doctor-schedule service


def doctor_ways(app: Flask) -> Iterator[tuple[str, str]]:
    """Method and address of each operation outside /api and /fhir."""
    for rule in app.url_map.iter_rules():
        one = getattr(app.view_functions[rule.endpoint], "operation", None)
        if isinstance(one, Operation) and not rule.rule.startswith("/api/"):
            yield one.method, rule.rule.replace("<int:doctor_id>", "1")


def test_doctors_are_for_keys_of_their_own_scope(app: Flask, network: Database) -> None:
    nobody = Program(app)
    others = with_key(app, network, *(set(SCOPES) - {"doctors"}), "system/*.cruds")
    only = with_key(app, network, "doctors")
    found = list(doctor_ways(app))
    paths = {"/doctors", "/doctors/1", "/appointment", "/appointments/1"}
    assert {path for _, path in found} == paths
    for method, path in found:
        assert nobody.send(method, path, {}).status_code == 401, (method, path)
        refused = others.send(method, path, {})
        assert (refused.status_code, refused.json["code"]) == (403, "scope-missing"), (method, path)
        assert only.send(method, path, {}).status_code in (200, 404, 409, 422), (method, path)
    for kind in RESOURCES:
        assert only.send("GET", f"/fhir/{kind}").status_code == 403
