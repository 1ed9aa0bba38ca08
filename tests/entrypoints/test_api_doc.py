"""The examples of docs/api.md, and examples/earliest_gp.py, run as they stand."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from threading import Thread

import pytest
from alembic import command
from flask import Flask
from sqlalchemy import update
from werkzeug.serving import make_server

from entrypoints.programs import Program, with_key
from entrypoints.world import PASSWORD, World
from openslot.core.db import Database
from openslot.directory.models import Practitioner, Profession
from openslot.migrations.run import config_for

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/api.md").read_text(encoding="utf-8")
BUT_SERVED = {"PYTHONPATH": str(ROOT / "src"), "NO_PROXY": "127.0.0.1"}


@dataclass(frozen=True)
class Served:
    """Where the app answers, and what the examples find in their environment."""

    environment: dict[str, str]
    program: Program


@pytest.fixture
def served(app: Flask, network: Database, world: World, tmp_path: Path) -> Iterator[Served]:
    """The app at a port of its own, where one practitioner is a GP."""
    gp = update(Practitioner).where(Practitioner.id == world.practitioners["teammate"])
    network.run(lambda session: session.execute(gp.values(profession=Profession.GP)))
    with network.engine.begin() as connection:  # the tables are there; say so to the commands
        command.stamp(config_for(connection), "head")
    program = with_key(app, network, "*")
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    (tmp_path / ".curlrc").write_text("fail-with-body\n")  # a refusal fails the script
    tools = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {
        "PATH": tools,
        "HOME": str(tmp_path),
        "OPENSLOT": f"http://127.0.0.1:{server.server_port}",
        "OPENSLOT_DATA_DIR": str(tmp_path),
        "OPENSLOT_DATABASE_URL": str(network.engine.url),
        "OPENSLOT_KEY": program.token or "",
        "PATIENT": str(world.patients["owner"]),
        "EMAIL": world.emails["patient-owner"],
        "PASSWORD": PASSWORD,
        **BUT_SERVED,
    }
    try:
        yield Served(environment, program)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def examples(language: str) -> str:
    return "\n".join(re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))


def run(served: Served, tmp_path: Path, *words: str, **more: str) -> str:
    done = subprocess.run(
        words, cwd=tmp_path, env=served.environment | more, capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout} {done.stderr}"
    return done.stdout


def statuses(served: Served) -> list[str]:
    """How the patient's visits with the GP stand."""
    path = f"/api/v1/appointments?patient={served.environment['PATIENT']}&limit=100"
    items = served.program.get(path)["items"]
    return [one["status"] for one in items if one["practitioner"]["profession"] == "GP"]


def test_the_examples_for_the_shell_book_move_and_cancel(served: Served, tmp_path: Path) -> None:
    said = run(served, tmp_path, "bash", "-euo", "pipefail", "-c", examples("sh"))
    assert statuses(served) == ["cancelled"]
    assert json.loads(said.strip().splitlines()[-1]) == {"items": [], "next": None}


def test_the_examples_for_python_hold(served: Served, tmp_path: Path) -> None:
    token = run(served, tmp_path, "bash", "-euc", _sign_in() + 'printf %s "$TOKEN"')
    key = served.environment["OPENSLOT_KEY"]
    run(served, tmp_path, sys.executable, "-c", examples("python"), KEY=key, TOKEN=token)
    assert statuses(served) == ["cancelled"]


def _sign_in() -> str:
    return next(
        one for one in re.findall(r"^```sh\n(.*?)^```$", PAGE, re.M | re.S) if "TOKEN" in one
    )


@pytest.mark.parametrize("way", [[], ["--fhir"]], ids=["json", "fhir"])
def test_the_earliest_gp_is_booked(served: Served, tmp_path: Path, way: list[str]) -> None:
    slots = served.program.get("/api/v1/slots?profession=GP&earliest=true&limit=1")["items"]
    program = str(ROOT / "examples/earliest_gp.py")
    given = [served.environment["OPENSLOT"], "--patient", served.environment["PATIENT"], *way]
    said = run(served, tmp_path, sys.executable, program, *given)
    assert datetime.fromisoformat(said.strip()) == datetime.fromisoformat(slots[0]["start"])
    assert statuses(served) == ["booked"]
