"""Write a migration from the difference between the models and the newest migration.

    python scripts/new_migration.py "colour of rooms"

The file is a draft: read it, above all what it drops, before you keep it.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from alembic import command
from alembic.script import Script

from openslot.core.engines import make_engine
from openslot.migrations import revisions, run


def main() -> None:
    """Read the arguments, write the file and say where it is."""
    written = _write(_arguments().message)
    for step in (["format"], ["check", "--fix"], ["format"]):
        subprocess.run([sys.executable, "-m", "ruff", *step, "--quiet", written], check=True)
    print(written)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("message", help="what changes, in a few words")
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    return parser.parse_args()


def _write(message: str) -> str:
    """Migrate an empty SQLite file as far as it goes, and let Alembic name what is missing."""
    number = f"{int(revisions.head()) + 1:04}"
    with tempfile.TemporaryDirectory() as folder:
        engine = make_engine(f"sqlite:///{folder}/empty.sqlite3")
        run.upgrade(engine)
        with engine.begin() as connection:
            config = run.config_for(connection)
            config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
            made = command.revision(config, message, autogenerate=True, rev_id=number)
            assert isinstance(made, Script)
        engine.dispose()
    return _without_notices(Path(made.path))


def _without_notices(file: Path) -> str:
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    kept = (line for line in lines if not line.lstrip().startswith("# ### "))
    file.write_text("".join(kept), encoding="utf-8")
    return str(file)


if __name__ == "__main__":
    main()
