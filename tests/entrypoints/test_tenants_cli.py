"""``openslot tenant``, and the other commands where there are several networks."""

import os
import shutil
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from faults.serving_process import free_port, until
from openslot.core import clock, facts, schemas, tenants
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.entrypoints.cli import serving
from openslot.entrypoints.cli import tenants as commands
from openslot.entrypoints.cli.main import cli
from openslot.entrypoints.worker import main as worker
from openslot.entrypoints.worker import tenants as workers
from openslot.migrations import revisions
from openslot.migrations import run as migrations

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command of an installation with a folder of networks."""
    monkeypatch.delenv("OPENSLOT_DATA_KEYS")
    for name, value in {
        "OPENSLOT_TENANTS": str(tmp_path / "tenants"),
        "OPENSLOT_DATA_DIR": str(tmp_path / "data"),
        "OPENSLOT_PASSWORD_ITERATIONS": "1",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(commands, "LET_GO_WITHIN", 0)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tenants").mkdir()

    def command(*words: str | Path, input: str | None = None) -> Result:
        return CliRunner().invoke(cli, [str(word) for word in words], input=input)

    return command


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the networks alder and birch."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "tenants").mkdir()
    environment = {
        "OPENSLOT_TENANTS": str(folder / "tenants"),
        "OPENSLOT_DATA_DIR": str(folder / "data"),
    }
    for name in ("alder", "birch"):
        words = ["tenant", "create", name, "--host", f"{name}.example", "--network-name", "It's"]
        done = CliRunner(env=environment).invoke(cli, words)
        assert done.exit_code == 0, done.output
        assert f"https://{name}.example/" in done.output
    return folder


@pytest.fixture
def two(run: Run, made: Path, tmp_path: Path) -> Run:
    """The same, with a copy of these networks."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return run


def settings(name: str) -> Settings:
    return tenants.read(Settings(_env_file=None)).of(name)


def database(name: str) -> Any:
    one = settings(name)
    return closing(Database(one.url, one.encryption_keys))


def test_a_network_is_created_listed_backed_up_and_removed(two: Run, tmp_path: Path) -> None:
    file = tmp_path / "tenants/birch.env"
    assert file.stat().st_mode & 0o777 == 0o600
    assert settings("birch").network_name == "It's"
    listed = two("tenant", "list").output.splitlines()
    assert [line.split()[:3] for line in listed] == [
        [name, "ready", revisions.head()] for name in ("alder", "birch")
    ]
    assert listed[1].endswith(" MB  birch.example")
    clash = two("tenant", "create", "cedar", "--host", "birch.example")
    assert (clash.exit_code, "the host birch.example is that of" in clash.output) == (1, True)
    assert two("tenant", "create", "birch", "--host", "c.example").exit_code == 1
    assert two("tenant", "list", "--names").output == "alder\nbirch\n"

    assert "no backup of birch" in two("tenant", "remove", "birch", "--confirm", "birch").output
    (tmp_path / "backups").mkdir()
    for name in ("alder", "birch", "birch"):
        done = two("backup", "--tenant", name, tmp_path / "backups" / f"{name}.zip")
        assert done.exit_code == (1 if name == "birch" and done.output.startswith("Error") else 0)
    assert two("tenant", "remove", "birch", input="alder\n").exit_code == 1
    assert settings("birch")
    removed = two("tenant", "remove", "birch", input="birch\n")
    assert removed.exit_code == 0, removed.output
    data = tmp_path / "data/tenants/birch"
    assert sorted(one.name for one in data.iterdir()) == ["data_keys"], "backups need them"
    assert two("tenant", "list", "--names").output == "alder\n"
    assert two("account", "list").exit_code == 0, "one is no guess"


def test_a_network_whose_data_cannot_be_removed_stays(
    two: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise schemas.NotMade(name="openslot_birch", reason="a role depends on it")

    words = ("tenant", "remove", "birch", "--confirm", "birch", "--without-backup")
    with monkeypatch.context() as patched:
        patched.setattr(commands, "_remove_data", refused)
        assert "a role depends on it" in two(*words).output
    assert "birch" in two("tenant", "list", "--names").output
    assert two(*words).exit_code == 0


def test_backups_of_networks_are_told_apart(two: Run, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()
    for name in ("alder", "birch"):
        (folder / f"{name}-20200101-000000.zip").touch()
    assert two("backup", "--tenant", "alder", folder, "--keep", "1").exit_code == 0
    names = sorted(one.name.rpartition("-")[0] for one in folder.iterdir())
    assert names[1] == "birch-20200101"
    assert len(names) == 2
    assert names[0].startswith("alder-")


@pytest.mark.parametrize(
    "words",
    [["account", "list"], ["check"], ["db", "status"], ["backup", "."], ["keys", "rotate"]],
    ids=" ".join,
)
def test_commands_do_not_guess_among_several(run: Run, tmp_path: Path, words: list[str]) -> None:
    for name in ("alder", "birch"):
        (tmp_path / f"tenants/{name}.env").write_text(f"OPENSLOT_PUBLIC_URL=https://{name}.example")
    refused = run(*words)
    assert refused.exit_code == 1
    assert "--tenant NAME. They are: alder, birch." in refused.output
    assert "no network cedar" in run(*words, "--tenant", "cedar").output


def test_an_installation_of_one_network_has_no_tenants(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENSLOT_TENANTS")
    for words in (["tenant", "list"], ["account", "list", "--tenant", "alder"]):
        assert "serves one network" in run(*words).output
    monkeypatch.setenv("OPENSLOT_TENANT", "alder")
    assert "serves one network" in run("account", "list").output


def test_one_upgrade_that_fails_does_not_stop_the_others(two: Run, tmp_path: Path) -> None:
    with database("birch") as behind:
        migrations.downgrade(behind.engine, "0043")
    file = tmp_path / "data/tenants/alder/openslot.sqlite3"
    file.write_bytes(b"no database")
    listed = two("tenant", "list").output.splitlines()
    assert listed[-2].startswith("alder                away")
    assert listed[-1].split()[1:3] == ["tables-behind", "0043"]
    upgraded = two("tenant", "upgrade", "--all")
    assert upgraded.exit_code == 1
    assert f"birch: at revision {revisions.head()}" in upgraded.output
    assert "alder: The database" in upgraded.output
    assert two("tenant", "upgrade", "birch").exit_code == 0


@pytest.mark.parametrize("line", ["IDENTITY_PROVIDERS=away.toml", "DATA_DIR=alder.env"])
def test_what_one_network_lacks_does_not_stop_the_others(
    two: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    with (tmp_path / "tenants/alder.env").open("a") as file:
        file.write(f"OPENSLOT_{line}\n")
    assert "birch                ready" in two("tenant", "list").output
    assert "birch: at revision" in two("tenant", "upgrade", "--all").output
    served: list[str] = []
    monkeypatch.setattr(serving, "serve", lambda *_, **__: served.append("serves"))
    begun = two("serve", "--port", str(free_port()))
    assert (begun.exit_code, served) == (0, ["serves"])
    assert "alder: " in begun.output


def test_a_database_is_that_of_one_network(two: Run, tmp_path: Path) -> None:
    """A copy is taken over only by name, and never from a network that is still there."""
    with database("alder") as taken, database("birch") as mine:
        taken.run(lambda session: facts.note_tenant(session, "birch"))
        mine.run(lambda session: facts.note_tenant(session, "earlier-name"))
        migrations.downgrade(taken.engine, "0043")
    assert "of the network birch. Nothing" in two("tenant", "upgrade", "alder").output
    with database("alder") as taken:
        migrations.upgrade(taken.engine)
    refused = two("account", "list", "--tenant", "alder")
    assert "says that it is of birch" in refused.output
    assert "of the network birch. Nothing" in two("tenant", "upgrade", "alder").output
    assert two("account", "list", "--tenant", "birch").exit_code == 1
    file = tmp_path / "tenants/birch.env"
    file.chmod(0o644)
    assert two("db", "upgrade", "--tenant", "birch").exit_code == 0
    assert file.stat().st_mode & 0o777 == 0o600, "it may have keys"
    assert two("account", "list", "--tenant", "birch").exit_code == 0


def test_the_worker_serves_all_and_a_broken_one_stops_nobody(
    two: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tenants, "LOOKS_EVERY", 0.0)
    monkeypatch.setattr(worker, "IDLE", 0.05)
    file = tmp_path / "data/tenants/alder/openslot.sqlite3"
    file.rename(file.with_suffix(".away"))
    file.write_bytes(b"no database")
    stop, began = threading.Event(), clock.now()
    working = threading.Thread(
        target=workers.run, args=(Settings(_env_file=None),), kwargs={"stop": stop}
    )
    working.start()

    def was_served(name: str) -> bool:
        with database(name) as one:
            seen = one.read(facts.worker_seen)
        return seen is not None and seen >= began

    try:
        until(lambda: was_served("birch"), within=20)
        os.replace(file.with_suffix(".away"), file)
        until(lambda: was_served("alder"), within=20)
        assert two("tenant", "create", "cedar", "--host", "cedar.example").exit_code == 0
        until(lambda: was_served("cedar"), within=20)
        (tmp_path / "tenants/birch.env").rename(tmp_path / "birch.env")
        until(lambda: "birch" not in {one.name for one in threading.enumerate()}, within=20)
    finally:
        stop.set()
        working.join()
    file.write_bytes(b"no database")
    assert "alder" in two("worker", "--once").output
