"""Helpers of the tests that import files."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from beginnings import once
from factories import NOW
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.demo.load import DATA, load_demo
from openslot.importers.commands import import_all
from openslot.importers.origins import Origin
from openslot.importers.outcome import Outcome
from openslot.importers.problems import ImportRefused
from openslot.importers.progress import Silent
from openslot.schema import metadata

MEDISOFT = DATA / "medisoft"
DOCUMENTS = DATA / "departments"
EXAMPLES = Path(__file__).parents[1] / "examples"
QUICK = Settings(password_iterations=1)

Files = Mapping[str, str | bytes]


def write(folder: Path, files: Files) -> Path:
    """Put ``files`` into ``folder``, each under its name."""
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        data = content.encode() if isinstance(content, str) else content
        (folder / name).write_bytes(data)
    return folder


def bring_in(database: Database, *paths: Path, **options: Any) -> Outcome:
    """Import with quick password hashes."""
    options = {"zone": "Australia/Sydney", "now": lambda: NOW, "progress": Silent(), **options}
    return import_all(database, QUICK, [Origin(path) for path in paths], **options)


def found_demo(database: Database) -> None:
    """Fill an empty database with the demonstration network as it is at NOW."""
    once(database, "demo", lambda: load_demo(database, QUICK, now=NOW, progress=Silent()))


def problems_of(database: Database, *paths: Path, **options: Any) -> list[str]:
    """What an import complains of; that it wrote nothing is checked by the way."""
    before = counts(database)
    with pytest.raises(ImportRefused) as refused:
        bring_in(database, *paths, **options)
    assert counts(database) == before
    return [str(problem) for problem in refused.value.problems]


def counts(database: Database) -> dict[str, int]:
    """How many rows each table has."""

    def count(session: Session) -> dict[str, int]:
        return {
            table.name: session.scalar(select(func.count()).select_from(table)) or 0
            for table in metadata.sorted_tables
        }

    return database.read(count)


def one(database: Database, query: Callable[[], Any]) -> Any:
    """The single object that a select finds."""
    return database.read(lambda session: session.scalars(query()).one())
