"""The OpenAPI document is right, and the service does what it says, for whoever asks."""

import json
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
from flask import Flask
from openapi_spec_validator import validate

from entrypoints.judging import judge, judging
from entrypoints.programs import Program, signed_in, with_key
from entrypoints.world import World
from openslot.core.db import Database
from serving import serving

HERE = Path(__file__).parent
EXAMPLES = os.environ.get("API_EXAMPLES")
"""Requests of each kind that are made up for an operation. More find more, and take longer; with
any number given, everything is tried as every caller."""

CALLERS = (
    "nobody",
    "patient-owner",
    "practitioner-owner",
    "staff-owner",
    "centre-admin-owner",
    "network-admin",
    "key",
)
AT_LENGTH = CALLERS if EXAMPLES else ()
RUNS = [
    *((caller, "fuzzing,stateful", 1) for caller in CALLERS),
    *((caller, "fuzzing,stateful", seed) for caller in AT_LENGTH for seed in (2, 3)),
    *((caller, "coverage", 1) for caller in (CALLERS if EXAMPLES else ("key",))),
]


def test_the_document_is_valid(app: Flask) -> None:
    validate(Program(app).get("/api/v1/openapi.json"))


def test_a_generated_client_has_a_name_of_its_own_for_each_shape(app: Flask) -> None:
    api = Program(app).get("/api/v1/openapi.json")
    schemas = api["components"]["schemas"]
    titles = [schema["title"] for name, schema in schemas.items() if name != "Problem"]
    assert len(set(titles)) == len(titles)
    assert all(name.isalnum() for name in schemas), "no paths of Python"
    assert "openslot__" not in json.dumps(api)
    for methods in api["paths"].values():
        for operation in methods.values():
            assert "security" in operation
    assert api["paths"]["/api/v1/tokens"]["post"]["security"] == []
    kinds = schemas["HistoryList"]["properties"]["items"]["items"]["oneOf"]
    for kind in kinds:
        assert "kind" in schemas[kind["$ref"].rpartition("/")[2]]["required"]


def headers(app: Flask, network: Database, world: World, caller: str) -> list[str]:
    if caller == "nobody":
        return []
    program = with_key(app, network, "*") if caller == "key" else signed_in(app, world, caller)
    return ["--header", f"Authorization: Bearer {program.token}"]


@pytest.fixture(scope="module")
def judges(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProcessPoolExecutor]:
    with judging(tmp_path_factory.mktemp("judges")) as judges:
        yield judges


@pytest.mark.parametrize(("caller", "phases", "seed"), RUNS)
def test_the_service_does_what_the_document_says(
    app: Flask,
    network: Database,
    world: World,
    judges: ProcessPoolExecutor,
    caller: str,
    phases: str,
    seed: int,
) -> None:
    """All checks of schemathesis, and that of exactness.py."""
    proof = headers(app, network, world, caller)
    with serving(app) as address:
        arguments = [
            "--config-file",
            str(HERE / "schemathesis.toml"),
            "run",
            f"{address}/api/v1/openapi.json",
            *proof,
            "--checks",
            "all",
            "--continue-on-failure",
            "--phases",
            phases,
            "--seed",
            str(seed),
            "--max-examples",
            EXAMPLES or "2",
            "--no-color",
        ]
        code, said = judges.submit(judge, arguments).result()
    assert code == 0, said
