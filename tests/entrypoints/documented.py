"""Pages of the documentation as programs: their examples, and a server to run them against."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from alembic import command
from flask import Flask

from engines import DATA_KEY
from entrypoints.programs import Program, with_key
from entrypoints.world import PASSWORD, World
from openslot.core.db import Database
from openslot.migrations.run import config_for
from serving import serving

ROOT = Path(__file__).parents[2]


class Page:
    """A page of docs/."""

    def __init__(self, name: str):
        self.text = (ROOT / "docs" / name).read_text(encoding="utf-8")

    def blocks(self, language: str) -> list[str]:
        """Its examples in a language, in order."""
        return re.findall(rf"^```{language}\n(.*?)^```$", self.text, re.MULTILINE | re.DOTALL)

    def examples(self, language: str) -> str:
        """All of them as one program."""
        return "\n".join(self.blocks(language))


@dataclass(frozen=True)
class Served:
    """Where the app answers, and what the examples find in their environment."""

    environment: dict[str, str]
    program: Program
    folder: Path

    def run(self, *words: str, **more: str) -> str:
        """What a command says that succeeds; ``more`` are further variables."""
        done = subprocess.run(
            words,
            cwd=self.folder,
            env=self.environment | more,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, f"{done.stdout} {done.stderr}"
        return done.stdout

    def shell(self, script: str, **more: str) -> str:
        """What a script says that succeeds to its end."""
        missing = [one for one in ("curl", "jq") if not shutil.which(one)]
        if missing:
            pytest.skip(f"needs {' and '.join(missing)}")
        return self.run("bash", "-euo", "pipefail", "-c", script, **more)


@contextmanager
def documented(app: Flask, network: Database, world: World, folder: Path) -> Iterator[Served]:
    """The app at a port of its own, and a program with a key for everything."""
    with network.engine.begin() as connection:  # the tables are there; say so to the commands
        command.stamp(config_for(connection), "head")
    program = with_key(app, network, "*")
    (folder / ".curlrc").write_text("fail-with-body\n")  # a refusal fails the script
    tools = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with serving(app) as address:
        app.extensions["openslot"].settings.public_url = address  # as links between pages begin
        environment = {
            "PATH": tools,
            "HOME": str(folder),
            "OPENSLOT": address,
            "OPENSLOT_DATA_DIR": str(folder),
            "OPENSLOT_DATABASE_URL": str(network.engine.url),
            "OPENSLOT_DATA_KEYS": DATA_KEY,
            "OPENSLOT_KEY": program.token or "",
            "PATIENT": str(world.patients["owner"]),
            "EMAIL": world.emails["patient-owner"],
            "PASSWORD": PASSWORD,
            "PYTHONPATH": str(ROOT / "src"),
            "NO_PROXY": "127.0.0.1",
        }
        yield Served(environment, program, folder)
