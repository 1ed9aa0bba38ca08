"""A search has a budget: what asks for too much at once is refused, by each way of asking."""

from typing import Any

import pytest
from flask import Flask
from werkzeug.datastructures import MultiDict

from entrypoints.programs import Program, signed_in, with_key
from entrypoints.world import World
from openslot.core.db import Database
from openslot.entrypoints.fhir import asking

WORDS = ",".join(f"name{number}" for number in range(60))
KEYS = ",".join(str(number) for number in range(1, 101))


@pytest.fixture
def program(app: Flask, network: Database) -> Program:
    """A program that may search everything."""
    return with_key(app, network, "*")


TOO_MUCH = [
    ("Practitioner", [("name", WORDS)]),
    ("Practitioner", [("name:contains", f"some{n}") for n in range(50)] + [("name", "x")]),
    ("Practitioner", [("name", "x" * 300)] * 2),
    ("Location", [("address", ",".join("abcdefghijklmnopqrstuvwxyz"))]),
    ("Patient", [("_id", KEYS)] * 6),
    ("Location", [("_id", str(number)) for number in range(51)]),
    ("PractitionerRole", [("role", WORDS)]),
    ("PractitionerRole", [("practitioner.name", WORDS)]),
    ("Schedule", [("actor:Practitioner.name", WORDS)]),
    ("Appointment", [("_sort", ",".join(["date"] * 60))]),
    (
        "Appointment",
        [
            ("_include", "Appointment:*"),
            ("_include:iterate", "Slot:*"),
            ("_include:iterate", "Schedule:*"),
            ("_include:iterate", "Encounter:*"),
            ("_include:iterate", "PractitionerRole:*"),
            ("_include", "ServiceRequest:*"),
            ("_include:iterate", "HealthcareService:*"),
            ("_include:iterate", "DocumentReference:*"),
            ("_include:iterate", "MedicationRequest:*"),
        ],
    ),
    ("Slot", [("specialty", WORDS), ("start", "2099-01-01")]),
]


def is_too_costly(answer: Any) -> bool:
    issue = answer.json["issue"][0]
    assert answer.status_code == 400, answer.text
    assert "split it into several searches" in issue["details"]["text"]
    return bool(issue["code"] == "too-costly" and issue["expression"][0])


@pytest.mark.parametrize(("kind", "asked"), TOO_MUCH)
def test_a_search_that_costs_too_much_is_refused(
    program: Program, kind: str, asked: list[tuple[str, str]]
) -> None:
    headers = {"Authorization": f"Bearer {program.token}"}
    pairs: Any = MultiDict(asked)
    assert is_too_costly(program.client.get(f"/fhir/{kind}", query_string=pairs, headers=headers))
    posted = program.client.post(f"/fhir/{kind}/_search", data=pairs, headers=headers)
    assert is_too_costly(posted)


def test_the_free_times_of_find_have_the_same_budget(program: Program) -> None:
    asked = [("location-string", ",".join("abcdefghijklmnopqrstuvwxyz")), ("start", "2099-01-01")]
    answer = program.client.get(
        "/fhir/Appointment/$find",
        query_string=MultiDict(asked),
        headers={"Authorization": f"Bearer {program.token}"},
    )
    assert is_too_costly(answer)


@pytest.mark.parametrize(
    ("kind", "asked"),
    [
        ("Practitioner", "name=pri&name:contains=own&_sort=name&_count=5"),
        ("Practitioner", f"_id={KEYS}"),
        ("Schedule", f"actor={','.join(f'Practitioner/{n}' for n in range(1, 26))}"),
        (
            "PractitionerRole",
            "practitioner.name=pri&role=physiotherapist&_include="
            "PractitionerRole:practitioner&_include=PractitionerRole:location",
        ),
    ],
)
def test_what_people_ask_fits_the_budget(program: Program, kind: str, asked: str) -> None:
    assert program.send("GET", f"/fhir/{kind}?{asked}").status_code == 200


def test_no_value_between_commas_is_left_out_in_silence(program: Program, world: World) -> None:
    own = world.practitioners["owner"]
    values = ",".join([*(str(9000 + number) for number in range(90)), str(own)])
    assert program.get(f"/fhir/Practitioner?_id={values}")["total"] == 1
    assert len(asking._alternatives(",".join("x" * 150))) == 150


@pytest.mark.parametrize("path", ["/api/v1/patients", "/api/v1/practitioners", "/api/v1/centres"])
def test_many_words_in_a_list_are_bounded(app: Flask, world: World, path: str) -> None:
    desk = signed_in(app, world, "staff-owner")
    many = "+".join("abcdefgh"[n % 8] for n in range(100))
    assert desk.send("GET", f"{path}?q={many}").status_code == 200
    assert desk.send("GET", f"{path}?q={'x' * 300}").status_code == 422
