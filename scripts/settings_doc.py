"""Write docs/settings.md from the fields of Settings, so that no setting goes undescribed.

python scripts/settings_doc.py            write the page
python scripts/settings_doc.py --check    write nothing; exit 1 when the page is stale
"""

import argparse
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from openslot.core.config import Settings
from openslot.core.tenants import OF_INSTALLATION, OWN

PAGE = Path(__file__).resolve().parents[1] / "docs/settings.md"

HEAD = """# Settings

Each setting is one environment variable, or a line `NAME=value` of a file `.env` in the folder
where OpenSlot starts; a variable wins over the file. None has to be set; one that is empty or
only blanks is not set. A wrong value stops the start with a sentence that names the setting.
Keep secrets out of the command line: give them by variable, or in a `.env` that only the server's
user can read.

This page is written by `python scripts/settings_doc.py`; change the descriptions in
`src/openslot/core/config.py`.

| Variable | What it does | Values | Default |
| --- | --- | --- | --- |
"""


TENANTS = """
## Several networks

Where one installation serves [several networks](tenants.md), each has a file with what differs.
These are the same for all, and refused in such a file: {shared}.

These are a network's own, from its file or not at all, whatever the installation has: {own}.

All others are those of the installation, unless the file says otherwise.
"""


def page() -> str:
    """The whole page as it should be."""
    rows = (_row(name, field) for name, field in Settings.model_fields.items())
    sets = {"shared": _listed(OF_INSTALLATION), "own": _listed(OWN)}
    return HEAD + "".join(rows) + TENANTS.format_map(sets)


def _listed(names: Collection[str]) -> str:
    known = (name for name in Settings.model_fields if name in names)
    return ", ".join(f"`OPENSLOT_{name.upper()}`" for name in known)


def _row(name: str, field: FieldInfo) -> str:
    cells = (f"`OPENSLOT_{name.upper()}`", field.description or "", _values(field), _default(field))
    return f"| {' | '.join(cells)} |\n"


def _values(field: FieldInfo) -> str:
    if field.annotation is bool:
        return "`true` or `false`"
    if field.annotation is int:
        return _range(field)
    if get_origin(field.annotation) is Literal:
        return ", ".join(f"`{choice}`" for choice in get_args(field.annotation))
    if get_origin(field.annotation) is tuple:
        return "texts, separated by commas"
    named = {Path: "a path", Path | None: "a path", SecretStr: "a secret text"}
    return next((words for kind, words in named.items() if kind == field.annotation), "a text")


def _range(field: FieldInfo) -> str:
    low, high = _limit(field, "ge"), _limit(field, "le")
    if low is None and high is None:
        return "a whole number"
    return f"{low} or more" if high is None else f"{low} to {high}"


def _limit(field: FieldInfo, name: str) -> Any:
    found = (getattr(limit, name, None) for limit in field.metadata)
    return next((value for value in found if value is not None), None)


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True)
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if isinstance(value, bool):
        value = str(value).lower()
    return "empty" if value in ("", ()) else f"`{value}`"


def main() -> None:
    """Write the page, or only compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="exit 1 when the page is stale")
    if not parser.parse_args().check:
        PAGE.write_text(page(), encoding="utf-8")
    elif not PAGE.exists() or PAGE.read_text(encoding="utf-8") != page():
        sys.exit("docs/settings.md is stale: run python scripts/settings_doc.py")


if __name__ == "__main__":
    main()
