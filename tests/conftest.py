"""Databases for every test: SQLite by default, every installed engine where a test asks.

``sqlite_database``   an empty database with all tables, in a file of its own
``database``          the same on each engine in turn; such tests bear the mark ``engines``
                      where a server is needed, so ``-m "not engines"`` needs none
``engine_name``       the name of that engine
``blank_engine``      a SQLAlchemy engine on a database without any table, for migrations
``statements``        ``with statements(database) as counted: ...``, then ``counted.count``

Code under test commits, so nothing is rolled back: after each test the tables are emptied.
"""

import gc
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy import Engine, NullPool, create_engine, make_url, text

import engines
from engines import DATA_KEYS
from openslot.core.db import Database
from openslot.core.engines import make_engine
from openslot.identity import passwords
from openslot.schema import metadata

RUN = pytest.StashKey[engines.Run]()
FOLDER = pytest.StashKey[Path]()

QUICK_MEMORY_KIB = 1024
"""Memory of a password hash here: what takes 64 MiB takes a tenth of a second for each sign-in."""

COPIES = count()
"""Numbers for the SQLite files of one worker."""

settings.register_profile("quick", max_examples=60, deadline=None)
# CI tries the same examples each time, so that a red run is the change's own doing; new ones
# are looked for wherever else the tests run.
settings.register_profile(
    "ci",
    max_examples=60,
    deadline=None,
    derandomize=True,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if "CI" in os.environ else "quick"))


# The run


def pytest_configure(config: pytest.Config) -> None:
    """Start the keeper, once for all workers, and forget this machine's own settings."""
    config.addinivalue_line("markers", "engines: needs a database server")
    config.addinivalue_line("markers", "browser: needs Chromium")
    passwords.MEMORY_KIB = QUICK_MEMORY_KIB
    for name in [name for name in os.environ if name.startswith("OPENSLOT_")]:
        del os.environ[name]
    os.environ["OPENSLOT_DATA_KEYS"] = engines.DATA_KEY
    if (given := getattr(config, "workerinput", None)) is not None:
        config.stash[FOLDER] = Path(given["openslot_folder"])
    else:
        config.stash[RUN] = engines.Run.start()
        config.stash[FOLDER] = config.stash[RUN].folder
        _keep_files_in(config.stash[FOLDER])


def _keep_files_in(folder: Path) -> None:
    """Let whatever tests write go where the databases are: in memory, nothing waits for a disk."""
    os.environ["TMPDIR"] = str(folder / "files")
    (folder / "files").mkdir()
    (folder / "files").chmod(0o1777)  # database servers run as other users
    tempfile.tempdir = None


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell an xdist worker where the keeper is."""
    node.workerinput["openslot_folder"] = str(node.config.stash[FOLDER])


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop every server and delete every file, also after Ctrl-C."""
    if RUN in config.stash:
        config.stash[RUN].stop()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that need a server."""
    for item in items:
        if _server_of(item):
            item.add_marker(pytest.mark.engines)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Have the servers started that the chosen tests need, while others run already.

    What is loaded by now stays: looking through it for garbage took a fifth of the time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 50)
    if not session.config.option.collectonly:
        for name in sorted({_server_of(item) for item in session.items} - {""}):
            engines.order(session.config.stash[FOLDER], name)


def _server_of(item: pytest.Item) -> str:
    chosen = getattr(item, "callspec", None)
    name = chosen.params.get("engine_name", "sqlite") if chosen else "sqlite"
    return "" if name == "sqlite" else str(name)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: Any) -> Iterator[None]:
    """After everything else, name what this machine could not test, and how to change that."""
    yield
    missing = [name for name, there in engines.installed().items() if not there]
    if missing:
        packages = " ".join(engines.PACKAGES[name] for name in missing)
        terminalreporter.section("left out")
        terminalreporter.line(f"No test ran on {', '.join(missing)}: not installed here.")
        terminalreporter.line(f"To have everything tested: apt-get install {packages}")


# Databases


@pytest.fixture(params=engines.engine_names())
def engine_name(request: pytest.FixtureRequest) -> str:
    """Each engine that is installed here, in turn."""
    return str(request.param)


@pytest.fixture
def database(engine_name: str, request: pytest.FixtureRequest) -> Iterator[Database]:
    """An empty database with all tables, on each engine in turn."""
    if engine_name == "sqlite":
        yield request.getfixturevalue("sqlite_database")
        return
    database = Database(request.getfixturevalue(f"{engine_name}_url"), DATA_KEYS)
    yield database
    engines.empty(database.engine, metadata)
    database.close()


@pytest.fixture
def sqlite_database(sqlite_template: Path, scratch: Path) -> Iterator[Database]:
    """An empty database with all tables, in a SQLite file of its own."""
    file = scratch / f"{next(COPIES)}.sqlite3"
    shutil.copyfile(sqlite_template, file)
    database = Database(f"sqlite:///{file}", DATA_KEYS)
    yield database
    database.close()
    file.unlink()


@pytest.fixture
def blank_engine(engine_name: str, request: pytest.FixtureRequest) -> Iterator[Engine]:
    """A SQLAlchemy engine on a database without any table, on each engine in turn."""
    number = next(COPIES)
    if engine_name == "sqlite":
        url = f"sqlite:///{request.getfixturevalue('scratch')}/{number}.sqlite3"
    else:
        folder = request.config.stash[FOLDER]
        url = _new_database(folder, engine_name, f"blank_{_worker(request.config)}_{number}")
    engine = make_engine(url, DATA_KEYS)
    yield engine
    engine.dispose()


@pytest.fixture
def statements() -> Callable[[Database], AbstractContextManager[engines.Counted]]:
    """``with statements(database) as counted: ...`` counts the SQL of a block."""
    return engines.counting


@pytest.fixture(scope="session")
def scratch(pytestconfig: pytest.Config) -> Path:
    """A quick folder of this worker; the keeper deletes it."""
    folder = pytestconfig.stash[FOLDER] / _worker(pytestconfig)
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture(scope="session")
def sqlite_template(scratch: Path) -> Path:
    """The SQLite file that every test gets a copy of."""
    file = scratch / "template.sqlite3"
    _make_tables(f"sqlite:///{file}")
    return file


@pytest.fixture(scope="session")
def postgresql_url(pytestconfig: pytest.Config) -> str:
    """This worker's own database on the run's PostgreSQL, with all tables."""
    return _worker_database(pytestconfig, "postgresql")


@pytest.fixture(scope="session")
def mariadb_url(pytestconfig: pytest.Config) -> str:
    """This worker's own database on the run's MariaDB, with all tables."""
    return _worker_database(pytestconfig, "mariadb")


def _worker_database(config: pytest.Config, name: str) -> str:
    url = _new_database(config.stash[FOLDER], name, f"openslot_{_worker(config)}")
    _make_tables(url)
    return url


def _worker(config: pytest.Config) -> str:
    given = getattr(config, "workerinput", None)
    return str(given["workerid"]) if given else "alone"


def _new_database(folder: Path, name: str, called: str) -> str:
    """Make a database on a server of this run; its URL. Made over if it is there already."""
    url = engines.ask(folder, name)
    always = make_url(url.format(database="postgres" if name == "postgresql" else ""))
    engine = create_engine(always, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with engine.connect() as connection:
        connection.execute(text(f"DROP DATABASE IF EXISTS {called}"))
        connection.execute(text(f"CREATE DATABASE {called}"))
    return url.format(database=called)


def _make_tables(url: str) -> None:
    engine = make_engine(url, DATA_KEYS)
    with engine.begin() as connection:
        metadata.create_all(connection)
    engine.dispose()
