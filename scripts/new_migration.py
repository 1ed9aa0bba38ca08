"""Write a migration from the difference between the models and the newest migration.

    python scripts/new_migration.py "rooms get a colour"   the next number
    python scripts/new_migration.py --first                write 0001 again, before any release

The file is a draft: read it, above all what it drops, before you keep it.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from alembic import command
from alembic.script import ScriptDirectory

from openslot.core.db import make_engine
from openslot.migrations import run

VERSIONS = Path(run.__file__).with_name("versions")


def main() -> None:
    """Read the arguments, write the file and say where it is."""
    arguments = _arguments()
    if arguments.first:
        _forget_the_only_one()
    written = _write("The first schema" if arguments.first else arguments.message)
    for step in (["format"], ["check", "--fix"], ["format"]):
        subprocess.run([sys.executable, "-m", "ruff", *step, "--quiet", written], check=True)
    print(written)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("message", nargs="?", help="what changes, in a few words")
    what.add_argument("--first", action="store_true", help="write 0001 again")
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    return parser.parse_args()


def _forget_the_only_one() -> None:
    files = sorted(VERSIONS.glob("[0-9]*.py"))
    if len(files) > 1:
        raise SystemExit("There are later migrations: write a new one instead.")
    for file in files:
        file.unlink()


def _write(message: str) -> str:
    """Migrate an empty SQLite file as far as it goes, and let Alembic name what is missing."""
    script = ScriptDirectory.from_config(run.config_for())
    number = f"{len(list(script.walk_revisions())) + 1:04}"
    with tempfile.TemporaryDirectory() as folder:
        engine = make_engine(f"sqlite:///{folder}/empty.sqlite3")
        if number != "0001":
            run.upgrade(engine)
        with engine.begin() as connection:
            config = run.config_for(connection)
            config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
            config.attributes["batch"] = number != "0001"
            made = command.revision(config, message, autogenerate=True, rev_id=number)
        engine.dispose()
    return _without_notices(Path(made.path))


def _without_notices(file: Path) -> str:
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    kept = (line for line in lines if not line.lstrip().startswith("# ### "))
    file.write_text("".join(kept), encoding="utf-8")
    return str(file)


if __name__ == "__main__":
    main()
