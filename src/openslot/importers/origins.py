"""Where the data to import are: files, folders and databases; and what is in them."""

import gzip
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openslot.importers import mongodb
from openslot.importers.problems import Problems, Source

TABLES = (".csv", ".tsv", ".tab")
DOCUMENTS = (".json", ".jsonl", ".ndjson")
DUMPS = (".bson", ".bson.gz", ".archive", ".archive.gz")

MOST_BYTES = 1 << 30
"""The most bytes of a file, also when unpacked."""

_SETTINGS_OF_DUMPS = (".metadata.json", ".metadata.json.gz", "prelude.json", "prelude.json.gz")
"""The ends of files that mongodump writes beside the documents."""


@dataclass(frozen=True, slots=True)
class Origin:
    """A file, a folder, or the address of a MongoDB database.

    ``zone`` is the time zone of its new centres, if not the usual one; ``name`` what reports call
    a file, if not its own name.
    """

    place: Path | str
    zone: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Content:
    """The bytes of a file."""

    name: str
    zone: str
    data: bytes

    @property
    def is_documents(self) -> bool:
        """True for a file of JSON documents, by its name or its first character."""
        name = self.name.lower()
        if name.endswith((*TABLES, *DOCUMENTS)):
            return name.endswith(DOCUMENTS)
        start = self.data[:200].replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n")
        return start[:1] in (b"{", b"[")


@dataclass(frozen=True, slots=True)
class Collection:
    """The documents of a collection of MongoDB, as mongoexport writes them."""

    name: str
    zone: str
    documents: Sequence[Mapping[str, Any]]


def contents(
    origins: Sequence[Origin], zone: str, problems: Problems
) -> Iterator[Content | Collection]:
    """Yield the contents of all origins; add problems to ``problems``."""
    files: dict[Path, Origin] = {}
    for origin in origins:
        if isinstance(origin.place, str):
            yield from _database(origin.place, origin.zone or zone, problems)
        else:
            for path in _files(origin.place, problems):
                files.setdefault(path, origin)
    names = _names(files)
    for path, origin in files.items():
        is_sent = origin.name is not None
        data = _data(names[path], path, problems, may_be_packed=not is_sent)
        if data is not None:
            yield from _content(names[path], origin.zone or zone, data, problems)


def _files(path: Path, problems: Problems) -> list[Path]:
    """Return the file, or those in the folder."""
    if path.is_file():
        return [path]
    if not path.is_dir():
        problems.add(Source(str(path)), None, "There is no such file or folder.")
        return []
    inside = sorted(file for file in path.rglob("*") if _is_known(file))
    if not inside:
        problems.add(Source(str(path)), None, "There is no .csv or .json file in this folder.")
    return inside


def _is_known(path: Path) -> bool:
    name = path.name.lower()
    known = name.endswith((*TABLES, *DOCUMENTS, *DUMPS))
    return known and not name.endswith(_SETTINGS_OF_DUMPS) and path.is_file()


def _names(files: Mapping[Path, Origin]) -> dict[Path, str]:
    """Return short names; where those are the same, paths, or numbers for files that have been
    sent."""
    plain = {path: origin.name or path.name for path, origin in files.items()}
    names: dict[Path, str] = {}
    for path, name in plain.items():
        is_alone = list(plain.values()).count(name) == 1
        sent = files[path].name is not None
        number = list(plain.values())[: list(plain).index(path)].count(name) + 1
        names[path] = name if is_alone else f"{name} ({number})" if sent else str(path)
    return names


def _data(name: str, path: Path, problems: Problems, *, may_be_packed: bool) -> bytes | None:
    """Return the bytes of a file, or None after adding a problem. What has been sent is not
    unpacked: a small file can unpack to much."""
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
        if may_be_packed and data.startswith(b"\x1f\x8b"):
            with gzip.open(path) as packed:
                data = packed.read(MOST_BYTES + 1)
    except (gzip.BadGzipFile, EOFError, zlib.error):
        problems.add(Source(name), None, "This file is damaged and can't be unpacked.")
        return None
    except OSError as error:
        problems.add(Source(name), None, f"This file can't be read: {error.strerror}.")
        return None
    if len(data) > MOST_BYTES:
        problems.add(Source(name), None, "This file is larger than 1 GB. Import it in parts.")
        return None
    return data


def _content(
    name: str, zone: str, data: bytes, problems: Problems
) -> Iterator[Content | Collection]:
    if not mongodb.is_dump(name, data):
        yield Content(name, zone, data)
        return
    try:
        for collection, documents in mongodb.of_dump(name, data):
            yield Collection(collection, zone, documents)
    except mongodb.CannotRead as error:
        problems.add(Source(name), None, str(error))


def _database(address: str, zone: str, problems: Problems) -> Iterator[Collection]:
    try:
        for name, documents in mongodb.of_database(address):
            yield Collection(name, zone, documents)
    except mongodb.CannotRead as error:
        problems.add(Source(mongodb.name_of(address)), None, str(error))
