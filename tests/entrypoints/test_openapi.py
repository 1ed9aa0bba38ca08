"""The OpenAPI document is right, and the service does what it says."""

from flask import Flask
from openapi_spec_validator import validate

from entrypoints.programs import Program


def test_the_document_is_valid(app: Flask) -> None:
    validate(Program(app).get("/api/v1/openapi.json"))
