"""Import from MongoDB: other exports, dumps, archives, and a database that is running."""

import gzip
import json
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import bson
import pytest
from bson import json_util
from bson.raw_bson import RawBSONDocument
from sqlalchemy import select
from test_import_documents import appointment, department, facility, user

from importing import DOCUMENTS, NOW, QUICK, bring_in, problems_of, write
from mongoserver import address, running
from openslot.core.db import Database
from openslot.core.ids import new_id
from openslot.directory.models import Centre
from openslot.identity.models import Account
from openslot.importers import mongodb
from openslot.importers.commands import import_all
from openslot.importers.origins import Origin
from openslot.importers.outcome import Effect, Outcome
from openslot.importers.problems import ImportRefused
from openslot.importers.progress import Silent

Documents = Sequence[Mapping[str, Any]]
COUNTS = "39 created, 0 changed, 0 unchanged"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "dump"


def collections() -> dict[str, list[dict[str, Any]]]:
    """The real documents, as MongoDB holds them."""
    return {
        file.stem: [json_util.loads(line) for line in file.read_text().splitlines()]
        for file in sorted(DOCUMENTS.iterdir())
    }


def dump(documents: Documents) -> bytes:
    return b"".join(bson.encode(document) for document in documents)


def archive(parts: Sequence[tuple[str, str, bytes]]) -> bytes:
    """What ``mongodump --archive`` writes, from parts of database, collection and documents."""
    end = b"\xff\xff\xff\xff"
    names = dict.fromkeys((database, name) for database, name, _ in parts)
    about = [{"db": database, "collection": name, "metadata": "{}"} for database, name in names]
    data = b"\x6d\xe2\x99\x81" + bson.encode({"version": "0.1", "server_version": "7.0"})
    data += dump([{**one, "size": 0, "type": "collection"} for one in about]) + end
    for database, name, body in parts:
        data += bson.encode({"db": database, "collection": name, "EOF": False, "CRC": 0})
        data += body + end
    for database, name in names:
        data += bson.encode({"db": database, "collection": name, "EOF": True, "CRC": 1}) + end
    return data


def bring_in_from(database: Database, place: str, **options: Any) -> Outcome:
    options = {"zone": "Europe/Dublin", "now": lambda: NOW, "progress": Silent(), **options}
    return import_all(database, QUICK, [Origin(place)], **options)


def refusal(database: Database, place: str) -> list[str]:
    with pytest.raises(ImportRefused) as refused:
        bring_in_from(database, place)
    return [str(problem) for problem in refused.value.problems]


def in_lines(documents: Documents) -> str:
    return "".join(f"{json.dumps(one)}\n" for one in documents)


FORMS = {
    "a list on one line": json.dumps,
    "a list with a document a line": lambda documents: (
        "[" + ",\n".join(json.dumps(one) for one in documents) + "]\n"
    ),
    "a list that is indented": lambda documents: json.dumps(documents, indent=2),
    "documents that are indented": lambda documents: "\n".join(
        json.dumps(one, indent="\t") for one in documents
    ),
    "documents side by side": lambda documents: " ".join(json.dumps(one) for one in documents),
    "lines in UTF-16": lambda documents: in_lines(documents).encode("utf-16"),
    "lines in UTF-16 without a mark": lambda documents: in_lines(documents).encode("utf-16-le"),
    "nothing in a list, then lines": lambda documents: "[ ]\n" + in_lines(documents),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_mongoexport(sqlite_database: Database, folder: Path, form: str) -> None:
    for file in DOCUMENTS.iterdir():
        documents = [json.loads(line) for line in file.read_text().splitlines()]
        write(folder, {file.name: FORMS[form](documents)})
    assert str(bring_in(sqlite_database, folder)) == COUNTS


def test_the_line_of_a_document_is_where_it_begins(sqlite_database: Database, folder: Path) -> None:
    documents = [facility(), facility(_id={"$oid": "f2"}, site_name="")]
    for name, text in (
        ("list.json", json.dumps(documents, indent=1)),
        ("loose.json", "\n".join(json.dumps(one, indent=1) for one in documents)),
    ):
        write(folder, {name: text})
        line = [number for number, one in enumerate(text.splitlines(), 1) if one.strip() == "{"][1]
        assert problems_of(sqlite_database, folder) == [
            f"{name}, line {line}, column site_name: Fill in this field."
        ]
        (folder / name).unlink()


def test_after_a_broken_document_the_next_one_is_read(
    sqlite_database: Database, folder: Path
) -> None:
    text = in_lines([facility()]) + '{"site_name": "Cut"\n' + in_lines([facility(site_name="")])
    write(folder, {"f.json": text})
    sentence = "This is not a JSON document. Export the collection again with mongoexport."
    assert problems_of(sqlite_database, folder) == [
        f"f.json, line 2: {sentence}",
        "f.json, line 3, column site_name: Fill in this field.",
    ]


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("abc-1", "abc-1"),
        (17, "17"),
        (17.0, "17"),
        ({"$numberLong": "17"}, "17"),
        ({"$numberInt": "17"}, "17"),
        ({"$numberDouble": "17.0"}, "17"),
        ({"$uuid": "6f1c2a34-5b6d-4e7f-8a9b-0c1d2e3f4a5b"}, "6f1c2a34-5b6d-4e7f-8a9b-0c1d2e3f4a5b"),
        (
            {"$binary": {"base64": "bxwqNFttTn+KmwwdLj9KWw==", "subType": "04"}},
            "6f1c2a34-5b6d-4e7f-8a9b-0c1d2e3f4a5b",
        ),
        (
            {"$binary": "bxwqNFttTn+KmwwdLj9KWw==", "$type": "03"},
            "6f1c2a34-5b6d-4e7f-8a9b-0c1d2e3f4a5b",
        ),
        ({"$binary": {"base64": "AAEC", "subType": "00"}}, "000102"),
    ],
)
def test_ids_of_every_type(
    sqlite_database: Database, folder: Path, written: object, stored: str
) -> None:
    write(folder, {"f.json": in_lines([facility(_id=written)])})
    assert str(bring_in(sqlite_database, folder)) == "1 created, 0 changed, 0 unchanged"
    found = sqlite_database.read(lambda session: session.scalars(select(Centre)).one().external_id)
    assert found == stored
    assert str(bring_in(sqlite_database, folder)) == "0 created, 0 changed, 1 unchanged"


@pytest.mark.parametrize(
    "written",
    [True, 1.5, None, [], {}, {"$oid": 7}, {"$binary": {"base64": "?", "subType": "04"}}],
)
def test_what_is_no_id(sqlite_database: Database, folder: Path, written: object) -> None:
    write(folder, {"f.json": in_lines([facility(_id=written)])})
    assert "column _id: Enter an id such as" in problems_of(sqlite_database, folder)[0]


def test_users_and_their_appointments_meet_by_ids_of_any_type(
    sqlite_database: Database, folder: Path
) -> None:
    documents = [
        facility(_id=1),
        department(_id=2),
        user(_id=bson.Int64(7)),
        appointment(_id=4, user_id=bson.Int64(7), created=None),
    ]
    write(folder, {"all.bson": dump(documents)})
    bring_in(sqlite_database, folder)
    found = sqlite_database.read(lambda session: session.scalars(select(Account)).one())
    assert found.external_id == "7"


# Dumps


def test_a_dump_is_imported_like_its_export_on_each_engine(
    database: Database, folder: Path, tmp_path: Path
) -> None:
    about = '{"indexes":[],"uuid":"x","collectionName":"users","type":"collection"}'
    for name, documents in collections().items():
        write(folder, {f"{name}.bson": dump(documents), f"{name}.metadata.json": about})
    write(folder, {"prelude.json": '{"ServerVersion":"7.0.0"}'})
    assert str(bring_in(database, folder)) == COUNTS
    exported = bring_in(database, DOCUMENTS)
    assert str(exported) == "0 created, 0 changed, 39 unchanged"


def test_a_packed_dump(sqlite_database: Database, folder: Path) -> None:
    for name, documents in collections().items():
        write(folder, {f"{name}.bson.gz": gzip.compress(dump(documents))})
        write(folder, {f"{name}.metadata.json.gz": gzip.compress(b"{}")})
    assert str(bring_in(sqlite_database, folder)) == COUNTS


@pytest.mark.parametrize("name", ["medical.archive", "medical.archive.gz", "backup", "backup.gz"])
def test_an_archive_with_parts_of_collections_in_turn(
    sqlite_database: Database, folder: Path, name: str
) -> None:
    parts = [
        ("medical", collection, bson.encode(document))
        for collection, documents in collections().items()
        for document in documents
    ]
    parts += [("admin", "system.version", bson.encode({"_id": 1}))]
    data = archive(parts[::2] + parts[1::2])
    write(folder, {name: gzip.compress(data) if name.endswith(".gz") else data})
    assert str(bring_in(sqlite_database, folder / name)) == COUNTS


def test_other_collections_of_a_dump_are_left_out_and_told(
    sqlite_database: Database, folder: Path
) -> None:
    write(folder, {"facility.bson": dump([facility(_id=1)])})
    write(folder, {"sessions.bson": dump([{"_id": 1, "token": "x"}, {"_id": 2}]), "no.bson": b""})
    assert bring_in(sqlite_database, folder).notices == [
        "sessions.bson: none of these documents can be imported; ignored."
    ]


def test_a_problem_of_a_dump_names_the_document(sqlite_database: Database, folder: Path) -> None:
    good = {"site_info": "Naas", "site_name": "Town"}
    bad = [{"_id": 1, **good}, {"_id": 2, **good, "site_name": ""}]
    bad.append({"_id": 3, **good, "site_name": 4})
    write(folder, {"facility.bson": dump(bad)})
    assert problems_of(sqlite_database, folder) == [
        "facility.bson, document 2, column site_name: Fill in this field.",
        "facility.bson, document 3, column site_name: Enter text, in quotes.",
    ]


WHOLE = bson.encode({"_id": 1, "site_name": "Town", "site_info": "Naas", "at": NOW})


@pytest.mark.parametrize(
    "data",
    [
        WHOLE[:-1],
        WHOLE + b"\x03",
        b"\xff\xff\xff\x7f" + WHOLE,
        b"\x05\0\0\0\x01",
        WHOLE.replace(b"Town", b"\xff\xfe\xfd\xfc"),
        b"\x6d\xe2\x99\x81",
        b"\x6d\xe2\x99\x81" + WHOLE,
        archive([("medical", "facility", WHOLE)])[:-9],
    ],
)
def test_a_damaged_dump_is_one_problem(
    sqlite_database: Database, folder: Path, data: bytes
) -> None:
    write(folder, {"f.bson": data})
    (problem,) = problems_of(sqlite_database, folder)
    assert problem.startswith("f.bson: ")
    assert "damaged" in problem


CENTRES = b"centre_type,name,suburb\nHospital,North,Naas\nHospital,South,Naas\n"


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("f.bson.gz", gzip.compress(dump([facility()] * 99))[:60]),
        ("c.csv", gzip.compress(CENTRES)[:-9]),
        ("c.csv", gzip.compress(CENTRES)[:-8] + bytes(8)),
    ],
    ids=["a dump", "without its end", "with a wrong sum"],
)
def test_a_packed_file_that_is_cut_off(
    sqlite_database: Database, folder: Path, name: str, data: bytes
) -> None:
    write(folder, {name: data})
    (problem,) = problems_of(sqlite_database, folder)
    assert "damaged" in problem


def test_all_parts_of_a_packed_file_are_read(sqlite_database: Database, folder: Path) -> None:
    write(folder, {"c.csv": gzip.compress(CENTRES[:60]) + gzip.compress(CENTRES[60:])})
    assert bring_in(sqlite_database, folder).counts["centres"][Effect.CREATED] == 2


def test_a_file_that_unpacks_to_more_than_is_allowed(
    sqlite_database: Database, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("openslot.importers.origins.MOST_BYTES", 1000)
    write(folder, {"f.bson.gz": gzip.compress(b"\0" * 100_000)})
    assert problems_of(sqlite_database, folder) == [
        "f.bson.gz: This file is larger than 1 GB. Import it in parts."
    ]


def test_without_the_driver_people_are_told_what_to_install(
    sqlite_database: Database, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mongodb, "IS_INSTALLED", False)
    sentence = "Install openslot[mongodb] to import from MongoDB, or use mongoexport."
    write(folder, {"f.bson": WHOLE})
    assert problems_of(sqlite_database, folder) == [f"f.bson: {sentence}"]
    assert refusal(sqlite_database, "mongodb://h/d") == [f"mongodb://h/d: {sentence}"]


# A database that is running


@pytest.fixture
def medical() -> Iterator[str]:
    others = {"sessions": [{"_id": new_id().hex}], "system.views": [{"_id": "x"}], "none": []}
    with running({"medical": {**collections(), **others}, "other": {"a": [{"b": 1}]}}) as server:
        yield address(server, "medical")


def test_a_running_database_is_imported_like_its_export_on_each_engine(
    database: Database, medical: str
) -> None:
    outcome = bring_in_from(database, medical)
    assert str(outcome) == COUNTS
    assert outcome.notices == [
        "medical.sessions: none of these documents can be imported; ignored."
    ]
    assert outcome.zones == {"Europe/Dublin": 2}
    assert bring_in_from(database, medical).total(Effect.UNCHANGED) == 39
    assert bring_in(database, DOCUMENTS).total(Effect.UNCHANGED) == 39


def test_a_refusal_of_a_running_database(sqlite_database: Database) -> None:
    with running({}, refusing="command find requires authentication") as server:
        place = address(server, "medical")
        assert refusal(sqlite_database, place) == [
            f"{place}: The database refused: command find requires authentication."
        ]


def test_an_address_that_nobody_answers(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mongodb, "PATIENCE_MS", 300)
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    (problem,) = refusal(sqlite_database, f"mongodb://ann:secret@127.0.0.1:{port}/medical")
    assert problem.startswith(f"mongodb://127.0.0.1:{port}/medical: The database gave no answer")
    assert "secret" not in problem


def test_a_database_that_stops_answering_half_way(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mongodb, "PATIENCE_MS", 300)
    asked_again = threading.Event()
    with running({"medical": {"users": [{"_id": one} for one in range(5)]}}) as server:
        server.before_more = lambda: asked_again.wait(20)
        (problem,) = refusal(sqlite_database, address(server, "medical"))
        asked_again.set()
    assert "The database gave no answer" in problem


def test_a_damaged_document_of_a_running_database(sqlite_database: Database) -> None:
    damaged = RawBSONDocument(bson.encode({"name": "Ann"}).replace(b"Ann", b"\xff\xfe!"))
    with running({"medical": {"users": [damaged]}}) as server:
        (problem,) = refusal(sqlite_database, address(server, "medical"))
    assert "A document of this database is damaged." in problem


@pytest.mark.parametrize(
    "place",
    [
        "mongodb://localhost",
        "mongodb://localhost/",
        "mongodb://",
        "mongodb://a:b:c@h/d",
        "mongodb://localhost:99999/medical",
        "mongodb://[/medical",
        "mongodb://h/medical?authMechanism=magic",
    ],
)
def test_what_is_no_address(sqlite_database: Database, place: str) -> None:
    (problem,) = refusal(sqlite_database, place)
    assert "Enter the address with the database, such as mongodb://localhost/medical." in problem
