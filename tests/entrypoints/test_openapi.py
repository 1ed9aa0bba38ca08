"""The OpenAPI document is right, and the service does what it says, for whoever asks."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from flask import Flask
from openapi_spec_validator import validate

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


@pytest.mark.parametrize(("caller", "phases", "seed"), RUNS)
def test_the_service_does_what_the_document_says(
    app: Flask,
    network: Database,
    world: World,
    tmp_path: Path,
    scratch: Path,
    caller: str,
    phases: str,
    seed: int,
) -> None:
    """All checks of schemathesis, and that of exactness.py."""
    proof = headers(app, network, world, caller)
    with serving(app) as address:
        run = subprocess.run(
            [
                str(Path(sys.executable).with_name("st")),
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
            ],
            cwd=tmp_path,
            env=os.environ
            | {
                "PYTHONPATH": str(HERE.parent),
                "NO_PROXY": "*",
                # Where Hypothesis keeps its table of Unicode, which takes seconds to make.
                "HYPOTHESIS_STORAGE_DIRECTORY": str(scratch / "hypothesis"),
            },
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )
    assert run.returncode == 0, run.stdout + run.stderr
