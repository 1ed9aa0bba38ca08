"""Networks that share a database of PostgreSQL: a schema and a role each, behind a pooler too."""

import re
import runpy
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from urllib.parse import quote

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import select, text

import engines
import factories
from engines import DATA_KEYS, Server
from openslot.core import tenants
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.core.errors import Unavailable
from openslot.core.schemas import schema_of
from openslot.directory.models import Patient
from openslot.entrypoints.cli import tenants as commands
from openslot.entrypoints.cli.main import cli

ROOT = Path(__file__).parents[2]
NAMES = ("alder", "birch-tree")
Run = Callable[..., Result]

pytestmark = [
    pytest.mark.engines,
    pytest.mark.skipif(
        not (engines.installed()["postgresql"] and engines.installed()["pgbouncer"]),
        reason="needs PostgreSQL and PgBouncer",
    ),
]


@pytest.fixture
def server() -> Iterator[Server]:
    folder = engines.scratch_folder()
    with ExitStack() as stack:
        stack.callback(engines.shutil.rmtree, folder, ignore_errors=True)
        server = engines.start_postgresql(folder)
        stack.callback(server.stop)
        yield server


@pytest.fixture
def pooler(server: Server) -> Iterator[Server]:
    """A PgBouncer that forgets what clients ask for when they connect."""
    folder = engines.scratch_folder()
    with ExitStack() as stack:
        stack.callback(engines.shutil.rmtree, folder, ignore_errors=True)
        pooler = engines.start_pgbouncer(folder, server, ["openslot", *map(schema_of, NAMES)])
        stack.callback(pooler.stop)
        yield pooler


@pytest.fixture
def run(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command of an installation on the server."""
    monkeypatch.delenv("OPENSLOT_DATA_KEYS")
    monkeypatch.setenv("OPENSLOT_DATABASE_URL", server.url.format(database="postgres"))
    monkeypatch.setenv("OPENSLOT_TENANTS", str(tmp_path / "tenants"))
    monkeypatch.setenv("OPENSLOT_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setattr(commands, "LET_GO_WITHIN", 0)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tenants").mkdir()
    (tmp_path / "backups").mkdir()

    def command(*words: str | Path) -> Result:
        done = CliRunner().invoke(cli, [str(word) for word in words])
        assert done.exit_code == 0, done.output
        return done

    return command


def opened(name: str, **changed: str) -> "closing[Database]":
    settings = tenants.read(Settings(_env_file=None)).of(name)
    url = settings.url
    for old, new in changed.items():
        url = url.replace(old, new)
    return closing(Database(url, settings.encryption_keys))


def patients(database: Database) -> list[str]:
    return database.read(lambda session: list(session.scalars(select(Patient.name))))


def test_schemas_are_apart_backed_up_and_brought_back(
    run: Run, server: Server, pooler: Server, tmp_path: Path
) -> None:
    for name in NAMES:
        run("tenant", "create", name, "--host", f"{name}.example", "--schema")
        with opened(name) as database:
            database.run(lambda session, name=name: factories.patient(session, name))
    check_apart()
    check_behind(pooler, server)
    check_laid_out_for_sharding(server)
    back_up_and_bring_back(run, server, tmp_path)


def check_apart() -> None:
    """No statement of one role reaches the rows of another, whatever it names."""
    for name, other in (NAMES, NAMES[::-1]):
        with opened(name) as database:
            assert patients(database) == [name]
            reach = text(f"SELECT name FROM {schema_of(other)}.patient")
            with pytest.raises(Exception, match="permission denied for schema"):
                database.read(lambda session, reach=reach: session.execute(reach))


def check_behind(pooler: Server, server: Server) -> None:
    """Transactions of both take turns on connections that the pooler lends."""
    there = {"host=" + str(Path(str(server.listens)).parent): pooler.url.partition("?")[2]}
    with opened(NAMES[0], **there) as one, opened(NAMES[1], **there) as other:
        for _ in range(6):
            assert (patients(one), patients(other)) == ([NAMES[0]], [NAMES[1]])
    path = quote(f"-csearch_path={schema_of(NAMES[1])}")
    url = f"{pooler.url.format(database='postgres')}&options={path}"
    settings = tenants.read(Settings(_env_file=None)).of(NAMES[0])
    with (
        closing(Database(url, settings.encryption_keys)) as lost,
        pytest.raises(Unavailable) as refused,
    ):
        patients(lost)
    assert "A pooler loses the search path" in refused.value.reason


def check_laid_out_for_sharding(server: Server) -> None:
    """What Citus asks of schemas that it spreads: no key from one to another, and nothing elsewhere
    that they need. The script names each."""
    across = text(
        "SELECT conname FROM pg_constraint JOIN pg_class one ON one.oid = conrelid "
        "JOIN pg_class other ON other.oid = confrelid "
        "WHERE one.relnamespace <> other.relnamespace"
    )
    shared = text("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace")
    with opened(NAMES[0]) as database:
        for question in (across, shared):
            assert not database.read(lambda session, asked=question: session.execute(asked).all())
    script = runpy.run_path(str(ROOT / "scripts/citus_schemas.py"))
    found = script["statements"](Settings(_env_file=None))
    assert [re.findall(r"distribute\('(\w+)'\)", line)[0] for line in found] == [
        "openslot_alder",
        "openslot_birch_tree",
    ]
    url = server.url.format(database="postgres")
    with closing(Database(url, DATA_KEYS)) as superuser, superuser.engine.connect() as connection:
        connection.execute(text(STANDS_IN_FOR_CITUS))
        for _ in range(2):  # again finds nothing to do
            for line in found:
                connection.execute(text(line))
        assert connection.scalar(text("SELECT count(*) FROM citus_schemas")) == len(NAMES)


STANDS_IN_FOR_CITUS = """
CREATE TABLE citus_schemas (schema_name regnamespace PRIMARY KEY);
CREATE FUNCTION citus_schema_distribute(schemaname regnamespace) RETURNS void STRICT LANGUAGE sql
AS 'INSERT INTO citus_schemas VALUES (schemaname)'
"""
"""The names and types that its documents give, and its refusal of what is spread already."""


def back_up_and_bring_back(run: Run, server: Server, tmp_path: Path) -> None:
    """A backup has one network only, and fills its schema again after it was removed."""
    folder = tmp_path / "backups"
    run("backup", "--tenant", "alder", folder)
    (file,) = folder.iterdir()
    assert b"birch" not in file.read_bytes()
    superuser = Database(server.url.format(database="postgres"), None, hurried=False)  # type: ignore[arg-type]
    superuser.run(lambda session: session.execute(text("ALTER ROLE openslot_alder CREATEDB")))
    assert "patients: 1" in run("restore", "--check", "--tenant", "alder", file).output

    run("tenant", "remove", "alder", "--confirm", "alder")
    gone = text("SELECT rolname FROM pg_roles WHERE rolname LIKE 'openslot\\_%'")
    left = superuser.read(lambda session: list(session.scalars(gone)))
    assert left == ["openslot_birch_tree"]
    superuser.close()
    run("tenant", "create", "alder", "--host", "alder.example", "--schema", "--empty")
    (kept,) = (tmp_path / "tenants").glob("alder.removed-*")
    keys = [line for line in kept.read_text().splitlines() if "_KEY" in line]
    written = tmp_path / "tenants/alder.env"
    written.write_text("\n".join([written.read_text(), *keys]))
    run("restore", "--tenant", "alder", file)
    run("tenant", "upgrade", "alder")
    with opened("alder") as alder, opened("birch-tree") as birch:
        assert (patients(alder), patients(birch)) == ([NAMES[0]], [NAMES[1]])
