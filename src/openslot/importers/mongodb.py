"""Documents of MongoDB from its own dumps and from databases that are running.

They are handed on as mongoexport would write them, so that one check suits all.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

try:
    import bson
    import pymongo
    from bson import json_util
    from bson.codec_options import CodecOptions, DatetimeConversion
    from pymongo import uri_parser
    from pymongo.errors import (
        ConfigurationError,
        ConnectionFailure,
        OperationFailure,
        PyMongoError,
    )

    IS_INSTALLED = True
except ImportError:  # an optional extra
    IS_INSTALLED = False

ADDRESS = re.compile(r"mongodb(\+srv)?://", re.IGNORECASE)

PATIENCE_MS = 10_000
"""How long a database may take to answer."""

_ARCHIVE = b"\x6d\xe2\x99\x81"
"""The first bytes of ``mongodump --archive``."""

_END = b"\xff\xff\xff\xff"
"""The bytes after the documents of a part of an archive."""

_SMALLEST = 5
"""The bytes of an empty document: its length, and a zero."""

Fields = Mapping[str, Any]


class CannotRead(Exception):
    """A dump or database that cannot be read; the text is a sentence for people."""


def is_dump(name: str, data: bytes) -> bool:
    """Return True for a file of mongodump, by its name or its first bytes."""
    return name.lower().endswith((".bson", ".bson.gz")) or data.startswith(_ARCHIVE)


def name_of(address: str) -> str:
    """Return the address without the password and the options, for reports."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return "mongodb"
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def of_dump(name: str, data: bytes) -> Iterator[tuple[str, Sequence[Fields]]]:
    """Yield the collections of a dump: their names and documents. Raises CannotRead."""
    _check_installed()
    if not data.startswith(_ARCHIVE):
        yield name, [_fields(document) for document in _documents(data)]
        return
    parts: dict[str, list[Fields]] = {}
    for collection, document in _of_archive(data):
        parts.setdefault(collection, []).append(_fields(document))
    for collection, documents in parts.items():
        yield f"{name}: {collection}", documents


def _documents(data: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(data):
        document = _document_at(data, at)
        yield document
        at += len(document)


def _document_at(data: bytes, at: int) -> bytes:
    """Return the bytes of the document that begins here; its first four are its length."""
    size = int.from_bytes(data[at : at + 4], "little", signed=True)
    if size < _SMALLEST or at + size > len(data):
        raise CannotRead("This dump is damaged or incomplete. Make it again with mongodump.")
    return data[at : at + size]


def _of_archive(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the documents of an archive with the names of their collections.

    An archive begins with a header and a description of each collection. Parts follow, each a
    header that names the collection, and documents; parts of several collections alternate.
    """
    at = _after_part(data, len(_ARCHIVE))
    while at < len(data):
        header = _fields(first := _document_at(data, at))
        end = _after_part(data, at)
        database, collection = str(header.get("db")), str(header.get("collection"))
        if database not in _OWN_DATABASES and not collection.startswith("system."):
            for document in _documents(data[at + len(first) : end - len(_END)]):
                yield collection, document
        at = end


def _after_part(data: bytes, at: int) -> int:
    while data[at : at + len(_END)] != _END:
        at += len(_document_at(data, at))
    return at + len(_END)


_OWN_DATABASES = frozenset({"admin", "config", "local"})
"""The databases of MongoDB itself."""


def _fields(document: bytes) -> Fields:
    """Return a document of BSON as mongoexport writes it. Raises CannotRead."""
    try:
        return _exported(bson.decode(document, _options()))
    except bson.errors.InvalidBSON:
        raise CannotRead("A document of this dump is damaged. Make it again.") from None


def _exported(document: Mapping[str, Any]) -> Fields:
    exported: Fields = json.loads(json_util.dumps(document, json_options=_as_exported()))
    return exported


def _options() -> "CodecOptions[Mapping[str, Any]]":
    """Return options with which dates outside Python's years do not fail."""
    return CodecOptions(tz_aware=True, datetime_conversion=DatetimeConversion.DATETIME_AUTO)


def _as_exported() -> "json_util.JSONOptions":
    return json_util.RELAXED_JSON_OPTIONS


def _check_installed() -> None:
    if not IS_INSTALLED:
        raise CannotRead("Install openslot[mongodb] to import from MongoDB, or use mongoexport.")


def of_database(address: str) -> Iterator[tuple[str, Sequence[Fields]]]:
    """Yield the collections of the database that the address names. Raises CannotRead."""
    _check_installed()
    try:
        uri_parser.parse_uri(address)  # a client would pass over wrong options with a warning
        with pymongo.MongoClient[dict[str, Any]](
            address,
            appname="openslot",
            serverSelectionTimeoutMS=PATIENCE_MS,
            connectTimeoutMS=PATIENCE_MS,
            timeoutMS=PATIENCE_MS,
        ) as client:
            database = client.get_default_database()
            for name in sorted(database.list_collection_names(filter={"type": "collection"})):
                if not name.startswith("system."):
                    found = database.get_collection(name, codec_options=_options()).find()
                    yield f"{database.name}.{name}", [_exported(document) for document in found]
    except (PyMongoError, bson.errors.BSONError, ValueError, TypeError) as error:
        raise CannotRead(_reason(error)) from None


def _reason(error: Exception) -> str:
    """Return a sentence without the details of the address, which may hold a password."""
    match error:
        case ConfigurationError() | ValueError() | TypeError():
            return "Enter the address with the database, such as mongodb://localhost/medical."
        case bson.errors.BSONError():
            return "A document of this database is damaged. Repair it, or use mongoexport."
        case ConnectionFailure() if not error.timeout:
            return "The connection to the database was lost. Try again."
        case ConnectionFailure():
            seconds = PATIENCE_MS // 1000
            return f"The database gave no answer within {seconds} seconds. Check the address."
        case OperationFailure():
            return f"The database refused: {(error.details or {}).get('errmsg', error.code)}."
        case _:
            return f"The database can't be read: {type(error).__name__}."
