"""The data keys at the command line: made, needed, replaced."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text

import factories
from factories import NOW
from openslot.core.data_keys import DataKeys
from openslot.core.db import Database
from openslot.entrypoints.cli.main import cli

Run = Callable[..., Result]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def run(data: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command with the embedded database, whose key it makes itself, or with another."""
    monkeypatch.delenv("OPENSLOT_DATA_KEYS")
    monkeypatch.setenv("OPENSLOT_DATA_DIR", str(data))
    monkeypatch.chdir(data.parent)

    def command(*words: str, url: str = "") -> Result:
        return CliRunner(env={"OPENSLOT_DATABASE_URL": url}).invoke(cli, words)

    return command


def opened(data: Path) -> closing[Database]:
    keys = DataKeys((data / "data_keys").read_text())
    return closing(Database(f"sqlite:///{data}/openslot.sqlite3", keys))


@pytest.mark.parametrize("words", ["serve", "worker", "db upgrade"])
def test_a_server_of_its_own_is_not_used_without_a_key(run: Run, words: str) -> None:
    result = run(*words.split(), url="postgresql://nobody@/nowhere?host=/nonexistent")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: No data key is set")
    assert "`openslot keys new`" in result.stderr


def test_a_key_is_replaced_while_people_work(run: Run, data: Path) -> None:
    assert run("db", "upgrade").exit_code == 0
    file = data / "data_keys"
    old, new = file.read_text(), run("keys", "new").stdout
    with opened(data) as database:
        patient_id = database.run(
            lambda session: factories.patient(session, medicare_number="2428 77813 2", now=NOW).id
        )
    file.write_text(old + new)
    rotated = run("keys", "rotate")
    assert rotated.exit_code == 0, rotated.output
    assert f"Encrypted anew with the key {DataKeys(new).newest}: " in rotated.output
    assert f"No longer needed, but for older backups: {DataKeys(old).newest}." in rotated.output
    file.write_text(old)
    refused = run("serve")
    assert refused.exit_code == 1
    assert f"cannot be read without them: {DataKeys(new).newest}." in refused.stderr
    file.write_text(new)
    checked = run("check")
    assert "All encrypted values can be read." in checked.output
    with opened(data) as database, database.engine.begin() as connection:
        connection.execute(text("UPDATE patient SET medicare_number = '2428'"))
    checked = run("check")
    assert checked.exit_code == 1
    fault = f"patient.medicare_number:{patient_id.hex} cannot be read: it is not encrypted."
    assert fault in checked.output
