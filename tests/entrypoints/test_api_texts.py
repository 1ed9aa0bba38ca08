"""Texts that programs send are kept without characters that nobody can see."""

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from entrypoints.programs import Program, with_key
from entrypoints.world import World
from openslot.core.db import Database
from openslot.entrypoints.api.install import SERVICES

PATH = "/api/v1/appointments"
NEVER_SHOWN = {
    "PatientTerms.q",
    "Proof.code",
    "Proof.password",
    "Refresh.refresh_token",
    "SignIn.code",
    "SignIn.email",
    "SignIn.password",
}
"""What is compared, and kept nowhere."""

CHECKED_OTHERWISE = {
    "time_zone",
    "scopes",
    "networks",
    "url",
    "hours",
    "redirects",
    "launch_url",
}
"""Names, words, rules and addresses that are looked up or taken apart."""


@pytest.fixture
def program(app: Flask, network: Database) -> Program:
    return with_key(app, network, "*")


@pytest.mark.parametrize("sent", [{"reason": "a\0b"}, {"status": "cancelled", "why": "a\x1bb"}])
def test_characters_that_cannot_be_seen_are_refused(
    program: Program, world: World, sent: dict[str, str]
) -> None:
    answer = program.send("PATCH", f"{PATH}/{world.appointments['owner']}", sent)
    assert answer.status_code == 422, answer.text
    said = (answer.json or {})["errors"]
    assert [one["field"] for one in said] == [list(sent)[-1]]
    assert said[0]["detail"] == "Remove characters that cannot be seen."


def test_lines_and_tabs_are_taken(program: Program, world: World) -> None:
    path = f"{PATH}/{world.appointments['owner']}"
    answer = program.send("PATCH", path, {"reason": "Knee:\tsore\r\nBack: well "})
    assert (answer.json or {})["reason"] == "Knee: sore\nBack: well"


def test_every_text_of_a_body_says_what_it_may_hold() -> None:
    bodies = {one.body for service in SERVICES for one in service.operations if one.body}
    found = {
        f"{body.__name__}.{name}"
        for body in bodies
        for schema in [body.model_json_schema()]
        for name, described in schema["properties"].items()
        if name not in CHECKED_OTHERWISE and any(bare(described, schema.get("$defs", {})))
    }
    assert found == NEVER_SHOWN


def bare(schema: Any, definitions: dict[str, Any]) -> Iterator[bool]:
    """Whether parts of a schema are texts without any rule for their characters."""
    if "$ref" in schema:
        yield from bare(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    if schema.get("type") == "string":
        yield not schema.keys() & {"pattern", "format", "enum", "const"}
    within = [*schema.get("properties", {}).values(), *schema.get("anyOf", [])]
    within += [schema[key] for key in ("items", "additionalProperties") if schema.get(key)]
    for one in within:
        yield from bare(one, definitions) if isinstance(one, dict) else ()
