"""Write the catalogues of translations: what is to be said, what is said, and the compiled file.

    python scripts/catalogues.py            bring messages.po and messages.mo up to date
    python scripts/catalogues.py --check    write nothing; exit 1 when a file is stale

A sentence that is new stands in messages.po with an empty translation, and one that nobody says
any more is dropped. The sentences are found in templates and modules, in the docstrings of errors,
and in the table of what fields ask for.
"""

import argparse
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import import_module
from io import BytesIO
from pathlib import Path
from pkgutil import walk_packages

from babel.messages import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

import openslot
from openslot.core.errors import Failure
from openslot.core.fields import BETWEEN, SENTENCES, UNKNOWN
from openslot.core.language import CATALOGUES, TRANSLATED
from openslot.directory.models import CentreType
from openslot.identity.scopes import LAUNCHES, SCOPES
from openslot.webhooks.events import ABOUT

SOURCE = Path(openslot.__file__).parent
KEYWORDS = {
    **dict.fromkeys(("_", "_l", "gettext", "lazy_gettext", "say", "refuse"), None),
    "ngettext": (1, 2),
    "written": (2,),
}
METHODS = [
    ("**.py", "python"),
    ("**/templates/**.html", "jinja2"),
    ("**/templates/**.txt", "jinja2"),
]
OPTIONS = {"trimmed": "true", "newstyle_gettext": "true", "trim_blocks": "true"}

BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)
ABOUT_THE_FILE = tuple(
    f'"{name}'.encode()
    for name in ("Project", "Report", "POT", "PO-", "Last", "Language-Team", "Generated")
)

Message = str | tuple[str, ...]


def said() -> list[Message]:
    """Everything that is said in the reader's language, in English, in a settled order."""
    found = {message for *_where, message, _comments, _context in _extracted()}
    return sorted(found | _sentences(), key=str)


def _extracted() -> Iterator[tuple[str, int, Message, list[str], str | None]]:
    options = {pattern: OPTIONS for pattern, method in METHODS if method == "jinja2"}
    return extract_from_dir(SOURCE, METHODS, options, keywords=KEYWORDS)


def _sentences() -> set[Message]:
    for module in walk_packages(openslot.__path__, "openslot."):
        if not module.name.endswith(("__main__", ".env")) and ".versions." not in module.name:
            import_module(module.name)
    of_failures = {kind.sentence for kind in _kinds(Failure)} - {""}
    return (
        of_failures
        | {*SENTENCES.values(), UNKNOWN, BETWEEN, *ABOUT.values()}
        | {*SCOPES.values(), *LAUNCHES.values()}
        | _terms()
    )


def _terms() -> set[Message]:
    """Names that every network starts with."""
    professions = import_module("openslot.migrations.versions.0030_professions").BUILT_IN
    return {*professions, *CentreType}


def _kinds(base: type[Failure]) -> Iterator[type[Failure]]:
    for kind in base.__subclasses__():
        if kind.__module__.startswith("openslot."):
            yield kind
            yield from _kinds(kind)


def updated(locale: str, messages: list[Message]) -> Catalog:
    """The catalogue of a language with just these messages."""
    old = _read(locale)
    # The same sentences make the same file, whenever that is.
    new = Catalog(
        locale, header_comment="", creation_date=BEGINNING, revision_date=BEGINNING, fuzzy=False
    )
    for message in messages:
        found = old.get(message[0] if isinstance(message, tuple) else message)
        new.add(message, found.string if found and found.id == message else "")
    return new


def _read(locale: str) -> Catalog:
    try:
        with _file(locale, "po").open("rb") as file:
            return read_po(file, locale)
    except FileNotFoundError:
        return Catalog(locale)


def _file(locale: str, ending: str) -> Path:
    return CATALOGUES / locale / "LC_MESSAGES" / f"messages.{ending}"


def text(catalogue: Catalog) -> bytes:
    """The file of a catalogue, without dates and names of programs."""
    file = BytesIO()
    write_po(file, catalogue, no_location=True, sort_output=True, width=100)
    lines = file.getvalue().splitlines(keepends=True)
    return b"".join(line for line in lines if not line.startswith(ABOUT_THE_FILE))


def compiled(catalogue: Catalog) -> bytes:
    """The file that programs read."""
    file = BytesIO()
    write_mo(file, catalogue)
    return file.getvalue()


def main() -> int:
    """Write or check the catalogues; 0 when they are right, 1 with a sentence when not."""
    parser = argparse.ArgumentParser(description="Bring the catalogues up to date.")
    parser.add_argument("--check", action="store_true", help="only say whether one is stale")
    check = parser.parse_args().check
    messages = said()
    for locale in TRANSLATED:
        catalogue = updated(locale, messages)
        for ending, wanted in (("po", text(catalogue)), ("mo", compiled(catalogue))):
            file = _file(locale, ending)
            if not check:
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(wanted)
            elif not file.exists() or file.read_bytes() != wanted:
                print(f"{file} is stale: run python scripts/catalogues.py.", file=sys.stderr)
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
