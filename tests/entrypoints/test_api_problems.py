"""Problems: a title that stays, a detail of the occurrence, and fields as they were sent."""

from typing import Any

import pytest
from flask import Flask

from entrypoints.programs import Program, with_key
from openslot.core.db import Database


@pytest.fixture
def program(app: Flask, network: Database) -> Program:
    return with_key(app, network, "*")


def problem(program: Program, path: str) -> Any:
    answer = program.send("GET", path)
    assert answer.mimetype == "application/problem+json", answer.text
    return answer.json


def test_the_title_is_that_of_the_code_and_the_detail_of_the_occurrence(program: Program) -> None:
    far = problem(program, "/api/v1/slots?from=2027-01-01&to=2027-12-01")
    both = problem(program, "/api/v1/slots?limit=0&minutes=7")
    assert (far["title"], both["title"]) == ("Invalid", "Invalid")
    assert far["detail"] == "Choose an end after the start, at most 31 days later."
    assert problem(program, "/api/v1/centres/999999")["title"] == "Not found"


def test_a_repeated_parameter_is_named_as_it_was_sent(program: Program) -> None:
    said = problem(program, "/api/v1/appointments?status=gone&status=lost")["errors"]
    assert said == [{"field": "status", "detail": "Choose an option from the list."}]
